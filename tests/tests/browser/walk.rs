//! Walks through all pages with things half done: nothing that a page leaves behind may break the next one.

use std::{env, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use tests::picture;
use thirtyfour::prelude::*;

use crate::{
    page::{CPU_LIMIT, Page},
    session::Session,
};

/// What a visitor may leave half done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A photograph whose answer may be on its way.
    Photo,
    /// A square on it, whose age is on its way.
    Crop,
    /// A list that is being worked off.
    List,
    /// A photograph of the list.
    Listed,
    /// The camera, running.
    Camera,
    /// The list of boards.
    Boards,
    /// A board with a file that is being scored.
    Board,
    /// The page without anything to do.
    About,
}

const PLACES: [Place; 8] = {
    use Place::{About, Board, Boards, Camera, Crop, List, Listed, Photo};
    [Photo, Crop, List, Listed, Camera, Boards, Board, About]
};

/// Marks the document, so that a reload would be noticed, and the step of its history that it began with.
const MARK: &str = "window.walk = navigation.currentEntry.index;";

/// The board that the walks look at.
const BOARD: &str = "utkface-lt";

/// Actions of the random walk, and its seed; `cargo xtask soak` sets others as `GLAE_WALK=ACTIONS,SEED`.
const RANDOM: (u32, u64) = (100, 22);

struct Walk<'a> {
    page: Page<'a>,
    photos: Vec<PathBuf>,
    predictions: PathBuf,
    /// Complaints on the console before it began.
    complaints: usize,
}

/// From every place to every other one and back, each time with a step back and forward in the browser's history.
pub(crate) async fn every_order_of_two(session: &Session) -> Result<()> {
    let walk = Walk::begin(session).await?;
    let mut at = None;
    for (index, first) in PLACES.into_iter().enumerate() {
        for second in PLACES.into_iter().skip(index + 1) {
            for next in [first, second, first] {
                if at != Some(next) {
                    walk.go(next).await.with_context(|| format!("from {at:?} to {next:?}"))?;
                    at = Some(next);
                    walk.back_and_forth().await.with_context(|| format!("back and forth at {next:?}"))?;
                }
            }
        }
    }
    walk.end().await
}

/// Whatever can be clicked, in no order.
pub(crate) async fn at_random(session: &Session) -> Result<()> {
    let (actions, seed) = match env::var("GLAE_WALK") {
        Ok(words) => {
            let (actions, seed) = words.split_once(',').context("GLAE_WALK is ACTIONS,SEED")?;
            (actions.parse()?, seed.parse()?)
        }
        Err(_) => RANDOM,
    };
    let walk = Walk::begin(session).await?;
    let mut random = Random(seed);
    let mut done = Vec::new();
    for _ in 0..actions {
        let action = random.below(ACTIONS.len());
        done.push(ACTIONS[action].0);
        let last: Vec<_> = done.iter().rev().take(12).rev().collect();
        walk.act(ACTIONS[action].1, random.below(3)).await.with_context(|| format!("seed {seed}, at last {last:?}"))?;
        // Sometimes everything is done before the next action, sometimes nothing.
        tokio::time::sleep(Duration::from_millis([0, 20, 200][random.below(3)])).await;
        walk.ensure_alive().await.with_context(|| format!("seed {seed}, at last {last:?}"))?;
    }
    println!("{actions} actions, seed {seed}: {} of their kinds", ACTIONS.len());
    walk.end().await
}

/// An action of the random walk.
#[derive(Clone, Copy)]
enum Act {
    /// Clicks on the first element that is there; nothing otherwise.
    Click(&'static str),
    /// Gives an input so many files.
    Give(&'static str, usize),
    Back,
    Forward,
    /// Presses a key in the crop square.
    Key,
    /// Types into the first text field.
    Type,
}

const ACTIONS: [(&str, Act); 22] = [
    ("estimate", Act::Click("nav a[href='/']")),
    ("boards", Act::Click("nav a[href='/leaderboard']")),
    ("about", Act::Click("nav a[href='/about']")),
    ("one photo", Act::Give("photo-input", 1)),
    ("three photos", Act::Give("photo-input", 3)),
    ("by hand", Act::Click("[data-testid=by-hand]")),
    ("by detector", Act::Click("[data-testid=by-detector]")),
    ("a row", Act::Click("[data-testid=batch-row] button")),
    ("back to the list", Act::Click(".actions.back button")),
    ("stop", Act::Click("[data-testid=batch-cancel]")),
    ("go on", Act::Click("[data-testid=batch-resume]")),
    ("close the list", Act::Click(".batch .actions .quiet")),
    ("camera", Act::Click("[data-testid=camera-start]")),
    ("no camera", Act::Click("[data-testid=camera-stop]")),
    ("an example", Act::Click("[data-testid=example]")),
    ("a board", Act::Click("[data-board] h2 a")),
    ("predictions", Act::Give("predictions-input", 0)),
    ("compare", Act::Click("[data-testid=compare]")),
    ("back", Act::Back),
    ("forward", Act::Forward),
    ("a key", Act::Key),
    ("typing", Act::Type),
];

impl<'a> Walk<'a> {
    async fn begin(session: &'a Session) -> Result<Self> {
        session.permit_camera("granted").await?;
        let mut photos = Vec::new();
        for variant in 0..3 {
            photos.push(session.file(&format!("drawn-{variant}.png"), &picture::png(&picture::face(variant))?)?);
        }
        let predictions = session.settings.public.join(format!("boards/{BOARD}/balanced.csv"));
        let page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
        session.script(MARK).await?;
        session.watcher.catch_up().await?;
        let complaints = session.watcher.record().complaints.len();
        Ok(Self { page, photos, predictions, complaints })
    }

    /// Goes to a place from wherever the page is, and leaves things there half done.
    async fn go(&self, place: Place) -> Result<()> {
        let page = &self.page;
        match place {
            Place::Boards => {
                page.follow("/leaderboard").await?;
                page.wait_for("[data-testid=board-list] li", CPU_LIMIT).await?;
            }
            Place::Board => {
                page.follow("/leaderboard").await?;
                page.wait_for(&format!("[data-board={BOARD}] a"), CPU_LIMIT).await?.click().await?;
                page.wait_for("[data-testid=predictions-input]", CPU_LIMIT).await?;
                page.give_all("predictions-input", &[&self.predictions]).await?;
            }
            Place::About => {
                page.follow("/about").await?;
                page.wait_for("article.prose h1", CPU_LIMIT).await?;
            }
            Place::Photo | Place::Crop | Place::List | Place::Listed | Place::Camera => {
                page.follow("/").await?;
                page.wait_for("[data-testid=photo-input]", CPU_LIMIT).await?;
                self.estimate(place).await?;
            }
        }
        self.ensure_alive().await
    }

    async fn estimate(&self, place: Place) -> Result<()> {
        let page = &self.page;
        if matches!(place, Place::Photo | Place::Crop) {
            page.give(&self.photos[0]).await?;
            page.wait_for(".stage img", CPU_LIMIT).await?;
        } else {
            page.give_all("photo-input", &self.photos).await?;
            page.wait_for("[data-testid=batch-row]", CPU_LIMIT).await?;
        }
        match place {
            Place::Crop => {
                page.click("by-hand").await?;
                page.wait_for("[data-testid=crop]", CPU_LIMIT).await?.send_keys("+").await?;
            }
            Place::Listed => {
                page.wait_for("[data-testid=batch-row] button", CPU_LIMIT).await?.click().await?;
                page.wait_for(".actions.back button", CPU_LIMIT).await?;
            }
            Place::Camera => {
                page.press("Close list").await?;
                page.click("camera-start").await?;
                page.wait_for("video", CPU_LIMIT).await?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn back_and_forth(&self) -> Result<()> {
        for act in [Act::Back, Act::Forward] {
            self.act(act, 0).await?;
            self.ensure_alive().await?;
        }
        Ok(())
    }

    async fn act(&self, act: Act, choice: usize) -> Result<()> {
        let session = self.page.session;
        match act {
            Act::Click(css) => {
                let click = "const all = document.querySelectorAll(arguments[0]);
                    all[arguments[1] % Math.max(1, all.length)]?.click();";
                session.driver.execute(click, vec![css.into(), choice.into()]).await?;
            }
            Act::Give(hook, count) => {
                let files = if count == 0 { std::slice::from_ref(&self.predictions) } else { &self.photos[..count] };
                // The page may be another one.
                if session.driver.find(By::Css(format!("[data-testid={hook}]"))).await.is_ok() {
                    self.page.give_all(hook, files).await?;
                }
            }
            // Not out of the site: the walk began somewhere.
            Act::Back => {
                drop(session.script("if (navigation.currentEntry.index > window.walk) history.back();").await?)
            }
            Act::Forward => drop(session.script("history.forward();").await?),
            Act::Key => {
                let key = "document.querySelector('[data-testid=crop]')
                    ?.dispatchEvent(new KeyboardEvent('keydown', { key: '-', bubbles: true, cancelable: true }));";
                session.script(key).await?;
            }
            Act::Type => {
                let typing = "const field = document.querySelector('main input[type=text], main textarea');
                    if (field) { field.value += 'x'; field.dispatchEvent(new InputEvent('input', { bubbles: true })); }";
                session.script(typing).await?;
            }
        }
        Ok(())
    }

    /// The document is still the one that the walk began in, and neither it nor a worker has complained.
    async fn ensure_alive(&self) -> Result<()> {
        let session = self.page.session;
        let marked = session.script("return typeof window.walk === 'number';").await?;
        ensure!(marked == json!(true), "the page was loaded anew");
        session.watcher.catch_up().await?;
        let complaints = session.watcher.record().complaints[self.complaints..].to_vec();
        if !complaints.is_empty() {
            bail!("{complaints:#?}");
        }
        Ok(())
    }

    /// After everything, the page still answers.
    async fn end(mut self) -> Result<()> {
        self.go(Place::About).await?;
        self.go(Place::List).await?;
        self.page.wait_for("[data-testid=batch-progress][data-done='3']", CPU_LIMIT).await?;
        self.page.give(&self.photos[1]).await?;
        self.page.answer(CPU_LIMIT).await?;
        self.ensure_alive().await
    }
}

/// Marsaglia's xorshift64*: the same walk from the same seed, everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % end
    }
}
