//! What a worker adds to the pipeline: its clock, and a second worker for the mirror images.

use std::cell::RefCell;

use glae_estimate::{Host, Pipeline};
use glae_model::{Estimate, EstimateError, Inference};

use super::helper::Helper;
use crate::browser::now;

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

impl Host for Workers {
    fn now(&self) -> f64 {
        now()
    }

    async fn estimate(&self, network: &Inference, crops: &[&[u8]]) -> Result<Vec<Estimate>, EstimateError> {
        let helper = self.helper.borrow().clone();
        if let Some(helper) = helper {
            if let Ok(estimates) = network.estimate_by_two(crops, |planes| helper.logits(&planes)).await {
                return Ok(estimates);
            }
            // One that failed once is not asked again.
            self.helper.take();
        }
        network.estimate(crops).await
    }
}
