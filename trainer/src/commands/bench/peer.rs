//! Another engine, in a process of its own: started once, then asked for one run after the other.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The engine, ended when dropped.
pub(super) struct Peer {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub(super) hello: Hello,
}

/// What it says when it is ready.
#[derive(Deserialize)]
pub(super) struct Hello {
    /// Its name and version.
    pub(super) version: String,
    /// What it finds in the picture, row by row.
    pub(super) answers: Vec<f32>,
}

impl Peer {
    /// Starts `python script words...` and waits until it is ready.
    pub(super) fn start(python: &Path, script: &Path, words: &[String]) -> Result<Self> {
        let mut child = Command::new(python)
            .arg(script)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", python.display()))?;
        let questions = child.stdin.take().context("its input is piped")?;
        let mut answers = BufReader::new(child.stdout.take().context("its output is piped")?);
        let line = line(&mut answers);
        let hello = line.and_then(|line| serde_json::from_str(&line).with_context(|| format!("it said: {line}")));
        let hello = hello.with_context(|| {
            let packages = script.with_file_name("requirements.txt");
            format!(
                "{} {} {} did not start: are the packages of {} installed?",
                python.display(),
                script.display(),
                words.join(" "),
                packages.display()
            )
        })?;
        Ok(Self { child, questions, answers, hello })
    }

    /// The milliseconds of one run.
    pub(super) fn time(&mut self) -> Result<f64> {
        writeln!(self.questions, "run")?;
        let line = line(&mut self.answers).with_context(|| format!("{} stopped", self.hello.version))?;
        line.trim().parse().with_context(|| format!("{} answered with no number: {line}", self.hello.version))
    }
}

fn line(answers: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    ensure!(answers.read_line(&mut line)? > 0, "it ended; what it complained about is above");
    Ok(line)
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
