//! Which rows of a board are shown.

use glae_api::{ExternalData, Row};

/// Choice by the data that methods learned from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum External {
    /// Every row.
    #[default]
    All,
    /// Only methods that kept to the board's own training part.
    Without,
    /// Only methods that learned from other faces as well.
    With,
}

impl External {
    /// All choices, in the order of the radio buttons.
    pub const ALL: [External; 3] = [External::All, External::Without, External::With];

    /// The choice in words.
    pub fn label(self) -> &'static str {
        match self {
            Self::All => "All",
            Self::Without => "Without external data",
            Self::With => "With external data",
        }
    }

    /// Whether a row is shown.
    pub fn admits(self, row: &Row) -> bool {
        match self {
            Self::All => true,
            Self::Without => row.external_data == ExternalData::None,
            Self::With => row.external_data == ExternalData::Used,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leaderboard::samples::row;

    #[test]
    fn each_row_is_in_all_and_in_one_of_the_others() {
        for external_data in [ExternalData::None, ExternalData::Used] {
            let row = Row { external_data, ..row("x") };
            assert_eq!(External::ALL.map(|choice| choice.admits(&row)).iter().filter(|shown| **shown).count(), 2);
            assert_eq!(External::With.admits(&row), external_data == ExternalData::Used);
        }
    }
}
