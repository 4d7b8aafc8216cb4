//! How long a browser may keep an answer without asking again.

use axum::http::{HeaderValue, StatusCode};

/// For names that carry a hash of the content: a new build has new names, so these never go stale.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// For everything else: keep it, but ask each time whether it is still current (a 304 costs a few hundred bytes).
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// The `Cache-Control` of an answer with `status` to a request for `path`.
pub fn control(path: &str, status: StatusCode) -> HeaderValue {
    let kept = status.is_success() || status == StatusCode::NOT_MODIFIED;
    if kept && is_content_hashed(path) { IMMUTABLE } else { REVALIDATE }
}

/// Whether the file name carries a hash, as `xtask/src/layout.rs` writes it: `name-<8 or more hexadecimal digits>`, then `_bg` or an extension.
///
/// ```
/// # use portal::cache::is_content_hashed;
/// assert!(is_content_hashed("/shell-6c0ffee5deadbeef_bg.wasm"));
/// assert!(!is_content_hashed("/inference_bg.wasm"));
/// ```
pub fn is_content_hashed(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some((stem, _extension)) = name.split_once('.') else {
        return false;
    };
    let stem = stem.strip_suffix("_bg").unwrap_or(stem);
    stem.rsplit_once('-').is_some_and(|(before, hash)| {
        !before.is_empty() && hash.len() >= 8 && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_hash_are_kept_for_good() {
        for path in ["/shell-0123456789abcdef.js", "/shell-0123456789abcdef_bg.wasm", "/a/style-89abcdef.css"] {
            assert_eq!(control(path, StatusCode::OK), IMMUTABLE, "{path}");
            assert_eq!(control(path, StatusCode::NOT_MODIFIED), IMMUTABLE, "{path}");
        }
    }

    #[test]
    fn names_without_one_are_asked_for_again() {
        for path in
            ["/", "/about", "/index.html", "/weights/index.json", "/weights/tiny/manifest.json", "/inference.js"]
        {
            assert_eq!(control(path, StatusCode::OK), REVALIDATE, "{path}");
        }
        // A word after a hyphen is no hash: too short, or with letters beyond f.
        for path in ["/golden-tiny.safetensors", "/resnet18-112.json", "/-0123456789abcdef.js", "/a-deadbeef"] {
            assert!(!is_content_hashed(path), "{path}");
        }
    }

    #[test]
    fn a_missing_hashed_file_is_not_remembered() {
        assert_eq!(control("/shell-0123456789abcdef.js", StatusCode::NOT_FOUND), REVALIDATE);
    }
}
