//! Which weights of the age network a visitor gets: the site's list of them, and what an address or a device asks for.

use serde::{Deserialize, Serialize};

/// `/weights/index.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Index {
    /// The age network's, unless the address or the device asks for others.
    pub default: String,
    /// The age network's for slow or metered connections and little memory, if there are such.
    #[serde(default)]
    pub small: Option<String>,
    /// The detector's.
    pub detector: String,
    /// All of the age network's.
    pub weights: Vec<String>,
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wanted {
    /// Nothing: the default, or where [`Means::are_scarce`] the small ones.
    #[default]
    Any,
    /// The default, whatever the device.
    Full,
    /// The small ones; the default where there are none.
    Small,
    /// These of [`Index::weights`].
    Named(String),
}

impl Wanted {
    /// As an address says it: `full`, `small`, or a name. `None` for what cannot be the name of a folder.
    pub fn read(value: &str) -> Option<Self> {
        match value {
            "" => Some(Self::Any),
            "full" => Some(Self::Full),
            "small" => Some(Self::Small),
            name => is_folder_name(name).then(|| Self::Named(name.to_owned())),
        }
    }

    /// The same once the device is known: never [`Wanted::Any`].
    pub fn on(self, means: Means) -> Self {
        match self {
            Self::Any if means.are_scarce() => Self::Small,
            Self::Any => Self::Full,
            wanted => wanted,
        }
    }

    /// Name of the folder below `/weights/`.
    pub fn of(self, index: &Index) -> String {
        match self {
            Self::Named(name) => name,
            Self::Small => index.small.clone().unwrap_or_else(|| index.default.clone()),
            Self::Any | Self::Full => index.default.clone(),
        }
    }
}

/// What a browser tells of connection and memory; `None` where it tells nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Means {
    /// `navigator.connection.saveData`: the visitor asked for small downloads.
    pub save_data: bool,
    /// `navigator.connection.effectiveType`: `slow-2g`, `2g`, `3g` or `4g`.
    pub connection: Option<String>,
    /// `navigator.deviceMemory`, in GiB, rounded by the browser.
    pub memory: Option<f64>,
}

/// A device with this many GiB or less has little memory.
const LITTLE_MEMORY: f64 = 2.0;

impl Means {
    /// Whether a smaller download is worth a larger error.
    pub fn are_scarce(&self) -> bool {
        let slow = self.connection.as_deref().is_some_and(|kind| matches!(kind, "slow-2g" | "2g" | "3g"));
        self.save_data || slow || self.memory.is_some_and(|memory| memory <= LITTLE_MEMORY)
    }
}

/// One path segment of plain characters: the name becomes part of a URL, and must not climb out of `/weights/`.
fn is_folder_name(name: &str) -> bool {
    name.len() <= 100
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && !name.starts_with('.')
}

/// An address as it stands in a sentence: without the hash, whose 64 digits say nothing to a reader.
pub fn named(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(json: &str) -> Index {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_is_asked_for_is_found() {
        let both = index(r#"{"default":"large","small":"tiny","detector":"d","weights":["large","tiny","old"]}"#);
        let of = |value: &str, index: &Index, means: Means| Wanted::read(value).unwrap().on(means).of(index);
        let metered = || Means { save_data: true, ..Means::default() };
        assert_eq!(of("", &both, Means::default()), "large");
        assert_eq!(of("", &both, metered()), "tiny");
        assert_eq!(of("full", &both, metered()), "large");
        assert_eq!(of("small", &both, Means::default()), "tiny");
        assert_eq!(of("old", &both, metered()), "old");
        // A site without small weights.
        let one = index(r#"{"default":"large","detector":"d","weights":["large"]}"#);
        assert_eq!(of("", &one, metered()), "large");
    }

    #[test]
    fn means_are_scarce_where_a_browser_says_so() {
        let means = |connection: &str, memory| Means { save_data: false, connection: Some(connection.into()), memory };
        assert!(!Means::default().are_scarce());
        assert!(!means("4g", Some(4.0)).are_scarce());
        assert!(means("3g", None).are_scarce());
        assert!(means("4g", Some(2.0)).are_scarce());
    }

    #[test]
    fn addresses_are_said_without_their_hash() {
        assert_eq!(named("/weights/a/weights.safetensors?sha256=0123"), "/weights/a/weights.safetensors");
        assert_eq!(named("/weights/index.json"), "/weights/index.json");
    }

    #[test]
    fn names_do_not_climb_out_of_the_folder() {
        for name in ["../secrets", "a/b", ".hidden", "a?b", "ä"] {
            assert_eq!(Wanted::read(name), None, "{name}");
        }
    }
}
