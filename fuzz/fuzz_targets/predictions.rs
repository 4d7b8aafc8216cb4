//! Any bytes are read or refused, the same however they are cut into chunks, and what was read can be written.
#![no_main]

use glae_metrics::{ParserLimits, Parser, Predictions, Problems};
use libfuzzer_sys::fuzz_target;

const LIMITS: ParserLimits = ParserLimits { rows: 1000, line_bytes: 4000, bytes: 1 << 20 };

fuzz_target!(|input: (u8, &[u8])| {
    let (cut, file) = input;
    let whole = read(file, file.len().max(1));
    assert_eq!(whole, read(file, usize::from(cut).max(1)));
    match whole {
        Ok(predictions) => {
            assert_eq!(Predictions::parse(predictions.to_csv().as_bytes()).as_ref(), Ok(&predictions));
        }
        Err(problems) => {
            assert!(problems.count() > 0 && !problems.to_string().is_empty());
            assert!(problems.groups.iter().all(|g| (1..=<Problems>::LISTED).contains(&g.first.len())));
        }
    }
});

fn read(file: &[u8], chunk: usize) -> Result<Predictions, Problems> {
    let mut parser = Parser::new(LIMITS);
    file.chunks(chunk).try_for_each(|bytes| parser.push(bytes))?;
    parser.finish()
}
