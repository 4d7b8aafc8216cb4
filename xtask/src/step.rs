//! Saying what is done and why, and how long it took.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// The steps of one command, with their times.
pub(crate) struct Steps {
    started: Instant,
    done: Vec<(String, Duration)>,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), done: Vec::new() }
    }

    /// Announces a step, does it, prints its time.
    pub(crate) fn run<T>(&mut self, name: &str, why: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("\n== {name}: {why}");
        let started = Instant::now();
        let outcome = work().with_context(|| format!("the step `{name}` failed"));
        let took = started.elapsed();
        match &outcome {
            Ok(_) => println!("== {name}: done in {}", seconds(took)),
            Err(_) => println!("== {name}: FAILED after {}", seconds(took)),
        }
        self.done.push((name.to_owned(), took));
        outcome
    }

    /// Prints all steps with their times, and the total.
    pub(crate) fn summary(&self) {
        println!("\nSteps:");
        for (name, took) in &self.done {
            println!("{:>10}  {name}", seconds(*took));
        }
        println!("{:>10}  in total", seconds(self.started.elapsed()));
    }
}

/// "0.4 s", "95.0 s", "12 min 3 s".
pub(crate) fn seconds(took: Duration) -> String {
    let whole = took.as_secs();
    if whole < 100 { format!("{:.1} s", took.as_secs_f64()) } else { format!("{} min {} s", whole / 60, whole % 60) }
}

/// Shows a command, runs it with our own input and output, and fails if it does.
pub(crate) fn execute(command: &mut Command) -> Result<()> {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let line = words.join(" ");
    println!("$ {line}");
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` ended with {status}; what it printed is above");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_readable() {
        for (millis, text) in [(420, "0.4 s"), (95_000, "95.0 s"), (723_000, "12 min 3 s")] {
            assert_eq!(seconds(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn a_failing_command_is_named() {
        let error = execute(Command::new("cargo").arg("no-such-subcommand-here")).unwrap_err().to_string();
        assert!(error.contains("`cargo no-such-subcommand-here` ended with"), "{error}");
        let error = execute(&mut Command::new("no-such-program-here")).unwrap_err().to_string();
        assert!(error.contains("cannot start `no-such-program-here`"), "{error}");
    }
}
