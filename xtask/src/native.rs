//! The native programs and tests, in one selection of packages and features.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command},
    time::Instant,
};

use anyhow::{Context, Result, bail};

use crate::{
    project::Project,
    step::{Steps, execute, line, seconds},
};

/// What every native build and test selects.
///
/// Always the whole workspace: Cargo unifies the features of what is selected together, so another selection would
/// compile Burn a second time. Without default features: the trainer's are GPU backends, which take as long to compile as all
/// else together, and no test needs a GPU. `cargo xtask check` compiles them.
pub(crate) const ALL: [&str; 3] = ["--workspace", "--locked", "--no-default-features"];

/// The program that writes the page's JavaScript.
///
/// Its test is there for Cargo: the features of dependencies depend on whether any test is built, and `cargo xtask test` shall
/// find everything compiled with its own.
const GLUE: [&str; 4] = ["--bin", "glue", "--test", "glue"];

/// Builds every native program and test.
pub(crate) fn build(project: &Project, steps: &mut Steps) -> Result<()> {
    steps.run("native build", "programs and tests (many minutes when cold)", || {
        let programs = ["--bin", "portal", "--bin", "trainer", "--bin", "glue", "--lib", "--tests"];
        execute(&mut project.cargo(&[["build"].as_slice(), &ALL, &programs].concat()))
    })
}

/// Builds what laying out the page needs.
pub(crate) fn glue(project: &Project) -> Command {
    project.cargo(&[["build"].as_slice(), &ALL, &GLUE].concat())
}

/// Builds what serving it needs: the server as well.
pub(crate) fn serving(project: &Project) -> Command {
    let mut command = glue(project);
    command.args(["--bin", "portal"]);
    command
}

/// A build of what serving needs, beside the page's: it fills the cores while that waits for its longest crates.
pub(crate) struct Beside {
    child: Child,
    line: String,
    log: PathBuf,
    started: Instant,
}

impl Beside {
    /// Starts it. What it prints goes to a file, because two progress bars on one terminal overwrite each other.
    pub(crate) fn start(project: &Project) -> Result<Self> {
        let log = project.target.join("server-build.log");
        fs::create_dir_all(&project.target).with_context(|| format!("cannot make {}", project.target.display()))?;
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = serving(project);
        let line = line(&command);
        println!("\n== server: compiles portal, which serves the page, beside what follows");
        println!("$ {line}   > {}", log.display());
        let child = command.stdout(file.try_clone()?).stderr(file).spawn();
        Ok(Self { child: child.with_context(|| format!("cannot start `{line}`"))?, line, log, started: Instant::now() })
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It failed; what it printed is in the message.
    pub(crate) fn finish(mut self, steps: &mut Steps) -> Result<()> {
        steps.run("server", "the rest of what began before", || {
            let status = self.child.wait()?;
            println!("{} after its start", seconds(self.started.elapsed()));
            if !status.success() {
                let printed = fs::read_to_string(&self.log).unwrap_or_default();
                bail!("`{}` ended with {status}:\n{printed}", self.line);
            }
            Ok(())
        })
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // After `finish` it is gone; if the page failed, it has no use.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
