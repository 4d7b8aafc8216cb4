//! Data of earlier portals: `tests/fixtures/portal-0.1` was written by portal 0.1.0.

use std::{fs, path::PathBuf};

use portal::{
    commands::{doctor::examine, rescore::rescore, restore::restore},
    config::Config,
    database::DatabaseAddress,
};
use serde_json::json;
use sqlx::{Connection, Executor, Row};

use crate::support::{HIDDEN, OPEN, TestApp, metadata, predictions, public, submission, truth_file};

const PUBLIC: &str = "s035c2295270ea98a6e652cb6";
const PRIVATE: &str = "s7cfdbbae6c3aa24a3db826a3";
const HIDDEN_ROW: &str = "s957235e31163b84e1c95326e";

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/portal-0.1").join(name)
}

pub(crate) fn token() -> String {
    fs::read_to_string(fixture("token")).unwrap().trim().to_owned()
}

/// Puts the database of then into these places, without anything of now.
pub(crate) async fn write_database(database: &DatabaseAddress) {
    sqlx::any::install_default_drivers();
    let url = match database {
        DatabaseAddress::Sqlite(path) => {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            format!("sqlite://{}?mode=rwc", path.display())
        }
        DatabaseAddress::Postgres(url) => url.clone(),
    };
    let mut connection = sqlx::AnyConnection::connect(&url).await.unwrap();
    let text = fs::read_to_string(fixture("portal.sql")).unwrap();
    connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(text))).await.unwrap();
    connection.close().await.unwrap();
}

/// The predictions, as they lie in their folders: names and bytes.
fn stored() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for folder in fs::read_dir(fixture("predictions")).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let name = path.strip_prefix(fixture("")).unwrap().to_str().unwrap().to_owned();
            files.push((name, fs::read(path).unwrap()));
        }
    }
    files
}

async fn places(app: &TestApp, name: &str) -> Config {
    let config = app.elsewhere(name).await;
    write_database(&config.database).await;
    for (name, bytes) in stored() {
        let path = config.data.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    fs::create_dir_all(config.data.join("boards")).unwrap();
    fs::write(config.data.join("boards/secret.truth.csv"), truth_file(&HIDDEN)).unwrap();
    config
}

pub(crate) async fn data_of_an_earlier_portal_opens_unchanged(app: TestApp) {
    let config = places(&app, "old").await;
    let old = app.over(config.clone()).await;
    unchanged(&old).await;
    // The first use of its token replaced the slow hash, and the token is as good as before.
    let hash: String =
        sqlx::query("SELECT hash FROM tokens").fetch_one(old.portal.database.read()).await.unwrap().get(0);
    assert!(hash.starts_with("sha256:") && hash.len() == 71, "{hash}");
    assert_eq!(old.get("/api/v1/me", &token()).await.json()["name"], "Ours");
    let changes = rescore(&old.portal).await.unwrap();
    assert_eq!((changes.scored, changes.changed.len(), changes.failed.len()), (3, 0, 0), "{changes:?}");
    old.submitted(&token(), "open", metadata("New"), &predictions(&OPEN, 3.0)).await;
    // And again, now that it carries an identity.
    let again = app.over(config).await;
    assert_eq!(again.get("/api/v1/boards/open", &token()).await.json()["board"]["rows"].as_array().unwrap().len(), 5);
}

/// The rows, the team and the answers are those that the portal of then gave.
async fn unchanged(old: &TestApp) {
    let token = token();
    let mut wrong = token.clone();
    wrong.replace_range(token.len() - 4.., "0000");
    assert_eq!(old.get("/api/v1/me", &wrong).await.problem().0, 401);
    assert_eq!(old.get("/api/v1/me", &token).await.json(), json!({ "name": "Ours", "expires": 1_827_546_496 }));
    let row = old.get(&format!("/api/v1/submissions/{PUBLIC}"), "").await.json();
    assert_eq!(
        (&row["method"], &row["scores"]["cmae"], &row["origin"]["at"]),
        (&json!("Public one"), &json!(1.0), &json!(1_796_010_496))
    );
    assert_eq!(old.get(&format!("/api/v1/submissions/{PRIVATE}"), "").await.status, 404);
    assert_eq!(old.get(&format!("/api/v1/submissions/{PRIVATE}"), &token).await.json()["year"], 2026);
    let hidden = old.get(&format!("/api/v1/submissions/{HIDDEN_ROW}"), "").await.json();
    assert_eq!((&hidden["scores"]["cmae"], &hidden["scores"]["aar"]), (&json!(2.928), &json!(6.797)));
    let report = old.get(&format!("/api/v1/submissions/{PUBLIC}/report"), "").await.json();
    assert_eq!(report["mae"], 1.0);
    let kept = old.get(&format!("/api/v1/submissions/{PUBLIC}/predictions"), "").await.text();
    assert_eq!(kept, predictions(&OPEN, 1.0));
    // The answer to a repeated request is the one of then.
    let form = submission(&token, "open", &public("Public one").to_string(), predictions(&OPEN, 1.0).as_bytes());
    let repeated = old.send(form.header("idempotency-key", "first").body("")).await;
    assert_eq!((repeated.status.as_u16(), &repeated.json()["row"]["id"]), (201, &json!(PUBLIC)));
    let findings = examine(&old.portal, true).await.unwrap();
    assert!(findings.wrong.is_empty(), "{findings:?}");
}

pub(crate) async fn a_backup_of_an_earlier_portal_is_restored(app: TestApp) {
    // As `portal backup` of then wrote it: the SQLite file, the boards, the predictions.
    let sqlite = DatabaseAddress::Sqlite(app.folder.path().join("old.sqlite"));
    write_database(&sqlite).await;
    let file = app.folder.path().join("old.tar.zst");
    let mut archive = tar::Builder::new(zstd::Encoder::new(fs::File::create(&file).unwrap(), 3).unwrap());
    archive.append_path_with_name(app.folder.path().join("old.sqlite"), "portal.sqlite").unwrap();
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_cksum();
        archive.append_data(&mut header, name, bytes).unwrap();
    };
    add("boards/secret.truth.csv", truth_file(&HIDDEN).as_bytes());
    for (name, bytes) in stored() {
        add(&name, &bytes);
    }
    archive.into_inner().unwrap().finish().unwrap();
    let config = app.elsewhere("restored").await;
    assert_eq!(restore(&config, &file).await.unwrap().files, 3);
    unchanged(&app.over(config).await).await;
}
