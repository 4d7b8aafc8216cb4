//! A drawing as data: made by pure functions, shown by `scene_view`, saved as an SVG file. One unit is one pixel on
//! screen, so that text keeps its size however wide the drawing is.

use std::fmt::Write as _;

/// What is drawn where.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scene {
    /// Pixels from left to right.
    pub width: f64,
    /// Pixels from top to bottom.
    pub height: f64,
    /// Later ones lie on top.
    pub marks: Vec<Mark>,
}

/// One element of a drawing.
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

/// How a mark looks. On screen a class decides, in a file attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// A line to read values by.
    Grid,
    /// The border of the drawing.
    Axis,
    /// A line with a meaning of its own.
    Guide,
    /// A count.
    Bar,
    /// The line of a method, by its number.
    Series(usize),
    /// A hollow point: copied from a publication.
    Reported,
    /// A filled point: computed here.
    Computed,
    /// The visitor's own point.
    Yours,
    /// Ordinary text.
    Text,
    /// Text that steps back.
    Quiet,
}

/// How many series look different.
pub const SERIES: usize = 6;

/// Colour on white and dash pattern of each series; no two differ in colour alone.
const SERIES_LOOKS: [(&str, &str); SERIES] = [
    ("#0b6b5d", ""),
    ("#b5460f", "6 3"),
    ("#4453b8", "2 3"),
    ("#8a2f86", "9 3 2 3"),
    ("#6a5a00", "4 2 1 2 1 2"),
    ("#3d4a45", "1 2"),
];

impl Ink {
    /// The class on screen.
    pub fn class(self) -> String {
        match self {
            Self::Grid => "ink-grid".into(),
            Self::Axis => "ink-axis".into(),
            Self::Guide => "ink-guide".into(),
            Self::Bar => "ink-bar".into(),
            Self::Series(number) => format!("ink-series s{}", number % SERIES),
            Self::Reported => "ink-reported".into(),
            Self::Computed => "ink-computed".into(),
            Self::Yours => "ink-yours".into(),
            Self::Text => "ink-text".into(),
            Self::Quiet => "ink-quiet".into(),
        }
    }

    fn attributes(self) -> String {
        match self {
            Self::Grid => r##"fill="none" stroke="#dcdcd6""##.into(),
            Self::Axis => r##"fill="none" stroke="#5b625e""##.into(),
            Self::Guide => r##"fill="none" stroke="#5b625e" stroke-dasharray="3 3""##.into(),
            Self::Bar => r##"fill="#a9b3ae""##.into(),
            Self::Series(number) => {
                let (colour, dashes) = SERIES_LOOKS[number % SERIES];
                format!(
                    r#"fill="none" stroke="{colour}" stroke-width="2" stroke-linecap="round" stroke-dasharray="{dashes}""#
                )
            }
            Self::Reported => r##"fill="#ffffff" stroke="#5b625e" stroke-width="1.75""##.into(),
            Self::Computed => r##"fill="#0b6b5d""##.into(),
            Self::Yours => r##"fill="#b5460f""##.into(),
            Self::Text => r##"fill="#1b1f1d""##.into(),
            Self::Quiet => r##"fill="#5b625e""##.into(),
        }
    }
}

impl Scene {
    /// Adds a path.
    pub fn path(&mut self, d: String, ink: Ink) {
        self.marks.push(Mark::Path { d, ink, title: None });
    }

    /// Adds a straight line.
    pub fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), ink: Ink) {
        self.path(format!("M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}"), ink);
    }

    /// Adds a text.
    pub fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, ink: Ink, text: impl Into<String>) {
        self.marks.push(Mark::Text { x, y, text: text.into(), anchor, ink });
    }

    /// The drawing as a file of its own, on white.
    pub fn to_svg(&self, title: &str) -> String {
        let (width, height) = (self.width, self.height);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"system-ui, sans-serif\" font-size=\"12\">\n\
             <title>{}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n",
            xml_text(title)
        );
        for mark in &self.marks {
            // Writing to a string cannot fail.
            let _ = match mark {
                Mark::Path { d, ink, title } => {
                    let title = title.as_ref().map(|title| format!("<title>{}</title>", xml_text(title)));
                    writeln!(svg, "<path d=\"{d}\" {}>{}</path>", ink.attributes(), title.unwrap_or_default())
                }
                Mark::Text { x, y, text, anchor, ink } => writeln!(
                    svg,
                    "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{}\" {}>{}</text>",
                    anchor.as_str(),
                    ink.attributes(),
                    xml_text(text)
                ),
            };
        }
        svg + "</svg>\n"
    }
}

/// A text in XML. Characters that XML cannot hold are left out.
fn xml_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// An axis whose ends are round numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Between two ticks.
    pub step: f64,
}

impl Axis {
    /// The shortest axis with about `ticks` round steps that holds all values with room around them.
    pub fn around(values: impl Iterator<Item = f64>, ticks: usize) -> Self {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let room = if high > low { (high - low) * 0.06 } else { (high.abs() * 0.1).max(0.5) };
        Self::between((low - room).max(if low >= 0.0 { 0.0 } else { f64::NEG_INFINITY }), high + room, ticks)
    }

    /// An axis from 0 to at least `top`.
    pub fn from_zero(top: f64, ticks: usize) -> Self {
        Self::between(0.0, if top > 0.0 && top.is_finite() { top } else { 1.0 }, ticks)
    }

    fn between(low: f64, high: f64, ticks: usize) -> Self {
        let rough = (high - low) / ticks.max(1) as f64;
        let decade = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|s| s * decade).into_iter().find(|step| *step >= rough * 0.999);
        let step = step.unwrap_or(rough);
        // A hair of tolerance, or a value on a tick would push the end to the next one.
        Self { low: (low / step + 1e-9).floor() * step, high: (high / step - 1e-9).ceil() * step, step }
    }

    /// The values that get a number.
    pub fn ticks(&self) -> impl Iterator<Item = f64> + use<> {
        let Self { low, high, step } = *self;
        let count = ((high - low) / step).round() as usize;
        (0..=count).map(move |number| low + number as f64 * step)
    }

    /// Where a value lies, if `low` is at `from` and `high` at `to`.
    pub fn place(&self, value: f64, from: f64, to: f64) -> f64 {
        from + (value - self.low) / (self.high - self.low) * (to - from)
    }

    /// A tick's number, with as many decimals as the steps need.
    pub fn label(&self, value: f64) -> String {
        let decimals = (-self.step.log10().floor()).max(0.0) as usize;
        format!("{value:.decimals$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_on_round_steps() {
        let axis = Axis::around([4.6, 8.9].into_iter(), 5);
        assert_eq!((axis.low, axis.high, axis.step), (4.0, 10.0, 1.0));
        let labels: Vec<_> = axis.ticks().map(|tick| axis.label(tick)).collect();
        assert_eq!(labels, ["4", "5", "6", "7", "8", "9", "10"]);
        assert_eq!(axis.place(7.0, 100.0, 0.0), 50.0);
    }

    #[test]
    fn a_value_on_a_tick_needs_no_further_one() {
        let axis = Axis::from_zero(0.3, 3);
        assert!((axis.high - 0.3).abs() < 1e-12 && axis.label(0.1) == "0.1", "{axis:?}");
    }

    #[test]
    fn an_axis_holds_whatever_comes() {
        for values in [vec![], vec![3.0], vec![0.0], vec![f64::NAN, 2.0], vec![1e-9, 2e9]] {
            let axis = Axis::around(values.iter().copied(), 5);
            assert!(axis.high > axis.low && axis.step > 0.0 && axis.ticks().count() < 50, "{values:?}: {axis:?}");
            assert!(values.iter().all(|v| v.is_nan() || (axis.low..=axis.high).contains(v)), "{values:?}: {axis:?}");
        }
    }

    #[test]
    fn a_file_holds_names_as_text() {
        let mut scene = Scene { width: 10.0, height: 5.0, marks: Vec::new() };
        scene.text((1.0, 2.0), Anchor::End, Ink::Text, "<script>&\"\u{0}");
        scene.line((0.0, 0.0), (10.0, 5.0), Ink::Grid);
        let svg = scene.to_svg("A & B");
        assert!(svg.contains("text-anchor=\"end\" fill=\"#1b1f1d\">&lt;script&gt;&amp;&quot;</text>"), "{svg}");
        assert!(svg.contains("<title>A &amp; B</title>") && svg.contains("M0.0 0.0L10.0 5.0"), "{svg}");
    }
}
