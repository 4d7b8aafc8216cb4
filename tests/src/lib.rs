//! What no single crate can check. The tests are in `tests/`:
//!
//! - `architecture`: which package may use which, and where a backend may be named;
//! - `tree`: what may lie in the repository (no photographs), and that weights never travel without their manifest;
//! - `docs`: every link and anchor of the Markdown files leads somewhere, and no page of `docs/` is without one;
//! - `boards`: the boards that ship hold what they promise, and our rows repeat the recorded errors;
//! - `weights`: every shipped network loads and gives its golden answer;
//! - `ages`: the pipeline gives the ages that an independent program computed (`oracle/walk.py`);
//! - `drawn`: the shipped detector finds the drawn faces that the journeys show it, and nothing in an empty landscape;
//! - `browser`: journeys through the built page in a real headless Chromium. `cargo xtask test` builds what they need;
//!   without it they are skipped, visibly.
//!
//! Here are the few things they share.

pub mod drawing;
pub mod film;
pub mod native;
pub mod oracle;
pub mod picture;
mod skip;

use std::path::{Path, PathBuf};

pub use skip::skipped;

/// The root of the repository.
pub fn root() -> PathBuf {
    // Cargo sets this when it runs a test. The path known at compile time would be wrong where one target folder serves
    // several clones: an older clone's files would be tested in place of this one's.
    let here = std::env::var_os("CARGO_MANIFEST_DIR").expect("Cargo runs the tests");
    Path::new(&here).parent().expect("the package lies in the repository").to_path_buf()
}
