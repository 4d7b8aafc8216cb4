//! A chart as a list of marks: made by pure functions, shown by a page, saved as a file. One unit is one pixel on screen, so
//! that text keeps its size however wide the chart is.

use std::fmt::Write as _;

use crate::ink::Ink;

/// Width of a character of 12 pixels, on average and rather too much.
pub const CHARACTER: f64 = 6.7;

/// Pixels between two rows of keys.
const KEY_ROW: f64 = 20.0;
/// Pixels of the piece of line in a key.
const SWATCH: f64 = 26.0;

/// What is drawn where.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// Pixels from left to right.
    pub width: f64,
    /// Pixels from top to bottom.
    pub height: f64,
    /// Later ones lie on top.
    pub marks: Vec<Mark>,
}

/// One element of a chart.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// A path in the syntax of SVG's `d`, with a text that explains it to a pointer.
    Path {
        /// The path.
        d: String,
        /// How it looks.
        ink: Ink,
        /// What it is.
        title: Option<String>,
    },
    /// A line of text.
    Text {
        /// Of the anchor, in pixels.
        x: f64,
        /// Of the base line, in pixels.
        y: f64,
        /// What it says.
        text: String,
        /// Which part of it stands at `x`.
        anchor: Anchor,
        /// How it looks.
        ink: Ink,
    },
}

/// Which part of a text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Its beginning.
    Start,
    /// Its middle.
    Middle,
    /// Its end.
    End,
}

impl Anchor {
    /// The value of `text-anchor`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// A line by its points, in ascending x. Where points are missing, or are no numbers, it is broken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// What it shows.
    pub name: String,
    /// Its look, see [`Ink::Series`].
    pub number: usize,
    /// Its points.
    pub points: Vec<(f64, f64)>,
    /// A level that belongs to it, dashed across the chart.
    pub level: Option<f64>,
}

impl Series {
    /// A line without a level.
    pub fn new(name: impl Into<String>, number: usize, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), number, points, level: None }
    }

    /// The largest number of several series, levels included; 0 if there is none.
    pub fn highest(series: &[Self]) -> f64 {
        let values = series.iter().flat_map(|one| one.points.iter().map(|point| point.1).chain(one.level));
        values.filter(|value| value.is_finite()).fold(0.0, f64::max)
    }
}

impl Chart {
    /// An empty one.
    pub fn new(width: f64, height: f64) -> Self {
        Self { width, height, marks: Vec::new() }
    }

    /// Adds a path, with a text for a pointer that rests on it.
    pub fn path(&mut self, d: String, ink: Ink, title: Option<String>) {
        self.marks.push(Mark::Path { d, ink, title });
    }

    /// Adds a straight line.
    pub fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), ink: Ink) {
        self.path(format!("M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}"), ink, None);
    }

    /// Adds a rectangle by its upper left corner and its size.
    pub fn area(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), ink: Ink, title: impl Into<String>) {
        let (width, height) = (width.max(0.0), height.max(0.0));
        self.path(format!("M{x:.1} {y:.1}h{width:.1}v{height:.1}h-{width:.1}Z"), ink, Some(title.into()));
    }

    /// Adds a circle.
    pub fn point(&mut self, (x, y): (f64, f64), radius: f64, ink: Ink, title: Option<String>) {
        let (left, across) = (x - radius, 2.0 * radius);
        self.path(
            format!("M{left:.1} {y:.1}a{radius} {radius} 0 1 0 {across} 0a{radius} {radius} 0 1 0 -{across} 0Z"),
            ink,
            title,
        );
    }

    /// Adds a text; `y` is its base line.
    pub fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, ink: Ink, text: impl Into<String>) {
        self.marks.push(Mark::Text { x, y, text: text.into(), anchor, ink });
    }

    /// Adds a series; `place` says where a point lies. Its line is broken where two points are more than 1 apart in x; a point
    /// alone is a dot.
    pub fn series(&mut self, series: &Series, place: impl Fn((f64, f64)) -> (f64, f64)) {
        let points: Vec<(f64, f64)> = series.points.iter().copied().filter(|(_, y)| y.is_finite()).collect();
        let mut d = String::new();
        for part in points.chunk_by(|a, b| b.0 - a.0 <= 1.0 + 1e-9) {
            if let [alone] = part {
                self.point(place(*alone), 2.5, Ink::Fill(series.number), None);
                continue;
            }
            for (index, (x, y)) in part.iter().map(|point| place(*point)).enumerate() {
                // Writing to a string cannot fail.
                let _ = write!(d, "{}{x:.1} {y:.1}", if index == 0 { 'M' } else { 'L' });
            }
        }
        if !d.is_empty() {
            self.path(d, Ink::Series(series.number), None);
        }
    }

    /// Adds what each series is, in rows from `top` on.
    pub fn keys(&mut self, top: f64, series: &[Series]) {
        for (one, (x, row)) in series.iter().zip(key_places(self.width, series)) {
            let y = top + row as f64 * KEY_ROW + 12.0;
            self.line((x + 1.0, y - 4.0), (x + SWATCH, y - 4.0), Ink::Series(one.number));
            self.text((x + SWATCH + 8.0, y), Anchor::Start, Ink::Text, &*one.name);
        }
    }

    /// For an HTML page that has [`crate::STYLE`]; `label` says what it shows to those who cannot see it.
    pub fn inline(&self, class: &str, label: &str) -> String {
        let (width, height, label) = (self.width, self.height, escape(label));
        let marks = self.written(|ink| format!("class=\"{}\"", ink.class()));
        format!(
            "<svg class=\"drawn {class}\" viewBox=\"0 0 {width} {height:.0}\" role=\"img\" aria-label=\"{label}\">\n{marks}</svg>\n"
        )
    }

    /// A file of its own, on white.
    pub fn to_svg(&self, title: &str) -> String {
        let (width, height, title) = (self.width, self.height, escape(title));
        let marks = self.written(Ink::attributes);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"12\">\n\
             <title>{title}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n{marks}</svg>\n"
        )
    }

    fn written(&self, look: impl Fn(Ink) -> String) -> String {
        let mut svg = String::new();
        for mark in &self.marks {
            // Writing to a string cannot fail.
            let _ = match mark {
                Mark::Path { d, ink, title } => {
                    let title = title.as_ref().map(|title| format!("<title>{}</title>", escape(title)));
                    writeln!(svg, "<path d=\"{d}\" {}>{}</path>", look(*ink), title.unwrap_or_default())
                }
                Mark::Text { x, y, text, anchor, ink } => {
                    let (anchor, look, text) = (anchor.as_str(), look(*ink), escape(text));
                    writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" {look}>{text}</text>")
                }
            };
        }
        svg
    }
}

/// A text in XML or HTML. Characters that XML cannot hold are left out.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push('\n'),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// The height of [`Chart::keys`] in pixels.
pub fn keys_height(width: f64, series: &[Series]) -> f64 {
    key_places(width, series).last().map_or(0.0, |(_, row)| (row + 1) as f64 * KEY_ROW)
}

/// Place and row of each key.
fn key_places(width: f64, series: &[Series]) -> Vec<(f64, usize)> {
    let (mut x, mut row) = (0.0, 0);
    let mut places = Vec::new();
    for one in series {
        let needs = SWATCH + 8.0 + one.name.chars().count() as f64 * CHARACTER + 16.0;
        if x > 0.0 && x + needs > width {
            (x, row) = (0.0, row + 1);
        }
        places.push((x, row));
        x += needs;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_no_markup() {
        let mut chart = Chart::new(10.0, 5.0);
        chart.text((1.0, 2.0), Anchor::End, Ink::Text, "<script>&\"\u{0}");
        chart.line((0.0, 0.0), (10.0, 5.0), Ink::Grid);
        let (svg, inline) = (chart.to_svg("A & B"), chart.inline("wide", "\"quoted\""));
        assert!(svg.contains("text-anchor=\"end\" fill=\"#1b1f1d\">&lt;script&gt;&amp;&quot;</text>"), "{svg}");
        assert!(svg.contains("<title>A &amp; B</title>") && svg.contains("M0.0 0.0L10.0 5.0"), "{svg}");
        assert!(inline.contains("aria-label=\"&quot;quoted&quot;\"") && !inline.contains("http"), "{inline}");
    }

    #[test]
    fn a_line_is_broken_where_points_are_missing() {
        let mut chart = Chart::new(10.0, 10.0);
        let points = vec![(1.0, 2.0), (2.0, 4.0), (3.0, f64::NAN), (5.0, 3.0), (6.0, 1.0), (9.0, 2.0)];
        chart.series(&Series::new("", 1, points), |point| point);
        let [Mark::Path { d: dot, ink: Ink::Fill(1), .. }, Mark::Path { d, ink: Ink::Series(1), .. }] =
            &chart.marks[..]
        else {
            panic!("{:?}", chart.marks)
        };
        assert_eq!(
            (&**dot, &**d),
            ("M6.5 2.0a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0 -5 0Z", "M1.0 2.0L2.0 4.0M5.0 3.0L6.0 1.0")
        );
    }
}
