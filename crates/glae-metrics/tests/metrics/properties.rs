//! What must hold for all files.

use std::fmt::Write;

use glae_metrics::{
    Bootstrap, Options, Parser, ParserLimits, Predictions, Problems, Report, Truth, Unpredicted, cmae, compare, mae,
    score,
};
use glae_metrics::{Route, Sample};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::Config;

/// True age in years, predicted age, annotators' spread.
type Row = (f64, f64, f64);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let age = prop_oneof![(0_u32..=100).prop_map(f64::from), 0.0..=120.0];
    vec((age, 0.0..=120.0, prop_oneof![Just(0.0), 0.0..10.0]), 1..120)
}

fn samples(rows: &[Row]) -> Vec<Sample> {
    rows.iter().map(|&(age, prediction, _)| Sample { age, prediction }).collect()
}

fn files<'a>(rows: impl Iterator<Item = (usize, &'a Row)> + Clone) -> (Truth, Predictions) {
    let (mut truth, mut predictions) = (String::from("id,age,sigma"), String::from("id,age"));
    for (id, (age, prediction, sigma)) in rows {
        let _ = write!(truth, "\n{id},{age},{sigma}");
        let _ = write!(predictions, "\n{id},{prediction}");
    }
    (Truth::parse(truth.as_bytes()).unwrap(), Predictions::parse(predictions.as_bytes()).unwrap())
}

fn options() -> Options {
    let intervals = Some(Bootstrap { resamples: 30, seed: 1 });
    Options { intervals, training_counts: vec![5, 50, 500], ..Options::default() }
}

/// A report with all its numbers, which differ by rounding when sums run in another order.
fn numbers(report: &Report) -> Vec<f64> {
    fn collect(value: &serde_json::Value, into: &mut Vec<f64>) {
        match value {
            serde_json::Value::Number(number) => into.extend(number.as_f64()),
            serde_json::Value::Array(all) => all.iter().for_each(|value| collect(value, into)),
            serde_json::Value::Object(all) => all.values().for_each(|value| collect(value, into)),
            _ => {}
        }
    }
    let mut numbers = Vec::new();
    collect(&serde_json::to_value(report).unwrap(), &mut numbers);
    numbers
}

proptest! {
    #![proptest_config(Config { cases: 200, failure_persistence: None, ..Config::default() })]

    #[test]
    fn permuting_predictions_changes_nothing(rows in rows(), shift in 0_usize..1000) {
        let (truth, there) = files(rows.iter().enumerate());
        let turned = shift % rows.len();
        let (_, back) = files(rows.iter().enumerate().cycle().skip(turned).take(rows.len()));
        prop_assert_eq!(score(&truth, &there, &options()).unwrap(), score(&truth, &back, &options()).unwrap());
    }

    #[test]
    fn permuting_the_truth_changes_nothing_but_rounding(rows in rows()) {
        let (there, predictions) = files(rows.iter().enumerate());
        let (back, _) = files(rows.iter().enumerate().rev());
        let there = numbers(&score(&there, &predictions, &options()).unwrap());
        let back = numbers(&score(&back, &predictions, &options()).unwrap());
        prop_assert_eq!(there.len(), back.len());
        prop_assert!(there.iter().zip(&back).all(|(a, b)| (a - b).abs() <= 1e-9), "{:?} {:?}", there, back);
    }

    #[test]
    fn adding_a_perfect_age_lowers_cmae(rows in rows()) {
        let mut samples = samples(&rows);
        let before = cmae(&samples).unwrap();
        let new = (0..=120).map(f64::from).find(|age| samples.iter().all(|s| (s.age + 0.5).floor() != *age)).unwrap();
        samples.push(Sample { age: new, prediction: new });
        let after = cmae(&samples).unwrap();
        prop_assert!(after < before || before == 0.0);
    }

    #[test]
    fn repeating_an_age_changes_mae_but_not_cmae(rows in rows(), times in 2_usize..5) {
        let samples = samples(&rows);
        let first = (samples[0].age + 0.5).floor();
        let (own, rest): (Vec<_>, Vec<_>) = samples.iter().partition(|s| (s.age + 0.5).floor() == first);
        let repeated: Vec<Sample> = own.iter().copied().cycle().take(own.len() * times).chain(rest).collect();
        prop_assert!((cmae(&repeated).unwrap() - cmae(&samples).unwrap()).abs() < 1e-9);
    }

    #[test]
    fn one_sample_per_age_makes_cmae_and_mae_equal(errors in vec(0.0..10.0, 1..121)) {
        let sample = |(age, error): (usize, &f64)| Sample { age: age as f64, prediction: age as f64 + error };
        let samples: Vec<Sample> = errors.iter().enumerate().map(sample).collect();
        prop_assert!((cmae(&samples).unwrap() - mae(&samples).unwrap()).abs() < 1e-9);
    }

    #[test]
    fn numbers_keep_their_order_and_ranges(rows in rows()) {
        let (truth, predictions) = files(rows.iter().enumerate());
        let report = score(&truth, &predictions, &options()).unwrap();
        prop_assert!(report.cs.windows(2).all(|pair| pair[0] <= pair[1]) && report.cs.len() == 10);
        prop_assert!(report.cs.iter().chain(&report.epsilon).all(|share| (-1e-12..=1.0).contains(share)));
        prop_assert!(report.bias.abs() <= report.mae + 1e-9 && report.mae <= report.rmse + 1e-9);
        prop_assert!(report.geometric_mean <= report.mae + 1e-9);
        prop_assert!((0.0..=10.0).contains(&report.aar.score));
        prop_assert_eq!(report.bands.iter().map(|b| b.samples).sum::<usize>(), report.samples);
        prop_assert_eq!(report.by_age.iter().map(|a| a.samples).sum::<usize>(), report.samples);
        prop_assert_eq!(report.aar.groups.iter().map(|g| g.samples).sum::<usize>(), report.samples);
        let shots = report.shots.unwrap();
        let parts = [shots.many, shots.medium, shots.few];
        prop_assert_eq!(parts.into_iter().flatten().map(|s| s.samples).sum::<usize>(), report.samples);
        let intervals = report.intervals.unwrap();
        prop_assert!(intervals.mae[0] <= intervals.mae[1] && intervals.cmae[0] <= intervals.cmae[1]);
    }

    #[test]
    fn reports_survive_json(rows in rows()) {
        let (truth, predictions) = files(rows.iter().enumerate());
        let report = score(&truth, &predictions, &options()).unwrap();
        let back: Report = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
        prop_assert_eq!(numbers(&back).len(), numbers(&report).len());
        prop_assert!(numbers(&back).iter().zip(numbers(&report)).all(|(a, b)| (a - b).abs() < 1e-12));
    }

    #[test]
    fn comparing_the_other_way_round_turns_the_sign(rows in rows()) {
        let (truth, a) = files(rows.iter().enumerate());
        let turned: Vec<Row> = rows.iter().map(|&(age, prediction, sigma)| (age, 120.0 - prediction, sigma)).collect();
        let (_, b) = files(turned.iter().enumerate());
        let bootstrap = Bootstrap { resamples: 40, seed: 3 };
        let (there, back) = (compare(&truth, &a, &b, bootstrap).unwrap(), compare(&truth, &b, &a, bootstrap).unwrap());
        for (there, back) in [(there.mae, back.mae), (there.cmae, back.cmae)] {
            prop_assert_eq!(there.difference, -back.difference);
            prop_assert!((0.0..=1.0).contains(&there.p) && there.interval[0] <= there.interval[1]);
        }
    }

    #[test]
    fn any_cut_into_chunks_reads_the_same(text in table(), cuts in vec(0_usize..400, 0..12)) {
        let truth = Truth::parse(b"id,age\na,3\nb,4\n").unwrap();
        let limits = ParserLimits { rows: 8, line_bytes: 60, bytes: 300 };
        let whole = read(&[text.as_bytes()], limits, &truth);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % (text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]).collect();
        prop_assert_eq!(whole, read(&chunks, limits, &truth));
    }

    #[test]
    fn what_is_written_is_read_back(
        ids in proptest::collection::btree_set("[ -~\u{e4}\u{4e2d}]{1,12}", 1..20),
        ages in vec(prop_oneof![0.0..=120.0, (0_u32..=120).prop_map(f64::from), Just(5e-324)], 20),
        extras in any::<[bool; 2]>(),
        shares in vec(0.0_f32..1.0, 101),
    ) {
        let mut lines = String::new();
        let sum: f32 = shares.iter().sum::<f32>() + 1e-3;
        for (row, id) in ids.iter().enumerate() {
            let _ = write!(lines, "{{\"id\":{},\"age\":{}", serde_json::to_string(id).unwrap(), ages[row]);
            if extras[0] {
                let route = if row % 2 == 0 { Route::Vanilla } else { Route::Balanced };
                let _ = write!(lines, ",\"route\":\"{}\"", route.label());
            }
            for (bin, share) in shares.iter().enumerate().filter(|_| extras[1]) {
                let share = if bin == 0 { (share + 1e-3) / sum } else { share / sum };
                let _ = write!(lines, ",\"p_{bin}\":{share}");
            }
            lines.push_str("}\n");
        }
        let predictions = Predictions::parse(lines.as_bytes()).unwrap();
        prop_assert_eq!(predictions.len(), ids.len());
        prop_assert!((0..predictions.len()).all(|row| ids.contains(predictions.id(row))));
        prop_assert_eq!(&Predictions::parse(predictions.to_csv().as_bytes()).unwrap(), &predictions);
        if !extras[0] && !extras[1] {
            let truth = Truth::parse(predictions.to_csv().as_bytes()).unwrap();
            prop_assert_eq!(Truth::parse(truth.to_csv().as_bytes()).unwrap().to_csv(), truth.to_csv());
        }
    }

    #[test]
    fn any_bytes_give_an_answer(bytes in vec(any::<u8>(), 0..300)) {
        for problems in [Predictions::parse(&bytes).err(), Truth::parse(&bytes).err()].into_iter().flatten() {
            prop_assert!(problems.count() > 0);
            prop_assert!(problems.groups.iter().all(|g| !g.first.is_empty() && g.first.len() as u64 <= g.count));
        }
    }

    #[test]
    fn any_table_gives_an_answer(text in table()) {
        let truth = Truth::parse(b"id,age\na,3\nb,4\n").unwrap();
        let whole = Predictions::parse_for(text.as_bytes(), &truth, Unpredicted::Counted);
        if let Err(problems) = &whole {
            prop_assert!(problems.count() > 0);
            prop_assert!(problems.groups.iter().all(|g| !g.first.is_empty() && g.first.len() as u64 <= g.count));
        }
        // What fits by itself and joins without problems is the same as what fits at once.
        let apart = Predictions::parse(text.as_bytes()).and_then(|own| {
            let options = Options { unpredicted: Unpredicted::Counted, ..Options::default() };
            score(&truth, &own, &options).map(|_| own)
        });
        prop_assert_eq!(whole.is_ok(), apart.is_ok());
    }
}

/// Texts made of the pieces that files are made of, right and wrong.
fn table() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("id"),
        Just("age"),
        Just(","),
        Just(";"),
        Just("\t"),
        Just("\n"),
        Just("\r\n"),
        Just("\""),
        Just("a"),
        Just("b"),
        Just("31.5"),
        Just("NaN"),
        Just("-1"),
        Just(" "),
        Just("\u{feff}"),
        Just("\0"),
        Just("route"),
        Just("vanilla"),
        Just("p_0"),
        Just("1e999"),
        Just("{"),
        Just("}"),
        Just(":"),
        Just("\\"),
        Just("a,3\nb,4\n"),
        Just("{\"id\":\"a\",\"age\":3}\n"),
        Just("é"),
    ];
    let header = prop_oneof![Just("id,age\n"), Just("age;id\r\n"), Just(""), Just("\u{feff}id\tage\troute\n")];
    (header, vec(piece, 0..60)).prop_map(|(header, pieces)| format!("{header}{}", pieces.concat()))
}

fn read(chunks: &[&[u8]], limits: ParserLimits, truth: &Truth) -> Result<String, Problems> {
    let mut parser = Parser::new(limits);
    for chunk in chunks {
        parser.push(chunk)?;
    }
    Ok(parser.finish_for(truth, Unpredicted::Refused)?.to_csv())
}
