use serde::{Deserialize, Serialize};

use crate::join::Join;
use crate::predictions::Predictions;
use crate::truth::Truth;

/// An image with a large error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Worst {
    /// Its id.
    pub id: String,
    /// The true age in years.
    pub age: f64,
    /// The predicted age in years.
    pub prediction: f64,
    /// The absolute error in years.
    pub error: f64,
}

/// The `count` images with the largest errors, largest first; equal errors in the order of the truth. Images without a
/// prediction, and predictions without an image, are passed over.
pub fn worst(truth: &Truth, predictions: &Predictions, count: usize) -> Vec<Worst> {
    let join = Join::tolerant(truth, predictions);
    let mut rows: Vec<_> = join.samples(truth, predictions).collect();
    let count = count.min(rows.len());
    if count == 0 {
        return Vec::new();
    }
    let by_error = |a: &(usize, crate::Sample), b: &(usize, crate::Sample)| {
        b.1.error().total_cmp(&a.1.error()).then(a.0.cmp(&b.0))
    };
    rows.select_nth_unstable_by(count - 1, by_error);
    rows.truncate(count);
    rows.sort_unstable_by(by_error);
    let named = |(row, sample): (usize, crate::Sample)| Worst {
        id: truth.id_of(row).to_owned(),
        age: sample.age,
        prediction: sample.prediction,
        error: sample.error(),
    };
    rows.into_iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_errors_come_first() {
        let truth = Truth::parse(b"id,age\na,10\nb,20\nc,30\nd,40\n").unwrap();
        let predictions = Predictions::parse(b"id,age\nd,45\nc,30\nb,15\na,90\nx,1\n").unwrap();
        let worst = |count| worst(&truth, &predictions, count).into_iter().map(|w| w.id).collect::<Vec<_>>();
        assert_eq!(worst(3), ["a", "b", "d"]);
        assert_eq!(worst(9), ["a", "b", "d", "c"]);
        assert!(worst(0).is_empty());
    }
}
