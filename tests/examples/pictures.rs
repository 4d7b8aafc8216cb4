//! Draws the photographs of `tests::picture::judged` into a folder, for `oracle/walk.py`.

use std::{env, fs, path::PathBuf};

use anyhow::{Context, Result};
use tests::picture;

fn main() -> Result<()> {
    let folder = PathBuf::from(env::args_os().nth(1).context("give the folder to write into")?);
    fs::create_dir_all(&folder)?;
    for (name, picture) in picture::judged() {
        fs::write(folder.join(format!("{name}.png")), picture::png(&picture)?)?;
    }
    Ok(())
}
