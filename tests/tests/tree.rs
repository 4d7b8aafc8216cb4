//! What may lie in the repository.

use std::{fs, path::Path, process::Command};

/// Formats in which photographs come. Screenshots and icons are PNG and SVG.
const PHOTO_FORMATS: [&str; 10] = ["jpg", "jpeg", "webp", "heic", "heif", "avif", "tif", "tiff", "bmp", "gif"];

/// Folders that hold what was built, downloaded or trained here.
const NOT_OURS: [&str; 6] = [".git", "target", "dist", "runs", "data", "node_modules"];

/// The files that are committed, or would be by `git add --all`; without git, all that lie here.
fn files() -> Vec<String> {
    let files = listed();
    assert!(
        files.iter().any(|file| file == "tests/tests/tree.rs"),
        "the list of files is not the repository's: {files:?}"
    );
    files
}

fn listed() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(tests::root())
        .output();
    match listed {
        Ok(output) if output.status.success() && !output.stdout.is_empty() => {
            let names = String::from_utf8_lossy(&output.stdout).into_owned();
            names.split_terminator('\0').map(str::to_owned).collect()
        }
        _ => {
            let mut found = Vec::new();
            walk(&tests::root(), "", &mut found);
            found
        }
    }
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        if !entry.file_type().unwrap().is_dir() {
            found.push(format!("{prefix}{name}"));
        } else if !NOT_OURS.contains(&name.as_str()) {
            walk(&entry.path(), &format!("{prefix}{name}/"), found);
        }
    }
}

#[test]
fn no_photograph_is_committed() {
    let photographs: Vec<String> = files()
        .into_iter()
        .filter(|file| {
            let extension = Path::new(file).extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
            extension.is_some_and(|extension| PHOTO_FORMATS.contains(&extension.as_str()))
        })
        .collect();
    assert!(photographs.is_empty(), "pictures belong to their owners, draw them in code: {photographs:?}");
}

#[test]
fn weights_lie_only_beside_a_manifest() {
    let files = files();
    let is_weights =
        |file: &&String| [".safetensors", ".pth", ".pt", ".onnx", ".mpk"].iter().any(|e| file.ends_with(e));
    assert!(files.iter().any(|file| is_weights(&file)), "weights have another ending than any of these");
    for file in files.iter().filter(is_weights) {
        let (folder, _) = file.rsplit_once('/').unwrap_or(("", file));
        assert!(folder.starts_with("public/weights/"), "{file}: weights belong into public/weights/NAME");
        assert!(files.contains(&format!("{folder}/manifest.json")), "{file} has no manifest beside it");
    }
}
