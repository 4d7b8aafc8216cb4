//! Crowds and attacks against the program itself: memory, time, and who is still served.
//!
//! Memory is read from `/proc`, so these tests run on Linux alone.
#![cfg(target_os = "linux")]

mod support;

use std::{
    fs,
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use portal::client::Client;
use support::{BOUNDARY, write_boards};
use tempfile::TempDir;

/// One crowd at a time: two would wait for each other, and what is measured is who waits for how long.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A server of its own, stopped when dropped.
struct Server {
    process: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Server {
    fn start(options: &[&str]) -> Self {
        Self::over(tempfile::tempdir().unwrap(), options)
    }

    fn over(folder: TempDir, options: &[&str]) -> Self {
        Self::by(Command::new(env!("CARGO_BIN_EXE_portal")), folder, options)
    }

    /// One that may have `files` open.
    fn with_files(files: usize) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_portal")]);
        Self::by(shell, tempfile::tempdir().unwrap(), &[])
    }

    fn by(mut command: Command, folder: TempDir, options: &[&str]) -> Self {
        let [site, public, data] = ["site", "public", "data"].map(|name| folder.path().join(name));
        fs::create_dir_all(&site).unwrap();
        fs::write(site.join("index.html"), "<!doctype html>").unwrap();
        write_boards(&public, &data);
        command.args(["serve", "--listen", "127.0.0.1:0", "--address-per-minute", "100000"]).args(options);
        for (name, path) in [("--site", &site), ("--public", &public), ("--data", &data)] {
            command.arg(name).arg(path);
        }
        for name in ["DATABASE_URL", "GLAE_DATABASE_URL", "GLAE_STORE"] {
            command.env_remove(name);
        }
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().trim_start_matches("listening on http://").trim_end_matches('/').parse().unwrap();
        Self { process, address, _folder: folder }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// The most memory that the process has held, in MiB.
    fn peak(&self) -> f64 {
        let text = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().split(' ').next().unwrap().parse::<f64>().unwrap() / 1024.0
    }

    /// The time in which 95 of 100 asked whether the server lives have their answer.
    fn health(&self) -> Duration {
        let mut times: Vec<Duration> = (0..200).map(|_| self.get("/healthz", "").1).collect();
        times.sort();
        times[190]
    }

    /// GET over a connection of its own: the status line, and how long it took.
    fn get(&self, path: &str, token: &str) -> (String, Duration) {
        let started = Instant::now();
        let mut stream = self.connect();
        let authorization = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{authorization}\r\n").unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        (answer.lines().next().unwrap_or_default().to_owned(), started.elapsed())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Five hundred wrong secrets for a token whose hash is a slow one of an earlier portal.
#[test]
fn wrong_secrets_take_little_memory() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/portal-0.1");
    fs::create_dir_all(folder.path().join("data")).unwrap();
    let database = format!("sqlite://{}?mode=rwc", folder.path().join("data/portal.sqlite").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use sqlx::{Connection, Executor};
        sqlx::any::install_default_drivers();
        let mut connection = sqlx::AnyConnection::connect(&database).await.unwrap();
        let text = fs::read_to_string(fixture.join("portal.sql")).unwrap();
        connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(text))).await.unwrap();
        connection.close().await.unwrap();
    });
    for part in fs::read_dir(fixture.join("predictions")).unwrap().map(|part| part.unwrap().path()) {
        let target = folder.path().join("data/predictions").join(part.file_name().unwrap());
        fs::create_dir_all(&target).unwrap();
        for file in fs::read_dir(part).unwrap().map(|file| file.unwrap().path()) {
            fs::copy(&file, target.join(file.file_name().unwrap())).unwrap();
        }
    }
    let token = fs::read_to_string(fixture.join("token")).unwrap().trim().to_owned();
    let server = Server::over(folder, &[]);
    let before = server.peak();
    let wrong = format!("{}0000", &token[..token.len() - 4]);
    std::thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                for _ in 0..10 {
                    assert!(server.get("/api/v1/me", &wrong).0.contains("401"));
                }
            });
        }
    });
    let grown = server.peak() - before;
    println!("500 wrong secrets: {grown:.1} MiB more");
    assert!(grown <= 64.0, "{grown} MiB");
    assert!(server.get("/api/v1/me", &token).0.contains("200"), "the right one is still right");
}

/// Six parts whose headers never end, at once: first in large pieces, then byte by byte.
#[test]
fn heads_of_parts_without_an_end_take_little() {
    const UPLOADS: usize = 6;
    let _alone = alone();
    let server = Server::start(&[]);
    let ours = Client::new(&format!("http://{}", server.address), None);
    let tokens = ["Ours", "Theirs"].map(|team| ours.create_team(team).unwrap().token);
    let head = |team: usize| {
        format!(
            "POST /api/v1/boards/secret/submissions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: 60000000\r\n\r\n\
             --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"metadata\"\r\nX-Endless: ",
            tokens[team]
        )
    };
    // The quota is three: three of each team are read; of one team alone the other three are refused, and heard out.
    for teams in [2, 1] {
        let before = server.peak();
        std::thread::scope(|scope| {
            for upload in 0..UPLOADS {
                let (server, head) = (&server, head(upload % teams));
                scope.spawn(move || {
                    let mut stream = server.connect();
                    stream.write_all(head.as_bytes()).unwrap();
                    let piece = vec![b'x'; 1 << 20];
                    let sent = (0..50).take_while(|_| stream.write_all(&piece).is_ok()).count();
                    assert!(sent < 50, "the server read all of it");
                });
            }
        });
        let grown = server.peak() - before;
        println!("{UPLOADS} parts without an end, of {teams} teams: {grown:.1} MiB more");
        assert!(grown <= UPLOADS as f64, "{grown} MiB");
    }

    let alone = server.health();
    // Byte by byte, as fast as it goes, while the server is asked whether it lives.
    let stop = AtomicBool::new(false);
    let beside = std::thread::scope(|scope| {
        for upload in 0..UPLOADS {
            let (server, head, stop) = (&server, head(upload % 2), &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let mut stream = server.connect();
                    stream.set_nodelay(true).unwrap();
                    stream.write_all(head.as_bytes()).unwrap();
                    while !stop.load(Ordering::Relaxed) && stream.write_all(b"x").is_ok() {
                        std::thread::sleep(Duration::from_micros(200));
                    }
                }
            });
        }
        let beside = server.health();
        stop.store(true, Ordering::Relaxed);
        beside
    });
    println!("/healthz alone and beside {UPLOADS} uploads, p95: {alone:?}, {beside:?}");
    // A machine that is busy with other things is slow without any upload.
    let most = Duration::from_millis(20).max(2 * alone);
    assert!(beside < most, "{beside:?}, and alone {alone:?}");
}

/// Half heads from one address fill its places and no others.
#[test]
fn half_heads_of_one_address_do_not_stop_another() {
    let _alone = alone();
    // Twice as many as the server takes in all.
    half_heads(&Server::start(&[]), 2_100, 256);
}

/// Nor where the process may have so few files open that it takes 64 connections in all.
#[test]
fn half_heads_do_not_stop_another_where_few_files_may_be_open() {
    let _alone = alone();
    half_heads(&Server::with_files(300), 100, 16);
}

/// Sends half heads; the first `places` of them are held, and another address is served.
fn half_heads(server: &Server, heads: usize, places: usize) {
    let mut answer = [0; 1];
    let mut closed = |stream: &mut TcpStream| match stream.read(&mut answer) {
        Ok(0) => true,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
        Ok(_) => false,
    };
    let mut held = Vec::new();
    for head in 0..heads {
        let mut stream = server.connect();
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ");
        if head < places {
            held.push(stream);
        } else {
            assert!(closed(&mut stream), "place {head} was given");
        }
    }
    // Those that have a place still have it.
    let last = held.last_mut().unwrap();
    last.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    assert!(!closed(last));
    // Linux answers on all of 127.0.0.0/8.
    let (status, took) = from("127.0.0.2", server.address);
    assert!(status.contains("200"), "{status}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

/// GET /healthz from another address of this computer.
fn from(own: &str, server: SocketAddr) -> (String, Duration) {
    let started = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let status = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{own}:0").parse().unwrap()).unwrap();
        let stream = socket.connect(server).await.unwrap();
        let mut stream = stream.into_std().unwrap();
        stream.set_nonblocking(false).unwrap();
        write!(stream, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.lines().next().unwrap_or_default().to_owned()
    });
    (status, started.elapsed())
}

/// An answer that is not taken ends, and its place is free again.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_taken_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (site, public) = (folder.path().join("site"), folder.path().join("public"));
    fs::create_dir_all(&site).unwrap();
    fs::create_dir_all(&public).unwrap();
    fs::write(site.join("index.html"), "<!doctype html>").unwrap();
    fs::File::create(public.join("large.bin")).unwrap().set_len(256 << 20).unwrap();
    let router = portal::app::router(&portal::site::Folders::open(&site, &public).unwrap(), None).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let patience = portal::serve::Patience {
        stall: Duration::from_secs(1),
        per_address: Some(1),
        ..portal::serve::Patience::default()
    };
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    tokio::spawn(portal::serve::serve(listener, router, std::future::pending(), patience));
    let spoken = tokio::task::spawn_blocking(move || {
        let mut slow = TcpStream::connect(address).unwrap();
        write!(slow, "GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        for _ in 0..40 {
            std::thread::sleep(Duration::from_millis(250));
            let mut stream = TcpStream::connect(address).unwrap();
            let _ = write!(stream, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            if answer.contains("200 OK") {
                return true;
            }
        }
        drop(slow);
        false
    });
    assert!(spoken.await.unwrap(), "the one place of this address stays taken");
}
