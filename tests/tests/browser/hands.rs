//! What a visitor does with hands: drop, paste, move the square by keys and by pointer.

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use tests::picture;
use thirtyfour::prelude::*;

use crate::{
    page::{CPU_LIMIT, Page},
    seen::{TOLERANCE, TOLERANCE_IN_SQUARE},
    session::Session,
};

/// Gives the page a file the way the browser does after a drop or a paste. WebDriver can do neither with a file, so the
/// event is our own; everything from the event on is the page's.
const DROP_OR_PASTE: &str = "
    const [kind, name, content] = arguments;
    const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type: 'image/png' }));
    const rest = { bubbles: true, cancelable: true };
    const event = new Event(kind, rest);
    // Firefox takes no files for a `ClipboardEvent` of a page's own.
    Object.defineProperty(event, kind === 'drop' ? 'dataTransfer' : 'clipboardData', { value: transfer });
    document.body.dispatchEvent(event);";

/// A dropped photograph and a pasted one are estimated like a chosen one.
pub(crate) async fn drop_and_paste(session: &Session) -> Result<()> {
    let native = session.native("golden-tiny")?;
    let mut page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    for (variant, kind) in [(0, "drop"), (1, "paste")] {
        let content = picture::png(&picture::face(variant))?;
        let file = session.file(&format!("{kind}.png"), &content)?;
        let right = native.only(&file).await?;
        let words = [kind, "face.png", &BASE64.encode(&content)].map(|word| word.into());
        session.driver.execute(DROP_OR_PASTE, words.to_vec()).await?;
        let shown = page.answer(CPU_LIMIT).await?;
        ensure!((shown.years - right.years).abs() <= TOLERANCE, "{kind}: {} instead of {}", shown.years, right.years);
    }
    Ok(())
}

/// The square begins at the face that was found, follows keys and pointer, each move gives a new answer, Reset puts it in
/// the middle, and the detector's answer comes back when it is asked for.
pub(crate) async fn crop(session: &Session) -> Result<()> {
    let file = session.file("drawn-0.png", &picture::png(&picture::face(0))?)?;
    let middle = session.native("golden-tiny")?.middle(&file).await?;
    let mut page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    let found = page.estimate(&file, CPU_LIMIT).await?;

    page.click("by-hand").await?;
    let around = page.answer(CPU_LIMIT).await?;
    let square = page.wait_for("[data-testid=crop]", CPU_LIMIT).await?;
    let at_face = spoken(&square).await?;
    let found_ones = "[data-testid=face], [data-testid=by-hand]";
    ensure!(session.driver.find_all(By::Css(found_ones)).await?.is_empty(), "the faces stay beside the square");

    page.press("Reset square").await?;
    let first = page.answer(CPU_LIMIT).await?;
    let place = spoken(&square).await?;
    ensure!(place != at_face, "the square did not begin at the face: {place}");
    let (shown, right) = (first.years, middle.years);
    ensure!((shown - right).abs() <= TOLERANCE_IN_SQUARE, "in the middle: {shown} in the browser, {right} natively");

    // In the middle of the photograph it has no room to move to the side: make it smaller first.
    square.send_keys("-" + Key::Right).await?;
    let keyed = page.answer(CPU_LIMIT).await?;
    let after_keys = spoken(&square).await?;
    ensure!(after_keys != place, "the keys moved nothing: {place}");

    let corner = session.driver.find(By::Css("[data-testid=crop] [data-corner='0']")).await?;
    session
        .driver
        .action_chain()
        .move_to_element_center(&corner)
        .click_and_hold()
        .move_by_offset(25, 25)
        .release()
        .perform()
        .await?;
    let dragged = page.answer(CPU_LIMIT).await?;
    ensure!(spoken(&square).await? != after_keys, "the pointer moved nothing: {after_keys}");
    ensure!(keyed.years_text != dragged.years_text, "another square, the same answer");

    page.press("Reset square").await?;
    let last = page.answer(CPU_LIMIT).await?;
    ensure!(last.years_text == first.years_text, "{} after Reset, {} before", last.years_text, first.years_text);
    ensure!(spoken(&square).await? == place, "Reset did not bring the square back");

    page.click("by-detector").await?;
    let again = page.answer(CPU_LIMIT).await?;
    ensure!(again.years_text == found.years_text, "found again: {}, before {}", again.years_text, found.years_text);
    ensure!(around.years_text != found.years_text, "a square is no straightened face, and has the same age");
    page.wait_for("button[data-testid=face]", CPU_LIMIT).await?;
    Ok(())
}

/// What a screen reader says of the square.
async fn spoken(square: &WebElement) -> Result<String> {
    square.attr("aria-label").await?.context("the crop square has no name")
}

/// Weights of both networks come over the network on the first visit and out of the browser's own cache on the second.
pub(crate) async fn second_visit(session: &Session) -> Result<()> {
    let file = session.file("drawn-1.png", &picture::png(&picture::face(1))?)?;
    Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    let forget = "const done = arguments[arguments.length - 1]; caches.delete('glae-weights').then(done);";
    session.driver.execute_async(forget, Vec::new()).await?;
    for (visit, expected) in [("first", 2), ("second", 0)] {
        session.watcher.catch_up().await?;
        let before = fetched(session);
        let mut page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
        page.estimate(&file, CPU_LIMIT).await?;
        session.watcher.catch_up().await?;
        let times = fetched(session) - before;
        ensure!(times == expected, "weights were fetched {times} times on the {visit} visit");
    }
    Ok(())
}

fn fetched(session: &Session) -> usize {
    let is_weights = |url: &str| url.split('?').next().is_some_and(|path| path.ends_with(".safetensors"));
    session.watcher.record().requests.iter().filter(|request| is_weights(&request.url)).count()
}
