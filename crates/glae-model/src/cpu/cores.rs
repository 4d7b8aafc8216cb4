//! How the processor's cores share the work of a layer.

#[cfg(not(target_family = "wasm"))]
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(not(target_family = "wasm"))]
use std::time::{Duration, Instant};

/// So long the other cores stay awake for the next layer. To wake one takes as long as a small layer, and on a machine that is
/// one of several on a processor longer.
#[cfg(not(target_family = "wasm"))]
const AWAKE: Duration = Duration::from_micros(500);

/// Does work of many parts, one after the other, each of which all cores share: between the parts the other cores stay awake.
pub fn together<T>(work: impl FnOnce() -> T) -> T {
    #[cfg(not(target_family = "wasm"))]
    if cores() > 1 {
        let done = AtomicBool::new(false);
        return rayon::in_place_scope(|scope| {
            (1..cores()).for_each(|_| scope.spawn(|_| stay_awake(&done)));
            let answer = work();
            done.store(true, Ordering::Relaxed);
            answer
        });
    }
    work()
}

/// Does what others have to share until all is done, or there was nothing for some time: this core may be the one that the work
/// waits for.
#[cfg(not(target_family = "wasm"))]
fn stay_awake(done: &AtomicBool) {
    let mut since = Instant::now();
    while !done.load(Ordering::Relaxed) && since.elapsed() < AWAKE {
        match rayon::yield_now() {
            Some(rayon::Yield::Executed) => since = Instant::now(),
            _ => std::hint::spin_loop(),
        }
    }
}

/// Cores that work at a time.
pub(super) fn cores() -> usize {
    #[cfg(not(target_family = "wasm"))]
    return rayon::current_num_threads();
    #[cfg(target_family = "wasm")]
    1
}

/// Does the same to each piece of so many numbers, with its index; on several cores where there are.
pub(super) fn each(values: &mut [f32], length: usize, work: impl Fn(usize, &mut [f32]) + Send + Sync) {
    all(values.chunks_exact_mut(length).collect(), 4, work);
}

/// Does the same to each piece, with its index; on several cores where there are, each taking `least` pieces or more.
#[cfg(not(target_family = "wasm"))]
pub(super) fn all<P: Send>(pieces: Vec<P>, least: usize, work: impl Fn(usize, P) + Send + Sync) {
    use rayon::prelude::*;
    pieces.into_par_iter().with_min_len(least).enumerate().for_each(|(index, piece)| work(index, piece));
}

#[cfg(target_family = "wasm")]
pub(super) fn all<P>(pieces: Vec<P>, _least: usize, work: impl Fn(usize, P)) {
    pieces.into_iter().enumerate().for_each(|(index, piece)| work(index, piece));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_that_stay_awake_hold_nothing_up() {
        // Also where those that wait are the ones that the work needs: one pool inside another's.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let sum = || {
            let mut numbers = vec![1.0; 1000];
            together(|| each(&mut numbers, 10, |index, piece| piece.fill(together(|| index as f32))));
            numbers.iter().sum::<f32>()
        };
        assert_eq!([sum(), pool.install(sum)], [49_500.0; 2]);
    }
}
