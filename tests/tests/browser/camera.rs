//! The camera, which shows a film: somebody walks to and fro, leaves, comes back (see [`tests::film`]).

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::{film, picture};

use crate::{
    looks,
    memory::{self, Memory},
    page::{CPU_LIMIT, Page},
    session::Session,
    watcher::when_loading,
    witness,
};

/// How long the camera runs.
const RUN: Duration = Duration::from_secs(30);

/// By then everything that is made once has been made.
const SETTLED: Duration = Duration::from_secs(8);

/// How often the page is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(150);

/// How far the middle of a box may be off the way of the face, in pixels of 320 x 240.
const MOST_ASIDE: f32 = 12.0;

/// Waits for a camera in use, keeps its track for later, and returns the track's state.
const TRACK: &str = "
    const done = arguments[arguments.length - 1];
    const look = () => {
        const track = document.querySelector('video')?.srcObject?.getVideoTracks()[0];
        if (!track) return requestAnimationFrame(look);
        window.track = track;
        done(track.readyState);
    };
    look();";

/// Lets the picture stand still, and after the next answers about it lets no other picture come: the page stays as it is.
/// (Pictures are asked for one after the other, so whoever asks for the third has shown what is in the second.)
const FREEZE: &str = "
    const done = arguments[arguments.length - 1];
    document.querySelector('video').pause();
    const read = CanvasRenderingContext2D.prototype.getImageData;
    let left = 2;
    CanvasRenderingContext2D.prototype.getImageData = function (...rest) {
        if (left-- > 0) return read.apply(this, rest);
        done(document.querySelectorAll('[data-testid=face]').length);
        throw new Error('no picture');
    };";

/// The page at one moment.
#[derive(Debug)]
struct Moment {
    per_second: f64,
    milliseconds: f64,
    /// Left, top, width, height.
    boxes: Vec<[f32; 4]>,
    /// Settled, and of the last picture alone.
    ages: Vec<[f64; 2]>,
    nobody: bool,
}

/// Half a minute on the CPU: boxes follow the face, ages settle, the speed is told, memory stays, nothing is sent; and
/// stopping lets the camera go.
pub(crate) async fn half_a_minute(session: &Session) -> Result<()> {
    session.permit_camera("granted").await?;
    session.watcher.set_worker_prelude(Some(&when_loading(memory::KEEP)));
    let outcome = run(session).await;
    session.watcher.set_worker_prelude(None);
    outcome
}

async fn run(session: &Session) -> Result<()> {
    let page = Page::open_after(session, memory::KEEP, None, "device=cpu").await?;
    page.click("camera-start").await?;
    ensure!(track(session).await? == "live", "the camera's track is not live");
    page.wait_for("[data-testid=camera-rate][data-fps]", CPU_LIMIT).await?;

    let begin = Instant::now();
    let mut interval = tokio::time::interval(LOOK);
    let (mut moments, mut settled) = (Vec::new(), None);
    while begin.elapsed() < RUN {
        interval.tick().await;
        moments.push(Moment::read(session).await?);
        if settled.is_none() && begin.elapsed() >= SETTLED {
            // By now a second worker has fetched its program.
            settled = Some((Memory::measure(session).await?, witness::requests(session).await?));
        }
    }
    let later = Memory::measure(session).await?;
    let (settled, before) = settled.context("half a minute is longer than it takes to settle")?;
    let last = moments.last().context("the page was looked at")?;
    println!("{:.2} pictures per second, {:.0} ms for each", last.per_second, last.milliseconds);
    println!("memory after {} s: {settled}\nmemory after {} s: {later}", SETTLED.as_secs(), RUN.as_secs());
    check(&moments)?;
    later.ensure_steady_since(&settled)?;
    witness::nothing_sent_since(session, before).await?;

    page.click("camera-stop").await?;
    released(session, &page).await
}

/// What was seen in half a minute is what the film shows.
fn check(moments: &[Moment]) -> Result<()> {
    let last = moments.last().context("the page was looked at")?;
    ensure!(last.per_second > 0.3 && last.milliseconds > 0.0, "no speed: {last:?}");
    let seen: Vec<&Moment> = moments.iter().filter(|moment| moment.boxes.len() == 1).collect();
    let nobody = moments.iter().filter(|moment| moment.nobody).count();
    ensure!(moments.iter().all(|moment| moment.boxes.len() <= 1), "more than one face was seen in a film of one");
    ensure!(moments.iter().all(|moment| moment.nobody == moment.boxes.is_empty()), "a face, and nobody, at once");
    // Somebody is there three quarters of the time.
    let share = seen.len() as f64 / moments.len() as f64;
    ensure!((0.5..0.95).contains(&share) && nobody > 0, "a face was seen {:.0} % of the time", share * 100.0);

    let (mut least, mut largest) = (1f32, 0f32);
    for moment in &seen {
        let place = moment.boxes[0];
        let (share, aside) = film::on_the_way(place);
        ensure!(aside <= MOST_ASIDE, "a box lies {aside} pixels off the way: {place:?}");
        let size = place[2] / film::width();
        ensure!((0.65..1.5).contains(&size), "a box is {size} times as wide as the face: {place:?}");
        (least, largest) = (least.min(share), largest.max(share));
    }
    ensure!(largest - least > 0.6, "the boxes went from {least} to {largest} of the way");

    let ages: Vec<[f64; 2]> = seen.iter().flat_map(|moment| moment.ages.iter().copied()).collect();
    let known = ages.len() as f64 / seen.len() as f64;
    ensure!(known > 0.9, "only {:.0} % of the faces have an age", known * 100.0);
    let possible = |age: &f64| (0.0..=100.0).contains(age);
    ensure!(ages.as_flattened().iter().all(possible), "ages beyond a life: {ages:?}");
    ensure!(ages.iter().any(|[settled, raw]| settled != raw), "the ages are not smoothed");
    Ok(())
}

/// The camera on every screen; a tab that nobody sees lets it go; so does a camera that ends by itself, with a sentence.
pub(crate) async fn seen_and_hidden(session: &Session) -> Result<()> {
    session.permit_camera("granted").await?;
    let page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    page.click("camera-start").await?;
    ensure!(track(session).await? == "live", "the camera's track is not live");
    // Just after somebody has come, there is time enough for a picture of the screen.
    page.wait_for("[data-testid=no-face]", CPU_LIMIT).await?;
    page.wait_for("[data-testid=estimate][data-raw-years]", CPU_LIMIT).await?;
    let faces = session.driver.execute_async(FREEZE, Vec::new()).await?;
    ensure!(faces.json() == &json!(1), "{} faces in a picture of one", faces.json());
    looks::look(&page, "estimate-camera").await?;

    session
        .script(
            "Object.defineProperty(document, 'hidden', { get: () => true, configurable: true });
            document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
            delete document.hidden;",
        )
        .await?;
    released(session, &page).await?;

    page.click("camera-start").await?;
    ensure!(track(session).await? == "live", "the camera does not start again");
    session.script("window.track.dispatchEvent(new Event('ended'));").await?;
    page.says("error", "The camera stopped sending pictures.").await?;
    released(session, &page).await
}

/// Refused, missing, not offered, insecure: each has its sentence, and the page goes on working.
pub(crate) async fn refused(session: &Session) -> Result<()> {
    session.permit_camera("denied").await?;
    let page = Page::open(session, Some("golden-tiny"), "device=cpu").await?;
    for (script, sentence) in [
        ("", "The camera was not allowed. Allow it"),
        (
            "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('none', 'NotFoundError'));",
            "No camera was found. Connect one",
        ),
        (
            "Object.defineProperty(Navigator.prototype, 'mediaDevices', { get: () => undefined });",
            "This browser offers no camera to pages. Choose a photo",
        ),
        (
            "Object.defineProperty(window, 'isSecureContext', { get: () => false });",
            "Browsers give a camera only to pages with a secure address. Open this page with https://",
        ),
    ] {
        session.script(script).await?;
        page.click("camera-start").await?;
        page.says("error", sentence).await?;
        page.wait_for("[data-testid=camera-start]", CPU_LIMIT).await?;
        ensure!(session.script("return document.querySelector('video');").await?.is_null(), "there is a live picture");
    }
    let file = session.file("drawn-0.png", &picture::png(&picture::face(0))?)?;
    page.give(&file).await?;
    page.wait_for("[data-testid=estimate][data-years]", CPU_LIMIT).await?;
    ensure!(page.text("error").await.is_none(), "the camera's error stays beside a good answer");
    Ok(())
}

/// Waits for the start of the camera that was asked for; returns the state of its track.
async fn track(session: &Session) -> Result<String> {
    let state = session.driver.execute_async(TRACK, Vec::new()).await?;
    Ok(state.json().as_str().unwrap_or_default().to_owned())
}

/// The camera is let go and its view is gone.
async fn released(session: &Session, page: &Page<'_>) -> Result<()> {
    page.wait_for("[data-testid=camera-start]", CPU_LIMIT).await?;
    let left = session.script("return [window.track.readyState, document.querySelectorAll('video').length];").await?;
    ensure!(left == json!(["ended", 0]), "the camera is not let go: {left}");
    Ok(())
}

impl Moment {
    async fn read(session: &Session) -> Result<Self> {
        let script = "
            const rate = document.querySelector('[data-testid=camera-rate]');
            const all = (css, names) => [...document.querySelectorAll(css)]
                .map(element => names.map(name => Number(element.dataset[name])));
            return {
                rate: [Number(rate?.dataset.fps), Number(rate?.dataset.milliseconds)],
                boxes: all('div[data-testid=face]', ['x', 'y', 'width', 'height']),
                ages: all('[data-testid=estimate]', ['years', 'rawYears']),
                nobody: document.querySelector('[data-testid=no-face]') !== null,
            };";
        let data = session.script(script).await?;
        let [per_second, milliseconds] = numbers(&data["rate"])?;
        let list = |name: &str| data[name].as_array().with_context(|| format!("no list of {name}: {data}"));
        let boxes = list("boxes")?.iter().map(numbers::<4>).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            per_second,
            milliseconds,
            boxes: boxes.into_iter().map(|place| place.map(|value| value as f32)).collect(),
            ages: list("ages")?.iter().map(numbers).collect::<Result<_>>()?,
            nobody: data["nobody"] == true,
        })
    }
}

fn numbers<const N: usize>(data: &Value) -> Result<[f64; N]> {
    let list = data.as_array().map(Vec::as_slice).unwrap_or_default();
    let numbers: Option<Vec<f64>> = list.iter().map(Value::as_f64).collect();
    numbers.and_then(|numbers| numbers.try_into().ok()).with_context(|| format!("not {N} numbers: {data}"))
}
