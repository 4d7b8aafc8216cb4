//! The browser in which the page and onnxruntime-web are measured.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::install;
use crate::{
    browser,
    project::Project,
    step::{Steps, execute},
    tools,
};

/// What measuring in a browser needs beside the page.
pub(super) struct BenchTools {
    browser: browser::Browser,
    onnxruntime: PathBuf,
}

impl BenchTools {
    /// Finds or installs it.
    pub(super) fn set_up(project: &Project, steps: &mut Steps) -> Result<Self> {
        steps.run("node", "drives the browser", || install::node(project))?;
        let packages = steps.run("packages", "onnxruntime-web, to compare with", || install::packages(project))?;
        let onnxruntime = packages.join("onnxruntime-web/dist");
        let browser = steps.run("browser", "the page is measured in a real one", || browser::install(project))?;
        tools::install(project, steps)?;
        Ok(Self { browser, onnxruntime })
    }

    /// Runs a script of `tests/bench` on the page built in `site`, served with `public`. It reads and writes in `files`.
    pub(super) fn measure(
        &self,
        project: &Project,
        script: &str,
        site: &Path,
        public: &Path,
        files: &Path,
    ) -> Result<()> {
        let mut node = project.command("node");
        node.arg(project.path("tests/bench").join(script));
        let portal = project.program("portal");
        let named: [(&str, &Path); 7] = [
            ("--portal", &portal),
            ("--site", site),
            ("--public", public),
            ("--chromium", &self.browser.chromium),
            ("--driver", &self.browser.driver),
            ("--onnxruntime", &self.onnxruntime),
            ("--files", files),
        ];
        for (name, path) in named {
            node.arg(name).arg(path);
        }
        // The environment's database and store are not for it.
        execute(node.env_remove("DATABASE_URL").env_remove("GLAE_DATABASE_URL").env_remove("GLAE_STORE"))
    }
}
