//! `trainer detector onnx`: the detector's network as a file for other engines.

use std::path::PathBuf;

use anyhow::Result;

use crate::commands::detector::weights;
use crate::detector::onnx::{Layout, yunet};
use glae_data::files::write_atomically;

/// `trainer detector onnx`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Folder of a run, or of exported weights.
    pub weights: PathBuf,
    /// File to write.
    #[arg(long)]
    pub out: PathBuf,
    /// Width of the input in pixels; a multiple of 32.
    #[arg(long, default_value_t = 320)]
    pub width: usize,
    /// Height of the input in pixels; a multiple of 32.
    #[arg(long, default_value_t = 320)]
    pub height: usize,
    /// The twelve outputs that OpenCV's FaceDetectorYN reads, in place of the one output `answers`.
    #[arg(long)]
    pub opencv: bool,
}

/// Writes the file.
///
/// # Errors
/// Weights cannot be read, a side is no multiple of 32, or the file cannot be written.
pub fn run(arguments: &Arguments) -> Result<()> {
    let layout = if arguments.opencv { Layout::OpenCv } else { Layout::Answers };
    let (state, _) = weights(&arguments.weights)?;
    let bytes = yunet(&state, arguments.width, arguments.height, layout)?;
    write_atomically(&arguments.out, &bytes)?;
    println!("{}: {} bytes", arguments.out.display(), bytes.len());
    Ok(())
}
