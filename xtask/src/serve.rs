//! `cargo xtask serve`: from a fresh clone to a working page.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{bench, compress::Quality, native::Beside, page, project::Project, step::Steps, tools, watch};

/// What is said before the first build.
const FIRST: &str = "\
The first start compiles several hundred crates. What is compiled stays, and the next start takes seconds. Without waiting: another
machine builds an archive (`cargo xtask dist`) that this one only unpacks.";

/// Builds the page and the server, then becomes the server until it is stopped, or, with `watched`, builds the page again
/// whenever its sources change.
pub(crate) fn run(project: &Project, steps: &mut Steps, listen: &str, watched: bool) -> Result<()> {
    // A typing error should be reported before the build, not after it.
    listen
        .parse::<std::net::SocketAddr>()
        .with_context(|| format!("`{listen}` is no address to listen on: write it as 127.0.0.1:8080 or [::1]:8080"))?;
    let site = build(project, steps, watched)?;
    steps.summary();
    let portal = portal(project, listen, &site);
    println!("\nThe page: http://{listen}/   (Ctrl-C stops it)\n");
    if watched { watch::run(project, portal) } else { become_program(portal) }
}

/// Builds everything that is served and returns the page's folder.
pub(crate) fn build(project: &Project, steps: &mut Steps, reload: bool) -> Result<PathBuf> {
    if !project.target.join(page::TARGET).join(page::PROFILE).is_dir() {
        println!("{FIRST}");
        if let Some(times) = bench::first_start(project) {
            println!("Elsewhere it took {times}.");
        }
    }
    tools::install(project, steps)?;
    let server = Beside::start(project)?;
    page::compile(project, steps, Quality::Quick)?;
    server.finish(steps)?;
    page::lay_out(project, steps, Quality::Quick, reload)
}

/// The server of the page in `site`.
pub(crate) fn portal(project: &Project, listen: &str, site: &PathBuf) -> Command {
    let mut portal = project.command(project.program("portal"));
    portal.args(["serve", "--listen", listen, "--site"]).arg(site).arg("--public").arg(project.path("public"));
    portal
}

/// Hands this process over to the program, so that Ctrl-C and its exit code are the program's own.
#[cfg(unix)]
fn become_program(mut command: Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    Err(command.exec()).context("cannot start portal")
}

#[cfg(not(unix))]
fn become_program(mut command: Command) -> Result<()> {
    crate::step::execute(&mut command)
}
