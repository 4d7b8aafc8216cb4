//! `cargo xtask fuzz`: hostile input for as long as one wants, against the parser and against the server.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{
    native::{self, ALL},
    project::Project,
    step::{Steps, execute},
};

/// The program that reads the server's OpenAPI document and sends what it describes, and what it forbids.
const SCHEMATHESIS: &str = "4.32.5";

/// What counts as a finding: what the server did wrong, not what its document could say in more detail.
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth";

/// A board whose truth and predictions ship with the project.
const BOARD: &str = "utkface-lt";

/// Runs both, each for `minutes`, one after the other.
pub(crate) fn run(project: &Project, steps: &mut Steps, minutes: u32) -> Result<()> {
    let seconds = (minutes * 60).to_string();
    let schemathesis =
        steps.run("schemathesis", "makes requests from the OpenAPI document", || schemathesis(project))?;
    steps.run("server", "compiles portal", || execute(&mut native::serving(project)))?;
    steps.run("parser", "mutated prediction and truth files", || {
        let words = [["test"].as_slice(), &ALL, &["--test", "metrics", "--", "mutation", "--nocapture"]].concat();
        execute(project.cargo(&words).env("GLAE_FUZZ_SECONDS", &seconds))
    })?;
    steps.run("api", "every route, with and without a team's token", || {
        let folder = project.target.join("fuzz-portal");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        let server = Server::start(project, &folder)?;
        let (token, id) = server.submission(project, &folder)?;
        let half = (minutes * 30).to_string();
        let run = |extra: &[&str]| -> Result<()> {
            let mut command = project.command(&schemathesis);
            command.args(["run", &format!("{}/api/v1/openapi.json", server.origin)]);
            command.args(["--max-time", &half, "--checks", CHECKS, "--continue-on-failure", "--request-timeout", "60"]);
            command.args(["-H", &format!("Authorization: Bearer {token}")]).args(extra);
            // Its examples and reports go where compiled files go.
            execute(command.current_dir(&folder))
        };
        // First what is there: a board, a row, a submission. What would end the token or the submission is left out.
        let there = format!(
            "[parameters]\n\"path.board\" = \"{BOARD}\"\n\"path.row\" = \"routed\"\n\"path.id\" = \"{id}\"\n\
             \"query.a\" = \"routed\"\n\"query.b\" = \"{id}\"\n"
        );
        let config = folder.join("schemathesis.toml");
        std::fs::write(&config, there)?;
        let destructive = ["--exclude-path", "/api/v1/me/token", "--exclude-method", "DELETE"];
        run(&[["--phases", "examples,coverage,fuzzing"].as_slice(), &destructive].concat())?;
        // Then anything at all.
        std::fs::remove_file(&config)?;
        run(&[])?;
        server.still_alive()
    })
}

/// A virtual environment beside the other tools.
fn schemathesis(project: &Project) -> Result<PathBuf> {
    let folder = project.tools().join(format!("schemathesis-{SCHEMATHESIS}"));
    let program = folder.join("bin").join("schemathesis");
    if program.is_file() {
        println!("already there");
        return Ok(program);
    }
    execute(project.command("python3").args(["-m", "venv"]).arg(&folder))
        .context("Python 3 with its venv module is needed: install python3 and python3-venv")?;
    let package = format!("schemathesis=={SCHEMATHESIS}");
    execute(project.command(folder.join("bin").join("pip")).args(["install", "--quiet", &package]))?;
    Ok(program)
}

/// A portal of its own, ended when dropped.
struct Server {
    child: Child,
    origin: String,
}

impl Server {
    fn start(project: &Project, folder: &Path) -> Result<Self> {
        let site = folder.join("site");
        std::fs::create_dir_all(&site).with_context(|| format!("cannot make {}", site.display()))?;
        std::fs::write(site.join("index.html"), "<!doctype html>")?;
        let mut command = project.command(project.program("portal"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--site"]).arg(&site);
        command.arg("--public").arg(project.path("public")).arg("--data").arg(folder.join("data"));
        // The limits have tests of their own; here they would only hide the rest.
        let many = u32::MAX.to_string();
        command.args(["--address-per-minute", &many, "--token-per-minute", &many, "--teams-per-hour", &many]);
        let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start portal")?;
        let mut line = String::new();
        let output = child.stdout.take().context("its output is piped")?;
        BufReader::new(output).read_line(&mut line)?;
        let Some(origin) = line.trim().strip_prefix("listening on ") else {
            bail!("portal did not start: {line}");
        };
        let origin = origin.trim_end_matches('/').to_owned();
        Ok(Self { child, origin })
    }

    /// A team's token and the id of a submission of its own.
    fn submission(&self, project: &Project, folder: &Path) -> Result<(String, String)> {
        let portal = |words: &[&str], token: &str| -> Result<String> {
            let mut command = project.command(project.program("portal"));
            let output = command.args(words).env("GLAE_TOKEN", token).output().context("cannot start portal")?;
            if !output.status.success() {
                bail!("portal {} failed: {}", words[0], String::from_utf8_lossy(&output.stderr));
            }
            Ok(String::from_utf8(output.stdout)?)
        };
        let data = folder.join("data").display().to_string();
        let public = project.path("public");
        let token =
            portal(&["token", "fuzz", "--create", "--data", &data, "--public", &public.display().to_string()], "")?;
        let file = public.join(format!("boards/{BOARD}/routed.csv")).display().to_string();
        let words = ["submit", "--server", &self.origin, "--board", BOARD, "--predictions", &file, "--method", "fuzz"];
        let said = portal(&words, token.trim())?;
        let id = said.split_whitespace().next().context("portal submit names the submission")?;
        Ok((token.trim().to_owned(), id.to_owned()))
    }

    fn still_alive(mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the server ended on the way: {status}"),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
