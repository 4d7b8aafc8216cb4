//! Saying what is done and why, and how long it took.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// A step that is done.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) name: String,
    /// By the clock.
    pub(crate) took: Duration,
    /// What the processes that ended in it computed, on all cores together, if the system says so.
    pub(crate) processor: Option<Duration>,
}

/// The steps of one command, with their times.
pub(crate) struct Steps {
    begun: Begun,
    done: Vec<Step>,
}

/// Where a step began.
struct Begun {
    started: Instant,
    processor: Option<Duration>,
}

impl Begun {
    fn now() -> Self {
        Self { started: Instant::now(), processor: processor_time() }
    }

    fn done(&self, name: &str) -> Step {
        let computed = processor_time().zip(self.processor).map(|(now, then)| now.saturating_sub(then));
        Step { name: name.to_owned(), took: self.started.elapsed(), processor: computed }
    }
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self { begun: Begun::now(), done: Vec::new() }
    }

    /// Announces a step, does it, prints its time.
    pub(crate) fn run<T>(&mut self, name: &str, why: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("\n== {name}: {why}");
        let begun = Begun::now();
        let outcome = work().with_context(|| format!("the step `{name}` failed"));
        let step = begun.done(name);
        match &outcome {
            Ok(_) => println!("== {name}: done in {}", seconds(step.took)),
            Err(_) => println!("== {name}: FAILED after {}", seconds(step.took)),
        }
        self.done.push(step);
        outcome
    }

    /// All steps, in order.
    pub(crate) fn done(self) -> Vec<Step> {
        self.done
    }

    /// Everything since the beginning, as one step.
    pub(crate) fn whole(&self) -> Step {
        self.begun.done("in total")
    }

    /// Prints all steps with their times, and the total.
    pub(crate) fn summary(&self) {
        println!("\nSteps:");
        for step in self.done.iter().chain([&self.whole()]) {
            println!("{:>10}  {}", seconds(step.took), step.name);
        }
    }
}

/// What all processes computed that we started and that have ended, theirs included. Linux says so in `/proc/self/stat`, as
/// the fields 16 and 17, in hundredths of a second.
fn processor_time() -> Option<Duration> {
    processor_time_in(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

fn processor_time_in(stat: &str) -> Option<Duration> {
    // The second field, the program's name in parentheses, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(13);
    let mut field = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (field()? + field()?)))
}

/// "0.4 s", "95.0 s", "12 min 3 s".
pub(crate) fn seconds(took: Duration) -> String {
    let whole = took.as_secs();
    if whole < 100 { format!("{:.1} s", took.as_secs_f64()) } else { format!("{} min {} s", whole / 60, whole % 60) }
}

/// A command as one would type it.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Shows a command, runs it with our own input and output, and fails if it does.
pub(crate) fn execute(command: &mut Command) -> Result<()> {
    let line = line(command);
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
    fn processor_time_is_the_children_s() {
        // The order of proc(5): pid, name, state, ..., utime, stime, cutime, cstime, priority.
        let stat = "42 (a) b) S 1 1 1 0 -1 4194304 1 2 3 4 1000 2000 150 25 20 0 1 0 7";
        assert_eq!(processor_time_in(stat), Some(Duration::from_millis(1750)));
        assert_eq!(processor_time_in("42 (a) S 1"), None);
    }

    #[test]
    fn a_failing_command_is_named() {
        let error = execute(Command::new("cargo").arg("no-such-subcommand-here")).unwrap_err().to_string();
        assert!(error.contains("`cargo no-such-subcommand-here` ended with"), "{error}");
        let error = execute(&mut Command::new("no-such-program-here")).unwrap_err().to_string();
        assert!(error.contains("cannot start `no-such-program-here`"), "{error}");
    }
}
