//! Files made to do harm: they are refused in time and memory that grow with their size alone.

use std::fmt::Write;

use glae_metrics::{Options, Parser, ParserLimits, Predictions, ProblemKind, Problems, Truth, Unpredicted, score};

const MILLION: usize = 1_000_000;

fn truth() -> Truth {
    Truth::parse(b"id,age\na,30\nb,40\n").unwrap()
}

#[test]
fn a_million_duplicates_are_counted_and_twenty_are_listed() {
    let file = format!("id,age\n{}", "a,30\n".repeat(MILLION));
    let problems = Predictions::parse_for(file.as_bytes(), &truth(), Unpredicted::Refused).unwrap_err();
    let duplicates = problems.of(ProblemKind::DuplicateId).unwrap();
    assert_eq!((duplicates.count, duplicates.first.len()), (MILLION as u64 - 1, <Problems>::LISTED));
    assert_eq!(duplicates.first[19], "line 22: the id \"a\" is already on line 2");
    let truth = Truth::parse(file.as_bytes()).unwrap_err();
    assert_eq!(truth.of(ProblemKind::DuplicateId).unwrap().count, MILLION as u64 - 1);
}

#[test]
fn a_million_strangers_are_counted() {
    let mut file = String::from("id,age\n");
    (0..MILLION).for_each(|id| writeln!(file, "{id:x},30").unwrap());
    let problems = Predictions::parse_for(file.as_bytes(), &truth(), Unpredicted::Refused).unwrap_err();
    // The letters a and b are hexadecimal numbers as well.
    assert_eq!(problems.of(ProblemKind::UnknownId).unwrap().count, MILLION as u64 - 2);
}

#[test]
fn a_line_of_two_gigabytes_ends_the_reading_at_the_limit() {
    let chunk = vec![b'x'; 1 << 20];
    for start in [&b""[..], b"id,age\n", b"id,age\n\"", b"{\"id\": \""] {
        let mut parser = Parser::new(ParserLimits::default());
        parser.push(start).unwrap();
        let pushed = (0..2048).take_while(|_| parser.push(&chunk).is_ok()).count();
        assert_eq!(pushed, 0, "one chunk of 1 MiB is more than a line may have");
        let problems = parser.finish().unwrap_err();
        assert_eq!(problems.of(ProblemKind::TooLong).unwrap().count, 1);
    }
}

#[test]
fn two_gigabytes_of_short_lines_end_at_the_limits() {
    let chunk = "a,30\n".repeat(1 << 16);
    let mut parser = Parser::new(ParserLimits { bytes: 4 << 20, ..ParserLimits::default() });
    parser.push(b"id,age\n").unwrap();
    let pushed = (0..7000).take_while(|_| parser.push(chunk.as_bytes()).is_ok()).count();
    assert_eq!(pushed, 12);
    let blank = "\n".repeat(1 << 20);
    let mut parser = Parser::new(ParserLimits { bytes: 4 << 20, ..ParserLimits::default() });
    assert_eq!((0..2048).take_while(|_| parser.push(blank.as_bytes()).is_ok()).count(), 4);
}

#[test]
fn ages_that_are_no_ages_are_refused_one_by_one() {
    let long = "9".repeat(60_000);
    let nested = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    for (age, kind) in [
        ("NaN", ProblemKind::NotFinite),
        ("nan", ProblemKind::NotFinite),
        ("-inf", ProblemKind::NotFinite),
        ("Infinity", ProblemKind::NotFinite),
        ("1e999", ProblemKind::NotFinite),
        ("-1e999", ProblemKind::NotFinite),
        (&long, ProblemKind::NotFinite),
        ("1e-999x", ProblemKind::NotANumber),
        ("0x1F", ProblemKind::NotANumber),
        ("0b11", ProblemKind::NotANumber),
        ("1_000", ProblemKind::NotANumber),
        ("=1+1", ProblemKind::NotANumber),
        ("3\0", ProblemKind::NotANumber),
        ("\0", ProblemKind::NotANumber),
        ("٣١", ProblemKind::NotANumber),
        ("−3", ProblemKind::NotANumber),
        ("31 years", ProblemKind::NotANumber),
        ("<script>alert(1)</script>", ProblemKind::NotANumber),
        ("120.00000000000002", ProblemKind::OutOfRange),
        ("-0.0000001", ProblemKind::OutOfRange),
        ("1e308", ProblemKind::OutOfRange),
        (&nested, ProblemKind::NotANumber),
    ] {
        let problems = Predictions::parse(format!("id,age\na,{age}\n").as_bytes()).unwrap_err();
        assert_eq!(problems.groups.iter().map(|g| (g.kind, g.count)).collect::<Vec<_>>(), [(kind, 1)], "{age:.40}");
        assert!(problems.groups[0].first[0].len() < 400, "a sentence stays a sentence");
    }
}

#[test]
fn ids_that_are_no_ids_are_refused_one_by_one() {
    let (longest, longer) = ("x".repeat(1024), "x".repeat(1025));
    for (id, kind) in [
        ("", ProblemKind::Id),
        ("\"\"", ProblemKind::Id),
        ("   ", ProblemKind::Id),
        ("a\0b", ProblemKind::Id),
        ("a\x1b[31m", ProblemKind::Id),
        ("a\x7f", ProblemKind::Id),
        ("a\rb", ProblemKind::Id),
        (&longer, ProblemKind::TooLong),
    ] {
        let problems = Predictions::parse(format!("id,age\n{id},3\n").as_bytes()).unwrap_err();
        assert_eq!(problems.groups.iter().map(|g| (g.kind, g.count)).collect::<Vec<_>>(), [(kind, 1)], "{id:.40}");
    }
    for id in [
        &longest,
        "../../etc/passwd",
        "'; DROP TABLE rows; --",
        "<img src=x>",
        "=cmd()",
        "ü中\u{202e}",
        "%00",
        "-",
        "null",
    ] {
        let predictions = Predictions::parse(format!("id,age\n{id},3\n").as_bytes()).unwrap();
        assert_eq!(predictions.id(0), id, "an id is only a name");
        assert_eq!(Predictions::parse(predictions.to_csv().as_bytes()).unwrap(), predictions);
    }
    assert!(Predictions::parse(b"{\"id\":\"a\\u0000\\nb\",\"age\":3}").is_err());
}

#[test]
fn sentences_show_what_is_invisible() {
    let problems = Predictions::parse("id,age\na,\u{202e}3\0\n".as_bytes()).unwrap_err();
    assert_eq!(problems.groups[0].first, ["line 2, age: \"\\u{202e}3\\0\" is not a number"]);
}

#[test]
fn ten_thousand_columns_are_one_row() {
    let wide = format!("id,age\na,30{}\n", ",".repeat(60_000));
    let problems = Predictions::parse(wide.as_bytes()).unwrap_err();
    assert_eq!(problems.of(ProblemKind::Columns).unwrap().count, 1);
    let header = format!("id,age{}\na,30{}\n", ",x".repeat(10_000), ",y".repeat(10_000));
    assert_eq!(Predictions::parse(header.as_bytes()).unwrap().len(), 1);
    let repeated = format!("id,age{}\na,30\n", ",id".repeat(10_000));
    assert_eq!(Predictions::parse(repeated.as_bytes()).unwrap_err().groups[0].first.len(), <Problems>::LISTED);
}

#[test]
fn ids_that_share_their_beginning_are_told_apart() {
    let beginning = "x".repeat(1000);
    let (mut truth, mut predictions) = (String::from("id,age\n"), String::from("id,age\n"));
    for id in 0..2000 {
        let _ = writeln!(truth, "{beginning}{id},30");
        let _ = writeln!(predictions, "{beginning}{},31", 1999 - id);
    }
    let truth = Truth::parse(truth.as_bytes()).unwrap();
    let predictions = Predictions::parse(predictions.as_bytes()).unwrap();
    assert_eq!(score(&truth, &predictions, &Options::default()).unwrap().mae, 1.0);
}
