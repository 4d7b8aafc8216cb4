//! What is missing or odd in a data set, all at once: counted by kind, the first of each named.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use glae_metrics::{Heading, Problems};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::protocols::{Collection, Protocol, Record, Split};
use super::split::Division;

/// Largest share of labelled images that may be unusable; the same as `data.max_bad_share` of a run.
const TOLERATED: f64 = 0.01;

/// Oldest age the network has a class for.
const OLDEST: f32 = 100.0;

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingKind {
    /// A row of a label file that says nothing usable.
    Row,
    /// An age outside 0 to 120 years.
    Age,
    /// Named in a label file and not on disk.
    Missing,
    /// On disk and empty, or unreadable.
    Unreadable,
    /// Labelled in two parts.
    TwoParts,
    /// Labelled more than once.
    Repeated,
    /// The same content in two parts.
    TwinsApart,
    /// The same person in two parts.
    PersonApart,
    /// The same content under several names.
    Twins,
    /// The same content with different ages.
    TwinsDiffer,
    /// On disk and in no label file.
    Unlabelled,
    /// Older than the network's oldest class.
    Old,
    /// The file's name says another age than its label.
    Name,
    /// A standard deviation is missing or wrong.
    Sigma,
    /// Folders of classes that do not fit.
    Classes,
    /// Fewer images of an age than the protocol draws.
    Rare,
    /// Another number than was published.
    Published,
}

impl Heading for FindingKind {
    fn heading(self, count: u64) -> String {
        format!("{}: {count}", self.title())
    }
}

impl FindingKind {
    fn title(self) -> &'static str {
        match self {
            Self::Row => "rows without a usable label",
            Self::Age => "ages outside 0 to 120 years",
            Self::Missing => "labelled files that are not on disk",
            Self::Unreadable => "empty or unreadable files",
            Self::TwoParts => "files that are labelled in two parts",
            Self::Repeated => "files that are labelled again (the first label counts)",
            Self::TwinsApart => "identical images in different parts",
            Self::PersonApart => "people in different parts",
            Self::Twins => "groups of identical images",
            Self::TwinsDiffer => "groups of identical images with different ages",
            Self::Unlabelled => "images on disk without a label",
            Self::Old => "people over 100, whom the network counts as 100",
            Self::Name => "files whose name says another age",
            Self::Sigma => "standard deviations that are missing or wrong",
            Self::Classes => "class folders that do not fit",
            Self::Rare => "ages with fewer images than the protocol draws",
            Self::Published => "numbers that differ from the published ones",
        }
    }
}

/// What was found, by kind.
pub type Findings = Problems<FindingKind>;

/// A collection compared with the disk: what can be used, and what was found.
#[derive(Clone, Debug)]
pub struct Examined {
    /// The usable records, each file once, in the order of the label files; those outside the protocol too.
    pub records: Vec<Record>,
    /// For each record the number of its content: equal numbers, equal pictures.
    pub contents: Vec<usize>,
    /// Everything noted so far.
    pub findings: Findings,
    /// Rows of the label files.
    pub labelled: usize,
}

impl Examined {
    /// Compares labels and disk, and pictures with each other. Reads only files whose size occurs twice.
    pub fn new(protocol: Protocol, collection: Collection) -> Self {
        let Collection { images, records, on_disk, mut findings } = collection;
        let labelled = records.len()
            + [FindingKind::Row, FindingKind::Age].map(|kind| count(&findings, kind)).iter().sum::<usize>();
        let labels: BTreeSet<&str> = records.iter().map(|record| record.file.as_str()).collect();
        for file in on_disk.keys().filter(|file| !labels.contains(file.as_str())) {
            findings.add(FindingKind::Unlabelled, || file.clone());
        }
        drop(labels);
        compare_with_published(protocol, &records, &mut findings);

        let mut sound: Vec<Record> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        // Made when the first file is missing: names on disk in lower case.
        let mut folded: Option<HashMap<String, &String>> = None;
        for record in records {
            let file = &record.file;
            match on_disk.get(file) {
                None => {
                    let folded =
                        folded.get_or_insert_with(|| on_disk.keys().map(|file| (file.to_lowercase(), file)).collect());
                    let similar = folded.get(&file.to_lowercase());
                    let hint = similar.map_or_else(String::new, |other| format!(" (but {other} is)"));
                    findings.add(FindingKind::Missing, || format!("{file}{hint}"));
                    continue;
                }
                Some(0) => {
                    findings.add(FindingKind::Unreadable, || format!("{file} is empty"));
                    continue;
                }
                Some(_) => {}
            }
            if let Some(first) = known.get(file).map(|first| &sound[*first]) {
                let (kind, sentence) = match (first.part, record.part) {
                    (Some(a), Some(b)) if a != b => (FindingKind::TwoParts, format!("{file}: {a} and {b}")),
                    _ if first.age != record.age => {
                        (FindingKind::Repeated, format!("{file}: first {} years, then {}", first.age, record.age))
                    }
                    _ => (FindingKind::Repeated, file.clone()),
                };
                findings.add(kind, || sentence);
                continue;
            }
            if record.age > OLDEST && !protocol.is_classes() {
                findings.add(FindingKind::Old, || format!("{file}: {} years", record.age));
            }
            known.insert(file.clone(), sound.len());
            sound.push(record);
        }

        let keys = content_keys(&sound, &on_disk, &images);
        let mut examined = Self { records: Vec::new(), contents: Vec::new(), findings, labelled };
        let mut numbers: HashMap<Content, usize> = HashMap::new();
        for (record, key) in sound.into_iter().zip(keys) {
            match key {
                Ok(key) => {
                    let next = numbers.len();
                    examined.contents.push(*numbers.entry(key).or_insert(next));
                    examined.records.push(record);
                }
                Err(reason) => examined.findings.add(FindingKind::Unreadable, || format!("{}: {reason}", record.file)),
            }
        }
        examined.note_twins();
        examined
    }

    /// Records by content, where there are several.
    fn twins(&self) -> Vec<Vec<usize>> {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, content) in self.contents.iter().enumerate() {
            groups.entry(*content).or_default().push(index);
        }
        groups.into_values().filter(|group| group.len() > 1).collect()
    }

    fn note_twins(&mut self) {
        for group in self.twins() {
            let records = group.iter().map(|index| &self.records[*index]);
            let differ = records.clone().any(|record| record.age != self.records[group[0]].age);
            let kind = if differ { FindingKind::TwinsDiffer } else { FindingKind::Twins };
            let sentence = records
                .map(|record| if differ { format!("{} ({})", record.file, record.age) } else { record.file.clone() })
                .collect::<Vec<_>>()
                .join(", ");
            self.findings.add(kind, || sentence);
        }
    }

    /// Notes what lies on both sides of a division, and returns the reasons for which the set cannot be used: none if it
    /// can.
    pub fn judge(&mut self, protocol: Protocol, splits: &Division) -> Vec<String> {
        let mut part_of: Vec<Option<Split>> = vec![None; self.records.len()];
        for part in Split::ALL {
            for index in splits.part(part) {
                part_of[*index] = Some(part);
            }
        }
        for group in self.twins() {
            let parts: BTreeSet<Split> = group.iter().filter_map(|index| part_of[*index]).collect();
            if parts.len() > 1 {
                let members = group
                    .iter()
                    .filter_map(|index| Some(format!("{} ({})", self.records[*index].file, part_of[*index]?)));
                let sentence = members.collect::<Vec<_>>().join(", ");
                self.findings.add(FindingKind::TwinsApart, || sentence);
            }
        }
        let mut people: BTreeMap<&str, BTreeSet<Split>> = BTreeMap::new();
        for (record, part) in self.records.iter().zip(&part_of) {
            if let (Some(identity), Some(part)) = (&record.identity, part) {
                people.entry(identity).or_default().insert(*part);
            }
        }
        for (identity, parts) in people.into_iter().filter(|(_, parts)| parts.len() > 1) {
            let parts: Vec<_> = parts.into_iter().map(Split::name).collect();
            self.findings.add(FindingKind::PersonApart, || format!("{identity}: {}", parts.join(", ")));
        }
        self.reasons(protocol, splits)
    }

    fn reasons(&self, protocol: Protocol, splits: &Division) -> Vec<String> {
        let count = |kind| count(&self.findings, kind);
        let mut reasons = Vec::new();
        let bad = [FindingKind::Row, FindingKind::Age, FindingKind::Missing, FindingKind::Unreadable]
            .map(count)
            .iter()
            .sum::<usize>();
        let share = bad as f64 / self.labelled.max(1) as f64;
        if share > TOLERATED {
            reasons.push(format!(
                "{bad} of {} labelled images cannot be used ({:.1} %, tolerated is {:.0} %)",
                self.labelled,
                100.0 * share,
                100.0 * TOLERATED
            ));
        }
        for part in [Split::Train, Split::Test] {
            if splits.part(part).is_empty() {
                reasons.push(format!("no image is in {part}"));
            }
        }
        let mut forbid = |kind: FindingKind, forbidden: bool| {
            if forbidden && count(kind) > 0 {
                reasons.push(kind.heading(count(kind) as u64));
            }
        };
        forbid(FindingKind::TwoParts, true);
        forbid(FindingKind::TwinsApart, protocol.keeps_pictures_apart());
        forbid(FindingKind::PersonApart, protocol.keeps_identities_apart());
        reasons
    }
}

fn count(findings: &Findings, kind: FindingKind) -> usize {
    findings.count_of(kind) as usize
}

fn compare_with_published(protocol: Protocol, records: &[Record], findings: &mut Findings) {
    let published = protocol.published();
    let mut differ = |what: &str, expected: Option<usize>, found: usize| {
        if let Some(expected) = expected.filter(|expected| *expected != found) {
            findings.add(FindingKind::Published, || format!("{what}: {expected} published, {found} labelled here"));
        }
    };
    differ("images", published.images, records.len());
    let people: BTreeSet<&str> = records.iter().filter_map(|record| record.identity.as_deref()).collect();
    differ("people", published.identities, people.len());
    for (part, expected) in Split::ALL.into_iter().zip(published.parts.into_iter().flatten()) {
        let found = records.iter().filter(|record| record.part == Some(part)).count();
        differ(part.name(), Some(expected), found);
    }
    if let Some(ages) = published.ages {
        let outside = records.iter().filter(|record| !ages.contains(&record.age)).count();
        if outside > 0 {
            let (youngest, oldest) = (ages.start(), ages.end());
            findings.add(FindingKind::Published, || {
                format!("ages: {youngest} to {oldest} published, {outside} images outside")
            });
        }
    }
}

/// What tells contents apart: the size alone where no other file has it.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Content {
    OnlyOfSize(u64),
    Hash([u8; 32]),
}

fn content_keys(
    records: &[Record],
    on_disk: &BTreeMap<String, u64>,
    images: &std::path::Path,
) -> Vec<std::io::Result<Content>> {
    let sizes: Vec<u64> = records.iter().map(|record| on_disk[&record.file]).collect();
    let mut counts: HashMap<u64, usize> = HashMap::new();
    for size in &sizes {
        *counts.entry(*size).or_default() += 1;
    }
    let key = |(record, size): (&Record, &u64)| {
        if counts[size] == 1 {
            return Ok(Content::OnlyOfSize(*size));
        }
        let bytes = std::fs::read(images.join(&record.file))?;
        Ok(Content::Hash(Sha256::digest(&bytes).into()))
    };
    records.par_iter().zip(&sizes).map(key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::trees;
    use crate::split::{SplitPlan, split};

    /// Everything that is found in a table and the reasons against its use.
    fn check(text: &str, images: &[(&str, &str)]) -> (Examined, Vec<String>) {
        let root = tempfile::tempdir().unwrap();
        trees::write(root.path(), "labels.csv", text);
        for (file, content) in images {
            trees::write(root.path(), file, content);
        }
        let mut examined = Examined::new(Protocol::Csv, Protocol::Csv.read(root.path()).unwrap());
        let splits = split(&mut examined, SplitPlan { protocol: Protocol::Csv, seed: 1, val_share: 0.0 });
        let reasons = examined.judge(Protocol::Csv, &splits);
        (examined, reasons)
    }

    const SOUND: [(&str, &str); 3] = [("a.jpg", "aaa"), ("b.jpg", "bbb"), ("c.jpg", "cc")];

    #[test]
    fn a_sound_set_has_no_findings() {
        let (examined, reasons) = check("file,age,split\na.jpg,3,train\nb.jpg,4,val\nc.jpg,5,test\n", &SOUND);
        assert!(examined.findings.is_empty() && reasons.is_empty(), "{}{reasons:?}", examined.findings);
        assert_eq!((examined.records.len(), examined.labelled), (3, 3));
    }

    #[test]
    fn every_problem_is_found_in_one_go() {
        let text = "file,age,split,identity\n\
            a.jpg,3,train,Ann\nb.jpg,4,test,Ann\nc.jpg,5,train,\nc.jpg,5,test,\nd.jpg,6,test,\ne.jpg,6,train,\n\
            f.jpg,old,train,\ng.jpg,130,train,\nH.jpg,7,train,\ni.jpg,8,train,\nj.jpg,101,train,\na.jpg,9,train,Ann\n";
        let images = [
            ("a.jpg", "aaa"),
            ("b.jpg", "bbb"),
            ("c.jpg", "cc"),
            ("d.jpg", "twin"),
            ("e.jpg", "twin"),
            ("h.jpg", "h"),
            ("i.jpg", ""),
            ("j.jpg", "jjjjj"),
            ("stray.jpg", "s"),
        ];
        let (examined, reasons) = check(text, &images);
        let kinds = [
            (FindingKind::Row, 1),
            (FindingKind::Age, 1),
            (FindingKind::Missing, 1),
            (FindingKind::Unreadable, 1),
            (FindingKind::TwoParts, 1),
            (FindingKind::Repeated, 1),
            (FindingKind::TwinsApart, 1),
            (FindingKind::PersonApart, 1),
            (FindingKind::Twins, 1),
            (FindingKind::TwinsDiffer, 0),
            // Among them h.jpg, whose label is H.jpg.
            (FindingKind::Unlabelled, 2),
            (FindingKind::Old, 1),
        ];
        for (kind, count) in kinds {
            assert_eq!(examined.findings.count_of(kind), count, "{kind:?}\n{}", examined.findings);
        }
        assert_eq!(reasons.len(), 4, "{reasons:?}");
        let text = examined.findings.to_string();
        for part in ["H.jpg (but h.jpg is)", "c.jpg: train and test", "first 3 years, then 9", "Ann: train, test"] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        let twins = "d.jpg (test), e.jpg (train)";
        assert!(text.contains(twins), "{text}");
    }

    #[test]
    fn identical_images_with_different_ages_are_told_apart() {
        let images = [("a.jpg", "same"), ("b.jpg", "same"), ("c.jpg", "other"), ("d.jpg", "another")];
        let (examined, _) = check("file,age\na.jpg,3\nb.jpg,4\nc.jpg,5\nd.jpg,6\n", &images);
        assert_eq!(
            (examined.findings.count_of(FindingKind::Twins), examined.findings.count_of(FindingKind::TwinsDiffer)),
            (0, 1)
        );
        assert!(examined.findings.to_string().contains("a.jpg (3), b.jpg (4)"));
        // The same size is not the same content.
        assert_eq!(examined.contents[0], examined.contents[1]);
        assert_ne!(examined.contents[1], examined.contents[2]);
        // Drawn apart they never are.
        assert_eq!(examined.findings.count_of(FindingKind::TwinsApart), 0);
    }

    #[test]
    fn one_in_a_hundred_may_be_missing_and_no_more() {
        let rows = |count: usize| (0..count).map(|n| format!("{n}.jpg,30\n")).collect::<String>();
        let names: Vec<String> = (0..100).map(|n| format!("{n}.jpg")).collect();
        let images: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
        let (examined, reasons) = check(&format!("file,age\n{}", rows(101)), &images);
        assert_eq!((examined.findings.count_of(FindingKind::Missing), reasons.len()), (1, 0));
        let (examined, reasons) = check(&format!("file,age\n{}", rows(130)), &images);
        assert!(reasons[0].contains("30 of 130"), "{reasons:?}");
        let text = examined.findings.to_string();
        assert!(text.contains("not on disk: 30") && text.contains("and 10 more"), "{text}");
        assert_eq!(text.matches(".jpg").count(), Findings::LISTED);
    }

    #[test]
    fn a_part_without_images_cannot_be_used() {
        let (_, reasons) = check("file,age,split\na.jpg,3,train\nb.jpg,4,train\nc.jpg,5,val\n", &SOUND);
        assert_eq!(reasons, ["no image is in test"]);
    }
}
