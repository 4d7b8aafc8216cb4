//! `trainer bench`: what `cargo xtask bench` measures natively, and how its tables are written.

mod native;
mod peer;
mod report;

use anyhow::Result;

/// `trainer bench`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Time the face detector on the CPU beside onnxruntime and OpenCV, alternating in one run.
    Detector(native::Arguments),
    /// Write measurements into a document, as tables.
    Report(report::Arguments),
}

/// Runs the command.
///
/// # Errors
/// An engine does not answer as ours does, or a file cannot be read or written.
pub fn run(command: &Command) -> Result<()> {
    match command {
        Command::Detector(arguments) => native::run(arguments),
        Command::Report(arguments) => report::run(arguments),
    }
}
