//! Building the page: Cargo compiles its programs to wasm, `xtask/glue` writes the JavaScript around them, `layout` puts all
//! files where they are served from, and every file that shrinks gets a Brotli copy beside it.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::{
    compress::{self, Quality},
    layout, offline,
    project::Project,
    step::{Steps, execute},
    strip,
};

/// What the page is compiled for.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// The profile in Cargo.toml.
pub(crate) const PROFILE: &str = "wasm";

/// A program of the page.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// The feature of the package `web` that it is built with, see there.
    feature: &'static str,
    /// How its JavaScript is loaded: `module` by index.html, `script` by a loader written by hand.
    kind: &'static str,
}

/// All of them. Those of one feature are compiled together.
pub(crate) const PROGRAMS: [Program; 6] = [
    Program { name: "shell", feature: "ui", kind: "module" },
    Program { name: "leaderboard", feature: "ui", kind: "script" },
    Program { name: "scorer", feature: "ui", kind: "script" },
    Program { name: "processor", feature: "inference", kind: "script" },
    Program { name: "processor_relaxed", feature: "relaxed", kind: "script" },
    Program { name: "inference", feature: "graphics", kind: "script" },
];

/// Builds `web/dist` and returns its path. The wasm target and the native programs must be there.
pub(crate) fn build(project: &Project, steps: &mut Steps, quality: Quality) -> Result<PathBuf> {
    compile(project, steps, quality)?;
    lay_out(project, steps, quality, false)
}

/// Compiles all programs; what did not change is not compiled again. What is published is optimised as a whole, which makes what
/// is drawn a tenth smaller, and half a minute is nothing to wait for there; on a page that is worked on it would be.
pub(crate) fn compile(project: &Project, steps: &mut Steps, quality: Quality) -> Result<()> {
    let builds = [
        ("ui", "what is drawn and what scores"),
        ("inference", "what computes ages on the processor"),
        ("relaxed", "the same for browsers with fused arithmetic"),
        ("graphics", "what computes ages on graphics cards too"),
    ];
    for (feature, why) in builds {
        steps.run(&format!("page, {feature}"), &format!("compiles {why} to wasm (minutes when cold)"), || {
            let mut cargo = project.cargo(&["build", "--locked", "--package", "web", "--target", TARGET]);
            cargo.args(["--profile", PROFILE, "--no-default-features", "--features", feature]);
            let wishes: &[&str] = match (feature, quality) {
                ("ui", Quality::Best) => &["lto=\"fat\"", "incremental=false"],
                ("ui", Quality::Quick) => &[],
                // What is drawn shall be small, what computes quick, and both are one package.
                _ => &["package.web.opt-level=3"],
            };
            for wish in wishes {
                cargo.arg("--config").arg(format!("profile.{PROFILE}.{wish}"));
            }
            for program in PROGRAMS.iter().filter(|program| program.feature == feature) {
                cargo.args(["--bin", program.name]);
            }
            execute(&mut cargo)
        })?;
    }
    Ok(())
}

/// Puts what was compiled and what needs no compiler into `web/dist`, and returns its path. A page with `reload` loads itself
/// again whenever it was built anew.
pub(crate) fn lay_out(project: &Project, steps: &mut Steps, quality: Quality, reload: bool) -> Result<PathBuf> {
    let dist = project.path("web/dist");
    steps.run("layout", "JavaScript around the programs, names that change with the content", || {
        for program in &PROGRAMS {
            program.glue(project)?;
        }
        layout::write(project, &dist, reload)?;
        offline::fill_in(&dist)
    })?;
    steps.run("precompress", "a third of the bytes to download", || {
        compress::folder(&dist, &project.target.join("precompressed"), quality)
    })?;
    Ok(dist)
}

impl Program {
    /// The folder with the program's JavaScript and the program that fits it, `NAME.js` and `NAME_bg.wasm`.
    pub(crate) fn folder(&self, project: &Project) -> PathBuf {
        project.target.join("page").join(self.name)
    }

    /// Writes both, unless they are there for this very program.
    fn glue(&self, project: &Project) -> Result<()> {
        let compiled = project.target.join(TARGET).join(PROFILE).join(format!("{}.wasm", self.name));
        let (folder, glue) = (self.folder(project), project.program("glue"));
        let mut made_of = Sha256::new();
        for file in [&compiled, &glue] {
            made_of.update(fs::read(file).with_context(|| format!("cannot read {}", file.display()))?);
        }
        let (made_of, note) = (format!("{:x}", made_of.finalize()), folder.join("made-of"));
        if fs::read_to_string(&note).is_ok_and(|text| text == made_of) {
            return Ok(());
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        execute(project.command(glue).arg(self.kind).arg(&compiled).arg(self.name).arg(&folder))?;
        strip::folder(&folder)?;
        // Last, so that what was broken off is done again.
        fs::write(&note, made_of).with_context(|| format!("cannot write {}", note.display()))
    }
}
