//! The program itself under `kill -9`, again and again: `--resume` leaves the files of an unbroken run.

#![cfg(unix)]

mod small;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use glae_data::faces;
use small::{config, trainer};

/// When to kill the program.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// When a line with this in it has been printed on standard error, and so many milliseconds later.
    Line(&'static str, u64),
    /// When the file beside the checkpoint is there: in the middle of writing it, or just after.
    Writing,
}

/// All that is random, all that a checkpoint holds, and losses that differ from image to image.
const SETTINGS: [&str; 6] = [
    "ema=0.99",
    "stage1.batch=4",
    "stage1.accumulate=2",
    "label_distribution_smoothing=true",
    "augment.hue=0.1",
    "augment.rand_augment={}",
];

#[test]
fn killed_at_any_moment_a_run_resumes_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("run.toml"));
    faces::write_set(&data, 40, 5).unwrap();
    fs::write(&file, config(&data, 20)).unwrap();
    let begin = |out: &Path| {
        let mut command = trainer();
        for setting in SETTINGS {
            command.args(["--set", setting]);
        }
        command.arg(&file).arg("--out").arg(out);
        command
    };
    let (unbroken, broken) = (folder.path().join("unbroken"), folder.path().join("broken"));
    let output = begin(&unbroken).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    // Each resumed run gets an epoch or two further, so that none but the last is over before its moment.
    let moments = [
        // Before the first checkpoint.
        Moment::Line("run in", 0),
        Moment::Line("run in", 7),
        Moment::Writing,
        Moment::Line("stage 1 epoch", 0),
        Moment::Line("stage 1 epoch", 5),
        Moment::Writing,
        Moment::Line("stage 1 epoch", 11),
        Moment::Line("stage 2 epoch 1:", 0),
    ];
    let mut kills = 0;
    for (index, moment) in moments.into_iter().enumerate() {
        let mut command = if index == 0 { begin(&broken) } else { resume(&broken) };
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        kills += usize::from(kill(child, moment, &broken));
        // Nothing that is there is ever half a file.
        assert!(broken.join("config.toml").exists(), "{moment:?}");
    }
    assert!(kills >= 6, "only {kills} of {} moments came before the end", moments.len());
    let output = resume(&broken).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for name in ["config.toml", "checkpoint.safetensors", "metrics.jsonl"] {
        let read = |run: &Path| fs::read(run.join(name)).unwrap();
        assert!(read(&broken) == read(&unbroken), "{name} differs from the unbroken run's");
    }
}

fn resume(run: &Path) -> Command {
    let mut command = trainer();
    command.arg("--resume").arg(run);
    command
}

/// Waits for the moment and kills. Whether it was killed, and had not ended before.
fn kill(mut child: Child, moment: Moment, run: &Path) -> bool {
    let lines = lines_of(&mut child);
    match moment {
        Moment::Line(part, later) => {
            if !lines.iter().any(|line| line.contains(part)) {
                return !ended(&mut child);
            }
            // Either the time is over, or the lines are: then the program has ended.
            let end = Instant::now() + Duration::from_millis(later);
            while lines.recv_timeout(end.saturating_duration_since(Instant::now())).is_ok() {}
        }
        Moment::Writing => {
            let half = run.join("checkpoint.tmp");
            while !half.exists() {
                if lines.recv_timeout(Duration::from_micros(50)) == Err(RecvTimeoutError::Disconnected) {
                    return !ended(&mut child);
                }
            }
        }
    }
    // SIGKILL: nothing of the program runs any more.
    child.kill().unwrap();
    child.wait().unwrap().code().is_none()
}

/// Waits for a program that closed its standard error; it must have succeeded.
fn ended(child: &mut Child) -> bool {
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}");
    true
}

/// Lines of standard error, as they come.
fn lines_of(child: &mut Child) -> Receiver<String> {
    let (sender, receiver) = channel();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
