//! Tests that were skipped: listed at the end of a run, and failures where the environment asks for what was missing.

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::{Result, bail};

use crate::project::Project;

/// The variable by which tests find the file (`tests/src/skip.rs`).
pub(crate) const FILE: &str = "GLAE_SKIPS";

/// Parts, separated by commas, whose absence is a failure: `browser`, `axe`, `postgresql`, `s3`, `data`, `cores`.
const REQUIRE: &str = "GLAE_REQUIRE";

/// The file into which tests write what they skip, a line each.
pub(crate) struct Skips {
    path: PathBuf,
}

impl Skips {
    /// Begins a run: nothing is skipped yet.
    pub(crate) fn begin(project: &Project) -> Result<Self> {
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
        std::env::var(REQUIRE).unwrap_or_default().split(',').any(|wanted| wanted.trim() == part)
    }

    /// Notes what a run leaves out by itself.
    pub(crate) fn note(&self, part: &str, what: &str) -> Result<()> {
        let before = if self.path.exists() { fs::read_to_string(&self.path)? } else { String::new() };
        Ok(fs::write(&self.path, format!("{before}{part}\t{what}\n"))?)
    }

    /// Prints what was skipped, each once with the number of times.
    ///
    /// # Errors
    /// A part is missing that [`REQUIRE`] names.
    pub(crate) fn report(&self) -> Result<()> {
        let text = if self.path.exists() { fs::read_to_string(&self.path)? } else { String::new() };
        let wanted = std::env::var(REQUIRE).unwrap_or_default();
        let (listed, missing) = judged(&text, &wanted);
        println!("\n{listed}");
        if !missing.is_empty() {
            bail!("{REQUIRE} asks for {}, without which the tests above were skipped", missing.join(" and "));
        }
        Ok(())
    }
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
    let missing = wanted.split(',').map(str::trim).filter(|part| all.keys().any(|(missing, _)| missing == part));
    (listed, missing.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::judged;

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
