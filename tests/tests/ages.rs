//! The pipeline gives the ages that an independent program computed from the same photographs and weights.

use std::collections::BTreeSet;

use glae_face::{
    RgbImage,
    detector::{decode::Face, trust::LEAST_EYES, turn::Turn},
};
use image::imageops::flip_horizontal;
use tests::{
    native::{self, Native},
    oracle, picture,
};

/// How far an edge of a box may be from the oracle's, in pixels.
const MOST_PIXELS: f32 = 0.5;

#[tokio::test]
async fn drawn_photographs_have_the_expected_ages() {
    let expected = oracle::read().unwrap_or_else(|error| panic!("{error:#}"));
    let native = shipped();
    let pictures = picture::judged();
    let names: BTreeSet<&str> = pictures.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected.keys().map(String::as_str).collect());
    let (mut doubts, mut worst) = (BTreeSet::new(), 0f32);
    for (name, picture) in &pictures {
        let (look, right) = (native.look_at(picture).await.unwrap(), &expected[*name]);
        let found = (look.seen.len(), look.main, look.turn.quarters());
        assert_eq!(found, (right.faces.len(), right.main, right.turn), "{name}: {look:?}");
        for (seen, right) in look.seen.iter().zip(&right.faces) {
            let face = seen.face.unwrap();
            let frame = [face.x, face.y, face.width, face.height];
            assert!(
                frame.iter().zip(right.frame).all(|(a, b)| (a - b).abs() <= MOST_PIXELS),
                "{name}: {face:?}, {right:?}"
            );
            assert_eq!(seen.doubt.map(|doubt| doubt.as_str()), right.doubt.as_deref(), "{name}: {face:?}");
            let years = seen.estimate.as_ref().map(|estimate| estimate.years);
            assert_eq!(years.is_some(), right.years.is_some(), "{name}");
            worst = worst.max((years.unwrap_or_default() - right.years.unwrap_or_default()).abs());
            doubts.extend(right.doubt.clone());
        }
        assert!(worst <= oracle::TOLERANCE, "{name} is {worst} years off: {look:?} instead of {right:?}");
    }
    println!("at most {worst:.4} years off");
    // A set without them would not show that faces are refused and doubted alike.
    for doubt in ["small", "few pixels", "dark"] {
        assert!(doubts.contains(doubt), "{doubts:?}");
    }
}

/// The eight ways in which a photograph can lie, with the turn that undoes each: turned by quarters, mirrored or not.
fn eight(picture: &RgbImage) -> [(Turn, bool, RgbImage); 8] {
    let ways = [Turn::None, Turn::ThreeQuarters, Turn::Half, Turn::Quarter];
    let lies = [Turn::None, Turn::Quarter, Turn::Half, Turn::ThreeQuarters];
    std::array::from_fn(|index| {
        let mirrored = index >= 4;
        let picture = if mirrored { flip_horizontal(picture) } else { picture.clone() };
        (ways[index % 4], mirrored, lies[index % 4].of(picture))
    })
}

fn shipped() -> Native {
    let weights = tests::root().join("public/weights");
    let network = native::named(&weights, "default").unwrap();
    Native::load(&weights, &network).unwrap_or_else(|error| panic!("{error:#}"))
}

#[tokio::test]
async fn a_drawn_photograph_has_one_age_however_it_lies() {
    let native = shipped();
    for variant in [0, 2] {
        let mut upright = [None; 2];
        for (turn, mirrored, picture) in eight(&picture::face(variant)) {
            let look = native.look_at(&picture).await.unwrap();
            assert_eq!((look.seen.len(), look.turn), (1, turn), "face {variant}, mirrored: {mirrored}");
            let years = look.main().and_then(|main| main.estimate.as_ref()).unwrap().years;
            let right = *upright[usize::from(mirrored)].get_or_insert(years);
            assert!((years - right).abs() <= oracle::TOLERANCE, "face {variant}: {years} turned, {right} upright");
        }
    }
}

/// Photographs that belong to their owners: nothing of them is kept.
#[tokio::test]
async fn a_real_photograph_has_one_age_however_it_lies() {
    let folder = tests::root().join("../shared/data/natural");
    if !folder.is_dir() {
        return tests::skipped("data", "turned photographs", "../shared/data/natural is not there");
    }
    let kept = tests::root().join("trainer/configs/detector/kept-natural.txt");
    let kept = std::fs::read_to_string(kept).unwrap();
    let native = shipped();
    let (mut alike, mut all, mut photographs) = (0, 0, 0);
    for file in kept.lines() {
        let bytes = std::fs::read(folder.join("images").join(file)).unwrap();
        let ways = eight(&glae_face::photo::decode(&bytes).unwrap());
        let mut is_judged = false;
        for ways in ways.chunks_exact(4) {
            let upright = native.look_at(&ways[0].2).await.unwrap();
            let large = |face: &Face| (face.points[1][0] - face.points[0][0]) >= LEAST_EYES;
            let Some(main) = upright.main().filter(|main| main.face.as_ref().is_some_and(large)) else { continue };
            let Some(right) = main.estimate.as_ref().map(|estimate| estimate.years) else { continue };
            for (_, _, picture) in &ways[1..] {
                let look = native.look_at(picture).await.unwrap();
                let years = look.main().and_then(|main| main.estimate.as_ref()).map(|estimate| estimate.years);
                alike += usize::from(years.is_some_and(|years| (years - right).abs() <= 2.0));
                all += 1;
            }
            is_judged = true;
        }
        if !is_judged {
            continue;
        }
        photographs += 1;
        if photographs == 12 {
            break;
        }
    }
    println!("{alike} of {all} turned copies are within 2 years");
    assert!(photographs == 12 && alike * 100 >= all * 95, "{alike} of {all}");
}

#[tokio::test]
async fn small_faces_are_found_once_each() {
    let (picture, places) = picture::assembly();
    let look = shipped().look_at(&picture).await.unwrap();
    let found: Vec<Face> = look.seen.iter().filter_map(|seen| seen.face).collect();
    for place in &places {
        let there = found.iter().filter(|face| place.overlap([face.x, face.y, face.width, face.height]) >= 0.3).count();
        assert!(there <= 1, "{there} faces where one is drawn: {place:?}");
    }
    let all = places
        .iter()
        .filter(|place| found.iter().any(|face| place.overlap([face.x, face.y, face.width, face.height]) >= 0.3));
    let (all, found) = (all.count(), found.len());
    println!("{all} of {} small faces are found", places.len());
    assert!(all >= 23 && found == all, "{all} of {} people, {found} faces", places.len());
    assert!(!look.stopped && look.turn == Turn::None);
}
