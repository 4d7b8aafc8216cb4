//! Many photographs one after the other, decoded ahead of whoever looks at them.

use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

use anyhow::Result;
use glae_face::photo::Photo;
use rayon::prelude::*;

use glae_data::photos::{self, Unusable};

/// Gives each photograph with its path to `each`, in their order, or the reason why the file cannot be used. One that is cut
/// off cannot be used unless that is allowed.
///
/// Files are decoded in parallel, ahead of `each`; only as many photographs are held as keep both busy, and of large ones
/// two.
///
/// # Errors
/// Those of `each`, after which nothing more is read.
pub(super) fn each_photograph(
    paths: &[PathBuf],
    allow_cut_off: bool,
    mut each: impl FnMut(&Path, Result<Photo, Unusable>) -> Result<()>,
) -> Result<()> {
    std::thread::scope(|scope| {
        // One group is looked at while the next is decoded and waits to be taken.
        let (sender, receiver) = sync_channel(0);
        scope.spawn(move || {
            // Ends with the files, or when nobody listens any more.
            photos::together(paths, rayon::current_num_threads()).all(|group| {
                let photos: Vec<_> = group.par_iter().map(|path| photos::read(path, allow_cut_off)).collect();
                sender.send(photos).is_ok()
            })
        });
        paths.iter().zip(receiver.into_iter().flatten()).try_for_each(|(path, photo)| each(path, photo))
    })
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
        let visit = |path: &Path, photo: Result<Photo, Unusable>| {
            seen.push((path.to_owned(), photo.map(|photo| photo.pixels)));
            Ok(())
        };
        each_photograph(&paths, false, visit).unwrap();
        for (index, (path, photo)) in seen.iter().enumerate() {
            assert_eq!(*path, paths[index]);
            match index % 3 {
                2 => assert_eq!(photo, &Err(Unusable::Photo(PhotoError::NotAnImage))),
                _ => assert_eq!(photo.as_ref(), Ok(&picture(index))),
            }
        }
        assert_eq!(seen.len(), paths.len());
        // After a failure nothing more is read.
        let stopped = each_photograph(&paths, false, |path, _| anyhow::bail!("enough after {}", path.display()));
        assert!(stopped.unwrap_err().to_string().contains("0.png"));
    }
}
