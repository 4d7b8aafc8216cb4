//! Decompression of zlib streams (RFC 1950): what MATLAB's files are packed with.

use std::io::Read;

use anyhow::{Context, Result, ensure};
use flate2::read::ZlibDecoder;

/// More than any label file unpacks to; a damaged or hostile stream cannot fill the memory.
const LIMIT: u64 = 1 << 29;

/// Unpacks one zlib stream.
///
/// # Errors
/// The stream is cut off or damaged, needs a preset dictionary, or unpacks to more than half a gibibyte.
pub(super) fn zlib(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let read = ZlibDecoder::new(bytes).take(LIMIT + 1).read_to_end(&mut out);
    let length = read.context("the compressed stream is cut off or damaged")?;
    ensure!(length as u64 <= LIMIT, "the compressed stream unpacks to more than {LIMIT} bytes");
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    /// What Python's zlib.compress gives for `text` at levels 0, 1 and 9.
    #[test]
    fn every_kind_of_block() {
        assert_eq!(zlib(&bytes(STORED)).unwrap(), b"abc");
        assert_eq!(zlib(&bytes(FIXED)).unwrap(), b"abcabcabcabcabcabc!");
        let text: Vec<u8> = (0..80u32)
            .flat_map(|n| format!("{}_Made_Up_{:04}.jpg;", n * 7 % 61 + 1, n * n % 997).into_bytes())
            .collect();
        assert_eq!(zlib(&bytes(DYNAMIC)).unwrap(), text);
    }

    #[test]
    fn damage_is_noticed() {
        for hex in [STORED, FIXED, DYNAMIC] {
            let whole = bytes(hex);
            for cut in [0, 1, 2, whole.len() / 2, whole.len() - 1] {
                assert!(zlib(&whole[..cut]).is_err(), "cut at {cut} of {}", whole.len());
            }
            let content = zlib(&whole).unwrap();
            for at in 0..whole.len() {
                let mut damaged = whole.clone();
                damaged[at] ^= 0x10;
                // Only the bits between the last block and the checksum may be anything.
                assert!(zlib(&damaged).map_or(true, |found| found == content), "byte {at}");
            }
        }
    }

    const STORED: &str = "7801010300fcff616263024d0127";
    const FIXED: &str = "78014b4c4a4e44458a0048820706";
    const DYNAMIC: &str = concat!(
        "78da6d94496a1d4110446f643aa71af019b4d4fa63b03168a5fbaf643a43e87d957b19544eaf33c31e2fbf7eff79bcbe3fae",
        "7fdf8fb7f7bf3f1725bb252b6a796beed4766b1b9a8d5b8b01cdebd632a045bfab0b5a76be9ad046d765e8527b08354d6108",
        "35ef779ed052e90cdae8b20104b6bbbd0402d71805045e1a03087c698c2f29bccb1a4263680c84a6c670d0cbec770104b93a",
        "5f024179974d20a8a9f68060688c010443ef103a95ce103a55d611bad49e83ded61801045be32617c8676b5ca0eddd321058",
        "69d1f833d62d91fb56c7888cd9d99cf0b2abc6133ced05088c2bba3bc213810281393a5f81c0aaae8bd01d6acf7805da01ae",
        "9eab65ae9ef53f0bee8f09f2d3fe082810d4a51d088ed6ef06104ce543e8525943e8fe6c8f871bda0b5e5faae5e4b5f44f4b",
        "e31f126520c8ddad54b165e143c77158d7aa38ac6bcf7558975debb02e8f7958578c755857c91e695de3d3ce78419a8cf0cc",
        "0febba64214fd6a555a675c57fac2bb71dd635f23aac6bea1dad6b2b1fadcb2eff6e5daedbfb003bc1ee7d",
    );
}
