//! `cargo xtask serve --watch`: builds the page again whenever a file of it changes.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Child, Command},
    thread::sleep,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, bail};

use crate::{
    compress::{self, Quality},
    page,
    project::Project,
    step::{Steps, seconds},
};

/// How often files are looked at, and for how long they must have stayed as they are: editors write more than once.
const PAUSE: Duration = Duration::from_millis(300);

/// What the page is made of. The server's own files are not among them: it is started anew by hand.
const SOURCES: [&str; 5] =
    ["web", "crates/glae-api/src", "crates/glae-face/src", "crates/glae-metrics/src", "crates/glae-model/src"];

/// Runs the server, and after each change builds the page and starts the server again. A page that is open loads itself anew.
///
/// # Errors
/// The server cannot be started, or ends by itself. A build that fails only says so.
pub(crate) fn run(project: &Project, mut portal: Command) -> Result<()> {
    let mut seen = times(project)?;
    let mut server = Server::start(&mut portal)?;
    println!("Watching {}. The page is built anew when a file there changes.", SOURCES.join(", "));
    loop {
        sleep(PAUSE);
        if let Some(status) = server.0.try_wait()? {
            bail!("portal ended with {status}; what it printed is above");
        }
        let mut now = times(project)?;
        let Some(changed) = changed(&seen, &now) else { continue };
        let started = Instant::now();
        loop {
            sleep(PAUSE);
            let later = times(project)?;
            if later == now {
                break;
            }
            now = later;
        }
        println!("\n{} changed", changed.strip_prefix(&project.root).unwrap_or(&changed).display());
        seen = now;
        match build(project) {
            Ok(()) => {
                drop(server);
                server = Server::start(&mut portal)?;
                println!("\nThe page is the newest again, after {}", seconds(started.elapsed()));
            }
            Err(error) => println!("\n{error:#}\nThe page stays as it was until the next change."),
        }
    }
}

fn build(project: &Project) -> Result<()> {
    let mut steps = Steps::new();
    page::compile(project, &mut steps, Quality::Quick)?;
    page::lay_out(project, &mut steps, Quality::Quick, true)?;
    Ok(())
}

/// The server, which reads the page's text once, at its start. Ended when dropped.
struct Server(Child);

impl Server {
    fn start(portal: &mut Command) -> Result<Self> {
        Ok(Self(portal.spawn().context("cannot start portal")?))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// When each source was written.
fn times(project: &Project) -> Result<BTreeMap<PathBuf, SystemTime>> {
    let dist = project.path("web/dist");
    let mut times = BTreeMap::new();
    for folder in SOURCES {
        for file in compress::files(&project.path(folder))? {
            // A file may go between the two looks at it.
            if let Some(time) = (!file.starts_with(&dist)).then(|| written(&file)).flatten() {
                times.insert(file, time);
            }
        }
    }
    Ok(times)
}

fn written(file: &Path) -> Option<SystemTime> {
    file.metadata().and_then(|about| about.modified()).ok()
}

/// A file that is new, gone or written at another time.
fn changed(before: &BTreeMap<PathBuf, SystemTime>, now: &BTreeMap<PathBuf, SystemTime>) -> Option<PathBuf> {
    let other = now.iter().find(|(file, time)| before.get(*file) != Some(time));
    let gone = before.keys().find(|file| !now.contains_key(*file));
    other.map(|(file, _)| file).or(gone).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_changed_and_deleted_files_are_noticed() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let files = |files: &[(&str, u64)]| -> BTreeMap<PathBuf, SystemTime> {
            files.iter().map(|(name, seconds)| (PathBuf::from(name), at(*seconds))).collect()
        };
        let before = files(&[("a", 1), ("b", 1)]);
        assert_eq!(changed(&before, &before), None);
        assert_eq!(changed(&before, &files(&[("a", 1), ("b", 2)])), Some("b".into()));
        assert_eq!(changed(&before, &files(&[("a", 1), ("b", 1), ("c", 1)])), Some("c".into()));
        assert_eq!(changed(&before, &files(&[("b", 1)])), Some("a".into()));
    }
}
