//! Many photographs at once: the queue, its table, its file, and a whole folder.

use std::fs;

use anyhow::{Context, Result, anyhow, bail, ensure};
use glae_estimate::Look;
use glae_face::photo;
use glae_metrics::Predictions;
use serde_json::Value;
use tests::picture;
use thirtyfour::prelude::*;

use crate::{
    downloads::Downloads,
    looks,
    page::{CPU_LIMIT, Page},
    seen::TOLERANCE,
    session::Session,
    witness,
};

/// What the queue is stopped after.
const STOP_AFTER: usize = 3;

/// Notes every count of finished photographs, and stops the queue when it has come so far. WebDriver would be too slow.
const WATCH: &str = "
    const [stopAfter] = arguments;
    window.counts = [];
    new MutationObserver(() => {
        const progress = document.querySelector('[data-testid=batch-progress]');
        if (!progress) return;
        const done = Number(progress.dataset.done);
        if (window.counts.at(-1) === done) return;
        window.counts.push(done);
        if (done === stopAfter) document.querySelector('[data-testid=batch-cancel]').click();
    }).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-done'] });";

/// Opens the first row's photograph as soon as there is one.
const OPEN_AT_ONCE: &str = "
    new MutationObserver((changes, observer) => {
        const link = document.querySelector('[data-testid=batch-row] button');
        if (!link) return;
        observer.disconnect();
        link.click();
    }).observe(document.body, { subtree: true, childList: true });";

/// A row of the table.
#[derive(Debug)]
struct Row {
    name: String,
    years: Option<f32>,
    text: String,
    /// What its last column says.
    doubt: String,
}

/// What a row must say.
enum Right {
    Faces(Look),
    Sentence(String),
}

/// Files of every kind: stopped and resumed, each with its age or its sentence; the table's file is one that the
/// leaderboard takes; a row shows its photograph. Nothing is sent.
pub(crate) async fn table(session: &Session) -> Result<()> {
    let mut files = Vec::new();
    for variant in 0..4 {
        files.push(session.file(&format!("drawn-{variant}.png"), &picture::png(&picture::face(variant))?)?);
    }
    // In the order of their names, as the list has them.
    files.push(session.file("far.png", &picture::png(&picture::far())?)?);
    files.push(session.file("group.png", &picture::png(&picture::group())?)?);
    // Half a photograph, which `photo::decode` refuses too.
    let half = picture::png(&picture::face(0))?;
    files.push(session.file("half.png", &half[..half.len() / 2])?);
    files.push(session.file("landscape.png", &picture::png(&picture::landscape())?)?);
    files.push(session.file("letter.jpg", b"Dear Sir or Madam, this is no photograph.")?);
    let native = session.native("golden-tiny")?;
    let mut right = Vec::new();
    for file in &files {
        right.push(match photo::decode(&fs::read(file)?) {
            Ok(_) => Right::Faces(native.look(file).await?),
            Err(error) => Right::Sentence(error.to_string()),
        });
    }

    let mut page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    session.driver.execute(WATCH, vec![STOP_AFTER.into()]).await?;
    page.give_all("photo-input", &files).await?;
    page.wait_for("[data-testid=batch-resume]", CPU_LIMIT).await?;
    // By now all weights have come.
    let before = witness::requests(session).await?;
    let stopped = rows(session).await?;
    let count = |word: &str| stopped.iter().filter(|row| row.text.ends_with(word)).count();
    let (waiting, reading) = (count("waiting"), count("reading"));
    ensure!((waiting, reading) == (files.len() - STOP_AFTER, 0), "{waiting} wait, {reading} are read: {stopped:?}");

    page.click("batch-resume").await?;
    let all = files.len();
    page.wait_for(&format!("[data-testid=batch-progress][data-done='{all}'][data-total='{all}']"), CPU_LIMIT).await?;
    let counts = session.script("return window.counts;").await?;
    ensure!(counts == Value::from_iter(0..=all), "the progress went {counts}");
    let left = session.driver.find_all(By::Css("[data-testid=batch-cancel], [data-testid=batch-resume]")).await?;
    ensure!(left.is_empty(), "a finished queue can be stopped or resumed");

    let found = rows(session).await?;
    for ((row, file), right) in found.iter().zip(&files).zip(&right) {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        ensure!(row.name == name, "{} instead of {name}", row.name);
        row.ensure_says(right)?;
    }
    looks::look(&page, "estimate-batch").await?;
    check_file(session, &page, &found, &right).await?;

    let link = By::XPath("//tr[@data-testid='batch-row']//button[text()='group.png']");
    session.driver.find(link).await?.click().await?;
    let sight = page.sight(CPU_LIMIT).await?;
    let group = files.iter().position(|file| file.ends_with("group.png")).context("the group is among the files")?;
    let Right::Faces(group) = &right[group] else { bail!("the group has faces") };
    sight.ensure_is(group, TOLERANCE)?;
    page.press("Back to the list").await?;
    page.wait_for(&format!("[data-testid=batch-progress][data-done='{all}']"), CPU_LIMIT).await?;
    ensure!(rows(session).await?.len() == all, "rows were lost while a photo was shown");
    witness::nothing_sent_since(session, before).await?;
    page.press("Close list").await?;
    page.wait_for("[data-testid=camera-start]", CPU_LIMIT).await?;
    Ok(())
}

/// A row opened before the queue has got anywhere shows its photograph, and the queue goes on all the same.
pub(crate) async fn opened_meanwhile(session: &Session) -> Result<()> {
    let mut files = Vec::new();
    for variant in 0..3 {
        files.push(session.file(&format!("drawn-{variant}.png"), &picture::png(&picture::face(variant))?)?);
    }
    let right = session.native("golden-tiny")?.look(&files[0]).await?;
    let mut page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    session.script(OPEN_AT_ONCE).await?;
    page.give_all("photo-input", &files).await?;
    page.sight(CPU_LIMIT).await?.ensure_is(&right, TOLERANCE)?;
    page.press("Back to the list").await?;
    page.wait_for("[data-testid=batch-progress][data-done='3'][data-total='3']", CPU_LIMIT).await?;
    let known = rows(session).await?.iter().filter(|row| row.years.is_some()).count();
    ensure!(known == files.len(), "{known} of {} photos have an age", files.len());
    Ok(())
}

/// A folder: its photographs by their paths, and none of its other files.
pub(crate) async fn folder(session: &Session) -> Result<()> {
    let album = session.scratch("album");
    fs::create_dir_all(album.join("summer"))?;
    fs::write(album.join("first.png"), picture::png(&picture::face(2))?)?;
    fs::write(album.join("notes.txt"), "Who is who")?;
    fs::write(album.join("summer/second.png"), picture::png(&picture::face(3))?)?;
    let page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    page.give_all("folder-input", &[&album]).await?;
    page.wait_for("[data-testid=batch-progress][data-done='2'][data-total='2']", CPU_LIMIT).await?;
    let native = session.native("golden-tiny")?;
    let mut found = rows(session).await?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    let names: Vec<&str> = found.iter().map(|row| row.name.as_str()).collect();
    ensure!(names == ["album/first.png", "album/summer/second.png"], "{names:?}");
    for (row, file) in found.iter().zip(["first.png", "summer/second.png"]) {
        row.ensure_says(&Right::Faces(native.look(&album.join(file)).await?))?;
    }
    Ok(())
}

/// The saved table: accepted by the leaderboard's parser, with one row for each photograph that has an age.
async fn check_file(session: &Session, page: &Page<'_>, rows: &[Row], right: &[Right]) -> Result<()> {
    let downloads = Downloads::into(session, "batch").await?;
    page.click("batch-csv").await?;
    let text = downloads.text("csv").await?;
    let predictions = Predictions::parse(text.as_bytes()).map_err(|problems| anyhow!("{problems:?} in {text}"))?;
    let known = rows.iter().zip(right).filter_map(|(row, right)| match right {
        Right::Faces(look) => Some((row, look.main()?.estimate.as_deref()?)),
        Right::Sentence(_) => None,
    });
    let known: Vec<_> = known.collect();
    ensure!(predictions.len() == known.len(), "{} rows for {} ages: {text}", predictions.len(), known.len());
    for (index, (row, right)) in known.into_iter().enumerate() {
        let (id, age) = (predictions.id(index), predictions.age(index));
        ensure!(id == row.name, "row {index} is {id} instead of {}", row.name);
        // The file has four decimals. The table's own ages are the native ones.
        let shown = f64::from(row.years.with_context(|| format!("{id} has no age in the table"))?);
        ensure!((age - shown).abs() <= 1e-4, "{id}: {age} in the file, {shown} in the table");
        let route = predictions.route(index).map(glae_metrics::Route::label);
        ensure!(route == Some(right.route.as_str()), "{id}: {route:?} in the file, {:?} natively", right.route);
    }
    Ok(())
}

async fn rows(session: &Session) -> Result<Vec<Row>> {
    let script = "return [...document.querySelectorAll('[data-testid=batch-row]')].map(row => ({
        name: row.querySelector('th').textContent, years: row.dataset.years ?? null, text: row.textContent,
        doubt: row.querySelector('td.doubt')?.textContent ?? '' }));";
    let data = session.script(script).await?;
    let list = data.as_array().context("the table has rows")?;
    let row = |data: &Value| {
        let text = |name: &str| data[name].as_str().map(str::to_owned).with_context(|| format!("no {name}: {data}"));
        let years = data["years"].as_str().map(str::parse).transpose().context("data-years is no number")?;
        Ok(Row { name: text("name")?, years, text: text("text")?, doubt: text("doubt")? })
    };
    list.iter().map(row).collect()
}

impl Row {
    fn ensure_says(&self, right: &Right) -> Result<()> {
        let look = match right {
            Right::Faces(look) => look,
            Right::Sentence(sentence) => {
                ensure!(self.years.is_none() && self.text.contains(sentence), "not {sentence:?}: {self:?}");
                return Ok(());
            }
        };
        match (self.years, look.main().and_then(|main| main.estimate.as_deref())) {
            (Some(found), Some(right)) => {
                let near = (found - right.years).abs() <= TOLERANCE;
                ensure!(near, "{}: {found} in the browser, {} natively", self.name, right.years);
                ensure!(self.text.contains(&format!("{}{}", look.seen.len(), right.route.as_str())), "{self:?}");
                let doubted = look.main().is_some_and(|main| main.doubt.is_some());
                ensure!(self.doubt.is_empty() != doubted, "{self:?}, natively {:?}", look.main());
            }
            (None, None) => ensure!(self.text.contains("no face found"), "{self:?}"),
            (found, right) => bail!("{}: {found:?} in the browser, {right:?} natively", self.name),
        }
        Ok(())
    }
}
