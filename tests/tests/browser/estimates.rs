//! The same photograph, the same age: in the browser on either device, in the library, in the trainer.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tests::picture;

use crate::{
    page::{CPU_LIMIT, Page, Shown, WEBGPU_LIMIT},
    reference,
    seen::{Sight, TOLERANCE},
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
        Sight::read(session).await?.ensure_is(&native.look(file).await?, TOLERANCE)?;
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
    ensure!(right.len() == 1, "{} faces are seen natively in a picture of one", right.len());
    let mut page = Page::open(session, Some("golden-tiny"), &format!("device={device}")).await?;
    let shown = page.estimate(&file, limit).await?;
    // The GPU adds in yet another order.
    let tolerance = if device == "webgpu" { 3.0 * TOLERANCE } else { TOLERANCE };
    let (pixels, years) = Sight::read(session).await?.ensure_is(&right, tolerance)?;
    println!("{device}: the face is off by {pixels:.4} pixels, its age by {years:.5} years");
    check_device(&page, &shown, device).await
}

/// The shipped network against `trainer predict`: two drawn faces, and a chip of the test set where it is at hand.
async fn shipped(session: &Session, device: &str, limit: Duration) -> Result<()> {
    let mut files = vec![
        session.file("drawn-0.png", &picture::png(&picture::face(0))?)?,
        session.file("drawn-1.png", &picture::png(&picture::face(1))?)?,
    ];
    match reference::utkface_chip(&session.native("golden-tiny")?).await? {
        Some(chip) => files.push(chip),
        None => tests::skipped("data", "the UTKFace chip", "../shared/data/utkface is not there"),
    }
    let right = reference::trainer_predict(session, &session.default_weights()?, &files).await?;
    let mut page = Page::open(session, None, &format!("device={device}")).await?;
    for (file, right) in files.iter().zip(right) {
        let shown = page.estimate(file, limit).await?;
        let name = file.file_name().unwrap_or_default().display();
        let (years, age) = (shown.years, right.age);
        ensure!((years - age).abs() <= 0.05, "{name}: {years} in the browser on {device}, {age} by the trainer");
        ensure!(shown.route == right.route, "{name}: routed to {}, by the trainer to {}", shown.route, right.route);
        check_device(&page, &shown, device).await?;
        println!("{name} on {device}: {years} in the browser, {age} by the trainer");
    }
    Ok(())
}

async fn check_device(page: &Page<'_>, shown: &Shown, device: &str) -> Result<()> {
    ensure!(shown.device == device, "computed on {} instead of {device}; {}", shown.device, page.situation().await);
    ensure!(shown.milliseconds > 0.0, "the card names no time");
    let line = page.text("device").await.unwrap_or_default();
    ensure!(line.to_lowercase().contains(device), "the device line does not name {device}: {line:?}");
    Ok(())
}
