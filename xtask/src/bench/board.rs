//! Boards with many rows, on SQLite and on PostgreSQL.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::DOCUMENT;
use crate::{
    native::ALL,
    project::Project,
    step::{Steps, execute},
};

/// Between these lines of the document stands the table.
const MARKS: [&str; 2] = ["<!-- bench board -->\n", "<!-- end of board -->"];

/// Measures, prints the table and writes it into the document.
pub(crate) fn board(project: &Project, steps: &mut Steps) -> Result<()> {
    steps.run("build", "the portal and what measures it", || {
        execute(&mut project.cargo(&[&["build"], ALL.as_slice(), &["--example", "bench_board"]].concat()))
    })?;
    steps.run("board", "200, 2,000 and 20,000 rows: lists, first pages, submissions", || {
        let program = project.target.join("debug/examples/bench_board");
        let output = project.command(program).output().context("the bench did not start")?;
        let table = String::from_utf8_lossy(&output.stdout).into_owned();
        print!("{table}{}", String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "the bench ended with {}", output.status);
        let path = project.path(DOCUMENT);
        let text = fs::read_to_string(&path)?;
        let (before, rest) = text.split_once(MARKS[0]).context("the document has no place for the table")?;
        let (_, after) = rest.split_once(MARKS[1]).context("the table's place has no end")?;
        // What was skipped says so on a line of its own, which is no part of the table.
        let rows: String = table.lines().filter(|line| line.starts_with('|')).map(|line| format!("{line}\n")).collect();
        Ok(fs::write(&path, format!("{before}{}\n{rows}\n{}{after}", MARKS[0], MARKS[1]))?)
    })
}
