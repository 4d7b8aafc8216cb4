//! The page as a visitor uses it: open, give a photograph, read the answer.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tests::picture;
use thirtyfour::prelude::*;

use crate::{
    seen::{Screen, TOLERANCE},
    session::Session,
};

/// How often the page is looked at while waiting for it.
const LOOK: Duration = Duration::from_millis(50);

/// For what takes a request and a drawing, on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Enough for a cold start: wasm, weights, golden check.
pub(crate) const CPU_LIMIT: Duration = Duration::from_secs(90);

/// SwiftShader computes WebGPU's shaders on this machine's cores, golden check included, and those cores may be busy.
pub(crate) const WEBGPU_LIMIT: Duration = Duration::from_secs(400);

/// The attributes of an estimate's card.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    pub(crate) years: f32,
    pub(crate) route: String,
    pub(crate) kl_vanilla: f32,
    pub(crate) kl_balanced: f32,
    pub(crate) device: String,
    pub(crate) milliseconds: f64,
    pub(crate) workers: u32,
    /// `data-years` as it is written, to tell this answer from the next one.
    pub(crate) years_text: String,
}

impl Shown {
    /// Reads them from the card's `dataset`.
    pub(crate) fn from_card(data: &Value) -> Result<Self> {
        let word = |name: &str| {
            data[name].as_str().map(str::to_owned).with_context(|| format!("the card has no `{name}`: {data}"))
        };
        let number = |name: &str| -> Result<f64> {
            let text = word(name)?;
            text.parse().with_context(|| format!("`{name}` of the card is no number: {text}"))
        };
        Ok(Self {
            years: number("years")? as f32,
            route: word("route")?,
            kl_vanilla: number("klVanilla")? as f32,
            kl_balanced: number("klBalanced")? as f32,
            device: word("device")?,
            milliseconds: number("milliseconds")?,
            workers: number("workers")? as u32,
            years_text: word("years")?,
        })
    }
}

/// The open page, with the time at which it was opened.
pub(crate) struct Page<'a> {
    pub(crate) session: &'a Session,
    opened: Instant,
    last: Option<Shown>,
    answers: usize,
    weights: String,
}

impl<'a> Page<'a> {
    /// Opens the page with these weights, and with these further words in its address, such as `device=cpu`.
    pub(crate) async fn open(session: &'a Session, weights: Option<&str>, wishes: &str) -> Result<Self> {
        Self::open_at(session, &session.origin, weights, wishes).await
    }

    /// [`Page::open`] at another address of the server.
    pub(crate) async fn open_at(
        session: &'a Session,
        origin: &str,
        weights: Option<&str>,
        wishes: &str,
    ) -> Result<Self> {
        let weights_wish = weights.map(|name| format!("weights={name}&")).unwrap_or_default();
        let url = format!("{origin}/?{weights_wish}{wishes}");
        let opened = Instant::now();
        session.driver.goto(url.trim_end_matches(['?', '&'])).await?;
        let weights = weights.unwrap_or("default").to_owned();
        let page = Self { opened, weights, ..Self::on_screen(session) };
        page.wait_for("[data-testid=photo-input]", CPU_LIMIT).await?;
        Ok(page)
    }

    /// [`Page::open`] after `script` has run in the new page, before any code of its own.
    pub(crate) async fn open_after(
        session: &'a Session,
        script: &str,
        weights: Option<&str>,
        wishes: &str,
    ) -> Result<Self> {
        let cdp = session.driver.cdp();
        let added = cdp.send_raw("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await?;
        let page = Self::open(session, weights, wishes).await;
        let script = json!({ "identifier": added["identifier"] });
        cdp.send_raw("Page.removeScriptToEvaluateOnNewDocument", script).await?;
        page
    }

    /// Whatever page the browser shows now.
    pub(crate) fn on_screen(session: &'a Session) -> Self {
        Self { session, opened: Instant::now(), last: None, answers: 0, weights: String::new() }
    }

    /// Waits for an element.
    pub(crate) async fn wait_for(&self, css: &str, limit: Duration) -> Result<WebElement> {
        let found = self.session.driver.query(By::Css(css)).wait(limit, LOOK).first().await;
        match found {
            Ok(element) => Ok(element),
            Err(_) => bail!("no `{css}` after {} s; {}", limit.as_secs(), self.situation().await),
        }
    }

    /// Waits until a script returns `true`.
    pub(crate) async fn wait_until(&self, script: &str) -> Result<()> {
        let begun = Instant::now();
        while self.session.script(script).await? != json!(true) {
            ensure!(begun.elapsed() < CPU_LIMIT, "never true: {script}; {}", self.situation().await);
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Waits until what a hook names says these words.
    pub(crate) async fn says(&self, hook: &str, words: &str) -> Result<()> {
        // They may stand between a heading and a button, so the element is asked for by its text.
        let has_words = {
            let words = words.to_owned();
            move |element: WebElement| {
                let words = words.clone();
                async move { Ok(element.text().await?.contains(&words)) }
            }
        };
        let found = self.session.driver.query(By::Css(format!("[data-testid={hook}]"))).with_filter(has_words);
        let found = found.wait(CPU_LIMIT, LOOK).exists().await?;
        ensure!(found, "`{hook}` does not say {words:?}; {}", self.situation().await);
        Ok(())
    }

    /// Waits for what a hook names, and clicks on it.
    pub(crate) async fn click(&self, hook: &str) -> Result<()> {
        let found = self.wait_for(&format!("[data-testid={hook}]"), CPU_LIMIT).await?;
        found.click().await.with_context(|| format!("`{hook}` cannot be clicked"))
    }

    /// Clicks on a link of the header, which leads to another page without loading anything anew.
    pub(crate) async fn follow(&self, address: &str) -> Result<()> {
        let link = self.wait_for(&format!("nav[aria-label=Pages] a[href='{address}']"), CPU_LIMIT).await?;
        link.click().await.with_context(|| format!("the link to {address} cannot be clicked"))
    }

    /// Clicks on the button with this text.
    pub(crate) async fn press(&self, text: &str) -> Result<()> {
        let path = format!("//button[contains(normalize-space(.), '{text}')]");
        let found = self.session.driver.query(By::XPath(path)).wait(CPU_LIMIT, LOOK).first().await;
        found.with_context(|| format!("no button says {text:?}"))?.click().await?;
        Ok(())
    }

    /// Gives the page a file, as the file chooser does.
    pub(crate) async fn give(&self, file: &Path) -> Result<()> {
        self.give_all("photo-input", &[file]).await
    }

    /// Gives an input several files, or a folder.
    pub(crate) async fn give_all(&self, hook: &str, files: &[impl AsRef<Path>]) -> Result<()> {
        let input = self.session.driver.find(By::Css(format!("[data-testid={hook}]"))).await?;
        // WebDriver takes several paths in as many lines.
        let paths: Vec<String> = files.iter().map(|file| file.as_ref().to_string_lossy().into_owned()).collect();
        input.send_keys(paths.join("\n")).await.context("the file input took no file")
    }

    /// Gives the page a photograph and waits until all its faces are told of.
    pub(crate) async fn look_at(&mut self, file: &Path, limit: Duration) -> Result<Screen> {
        self.give(file).await?;
        self.sight(limit).await
    }

    /// Waits until all faces are told of, and reads everything that is said of them.
    pub(crate) async fn sight(&mut self, limit: Duration) -> Result<Screen> {
        // While a newer answer is on its way, what is shown is marked as busy.
        let css = "[data-testid=faces][aria-busy=false], [data-testid=error]";
        let found = self.wait_for(css, limit).await?;
        let is_error = found.attr("data-testid").await?.as_deref() == Some("error");
        ensure!(!is_error, "the page shows an error instead of faces; {}", self.situation().await);
        let sight = Screen::read(self.session).await?;
        // The next answer is told from this one.
        self.last = sight.cards.iter().find_map(|card| card.shown.clone());
        Ok(sight)
    }

    /// Gives the page a photograph and waits for its answer.
    pub(crate) async fn estimate(&mut self, file: &Path, limit: Duration) -> Result<Shown> {
        let given = Instant::now();
        self.give(file).await?;
        let shown = self.answer(limit).await?;
        let (cold, warm) = (self.opened.elapsed().as_millis(), given.elapsed().as_millis());
        self.answers += 1;
        let line =
            format!("{},{},{},{cold},{warm},{:.0}", self.weights, shown.device, self.answers, shown.milliseconds);
        self.session.times.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(line);
        Ok(shown)
    }

    /// Gives the page a drawn face and waits for its answer, which must be the native one of `golden-tiny`.
    pub(crate) async fn estimate_drawn(&mut self) -> Result<Shown> {
        let file = self.session.file("drawn-0.png", &picture::png(&picture::face(0))?)?;
        let right = self.session.native("golden-tiny")?.only(&file).await?;
        let shown = self.estimate(&file, CPU_LIMIT).await?;
        ensure!((shown.years - right.years).abs() <= TOLERANCE, "{} instead of {}", shown.years, right.years);
        Ok(shown)
    }

    /// Waits for an answer other than the last one.
    pub(crate) async fn answer(&mut self, limit: Duration) -> Result<Shown> {
        let old = self.last.as_ref().map(|shown| shown.years_text.as_str()).unwrap_or_default();
        let card = format!("[data-testid=estimate][data-years]:not([data-years='{old}'])");
        let found = self.wait_for(&format!("{card}, [data-testid=error], [data-testid=no-face]"), limit).await?;
        let hook = found.attr("data-testid").await?.unwrap_or_default();
        ensure!(hook == "estimate", "the page shows `{hook}` instead of an answer; {}", self.situation().await);
        let shown = self.read_card(&card).await?;
        self.last = Some(shown.clone());
        Ok(shown)
    }

    /// Reads all attributes at one moment: the page may draw the card anew between two questions.
    async fn read_card(&self, css: &str) -> Result<Shown> {
        let script = "const card = document.querySelector(arguments[0]); return card ? { ...card.dataset } : null;";
        let answer = self.session.driver.execute(script, vec![css.into()]).await?;
        Shown::from_card(answer.json())
    }

    /// The text of a hook, if it is on the page.
    pub(crate) async fn text(&self, hook: &str) -> Option<String> {
        let found = self.session.driver.find(By::Css(format!("[data-testid={hook}]"))).await.ok()?;
        found.text().await.ok().filter(|text| !text.is_empty())
    }

    /// What the page says about itself, for messages of failed tests.
    pub(crate) async fn situation(&self) -> String {
        // A record that is not up to date is better than none.
        let _ = self.session.watcher.catch_up().await;
        let mut parts = Vec::new();
        for hook in ["error", "notice", "device"] {
            parts.push(format!("{hook}: {:?}", self.text(hook).await.unwrap_or_default()));
        }
        parts.push(format!("console: {:?}", self.session.watcher.record().complaints));
        parts.join("; ")
    }
}
