//! Buffers, and programs that are sent to work on them.

use burn::backend::wgpu::{CubeDim, CubeTensor, KernelSource, SourceKernel, SourceTemplate, Wgpu};
use burn::tensor::{Device, Tensor};
use cubecl::prelude::{CubeCount, KernelId};
use cubecl::server::{Handle, KernelArguments};

use super::shader::{self, Convolution, Depth, PIXELS, WORKGROUP};
use crate::engine::{DeviceEngine, DeviceError, Engine};
use crate::layers::{Activation, Pool, Step, by_place};

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
    /// `None` if the device's tensors do not lie in the memory of WebGPU.
    pub fn new(device: &Device) -> Option<Self> {
        let anchor = Tensor::<1>::from_data([0f32], device).try_into_primitive::<Wgpu>().ok()?;
        Some(Self { anchor })
    }

    /// Sends off what was launched, though nobody reads it yet.
    pub(crate) fn flush(&self) {
        // Whatever goes wrong is found out by whoever reads.
        let _ = self.anchor.client.flush();
    }

    fn upload(&self, values: &[f32]) -> Handle {
        let mut bytes = vec![0; size_of_val(values)];
        bytes.as_chunks_mut().0.iter_mut().zip(values).for_each(|(bytes, value)| *bytes = value.to_le_bytes());
        self.anchor.client.create_from_slice(&bytes)
    }

    fn sizes(&self, sizes: &[usize]) -> Handle {
        let bytes: Vec<u8> = sizes.iter().flat_map(|size| (*size as i32).to_le_bytes()).collect();
        self.anchor.client.create_from_slice(&bytes)
    }

    fn launch(&self, program: Program, count: [usize; 3], buffers: Vec<&Handle>) {
        let [x, y, z] = count.map(|count| count as u32);
        let buffers = buffers.into_iter().map(|handle| handle.clone().binding()).collect();
        let workgroup = CubeDim::new_2d(WORKGROUP[0] as u32, WORKGROUP[1] as u32);
        let kernel = Box::new(SourceKernel::new(program, workgroup));
        self.anchor.client.launch(kernel, CubeCount::Static(x, y, z), KernelArguments::new().with_buffers(buffers));
    }

    fn empty(&self, numbers: usize) -> Handle {
        self.anchor.client.empty(numbers * size_of::<f32>())
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
    step: Step,
}

/// A 3x3 convolution that keeps channels apart, with its bias.
#[derive(Clone, Debug)]
pub struct Depthwise {
    weight: Handle,
    bias: Handle,
    stride: usize,
}

/// Workgroups for so many fours of channels, places and images.
fn workgroups(fours: usize, places: usize, batch: usize) -> [usize; 3] {
    [fours.div_ceil(WORKGROUP[0]), places.div_ceil(WORKGROUP[1]), batch]
}

/// How programs are told of an activation.
fn number(then: Activation) -> usize {
    match then {
        Activation::Linear => 0,
        Activation::Relu => 1,
        Activation::Relu6 => 2,
    }
}

impl Engine for Graphics {
    const CHANNELS: usize = 4;

    type Map = Map;
    type Conv = Conv;
    type Depthwise = Depthwise;

    fn conv(&self, weight: &[f32], bias: Vec<f32>, shape: [usize; 4], step: Step, _map: usize) -> Conv {
        let [out, channels, side, _] = shape;
        assert_eq!((weight.len(), bias.len(), out % 4), (out * channels * side * side, out, 0), "weights do not fit");
        Conv { weight: self.upload(&by_place(weight, shape)), bias: self.upload(&bias), out, side, step }
    }

    fn depthwise(&self, weight: &[f32], bias: Vec<f32>, stride: usize) -> Depthwise {
        assert_eq!((weight.len(), bias.len() % 4), (9 * bias.len(), 0), "weights do not fit the bias");
        let weight = self.upload(&by_place(weight, [bias.len(), 1, 3, 3]));
        Depthwise { weight, bias: self.upload(&bias), stride }
    }

    fn convolve(&self, conv: &Conv, x: &Map, shortcut: Option<&Map>, then: Activation) -> Map {
        let Conv { out, side, step, .. } = *conv;
        let [rows, columns] = [x.height, x.width].map(|length| step.fit(length, side));
        let (height, width) = (rows.places, columns.places);
        let (fours, pieces) = (out / 4, width.div_ceil(PIXELS));
        let depth = if x.planes { x.channels } else { x.channels / 4 };
        let (then, added) = (number(then), usize::from(shortcut.is_some()));
        let (program, sizes, count) = if (side, step.stride, x.planes) == (1, 1, false) {
            let pixels = x.batch * height * width;
            let sizes = vec![pixels, depth, fours, then, added];
            (Program::Product, sizes, workgroups(fours, pixels.div_ceil(PIXELS), 1))
        } else {
            let mut sizes = vec![x.height, x.width, depth, height, width, fours, pieces];
            sizes.extend([then, added, rows.before, columns.before]);
            let program = Program::Convolution(Convolution { side, stride: step.stride, planes: x.planes });
            (program, sizes, workgroups(fours, pieces * height, x.batch))
        };
        let (sizes, values) = (self.sizes(&sizes), self.empty(x.batch * height * width * out));
        let shortcut = shortcut.unwrap_or(x);
        let buffers = vec![&x.values, &conv.weight, &conv.bias, &sizes, &shortcut.values, &values];
        self.launch(program, count, buffers);
        Map { batch: x.batch, height, width, channels: out, planes: false, values }
    }

    fn convolve_depthwise(&self, conv: &Depthwise, x: &Map, then: Activation) -> Map {
        let stride = conv.stride;
        let [rows, columns] = [x.height, x.width].map(|length| Step::same(stride).fit(length, 3));
        let (height, width) = (rows.places, columns.places);
        let (fours, pieces) = (x.channels / 4, width.div_ceil(PIXELS));
        let sizes = [x.height, x.width, fours, height, width, pieces, number(then), rows.before, columns.before];
        let (sizes, values) = (self.sizes(&sizes), self.empty(x.batch * height * width * x.channels));
        let buffers = vec![&x.values, &conv.weight, &conv.bias, &sizes, &values];
        self.launch(Program::Depthwise(Depth { stride }), workgroups(fours, pieces * height, x.batch), buffers);
        Map { height, width, values, ..x.clone() }
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

impl DeviceEngine for Graphics {
    fn map(&self, planes: &[f32], [batch, channels, height, width]: [usize; 4]) -> Map {
        Map { batch, height, width, channels, planes: true, values: self.upload(planes) }
    }

    async fn read(&self, maps: Vec<Map>) -> Result<Vec<Vec<f32>>, DeviceError> {
        debug_assert!(maps.iter().all(|map| !map.planes), "what came from outside is read again");
        let read = self.anchor.client.read_async(maps.into_iter().map(|map| map.values).collect()).await;
        let numbers = |bytes: &[u8]| bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        Ok(read
            .map_err(|error| DeviceError::Stopped(format!("{error:?}")))?
            .iter()
            .map(|bytes| numbers(bytes))
            .collect())
    }
}

/// What the GPU runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Program {
    Convolution(Convolution),
    Product,
    Depthwise(Depth),
    MaxPool,
    AddDoubled,
}

impl KernelSource for Program {
    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(match self {
            Self::Convolution(convolution) => convolution.text(),
            Self::Product => shader::product(),
            Self::Depthwise(depth) => depth.text(),
            Self::MaxPool => shader::max_pool(),
            Self::AddDoubled => shader::add_doubled(),
        })
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info(*self)
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}
