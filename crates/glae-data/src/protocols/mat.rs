//! MATLAB files of level 5 (MATLAB 5 to 7.2), as far as tables need them: numbers, texts, cells and structures.
//!
//! After "MAT-File Format", The MathWorks, chapter 1. Files of MATLAB 7.3 are HDF5 and are refused with that reason.

use anyhow::{Context, Result, bail, ensure};

use super::inflate;

/// A variable, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// A numeric or logical array of any type, column by column.
    Numbers(Vec<f64>),
    /// An array of characters.
    Text(String),
    /// A cell array, column by column.
    Cells(Vec<Value>),
    /// A structure with its fields, in their order.
    Structure(Vec<(String, Value)>),
    /// What tables do not need: an empty slot, a sparse array, an object, an array of structures.
    Other,
}

impl Value {
    /// A field of a structure.
    pub(super) fn field(&self, name: &str) -> Option<&Value> {
        let Self::Structure(fields) = self else { return None };
        fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }
}

/// Values nest this deep at most; a hostile file cannot exhaust the stack.
const DEPTH: usize = 16;

/// All variables of a file, by name.
///
/// # Errors
/// It is no MATLAB file of level 5, was written on a big-endian machine, or is damaged.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<(String, Value)>> {
    ensure!(
        !bytes.starts_with(b"MATLAB 7.3") && !bytes.starts_with(b"\x89HDF"),
        "it is a MATLAB 7.3 (HDF5) file; only files of level 5 are read"
    );
    ensure!(bytes.len() >= 128 && bytes.starts_with(b"MATLAB"), "it is no MATLAB file of level 5");
    ensure!(&bytes[126..128] == b"IM", "it was written on a big-endian machine, which is not read");
    let mut rest = &bytes[128..];
    let mut variables = Vec::new();
    while !rest.is_empty() {
        let (kind, data) = element(&mut rest)?;
        match kind {
            COMPRESSED => {
                let unpacked = inflate::zlib(data)?;
                let (kind, data) = element(&mut unpacked.as_slice())?;
                ensure!(kind == MATRIX, "it is damaged: a variable of kind {kind}");
                variables.push(matrix(data, DEPTH)?);
            }
            MATRIX => variables.push(matrix(data, DEPTH)?),
            kind => bail!("it is damaged: a variable of kind {kind}"),
        }
    }
    Ok(variables)
}

const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;

/// Takes one element off the front: its kind and its bytes.
fn element<'a>(rest: &mut &'a [u8]) -> Result<(u32, &'a [u8])> {
    let word = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    ensure!(rest.len() >= 8, "it is cut off");
    let (first, second) = (word(rest), word(&rest[4..]) as usize);
    // Up to four bytes may stand in the tag itself; their number is in the upper half of the first word.
    let (kind, start, length) = match (first >> 16) as usize {
        0 => (first, 8_usize, second),
        length => (first & 0xffff, 4, length),
    };
    ensure!(start == 8 || length <= 4, "it is damaged: a short element of {length} bytes");
    let data = rest.get(start..start + length).context("it is cut off")?;
    let end = match (start, kind) {
        (4, _) => 8,
        (_, COMPRESSED) => start + length,
        _ => start + length.next_multiple_of(8),
    };
    *rest = rest.get(end..).unwrap_or_default();
    Ok((kind, data))
}

/// The name and the value of an array element.
fn matrix(data: &[u8], depth: usize) -> Result<(String, Value)> {
    if data.is_empty() {
        return Ok((String::new(), Value::Other));
    }
    ensure!(depth > 0, "its values nest deeper than {DEPTH} times");
    let mut rest = data;
    let class = *element(&mut rest)?.1.first().context("it is damaged: an array without flags")?;
    let (kind, sizes) = element(&mut rest)?;
    let sizes = numbers(kind, sizes)?;
    let count = sizes.iter().product::<f64>();
    let name = String::from_utf8_lossy(element(&mut rest)?.1).into_owned();
    let value = match class {
        1 => {
            let mut cells = Vec::new();
            while (cells.len() as f64) < count {
                cells.push(nested(&mut rest, depth)?);
            }
            Value::Cells(cells)
        }
        2 if count == 1.0 => structure(rest, depth)?,
        4 => {
            let (kind, data) = element(&mut rest)?;
            Value::Text(text(kind, data)?)
        }
        6..16 => {
            let (kind, data) = element(&mut rest)?;
            Value::Numbers(numbers(kind, data)?)
        }
        _ => Value::Other,
    };
    Ok((name, value))
}

fn nested(rest: &mut &[u8], depth: usize) -> Result<Value> {
    let (kind, data) = element(rest)?;
    ensure!(kind == MATRIX, "it is damaged: a part of kind {kind}");
    Ok(matrix(data, depth - 1)?.1)
}

fn structure(mut rest: &[u8], depth: usize) -> Result<Value> {
    let (kind, length) = element(&mut rest)?;
    let length = numbers(kind, length)?.first().map_or(0, |length| *length as usize);
    let names = element(&mut rest)?.1;
    ensure!(length > 0, "it is damaged: names of no length");
    let mut fields = Vec::new();
    for name in names.chunks(length) {
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        fields.push((String::from_utf8_lossy(&name[..end]).into_owned(), nested(&mut rest, depth)?));
    }
    Ok(Value::Structure(fields))
}

/// Numbers are stored in whatever type is shortest, whatever the array's own type is.
fn numbers(kind: u32, data: &[u8]) -> Result<Vec<f64>> {
    fn all<const N: usize>(data: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        data.chunks_exact(N).map(|bytes| read(bytes.try_into().expect("chunks of N bytes"))).collect()
    }
    Ok(match kind {
        1 => all(data, |b: [u8; 1]| f64::from(b[0] as i8)),
        2 => all(data, |b: [u8; 1]| f64::from(b[0])),
        3 => all(data, |b| f64::from(i16::from_le_bytes(b))),
        4 => all(data, |b| f64::from(u16::from_le_bytes(b))),
        5 => all(data, |b| f64::from(i32::from_le_bytes(b))),
        6 => all(data, |b| f64::from(u32::from_le_bytes(b))),
        7 => all(data, |b| f64::from(f32::from_le_bytes(b))),
        9 => all(data, f64::from_le_bytes),
        12 => all(data, |b| i64::from_le_bytes(b) as f64),
        13 => all(data, |b| u64::from_le_bytes(b) as f64),
        kind => bail!("it is damaged: numbers of kind {kind}"),
    })
}

fn text(kind: u32, data: &[u8]) -> Result<String> {
    Ok(match kind {
        16 => String::from_utf8_lossy(data).into_owned(),
        4 | 17 => {
            let units: Vec<u16> = data.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
            String::from_utf16_lossy(&units)
        }
        // One code point each.
        1 | 2 | 18 => {
            let points = numbers(if kind == 18 { 6 } else { 2 }, data)?;
            points
                .into_iter()
                .map(|point| char::from_u32(point as u32).unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        kind => bail!("it is damaged: a text of kind {kind}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by scipy.io.savemat, compressed: the two variables of CACD's file, with people who do not exist.
    const FILE: &[u8] = include_bytes!("fixtures/celebrity2000_meta.mat");

    #[test]
    fn a_file_of_another_program_is_read() {
        let variables = read(FILE).unwrap();
        assert_eq!(
            variables.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["celebrityData", "celebrityImageData"]
        );
        let images = &variables[1].1;
        let Value::Structure(fields) = images else { panic!("{images:?}") };
        let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["age", "identity", "year", "feature", "rank", "lfw", "birth", "name"]);
        let ages = [44.0, 53.0, 44.0, 53.0, 44.0, 53.0, 43.0, 52.0, 43.0, 52.0, 43.0, 52.0];
        assert_eq!(images.field("age"), Some(&Value::Numbers(ages.to_vec())));
        assert_eq!(images.field("feature"), Some(&Value::Numbers(vec![])));
        let Some(Value::Cells(names)) = images.field("name") else { panic!() };
        assert_eq!(names[6], Value::Text("43_Dä_Delta_0001.jpg".to_owned()));
        assert_eq!(images.field("nothing"), None);
    }

    #[test]
    fn what_is_not_read_is_said() {
        let message = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        assert!(message(b"MATLAB 7.3 MAT-file, Platform: GLNXA64").contains("HDF5"));
        assert!(message(b"age,name").contains("no MATLAB file"));
        assert!(message(&FILE[..300]).contains("cut off"));
        let mut big = FILE.to_vec();
        big.swap(126, 127);
        assert!(message(&big).contains("big-endian"));
    }

    #[test]
    fn cut_or_changed_files_give_errors_and_never_panic() {
        // Without compression no checksum stands before the parser.
        let mut plain = FILE[..128].to_vec();
        let mut rest = &FILE[128..];
        while !rest.is_empty() {
            plain.extend(inflate::zlib(element(&mut rest).unwrap().1).unwrap());
        }
        assert_eq!(read(&plain).unwrap(), read(FILE).unwrap());
        for end in 128..plain.len() {
            let _ = read(&plain[..end]);
            for value in [0, 1, 0x0e, 0x7f, 0xff] {
                let mut changed = plain.clone();
                changed[end] = value;
                let _ = read(&changed);
            }
        }
    }
}
