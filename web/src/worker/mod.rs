//! The bridge to a Web Worker: one way for the page to the estimator, for the estimator to its helper, and for the page to
//! the scorer.
//!
//! A message is an array: a request or a reply as serde-wasm-bindgen writes it, and what goes beside it. Buffers beside it
//! are given away, everything else is copied or, like files, handed over. [`bridge`] keeps the books and is tested with a
//! port that is none; `port` is a real worker from outside, `host` from inside.

pub mod bridge;
#[cfg(target_arch = "wasm32")]
pub mod host;
#[cfg(target_arch = "wasm32")]
pub mod port;

/// What a reply is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The program runs and takes messages.
    Listening,
    /// This request; more replies to it follow.
    More(u32),
    /// This request, for the last time.
    Last(u32),
    /// The worker itself, without having been asked.
    Worker,
}

/// A request of a worker's protocol.
pub trait Request {
    /// Takes back the request of this number; `None`: that is not possible, its reply is only not read.
    fn cancel(_request: u32) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }
}

/// A reply of a worker's protocol.
pub trait Reply {
    /// What it is about.
    fn about(&self) -> About;

    /// The worker cannot go on, for this reason.
    fn broken(reason: String) -> Self;
}
