//! Organisers with a token: what they do, what they see, and what is written down.

use axum::{body::Body, http::Request, http::StatusCode};
use portal::token;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::contests::{file, truth, with_contest};
use crate::support::{OPEN, TestApp, predictions, public};

const DAY: i64 = 86_400;

/// An organiser's token.
async fn hired(app: &TestApp, name: &str) -> String {
    let mut transaction = app.portal.database.begin().await.unwrap();
    let (token, _) = token::issue_organiser(&mut transaction, name, app.portal.now(), 30).await.unwrap();
    transaction.commit().await.unwrap();
    token
}

async fn act(app: &TestApp, token: &str, deed: Value, reason: &str) -> crate::support::Reply {
    app.call("POST", "/api/v1/organise/deeds", token, Some(json!({ "deed": deed, "reason": reason }))).await
}

pub(crate) async fn organisers_act_with_their_token(app: TestApp) {
    let app = with_contest(&app, "admission = \"approved\"").await;
    let (ada, team) = (hired(&app, "Ada").await, app.team("Ours").await);
    // Neither kind of token does for the other, and none is not enough.
    for wrong in ["", &team, &ada.replace("organiser_", "organiser_0"), "glae-organiser_x"] {
        assert_eq!(app.get("/api/v1/organise", wrong).await.problem().0, 401, "{wrong}");
        let deed = json!({ "action": "close", "board": "race" });
        assert_eq!(act(&app, wrong, deed, "").await.problem().0, 401, "{wrong}");
    }
    assert_eq!(app.get("/api/v1/me", &ada).await.problem().0, 401);
    let me = app.get("/api/v1/organise", &ada).await.json();
    let contests: Vec<_> = me["boards"].as_array().unwrap().iter().filter(|one| one["is_contest"] == true).collect();
    assert_eq!((&me["name"], contests.len(), &contests[0]["id"]), (&json!("Ada"), 1, &json!("race")));

    app.call("PUT", "/api/v1/boards/race/entry", &team, Some(json!({}))).await;
    let office = async || app.get("/api/v1/organise/boards/race", &ada).await.json();
    let waiting = json!({ "team": "Ours", "state": "pending", "banned": false, "submissions": 0 });
    assert_eq!(office().await["teams"], json!([waiting]));
    let done = act(&app, &ada, json!({ "action": "admit", "board": "race", "team": "Ours" }), "known").await;
    assert_eq!((done.status, done.json()), (StatusCode::OK, json!({})));
    let id = app.submitted(&team, "race", public("M"), &file(&truth(), |_, age| age + 3.0)).await;
    act(&app, &ada, json!({ "action": "hide", "submission": id }), "spam").await;
    let seen = office().await;
    assert_eq!((&seen["teams"][0]["state"], &seen["teams"][0]["submissions"]), (&json!("admitted"), &json!(1)));
    let hidden = &seen["rows"][0];
    assert_eq!((&hidden["id"], &hidden["hidden"], &hidden["reason"]), (&json!(id), &json!(true), &json!("spam")));
    assert!(!app.get("/api/v1/boards/race", "").await.text().contains(&id));

    let codes = act(&app, &ada, json!({ "action": "invite", "board": "race", "count": 2 }), "").await.json();
    assert_eq!((codes["codes"].as_array().unwrap().len(), &office().await["invitations"]), (2, &json!(2)));

    for (deed, status) in [
        (json!({ "action": "admit", "board": "open", "team": "Ours" }), 404),
        (json!({ "action": "admit", "board": "none", "team": "Ours" }), 404),
        (json!({ "action": "ban", "team": "Nobody" }), 404),
        (json!({ "action": "hide", "submission": "s0" }), 404),
        (json!({ "action": "invite", "board": "race", "count": 0 }), 422),
        (json!({ "action": "announce", "board": "race", "text": "\u{202e}" }), 422),
        (json!({ "action": "extend", "board": "race", "until": app.portal.now() - DAY }), 422),
        (json!({ "action": "extend", "board": "race", "until": i64::MAX }), 422),
        (json!({ "action": "freeze", "board": "race" }), 403),
        (json!({ "action": "dance" }), 400),
    ] {
        assert_eq!(act(&app, &ada, deed.clone(), "").await.problem().0, status, "{deed}");
    }
    assert_eq!(act(&app, &ada, json!({ "action": "close", "board": "race" }), "").await.status, StatusCode::OK);
    let again = json!({ "action": "extend", "board": "race", "until": app.portal.now() + DAY });
    assert_eq!(act(&app, &ada, again, "").await.problem().0, 409);

    // What was refused is not in the log; the newest comes first.
    let log = app.get("/api/v1/organise/log?limit=2", &ada).await.json();
    assert_eq!(log["total"], 4);
    let whole = app.get("/api/v1/organise/log", &ada).await.json();
    let actions: Vec<_> =
        whole["deeds"].as_array().unwrap().iter().map(|deed| deed["action"].as_str().unwrap()).collect();
    // All of one second.
    assert_eq!(actions, ["close", "invite", "hide", "admit"]);
    assert!(whole["deeds"].as_array().unwrap().iter().all(|deed| deed["actor"] == "Ada"));
    assert_eq!(log["deeds"].as_array().unwrap().len(), 2);

    // Another token of the same name ends the first.
    let next = hired(&app, "Ada").await;
    assert_eq!(app.get("/api/v1/organise", &ada).await.problem().0, 401);
    app.pass(30 * DAY);
    assert_eq!(app.get("/api/v1/organise", &next).await.problem().0, 401, "it has ended");
}

pub(crate) async fn a_removed_team_leaves_no_name(app: TestApp) {
    let (ada, team) = (hired(&app, "Ada").await, app.team("Zanzibar").await);
    let said = |method: &str| json!({ "method": method, "authors": "Z. Bar", "external_data": "none", "visibility": "public" });
    let kept = app.submitted(&team, "open", said("Zmethod"), &predictions(&OPEN, 1.0)).await;
    let gone = app.submitted(&team, "open", said("Zgone"), &predictions(&OPEN, 2.0)).await;
    let frozen = act(&app, &ada, json!({ "action": "freeze", "board": "open" }), "").await.json()["frozen"].clone();
    app.call("DELETE", &format!("/api/v1/submissions/{gone}"), &team, None).await;
    act(&app, &ada, json!({ "action": "ban", "team": "Zanzibar" }), "").await;
    act(&app, &ada, json!({ "action": "unban", "team": "Zanzibar" }), "").await;
    app.pass(60);
    let done = act(&app, &ada, json!({ "action": "remove-team", "team": "zanzibar" }), "asked for").await;
    assert_eq!(done.json()["removed"], 1);

    let page = app.get("/api/v1/boards/open", "").await;
    let (tombstone, now) = (page.json()["withdrawn"][0].clone(), page.json()["frozen"][0].clone());
    assert_eq!((&tombstone["id"], &tombstone["method"], &tombstone["team"]), (&json!(gone), &json!(""), &json!("")));
    assert_ne!(now["checksum"], frozen["checksum"]);
    assert_eq!(now["revised"], json!(app.portal.now()));
    let document = app.get("/api/v1/boards/open/frozen/1", "").await;
    assert!(document.text().contains(&kept), "the row and its numbers stay");
    let log = app.get("/api/v1/organise/log", &ada).await;
    for reply in [page, document, log] {
        let text = reply.text();
        assert!(!text.contains("Zanzibar") && !text.contains("Zmethod") && !text.contains("Z. Bar"), "{text}");
    }
    assert!(app.portal.store.list().await.unwrap().is_empty());
    app.team("Zanzibar").await;
}

pub(crate) async fn a_ranking_is_frozen_and_cited(app: TestApp) {
    let (ada, team) = (hired(&app, "Ada").await, app.team("Ours").await);
    let id = app.submitted(&team, "open", public("M"), &predictions(&OPEN, 1.0)).await;
    let done = act(&app, &ada, json!({ "action": "freeze", "board": "open" }), "").await.json();
    let checksum = done["frozen"]["checksum"].as_str().unwrap().to_owned();
    app.call("DELETE", &format!("/api/v1/submissions/{id}"), &team, None).await;
    // The board goes on, what was frozen stays.
    let page = app.get("/api/v1/boards/open", "").await.json();
    assert_eq!((&page["frozen"][0]["number"], &page["frozen"][0]["checksum"]), (&json!(1), &json!(checksum)));
    let document = app.get("/api/v1/boards/open/frozen/1", "").await;
    let digest: String = Sha256::digest(&document.bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, checksum, "the checksum is of the bytes that are served");
    let ranking = document.json();
    let rows = ranking["rows"].as_array().unwrap();
    let places: Vec<_> = rows.iter().map(|row| (&row["method"], &row["place"])).collect();
    assert_eq!(
        places,
        [(&json!("M"), &json!(1)), (&json!("From a paper"), &json!(2)), (&json!("Shipped"), &json!(3)),]
    );
    assert_eq!((&ranking["truth_version"]["version"], &rows[0]["by"]), (&json!(1), &json!("Ours")));
    let cite = async |host: &str| {
        let request = Request::get("/api/v1/boards/open/frozen/1/citation").header("host", host);
        app.send(request.body(Body::empty()).unwrap()).await.text()
    };
    let citation = cite("board.example.org").await;
    for part in [
        "@misc{glae-open-1,",
        "title = {Ranking of {Board open}, frozen on 2023-11-14}",
        "year = {2023}",
        "url = {https://board.example.org/api/v1/boards/open/frozen/1}",
        &format!("3 methods, version 1 of the truth. SHA-256 {checksum}"),
    ] {
        assert!(citation.contains(part), "{part}: {citation}");
    }
    assert!(cite("127.0.0.1:8080").await.contains("{http://127.0.0.1:8080/"));
    assert!(!cite("a}b").await.contains("url"), "a host that is none is left out");
    let second = act(&app, &ada, json!({ "action": "freeze", "board": "open" }), "").await.json();
    assert_eq!(second["frozen"]["number"], 2);
    for address in ["frozen/3", "frozen/x", "frozen/3/citation"] {
        assert_eq!(app.get(&format!("/api/v1/boards/open/{address}"), "").await.problem().0, 404, "{address}");
    }
}
