//! What a visitor reads when something is wrong.

use anyhow::{Context, Result, ensure};
use glae_face::photo;
use tests::picture;

use crate::{
    devices::on_the_cpu,
    page::{CPU_LIMIT, Page},
    session::Session,
    watcher::when_loading,
};

/// Each bad file gets the decoder's own sentence, half a photograph a notice, and a good one afterwards works.
pub(crate) async fn bad_files(session: &Session) -> Result<()> {
    let whole = picture::png(&picture::face(1))?;
    let files: [(&str, Vec<u8>); 3] = [
        ("letter.jpg", b"Dear Sir or Madam, this is no photograph.".to_vec()),
        ("nothing.png", Vec::new()),
        ("poster.png", picture::png_that_claims(30_000, 20_000)?),
    ];
    let page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    let mut previous = String::new();
    for (name, content) in files {
        let Err(right) = photo::decode(&content) else { anyhow::bail!("{name} can be decoded after all") };
        let right = right.to_string();
        ensure!(right != previous, "two files with one sentence cannot be told apart here");
        page.give(&session.file(name, &content)?).await?;
        page.says("error", &right).await.with_context(|| name.to_owned())?;
        previous = right;
    }
    page.give(&session.file("half.png", &whole[..whole.len() / 2])?).await?;
    page.says("cut-off", "This photo is cut off: its file ends before the picture does").await?;
    ensure!(page.text("error").await.is_none(), "the old error stays beside half a photograph");
    let good = session.file("drawn-1.png", &whole)?;
    // The error of the last file may still be there for a moment; the answer is what counts.
    page.give(&good).await?;
    let whole = "[data-testid=faces]:not(:has([data-testid=cut-off])) [data-testid=estimate][data-years]";
    page.wait_for(whole, CPU_LIMIT).await?;
    ensure!(page.text("error").await.is_none(), "the old error stays beside a good answer");
    Ok(())
}

/// Chromium's program under the name of a card: it would not be asked under its own.
pub(crate) const CARD: &str = "
    const card = { vendor: 'x', architecture: 'y', device: '', description: 'Pretended card', isFallbackAdapter: false };
    Object.defineProperty(GPUAdapter.prototype, 'info', { get: () => card, configurable: true });
    Object.defineProperty(GPUAdapter.prototype, 'isFallbackAdapter', { get: () => false, configurable: true });";

/// A graphics processor that goes away while it computes: the CPU answers, and the page says why.
pub(crate) async fn lost_device(session: &Session) -> Result<()> {
    let prelude = when_loading(&format!(
        "{CARD}
        const submit = GPUQueue.prototype.submit;
        const request = GPUAdapter.prototype.requestDevice;
        let device;
        GPUAdapter.prototype.requestDevice = async function (...rest) {{
            return device = await request.apply(this, rest);
        }};
        GPUQueue.prototype.submit = function (...rest) {{
            submit.apply(this, rest);
            device.destroy();
        }};",
    ));
    the_cpu_takes_over(session, &prelude, "stopped working").await
}

/// A graphics processor that computes wrong numbers: the golden check finds out, the CPU answers, the page says why.
pub(crate) async fn wrong_numbers(session: &Session) -> Result<()> {
    let prelude = when_loading(&format!(
        "{CARD}
        const read = GPUBuffer.prototype.getMappedRange;
        GPUBuffer.prototype.getMappedRange = function (...rest) {{
            const range = read.apply(this, rest);
            // Buffers that the program writes are mapped as well; those it reads carry the flag MAP_READ.
            if (this.usage & GPUBufferUsage.MAP_READ) new Float32Array(range).fill(0.25);
            return range;
        }};",
    ));
    the_cpu_takes_over(session, &prelude, "cannot be used").await
}

/// With `prelude` in the worker, the CPU gives the right answer and the notice has these `words`.
pub(crate) async fn the_cpu_takes_over(session: &Session, prelude: &str, words: &str) -> Result<()> {
    // A notice is shown once; an earlier run in the same browser may have shown it.
    session.script("try { localStorage.removeItem('glae-told'); } catch { /* no page is open */ }").await?;
    let page = on_the_cpu(session, prelude).await?;
    let notice = page.text("notice").await.unwrap_or_default();
    ensure!(notice.contains(words) && notice.contains("CPU"), "the notice does not say it: {notice:?}");
    Ok(())
}
