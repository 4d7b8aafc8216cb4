//! Ages that `oracle/walk.py` computed, which shares no code with the crates.

use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{native, root};

/// How far an age may be from the oracle's, in years.
pub const TOLERANCE: f32 = 0.05;

/// A face of a photograph.
#[derive(Clone, Debug)]
pub struct OracleFace {
    /// Left, top, width and height of its box, in pixels.
    pub frame: [f32; 4],
    /// Why it has no age, or one that is not to be trusted.
    pub doubt: Option<String>,
    /// Its age.
    pub years: Option<f32>,
}

/// What is in a photograph.
#[derive(Clone, Debug)]
pub struct Expected {
    /// By how many quarters it is turned clockwise to find them.
    pub turn: u32,
    /// The face that it is of.
    pub main: Option<usize>,
    /// From left to right.
    pub faces: Vec<OracleFace>,
}

/// The photographs of [`crate::picture::judged`], by name.
///
/// # Errors
/// The file cannot be read, or was computed with other weights than those that ship: how to renew it.
pub fn read() -> Result<BTreeMap<String, Expected>> {
    let path = root().join("tests/oracle/ages.json");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let all: Value = serde_json::from_str(&text)?;
    let weights = root().join("public/weights");
    for (network, key) in [("detector", "detector"), ("network", "default")] {
        let manifest = fs::read_to_string(weights.join(native::named(&weights, key)?).join("manifest.json"))?;
        let manifest: Value = serde_json::from_str(&manifest)?;
        ensure!(
            all["weights"][network] == manifest["sha256"],
            "the expected ages are another {network}'s: renew them with tests/oracle/walk.py"
        );
    }
    let pictures = all["pictures"].as_object().context("there are no pictures")?;
    pictures.iter().map(|(name, picture)| Ok((name.clone(), expected(picture)?))).collect()
}

fn expected(picture: &Value) -> Result<Expected> {
    let faces = picture["faces"].as_array().context("a picture has no list of faces")?;
    let face = |face: &Value| {
        let number = |value: &Value| value.as_f64().map(|value| value as f32);
        let frame: Vec<f32> = face["box"].as_array().into_iter().flatten().filter_map(number).collect();
        Ok(OracleFace {
            frame: <[f32; 4]>::try_from(frame).ok().context("a box has four numbers")?,
            doubt: face["doubt"].as_str().map(str::to_owned),
            years: number(&face["years"]),
        })
    };
    let main = picture["main"].as_u64().map(|main| main as usize);
    let turn = picture["turn"].as_u64().context("a picture has no turn")? as u32;
    Ok(Expected { turn, main, faces: faces.iter().map(face).collect::<Result<_>>()? })
}
