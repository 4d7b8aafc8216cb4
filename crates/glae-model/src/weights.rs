//! Weights as named arrays, and the safetensors file they travel in.

#[cfg(feature = "network")]
mod module;

use std::collections::BTreeMap;

use half::f16;
use serde::{Deserialize, Serialize};

#[cfg(feature = "network")]
pub use module::{Named, Path, gradients, mapped, named};

/// Why weights cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The manifest is not what we write.
    #[error("the manifest cannot be read: {0}")]
    Manifest(String),
    /// Other bytes than the manifest speaks of.
    #[error("the weights file does not match its manifest (SHA-256 {found}, expected {expected}): download it again")]
    Checksum {
        /// What the manifest says.
        expected: String,
        /// What the bytes have.
        found: String,
    },
    /// Not a safetensors file, or a damaged one.
    #[error("the weights file is not a readable safetensors file: {0}")]
    File(String),
    /// A tensor of the architecture is not there.
    #[error("the weights lack the tensor `{0}`: they belong to another architecture")]
    Missing(String),
    /// A tensor has another shape.
    #[error("the tensor `{name}` has shape {found:?}, the architecture needs {expected:?}")]
    Shape {
        /// Name of the tensor.
        name: String,
        /// Shape in the file.
        found: Vec<usize>,
        /// Shape of the architecture.
        expected: Vec<usize>,
    },
}

/// One named array.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

/// All parameters and buffers of a module by name, e.g. `backbone.layer1.0.bn1.running_mean`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateDict(pub BTreeMap<String, Array>);

impl StateDict {
    /// The array of this name.
    ///
    /// # Errors
    /// It is not there.
    pub fn get(&self, name: &str) -> Result<&Array, WeightsError> {
        self.0.get(name).ok_or_else(|| WeightsError::Missing(name.to_owned()))
    }

    /// The part below a name, without that prefix: `part("backbone")` holds `conv1.weight`.
    pub fn part(&self, name: &str) -> Self {
        let prefix = format!("{name}.");
        let own = self.0.iter().filter_map(|(key, array)| Some((key.strip_prefix(&prefix)?.to_owned(), array.clone())));
        Self(own.collect())
    }

    /// A safetensors file. With `half`, all but BatchNorm's arrays are stored as f16.
    pub fn to_safetensors(&self, half: bool) -> Vec<u8> {
        let mut header = BTreeMap::new();
        let mut data = Vec::new();
        for (name, array) in &self.0 {
            let start = data.len();
            let short = half && !is_norm(name);
            if short {
                data.extend(array.values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()));
            } else {
                data.extend(array.values.iter().flat_map(|v| v.to_le_bytes()));
            }
            let dtype = if short { "F16" } else { "F32" }.to_owned();
            header.insert(name, Entry { dtype, shape: array.shape.clone(), data_offsets: [start, data.len()] });
        }
        let mut json = serde_json::to_vec(&header).expect("names and numbers always serialise");
        json.resize(json.len().next_multiple_of(8), b' ');
        let mut file = (json.len() as u64).to_le_bytes().to_vec();
        file.extend(json);
        file.extend(data);
        file
    }

    /// Reads a safetensors file of f16 or f32 arrays.
    ///
    /// # Errors
    /// The file is damaged or holds other types.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, WeightsError> {
        let wrong = |text: &str| WeightsError::File(text.to_owned());
        let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(|| wrong("it is too short"))?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| wrong("its header is too long"))?;
        let (json, data) = rest.split_at_checked(length).ok_or_else(|| wrong("its header is cut off"))?;
        let mut header: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(json).map_err(|error| WeightsError::File(error.to_string()))?;
        header.remove("__metadata__");
        let mut arrays = BTreeMap::new();
        for (name, entry) in header {
            let entry: Entry =
                serde_json::from_value(entry).map_err(|e| WeightsError::File(format!("`{name}`: {e}")))?;
            let [from, to] = entry.data_offsets;
            let raw = data.get(from..to).ok_or_else(|| WeightsError::File(format!("`{name}` is cut off")))?;
            let values: Vec<f32> = match entry.dtype.as_str() {
                "F16" => raw.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
                "F32" => raw.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
                other => return Err(WeightsError::File(format!("`{name}` has the type {other}, not F16 or F32"))),
            };
            if values.len() != entry.shape.iter().product::<usize>() {
                return Err(WeightsError::File(format!("`{name}` has {} values, not its shape's", values.len())));
            }
            arrays.insert(name, Array { shape: entry.shape, values });
        }
        Ok(Self(arrays))
    }
}

#[derive(Serialize, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

/// BatchNorm's arrays stay in f32: variances span more than f16 holds.
fn is_norm(name: &str) -> bool {
    name.contains(".bn") || name.contains("downsample.1") || name.contains("running_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_back_what_went_in() {
        let mut state = StateDict::default();
        state.0.insert("a.bn1.weight".into(), Array { shape: vec![2], values: vec![1.000_1, -3.0e-6] });
        state.0.insert("a.conv.weight".into(), Array { shape: vec![2, 1], values: vec![0.5, 1.0 / 3.0] });
        assert_eq!(StateDict::from_safetensors(&state.to_safetensors(false)).unwrap(), state);
        let short = StateDict::from_safetensors(&state.to_safetensors(true)).unwrap();
        assert_eq!(short.0["a.bn1.weight"], state.0["a.bn1.weight"]);
        assert!((short.0["a.conv.weight"].values[1] - 1.0 / 3.0).abs() < 2e-4);
    }

    #[test]
    fn damaged_files_are_refused() {
        let mut state = StateDict::default();
        state.0.insert("x".into(), Array { shape: vec![8], values: vec![1.0; 8] });
        let file = state.to_safetensors(false);
        for cut in [0, 4, 20, file.len() - 1] {
            assert!(matches!(StateDict::from_safetensors(&file[..cut]), Err(WeightsError::File(_))), "{cut}");
        }
    }
}
