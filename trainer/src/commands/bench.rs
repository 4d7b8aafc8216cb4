//! `trainer bench`: what `cargo xtask bench` measures natively, and how its tables are written.

mod accuracy;
mod browser;
mod detector;
mod peer;
mod predict;
mod report;
mod training;
mod turns;

use anyhow::Result;
use burn::tensor::Device;

/// `trainer bench`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Time the face detector on the CPU beside onnxruntime and OpenCV, alternating in one run.
    Detector(detector::Arguments),
    /// Time `trainer predict` over a folder of drawn photographs beside a script of onnxruntime and OpenCV.
    Predict(predict::Arguments),
    /// Time a step of training and an estimate on the CPU beside PyTorch and onnxruntime, alternating in one run.
    Training(training::Arguments),
    /// Write what the page and onnxruntime-web need to compute the same in one browser.
    Browser(browser::Arguments),
    /// Estimate ages beside packages of npm, and say how far each is off.
    #[command(subcommand)]
    Accuracy(accuracy::Command),
    /// Write measurements into a document, as tables.
    Report(report::Arguments),
}

/// Runs the command.
///
/// # Errors
/// An engine does not answer as ours does, or a file cannot be read or written.
pub fn run(command: &Command, device: &Device) -> Result<()> {
    match command {
        Command::Detector(arguments) => detector::run(arguments),
        Command::Predict(arguments) => predict::run(arguments, device),
        Command::Training(arguments) => training::run(arguments),
        Command::Browser(arguments) => browser::run(arguments),
        Command::Accuracy(command) => accuracy::run(command, device),
        Command::Report(arguments) => report::run(arguments),
    }
}
