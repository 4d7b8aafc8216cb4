//! `cargo xtask check`: the one gate before a change goes in, cheapest first.

use anyhow::Result;

use crate::{
    page,
    project::Project,
    skips::Skips,
    step::{Steps, execute},
    test, tools,
};

/// The page's packages and profile, in which macros and build scripts are compiled already.
const PAGE: [&str; 6] = ["--package", "web", "--target", page::TARGET, "--profile", page::PROFILE];

/// Runs every check; the first failure ends it.
pub(crate) fn run(project: &Project, steps: &mut Steps) -> Result<()> {
    let cargo = |words: &[&[&str]]| execute(&mut project.cargo(&words.concat()));
    steps.run("format", "one layout for all", || cargo(&[&["fmt", "--all", "--check"]]))?;
    tools::install(project, steps)?;
    let skips = Skips::begin(project)?;
    steps.run("clippy", "the compiler's and clippy's warnings are errors here", || {
        // With what is on by default, Vulkan, and with the object store: no test builds either.
        let native = ["--workspace", "--exclude", "web", "--all-targets", "--features", "portal/s3"];
        cargo(&[&["clippy", "--locked"], &native, &["--", "-D", "warnings"]])?;
        // As its programs are built.
        for feature in ["ui", "inference", "relaxed", "graphics"] {
            let only = ["--no-default-features", "--features", feature];
            cargo(&[&["clippy", "--locked"], &PAGE, &only, &["--", "-D", "warnings"]])?;
        }
        Ok(())
    })?;
    steps.run("cuda", "compiles for NVIDIA's devices; nothing is linked and nothing runs", || {
        // The build step of Burn's LLVM compiler would download it. It does nothing where documentation is built, and
        // checking types needs no more than documentation does.
        let words = ["check", "--locked", "--package", "trainer", "--no-default-features", "--features", "cuda-nvrtc"];
        execute(project.cargo(&words).env("DOCS_RS", "1"))
    })?;
    steps.run("fuzz targets", "a workspace of their own, with a lock file of its own", || {
        let target = project.target.join("fuzz");
        let words = ["check", "--locked", "--manifest-path", "fuzz/Cargo.toml", "--target-dir"];
        execute(project.cargo(&words).arg(target))
    })?;
    steps.run("docs", "every link in the documentation leads somewhere", || {
        let doc = |words: &[&[&str]]| execute(project.cargo(&words.concat()).env("RUSTDOCFLAGS", "-D warnings"));
        // The programs' own pages would overwrite those of libraries with the same name.
        doc(&[&["doc", "--locked", "--no-deps", "--workspace", "--exclude", "web", "--lib"]])?;
        doc(&[&["doc", "--locked", "--no-deps", "--lib"], &PAGE])
    })?;
    steps.run("dependencies", "licences and sources of everything we build on", || {
        let there = project.cargo(&["deny", "--version"]).output().is_ok_and(|output| output.status.success());
        if !there {
            println!("SKIPPED: cargo-deny is not installed (`cargo install cargo-deny --locked` brings it)");
            return skips.add("cargo-deny", "licences and sources, because cargo-deny is not installed");
        }
        // Not `advisories`: they are fetched from the network, and change under an unchanged tree.
        cargo(&[&["deny", "check", "bans", "licenses", "sources"]])
    })?;
    test::all(project, steps, &skips)
}
