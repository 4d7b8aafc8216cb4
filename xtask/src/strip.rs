//! Takes the names of functions out of wasm files: a quarter of a program's download that only a debugger reads.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};

use crate::compress;

/// What a wasm file starts with: `\0asm` and the version.
const HEADER: [u8; 8] = *b"\0asm\x01\0\0\0";

/// The kind of section that changes nothing about the program.
const CUSTOM: u8 = 0;

/// Strips every wasm file under `folder`.
///
/// # Errors
/// A file cannot be read or written, or is no wasm.
pub(crate) fn folder(folder: &Path) -> Result<()> {
    for file in compress::files(folder)? {
        if file.extension().is_some_and(|extension| extension == "wasm") {
            let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let stripped = stripped(&content).with_context(|| format!("{} is no wasm file", file.display()))?;
            fs::write(&file, stripped).with_context(|| format!("cannot write {}", file.display()))?;
        }
    }
    Ok(())
}

/// The program without its custom sections.
fn stripped(program: &[u8]) -> Result<Vec<u8>> {
    ensure!(program.starts_with(&HEADER), "it begins otherwise");
    let (mut kept, mut rest) = (HEADER.to_vec(), &program[HEADER.len()..]);
    while let [kind, behind @ ..] = rest {
        let (size, digits) = number(behind).context("a section has no size")?;
        let length = 1 + digits + size;
        ensure!(length <= rest.len(), "a section is cut off");
        if *kind != CUSTOM {
            kept.extend_from_slice(&rest[..length]);
        }
        rest = &rest[length..];
    }
    Ok(kept)
}

/// A number of 32 bits in LEB128, and how many bytes it takes.
fn number(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_custom_sections_go() {
        // A type section of three bytes, and a custom one with 200.
        let types = [1, 3, 1, 0x60, 0];
        let names = [[0, 0xc8, 0x01].as_slice(), &[7; 200]].concat();
        let program = [HEADER.as_slice(), &types, &names, &types].concat();
        assert_eq!(stripped(&program).unwrap(), [HEADER.as_slice(), &types, &types].concat());
        assert!(stripped(&program[..program.len() - 1]).is_err());
        assert!(stripped(b"<html>").is_err());
    }

    #[test]
    fn a_folder_keeps_what_is_no_wasm() {
        let dist = tempfile::tempdir().unwrap();
        fs::write(dist.path().join("a.wasm"), [HEADER.as_slice(), &[0, 1, 9]].concat()).unwrap();
        fs::write(dist.path().join("a.js"), "1").unwrap();
        folder(dist.path()).unwrap();
        assert_eq!(fs::read(dist.path().join("a.wasm")).unwrap(), HEADER);
        assert_eq!(fs::read(dist.path().join("a.js")).unwrap(), b"1");
    }
}
