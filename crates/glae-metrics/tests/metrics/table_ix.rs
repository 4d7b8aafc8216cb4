//! `[GLAE] Table IX` gives CMAE per age group and over all ages. Where the number of ages in each group is known, the
//! whole follows from the groups, because CMAE weighs every age the same. The whole is not the mean of the groups.

use std::fmt::Write;

/// Method, CMAE of 0-17, 18-65 and 66-100, CMAE of all, as printed.
type Row = (&'static str, [Option<f64>; 3], f64);

/// Number of ages in each group.
type Ages = [u32; 3];

const CACD: [Row; 5] = [
    ("base", [Some(8.89), Some(4.56), None], 4.96),
    ("vanilla", [Some(8.03), Some(4.16), None], 4.48),
    ("balanced", [Some(4.87), Some(4.33), None], 4.37),
    ("bigger", [Some(7.10), Some(4.27), None], 4.50),
    ("smaller", [Some(4.90), Some(4.18), None], 4.24),
];

const MIVIA: [Row; 5] = [
    ("base", [Some(4.76), Some(1.80), Some(2.81)], 2.62),
    ("vanilla", [Some(4.15), Some(1.70), Some(2.53)], 2.38),
    ("balanced", [Some(2.85), Some(1.99), Some(1.98)], 2.17),
    ("bigger", [Some(3.87), Some(1.88), Some(2.36)], 2.39),
    ("smaller", [Some(3.08), Some(1.73), Some(2.10)], 2.09),
];

const MIVIA_LT: [Row; 5] = [
    ("base", [Some(4.93), Some(1.73), Some(2.66)], 2.58),
    ("vanilla", [Some(4.16), Some(1.66), Some(2.36)], 2.32),
    ("balanced", [Some(2.92), Some(1.97), Some(2.02)], 2.18),
    ("bigger", [Some(3.85), Some(1.79), Some(2.29)], 2.32),
    ("smaller", [Some(3.07), Some(1.71), Some(2.04)], 2.10),
];

/// CACD runs from 14 to 62 years: 14-17 and 18-62.
const CACD_AGES: Ages = [4, 45, 0];
/// MIVIA runs from 1 to 81 years: 1-17, 18-65 and 66-81.
const MIVIA_AGES: Ages = [17, 48, 16];

#[test]
fn table_ix_cacd_follows_from_4_and_45_ages() {
    assert_eq!(disagreeing(&CACD, CACD_AGES), ["base"]);
}

#[test]
fn table_ix_mivia_follows_from_17_48_and_16_ages() {
    assert!(disagreeing(&MIVIA, MIVIA_AGES).is_empty());
}

#[test]
fn table_ix_mivia_lt_follows_from_the_same_ages() {
    assert_eq!(disagreeing(&MIVIA_LT, MIVIA_AGES), ["smaller"]);
}

/// The methods whose printed whole is not within 0.01 of what the scorer makes of their groups.
fn disagreeing(rows: &[Row], ages: Ages) -> Vec<&'static str> {
    let whole = |groups| cmae_of_groups(groups, ages);
    rows.iter().filter(|(_, groups, all)| (whole(*groups) - all).abs() > 0.01).map(|(method, ..)| *method).collect()
}

/// Scores files in which every age of a group errs by the group's CMAE; older ages have more images, which must not
/// matter.
fn cmae_of_groups(groups: [Option<f64>; 3], ages: Ages) -> f64 {
    let (mut truth, mut predictions) = (String::from("id,age\n"), String::from("id,age\n"));
    for (group, last) in [17, 65, 65 + ages[2]].into_iter().enumerate() {
        // The youngest group ends at 17 and the others begin at 18 and 66.
        let first = if group == 0 { 18 - ages[0] } else { [18, 66][group - 1] };
        let last = if group == 1 { 17 + ages[1] } else { last };
        for age in first..=last {
            let error = groups[group].expect("a group with ages has a CMAE");
            for image in 0..1 + age % 3 {
                let _ = writeln!(truth, "{age}-{image},{age}");
                let _ = writeln!(predictions, "{age}-{image},{}", f64::from(age) + error);
            }
        }
    }
    let report = crate::report(&truth, &predictions).expect("both files are right");
    assert_eq!(report.ages as u32, ages.iter().sum::<u32>());
    for (band, cmae) in report.bands.iter().zip(groups) {
        assert!((band.cmae - cmae.expect("present")).abs() < 1e-9);
    }
    report.cmae
}
