//! `cargo xtask serve`: from a fresh clone to a working page.

use anyhow::{Context, Result};

use crate::{
    compress::Quality,
    page,
    project::Project,
    step::{Steps, execute},
    tools,
};

/// Builds the page and the server, then becomes the server until it is stopped.
pub(crate) fn run(project: &Project, steps: &mut Steps, listen: &str) -> Result<()> {
    // A typing error should be reported before the build, not after it.
    let address: std::net::SocketAddr = listen
        .parse()
        .with_context(|| format!("`{listen}` is no address to listen on: write it as 127.0.0.1:8080 or [::1]:8080"))?;
    tools::install(project, steps)?;
    let site = page::build(project, steps, Quality::Quick)?;
    steps.run("server", "compiles portal, which serves the page", || {
        execute(&mut project.cargo(&["build", "--locked", "--package", "portal"])?)
    })?;
    steps.summary();

    println!("\nThe page: http://{address}/   (Ctrl-C stops it)\n");
    let mut portal = project.command(project.program("portal"))?;
    portal.args(["serve", "--listen", listen, "--site"]).arg(site).arg("--public").arg(project.path("public"));
    become_program(portal)
}

/// Hands this process over to the program, so that Ctrl-C and its exit code are the program's own.
#[cfg(unix)]
fn become_program(mut command: std::process::Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    Err(command.exec()).context("cannot start portal")
}

#[cfg(not(unix))]
fn become_program(mut command: std::process::Command) -> Result<()> {
    execute(&mut command)
}
