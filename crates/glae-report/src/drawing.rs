//! A drawing as SVG. One unit is one pixel; classes of `drawing.css` say how things look, in light and in dark.

use std::fmt::Write as _;

/// Classes and colours, for pages that hold drawings.
pub const STYLE: &str = include_str!("drawing.css");

/// Width of a character of the drawings' text in pixels, on average and rather too much.
pub const CHARACTER: f64 = 6.7;

/// Around a drawing in a file of its own, in pixels.
const MARGIN: f64 = 16.0;

/// What is drawn so far; later things lie on top.
#[derive(Clone, Debug, Default)]
pub struct Drawing {
    /// Pixels from left to right.
    pub width: f64,
    /// Pixels from top to bottom.
    pub height: f64,
    body: String,
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

impl Drawing {
    /// An empty one.
    pub fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    /// Adds a path in the syntax of `d`.
    pub fn path(&mut self, d: &str, class: &str) {
        self.put(format_args!("<path class=\"{class}\" d=\"{d}\"/>"));
    }

    /// Adds a straight line.
    pub fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), class: &str) {
        self.path(&format!("M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}"), class);
    }

    /// Adds a rectangle with a text for a pointer that rests on it.
    pub fn area(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), class: &str, title: &str) {
        let title = escape(title);
        let (width, height) = (width.max(0.0), height.max(0.0));
        self.put(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"><title>{title}</title></rect>"
        ));
    }

    /// Adds a point.
    pub fn point(&mut self, (x, y): (f64, f64), radius: f64, class: &str) {
        self.put(format_args!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>"));
    }

    /// Adds a line of text; `y` is its base line.
    pub fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escape(text);
        self.put(format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    fn put(&mut self, element: std::fmt::Arguments) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.body, "{element}");
    }

    /// For an HTML page that has [`STYLE`]; `label` says what it shows to those who cannot see it.
    pub fn inline(&self, class: &str, label: &str) -> String {
        let Self { width, height, body } = self;
        let label = escape(label);
        format!(
            "<svg class=\"drawn {class}\" viewBox=\"0 0 {width} {height:.0}\" role=\"img\" aria-label=\"{label}\">\n{body}</svg>\n"
        )
    }

    /// A file of its own.
    pub fn file(&self, title: &str) -> String {
        let (width, height, body) = (self.width + 2.0 * MARGIN, self.height.ceil() + 2.0 * MARGIN, &self.body);
        let (title, corner) = (escape(title), -MARGIN);
        let size = format!("width=\"{width}\" height=\"{height}\"");
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"drawn\" {size} viewBox=\"{corner} {corner} {width} {height}\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n\
             <rect class=\"ground\" x=\"{corner}\" y=\"{corner}\" {size}/>\n{body}</svg>\n"
        )
    }
}

/// A text in XML or HTML. Control characters are left out.
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

/// An axis whose ends are round numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    step: f64,
}

impl Axis {
    /// From `low` to at least `high`, or down to a round number below `low` if that is not 0, in about `ticks` round steps.
    pub fn new(low: f64, high: f64, ticks: usize) -> Self {
        let high = if high > low && high.is_finite() { high } else { low + 1.0 };
        let rough = (high - low) / ticks.max(1) as f64;
        let decade = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|s| s * decade).into_iter().find(|step| *step >= rough * 0.999);
        let step = step.unwrap_or(rough);
        // A hair of tolerance, or a value on a tick would push the end to the next one.
        Self { low: (low / step + 1e-9).floor() * step, high: (high / step - 1e-9).ceil() * step, step }
    }

    /// From 0 to exactly `end`, with ticks at whole numbers alone.
    pub fn counting(end: usize, ticks: usize) -> Self {
        let Self { step, .. } = Self::new(0.0, end as f64, ticks);
        Self { low: 0.0, high: end.max(1) as f64, step: step.max(1.0) }
    }

    /// The values that get a number.
    pub fn ticks(&self) -> impl Iterator<Item = f64> + use<> {
        let Self { low, high, step } = *self;
        (0..=((high - low) / step + 1e-9) as usize).map(move |number| low + number as f64 * step)
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
        let labels = |low, high| {
            let axis = Axis::new(low, high, 5);
            axis.ticks().map(|tick| axis.label(tick)).collect::<Vec<_>>()
        };
        assert_eq!(labels(0.0, 8.9), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(labels(0.0, 0.05), ["0.00", "0.01", "0.02", "0.03", "0.04", "0.05"]);
        assert_eq!(labels(6.31, 6.98), ["6.2", "6.4", "6.6", "6.8", "7.0"]);
        assert_eq!(labels(0.0, 0.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(Axis::new(0.0, 10.0, 5).place(5.0, 100.0, 0.0), 50.0);
        let epochs = |end| Axis::counting(end, 10).ticks().collect::<Vec<_>>();
        assert_eq!(epochs(3), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(epochs(17), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0]);
        assert_eq!(Axis::counting(17, 10).place(17.0, 0.0, 1.0), 1.0);
    }

    #[test]
    fn texts_are_no_markup() {
        let mut drawing = Drawing::new(10.0, 5.0);
        drawing.text((1.0, 2.0), Anchor::End, "text", "<script>&\"\u{0}");
        let (file, inline) = (drawing.file("A & B"), drawing.inline("wide", "\"quoted\""));
        assert!(
            file.contains(">&lt;script&gt;&amp;&quot;</text>") && file.contains("<title>A &amp; B</title>"),
            "{file}"
        );
        assert!(inline.contains("aria-label=\"&quot;quoted&quot;\"") && !inline.contains("http"), "{inline}");
    }
}
