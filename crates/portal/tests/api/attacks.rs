//! An attacker with twenty teams and a hundred submissions against a contest: what can be learnt of single images.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::Value;

use super::contests::{file, truth, with_contest};
use crate::support::{TestApp, public};

const TEAMS: usize = 20;
const EACH: usize = 5;

/// The attacker's guess for each image, and how the answers of a contest change it.
struct Attacker<'a> {
    app: &'a TestApp,
    tokens: Vec<String>,
    sent: usize,
    /// The constant that minimises the error of all: what is guessed without any answer.
    base: f64,
}

impl Attacker<'_> {
    /// Submits and returns the MAE that was told, if any.
    async fn ask(&mut self, predict: impl Fn(usize) -> f64) -> Option<f64> {
        let token = &self.tokens[self.sent / EACH];
        self.sent += 1;
        let file = file(&truth(), |number, _| predict(number));
        let reply = self.app.submit(token, "race", public("Probe"), file.as_bytes()).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.text());
        reply.json()["row"]["scores"]["mae"].as_f64()
    }

    fn left(&self) -> usize {
        TEAMS * EACH - self.sent
    }

    fn fresh_team(&self) -> bool {
        self.sent.is_multiple_of(EACH)
    }
}

async fn attacker(app: &TestApp) -> Attacker<'_> {
    let mut tokens = Vec::new();
    for number in 0..TEAMS {
        tokens.push(app.team(&format!("Sock {number}")).await);
    }
    let mut ages: Vec<f64> = truth().into_iter().map(|(_, age)| age).collect();
    ages.sort_by(f64::total_cmp);
    Attacker { app, tokens, sent: 0, base: ages[ages.len() / 2] }
}

/// Shares of the images whose guess is within a year, on the public and on the private part.
fn hits(app: &TestApp, guess: impl Fn(usize) -> f64) -> [f64; 2] {
    let division = &app.portal.hidden["race"].division;
    let (mut hits, mut all) = ([0.0; 2], [0.0; 2]);
    for (number, (_, age)) in truth().iter().enumerate() {
        let part = usize::from(division.is_private(number));
        all[part] += 1.0;
        hits[part] += f64::from((guess(number) - age).abs() <= 1.0);
    }
    [hits[0] / all[0], hits[1] / all[1]]
}

/// The best that a constant can do, on each part.
fn constant(app: &TestApp) -> [f64; 2] {
    let all = (0..=120).map(|age| hits(app, |_| f64::from(age)));
    all.fold([0.0; 2], |best: [f64; 2], own| [best[0].max(own[0]), best[1].max(own[1])])
}

fn judge(app: &TestApp, name: &str, guess: impl Fn(usize) -> f64) {
    let (own, known) = (hits(app, guess), constant(app));
    println!("{name}: within a year {own:.3?} of the public and private part; the best constant {known:.3?}");
    assert!(own[1] <= known[1], "{name}: {own:?} {known:?}");
    assert!(own[0] <= known[0] + 0.02, "{name}: {own:?} {known:?}");
}

/// Files of one id, and comparisons of them: the first row of the table.
pub(crate) async fn single_images_cannot_be_asked(app: TestApp) {
    let app = with_contest(&app, "").await;
    let attacker = attacker(&app).await;
    let reply = app.submit(&attacker.tokens[0], "race", public("One"), b"id,age\nface-0000,50\n").await;
    assert_eq!(reply.problem(), (422, "bad-predictions".to_owned()));
    assert!(!reply.text().contains("mae"));
    judge(&app, "files of one id", |_| attacker.base);
}

/// One exact age per answer: predict 120 for one image and read its age off the change of the MAE.
pub(crate) async fn one_image_does_not_move_an_answer(app: TestApp) {
    let app = with_contest(&app, "").await;
    let mut attacker = attacker(&app).await;
    let mut guesses = BTreeMap::new();
    let mut before: Option<f64> = None;
    while attacker.left() > 0 {
        let (image, base) = (attacker.sent, attacker.base);
        if attacker.fresh_team() {
            before = attacker.ask(|_| base).await;
            continue;
        }
        // Were the answer exact: MAE' - MAE = ((120 - y) - |base - y|) / n.
        let told = attacker.ask(|number| if number == image { 120.0 } else { base }).await;
        if let (Some(told), Some(before)) = (told, before) {
            let change = (told - before) * 150.0;
            guesses.insert(image, ((120.0 + base - change) / 2.0).clamp(0.0, 120.0));
        }
    }
    assert!(guesses.is_empty(), "an answer that is no improvement says nothing: {guesses:?}");
    judge(&app, "one image at 120", |number| guesses.get(&number).copied().unwrap_or(attacker.base));
}

/// Groups instead of single images: keep what improves (Blum and Hardt's boosting attack).
pub(crate) async fn boosting_learns_no_images(app: TestApp) {
    let app = with_contest(&app, "").await;
    let mut attacker = attacker(&app).await;
    let mut guess = vec![attacker.base; truth().len()];
    let mut state = 11_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize
    };
    let mut best = f64::MAX;
    while attacker.left() > 0 {
        if attacker.fresh_team() {
            // A new team is told its first answer whatever it is.
            let current = guess.clone();
            best = attacker.ask(|number| current[number]).await.unwrap();
            continue;
        }
        let trial: Vec<f64> = guess.iter().map(|age| age + [-12.0, 0.0, 12.0][random() % 3]).collect();
        if let Some(told) = attacker.ask(|number| trial[number]).await
            && told < best
        {
            (best, guess) = (told, trial);
        }
    }
    judge(&app, "boosting", |number| guess[number]);
}

/// First answers of new teams are told whatever they are: twenty of them, each about another fifteenth of the images.
pub(crate) async fn first_answers_learn_no_images(app: TestApp) {
    let app = with_contest(&app, "").await;
    let mut attacker = attacker(&app).await;
    let base = attacker.base;
    let mut guess = vec![base; truth().len()];
    let reference = attacker.ask(|_| base).await.unwrap();
    let step = app.get("/api/v1/boards/race", "").await.json()["contest"]["steps"]["mae"].as_f64().unwrap();
    for team in 1..TEAMS {
        attacker.sent = team * EACH;
        let block = |number: usize| number % (TEAMS - 1) == team - 1;
        let told = attacker.ask(|number| if block(number) { 120.0 } else { base }).await.unwrap();
        // The mean age of the block, as far as steps tell it: about eight public images move the MAE together.
        let images = 150.0 / (TEAMS - 1) as f64;
        let mean = (120.0 - (told - reference) * 150.0 / images).clamp(0.0, 120.0);
        for (_, own) in guess.iter_mut().enumerate().filter(|(number, _)| block(*number)) {
            *own = if (mean - base).abs() > step { mean } else { base };
        }
    }
    judge(&app, "first answers", |number| guess[number]);
}

/// The whole table of answers holds no number with more digits than its step.
pub(crate) async fn answers_are_whole_steps(app: TestApp) {
    let app = with_contest(&app, "").await;
    let mut attacker = attacker(&app).await;
    for _ in 0..TEAMS {
        attacker.sent = attacker.sent.next_multiple_of(EACH);
        let shift = attacker.sent as f64 / 7.0;
        attacker.ask(|number| 40.0 + shift + (number % 9) as f64).await.unwrap();
    }
    let page = app.get("/api/v1/boards/race", &attacker.tokens[0]).await.json();
    let steps = page["contest"]["steps"].as_object().unwrap();
    for row in page["board"]["rows"].as_array().unwrap() {
        for (column, value) in row["scores"].as_object().unwrap() {
            let (value, step): (f64, f64) = (value.as_f64().unwrap(), steps[column].as_f64().unwrap());
            assert!(((value / step).round() * step - value).abs() < 1e-5, "{column} {value} {step}");
        }
    }
    assert!(page["board"]["rows"].as_array().unwrap().iter().all(|row| row["scores"]["aar"] == Value::Null));
}
