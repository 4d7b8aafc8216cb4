//! The error at every age above the number of images at that age: the paper's Fig. 1.

use std::fmt::Write as _;

use super::scene::{Anchor, Axis, Ink, Scene};

/// A method's errors.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The method's name.
    pub name: String,
    /// Age and mean absolute error in years, ascending; ages without images are absent.
    pub errors: Vec<(u32, f64)>,
}

const LEFT: f64 = 48.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 28.0;
const ERRORS: f64 = 220.0;
const GAP: f64 = 44.0;
const COUNTS: f64 = 72.0;
const BOTTOM: f64 = 42.0;

/// The drawing, `width` pixels wide. `counts[k]` is the number of images at age k.
pub fn scene(series: &[Series], counts: &[u32], width: f64) -> Scene {
    let last_error = series.iter().flat_map(|one| &one.errors).map(|(age, _)| *age).max().unwrap_or(0);
    let last = (counts.len().saturating_sub(1) as u32).max(last_error).max(1);
    let highest = series.iter().flat_map(|one| &one.errors).map(|(_, error)| *error).fold(0.0, f64::max);
    let most = counts.iter().copied().max().unwrap_or(0);
    let (error_axis, count_axis) = (Axis::from_zero(highest, 5), Axis::from_zero(f64::from(most), 2));
    let (x_end, errors_end) = (width - RIGHT, TOP + ERRORS);
    let (counts_top, counts_end) = (errors_end + GAP, errors_end + GAP + COUNTS);
    let year = (x_end - LEFT) / f64::from(last + 1);
    let x_of = |age: u32| LEFT + (f64::from(age) + 0.5) * year;
    let mut scene = Scene { width, height: counts_end + BOTTOM, marks: Vec::new() };

    scene.text((4.0, TOP - 16.0), Anchor::Start, Ink::Text, "Mean absolute error in years");
    for tick in error_axis.ticks() {
        let y = error_axis.place(tick, errors_end, TOP);
        scene.line((LEFT, y), (x_end, y), Ink::Grid);
        scene.text((LEFT - 8.0, y + 4.0), Anchor::End, Ink::Quiet, error_axis.label(tick));
    }
    scene.text((4.0, counts_top - 16.0), Anchor::Start, Ink::Text, "Test images");
    for tick in count_axis.ticks() {
        let y = count_axis.place(tick, counts_end, counts_top);
        scene.line((LEFT, y), (x_end, y), Ink::Grid);
        scene.text((LEFT - 8.0, y + 4.0), Anchor::End, Ink::Quiet, count_axis.label(tick));
    }
    let bars = bars(
        counts,
        |age| x_of(age) - year * 0.4,
        year * 0.8,
        |count| count_axis.place(f64::from(count), counts_end, counts_top),
    );
    scene.path(bars, Ink::Bar);
    for end in [errors_end, counts_end] {
        scene.line((LEFT, end), (x_end, end), Ink::Axis);
    }
    let step = if width < 480.0 { 20 } else { 10 };
    for age in (0..=last).step_by(step) {
        scene.text((x_of(age), counts_end + 17.0), Anchor::Middle, Ink::Quiet, age.to_string());
    }
    scene.text(((LEFT + x_end) / 2.0, counts_end + 36.0), Anchor::Middle, Ink::Text, "Age in years");
    for (number, one) in series.iter().enumerate() {
        let d = line(&one.errors, x_of, |error| error_axis.place(error, errors_end, TOP));
        scene.path(d, Ink::Series(number));
    }
    scene
}

/// One closed rectangle per count, standing on 0.
fn bars(counts: &[u32], x_of: impl Fn(u32) -> f64, width: f64, y_of: impl Fn(u32) -> f64) -> String {
    let mut path = String::new();
    for (age, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let (x, foot, head) = (x_of(age as u32), y_of(0), y_of(*count));
        write!(path, "M{x:.1} {foot:.1}V{head:.1}h{width:.1}V{foot:.1}Z").expect("writing to a string cannot fail");
    }
    path
}

/// A line that is interrupted where ages are absent. An age between two absent ones is a line of no length, which round
/// ends make a dot.
fn line(errors: &[(u32, f64)], x_of: impl Fn(u32) -> f64, y_of: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let mut before = None;
    for &(age, error) in errors {
        let (x, y) = (x_of(age), y_of(error));
        if before.is_none_or(|before: u32| before + 1 != age) {
            write!(path, "M{x:.1} {y:.1}").expect("writing to a string cannot fail");
        }
        write!(path, "L{x:.1} {y:.1}").expect("writing to a string cannot fail");
        before = Some(age);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaderboard::scene::Mark;

    fn path_of(scene: &Scene, wanted: Ink) -> &str {
        let found = scene.marks.iter().find_map(|mark| match mark {
            Mark::Path { d, ink, .. } if *ink == wanted => Some(d.as_str()),
            _ => None,
        });
        found.unwrap_or_default()
    }

    #[test]
    fn a_line_stops_where_ages_are_absent() {
        let errors = [(1, 2.0), (2, 4.0), (5, 3.0)];
        assert_eq!(line(&errors, f64::from, |error| error), "M1.0 2.0L1.0 2.0L2.0 4.0M5.0 3.0L5.0 3.0");
    }

    #[test]
    fn bars_stand_on_zero_and_empty_ages_have_none() {
        let d = bars(&[0, 3], f64::from, 0.5, |count| 10.0 - f64::from(count));
        assert_eq!(d, "M1.0 10.0V7.0h0.5V10.0Z");
    }

    #[test]
    fn bar_and_line_of_an_age_stand_above_each_other() {
        let series = [Series { name: "a".into(), errors: vec![(30, 5.0)] }];
        let mut counts = vec![0; 61];
        counts[30] = 7;
        let scene = scene(&series, &counts, 668.0);
        // 61 ages on 610 pixels: age 30 is centred at 48 + 305.
        assert!(path_of(&scene, Ink::Series(0)).starts_with("M353.0 "), "{}", path_of(&scene, Ink::Series(0)));
        assert!(path_of(&scene, Ink::Bar).starts_with("M349.0 "), "{}", path_of(&scene, Ink::Bar));
    }

    #[test]
    fn all_series_share_one_axis() {
        let at = |error| Series { name: String::new(), errors: vec![(0, error)] };
        let scene = scene(&[at(10.0), at(0.0)], &[1], 400.0);
        assert!(path_of(&scene, Ink::Series(0)).ends_with(&format!(" {TOP:.1}")));
        assert!(path_of(&scene, Ink::Series(1)).ends_with(&format!(" {:.1}", TOP + ERRORS)));
    }
}
