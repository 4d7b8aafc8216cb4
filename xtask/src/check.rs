//! `cargo xtask check`: the one gate before a change goes in, cheapest first.

use anyhow::Result;

use crate::{
    project::Project,
    step::{Steps, execute},
    test, tools,
};

/// The page's packages and profile. The profile is the page's own, so that macros and build scripts are shared.
const PAGE: [&str; 6] = ["--package", "web", "--target", "wasm32-unknown-unknown", "--profile", "wasm-release"];

/// Runs every check; the first failure ends it.
pub(crate) fn run(project: &Project, steps: &mut Steps) -> Result<()> {
    let cargo = |words: &[&[&str]]| execute(&mut project.cargo(&words.concat())?);
    steps.run("format", "one layout for all", || cargo(&[&["fmt", "--all", "--check"]]))?;
    tools::install(project, steps)?;
    steps.run("clippy", "the compiler's and clippy's warnings are errors here", || {
        cargo(&[&["clippy", "--locked", "--workspace", "--exclude", "web", "--all-targets", "--", "-D", "warnings"]])?;
        cargo(&[&["clippy", "--locked"], &PAGE, &["--", "-D", "warnings"]])
    })?;
    steps.run("docs", "every link in the documentation leads somewhere", || {
        let doc = |words: &[&[&str]]| execute(project.cargo(&words.concat())?.env("RUSTDOCFLAGS", "-D warnings"));
        // The programs' own pages would overwrite those of libraries with the same name.
        doc(&[&["doc", "--locked", "--no-deps", "--workspace", "--exclude", "web", "--lib"]])?;
        doc(&[&["doc", "--locked", "--no-deps", "--lib"], &PAGE])
    })?;
    steps.run("dependencies", "licences and sources of everything we build on", || {
        let there = project.cargo(&["deny", "--version"])?.output().is_ok_and(|output| output.status.success());
        if !there {
            println!("SKIPPED: cargo-deny is not installed (`cargo install cargo-deny --locked` brings it)");
            return Ok(());
        }
        // Not `advisories`: they are fetched from the network, and change under an unchanged tree.
        cargo(&[&["deny", "check", "bans", "licenses", "sources"]])
    })?;
    test::run(project, steps)
}
