//! How well doubt tells ages that are far off from those that are near.

use std::collections::BTreeMap;
use std::fmt;

/// An age is far off beyond this error, in years, and near within the other one.
const FAR: f64 = 15.0;
const NEAR: f64 = 5.0;

/// Errors and doubts of many ages.
#[derive(Debug, Default)]
pub(super) struct Doubted {
    far: Counts,
    near: Counts,
    all: Counts,
    reasons: BTreeMap<String, Counts>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    doubted: usize,
    ages: usize,
}

impl Counts {
    fn add(&mut self, counts: bool, doubted: bool) {
        self.ages += usize::from(counts);
        self.doubted += usize::from(counts && doubted);
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = 100.0 * self.doubted as f64 / self.ages.max(1) as f64;
        write!(f, "{} of {} ({share:.1} %)", self.doubted, self.ages)
    }
}

impl Doubted {
    /// Counts an age with its error in years and its doubt, empty for none.
    pub(super) fn add(&mut self, error: f64, doubt: &str) {
        let doubted = !doubt.is_empty();
        self.far.add(error > FAR, doubted);
        self.near.add(error <= NEAR, doubted);
        self.all.add(true, doubted);
        if doubted {
            // Of each reason, how many of its ages are far off.
            let reason = self.reasons.entry(doubt.to_owned()).or_default();
            reason.add(true, error > FAR);
        }
    }
}

impl fmt::Display for Doubted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { far, near, all, reasons } = self;
        write!(f, "doubted: {far} ages more than {FAR} years off, {near} within {NEAR} years, {all} in all")?;
        reasons.iter().try_for_each(|(reason, counts)| write!(f, "\n  {reason}: {counts} more than {FAR} years off"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_counted_by_hand() {
        let mut doubted = Doubted::default();
        for (error, doubt) in [(16.0, "wide"), (15.0, "wide"), (40.0, ""), (5.0, ""), (0.0, "dark"), (4.0, "")] {
            doubted.add(error, doubt);
        }
        assert_eq!(
            doubted.to_string(),
            "doubted: 1 of 2 (50.0 %) ages more than 15 years off, 1 of 3 (33.3 %) within 5 years, 3 of 6 (50.0 %) in all\n  \
             dark: 0 of 1 (0.0 %) more than 15 years off\n  wide: 1 of 2 (50.0 %) more than 15 years off"
        );
    }
}
