//! `trainer prepare --run` and a run that reads the file it leaves, the program itself; and a run on two devices.

mod small;

use std::fs;
use std::path::Path;
use std::process::Command;

use glae_data::faces;
use small::{config, trainer};

fn said(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.success(), text)
}

fn prepare(file: &Path, settings: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trainer"));
    command.args(["--device", "cpu", "prepare", "--run"]).arg(file);
    settings.iter().for_each(|setting| _ = command.args(["--set", setting]));
    said(&mut command)
}

#[test]
fn a_run_from_packed_crops_leaves_the_bytes_of_one_from_images_and_says_what_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file, pack) =
        (folder.path().join("data"), folder.path().join("run.toml"), folder.path().join("faces.pack"));
    faces::write_set(&data, 40, 5).unwrap();
    fs::write(&file, config(&data, 1)).unwrap();
    let cache = format!("data.cache={}", pack.display());
    let (success, text) = prepare(&file, &[]);
    assert!(!success && text.contains("--set data.cache=FILE"), "{text}");

    let train = |name: &str, settings: &[&str]| {
        let mut command = trainer();
        command.arg(&file).arg("--out").arg(folder.path().join(name));
        settings.iter().for_each(|setting| _ = command.args(["--set", setting]));
        said(&mut command)
    };
    let (success, text) = train("early", &[&cache]);
    assert!(!success && text.contains("cannot open") && text.contains("trainer prepare --run"), "{text}");
    let (success, text) = prepare(&file, &[&cache]);
    // Of 40 images 24 are to learn from, 8 to choose on; the run names no others.
    assert!(success && text.contains("32 crops in") && text.contains("0 images cannot be used"), "{text}");

    let (success, text) = train("images", &[]);
    assert!(success, "{text}");
    let (success, text) = train("packed", &[&cache]);
    assert!(success && text.contains("24 training images, 8 for validation, read from"), "{text}");
    for name in ["checkpoint.safetensors", "metrics.jsonl", "origin.toml"] {
        let [images, packed] = ["images", "packed"].map(|run| fs::read(folder.path().join(run).join(name)).unwrap());
        assert!(images == packed, "{name}");
    }

    let (success, text) = train("wider", &[&cache, "augment.surroundings=true"]);
    assert!(!success && text.contains("does not fit this run") && text.contains("a margin of 0 pixels"), "{text}");
    let bytes = fs::read(&pack).unwrap();
    let mut altered = bytes.clone();
    altered[1000] ^= 1;
    for (damaged, reason) in [(&altered[..], "is damaged"), (&bytes[..bytes.len() - 100], "is cut off")] {
        fs::write(&pack, damaged).unwrap();
        let (success, text) = train("damaged", &[&cache]);
        assert!(!success && text.contains(reason) && text.contains("trainer prepare --run"), "{text}");
    }
}

#[test]
fn two_devices_leave_the_bytes_of_one_and_a_resumed_run_refuses_other_data() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("run.toml"));
    faces::write_set(&data, 40, 5).unwrap();
    fs::write(&file, config(&data, 1)).unwrap();
    let train = |name: &str, more: &[&str]| {
        let mut command = trainer();
        for setting in ["stage1.batch=4", "stage1.accumulate=2", "stage2.batch=4", "stage2.accumulate=2"] {
            command.args(["--set", setting]);
        }
        said(command.arg(&file).arg("--out").arg(folder.path().join(name)).args(more))
    };
    for (name, more) in [("one", &[][..]), ("two", &["--devices", "0,1"])] {
        let (success, text) = train(name, more);
        assert!(success && text.contains("images/s"), "{text}");
    }
    for name in ["checkpoint.safetensors", "metrics.jsonl", "config.toml", "origin.toml"] {
        let [one, two] = ["one", "two"].map(|run| fs::read(folder.path().join(run).join(name)).unwrap());
        assert!(one == two, "{name}");
    }
    let (success, text) = train("three", &["--devices", "0,1,2"]);
    assert!(!success && text.contains("3 devices cannot share the 2 batches"), "{text}");
    assert!(text.contains("before its first checkpoint"), "{text}");

    let truth = fs::read_to_string(data.join("train.csv")).unwrap();
    fs::write(data.join("train.csv"), truth.lines().take(20).collect::<Vec<_>>().join("\n")).unwrap();
    let (success, text) = said(trainer().arg("--resume").arg(folder.path().join("one")));
    assert!(!success && text.contains("the training data are not those this run began with"), "{text}");
}
