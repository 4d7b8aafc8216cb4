//! `portal`: the server, and what its operator and its users do from a command line.

use anyhow::Result;
use clap::{Parser, Subcommand};
use portal::commands;

/// The server of GLAE: the page, its weights and the leaderboard. No route accepts an image.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the built page, the folder of public files and the leaderboard.
    Serve(commands::serve::Serve),
    /// Adds a board, with its truth.
    #[command(subcommand)]
    Board(commands::board::BoardCommand),
    /// Scores a predictions file here, without sending it anywhere.
    Score(commands::score::Score),
    /// Submits a predictions file to a server.
    Submit(commands::submit::Submit),
    /// Takes part in a contest of a server, or chooses what counts at its end.
    Enter(commands::enter::Enter),
    /// Scores all stored submissions anew, and says what changed.
    Rescore(commands::rescore::Rescore),
    /// Writes a static site with every public row and file.
    Export(commands::export::Export),
    /// Writes database, predictions and boards to one file.
    Backup(commands::backup::Backup),
    /// Brings a backup back, into places that hold nothing yet.
    Restore(commands::restore::Restore),
    /// Compares database, file store, boards and truths, and says what does not fit.
    Doctor(commands::doctor::Doctor),
    /// Runs contests and keeps boards clean: admits, hides, bans, closes, announces.
    Organise(commands::organise::Organise),
    /// Makes a new token for a team; the old one ends.
    Token(commands::token::NewTokenCommand),
}

#[tokio::main]
async fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Serve(serve) => serve.run().await,
        Command::Board(board) => board.run(),
        Command::Score(score) => score.run(),
        Command::Submit(submit) => tokio::task::spawn_blocking(move || submit.run()).await?,
        Command::Enter(enter) => tokio::task::spawn_blocking(move || enter.run()).await?,
        Command::Rescore(rescore) => rescore.run().await,
        Command::Export(export) => export.run().await,
        Command::Backup(backup) => backup.run().await,
        Command::Restore(restore) => restore.run().await,
        Command::Doctor(doctor) => doctor.run().await,
        Command::Organise(organise) => organise.run().await,
        Command::Token(token) => token.run().await,
    }
}
