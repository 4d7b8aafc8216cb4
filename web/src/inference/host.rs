//! What a worker adds to the pipeline: its clock, a second worker for the mirror images, and an end to long searches.

use std::cell::RefCell;

use glae_estimate::{Host, Pipeline, Searched};
use glae_model::{Estimate, EstimateError, Inference};

use super::helper::Helper;
use super::protocol::Reply;
use crate::browser::{next_turn, now};
use crate::worker::host::post;

/// How long a photograph may be searched for small faces, in milliseconds.
const SEARCH_MS: f64 = 20_000.0;

/// This worker and the one that helps it, if there is one.
#[derive(Default)]
pub(super) struct Workers {
    helper: RefCell<Option<Helper>>,
}

impl Workers {
    /// How many compute.
    pub(super) fn count(&self) -> u32 {
        if self.helper.borrow().is_some() { 2 } else { 1 }
    }

    /// Starts a helper. Without one, this worker computes alone.
    pub(super) async fn call_for_help(&self, pipeline: &Pipeline, weights: &[u8]) {
        if let Ok(helper) = Helper::start(pipeline.estimator().manifest(), weights).await {
            *self.helper.borrow_mut() = Some(helper);
        }
    }
}

/// The work on one request.
pub(super) struct Task<'a, W> {
    pub(super) workers: &'a Workers,
    pub(super) request: u32,
    /// When it began, by this worker's clock.
    pub(super) began: f64,
    /// Whether its answer, or a longer search for it, is still wanted.
    pub(super) is_wanted: W,
}

impl<W: Fn() -> bool> Host for Task<'_, W> {
    fn now(&self) -> f64 {
        now()
    }

    async fn goes_on(&self, step: Searched) -> bool {
        post(&Reply::Searching { request: self.request, step });
        // A message that ends the search may be waiting.
        next_turn().await;
        (self.is_wanted)() && now() - self.began < SEARCH_MS
    }

    async fn estimate(&self, network: &Inference, crops: &[&[u8]]) -> Result<Vec<Estimate>, EstimateError> {
        let helper = self.workers.helper.borrow().clone();
        if let Some(helper) = helper {
            if let Ok(estimates) = network.estimate_by_two(crops, |planes| helper.logits(&planes)).await {
                return Ok(estimates);
            }
            // One that failed once is not asked again.
            self.workers.helper.take();
        }
        network.estimate(crops).await
    }
}
