use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::MAX_AGE;
use crate::ids::Ids;
use crate::join::Join;
use crate::lines::ParserLimits;
use crate::parser::Parser;
use crate::problems::Problems;
use crate::score::Unpredicted;
use crate::text::trim;
use crate::truth::Truth;

/// Number of shares in a distribution: one for each age from 0 to 100.
pub(crate) const BINS: usize = MAX_AGE + 1;

/// Which classifier answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// That of stage 1.
    Vanilla,
    /// That of stage 2.
    Balanced,
    /// A mixture of both.
    Both,
}

impl Route {
    /// The word in a file.
    pub fn label(self) -> &'static str {
        match self {
            Route::Vanilla => "vanilla",
            Route::Balanced => "balanced",
            Route::Both => "both",
        }
    }
}

/// Predicted ages by id, in the order of the file. Ids are neither empty nor longer than 1024 bytes; ages are within
/// 0..=120 years.
#[derive(Clone, Debug, Default)]
pub struct Predictions {
    pub(crate) ids: Ids,
    pub(crate) ages: Vec<f64>,
    /// One for each row, or none at all.
    pub(crate) routes: Vec<Route>,
    /// [`BINS`] shares for each row, or none at all.
    pub(crate) shares: Vec<f32>,
    /// The line of each row, for sentences about it.
    pub(crate) lines: Vec<u32>,
}

impl Predictions {
    /// Reads a whole file with the default [`ParserLimits`]. Whether its ids fit a truth is for [`crate::score`] to say.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, Problems> {
        let mut parser = Parser::new(ParserLimits::default());
        parser.push(bytes)?;
        parser.finish()
    }

    /// Reads a whole file that is meant for `truth`, so that unknown, missing and repeated ids are reported together
    /// with everything else.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse_for(bytes: &[u8], truth: &Truth, unpredicted: Unpredicted) -> Result<Self, Problems> {
        let mut parser = Parser::new(ParserLimits::default());
        parser.push(bytes)?;
        parser.finish_for(truth, unpredicted)
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id of a row below [`Self::len`].
    pub fn id(&self, row: usize) -> &str {
        self.ids.get(row)
    }

    /// The predicted age of a row below [`Self::len`], in years.
    pub fn age(&self, row: usize) -> f64 {
        self.ages[row]
    }

    /// Which classifier answered, if the file says so.
    pub fn route(&self, row: usize) -> Option<Route> {
        self.routes.get(row).copied()
    }

    /// The shares of the ages 0 to 100, if the file gives them. Their sum is within 0.98 and 1.02.
    pub fn distribution(&self, row: usize) -> Option<&[f32]> {
        self.shares.get(row * BINS..(row + 1) * BINS)
    }

    /// The row of each image of the truth, in the order of the truth; nothing where it has none.
    pub fn rows_of(&self, truth: &Truth) -> Vec<Option<usize>> {
        let join = Join::tolerant(truth, self);
        (0..truth.len()).map(|row| join.of(row)).collect()
    }

    /// The same predictions under other ids, such as file names instead of paths. `id` makes the new one of an old one, and
    /// should make different ones of different ones: nothing is checked here.
    ///
    /// ```
    /// let predictions = glae_metrics::Predictions::parse(b"id,age\nalbum/1.jpg,30\n").unwrap();
    /// let renamed = predictions.with_ids(|id| id.strip_prefix("album/").unwrap_or(id));
    /// assert_eq!(renamed.to_csv(), "id,age\n1.jpg,30\n");
    /// ```
    #[must_use]
    pub fn with_ids(&self, id: impl Fn(&str) -> &str) -> Self {
        let mut ids = Ids::default();
        (0..self.len()).for_each(|row| ids.push(id(self.id(row))));
        Self { ids, ..self.clone() }
    }

    /// Other predictions for the same ids: `age` gives that of each row, in years within 0..=120. Routes and distributions, which
    /// belong to the old ages, are left out.
    #[must_use]
    pub fn with_ages(&self, age: impl Fn(usize) -> f64) -> Self {
        let ages = (0..self.len()).map(age).collect();
        Self { ages, routes: Vec::new(), shares: Vec::new(), ..self.clone() }
    }

    /// The same predictions as CSV in its plainest form. Reading it again gives the same.
    pub fn to_csv(&self) -> String {
        let mut csv = String::from("id,age");
        let (routes, shares) = (!self.routes.is_empty(), !self.shares.is_empty());
        csv.push_str(if routes { ",route" } else { "" });
        for age in (0..BINS).filter(|_| shares) {
            let _ = write!(csv, ",p_{age}");
        }
        for row in 0..self.len() {
            csv.push('\n');
            push_field(&mut csv, self.id(row));
            let _ = write!(csv, ",{}", self.age(row));
            if let Some(route) = self.route(row) {
                let _ = write!(csv, ",{}", route.label());
            }
            for share in self.distribution(row).unwrap_or_default() {
                let _ = write!(csv, ",{share}");
            }
        }
        csv.push('\n');
        csv
    }
}

/// Files are equal when they say the same in the same order, wherever their line breaks are.
impl PartialEq for Predictions {
    fn eq(&self, other: &Self) -> bool {
        let parts = |p: &Self| (p.ids.clone(), p.ages.clone(), p.routes.clone(), p.shares.clone());
        parts(self) == parts(other)
    }
}

/// Appends a field, quoted where it would not be read as it is.
pub(crate) fn push_field(csv: &mut String, field: &str) {
    let special = |c: char| matches!(c, ',' | ';' | '"');
    if field.contains(special) || trim(field) != field {
        let _ = write!(csv, "\"{}\"", field.replace('"', "\"\""));
    } else {
        csv.push_str(field);
    }
}
