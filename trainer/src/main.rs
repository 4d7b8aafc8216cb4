//! Command line of the trainer.

use anyhow::Result;
use clap::{Parser, Subcommand};
#[cfg(feature = "teach")]
use trainer::commands::teach;
use trainer::commands::{
    bench, data, demo, detector, evaluate, export, figure, groups, import, kit, predict, prepare, report, table, train,
};
use trainer::device::{DeviceArgument, share_work};

/// Keeps the memory of one training step's maps for the next: the system's allocator gives large ones back and clears new
/// ones, which took a sixth of a step.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Trains, evaluates, predicts and exports the GLAE age network. Without a command: a complete small run on drawn faces.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Where to compute.
    #[arg(long, value_enum, default_value_t = DeviceArgument::Auto, global = true)]
    device: DeviceArgument,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Train both stages of a configuration; leaves runs/<time>-<name>/.
    Train(train::Arguments),
    /// MAE and CMAE of vanilla, balanced and routed answers against a truth file.
    Evaluate(evaluate::Arguments),
    /// Write a predictions file for images.
    Predict(predict::Arguments),
    /// Turn a finished run into weights and manifest for the page.
    Export(export::Arguments),
    /// Find the main face of every image and write its landmarks.
    Prepare(prepare::Arguments),
    /// Turn published weights of other projects into a start for training.
    #[command(subcommand)]
    Import(import::Command),
    /// Put all that a run learns from into one small folder, for a machine with a GPU and without the data.
    Kit(kit::Arguments),
    /// Write soft labels for a folder of faces, by age networks in ONNX.
    #[cfg(feature = "teach")]
    Teach(teach::Arguments),
    /// Compare predictions with labelled age groups.
    Groups(groups::Arguments),
    /// Check a data set, or divide it by its protocol.
    #[command(subcommand)]
    Data(data::Command),
    /// Train, measure, export or import the face detector.
    #[command(subcommand)]
    Detector(detector::Command),
    /// One page about a run: errors, routing, calibration, curves, settings.
    Report(report::Arguments),
    /// A table of the paper; trains what it needs and takes what is there.
    Table(table::Arguments),
    /// A figure of the paper, likewise.
    Figure(figure::Arguments),
    /// Measure speed beside other engines, as `cargo xtask bench` does.
    #[command(subcommand)]
    Bench(bench::Command),
}

fn main() -> Result<()> {
    let Arguments { device, command } = Arguments::parse();
    share_work();
    // Files alone need no device.
    if let Some(Command::Data(command)) = &command {
        return data::run(command);
    }
    if let Some(Command::Import(command)) = &command {
        return import::run(command);
    }
    if let Some(Command::Kit(arguments)) = &command {
        return kit::run(arguments);
    }
    #[cfg(feature = "teach")]
    if let Some(Command::Teach(arguments)) = &command {
        return teach::run(arguments);
    }
    let device = device.open()?;
    match command {
        None => demo::run(&device),
        Some(Command::Train(arguments)) => train::run(&arguments, &device),
        Some(Command::Evaluate(arguments)) => evaluate::run(&arguments, &device),
        Some(Command::Predict(arguments)) => predict::run(&arguments, &device),
        Some(Command::Export(arguments)) => export::run(&arguments),
        Some(Command::Prepare(arguments)) => prepare::run(&arguments, &device),
        Some(Command::Groups(arguments)) => groups::run(&arguments),
        Some(Command::Data(command)) => data::run(&command),
        Some(Command::Import(command)) => import::run(&command),
        Some(Command::Kit(arguments)) => kit::run(&arguments),
        #[cfg(feature = "teach")]
        Some(Command::Teach(arguments)) => teach::run(&arguments),
        Some(Command::Detector(command)) => detector::run(&command, &device),
        Some(Command::Report(arguments)) => report::run(&arguments, &device),
        Some(Command::Table(arguments)) => table::run(&arguments, &device),
        Some(Command::Figure(arguments)) => figure::run(&arguments, &device),
        Some(Command::Bench(command)) => bench::run(&command, &device),
    }
}
