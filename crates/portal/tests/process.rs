//! The program itself: its first line, its stop, and its complaints.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

fn page() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("index.html"), "<!doctype html>hello").unwrap();
    folder
}

fn portal(folder: &TempDir, data: &TempDir, listen: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_portal"))
        .args(["serve", "--listen", listen, "--site"])
        .arg(folder.path())
        .arg("--public")
        .arg(folder.path())
        .arg("--data")
        .arg(data.path())
        .env_remove("DATABASE_URL")
        .env_remove("GLAE_DATABASE_URL")
        .env_remove("GLAE_STORE")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The address in the line `listening on http://ADDRESS/`.
fn address(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line.trim().strip_prefix("listening on http://").unwrap().trim_end_matches('/').to_owned()
}

#[test]
fn it_says_where_it_listens_and_answers_there() {
    let (folder, data) = (page(), tempfile::tempdir().unwrap());
    let mut child = portal(&folder, &data, "127.0.0.1:0");
    let address = address(&mut child);
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(stream, "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("<!doctype html>hello"), "{answer}");
}

#[cfg(unix)]
#[test]
fn sigterm_ends_it_without_an_error() {
    let (folder, data) = (page(), tempfile::tempdir().unwrap());
    let mut child = portal(&folder, &data, "127.0.0.1:0");
    address(&mut child);
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_taken_port_is_named_with_the_remedy() {
    let (folder, data) = (page(), tempfile::tempdir().unwrap());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let output = portal(&folder, &data, &taken.local_addr().unwrap().to_string()).wait_with_output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(message.contains("already taken") && message.contains("--listen"), "{message}");
}
