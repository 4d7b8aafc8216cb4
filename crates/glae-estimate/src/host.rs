//! What surrounds the pipeline.

use glae_model::{Estimate, EstimateError, Inference};

use crate::finder::Searched;

/// The program that the pipeline runs in: it has a clock, and may have more than one worker to compute with.
pub trait Host {
    /// Milliseconds since any moment that stays the same.
    fn now(&self) -> f64 {
        0.0
    }

    /// Hears before each tile of a closer look how far that is, and says whether to go on. Faces found until then stay.
    fn goes_on(&self, _step: Searched) -> impl Future<Output = bool> {
        std::future::ready(true)
    }

    /// The ages of straightened faces (RGB8, at most [`TOGETHER`](crate::TOGETHER) of them), in their order.
    fn estimate(
        &self,
        network: &Inference,
        crops: &[&[u8]],
    ) -> impl Future<Output = Result<Vec<Estimate>, EstimateError>> {
        network.estimate(crops)
    }
}

/// One worker without a clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Host for Alone {}
