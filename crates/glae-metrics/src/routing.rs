use serde::{Deserialize, Serialize};

use crate::band::Band;
use crate::predictions::Route;

/// How often the vanilla classifier answered (`[GLAE] Fig. 4`), and how often a mixture of both; the balanced one answered the
/// rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoutingShare {
    /// The age group; absent for all ages together.
    pub band: Option<Band>,
    /// Number of samples.
    pub samples: usize,
    /// Share of them, 0 to 1, that the vanilla classifier answered.
    pub vanilla: f64,
    /// Share of them, 0 to 1, that both answered together; absent if none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub both: f64,
}

fn is_none(share: &f64) -> bool {
    *share == 0.0
}

/// The share over all ages first, then over each group that has samples.
pub(crate) fn shares(rows: &[(f64, Route)]) -> Vec<RoutingShare> {
    let share = |band: Option<Band>| {
        let own = || rows.iter().filter(|(age, _)| band.is_none_or(|band| Band::of(*age) == band));
        let samples = own().count();
        let of = |wanted| own().filter(|(_, route)| *route == wanted).count() as f64 / samples as f64;
        (samples > 0).then(|| RoutingShare { band, samples, vanilla: of(Route::Vanilla), both: of(Route::Both) })
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
        assert!(shares.iter().all(|s| s.both == 0.0));
        assert_eq!(super::shares(&[(10.0, Route::Both), (20.0, Route::Balanced)])[0].both, 0.5);
    }
}
