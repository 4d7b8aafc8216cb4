//! The tables of the paper: which runs they need, which answers stand in them, and what is printed there.

use anyhow::Result;
use glae_metrics::Band;
use glae_model::{AgeNet, Routing, StateDict};
use glae_report::{Claims, Metric, Table, TableRow};

use super::sources::{Recipe, Sources};
use crate::config::RunConfig;

/// Global average pooling and a linear classifier: a network without rearrangement.
const PLAIN: &str = "network.rearrange={r=1,kernel=1,stride=1}";
const AVERAGE: &str = "network.projection={kind=\"average\"}";

// The ladder's four steps, as settings over one configuration, so that they differ in nothing else.
const KL: &[&str] = &["loss=kl", PLAIN, AVERAGE];
pub(in crate::commands) const BASE: &[&str] = &["loss=base", PLAIN, AVERAGE];
// With kernel = stride = r the convolution behind the rearrangement is a 1x1 convolution up to a permutation of its weights, so
// that this network can do exactly what BASE's can: another result comes from the seed.
const FR: &[&str] = &["loss=base", AVERAGE];
pub(in crate::commands) const WHOLE: &[&str] = &["loss=glae"];

/// A table of the paper and the runs that answer in it.
#[derive(Clone, Debug)]
pub(super) struct Definition {
    pub(super) table: Table,
    pub(super) recipes: Vec<Recipe>,
}

/// Rules by which a run answers for its tables, figures and page, with their names in its predictions files.
pub(in crate::commands) const ANSWERED: [(&str, Routing); 4] = [
    ("vanilla", Routing::Vanilla),
    ("balanced", Routing::Balanced),
    ("routed", Routing::Smaller),
    ("bigger", Routing::Bigger),
];

const MAE: Metric = Metric::Mae(None);
const CMAE: Metric = Metric::Cmae(None);

/// The ladder: `kl`, `base`, `fr`, `fr-pa`.
fn ladder() -> [Recipe; 4] {
    [("ladder-kl", KL), ("ladder-base", BASE), ("ladder-fr", FR), ("ladder-fr-pa", WHOLE)]
        .map(|(name, settings)| Recipe::plain(name, settings))
}

/// `[GLAE] Table II`.
pub(super) fn two() -> Definition {
    let cells = [(Routing::Vanilla, MAE), (Routing::Vanilla, CMAE)];
    let rows = [
        ("ℓ_kl", [1.74, 2.30]),
        ("ℓ_base", [1.51, 1.86]),
        ("ℓ_base + FR", [1.44, 1.81]),
        ("ℓ_base + FR + PA", [1.38, 1.70]),
    ];
    let table = Table {
        number: "II",
        title: "what each part is worth",
        paper: ("Morph II, random 80-20", "ResNet-18"),
        words: Vec::new(),
        columns: vec!["MAE".to_owned(), "CMAE".to_owned()],
        rows: rows.iter().enumerate().map(|(run, (name, paper))| TableRow::new(name, run, &cells, paper)).collect(),
        notes: vec![
            "All rows are answers of the vanilla classifier: the paper leaves routing out of this table.".to_owned(),
            "With kernel = stride = r the convolution behind the rearrangement is a 1x1 convolution up to a permutation of its \
             weights, so that the third row's network can do exactly what the second row's can."
                .to_owned(),
        ],
        claims: vec![Claims::Steps, Claims::Routing { base: 1, whole: 3 }],
    };
    Definition { table, recipes: ladder().to_vec() }
}

/// `[GLAE] Table III`.
pub(super) fn three(sources: &Sources) -> Result<Definition> {
    let r = sources.config(&Recipe::plain("", WHOLE))?.network.rearrange.r;
    let cells = [(Routing::Vanilla, MAE), (Routing::Vanilla, CMAE)];
    let (mut recipes, mut rows) = (Vec::new(), Vec::new());
    let combinations =
        [(r, r / 2, [1.42, 1.66]), (r, r, [1.40, 1.74]), (2 * r, r / 2, [1.42, 1.67]), (2 * r, r, [1.40, 1.80])];
    for (run, (kernel, stride, paper)) in combinations.into_iter().enumerate() {
        let own = format!("network.rearrange={{r={r},kernel={kernel},stride={stride}}}");
        let recipe = Recipe::with(format!("table-3-kernel-{kernel}-stride-{stride}"), WHOLE, &[own]);
        let side = sources.config(&recipe)?.network.map_side();
        let words = vec![format!("{side} x {side}")];
        rows.push(TableRow {
            words,
            ..TableRow::new(&format!("kernel {kernel}, stride {stride}"), run, &cells, &paper)
        });
        recipes.push(recipe);
    }
    let table = Table {
        number: "III",
        title: "kernel and stride behind the rearrangement",
        paper: ("Morph II, random 80-20", "ResNet-18"),
        words: vec!["map F'"],
        columns: vec!["MAE".to_owned(), "CMAE".to_owned()],
        rows,
        notes: vec![
            format!("r = {r}. Answers of the vanilla classifier."),
            "At 224 x 224 pixels the maps have 13, 7, 11 and 6 pixels a side; with smaller images they shrink, and with them \
             what a stride can make of them."
                .to_owned(),
        ],
        claims: Vec::new(),
    };
    Ok(Definition { table, recipes })
}

/// `[GLAE] Table IV`.
pub(super) fn four(sources: &Sources) -> Result<Definition> {
    let cells = [(Routing::Vanilla, MAE), (Routing::Smaller, CMAE)];
    let (mut recipes, mut rows) = (Vec::new(), Vec::new());
    let depths = [
        ("{kind=\"pool\"}", [1.14, 1.27]),
        ("{kind=\"flatten\",hidden=[144]}", [1.12, 1.20]),
        ("{kind=\"flatten\",hidden=[256,256]}", [1.10, 1.14]),
    ];
    for (depth, (projection, paper)) in depths.into_iter().enumerate() {
        let own = format!("network.projection={projection}");
        let recipe = Recipe::with(format!("table-4-depth-{depth}"), WHOLE, &[own]);
        let config = sources.config(&recipe)?;
        let words = vec![millions(parameters(&config)), ["23 M", "23.3 M", "23.9 M"][depth].to_owned()];
        rows.push(TableRow { words, ..TableRow::new(&format!("depth {depth}"), depth, &cells, &paper) });
        recipes.push(recipe);
    }
    let table = Table {
        number: "IV",
        title: "depth of the projection",
        paper: ("Morph II, random 80-20", "ResNet-50"),
        words: vec!["parameters", "paper: parameters"],
        columns: vec!["MAE".to_owned(), "CMAE".to_owned()],
        rows,
        notes: vec![
            "MAE is the vanilla classifier's and CMAE that of routed answers, as in the paper.".to_owned(),
            "The widths of the hidden layers (144; 256 and 256) are ours: the paper does not publish its own. Parameters are \
             those of backbone and one classifier."
                .to_owned(),
        ],
        claims: Vec::new(),
    };
    Ok(Definition { table, recipes })
}

/// `[GLAE] Table VIII`.
pub(super) fn eight() -> Definition {
    let cells = |answer| {
        let groups = Band::ALL.map(|band| (answer, Metric::Mae(Some(band))));
        groups.into_iter().chain([(answer, MAE), (answer, Metric::Aar)]).collect::<Vec<_>>()
    };
    let [kl, base, _, whole] = ladder();
    let mut rows = vec![
        TableRow::new("ℓ_kl", 0, &cells(Routing::Vanilla), &[3.84, 1.81, 2.64, 1.86, 6.64]),
        TableRow::new("ℓ_base", 1, &cells(Routing::Vanilla), &[3.39, 1.78, 2.30, 1.83]),
        TableRow::new("GLAE without routing", 2, &cells(Routing::Vanilla), &[3.41, 1.68, 2.31]),
        TableRow::new("GLAE", 2, &cells(Routing::Smaller), &[]),
    ];
    rows[1].paper.push(None);
    rows[2].paper.extend([None, Some(7.58)]);
    rows[3].paper = vec![None; 5];
    let table = Table {
        number: "VIII",
        title: "error by age group, and AAR",
        paper: ("MIVIA", "ResNet-18"),
        words: Vec::new(),
        columns: groups_and(&["MAE", "AAR"]),
        rows,
        notes: vec![
            "Groups: MAE over their images. AAR (`[GLAE] eq. (15)`): 0 to 10, more is better.".to_owned(),
            "The paper's row is without routing; the last one is ours. Two of its numbers cannot be read in our copy."
                .to_owned(),
        ],
        claims: Vec::new(),
    };
    Definition { table, recipes: vec![kl, base, whole] }
}

/// `[GLAE] Table IX`.
pub(super) fn nine() -> Definition {
    let cells = |answer| {
        let groups = Band::ALL.map(|band| (answer, Metric::Cmae(Some(band))));
        groups.into_iter().chain([(answer, CMAE)]).collect::<Vec<_>>()
    };
    let [_, base, _, whole] = ladder();
    let row = |name: &str, run, answer, paper: [f64; 4]| TableRow::new(name, run, &cells(answer), &paper);
    let table = Table {
        number: "IX",
        title: "CMAE by age group, and by who answers",
        paper: ("Morph II, CACD and MIVIA (its numbers here: MIVIA)", "ResNet-50"),
        words: Vec::new(),
        columns: groups_and(&["all"]),
        rows: vec![
            row("ℓ_base", 0, Routing::Vanilla, [4.76, 1.80, 2.81, 2.62]),
            row("vanilla", 1, Routing::Vanilla, [4.15, 1.70, 2.53, 2.38]),
            row("balanced", 1, Routing::Balanced, [2.85, 1.99, 1.98, 2.17]),
            row("bigger divergence", 1, Routing::Bigger, [3.87, 1.88, 2.36, 2.39]),
            row("smaller divergence (routing)", 1, Routing::Smaller, [3.08, 1.73, 2.10, 2.09]),
        ],
        notes: vec!["CMAE over the ages of each group. The whole is not the mean of the groups.".to_owned()],
        claims: vec![Claims::Routing { base: 0, whole: 1 }],
    };
    Definition { table, recipes: vec![base, whole] }
}

/// `[GLAE] Table X`, as far as the trainer goes.
pub(super) fn ten() -> Definition {
    // Classes have no order and no balance to win: cross entropy, stage 1 alone.
    let own = ["loss=dex", "stage2.epochs=0"].map(str::to_owned);
    let cells = [(Routing::Vanilla, Metric::Top1)];
    let table = Table {
        number: "X",
        title: "rearrangement and projection for classes in place of ages",
        paper: ("ImageNet, 1000 classes", "ResNet-50, from scratch for 90 epochs; its own"),
        words: Vec::new(),
        columns: vec!["top-1 accuracy, %".to_owned()],
        rows: vec![
            TableRow::new("average pooling and linear classifier", 0, &cells, &[75.8]),
            TableRow::new("rearrangement and projection", 1, &cells, &[76.6]),
        ],
        notes: vec![
            "Missing: PA's local branch. The trainer's losses know it for ages only (`loss = \"glae\"`, KL + L1), not as a \
             cross entropy of each pixel; both rows are trained with cross entropy (`loss = \"dex\"`)."
                .to_owned(),
            "Missing: more than 101 classes. The network's output has one place for each age from 0 to 100, and a folder of \
             more classes is refused."
                .to_owned(),
            "Answers are means over the image and its mirror image, which the paper's are not.".to_owned(),
        ],
        claims: Vec::new(),
    };
    Definition {
        table,
        recipes: vec![
            Recipe::with("table-10-plain".to_owned(), BASE, &own),
            Recipe::with("table-10-fr-projection".to_owned(), WHOLE, &own),
        ],
    }
}

/// The three groups, then what is over all ages.
fn groups_and(overall: &[&str]) -> Vec<String> {
    Band::ALL.iter().map(|band| band.label()).chain(overall.iter().copied()).map(str::to_owned).collect()
}

/// Parameters of backbone and one classifier.
fn parameters(config: &RunConfig) -> usize {
    let state = StateDict::of(&AgeNet::new(&config.network, &crate::device::cpu()));
    let counts = |name: &str| !name.starts_with("balanced.") && !name.contains(".running_");
    state.0.iter().filter(|(name, _)| counts(name)).map(|(_, array)| array.values.len()).sum()
}

fn millions(count: usize) -> String {
    format!("{:.2} M", count as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::super::sources::tests::sources;
    use super::*;
    use glae_model::NetworkConfig;
    use glae_model::config::{Projection, Rearrange};
    use glae_model::loss::Objective;

    fn all() -> Vec<(Definition, Sources)> {
        let sources = sources(&["--set", "network.input_size=224"]).unwrap();
        let all = [two(), three(&sources).unwrap(), four(&sources).unwrap(), eight(), nine(), ten()];
        all.map(|definition| (definition, sources.clone())).to_vec()
    }

    #[test]
    fn every_table_is_complete_and_its_runs_are_all_different() {
        for (definition, sources) in all() {
            let number = definition.table.number;
            let mut configs = Vec::new();
            for recipe in &definition.recipes {
                let config = RunConfig { name: String::new(), ..sources.config(recipe).unwrap() };
                assert!(!configs.contains(&config), "{number}: {}", recipe.name);
                configs.push(config);
            }
            for row in &definition.table.rows {
                assert!(row.run < configs.len(), "{number}: {}", row.name);
                assert_eq!(row.words.len(), definition.table.words.len(), "{number}: {}", row.name);
                assert_eq!(row.cells.len(), definition.table.columns.len(), "{number}: {}", row.name);
                assert_eq!(row.paper.len(), definition.table.columns.len(), "{number}: {}", row.name);
            }
        }
    }

    /// A configuration of another backbone goes through the same steps.
    #[test]
    fn the_ladder_changes_loss_rearrangement_and_projection_alone() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/utkface-mobilenet-112.toml");
        let sources = sources(&["--config", file]).unwrap();
        let configs = ladder().map(|recipe| sources.config(&recipe).unwrap());
        let whole = &configs[3];
        assert_eq!(whole.network.backbone, glae_model::config::Backbone::MobileNetV1);
        let (plain, average) = (Rearrange { r: 1, kernel: 1, stride: 1 }, Projection::Average);
        let steps = [
            (Objective::Kl, plain, average.clone()),
            (Objective::Base, plain, average.clone()),
            (Objective::Base, whole.network.rearrange, average),
            (Objective::Glae, whole.network.rearrange, whole.network.projection.clone()),
        ];
        for (config, (loss, rearrange, projection)) in configs.iter().zip(steps) {
            let network = NetworkConfig { rearrange, projection, ..whole.network.clone() };
            assert_eq!(*config, RunConfig { name: config.name.clone(), network, loss, ..whole.clone() });
        }
    }

    #[test]
    fn tables_iii_and_iv_share_the_ladders_last_run() {
        let whole = |sources: &Sources| sources.config(&Recipe::plain("", WHOLE)).unwrap();
        for (definition, sources) in all().into_iter().filter(|(own, _)| ["III", "IV"].contains(&own.table.number)) {
            let same = |recipe: &&Recipe| {
                RunConfig { name: String::new(), ..sources.config(recipe).unwrap() } == whole(&sources)
            };
            assert_eq!(definition.recipes.iter().filter(same).count(), 1, "{}", definition.table.number);
        }
        // `[GLAE] Table III` at its own size.
        let maps: Vec<_> = all()[1].0.table.rows.iter().map(|row| row.words[0].clone()).collect();
        assert_eq!(maps, ["13 x 13", "7 x 7", "11 x 11", "6 x 6"]);
    }

    #[test]
    fn parameters_are_those_of_backbone_and_one_classifier() {
        let sources = sources(&["--set", "network.width=64", "--set", "network.input_size=224"]).unwrap();
        // 11,176,512 + 51,813 of the convolution + 50 of the projection, as in the paper's ResNet-18.
        let config = sources.config(&Recipe::plain("", WHOLE)).unwrap();
        assert_eq!(parameters(&config), 11_228_375);
        assert_eq!(millions(11_228_375), "11.23 M");
    }
}
