//! Boards with many rows: the answers on SQLite and on PostgreSQL, and the page in a browser.

use std::{fs, process::Command};

use anyhow::{Context, Result, ensure};

use super::{DOCUMENT, install};
use crate::{
    browser,
    compress::Quality,
    native::{self, ALL},
    page,
    project::Project,
    step::{Steps, execute},
    tools,
};

/// Between these lines of the document stand the tables.
const MARKS: [&str; 2] = ["<!-- bench board -->\n", "<!-- end of board -->"];

/// Measures, prints the tables and writes them into the document.
pub(crate) fn board(project: &Project, steps: &mut Steps) -> Result<()> {
    steps.run("node", "drives the browser", || install::node(project))?;
    let browser = steps.run("browser", "the page is measured in a real one", || browser::install(project))?;
    tools::install(project, steps)?;
    steps.run("build", "the portal and what measures it", || {
        execute(&mut native::serving(project))?;
        execute(&mut project.cargo(&[&["build"], ALL.as_slice(), &["--example", "bench_board"]].concat()))
    })?;
    let site = page::build(project, steps, Quality::Best)?;
    let program = project.target.join("debug/examples/bench_board");
    let answers = steps
        .run("answers", "200, 2,000 and 20,000 rows: lists, parts, submissions", || table(project.command(&program)))?;
    let files = project.target.join("artifacts").join("bench-board");
    let seen = steps.run("page", "the same numbers of rows in Chromium", || {
        if files.exists() {
            fs::remove_dir_all(&files).with_context(|| format!("cannot empty {}", files.display()))?;
        }
        execute(project.command(&program).arg("fill").arg(&files))?;
        let mut node = project.command("node");
        node.arg(project.path("tests/bench/board.mjs"));
        let portal = project.program("portal");
        for (name, path) in [
            ("--portal", &portal),
            ("--site", &site),
            ("--public", &project.path("public")),
            ("--chromium", &browser.chromium),
            ("--driver", &browser.driver),
            ("--files", &files),
        ] {
            node.arg(name).arg(path);
        }
        // The environment's database and store are not for it.
        node.env_remove("DATABASE_URL").env_remove("GLAE_DATABASE_URL").env_remove("GLAE_STORE");
        table(node)
    })?;
    let path = project.path(DOCUMENT);
    let text = fs::read_to_string(&path)?;
    let (before, rest) = text.split_once(MARKS[0]).context("the document has no place for the tables")?;
    let (_, after) = rest.split_once(MARKS[1]).context("the tables' place has no end")?;
    Ok(fs::write(&path, format!("{before}{}\n{answers}\n{seen}\n{}{after}", MARKS[0], MARKS[1]))?)
}

/// The table that a program prints. What was skipped says so on a line of its own, which is no part of it.
fn table(mut command: Command) -> Result<String> {
    let output = command.output().context("the bench did not start")?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    print!("{printed}{}", String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "the bench ended with {}", output.status);
    Ok(printed.lines().filter(|line| line.starts_with('|')).map(|line| format!("{line}\n")).collect())
}
