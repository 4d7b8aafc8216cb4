//! Which device computes where the address names none: cards that are programs, slow ones, and ones that never answer.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{
    failures::{CARD, the_cpu_takes_over},
    page::{CPU_LIMIT, Page},
    session::Session,
    watcher::{COUNT_DISPATCHES, when_loading},
};

/// A browser without WebGPU: the CPU answers, the device line says why, and nothing is announced as if it were broken.
pub(crate) async fn none(session: &Session) -> Result<()> {
    let prelude =
        "Object.defineProperty(WorkerNavigator.prototype, 'gpu', { get: () => undefined, configurable: true });";
    quietly_on_the_cpu(session, prelude, "this browser offers no WebGPU").await.map(drop)
}

/// Chromium's own program in place of a card is not even opened.
pub(crate) async fn a_program(session: &Session) -> Result<()> {
    let dispatches = quietly_on_the_cpu(session, &when_loading(COUNT_DISPATCHES), "WebGPU here is software").await?;
    ensure!(dispatches == 0, "{dispatches} dispatches to an adapter that is not used");
    Ok(())
}

/// A card that is slower than the processor (Chromium's program again, under another name) is measured once, left alone,
/// and not asked again on the next visit.
pub(crate) async fn a_slow_card(session: &Session) -> Result<()> {
    let prelude = when_loading(&format!("{CARD}{COUNT_DISPATCHES}"));
    let words = "times as fast as WebGPU on Pretended card";
    let measuring = quietly_on_the_cpu(session, &prelude, words).await?;
    ensure!(measuring > 0, "it was judged without a measurement");
    let kept = session.script("return localStorage.getItem('glae-adapter');").await?;
    println!("milliseconds on the card, on the processor: {kept}");
    let remembered = quietly_on_the_cpu(session, &prelude, words).await?;
    session.script("localStorage.removeItem('glae-adapter');").await?;
    ensure!(remembered == 0, "{remembered} dispatches on the second visit");
    Ok(())
}

/// Adapters, devices and results that never come: after a while the CPU answers, and the page says why.
pub(crate) async fn silent(session: &Session) -> Result<()> {
    for (silence, words) in [
        ("GPU.prototype.requestAdapter = () => new Promise(() => {});", "did not answer within 15 seconds"),
        ("GPUAdapter.prototype.requestDevice = () => new Promise(() => {});", "did not answer within 15 seconds"),
        ("GPUBuffer.prototype.mapAsync = () => new Promise(() => {});", "did not answer within 60 seconds"),
    ] {
        the_cpu_takes_over(session, &when_loading(&format!("{CARD}{silence}")), words).await?;
    }
    Ok(())
}

/// With `prelude` in the worker, the CPU gives the right answer. The page as it is then.
pub(crate) async fn on_the_cpu<'a>(session: &'a Session, prelude: &str) -> Result<Page<'a>> {
    session.watcher.set_worker_prelude(Some(prelude));
    let outcome = async {
        let mut page = Page::open(session, Some("golden-tiny"), "").await?;
        let shown = page.estimate_drawn().await?;
        ensure!(shown.device == "cpu", "computed on {}; {}", shown.device, page.situation().await);
        Ok(page)
    }
    .await;
    session.watcher.set_worker_prelude(None);
    outcome
}

/// [`on_the_cpu`], where the device line has these `words` and there is no notice. Returns how much work was given to the
/// GPU.
async fn quietly_on_the_cpu(session: &Session, prelude: &str, words: &str) -> Result<usize> {
    session.watcher.catch_up().await?;
    let before = session.watcher.record().gpu_dispatches;
    let page = on_the_cpu(session, prelude).await?;
    let device = page.text("device").await.unwrap_or_default();
    ensure!(device.contains(words), "the device line does not say why: {device:?}");
    ensure!(page.text("notice").await.is_none(), "a notice where nothing is wrong; {}", page.situation().await);
    session.watcher.catch_up().await?;
    Ok(session.watcher.record().gpu_dispatches - before)
}

/// The estimator works at an insecure address, where browsers offer neither caches nor a camera nor WebGPU, and says so.
pub(crate) async fn insecure_address(session: &Session) -> Result<()> {
    let mut page = Page::open_at(session, &session.lan, Some("golden-tiny"), "").await?;
    let lacks = "return [isSecureContext, typeof caches, 'serviceWorker' in navigator, typeof navigator.clipboard];";
    let lacks = session.script(lacks).await?;
    ensure!(lacks == json!([false, "undefined", false, "undefined"]), "the address is not what it stands for: {lacks}");
    page.click("camera-start").await?;
    page.says("error", "Browsers give a camera only to pages with a secure address.").await?;
    page.estimate_drawn().await?;
    page.says("device", "browsers offer WebGPU only at secure addresses").await?;
    ensure!(page.text("notice").await.is_none(), "a notice where nothing is wrong; {}", page.situation().await);
    Ok(())
}

/// Where the browser keeps no data, everything is as usual but for what is remembered.
pub(crate) async fn nothing_kept(session: &Session) -> Result<()> {
    const BLOCKED: &str = "
        for (const name of ['caches', 'localStorage', 'sessionStorage', 'indexedDB']) {
            Object.defineProperty(self, name, {
                get() { throw new DOMException('The operation is insecure.', 'SecurityError'); },
            });
        }";
    const NO_WORKER: &str = "
        ServiceWorkerContainer.prototype.register = () =>
            Promise.reject(new DOMException('The operation is insecure.', 'SecurityError'));";
    session.watcher.set_worker_prelude(Some(BLOCKED));
    let outcome = async {
        let script = format!("{BLOCKED}{NO_WORKER}");
        let mut page = Page::open_after(session, &script, Some("golden-tiny"), "device=cpu").await?;
        page.estimate_drawn().await?;
        page.follow("/leaderboard").await?;
        page.wait_for("[data-testid=board-list] li", CPU_LIMIT).await?;
        Ok(())
    }
    .await;
    session.watcher.set_worker_prelude(None);
    outcome
}
