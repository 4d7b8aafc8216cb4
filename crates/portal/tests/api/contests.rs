//! Contests: what they tell, whom they admit, and how they end.

use std::fs;

use axum::http::StatusCode;
use portal::{config::Config, deeds, organiser::ActingOrganiser};
use serde_json::{Value, json};

use crate::support::{NOON, TestApp, board_text, metadata, public};

const DAY: i64 = 86_400;
/// Images of the contest.
const IMAGES: usize = 300;

/// A drawn test set of ages 1 to 90, in no order.
pub(crate) fn truth() -> Vec<(String, f64)> {
    let mut state = 7_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    (0..IMAGES).map(|number| (format!("face-{number:04}"), (1 + (next() % 45) + (next() % 46)) as f64)).collect()
}

/// A predictions file of a function of the number and the true age.
pub(crate) fn file(truth: &[(String, f64)], predict: impl Fn(usize, f64) -> f64) -> String {
    let row =
        |(number, (id, age)): (usize, &(String, f64))| format!("{id},{}\n", predict(number, *age).clamp(0.0, 120.0));
    "id,age\n".to_owned() + &truth.iter().enumerate().map(row).collect::<String>()
}

/// The application with a contest board `race` that is open for thirty days; `rules` are added to its table.
pub(crate) async fn with_contest(app: &TestApp, rules: &str) -> TestApp {
    let config: Config = app.elsewhere("contest").await;
    let boards = config.data.join("boards");
    fs::create_dir_all(&boards).unwrap();
    // 2023-11-14, the day of the tests' clock.
    let table = format!(
        "[contest]\nopens = 2023-11-14T00:00:00Z\ncloses = 2023-12-14T12:00:00Z\nsubmissions_in_all = 10\n{rules}\n"
    );
    let text = board_text("race", "hidden", 5)
        .replace("primary = \"cmae\"", "primary = \"mae\"")
        .replace("[\"cmae\", \"mae\"]", "[\"mae\", \"cmae\", \"cs5\", \"aar\"]");
    fs::write(boards.join("race.toml"), format!("{text}\n{table}")).unwrap();
    let rows: String = truth().iter().map(|(id, age)| format!("{id},{age}\n")).collect();
    fs::write(boards.join("race.truth.csv"), format!("id,age\n{rows}")).unwrap();
    app.over(config).await
}

pub(crate) async fn an_open_contest_tells_little(app: TestApp) {
    let app = with_contest(&app, "").await;
    let (token, truth) = (app.team("Ours").await, truth());
    let board = app.get("/api/v1/boards/race", "").await.json();
    let contest = &board["contest"];
    assert_eq!((&contest["phase"], &contest["rules"]["closes"]), (&json!("open"), &json!(NOON + 30 * DAY)));
    // 150 images are public, so one of them can move the MAE by 0.8 years.
    let step = contest["steps"]["mae"].as_f64().unwrap();
    assert!((0.75..0.85).contains(&step), "{contest}");
    assert_eq!(contest["steps"]["aar"], Value::Null);

    let sent = file(&truth, |n, age| age + 6.0 + (n % 3) as f64);
    let first = app.submit(&token, "race", public("First"), sent.as_bytes()).await.json();
    let scores = &first["row"]["scores"];
    let told = scores["mae"].as_f64().unwrap();
    assert!(((told / step).round() * step - told).abs() < 1e-5, "{told} is no whole number of steps of {step}");
    assert_eq!((&scores["aar"], &scores["mae_young"]), (&Value::Null, &Value::Null), "only the board's columns");
    assert_eq!((&first["quota"]["left_in_all"], &first["quota"]["submissions_left"]), (&json!(9), &json!(4)));
    // A little better, or worse, or the same: not a word.
    for shift in [5.9, 6.0, 9.0] {
        let id =
            app.submitted(&token, "race", public("Again"), &file(&truth, |n, age| age + shift + (n % 3) as f64)).await;
        assert_eq!(app.get(&format!("/api/v1/submissions/{id}"), &token).await.json()["scores"], json!({}));
    }
    let id = app.submitted(&token, "race", public("Better"), &file(&truth, |_, age| age + 2.0)).await;
    assert!(app.get(&format!("/api/v1/submissions/{id}"), "").await.json()["scores"]["mae"].as_f64().unwrap() < 3.0);

    // Withdrawing does not make the next submission the first.
    app.pass(DAY);
    app.call("DELETE", &format!("/api/v1/submissions/{id}"), &token, None).await;
    let id = app.submitted(&token, "race", public("Once more"), &file(&truth, |_, age| age + 2.0)).await;
    assert_eq!(app.get(&format!("/api/v1/submissions/{id}"), &token).await.json()["scores"], json!({}));

    let other = first["row"]["id"].as_str().unwrap();
    for path in [
        format!("/api/v1/submissions/{id}/report"),
        format!("/api/v1/boards/race/rows/{id}/report"),
        format!("/api/v1/boards/race/compare?a={id}&b={other}"),
    ] {
        assert_eq!(app.get(&path, &token).await.problem(), (403, "not-yet".to_owned()), "{path}");
    }
    assert_eq!(app.get(&format!("/api/v1/boards/race/rows/{id}/worst"), &token).await.problem().0, 404);
    let others = app.team("Others").await;
    assert_eq!(app.get(&format!("/api/v1/submissions/{id}/predictions"), &others).await.problem().0, 404);
    assert_eq!(app.get(&format!("/api/v1/submissions/{id}/predictions"), &token).await.status, StatusCode::OK);
    let summary = app.get("/api/v1/boards", "").await.json();
    assert_eq!(summary.as_array().unwrap().iter().find(|board| board["id"] == "race").unwrap()["contest"], "open");

    // Every image must be predicted, and those that are missing are named by their ids' order, not the truth's.
    let reply = app.submit(&token, "race", public("Gaps"), b"id,age\nface-0007,30\n").await;
    assert_eq!(reply.problem(), (422, "bad-predictions".to_owned()));
    let named = reply.json()["problems"][0]["first"].to_string();
    assert!(named.find("face-0000").unwrap() < named.find("face-0001").unwrap(), "{named}");
}

pub(crate) async fn a_contest_ends_on_the_private_part(app: TestApp) {
    let app = with_contest(&app, "private_share = 0.5\nstep = 0.01").await;
    let truth = truth();
    let (ours, theirs, late) = (app.team("Ours").await, app.team("Theirs").await, app.team("Late").await);
    let best = app.submitted(&ours, "race", public("Best"), &file(&truth, |_, age| age + 2.0)).await;
    let chosen = app.submitted(&ours, "race", public("Chosen"), &file(&truth, |_, age| age + 4.0)).await;
    let other = app.submitted(&theirs, "race", public("Theirs"), &file(&truth, |_, age| age + 3.0)).await;
    let worse = app.submitted(&theirs, "race", public("Worse"), &file(&truth, |_, age| age + 5.0)).await;
    let choose = |token: String, id: Value| {
        let app = &app;
        async move { app.call("PUT", "/api/v1/boards/race/final", &token, Some(json!({ "submission": id }))).await }
    };
    assert_eq!(choose(ours.clone(), json!(other)).await.status, StatusCode::NOT_FOUND, "another team's");
    let entry = choose(ours.clone(), json!(chosen)).await.json();
    assert_eq!(entry, json!({ "state": "admitted", "final_submission": chosen }));

    app.pass(31 * DAY);
    assert_eq!(choose(ours.clone(), json!(best)).await.problem(), (409, "closed-board".to_owned()));
    let refused = app.submit(&late, "race", public("Late"), file(&truth, |_, age| age).as_bytes()).await;
    assert_eq!(refused.problem(), (409, "closed-board".to_owned()));
    let page = app.get("/api/v1/boards/race", "").await.json();
    assert_eq!(page["contest"]["phase"], "closed");
    let rows: Vec<_> =
        page["board"]["rows"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(rows[..2], [other.as_str(), &chosen], "the finals, best first");
    let standings = &page["standings"];
    assert_eq!((&standings[&other]["private_rank"], &standings[&other]["public_rank"]), (&json!(1), &json!(1)));
    assert_eq!((&standings[&chosen]["private_rank"], &standings[&chosen]["is_final"]), (&json!(2), &json!(true)));
    for id in [&best, &worse] {
        assert_eq!((&standings[id]["is_final"], &standings[id]["private_rank"]), (&json!(false), &Value::Null));
    }
    assert_eq!(standings[&chosen]["public_scores"]["mae"], json!(4.0));
    assert_eq!(page["board"]["rows"][0]["scores"]["mae"], json!(3.0), "the private part's, in full");
    // Now everything else is told, too.
    let report = app.get(&format!("/api/v1/submissions/{other}/report"), "").await;
    assert_eq!((report.status, &report.json()["mae"]), (StatusCode::OK, &json!(3.0)));
    assert_eq!(app.get(&format!("/api/v1/submissions/{other}/predictions"), "").await.status, StatusCode::OK);
}

pub(crate) async fn teams_are_admitted(app: TestApp) {
    let app = with_contest(&app, "admission = \"invited\"").await;
    let (token, good) = (app.team("Ours").await, file(&truth(), |_, age| age + 3.0));
    let enter = |token: String, code: Value| {
        let app = &app;
        async move { app.call("PUT", "/api/v1/boards/race/entry", &token, Some(json!({ "code": code }))).await }
    };
    assert_eq!(
        app.submit(&token, "race", public("M"), good.as_bytes()).await.problem(),
        (403, "not-admitted".to_owned())
    );
    assert_eq!(enter(token.clone(), Value::Null).await.problem().0, 403);
    assert_eq!(enter(token.clone(), json!("a guess")).await.problem().0, 403);
    let organiser = ActingOrganiser { portal: &app.portal, actor: "Ada".to_owned(), reason: "as agreed".to_owned() };
    let act = async |action: Value| organiser.act(&serde_json::from_value(action).unwrap()).await;
    let codes = act(json!({ "action": "invite", "board": "race", "count": 1 })).await.unwrap().codes;
    assert_eq!(enter(token.clone(), json!(codes[0])).await.json()["state"], "admitted");
    app.submitted(&token, "race", public("M"), &good).await;
    let others = app.team("Others").await;
    assert_eq!(enter(others.clone(), json!(codes[0])).await.problem().0, 403, "a code is for one team");
    act(json!({ "action": "admit", "board": "race", "team": "others" })).await.unwrap();
    let id = app.submitted(&others, "race", public("N"), &good).await;
    act(json!({ "action": "refuse", "board": "race", "team": "Others" })).await.unwrap();
    assert_eq!(app.submit(&others, "race", public("M"), good.as_bytes()).await.problem().0, 403);

    act(json!({ "action": "hide", "submission": id })).await.unwrap();
    assert_eq!(app.get(&format!("/api/v1/submissions/{id}"), "").await.status, StatusCode::NOT_FOUND);
    let own = app.get("/api/v1/boards/race", &others).await.json();
    assert_eq!(own["standings"][&id], json!({ "unranked": "hidden", "reason": "as agreed" }));
    act(json!({ "action": "unhide", "submission": id })).await.unwrap();
    assert_eq!(app.get(&format!("/api/v1/submissions/{id}"), "").await.status, StatusCode::OK);
    act(json!({ "action": "ban", "team": "Others" })).await.unwrap();
    assert_eq!(app.get(&format!("/api/v1/submissions/{id}"), "").await.status, StatusCode::NOT_FOUND);
    assert!(!app.get("/api/v1/boards/race", "").await.text().contains(&id));
    assert_eq!(app.submit(&others, "open", public("M"), b"").await.problem().0, 403, "on every board");
    assert_eq!(act(json!({ "action": "remove-team", "team": "Others" })).await.unwrap().removed, Some(1));
    assert_eq!(app.get("/api/v1/me", &others).await.status, StatusCode::UNAUTHORIZED);

    act(json!({ "action": "announce", "board": "race", "text": "The closing is moved." })).await.unwrap();
    act(json!({ "action": "extend", "board": "race", "until": NOON + 40 * DAY })).await.unwrap();
    app.pass(35 * DAY);
    let page = app.get("/api/v1/boards/race", "").await.json();
    assert_eq!(
        (&page["contest"]["phase"], &page["contest"]["announcement"]),
        (&json!("open"), &json!("The closing is moved."))
    );
    act(json!({ "action": "close", "board": "race" })).await.unwrap();
    assert_eq!(app.get("/api/v1/boards/race", "").await.json()["contest"]["phase"], "closed");
    assert!(
        act(json!({ "action": "extend", "board": "race", "until": NOON + 90 * DAY })).await.is_err(),
        "what is told cannot be untold"
    );
    let log = deeds::all(&app.portal.database).await.unwrap();
    let actions: Vec<_> = log.iter().map(|deed| deed.action.as_str()).collect();
    assert_eq!(
        actions,
        ["invite", "admit", "refuse", "hide", "unhide", "ban", "remove-team", "announce", "extend", "close"]
    );
    assert!(log.iter().all(|deed| deed.actor == "Ada" && deed.reason == "as agreed"));
    assert!(log.iter().all(|deed| deed.subject != "Others"), "the name goes, too: {log:?}");
}

pub(crate) async fn rows_that_equal_a_public_truth_are_not_ranked(app: TestApp) {
    let token = app.team("Ours").await;
    let downloaded = app.get("/api/v1/boards/open/truth", "").await.text();
    let jittered = downloaded.replace("img-a,4", "img-a,4.3");
    for file in [&downloaded, &jittered] {
        let id = app.submitted(&token, "open", public("First place"), file).await;
        let page = app.get("/api/v1/boards/open", "").await.json();
        assert_eq!(page["standings"][&id]["unranked"], "equals-truth");
        let last = page["board"]["rows"].as_array().unwrap().last().unwrap();
        assert_eq!((&last["method"], &last["scores"]), (&json!("First place"), &json!({})));
        assert_eq!(app.get("/api/v1/boards", "").await.json()[0]["best"], json!(2.5));
    }
}

pub(crate) async fn a_truth_with_some_ages_changed_is_not_ranked(app: TestApp) {
    let config = app.elsewhere("twenty").await;
    let boards = config.data.join("boards");
    fs::create_dir_all(&boards).unwrap();
    let truth = &truth()[..20];
    fs::write(boards.join("twenty.toml"), board_text("twenty", "public", 9)).unwrap();
    fs::write(boards.join("twenty.truth.csv"), file(truth, |_, age| age)).unwrap();
    let app = app.over(config).await;
    let token = app.team("Ours").await;
    let changed =
        |count: usize| file(truth, move |number, age| if number < count { (age + 40.0) % 100.0 } else { age + 0.4 });
    let unranked = async |id: &str| {
        app.get("/api/v1/boards/twenty", "").await.json()["standings"][id]["unranked"] == json!("equals-truth")
    };
    let two = app.submitted(&token, "twenty", public("Two"), &changed(2)).await;
    let three = app.submitted(&token, "twenty", public("Three"), &changed(3)).await;
    assert!(unranked(&two).await && !unranked(&three).await);
    // Hiding it and showing it again makes no other of it.
    let organiser = ActingOrganiser { portal: &app.portal, actor: "Ada".to_owned(), reason: "spam".to_owned() };
    let act = async |action: Value| organiser.act(&serde_json::from_value(action).unwrap()).await;
    for id in [&two, &three] {
        let before = app.get("/api/v1/boards/twenty?limit=9", "").await.json()["board"]["rows"].clone();
        assert!(act(json!({ "action": "unhide", "submission": id })).await.is_err(), "it is not hidden");
        act(json!({ "action": "hide", "submission": id })).await.unwrap();
        assert_ne!(app.get("/api/v1/boards/twenty?limit=9", "").await.json()["board"]["rows"], before);
        act(json!({ "action": "unhide", "submission": id })).await.unwrap();
        assert_eq!(app.get("/api/v1/boards/twenty?limit=9", "").await.json()["board"]["rows"], before);
    }
    assert!(unranked(&two).await && !unranked(&three).await);
}

pub(crate) async fn one_image_of_a_counted_board_is_not_first(app: TestApp) {
    let config = app.elsewhere("counted").await;
    let boards = config.data.join("boards");
    fs::create_dir_all(&boards).unwrap();
    let text = board_text("part", "hidden", 5)
        .replace("submissions_per_day", "unpredicted = \"counted\"\nsubmissions_per_day");
    fs::write(boards.join("part.toml"), text).unwrap();
    fs::write(boards.join("part.truth.csv"), "id,age,sigma\na,10,2\nb,20,2\nc,30,2\n").unwrap();
    let app = app.over(config).await;
    let token = app.team("Ours").await;
    let all = app.submitted(&token, "part", public("All"), "id,age\na,15\nb,25\nc,35\n").await;
    let one = app.submitted(&token, "part", public("One"), "id,age\na,10\n").await;
    let page = app.get("/api/v1/boards/part", "").await.json();
    assert_eq!((&page["board"]["rows"][0]["id"], &page["board"]["rows"][1]["id"]), (&json!(all), &json!(one)));
    assert_eq!(page["standings"][&one], json!({ "coverage": [1, 3], "unranked": "incomplete" }));
    assert_eq!((&page["standings"][&all], &page["board"]["rows"][1]["scores"]["cmae"]), (&Value::Null, &Value::Null));
}

pub(crate) async fn boards_without_a_contest_are_as_before(app: TestApp) {
    let token = app.team("Ours").await;
    let id = app
        .submitted(&token, "secret", metadata("M"), &crate::support::predictions(&crate::support::HIDDEN, 3.0))
        .await;
    let page = app.get("/api/v1/boards/secret", &token).await.json();
    assert_eq!((&page["contest"], &page["standings"]), (&Value::Null, &Value::Null));
    assert_eq!(page["truth_version"]["version"], 1);
    assert_eq!(app.get(&format!("/api/v1/submissions/{id}/report"), &token).await.status, StatusCode::OK);
    assert_eq!(app.get("/api/v1/boards/secret/entry", &token).await.problem().0, 404);
    assert_eq!(app.get("/api/v1/boards/secret/quota", &token).await.json().get("left_in_all"), None);
}
