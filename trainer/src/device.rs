//! Where tensors live: the only place of the trainer that names a backend.

use anyhow::{Result, bail};
use burn::tensor::Device;
#[cfg(any(feature = "cuda", feature = "vulkan"))]
use burn::tensor::DeviceType;
use clap::ValueEnum;

/// `--device`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Choice {
    /// CUDA, else Vulkan on a real GPU, else the CPU.
    Auto,
    /// An NVIDIA GPU through CUDA (needs the cargo feature `cuda`).
    Cuda,
    /// A GPU through Vulkan (cargo feature `vulkan`, on by default).
    Vulkan,
    /// The processor, through Flex.
    Cpu,
}

impl Choice {
    /// Opens the device and says which on standard error.
    ///
    /// # Errors
    /// A device that was asked for by name is not there.
    pub fn open(self) -> Result<Device> {
        let (device, name) = match self {
            Choice::Cpu => (cpu(), "CPU (Flex)"),
            Choice::Cuda => match cuda() {
                Some(device) => (device, "CUDA"),
                None if cfg!(feature = "cuda") => bail!("no CUDA device was found: is the NVIDIA driver installed?"),
                None => bail!("this trainer was built without CUDA: build it with `--features cuda`"),
            },
            Choice::Vulkan => match vulkan() {
                Some(device) => (device, "Vulkan"),
                None if cfg!(feature = "vulkan") => bail!("no GPU with a Vulkan driver was found: try `--device cpu`"),
                None => bail!("this trainer was built without Vulkan: build it with `--features vulkan`"),
            },
            Choice::Auto => match (cuda(), vulkan()) {
                (Some(device), _) => (device, "CUDA"),
                (None, Some(device)) => (device, "Vulkan"),
                (None, None) => (cpu(), "CPU (Flex); no GPU was found"),
            },
        };
        eprintln!("device: {name}");
        Ok(device)
    }
}

/// The processor.
pub fn cpu() -> Device {
    Device::flex()
}

#[cfg(feature = "cuda")]
fn cuda() -> Option<Device> {
    Device::enumerate(DeviceType::Cuda).into_vec().into_iter().next()
}

#[cfg(not(feature = "cuda"))]
fn cuda() -> Option<Device> {
    None
}

/// A real GPU only: software rasterisers announce themselves as Vulkan CPU devices and are slower than Flex.
#[cfg(feature = "vulkan")]
fn vulkan() -> Option<Device> {
    use burn::tensor::DeviceKind;
    let devices = Device::enumerate(DeviceType::Vulkan).into_vec();
    let real = [DeviceKind::DiscreteGpu(0), DeviceKind::IntegratedGpu(0)].map(Device::vulkan);
    devices.into_iter().find(|device| real.contains(device))
}

#[cfg(not(feature = "vulkan"))]
fn vulkan() -> Option<Device> {
    None
}
