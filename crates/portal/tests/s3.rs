//! The portal on an object store: what a folder does, by commands of the program itself, with a key that may list and
//! with one that may not. `cargo test --workspace --features portal/s3 --test s3`; GLAE_MOTO names a Python with moto.

mod support;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use portal::client::{Client, ClientError};
use support::{OPEN, Objects, predictions, write_boards};
use tempfile::TempDir;

/// A portal's folders and where its predictions go.
struct Place {
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
}

/// A running server; killed when dropped.
struct Server(Child, String);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Place {
    fn new(environment: Vec<(&'static str, String)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("site")).unwrap();
        fs::write(folder.path().join("site/index.html"), "<!doctype html>").unwrap();
        write_boards(&folder.path().join("public"), &folder.path().join("data"));
        Self { folder, environment }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portal"));
        command.args(words).env_remove("DATABASE_URL").env_remove("GLAE_DATABASE_URL");
        for name in ["public", "data"] {
            command.arg(format!("--{name}")).arg(self.folder.path().join(name));
        }
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        command
    }

    /// What a command writes; it has to go well.
    fn run(&self, words: &[&str]) -> String {
        let output = self.command(words).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{words:?}: {said}");
        said
    }

    fn serve(&self) -> Server {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.arg("--site").arg(self.folder.path().join("site")).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").expect("the server starts").trim_end_matches('/');
        Server(child, address.to_owned())
    }
}

fn submit(server: &Server, token: &str, error: f64, key: &str) -> Result<String, ClientError> {
    let said = serde_json::json!({ "method": key, "external_data": "none", "visibility": "public" });
    let said = serde_json::from_value(said).unwrap();
    let file = predictions(&OPEN, error);
    Client::new(&server.1, Some(token.to_owned())).submit("open", &said, file.as_bytes(), key).map(|done| done.row.id)
}

fn fetch(server: &Server, path: &str) -> String {
    ureq::get(format!("{}{path}", server.1)).call().unwrap().body_mut().read_to_string().unwrap()
}

#[test]
fn predictions_live_in_s3() {
    let Some(objects) = Objects::start() else { return };
    for key in ["LIST", "NOLIST"] {
        let place = Place::new(objects.environment(key, key));
        let server = place.serve();
        let token = Client::new(&server.1, None).create_team("Ours").unwrap().token;
        let id = submit(&server, &token, 1.0, "first").unwrap();
        assert_eq!(submit(&server, &token, 1.0, "first").unwrap(), id, "a repetition stores nothing anew");
        submit(&server, &token, 2.0, "second").unwrap();
        assert!(fetch(&server, &format!("/api/v1/submissions/{id}/predictions")).contains("img-a,5"));
        assert!(fetch(&server, &format!("/api/v1/submissions/{id}/report")).contains("\"mae\":1.0"));
        let compared = fetch(&server, &format!("/api/v1/boards/open/compare?a={id}&b=shipped"));
        assert!(compared.contains("resamples"), "{compared}");
        // A folder of its own database that names the same bucket is a stranger to it.
        let stranger = Place::new(objects.environment(key, key));
        let mut refused = stranger.command(&["serve", "--listen", "127.0.0.1:0"]);
        let refused = refused.arg("--site").arg(stranger.folder.path().join("site")).output().unwrap();
        let reason = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && reason.contains("belongs to"), "{key}: {reason}");

        let said = place.run(&["doctor", "--contents"]);
        assert!(said.contains("fit together"), "{key}: {said}");
        assert_eq!(said.contains("cannot be listed"), key == "NOLIST", "{said}");
        let backup = place.folder.path().join("backup");
        place.run(&["backup", backup.to_str().unwrap()]);
        drop(server);
        restored(&objects, key, &backup);
    }
}

/// The backup comes back into another prefix of the bucket, and another database.
fn restored(objects: &Objects, key: &str, backup: &Path) {
    let prefix = format!("{key}-again");
    let place = Place::new(objects.environment(&prefix, key));
    fs::remove_dir_all(place.folder.path().join("data")).unwrap();
    place.run(&["restore", backup.to_str().unwrap()]);
    let said = place.run(&["doctor", "--contents"]);
    assert!(said.contains("fit together"), "{key}: {said}");
    let server = place.serve();
    assert_eq!(fetch(&server, "/api/v1/boards/open").matches("\"kind\":\"submitted\"").count(), 2);
}
