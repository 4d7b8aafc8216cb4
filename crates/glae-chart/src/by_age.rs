//! The error at every age above the number of images at that age: the paper's Fig. 1.

use crate::axis::Axis;
use crate::chart::{Anchor, Chart, Series, keys_height};
use crate::ink::Ink;

const LEFT: f64 = 48.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 28.0;
const ERRORS: f64 = 220.0;
const GAP: f64 = 44.0;
const COUNTS: f64 = 72.0;
const BOTTOM: f64 = 42.0;

/// The chart, `width` pixels wide. Points are age and mean absolute error, in years; `counts[k]` is the number of images at
/// age k, and `counted` says which images. With `keys` it says itself which line is which.
pub fn by_age(width: f64, series: &[Series], counts: &[u32], counted: &str, keys: bool) -> Chart {
    let oldest = series.iter().flat_map(|one| &one.points).fold(1.0_f64, |oldest, (age, _)| oldest.max(*age));
    let oldest = oldest.max(counts.len() as f64 - 1.0);
    let most = counts.iter().copied().max().unwrap_or(0);
    let (errors, images) = (Axis::from_zero(Series::highest(series), 5), Axis::from_zero(f64::from(most), 2));
    let top = TOP + if keys { keys_height(width, series) } else { 0.0 };
    let (right, errors_end) = (width - RIGHT, top + ERRORS);
    let (images_top, images_end) = (errors_end + GAP, errors_end + GAP + COUNTS);
    let year = (right - LEFT) / (oldest + 1.0);
    let x_of = |age: f64| LEFT + (age + 0.5) * year;
    let y_of = |error| errors.place(error, errors_end, top);
    let mut chart = Chart::new(width, images_end + BOTTOM);
    if keys {
        chart.keys(0.0, series);
    }

    let mut scale = |axis: &Axis, name: &str, from: f64, to: f64| {
        chart.text((4.0, from - 16.0), Anchor::Start, Ink::Text, name);
        for tick in axis.ticks() {
            let y = axis.place(tick, to, from);
            chart.line((LEFT, y), (right, y), Ink::Grid);
            chart.text((LEFT - 8.0, y + 4.0), Anchor::End, Ink::Quiet, axis.label(tick));
        }
    };
    scale(&errors, "Mean absolute error in years", top, errors_end);
    scale(&images, counted, images_top, images_end);
    for (age, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let head = images.place(f64::from(*count), images_end, images_top);
        let title = format!("{age} years: {count}");
        chart.area((x_of(age as f64) - year * 0.4, head), (year * 0.8, images_end - head), Ink::Bar, title);
    }
    for end in [errors_end, images_end] {
        chart.line((LEFT, end), (right, end), Ink::Axis);
    }
    for age in (0..=oldest as usize).step_by(if width < 480.0 { 20 } else { 10 }) {
        chart.text((x_of(age as f64), images_end + 17.0), Anchor::Middle, Ink::Quiet, age.to_string());
    }
    chart.text(((LEFT + right) / 2.0, images_end + 36.0), Anchor::Middle, Ink::Text, "Age in years");
    for one in series {
        if let Some(level) = one.level {
            chart.line((LEFT, y_of(level)), (right, y_of(level)), Ink::Level(one.number));
        }
        chart.series(one, |(age, error)| (x_of(age), y_of(error)));
    }
    chart
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::Mark;

    fn path_of(chart: &Chart, wanted: Ink) -> &str {
        let found = chart.marks.iter().find_map(|mark| match mark {
            Mark::Path { d, ink, .. } if *ink == wanted => Some(d.as_str()),
            _ => None,
        });
        found.unwrap_or_default()
    }

    #[test]
    fn bar_and_line_of_an_age_stand_above_each_other() {
        let series = [Series::new("a", 0, vec![(30.0, 5.0), (31.0, 5.0)])];
        let mut counts = vec![0; 61];
        counts[30] = 7;
        let chart = by_age(668.0, &series, &counts, "Test images", false);
        // 61 ages on 610 pixels: age 30 is centred at 48 + 305.
        assert!(path_of(&chart, Ink::Series(0)).starts_with("M353.0 "), "{}", path_of(&chart, Ink::Series(0)));
        assert!(path_of(&chart, Ink::Bar).starts_with("M349.0 "), "{}", path_of(&chart, Ink::Bar));
    }

    #[test]
    fn all_series_share_one_axis_and_keys_stand_above_it() {
        let at = |number, error| Series { level: Some(error), ..Series::new("a", number, Vec::new()) };
        for (keys, top) in [(false, TOP), (true, TOP + 20.0)] {
            let chart = by_age(400.0, &[at(0, 10.0), at(1, 0.0)], &[1], "", keys);
            assert!(path_of(&chart, Ink::Level(0)).ends_with(&format!(" {top:.1}")));
            assert!(path_of(&chart, Ink::Level(1)).ends_with(&format!(" {:.1}", top + ERRORS)));
        }
    }
}
