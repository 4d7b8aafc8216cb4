//! What a run answers for the images of a split, and what `glae_metrics` says of it. No number is computed here.

use anyhow::{Context, Result};
use glae_metrics::{
    Band, Bootstrap, Comparison, Options, Predictions, Report, Sample, Truth, Unpredicted, compare, score_part,
};
use glae_model::Routing;

/// A number that a table can hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// Mean absolute error in years, over all images or those of an age group.
    Mae(Option<Band>),
    /// Class-wise mean absolute error in years, over all ages or those of a group.
    Cmae(Option<Band>),
    /// Age accuracy and regularity, 0 to 10.
    Aar,
    /// Share of images whose likeliest class is the right one, for sets of classes in place of ages.
    Top1,
}

impl Metric {
    /// Whether less is better.
    pub fn falls(self) -> bool {
        matches!(self, Self::Mae(_) | Self::Cmae(_))
    }
}

/// A number and its 95 % bootstrap interval over the images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// The number.
    pub value: f64,
    /// Its interval.
    pub interval: [f64; 2],
}

/// Truth and predictions of one run on one split.
#[derive(Clone, Debug)]
pub struct Answers {
    truth: Truth,
    /// Training images at each age from 0.
    counts: Vec<u32>,
    predictions: Vec<(Routing, Predictions)>,
}

impl Answers {
    /// Predictions by each rule that is asked for later, one at least; images may lack one, and are then left out of all
    /// numbers.
    pub fn new(truth: Truth, counts: Vec<u32>, predictions: Vec<(Routing, Predictions)>) -> Self {
        Self { truth, counts, predictions }
    }

    /// The true ages.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// Training images at each age from 0.
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// The predictions by one rule.
    ///
    /// # Errors
    /// The rule has none.
    pub fn predictions(&self, rule: Routing) -> Result<&Predictions> {
        let own = self.predictions.iter().find(|(own, _)| *own == rule);
        own.map(|(_, predictions)| predictions).with_context(|| format!("there are no predictions by the rule {rule}"))
    }

    /// The number of images without an answer: unreadable ones and those without landmarks.
    pub fn left_out(&self) -> usize {
        self.truth.len() - self.predictions.first().map_or(0, |(_, predictions)| predictions.len())
    }

    /// All scores of one rule, with intervals.
    ///
    /// # Errors
    /// The predictions do not fit the truth.
    pub fn report(&self, rule: Routing) -> Result<Report> {
        self.score(self.predictions(rule)?, |_| true)
    }

    /// The scores of answering the same age to every image.
    ///
    /// # Errors
    /// No image has an answer.
    pub fn constant(&self, years: f32) -> Result<Report> {
        let predictions = self.predictions(Routing::Vanilla)?.with_ages(|_| f64::from(years));
        self.score(&predictions, |_| true)
    }

    /// The difference between two rules, of this run or of two, on the same images; paired bootstrap.
    ///
    /// # Errors
    /// There is no image that both answer.
    pub fn compare(&self, rule: Routing, other: &Self, against: Routing) -> Result<Comparison> {
        let (a, b) = (self.predictions(rule)?, other.predictions(against)?);
        Ok(compare(&self.truth, a, b, Bootstrap::default())?)
    }

    /// One number with its interval; nothing where an age group has no images.
    ///
    /// # Errors
    /// The predictions do not fit the truth.
    pub fn cell(&self, rule: Routing, metric: Metric) -> Result<Option<Cell>> {
        let with = |value: f64, interval: Option<[f64; 2]>| Cell { value, interval: interval.unwrap_or([value; 2]) };
        let band = match metric {
            Metric::Mae(band) | Metric::Cmae(band) => band,
            Metric::Aar => {
                let aar = |drawn: &[Sample]| Report::new(drawn).map_or(0.0, |report| report.aar.score);
                return Ok(Some(resampled(&self.samples(rule)?, aar)));
            }
            Metric::Top1 => return Ok(Some(resampled(&self.likeliest(rule)?, hits))),
        };
        let report = match band {
            None => Some(self.report(rule)?),
            Some(band) => self.group(rule, band)?,
        };
        let cell = |report: Report| {
            let intervals = report.intervals.as_ref();
            match metric {
                Metric::Cmae(_) => with(report.cmae, intervals.map(|own| own.cmae)),
                _ => with(report.mae, intervals.map(|own| own.mae)),
            }
        };
        Ok(report.map(cell))
    }

    /// The number of images by true (first) and estimated age group.
    ///
    /// # Errors
    /// The rule has no predictions.
    pub fn confusion(&self, rule: Routing) -> Result<[[usize; 3]; 3]> {
        let mut counts = [[0; 3]; 3];
        for Sample { age, prediction } in self.samples(rule)? {
            counts[Band::of(age) as usize][Band::of(prediction) as usize] += 1;
        }
        Ok(counts)
    }

    /// The scores of one age group alone, with intervals; nothing if none of its images has an answer.
    fn group(&self, rule: Routing, band: Band) -> Result<Option<Report>> {
        let inside = |age| Band::of(age) == band;
        if !self.samples(rule)?.iter().any(|sample| inside(sample.age)) {
            return Ok(None);
        }
        self.score(self.predictions(rule)?, |row| inside(self.truth.row(row).age)).map(Some)
    }

    /// The scores of the rows of the truth that `part` holds.
    fn score(&self, predictions: &Predictions, part: impl Fn(usize) -> bool) -> Result<Report> {
        let options = Options {
            unpredicted: Unpredicted::Counted,
            training_counts: self.counts.clone(),
            intervals: Some(Bootstrap::default()),
        };
        Ok(score_part(&self.truth, predictions, &options, part)?)
    }

    fn samples(&self, rule: Routing) -> Result<Vec<Sample>> {
        self.joined(rule, |predictions, row| Some(predictions.age(row)))
    }

    /// Samples whose prediction is the likeliest class; none without distributions.
    fn likeliest(&self, rule: Routing) -> Result<Vec<Sample>> {
        self.joined(rule, |predictions, row| {
            let shares = predictions.distribution(row)?;
            let larger = |best: usize, class: usize| if shares[class] > shares[best] { class } else { best };
            Some((0..shares.len()).fold(0, larger) as f64)
        })
    }

    /// The images that have an answer, in the order of the truth.
    fn joined(&self, rule: Routing, prediction: impl Fn(&Predictions, usize) -> Option<f64>) -> Result<Vec<Sample>> {
        let predictions = self.predictions(rule)?;
        let rows = self.truth.rows().zip(predictions.rows_of(&self.truth));
        Ok(rows
            .filter_map(|(truth, row)| Some(Sample { age: truth.age, prediction: prediction(predictions, row?)? }))
            .collect())
    }
}

/// A metric with its interval from resamples of the whole.
fn resampled(samples: &[Sample], metric: impl Fn(&[Sample]) -> f64) -> Cell {
    Cell { value: metric(samples), interval: Bootstrap::default().interval(samples, metric) }
}

/// Share of predictions that are exactly right.
fn hits(samples: &[Sample]) -> f64 {
    Report::new(samples).map_or(0.0, |report| report.exact_hits as f64 / report.predicted as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ages 10, 10, 30, 80; the vanilla answers are off by 1, 3, 5, 20 and the others by nothing. The fifth has no answer.
    fn answers() -> Answers {
        let truth = Truth::parse(b"file,age\na,10\nb,10\n\"c,1\",30\nd,80\ne,40\n").unwrap();
        let vanilla = Predictions::parse(b"id,age\na,11\nb,13\n\"c,1\",35\nd,60\n").unwrap();
        let exact = || Predictions::parse(b"id,age\na,10\nb,10\n\"c,1\",30\nd,80\n").unwrap();
        Answers::new(truth, vec![0; 50], vec![(Routing::Vanilla, vanilla), (Routing::Smaller, exact())])
    }

    #[test]
    fn numbers_are_those_of_a_report_and_groups_have_their_own() {
        let answers = answers();
        let value = |metric| answers.cell(Routing::Vanilla, metric).unwrap().map(|cell| cell.value);
        assert_eq!(answers.left_out(), 1);
        assert_eq!((value(Metric::Mae(None)), value(Metric::Cmae(None))), (Some(7.25), Some(9.0)));
        assert_eq!(value(Metric::Mae(Some(Band::Young))), Some(2.0));
        assert_eq!(value(Metric::Cmae(Some(Band::Old))), Some(20.0));
        assert_eq!(value(Metric::Aar), Some(answers.report(Routing::Vanilla).unwrap().aar.score));
        // Drawn with itself alone, an image errs the same every time.
        let [old, young] = [Band::Old, Band::Young].map(|band| answers.cell(Routing::Vanilla, Metric::Mae(Some(band))));
        assert_eq!(old.unwrap().unwrap().interval, [20.0, 20.0]);
        assert_eq!(young.unwrap().unwrap().interval, [1.0, 3.0]);
        let perfect = answers.cell(Routing::Smaller, Metric::Cmae(None)).unwrap().unwrap();
        assert_eq!((perfect.value, perfect.interval), (0.0, [0.0, 0.0]));
        // Errors of always 20: 10, 10, 10, 60.
        assert_eq!(answers.constant(20.0).unwrap().mae, 22.5);
    }

    #[test]
    fn a_rule_without_predictions_is_named() {
        let error = answers().report(Routing::Symmetric).unwrap_err().to_string();
        assert_eq!(error, "there are no predictions by the rule smaller symmetric divergence");
    }

    #[test]
    fn a_group_without_images_is_absent() {
        let truth = Truth::parse(b"id,age\na,30\nb,90\n").unwrap();
        let own = Predictions::parse(b"id,age\na,30\n").unwrap();
        let answers = Answers::new(truth, Vec::new(), vec![(Routing::Smaller, own)]);
        let cell = |band| answers.cell(Routing::Smaller, Metric::Mae(Some(band))).unwrap();
        assert_eq!((cell(Band::Young), cell(Band::Old)), (None, None));
        assert!(cell(Band::Middle).is_some());
    }

    #[test]
    fn groups_are_taken_for_each_other() {
        // 80 was taken for 60: an old face among the middle-aged.
        assert_eq!(answers().confusion(Routing::Vanilla).unwrap(), [[2, 0, 0], [0, 1, 0], [0, 1, 0]]);
        assert_eq!(answers().confusion(Routing::Smaller).unwrap(), [[2, 0, 0], [0, 1, 0], [0, 0, 1]]);
    }

    #[test]
    fn the_likeliest_class_is_right_or_not() {
        let row = |id: &str, likeliest: usize| {
            let share = |class| {
                if class == likeliest {
                    ",0.7"
                } else if class == 9 {
                    ",0.3"
                } else {
                    ",0"
                }
            };
            format!("{id},50{}\n", (0..101).map(share).collect::<String>())
        };
        let head: String = (0..101).map(|class| format!(",p_{class}")).collect();
        let file = format!("id,age{head}\n{}{}", row("a", 3), row("b", 4));
        let truth = Truth::parse(b"id,age\nb,4\na,2\n").unwrap();
        let own = Predictions::parse(file.as_bytes()).unwrap();
        let answers = Answers::new(truth, Vec::new(), vec![(Routing::Vanilla, own)]);
        let cell = answers.cell(Routing::Vanilla, Metric::Top1).unwrap().unwrap();
        assert_eq!((cell.value, cell.interval), (0.5, [0.0, 1.0]));
    }
}
