//! Any two files are joined, scored and compared, or refused.
#![no_main]

use glae_metrics::{Bootstrap, Options, Predictions, Truth, Unpredicted, compare, score, worst};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], &[u8])| {
    let (truth, file) = input;
    let Ok(truth) = Truth::parse(truth) else { return };
    assert_eq!(Truth::parse(truth.to_csv().as_bytes()).map(|again| again.to_csv()), Ok(truth.to_csv()));
    let bootstrap = Bootstrap { resamples: 3, seed: 1 };
    for unpredicted in [Unpredicted::Refused, Unpredicted::Counted] {
        let Ok(predictions) = Predictions::parse_for(file, &truth, unpredicted) else { continue };
        let options = Options { unpredicted, training_counts: vec![5, 50, 500], intervals: Some(bootstrap) };
        let Ok(report) = score(&truth, &predictions, &options) else { continue };
        assert!(report.mae.is_finite() && report.cmae.is_finite() && report.mae <= report.rmse + 1e-9);
        assert_eq!(worst(&truth, &predictions, 3).len(), report.predicted.min(3));
        let same = compare(&truth, &predictions, &predictions, bootstrap).expect("it was scored");
        assert_eq!((same.mae.difference, same.cmae.p), (0.0, 1.0));
    }
});
