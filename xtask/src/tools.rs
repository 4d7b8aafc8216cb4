//! What the page's build needs beside Cargo: the wasm target, Trunk and wasm-bindgen, each in one known version.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{
    project::Project,
    step::{Steps, execute},
};

const WASM: &str = "wasm32-unknown-unknown";

/// Trunk's version; 0.22 needs a newer compiler than the one in rust-toolchain.toml.
const TRUNK: &str = "0.21.14";

/// Firefox's driver; any version drives any Firefox of the last years.
const GECKODRIVER: &str = "0.37.1";

/// These tools run for seconds, so they need not be optimised for minutes.
const QUICK_BUILD: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
];

/// One program of crates.io that we install beside the compiled files, out of the way of the user's own.
struct Tool {
    package: &'static str,
    program: &'static str,
    version: String,
    why: &'static str,
    /// Extra words for `cargo install`.
    options: &'static [&'static str],
    /// Settings of the release profile.
    profile: &'static [(&'static str, &'static str)],
}

/// Makes sure that everything the page's build needs is there.
pub(crate) fn install(project: &Project, steps: &mut Steps) -> Result<()> {
    steps.run("wasm target", "the page is compiled to WebAssembly", || wasm_target(project))?;
    steps.run("crates", "everything in Cargo.lock is downloaded now, the builds then work offline", || {
        let host = host()?;
        execute(&mut project.cargo(&["fetch", "--quiet", "--locked", "--target", &host, "--target", WASM])?)
    })?;
    for tool in wanted(project)? {
        let name = format!("{} {}", tool.package, tool.version);
        steps.run(&name, tool.why, || tool.install(project))?;
    }
    tidy(project)
}

/// Deletes more than a gigabyte of half-way products, of use only while an installation is unfinished.
fn tidy(project: &Project) -> Result<()> {
    let half_way = project.tools().join("build");
    if half_way.exists() {
        std::fs::remove_dir_all(&half_way).with_context(|| format!("cannot delete {}", half_way.display()))?;
    }
    Ok(())
}

fn wanted(project: &Project) -> Result<[Tool; 2]> {
    Ok([
        Tool {
            package: "wasm-bindgen-cli",
            program: "wasm-bindgen",
            // The generated glue must fit the library in the page to the last digit.
            version: project.locked_version("wasm-bindgen")?,
            why: "writes the JavaScript between the browser and our wasm",
            // The default features are for driving browsers and need TLS; we use the one program without.
            options: &["--no-default-features", "--bin", "wasm-bindgen"],
            profile: &[],
        },
        Tool {
            package: "trunk",
            program: "trunk",
            version: TRUNK.to_owned(),
            why: "builds index.html, the page and its worker into web/dist",
            // The default features are for downloading tools and for looking for updates: we do neither.
            options: &["--no-default-features"],
            profile: &QUICK_BUILD,
        },
    ])
}

/// Firefox's driver, for the tests, unless one is there.
pub(crate) fn geckodriver(project: &Project) -> Result<()> {
    let tool = Tool {
        package: "geckodriver",
        program: "geckodriver",
        version: GECKODRIVER.to_owned(),
        why: "drives Firefox in the tests",
        options: &[],
        profile: &QUICK_BUILD,
    };
    if project.command(tool.program)?.arg("--version").output().is_ok_and(|output| output.status.success()) {
        println!("already there");
        return Ok(());
    }
    tool.install(project)?;
    tidy(project)
}

impl Tool {
    fn install(&self, project: &Project) -> Result<()> {
        if self.found(project)? {
            println!("already there");
            return Ok(());
        }
        println!("not there in this version: compiling it once (minutes) into {}", project.tools().display());
        // Exactly what its authors locked, first. A registry mirror may lack one of those versions; then Cargo says so
        // at once, and the newest compatible ones do as well.
        if let Err(error) = self.cargo_install(project, &["--locked"]) {
            println!("{error:#}\ntrying again with the newest compatible dependencies");
            self.cargo_install(project, &[])?;
        }
        if !self.found(project)? {
            bail!("{} was installed but does not answer with version {}", self.program, self.version);
        }
        Ok(())
    }

    /// Whether the program that a build would find has the right version.
    fn found(&self, project: &Project) -> Result<bool> {
        let Ok(output) = project.command(self.program)?.arg("--version").env_remove("NO_COLOR").output() else {
            return Ok(false);
        };
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(output.status.success() && text.split_whitespace().nth(1) == Some(&self.version))
    }

    fn cargo_install(&self, project: &Project, locked: &[&str]) -> Result<()> {
        let tools = project.tools();
        std::fs::create_dir_all(&tools).with_context(|| format!("cannot make {}", tools.display()))?;
        let mut command =
            project.cargo(&["install", "--force", "--quiet", self.package, "--version", &self.version])?;
        command
            .args(self.options)
            .args(locked)
            .arg("--root")
            .arg(&tools)
            // Outside the repository: its .cargo/config.toml is not meant for these.
            .current_dir(&tools)
            // Kept, so that an interrupted installation goes on where it stopped.
            .env("CARGO_TARGET_DIR", tools.join("build"))
            .envs(self.profile.iter().copied());
        execute(&mut command)
    }
}

fn wasm_target(project: &Project) -> Result<()> {
    let sysroot = output(project.command("rustc")?.args(["--print", "sysroot"]))?;
    let installed = || std::path::Path::new(&sysroot).join("lib/rustlib").join(WASM).is_dir();
    if installed() {
        println!("already there");
        return Ok(());
    }
    let added = execute(project.command("rustup")?.args(["target", "add", WASM]));
    if added.is_err() || !installed() {
        bail!(
            "this Rust ({sysroot}) cannot compile for {WASM}, and `rustup target add {WASM}` did not help: \
             install Rust with rustup (https://rustup.rs), or your distribution's package for that target"
        );
    }
    Ok(())
}

/// The triple of this machine.
fn host() -> Result<String> {
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
