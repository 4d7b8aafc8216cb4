use serde::{Deserialize, Serialize};

use crate::band::Band;
use crate::predictions::Route;

/// How often the vanilla classifier answered (`[GLAE] Fig. 4`); the balanced one answered the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoutingShare {
    /// The age group; absent for all ages together.
    pub band: Option<Band>,
    /// Number of samples.
    pub samples: usize,
    /// Share of them, 0 to 1, that the vanilla classifier answered.
    pub vanilla: f64,
}

/// The share over all ages first, then over each group that has samples.
pub(crate) fn shares(rows: &[(f64, Route)]) -> Vec<RoutingShare> {
    let share = |band: Option<Band>| {
        let own = || rows.iter().filter(|(age, _)| band.is_none_or(|band| Band::of(*age) == band));
        let samples = own().count();
        let vanilla = own().filter(|(_, route)| *route == Route::Vanilla).count();
        (samples > 0).then(|| RoutingShare { band, samples, vanilla: vanilla as f64 / samples as f64 })
    };
    std::iter::once(None).chain(Band::ALL.map(Some)).filter_map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_counted_per_group() {
        let rows = [(10.0, Route::Balanced), (30.0, Route::Vanilla), (40.0, Route::Vanilla), (50.0, Route::Balanced)];
        let shares = shares(&rows);
        assert_eq!(
            shares.iter().map(|s| (s.band, s.samples)).collect::<Vec<_>>(),
            [(None, 4), (Some(Band::Young), 1), (Some(Band::Middle), 3)]
        );
        assert_eq!(shares.iter().map(|s| s.vanilla).collect::<Vec<_>>(), [0.5, 0.0, 2.0 / 3.0]);
    }
}
