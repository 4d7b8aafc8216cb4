//! How marks look: on screen by a class, in a file by attributes.

/// Rules for the classes, for pages that hold charts. They take colours from custom properties: `--surface`, `--line`,
/// `--text`, `--muted`, `--bar`, `--on-series` and `--s0` to `--s5`.
pub const STYLE: &str = include_str!("chart.css");

/// How a mark looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// A line to read values by.
    Grid,
    /// The border of a chart.
    Axis,
    /// A line with a meaning of its own.
    Guide,
    /// A count.
    Bar,
    /// The line of a series, by its number.
    Series(usize),
    /// A level that belongs to a series.
    Level(usize),
    /// An area or a point of a series.
    Fill(usize),
    /// An interval.
    Whisker,
    /// A hollow point: copied from a publication.
    Reported,
    /// A filled point: computed here.
    Computed,
    /// The visitor's own point.
    Yours,
    /// Ordinary text.
    Text,
    /// Text above others.
    Head,
    /// Text that steps back.
    Quiet,
    /// A number on a busy ground.
    Value,
    /// Text on an area.
    Inside,
}

/// How many series look different.
pub const SERIES: usize = 6;

/// Colour on white and dash pattern of each series; no two differ in colour alone.
const LOOKS: [(&str, &str); SERIES] = [
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
            Self::Series(number) => format!("ink-series s{}", number % SERIES),
            Self::Level(number) => format!("ink-level s{}", number % SERIES),
            Self::Fill(number) => format!("ink-fill{}", number % SERIES),
            Self::Computed => Self::Fill(0).class(),
            Self::Yours => Self::Fill(1).class(),
            other => format!("ink-{}", format!("{other:?}").to_lowercase()),
        }
    }

    /// The same as attributes, on white.
    pub(crate) fn attributes(self) -> String {
        match self {
            Self::Grid => r##"fill="none" stroke="#dcdcd6""##.into(),
            Self::Axis => r##"fill="none" stroke="#5b625e""##.into(),
            Self::Guide => r##"fill="none" stroke="#5b625e" stroke-dasharray="3 3""##.into(),
            Self::Bar => r##"fill="#a9b3ae""##.into(),
            Self::Series(number) => {
                let (colour, dashes) = LOOKS[number % SERIES];
                format!(
                    r#"fill="none" stroke="{colour}" stroke-width="2" stroke-linecap="round" stroke-dasharray="{dashes}""#
                )
            }
            Self::Level(number) => {
                let colour = LOOKS[number % SERIES].0;
                format!(r#"fill="none" stroke="{colour}" stroke-width="1.25" stroke-dasharray="2 4""#)
            }
            Self::Fill(number) => format!(r#"fill="{}""#, LOOKS[number % SERIES].0),
            Self::Whisker => r##"fill="none" stroke="#0b6b5d" stroke-width="2" stroke-linecap="round""##.into(),
            Self::Reported => r##"fill="#ffffff" stroke="#5b625e" stroke-width="1.75""##.into(),
            Self::Computed => Self::Fill(0).attributes(),
            Self::Yours => Self::Fill(1).attributes(),
            Self::Text => r##"fill="#1b1f1d""##.into(),
            Self::Head => r##"fill="#1b1f1d" font-weight="600""##.into(),
            Self::Quiet => r##"fill="#5b625e""##.into(),
            Self::Value => r##"fill="#5b625e" stroke="#ffffff" stroke-width="3" paint-order="stroke""##.into(),
            Self::Inside => r##"fill="#ffffff" font-weight="600""##.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ink_has_a_rule() {
        let others =
            [Ink::Grid, Ink::Axis, Ink::Guide, Ink::Bar, Ink::Whisker, Ink::Reported, Ink::Computed, Ink::Yours];
        let texts = [Ink::Text, Ink::Head, Ink::Quiet, Ink::Value, Ink::Inside];
        let series = (0..SERIES).flat_map(|number| [Ink::Series(number), Ink::Level(number), Ink::Fill(number)]);
        for ink in others.into_iter().chain(texts).chain(series) {
            let class = ink.class();
            assert!(class.split(' ').all(|class| STYLE.contains(&format!(".{class} {{"))), "{class}");
        }
    }
}
