//! MAE against CMAE: what a method gains on rare ages, and what it pays on common ones.

use glae_chart::{Anchor, Axis, CHARACTER, Chart, Ink};

/// A method in the drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Its name.
    pub name: String,
    /// In years.
    pub mae: f64,
    /// In years.
    pub cmae: f64,
    /// Where its numbers come from.
    pub ink: Ink,
}

const LEFT: f64 = 48.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 44.0;
const LINE: f64 = 13.0;

/// The drawing, `width` pixels wide.
pub fn scene(points: &[Point], width: f64) -> Chart {
    let height = (width * 0.62).clamp(260.0, 420.0);
    let (x_end, y_end) = (width - RIGHT, height - BOTTOM);
    let x_axis = Axis::around(points.iter().map(|point| point.mae), (width / 90.0) as usize);
    let y_axis = Axis::around(points.iter().map(|point| point.cmae), 5);
    let x_of = |mae| x_axis.place(mae, LEFT, x_end);
    let y_of = |cmae| y_axis.place(cmae, y_end, TOP);
    let mut chart = Chart::new(width, height);

    for tick in y_axis.ticks() {
        chart.line((LEFT, y_of(tick)), (x_end, y_of(tick)), Ink::Grid);
        chart.text((LEFT - 8.0, y_of(tick) + 4.0), Anchor::End, Ink::Quiet, y_axis.label(tick));
    }
    for tick in x_axis.ticks() {
        chart.line((x_of(tick), TOP), (x_of(tick), y_end), Ink::Grid);
        chart.text((x_of(tick), y_end + 18.0), Anchor::Middle, Ink::Quiet, x_axis.label(tick));
    }
    // Where both are equal, as for a method that errs alike at all ages.
    let (from, to) = (x_axis.low.max(y_axis.low), x_axis.high.min(y_axis.high));
    if to > from {
        chart.line((x_of(from), y_of(from)), (x_of(to), y_of(to)), Ink::Guide);
    }
    chart.line((LEFT, y_end), (x_end, y_end), Ink::Axis);
    chart.text(((LEFT + x_end) / 2.0, height - 6.0), Anchor::Middle, Ink::Text, "MAE in years");
    chart.text((4.0, TOP - 16.0), Anchor::Start, Ink::Text, "CMAE in years");

    for point in points {
        let title = format!("{}: MAE {:.2}, CMAE {:.2}", point.name, point.mae, point.cmae);
        let d = shape(point.ink, x_of(point.mae), y_of(point.cmae));
        chart.path(d, point.ink, Some(title));
    }
    label(&mut chart, points, |point| (x_of(point.mae), y_of(point.cmae)), x_end);
    chart
}

/// Circles for what was reported, squares for what was computed, a diamond for the visitor's own file.
fn shape(ink: Ink, x: f64, y: f64) -> String {
    match ink {
        Ink::Computed => format!("M{:.1} {:.1}h9v9h-9Z", x - 4.5, y - 4.5),
        Ink::Yours => format!("M{x:.1} {:.1}l7 7l-7 7l-7 -7Z", y - 7.0),
        _ => format!("M{:.1} {y:.1}a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0Z", x - 4.5),
    }
}

/// Writes names beside points where they touch neither a point nor another name, the visitor's own first.
fn label(chart: &mut Chart, points: &[Point], place: impl Fn(&Point) -> (f64, f64), x_end: f64) {
    let mut taken: Vec<[f64; 4]> = points
        .iter()
        .map(|point| {
            let (x, y) = place(point);
            [x - 6.0, y - 6.0, x + 6.0, y + 6.0]
        })
        .collect();
    let mut order: Vec<&Point> = points.iter().collect();
    order.sort_by_key(|point| point.ink != Ink::Yours);
    for point in order {
        let (x, y) = place(point);
        let name: String = point.name.chars().take(28).collect();
        let width = name.chars().count() as f64 * CHARACTER;
        let right = (x + 10.0, Anchor::Start, [x + 8.0, y - LINE / 2.0, x + 10.0 + width, y + LINE / 2.0]);
        let left = (x - 10.0, Anchor::End, [x - 10.0 - width, y - LINE / 2.0, x - 8.0, y + LINE / 2.0]);
        let free = |space: &[f64; 4]| {
            let apart = |other: &[f64; 4]| {
                space[2] < other[0] || other[2] < space[0] || space[3] < other[1] || other[3] < space[1]
            };
            space[0] >= LEFT && space[2] <= x_end && taken.iter().all(apart)
        };
        if let Some((at, anchor, space)) = [right, left].into_iter().find(|(_, _, space)| free(space)) {
            taken.push(space);
            chart.text((at, y + 4.0), anchor, Ink::Text, name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_chart::Mark;

    fn point(name: &str, mae: f64, cmae: f64) -> Point {
        Point { name: name.into(), mae, cmae, ink: Ink::Reported }
    }

    fn texts(chart: &Chart) -> Vec<&str> {
        let text = |mark: &'_ Mark| matches!(mark, Mark::Text { .. });
        let texts = chart.marks.iter().filter(|mark| text(mark));
        texts.map(|mark| if let Mark::Text { text, .. } = mark { text.as_str() } else { "" }).collect()
    }

    #[test]
    fn less_mae_is_left_and_less_cmae_is_low() {
        let chart = scene(&[point("a", 4.0, 9.0), point("b", 6.0, 7.0)], 600.0);
        let place = |name: &str| {
            let found = chart.marks.iter().find_map(|mark| match mark {
                Mark::Path { d, title: Some(title), .. } if title.starts_with(name) => Some(d),
                _ => None,
            });
            let numbers = found.unwrap()[1..].split(['a', ' ']).take(2);
            numbers.map(|number| number.parse::<f64>().unwrap()).collect::<Vec<_>>()
        };
        let (a, b) = (place("a:"), place("b:"));
        assert!(a[0] < b[0] && a[1] < b[1], "{a:?} {b:?}");
        assert!([&a, &b].iter().all(|at| (LEFT..600.0 - RIGHT).contains(&at[0])), "{a:?} {b:?}");
    }

    #[test]
    fn names_that_would_collide_are_left_out_and_yours_is_kept() {
        let mut points = vec![point("first", 5.0, 8.0), point("second", 5.01, 8.01), point("far", 9.0, 12.0)];
        points.push(Point { ink: Ink::Yours, ..point("yours", 5.02, 8.0) });
        let chart = scene(&points, 600.0);
        let names = texts(&chart);
        assert!(names.contains(&"yours") && names.contains(&"far"), "{names:?}");
        assert!(!names.contains(&"first") || !names.contains(&"second"), "{names:?}");
    }

    #[test]
    fn nothing_to_draw_is_still_a_drawing() {
        assert!(scene(&[], 320.0).marks.len() > 3);
    }
}
