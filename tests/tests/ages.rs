//! The pipeline gives the ages that an independent program computed from the same photographs and weights.

use std::collections::BTreeSet;

use tests::{
    native::{self, Native},
    oracle, picture,
};

/// How far an edge of a box may be from the oracle's, in pixels.
const MOST_PIXELS: f32 = 0.5;

#[tokio::test]
async fn drawn_photographs_have_the_expected_ages() {
    let weights = tests::root().join("public/weights");
    let expected = oracle::read().unwrap_or_else(|error| panic!("{error:#}"));
    let network = native::named(&weights, "default").unwrap();
    let native = Native::load(&weights, &network).unwrap_or_else(|error| panic!("{error:#}"));
    let pictures = picture::judged();
    let names: BTreeSet<&str> = pictures.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected.keys().map(String::as_str).collect());
    let (mut doubts, mut worst) = (BTreeSet::new(), 0f32);
    for (name, picture) in &pictures {
        let (look, right) = (native.look_at(picture).await.unwrap(), &expected[*name]);
        assert_eq!((look.seen.len(), look.main), (right.faces.len(), right.main), "{name}: {look:?}");
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
    // A set without them would not show that faces are refused alike.
    assert_eq!(doubts, ["small".to_owned()].into());
}
