//! The same photograph, the same age: in the browser on either device, in the library, in the trainer.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tests::{oracle, picture};

use crate::{
    page::{CPU_LIMIT, Page, Shown, WEBGPU_LIMIT},
    reference,
    seen::{Screen, TOLERANCE},
    session::Session,
    watcher::{COUNT_DISPATCHES, when_loading},
};

pub(crate) async fn tiny_on_cpu(session: &Session) -> Result<()> {
    witnessed(session, "cpu", tiny(session, "cpu", CPU_LIMIT)).await
}

pub(crate) async fn tiny_on_webgpu(session: &Session) -> Result<()> {
    witnessed(session, "webgpu", tiny(session, "webgpu", WEBGPU_LIMIT)).await
}

pub(crate) async fn shipped_on_cpu(session: &Session) -> Result<()> {
    witnessed(session, "cpu", shipped(session, "cpu", CPU_LIMIT)).await
}

pub(crate) async fn shipped_on_webgpu(session: &Session) -> Result<()> {
    witnessed(session, "webgpu", shipped(session, "webgpu", WEBGPU_LIMIT)).await
}

/// A second worker takes the mirror images soon after the first answer, unless it is not wanted; the answers stay the same.
pub(crate) async fn by_two_on_the_cpu(session: &Session) -> Result<()> {
    if std::thread::available_parallelism()?.get() < 2 {
        tests::skipped("cores", "estimates by two workers", "there is one core");
        return Ok(());
    }
    let native = session.native("golden-tiny")?;
    let files = [
        session.file("drawn-0.png", &picture::png(&picture::face(0))?)?,
        session.file("drawn-1.png", &picture::png(&picture::face(1))?)?,
    ];
    let begin = Instant::now();
    let mut page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    for file in files.iter().cycle() {
        let shown = page.estimate(file, CPU_LIMIT).await?;
        Screen::read(session).await?.ensure_is(&native.look(file).await?, TOLERANCE)?;
        if shown.workers == 2 {
            println!("two workers after {:.1} s", begin.elapsed().as_secs_f32());
            break;
        }
        ensure!(begin.elapsed() < CPU_LIMIT, "still one worker; {}", page.situation().await);
    }
    let mut page = Page::open(session, Some("golden-tiny"), "device=cpu&threads=1").await?;
    for file in files.iter().cycle().take(6) {
        let workers = page.estimate(file, CPU_LIMIT).await?.workers;
        ensure!(workers == 1, "{workers} workers, although one was asked for");
    }
    Ok(())
}

/// Plays a journey while the GPU's work is counted: WebGPU must have computed, the CPU must have left it alone.
async fn witnessed(session: &Session, device: &str, journey: impl Future<Output = Result<()>>) -> Result<()> {
    session.watcher.catch_up().await?;
    let before = session.watcher.record().gpu_dispatches;
    session.watcher.set_worker_prelude(Some(&when_loading(COUNT_DISPATCHES)));
    let outcome = journey.await;
    session.watcher.set_worker_prelude(None);
    outcome?;
    session.watcher.catch_up().await?;
    let dispatches = session.watcher.record().gpu_dispatches - before;
    println!("{device}: {dispatches} compute dispatches");
    ensure!((dispatches > 0) == (device == "webgpu"), "{dispatches} dispatches to the GPU on {device}");
    Ok(())
}

/// The detector and a tiny seeded network against the library: box, points, and every number of the card.
async fn tiny(session: &Session, device: &str, limit: Duration) -> Result<()> {
    let file = session.file("drawn-0.png", &picture::png(&picture::face(0))?)?;
    let right = session.native("golden-tiny")?.look(&file).await?;
    ensure!(right.seen.len() == 1, "{} faces are seen natively in a picture of one", right.seen.len());
    let mut page = Page::open(session, Some("golden-tiny"), &format!("device={device}")).await?;
    let shown = page.estimate(&file, limit).await?;
    // The GPU adds in yet another order.
    let tolerance = if device == "webgpu" { 3.0 * TOLERANCE } else { TOLERANCE };
    let (pixels, years) = Screen::read(session).await?.ensure_is(&right, tolerance)?;
    println!("{device}: the face is off by {pixels:.4} pixels, its age by {years:.5} years");
    check_device(&page, &shown, device).await
}

/// The shipped network: every drawn photograph whose ages an independent program has computed, on the page and by `trainer
/// predict`; and a chip of the test set, where it is at hand, on the page and by the trainer.
async fn shipped(session: &Session, device: &str, limit: Duration) -> Result<()> {
    let expected = oracle::read()?;
    let mut files = Vec::new();
    for (name, picture) in picture::judged() {
        files.push(session.file(&format!("{name}.png"), &picture::png(&picture)?)?);
    }
    let chip = reference::utkface_chip(&session.native("golden-tiny")?).await?;
    if chip.is_none() {
        tests::skipped("data", "the UTKFace chip", "../shared/data/utkface is not there");
    }
    files.extend(chip);
    let by_trainer = reference::trainer_predict(session, &session.default_weights()?, &files).await?;
    let mut page = Page::open(session, None, &format!("device={device}")).await?;
    for file in &files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let sight = page.look_at(file, limit).await?;
        let trainer = by_trainer.get(name.as_ref());
        let Some(right) = expected.get(name.as_ref()) else {
            let (shown, right) =
                (sight.cards[0].shown.clone(), trainer.context("the trainer has no age for the chip")?);
            let shown = shown.context("the chip has no age on the page")?;
            ensure!(
                (shown.years - right.age).abs() <= oracle::TOLERANCE,
                "{shown:?} on {device}, {right:?} by the trainer"
            );
            ensure!(shown.route == right.route, "routed to {}, by the trainer to {}", shown.route, right.route);
            continue;
        };
        ensure!(
            sight.cards.len() == right.faces.len(),
            "{name}: {} cards, {} faces",
            sight.cards.len(),
            right.faces.len()
        );
        for (card, right) in sight.cards.iter().zip(&right.faces) {
            let shown = card.shown.as_ref().map(|shown| shown.years);
            ensure!(near(shown, right.years), "{name}: {shown:?} years on {device} instead of {:?}", right.years);
            ensure!(
                card.note.is_some() == right.doubt.is_some(),
                "{name}: {:?} instead of {:?}",
                card.note,
                right.doubt
            );
            if let Some(shown) = &card.shown {
                check_device(&page, shown, device).await?;
            }
        }
        let main = right.main.and_then(|main| right.faces[main].years);
        let found = trainer.map(|right| right.age);
        ensure!(near(found, main), "{name}: {found:?} years by the trainer instead of {main:?}");
        println!("{name}: {main:?} years, {found:?} by the trainer");
    }
    Ok(())
}

/// Whether both are ages within the tolerance of each other, or neither is one.
fn near(found: Option<f32>, right: Option<f32>) -> bool {
    match (found, right) {
        (Some(found), Some(right)) => (found - right).abs() <= oracle::TOLERANCE,
        (found, right) => found.is_none() && right.is_none(),
    }
}

async fn check_device(page: &Page<'_>, shown: &Shown, device: &str) -> Result<()> {
    ensure!(shown.device == device, "computed on {} instead of {device}; {}", shown.device, page.situation().await);
    ensure!(shown.milliseconds > 0.0, "the card names no time");
    let line = page.text("device").await.unwrap_or_default();
    ensure!(line.to_lowercase().contains(device), "the device line does not name {device}: {line:?}");
    Ok(())
}
