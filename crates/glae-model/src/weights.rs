//! Weights as named arrays, and the safetensors file they travel in.

#[cfg(feature = "loss")]
mod gradients;
#[cfg(feature = "network")]
mod module;

use std::borrow::Cow;
use std::collections::BTreeMap;

use half::f16;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

#[cfg(feature = "loss")]
pub use gradients::gradients;
#[cfg(feature = "network")]
pub use module::{Named, Path, mapped, named};

/// Why weights cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The manifest is not JSON, a field is missing, or a value is none that an export writes.
    #[error("the manifest cannot be used: {0}")]
    Manifest(String),
    /// A manifest of the future.
    #[error("the manifest has format {found}, this version reads 1 to {newest}: update the page or the trainer")]
    Format {
        /// What the manifest says.
        found: u32,
        /// The newest format that is read.
        newest: u32,
    },
    /// Other bytes than the manifest speaks of.
    #[error("the weights file does not match its manifest (SHA-256 {found}, expected {expected}): download it again")]
    Checksum {
        /// What the manifest says.
        expected: String,
        /// What the bytes have.
        found: String,
    },
    /// No engine that the program was built with computes on the device.
    #[error("this program has no engine that computes on {0}: build it with the feature `tensors`")]
    NoEngine(String),
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

/// How a weights file stores numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// All as f32.
    Full,
    /// f16, but BatchNorm's arrays as f32.
    Half,
    /// As [`Precision::Half`], but arrays of two and more axes and at least 4096 values as i8, each slice of the
    /// first axis with a factor of its own, in the array of this name and `.factors`.
    Bytes,
}

/// What the name of an i8 array's factors ends with; they are f32, one for each slice of the array's first axis.
const FACTORS: &str = ".factors";

/// Values from which on an array is worth rounding to i8.
const LEAST_ROUNDED: usize = 4096;

/// The largest i8 that is used: rounding is the same to both sides of 0.
const LARGEST: f32 = 127.0;

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

    /// Puts a state below a name, in place of what is there: the opposite of [`Self::part`].
    pub fn put(&mut self, name: &str, part: &Self) {
        let prefix = format!("{name}.");
        self.0.retain(|key, _| !key.starts_with(&prefix));
        self.0.extend(part.0.iter().map(|(key, array)| (format!("{prefix}{key}"), array.clone())));
    }

    /// A safetensors file.
    pub fn to_safetensors(&self, precision: Precision) -> Vec<u8> {
        self.with_counters(precision, &[])
    }

    /// A safetensors file that also holds integers (u64) by name, which [`counters`] reads.
    pub fn with_counters(&self, precision: Precision, counters: &[(&str, &[u64])]) -> Vec<u8> {
        let lengths: Vec<[usize; 1]> = counters.iter().map(|(_, values)| [values.len()]).collect();
        let mut stored: Vec<(String, Dtype, &[usize], Vec<u8>)> = Vec::new();
        for (name, Array { shape, values }) in &self.0 {
            let floats = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
            if precision == Precision::Full || is_norm(name) {
                stored.push((name.clone(), Dtype::F32, shape, floats(values)));
            } else if precision == Precision::Bytes && shape.len() > 1 && values.len() >= LEAST_ROUNDED {
                let slices = || values.chunks_exact(values.len() / shape[0]);
                let factor = |slice: &[f32]| slice.iter().fold(0f32, |most, v| most.max(v.abs())) / LARGEST;
                let factors: Vec<f32> = slices().map(factor).collect();
                let rounded = slices().zip(&factors).flat_map(|(slice, factor)| {
                    slice.iter().flat_map(move |v| ((v / factor.max(f32::MIN_POSITIVE)).round() as i8).to_le_bytes())
                });
                stored.push((name.clone(), Dtype::I8, shape, rounded.collect()));
                stored.push((format!("{name}{FACTORS}"), Dtype::F32, &shape[..1], floats(&factors)));
            } else {
                let halves = values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes());
                stored.push((name.clone(), Dtype::F16, shape, halves.collect()));
            }
        }
        for ((name, values), shape) in counters.iter().zip(&lengths) {
            let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            stored.push(((*name).to_owned(), Dtype::U64, shape, bytes));
        }
        let views = stored.iter().map(|(name, dtype, shape, bytes)| {
            (
                name,
                TensorView::new(*dtype, shape.to_vec(), bytes).expect("an array has as many values as its shape says"),
            )
        });
        safetensors::serialize(views, None).expect("names and shapes always serialise")
    }

    /// All arrays of a safetensors file, see [`WeightsFile`].
    ///
    /// # Errors
    /// The file is damaged or holds other types.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, WeightsError> {
        WeightsFile::open(bytes)?.all()
    }
}

/// Where the arrays of a network come from: all of them lie in memory, or each is read when it is asked for.
pub trait Arrays {
    /// Whether there is an array of this name.
    fn holds(&self, name: &str) -> bool;

    /// The values of the array of this name and shape.
    ///
    /// # Errors
    /// It is not there, has another shape, or the file is damaged.
    fn shaped(&self, name: &str, expected: &[usize]) -> Result<Cow<'_, [f32]>, WeightsError>;
}

impl Arrays for StateDict {
    fn holds(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn shaped(&self, name: &str, expected: &[usize]) -> Result<Cow<'_, [f32]>, WeightsError> {
        let array = self.get(name)?;
        fits(name, &array.shape, expected)?;
        Ok(Cow::Borrowed(&array.values))
    }
}

/// A safetensors file of f16 and f32 arrays, and of i8 arrays with their factors ([`Precision::Bytes`]), which become f32 one by
/// one: all at once they would need two to four times the file's memory beside it.
#[derive(Debug)]
pub struct WeightsFile<'a>(SafeTensors<'a>);

impl<'a> WeightsFile<'a> {
    /// # Errors
    /// The file is damaged.
    pub fn open(bytes: &'a [u8]) -> Result<Self, WeightsError> {
        SafeTensors::deserialize(bytes).map(Self).map_err(|error| WeightsError::File(error.to_string()))
    }

    /// All arrays, without counters.
    ///
    /// # Errors
    /// One of another type, or of i8 without factors.
    pub fn all(&self) -> Result<StateDict, WeightsError> {
        let factors = |name: &str| {
            let array = name.strip_suffix(FACTORS).and_then(|array| self.0.tensor(array).ok());
            array.is_some_and(|array| array.dtype() == Dtype::I8)
        };
        let arrays = self.0.iter().filter(move |(name, view)| view.dtype() != Dtype::U64 && !factors(name));
        arrays.map(|(name, _)| Ok((name.to_owned(), self.get(name)?))).collect::<Result<_, _>>().map(StateDict)
    }

    /// The array of this name.
    fn get(&self, name: &str) -> Result<Array, WeightsError> {
        let view = self.0.tensor(name).map_err(|_| WeightsError::Missing(name.to_owned()))?;
        let values = match view.dtype() {
            Dtype::F16 => view.data().as_chunks::<2>().0.iter().map(|b| widened(u16::from_le_bytes(*b))).collect(),
            Dtype::F32 => view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Dtype::I8 => {
                let slices = view.shape().first().copied().unwrap_or(0);
                let factors =
                    self.get(&format!("{name}{FACTORS}")).ok().filter(|factors| factors.values.len() == slices);
                let factors =
                    factors.ok_or_else(|| WeightsError::File(format!("`{name}` lacks the factors of its i8")))?;
                let slices = view.data().chunks_exact((view.data().len() / slices.max(1)).max(1)).zip(factors.values);
                slices
                    .flat_map(|(slice, factor)| slice.iter().map(move |b| f32::from(b.cast_signed()) * factor))
                    .collect()
            }
            other => return Err(WeightsError::File(format!("`{name}` has the type {other}, not F16, F32 or I8"))),
        };
        Ok(Array { shape: view.shape().to_vec(), values })
    }
}

impl Arrays for WeightsFile<'_> {
    fn holds(&self, name: &str) -> bool {
        self.0.tensor(name).is_ok()
    }

    fn shaped(&self, name: &str, expected: &[usize]) -> Result<Cow<'_, [f32]>, WeightsError> {
        let Array { shape, values } = self.get(name)?;
        fits(name, &shape, expected)?;
        Ok(Cow::Owned(values))
    }
}

/// An f16 by its bits, without a branch, so that several go through a register side by side: `half` widens one by one where the
/// processor has no instruction for it, as in a browser, where a visitor waits for millions of them.
fn widened(half: u16) -> f32 {
    let half = u32::from(half);
    // The exponents are 112 apart. A product by a power of two is exact, also of numbers that are not normal.
    let size = f32::from_bits((half & 0x7fff) << 13) * f32::from_bits((112 + 127) << 23);
    let infinite = u32::from(half & 0x7c00 == 0x7c00) * 0x7f80_0000;
    f32::from_bits(size.to_bits() | infinite | (half & 0x8000) << 16)
}

fn fits(name: &str, found: &[usize], expected: &[usize]) -> Result<(), WeightsError> {
    if found == expected {
        return Ok(());
    }
    Err(WeightsError::Shape { name: name.to_owned(), found: found.to_vec(), expected: expected.to_vec() })
}

/// The integers of this name in a safetensors file; `None` if it holds none.
///
/// # Errors
/// The file is damaged.
pub fn counters(bytes: &[u8], name: &str) -> Result<Option<Vec<u64>>, WeightsError> {
    let WeightsFile(file) = WeightsFile::open(bytes)?;
    let view = file.tensor(name).ok().filter(|view| view.dtype() == Dtype::U64);
    Ok(view.map(|view| view.data().as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b)).collect()))
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
        assert_eq!(StateDict::from_safetensors(&state.to_safetensors(Precision::Full)).unwrap(), state);
        let short = StateDict::from_safetensors(&state.to_safetensors(Precision::Half)).unwrap();
        assert_eq!(short.0["a.bn1.weight"], state.0["a.bn1.weight"]);
        assert!((short.0["a.conv.weight"].values[1] - 1.0 / 3.0).abs() < 2e-4);
    }

    #[test]
    fn every_f16_is_widened_as_by_half() {
        for bits in 0..=u16::MAX {
            let (own, expected) = (widened(bits), f16::from_bits(bits).to_f32());
            assert!(own.to_bits() == expected.to_bits() || own.is_nan() && expected.is_nan(), "{bits:#06x}: {own}");
        }
    }

    #[test]
    fn counters_are_integers_beside_the_arrays() {
        let state = StateDict([("a".to_owned(), Array { shape: vec![1], values: vec![0.5] })].into());
        // 2^24 + 1 is no f32.
        let file = state.with_counters(Precision::Full, &[("progress", &[1, 16_777_217])]);
        assert_eq!(counters(&file, "progress").unwrap(), Some(vec![1, 16_777_217]));
        assert_eq!(counters(&file, "a").unwrap(), None);
        assert_eq!(StateDict::from_safetensors(&file).unwrap(), state);
    }

    #[test]
    fn i8_is_half_a_step_of_its_slice_off_at_most() {
        let size = |index: usize| if index < LEAST_ROUNDED { 0.01 } else { 5.0 };
        let values = (0..2 * LEAST_ROUNDED).map(|i| (i as f32 * 0.7).sin() * size(i)).collect();
        let mut state = StateDict::default();
        state.0.insert("a.weight".into(), Array { shape: vec![2, LEAST_ROUNDED], values });
        state.0.insert("a.bias".into(), Array { shape: vec![2], values: vec![0.0; 2] });
        state.0.insert("zero".into(), Array { shape: vec![1, LEAST_ROUNDED], values: vec![0.0; LEAST_ROUNDED] });
        let file = state.to_safetensors(Precision::Bytes);
        assert!(file.len() < 3 * LEAST_ROUNDED + 700, "{}", file.len());
        let read = StateDict::from_safetensors(&file).unwrap();
        assert!(read.0.keys().eq(state.0.keys()));
        assert_eq!(read.0["zero"], state.0["zero"]);
        for (index, (a, b)) in read.0["a.weight"].values.iter().zip(&state.0["a.weight"].values).enumerate() {
            assert!((a - b).abs() <= 0.501 * size(index) / LARGEST, "{index}: {a} for {b}");
        }
        // Without its factors an array of i8 means nothing.
        let at = file.windows(FACTORS.len()).position(|window| window == FACTORS.as_bytes()).unwrap();
        let mut damaged = file;
        damaged[at + 1] = b'g';
        assert!(StateDict::from_safetensors(&damaged).unwrap_err().to_string().contains("factors"));
    }

    #[test]
    fn damaged_files_are_refused() {
        let mut state = StateDict::default();
        state.0.insert("x".into(), Array { shape: vec![8], values: vec![1.0; 8] });
        let file = state.to_safetensors(Precision::Full);
        for cut in [0, 4, 20, file.len() - 1] {
            assert!(matches!(StateDict::from_safetensors(&file[..cut]), Err(WeightsError::File(_))), "{cut}");
        }
    }
}
