//! Every face of a photograph: three of them, one too small, none at all, and those of real photographs.

use anyhow::{Context, Result, ensure};
use glae_estimate::Look;
use glae_face::{RgbImage, detector::trust::Doubt};
use tests::picture;
use thirtyfour::prelude::*;

use crate::{
    keyboard::enter,
    looks,
    page::{CPU_LIMIT, Page},
    reference,
    seen::{Screen, TOLERANCE, TOLERANCE_IN_SQUARE},
    session::Session,
};

/// How many real photographs are shown.
const PHOTOGRAPHS: usize = 3;

/// Three people: as many cards, from left to right, with the native numbers; touching a face, or asking for its details by
/// keyboard, shows them and nobody else's.
pub(crate) async fn three(session: &Session) -> Result<()> {
    let file = session.file("group.png", &picture::png(&picture::group())?)?;
    let right = session.native("golden-tiny")?.look(&file).await?;
    ensure!(right.seen.len() == 3, "{} faces are seen natively in a picture of three", right.seen.len());
    let mut page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    let sight = page.look_at(&file, CPU_LIMIT).await?;
    let (pixels, years) = sight.ensure_is(&right, TOLERANCE)?;
    println!("three faces are off by up to {pixels:.4} pixels, their ages by up to {years:.5} years");
    ensure!(sight.boxes.is_sorted_by(|a, b| a.place[0] < b.place[0]), "not from left to right: {:?}", sight.boxes);
    let (device, took) = (sight.device.as_str(), sight.detect_milliseconds);
    ensure!(device == "cpu" && took > 0.0, "found on {device} in {took} ms");
    ensure!(sight.chosen()? == 1 && right.main == Some(1), "the main face, in the middle, is not the chosen one");

    let touched = "button[data-testid=face]:nth-of-type(3)";
    session.driver.find(By::Css(touched)).await?.click().await?;
    page.wait_for(&format!("{touched}[aria-pressed=true]"), CPU_LIMIT).await?;
    ensure!(Screen::read(session).await?.chosen()? == 2, "touching the third face does not show its details");

    enter(session, "[data-testid=estimate]:nth-of-type(1) .summary button").await?;
    page.wait_for("[data-testid=estimate]:nth-of-type(1).chosen", CPU_LIMIT).await?;
    let sight = Screen::read(session).await?;
    ensure!(sight.chosen()? == 0, "the keyboard does not reach the first face's details");
    sight.ensure_is(&right, TOLERANCE)?;
    numbers_beside_faces(session).await?;
    looks::look(&page, "estimate-three-faces").await
}

/// Somebody far away is seen, and gets a note that says why there is no age, beside somebody near who has one.
pub(crate) async fn one_far_away(session: &Session) -> Result<()> {
    let file = session.file("far.png", &picture::png(&picture::far())?)?;
    let right = session.native("golden-tiny")?.look(&file).await?;
    let doubts: Vec<_> = right.seen.iter().map(|seen| seen.doubt).collect();
    ensure!(doubts.len() == 2 && doubts[1] == Some(Doubt::Small), "natively: {doubts:?}");
    let mut page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    let sight = page.look_at(&file, CPU_LIMIT).await?;
    sight.ensure_is(&right, TOLERANCE)?;
    let note = sight.cards[1].note.clone().context("the far face has a note")?;
    let face = right.seen[1].face.context("the far face has a box")?;
    let width = face.width.min(face.height).floor();
    ensure!(note.contains(&format!("{width:.0} pixels")) && note.contains("24"), "the note does not say why: {note}");
    Ok(())
}

/// Every face has its number, which covers no face and lies inside the picture.
async fn numbers_beside_faces(session: &Session) -> Result<()> {
    let script = "
        const stage = document.querySelector('.stage').getBoundingClientRect();
        const boxes = [...document.querySelectorAll('button[data-testid=face]')];
        const over = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
        return boxes.flatMap((box, index) => {
            const number = box.querySelector('.number');
            if (number?.textContent !== String(index + 1)) return [`face ${index + 1} has no number`];
            const place = number.getBoundingClientRect();
            const inside = place.left >= stage.left - 1 && place.right <= stage.right + 1
                && place.top >= stage.top - 1 && place.bottom <= stage.bottom + 1;
            const covered = boxes.filter(other => over(place, other.getBoundingClientRect())).length;
            return inside && covered === 0 ? [] : [`number ${index + 1} covers ${covered} faces, inside: ${inside}`];
        });";
    let wrong = session.script(script).await?;
    ensure!(wrong.as_array().is_some_and(Vec::is_empty), "{wrong}");
    Ok(())
}

/// A photograph on its side: its face has the age of the upright one, the page says how it was turned, and a button turns the
/// photograph itself until nothing has to be said.
pub(crate) async fn on_its_side(session: &Session) -> Result<()> {
    let upright = session.file("drawn-2.png", &picture::png(&picture::face(2))?)?;
    let right = session.native("golden-tiny")?.only(&upright).await?;
    let sideways = image::imageops::rotate270(&picture::face(2));
    let file = session.file("sideways.png", &picture::png(&sideways)?)?;
    let look = session.native("golden-tiny")?.look(&file).await?;
    let mut page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    let sight = page.look_at(&file, CPU_LIMIT).await?;
    sight.ensure_is(&look, TOLERANCE)?;
    let shown = sight.cards[0].shown.clone().context("the face has an age")?;
    ensure!((shown.years - right.years).abs() <= 0.1, "{} years on its side, {} upright", shown.years, right.years);
    let said = page.text("turned").await.context("the page does not say how the photograph was turned")?;
    ensure!(said.contains("a quarter to the right"), "{said}");
    looks::look(&page, "estimate-turned").await?;

    page.click("turn").await?;
    page.wait_until(
        "return document.querySelector('[data-testid=turned]') === null
            && document.querySelector('[data-testid=faces][aria-busy=false]') !== null",
    )
    .await?;
    let sight = Screen::read(session).await?;
    let shown = sight.cards[0].shown.clone().context("the turned photograph's face has an age")?;
    ensure!(
        (shown.years - right.years).abs() <= TOLERANCE,
        "{} years after the turn, {} upright",
        shown.years,
        right.years
    );
    ensure!(page.text("turned").await.is_none(), "an upright photograph is said to be turned");
    // The picture follows its faces.
    page.wait_until(
        "const shown = document.querySelector('.stage img');
         return Math.abs(shown.naturalWidth / shown.naturalHeight - 0.75) < 0.01;",
    )
    .await
}

/// Many small faces: a closer look with its progress, which can be stopped; without that each is found, once.
pub(crate) async fn small_ones(session: &Session) -> Result<()> {
    let (picture, places) = picture::assembly();
    let file = session.file("assembly.png", &picture::png(&picture)?)?;
    let page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    session.script(STOP_SEARCH).await?;
    page.give(&file).await?;
    page.wait_for("[data-testid=stopped]", CPU_LIMIT).await?;
    let label = session.script("return window.searched;").await?;
    ensure!(label.as_str().is_some_and(|label| label.starts_with("Looking closer for small faces, part ")), "{label}");
    looks::look(&page, "estimate-search-stopped").await?;

    let mut page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    let sight = page.look_at(&file, CPU_LIMIT).await?;
    let found = sight.boxes.len();
    ensure!(found >= 23 && found <= places.len(), "{found} of {} faces are found", places.len());
    ensure!(
        session.script("return document.querySelector('[data-testid=searching]') === null").await? == true,
        "still searching"
    );
    numbers_beside_faces(session).await?;
    looks::look(&page, "estimate-small-faces").await
}

/// Presses Stop as soon as there is something to stop. WebDriver would be too slow.
const STOP_SEARCH: &str = "
    new MutationObserver((changes, observer) => {
        const search = document.querySelector('[data-testid=searching]');
        if (!search) return;
        observer.disconnect();
        window.searched = search.querySelector('.label').textContent;
        search.querySelector('[data-testid=search-stop]').click();
    }).observe(document.body, { subtree: true, childList: true });";

/// An age that is not to be trusted says why, on its card and in a list.
pub(crate) async fn in_doubt(session: &Session) -> Result<()> {
    let mut dark = picture::face(1);
    dark.iter_mut().for_each(|value| *value /= 3);
    let file = session.file("dark.png", &picture::png(&dark)?)?;
    let mut page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    let sight = page.look_at(&file, CPU_LIMIT).await?;
    let card = &sight.cards[0];
    ensure!(card.shown.is_some(), "a dark face has an age");
    let note = card.note.clone().context("a dark face has no note")?;
    ensure!(note.contains("too dark"), "{note}");
    looks::look(&page, "estimate-in-doubt").await
}

/// Nobody: the page says so and offers the square, which begins in the middle; the detector can be asked again.
pub(crate) async fn nobody(session: &Session) -> Result<()> {
    let file = session.file("landscape.png", &picture::png(&picture::landscape())?)?;
    let native = session.native("golden-tiny")?;
    ensure!(native.look(&file).await?.seen.is_empty(), "a face is seen natively in an empty landscape");
    let middle = native.middle(&file).await?;
    let mut page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    let sight = page.look_at(&file, CPU_LIMIT).await?;
    sight.ensure_is(&Look::default(), TOLERANCE)?;
    let said = page.text("no-face").await.context("the page does not say that there is no face")?;
    ensure!(said.contains("No face was found"), "{said}");
    looks::look(&page, "estimate-no-face").await?;

    page.wait_for("[data-testid=no-face] button", CPU_LIMIT).await?.click().await?;
    page.wait_for("[data-testid=crop]", CPU_LIMIT).await?;
    let shown = page.answer(CPU_LIMIT).await?;
    let (found, right) = (shown.years, middle.years);
    ensure!((found - right).abs() <= TOLERANCE_IN_SQUARE, "in the square: {found} in the browser, {right} natively");
    looks::look(&page, "estimate-by-hand").await?;

    page.click("by-detector").await?;
    page.wait_for("[data-testid=no-face]", CPU_LIMIT).await?;
    let squares = session.driver.find_all(By::Css("[data-testid=crop]")).await?;
    ensure!(squares.is_empty(), "the square stays beside the detector's answer");

    // A line, a column and a dot: a square of one pixel has an age too.
    for (width, height) in [(20_000, 1), (1, 20_000), (1, 1)] {
        let name = format!("{width}x{height}.png");
        page.give(&session.file(&name, &picture::png(&RgbImage::new(width, height))?)?).await?;
        page.wait_for("[data-testid=no-face] button", CPU_LIMIT).await.context(name)?.click().await?;
        page.wait_for("[data-testid=estimate][data-years]", CPU_LIMIT).await?;
    }
    Ok(())
}

/// Real photographs with several people show the faces that the library sees. They belong to their owners, so no picture
/// of the screen is kept, and they are taken off it at the end.
pub(crate) async fn photographs(session: &Session) -> Result<()> {
    let native = session.native("golden-tiny")?;
    let Some(photographs) = reference::photographs(&native, PHOTOGRAPHS).await? else {
        let why = "../shared/data/fairface and ../shared/data/natural are not there";
        tests::skipped("data", "real photographs", why);
        return Ok(());
    };
    let mut page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    for (file, right) in &photographs {
        let name = file.file_name().unwrap_or_default().display();
        let sight = page.look_at(file, CPU_LIMIT).await?;
        let (found, right) = (sight.boxes.len(), right.seen.len());
        ensure!(found == right, "{name}: {found} faces in the browser, {right} natively");
        println!("{name}: {found} faces, found in {:.0} ms", sight.detect_milliseconds);
    }
    session.driver.goto("about:blank").await?;
    Ok(())
}
