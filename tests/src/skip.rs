//! A test that cannot run here says so where it cannot be overlooked: on standard output, and in the file that the variable
//! `GLAE_SKIPS` names, whose lines `cargo xtask test` prints at its end and turns into failures where `GLAE_REQUIRE` asks for
//! the part. Of the standard library alone: tests of other packages include this file.

use std::io::Write;

/// Says that a test is skipped. `part` is what is missing, in one word, as `GLAE_REQUIRE` names it: `browser`, `axe`,
/// `firefox`, `webkit`, `postgresql`, `s3`, `data`, `cores`.
pub fn skipped(part: &str, what: &str, why: &str) {
    println!("SKIPPED ({part}): {what}, because {why}");
    let Some(path) = std::env::var_os("GLAE_SKIPS").filter(|path| !path.is_empty()) else { return };
    // One write of one line: several test programs may append at once.
    let written = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(format!("{part}\t{what}, because {why}\n").as_bytes()));
    if let Err(error) = written {
        panic!("cannot note a skipped test in {}: {error}", path.display());
    }
}
