//! Ids that would be known if they were written another way: with a folder less, or without an extension. Nothing is renamed
//! by itself; the page says what would help and does it when it is told to.

use std::collections::HashSet;

use glae_metrics::{Predictions, Truth};
use serde::{Deserialize, Serialize};

/// What is left out of every id that the truth does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renaming {
    /// The folder in front, with its slash; empty if it stays.
    pub folder: String,
    /// Whether the extension goes.
    pub extension: bool,
}

impl Renaming {
    /// The least renaming after which the truth knows every id, each once; `None` where there is no such, or where all are
    /// known as they are.
    pub fn find(predictions: &Predictions, truth: &Truth) -> Option<Self> {
        let ids = || (0..predictions.len()).map(|row| predictions.id(row));
        let first = ids().find(|id| truth.find(id).is_none())?;
        let folder = first.split_once('/').map(|(folder, _)| format!("{folder}/"));
        let candidates = [(folder.as_deref(), false), (None, true), (folder.as_deref(), true)];
        candidates.into_iter().filter(|(folder, extension)| folder.is_some() || *extension).find_map(
            |(folder, extension)| {
                let renaming = Self { folder: folder.unwrap_or_default().to_owned(), extension };
                let mut rows = HashSet::with_capacity(predictions.len());
                ids()
                    .all(|id| truth.find(renaming.of(id, truth)).is_some_and(|row| rows.insert(row)))
                    .then_some(renaming)
            },
        )
    }

    /// What an id becomes. One that is known stays.
    fn of<'a>(&self, id: &'a str, truth: &Truth) -> &'a str {
        if truth.find(id).is_some() {
            return id;
        }
        let id = id.strip_prefix(&self.folder).unwrap_or(id);
        // A dot in a folder begins no extension.
        match id.rsplit_once('.').filter(|(_, extension)| self.extension && !extension.contains('/')) {
            Some((stem, _)) => stem,
            None => id,
        }
    }

    /// The predictions under the names of the truth, as CSV.
    pub fn apply(&self, predictions: &Predictions, truth: &Truth) -> String {
        predictions.with_ids(|id| self.of(id, truth)).to_csv()
    }

    /// What goes, for a sentence and for a file's name: "the folder “a/”".
    pub fn words(&self) -> String {
        match (self.folder.as_str(), self.extension) {
            ("", _) => "the extension".into(),
            (folder, false) => format!("the folder “{folder}”"),
            (folder, true) => format!("the folder “{folder}” and the extension"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(predictions: &str, truth: &str) -> Option<(Renaming, String)> {
        let predictions = Predictions::parse(format!("id,age\n{predictions}").as_bytes()).unwrap();
        let truth = Truth::parse(format!("id,age\n{truth}").as_bytes()).unwrap();
        let renaming = Renaming::find(&predictions, &truth)?;
        let csv = renaming.apply(&predictions, &truth);
        Some((renaming, csv))
    }

    #[test]
    fn a_leading_folder_goes() {
        let (renaming, csv) = found("test-images/1.jpg,30\n2.jpg,40\n", "1.jpg,31\n2.jpg,40\n").unwrap();
        assert_eq!(renaming.words(), "the folder “test-images/”");
        assert_eq!(csv, "id,age\n1.jpg,30\n2.jpg,40\n");
    }

    #[test]
    fn only_one_folder_goes_and_only_the_same() {
        assert!(found("a/b/1.jpg,30\n", "b/1.jpg,31\n").is_some());
        assert!(found("a/b/1.jpg,30\n", "1.jpg,31\n").is_none());
        assert!(found("a/1.jpg,30\nb/2.jpg,30\n", "1.jpg,31\n2.jpg,31\n").is_none());
    }

    #[test]
    fn an_extension_goes_alone_or_with_the_folder() {
        let (renaming, csv) = found("1.jpg,30\n", "1,31\n").unwrap();
        assert_eq!((renaming.words().as_str(), csv.as_str()), ("the extension", "id,age\n1,30\n"));
        let (renaming, csv) = found("a/1.jpg,30\n", "1,31\n").unwrap();
        assert_eq!(renaming.words(), "the folder “a/” and the extension");
        assert_eq!(csv, "id,age\n1,30\n");
    }

    #[test]
    fn nothing_is_guessed_where_it_would_not_do_for_all() {
        // Known as they are; one that stays unknown; two that would become one.
        assert!(found("1,30\n", "1,31\n").is_none());
        assert!(found("a/1,30\na/9,30\n", "1,31\n").is_none());
        assert!(found("a/1,30\n1,31\n", "1,31\n").is_none());
    }
}
