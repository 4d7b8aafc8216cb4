//! `trainer train --seeds K` and `--set KEY=VALUE`, the program itself.

mod small;

use std::fs;
use std::path::Path;

use glae_data::faces;
use small::{config, trainer};
use trainer::config::RunConfig;

fn run(file: &Path, arguments: &[&str]) -> (bool, String, String) {
    let output = trainer().arg(file).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn several_seeds_make_several_runs_and_one_summary() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out, file) = (folder.path().join("data"), folder.path().join("out"), folder.path().join("run.toml"));
    faces::write_set(&data, 40, 5).unwrap();
    fs::write(&file, config(&data, 1)).unwrap();
    let arguments = ["--seeds", "2", "--set", "seed=7", "--set", "loss=base", "--out", out.to_str().unwrap()];
    let (success, said, problems) = run(&file, &arguments);
    assert!(success, "{problems}");
    assert!(said.contains("2 seeds") && said.contains("| routed | all |") && said.contains(" ± "), "{said}");
    let summary: serde_json::Value = serde_json::from_slice(&fs::read(out.join("seeds.json")).unwrap()).unwrap();
    assert_eq!(summary["seeds"], serde_json::json!([7, 8]));
    let read = |seed: u64, name: &str| fs::read(out.join(format!("seed-{seed}")).join(name)).unwrap();
    for seed in [7, 8] {
        let config = RunConfig::read(&out.join(format!("seed-{seed}/config.toml"))).unwrap();
        assert_eq!((config.seed, config.loss), (seed, glae_model::loss::Objective::Base));
    }
    let checkpoints = [7, 8].map(|seed| read(seed, "checkpoint.safetensors"));
    assert!(checkpoints[0] != checkpoints[1], "both seeds gave the same weights");

    // A third seed: the two that are there are taken as they are.
    fs::remove_file(out.join("seeds.json")).unwrap();
    let metrics = [7, 8].map(|seed| read(seed, "metrics.jsonl"));
    let more = ["--seeds", "3", "--set", "seed=7", "--set", "loss=base", "--out", out.to_str().unwrap()];
    let (success, said, problems) = run(&file, &more);
    assert!(success && said.contains("3 seeds"), "{problems}");
    assert_eq!(problems.matches("stage 1 epoch 1:").count(), 1, "{problems}");
    assert_eq!([7, 8].map(|seed| read(seed, "metrics.jsonl")), metrics);
    assert!([7, 8].map(|seed| read(seed, "checkpoint.safetensors")) == checkpoints);

    let (success, _, problems) = run(&file, &["--seeds", "2", "--set", "seed=7", "--out", out.to_str().unwrap()]);
    assert!(!success && problems.contains("seed-7 holds a run of another configuration"), "{problems}");
}

#[test]
fn an_unknown_key_and_a_damaged_image_are_named_before_anything_is_trained() {
    let folder = tempfile::tempdir().unwrap();
    let (data, out, file) = (folder.path().join("data"), folder.path().join("out"), folder.path().join("run.toml"));
    faces::write_set(&data, 40, 5).unwrap();
    fs::write(&file, config(&data, 1)).unwrap();
    let (success, _, problems) = run(&file, &["--set", "stage1.epoch=3"]);
    assert!(!success && problems.contains("`epoch`") && problems.contains("`epochs`"), "{problems}");
    let truth = fs::read_to_string(data.join("train.csv")).unwrap();
    let name = truth.lines().nth(1).unwrap().split(',').next().unwrap().to_owned();
    let image = data.join("images").join(&name);
    let bytes = fs::read(&image).unwrap();
    fs::write(&image, &bytes[..bytes.len() / 2]).unwrap();
    let (success, _, problems) = run(&file, &["--out", out.to_str().unwrap()]);
    assert!(!success && problems.contains(&format!("unusable image: {name}")), "{problems}");
    assert!(problems.contains("the largest tolerated share is 0.01") && !problems.contains("stage 1"), "{problems}");
    // Tolerated, the run goes on without it; the folder has no checkpoint yet and is taken.
    let (success, _, problems) = run(&file, &["--out", out.to_str().unwrap(), "--set", "data.max_bad_share=0.1"]);
    assert!(success && problems.contains("stage 2 epoch 1:"), "{problems}");
}
