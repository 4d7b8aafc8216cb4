//! What the page says is in a photograph, and whether that is what the library says.

use anyhow::{Context, Result, ensure};
use glae_estimate::Look;
use serde_json::Value;

use crate::{page::Shown, session::Session};

/// How far ages of the tiny network may be from the native ones, in years, where a face was found and straightened. Sums in
/// another order move its points by thousandths of a pixel, and roundings of the crop's pixels with them: measured, points
/// shifted by a hundredth of a pixel change these ages by up to 0.008 years, by a whole pixel by up to 1.
pub(crate) const TOLERANCE: f32 = 1e-2;

/// The same where the crop's pixels are the same: in a square chosen by hand.
pub(crate) const TOLERANCE_IN_SQUARE: f32 = 1e-3;

/// How far divergences may be from the native ones, in nats.
const MOST_NATS: f32 = 1e-3;

/// Boxes and points may differ by so many pixels of the photograph.
const MOST_PIXELS: f32 = 0.5;

/// All that is shown at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    /// `data-device` of the list.
    pub(crate) device: String,
    /// Time of the detector.
    pub(crate) detect_milliseconds: f64,
    /// From left to right.
    pub(crate) cards: Vec<Card>,
    /// On the photograph.
    pub(crate) boxes: Vec<Marked>,
}

/// What is said of one face.
#[derive(Debug, Clone)]
pub(crate) struct Card {
    /// Its estimate, if it has one.
    pub(crate) shown: Option<Shown>,
    /// Why it has none.
    pub(crate) note: Option<String>,
    /// Whether it is marked as the chosen one.
    pub(crate) chosen: bool,
    /// Whether everything behind the number is shown.
    pub(crate) detailed: bool,
}

/// A face's box on the photograph, in its pixels.
#[derive(Debug, Clone)]
pub(crate) struct Marked {
    /// Left, top, width, height.
    pub(crate) place: [f32; 4],
    pub(crate) points: [[f32; 2]; 5],
    /// Whether its button is pressed.
    pub(crate) pressed: bool,
}

impl Screen {
    /// Reads everything at one moment: the page may draw it anew between two questions.
    pub(crate) async fn read(session: &Session) -> Result<Self> {
        let script = "
            const faces = document.querySelector('[data-testid=faces]');
            return faces && {
                ...faces.dataset,
                cards: [...faces.querySelectorAll('article')].map(card => ({
                    ...card.dataset,
                    note: card.querySelector('[data-testid=face-note]')?.textContent ?? null,
                    chosen: card.classList.contains('chosen'),
                    detailed: card.querySelector('table.heads') !== null,
                })),
                boxes: [...document.querySelectorAll('button[data-testid=face]')].map(box => ({
                    ...box.dataset,
                    pressed: box.getAttribute('aria-pressed') === 'true',
                })),
            };";
        let data = session.script(script).await?;
        let word = |name: &str| data[name].as_str().with_context(|| format!("the faces have no `{name}`: {data}"));
        let list = |name: &str| data[name].as_array().with_context(|| format!("the page lists no {name}: {data}"));
        let boxes = list("boxes")?.iter().map(Marked::read).collect::<Result<Vec<_>>>()?;
        let counted: usize = word("count")?.parse()?;
        ensure!(counted == boxes.len(), "{counted} faces are counted and {} are marked", boxes.len());
        Ok(Self {
            device: word("device")?.to_owned(),
            detect_milliseconds: word("detectMilliseconds")?.parse()?,
            cards: list("cards")?.iter().map(Card::read).collect::<Result<_>>()?,
            boxes,
        })
    }

    /// Compares with what the library sees: as many faces in the same order, boxes and points within half a pixel, ages
    /// within `tolerance`, divergences, routes, and notes where there is no age. Returns the largest difference of a box or
    /// point in pixels (points are written with one decimal), and of an age in years.
    pub(crate) fn ensure_is(&self, right: &Look, tolerance: f32) -> Result<(f32, f32)> {
        let right = &right.seen;
        let counts = (self.cards.len(), self.boxes.len());
        ensure!(counts == (right.len(), right.len()), "{counts:?} cards and boxes, natively {} faces", right.len());
        let (mut pixels, mut years) = (0f32, 0f32);
        for (index, ((card, shown), right)) in self.cards.iter().zip(&self.boxes).zip(right).enumerate() {
            let face = right.face.context("a square has no box")?;
            let place = [face.x, face.y, face.width, face.height];
            let points = shown.points.as_flattened().iter().zip(face.points.as_flattened());
            let off = |(found, right): (&f32, &f32)| (found - right).abs();
            let largest = shown.place.iter().zip(&place).chain(points).map(off).fold(0.0, f32::max);
            ensure!(largest <= MOST_PIXELS, "face {index} is marked at {shown:?}, natively at {face:?}");
            pixels = pixels.max(largest);
            let (note, doubt) = (&card.note, right.doubt);
            ensure!(note.is_some() == doubt.is_some(), "face {index} has the note {note:?}, natively {doubt:?}");
            match (&card.shown, &right.estimate) {
                (Some(shown), Some(right)) => {
                    for (what, found, expected, most) in [
                        ("years", shown.years, right.years, tolerance),
                        ("kl_vanilla", shown.kl_vanilla, right.kl_vanilla, MOST_NATS),
                        ("kl_balanced", shown.kl_balanced, right.kl_balanced, MOST_NATS),
                    ] {
                        let near = (found - expected).abs() <= most;
                        ensure!(near, "face {index}, {what}: {found} in the browser, {expected} natively");
                    }
                    years = years.max((shown.years - right.years).abs());
                    let (route, expected) = (&shown.route, right.route.as_str());
                    ensure!(route == expected, "face {index} is routed to {route}, natively to {expected}");
                }
                (None, None) => ensure!(card.note.is_some(), "face {index} has neither an age nor a note"),
                (shown, right) => anyhow::bail!("face {index}: {shown:?} in the browser, {right:?} natively"),
            }
        }
        Ok((pixels, years))
    }

    /// The one face whose details are shown: its card, its box, nobody else's.
    pub(crate) fn chosen(&self) -> Result<usize> {
        let chosen: Vec<usize> = (0..self.cards.len()).filter(|index| self.cards[*index].chosen).collect();
        ensure!(chosen.len() == 1, "{chosen:?} are chosen instead of one");
        for (index, (card, shown)) in self.cards.iter().zip(&self.boxes).enumerate() {
            let own = index == chosen[0];
            ensure!(shown.pressed == own, "face {index} is marked wrongly while {chosen:?} is chosen");
            ensure!(card.detailed == (own && card.shown.is_some()), "face {index} shows its details wrongly");
        }
        Ok(chosen[0])
    }
}

impl Card {
    fn read(data: &Value) -> Result<Self> {
        let known = data["testid"] == "estimate";
        let shown = known.then(|| Shown::from_card(data)).transpose()?;
        let note = data["note"].as_str().map(str::to_owned);
        Ok(Self { shown, note, chosen: data["chosen"] == true, detailed: data["detailed"] == true })
    }
}

impl Marked {
    fn read(data: &Value) -> Result<Self> {
        let number = |text: &str| -> Result<f32> { text.parse().with_context(|| format!("{text:?} is no number")) };
        let mut place = [0.0; 4];
        for (value, name) in place.iter_mut().zip(["x", "y", "width", "height"]) {
            *value = number(data[name].as_str().with_context(|| format!("a face has no `{name}`: {data}"))?)?;
        }
        let text = data["points"].as_str().with_context(|| format!("a face has no points: {data}"))?;
        let numbers = text.split([' ', ',']).map(number).collect::<Result<Vec<f32>>>()?;
        let numbers = <[f32; 10]>::try_from(numbers).map_err(|_| anyhow::anyhow!("not five points: {text:?}"))?;
        let points = std::array::from_fn(|index| [numbers[2 * index], numbers[2 * index + 1]]);
        Ok(Self { place, points, pressed: data["pressed"] == true })
    }
}
