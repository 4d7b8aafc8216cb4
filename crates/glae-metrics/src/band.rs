use serde::{Deserialize, Serialize};

/// The paper's three age groups (`[GLAE] Table IX`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Band {
    /// 0 to 17 years.
    Young,
    /// 18 to 65 years.
    Middle,
    /// 66 years and more.
    Old,
}

impl Band {
    /// All bands, youngest first.
    pub const ALL: [Band; 3] = [Band::Young, Band::Middle, Band::Old];

    /// The band of an age in years; fractional ages are rounded half up first.
    pub fn of(age: f64) -> Self {
        match rounded_age(age) {
            ..=17 => Band::Young,
            18..=65 => Band::Middle,
            _ => Band::Old,
        }
    }

    /// The span in years, as a table heading.
    pub fn label(self) -> &'static str {
        match self {
            Band::Young => "0-17",
            Band::Middle => "18-65",
            Band::Old => "66-100",
        }
    }
}

/// The age class a (possibly fractional) age belongs to: rounding half up.
pub(crate) fn rounded_age(age: f64) -> i64 {
    (age + 0.5).floor() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_round_up_across_the_edges() {
        assert_eq!(Band::of(17.4), Band::Young);
        assert_eq!(Band::of(17.5), Band::Middle);
        assert_eq!(Band::of(65.0), Band::Middle);
        assert_eq!(Band::of(65.5), Band::Old);
    }
}
