//! `glue module|script PROGRAM.wasm NAME FOLDER`: see the library.

use std::path::Path;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [kind, input, name, folder] = words.as_slice() else {
        bail!("usage: glue module|script PROGRAM.wasm NAME FOLDER");
    };
    glue::write(kind, Path::new(input), name, Path::new(folder))
}
