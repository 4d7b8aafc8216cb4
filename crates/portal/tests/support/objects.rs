//! An S3 server of our own: `objects.py`, run by the Python that GLAE_MOTO names (`cargo xtask test s3` installs it).

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use super::skip::skipped;

/// A running server; stopped when dropped.
pub struct Objects {
    server: Child,
    address: String,
}

impl Objects {
    /// Starts a server with the bucket `glae`, or says in one line why not.
    pub fn start() -> Option<Self> {
        let Some(python) = std::env::var_os("GLAE_MOTO").filter(|path| !path.is_empty()) else {
            skipped("s3", "the portal on an S3 store", "GLAE_MOTO names no Python that has moto");
            return None;
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/objects.py");
        let mut command = Command::new(python);
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = command.spawn().expect("GLAE_MOTO names a program");
        let mut line = String::new();
        BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("http://"), "moto did not start: {line:?}");
        Some(Self { server, address: line.trim().to_owned() })
    }

    /// What makes a portal keep its predictions below `prefix`; `key` is the name of the access key.
    pub fn environment(&self, prefix: &str, key: &str) -> Vec<(&'static str, String)> {
        vec![
            ("GLAE_STORE", format!("s3://glae/{prefix}")),
            ("AWS_ENDPOINT", self.address.clone()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", key.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ]
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
