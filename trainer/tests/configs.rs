//! The configurations that ship: they can be read, and aligned ones put a face where their template says.

use std::path::{Path, PathBuf};

use glae_data::Crops;
use glae_face::RgbImage;
use glae_model::manifest::Crop;
use trainer::config::{RunConfig, Stage};

/// The template of a 224-pixel crop that is used across the field, in pixels.
const FIELD: [[f32; 2]; 5] =
    [[76.589, 103.393], [147.064, 103.003], [112.050, 143.473], [83.099, 184.731], [141.460, 184.408]];

fn read(name: &str) -> RunConfig {
    // Set by Cargo when it runs a test: the path at compile time may be another clone's.
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("Cargo runs the tests"));
    RunConfig::read(&package.join("configs").join(name)).unwrap()
}

fn template(config: &RunConfig) -> [[f32; 2]; 5] {
    match config.crop {
        Crop::Landmarks(template) => template,
        Crop::Square => panic!("{} looks at squares", config.name),
    }
}

#[test]
fn the_aligned_runs_differ_in_nothing_but_the_crop_and_from_the_square_one_in_their_training() {
    let square = read("utkface.toml");
    let longer = RunConfig {
        l1_weight: 0.1,
        stage1: Stage { epochs: 16, learning_rate: 0.04, ..square.stage1.clone() },
        stage2: Stage { epochs: 4, ..square.stage2.clone() },
        ..square.clone()
    };
    // Sides in eye distances, worked by hand: 224 / 70.476 = 3.178, and that / 0.8 = 3.973.
    for (kind, shrunk, side) in [("tight", 1.0, 3.178), ("wide", 0.8, 3.973)] {
        let config = read(&format!("utkface-aligned-{kind}.toml"));
        let template = template(&config);
        for (point, field) in template.iter().zip(FIELD) {
            for axis in 0..2 {
                let expected = 0.5 + shrunk * (field[axis] / 224.0 - 0.5);
                assert!((point[axis] - expected).abs() < 1e-6, "{kind}: {point:?}");
            }
        }
        let [left, right, ..] = template;
        let eyes = (right[0] - left[0]).hypot(right[1] - left[1]);
        assert!((1.0 / eyes - side).abs() < 1e-3, "{kind}: {}", 1.0 / eyes);

        assert_eq!(config.name, format!("{}-{kind}", square.name));
        let mut data = config.data.clone();
        assert_eq!(data.landmarks.take().unwrap(), Path::new("runs/landmarks-utkface.csv"));
        let same = RunConfig { name: square.name.clone(), crop: Crop::Square, data, ..config };
        assert_eq!(same, longer);
    }
}

/// A chip whose face fills it, as UTKFace's do: with the wide template the crop reaches beyond the chip on the left, on the
/// right and below.
#[test]
fn beyond_a_chip_its_border_repeats() {
    let [red, green, blue, grey] = [[250, 0, 0], [0, 250, 0], [0, 0, 250], [120; 3]].map(image::Rgb);
    let config = read("utkface-aligned-wide.toml");
    let size = config.network.input_size as f32;
    let folder = tempfile::tempdir().unwrap();
    // Grey inside, 20 pixels of red on the left, of green on the right, of blue below.
    let chip = RgbImage::from_fn(200, 200, |x, y| match (x, y) {
        (_, 180..) => blue,
        (..20, _) => red,
        (180.., _) => green,
        _ => grey,
    });
    chip.save(folder.path().join("chip.png")).unwrap();
    // The template itself, its eyes 80 pixels apart, their middle at (100, 60): the crop's side is 80 * 3.973 = 318 pixels,
    // from x = -59 to 259 and from y = -89 to 229.
    let template = template(&config);
    let [left, right, ..] = template;
    let (middle, eyes) = ([(left[0] + right[0]) / 2.0, (left[1] + right[1]) / 2.0], right[0] - left[0]);
    let points = template.map(|[x, y]| [100.0 + (x - middle[0]) * 80.0 / eyes, 60.0 + (y - middle[1]) * 80.0 / eyes]);
    let read = |points| {
        let crops =
            Crops { input: config.input(), landmarks: [("chip.png".to_owned(), points)].into(), allow_cut_off: false };
        crops.read(&folder.path().join("chip.png"), "chip.png").unwrap()
    };
    let crop = read(points);
    let colour = |crop: &RgbImage, x: f32, y: f32| *crop.get_pixel((x * size) as u32, (y * size) as u32);
    assert_eq!(colour(&crop, 0.02, 0.4), red);
    assert_eq!(colour(&crop, 0.98, 0.4), green);
    assert_eq!(colour(&crop, 0.5, 0.98), blue);
    assert_eq!(colour(&crop, middle[0], middle[1]), grey);
    // A detector may even put points outside the chip: the same face, 130 pixels further to the left.
    let outside = points.map(|[x, y]| [x - 130.0, y]);
    assert!(outside[0][0] < 0.0 && outside[1][0] < 20.0);
    let crop = read(outside);
    assert_eq!(colour(&crop, 0.02, 0.4), red);
    assert_eq!(colour(&crop, left[0], left[1]), red);
    // x = 119 of the chip.
    assert_eq!(colour(&crop, 0.97, 0.4), grey);
}
