//! Division of a set into parts, the same for the same seed, and the files that say which image is where.
//!
//! Where a set comes with parts they are taken. Otherwise parts are drawn: over images as the papers do, but identical
//! images stay together, and so do people where a protocol keeps them apart. The drawing depends on the names of the files
//! and the seed and on nothing else: not on the order of the labels, the folder or the machine.
//!
//! CHOICE: most protocols know only training and test. What a run chooses by (`data.val`) is then drawn from the training
//! part, 5 % of it unless told otherwise; with 0 everything trains, as in the paper, and no `val.csv` is written.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::check::{Examined, FindingKind};
use super::protocols::{Protocol, Record, Split};
use crate::files::write_atomically;

/// How a set is divided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SplitPlan {
    /// By whose rule.
    pub protocol: Protocol,
    /// Decides everything that is drawn.
    pub seed: u64,
    /// Share of the training part that validates, where the protocol has no validation part; 0..1.
    pub val_share: f64,
}

/// Indices of records by part.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Division([Vec<usize>; 3]);

impl Division {
    /// The records of a part, in the order of the label files.
    pub fn part(&self, part: Split) -> &[usize] {
        &self.0[part as usize]
    }
}

/// Divides what can be used. Notes ages of which there are too few, for MIVIA-LT.
pub fn split(examined: &mut Examined, plan: SplitPlan) -> Division {
    let SplitPlan { protocol, seed, val_share } = plan;
    let records = &examined.records;
    let mut inside: Vec<usize> = (0..records.len()).filter(|index| !records[*index].outside).collect();
    let given = inside.iter().any(|index| records[*index].part.is_some());
    let mut parts: [Vec<usize>; 3] = Default::default();
    if given {
        for index in inside {
            // A set that names parts names one for every record.
            parts[records[index].part.unwrap_or(Split::Train) as usize].push(index);
        }
    } else {
        let units = units(examined, protocol.keeps_identities_apart());
        if protocol == Protocol::Morph2Partial {
            let chosen = drawn(records, &units, &inside, super::protocols::MORPH2_PARTIAL, stream(seed, SUBSET));
            inside = chosen.0;
        }
        let [train, test] = sizes(protocol, inside.len());
        let (test, rest) = drawn(records, &units, &inside, test, stream(seed, TEST));
        // All of the rest unless the paper's numbers say less.
        let train = if rest.len() > train { drawn(records, &units, &rest, train, stream(seed, REST)).0 } else { rest };
        parts = [train, Vec::new(), test];
    }
    if parts[Split::Val as usize].is_empty() && val_share > 0.0 {
        let units = units(examined, protocol.keeps_identities_apart());
        let train = std::mem::take(&mut parts[0]);
        let target = (train.len() as f64 * val_share).round() as usize;
        let (val, train) = drawn(&examined.records, &units, &train, target, stream(seed, VAL));
        (parts[0], parts[1]) = (train, val);
    }
    if protocol == Protocol::MiviaLt {
        let test = std::mem::take(&mut parts[2]);
        parts[2] = ten_of_each(examined, &test, stream(seed, BALANCED));
    }
    for part in &mut parts {
        part.sort_unstable();
    }
    Division(parts)
}

/// Wanted images for training and test.
fn sizes(protocol: Protocol, images: usize) -> [usize; 2] {
    let paper = super::protocols::MIVIA_PAPER;
    if matches!(protocol, Protocol::Mivia | Protocol::MiviaLt) && images >= paper.iter().sum() {
        return paper;
    }
    let test = (images as f64 * 0.2).round() as usize;
    [images - test, test]
}

/// Independent sequences of one seed, so that a change of one drawing leaves the others as they are.
const SUBSET: u64 = 1;
const TEST: u64 = 2;
const VAL: u64 = 3;
const BALANCED: u64 = 4;
const REST: u64 = 5;

fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(number);
    generator
}

/// Fisher and Yates. Written out, because a list of test images must be drawn alike by every later version of a library.
fn shuffle<T>(items: &mut [T], generator: &mut ChaCha8Rng) {
    for last in (1..items.len()).rev() {
        // The upper half of a product: uniform but for 1 in 2^64 / n.
        let other = (u128::from(generator.next_u64()) * (last as u128 + 1)) >> 64;
        items.swap(last, other as usize);
    }
}

/// For each record the number of the unit that stays together: one picture, or all pictures of a person.
fn units(examined: &Examined, people: bool) -> Vec<usize> {
    fn root(parents: &mut [usize], mut index: usize) -> usize {
        while parents[index] != index {
            parents[index] = parents[parents[index]];
            index = parents[index];
        }
        index
    }
    let mut parents: Vec<usize> = (0..examined.records.len()).collect();
    let (mut by_content, mut by_person) = (HashMap::new(), HashMap::new());
    for (index, (record, content)) in examined.records.iter().zip(&examined.contents).enumerate() {
        let mut join = |first: usize| {
            let (a, b) = (root(&mut parents, first), root(&mut parents, index));
            parents[a.max(b)] = a.min(b);
        };
        join(*by_content.entry(*content).or_insert(index));
        if let Some(person) = record.identity.as_deref().filter(|_| people) {
            join(*by_person.entry(person).or_insert(index));
        }
    }
    (0..parents.len()).map(|index| root(&mut parents, index)).collect()
}

/// Draws units until `target` records are drawn, and returns them and the rest. A unit that no longer fits is passed over,
/// so that the number is exact wherever there are single pictures enough.
fn drawn(
    records: &[Record],
    units: &[usize],
    from: &[usize],
    target: usize,
    mut generator: ChaCha8Rng,
) -> (Vec<usize>, Vec<usize>) {
    let mut groups: HashMap<usize, Vec<usize>> = HashMap::new();
    for index in from {
        groups.entry(units[*index]).or_default().push(*index);
    }
    let mut groups: Vec<Vec<usize>> = groups.into_values().collect();
    groups.sort_by_cached_key(|group| group.iter().map(|index| records[*index].file.clone()).min());
    shuffle(&mut groups, &mut generator);
    let (mut chosen, mut rest) = (Vec::new(), Vec::new());
    for group in groups {
        let part = if chosen.len() + group.len() <= target { &mut chosen } else { &mut rest };
        part.extend(group);
    }
    (chosen, rest)
}

/// Ten images of each age, `[GLAE] IV-A`; all of an age that has fewer, which is noted.
fn ten_of_each(examined: &mut Examined, test: &[usize], mut generator: ChaCha8Rng) -> Vec<usize> {
    let wanted = super::protocols::MIVIA_LT;
    let mut ages: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for index in test {
        ages.entry(examined.records[*index].age.round() as u32).or_default().push(*index);
    }
    let mut chosen = Vec::new();
    for (age, mut images) in ages {
        images.sort_by(|a, b| examined.records[*a].file.cmp(&examined.records[*b].file));
        shuffle(&mut images, &mut generator);
        if images.len() < wanted {
            examined.findings.add(FindingKind::Rare, || format!("{age} years: {} of {wanted}", images.len()));
        }
        images.truncate(wanted);
        chosen.extend(images);
    }
    chosen
}

/// What was done, beside the split files: enough to name a drawing in a publication or a submission.
#[derive(Debug, Serialize)]
struct Account {
    protocol: Protocol,
    seed: u64,
    val_share: f64,
    images: PathBuf,
    files: BTreeMap<String, File>,
}

#[derive(Debug, Serialize)]
struct File {
    images: usize,
    sha256: String,
}

/// Name of the account.
pub const ACCOUNT: &str = "split.toml";

/// Writes `train.csv`, `val.csv` and `test.csv` (parts without images are left out) and [`ACCOUNT`] into a folder:
/// `file,age`, with `sigma` where every image has one, `identity` and `class` where the set has them.
///
/// # Errors
/// The folder cannot be written, or holds another division already.
pub fn write(
    out: &Path,
    examined: &Examined,
    splits: &Division,
    images: &Path,
    plan: SplitPlan,
) -> Result<Vec<PathBuf>> {
    let used = || Split::ALL.into_iter().flat_map(|part| splits.part(part)).map(|index| &examined.records[*index]);
    let columns = Columns {
        sigma: used().all(|record| record.sigma.is_some()),
        identity: used().any(|record| record.identity.is_some()),
        class: used().any(|record| record.class.is_some()),
    };
    let mut files = Vec::new();
    for part in Split::ALL.into_iter().filter(|part| !splits.part(*part).is_empty()) {
        let rows = splits.part(part).iter().map(|index| &examined.records[*index]);
        files.push((format!("{part}.csv"), columns.table(rows)?, splits.part(part).len()));
    }
    let account = Account {
        protocol: plan.protocol,
        seed: plan.seed,
        val_share: plan.val_share,
        images: images.to_owned(),
        files: files
            .iter()
            .map(|(name, bytes, images)| (name.clone(), File { images: *images, sha256: hex(&Sha256::digest(bytes)) }))
            .collect(),
    };
    std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    for part in Split::ALL {
        let path = out.join(format!("{part}.csv"));
        let wanted = files.iter().find(|(name, ..)| path.ends_with(name)).map(|(_, bytes, _)| bytes.as_slice());
        ensure!(
            !path.exists() || std::fs::read(&path).ok().as_deref() == wanted,
            "{} belongs to another division, on which results may rest: choose another folder, or delete it first",
            path.display()
        );
    }
    let mut written = Vec::new();
    for (name, bytes, _) in files {
        let path = out.join(name);
        write_atomically(&path, &bytes)?;
        written.push(path);
    }
    write_atomically(&out.join(ACCOUNT), toml::to_string_pretty(&account)?.as_bytes())?;
    Ok(written)
}

#[derive(Clone, Copy)]
struct Columns {
    sigma: bool,
    identity: bool,
    class: bool,
}

impl Columns {
    fn table<'a>(self, records: impl Iterator<Item = &'a Record>) -> Result<Vec<u8>> {
        let mut table = csv::Writer::from_writer(Vec::new());
        let optional = [(self.sigma, "sigma"), (self.identity, "identity"), (self.class, "class")];
        let header =
            ["file", "age"].into_iter().chain(optional.into_iter().filter(|(there, _)| *there).map(|(_, n)| n));
        table.write_record(header)?;
        for record in records {
            let mut cells = vec![record.file.clone(), record.age.to_string()];
            if self.sigma {
                cells.push(record.sigma.map_or_else(String::new, |sigma| sigma.to_string()));
            }
            if self.identity {
                cells.push(record.identity.clone().unwrap_or_default());
            }
            if self.class {
                cells.push(record.class.clone().unwrap_or_default());
            }
            table.write_record(cells)?;
        }
        table.into_inner().context("cannot finish the table")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::check::Findings;
    use crate::read_truth;

    /// Records without images: each its own content.
    fn examined(records: Vec<Record>) -> Examined {
        let contents = (0..records.len()).collect();
        Examined { labelled: records.len(), records, contents, findings: Findings::default() }
    }

    fn record(file: impl ToString, age: f32) -> Record {
        Record { file: file.to_string(), age, ..Record::default() }
    }

    fn plan(protocol: Protocol) -> SplitPlan {
        SplitPlan { protocol, seed: 7, val_share: 0.1 }
    }

    fn sizes_of(splits: &Division) -> [usize; 3] {
        Split::ALL.map(|part| splits.part(part).len())
    }

    fn files(examined: &Examined, splits: &Division, part: Split) -> BTreeSet<String> {
        splits.part(part).iter().map(|index| examined.records[*index].file.clone()).collect()
    }

    #[test]
    fn four_fifths_train_one_tests_and_a_tenth_of_the_first_validates() {
        let mut set = examined((0..1000).map(|n| record(n, 30.0)).collect());
        let splits = split(&mut set, plan(Protocol::Morph2Random));
        assert_eq!(sizes_of(&splits), [720, 80, 200]);
        let all: BTreeSet<usize> = Split::ALL.iter().flat_map(|part| splits.part(*part)).copied().collect();
        assert_eq!(all.len(), 1000);
        // A random part is no block of the list.
        let young = splits.part(Split::Test).iter().filter(|index| **index < 500).count();
        assert!((70..130).contains(&young), "{young}");
        let without = split(&mut set, SplitPlan { val_share: 0.0, ..plan(Protocol::Morph2Random) });
        assert_eq!(sizes_of(&without), [800, 0, 200]);
        assert_eq!(without.part(Split::Test), splits.part(Split::Test));
    }

    #[test]
    fn only_names_and_seed_decide() {
        let records: Vec<_> = (0..300).map(|n| record(n, n as f32 / 10.0)).collect();
        let mut set = examined(records.clone());
        let splits = split(&mut set, plan(Protocol::Mivia));
        let mut backwards = examined(records.into_iter().rev().collect());
        let again = split(&mut backwards, plan(Protocol::Mivia));
        for part in Split::ALL {
            assert_eq!(files(&set, &splits, part), files(&backwards, &again, part));
        }
        let other = split(&mut set, SplitPlan { seed: 8, ..plan(Protocol::Mivia) });
        assert_ne!(other, splits);
    }

    /// Anyone who draws with the same seed must get this list, in this version and in every later one.
    #[test]
    fn the_drawing_never_changes() {
        let mut numbers: Vec<u32> = (0..12).collect();
        shuffle(&mut numbers, &mut stream(7, TEST));
        assert_eq!(numbers, [6, 11, 7, 1, 10, 0, 8, 5, 9, 2, 4, 3]);
    }

    #[test]
    fn the_published_numbers_come_out() {
        // What 4:1 and 80-20 are of the sets as they were published.
        assert_eq!(sizes(Protocol::Mivia, 575_073), [458_752, 114_688]);
        assert_eq!(sizes(Protocol::MiviaLt, 573_440), [458_752, 114_688]);
        assert_eq!(sizes(Protocol::Mivia, 573_439), [458_751, 114_688]);
        assert_eq!(sizes(Protocol::Morph2Random, 55_134), [44_107, 11_027]);
        assert_eq!(sizes(Protocol::Morph2Partial, 5_493), [4_394, 1_099]);
    }

    #[test]
    fn the_partial_protocol_draws_its_subset_of_those_inside() {
        let records = (0..7000).map(|n| Record { outside: n % 7 == 0, ..record(n, 30.0) });
        let mut set = examined(records.collect());
        let splits = split(&mut set, plan(Protocol::Morph2Partial));
        assert_eq!(sizes_of(&splits), [3955, 439, 1099]);
        let outside =
            Split::ALL.iter().flat_map(|part| splits.part(*part)).filter(|index| set.records[**index].outside);
        assert_eq!(outside.count(), 0);
    }

    #[test]
    fn a_whole_mivia_has_the_paper_s_parts() {
        // As many records as it takes; the rest is in no part.
        let mut set = examined((0..573_500).map(|n| record(n, 1.0 + (n % 81) as f32)).collect());
        let splits = split(&mut set, SplitPlan { val_share: 0.0, ..plan(Protocol::Mivia) });
        assert_eq!(sizes_of(&splits), [458_752, 0, 114_688]);
        let balanced = split(&mut set, SplitPlan { val_share: 0.0, ..plan(Protocol::MiviaLt) });
        assert_eq!(sizes_of(&balanced), [458_752, 0, 810]);
        assert_eq!(balanced.part(Split::Train), splits.part(Split::Train));
        assert_eq!(set.findings.count_of(FindingKind::Rare), 0);
    }

    #[test]
    fn ten_of_each_age_come_from_the_test_part() {
        let ages = (0..600).map(|n| if n < 20 { 80.0 } else { 20.0 + (n % 2) as f32 });
        let mut set = examined(ages.enumerate().map(|(n, age)| record(n, age)).collect());
        let whole = split(&mut set, plan(Protocol::Mivia));
        let balanced = split(&mut set, plan(Protocol::MiviaLt));
        assert_eq!(balanced.part(Split::Train), whole.part(Split::Train));
        assert_eq!(balanced.part(Split::Val), whole.part(Split::Val));
        assert!(balanced.part(Split::Test).iter().all(|index| whole.part(Split::Test).contains(index)));
        let of_age = |age: f32| balanced.part(Split::Test).iter().filter(|i| set.records[**i].age == age).count();
        assert_eq!((of_age(20.0), of_age(21.0)), (10, 10));
        let rare = whole.part(Split::Test).iter().filter(|index| set.records[**index].age == 80.0).count();
        assert_eq!((of_age(80.0), set.findings.count_of(FindingKind::Rare)), (rare, 1));
    }

    #[test]
    fn twins_and_people_stay_together() {
        let mut set = examined((0..200).map(|n| record(n, 30.0)).collect());
        for n in 0..200 {
            set.contents[n] = n / 2;
            set.records[n].identity = Some(format!("person {}", n / 10));
        }
        let apart = |set: &mut Examined, protocol, width: usize| {
            let splits = split(set, plan(protocol));
            assert!(sizes_of(&splits).iter().all(|size| *size > 0), "{:?}", sizes_of(&splits));
            let part_of = |n: usize| Split::ALL.into_iter().find(|part| splits.part(*part).contains(&n)).unwrap();
            (0..200).filter(|n| part_of(*n) != part_of(n / width * width)).count()
        };
        assert_eq!(apart(&mut set, Protocol::Morph2Random, 2), 0);
        // Morph II's protocol is over images: people are on both sides.
        assert!(apart(&mut set, Protocol::Morph2Random, 10) > 0);
        assert_eq!(apart(&mut set, Protocol::Csv, 10), 0);
    }

    #[test]
    fn given_parts_stay_and_only_a_lacking_validation_part_is_drawn() {
        let part = |n: usize| Some(if n < 90 { Split::Train } else { Split::Test });
        let mut set = examined((0..100).map(|n| Record { part: part(n), ..record(n, 30.0) }).collect());
        let splits = split(&mut set, plan(Protocol::Imagenet));
        assert_eq!(sizes_of(&splits), [81, 9, 10]);
        assert_eq!(splits.part(Split::Test), (90..100).collect::<Vec<_>>());
        set.records[0].part = Some(Split::Val);
        assert_eq!(sizes_of(&split(&mut set, plan(Protocol::Imagenet))), [89, 1, 10]);
    }

    #[test]
    fn runs_and_the_leaderboard_read_the_files() {
        let records = (0..10).map(|n| Record {
            sigma: Some(2.5),
            identity: Some("Ann, twice".to_owned()),
            part: Some(if n < 6 { Split::Train } else { Split::Test }),
            ..record(format!("a, b {n}.jpg"), 30.5)
        });
        let mut set = examined(records.collect());
        let plan = SplitPlan { val_share: 0.0, ..plan(Protocol::Csv) };
        let splits = split(&mut set, plan);
        let out = tempfile::tempdir().unwrap();
        let folder = out.path().join("new/split");
        let written = write(&folder, &set, &splits, Path::new("photos"), plan).unwrap();
        assert_eq!(written, [folder.join("train.csv"), folder.join("test.csv")]);
        let text = std::fs::read_to_string(&written[1]).unwrap();
        assert!(text.starts_with("file,age,sigma,identity\n\"a, b 6.jpg\",30.5,2.5,\"Ann, twice\"\n"), "{text}");
        let rows = read_truth(&written[1]).unwrap();
        assert_eq!((rows.len(), rows[0].id.as_str(), rows[0].age), (4, "a, b 6.jpg", 30.5));
        let truth = glae_metrics::Truth::parse(text.as_bytes()).unwrap();
        assert_eq!((truth.row(0).id, truth.row(0).age, truth.row(0).sigma), ("a, b 6.jpg", 30.5, Some(2.5)));
        let account: toml::Table = std::fs::read_to_string(folder.join(ACCOUNT)).unwrap().parse().unwrap();
        assert_eq!((account["protocol"].as_str(), account["seed"].as_integer()), (Some("csv"), Some(7)));
        assert_eq!(account["files"]["test.csv"]["images"].as_integer(), Some(4));
        assert_eq!(account["files"]["test.csv"]["sha256"].as_str(), Some(hex(&Sha256::digest(&text)).as_str()));

        // The same again is no change; another division is refused and leaves the files alone.
        write(&folder, &set, &splits, Path::new("photos"), plan).unwrap();
        set.records[9].age = 31.0;
        let error = write(&folder, &set, &splits, Path::new("photos"), plan).unwrap_err().to_string();
        assert!(error.contains("test.csv") && error.contains("another division"), "{error}");
        assert_eq!(std::fs::read_to_string(&written[1]).unwrap(), text);
        // A column that not every row fills would be refused by the leaderboard.
        set.records[9].sigma = None;
        let fresh = out.path().join("fresh");
        write(&fresh, &set, &splits, Path::new("photos"), plan).unwrap();
        let text = std::fs::read_to_string(fresh.join("test.csv")).unwrap();
        assert!(text.starts_with("file,age,identity\n"), "{text}");
        glae_metrics::Truth::parse(text.as_bytes()).unwrap();
    }
}
