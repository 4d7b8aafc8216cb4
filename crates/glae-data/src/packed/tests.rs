use std::sync::Arc;

use glae_model::manifest::Input;

use super::*;
use crate::{Landmarks, TrainingSet, faces, load, load_wide, read_truth};

/// Eighty drawn faces, of which one file is cut in half, and one missing.
struct Drawn {
    folder: tempfile::TempDir,
    truth: Vec<LabelledFile>,
    crops: Crops,
}

impl Drawn {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        faces::write_set(folder.path(), 80, 5).unwrap();
        let truth = read_truth(&folder.path().join("train.csv")).unwrap();
        let cut = folder.path().join("images").join(&truth[3].id);
        let bytes = std::fs::read(&cut).unwrap();
        std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
        std::fs::remove_file(folder.path().join("images").join(&truth[7].id)).unwrap();
        Self {
            folder,
            truth,
            crops: Crops { input: Input::paper(32), landmarks: Landmarks::new(), allow_cut_off: false },
        }
    }

    fn images(&self) -> PathBuf {
        self.folder.path().join("images")
    }

    fn settings(&self, margin: u32) -> PackSettings {
        PackSettings { crop: Crop::Square, size: 32, margin, landmarks: None, detector: None }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("faces.pack")
    }

    fn write(&self, margin: u32) -> Written {
        let ids = self.truth.iter().map(|row| row.id.clone()).collect();
        write(&self.file(), &self.images(), &ids, &self.crops, self.settings(margin), || {}).unwrap()
    }

    fn refused(&self) -> String {
        format!("{:#}", Packed::open(&self.file()).unwrap_err())
    }
}

#[test]
fn a_packed_set_is_the_set_read_from_the_images() {
    let drawn = Drawn::new();
    for margin in [0, 3] {
        assert_eq!(drawn.write(margin), Written { usable: 46, unusable: 2 });
        let file = Arc::new(Packed::open(&drawn.file()).unwrap());
        file.check(&drawn.settings(margin), &drawn.images()).unwrap();
        let packed = TrainingSet::packed(&file, &drawn.images(), &drawn.truth, 0.1).unwrap();
        let (set, problems) = load_wide(&drawn.images(), &drawn.truth, &drawn.crops, margin, 0.1).unwrap();
        let direct = TrainingSet::from(set);
        assert_eq!((&packed.ids, &packed.ages), (&direct.ids, &direct.ages));
        for index in 0..46 {
            assert_eq!(packed.picture(index).unwrap(), direct.picture(index).unwrap());
        }
        assert_eq!(packed.sha256().unwrap(), direct.sha256().unwrap());
        // The same images are unusable, for the same reasons.
        let places = file.places(&drawn.truth).unwrap();
        let reasons: Vec<_> = places.iter().filter_map(|place| Some(place.as_ref().err()?.to_string())).collect();
        assert_eq!(reasons, problems.iter().map(|problem| problem.reason.clone()).collect::<Vec<_>>());
        // What answers are measured on has no margin.
        let (set, _) = load(&drawn.images(), &drawn.truth, &drawn.crops, 0.1).unwrap();
        let digest = set.sha256();
        let middle = packed.without_margin(margin).unwrap();
        assert!(middle.crops == set.crops && middle.sha256() == digest);
        assert_eq!(margin == 0, digest == direct.sha256().unwrap());
    }
}

#[test]
fn a_file_that_is_cut_off_or_altered_anywhere_is_refused_with_the_remedy() {
    let drawn = Drawn::new();
    drawn.write(1);
    let whole = std::fs::read(drawn.file()).unwrap();
    for length in [0, 5, 9, 60, whole.len() / 2, whole.len() - 1] {
        std::fs::write(drawn.file(), &whole[..length]).unwrap();
        let error = drawn.refused();
        let told = if length < 8 { "not a file of crops" } else { "cut off" };
        assert!(error.contains(told) && error.contains("trainer prepare --run"), "{length}: {error}");
    }
    // One bit, in the first bytes, in crops, in the index, its length, its checksum and the last bytes.
    let end = whole.len();
    for at in [0, 8, 20_000, 46 * 34 * 34 * 3 + 7, end - 60, end - 50, end - 48, end - 41, end - 30, end - 9, end - 1] {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        std::fs::write(drawn.file(), &bytes).unwrap();
        let error = drawn.refused();
        let reasons = ["not a file of crops", "cut off", "is damaged"];
        assert!(reasons.iter().any(|reason| error.contains(reason)), "{at}: {error}");
        assert!(error.contains("faces.pack") && error.contains("trainer prepare --run"), "{at}: {error}");
    }
    // Which crop it is.
    let mut bytes = whole.clone();
    bytes[8 + 34 * 34 * 3] ^= 1;
    std::fs::write(drawn.file(), &bytes).unwrap();
    assert!(drawn.refused().contains(&format!("the crop of {}", drawn.truth[1].id)), "{}", drawn.refused());
    // Bytes too many in the middle, with all checksums right.
    let mut bytes = whole.clone();
    bytes.splice(8..8, [0; 30]);
    std::fs::write(drawn.file(), &bytes).unwrap();
    assert!(drawn.refused().contains("its crops have"), "{}", drawn.refused());
    std::fs::write(drawn.file(), &whole).unwrap();
    Packed::open(&drawn.file()).unwrap();
    std::fs::remove_file(drawn.file()).unwrap();
    assert!(drawn.refused().contains("trainer prepare --run"));
}

#[test]
fn a_file_of_other_settings_or_older_than_its_images_is_refused() {
    let drawn = Drawn::new();
    drawn.write(1);
    let file = Arc::new(Packed::open(&drawn.file()).unwrap());
    let own = drawn.settings(1);
    let refused = |wanted: PackSettings| format!("{:#}", file.check(&wanted, &drawn.images()).unwrap_err());
    assert!(refused(PackSettings { size: 64, ..own.clone() }).contains("32 pixels a side instead of 64"));
    assert!(refused(PackSettings { margin: 0, ..own.clone() }).contains("a margin of 1 pixels instead of 0"));
    let aligned = Crop::Landmarks([[0.5; 2]; 5]);
    let error = refused(PackSettings { crop: aligned, landmarks: Some("ab".to_owned()), ..own.clone() });
    assert!(error.contains("another crop or template, other landmarks") && error.contains("prepare --run"), "{error}");
    // Who found the landmarks does not matter where they are the same.
    file.check(&PackSettings { detector: Some("cd".to_owned()), ..own.clone() }, &drawn.images()).unwrap();

    let other = LabelledFile { id: "other.png".to_owned(), age: 3.0 };
    assert!(file.places(&[other]).unwrap_err().to_string().contains("lacks other.png"));
    // Away from its images a file is taken as it is; beside them it must be theirs.
    file.check(&own, Path::new("no-such-folder")).unwrap();
    let image = drawn.images().join(&drawn.truth[7].id);
    std::fs::copy(drawn.images().join(&drawn.truth[0].id), &image).unwrap();
    let error = refused(own);
    assert!(error.contains("is older than") && error.contains(&drawn.truth[7].id), "{error}");
}

/// A full disk as Linux itself offers it: every write to /dev/full fails for want of space.
#[cfg(target_os = "linux")]
#[test]
fn on_a_full_disk_the_old_file_stays() {
    let drawn = Drawn::new();
    drawn.write(0);
    let whole = std::fs::read(drawn.file()).unwrap();
    std::os::unix::fs::symlink("/dev/full", drawn.file().with_extension("tmp")).unwrap();
    let ids = drawn.truth.iter().map(|row| row.id.clone()).collect();
    let error = write(&drawn.file(), &drawn.images(), &ids, &drawn.crops, drawn.settings(2), || {}).unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains("faces.pack") && error.contains("No space left"), "{error}");
    assert!(std::fs::symlink_metadata(drawn.file().with_extension("tmp")).is_err());
    assert_eq!(std::fs::read(drawn.file()).unwrap(), whole);
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_an_error_and_no_picture() {
    let drawn = Drawn::new();
    drawn.write(0);
    let file = Packed::open(&drawn.file()).unwrap();
    File::options().write(true).open(drawn.file()).unwrap().set_len(5_000).unwrap();
    file.picture(0).unwrap();
    let error = format!("{:#}", file.picture(40).unwrap_err());
    assert!(error.contains("cannot read") && error.contains("any more"), "{error}");
}
