//! Engines compute folded networks: CPU layers, WebGPU programs, or tensors of a Burn backend. Which of them serves a device
//! is decided here, for the age network and the detector alike.

use std::convert::Infallible;
use std::fmt::Debug;
use std::marker::PhantomData;

use burn::tensor::Device;

#[cfg(feature = "cpu")]
use crate::cpu;
#[cfg(all(feature = "gpu", target_family = "wasm"))]
use crate::gpu;
use crate::layers::{Activation, Pool, Step};
#[cfg(feature = "tensors")]
use crate::tensors::Tensors;
use crate::weights::WeightsError;

/// The layers that folded networks are made of. What a layer gives may be numbers, or, in the graph of an ONNX file, the name
/// of what will be.
pub trait Engine: Clone + Debug {
    /// Channels of a map are a multiple of this, but for those of what comes from outside.
    const CHANNELS: usize = 1;

    /// Activations.
    type Map;
    /// A convolution that sees all channels, with its bias.
    type Conv: Clone + Debug;
    /// A 3x3 convolution that keeps channels apart, with its bias.
    type Depthwise: Clone + Debug;

    /// # Shapes
    /// - `weight`: `[out, channels, side, side]` in row-major order; `bias`: `[out]`
    ///
    /// `map` is the smaller side of the maps that come, 0 if unknown.
    fn conv(&self, weight: &[f32], bias: Vec<f32>, shape: [usize; 4], step: Step, map: usize) -> Self::Conv;

    /// A 3x3 convolution that keeps channels apart, with [`crate::layers::Padding::Same`], which is one pixel all round at
    /// stride 1.
    ///
    /// # Shapes
    /// - `weight`: `[channels, 1, 3, 3]` in row-major order; `bias`: `[channels]`
    fn depthwise(&self, weight: &[f32], bias: Vec<f32>, stride: usize) -> Self::Depthwise;

    /// The convolution, then the shortcut added, then the activation.
    fn convolve(&self, conv: &Self::Conv, x: &Self::Map, shortcut: Option<&Self::Map>, then: Activation) -> Self::Map;

    /// The convolution, then the activation.
    fn convolve_depthwise(&self, conv: &Self::Depthwise, x: &Self::Map, then: Activation) -> Self::Map;

    /// The one behind the other, each with the activation behind it.
    fn convolve_then_depthwise(
        &self,
        conv: &Self::Conv,
        depthwise: &Self::Depthwise,
        x: &Self::Map,
        [middle, then]: [Activation; 2],
    ) -> Self::Map {
        self.convolve_depthwise(depthwise, &self.convolve(conv, x, None, middle), then)
    }

    /// The same, and then the largest of each square of two by two pixels.
    fn convolve_then_depthwise_halved(
        &self,
        conv: &Self::Conv,
        depthwise: &Self::Depthwise,
        x: &Self::Map,
        then: [Activation; 2],
    ) -> Self::Map {
        self.max_pool(&self.convolve_then_depthwise(conv, depthwise, x, then), Pool::HALF)
    }

    /// Both convolutions in the other order.
    fn depthwise_then_convolve(
        &self,
        depthwise: &Self::Depthwise,
        conv: &Self::Conv,
        x: &Self::Map,
        [middle, then]: [Activation; 2],
    ) -> Self::Map {
        self.convolve(conv, &self.convolve_depthwise(depthwise, x, middle), None, then)
    }

    /// The largest of each square; padding is -inf, so it never wins the maximum.
    fn max_pool(&self, x: &Self::Map, pool: Pool) -> Self::Map;

    /// The sum of a map and of one of half its size, whose pixels count four times each.
    fn add_doubled(&self, x: Self::Map, half: &Self::Map) -> Self::Map;
}

/// An engine of a device: numbers go in and come out.
pub trait DeviceEngine: Engine {
    /// From planes, `[batch, channels, height, width]` of this shape.
    fn map(&self, planes: &[f32], shape: [usize; 4]) -> Self::Map;

    /// All layers of a network, one after the other.
    fn at_once<T>(&self, work: impl FnOnce() -> T) -> T {
        work()
    }

    /// The numbers of maps, `[batch, height, width, channels]` each, all with one wait for the device.
    ///
    /// # Errors
    /// A device that fails.
    fn read(&self, maps: Vec<Self::Map>) -> impl Future<Output = Result<Vec<Vec<f32>>, DeviceError>>;
}

/// A network for training that has a folded form for inference.
pub trait Foldable {
    /// The folded form on an engine.
    type On<E: Engine>: Clone + Debug;
    /// What it is made of.
    type Weights<'a>: Copy;

    /// Folds the weights and puts them onto the engine.
    ///
    /// # Errors
    /// An array is missing or has another shape, or the engine cannot compute the architecture.
    fn on<E: Engine>(weights: Self::Weights<'_>, engine: &E) -> Result<Self::On<E>, WeightsError>;

    /// The maps that are the network's answer to a map of pixels.
    fn maps<E: Engine>(net: &Self::On<E>, engine: &E, pixels: &E::Map) -> Vec<E::Map>;
}

/// A folded network on the fastest engine of its device.
#[derive(Clone, Debug)]
pub enum Placed<N: Foldable> {
    /// Burn's tensors, on any device.
    #[cfg(feature = "tensors")]
    Tensors(Tensors, Box<N::On<Tensors>>),
    /// CPU layers.
    #[cfg(feature = "cpu")]
    Processor(cpu::Processor, Box<N::On<cpu::Processor>>),
    /// WebGPU programs.
    #[cfg(all(feature = "gpu", target_family = "wasm"))]
    Graphics(Box<gpu::Graphics>, Box<N::On<gpu::Graphics>>),
    /// Nothing is this: programs without an engine know the type all the same.
    Nowhere(Infallible, PhantomData<N>),
}

impl<N: Foldable> Placed<N> {
    /// Folds the weights and puts them onto the device.
    ///
    /// # Errors
    /// As [`Foldable::on`], or no engine that this crate was built with serves the device.
    pub fn new(weights: N::Weights<'_>, device: &Device) -> Result<Self, WeightsError> {
        #[cfg(feature = "cpu")]
        if cpu::serves(device) {
            let engine = cpu::Processor::new(device);
            let net = N::on(weights, &engine)?;
            return Ok(Self::Processor(engine, Box::new(net)));
        }
        #[cfg(all(feature = "gpu", target_family = "wasm"))]
        if let Some(engine) = gpu::Graphics::new(device) {
            let net = N::on(weights, &engine)?;
            return Ok(Self::Graphics(Box::new(engine), Box::new(net)));
        }
        #[cfg(feature = "tensors")]
        {
            let engine = Tensors::new(device);
            let net = N::on(weights, &engine)?;
            Ok(Self::Tensors(engine, Box::new(net)))
        }
        #[cfg(not(feature = "tensors"))]
        {
            let _ = weights;
            Err(WeightsError::NoEngine(format!("{device:?}")))
        }
    }

    /// The maps of the answer, `[batch, height, width, channels]` each, to planes of this shape.
    ///
    /// # Errors
    /// A device that fails.
    pub async fn forward(&self, planes: &[f32], shape: [usize; 4]) -> Result<Vec<Vec<f32>>, DeviceError> {
        match self {
            #[cfg(feature = "tensors")]
            Self::Tensors(engine, net) => computed::<N, _>(engine, net, planes, shape).await,
            #[cfg(feature = "cpu")]
            Self::Processor(engine, net) => computed::<N, _>(engine, net, planes, shape).await,
            #[cfg(all(feature = "gpu", target_family = "wasm"))]
            Self::Graphics(engine, net) => computed::<N, _>(engine.as_ref(), net, planes, shape).await,
            Self::Nowhere(never, _) => {
                let _ = (planes, shape);
                match *never {}
            }
        }
    }
}

#[cfg(any(feature = "tensors", feature = "cpu", all(feature = "gpu", target_family = "wasm")))]
async fn computed<N: Foldable, E: DeviceEngine>(
    engine: &E,
    net: &N::On<E>,
    planes: &[f32],
    shape: [usize; 4],
) -> Result<Vec<Vec<f32>>, DeviceError> {
    let maps = engine.at_once(|| N::maps(net, engine, &engine.map(planes, shape)));
    engine.read(maps).await
}

/// Why a device gave no numbers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// What it was sent failed, or it was lost: the backend's own words.
    #[error("the device stopped computing: {0}")]
    Stopped(String),
    /// It gave numbers of another kind or another number of them: whose fault, and what was expected.
    #[error("the device gave something else than asked for: {0}")]
    Garbled(String),
    /// It gave NaN or infinity.
    #[error("the device gave numbers that are not finite")]
    NotFinite,
}

impl DeviceError {
    /// Numbers that are all finite.
    ///
    /// # Errors
    /// [`Self::NotFinite`]
    pub fn finite(numbers: Vec<f32>) -> Result<Vec<f32>, Self> {
        if numbers.iter().all(|number| number.is_finite()) { Ok(numbers) } else { Err(Self::NotFinite) }
    }
}
