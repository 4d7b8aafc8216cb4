//! The shipped detector sees in drawn pictures what is in them. The journeys in the browser, which show the page these
//! pictures, rely on it.

use glae_face::{
    RgbImage,
    detector::{
        Detector, DetectorSettings,
        decode::Face,
        trust::{Doubt, refusal},
    },
};
use tests::{drawing::FacePlace, film, native, picture};

/// How much of its drawn box a found one must have in common with it.
const LEAST_OVERLAP: f32 = 0.5;

fn detector() -> (Detector, DetectorSettings) {
    let folder = tests::root().join("public/weights");
    let (detector, manifest) = native::detector(&folder).unwrap_or_else(|error| panic!("{error:#}"));
    (detector, manifest.settings)
}

/// Finds exactly these faces, from left to right, with their points in place.
async fn find(
    detector: &Detector,
    settings: DetectorSettings,
    picture: &RgbImage,
    places: &[FacePlace],
    what: &str,
) -> Vec<Face> {
    let faces = detector.detect(picture, settings).await.unwrap();
    assert_eq!(faces.len(), places.len(), "{what}: {faces:?}");
    for (face, place) in faces.iter().zip(places) {
        let overlap = place.overlap([face.x, face.y, face.width, face.height]);
        assert!(overlap >= LEAST_OVERLAP, "{what}: {face:?} overlaps {:?} by {overlap}", place.frame());
        let [left, right, nose, mouth_left, mouth_right] = face.points;
        assert!(left[0] < nose[0] && nose[0] < right[0] && mouth_left[0] < mouth_right[0], "{what}: {face:?}");
        assert!(left[1] < nose[1] && nose[1] < mouth_left[1], "{what}: {face:?}");
    }
    faces
}

#[tokio::test]
async fn portraits_have_one_face_and_a_group_has_three() {
    let (detector, settings) = detector();
    for variant in 0..4 {
        let place = [picture::portrait(variant)];
        let faces = find(&detector, settings, &picture::face(variant), &place, &format!("face {variant}")).await;
        assert_eq!(refusal(&faces[0]), None, "face {variant}: {:?}", faces[0]);
    }
    let faces = find(&detector, settings, &picture::group(), &picture::GROUP, "the group").await;
    assert!(faces.iter().all(|face| refusal(face).is_none()), "{faces:?}");
}

#[tokio::test]
async fn a_far_face_is_found_and_doubted() {
    let (detector, settings) = detector();
    let faces = find(&detector, settings, &picture::far(), &picture::FAR, "far").await;
    assert_eq!([refusal(&faces[0]), refusal(&faces[1])], [None, Some(Doubt::Small)], "{faces:?}");
}

#[tokio::test]
async fn nobody_is_in_a_landscape() {
    let (detector, settings) = detector();
    find(&detector, settings, &picture::landscape(), &[], "the landscape").await;
}

#[tokio::test]
async fn the_film_shows_somebody_who_leaves() {
    let (detector, settings) = detector();
    for index in (0..film::PICTURES).step_by(5) {
        let place = film::place(index);
        find(&detector, settings, &film::picture(index), place.as_slice(), &format!("picture {index}")).await;
    }
}
