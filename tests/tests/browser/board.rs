//! A researcher on the leaderboard: read, score, submit, compare, withdraw.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use thirtyfour::prelude::*;
use tokio::process::Command;

use crate::{
    downloads::Downloads,
    keyboard::{enter, press, tab_to},
    looks,
    page::{LIMIT, Page},
    session::Session,
    witness,
};

/// A board whose truth and predictions ship with the project.
const BOARD: &str = "utkface-lt";

/// The list and a board, on every screen.
pub(crate) async fn looks(session: &Session) -> Result<()> {
    let page = Page::on_screen(session);
    session.driver.goto(format!("{}/leaderboard", session.origin)).await?;
    page.wait_for("[data-testid=board-list] li", LIMIT).await?;
    looks::look(&page, "boards").await?;
    open(&page, BOARD).await?;
    headings(session).await?;
    lines(session).await?;
    looks::look(&page, "board").await
}

/// Headings of numbers end where the numbers do.
pub(crate) async fn headings(session: &Session) -> Result<()> {
    let apart = session
        .script(
            "const end = element => {
                const [texts, ends] = [document.createTreeWalker(element, NodeFilter.SHOW_TEXT), []];
                while (texts.nextNode()) {
                    const range = document.createRange();
                    range.selectNodeContents(texts.currentNode);
                    ends.push(range.getBoundingClientRect().right);
                }
                return Math.max(...ends);
            };
            const cells = row => [...document.querySelector(`[data-testid=leaderboard-table] ${row}`).children];
            const [heads, numbers] = [cells('thead tr'), cells('tbody tr[data-row]')];
            return heads.flatMap((head, index) =>
                head.matches('.place, .method, .words') ? [] : [end(head) - end(numbers[index])]);",
        )
        .await?;
    let apart = apart.as_array().context("the table has headings")?;
    let is_near = |pixels: &Value| pixels.as_f64().is_some_and(|pixels| pixels.abs() < 1.5);
    ensure!(apart.len() > 2 && apart.iter().all(is_near), "headings lie {apart:?} pixels beside their numbers");
    Ok(())
}

/// The line below a row is one line on the screen, also where the method's cell stays while the others scroll below it.
pub(crate) async fn lines(session: &Session) -> Result<()> {
    let places = session
        .script(
            "const box = document.querySelector('[data-testid=leaderboard-table]');
            const row = box.querySelector('tbody tr[data-row]:not(.own, .new)');
            row.scrollIntoView({ block: 'center' });
            // As far as it goes, so that other cells lie behind the method's.
            window.scrolled = [];
            for (let each = row; each; each = each.parentElement) {
                each.scrollLeft = each.scrollWidth;
                if (each.scrollLeft > 0) window.scrolled.push(each);
            }
            const cells = [row.querySelector('.method'), row.lastElementChild];
            const own = cells.map(cell => cell.getBoundingClientRect());
            return own.map(({ right, bottom }) => [right - 4, bottom].map(place => place * devicePixelRatio));",
        )
        .await?;
    let places: Vec<[f64; 2]> = serde_json::from_value(places).context("two cells have places")?;
    // Scrolled and painted.
    session.frames().await?;
    let shot = session.driver.screenshot_as_png().await.context("no screenshot")?;
    let shot = image::load_from_memory(&shot).context("a screenshot is a picture")?.to_luma8();
    let found = places.iter().map(|[x, bottom]| {
        let (x, bottom) = (*x as u32, *bottom as u32);
        ensure!(x < shot.width() && bottom + 4 < shot.height(), "{x}, {bottom} is not on the screen");
        // The surface is of one colour there, the line is not.
        let surface = i32::from(shot.get_pixel(x, bottom - 6).0[0]);
        let apart = |y: &u32| (i32::from(shot.get_pixel(x, *y).0[0]) - surface).abs();
        let line = (bottom - 5..bottom + 4).max_by_key(apart).filter(|y| apart(y) > 2);
        line.with_context(|| format!("no line below {x}, {bottom}"))
    });
    let found = found.collect::<Result<Vec<u32>>>()?;
    session.script("for (const each of window.scrolled) each.scrollLeft = 0;").await?;
    ensure!(found[0] == found[1], "the line below a row lies at {found:?} pixels in its two cells");
    Ok(())
}

/// A bad file, a good file, a team, a submission at its right rank, a publication, a withdrawal: all by keyboard. (A
/// file chooser is the browser's own window, so the files are given to the inputs.)
pub(crate) async fn submit(session: &Session) -> Result<()> {
    let page = Page::on_screen(session);
    session.driver.goto(format!("{}/leaderboard", session.origin)).await?;
    page.wait_for("[data-testid=board-list] li", LIMIT).await?;
    enter(session, &format!("[data-board={BOARD}] a")).await?;
    page.wait_for("[data-testid=leaderboard-table] tbody tr[data-row]", LIMIT).await?;

    let shipped = fs::read_to_string(shipped(session, "balanced"))?;
    let bad = session.file("bad.csv", break_four_ways(&shipped)?.as_bytes())?;
    give(&page, "predictions-input", &bad).await?;
    let problems = page.wait_for("[data-testid=problems]", LIMIT).await?;
    let (count, text) = (problems.attr("data-count").await?.unwrap_or_default(), problems.text().await?);
    ensure!(count == "4" && text.contains("line"), "{count} problems instead of four: {text}");
    ensure!(page.text("metric-cmae").await.is_none(), "a file with problems was scored");

    let good = session.file("good.csv", older_by(&shipped, 0.25)?.as_bytes())?;
    give(&page, "predictions-input", &good).await?;
    page.wait_for("[data-testid=metric-cmae][data-value]", LIMIT).await?;
    let right = portal_score(session, &good).await?;
    for (metric, expected) in [("cmae", &right["cmae"]), ("mae", &right["mae"]), ("cs5", &right["cs"][4])] {
        let shown = number(&page, &format!("metric-{metric}")).await?;
        let expected = expected.as_f64().context("the report has numbers")?;
        ensure!((shown - expected).abs() < 1e-9, "{metric}: {shown} on the page, {expected} by portal score");
    }
    looks::look(&page, "board-report").await?;
    download(&page, &right).await?;

    tab_to(session, "#team-name").await?;
    press(session, "Journey team").await?;
    enter(session, "[data-testid=team] button").await?;
    let token = page.wait_for("[data-testid=token]", LIMIT).await?;
    ensure!(token.prop("value").await?.is_some_and(|token| token.len() > 20), "no token was shown");
    tab_to(session, "#new-method").await?;
    press(session, "<b>Journey</b>").await?;
    tab_to(session, "#new-external").await?;
    press(session, Key::Space).await?;
    tab_to(session, "[data-testid=submit]").await?;
    looks::look(&page, "board-submit").await?;
    press(session, Key::Enter).await?;
    let done = page.wait_for("[data-testid=submission-status] [data-rank]", LIMIT).await?;
    let id = done.attr("data-row").await?.context("the answer names the row")?;
    let rank = done.attr("data-rank").await?.context("the answer names the rank")?;
    ensure!(rank == right_rank(session, &right).await?.to_string(), "rank {rank}");
    let row = page.wait_for(&format!("[data-testid=leaderboard-table] tr[data-row='{id}']"), LIMIT).await?;
    let text = row.text().await?;
    ensure!(text.contains("<b>Journey</b>"), "the name is not shown as it was typed: {text}");
    ensure!(text.starts_with(&rank), "not at rank {rank}: {text}");

    let own = format!("[data-testid=own-rows] [data-row='{id}']");
    page.wait_for(&own, LIMIT).await?;
    tab_to(session, &format!("{own} .actions button:nth-child(2)")).await?;
    press(session, Key::Enter).await?;
    page.wait_for(&format!("{own}[data-visibility=public]"), LIMIT).await?;
    tab_to(session, &format!("{own} .actions button:nth-child(3)")).await?;
    press(session, Key::Enter).await?;
    enter(session, "[data-testid=withdraw-confirm]").await?;
    page.wait_for("[data-testid=leaderboard-table]:not(:has(tr.own))", LIMIT).await?;
    page.wait_until("return !document.querySelector('[data-testid=own-rows]');").await?;
    // The journeys behind this one make teams of their own.
    page.press("Forget the token here").await
}

/// Two methods whose predictions are stored, told apart by a paired bootstrap.
pub(crate) async fn compare(session: &Session) -> Result<()> {
    let page = Page::on_screen(session);
    open(&page, BOARD).await?;
    page.wait_for("[data-testid=compare]", LIMIT).await?.click().await?;
    let verdict = page.wait_for("[data-testid=verdict] .verdict", LIMIT).await?.text().await?;
    ensure!(verdict.contains("p ") && verdict.contains("years"), "{verdict}");
    println!("{verdict}");
    Ok(())
}

/// Against a truth file of one's own, nothing is sent: no request at all between giving the files and the report.
pub(crate) async fn own_truth(session: &Session) -> Result<()> {
    let page = Page::on_screen(session);
    open(&page, "mivia").await?;
    // The worker's program is fetched when the first file comes; the second score needs nothing more.
    let truth = session.settings.public.join(format!("boards/{BOARD}.truth.csv"));
    give(&page, "truth-input", &truth).await?;
    give(&page, "predictions-input", &shipped(session, "vanilla")).await?;
    page.wait_for("[data-testid=metric-cmae][data-value]", LIMIT).await?;
    let first = number(&page, "metric-cmae").await?;
    let before = witness::requests(session).await?;
    give(&page, "predictions-input", &shipped(session, "routed")).await?;
    page.wait_for(&format!("[data-testid=metric-cmae]:not([data-value='{first}'])[data-value]"), LIMIT).await?;
    witness::nothing_sent_since(session, before).await?;
    ensure!(page.text("submit").await.is_none(), "a file scored on one's own truth can be submitted");
    Ok(())
}

/// Predictions whose ids carry the name of the folder that they came from: refused, with the remedy, which is one click.
pub(crate) async fn folder_in_ids(session: &Session) -> Result<()> {
    let truth = session.file("names.truth.csv", b"id,age\n1.jpg,20\n2.jpg,40\n3.jpg,60\n")?;
    let predictions =
        session.file("ages.csv", b"id,age\ntest-images/1.jpg,21\ntest-images/2.jpg,40\ntest-images/3.jpg,58\n")?;
    let page = Page::on_screen(session);
    open(&page, "mivia").await?;
    give(&page, "truth-input", &truth).await?;
    give(&page, "predictions-input", &predictions).await?;
    page.wait_for("[data-testid=problems]", LIMIT).await?;
    page.says("renaming", "Without the folder “test-images/”, the truth would know every id.").await?;
    let said = page.text("problems").await.unwrap_or_default();
    ensure!(said.contains("6 problems") && !said.contains("--strip-prefix"), "the command line's remedy: {said}");
    looks::look(&page, "board-renaming").await?;
    page.click("rename").await?;
    ensure!((number(&page, "metric-mae").await? - 1.0).abs() < 1e-9, "errors of 1, 0 and 2 years have a mean of 1");
    let name = session.script("return document.querySelector('label[for=predictions] + .given').textContent;").await?;
    ensure!(
        name.as_str().is_some_and(|name| name.contains("without the folder")),
        "nothing says what was done: {name}"
    );
    // One id that stays unknown: nothing is offered.
    let wrong =
        session.file("wrong.csv", b"id,age\ntest-images/1.jpg,21\ntest-images/2.jpg,40\ntest-images/9.jpg,58\n")?;
    give(&page, "predictions-input", &wrong).await?;
    page.wait_for("[data-testid=problems]", LIMIT).await?;
    ensure!(page.text("renaming").await.is_none(), "a renaming is offered that does not do");
    Ok(())
}

/// A large file is sent packed; a proxy that refuses it all the same is told from the server, with the remedy.
pub(crate) async fn proxy_refuses(session: &Session) -> Result<()> {
    const PROXY: &str = "
        const fetch = window.fetch;
        window.fetch = async (asked, ...rest) => {
            if (asked.method !== 'POST' || !asked.url.includes('/submissions')) return fetch(asked, ...rest);
            const file = (await asked.formData()).get('predictions');
            window.sent = [file.type, file.size, ...new Uint8Array(await file.slice(0, 2).arrayBuffer())];
            return new Response('<html><h1>413</h1></html>', { status: 413, headers: { 'content-type': 'text/html' } });
        };";
    let page = Page::on_screen(session);
    open(&page, BOARD).await?;
    let shipped = fs::read_to_string(shipped(session, "balanced"))?;
    // As a file with all its columns would be: well above what is worth packing.
    let large = session.file("large.csv", padded(&older_by(&shipped, 0.5)?).as_bytes())?;
    give(&page, "predictions-input", &large).await?;
    page.wait_for("[data-testid=metric-cmae][data-value]", LIMIT).await?;
    page.wait_for("#team-name", LIMIT).await?.send_keys("Behind a proxy").await?;
    page.press("Create the team").await?;
    page.wait_for("#new-method", LIMIT).await?.send_keys("Large").await?;
    page.wait_for("#new-external", LIMIT).await?.click().await?;
    session.script(PROXY).await?;
    page.click("submit").await?;
    page.says("submission-status", "Too large for the way to the server (413)").await?;
    page.says("submission-status", "client_max_body_size").await?;
    let sent = session.script("return window.sent;").await?;
    let size = fs::metadata(&large)?.len();
    ensure!(sent[0] == "application/gzip" && sent[2] == 0x1f && sent[3] == 0x8b, "the file was sent as it is: {sent}");
    ensure!(sent[1].as_u64() < Some(size / 2), "packed it has {} of {size} bytes", sent[1]);
    looks::look(&page, "board-proxy").await?;
    page.press("Forget the token here").await
}

/// What works at an insecure address: the score, a team, and a token that is copied without the browser's clipboard. One that was
/// copied wrongly is refused with a sentence.
pub(crate) async fn insecure_address(session: &Session) -> Result<()> {
    let page = Page::on_screen(session);
    session.driver.goto(format!("{}/leaderboard/{BOARD}", session.lan)).await?;
    page.wait_for("[data-testid=leaderboard-table] tbody tr[data-row]", LIMIT).await?;
    give(&page, "predictions-input", &shipped(session, "vanilla")).await?;
    page.wait_for("[data-testid=metric-cmae][data-value]", LIMIT).await?;
    // A token that no header can hold.
    page.wait_for("#team-token", LIMIT).await?.send_keys("grüße✓").await?;
    page.press("Use this token").await?;
    page.says("team", "The token has characters that no token has.").await?;
    page.wait_for("#team-name", LIMIT).await?.send_keys("Laboratory").await?;
    page.press("Create the team").await?;
    let token = page.wait_for("[data-testid=token]", LIMIT).await?.prop("value").await?.unwrap_or_default();
    page.press("Copy the token").await?;
    page.wait_until("return /Copied|selected/.test(document.querySelector('[data-testid=team]').textContent);").await?;
    let selected = session
        .script(
            "return document.activeElement.value.slice(
        document.activeElement.selectionStart, document.activeElement.selectionEnd);",
        )
        .await?;
    ensure!(selected == token.as_str() && !token.is_empty(), "the token is not selected: {selected}");
    page.press("Forget the token here").await
}

/// A million predictions against a million ages of one's own: how long it takes, and whether the page stays awake.
pub(crate) async fn a_million_rows(session: &Session) -> Result<()> {
    const ROWS: usize = 1_000_000;
    let (mut truth, mut predictions) = (String::from("id,age\n"), String::from("id,age\n"));
    for row in 0..ROWS {
        // Every age from 1 to 90, errors that differ from row to row; the order of one file is not that of the other.
        let back = ROWS - 1 - row;
        truth.push_str(&format!("{row:07}.jpg,{}\n", 1 + row % 90));
        predictions.push_str(&format!("{back:07}.jpg,{:.4}\n", (1 + back % 90) as f64 + (back % 977) as f64 / 400.0));
    }
    let truth = session.file("million.truth.csv", truth.as_bytes())?;
    let predictions = session.file("million.csv", predictions.as_bytes())?;
    let page = Page::on_screen(session);
    open(&page, "mivia").await?;
    give(&page, "truth-input", &truth).await?;
    session
        .driver
        .execute(
            "window.longest = 0; let last = performance.now();
            setInterval(() => { const now = performance.now(); window.longest = Math.max(window.longest, now - last); last = now; }, 10);",
            Vec::new(),
        )
        .await?;
    give(&page, "predictions-input", &predictions).await?;
    page.wait_for("[data-testid=score-status][data-stage=scored]", LIMIT).await?;
    let status = page.text("score-status").await.unwrap_or_default();
    let longest = session.driver.execute("return window.longest;", Vec::new()).await?;
    let longest = longest.json().as_f64().context("the page measured its longest pause")?;
    println!("{status} The page's longest pause: {longest:.0} ms");
    ensure!(status.contains("1,000,000 images"), "{status}");
    // A visitor notices a tenth of a second; the machine may be busy with other things as well.
    ensure!(longest < 500.0, "the page stood still for {longest:.0} ms");
    Ok(())
}

pub(crate) async fn open(page: &Page<'_>, board: &str) -> Result<()> {
    page.session.driver.goto(format!("{}/leaderboard/{board}", page.session.origin)).await?;
    page.wait_for("[data-testid=leaderboard-table] tbody tr[data-row]", LIMIT).await?;
    Ok(())
}

pub(crate) async fn give(page: &Page<'_>, hook: &str, file: &Path) -> Result<()> {
    let input = page.wait_for(&format!("[data-testid={hook}]"), LIMIT).await?;
    input.send_keys(file.to_string_lossy().into_owned()).await.context("the file input took no file")
}

pub(crate) async fn number(page: &Page<'_>, hook: &str) -> Result<f64> {
    let element = page.wait_for(&format!("[data-testid={hook}][data-value]"), LIMIT).await?;
    element.attr("data-value").await?.context("it has a value")?.parse().context("data-value is a number")
}

pub(crate) fn shipped(session: &Session, name: &str) -> PathBuf {
    session.settings.public.join(format!("boards/{BOARD}/{name}.csv"))
}

/// One id missing, one unknown, one twice, one age that is no number.
fn break_four_ways(table: &str) -> Result<String> {
    let mut lines: Vec<String> = table.lines().map(str::to_owned).collect();
    ensure!(lines.len() > 5, "the shipped predictions have rows");
    lines[1] = format!("not-on-this-board.jpg{}", &lines[1][lines[1].find(',').context("a row has columns")?..]);
    let id = lines[2].split(',').next().context("a row has an id")?;
    lines[2] = format!("{id},forty");
    lines.push(lines[3].clone());
    Ok(lines.join("\n"))
}

/// The same predictions, each some years higher.
pub(crate) fn older_by(table: &str, years: f64) -> Result<String> {
    let mut lines = table.lines();
    let header = lines.next().context("predictions have a header")?;
    ensure!(header.starts_with("id,age"), "{header}");
    let mut out = String::from("id,age\n");
    for line in lines {
        let mut words = line.split(',');
        let (id, age) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        out.push_str(&format!("{id},{}\n", age.parse::<f64>()? + years));
    }
    Ok(out)
}

/// The same rows with more decimals than anything needs.
fn padded(table: &str) -> String {
    let zeros = "0".repeat(40);
    let row = |line: &str| match line.rsplit_once(',') {
        None | Some((_, "age")) => format!("{line}\n"),
        Some((_, age)) => format!("{line}{}{zeros}\n", if age.contains('.') { "" } else { "." }),
    };
    table.lines().map(row).collect()
}

/// What the command line says of a file on the board.
pub(crate) async fn portal_score(session: &Session, file: &Path) -> Result<Value> {
    let output = Command::new(&session.settings.portal)
        .args(["score", "--json", "--no-intervals", "--board", BOARD, "--public"])
        .arg(&session.settings.public)
        .arg("--data")
        .arg(session.scratch("no-data"))
        .arg("--predictions")
        .arg(file)
        .output()
        .await?;
    ensure!(output.status.success(), "portal score failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The rank by CMAE among the rows that ship with the board.
async fn right_rank(session: &Session, own: &Value) -> Result<usize> {
    let mut rank = 1;
    for entry in fs::read_dir(session.settings.public.join("boards").join(BOARD))? {
        let other = portal_score(session, &entry?.path()).await?;
        rank += usize::from(other["cmae"].as_f64() < own["cmae"].as_f64());
    }
    Ok(rank)
}

/// Saves the report as CSV and JSON, as the visitor does, and reads the files.
async fn download(page: &Page<'_>, right: &Value) -> Result<()> {
    let downloads = Downloads::into(page.session, "reports").await?;
    for kind in ["csv", "json", "md", "tex", "svg"] {
        let button = format!("[data-download$='.{kind}']");
        page.wait_for(&button, LIMIT).await?.click().await?;
        let text = downloads.text(kind).await?;
        let cmae = right["cmae"].as_f64().context("the report has a CMAE")?;
        let has_it = match kind {
            "csv" | "json" => text.contains(&cmae.to_string()),
            "md" | "tex" => text.contains(&format!("{cmae:.2}")),
            // The drawing shows ages.
            _ => text.starts_with("<svg"),
        };
        ensure!(has_it, "the {kind} file does not hold the report: {text}");
    }
    Ok(())
}
