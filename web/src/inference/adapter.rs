//! Which adapters are worth asking, and what is remembered of one.

use super::protocol::Measured;

/// What a browser tells of a WebGPU adapter. Each text may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdapterInfo {
    /// As in "nvidia".
    pub vendor: String,
    /// As in "ada".
    pub architecture: String,
    /// As in "0x2684".
    pub device: String,
    /// As in "NVIDIA GeForce RTX 4090".
    pub description: String,
    /// Whether the browser calls it a stand-in for real hardware.
    pub fallback: bool,
}

/// Names of programs that compute what a graphics card would, in small letters: Chromium's, Mesa's, Windows' own.
const PROGRAMS: [&str; 6] = ["swiftshader", "llvmpipe", "lavapipe", "softpipe", "microsoft basic render", "warp"];

/// How many times slower than the processor WebGPU may be measured. Above 1, because the detector, which is measured, is
/// smaller than the age network: a graphics card gains on the larger one.
const ALLOWANCE: f64 = 2.0;

impl AdapterInfo {
    /// Whether the adapter is a program on the processor. Such a one answered 10 to 24 times later than this page's own
    /// program for the processor.
    pub fn is_software(&self) -> bool {
        let words = [&self.vendor, &self.architecture, &self.device, &self.description].map(|text| text.to_lowercase());
        self.fallback || words.iter().any(|text| PROGRAMS.iter().any(|program| text.contains(program)))
    }
}

impl Measured {
    /// Whether WebGPU is worth using.
    pub fn gpu_pays(&self) -> bool {
        self.gpu_ms <= ALLOWANCE * self.cpu_ms
    }

    /// How it is kept: two numbers and the name.
    pub fn to_text(&self) -> String {
        format!("{:.2} {:.2} {}", self.gpu_ms, self.cpu_ms, self.adapter)
    }

    /// Reads what [`Self::to_text`] wrote; nothing where it is something else.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut words = text.splitn(3, ' ');
        let mut number = || words.next()?.parse().ok().filter(|ms: &f64| ms.is_finite() && *ms >= 0.0);
        let (gpu_ms, cpu_ms) = (number()?, number()?);
        Some(Self { adapter: words.next()?.to_owned(), gpu_ms, cpu_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(vendor: &str, architecture: &str, description: &str) -> AdapterInfo {
        let [vendor, architecture, description] = [vendor, architecture, description].map(str::to_owned);
        AdapterInfo { vendor, architecture, description, ..AdapterInfo::default() }
    }

    #[test]
    fn programs_are_told_from_cards() {
        for software in [
            info("google", "swiftshader", ""),
            info("mesa", "", "llvmpipe (LLVM 19.1.7, 256 bits)"),
            info("microsoft", "", "Microsoft Basic Render Driver"),
            AdapterInfo { fallback: true, ..AdapterInfo::default() },
        ] {
            assert!(software.is_software(), "{software:?}");
        }
        for card in [info("apple", "metal-3", ""), info("nvidia", "ada", ""), AdapterInfo::default()] {
            assert!(!card.is_software(), "{card:?}");
        }
    }

    #[test]
    fn the_slower_device_is_left_alone() {
        let measured = |gpu_ms, cpu_ms| Measured { adapter: "x".into(), gpu_ms, cpu_ms };
        assert!(measured(19.0, 10.0).gpu_pays());
        assert!(!measured(21.0, 10.0).gpu_pays());
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let measured = Measured { adapter: "Apple metal-3".into(), gpu_ms: 3.25, cpu_ms: 40.5 };
        assert_eq!(Measured::from_text(&measured.to_text()), Some(measured));
        for text in ["", "1 2", "x 2 y", "NaN 2 y", "1"] {
            assert_eq!(Measured::from_text(text), None, "{text}");
        }
    }
}
