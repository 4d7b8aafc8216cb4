//! Every face of a photograph: three of them, one too small, none at all, and those of real photographs.

use anyhow::{Context, Result, ensure};
use glae_estimate::Look;
use glae_face::detector::trust::Doubt;
use tests::picture;
use thirtyfour::prelude::*;

use crate::{
    keyboard::{press, tab_to},
    looks,
    page::{CPU_LIMIT, Page},
    reference,
    seen::{Sight, TOLERANCE, TOLERANCE_IN_SQUARE},
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
    ensure!(Sight::read(session).await?.chosen()? == 2, "touching the third face does not show its details");

    tab_to(session, "[data-testid=estimate]:nth-of-type(1) .summary button").await?;
    press(session, Key::Enter).await?;
    page.wait_for("[data-testid=estimate]:nth-of-type(1).chosen", CPU_LIMIT).await?;
    let sight = Sight::read(session).await?;
    ensure!(sight.chosen()? == 0, "the keyboard does not reach the first face's details");
    sight.ensure_is(&right, TOLERANCE)?;
    looks::look(&page, "estimate-three-faces").await
}

/// Somebody far away is seen, and gets a note that says why there is no age, beside somebody near who has one.
pub(crate) async fn one_far_away(session: &Session) -> Result<()> {
    let file = session.file("far.png", &picture::png(&picture::far())?)?;
    let right = session.native("golden-tiny")?.look(&file).await?;
    let doubts: Vec<_> = right.seen.iter().map(|seen| seen.doubt).collect();
    ensure!(doubts == [None, Some(Doubt::Small)], "natively: {doubts:?}");
    let mut page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    let sight = page.look_at(&file, CPU_LIMIT).await?;
    sight.ensure_is(&right, TOLERANCE)?;
    let note = sight.cards[1].note.clone().context("the far face has a note")?;
    let face = right.seen[1].face.context("the far face has a box")?;
    let width = face.width.min(face.height).floor();
    ensure!(note.contains(&format!("{width:.0} pixels")) && note.contains("24"), "the note does not say why: {note}");
    Ok(())
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
