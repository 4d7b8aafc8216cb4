//! Files as spreadsheets, pandas and folders leave them, on the command line.

use std::{fs, process::Command};

use tempfile::TempDir;

/// What `portal score` prints of these files, and whether it went well.
fn score(truth: &[u8], predictions: &[u8], more: &[&str]) -> (bool, String) {
    let folder = TempDir::new().unwrap();
    let [own, theirs] = [("truth.csv", truth), ("p.csv", predictions)].map(|(name, bytes)| {
        fs::write(folder.path().join(name), bytes).unwrap();
        folder.path().join(name)
    });
    let output = Command::new(env!("CARGO_BIN_EXE_portal"))
        .args(["score", "--no-intervals", "--truth"])
        .arg(own)
        .arg("--predictions")
        .arg(theirs)
        .args(more)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

const TRUTH: &[u8] = b"id,age\na.jpg,4\nb.jpg,12\nc.jpg,23\n";

#[test]
fn what_spreadsheets_put_around_a_table_does_not_count() {
    let utf8 = |text: &str| text.as_bytes().to_vec();
    for predictions in [
        utf8("sep=;\r\nid;age\r\na.jpg;5\r\nb.jpg;13\r\nc.jpg;24\r\n"),
        utf8("\u{feff}\"sep=,\"\r\nid,age\r\na.jpg,5\r\nb.jpg,13\r\nc.jpg,24\r\n"),
        utf8("sep=\t\nid\tage\na.jpg\t5\nb.jpg\t13\nc.jpg\t24\n"),
        utf8("id,age\na.jpg,5\u{a0}\nb.jpg\u{a0},13\nc.jpg,\u{202f}24\u{a0} \n"),
        utf8("id;age;\r\na.jpg;5;\r\nb.jpg;13;\r\nc.jpg;24;\r\n"),
    ] {
        let (good, said) = score(TRUTH, &predictions, &[]);
        assert!(good && said.contains("3 images") && said.contains("MAE         1.000"), "{said}");
    }
    // Capitals, semicolons and a byte order mark in the truth.
    let truth = "\u{feff}ID;Age\r\na.jpg;4\r\nb.jpg;12\r\nc.jpg;23\r\n".as_bytes();
    assert!(score(truth, b"id,age\na.jpg,5\nb.jpg,13\nc.jpg,24\n", &[]).0);
}

#[test]
fn what_cannot_be_understood_is_named_with_the_remedy() {
    let utf16: Vec<u8> = "\u{feff}id\tage\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cases: [(&[u8], &[u8], &str); 5] = [
        (TRUTH, &utf16, "the file is UTF-16 text: save it as UTF-8"),
        (TRUTH, b"id;age\na.jpg;5,5\nb.jpg;13\nc.jpg;24\n", "write the decimal comma as a point"),
        (b"id,age,group\na.jpg,4,m\xe4nner\n", b"id,age\na.jpg,5\n", "line 2 is not UTF-8"),
        (b"id,age\n000001,31\n000022,32\n", b"id,age\n1,31\n22,32\n", "with leading zeros, 6 digits in all, all ids"),
        (
            b"id,age\n000001,31\n000022,32\n",
            b"id,age\n1.0,31\n22.0,32\n",
            "with leading zeros, 6 digits in all, all ids",
        ),
    ];
    for (truth, predictions, expected) in cases {
        let (good, said) = score(truth, predictions, &[]);
        assert!(!good && said.contains(expected), "{said}");
    }
}

#[test]
fn ids_with_a_folder_or_an_end_too_many_are_scored_when_told_so() {
    let cases: [(&[u8], [&str; 2]); 2] = [
        (b"id,age\nx/a.jpg,5\nx/b.jpg,13\nx/c.jpg,24\n", ["--strip-prefix", "x/"]),
        (b"id,age\na.jpg.0,5\nb.jpg.0,13\nc.jpg.0,24\n", ["--strip-suffix", ".0"]),
    ];
    for (predictions, option) in cases {
        let (good, said) = score(TRUTH, predictions, &[]);
        let expected = format!("without `{}` all ids would match", option[1]);
        assert!(!good && said.contains(&expected) && said.contains(option[0]), "{said}");
        let (good, said) = score(TRUTH, predictions, &option);
        assert!(good && said.contains("3 of 3 ids were shortened") && said.contains("MAE         1.000"), "{said}");
    }
    // What stays unknown is named as ever.
    let (good, said) = score(TRUTH, b"id,age\nx/a.jpg,5\n", &["--strip-prefix", "y/"]);
    assert!(
        !good && said.contains("0 of 1 ids were shortened") && said.contains("\"x/a.jpg\" is not in the truth"),
        "{said}"
    );
}
