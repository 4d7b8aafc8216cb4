//! One long journey in browsers with other engines than Chromium's: what visitors do, from a photo to a visit without a
//! network.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests::{picture, skipped};

use crate::{
    board,
    browsers::Other,
    given, hands,
    page::{CPU_LIMIT, Page},
    seen::TOLERANCE,
    session::Session,
    settings::Settings,
};

/// The board whose truth and predictions ship with the project.
const BOARD: &str = "utkface-lt";

/// A camera that shows a picture: WebDriver can pretend one in Chromium only. The picture moves by a pixel with each
/// frame, since a canvas that does not change gives no frames.
const CAMERA: &str = "
    const [address, done] = arguments;
    const picture = new Image();
    picture.onload = () => {
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
        const context = canvas.getContext('2d');
        let frame = 0;
        const draw = () => context.drawImage(picture, frame++ % 2, 0);
        draw();
        setInterval(draw, 50);
        const devices = { getUserMedia: async () => canvas.captureStream(20) };
        Object.defineProperty(navigator, 'mediaDevices', { value: devices, configurable: true });
        done(true);
    };
    picture.onerror = () => done(false);
    picture.src = address;";

/// The journey in Firefox.
pub(crate) async fn firefox(settings: &Settings) -> Result<()> {
    play(settings, "firefox", Other::firefox()).await
}

/// The journey in WebKitGTK. What drives it gives it a private window, in which a cache lives no longer than what has it open
/// (see `web/assets/service-worker.js`).
pub(crate) async fn web_kit(settings: &Settings) -> Result<()> {
    play(settings, "webkit", Other::web_kit()).await
}

async fn play(settings: &Settings, part: &str, found: Result<Other>) -> Result<()> {
    let other = match found {
        Ok(other) => other,
        Err(missing) => {
            skipped(part, "the journey in it", &missing.to_string());
            return Ok(());
        }
    };
    let session = Session::elsewhere(settings, &other).await?;
    let outcome = journey(&session).await;
    if outcome.is_err() {
        // Best effort: what is seen explains most failures.
        let _ = session.driver.screenshot(&settings.artifacts.join(format!("{part}-failed.png"))).await;
    }
    session.quit().await?;
    outcome
}

async fn journey(session: &Session) -> Result<()> {
    photo(session).await.context("a photo")?;
    given::sideways(session).await.context("photos on their side")?;
    hands::drop_and_paste(session).await.context("dropped and pasted")?;
    list(session).await.context("a list")?;
    camera(session).await.context("the camera")?;
    submit(session).await.context("the leaderboard")?;
    without_server(session).await.context("without a network")
}

/// An age as it is natively.
async fn photo(session: &Session) -> Result<()> {
    let mut page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    let agent = session.script("return navigator.userAgent;").await?;
    let shown = page.estimate_drawn().await?;
    println!("{agent}: {} years, {:.0} ms", shown.years, shown.milliseconds);
    Ok(())
}

/// Three photos and a file that is none, a photo of the list, and back to the list.
async fn list(session: &Session) -> Result<()> {
    let (native, mut files, mut right) = (session.native("golden-tiny")?, Vec::new(), Vec::new());
    for variant in 0..3 {
        let file = session.file(&format!("drawn-{variant}.png"), &picture::png(&picture::face(variant))?)?;
        right.push(native.only(&file).await?.years);
        files.push(file);
    }
    files.push(session.file("letter.jpg", b"Dear Sir or Madam, this is no photograph.")?);
    let page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    page.give_all("photo-input", &files).await?;
    let done = "[data-testid=batch-progress][data-done='4'][data-total='4']";
    page.wait_for(done, CPU_LIMIT).await?;
    let script =
        "return [...document.querySelectorAll('[data-testid=batch-row]')].map(row => row.dataset.years ?? null);";
    let ages = session.script(script).await?;
    for (index, right) in right.iter().enumerate() {
        let age: f32 = ages[index].as_str().with_context(|| format!("row {index} has no age: {ages}"))?.parse()?;
        ensure!((age - right).abs() <= TOLERANCE, "row {index}: {age} instead of {right}");
    }
    ensure!(ages[3].is_null(), "a letter has an age: {ages}");
    // By the pointer: steps of the history that a script's click made count for nothing in WebKit, and Back would leave the
    // site.
    page.wait_for("[data-testid=batch-row] button", CPU_LIMIT).await?.click().await?;
    page.wait_for("[data-testid=estimate][data-years]", CPU_LIMIT).await?;
    session.driver.back().await?;
    page.wait_for(done, CPU_LIMIT).await.map(drop)
}

/// A face in the camera's picture has an age, which settles; then the camera is released.
async fn camera(session: &Session) -> Result<()> {
    let page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    // The picture comes from the page's own examples, which its policy allows.
    let address = "/examples/drawn-1.png";
    let found = session.driver.execute_async(CAMERA, vec![address.into()]).await?;
    ensure!(found.json() == &json!(true), "the page has no {address}");
    page.click("camera-start").await?;
    page.wait_for("[data-testid=estimate][data-raw-years]", CPU_LIMIT).await?;
    page.wait_for("[data-testid=camera-rate][data-fps]", CPU_LIMIT).await?;
    page.click("camera-stop").await?;
    page.wait_for("[data-testid=camera-start]", CPU_LIMIT).await.map(drop)
}

/// A file is scored as the command line scores it, submitted, and withdrawn.
async fn submit(session: &Session) -> Result<()> {
    let page = Page::on_screen(session);
    board::open(&page, BOARD).await?;
    board::headings(session).await?;
    board::lines(session).await?;
    let balanced = session.settings.public.join(format!("boards/{BOARD}/balanced.csv"));
    let file = session.file("mine.csv", board::older_by(&fs::read_to_string(balanced)?, 0.25)?.as_bytes())?;
    board::give(&page, "predictions-input", &file).await?;
    let right = board::portal_score(session, &file).await?;
    let (shown, cmae) = (board::number(&page, "metric-cmae").await?, right["cmae"].as_f64().context("a CMAE")?);
    ensure!((shown - cmae).abs() < 1e-9, "a CMAE of {shown} on the page, {cmae} by portal score");
    page.wait_for("#team-name", CPU_LIMIT).await?.send_keys("Journey team").await?;
    page.press("Create the team").await?;
    page.wait_for("#new-method", CPU_LIMIT).await?.send_keys("Journey").await?;
    page.wait_for("#new-external", CPU_LIMIT).await?.click().await?;
    page.click("submit").await?;
    let done = page.wait_for("[data-testid=submission-status] [data-rank]", CPU_LIMIT).await?;
    let id = done.attr("data-row").await?.context("the answer names the row")?;
    page.wait_for(&format!("[data-testid=leaderboard-table] tr[data-row='{id}']"), CPU_LIMIT).await?;
    let withdraw = format!("[data-testid=own-rows] [data-row='{id}'] .actions button:nth-child(3)");
    page.wait_for(&withdraw, CPU_LIMIT).await?.click().await?;
    page.click("withdraw-confirm").await?;
    page.wait_for("[data-testid=leaderboard-table]:not(:has(tr.own))", CPU_LIMIT).await?;
    page.press("Forget the token here").await
}

/// The same age when the server has gone, the sentence about it on the leaderboard, and the boards when it is back.
async fn without_server(session: &Session) -> Result<()> {
    let file = session.file("drawn-1.png", &picture::png(&picture::face(1))?)?;
    let mut page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    let with = page.estimate(&file, CPU_LIMIT).await?.years;
    session.kept().await?;
    session.end_server().await?;
    let mut page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    let without = page.estimate(&file, CPU_LIMIT).await?.years;
    ensure!(with == without, "{without} years without a server, {with} with it");
    session.restart_server().await?;
    page.follow("/leaderboard").await?;
    page.wait_for("[data-testid=board-list] li", CPU_LIMIT).await.map(drop)
}
