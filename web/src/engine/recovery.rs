//! What to do when the worker breaks.

use crate::inference::protocol::{DeviceChoice, DeviceKind};

/// The next step after a broken worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Start another worker on the CPU and tell the visitor.
    OnCpu {
        /// The notice.
        notice: String,
        /// The short reason in the device line.
        because: String,
    },
    /// Stop and tell the visitor why and what to do.
    GiveUp(String),
}

/// Decides, from what the worker was started with, the device it was on when it broke (`None`: it had not got that far, or
/// even to its first message when `listening` is false), and the reason it gave.
pub fn after_breaking(choice: &DeviceChoice, listening: bool, device: Option<DeviceKind>, reason: &str) -> Recovery {
    if !listening {
        return Recovery::GiveUp(format!(
            "The estimator could not be loaded ({reason}). Check the connection, or try a current browser, then reload the page."
        ));
    }
    match (choice, device) {
        (DeviceChoice::WebGpu, _) => Recovery::GiveUp(format!(
            "WebGPU stopped working ({reason}). Remove “device=webgpu” from the address to let the CPU take over."
        )),
        (DeviceChoice::Auto, None | Some(DeviceKind::WebGpu)) => Recovery::OnCpu {
            notice: format!("WebGPU stopped working ({reason}). The CPU took over."),
            because: "WebGPU stopped working".into(),
        },
        _ => Recovery::GiveUp(format!(
            "The estimator stopped working ({reason}). Reload the page; if it happens again, try a smaller photo."
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_gpu_is_replaced_by_the_cpu_once() {
        let cpu = after_breaking(&DeviceChoice::Auto, true, Some(DeviceKind::WebGpu), "device lost");
        assert!(matches!(cpu, Recovery::OnCpu { notice, .. } if notice.contains("device lost")));
        let because = "x".to_owned();
        let broken_again = after_breaking(&DeviceChoice::Cpu { because }, true, Some(DeviceKind::Cpu), "out of memory");
        assert!(matches!(broken_again, Recovery::GiveUp(s) if s.contains("smaller photo")));
    }

    #[test]
    fn a_forced_gpu_is_never_replaced() {
        let end = after_breaking(&DeviceChoice::WebGpu, true, Some(DeviceKind::WebGpu), "lost");
        assert!(matches!(end, Recovery::GiveUp(s) if s.contains("device=webgpu")));
    }

    #[test]
    fn what_never_loaded_is_not_blamed_on_the_gpu() {
        let end = after_breaking(&DeviceChoice::Auto, false, None, "network");
        assert!(matches!(end, Recovery::GiveUp(s) if s.contains("connection")));
    }
}
