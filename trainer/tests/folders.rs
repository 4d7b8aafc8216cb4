//! `trainer predict` over what people bring: folders of phones and Macs, files that are cut off, one bad file among good ones.

use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use glae_data::faces;
use image::{DynamicImage, ImageFormat};
use rand::SeedableRng;

/// A drawn face as a file of this format.
fn face(seed: u64, format: ImageFormat) -> Vec<u8> {
    let drawn = faces::draw(30, &mut rand_chacha::ChaCha8Rng::seed_from_u64(seed));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(drawn).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Weights that answer in a moment.
fn weights() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("Cargo runs the tests");
    Path::new(&package).join("../public/weights/golden-tiny")
}

fn predict(images: &[PathBuf], out: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trainer"))
        .args(["--device", "cpu", "predict", "--unaligned", "--weights"])
        .arg(weights())
        .arg("--out")
        .arg(out)
        .args(more)
        .args(images)
        .output()
        .unwrap()
}

/// Ids and ages of a predictions file.
fn rows(file: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(file).unwrap();
    let row = |line: &str| {
        let mut cells = line.split(',').map(str::to_owned);
        (cells.next().unwrap(), cells.next().unwrap())
    };
    text.lines().skip(1).map(row).collect()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

#[test]
fn a_folder_of_a_phone_and_a_mac_is_read_by_content() {
    let folder = tempfile::tempdir().unwrap();
    let (album, out) = (folder.path().join("album"), folder.path().join("p.csv"));
    let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec();
    let apple = b"\0\x05\x16\x07\0\x02\0\0Mac OS X".to_vec();
    let files = [
        ("IMG_0001.HEIC", heic.clone()),
        ("IMG_0002.JPG", face(1, ImageFormat::Jpeg)),
        ("IMG_0003.heic.jpg", heic),
        ("IMG_0004.jfif", face(2, ImageFormat::Jpeg)),
        ("IMG_0005", face(3, ImageFormat::Png)),
        ("p01/0001.webp", face(4, ImageFormat::WebP)),
        ("p02/0001.webp", face(5, ImageFormat::WebP)),
        ("._IMG_0002.JPG", apple.clone()),
        ("__MACOSX/._IMG_0002.JPG", apple),
        ("Thumbs.db", vec![0xd0, 0xcf]),
    ];
    for (name, bytes) in files {
        let path = album.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let output = predict(&[album], &out, &[]);
    let text = said(&output);
    assert!(output.status.success() && text.contains("5 predictions in"), "{text}");
    let ids: Vec<String> = rows(&out).into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, ["IMG_0002.JPG", "IMG_0004.jfif", "IMG_0005", "p01/0001.webp", "p02/0001.webp"]);
    assert!(text.contains("passed over, 2 in HEIC: IMG_0001.HEIC, IMG_0003.heic.jpg. Save it as JPEG"), "{text}");
    assert!(text.contains("passed over, 3 of the operating system: ._IMG_0002.JPG, Thumbs.db, __MACOSX/"), "{text}");
}

#[test]
fn files_that_are_cut_off_are_refused_and_others_read_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("p.csv");
    let whole = face(1, ImageFormat::Jpeg);
    let write = |name: &str, bytes: &[u8]| {
        fs::write(folder.path().join(name), bytes).unwrap();
        folder.path().join(name)
    };
    let good = [
        write("whole.jpg", &whole),
        write("without-end.jpg", &whole[..whole.len() - 2]),
        write("trailer.jpg", &[whole.clone(), b"MakerTrailer".to_vec(), vec![0; 4096]].concat()),
        write("two.jpg", &[whole.clone(), face(2, ImageFormat::Jpeg)].concat()),
    ];
    let output = predict(&good, &out, &[]);
    assert!(output.status.success(), "{}", said(&output));
    let ages: Vec<String> = rows(&out).into_iter().map(|(_, age)| age).collect();
    assert!(ages.len() == 4 && ages.iter().all(|age| *age == ages[0]), "{ages:?}");
    fs::remove_file(&out).unwrap();

    for (format, name) in
        [(ImageFormat::Jpeg, "cut.jpg"), (ImageFormat::Png, "cut.png"), (ImageFormat::WebP, "cut.webp")]
    {
        let bytes = face(1, format);
        let header = if format == ImageFormat::Jpeg { 640 } else { 60 };
        for tenths in [3, 6, 9] {
            let end = header + (bytes.len() - header) * tenths / 10;
            let cut = write(name, &bytes[..end]);
            let output = predict(std::slice::from_ref(&cut), &out, &[]);
            let text = said(&output);
            assert!(!output.status.success() && !out.exists(), "{name} at {tenths}/10");
            assert!(text.contains(name) && text.contains("This photo is cut off"), "{text}");
        }
    }
    let cut = folder.path().join("cut.jpg");
    let output = predict(&[cut], &out, &["--allow-truncated"]);
    assert!(output.status.success() && rows(&out).len() == 1, "{}", said(&output));
}
