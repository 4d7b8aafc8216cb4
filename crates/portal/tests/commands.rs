//! The program's commands, run as an operator and a team run them.

mod support;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
};

use support::{HIDDEN, OPEN, predictions, truth_file, write_boards};
use tempfile::TempDir;

struct Places {
    folder: TempDir,
}

/// A server that is stopped when dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Places {
    fn new() -> Self {
        let places = Self { folder: tempfile::tempdir().unwrap() };
        write_boards(&places.path("public"), &places.path("data"));
        fs::create_dir_all(places.path("site")).unwrap();
        fs::write(places.path("site/index.html"), "<!doctype html>").unwrap();
        places
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portal"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("DATABASE_URL")
            .env_remove("GLAE_DATABASE_URL")
            .env_remove("GLAE_STORE");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn places(&self) -> [String; 2] {
        ["data", "public"].map(|name| format!("--{name}={}", self.path(name).display()))
    }

    fn serve(&self) -> (Server, String) {
        let [data, public] = self.places();
        let site = format!("--site={}", self.path("site").display());
        let mut server = self
            .command(&["serve", "--listen=127.0.0.1:0", "--log=json", "-v", &data, &public, &site])
            .stdout(Stdio::piped())
            .stderr(fs::File::create(self.path("log")).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        (Server(server), line.trim().strip_prefix("listening on ").unwrap().to_owned())
    }
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn scoring_here_needs_no_server() {
    let places = Places::new();
    let [data, public] = places.places();
    let good = places.write("good.csv", &predictions(&OPEN, 1.0));
    let truth = places.write("truth.csv", &truth_file(&OPEN));
    for source in ["--board=open".to_owned(), format!("--truth={truth}")] {
        let done = places.run(&["score", &source, "--predictions", &good, "--json", &data, &public]);
        let report: glae_metrics::Report = serde_json::from_slice(&done.stdout).unwrap();
        assert_eq!((report.cmae, report.samples), (1.0, 6));
        assert!(report.intervals.is_some());
    }
    let text = out(&places.run(&["score", "--board=open", "--predictions", &good, "--no-intervals", &data, &public]));
    assert!(text.contains("CMAE        1.000\n") && text.contains("6 images"), "{text}");

    let bad = places.write("bad.csv", "id,age\nimg-a,x\nnobody,5\n");
    let message = err(&places.run(&["score", "--board=open", "--predictions", &bad, &data, &public]));
    assert!(message.contains("bad.csv has problems") && message.contains("nobody"), "{message}");
    let message = err(&places.run(&["score", "--board=yours", "--predictions", &good, &data, &public]));
    assert!(message.contains("--truth"), "{message}");
}

#[test]
fn a_team_submits_from_a_command_line() {
    let places = Places::new();
    let [data, public] = places.places();
    let (_server, address) = places.serve();
    let token = out(&places.run(&["token", "Ours", "--create", &data, &public])).trim().to_owned();
    assert!(token.starts_with("glae_"), "{token}");
    let file = places.write("p.csv", &predictions(&OPEN, 1.0));
    let submit = |token: &str, file: &str| {
        let arguments =
            ["submit", "--server", &address, "--board=open", "--method=M", "--public", "--predictions", file];
        places.command(&arguments).env("GLAE_TOKEN", token).output().unwrap()
    };
    let done = submit(&token, &file);
    assert!(out(&done).contains("at place 1 of open") && out(&done).contains("left today: 2"), "{done:?}");
    let message = err(&submit(&token, &places.write("bad.csv", "id,age\nimg-a,x\n")));
    assert!(message.contains("The predictions file has problems (422)") && message.contains("line 2"), "{message}");

    // The operator makes a new token; the old one ends, also while the server remembers it.
    let new = out(&places.run(&["token", "ours", &data, &public])).trim().to_owned();
    assert!(err(&submit(&token, &file)).contains("401"));
    assert!(submit(&new, &file).status.success());
    assert!(err(&places.run(&["token", "Nobody", &data, &public])).contains("--create"));

    let log = fs::read_to_string(places.path("log")).unwrap();
    assert!(log.lines().count() > 3 && log.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    for secret in [&token[22..], &new[22..], "img-a", "Bearer"] {
        assert!(!log.contains(secret), "the log tells {secret}");
    }
}

/// Answers every request as what is no portal does, with this status and a web page. Returns its address.
fn stranger(status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut request = BufReader::new(stream.unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while request.read_line(&mut line).unwrap() > 2 {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            std::io::copy(&mut request.by_ref().take(length), &mut std::io::sink()).unwrap();
            let page = "<html><head><title>nginx</title></head></html>";
            let head = format!("HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}", page.len());
            write!(request.into_inner(), "{head}\r\nConnection: close\r\n\r\n{page}").unwrap();
        }
    });
    address
}

#[test]
fn what_answers_in_the_servers_place_is_named_with_the_remedy() {
    let places = Places::new();
    let file = places.write("p.csv", &predictions(&OPEN, 1.0));
    for (status, title, remedy) in [
        ("413 Request Entity Too Large", "Too large for the way to the server (413)", "client_max_body_size"),
        ("502 Bad Gateway", "The server cannot be reached (502)", "try again in a minute"),
        ("200 OK", "A web page came instead of an answer (200)", "perhaps the network wants a sign-in first"),
        ("404 Not Found", "Unexpected answer (404)", "Check the address"),
    ] {
        let server = stranger(status);
        let arguments = ["submit", "--server", &server, "--board=open", "--method=M", "--predictions", &file];
        let message = err(&places.command(&arguments).env("GLAE_TOKEN", "glae_x").output().unwrap());
        assert!(message.contains(title) && message.contains(remedy) && !message.contains("<html"), "{message}");
    }
}

#[test]
fn a_board_with_hidden_truth_is_added() {
    let places = Places::new();
    let [data, public] = places.places();
    let board = fs::read_to_string(places.path("public/boards/secret.toml")).unwrap().replace("secret", "contest");
    let file = places.write("contest.toml", &board);
    let truth = places.write("contest-truth.csv", &truth_file(&HIDDEN));
    let message = err(&places.run(&["board", "add", &file, &data]));
    assert!(message.contains("--truth"), "{message}");
    let broken = places.write("broken.csv", "id,age\nx,old\n");
    assert!(err(&places.run(&["board", "add", &file, "--truth", &broken, &data])).contains("has problems"));
    assert!(!places.path("data/boards/contest.toml").exists());

    let added = places.run(&["board", "add", &file, "--truth", &truth, &data]);
    assert!(added.status.success() && out(&added).contains("added contest"), "{added:?}");
    let good = places.write("good.csv", &predictions(&HIDDEN, 1.0));
    let done = places.run(&["score", "--board=contest", "--predictions", &good, "--json", &data, &public]);
    assert!(done.status.success(), "{done:?}");

    // Truth that is hidden must not lie where everybody can fetch it.
    fs::copy(&truth, places.path("public/boards/secret.truth.csv")).unwrap();
    let message = err(&places.run(&["rescore", &data, &public]));
    assert!(message.contains("lies in the public folder"), "{message}");
    fs::remove_file(places.path("public/boards/secret.truth.csv")).unwrap();
    let inside = format!("--data={}", places.path("public/inner").display());
    assert!(err(&places.run(&["rescore", &inside, &public])).contains("inside the public folder"));
}

#[test]
fn no_command_but_serve_makes_a_database() {
    let places = Places::new();
    let [_, public] = places.places();
    let data = format!("--data={}", places.path("elsewhere").display());
    let file = places.path("b.tar.zst").display().to_string();
    let export = places.path("export").display().to_string();
    for command in [
        vec!["rescore"],
        vec!["export", &export],
        vec!["backup", &file],
        vec!["token", "Ours", "--create"],
        vec!["doctor"],
    ] {
        let arguments: Vec<&str> = command.iter().copied().chain([data.as_str(), public.as_str()]).collect();
        let message = err(&places.run(&arguments));
        assert!(message.contains("there is no portal's database") && message.contains("--data"), "{message}");
        assert!(!places.path("elsewhere").exists() && !Path::new(&file).exists(), "{command:?}");
    }
    let url = places.command(&["rescore", &data, &public]).env("DATABASE_URL", "postgres://localhost/x").output();
    assert!(err(&url.unwrap()).contains("GLAE_DATABASE_URL"));
}

#[test]
fn a_lost_database_stops_the_server_and_a_backup_brings_it_back() {
    let places = Places::new();
    let [data, public] = places.places();
    let site = format!("--site={}", places.path("site").display());
    let (server, address) = places.serve();
    let token = out(&places.run(&["token", "Ours", "--create", &data, &public])).trim().to_owned();
    let file = places.write("p.csv", &predictions(&OPEN, 1.0));
    let arguments = ["submit", "--server", &address, "--board=open", "--method=M", "--public", "--predictions", &file];
    assert!(places.command(&arguments).env("GLAE_TOKEN", &token).output().unwrap().status.success());
    let backup = places.path("b.tar.zst").display().to_string();
    assert!(places.run(&["backup", &backup, &data, &public]).status.success());
    drop(server);
    let log = fs::read_to_string(places.path("log")).unwrap();
    for told in ["portal.sqlite", "predictions", "3 boards: open (public truth)", "600 requests a minute"] {
        assert!(log.contains(told), "the start does not say {told}: {log}");
    }

    for name in ["portal.sqlite", "portal.sqlite-wal", "portal.sqlite-shm"] {
        let _ = fs::remove_file(places.path("data").join(name));
    }
    let message = err(&places.run(&["serve", "--listen=127.0.0.1:0", &data, &public, &site]));
    assert!(message.contains("--new-database") && message.contains("portal restore"), "{message}");
    assert!(!places.path("data/portal.sqlite").exists());
    let restored = out(&places.run(&["restore", &backup, &data, &public]));
    assert!(restored.contains("1 predictions files"), "{restored}");
    let found = places.run(&["doctor", "--contents", &data, &public]);
    assert!(found.status.success() && out(&found).contains("fit together"), "{found:?}");
    let (_server, address) = places.serve();
    let again = ["submit", "--server", &address, "--board=open", "--method=N", "--predictions", &file];
    let done = places.command(&again).env("GLAE_TOKEN", &token).output().unwrap();
    assert!(out(&done).contains("left today: 1"), "{done:?}");
}

#[test]
fn rescore_export_and_backup_run_beside_the_server() {
    let places = Places::new();
    let [data, public] = places.places();
    let (_server, address) = places.serve();
    let token = out(&places.run(&["token", "Ours", "--create", &data, &public])).trim().to_owned();
    let file = places.write("p.csv", &predictions(&OPEN, 1.0));
    let arguments = ["submit", "--server", &address, "--board=open", "--method=M", "--public", "--predictions", &file];
    assert!(places.command(&arguments).env("GLAE_TOKEN", &token).output().unwrap().status.success());

    assert!(out(&places.run(&["rescore", &data, &public])).contains("1 scored with glae-metrics"));
    let (export, backup) = (places.path("export"), places.path("backup.tar.zst"));
    let site = format!("--site={}", places.path("site").display());
    let done = places.run(&["export", export.to_str().unwrap(), &data, &public, &site]);
    assert!(done.status.success(), "{done:?}");
    for name in ["index.html", "boards/open.toml", "api/v1/boards.json"] {
        assert!(export.join(name).is_file(), "{name}");
    }
    // Another build of the page has other names, and a board of before is gone.
    let earlier = ["site/old-12345678.js", "public/boards/gone.txt"].map(|name| places.write(name, ""));
    assert!(places.run(&["export", export.to_str().unwrap(), &data, &public, &site]).status.success());
    earlier.iter().for_each(|file| fs::remove_file(file).unwrap());
    places.write("site/new-12345678.js", "");
    fs::write(export.join("CNAME"), "example.org").unwrap();
    let done = places.run(&["export", export.to_str().unwrap(), &data, &public, &site]);
    assert!(out(&done).contains("2 files of an earlier export removed"), "{done:?}");
    let there = |name: &str| export.join(name).is_file();
    assert!(!there("old-12345678.js") && !there("boards/gone.txt"));
    assert!(there("new-12345678.js") && there("CNAME") && there("boards/open.toml"));
    assert!(out(&places.run(&["backup", backup.to_str().unwrap(), &data, &public])).contains("1 predictions files"));
    assert!(Path::new(&backup).is_file());
}
