//! What a run was told, in words, and how it differs from the paper's set-up.

use glae_model::config::Projection;
use glae_model::loss::Objective;
use glae_model::manifest::Crop;
use glae_report::words::whole;

use super::{RunConfig, Stage};

/// Settings that decide the result, with what each means.
pub fn facts(config: &RunConfig) -> Vec<(&'static str, String)> {
    let augment = &config.augment;
    let mut changes = Vec::new();
    let mut change = |on: bool, text: String| {
        if on {
            changes.push(text);
        }
    };
    change(augment.flip, "mirror".to_owned());
    change(augment.shift > 0.0, format!("shift {}", augment.shift));
    change(augment.scale > 0.0, format!("scale {}", augment.scale));
    change(augment.colour > 0.0, format!("colour {}", augment.colour));
    change(augment.hue > 0.0, format!("hue {}", augment.hue));
    if let Some(random) = augment.rand_augment {
        changes.push(format!("RandAugment N = {}, M = {}", random.operations, random.magnitude));
    }
    vec![
        ("Network", network(config)),
        ("Loss", loss(config)),
        ("Images", format!("{}; {}", config.data.description, crop(config))),
        ("Changes to images", if changes.is_empty() { "none".to_owned() } else { changes.join(", ") }),
        ("Stage 1", stage(&config.stage1)),
        ("Stage 2", stage(&config.stage2)),
        (
            "Moving average",
            config.ema.map_or_else(|| "none".to_owned(), |decay| format!("of the weights, {decay} per step")),
        ),
        ("Seed", config.seed.to_string()),
        ("Licence", config.data.licence.clone()),
    ]
}

/// The network in a line.
pub fn network(config: &RunConfig) -> String {
    let network = &config.network;
    let backbone = network.backbone.title();
    let projection = match &network.projection {
        Projection::Pool => "projection of depth 0".to_owned(),
        Projection::Average => "average pooling".to_owned(),
        Projection::Flatten { hidden } => format!("projection of depth {} ({hidden:?})", hidden.len()),
    };
    let rearrange = network.rearrange;
    let rearranged = match rearrange.r {
        1 => "no rearrangement".to_owned(),
        r => format!("rearrangement r = {r}, kernel {}, stride {}", rearrange.kernel, rearrange.stride),
    };
    format!("{backbone}, width {}, {1} x {1} pixels; {rearranged}, {projection}", network.width, network.input_size)
}

/// The name of the loss in a run's file, and what is other than in the paper.
fn loss(config: &RunConfig) -> String {
    // An objective is written as a string.
    let name = serde_json::to_value(config.loss).ok().and_then(|name| name.as_str().map(str::to_owned));
    let weight = l1_weight(config).map_or_else(String::new, |weight| format!(", L1 terms weigh {weight}"));
    format!("{}{weight}", name.unwrap_or_default())
}

/// The weight of the L1 terms, where the loss has them and the paper's is another.
fn l1_weight(config: &RunConfig) -> Option<f64> {
    let has_them = matches!(config.loss, Objective::Glae | Objective::Base);
    (has_them && config.l1_weight != 1.0).then_some(config.l1_weight)
}

fn crop(config: &RunConfig) -> &'static str {
    match config.crop {
        Crop::Square => "whole pictures, not straightened",
        Crop::Landmarks(_) => "faces straightened by five landmarks",
    }
}

fn stage(stage: &Stage) -> String {
    let images = stage.batch * stage.accumulate;
    format!(
        "{} epochs, {} images per step, highest learning rate {}, weight decay {}",
        stage.epochs,
        whole(images),
        stage.learning_rate,
        stage.weight_decay
    )
}

/// What is other than in the paper, a sentence each. `paper` names the data and the backbone of its table.
pub fn differences(config: &RunConfig, paper: (&str, &str)) -> Vec<String> {
    let (data, backbone) = paper;
    let mut found = vec![format!("Data: {}. The paper's: {data}.", config.data.description)];
    found.push(format!(
        "Network: {}. The paper's: {backbone} of width 64 at 224 x 224 pixels, first trained on ImageNet (starred rows on \
         MS-Celeb-1M).",
        network(config)
    ));
    if config.crop == Crop::Square {
        found.push(format!("Images: {}. The paper's: faces straightened by five landmarks.", crop(config)));
    }
    found.push(format!(
        "Training: {} and {} epochs, {} images per step. The paper's: 256 images per step; epochs and learning rates are not \
         published.",
        config.stage1.epochs,
        config.stage2.epochs,
        config.stage1.batch * config.stage1.accumulate
    ));
    found.extend(l1_weight(config).map(|weight| format!("Loss: the L1 terms weigh {weight}. The paper's: 1.")));
    let augment = &config.augment;
    if augment.hue == 0.0 || augment.rand_augment.is_none() {
        let own = facts(config).into_iter().find(|(name, _)| *name == "Changes to images").map(|(_, text)| text);
        found.push(format!(
            "Changes to images: {}. The paper's: colour jitter with hue, and RandAugment with N = 2, M = 9.",
            own.unwrap_or_default()
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_said_and_what_does_not_is_not() {
        let mut config: RunConfig = toml::from_str(include_str!("../../configs/utkface.toml")).unwrap();
        let said = differences(&config, ("Morph II", "ResNet-18")).join("\n");
        assert!(said.contains("UTKFace") && said.contains("Morph II") && said.contains("width 32, 64 x 64"), "{said}");
        assert!(said.contains("5 and 2 epochs, 32 images") && said.contains("not straightened"), "{said}");
        assert!(said.contains("mirror, shift 0.06, scale 0.1, colour 0.2."), "{said}");
        (config.augment.hue, config.augment.rand_augment) = (0.1, Some(super::super::RandAugment::default()));
        assert!(!differences(&config, ("", "")).join("\n").contains("jitter"));
        assert!(facts(&config).contains(&("Loss", "glae".to_owned())));
        assert!(!said.contains("L1"));
        config.l1_weight = 0.1;
        config.crop = Crop::Landmarks([[0.0; 2]; 5]);
        assert!(!differences(&config, ("", "")).join("\n").contains("straightened"));
        assert!(differences(&config, ("", "")).join("\n").contains("the L1 terms weigh 0.1. The paper's: 1."));
        assert!(facts(&config).contains(&("Loss", "glae, L1 terms weigh 0.1".to_owned())));
        config.loss = Objective::Kl;
        assert!(!differences(&config, ("", "")).join("\n").contains("L1"));
        assert!(facts(&config).contains(&("Loss", "kl".to_owned())));
    }
}
