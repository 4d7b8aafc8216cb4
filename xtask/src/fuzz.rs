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

/// A contest of the server's own.
const CONTEST: &str = "race";

/// Images of the contest.
const IMAGES: usize = 50;

/// Names that exist, and files that can be scored.
const HOOKS: &str = "fuzz/api_hooks.py";

/// Runs both, each for `minutes`, beside each other: the parser's test writes what it says into a file.
pub(crate) fn run(project: &Project, steps: &mut Steps, minutes: u32) -> Result<()> {
    let seconds = (minutes * 60).to_string();
    let schemathesis =
        steps.run("schemathesis", "makes requests from the OpenAPI document", || schemathesis(project))?;
    steps.run("server", "compiles portal", || execute(&mut native::serving(project)))?;
    let words = |last: &[&'static str]| [["test"].as_slice(), &ALL, &["--test", "metrics"], last].concat();
    steps.run("tests", "compiles the parser's", || execute(&mut project.cargo(&words(&["--no-run"]))))?;
    let log = project.target.join("fuzz-parser.log");
    let said = std::fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut parser = project.cargo(&words(&["--", "mutation", "--nocapture"]));
    parser.env("GLAE_FUZZ_SECONDS", &seconds).stdout(said.try_clone()?).stderr(said);
    let mut parser = parser.spawn().context("cannot start the parser's test")?;
    let api = steps.run("api", "every route, with the tokens of a team and of an organiser", || {
        let folder = project.target.join("fuzz-portal");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        let server = Server::start(project, &folder)?;
        let known = server.known(project)?;
        let quarter = (minutes * 15).to_string();
        let config = folder.join("schemathesis.toml");
        let run = |there: &str, token: &str, extra: &[&str]| -> Result<()> {
            std::fs::write(&config, there)?;
            let mut command = project.command(&schemathesis);
            command.args(["run", &format!("{}/api/v1/openapi.json", server.origin)]);
            command.args(["--max-time", &quarter, "--checks", CHECKS, "--continue-on-failure"]);
            command.args(["--request-timeout", "60", "-H", &format!("Authorization: Bearer {token}")]).args(extra);
            command.env("GLAE_FUZZ_NAMES", &known.names).env("SCHEMATHESIS_HOOKS", "api_hooks");
            command.env("PYTHONPATH", project.path(HOOKS).parent().context("hooks lie in a folder")?);
            // Its examples and reports go where compiled files go.
            execute(command.current_dir(&folder))
        };
        let there = |board: &str, id: &str| {
            format!(
                "[parameters]\n\"path.board\" = \"{board}\"\n\"path.row\" = \"routed\"\n\"path.id\" = \"{id}\"\n\
                 \"path.number\" = 1\n\"query.a\" = \"routed\"\n\"query.b\" = \"{id}\"\n"
            )
        };
        // First what is there: a board, a row, a submission. What would end the token or the submission is left out.
        let gentle = [
            "--phases",
            "examples,coverage,fuzzing",
            "--exclude-path",
            "/api/v1/me/token",
            "--exclude-method",
            "DELETE",
        ];
        run(&there(BOARD, &known.submission), &known.team, &gentle)?;
        run(&there(CONTEST, &known.entry), &known.team, &gentle)?;
        // The organiser may do anything, with the team and its submissions as well.
        run(&there(CONTEST, &known.entry), &known.organiser, &["--include-path-regex", "/organise"])?;
        // Then anything at all.
        run("", &known.team, &[])?;
        server.still_alive()
    });
    // Also where the server failed: the test would go on by itself.
    let parser = steps.run("parser", "mutated prediction and truth files", || {
        let status = parser.wait().context("cannot wait for the parser's test")?;
        print!("{}", std::fs::read_to_string(&log).unwrap_or_default());
        if status.success() { Ok(()) } else { bail!("the parser's test failed: {status}") }
    });
    api.and(parser)
}

/// What the server holds.
struct Known {
    team: String,
    organiser: String,
    /// A submission to the shipped board.
    submission: String,
    /// A submission to the contest.
    entry: String,
    /// Names by their fields as JSON, for the hooks.
    names: String,
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
    data: PathBuf,
    folder: PathBuf,
}

impl Server {
    fn start(project: &Project, folder: &Path) -> Result<Self> {
        let (site, data) = (folder.join("site"), folder.join("data"));
        std::fs::create_dir_all(&site).with_context(|| format!("cannot make {}", site.display()))?;
        std::fs::write(site.join("index.html"), "<!doctype html>")?;
        let board = folder.join(format!("{CONTEST}.toml"));
        std::fs::write(
            &board,
            format!(
                "id = \"{CONTEST}\"\ntitle = \"Race\"\nmeasures = \"Years.\"\nprotocol = \"Any.\"\ntruth = \"hidden\"\n\
                 primary = \"mae\"\ncolumns = [\"mae\", \"cmae\"]\nsubmissions_per_day = 1000000\n\n\
                 [dataset]\nname = \"Drawn\"\nlicence = \"None\"\nsource = \"https://example.org/\"\n\n\
                 [contest]\nopens = 2020-01-01T00:00:00Z\ncloses = 2099-01-01T00:00:00Z\n\
                 submissions_in_all = 1000000\nadmission = \"invited\"\n"
            ),
        )?;
        let truth = folder.join("truth.csv");
        std::fs::write(&truth, ages(0))?;
        let mut add = project.command(project.program("portal"));
        add.args(["board", "add"]).arg(&board).arg("--truth").arg(&truth).arg("--data").arg(&data);
        execute(&mut add)?;
        let mut command = project.command(project.program("portal"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--site"]).arg(&site);
        command.arg("--public").arg(project.path("public")).arg("--data").arg(&data);
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
        Ok(Self { child, origin, data, folder: folder.to_path_buf() })
    }

    /// Makes a team with a submission to each board, another team, an organiser and invitations.
    fn known(&self, project: &Project) -> Result<Known> {
        let public = project.path("public");
        let portal = |words: &[&str], token: &str| -> Result<String> {
            let mut command = project.command(project.program("portal"));
            let output = command.args(words).env("GLAE_TOKEN", token).output().context("cannot start portal")?;
            if !output.status.success() {
                bail!("portal {} failed: {}", words[0], String::from_utf8_lossy(&output.stderr));
            }
            Ok(String::from_utf8(output.stdout)?.trim().to_owned())
        };
        let (own, shared) = (self.data.display().to_string(), public.display().to_string());
        let here = |words: &[&str]| portal(&[words, &["--data", &own, "--public", &shared]].concat(), "");
        let team = here(&["token", "fuzz", "--create"])?;
        here(&["token", "other", "--create"])?;
        let organiser = here(&["organise", "token", "Ada"])?;
        let codes = here(&["organise", "invite", CONTEST, "--count", "50"])?;
        here(&["organise", "admit", CONTEST, "fuzz"])?;
        let submit = |board: &str, file: &Path| -> Result<String> {
            let file = file.display().to_string();
            let words =
                ["submit", "--server", &self.origin, "--board", board, "--predictions", &file, "--method", "fuzz"];
            let said = portal(&words, &team)?;
            Ok(said.split_whitespace().next().context("portal submit names the submission")?.to_owned())
        };
        let file = self.folder.join("ages.csv");
        std::fs::write(&file, ages(3))?;
        let submission = submit(BOARD, &public.join(format!("boards/{BOARD}/routed.csv")))?;
        let entry = submit(CONTEST, &file)?;
        let codes: Vec<&str> = codes.lines().collect();
        // Debug quotes plain texts as JSON does.
        let names = format!(
            "{{\"board\": {:?}, \"team\": {:?}, \"submission\": {:?}, \"code\": {codes:?}, \"predictions\": {:?}}}",
            [CONTEST, BOARD],
            ["other", "fuzz"],
            [&entry, &submission],
            [ages(3)]
        );
        Ok(Known { team, organiser, submission, entry, names })
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

/// A file of ages, each `error` years too old.
fn ages(error: usize) -> String {
    let row = |number: usize| format!("face-{number},{}\n", 1 + number % 80 + error);
    format!("id,age\n{}", (0..IMAGES).map(row).collect::<String>())
}
