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

/// How long a worker may be silent, in seconds, before it counts as broken; `None`: it has nothing to do.
///
/// `listening`: its program runs; `ready`: its networks are loaded; `awaited`: somebody waits for an answer. A worker that
/// fetches or loads says something at least every [`FETCH_SECONDS`](crate::inference::protocol::FETCH_SECONDS).
pub fn patience(
    choice: &DeviceChoice,
    listening: bool,
    ready: bool,
    device: Option<DeviceKind>,
    awaited: bool,
) -> Option<u32> {
    match (choice, device) {
        _ if ready && !awaited => None,
        // A program of some megabytes, over a slow connection.
        _ if !listening => Some(180),
        // Forced onto a program in place of a card, which takes minutes.
        (DeviceChoice::WebGpu, _) => Some(600),
        (DeviceChoice::Auto, _) if !ready => Some(120),
        (DeviceChoice::Auto, Some(DeviceKind::WebGpu)) => Some(60),
        // A photograph as large as any that is read, on a slow phone.
        _ => Some(300),
    }
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
    use crate::inference::protocol::FETCH_SECONDS;

    #[test]
    fn a_broken_gpu_is_replaced_by_the_cpu_once() {
        let cpu = after_breaking(&DeviceChoice::Auto, true, Some(DeviceKind::WebGpu), "device lost");
        assert!(matches!(cpu, Recovery::OnCpu { notice, .. } if notice.contains("device lost")));
        let because = "x".to_owned();
        let broken_again = after_breaking(&DeviceChoice::Cpu { because }, true, Some(DeviceKind::Cpu), "out of memory");
        assert!(matches!(broken_again, Recovery::GiveUp(s) if s.contains("smaller photo")));
    }

    #[test]
    fn every_wait_has_an_end_and_rest_has_none() {
        let auto = DeviceChoice::Auto;
        assert_eq!(patience(&auto, true, true, Some(DeviceKind::WebGpu), false), None);
        let busy = [(false, false, None), (true, false, None), (true, true, Some(DeviceKind::WebGpu))];
        let limits = busy.map(|(listening, ready, device)| patience(&auto, listening, ready, device, true).unwrap());
        assert_eq!(limits, [180, 120, 60]);
        // A large photograph on the processor is not a broken worker, and neither is a card that is a program.
        assert!(patience(&auto, true, true, Some(DeviceKind::Cpu), true).unwrap() >= 300);
        assert!(patience(&DeviceChoice::WebGpu, true, false, None, false).unwrap() >= 600);
        assert!(limits[1] > FETCH_SECONDS, "a fetch ends before its worker is given up");
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
