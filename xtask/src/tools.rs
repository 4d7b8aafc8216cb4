//! What the builds need beside Cargo: the wasm target, and all crates.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

use crate::{
    page::TARGET,
    project::Project,
    step::{Steps, execute},
};

/// Firefox's driver; any version drives any Firefox of the last years.
const GECKODRIVER: &str = "0.37.1";

/// Makes sure that everything the page's build needs is there.
pub(crate) fn install(project: &Project, steps: &mut Steps) -> Result<()> {
    steps.run("wasm target", "the page is compiled to WebAssembly", || wasm_target(project))?;
    steps.run("crates", "everything in Cargo.lock is downloaded now, the builds then work offline", || {
        let host = host()?;
        execute(&mut project.cargo(&["fetch", "--quiet", "--locked", "--target", &host, "--target", TARGET]))
    })
}

/// Firefox's driver, for the tests: the one on PATH, or one that is compiled once (minutes).
pub(crate) fn geckodriver(project: &Project) -> Result<PathBuf> {
    let tools = project.tools();
    let own = tools.join("bin").join("geckodriver");
    for driver in [PathBuf::from("geckodriver"), own.clone()] {
        if project.command(&driver).arg("--version").output().is_ok_and(|output| output.status.success()) {
            println!("already there");
            return Ok(driver);
        }
    }
    std::fs::create_dir_all(&tools).with_context(|| format!("cannot make {}", tools.display()))?;
    let words = ["install", "--quiet", "--locked", "geckodriver", "--version", GECKODRIVER, "--root"];
    execute(
        project
            .cargo(&words)
            .arg(&tools)
            // Outside the repository: its settings for Cargo are not meant for this.
            .current_dir(&tools)
            .env("CARGO_TARGET_DIR", tools.join("build"))
            // It runs for seconds, so that it need not be optimised for minutes.
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
    )?;
    let half_way = tools.join("build");
    std::fs::remove_dir_all(&half_way).with_context(|| format!("cannot delete {}", half_way.display()))?;
    Ok(own)
}

fn wasm_target(project: &Project) -> Result<()> {
    let sysroot = output(project.command("rustc").args(["--print", "sysroot"]))?;
    let installed = || std::path::Path::new(&sysroot).join("lib/rustlib").join(TARGET).is_dir();
    if installed() {
        println!("already there");
        return Ok(());
    }
    let added = execute(project.command("rustup").args(["target", "add", TARGET]));
    if added.is_err() || !installed() {
        bail!(
            "this Rust ({sysroot}) cannot compile for {TARGET}, and `rustup target add {TARGET}` did not help: \
             install Rust with rustup (https://rustup.rs), or your distribution's package for that target"
        );
    }
    Ok(())
}

/// The triple of this machine.
pub(crate) fn host() -> Result<String> {
    let text = output(Command::new("rustc").arg("-vV"))?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: ")).context("`rustc -vV` names no host")?;
    Ok(host.to_owned())
}

/// What a command prints, without the white space around it.
fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    if !output.status.success() {
        bail!("{:?} failed: {}", command.get_program(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
