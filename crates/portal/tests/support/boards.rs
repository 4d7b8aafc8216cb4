//! Three small boards: `open` (public truth), `secret` (hidden truth), `yours` (no truth here).

use std::{fs, path::Path};

/// The truth of `open`.
pub const OPEN: [(&str, f64); 6] =
    [("img-a", 4.0), ("img-b", 4.0), ("img-c", 30.0), ("img-d", 31.0), ("img-e", 70.0), ("img-f", 88.0)];

/// The truth of `secret`. The ids and ages are like nothing else, so that a search for them finds only a leak.
pub const HIDDEN: [(&str, f64); 5] = [
    ("zqx-91027", 17.359),
    ("zqx-55310", 23.8713),
    ("zqx-70046", 45.9127),
    ("zqx-12844", 66.4431),
    ("zqx-38291", 81.7717),
];

/// Predictions that are `error` years too old, for the ids of `truth`.
pub fn predictions(truth: &[(&str, f64)], error: f64) -> String {
    let rows: String = truth.iter().map(|(id, age)| format!("{id},{}\n", (age + error).round())).collect();
    format!("id,age\n{rows}")
}

/// Writes the boards into both folders.
pub fn write_boards(public: &Path, data: &Path) {
    let shown = public.join("boards");
    let hidden = data.join("boards");
    fs::create_dir_all(shown.join("open")).unwrap();
    fs::create_dir_all(&hidden).unwrap();
    let computed = "[[rows]]\nid = \"shipped\"\nmethod = \"Shipped\"\nexternal_data = \"none\"\n\
        origin = { kind = \"computed\" }\npredictions = \"open/shipped.csv\"\n\n\
        [[rows]]\nid = \"paper\"\nmethod = \"From a paper\"\nexternal_data = \"used\"\n\
        origin = { kind = \"reported\", source = \"[GLAE] Table V\" }\nscores = { cmae = 2.5, mae = 2.0 }\n";
    for (folder, id, truth, rows) in
        [(&shown, "open", "public", computed), (&shown, "secret", "hidden", ""), (&shown, "yours", "yours", "")]
    {
        fs::write(folder.join(format!("{id}.toml")), board(id, truth, 3, rows)).unwrap();
    }
    fs::write(shown.join("open.truth.csv"), truth_file(&OPEN)).unwrap();
    fs::write(shown.join("open/shipped.csv"), predictions(&OPEN, 4.0)).unwrap();
    fs::write(hidden.join("secret.truth.csv"), truth_file(&HIDDEN)).unwrap();
}

/// The text of a board's file without rows.
pub fn board_text(id: &str, truth: &str, per_day: u32) -> String {
    board(id, truth, per_day, "")
}

/// The text of a board's file.
pub fn board(id: &str, truth: &str, per_day: u32, rows: &str) -> String {
    format!(
        "id = \"{id}\"\ntitle = \"Board {id}\"\nmeasures = \"Years.\"\nprotocol = \"Any.\"\ntruth = \"{truth}\"\n\
         primary = \"cmae\"\ncolumns = [\"cmae\", \"mae\"]\nsubmissions_per_day = {per_day}\n\n\
         [dataset]\nname = \"Drawn\"\nlicence = \"None\"\nsource = \"https://example.org/\"\n\n{rows}"
    )
}

/// The text of a truth file.
pub fn truth_file(truth: &[(&str, f64)]) -> String {
    let rows: String = truth.iter().map(|(id, age)| format!("{id},{age}\n")).collect();
    format!("id,age\n{rows}")
}
