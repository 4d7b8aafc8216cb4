//! Brotli copies (`x.br` beside `x`) of the files that shrink, remembered by content.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use brotli::enc::BrotliEncoderParams;
use sha2::{Digest, Sha256};

/// How hard to press.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Quality {
    /// A few seconds: for serving and testing here.
    Quick,
    /// The smallest, for publishing.
    Best,
}

impl Quality {
    fn level(self) -> i32 {
        match self {
            Self::Quick => 7,
            Self::Best => 11,
        }
    }
}

/// Kinds of files that shrink. Weights are numbers that look random, and pictures are compressed already.
const SHRINKING: [&str; 8] = ["css", "html", "js", "json", "svg", "txt", "wasm", "webmanifest"];
/// Below this, the header of a second variant costs more than it saves.
const SMALLEST_BYTES: usize = 512;

/// Gives every shrinking file under `folder` its `.br`, and takes away any other `.br`.
///
/// The copies are kept under `cache`, named by the content they were made of, because each build takes them away; what this
/// run did not need is deleted from there.
pub(crate) fn folder(folder: &Path, cache: &Path, quality: Quality) -> Result<()> {
    let cache = cache.join(format!("q{}", quality.level()));
    fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let mut used = HashSet::new();
    let (mut plain_bytes, mut packed_bytes, mut made) = (0, 0, 0);
    for file in files(folder)? {
        if file.extension().is_some_and(|extension| extension == "br") {
            fs::remove_file(&file).with_context(|| format!("cannot delete {}", file.display()))?;
            continue;
        }
        let shrinks = file.extension().and_then(|e| e.to_str()).is_some_and(|e| SHRINKING.contains(&e));
        let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        if !shrinks || content.len() < SMALLEST_BYTES {
            continue;
        }
        let kept = cache.join(format!("{:x}.br", Sha256::digest(&content)));
        let packed = match fs::read(&kept) {
            Ok(packed) => packed,
            Err(_) => {
                made += 1;
                let packed = pack(&content, quality)?;
                // Renamed into place, so that an interrupted run leaves no half a file under a good name.
                let unfinished = kept.with_extension("unfinished");
                fs::write(&unfinished, &packed).with_context(|| format!("cannot write {}", unfinished.display()))?;
                fs::rename(&unfinished, &kept)?;
                packed
            }
        };
        used.insert(kept);
        if packed.len() < content.len() {
            let mut beside = file.into_os_string();
            beside.push(".br");
            fs::write(&beside, &packed).with_context(|| format!("cannot write {}", Path::new(&beside).display()))?;
            plain_bytes += content.len();
            packed_bytes += packed.len();
        }
    }
    for old in files(&cache)?.into_iter().filter(|old| !used.contains(old)) {
        fs::remove_file(old)?;
    }
    println!("{} kB of files take {} kB ({made} compressed anew)", plain_bytes / 1000, packed_bytes / 1000);
    Ok(())
}

fn pack(content: &[u8], quality: Quality) -> Result<Vec<u8>> {
    let parameters = BrotliEncoderParams {
        quality: quality.level(),
        lgwin: 24,
        size_hint: content.len(),
        ..BrotliEncoderParams::default()
    };
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut &content[..], &mut packed, &parameters)?;
    Ok(packed)
}

/// All files under `folder`, at any depth, sorted.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(files(&entry.path())?);
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_files_get_a_copy_that_unpacks_to_them() {
        let home = tempfile::tempdir().unwrap();
        let (site, cache) = (home.path().join("site"), home.path().join("cache"));
        fs::create_dir_all(site.join("deep")).unwrap();
        let script = "export const years = 1;\n".repeat(100);
        fs::write(site.join("deep/page.js"), &script).unwrap();
        fs::write(site.join("tiny.js"), "1").unwrap();
        fs::write(site.join("w.safetensors"), vec![0; 4096]).unwrap();
        fs::write(site.join("gone.js.br"), "left over").unwrap();
        folder(&site, &cache, Quality::Best).unwrap();

        let names: Vec<_> = files(&site).unwrap().iter().map(|f| f.strip_prefix(&site).unwrap().to_owned()).collect();
        assert_eq!(names, ["deep/page.js", "deep/page.js.br", "tiny.js", "w.safetensors"].map(PathBuf::from));
        let mut unpacked = Vec::new();
        let packed = fs::read(site.join("deep/page.js.br")).unwrap();
        brotli::BrotliDecompress(&mut packed.as_slice(), &mut unpacked).unwrap();
        assert_eq!(unpacked, script.as_bytes());

        // The second run takes the copy from the cache, and a changed file replaces it there.
        folder(&site, &cache, Quality::Best).unwrap();
        assert_eq!(files(&cache).unwrap().len(), 1);
        fs::write(site.join("deep/page.js"), script.replace('1', "2")).unwrap();
        folder(&site, &cache, Quality::Best).unwrap();
        assert_eq!(files(&cache).unwrap().len(), 1);
        assert_ne!(fs::read(site.join("deep/page.js.br")).unwrap(), packed);
    }
}
