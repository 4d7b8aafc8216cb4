//! The JavaScript between a browser and a wasm program, written by wasm-bindgen's own library.

use std::path::Path;

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

/// Reads the program `input` as the compiler left it; writes `NAME.js` and the program for it, `NAME_bg.wasm`, into `folder`.
///
/// `kind` is `module`, for a script of the page, or `script`, for what a worker takes with `importScripts`.
///
/// # Errors
/// The kind is unknown, `input` is no program or one of another version of wasm-bindgen, or a file cannot be written.
pub fn write(kind: &str, input: &Path, name: &str, folder: &Path) -> Result<()> {
    let mut bindgen = Bindgen::new();
    match kind {
        "module" => bindgen.web(true)?,
        "script" => bindgen.no_modules(true)?,
        unknown => bail!("`{unknown}` is neither `module` nor `script`"),
    };
    bindgen.input_path(input).out_name(name).typescript(false);
    bindgen.generate(folder).with_context(|| format!("cannot write the JavaScript of {}", input.display()))
}
