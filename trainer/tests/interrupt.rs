//! The program itself under Ctrl-C: it stops with a checkpoint, and `--resume` goes on from there.

#![cfg(unix)]

mod small;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use glae_data::faces;
use small::{config, trainer};

#[test]
fn ctrl_c_leaves_a_checkpoint_and_resume_continues_it() {
    let folder = tempfile::tempdir().unwrap();
    let (data, run, file) = (folder.path().join("data"), folder.path().join("run"), folder.path().join("run.toml"));
    faces::write_set(&data, 40, 5).unwrap();
    fs::write(&file, config(&data, 100_000)).unwrap();

    let mut child =
        trainer().arg(&file).arg("--out").arg(&run).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    // After the first epoch it is certain that the loop runs and listens.
    assert!(lines.by_ref().any(|line| line.unwrap().starts_with("stage 1 epoch 1:")), "it never trained");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let said: Vec<String> = lines.map_while(Result::ok).collect();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{said:?}");
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.contains("stopped at") && out.contains("--resume"), "{out}");

    // What is left to do shrinks to what a test can wait for; the checkpoint stays as it is.
    let done = fs::read_to_string(run.join("metrics.jsonl")).unwrap().lines().count();
    fs::write(run.join("config.toml"), config(&data, done + 1)).unwrap();
    // The data moves. What is missing is named with the remedy; only paths can be other ones, and only to the same data.
    let moved = folder.path().join("moved");
    fs::rename(&data, &moved).unwrap();
    let resume = |data: &Path, more: &[&str]| {
        let mut command = trainer();
        for (key, path) in [("images", "images"), ("train", "train.csv"), ("val", "val.csv")] {
            command.arg("--set").arg(format!("data.{key}={}", data.join(path).display()));
        }
        command.args(more).arg("--resume").arg(&run).output().unwrap()
    };
    let refused = trainer().arg("--resume").arg(&run).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("is not where it was: data.images = "), "{said}");
    assert!(said.contains("data.train = ") && said.contains("--set data.images=DIR"), "{said}");
    let said = String::from_utf8_lossy(&resume(&moved, &["--set", "seed=3"]).stderr).into_owned();
    assert!(said.contains("--set seed=3: a run goes on with the settings it began with"), "{said}");
    let other = folder.path().join("other");
    faces::write_set(&other, 40, 6).unwrap();
    let said = String::from_utf8_lossy(&resume(&other, &[]).stderr).into_owned();
    assert!(said.contains("the training data are not those this run began with"), "{said}");

    let resumed = resume(&moved, &[]);
    let said = String::from_utf8_lossy(&resumed.stderr);
    assert!(resumed.status.success() && said.contains("resuming"), "{said}");
    assert!(String::from_utf8_lossy(&resumed.stdout).contains("validation:"));
    let lines = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let again = lines.lines().filter(|line| line.contains("\"stage\":1") && line.contains("\"epoch\":1,")).count();
    assert_eq!(again, 1, "it began anew instead of going on: {lines}");
    assert_eq!(lines.lines().count(), done + 2, "{lines}");
    let kept = fs::read_to_string(run.join("config.toml")).unwrap();
    assert!(kept.contains(&moved.join("train.csv").display().to_string()), "{kept}");
}
