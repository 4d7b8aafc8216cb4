use std::path::Path;

use super::super::evaluate::tiny;
use super::*;
use crate::exported::seeded;
use glae_metrics::Predictions;
use glae_model::manifest::Crop;

/// Weights of this crop, a detector, and two images; the detector finds a face only in `with.png`.
fn arguments(folder: &Path, crop: Crop) -> Arguments {
    tiny::write_into(&folder.join("weights"), crop);
    let [without, with] = seeded::write_into(&folder.join("detector"));
    without.save(folder.join("without.png")).unwrap();
    with.save(folder.join("with.png")).unwrap();
    Arguments {
        weights: folder.join("weights"),
        // What a network that was never trained takes for a face looks like none.
        doubtful: Doubtful::Keep,
        out: folder.join("predictions.csv"),
        distribution: true,
        images: ["without.png", "with.png"].map(|name| folder.join(name)).to_vec(),
        ..Arguments::default()
    }
}

/// Ids and ages as the leaderboard reads them.
fn written(arguments: &Arguments) -> Vec<(String, f64)> {
    let file = Predictions::parse(&std::fs::read(&arguments.out).unwrap()).unwrap();
    assert!(file.distribution(0).is_some() && file.route(0).is_some());
    (0..file.len()).map(|row| (file.id(row).to_owned(), file.age(row))).collect()
}

#[test]
fn images_without_a_face_are_left_out_unless_strict() {
    let folder = tempfile::tempdir().unwrap();
    let device = crate::device::cpu();
    let mut arguments = arguments(folder.path(), Crop::Landmarks(tiny::TEMPLATE));
    arguments.detector = Some(folder.path().join("detector"));
    arguments.strict = true;
    let error = run(&arguments, &device).unwrap_err().to_string();
    assert!(error.contains("1 of 2 images") && error.contains("without.png: no face was found"), "{error}");
    assert!(error.contains("Without --strict") && error.contains("--resume goes on"), "{error}");
    assert!(!arguments.out.exists());

    arguments.strict = false;
    assert!(run(&arguments, &device).unwrap_err().to_string().contains("go on with --resume"));
    arguments.resume = true;
    run(&arguments, &device).unwrap();
    let found = written(&arguments);
    assert_eq!(found.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["with.png"]);

    // The same face by way of `trainer prepare`: the same crop but for hundredths of a pixel.
    let landmarks = folder.path().join("landmarks.csv");
    let images = folder.path().join("images");
    std::fs::create_dir(&images).unwrap();
    arguments
        .images
        .iter()
        .for_each(|path| std::fs::copy(path, images.join(path.file_name().unwrap())).map(|_| ()).unwrap());
    let prepare = super::super::prepare::Arguments {
        detector: Some(folder.path().join("detector")),
        images: Some(images),
        out: Some(landmarks.clone()),
        ..Default::default()
    };
    super::super::prepare::run(&prepare, &device).unwrap();
    let by_file = Arguments { detector: None, landmarks: Some(landmarks), ..arguments };
    run(&by_file, &device).unwrap();
    let again = written(&by_file);
    assert_eq!(again.len(), 1);
    assert!(again[0].0 == "with.png" && (again[0].1 - found[0].1).abs() < 1.0, "{found:?} {again:?}");

    let none = Arguments { images: vec![folder.path().join("without.png")], ..by_file };
    assert!(run(&none, &device).unwrap_err().to_string().contains("none of the 1 images has a face"));
    // The earlier file is untouched.
    assert_eq!(written(&none), again);
}

#[test]
fn unaligned_is_what_weights_for_squares_see() {
    let folder = tempfile::tempdir().unwrap();
    let device = crate::device::cpu();
    let square = arguments(folder.path(), Crop::Square);
    run(&square, &device).unwrap();
    let expected = written(&square);
    assert_eq!(expected.len(), 2);
    tiny::write_into(&square.weights, Crop::Landmarks(tiny::TEMPLATE));
    let aligned = Arguments { unaligned: true, ..square };
    run(&aligned, &device).unwrap();
    assert_eq!(written(&aligned), expected);
}

#[test]
fn a_folder_is_the_images_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut arguments = arguments(folder.path(), Crop::Square);
    let images = folder.path().join("images");
    std::fs::create_dir_all(images.join("more")).unwrap();
    let refused = |arguments: &Arguments| run(arguments, &crate::device::cpu()).unwrap_err().to_string();
    let files = std::mem::replace(&mut arguments.images, vec![images.clone()]);
    assert!(refused(&arguments).contains("there are no images in"));
    std::fs::rename(&files[0], images.join("without.png")).unwrap();
    std::fs::copy(&files[1], images.join("more/with.png")).unwrap();
    std::fs::write(images.join("list.txt"), "no photograph").unwrap();
    run(&arguments, &crate::device::cpu()).unwrap();
    let ids: Vec<_> = written(&arguments).into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, ["more/with.png", "without.png"]);

    std::fs::copy(images.join("without.png"), &files[0]).unwrap();
    arguments.images.push(files[0].clone());
    assert!(refused(&arguments).contains("have one name"));
}

#[test]
fn the_options_must_fit_the_weights() {
    let folder = tempfile::tempdir().unwrap();
    let device = crate::device::cpu();
    let refused = |arguments: &Arguments| run(arguments, &device).unwrap_err().to_string();
    let give =
        "golden-tiny looks at faces aligned by five points: give exactly one of --landmarks, --detector, --unaligned";
    let mut aligned = arguments(folder.path(), Crop::Landmarks(tiny::TEMPLATE));
    assert_eq!(refused(&aligned), give);
    aligned.detector = Some(folder.path().join("detector"));
    aligned.unaligned = true;
    assert_eq!(refused(&aligned), give);
    let mut square = arguments(folder.path(), Crop::Square);
    square.detector = Some(folder.path().join("detector"));
    square.unaligned = true;
    let leave = "golden-tiny looks at the whole square of an image: leave out --detector and --unaligned";
    assert_eq!(refused(&square), leave);
}

#[test]
fn a_damaged_file_is_named_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut arguments = arguments(folder.path(), Crop::Landmarks(tiny::TEMPLATE));
    arguments.detector = Some(folder.path().join("detector"));
    std::fs::write(folder.path().join("text.png"), "no photograph").unwrap();
    arguments.images.push(folder.path().join("text.png"));
    let error = run(&arguments, &crate::device::cpu()).unwrap_err().to_string();
    assert!(error.contains("1 of 3 images") && error.contains("text.png"), "{error}");
    assert!(!arguments.out.exists());
}

/// The first half of a file.
fn cut_off(from: &Path, to: &Path) {
    let whole = std::fs::read(from).unwrap();
    std::fs::write(to, &whole[..whole.len() / 2]).unwrap();
}

#[test]
fn bad_files_are_named_and_left_out_when_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let device = crate::device::cpu();
    let mut arguments = arguments(folder.path(), Crop::Square);
    let images = folder.path().join("images");
    std::fs::create_dir(&images).unwrap();
    arguments.images.iter().for_each(|path| std::fs::rename(path, images.join(path.file_name().unwrap())).unwrap());
    cut_off(&images.join("with.png"), &images.join("cut.png"));
    std::fs::write(images.join("gone.jpg"), "<html>404</html>").unwrap();
    std::fs::write(images.join("empty.jpg"), "").unwrap();
    std::fs::write(images.join("phone.HEIC"), b"\0\0\0\x18ftypheic\0\0\0\0mif1heic").unwrap();
    arguments.images = vec![images.clone()];

    // What the first bytes show is said before anything is computed.
    let error = run(&arguments, &device).unwrap_err().to_string();
    assert!(error.starts_with("2 of 5 images cannot be used, nothing was written:\nempty.jpg: "), "{error}");
    assert!(error.contains("gone.jpg: This file is not a photo") && error.contains("--skip-bad"), "{error}");
    // What only decoding shows does not lose the rest.
    ["gone.jpg", "empty.jpg"].iter().for_each(|name| std::fs::remove_file(images.join(name)).unwrap());
    let error = run(&arguments, &device).unwrap_err().to_string();
    assert!(
        error.starts_with("1 of 3 images cannot be used") && error.contains("cut.png: This photo is cut off"),
        "{error}"
    );
    assert!(error.contains("The rows of the other 2 images wait in") && !arguments.out.exists(), "{error}");

    // The rows that waited are taken as they are: one says so.
    let partial = |folder: &Path| {
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        files.into_iter().find(|path| path.extension().is_some_and(|end| end == "partial")).unwrap()
    };
    let path = partial(folder.path());
    let text = std::fs::read_to_string(&path).unwrap();
    let row = text.lines().find(|line| line.starts_with("with.png,")).unwrap();
    let age = row.split(',').nth(1).unwrap();
    std::fs::write(&path, text.replace(row, &row.replacen(age, "42.5000", 1))).unwrap();
    (arguments.resume, arguments.skip_bad) = (true, true);
    run(&arguments, &device).unwrap();
    let rows = written(&arguments);
    assert_eq!(rows.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["with.png", "without.png"]);
    assert_eq!(rows[0].1, 42.5);

    // Of a file that is cut off what is there may be taken.
    let allowed = Arguments { allow_truncated: true, resume: false, skip_bad: false, ..arguments };
    run(&allowed, &device).unwrap();
    assert_eq!(written(&allowed).len(), 3);
}
