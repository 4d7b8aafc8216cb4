//! Clients submit while the server is killed and started again: what was acknowledged is there, once and whole.
//!
//! The size comes from the environment, so that the same program measures latencies at full size:
//! `GLAE_CRASH_CLIENTS=64 GLAE_CRASH_FILES=20 GLAE_CRASH_ROWS=114688 GLAE_CRASH_KILLS=5 cargo test --release -p portal
//! --test crash -- --nocapture --test-threads 1`.

mod support;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Condvar, Mutex, mpsc},
    time::{Duration, Instant},
};

use glae_api::{ExternalData, Metadata, Visibility};
use portal::{
    board::{self, Boards},
    client::{Client, ClientError},
    clock::Clock,
    database::{Database, DatabaseAddress},
    submission::Submission,
};
use support::Postgres;
use tempfile::TempDir;

const BOARD: &str = "busy";
/// How long a client waits for the server to be started again.
const RESTART: Duration = Duration::from_secs(60);

#[test]
fn on_sqlite() {
    Run::new("SQLite", None).run();
}

#[test]
fn two_portals_on_postgres() {
    let Some(server) = Postgres::start(true) else { return };
    let run = Run::new("PostgreSQL, two portals", Some(server.fresh_database()));
    Run { portals: 2, ..run }.run();
}

#[cfg(feature = "s3")]
#[test]
fn two_portals_on_postgres_and_s3() {
    let (Some(server), Some(objects)) = (Postgres::start(true), support::Objects::start()) else { return };
    let run = Run::new("PostgreSQL and S3, two portals", Some(server.fresh_database()));
    Run { portals: 2, environment: objects.environment("crash", "NOLIST"), ..run }.run();
}

#[test]
fn on_postgres() {
    let Some(server) = Postgres::start(true) else { return };
    Run::new("PostgreSQL", Some(server.fresh_database())).run();
}

/// One run over one database.
struct Run {
    name: &'static str,
    clients: usize,
    files: usize,
    rows: usize,
    kills: usize,
    folder: TempDir,
    database: Option<String>,
    /// Servers behind one database; clients are shared out among them, and each kill takes the next one.
    portals: usize,
    /// What names their object store; empty for a folder.
    environment: Vec<(&'static str, String)>,
    /// Where each server listens, and how often it was started.
    addresses: Mutex<Vec<(String, u32)>>,
    restarted: Condvar,
}

/// An acknowledged submission.
#[derive(Debug)]
struct Acknowledged {
    id: String,
    error: f64,
    latency: Duration,
    attempts: u32,
}

impl Run {
    fn new(name: &'static str, database: Option<String>) -> Self {
        let size = |name: &str, usual| std::env::var(name).map_or(usual, |value| value.parse().unwrap());
        let run = Self {
            name,
            clients: size("GLAE_CRASH_CLIENTS", 8),
            files: size("GLAE_CRASH_FILES", 5),
            rows: size("GLAE_CRASH_ROWS", 5_000),
            kills: size("GLAE_CRASH_KILLS", 2),
            folder: tempfile::tempdir().unwrap(),
            database,
            portals: 1,
            environment: Vec::new(),
            addresses: Mutex::default(),
            restarted: Condvar::new(),
        };
        let [site, public, boards] = ["site", "public", "data/boards"].map(|name| run.folder.path().join(name));
        for folder in [&site, &public, &boards] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(site.join("index.html"), "<!doctype html>").unwrap();
        let text = support::board_text(BOARD, "public", 1_000_000);
        fs::write(boards.join(format!("{BOARD}.toml")), text).unwrap();
        fs::write(boards.join(format!("{BOARD}.truth.csv")), run.ages(0.0)).unwrap();
        run
    }

    fn run(&self) {
        *self.addresses.lock().unwrap() = vec![Default::default(); self.portals];
        let mut servers: Vec<Child> = (0..self.portals).map(|portal| self.start(portal)).collect();
        let first = Client::new(&self.addresses.lock().unwrap()[0].0, None);
        let tokens: Vec<_> =
            (0..self.clients).map(|client| first.create_team(&format!("Client {client}")).unwrap().token).collect();
        let started = Instant::now();
        let (sender, acknowledgements) = mpsc::channel();
        let mut acknowledged = Vec::new();
        std::thread::scope(|scope| {
            for (client, token) in tokens.iter().enumerate() {
                let sender = sender.clone();
                scope.spawn(move || {
                    for file in 0..self.files {
                        sender.send(self.submit(token, client, file)).unwrap();
                    }
                });
            }
            drop(sender);
            let all = self.clients * self.files;
            for kill in 0..self.kills {
                // Somewhere in this kill's share of the work, and then a moment later.
                let share = all / (self.kills + 1);
                let wanted = kill * share + 1 + random(share.max(1));
                while acknowledged.len() < wanted {
                    acknowledged.push(acknowledgements.recv().unwrap());
                }
                let moment = Instant::now() + Duration::from_millis(random(80) as u64);
                while let Ok(next) = acknowledgements.recv_timeout(moment.saturating_duration_since(Instant::now())) {
                    acknowledged.push(next);
                }
                let portal = kill % self.portals;
                servers[portal].kill().unwrap();
                servers[portal].wait().unwrap();
                servers[portal] = self.start(portal);
            }
            acknowledged.extend(acknowledgements);
        });
        let took = started.elapsed();
        for server in &mut servers {
            server.kill().unwrap();
            server.wait().unwrap();
        }
        self.check(&acknowledged);
        self.tell(acknowledged, took);
    }

    /// Submits until it is acknowledged; the key makes a repetition count once.
    fn submit(&self, token: &str, client: usize, file: usize) -> Acknowledged {
        let error = 0.5 + 0.01 * client as f64 + 0.0001 * file as f64;
        let predictions = self.ages(error);
        let metadata = Metadata {
            method: format!("Client {client}, file {file}"),
            authors: String::new(),
            year: None,
            backbone: String::new(),
            parameters_millions: None,
            external_data: ExternalData::None,
            paper: None,
            code: None,
            notes: String::new(),
            visibility: Visibility::Public,
            seed: None,
        };
        for attempts in 1.. {
            let portal = client % self.portals;
            let (address, starts) = self.addresses.lock().unwrap()[portal].clone();
            let started = Instant::now();
            let server = Client::new(&address, Some(token.to_owned()));
            match server.submit(BOARD, &metadata, predictions.as_bytes(), &format!("{client}-{file}")) {
                Ok(done) => {
                    assert!((done.row.scores.mae.unwrap() - error).abs() < 1e-9);
                    return Acknowledged { id: done.row.id, error, latency: started.elapsed(), attempts };
                }
                Err(ClientError::Refused(problem)) => panic!("client {client}, file {file}: {problem:?}"),
                Err(ClientError::Broken(_)) => {
                    let addresses = self.addresses.lock().unwrap();
                    let same = |addresses: &mut Vec<(String, u32)>| addresses[portal].1 == starts;
                    let (_addresses, waited) = self.restarted.wait_timeout_while(addresses, RESTART, same).unwrap();
                    assert!(!waited.timed_out(), "the server was not started again");
                }
            }
        }
        unreachable!("attempts do not end")
    }

    /// Looks into the database and the store as the last kill left them.
    fn check(&self, acknowledged: &[Acknowledged]) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let database = Database::find(&self.source()).await.unwrap().unwrap();
            let boards: Boards = board::load(&self.path("public"), &self.path("data")).unwrap();
            let stored = Submission::all(&database).await.unwrap();
            assert_eq!(acknowledged.len(), self.clients * self.files);
            // All clients went on until they were acknowledged, so there must be no other, and none twice.
            assert_eq!(stored.len(), acknowledged.len());
            for wanted in acknowledged {
                let found = stored.iter().find(|submission| submission.id == wanted.id).expect("acknowledged and gone");
                assert!((found.scores.mae.unwrap() - wanted.error).abs() < 1e-9);
            }
            let allowance = |team: &str| portal::quota::Allowance {
                board: BOARD.to_owned(),
                team: team.to_owned(),
                submissions: boards[BOARD].board.submissions_per_day,
                failures: 20,
                in_all: None,
                now: Clock::System.now(),
            };
            let mut used = 0;
            let mut teams: Vec<_> = stored.iter().map(|submission| submission.team.clone()).collect();
            teams.sort();
            teams.dedup();
            for team in &teams {
                used += 1_000_000 - allowance(team).left(&database).await.unwrap().submissions_left;
            }
            // A run over midnight UTC starts a new count; then there is nothing to compare.
            if stored.iter().all(|one| portal::clock::day(one.created) == portal::clock::day(Clock::System.now())) {
                assert_eq!(used as usize, stored.len(), "each was counted once");
            }
            database.close().await;
        });
        // Every file is there, and its content has the hash by which the submission names it.
        let doctor = self.command(&["doctor", "--contents"]).output().unwrap();
        let said = String::from_utf8_lossy(&doctor.stdout);
        assert!(doctor.status.success(), "{said}{}", String::from_utf8_lossy(&doctor.stderr));
    }

    fn tell(&self, mut acknowledged: Vec<Acknowledged>, took: Duration) {
        let repeated = acknowledged.iter().filter(|one| one.attempts > 1).count();
        acknowledged.sort_by_key(|one| one.latency);
        let at = |share: f64| acknowledged[((acknowledged.len() - 1) as f64 * share) as usize].latency.as_secs_f64();
        println!(
            "{}: {} clients x {} files of {} rows, {} kills: {} acknowledged ({repeated} after a repetition) in {:.1} s; \
             latency p50 {:.0} ms, p99 {:.0} ms",
            self.name,
            self.clients,
            self.files,
            self.rows,
            self.kills,
            acknowledged.len(),
            took.as_secs_f64(),
            at(0.5) * 1e3,
            at(0.99) * 1e3,
        );
    }

    /// The program over this run's folders, database and store.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portal"));
        command.args(words);
        for name in ["public", "data"] {
            command.arg(format!("--{name}")).arg(self.path(name));
        }
        command.env_remove("GLAE_STORE").env_remove("DATABASE_URL").env_remove("GLAE_DATABASE_URL");
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        if let Some(url) = &self.database {
            command.env("GLAE_DATABASE_URL", url);
        }
        command
    }

    /// Starts a server and tells the clients where it listens.
    fn start(&self, portal: usize) -> Child {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0", "--address-per-minute", "100000000"]);
        command.args(["--token-per-minute", "100000000", "--teams-per-hour", "100000000"]);
        command.arg("--site").arg(self.path("site")).stdout(Stdio::piped());
        let mut server = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").expect("the server starts").trim_end_matches('/');
        let mut known = self.addresses.lock().unwrap();
        known[portal] = (address.to_owned(), known[portal].1 + 1);
        self.restarted.notify_all();
        server
    }

    fn source(&self) -> DatabaseAddress {
        match &self.database {
            Some(url) => DatabaseAddress::Postgres(url.clone()),
            None => DatabaseAddress::Sqlite(self.path("data").join("portal.sqlite")),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }

    /// A file of ages, each `error` years too old.
    fn ages(&self, error: f64) -> String {
        let row = |number: usize| format!("mivia-{number:07},{}\n", (1 + number % 80) as f64 + error);
        "id,age\n".to_owned() + &(0..self.rows).map(row).collect::<String>()
    }
}

/// A number below `end`.
fn random(end: usize) -> usize {
    usize::from_str_radix(&portal::random::hexadecimal(4), 16).unwrap() % end
}
