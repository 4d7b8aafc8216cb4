//! Buffers, and programs that are sent to work on them.

use burn::backend::wgpu::{CubeDim, CubeTensor, KernelSource, SourceKernel, SourceTemplate, Wgpu};
use burn::tensor::{DType, Device, Shape, Tensor};
use cubecl::prelude::{CubeCount, KernelId};
use cubecl::server::{Handle, KernelArguments};

use super::shader::{self, Convolution, PIXELS, WORKGROUP};
use crate::layers::{Kit, Pool, by_place};

/// Whether tensors of this device lie where these layers work.
pub fn serves(device: &Device) -> bool {
    *device != Device::flex()
}

/// Where buffers are made and programs run.
#[derive(Clone)]
pub struct Graphics {
    /// Any tensor of the device: it knows client and device.
    anchor: CubeTensor,
}

impl std::fmt::Debug for Graphics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Graphics({:?})", self.anchor.device)
    }
}

impl Graphics {
    /// # Panics
    /// If the device is none of these ([`serves`]).
    pub fn new(device: &Device) -> Self {
        let anchor = Tensor::<1>::zeros([1], device).try_into_primitive::<Wgpu>();
        Self { anchor: anchor.expect("the device computes with WebGPU") }
    }

    fn upload(&self, values: &[f32]) -> Handle {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.anchor.client.create_from_slice(&bytes)
    }

    fn sizes(&self, sizes: &[usize]) -> Handle {
        let bytes: Vec<u8> = sizes.iter().flat_map(|size| (*size as i32).to_le_bytes()).collect();
        self.anchor.client.create_from_slice(&bytes)
    }

    fn launch(&self, program: Program, count: [usize; 3], buffers: Vec<&Handle>) {
        let [x, y, z] = count.map(|count| count as u32);
        let buffers = buffers.into_iter().map(|handle| handle.clone().binding()).collect();
        let kernel = Box::new(SourceKernel::new(program, program.workgroup()));
        self.anchor.client.launch(kernel, CubeCount::Static(x, y, z), KernelArguments::new().with_buffers(buffers));
    }

    fn empty(&self, numbers: usize) -> Handle {
        self.anchor.client.empty(numbers * size_of::<f32>())
    }

    fn tensor<const D: usize>(&self, values: Handle, shape: [usize; D]) -> Tensor<D> {
        let CubeTensor { client, device, .. } = self.anchor.clone();
        Tensor::from_primitive::<Wgpu>(CubeTensor::new_contiguous(
            client,
            device,
            Shape::new(shape),
            values,
            DType::F32,
        ))
    }

    /// A map as a tensor, `[batch, height, width, channels]`.
    pub fn pixels(&self, map: Map) -> Tensor<4> {
        let Map { batch, height, width, channels, values, .. } = map;
        self.tensor(values, [batch, height, width, channels])
    }
}

/// Activations.
#[derive(Clone, Debug)]
pub struct Map {
    batch: usize,
    height: usize,
    width: usize,
    channels: usize,
    /// Whether they lie as planes, as what comes from outside does; otherwise channels come last, and are a multiple of four.
    planes: bool,
    values: Handle,
}

/// A convolution with its bias.
#[derive(Clone, Debug)]
pub struct Conv {
    weight: Handle,
    bias: Handle,
    out: usize,
    side: usize,
    stride: usize,
}

/// A 3x3 convolution that keeps channels apart, with its bias.
#[derive(Clone, Debug)]
pub struct Depthwise {
    weight: Handle,
    bias: Handle,
}

/// Workgroups for so many fours of channels, places and images.
fn workgroups(fours: usize, places: usize, batch: usize) -> [usize; 3] {
    [fours.div_ceil(WORKGROUP[0]), places.div_ceil(WORKGROUP[1]), batch]
}

impl Kit for Graphics {
    type Map = Map;
    type Conv = Conv;
    type Depthwise = Depthwise;

    fn conv(&self, weight: &[f32], bias: Vec<f32>, shape: [usize; 4], stride: usize, _map: usize) -> Conv {
        let [out, channels, side, _] = shape;
        assert_eq!((weight.len(), bias.len(), out % 4), (out * channels * side * side, out, 0), "weights do not fit");
        Conv { weight: self.upload(&by_place(weight, shape)), bias: self.upload(&bias), out, side, stride }
    }

    fn depthwise(&self, weight: &[f32], bias: Vec<f32>) -> Depthwise {
        assert_eq!((weight.len(), bias.len() % 4), (9 * bias.len(), 0), "weights do not fit the bias");
        Depthwise { weight: self.upload(&by_place(weight, [bias.len(), 1, 3, 3])), bias: self.upload(&bias) }
    }

    fn map(&self, planes: &[f32], [batch, channels, height, width]: [usize; 4]) -> Map {
        Map { batch, height, width, channels, planes: true, values: self.upload(planes) }
    }

    fn convolve(&self, conv: &Conv, x: &Map, shortcut: Option<&Map>, activated: bool) -> Map {
        let Conv { out, side, stride, .. } = *conv;
        let [height, width] = [x.height, x.width].map(|length| (length + side / 2 * 2 - side) / stride + 1);
        let (fours, pieces) = (out / 4, width.div_ceil(PIXELS));
        let depth = if x.planes { x.channels } else { x.channels / 4 };
        let sizes = [x.height, x.width, depth, height, width, fours, pieces, usize::from(activated)];
        let (sizes, values) = (self.sizes(&sizes), self.empty(x.batch * height * width * out));
        let mut buffers = vec![&x.values, &conv.weight, &conv.bias, &sizes];
        buffers.extend(shortcut.map(|map| &map.values));
        buffers.push(&values);
        let program = Convolution { side, stride, planes: x.planes, shortcut: shortcut.is_some() };
        self.launch(Program::Convolution(program), workgroups(fours, pieces * height, x.batch), buffers);
        Map { batch: x.batch, height, width, channels: out, planes: false, values }
    }

    fn convolve_depthwise(&self, conv: &Depthwise, x: &Map, activated: bool) -> Map {
        let (fours, pieces) = (x.channels / 4, x.width.div_ceil(PIXELS));
        let sizes = self.sizes(&[x.height, x.width, fours, pieces, usize::from(activated)]);
        let values = self.empty(x.batch * x.height * x.width * x.channels);
        let buffers = vec![&x.values, &conv.weight, &conv.bias, &sizes, &values];
        self.launch(Program::Depthwise, workgroups(fours, pieces * x.height, x.batch), buffers);
        Map { values, ..x.clone() }
    }

    fn max_pool(&self, x: &Map, pool: Pool) -> Map {
        let (height, width, fours) = (pool.output(x.height), pool.output(x.width), x.channels / 4);
        let sizes = self.sizes(&[x.height, x.width, fours, height, width, pool.size, pool.stride, pool.padding]);
        let values = self.empty(x.batch * height * width * x.channels);
        let count = workgroups(fours, height * width, x.batch);
        self.launch(Program::MaxPool, count, vec![&x.values, &sizes, &values]);
        Map { height, width, values, ..x.clone() }
    }

    fn add_doubled(&self, x: Map, half: &Map) -> Map {
        let fours = x.channels / 4;
        let sizes = self.sizes(&[x.height, x.width, fours]);
        let values = self.empty(x.batch * x.height * x.width * x.channels);
        let count = workgroups(fours, x.height * x.width, x.batch);
        self.launch(Program::AddDoubled, count, vec![&x.values, &half.values, &sizes, &values]);
        Map { values, ..x }
    }
}

/// Both classifiers, where each is a 1x1 convolution and a weighted sum over pixels.
#[derive(Clone, Debug)]
pub struct Classifiers {
    share: Handle,
    weight: Handle,
    bias: Handle,
    pixels: usize,
    channels: usize,
}

/// One classifier's numbers.
#[derive(Clone, Debug)]
pub struct Classifier {
    /// `[classes, channels]`
    pub weight: Vec<f32>,
    /// `[classes]`
    pub bias: Vec<f32>,
    /// What each pixel counts, `[pixels]`.
    pub share: Vec<f32>,
    /// Added to each sum over pixels.
    pub offset: f32,
}

impl Classifiers {
    /// `None` where the workgroup cannot hold all channels.
    pub fn new(heads: &[Classifier; 2], graphics: &Graphics) -> Option<Self> {
        let pixels = heads[0].share.len();
        let channels = heads[0].weight.len() / crate::AGES;
        if channels > shader::MOST_CHANNELS {
            return None;
        }
        let padded = FOURS * 4;
        let (mut share, mut weight, mut bias) = (Vec::new(), vec![0f32; 2 * channels * padded], vec![0f32; 2 * padded]);
        for (index, head) in heads.iter().enumerate() {
            share.extend_from_slice(&head.share);
            let whole: f32 = head.share.iter().sum();
            for (class, own) in head.bias.iter().enumerate() {
                // The sum over pixels of (w x + b) and the offset behind it.
                bias[index * padded + class] = own * whole + head.offset;
                for channel in 0..channels {
                    weight[(index * channels + channel) * padded + class] = head.weight[class * channels + channel];
                }
            }
        }
        let (share, weight, bias) = (graphics.upload(&share), graphics.upload(&weight), graphics.upload(&bias));
        Some(Self { share, weight, bias, pixels, channels })
    }

    /// Logits, `[2, batch, 101]`.
    pub fn forward(&self, features: &Map, graphics: &Graphics) -> Tensor<3> {
        let batch = features.batch;
        let values = graphics.empty(2 * batch * crate::AGES);
        let sizes = graphics.sizes(&[self.pixels, self.channels, FOURS, crate::AGES, batch]);
        let buffers = vec![&features.values, &self.share, &self.weight, &self.bias, &sizes, &values];
        graphics.launch(Program::Classifiers, [batch, 2, 1], buffers);
        graphics.tensor(values, [2, batch, crate::AGES])
    }
}

/// Fours of classes.
const FOURS: usize = crate::AGES.div_ceil(4);

/// What the GPU runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Program {
    Convolution(Convolution),
    Depthwise,
    MaxPool,
    AddDoubled,
    Classifiers,
}

impl Program {
    fn workgroup(self) -> CubeDim {
        match self {
            Self::Classifiers => CubeDim::new_1d(64),
            _ => CubeDim::new_2d(WORKGROUP[0] as u32, WORKGROUP[1] as u32),
        }
    }
}

impl KernelSource for Program {
    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(match self {
            Self::Convolution(convolution) => convolution.text(),
            Self::Depthwise => shader::depthwise(),
            Self::MaxPool => shader::max_pool(),
            Self::AddDoubled => shader::add_doubled(),
            Self::Classifiers => shader::classifiers(),
        })
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info(*self)
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}
