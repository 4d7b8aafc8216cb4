//! A PostgreSQL server of our own, in a temporary folder, on a socket in it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use tempfile::TempDir;

use super::skip::skipped;

/// What does not run without it.
const WHAT: &str = "the portal on PostgreSQL";

/// A running server; stopped when dropped.
pub struct Postgres {
    programs: PathBuf,
    folder: TempDir,
    user: Option<(u32, u32)>,
    databases: AtomicU32,
}

impl Postgres {
    /// Starts a server, or says in one line why not. `durable` waits for the disk, as a real one does.
    pub fn start(durable: bool) -> Option<Self> {
        let Some(programs) = programs() else {
            skipped("postgresql", WHAT, "initdb and pg_ctl were found neither on PATH nor in /usr/lib/postgresql");
            return None;
        };
        let user = match ordinary_user() {
            Ok(user) => user,
            Err(reason) => {
                skipped("postgresql", WHAT, &reason.to_string());
                return None;
            }
        };
        let folder = tempfile::tempdir().unwrap();
        if let Some((user, group)) = user {
            std::os::unix::fs::chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let server = Self { programs, folder, user, databases: AtomicU32::new(0) };
        server.run("initdb", &["--username=glae", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"]);
        let sync = if durable { "on" } else { "off" };
        let options = format!("-c listen_addresses= -c fsync={sync} -k {}", server.folder.path().display());
        let log = server.folder.path().join("log");
        server.run("pg_ctl", &["start", "--wait", "--silent", "--log", log.to_str().unwrap(), "--options", &options]);
        Some(server)
    }

    /// The address of a new, empty database.
    pub fn fresh_database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::SeqCst));
        let folder = self.folder.path().display();
        let status = self
            .command("createdb")
            .args(["--host", &folder.to_string(), "--username=glae", "--template=template0", &name])
            .status();
        assert!(status.unwrap().success());
        format!("postgres://glae@localhost/{name}?host={folder}")
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = self.command(program);
        command.arg("--pgdata").arg(self.folder.path().join("data")).args(arguments);
        // The server inherits what pg_ctl writes to: a pipe would stay open as long as it runs.
        let status = command.stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "{program} failed");
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(self.folder.path()).env_remove("PGHOST").env_remove("PGDATA");
        if let Some((user, group)) = self.user {
            use std::os::unix::process::CommandExt;
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut command = self.command("pg_ctl");
        command.arg("--pgdata").arg(self.folder.path().join("data"));
        // Nothing of it is kept, so it need not shut down tidily.
        let _ = command.args(["stop", "--mode=immediate", "--silent"]).stdout(Stdio::null()).status();
    }
}

/// The folder of PostgreSQL's programs.
fn programs() -> Option<PathBuf> {
    let has_all = |folder: &Path| ["initdb", "pg_ctl", "createdb"].iter().all(|name| folder.join(name).is_file());
    let on_path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut installed: Vec<_> = installed.map(|version| version.path().join("bin")).collect();
    installed.sort();
    installed.into_iter().rev().chain(on_path.into_iter().flatten()).find(|folder| has_all(folder))
}

/// PostgreSQL refuses to run as root: then the user and group to run it as.
fn ordinary_user() -> Result<Option<(u32, u32)>, String> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).stderr(Stdio::null()).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse::<u32>().ok()
    };
    match id(&["-u"]) {
        Some(0) => {}
        Some(_) => return Ok(None),
        None => return Err("the program `id` does not say who this is".to_owned()),
    }
    let found = ["postgres", "nobody"].iter().find_map(|name| Some((id(&["-u", name])?, id(&["-g", name])?)));
    found.map(Some).ok_or_else(|| "this is root, and there is no user postgres or nobody to run it as".to_owned())
}
