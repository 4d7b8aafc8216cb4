//! A ranking of more methods than one part of it shows: its parts by keyboard, places across their borders, the team's own.

use std::fs;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::{
    browsers::{portal, spawn_and_read},
    keyboard::enter,
    looks,
    page::{LIMIT, Page},
    session::Session,
};

const METHODS: usize = 230;

const BOARD: &str = "id = \"long\"\ntitle = \"A long ranking\"\nmeasures = \"Years.\"\nprotocol = \"Any.\"\n\
    truth = \"public\"\nprimary = \"mae\"\ncolumns = [\"mae\", \"cmae\"]\nsubmissions_per_day = 1000\n\n\
    [dataset]\nname = \"Drawn\"\nlicence = \"None\"\nsource = \"https://example.org/\"\n";

/// Submits `count` files of one team; two in a row are equally good. The token is kept as the page keeps its own.
const SUBMIT: &str = "const [count, done] = arguments;
    (async () => {
        const headers = { 'content-type': 'application/json' };
        const made = await fetch('/api/v1/teams', { method: 'POST', headers, body: '{\"name\":\"Many\"}' });
        const team = await made.json();
        for (let number = 0; number < count; number += 1) {
            const form = new FormData();
            const text = { method: `Method ${number}`, external_data: 'none', visibility: 'public' };
            form.append('metadata', JSON.stringify(text));
            let ages = 'id,age\\n';
            for (let image = 0; image < 20; image += 1) ages += `${image},${20 + image + 1 + (number >> 1) / 10}\\n`;
            form.append('predictions', new Blob([ages]), 'ages.csv');
            const sent = { method: 'POST', headers: { authorization: `Bearer ${team.token}` }, body: form };
            const answer = await fetch('/api/v1/boards/long/submissions', sent);
            if (answer.status !== 201) return done(await answer.text());
        }
        sessionStorage.setItem('glae-team', JSON.stringify(team));
        done(null);
    })();";

pub(crate) async fn turned(session: &Session) -> Result<()> {
    let folder = session.scratch("long");
    let boards = folder.join("public/boards");
    fs::create_dir_all(&boards)?;
    fs::write(boards.join("long.toml"), BOARD)?;
    let truth: String = (0..20).map(|image| format!("{image},{}\n", 20 + image)).collect();
    fs::write(boards.join("long.truth.csv"), format!("id,age\n{truth}"))?;
    let mut command = portal(&session.settings.portal);
    command.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--address-per-minute",
        "100000",
        "--token-per-minute",
        "100000",
    ]);
    command.arg("--site").arg(&session.settings.site);
    command.arg("--public").arg(folder.join("public")).arg("--data").arg(folder.join("data"));
    let (_server, line) = spawn_and_read(command, "listening on ").await?;
    let origin = line.trim_end_matches('/');
    let page = Page::on_screen(session);
    session.driver.goto(format!("{origin}/leaderboard")).await?;
    page.wait_for("[data-testid=board-list] li", LIMIT).await?;
    let refused = session.driver.execute_async(SUBMIT, vec![json!(METHODS)]).await?.json().clone();
    ensure!(refused == Value::Null, "a submission was refused: {refused}");

    session.driver.goto(format!("{origin}/leaderboard/long")).await?;
    shows(&page, &["1", "1", "3"], 100, "Places 1 to 100 of 230 methods").await?;
    looks::look(&page, "board-long").await?;
    enter(session, "[data-testid=part-next]").await?;
    shows(&page, &["101", "101", "103"], 100, "Places 101 to 200 of 230 methods").await?;
    let focused = session.script("return document.activeElement.id").await?;
    ensure!(focused == "ranking-rows", "the keyboard is at {focused}");
    enter(session, "[data-testid=part-next]").await?;
    shows(&page, &["201", "201", "203"], 30, "Places 201 to 230 of 230 methods").await?;
    // There is no other part: the button stays, so that the keyboard does, and does nothing.
    enter(session, "[data-testid=part-next]").await?;
    shows(&page, &["201", "201", "203"], 30, "Places 201 to 230 of 230 methods").await?;

    // The team's newest rows are in a list of its own, wherever they stand, and all of them when it is told to.
    let listed = "return document.querySelectorAll('[data-testid=own-rows] > li').length";
    ensure!(session.script(listed).await? == 20, "not the newest twenty");
    // Without one of two equal rows the next part begins with the second of a pair, which has the place of the first.
    let withdrawn = "const [done] = arguments;
        const { token } = JSON.parse(sessionStorage.getItem('glae-team'));
        const headers = { authorization: `Bearer ${token}` };
        (async () => {
            const own = await (await fetch('/api/v1/me/submissions', { headers })).json();
            const first = own.submissions.find((one) => one.row.method === 'Method 0').row.id;
            done((await fetch(`/api/v1/submissions/${first}`, { method: 'DELETE', headers })).status);
        })();";
    let status = session.driver.execute_async(withdrawn, Vec::new()).await?.json().clone();
    ensure!(status == 204, "withdrawing answers {status}");
    enter(session, "[data-testid=part-before]").await?;
    shows(&page, &["100", "102", "102"], 100, "Places 101 to 200 of 229 methods").await?;

    enter(session, "[data-testid=part-own]").await?;
    shows(&page, &["1", "2", "2"], 100, "Places 1 to 100 of 229 methods").await?;
    page.click("own-all").await?;
    page.wait_until(&format!("{listed} === {METHODS};")).await
}

/// Waits until the table has these places first, so many rows, and this caption.
async fn shows(page: &Page<'_>, places: &[&str], rows: usize, caption: &str) -> Result<()> {
    let script = format!(
        "const rows = [...document.querySelectorAll('[data-testid=leaderboard-table] tr[data-row]')];
        const places = rows.slice(0, 3).map((row) => row.querySelector('.place').textContent);
        const caption = document.querySelector('[data-testid=leaderboard-table] caption')?.textContent ?? '';
        return rows.length === {rows} && places.join() === '{}' && caption.startsWith('{caption}.');",
        places.join(",")
    );
    page.wait_until(&script).await
}
