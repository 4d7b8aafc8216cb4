//! What the address bar may ask for: `?device=cpu|webgpu`, `?weights=full|small|NAME` and `?threads=1`.

use crate::inference::protocol::DeviceChoice;
use crate::weights::Wanted;

/// The visitor's wishes, read once when the page opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressSettings {
    /// Which device may compute.
    pub device: DeviceChoice,
    /// Which weights of the age network.
    pub weights: Wanted,
    /// Whether one core has to do, even if there are more.
    pub alone: bool,
    /// What in the address was not understood, as a sentence.
    pub complaint: Option<String>,
}

impl AddressSettings {
    /// Reads the values of `device`, `weights` and `threads`, each as it stands in the address after percent-decoding.
    pub fn read(device: Option<&str>, weights: Option<&str>, threads: Option<&str>) -> Self {
        let mut complaint = None;
        let device = match device {
            None | Some("") => DeviceChoice::Auto,
            Some("cpu") => DeviceChoice::Cpu { because: "chosen in the address".into() },
            Some("webgpu") => DeviceChoice::WebGpu,
            Some(other) => {
                complaint =
                    Some(format!("“{other}” in the address is not a device; use cpu or webgpu. Choosing by itself."));
                DeviceChoice::Auto
            }
        };
        let weights = weights.unwrap_or_default();
        let weights = Wanted::read(weights).unwrap_or_else(|| {
            complaint = Some(format!("“{weights}” in the address cannot be the name of weights. Using the default."));
            Wanted::Any
        });
        let alone = match threads {
            None | Some("" | "2") => false,
            Some("1") => true,
            Some(other) => {
                complaint = Some(format!("“threads={other}” in the address is neither 1 nor 2. Using what is there."));
                false
            }
        };
        Self { device, weights, alone, complaint }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_asked_means_automatic() {
        let settings = AddressSettings::read(None, Some(""), None);
        assert_eq!(
            settings,
            AddressSettings { device: DeviceChoice::Auto, weights: Wanted::Any, alone: false, complaint: None }
        );
    }

    #[test]
    fn all_wishes_are_read() {
        let settings = AddressSettings::read(Some("webgpu"), Some("golden-tiny"), Some("1"));
        assert_eq!(settings.device, DeviceChoice::WebGpu);
        assert_eq!(settings.weights, Wanted::Named("golden-tiny".into()));
        assert!(settings.alone);
        assert!(matches!(AddressSettings::read(Some("cpu"), None, None).device, DeviceChoice::Cpu { .. }));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        assert!(AddressSettings::read(Some("tpu"), None, None).complaint.is_some_and(|c| c.contains("tpu")));
        assert!(AddressSettings::read(None, None, Some("x")).complaint.is_some_and(|c| c.contains("threads=x")));
        let settings = AddressSettings::read(None, Some("../secrets"), None);
        assert!(settings.weights == Wanted::Any && settings.complaint.is_some_and(|c| c.contains("../secrets")));
    }
}
