//! The arrows between packages, and the places where a backend may be named.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use serde_json::Value;

/// Which of our packages each of our packages may use. One that is not in this table fails the test: decide first.
const ARROWS: [(&str, &[&str]); 14] = [
    ("glae-metrics", &[]),
    ("glae-api", &["glae-metrics"]),
    ("glae-face", &["glae-model"]),
    ("glae-estimate", &["glae-face", "glae-model"]),
    ("glae-model", &[]),
    ("glae-data", &["glae-model", "glae-face", "glae-metrics"]),
    ("glae-chart", &[]),
    ("glae-report", &["glae-metrics", "glae-model", "glae-chart"]),
    ("portal", &["glae-metrics", "glae-api"]),
    (
        "trainer",
        &["glae-model", "glae-face", "glae-estimate", "glae-metrics", "glae-data", "glae-chart", "glae-report"],
    ),
    ("web", &["glae-model", "glae-face", "glae-estimate", "glae-metrics", "glae-chart", "glae-api"]),
    ("tests", &["glae-metrics", "glae-api", "glae-face", "glae-estimate", "glae-model"]),
    ("xtask", &[]),
    ("glue", &[]),
];

/// Packages into which no part of Burn may be linked.
const WITHOUT_BURN: [&str; 9] =
    ["glae-metrics", "glae-model", "glae-chart", "glae-data", "glae-report", "glae-api", "portal", "xtask", "glue"];

/// Features of Burn that bring a backend along.
const BACKEND_FEATURES: [&str; 9] = ["flex", "cuda", "rocm", "vulkan", "wgpu", "webgpu", "metal", "ndarray", "tch"];

/// Words that name a backend in code.
const BACKEND_WORDS: [&str; 12] = [
    "Device::flex",
    "Device::cuda",
    "Device::rocm",
    "Device::vulkan",
    "Device::webgpu",
    "Device::wgpu",
    "Device::metal",
    "Device::enumerate",
    "DeviceType::",
    "burn_flex",
    "burn_wgpu",
    "burn_cuda",
];

/// Where they may stand.
const BACKEND_FILES: [&str; 4] = [
    "trainer/src/device.rs",
    "web/src/inference/device.rs",
    "web/src/inference/graphics.rs",
    "crates/glae-model/src/cpu/mod.rs",
];

/// Most lines of a file.
const LONGEST: usize = 500;

/// Names of public types that two packages share, each for one meaning: see docs/glossary.md. None may come to them.
const TWINS: [&str; 2] = ["Doubtful", "Route"];

/// `cargo metadata` for the machine that runs the tests, from what is already downloaded.
fn metadata() -> Value {
    let version = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host])
        .current_dir(tests::root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Libraries that anybody may link without choosing a backend take one only behind this feature, which no default turns
/// on.
const PROCESSOR_FEATURE: &str = "cpu";

/// Our own packages: name and description by Cargo. Cargo lists the workspace's members by id.
fn ours(metadata: &Value) -> BTreeMap<&str, &Value> {
    let members: BTreeSet<&str> = list(&metadata["workspace_members"]).iter().map(text).collect();
    let packages = list(&metadata["packages"]).iter();
    packages
        .filter(|package| members.contains(text(&package["id"])))
        .map(|package| (text(&package["name"]), package))
        .collect()
}

#[test]
fn packages_use_each_other_only_along_the_arrows() {
    let metadata = metadata();
    let ours = ours(&metadata);
    let mut complaints = Vec::new();
    for (name, package) in &ours {
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| known == name) else {
            complaints.push(format!("{name} is not in the table of arrows"));
            continue;
        };
        // All kinds count: a development dependency ties two packages together as well.
        for used in list(&package["dependencies"]).iter().map(|dependency| text(&dependency["name"])) {
            if ours.contains_key(used) && !allowed.contains(&used) {
                complaints.push(format!("{name} -> {used}"));
            }
        }
    }
    let gone = ARROWS.iter().map(|(name, _)| *name).filter(|name| !ours.contains_key(name));
    complaints.extend(gone.map(|name| format!("{name} is in the table and no package any more")));
    assert!(complaints.is_empty(), "against the arrows of ARCHITECTURE.md: {complaints:#?}");
}

#[test]
fn burn_is_linked_only_where_numbers_are_computed() {
    // By `cargo tree`, which turns on the features that the package asks for itself: `cargo metadata` knows those of all.
    let links_burn = |name: &str| {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--package", name, "--edges", "normal", "--prefix", "none", "--locked", "--offline"])
            .current_dir(tests::root())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let names = String::from_utf8(output.stdout).unwrap();
        names.lines().any(|line| line.starts_with("burn ") || line.starts_with("burn-"))
    };
    for name in WITHOUT_BURN {
        assert!(!links_burn(name), "{name} links Burn");
    }
    // The question is asked rightly: where Burn is meant to be, it is found.
    assert!(links_burn("trainer"));
}

#[test]
fn libraries_choose_no_backend() {
    let metadata = metadata();
    for (name, package) in ours(&metadata) {
        if !name.starts_with("glae-") {
            continue;
        }
        for dependency in list(&package["dependencies"]) {
            if text(&dependency["name"]) != "burn" || dependency["kind"] == "dev" {
                continue;
            }
            for feature in list(&dependency["features"]).iter().map(text) {
                assert!(!BACKEND_FEATURES.contains(&feature), "{name} asks Burn for the backend `{feature}`");
            }
            assert_eq!(dependency["uses_default_features"], false, "{name} takes Burn's default features");
        }
        let features = package["features"].as_object().unwrap();
        assert!(features.get("default").is_none_or(|on| list(on).is_empty()), "{name} turns features on by default");
        for (feature, on) in features.iter().filter(|(feature, _)| *feature != PROCESSOR_FEATURE) {
            let backend = |on: &Value| BACKEND_FEATURES.iter().any(|backend| text(on) == format!("burn/{backend}"));
            assert!(!list(on).iter().any(backend), "the feature `{feature}` of {name} brings a backend along");
        }
    }
}

#[test]
fn a_backend_is_named_in_four_places() {
    let root = tests::root();
    let mut found = Vec::new();
    for folder in ["crates", "trainer", "web"] {
        for file in sources(&root.join(folder)) {
            let relative = file.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
            // Tests of a package may pick the device they run on.
            let is_test = relative.contains("/tests/") || relative.ends_with("/tests.rs");
            if is_test || BACKEND_FILES.contains(&relative.as_str()) {
                continue;
            }
            let code = fs::read_to_string(&file).unwrap();
            let code = code.split("#[cfg(test)]").next().unwrap_or_default();
            for (number, line) in code.lines().enumerate() {
                let is_comment = line.trim_start().starts_with("//");
                if !is_comment && BACKEND_WORDS.iter().any(|word| line.contains(word)) {
                    found.push(format!("{relative}:{}: {}", number + 1, line.trim()));
                }
            }
        }
    }
    assert!(found.is_empty(), "a backend is named outside {BACKEND_FILES:?}: {found:#?}");
    for file in BACKEND_FILES {
        assert!(fs::read_to_string(root.join(file)).unwrap().contains("Device::"), "{file} names no device any more");
    }
}

#[test]
fn no_file_is_longer_than_it_can_be_read() {
    let root = tests::root();
    for folder in ["crates", "trainer", "web", "tests", "xtask", "fuzz"] {
        for file in sources(&root.join(folder)) {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            assert!(lines <= LONGEST, "{} has {lines} lines, {LONGEST} are allowed", file.display());
        }
    }
}

/// The code of a library's file, without tests and comments.
fn code(file: &Path) -> String {
    let code = fs::read_to_string(file).unwrap();
    let code = code.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect()
}

/// Files of our packages, tests of their own left out: package and path from the root.
fn packages() -> Vec<(String, String)> {
    let root = tests::root();
    let files = ["crates", "trainer", "web", "tests", "xtask"].map(|folder| sources(&root.join(folder)));
    let files = files.into_iter().flatten().filter_map(|file| {
        let path = file.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
        let (package, inside) = path.strip_prefix("crates/").unwrap_or(&path).split_once('/')?;
        let ours = inside.starts_with("src/") && !inside.ends_with("tests.rs");
        ours.then(|| (package.to_owned(), path.clone()))
    });
    files.collect()
}

#[test]
fn libraries_fail_with_types() {
    let root = tests::root();
    let files: Vec<_> = packages().into_iter().filter(|(package, _)| package.starts_with("glae-")).collect();
    let with_text: Vec<&str> =
        files.iter().map(|(_, path)| path.as_str()).filter(|path| fails_with_text(&code(&root.join(path)))).collect();
    assert!(with_text.is_empty(), "a `Result<_, String>` in a library: {with_text:?}");
}

/// Whether a `Result` in this code has `String` as its error.
fn fails_with_text(code: &str) -> bool {
    code.match_indices("Result<").any(|(at, start)| {
        let (mut depth, mut last) = (0, at + start.len());
        for (place, c) in code[at..].char_indices().map(|(place, c)| (at + place, c)).skip("Result".len()) {
            match c {
                '<' | '(' | '[' => depth += 1,
                ',' if depth == 1 => last = place + 1,
                '>' if code[..place].ends_with('-') => {}
                '>' | ')' | ']' if depth == 1 => {
                    return last > at + start.len() && code[last..place].trim() == "String";
                }
                '>' | ')' | ']' => depth -= 1,
                _ => {}
            }
        }
        false
    })
}

#[test]
fn a_type_name_means_one_thing() {
    assert!(fails_with_text("fn a() -> Result<Vec<(u8, String)>, String> {"));
    assert!(!fails_with_text("fn a() -> Result<BTreeMap<String, String>> {} fn b() -> Result<String, Error> {"));
    let root = tests::root();
    let mut places: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (package, path) in packages() {
        for line in code(&root.join(path)).lines() {
            let Some(item) = line.trim_start().strip_prefix("pub ") else { continue };
            let name = ["struct ", "enum ", "trait ", "type "].iter().find_map(|kind| item.strip_prefix(kind));
            let Some(name) = name else { continue };
            let end = name.find(|c: char| !c.is_alphanumeric()).unwrap_or(name.len());
            places.entry(name[..end].to_owned()).or_default().insert(package.clone());
        }
    }
    let twins: Vec<&str> = places.iter().filter(|(_, own)| own.len() > 1).map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        twins, TWINS,
        "a name that two packages give to a type, or one that they no longer do: see docs/glossary.md"
    );
}

/// All Rust files under a folder.
fn sources(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("dist") && !path.ends_with("target") {
                found.extend(sources(&path));
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
