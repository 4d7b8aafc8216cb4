//! What a visitor does with hands: drop, paste, move the square by keys and by pointer.

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use tests::picture;
use thirtyfour::prelude::*;

use crate::{
    page::{CPU_LIMIT, Page},
    reference,
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
    const event = kind === 'drop'
        ? new DragEvent('drop', { dataTransfer: transfer, ...rest })
        : new ClipboardEvent('paste', { clipboardData: transfer, ...rest });
    document.body.dispatchEvent(event);";

/// A dropped photograph and a pasted one are estimated like a chosen one.
pub(crate) async fn drop_and_paste(session: &Session) -> Result<()> {
    let mut page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    for (variant, kind) in [(0, "drop"), (1, "paste")] {
        let content = picture::png(&picture::face(variant))?;
        let file = session.file(&format!("{kind}.png"), &content)?;
        let right = reference::native(&session.weights("golden-tiny"), &file).await?;
        let words = [kind, "face.png", &BASE64.encode(&content)].map(|word| word.into());
        session.driver.execute(DROP_OR_PASTE, words.to_vec()).await?;
        let shown = page.answer(CPU_LIMIT).await?;
        ensure!((shown.years - right.years).abs() <= 1e-3, "{kind}: {} instead of {}", shown.years, right.years);
    }
    Ok(())
}

/// The square follows keys and pointer, each move gives a new answer, and Reset brings the first one back.
pub(crate) async fn crop(session: &Session) -> Result<()> {
    let file = session.file("drawn-0.png", &picture::png(&picture::face(0))?)?;
    let mut page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    let first = page.estimate(&file, CPU_LIMIT).await?;
    let square = page.wait_for("[data-testid=crop]", CPU_LIMIT).await?;
    let place = spoken(&square).await?;

    // A whole photograph has no room to move in: make the square smaller first.
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

    let reset = session.driver.find(By::XPath("//button[text()='Reset square']")).await?;
    reset.click().await?;
    let last = page.answer(CPU_LIMIT).await?;
    ensure!(last.years_text == first.years_text, "{} after Reset, {} before", last.years_text, first.years_text);
    ensure!(spoken(&square).await? == place, "Reset did not bring the square back");
    Ok(())
}

/// What a screen reader says of the square.
async fn spoken(square: &WebElement) -> Result<String> {
    square.attr("aria-label").await?.context("the crop square has no name")
}

/// Weights come over the network on the first visit and out of the browser's own cache on the second.
pub(crate) async fn second_visit(session: &Session) -> Result<()> {
    let file = session.file("drawn-1.png", &picture::png(&picture::face(1))?)?;
    Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    let forget = "const done = arguments[arguments.length - 1]; caches.delete('glae-weights').then(done);";
    session.driver.execute_async(forget, Vec::new()).await?;
    for (visit, expected) in [("first", 1), ("second", 0)] {
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
