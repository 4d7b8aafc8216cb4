//! `portal serve`: the server's command line.

use std::{io::Write, net::SocketAddr, path::PathBuf};

use anyhow::Result;
use clap::{Parser, Subcommand};
use portal::{app, serve, site::Folders};

/// The server of GLAE: the page and its weights. No route accepts an image.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the built page and the folder of public files.
    Serve {
        /// The folder of the built page (it holds index.html).
        #[arg(long, value_name = "DIR", default_value = "web/dist")]
        site: PathBuf,
        /// The folder of files served as they are (it holds weights/).
        #[arg(long, value_name = "DIR", default_value = "public")]
        public: PathBuf,
        /// Where to listen; port 0 takes any free port.
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Also logs every request.
        #[arg(long, short)]
        verbose: bool,
    },
}

#[tokio::main]
async fn main() -> Result<()> {
    let Command::Serve { site, public, listen, verbose } = Arguments::parse().command;
    let level = if verbose { tracing::Level::DEBUG } else { tracing::Level::INFO };
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).without_time().init();

    let app = app::router(&Folders::open(site, public)?)?;
    let listener = serve::bind(listen).await?;
    let stop = serve::stop_signal()?;
    // Programs that start the server with port 0 read this line to learn the port; it must not wait in a buffer.
    let mut out = std::io::stdout();
    writeln!(out, "listening on http://{}/", listener.local_addr()?)?;
    out.flush()?;
    serve::serve(listener, app, stop).await
}
