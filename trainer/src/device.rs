//! Where tensors live: the only place of the trainer that names devices of a backend.

use std::sync::mpsc::{Receiver, RecvError, RecvTimeoutError, TryRecvError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use burn::module::Module;
use burn::tensor::Device;
#[cfg(any(feature = "cuda", feature = "vulkan"))]
use burn::tensor::DeviceType;
use clap::ValueEnum;

/// `--device`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DeviceArgument {
    /// CUDA, else Vulkan on a real GPU, else the CPU.
    Auto,
    /// An NVIDIA GPU through CUDA (needs the cargo feature `cuda`).
    Cuda,
    /// A GPU through Vulkan (cargo feature `vulkan`, on by default).
    Vulkan,
    /// The processor, through Flex.
    Cpu,
}

impl DeviceArgument {
    /// Opens the device and says which on standard error.
    ///
    /// # Errors
    /// A device that was asked for by name is not there.
    pub fn open(self) -> Result<Device> {
        let (device, name) = match self {
            DeviceArgument::Cpu => (cpu(), "CPU (Flex)"),
            DeviceArgument::Cuda => match cuda() {
                Some(device) => (device, "CUDA"),
                None if cfg!(feature = "cuda") => bail!("no CUDA device was found: is the NVIDIA driver installed?"),
                None => bail!("this trainer was built without CUDA: build it with `--features cuda`"),
            },
            DeviceArgument::Vulkan => match vulkan() {
                Some(device) => (device, "Vulkan"),
                None if cfg!(feature = "vulkan") => bail!("no GPU with a Vulkan driver was found: try `--device cpu`"),
                None => bail!("this trainer was built without Vulkan: build it with `--features vulkan`"),
            },
            DeviceArgument::Auto => match (cuda(), vulkan()) {
                (Some(device), _) => (device, "CUDA"),
                (None, Some(device)) => (device, "Vulkan"),
                (None, None) => (cpu(), "CPU (Flex); no GPU was found"),
            },
        };
        eprintln!("device: {name}");
        Ok(device)
    }
}

/// Devices of the same kind as one that was opened, by number: `--devices`. Of the processor there is one, and every number
/// stands for it: its work is then divided as it would be among GPUs.
///
/// # Errors
/// A number is not there, or comes twice.
pub fn numbered(opened: &Device, numbers: &[usize]) -> Result<Vec<Device>> {
    if *opened == cpu() {
        return Ok(vec![cpu(); numbers.len()]);
    }
    let all = [all_cuda(), all_vulkan()].into_iter().find(|all| all.contains(opened)).unwrap_or_default();
    let mut devices = Vec::new();
    for number in numbers {
        let device = all
            .get(*number)
            .with_context(|| format!("--devices {number}: there are {} of this kind, counted from 0", all.len()))?;
        ensure!(!devices.contains(device), "--devices {number} is named twice");
        devices.push(device.clone());
    }
    Ok(devices)
}

/// Makes this thread one of those that share the processor's work, the first thing that a program does. A thread that is none of
/// them waits for each part of a training step until one of them has been woken, a thousand times a step.
///
/// # Panics
/// If the threads are there already.
pub fn share_work() {
    let threads = rayon::ThreadPoolBuilder::new().use_current_thread();
    threads.build_global().expect("nothing has been shared yet");
}

/// The next that another thread sends; meanwhile this one does its part of the processor's work.
///
/// # Errors
/// Nothing comes any more.
pub fn awaited<T>(receiver: &Receiver<T>) -> std::result::Result<T, RecvError> {
    loop {
        match receiver.try_recv() {
            Ok(sent) => return Ok(sent),
            Err(TryRecvError::Disconnected) => return Err(RecvError),
            Err(TryRecvError::Empty) if rayon::yield_now() == Some(rayon::Yield::Executed) => {}
            Err(TryRecvError::Empty) => match receiver.recv_timeout(Duration::from_millis(1)) {
                Ok(sent) => return Ok(sent),
                Err(RecvTimeoutError::Disconnected) => return Err(RecvError),
                Err(RecvTimeoutError::Timeout) => {}
            },
        }
    }
}

/// Burn's generator belongs to the whole process: who draws from it holds this meanwhile, and does not call [`seeded`].
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A module that depends on the seed alone. Parameters draw from Burn's generator when they are first read: here they are
/// read at once and in their order, one module at a time.
pub fn seeded<M: Module>(device: &Device, seed: u64, build: impl FnOnce() -> M) -> M {
    let _turn = turn();
    device.seed(seed);
    let module = build();
    // Reads every parameter.
    let _ = module.valid();
    module
}

/// The processor.
pub fn cpu() -> Device {
    Device::flex()
}

fn cuda() -> Option<Device> {
    all_cuda().into_iter().next()
}

#[cfg(feature = "cuda")]
fn all_cuda() -> Vec<Device> {
    Device::enumerate(DeviceType::Cuda).into_vec()
}

#[cfg(not(feature = "cuda"))]
fn all_cuda() -> Vec<Device> {
    Vec::new()
}

fn vulkan() -> Option<Device> {
    all_vulkan().into_iter().next()
}

/// Real GPUs only: software rasterisers announce themselves as Vulkan CPU devices and are slower than Flex.
#[cfg(feature = "vulkan")]
fn all_vulkan() -> Vec<Device> {
    use burn::tensor::DeviceKind;
    let mut devices = Device::enumerate(DeviceType::Vulkan).into_vec();
    let real: Vec<Device> = (0..devices.len())
        .flat_map(|number| [DeviceKind::DiscreteGpu(number), DeviceKind::IntegratedGpu(number)])
        .map(Device::vulkan)
        .collect();
    devices.retain(|device| real.contains(device));
    devices
}

#[cfg(not(feature = "vulkan"))]
fn all_vulkan() -> Vec<Device> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_there_as_often_as_it_is_named() {
        assert_eq!(numbered(&cpu(), &[0, 1, 0]).unwrap(), vec![cpu(); 3]);
    }

    #[test]
    fn a_seeded_module_is_the_same_in_whatever_order_it_is_read() {
        use burn::nn::{Linear, LinearConfig};
        let device = cpu();
        let pair =
            || seeded(&device, 4, || [LinearConfig::new(3, 2).init(&device), LinearConfig::new(2, 3).init(&device)]);
        let read = |layer: &Linear| layer.weight.val().into_data().try_to_vec::<f32>().unwrap();
        let [first, second] = pair();
        let forwards = (read(&first), read(&second));
        let [first, second] = pair();
        let second = read(&second);
        assert_eq!((read(&first), second), forwards);
    }
}
