//! A whole contest, in the page by keyboard and by command: create, invite, three teams, submit, choose, extend, close,
//! the ranking by the private part, freeze, cite, export.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use thirtyfour::prelude::*;
use tokio::process::{Child, Command};

use crate::{
    browsers::{portal, spawn_and_read},
    keyboard::{enter, press, tab_to},
    looks,
    page::{LIMIT, Page},
    session::Session,
};

/// Images of the contest.
const IMAGES: usize = 200;

const BOARD: &str = "id = \"race\"\ntitle = \"The race\"\nmeasures = \"Years.\"\nprotocol = \"Any.\"\n\
    truth = \"hidden\"\nprimary = \"mae\"\ncolumns = [\"mae\", \"cmae\"]\nsubmissions_per_day = 10\n\n\
    [dataset]\nname = \"Drawn\"\nlicence = \"None\"\nsource = \"https://example.org/\"\n\n\
    [contest]\nopens = 2026-01-01T00:00:00Z\ncloses = 2099-01-01T00:00:00Z\nsubmissions_in_all = 10\n\
    admission = \"invited\"\nstep = 0.01\n";

/// A portal of the journey's own, with nothing but the contest.
struct Arena<'a> {
    session: &'a Session,
    data: PathBuf,
    public: PathBuf,
    origin: String,
    _server: Child,
}

pub(crate) async fn whole(session: &Session) -> Result<()> {
    let (arena, organiser) = Arena::open(session).await?;
    let page = Page::on_screen(session);
    let codes = invite(&arena, &page, &organiser).await?;
    ensure!(codes.len() == 3, "three invitations: {codes:?}");
    let chosen = in_the_page(&arena, &page, &codes[0]).await?;
    // The two other teams work at a command line; the second is a little better than the first.
    let mut names = Vec::new();
    for (name, code, error) in [("Second", &codes[1], 3.0), ("Third", &codes[2], 4.0)] {
        let token = arena.run(&["token", name, "--create"]).await?;
        let token = token.trim();
        let entered = arena.ask(&["enter", "--board", "race", "--code", code], token).await?;
        ensure!(entered.contains("takes part"), "{entered}");
        let file = arena.file(&format!("{name}.csv"), error)?;
        let words = ["submit", "--board", "race", "--method", name, "--public", "--predictions", &file];
        names.push(arena.ask(&words, token).await?.split(' ').next().unwrap_or_default().to_owned());
    }
    extend_and_close(&arena, &page).await?;

    arena.goto("leaderboard/race").await?;
    page.wait_for("[data-testid=contest][data-phase=closed]", LIMIT).await?;
    let script = "return [...document.querySelectorAll('[data-testid=leaderboard-table] tr[data-row]')]
        .slice(0, 3).map(row => row.dataset.row)";
    let first = session.script(script).await?;
    ensure!(first == serde_json::json!([names[0], names[1], chosen]), "the finals, by the private part: {first}");
    let row = page.wait_for(&format!("tr[data-row='{chosen}']"), LIMIT).await?.text().await?;
    ensure!(row.contains("place 3 by the private part, 3 by the public one"), "{row}");

    let checksum = freeze(&arena, &page).await?;
    arena.goto("leaderboard/race").await?;
    looks::look(&page, "contest-closed").await?;
    let citation = arena.fetch("api/v1/boards/race/frozen/1/citation").await?;
    ensure!(citation.contains(&checksum) && citation.contains("@misc{glae-race-1"), "{citation}");

    let out = session.scratch("contest-export");
    let site = session.settings.site.to_string_lossy().into_owned();
    arena.run(&["export", &out.to_string_lossy(), "--site", &site]).await?;
    let frozen = fs::read(out.join("api/v1/boards/race/frozen/1.json"))?;
    ensure!(frozen == arena.fetch("api/v1/boards/race/frozen/1").await?.into_bytes(), "the copy is the document");
    let compared = format!("api/v1/boards/race/compare/{}/{}.json", names[0], names[1]);
    for file in ["leaderboard/race/index.html", "api/v1/boards/race/frozen/1/citation.bib", &compared] {
        ensure!(out.join(file).is_file(), "{file} is not in the copy");
    }
    Ok(())
}

impl<'a> Arena<'a> {
    /// Creates the contest by command, starts its server and makes an organiser's token.
    async fn open(session: &'a Session) -> Result<(Self, String)> {
        let folder = session.scratch("contest");
        let (data, public) = (folder.join("data"), folder.join("public"));
        fs::create_dir_all(public.join("boards"))?;
        let (board, truth) = (folder.join("race.toml"), folder.join("truth.csv"));
        fs::write(&board, BOARD)?;
        fs::write(&truth, ages(0.0))?;
        let mut add = portal(&session.settings.portal);
        add.args(["board", "add"]).arg(&board).arg("--truth").arg(&truth).arg("--data").arg(&data);
        told(add.output().await?)?;
        let serve = ["serve", "--listen", "127.0.0.1:0", "--site", &session.settings.site.to_string_lossy()];
        let command = program(session, &data, &public, &serve.map(str::to_owned));
        let (server, line) = spawn_and_read(command, "listening on ").await?;
        let origin = line.trim_end_matches('/').to_owned();
        let arena = Self { session, data, public, origin, _server: server };
        let token = arena.run(&["organise", "token", "Ada"]).await?.trim().to_owned();
        Ok((arena, token))
    }

    /// What a command of the operator writes.
    async fn run(&self, words: &[&str]) -> Result<String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        told(program(self.session, &self.data, &self.public, &words).output().await?)
    }

    /// What a command of a team writes.
    async fn ask(&self, words: &[&str], token: &str) -> Result<String> {
        let mut command = portal(&self.session.settings.portal);
        command.args(words).args(["--server", &self.origin]).env("GLAE_TOKEN", token);
        told(command.output().await?)
    }

    async fn goto(&self, path: &str) -> Result<()> {
        Ok(self.session.driver.goto(format!("{}/{path}", self.origin)).await?)
    }

    /// What the server answers to the page.
    async fn fetch(&self, path: &str) -> Result<String> {
        let script = "const [path, done] = arguments; fetch(path).then(it => it.text()).then(done);";
        let address = Value::from(format!("{}/{path}", self.origin));
        let text = self.session.driver.execute_async(script, vec![address]).await?;
        Ok(text.json().as_str().context("an answer")?.to_owned())
    }

    /// A predictions file; its path.
    fn file(&self, name: &str, error: f64) -> Result<String> {
        Ok(self.session.file(name, ages(error).as_bytes())?.to_string_lossy().into_owned())
    }
}

/// The organiser goes in with the token, announces something and makes three invitations.
async fn invite(arena: &Arena<'_>, page: &Page<'_>, token: &str) -> Result<Vec<String>> {
    let session = arena.session;
    arena.goto("organise").await?;
    page.wait_for("#organiser-token", LIMIT).await?;
    tab_to(session, "#organiser-token").await?;
    press(session, token).await?;
    press(session, Key::Enter).await?;
    page.wait_for("[data-testid=organise-phase]", LIMIT).await?;
    tab_to(session, "#announcement").await?;
    press(session, "Three teams are invited.").await?;
    enter(session, "[data-testid=announce]").await?;
    page.says("organise-status", "The announcement stands").await?;
    page.wait_for("[data-testid=organise-log] li", LIMIT).await?;
    tab_to(session, "#invitation-count").await?;
    press(session, Key::End).await?;
    press(session, Key::Backspace).await?;
    press(session, "3").await?;
    enter(session, "[data-testid=invite]").await?;
    page.says("organise-status", "Invitations made: 3").await?;
    let codes = page.wait_for("#new-codes", LIMIT).await?.prop("value").await?.unwrap_or_default();
    looks::look(page, "organise").await?;
    Ok(codes.lines().map(str::to_owned).collect())
}

/// The first team does everything in the page: it takes part, submits twice and chooses the worse one, whose id is
/// returned.
async fn in_the_page(arena: &Arena<'_>, page: &Page<'_>, code: &str) -> Result<String> {
    let session = arena.session;
    arena.goto("leaderboard/race").await?;
    page.wait_for("[data-testid=announcement]", LIMIT).await?;
    let mut ids = Vec::new();
    for (name, error) in [("worse", 5.0), ("better", 2.0)] {
        let file = arena.file(&format!("{name}.csv"), error)?;
        let input = page.wait_for("[data-testid=predictions-input]", LIMIT).await?;
        input.send_keys(&file).await?;
        if name == "worse" {
            page.wait_for("#team-name", LIMIT).await?;
            tab_to(session, "#team-name").await?;
            press(session, "First").await?;
            enter(session, "[data-testid=team] button").await?;
            page.wait_for("#entry-code", LIMIT).await?;
            tab_to(session, "#entry-code").await?;
            press(session, code).await?;
            enter(session, "[data-testid=enter]").await?;
            page.says("entry-status", "takes part").await?;
        }
        page.wait_for("#new-method", LIMIT).await?;
        tab_to(session, "#new-method").await?;
        press(session, name).await?;
        tab_to(session, "#new-external").await?;
        press(session, Key::Space).await?;
        enter(session, "[data-testid=submit]").await?;
        let done = page.wait_for("[data-testid=submission-status] [data-rank]", LIMIT).await?;
        ids.push(done.attr("data-row").await?.context("the answer names the row")?);
        for row in ["tr", "[data-testid=own-rows] "] {
            page.wait_for(&format!("{row}[data-row='{}']", ids[ids.len() - 1]), LIMIT).await?;
        }
    }
    // Closed contests rank public rows.
    let publish = format!("[data-testid=own-rows] [data-row='{}']", ids[0]);
    tab_to(session, &format!("{publish} .actions button:nth-child(2)")).await?;
    press(session, Key::Enter).await?;
    page.wait_for(&format!("{publish}[data-visibility=public]"), LIMIT).await?;
    tab_to(session, "#final-submission").await?;
    // Typing in a select goes to the option that begins so.
    press(session, "worse").await?;
    page.says("entry-status", "Your choice counts at the end.").await?;
    looks::look(page, "contest-open").await?;
    Ok(ids.swap_remove(0))
}

/// The organiser moves the closing, and then closes at once, which asks first.
async fn extend_and_close(arena: &Arena<'_>, page: &Page<'_>) -> Result<()> {
    let session = arena.session;
    arena.goto("organise").await?;
    page.wait_for("#closes", LIMIT).await?;
    tab_to(session, "#closes").await?;
    press(session, "2098-12-31 18:00").await?;
    enter(session, "[data-testid=extend]").await?;
    page.says("organise-status", "closes on 2098-12-31 18:00 UTC").await?;
    page.wait_for("[data-testid=organise-teams] li:nth-child(3)", LIMIT).await?;
    enter(session, "[data-testid=close]").await?;
    page.wait_for("[data-testid=organise-confirm]", LIMIT).await?;
    enter(session, "[data-testid=organise-confirm]").await?;
    page.says("organise-status", "race is closed.").await
}

/// The organiser freezes the ranking; its checksum.
async fn freeze(arena: &Arena<'_>, page: &Page<'_>) -> Result<String> {
    let session = arena.session;
    arena.goto("organise").await?;
    page.wait_for("[data-testid=freeze]", LIMIT).await?;
    enter(session, "[data-testid=freeze]").await?;
    page.says("organise-status", "SHA-256").await?;
    let said = page.text("organise-status").await.unwrap_or_default();
    let checksum = said.split_whitespace().next_back().unwrap_or_default().to_owned();
    ensure!(checksum.len() == 64, "{said}");
    Ok(checksum)
}

fn program(session: &Session, data: &Path, public: &Path, words: &[String]) -> Command {
    let mut command = portal(&session.settings.portal);
    command.args(words).arg("--data").arg(data).arg("--public").arg(public);
    command
}

/// What a command wrote, if it went well.
fn told(output: Output) -> Result<String> {
    ensure!(output.status.success(), "a command failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// A file of ages, each `error` years too old.
fn ages(error: f64) -> String {
    let row = |number: usize| format!("face-{number:04}.jpg,{}\n", (1 + number % 80) as f64 + error);
    format!("id,age\n{}", (0..IMAGES).map(row).collect::<String>())
}
