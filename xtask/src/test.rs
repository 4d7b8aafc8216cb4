//! `cargo xtask test`: the native tests, then the journeys in a real browser.

use anyhow::Result;

use crate::{
    axe, browser,
    compress::Quality,
    page,
    project::Project,
    step::{Steps, execute},
    tools,
};

/// The packages every native build and test selects.
///
/// Always the whole workspace: Cargo unifies the features of what is selected together, so another selection would
/// compile Burn a second time.
const ALL: [&str; 2] = ["--workspace", "--locked"];

/// Runs every test there is.
pub(crate) fn run(project: &Project, steps: &mut Steps) -> Result<()> {
    tools::install(project, steps)?;
    let browser = steps.run("browser", "the page is tested in a real one", || browser::install(project))?;
    let axe = steps.run("axe-core", "finds what keeps people from using the page", || axe::install(project))?;
    steps.run("native build", "programs and tests, dependencies optimised (many minutes when cold)", || {
        let programs = ["--bin", "portal", "--bin", "trainer", "--lib", "--tests"];
        execute(&mut project.cargo(&[["build"].as_slice(), &ALL, &programs].concat())?)
    })?;
    steps.run("native tests", "everything that needs no browser", || {
        // Nothing set outside may point these tests at a page; the browser tests have a step of their own.
        execute(project.cargo(&[["test"].as_slice(), &ALL].concat())?.env_remove("GLAE_SITE"))
    })?;
    let site = page::build(project, steps, Quality::Quick)?;
    let artifacts = project.target.join("artifacts");
    steps.run("browser tests", "the page as a visitor sees it, on WebGPU and on the CPU", || {
        std::fs::create_dir_all(&artifacts)?;
        let mut command = project.cargo(&[["test"].as_slice(), &ALL, &["--test", "browser"]].concat())?;
        command
            .env("GLAE_SITE", &site)
            .env("GLAE_PUBLIC", project.path("public"))
            .env("GLAE_PORTAL_BIN", project.program("portal"))
            .env("GLAE_TRAINER_BIN", project.program("trainer"))
            .env("GLAE_ARTIFACTS", &artifacts)
            .env("CHROMIUM", &browser.chromium)
            .env("CHROMEDRIVER", &browser.driver);
        if let Some(script) = &axe {
            command.env("GLAE_AXE", script);
        }
        execute(&mut command)
    })?;
    println!("\nScreenshots: {}", artifacts.display());
    Ok(())
}
