//! What stops the server before it can lose anything.

use std::{fs, path::Path, time::Duration};

use portal::{
    commands::{backup::backup, doctor::examine, restore::restore},
    config::Config,
    identity::Opening,
    leftovers::{self, Swept},
    state::Portal,
    store::Location,
};

use crate::support::{OPEN, TestApp, predictions, public};

const DAY: i64 = 86_400;

/// Why a portal does not open over these places.
async fn refused(config: &Config, opening: Opening) -> String {
    match Portal::open(config.clone(), opening).await {
        Ok(_) => panic!("it opened"),
        Err(error) => format!("{error:#}"),
    }
}

async fn with_a_submission(app: &TestApp) -> String {
    let token = app.team("Ours").await;
    app.submitted(&token, "open", public("M"), &predictions(&OPEN, 1.0)).await
}

fn files(config: &Config) -> usize {
    let Location::Folder(folder) = &config.store else { panic!("a folder") };
    count(folder)
}

fn count(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let counted = entries.map(|entry| entry.unwrap().path());
    counted.map(|path| if path.is_dir() { count(&path) } else { usize::from(path.extension().is_some()) }).sum()
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, target) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() { copy_folder(&path, &target) } else { fs::copy(&path, &target).map(|_| ()).unwrap() }
    }
}

fn folder(config: &Config) -> &Path {
    match &config.store {
        Location::Folder(folder) => folder,
        Location::Url(url) => panic!("{url}"),
    }
}

pub(crate) async fn a_new_database_is_made_only_where_none_was(app: TestApp) {
    with_a_submission(&app).await;
    let elsewhere = app.elsewhere("elsewhere").await;
    for (name, places) in [
        ("an empty place", elsewhere.clone()),
        ("another database beside data and store", Config { database: elsewhere.database.clone(), ..app.config() }),
        ("an old store", Config { store: app.config().store, ..elsewhere.clone() }),
    ] {
        let said = refused(&places, Opening::Existing).await;
        assert!(said.contains("there is no portal's database") && said.contains("portal serve"), "{name}: {said}");
    }
    assert!(!elsewhere.data.exists(), "a command leaves no folder behind");

    // The database was emptied, or its address mistyped: nothing is made, nothing removed.
    let emptied = Config { database: elsewhere.database.clone(), ..app.config() };
    let said = refused(&emptied, Opening::Serving).await;
    assert!(said.contains("--new-database") && said.contains("held one before"), "{said}");
    // Not even on request, as long as the store is another's.
    let said = refused(&emptied, Opening::Anew).await;
    assert!(said.contains("belongs to one") && said.contains("portal restore"), "{said}");
    let store_only = Config { store: app.config().store, ..elsewhere.clone() };
    let said = refused(&store_only, Opening::Serving).await;
    assert!(said.contains("holds 1 files"), "{said}");
    assert_eq!(files(&app.config()), 1);

    // On request it is, with an empty store.
    let anew = Config { store: elsewhere.store.clone(), ..emptied };
    Portal::open(anew.clone(), Opening::Anew).await.unwrap().database.close().await;
    Portal::open(anew, Opening::Serving).await.unwrap().database.close().await;
}

pub(crate) async fn a_database_and_a_store_of_others_are_refused(app: TestApp) {
    with_a_submission(&app).await;
    let other = app.over(app.elsewhere("other").await).await;
    with_a_submission(&other).await;
    let mixed = Config { store: other.config().store, ..app.config() };
    let said = refused(&mixed, Opening::Serving).await;
    assert!(said.contains("belongs to another database"), "{said}");
    let mixed = Config { database: other.config().database, ..app.config() };
    let said = refused(&mixed, Opening::Serving).await;
    assert!(said.contains("data folder") && said.contains("belongs to another database"), "{said}");
    // A store that vanished.
    let empty = Config { store: Location::Folder(app.folder.path().join("nothing")), ..app.config() };
    let said = refused(&empty, Opening::Serving).await;
    assert!(said.contains("is not marked") && said.contains("1 of 1 files"), "{said}");
    assert!(!app.folder.path().join("nothing").exists());
    assert_eq!((files(&app.config()), files(&other.config())), (1, 1));
}

pub(crate) async fn a_store_newer_than_the_database_keeps_its_files(app: TestApp) {
    with_a_submission(&app).await;
    let file = app.folder.path().join("backup.tar.zst");
    backup(&app.portal, &file).await.unwrap();
    let token = app.team("Late").await;
    app.submitted(&token, "open", public("N"), &predictions(&OPEN, 2.0)).await;
    // The database of before, over the store of now.
    let older = Config { store: app.config().store, ..app.elsewhere("older").await };
    restore(&older, &file).await.unwrap();
    let older = app.over(older).await;
    older.pass(3 * DAY);
    assert_eq!(leftovers::sweep(&older.portal).await.unwrap(), Swept::default());
    assert_eq!(files(&app.config()), 2);
    let findings = examine(&older.portal, true).await.unwrap();
    assert_eq!((findings.wrong.len(), findings.notes.len()), (0, 1), "{findings:?}");
}

pub(crate) async fn a_store_older_than_the_database_is_noticed(app: TestApp) {
    let id = with_a_submission(&app).await;
    let token = app.team("Late").await;
    app.submitted(&token, "open", public("N"), &predictions(&OPEN, 2.0)).await;
    let lost = app.portal.store.list().await.unwrap()[0].clone();
    app.portal.store.remove(&lost).await.unwrap();
    let again = app.restarted().await;
    again.pass(3 * DAY);
    assert_eq!(leftovers::sweep(&again.portal).await.unwrap(), Swept::default());
    let findings = examine(&again.portal, true).await.unwrap();
    assert_eq!(findings.wrong.len(), 1);
    assert!(findings.wrong[0].contains(&lost), "{findings:?}");
    assert!(backup(&again.portal, &app.folder.path().join("b")).await.unwrap_err().to_string().contains("lacks 1"));
    assert_eq!(again.get(&format!("/api/v1/submissions/{id}"), "").await.status, 200);
}

pub(crate) async fn nothing_starts_between_the_halves_of_a_restore(app: TestApp) {
    let id = with_a_submission(&app).await;
    let file = app.folder.path().join("backup.tar.zst");
    backup(&app.portal, &file).await.unwrap();
    let whole = app.elsewhere("whole").await;
    restore(&whole, &file).await.unwrap();

    // The database is there, the files are not.
    let half = Config {
        data: app.folder.path().join("first"),
        store: Location::Folder(app.folder.path().join("first/predictions")),
        ..whole.clone()
    };
    assert!(refused(&half, Opening::Serving).await.contains("not in it"));
    assert!(refused(&half, Opening::Anew).await.contains("not in it"));
    copy_folder(folder(&whole), folder(&half));
    let started = app.over(half).await;
    assert_eq!(started.get(&format!("/api/v1/submissions/{id}/predictions"), "").await.status, 200);

    // The files are there, the database is not.
    let half = app.elsewhere("second").await;
    copy_folder(folder(&whole), folder(&half));
    for opening in [Opening::Serving, Opening::Anew] {
        assert!(refused(&half, opening).await.contains("portal restore"));
    }
    assert_eq!(files(&half), 1);
    restore(&half, &file).await.unwrap();
    let started = app.over(half.clone()).await;
    started.pass(2 * DAY);
    assert_eq!(leftovers::sweep(&started.portal).await.unwrap(), Swept::default());
    assert_eq!(started.get(&format!("/api/v1/submissions/{id}/predictions"), "").await.status, 200);
}

pub(crate) async fn the_sweep_takes_only_what_it_knows_and_little_of_it(app: TestApp) {
    with_a_submission(&app).await;
    let name = |number: usize| format!("{number:064x}");
    let announced = async |number: usize| {
        leftovers::announce(&app.portal, &name(number)).await.unwrap();
        app.portal.store.put(&name(number), b"half").await.unwrap();
    };
    app.portal.store.put(&name(1), b"a stranger").await.unwrap();
    announced(2).await;
    app.pass(DAY - 1);
    assert_eq!(leftovers::sweep(&app.portal).await.unwrap(), Swept::default(), "not a day old");
    app.pass(2);
    assert_eq!(leftovers::sweep(&app.portal).await.unwrap(), Swept { removed: 1, refused: 0 });
    assert!(app.portal.store.has(&name(1)).await.unwrap() && !app.portal.store.has(&name(2)).await.unwrap());

    for number in 3..6 {
        announced(number).await;
    }
    app.pass(2 * DAY);
    assert_eq!(leftovers::sweep(&app.portal).await.unwrap(), Swept { removed: 0, refused: 3 });
    assert_eq!(files(&app.config()), 5);
    // With three hundred files beside them they are one in a hundred.
    for number in 1000..1300 {
        app.portal.store.put(&name(number), b"a stranger").await.unwrap();
    }
    assert_eq!(leftovers::sweep(&app.portal).await.unwrap(), Swept { removed: 3, refused: 0 });
    assert_eq!(files(&app.config()), 302);
}

pub(crate) async fn a_file_that_is_announced_is_not_removed(app: TestApp) {
    let token = app.team("Ours").await;
    let id = app.submitted(&token, "open", public("M"), &predictions(&OPEN, 1.0)).await;
    let hash = app.portal.store.list().await.unwrap()[0].clone();
    // Another submission of the same file is between storing it and its transaction.
    leftovers::announce(&app.portal, &hash).await.unwrap();
    app.call("DELETE", &format!("/api/v1/submissions/{id}"), &token, None).await;
    assert!(app.portal.store.has(&hash).await.unwrap());
    leftovers::give_up(&app.portal, &hash).await;
    assert!(leftovers::remove(&app.portal, &hash).await.unwrap());
    assert!(!app.portal.store.has(&hash).await.unwrap());
}

pub(crate) async fn a_file_that_is_being_removed_is_waited_for(app: TestApp) {
    let name = format!("{:064x}", 7);
    leftovers::announce(&app.portal, &name).await.unwrap();
    let change = async |statement: &'static str| {
        let mut transaction = app.portal.database.begin().await.unwrap();
        sqlx::query(statement).bind(&name).execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
    };
    // The store is being asked.
    change("UPDATE files SET pending = -1 WHERE hash = $1").await;
    assert!(!leftovers::remove(&app.portal, &name).await.unwrap(), "it is being removed already");
    let announcing = leftovers::announce(&app.portal, &name);
    let waiting = tokio::time::timeout(Duration::from_millis(300), announcing).await;
    assert!(waiting.is_err(), "a file may be removed under the submission");
    let (announced, ()) = tokio::join!(leftovers::announce(&app.portal, &name), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        change("DELETE FROM files WHERE hash = $1").await;
    });
    announced.unwrap();
    // The process that removed it was killed.
    change("UPDATE files SET pending = -1 WHERE hash = $1").await;
    app.pass(601);
    leftovers::announce(&app.portal, &name).await.unwrap();
    assert!(!leftovers::remove(&app.portal, &name).await.unwrap(), "it is announced");
}
