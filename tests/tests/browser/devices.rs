//! Which device computes where the address names none (cards that are programs, slow ones, and ones that never answer), and
//! which weights it gets.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests::native;

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

/// Lets a worker's timers run thirty times as fast: its limits are up to a minute long.
const HASTE: &str = "
    const slow = self.setTimeout;
    self.setTimeout = (task, delay, ...rest) => slow(task, delay / 30, ...rest);";

/// Adapters, devices and results that never come: after a while the CPU answers, and the page says why. So it does of weights
/// that never come.
pub(crate) async fn silent(session: &Session) -> Result<()> {
    const NO_WEIGHTS: &str = "
        const fetched = self.fetch;
        self.fetch = (asked, ...rest) =>
            String(asked.url ?? asked).includes('/weights/') ? new Promise(() => {}) : fetched(asked, ...rest);";
    for (silence, words) in [
        ("GPU.prototype.requestAdapter = () => new Promise(() => {});", "did not answer within 15 seconds"),
        ("GPUAdapter.prototype.requestDevice = () => new Promise(() => {});", "did not answer within 15 seconds"),
        ("GPUBuffer.prototype.mapAsync = () => new Promise(() => {});", "did not answer within 60 seconds"),
    ] {
        the_cpu_takes_over(session, &when_loading(&format!("{CARD}{HASTE}{silence}")), words).await?;
    }
    let prelude = format!("{HASTE}{NO_WEIGHTS}");
    session.watcher.set_worker_prelude(Some(&when_loading(&prelude)));
    let outcome = async {
        let page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
        page.says("error", "“/weights/index.json” did not arrive within 60 seconds.").await
    }
    .await;
    session.watcher.set_worker_prelude(None);
    outcome
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

/// What a browser tells of connection and memory decides between the full and the small weights, unless the address does; the
/// estimator fetches those, and About names them and offers the others.
pub(crate) async fn scarce_means(session: &Session) -> Result<()> {
    let folder = session.settings.public.join("weights");
    let [full, small] = [native::named(&folder, "default")?, native::named(&folder, "small")?];
    let plenty = (false, 8);
    for (wishes, (save_data, memory), right) in [
        ("", plenty, &full),
        ("", (true, 8), &small),
        ("", (false, 2), &small),
        ("weights=full", (true, 2), &full),
        ("weights=small", plenty, &small),
    ] {
        let means = format!(
            "const told = {{ connection: {{ saveData: {save_data}, effectiveType: '4g' }}, deviceMemory: {memory} }};
            for (const [name, value] of Object.entries(told)) {{
                Object.defineProperty(Navigator.prototype, name, {{ get: () => value, configurable: true }});
            }}"
        );
        session.watcher.catch_up().await?;
        let before = session.watcher.record().requests.len();
        let page = Page::open_after(session, &means, None, wishes).await?;
        page.wait_for("[data-testid=status]:not([data-stage=asleep], [data-stage=waking])", CPU_LIMIT).await?;
        session.watcher.catch_up().await?;
        let fetched: Vec<String> = session.watcher.record().requests[before..]
            .iter()
            .filter(|request| request.sender == "worker" && request.url.ends_with("/manifest.json"))
            .filter_map(|request| Some(request.url.rsplit('/').nth(1)?.to_owned()))
            .collect();
        let case = format!("“{wishes}”, {save_data}, {memory} GiB");
        ensure!(fetched.contains(right) && fetched.len() == 2, "{case}: the estimator fetched {fetched:?}");
        page.follow("/about").await?;
        let sizes = page.wait_for("[data-testid=sizes] a", CPU_LIMIT).await?;
        let other = sizes.attr("href").await?.context("the other weights have an address")?;
        ensure!(other == if *right == full { "/?weights=small" } else { "/?weights=full" }, "{case}: {other}");
        let named = format!("return document.querySelector('article dd').textContent.startsWith('{right} (');");
        page.wait_until(&named).await.context(case)?;
    }
    Ok(())
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
