//! Fuzzing that needs neither nightly nor a sanitizer: files that are right are damaged at random, seed after seed.
//!
//! An hour of it: `GLAE_FUZZ_SECONDS=3600 cargo test --release -p glae-metrics --test metrics mutation`. A failure names
//! its seed; `GLAE_FUZZ_SEED=...` begins there. `fuzz/` holds the same check as a coverage-guided target.

use std::time::{Duration, Instant};

use glae_metrics::{Options, Parser, ParserLimits, Predictions, Truth, Unpredicted, score};

use crate::splitmix::SplitMix;

const SEEDS: [&str; 6] = [
    "id,age\na,30\nb,40.5\nc,70\n",
    "\u{feff}age;id;route\r\n30;a;vanilla\r\n40,5;b;balanced\r\n",
    "{\"id\":\"a\",\"age\":30}\n{\"id\":\"b\",\"age\":4e1,\"route\":\"vanilla\"}\n",
    "id\tage\tsigma\tgroup\tsplit\n\"a \"\"x\"\"\"\t30\t1.5\tg\ttest\nb\t40\t0\t\t\n",
    "id,age,p_0,p_1,p_2\na,30,0.5,0.25,.25\n",
    "id,age\r\n\"a,1\",1e1\r\nb, 2 \r\n\r\nüñ,0.30000000000000004\r\n",
];

const PIECES: [&[u8]; 18] = [
    b"\n",
    b"\r",
    b",",
    b";",
    b"\t",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"1e999",
    b"NaN",
    b"p_100",
    b"id",
    b"-",
];

#[test]
fn damaged_files_are_read_or_refused() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let budget = Duration::from_secs(number("GLAE_FUZZ_SECONDS").unwrap_or(1));
    let first: u64 = number("GLAE_FUZZ_SEED").unwrap_or(0);
    let started = Instant::now();
    let mut seed = first;
    while started.elapsed() < budget {
        let file = damaged(&mut SplitMix(seed));
        let slow = Instant::now();
        let outcome = std::panic::catch_unwind(|| check(&file));
        let text = String::from_utf8_lossy(&file).into_owned();
        assert!(outcome.is_ok(), "seed {seed}: {text:?}");
        assert!(slow.elapsed() < Duration::from_secs(5), "seed {seed} hangs: {text:?}");
        seed += 1;
    }
    println!("{} damaged files", seed - first);
    assert!(seed > first);
}

/// A file that is right, with a few pieces cut out, doubled, put in or flipped.
fn damaged(random: &mut SplitMix) -> Vec<u8> {
    let mut file = SEEDS[random.below(SEEDS.len())].as_bytes().to_vec();
    for _ in 0..1 + random.below(8) {
        let at = random.below(file.len() + 1);
        let end = (at + random.below(12)).min(file.len());
        match random.below(5) {
            0 => drop(file.drain(at..end)),
            1 => drop(file.splice(at..at, PIECES[random.below(PIECES.len())].iter().copied())),
            2 => drop(file.splice(at..at, file[at..end].to_vec().repeat(1 + random.below(40)))),
            3 => file[at..end].iter_mut().for_each(|byte| *byte ^= 1 << random.below(8)),
            _ => file.extend_from_slice(SEEDS[random.below(SEEDS.len())].as_bytes()),
        }
    }
    file
}

/// What must hold for any bytes, besides not panicking.
fn check(file: &[u8]) {
    let limits = ParserLimits { rows: 1000, line_bytes: 2000, bytes: 20_000 };
    let read = |chunk: usize| {
        let mut parser = Parser::new(limits);
        file.chunks(chunk).try_for_each(|bytes| parser.push(bytes))?;
        parser.finish()
    };
    let predictions = read(file.len().max(1));
    assert_eq!(predictions, read(7), "however it is cut");
    let truth = Truth::parse(file);
    if let Ok(predictions) = &predictions {
        assert_eq!(&Predictions::parse(predictions.to_csv().as_bytes()).expect("our own file"), predictions);
    }
    if let (Ok(truth), Ok(predictions)) = (truth, predictions) {
        assert_eq!(Truth::parse(truth.to_csv().as_bytes()).expect("our own file").to_csv(), truth.to_csv());
        let options = Options { unpredicted: Unpredicted::Counted, ..Options::default() };
        if let Ok(report) = score(&truth, &predictions, &options) {
            assert_eq!((report.mae, report.exact_hits), (0.0, report.predicted), "a file is its own truth");
        }
    }
}
