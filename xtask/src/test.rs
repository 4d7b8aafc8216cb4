//! `cargo xtask test`: the native tests, then the journeys in a real browser.

use std::time::SystemTime;

use anyhow::Result;

use crate::{
    bench::install,
    compress::Quality,
    journeys::JourneyTools,
    native::{self, ALL},
    page,
    project::Project,
    skips::{self, Skips},
    step::{Steps, execute},
    tools,
};

/// Runs every test there is.
pub(crate) fn run(project: &Project, steps: &mut Steps) -> Result<()> {
    tools::install(project, steps)?;
    all(project, steps, &Skips::begin(project)?)
}

/// The same where the tools are there and a list of what was skipped has begun.
pub(crate) fn all(project: &Project, steps: &mut Steps, skips: &Skips) -> Result<()> {
    let stage = JourneyTools::set_up(project, steps)?;
    native::build(project, steps)?;
    steps.run("native tests", "everything that needs no browser", || {
        // Nothing set outside may point these tests at a page; the browser tests have a step of their own.
        let mut command = project.cargo(&[["test"].as_slice(), &ALL].concat());
        execute(command.env_remove("GLAE_SITE").env(skips::FILE, Skips::path(project)))
    })?;
    match Skips::is_wanted("s3") {
        true => object_store(project, steps)?,
        false => {
            skips.add("s3", "the portal on an S3 store, because `cargo xtask test s3` or GLAE_REQUIRE=s3 runs it")?
        }
    }
    let site = page::build(project, steps, Quality::Quick)?;
    steps.run("browser tests", "the page as a visitor sees it, on WebGPU and on the CPU", || {
        stage.play(project, &site, &[], None)
    })?;
    skips.report()
}

/// Runs the portal on an S3 server. A step of its own: the feature brings an HTTP client, which gives dependencies of Burn
/// other features, and these tests need no Burn.
pub(crate) fn object_store(project: &Project, steps: &mut Steps) -> Result<()> {
    let moto = steps.run("moto", "an S3 server, from the Python package index", || {
        let python = install::python(project, "requirements-s3");
        if let Err(error) = &python {
            println!("left out: {error:#}");
        }
        Ok(python.ok())
    })?;
    steps.run("S3 tests", "the portal with its feature s3, on that server", || {
        let tests = ["--features", "portal/s3", "--test", "s3", "--test", "crash", "--", "s3"];
        let mut command = project.cargo(&[["test"].as_slice(), &ALL, &tests].concat());
        command.env(skips::FILE, Skips::path(project));
        match moto {
            Some(python) => command.env("GLAE_MOTO", python),
            None => command.env_remove("GLAE_MOTO"),
        };
        execute(&mut command)
    })
}

/// Walks through the page at random for many actions, from a seed that changes from day to day.
pub(crate) fn soak(project: &Project, steps: &mut Steps, actions: u32) -> Result<()> {
    tools::install(project, steps)?;
    let stage = JourneyTools::set_up(project, steps)?;
    native::build(project, steps)?;
    let site = page::build(project, steps, Quality::Quick)?;
    let day = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs() / 86_400;
    steps.run("soak", "clicks at random, with lists, crops and a camera half done, until something breaks", || {
        stage.play(project, &site, &["a_random_walk"], Some(&format!("{actions},{day}")))
    })
}
