//! The charts of reports and tables, for any width: drawn once for wide screens and once for phones.

use super::answers::Cell;
use super::drawing::{Anchor, Axis, CHARACTER, Drawing};
use super::words::{percent, whole};

/// How a line looks; the classifiers have the same colours everywhere, those of `[GLAE] Fig. 4`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Look {
    /// Green, unbroken.
    Routed,
    /// Orange, dashed.
    Balanced,
    /// Blue, dotted.
    Vanilla,
    /// Violet, dashed and dotted.
    Other,
    /// Grey: there is nothing to tell it from.
    #[default]
    Plain,
}

/// A line by its points, in ascending x. Where points are missing, or far apart, it is broken.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// What it shows.
    pub name: String,
    /// How it looks.
    pub look: Look,
    /// Its points.
    pub points: Vec<(f64, f64)>,
    /// A level that belongs to it, dashed across the chart.
    pub level: Option<f64>,
}

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug)]
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

const KEY_HEIGHT: f64 = 20.0;
const SWATCH: f64 = 26.0;

/// `[GLAE] Fig. 1`: lines of the error at each age over bars of the number of images, with each line's level.
pub fn by_age(width: f64, counts: &[u32], counted: &str, lines: &[Line]) -> Drawing {
    let keys = key_rows(width, lines);
    let top = 26.0 + keys as f64 * KEY_HEIGHT;
    let mut drawing = Drawing::new(width, top + if width < 500.0 { 250.0 } else { 330.0 });
    let frame = Frame { left: 34.0, right: width - 46.0, top, bottom: drawing.height - 40.0 };
    put_keys(&mut drawing, lines);
    let oldest = lines.iter().flat_map(|line| &line.points).fold(1.0_f64, |oldest, (age, _)| oldest.max(*age));
    let ages = Axis::new(0.0, oldest.max(counts.len() as f64 - 1.0), if width < 500.0 { 5 } else { 10 });
    let errors = Axis::new(0.0, highest(lines), 5);
    let images = Axis::new(0.0, counts.iter().copied().max().unwrap_or(0).into(), 5);

    let place = |age: f64| ages.place(age, frame.left, frame.right);
    let slot = place(1.0) - place(0.0);
    for (age, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let height = frame.bottom - images.place(f64::from(*count), frame.bottom, frame.top);
        let corner = (place(age as f64) - slot * 0.4, frame.bottom - height);
        let title = format!("{age} years: {} {counted}", whole(*count as usize));
        drawing.area(corner, (slot * 0.8, height), "bar", &title);
    }
    put_scale(&mut drawing, frame, &errors);
    drawing.text((0.0, top - 10.0), Anchor::Start, "quiet", "error, years");
    for tick in images.ticks() {
        let y = images.place(tick, frame.bottom, frame.top);
        drawing.text((frame.right + 8.0, y + 4.0), Anchor::Start, "quiet", &thousands(tick));
    }
    drawing.text((width, top - 10.0), Anchor::End, "quiet", counted);
    put_across(&mut drawing, frame, &ages, "age, years");
    for line in lines {
        if let Some(level) = line.level {
            let y = errors.place(level, frame.bottom, frame.top);
            drawing.line((frame.left, y), (frame.right, y), &format!("level l{}", line.look as usize));
        }
        put_line(&mut drawing, frame, (&ages, &errors), line, 2.0);
    }
    drawing
}

/// A panel of lines over a common axis, for charts of several panels below each other.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What the lines show, with its unit.
    pub title: String,
    /// The lines.
    pub lines: Vec<Line>,
    /// Whether the scale starts at 0.
    pub from_zero: bool,
}

/// Panels below each other over one axis of whole numbers from 0 to `end`, with guides across all of them at the given places.
pub fn panels(width: f64, panels: &[Panel], end: usize, across: &str, guides: &[(f64, &str)]) -> Drawing {
    let height = if width < 500.0 { 120.0 } else { 150.0 };
    let head =
        |panel: &Panel| 34.0 + if panel.lines.len() > 1 { key_rows(width, &panel.lines) as f64 * 20.0 } else { 0.0 };
    let total: f64 = panels.iter().map(|panel| head(panel) + height + 18.0).sum();
    let mut drawing = Drawing::new(width, total + 24.0);
    let axis = Axis::counting(end, if width < 500.0 { 5 } else { 10 });
    let mut top = 0.0;
    for (number, panel) in panels.iter().enumerate() {
        drawing.text((0.0, top + 16.0), Anchor::Start, "head", &panel.title);
        if panel.lines.len() > 1 {
            put_keys_at(&mut drawing, top + 22.0, &panel.lines);
        }
        top += head(panel);
        let frame = Frame { left: 44.0, right: width - 12.0, top, bottom: top + height };
        let values = || panel.lines.iter().flat_map(|line| &line.points).map(|point| point.1);
        let low = if panel.from_zero { 0.0 } else { values().fold(f64::INFINITY, f64::min) };
        let scale = Axis::new(if low.is_finite() { low } else { 0.0 }, highest(&panel.lines), 4);
        put_scale(&mut drawing, frame, &scale);
        for (at, label) in guides {
            let x = axis.place(*at, frame.left, frame.right);
            drawing.line((x, frame.top), (x, frame.bottom), "guide");
            if number == 0 {
                drawing.text((x + 5.0, frame.top + 11.0), Anchor::Start, "quiet", label);
            }
        }
        for line in &panel.lines {
            put_line(&mut drawing, frame, (&axis, &scale), line, 1.0);
        }
        top += height + 18.0;
        if number + 1 == panels.len() {
            put_across(&mut drawing, frame, &axis, across);
        }
    }
    drawing
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
pub fn shares(width: f64, rows: &[Share]) -> Drawing {
    let looks = [("vanilla", Look::Vanilla), ("balanced", Look::Balanced)];
    let lines = looks.map(|(name, look)| Line { name: name.to_owned(), look, ..Line::default() });
    let (bar, gap, top) = (28.0, 12.0, 30.0);
    let mut drawing = Drawing::new(width, top + rows.len() as f64 * (bar + gap));
    put_blocks(&mut drawing, &lines);
    let longest = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0) as f64;
    let (left, right) = (longest * CHARACTER + 12.0, width - 92.0);
    for (number, row) in rows.iter().enumerate() {
        let y = top + number as f64 * (bar + gap);
        let middle = left + (right - left) * row.vanilla;
        drawing.text((left - 10.0, y + bar / 2.0 + 4.0), Anchor::End, "text", &row.name);
        for (from, to, share, class, name) in
            [(left, middle, row.vanilla, "f2", "vanilla"), (middle, right, 1.0 - row.vanilla, "f1", "balanced")]
        {
            if share <= 0.0 {
                continue;
            }
            drawing.area((from, y), (to - from, bar), class, &format!("{}: {} {name}", row.name, percent(share)));
            if to - from > 52.0 {
                let place = ((from + to) / 2.0, y + bar / 2.0 + 4.0);
                drawing.text(place, Anchor::Middle, "inside", &percent(share));
            }
        }
        let images = format!("{} images", whole(row.samples));
        drawing.text((width, y + bar / 2.0 + 4.0), Anchor::End, "quiet", &images);
    }
    drawing
}

/// Rows of numbers with their intervals, a panel for each column; several numbers of one cell are several runs.
pub fn intervals(width: f64, rows: &[String], columns: &[(String, Vec<Vec<Cell>>)]) -> Drawing {
    let longest = rows.iter().map(|row| row.chars().count()).max().unwrap_or(0) as f64;
    let (left, top, row_height) = (longest * CHARACTER + 16.0, 30.0, 34.0);
    let mut drawing = Drawing::new(width, top + rows.len() as f64 * row_height + 30.0);
    let bottom = drawing.height - 30.0;
    let middle = |number: usize| top + (number as f64 + 0.5) * row_height;
    for (number, row) in rows.iter().enumerate() {
        drawing.text((0.0, middle(number) + 4.0), Anchor::Start, "text", row);
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
        drawing.text(((frame.left + frame.right) / 2.0, 16.0), Anchor::Middle, "head", name);
        let ends = || cells.iter().flatten().flat_map(|cell| cell.interval);
        let (low, high) = ends().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), end| (a.min(end), b.max(end)));
        if low > high {
            continue;
        }
        let axis = Axis::new(low, high, ((frame.right - frame.left) / 60.0).max(2.0) as usize);
        let place = |value| axis.place(value, frame.left, frame.right);
        for tick in axis.ticks() {
            drawing.line((place(tick), frame.top), (place(tick), frame.bottom), "grid");
            drawing.text((place(tick), frame.bottom + 18.0), Anchor::Middle, "quiet", &axis.label(tick));
        }
        for (row, cells) in cells.iter().enumerate() {
            for (seed, cell) in cells.iter().enumerate() {
                let y = middle(row) + (seed as f64 - (cells.len() as f64 - 1.0) / 2.0) * (18.0 / cells.len() as f64);
                drawing.line((place(cell.interval[0]), y), (place(cell.interval[1]), y), "whisker");
                drawing.point((place(cell.value), y), 4.0, "f0");
                if cells.len() == 1 {
                    let text = format!("{:.2}", cell.value);
                    drawing.text((place(cell.value), y - 8.0), Anchor::Middle, "value", &text);
                }
            }
        }
    }
    drawing
}

fn highest(lines: &[Line]) -> f64 {
    let values = lines.iter().flat_map(|line| line.points.iter().map(|point| point.1).chain(line.level));
    values.filter(|value| value.is_finite()).fold(0.0, f64::max)
}

/// Numbers and lines to read values by, on the left.
fn put_scale(drawing: &mut Drawing, frame: Frame, axis: &Axis) {
    for tick in axis.ticks() {
        let y = axis.place(tick, frame.bottom, frame.top);
        drawing.line((frame.left, y), (frame.right, y), "grid");
        drawing.text((frame.left - 8.0, y + 4.0), Anchor::End, "quiet", &axis.label(tick));
    }
}

/// The axis below.
fn put_across(drawing: &mut Drawing, frame: Frame, axis: &Axis, name: &str) {
    drawing.line((frame.left, frame.bottom), (frame.right, frame.bottom), "axis");
    for tick in axis.ticks() {
        let x = axis.place(tick, frame.left, frame.right);
        drawing.line((x, frame.bottom), (x, frame.bottom + 4.0), "axis");
        drawing.text((x, frame.bottom + 17.0), Anchor::Middle, "quiet", &axis.label(tick));
    }
    drawing.text(((frame.left + frame.right) / 2.0, frame.bottom + 33.0), Anchor::Middle, "quiet", name);
}

/// A line, broken where two points are further apart than `reach`. A point alone is a dot.
fn put_line(drawing: &mut Drawing, frame: Frame, axes: (&Axis, &Axis), line: &Line, reach: f64) {
    let points: Vec<(f64, f64)> = line.points.iter().copied().filter(|(_, y)| y.is_finite()).collect();
    let mut d = String::new();
    for part in points.chunk_by(|a, b| b.0 - a.0 <= reach + 1e-9) {
        let places = part
            .iter()
            .map(|(x, y)| (axes.0.place(*x, frame.left, frame.right), axes.1.place(*y, frame.bottom, frame.top)));
        if part.len() == 1 {
            places.for_each(|place| drawing.point(place, 2.5, &format!("f{}", line.look as usize)));
            continue;
        }
        for (number, (x, y)) in places.enumerate() {
            d += &format!("{}{x:.1} {y:.1}", if number == 0 { 'M' } else { 'L' });
        }
    }
    if !d.is_empty() {
        drawing.path(&d, &format!("series l{}", line.look as usize));
    }
}

/// Places of the keys, row by row.
fn key_places(width: f64, lines: &[Line]) -> Vec<(f64, usize)> {
    let (mut x, mut row) = (0.0, 0);
    let mut places = Vec::new();
    for line in lines {
        let needs = SWATCH + 8.0 + line.name.chars().count() as f64 * CHARACTER + 16.0;
        if x > 0.0 && x + needs > width {
            (x, row) = (0.0, row + 1);
        }
        places.push((x, row));
        x += needs;
    }
    places
}

fn key_rows(width: f64, lines: &[Line]) -> usize {
    key_places(width, lines).last().map_or(0, |(_, row)| row + 1)
}

fn put_keys(drawing: &mut Drawing, lines: &[Line]) {
    put_keys_at(drawing, 0.0, lines);
}

fn put_keys_at(drawing: &mut Drawing, top: f64, lines: &[Line]) {
    for (line, (x, row)) in lines.iter().zip(key_places(drawing.width, lines)) {
        let y = top + row as f64 * KEY_HEIGHT + 12.0;
        drawing.line((x + 1.0, y - 4.0), (x + SWATCH, y - 4.0), &format!("series l{}", line.look as usize));
        drawing.text((x + SWATCH + 8.0, y), Anchor::Start, "text", &line.name);
    }
}

fn put_blocks(drawing: &mut Drawing, lines: &[Line]) {
    for (line, (x, _)) in lines.iter().zip(key_places(drawing.width, lines)) {
        drawing.area((x, 2.0), (14.0, 12.0), &format!("f{}", line.look as usize), &line.name);
        drawing.text((x + 22.0, 12.0), Anchor::Start, "text", &line.name);
    }
}

/// "15 k" in place of 15000: the axis has little room.
fn thousands(number: f64) -> String {
    if number >= 10_000.0 { format!("{} k", number / 1000.0) } else { format!("{number}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, points: &[(f64, f64)]) -> Line {
        Line { name: name.to_owned(), look: Look::Routed, points: points.to_vec(), level: None }
    }

    #[test]
    fn a_line_is_broken_where_ages_are_missing() {
        let drawing = by_age(640.0, &[1; 30], "images", &[line("a", &[(1.0, 2.0), (2.0, 3.0), (9.0, 4.0)])]).file("");
        // The first such path is the key's.
        let d = drawing.lines().filter(|line| line.contains("series l0")).nth(1).unwrap();
        assert_eq!((d.matches('M').count(), d.matches('L').count()), (1, 1), "{d}");
        assert_eq!(drawing.matches("<circle class=\"f0\"").count(), 1);
    }

    #[test]
    fn everything_lies_inside_whatever_the_width() {
        let long = "a name that is long enough to need a row of its own";
        let lines = [line(long, &[(0.0, 5.0), (90.0, 41.0)]), line("b", &[(3.0, 1.0)]), line(long, &[])];
        let cell = |value| Cell { value, interval: [value - 1.0, value + 1.0] };
        for width in [340.0, 720.0] {
            let panel = Panel { title: "loss".to_owned(), lines: lines.to_vec(), from_zero: true };
            let share = Share { name: "66-100".to_owned(), samples: 12_000, vanilla: 0.25 };
            for drawing in [
                by_age(width, &[0, 5, 15_000], "training images", &lines),
                panels(width, &[panel.clone(), panel], 90, "epochs", &[(5.0, "stage 2")]),
                shares(width, &[share]),
                intervals(width, &["one".to_owned()], &[("MAE".to_owned(), vec![vec![cell(6.0), cell(6.5)]])]),
            ] {
                let svg = drawing.inline("", "");
                for (name, limit) in [("x", width), ("cx", width), ("y", drawing.height), ("cy", drawing.height)] {
                    let attribute = format!(" {name}=\"");
                    for rest in svg.split(&attribute).skip(1) {
                        let value: f64 = rest.split('"').next().unwrap().parse().unwrap();
                        assert!((0.0..=limit).contains(&value), "{name}={value} of {limit} in {svg}");
                    }
                }
            }
        }
    }

    #[test]
    fn bars_and_lines_share_the_ages_below() {
        // 100 years across 640 - 34 - 46 pixels; 0 to 10 years of error and 0 to 50 images from bottom to top.
        let mut counts = vec![0; 101];
        counts[50] = 50;
        let svg = by_age(640.0, &counts, "images", &[line("a", &[(50.0, 10.0)])]).file("");
        let bar = svg.lines().find(|line| line.contains("class=\"bar\"")).unwrap();
        let point = svg.lines().find(|line| line.contains("<circle")).unwrap();
        assert!(
            bar.contains(&format!("x=\"{:.1}\"", 314.0 - 0.4 * 5.6)) && point.contains("cx=\"314.0\""),
            "{bar}{point}"
        );
        let top = point.split("cy=\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(bar.contains(&format!("y=\"{top}\"")), "{bar}{point}");
    }
}
