//! Starting the browser tests with everything they need named in their environment.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{
    axe, browser, browser::Browser, native::ALL, project::Project, skips, skips::Skips, step::Steps, step::execute,
    tools,
};

/// What the browser tests need beside the page: found or installed before anything is built for minutes.
pub(crate) struct JourneyTools {
    browser: Browser,
    axe: Option<PathBuf>,
    geckodriver: Option<PathBuf>,
}

impl JourneyTools {
    /// Finds or installs it.
    pub(crate) fn set_up(project: &Project, steps: &mut Steps) -> Result<Self> {
        let browser = steps.run("browser", "the page is tested in a real one", || browser::install(project))?;
        let axe = steps.run("axe-core", "finds what keeps people from using the page", || axe::install(project))?;
        let mut geckodriver = None;
        if browser::has_firefox() {
            // Without it the journey in Firefox is skipped, visibly.
            match steps.run("geckodriver", "drives Firefox", || tools::geckodriver(project)) {
                Ok(driver) => geckodriver = Some(driver),
                Err(error) => println!("{error:#}"),
            }
        }
        Ok(Self { browser, axe, geckodriver })
    }

    /// Plays the journeys whose names contain `filter` on the page built in `site`; `walk` says how many actions the random
    /// one has, and from which seed, as in `2000,7`.
    pub(crate) fn play(&self, project: &Project, site: &Path, filter: &[&str], walk: Option<&str>) -> Result<()> {
        let artifacts = project.target.join("artifacts");
        std::fs::create_dir_all(&artifacts)?;
        let words = [["test"].as_slice(), &ALL, &["--test", "browser", "--"], filter].concat();
        let mut command = project.cargo(&words);
        command
            .env("GLAE_SITE", site)
            .env("GLAE_PUBLIC", project.path("public"))
            .env("GLAE_PORTAL_BIN", project.program("portal"))
            .env("GLAE_TRAINER_BIN", project.program("trainer"))
            .env("GLAE_ARTIFACTS", &artifacts)
            .env(skips::FILE, Skips::path(project))
            .env("CHROMIUM", &self.browser.chromium)
            .env("CHROMEDRIVER", &self.browser.driver);
        match walk {
            Some(walk) => command.env("GLAE_WALK", walk),
            None => command.env_remove("GLAE_WALK"),
        };
        if let Some(script) = &self.axe {
            command.env("GLAE_AXE", script);
        }
        if let Some(driver) = &self.geckodriver {
            command.env("GECKODRIVER", driver);
        }
        execute(&mut command)?;
        println!("\nScreenshots: {}", artifacts.display());
        Ok(())
    }
}
