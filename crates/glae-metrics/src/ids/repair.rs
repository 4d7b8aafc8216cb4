use crate::{Predictions, Truth};

/// Another way of writing ids, under which the truth knows them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Without this beginning: the folders that a list of files was made from, as in `test-images/`.
    Prefix(String),
    /// Without this end: an extension, as in `.jpg`, or what is left of a column that was read as numbers, `.0`.
    Suffix(String),
    /// With zeros before a number, so that it is as long as that of the truth: a column was read as numbers.
    Zeros {
        /// Digits of the truth's ids.
        digits: usize,
    },
}

impl Repair {
    /// What becomes of an id; `None` where there is nothing to do.
    ///
    /// ```
    /// use glae_metrics::ids::Repair;
    /// assert_eq!(Repair::Prefix("a/".into()).apply("a/1.jpg").as_deref(), Some("1.jpg"));
    /// assert_eq!(Repair::Zeros { digits: 6 }.apply("17.0").as_deref(), Some("000017"));
    /// assert_eq!(Repair::Suffix(".jpg".into()).apply("1.png"), None);
    /// ```
    pub fn apply(&self, id: &str) -> Option<String> {
        match self {
            Self::Prefix(prefix) => id.strip_prefix(prefix.as_str()).filter(|rest| !rest.is_empty()).map(str::to_owned),
            Self::Suffix(suffix) => id.strip_suffix(suffix.as_str()).filter(|rest| !rest.is_empty()).map(str::to_owned),
            Self::Zeros { digits } => {
                let number = id.strip_suffix(".0").unwrap_or(id);
                let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
                is_number.then(|| format!("{number:0>digits$}"))
            }
        }
    }

    /// What it does and how to do it, as a sentence without a full stop.
    pub fn sentence(&self) -> String {
        match self {
            Self::Prefix(prefix) => {
                format!("without `{prefix}` all ids would match: --strip-prefix {prefix} leaves it out")
            }
            Self::Suffix(suffix) if suffix == ".0" => {
                "without `.0` all ids would match: a column of ids was read as numbers; read it as text (in pandas \
                 dtype={\"id\": str}), or leave it out with --strip-suffix .0"
                    .to_owned()
            }
            Self::Suffix(suffix) => {
                format!("without `{suffix}` all ids would match: --strip-suffix {suffix} leaves it out")
            }
            Self::Zeros { digits } => format!(
                "with leading zeros, {digits} digits in all, all ids would match: a column of ids was read as numbers; read \
                 it as text (in pandas dtype={{\"id\": str}}; in Excel import the column as text)"
            ),
        }
    }
}

/// The repair that makes all ids known that are not, if there is one, and no two ids the same. Where all are known, none is
/// needed. Nothing is changed here.
///
/// ```
/// use glae_metrics::{Predictions, Truth, ids::{Repair, repair}};
/// let truth = Truth::parse(b"id,age\n1.jpg,20\n2.jpg,35\n").unwrap();
/// let predictions = Predictions::parse(b"id,age\nalbum/1.jpg,25\nalbum/2.jpg,40\n").unwrap();
/// assert_eq!(repair(&predictions, &truth), Some(Repair::Prefix("album/".into())));
/// ```
pub fn repair(predictions: &Predictions, truth: &Truth) -> Option<Repair> {
    let ids = (0..predictions.len()).map(|row| predictions.id(row));
    repair_by(ids, truth.rows().next()?.id, truth.len(), |id| truth.find(id))
}

/// [`repair`] for other tables: `find` gives the row of a known id, one of `rows`; `like` is one of the known ids.
pub fn repair_by<'a>(
    ids: impl Iterator<Item = &'a str> + Clone,
    like: &str,
    rows: usize,
    find: impl Fn(&str) -> Option<usize>,
) -> Option<Repair> {
    let unknown = ids.clone().filter(|id| find(id).is_none());
    candidates(unknown.clone().next()?, like.len())
        .find(|repair| unknown.clone().all(|id| repair.apply(id).is_some_and(|id| find(&id).is_some())))
        .filter(|found| {
            let mut taken = vec![false; rows];
            ids.clone().all(|id| {
                let row = find(id).or_else(|| find(&found.apply(id)?));
                row.is_some_and(|row| !std::mem::replace(&mut taken[row], true))
            })
        })
}

/// What would change this id, the smallest change first.
fn candidates(id: &str, digits: usize) -> impl Iterator<Item = Repair> {
    let folders = id.match_indices(['/', '\\']).map(|(end, _)| Repair::Prefix(id[..=end].to_owned()));
    let extension = id.rfind('.').filter(|start| *start > 0 && !id[*start..].contains(['/', '\\']));
    let extension = extension.map(|start| Repair::Suffix(id[start..].to_owned()));
    folders.chain(extension).chain([Repair::Zeros { digits }])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(ids: &[&str], truth: &[&str]) -> Option<Repair> {
        let table = |ids: &[&str]| format!("id,age\n{}", ids.iter().map(|id| format!("{id},30\n")).collect::<String>());
        let predictions = Predictions::parse(table(ids).as_bytes()).unwrap();
        repair(&predictions, &Truth::parse(table(truth).as_bytes()).unwrap())
    }

    fn prefix(text: &str) -> Option<Repair> {
        Some(Repair::Prefix(text.to_owned()))
    }

    fn suffix(text: &str) -> Option<Repair> {
        Some(Repair::Suffix(text.to_owned()))
    }

    #[test]
    fn folders_in_front_go_and_as_few_as_will_do() {
        assert_eq!(found(&["a/1.jpg", "a/2.jpg"], &["1.jpg", "2.jpg", "3.jpg"]), prefix("a/"));
        assert_eq!(found(&["a/b/1.jpg"], &["b/1.jpg", "1.jpg"]), prefix("a/"));
        assert_eq!(found(&["./a/1.jpg"], &["1.jpg"]), prefix("./a/"));
        assert_eq!(found(&["a\\1.jpg"], &["1.jpg"]), prefix("a\\"));
        // Known ones stay as they are.
        assert_eq!(found(&["a/1.jpg", "2.jpg"], &["1.jpg", "2.jpg"]), prefix("a/"));
    }

    #[test]
    fn ends_go_and_zeros_come_back() {
        assert_eq!(found(&["1.jpg", "2.jpg"], &["1", "2"]), suffix(".jpg"));
        assert_eq!(found(&["1.0", "2.0"], &["1", "2"]), suffix(".0"));
        let zeros = Repair::Zeros { digits: 6 };
        for short in [["1", "22"], ["1.0", "22.0"]] {
            assert_eq!(found(&short, &["000001", "000022"]), Some(zeros.clone()));
        }
        assert!(zeros.sentence().starts_with("with leading zeros, 6 digits in all, all ids would match"));
    }

    #[test]
    fn nothing_is_guessed_where_it_would_not_do_for_all() {
        assert_eq!(found(&["1", "2"], &["1", "2", "3"]), None);
        assert_eq!(found(&["a/1", "a/9"], &["1", "2"]), None);
        assert_eq!(found(&["a/1", "b/2"], &["1", "2"]), None);
        // Two would become one.
        assert_eq!(found(&["a/1", "1"], &["1", "2"]), None);
        assert_eq!(found(&["/"], &["1"]), None);
    }
}
