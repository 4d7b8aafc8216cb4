//! A run of the program that is over in seconds.

use std::path::Path;
use std::process::Command;

/// A network and a set so small that an epoch takes a second; the second stage has one epoch.
pub(crate) fn config(data: &Path, epochs: usize) -> String {
    let data = data.display();
    format!(
        r#"
        name = "small"
        seed = 1
        sigma = 1.0
        [network]
        backbone = "resnet18"
        width = 8
        input_size = 64
        rearrange = {{ r = 4, kernel = 4, stride = 4 }}
        projection = {{ kind = "pool" }}
        [data]
        images = "{data}/images"
        train = "{data}/train.csv"
        val = "{data}/val.csv"
        description = "drawn faces"
        licence = "MIT OR Apache-2.0"
        [stage1]
        epochs = {epochs}
        batch = 8
        learning_rate = 0.05
        [stage2]
        epochs = 1
        batch = 8
        learning_rate = 0.05
        "#
    )
}

/// `trainer train` on the CPU.
pub(crate) fn trainer() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trainer"));
    command.args(["--device", "cpu", "train"]);
    command
}
