//! Tests that were skipped: listed at the end of a run, and failures where the environment asks for what was missing.

use std::{collections::BTreeMap, fs, io::Write, path::PathBuf};

use anyhow::{Result, bail};

use crate::project::Project;

/// The variable by which tests find the file (`tests/src/skip.rs`).
pub(crate) const FILE: &str = "GLAE_SKIPS";

/// Names [`PARTS`], separated by commas, whose absence is a failure.
const REQUIRE: &str = "GLAE_REQUIRE";

/// What may be missing.
const PARTS: [&str; 9] = ["browser", "axe", "firefox", "webkit", "postgresql", "s3", "data", "cores", "cargo-deny"];

/// The file into which tests write what they skip, a line each.
pub(crate) struct Skips {
    path: PathBuf,
}

impl Skips {
    /// Begins a run: nothing is skipped yet.
    ///
    /// # Errors
    /// [`REQUIRE`] names what is no part: a misspelt one would require nothing.
    pub(crate) fn begin(project: &Project) -> Result<Self> {
        if let Some(unknown) = parts(&wanted()).find(|part| !PARTS.contains(part)) {
            bail!("{REQUIRE} asks for `{unknown}`, which is none of {}", PARTS.join(", "));
        }
        let path = Self::path(project);
        if path.exists() {
            fs::remove_file(&path)?;
        }
        Ok(Self { path })
    }

    /// Where tests write it, for all steps of a run.
    pub(crate) fn path(project: &Project) -> PathBuf {
        project.target.join("skipped-tests.txt")
    }

    /// Whether the environment asks for a part.
    pub(crate) fn is_wanted(part: &str) -> bool {
        parts(&wanted()).any(|wanted| wanted == part)
    }

    /// Notes what a step of ours skips; tests do so themselves.
    pub(crate) fn add(&self, part: &str, what: &str) -> Result<()> {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&self.path)?;
        Ok(writeln!(file, "{part}\t{what}")?)
    }

    /// Prints what was skipped, each once with the number of times.
    ///
    /// # Errors
    /// A part is missing that [`REQUIRE`] names.
    pub(crate) fn report(&self) -> Result<()> {
        let text = if self.path.exists() { fs::read_to_string(&self.path)? } else { String::new() };
        let (listed, missing) = judged(&text, &wanted());
        println!("\n{listed}");
        if !missing.is_empty() {
            bail!("{REQUIRE} asks for {}, without which the tests above were skipped", missing.join(" and "));
        }
        Ok(())
    }
}

fn wanted() -> String {
    std::env::var(REQUIRE).unwrap_or_default()
}

/// The names in a list with commas.
fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// What to print, and the required parts that were missing.
fn judged(text: &str, wanted: &str) -> (String, Vec<String>) {
    let mut all = BTreeMap::<(&str, &str), usize>::new();
    for line in text.lines() {
        *all.entry(line.split_once('\t').unwrap_or(("", line))).or_default() += 1;
    }
    if all.is_empty() {
        return ("Skipped: nothing".to_owned(), Vec::new());
    }
    let mut listed = "Skipped:".to_owned();
    for ((part, what), times) in &all {
        let times = if *times > 1 { format!(" ({times} times)") } else { String::new() };
        listed += &format!("\n  {part}: {what}{times}");
    }
    let missing = parts(wanted).filter(|part| all.keys().any(|(missing, _)| missing == part));
    (listed, missing.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::{PARTS, judged, parts};

    #[test]
    fn lists_of_parts_are_read_and_every_part_is_known_that_tests_name() {
        assert_eq!(parts("browser, postgresql,").collect::<Vec<_>>(), ["browser", "postgresql"]);
        assert_eq!(parts("").count(), 0);
        let skip = include_str!("../../tests/src/skip.rs");
        let named = skip.split("names it: ").nth(1).and_then(|rest| rest.split_once(".\n")).unwrap().0;
        let named: Vec<_> = named.split('`').skip(1).step_by(2).collect();
        assert!(named.len() >= 5 && named.iter().all(|part| PARTS.contains(part)), "{named:?}");
    }

    #[test]
    fn what_is_required_fails_and_the_rest_is_listed() {
        let text = "postgresql\tthe portal on it, because there is none\naxe\tthe menu, because no npm\n\
                    postgresql\tthe portal on it, because there is none\n";
        let (listed, missing) = judged(text, "browser, postgresql");
        assert!(listed.contains("postgresql: the portal on it, because there is none (2 times)"), "{listed}");
        assert!(listed.contains("axe: the menu, because no npm"), "{listed}");
        assert_eq!(missing, ["postgresql"]);
        assert_eq!(judged(text, "").1, Vec::<String>::new());
        assert_eq!(judged("", "postgresql"), ("Skipped: nothing".to_owned(), Vec::new()));
    }
}
