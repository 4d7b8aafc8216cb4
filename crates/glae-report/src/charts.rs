//! The charts of reports and tables but for the error at each age, for any width: drawn once for wide screens and once for
//! phones.

use glae_chart::{Anchor, Axis, CHARACTER, Chart, Ink, Series, keys_height};

use super::answers::Cell;
use super::words::{percent, whole};

/// Number of the series of routed answers, green and unbroken; the ways to answer look the same everywhere, as in `[GLAE]
/// Fig. 4`.
pub const ROUTED: usize = 0;
/// Of the balanced classifier, orange.
pub const BALANCED: usize = 1;
/// Of the vanilla classifier, blue.
pub const VANILLA: usize = 2;
/// Of anything else, violet.
pub const OTHER: usize = 3;

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug)]
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

/// A panel of lines over a common axis, for charts of several panels below each other.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What the lines show, with its unit.
    pub title: String,
    /// The lines.
    pub lines: Vec<Series>,
    /// Whether the scale starts at 0.
    pub from_zero: bool,
}

/// Panels below each other over one axis of whole numbers from 0 to `end`, with guides across all of them at the given places.
pub fn panels(width: f64, panels: &[Panel], end: usize, across: &str, guides: &[(f64, &str)]) -> Chart {
    let height = if width < 500.0 { 120.0 } else { 150.0 };
    let head = |panel: &Panel| 34.0 + if panel.lines.len() > 1 { keys_height(width, &panel.lines) } else { 0.0 };
    let total: f64 = panels.iter().map(|panel| head(panel) + height + 18.0).sum();
    let mut chart = Chart::new(width, total + 24.0);
    let axis = Axis::counting(end, if width < 500.0 { 5 } else { 10 });
    let mut top = 0.0;
    for (number, panel) in panels.iter().enumerate() {
        chart.text((0.0, top + 16.0), Anchor::Start, Ink::Head, &*panel.title);
        if panel.lines.len() > 1 {
            chart.keys(top + 22.0, &panel.lines);
        }
        top += head(panel);
        let frame = Frame { left: 44.0, right: width - 12.0, top, bottom: top + height };
        let values = || panel.lines.iter().flat_map(|line| &line.points).map(|point| point.1);
        let low = if panel.from_zero { 0.0 } else { values().fold(f64::INFINITY, f64::min) };
        let scale = Axis::between(if low.is_finite() { low } else { 0.0 }, Series::highest(&panel.lines), 4);
        put_scale(&mut chart, frame, &scale);
        for (at, label) in guides {
            let x = axis.place(*at, frame.left, frame.right);
            chart.line((x, frame.top), (x, frame.bottom), Ink::Guide);
            if number == 0 {
                chart.text((x + 5.0, frame.top + 11.0), Anchor::Start, Ink::Quiet, *label);
            }
        }
        for line in &panel.lines {
            chart.series(line, |(x, y)| {
                (axis.place(x, frame.left, frame.right), scale.place(y, frame.bottom, frame.top))
            });
        }
        top += height + 18.0;
        if number + 1 == panels.len() {
            put_across(&mut chart, frame, &axis, across);
        }
    }
    chart
}

/// A group of images and how often the vanilla classifier answered.
#[derive(Clone, Debug)]
pub struct Share {
    /// The group.
    pub name: String,
    /// Its images.
    pub samples: usize,
    /// 0 to 1.
    pub vanilla: f64,
}

/// `[GLAE] Fig. 4`: a bar for each group, divided between vanilla and balanced.
pub fn shares(width: f64, rows: &[Share]) -> Chart {
    let (bar, gap, top) = (28.0, 12.0, 30.0);
    let mut chart = Chart::new(width, top + rows.len() as f64 * (bar + gap));
    for (name, number, x) in [("vanilla", VANILLA, 0.0), ("balanced", BALANCED, 100.0)] {
        chart.area((x, 2.0), (14.0, 12.0), Ink::Fill(number), name);
        chart.text((x + 22.0, 12.0), Anchor::Start, Ink::Text, name);
    }
    let longest = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0) as f64;
    let (left, right) = (longest * CHARACTER + 12.0, width - 92.0);
    for (number, row) in rows.iter().enumerate() {
        let y = top + number as f64 * (bar + gap);
        let middle = left + (right - left) * row.vanilla;
        chart.text((left - 10.0, y + bar / 2.0 + 4.0), Anchor::End, Ink::Text, &*row.name);
        for (from, to, share, number, name) in
            [(left, middle, row.vanilla, VANILLA, "vanilla"), (middle, right, 1.0 - row.vanilla, BALANCED, "balanced")]
        {
            if share <= 0.0 {
                continue;
            }
            let title = format!("{}: {} {name}", row.name, percent(share));
            chart.area((from, y), (to - from, bar), Ink::Fill(number), title);
            if to - from > 52.0 {
                let place = ((from + to) / 2.0, y + bar / 2.0 + 4.0);
                chart.text(place, Anchor::Middle, Ink::Inside, percent(share));
            }
        }
        let images = format!("{} images", whole(row.samples));
        chart.text((width, y + bar / 2.0 + 4.0), Anchor::End, Ink::Quiet, images);
    }
    chart
}

/// Rows of numbers with their intervals, a panel for each column; several numbers of one cell are several runs.
pub fn intervals(width: f64, rows: &[String], columns: &[(String, Vec<Vec<Cell>>)]) -> Chart {
    let longest = rows.iter().map(|row| row.chars().count()).max().unwrap_or(0) as f64;
    let (left, top, row_height) = (longest * CHARACTER + 16.0, 30.0, 34.0);
    let mut chart = Chart::new(width, top + rows.len() as f64 * row_height + 30.0);
    let bottom = chart.height - 30.0;
    let middle = |number: usize| top + (number as f64 + 0.5) * row_height;
    for (number, row) in rows.iter().enumerate() {
        chart.text((0.0, middle(number) + 4.0), Anchor::Start, Ink::Text, &**row);
    }
    let gap = 22.0;
    let panel = (width - left) / columns.len().max(1) as f64;
    for (number, (name, cells)) in columns.iter().enumerate() {
        let frame = Frame {
            left: left + panel * number as f64 + gap / 2.0,
            right: left + panel * (number + 1) as f64 - gap / 2.0,
            top,
            bottom,
        };
        chart.text(((frame.left + frame.right) / 2.0, 16.0), Anchor::Middle, Ink::Head, &**name);
        let ends = || cells.iter().flatten().flat_map(|cell| cell.interval);
        let (low, high) = ends().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), end| (a.min(end), b.max(end)));
        if low > high {
            continue;
        }
        let axis = Axis::between(low, high, ((frame.right - frame.left) / 60.0).max(2.0) as usize);
        let place = |value| axis.place(value, frame.left, frame.right);
        for tick in axis.ticks() {
            chart.line((place(tick), frame.top), (place(tick), frame.bottom), Ink::Grid);
            chart.text((place(tick), frame.bottom + 18.0), Anchor::Middle, Ink::Quiet, axis.label(tick));
        }
        for (row, cells) in cells.iter().enumerate() {
            for (seed, cell) in cells.iter().enumerate() {
                let y = middle(row) + (seed as f64 - (cells.len() as f64 - 1.0) / 2.0) * (18.0 / cells.len() as f64);
                chart.line((place(cell.interval[0]), y), (place(cell.interval[1]), y), Ink::Whisker);
                chart.point((place(cell.value), y), 4.0, Ink::Fill(ROUTED), None);
                if cells.len() == 1 {
                    let text = format!("{:.2}", cell.value);
                    chart.text((place(cell.value), y - 8.0), Anchor::Middle, Ink::Value, text);
                }
            }
        }
    }
    chart
}

/// Numbers and lines to read values by, on the left.
fn put_scale(chart: &mut Chart, frame: Frame, axis: &Axis) {
    for tick in axis.ticks() {
        let y = axis.place(tick, frame.bottom, frame.top);
        chart.line((frame.left, y), (frame.right, y), Ink::Grid);
        chart.text((frame.left - 8.0, y + 4.0), Anchor::End, Ink::Quiet, axis.label(tick));
    }
}

/// The axis below.
fn put_across(chart: &mut Chart, frame: Frame, axis: &Axis, name: &str) {
    chart.line((frame.left, frame.bottom), (frame.right, frame.bottom), Ink::Axis);
    for tick in axis.ticks() {
        let x = axis.place(tick, frame.left, frame.right);
        chart.line((x, frame.bottom), (x, frame.bottom + 4.0), Ink::Axis);
        chart.text((x, frame.bottom + 17.0), Anchor::Middle, Ink::Quiet, axis.label(tick));
    }
    chart.text(((frame.left + frame.right) / 2.0, frame.bottom + 33.0), Anchor::Middle, Ink::Quiet, name);
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_chart::{Mark, by_age};

    #[test]
    fn everything_lies_inside_whatever_the_width() {
        let long = "a name that is long enough to need a row of its own";
        let line = |name: &str, points: &[(f64, f64)]| Series::new(name, ROUTED, points.to_vec());
        let lines = [line(long, &[(0.0, 5.0), (90.0, 41.0)]), line("b", &[(3.0, 1.0)]), line(long, &[])];
        let cell = |value| Cell { value, interval: [value - 1.0, value + 1.0] };
        for width in [340.0, 720.0] {
            let panel = Panel { title: "loss".to_owned(), lines: lines.to_vec(), from_zero: true };
            let share = Share { name: "66-100".to_owned(), samples: 12_000, vanilla: 0.25 };
            for chart in [
                by_age(width, &lines, &[0, 5, 15_000], "training images", true),
                panels(width, &[panel.clone(), panel], 90, "epochs", &[(5.0, "stage 2")]),
                shares(width, &[share]),
                intervals(width, &["one".to_owned()], &[("MAE".to_owned(), vec![vec![cell(6.0), cell(6.5)]])]),
            ] {
                let inside = |x: f64, y: f64| (0.0..=width).contains(&x) && (0.0..=chart.height).contains(&y);
                for mark in &chart.marks {
                    let fits = match mark {
                        Mark::Text { x, y, .. } => inside(*x, *y),
                        // Where a path and each of its straight lines begin.
                        Mark::Path { d, .. } => d.split(['M', 'L']).skip(1).all(|place| {
                            let numbers: Vec<f64> = place
                                .split(|c: char| c != '.' && !c.is_ascii_digit())
                                .map_while(|n| n.parse().ok())
                                .collect();
                            inside(numbers[0], numbers[1])
                        }),
                    };
                    assert!(fits, "{mark:?} of {width} x {}", chart.height);
                }
            }
        }
    }
}
