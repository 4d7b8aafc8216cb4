//! `trainer` without a command: draw faces, train both stages of a tiny configuration, report.

use anyhow::Result;
use burn::tensor::Device;

use crate::commands::train;
use crate::config::RunConfig;
use glae_data::faces;

/// The configuration that is trained; its data paths are set to the run's own folder.
const CONFIG: &str = include_str!("../../configs/drawn-faces.toml");
const IMAGES: usize = 1500;

/// Runs it; leaves `runs/<time>-drawn-faces/`.
///
/// # Errors
/// The folder cannot be written or training fails.
pub fn run(device: &Device) -> Result<()> {
    let mut config: RunConfig = toml::from_str(CONFIG)?;
    let folder = train::new_folder(&config.name)?;
    let data = folder.join("data");
    eprintln!("drawing {IMAGES} faces into {}", data.display());
    faces::write_set(&data, IMAGES, config.seed)?;
    config.data.images = data.join("images");
    config.data.train = data.join("train.csv");
    config.data.val = data.join("val.csv");
    config.data.test = Some(data.join("test.csv"));
    train::start(&config, &folder, None, device).map(|_| ())
}
