//! Many photographs one after the other, looked at on all cores.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use glae_face::photo::Photo;
use rayon::{ThreadPool, ThreadPoolBuilder};

use glae_data::photos::{self, Unusable};

/// Photographs in a group for each core: a group ends when its last one is done, and until then cores may wait.
const PER_CORE: usize = 8;

/// Looks at each photograph, or at the reason why its file cannot be used, and gives what `look` made of it to `each`, in the
/// order of the paths. One that is cut off cannot be used unless that is allowed.
///
/// Each core decodes a photograph and looks at it alone: layers of few milliseconds gain nothing by more than one thread. Only so
/// many are held as keep all cores busy, and of large ones fewer.
///
/// # Errors
/// Those of `each`, after which nothing more is read.
pub(super) fn each_photograph<T: Send>(
    paths: &[PathBuf],
    allow_cut_off: bool,
    look: impl Fn(Result<Photo, Unusable>) -> T + Sync,
    mut each: impl FnMut(&Path, T) -> Result<()>,
) -> Result<()> {
    let cores = rayon::current_num_threads();
    // In a pool of one thread a layer does not divide its work.
    let alone = |_| ThreadPoolBuilder::new().num_threads(1).build().context("cannot start a thread");
    let alone: Vec<ThreadPool> = (0..cores).map(alone).collect::<Result<_>>()?;
    for group in photos::together(paths, PER_CORE * cores) {
        let (next, looked) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
        std::thread::scope(|scope| {
            for pool in &alone {
                // Whoever waits for a pool inside of another one would take more work meanwhile: these threads only wait.
                scope.spawn(|| {
                    loop {
                        let place = next.fetch_add(1, Ordering::Relaxed);
                        let Some(path) = group.get(place) else { break };
                        let made = pool.install(|| look(photos::read(path, allow_cut_off)));
                        looked.lock().expect("no thread panics while it holds this").insert(place, made);
                    }
                });
            }
        });
        let looked = looked.into_inner().expect("no thread panics while it holds this").into_values();
        group.iter().zip(looked).try_for_each(|(path, made)| each(path, made))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_face::RgbImage;
    use glae_face::photo::PhotoError;

    #[test]
    fn photographs_come_in_order_however_they_are_decoded() {
        let folder = tempfile::tempdir().unwrap();
        let picture = |index: usize| RgbImage::from_pixel(8 + index as u32, 8, image::Rgb([index as u8; 3]));
        let paths: Vec<PathBuf> = (0..7).map(|index| folder.path().join(format!("{index}.png"))).collect();
        for (index, path) in paths.iter().enumerate() {
            match index % 3 {
                2 => std::fs::write(path, "no photograph").unwrap(),
                _ => picture(index).save(path).unwrap(),
            }
        }
        let mut seen = Vec::new();
        let visit = |path: &Path, pixels: Result<RgbImage, Unusable>| {
            seen.push((path.to_owned(), pixels));
            Ok(())
        };
        let look = |photo: Result<Photo, Unusable>| {
            assert_eq!(rayon::current_num_threads(), 1);
            photo.map(|photo| photo.pixels)
        };
        each_photograph(&paths, false, look, visit).unwrap();
        for (index, (path, photo)) in seen.iter().enumerate() {
            assert_eq!(*path, paths[index]);
            match index % 3 {
                2 => assert_eq!(photo, &Err(Unusable::Photo(PhotoError::NotAnImage))),
                _ => assert_eq!(photo.as_ref(), Ok(&picture(index))),
            }
        }
        assert_eq!(seen.len(), paths.len());
        // After a failure nothing more is read.
        let stopped = each_photograph(&paths, false, look, |path, _| anyhow::bail!("enough after {}", path.display()));
        assert!(stopped.unwrap_err().to_string().contains("0.png"));
    }
}
