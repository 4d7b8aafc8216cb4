//! What a visitor reads when something is wrong.

use anyhow::{Result, ensure};
use glae_face::photo;
use tests::picture;
use thirtyfour::prelude::ElementQueryable;

use crate::{
    page::{CPU_LIMIT, Page},
    session::Session,
};

/// Each bad file gets the decoder's own sentence, and a good one afterwards works.
pub(crate) async fn bad_files(session: &Session) -> Result<()> {
    let whole = picture::png(&picture::face(1))?;
    let files: [(&str, Vec<u8>); 4] = [
        ("letter.jpg", b"Dear Sir or Madam, this is no photograph.".to_vec()),
        ("nothing.png", Vec::new()),
        ("poster.png", picture::png_that_claims(10_000, 6_000)?),
        ("half.png", whole[..whole.len() / 2].to_vec()),
    ];
    let page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    let mut previous = String::new();
    for (name, content) in files {
        let Err(right) = photo::decode(&content) else { anyhow::bail!("{name} can be decoded after all") };
        let right = right.to_string();
        ensure!(right != previous, "two files with one sentence cannot be told apart here");
        page.give(&session.file(name, &content)?).await?;
        // The sentence may stand between a heading and a button, so the element is asked for by its text.
        let found = session.driver.query(thirtyfour::By::Css("[data-testid=error]"));
        let sentence = right.clone();
        let found = found
            .with_filter(move |element: thirtyfour::WebElement| {
                let sentence = sentence.clone();
                async move { Ok(element.text().await?.contains(&sentence)) }
            })
            .wait(CPU_LIMIT, std::time::Duration::from_millis(50))
            .exists()
            .await?;
        ensure!(found, "{name}: the page does not say {right:?}; {}", page.situation().await);
        previous = right;
    }
    let good = session.file("drawn-1.png", &whole)?;
    // The error of the last file may still be there for a moment; the answer is what counts.
    page.give(&good).await?;
    page.wait_for("[data-testid=estimate][data-years]", CPU_LIMIT).await?;
    ensure!(page.text("error").await.is_none(), "the old error stays beside a good answer");
    Ok(())
}

/// A browser without WebGPU: the CPU answers, and the page says why.
pub(crate) async fn no_webgpu(session: &Session) -> Result<()> {
    session.watcher.set_worker_prelude(Some(
        "Object.defineProperty(WorkerNavigator.prototype, 'gpu', { get: () => undefined, configurable: true });",
    ));
    let outcome = async {
        let file = session.file("drawn-0.png", &picture::png(&picture::face(0))?)?;
        let mut page = Page::open(session, Some("golden-tiny"), "").await?;
        let shown = page.estimate(&file, CPU_LIMIT).await?;
        ensure!(shown.device == "cpu", "computed on {}, although the browser has no WebGPU", shown.device);
        let notice = page.text("notice").await.unwrap_or_default();
        ensure!(notice.contains("WebGPU") && notice.contains("CPU"), "the notice does not say it: {notice:?}");
        Ok(())
    }
    .await;
    session.watcher.set_worker_prelude(None);
    outcome
}
