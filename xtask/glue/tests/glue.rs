//! Programs without content, in both kinds.
//!
//! `cargo xtask serve` builds this test with the server: whether any test is built decides which features of common
//! dependencies are on, and with other features `cargo xtask test` would compile the server anew.

use std::fs;

/// The smallest program: `\0asm` and the version.
const EMPTY: &[u8] = b"\0asm\x01\0\0\0";

#[test]
fn a_page_imports_and_a_worker_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input.wasm");
    fs::write(&input, EMPTY).unwrap();
    for (kind, exports) in [("module", true), ("script", false)] {
        glue::write(kind, &input, kind, folder.path()).unwrap();
        let script = fs::read_to_string(folder.path().join(format!("{kind}.js"))).unwrap();
        assert_eq!(script.contains("export "), exports, "{script}");
        assert_eq!(script.contains("wasm_bindgen ="), !exports, "{script}");
        assert!(fs::read(folder.path().join(format!("{kind}_bg.wasm"))).unwrap().starts_with(EMPTY));
    }
    assert!(!folder.path().join("module.d.ts").exists());
}

#[test]
fn what_is_no_program_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("page.html");
    fs::write(&input, "<html>").unwrap();
    let error = glue::write("module", &input, "page", folder.path()).unwrap_err();
    assert!(format!("{error:#}").contains("page.html"), "{error:#}");
    assert!(glue::write("nodejs", &input, "page", folder.path()).is_err());
}
