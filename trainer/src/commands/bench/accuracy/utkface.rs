//! Chips with exact ages, and what their names say of sex and ethnicity.

use anyhow::Result;
use glae_metrics::{Comparison, Intervals, Sample, cmae, mae};
use serde::Serialize;

use super::figure::{BOOTSTRAP, Figure, head, row, verdict};
use super::{MISSING, Method};
use glae_data::{Group, LabelledFile};

pub(super) const NAME: &str = "utkface";

/// Ages at which groups of people are compared: among children and the old, UTKFace's groups differ in age more than in
/// anything else.
const COMPARED: std::ops::RangeInclusive<f32> = 18.0..=60.0;

/// The second field of `[age]_[gender]_[race]_[time].jpg`.
const SEXES: [&str; 2] = ["male", "female"];

/// The third field.
const ETHNICITIES: [&str; 5] = ["White", "Black", "Asian", "Indian", "others"];

/// FairFace's.
const AGES: [&str; 9] = ["0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70+"];

/// Errors of every method.
#[derive(Debug, Serialize)]
pub(super) struct UtkFace {
    chips: usize,
    rows: Vec<Standing>,
    ages: Vec<Subset>,
    sexes: Field,
    ethnicities: Field,
}

/// One method.
#[derive(Debug, Serialize)]
struct Standing {
    name: String,
    /// Chips without an answer.
    missing: usize,
    mae: Figure,
    cmae: Figure,
    /// Ours minus this one, MAE and CMAE.
    against: Option<[Figure; 2]>,
    /// Whether these chips were in its training.
    seen: bool,
}

/// Some of the chips: the MAE of each method, in the order of the rows.
#[derive(Debug, Serialize)]
struct Subset {
    name: String,
    chips: usize,
    mae: Vec<Figure>,
}

/// The groups of one field of the names, at compared ages.
#[derive(Debug, Serialize)]
struct Field {
    parts: Vec<Subset>,
    /// The largest MAE of a group over the smallest, for each method.
    ratio: Vec<Figure>,
    /// Chips at these ages whose names do not say.
    unnamed: usize,
}

/// Ages and answers; where there is none, the training median.
fn samples(truth: &[LabelledFile], method: &Method) -> Vec<Sample> {
    let prediction = |id: &str| f64::from(method.age(id).unwrap_or(MISSING));
    truth.iter().map(|row| Sample { age: f64::from(row.age), prediction: prediction(&row.id) }).collect()
}

impl UtkFace {
    /// Ours is the first method.
    ///
    /// # Errors
    /// There are no chips.
    pub(super) fn new(truth: &[LabelledFile], methods: &[Method]) -> Result<Self> {
        let all: Vec<Vec<Sample>> = methods.iter().map(|method| samples(truth, method)).collect();
        let rows = methods.iter().zip(&all).enumerate().map(|(place, (method, samples))| -> Result<Standing> {
            let intervals = Intervals::of(samples, BOOTSTRAP)?;
            let compared = place > 0 && !method.has_seen_utkface;
            let against = compared.then(|| Comparison::paired(&all[0], samples, BOOTSTRAP)).transpose()?;
            let against = against.map(|Comparison { mae, cmae, .. }| {
                [mae, cmae].map(|difference| Figure { value: difference.difference, interval: difference.interval })
            });
            Ok(Standing {
                name: method.name.clone(),
                missing: truth.iter().filter(|row| method.age(&row.id).is_none()).count(),
                mae: Figure { value: mae(samples)?, interval: intervals.mae },
                cmae: Figure { value: cmae(samples)?, interval: intervals.cmae },
                against,
                seen: method.has_seen_utkface,
            })
        });
        let rows = rows.collect::<Result<_>>()?;
        let part = |name: &str| {
            let group = Group::parse(name).expect("written here");
            let years = group.first..group.last + 1.0;
            Subset::new(name, &all, |place| years.contains(&truth[place].age))
        };
        let field = |number: usize, names: &[&str]| Field::new(truth, &all, number, names);
        let (sexes, ethnicities) = (field(1, &SEXES), field(2, &ETHNICITIES));
        Ok(Self {
            chips: truth.len(),
            rows,
            ages: AGES.iter().filter_map(|name| part(name)).collect(),
            sexes,
            ethnicities,
        })
    }

    /// All chips in a sentence for each method.
    pub(super) fn summary(&self) -> String {
        let mut text = format!("UTKFace's test split, {} chips with ages:\n", self.chips);
        for Standing { name, mae, cmae, against, seen, .. } in &self.rows {
            let verdict = match against {
                Some([mae, cmae]) => format!("; by MAE GLAE is {} it, by CMAE {} it", verdict(*mae), verdict(*cmae)),
                None if *seen => "; it was trained on UTKFace, so nothing follows from this".to_owned(),
                None => String::new(),
            };
            text += &format!("- {name}: MAE {:.2}, CMAE {:.2} years{verdict}\n", mae.value, cmae.value);
        }
        text
    }

    /// A table of all, one by age, one by field.
    pub(super) fn to_markdown(&self) -> String {
        let mut text = format!("All {} chips, years:\n\n", self.chips);
        text += &head(["", "no age", "MAE", "CMAE", "ours minus it: MAE", "CMAE"].map(str::to_owned));
        text.extend(self.rows.iter().map(Standing::to_markdown));
        let names = || self.rows.iter().map(Standing::title);
        text += "\nBy age, MAE in years:\n\n";
        text += &head(["ages", "chips"].map(str::to_owned).into_iter().chain(names()));
        text.extend(self.ages.iter().map(Subset::to_markdown));
        let (first, last) = (COMPARED.start(), COMPARED.end());
        text += &format!("\nBy the names' fields, ages {first} to {last}, MAE in years:\n\n");
        text += &head(["group", "chips"].map(str::to_owned).into_iter().chain(names()));
        for (name, field) in [("sex", &self.sexes), ("ethnicity", &self.ethnicities)] {
            text.extend(field.parts.iter().map(Subset::to_markdown));
            let ratio = field.ratio.iter().map(|figure| figure.years());
            text += &row([format!("{name}: worst / best"), String::new()].into_iter().chain(ratio));
        }
        let unnamed = self.sexes.unnamed.max(self.ethnicities.unnamed);
        if unnamed > 0 {
            text += &format!("\n{unnamed} chips at these ages have names that do not say.\n");
        }
        text
    }
}

impl Standing {
    fn title(&self) -> String {
        if self.seen { format!("{} (seen in training)", self.name) } else { self.name.clone() }
    }

    fn to_markdown(&self) -> String {
        let differences = match self.against {
            Some(differences) => differences.map(|figure| figure.signed(1.0, 2)),
            None if self.seen => ["–", "–"].map(str::to_owned),
            None => Default::default(),
        };
        let [mae, cmae] = differences;
        row([self.title(), self.missing.to_string(), self.mae.years(), self.cmae.years(), mae, cmae])
    }
}

impl Subset {
    /// The chips at those places; `None` if there are none.
    fn new(name: &str, all: &[Vec<Sample>], holds: impl Fn(usize) -> bool) -> Option<Self> {
        let errors = |samples: &Vec<Sample>| -> Vec<f64> {
            samples.iter().enumerate().filter(|(place, _)| holds(*place)).map(|(_, sample)| sample.error()).collect()
        };
        let errors: Vec<Vec<f64>> = all.iter().map(errors).collect();
        let chips = errors.first().map_or(0, Vec::len);
        let mae = errors.iter().map(|errors| Figure::mean(errors)).collect();
        (chips > 0).then(|| Self { name: name.to_owned(), chips, mae })
    }

    fn to_markdown(&self) -> String {
        let errors = self.mae.iter().map(|figure| figure.years());
        row([self.name.clone(), self.chips.to_string()].into_iter().chain(errors))
    }
}

impl Field {
    fn new(truth: &[LabelledFile], all: &[Vec<Sample>], number: usize, names: &[&str]) -> Self {
        let code = |row: &LabelledFile| -> Option<usize> {
            let value = row.id.split('_').nth(number)?.parse().ok()?;
            (value < names.len()).then_some(value)
        };
        let codes: Vec<Option<usize>> = truth.iter().map(code).collect();
        let compared = |place: usize| COMPARED.contains(&truth[place].age);
        let part = |(value, name): (usize, &&str)| {
            Subset::new(name, all, |place| compared(place) && codes[place] == Some(value))
        };
        let ratio = |samples: &Vec<Sample>| {
            let rows = samples.iter().enumerate().filter(|(place, _)| compared(*place));
            let rows: Vec<(usize, f64)> =
                rows.filter_map(|(place, sample)| Some((codes[place]?, sample.error()))).collect();
            let ratio = |rows: &[(usize, f64)]| worst_to_best(rows, names.len());
            Figure { value: ratio(&rows), interval: BOOTSTRAP.interval_of_rows(&rows, ratio) }
        };
        Self {
            parts: names.iter().enumerate().filter_map(part).collect(),
            ratio: all.iter().map(ratio).collect(),
            unnamed: (0..truth.len()).filter(|&place| compared(place) && codes[place].is_none()).count(),
        }
    }
}

/// The largest mean of a group over the smallest, of groups that occur.
fn worst_to_best(rows: &[(usize, f64)], groups: usize) -> f64 {
    let mut sums = vec![(0.0, 0_u32); groups];
    for (group, error) in rows {
        sums[*group].0 += error;
        sums[*group].1 += 1;
    }
    let means = sums.iter().filter(|(_, count)| *count > 0).map(|(sum, count)| sum / f64::from(*count));
    let (worst, best) = means.fold((0.0, f64::INFINITY), |(worst, best), mean| (mean.max(worst), mean.min(best)));
    worst / best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(name: &str, has_seen_utkface: bool, ages: &[(&str, f32)]) -> Method {
        let ages = ages.iter().map(|(file, years)| ((*file).to_owned(), *years)).collect();
        Method { name: name.to_owned(), has_seen_utkface, ages }
    }

    #[test]
    fn every_chip_counts_and_groups_are_compared_at_compared_ages() {
        let names = ["20_0_0_1.jpg", "20_1_0_2.jpg", "60_1_4_3.jpg", "80_0_1_4.jpg", "30_1_x.jpg"];
        let ages = [20.0, 20.0, 60.0, 80.0, 30.0];
        let truth: Vec<LabelledFile> =
            names.iter().zip(ages).map(|(id, age)| LabelledFile { id: (*id).to_owned(), age }).collect();
        let answers = |years: [f32; 5]| -> Vec<(&str, f32)> { names.into_iter().zip(years).collect() };
        // Off by 2, 4, 6, 8 and 0; the second by 1, 1, 31 (no age), 0 and 0; the third, which knows them, by 0.
        let ours = method("ours", false, &answers([22.0, 24.0, 54.0, 72.0, 30.0]));
        let mut other = method("other", false, &answers([21.0, 19.0, 0.0, 80.0, 30.0]));
        other.ages.remove(names[2]);
        let seen = method("seen", true, &answers(ages));
        let scored = UtkFace::new(&truth, &[ours, other, seen]).unwrap();
        let [ours, other, seen] = &scored.rows[..] else { panic!("three rows") };
        let near = |figure: Figure, value: f64| (figure.value - value).abs() < 1e-9;
        assert!(near(ours.mae, 4.0) && near(ours.cmae, (3.0 + 6.0 + 8.0) / 4.0), "{ours:?}");
        assert!(near(other.mae, 33.0 / 5.0) && other.missing == 1, "{other:?}");
        assert!(ours.against.is_none() && seen.against.is_none());
        assert!(near(other.against.unwrap()[0], 4.0 - 6.6));

        // 18 to 60: 2 of the men, 4 and 6 of the women, and of the fifth chip the sex alone is known: 0.
        let mae = |part: &Subset| (part.name.clone(), part.chips, part.mae[0].value);
        let parts: Vec<_> = scored.sexes.parts.iter().map(mae).collect();
        assert_eq!(parts, [("male".to_owned(), 1, 2.0), ("female".to_owned(), 3, 10.0 / 3.0)]);
        assert!(near(scored.sexes.ratio[0], 10.0 / 6.0));
        let parts: Vec<_> = scored.ethnicities.parts.iter().map(mae).collect();
        assert_eq!(parts, [("White".to_owned(), 2, 3.0), ("others".to_owned(), 1, 6.0)]);
        assert!(near(scored.ethnicities.ratio[0], 2.0));
        assert_eq!((scored.sexes.unnamed, scored.ethnicities.unnamed), (0, 1));
        let text = scored.summary();
        assert!(text.contains("- other: MAE 6.60") && text.contains("by MAE GLAE is not told apart from it"), "{text}");
        assert!(text.contains("- seen: MAE 0.00, CMAE 0.00 years; it was trained on UTKFace"), "{text}");
        let text = scored.to_markdown();
        assert!(
            text.contains("| seen (seen in training) | 0 | 0.00 [0.00, 0.00] | 0.00 [0.00, 0.00] | – | – |"),
            "{text}"
        );
        assert!(text.contains("| 70+ | 1 | 8.00 [8.00, 8.00] |") && text.contains("1 chips at these ages"), "{text}");
    }
}
