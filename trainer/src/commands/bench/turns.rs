//! Engines that take turns at the same work.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::peer::Peer;
use super::report::Timing;

/// Threads that engines are measured with.
pub(super) const THREADS: [usize; 2] = [1, 2];

/// Largest difference between two engines' answers, in shares of the largest answer. f32 in another order changes a
/// millionth.
pub(super) const SAME: f32 = 1e-3;

/// Rounds that are not counted: caches fill, threads start.
const WARM_UP: usize = 3;

/// Between two measurements: other engines' threads go on spinning for a while after their work is done, and would slow
/// down whoever comes next.
const PAUSE: Duration = Duration::from_millis(30);

/// Who is measured.
pub(super) struct Contender<'a> {
    row: Timing,
    /// What the reader should know about it.
    fact: Option<String>,
    /// Works once; the milliseconds.
    run: Box<dyn FnMut() -> Result<f64> + 'a>,
}

impl<'a> Contender<'a> {
    /// One of ours.
    pub(super) fn ours(group: String, work: &str, run: impl FnMut() -> Result<f64> + 'a) -> Self {
        let row = Timing { group, engine: format!("GLAE, {work}"), ours: true, milliseconds: Vec::new() };
        Self { row, fact: None, run: Box::new(run) }
    }

    /// Another engine. It reads its own clock: the way between two processes is nobody's fault.
    pub(super) fn other(group: String, work: &str, mut peer: Peer, fact: String) -> Self {
        let engine = format!("{}, {work}", peer.hello.version);
        let row = Timing { group, engine, ours: false, milliseconds: Vec::new() };
        Self { row, fact: Some(fact), run: Box::new(move || peer.time()) }
    }
}

/// Lets everybody work `rounds` times, whoever came first in one round coming later in the next. Returns what the reader
/// must know (beside `facts`) and the rows of the table.
pub(super) fn take_turns(
    mut contenders: Vec<Contender>,
    rounds: usize,
    facts: Vec<String>,
) -> Result<(Vec<String>, Vec<Timing>)> {
    for round in 0..WARM_UP + rounds {
        let first = round % contenders.len();
        let (head, tail) = contenders.split_at_mut(first);
        for contender in tail.iter_mut().chain(head) {
            std::thread::sleep(PAUSE);
            let milliseconds = (contender.run)()?;
            if round >= WARM_UP {
                contender.row.milliseconds.push(milliseconds);
            }
        }
    }
    let mut all = vec![processor(), format!("{rounds} rounds after {WARM_UP} to warm up")];
    all.extend(facts);
    all.push(format!("ours: {} profile", if cfg!(debug_assertions) { "dev" } else { "release" }));
    for fact in contenders.iter_mut().filter_map(|contender| contender.fact.take()) {
        // Usually the same with one thread and with two.
        if !all.contains(&fact) {
            all.push(fact);
        }
    }
    let mut rows: Vec<Timing> = contenders.into_iter().map(|contender| contender.row).collect();
    rows.sort_by(|a, b| (&a.group, !a.ours).cmp(&(&b.group, !b.ours)));
    Ok((all, rows))
}

/// The milliseconds that some work takes.
pub(super) fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<f64> {
    let start = Instant::now();
    black_box(work()?);
    Ok(start.elapsed().as_secs_f64() * 1000.0)
}

pub(super) fn threads_named(threads: usize) -> String {
    format!("{threads} {}", if threads == 1 { "thread" } else { "threads" })
}

/// That another engine answers as we do, as a sentence.
///
/// # Errors
/// It does not.
pub(super) fn same(peer: &Peer, ours: &[f32]) -> Result<String> {
    let difference = difference(&peer.hello.answers, ours)?;
    let version = &peer.hello.version;
    ensure!(difference < SAME, "{version} answers otherwise than we do: by {difference:e} of the largest answer");
    Ok(format!("{version} differs from our answers by at most {difference:.1e} of the largest"))
}

/// Largest difference, in shares of the largest number of `ours`.
fn difference(theirs: &[f32], ours: &[f32]) -> Result<f32> {
    ensure!(theirs.len() == ours.len(), "{} answers instead of {}", theirs.len(), ours.len());
    let largest = ours.iter().fold(0f32, |largest, value| largest.max(value.abs()));
    ensure!(theirs.iter().all(|value| value.is_finite()), "NaN or infinity among the answers");
    Ok(theirs.iter().zip(ours).fold(0f32, |most, (a, b)| most.max((a - b).abs())) / largest)
}

/// Little-endian f32, for other engines' programs.
pub(super) fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Its name, where the system tells it, and how many cores we may use.
fn processor() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name));
    format!("{}, {cores} cores", name.unwrap_or(std::env::consts::ARCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_shares_of_the_largest_number() {
        assert_eq!(difference(&[1.0, -3.5], &[1.0, -4.0]).unwrap(), 0.125);
        assert!(difference(&[f32::NAN, 1.0], &[1.0, 1.0]).is_err());
        assert!(difference(&[1.0], &[1.0, 1.0]).is_err());
    }

    #[test]
    fn everybody_takes_as_many_turns_and_warming_up_is_not_counted() {
        let (mut first, mut second) = (0.0, 0.0);
        let contenders = vec![
            Contender::ours("b".into(), "work", || {
                first += 1.0;
                Ok(first)
            }),
            Contender::ours("a".into(), "work", || {
                second += 1.0;
                Ok(second)
            }),
        ];
        let (facts, rows) = take_turns(contenders, 4, vec!["known".into()]).unwrap();
        assert!(facts.contains(&"known".to_owned()));
        assert_eq!(rows.iter().map(|row| row.group.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let turns = |from: usize| (from..from + 4).map(|turn| turn as f64).collect::<Vec<_>>();
        assert!(rows.iter().all(|row| row.milliseconds == turns(WARM_UP + 1)));
    }
}
