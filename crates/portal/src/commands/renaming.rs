//! `--strip-prefix` and `--strip-suffix`: ids as the truth writes them.

use clap::Args;
use glae_metrics::Predictions;

/// What is left out of ids.
#[derive(Clone, Debug, Args)]
pub(super) struct Renaming {
    /// Leaves out this beginning of ids, as in test-images/.
    #[arg(long, value_name = "TEXT")]
    strip_prefix: Option<String>,
    /// Leaves out this end of ids, as in .jpg.
    #[arg(long, value_name = "TEXT")]
    strip_suffix: Option<String>,
}

impl Renaming {
    /// Whether anything is to be left out.
    pub(super) fn is_wanted(&self) -> bool {
        self.strip_prefix.is_some() || self.strip_suffix.is_some()
    }

    /// The predictions under their new ids; how many are new is said on standard error.
    pub(super) fn apply(&self, predictions: &Predictions) -> Predictions {
        let renamed = predictions.with_ids(|id| self.of(id));
        let all = predictions.len();
        let changed = (0..all).filter(|row| predictions.id(*row) != renamed.id(*row)).count();
        eprintln!("{changed} of {all} ids were shortened");
        renamed
    }

    fn of<'a>(&self, id: &'a str) -> &'a str {
        let strip = |id: &'a str, rest: Option<&'a str>| rest.filter(|rest| !rest.is_empty()).unwrap_or(id);
        let id = strip(id, self.strip_prefix.as_deref().and_then(|prefix| id.strip_prefix(prefix)));
        strip(id, self.strip_suffix.as_deref().and_then(|suffix| id.strip_suffix(suffix)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lose_what_is_named_and_never_all() {
        let renaming = |prefix: &str, suffix: &str| Renaming {
            strip_prefix: Some(prefix.to_owned()).filter(|text| !text.is_empty()),
            strip_suffix: Some(suffix.to_owned()).filter(|text| !text.is_empty()),
        };
        assert_eq!(renaming("a/", ".jpg").of("a/1.jpg"), "1");
        assert_eq!(renaming("a/", "").of("b/1.jpg"), "b/1.jpg");
        assert_eq!(renaming("a/", ".jpg").of("a/"), "a/");
        assert!(renaming("", ".0").is_wanted() && !renaming("", "").is_wanted());
    }
}
