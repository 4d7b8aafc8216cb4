//! Numbers and sentences as the visitor reads them.

use glae_estimate::{Searched, Seen};
use glae_face::detector::decode::Face;
use glae_face::detector::trust::{Doubt, LEAST_EYES, LEAST_WIDTH};
use glae_face::detector::turn::Turn;
use glae_model::{Estimate, Route, Routing};

use crate::inference::protocol::{Decoder, DeviceKind, DeviceReport, Measured};

/// What the worker is doing, as far as the visitor is concerned.
#[derive(Clone, Debug, PartialEq)]
pub enum EngineState {
    /// Not started yet.
    Asleep,
    /// The program is being fetched and compiled.
    Waking,
    /// Weights are arriving, in bytes.
    Loading {
        /// So far.
        received: u64,
        /// In all.
        total: u64,
    },
    /// The golden input is being computed.
    Checking(DeviceKind),
    /// Ready for photographs.
    Ready,
    /// It cannot go on; why and what to do.
    Failed(String),
}

/// The line under the progress bar.
pub fn status(stage: &EngineState) -> String {
    match stage {
        EngineState::Asleep => "Starts when you choose a photo".into(),
        EngineState::Waking => "Loading the estimator".into(),
        EngineState::Loading { received, total } => format!("Loading weights, {}", of_megabytes(*received, *total)),
        EngineState::Checking(DeviceKind::WebGpu) => "Checking that WebGPU computes correctly".into(),
        EngineState::Checking(DeviceKind::Cpu) => "Checking that the CPU computes correctly".into(),
        EngineState::Ready => "Ready".into(),
        EngineState::Failed(_) => "Not available".into(),
    }
}

fn of_megabytes(received: u64, total: u64) -> String {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    format!("{:.1} of {:.1} MB", megabytes(received), megabytes(total))
}

/// "WebGPU · Apple metal-3", "CPU · this browser offers no WebGPU".
pub fn device(report: &DeviceReport) -> String {
    let kind = match report.kind {
        DeviceKind::WebGpu => "WebGPU",
        DeviceKind::Cpu => "CPU",
    };
    if report.detail.is_empty() { kind.into() } else { format!("{kind} · {}", report.detail) }
}

/// A text that begins small and may end in a full stop, as a sentence.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

/// The first of some sentences as the end of "CPU · …".
pub fn short(sentence: &str) -> String {
    let first = sentence.split_inclusive('.').next().unwrap_or(sentence).trim_end_matches('.');
    let mut letters = first.chars();
    match letters.next() {
        // "WebGPU ..." keeps its capitals.
        Some(letter) if !first.starts_with("WebGPU") => letter.to_lowercase().chain(letters).collect(),
        _ => first.to_owned(),
    }
}

/// A readable adapter name from what WebGPU tells: browsers fill in some of the four, never all.
pub fn adapter(vendor: &str, architecture: &str, device: &str, description: &str) -> String {
    if !description.is_empty() {
        return description.into();
    }
    let parts: Vec<String> = [vendor, if device.is_empty() { architecture } else { device }]
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(proper_name)
        .collect();
    if parts.is_empty() { "adapter not named by the browser".into() } else { parts.join(" ") }
}

fn proper_name(word: &str) -> String {
    match word {
        "amd" => "AMD".into(),
        "apple" => "Apple".into(),
        "arm" => "Arm".into(),
        "google" => "Google".into(),
        "intel" => "Intel".into(),
        "nvidia" => "NVIDIA".into(),
        "qualcomm" => "Qualcomm".into(),
        "swiftshader" => "SwiftShader".into(),
        other => other.into(),
    }
}

/// Why an adapter was left alone, as the end of "CPU · …".
pub fn slower(measured: &Measured) -> String {
    let Measured { adapter, gpu_ms, cpu_ms } = measured;
    format!("measured {:.0} times as fast as WebGPU on {adapter}", gpu_ms / cpu_ms.max(0.1))
}

/// Years with one decimal.
pub fn years(years: f32) -> String {
    format!("{years:.1}")
}

/// A probability as a percentage with one decimal.
pub fn percent(probability: f32) -> String {
    format!("{:.1} %", probability * 100.0)
}

/// Two divergences with as many decimals as tell them apart: three, at most six.
pub fn nats(a: f32, b: f32) -> (String, String) {
    (3..=6)
        .map(|digits| (format!("{a:.digits$}"), format!("{b:.digits$}")))
        .find(|(a, b)| a != b)
        .unwrap_or_else(|| (format!("{a:.3}"), format!("{b:.3}")))
}

/// A duration for reading: "0.4 ms", "43 ms", "1.2 s".
pub fn duration(milliseconds: f64) -> String {
    match milliseconds {
        ms if ms < 9.95 => format!("{ms:.1} ms"),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1000.0),
    }
}

/// How long a photograph took to decode, and by whom where it was not this program.
pub fn decoding(milliseconds: f64, decoder: Decoder) -> String {
    let took = duration(milliseconds);
    match decoder {
        Decoder::Own => took,
        Decoder::Browser => format!("{took}, by the browser"),
    }
}

/// How long the age network took, and by how many workers.
pub fn network(milliseconds: f64, workers: u32) -> String {
    let took = duration(milliseconds);
    if workers > 1 { format!("{took} on {workers} cores") } else { took }
}

/// Who answered, as the subject of a sentence.
pub fn classifiers(route: Route) -> &'static str {
    match route {
        Route::Vanilla => "the vanilla classifier",
        Route::Balanced => "the balanced classifier",
        Route::Both => "both classifiers",
    }
}

/// Why a face gets no number, or why its number is not to be trusted, in one sentence or two.
pub fn doubt(doubt: Doubt, face: Option<&Face>) -> String {
    let size = |value: fn(&Face) -> f32| face.map_or(0.0, value).floor();
    let sentence = match doubt {
        Doubt::Small => {
            let width = size(|face| face.width.min(face.height));
            return format!(
                "This face is {width:.0} pixels wide; its age can be told from {LEAST_WIDTH:.0} on. A larger photo helps."
            );
        }
        Doubt::FewPixels => {
            let eyes = size(|face| {
                let [[ax, ay], [bx, by], ..] = face.points;
                (ax - bx).hypot(ay - by)
            });
            return format!(
                "Too small to trust: {eyes:.0} pixels lie between the eyes, and {LEAST_EYES:.0} are needed. A larger photo helps."
            );
        }
        Doubt::Turned => "This face is turned away too far for its age to be told.",
        Doubt::Degenerate => "Where eyes, nose and mouth of this face are cannot be told, and so its age cannot.",
        Doubt::Upended => "In doubt: this face seems to lie on its side or upside down. Turn the photo.",
        Doubt::HalfTurned => "In doubt: this face is turned to the side.",
        Doubt::Covered => "In doubt: this face may be partly covered, or be none.",
        Doubt::Dark => "In doubt: this face is too dark to see much of it.",
        Doubt::Blurred => "In doubt: this face is blurred.",
        Doubt::Classifiers => "In doubt: both classifiers give different ages.",
        Doubt::Mirror => "In doubt: the mirror image of this face has a different age.",
        Doubt::Wide => "In doubt: the answer spreads over many ages.",
    };
    sentence.into()
}

/// The same in a few words, for a list: of the face that a photograph is of.
pub fn listed_doubt(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::Small => "no age: the main face is too small",
        Doubt::Turned => "no age: the main face is turned away",
        Doubt::Degenerate => "no age: the main face cannot be straightened",
        Doubt::Upended => "upside down?",
        Doubt::FewPixels => "few pixels",
        Doubt::HalfTurned => "half turned",
        Doubt::Covered => "covered?",
        Doubt::Dark => "dark",
        Doubt::Blurred => "blurred",
        Doubt::Classifiers => "classifiers disagree",
        Doubt::Mirror => "mirror image differs",
        Doubt::Wide => "uncertain",
    }
}

/// How a photograph was turned to find its faces.
pub fn turned(turn: Turn) -> Option<&'static str> {
    match turn {
        Turn::None => None,
        Turn::Quarter => Some("This photo lies on its side: its faces were found turned a quarter to the right."),
        Turn::Half => Some("This photo is upside down: its faces were found turned by half."),
        Turn::ThreeQuarters => Some("This photo lies on its side: its faces were found turned a quarter to the left."),
    }
}

/// How far a closer look is.
pub fn searching(Searched { done, of }: Searched) -> String {
    format!("Looking closer for small faces, part {} of {of}", (done + 1).min(of))
}

/// What a face is called aloud, with its age: "Face 2, 31.4 years".
pub fn face(index: usize, several: bool, seen: &Seen) -> String {
    let name = if several { format!("Face {}", index + 1) } else { "Face".into() };
    match &seen.estimate {
        Some(estimate) => format!("{name}, {} years", years(estimate.years)),
        None => format!("{name}, no age"),
    }
}

/// Why this answer is shown, by the rule that made it, in one or two sentences.
pub fn why_routed(estimate: &Estimate) -> String {
    let &Estimate { rule, route, kl_vanilla, kl_balanced, .. } = estimate;
    let who = classifiers(route);
    let (vanilla, balanced) = nats(kl_vanilla, kl_balanced);
    let alike = vanilla == balanced;
    let (chosen, other) = if route == Route::Vanilla { (vanilla, balanced) } else { (balanced, vanilla) };
    match rule {
        Routing::Smaller | Routing::Bigger if alike => format!(
            "The mirror image disturbed both classifiers alike ({chosen} nats), so the balanced one, which decides ties, is shown."
        ),
        Routing::Smaller => {
            format!("The mirror image disturbed {who} less ({chosen} against {other} nats), so its answer is shown.")
        }
        Routing::Bigger => format!(
            "The mirror image disturbed {who} more ({chosen} against {other} nats), and these weights show that answer."
        ),
        Routing::Vanilla | Routing::Balanced => format!("These weights always show the answer of {who}."),
        Routing::Symmetric => format!(
            "Image and mirror image, compared in both directions, differ less for {who}, so its answer is shown; the numbers \
             above compare in one direction."
        ),
        Routing::Mixture { .. } => why_mixed(estimate),
    }
}

/// The weights of a mixture, and what the paper's rule, by which a tie goes to balanced, would have shown.
fn why_mixed(estimate: &Estimate) -> String {
    let vanilla = (100.0 * estimate.vanilla_share).round();
    let (calmer, alone) = if estimate.kl_vanilla < estimate.kl_balanced {
        (Route::Vanilla, &estimate.vanilla)
    } else {
        (Route::Balanced, &estimate.balanced)
    };
    format!(
        "Shown is a mixture of both distributions: {vanilla:.0} % vanilla, {:.0} % balanced. The rule of the paper, which takes \
         the classifier that the mirror image disturbs less, would have shown {} years, of {}.",
        100.0 - vanilla,
        years(alone.years),
        classifiers(calmer)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use glae_model::Rules;
    use glae_model::routing::MirrorPair;

    #[test]
    fn a_sentence_has_one_full_stop() {
        assert_eq!(sentence("the detector gives other numbers"), "The detector gives other numbers.");
        assert_eq!(sentence("The file is damaged."), "The file is damaged.");
        assert_eq!(short("It gave wrong numbers. Try again."), "it gave wrong numbers");
        assert_eq!(short("WebGPU cannot be used."), "WebGPU cannot be used");
    }

    #[test]
    fn the_routing_sentence_is_true_for_each_rule() {
        // Two ages each; only of the balanced classifier do image and mirror image differ, by 0.144 nats.
        let pair = |mirror: [f64; 2]| MirrorPair { image: vec![0.5, 0.5], mirror: mirror.to_vec() };
        let (calm, shaken) = (pair([0.5, 0.5]), pair([0.25, 0.75]));
        let why = |routing| why_routed(&Estimate::new(&calm, &shaken, Rules { routing, ..Rules::default() }));
        assert_eq!(
            why(Routing::Smaller),
            "The mirror image disturbed the vanilla classifier less (0.000 against 0.144 nats), so its answer is shown."
        );
        assert_eq!(
            why(Routing::Bigger),
            "The mirror image disturbed the balanced classifier more (0.144 against 0.000 nats), and these weights show that answer."
        );
        assert_eq!(why(Routing::Vanilla), "These weights always show the answer of the vanilla classifier.");
        assert_eq!(why(Routing::Balanced), "These weights always show the answer of the balanced classifier.");
        assert!(why(Routing::Symmetric).contains("differ less for the vanilla classifier"));
        let mixed = why(Routing::Mixture { power: 0.0 });
        assert!(
            mixed.contains("50 % vanilla, 50 % balanced") && mixed.contains("0.5 years, of the vanilla"),
            "{mixed}"
        );
        let tie = |routing| why_routed(&Estimate::new(&calm, &calm, Rules { routing, ..Rules::default() }));
        assert!(tie(Routing::Smaller).contains("alike (0.000 nats), so the balanced one"));
        assert!(!tie(Routing::Vanilla).contains("ties"));
    }

    #[test]
    fn a_face_without_an_age_gets_a_reason() {
        let face = Face { x: 0.0, y: 0.0, width: 18.7, height: 22.0, points: [[0.0; 2]; 5], score: 0.9 };
        let seen = Seen { face: Some(face), doubt: Some(Doubt::Turned), estimate: None };
        assert!(
            doubt(Doubt::Small, Some(&face))
                .starts_with("This face is 18 pixels wide; its age can be told from 24 on.")
        );
        let points = [[3.0, 8.0], [15.0, 13.0], [9.0, 12.0], [5.0, 16.0], [12.0, 18.0]];
        let few = Face { points, ..face };
        assert!(doubt(Doubt::FewPixels, Some(&few)).starts_with("Too small to trust: 13 pixels lie between the eyes"));
        let sentences: std::collections::BTreeSet<String> = Doubt::ALL.map(|why| doubt(why, None)).into();
        assert_eq!(sentences.len(), Doubt::ALL.len());
        assert_eq!([super::face(1, true, &seen), super::face(0, false, &seen)], ["Face 2, no age", "Face, no age"]);
    }

    #[test]
    fn close_divergences_get_more_digits() {
        assert_eq!(nats(0.0121, 0.0124), ("0.0121".into(), "0.0124".into()));
        assert_eq!(nats(0.01, 0.01), ("0.010".into(), "0.010".into()));
    }

    #[test]
    fn durations_are_short() {
        assert_eq!([0.42, 9.96, 42.6, 999.6, 8721.0].map(duration), ["0.4 ms", "10 ms", "43 ms", "1.0 s", "8.7 s"]);
    }

    #[test]
    fn a_foreign_decoder_is_told() {
        assert_eq!(
            [Decoder::Own, Decoder::Browser].map(|decoder| decoding(42.6, decoder)),
            ["43 ms", "43 ms, by the browser"]
        );
    }

    #[test]
    fn several_cores_are_told() {
        assert_eq!([network(8.42, 1), network(8.42, 2)], ["8.4 ms", "8.4 ms on 2 cores"]);
    }

    #[test]
    fn an_adapter_is_named_from_what_there_is() {
        assert_eq!(adapter("google", "swiftshader", "", ""), "Google SwiftShader");
        assert_eq!(adapter("apple", "metal-3", "", ""), "Apple metal-3");
        assert_eq!(adapter("nvidia", "ada", "", "NVIDIA RTX 4090"), "NVIDIA RTX 4090");
        assert_eq!(adapter("", "", "", ""), "adapter not named by the browser");
    }

    #[test]
    fn a_slower_adapter_is_named_with_the_measurement() {
        let measured = Measured { adapter: "Intel gen-9".into(), gpu_ms: 120.4, cpu_ms: 40.0 };
        assert_eq!(slower(&measured), "measured 3 times as fast as WebGPU on Intel gen-9");
    }

    #[test]
    fn the_device_line_says_why() {
        let cpu = DeviceReport { kind: DeviceKind::Cpu, detail: "this browser offers no WebGPU".into() };
        assert_eq!(device(&cpu), "CPU · this browser offers no WebGPU");
        assert_eq!(device(&DeviceReport { kind: DeviceKind::WebGpu, detail: String::new() }), "WebGPU");
    }

    #[test]
    fn progress_is_in_megabytes() {
        assert_eq!(
            status(&EngineState::Loading { received: 1_250_000, total: 22_400_000 }),
            "Loading weights, 1.2 of 22.4 MB"
        );
    }
}
