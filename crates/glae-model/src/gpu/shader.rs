//! The programs that the GPU runs, in WGSL (w3.org/TR/WGSL).
//!
//! Sizes come in `sizes`, not in the text: one program serves all convolutions of a kind, because a browser takes a tenth of a
//! second and more to translate one.

use std::fmt::Write;

/// Pixels of one row that one invocation computes, each with four output channels. More would be quicker on large maps and
/// slower to translate.
pub(crate) const PIXELS: usize = 4;

/// Invocations of a workgroup: groups of four output channels, and pieces of rows.
pub(crate) const WORKGROUP: [usize; 2] = [8, 8];

/// A convolution with bias and, where `sizes` asks for them, shortcut and activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Convolution {
    /// Side of the kernel.
    pub(crate) side: usize,
    /// Pixels between two places of the kernel.
    pub(crate) stride: usize,
    /// Whether the input lies as planes, `[batch, channels, height, width]`; otherwise channels last, in fours.
    pub(crate) planes: bool,
}

impl Convolution {
    /// Buffers in their order: x, weight `[side, side, channels, out]`, bias `[out]`, sizes (height, width, channels or
    /// fours of them, output's height and width, fours of output channels, pieces of a row, 1 for ReLU and 2 for ReLU6, 1 for a
    /// shortcut, zeros above and left of the map), the shortcut, or any buffer where there is none, y.
    pub(crate) fn text(&self) -> String {
        let Self { side, stride, planes } = *self;
        let (kind, zero) = if planes { ("f32", "0.0") } else { ("vec4<f32>", "vec4<f32>()") };
        let lanes: &[&str] = if planes { &[""] } else { &[".x", ".y", ".z", ".w"] };
        let columns = (PIXELS - 1) * stride + side;
        let fours = "vec4<f32>";
        let inputs = [("x", kind), ("weight", fours), ("bias", fours), ("sizes", "i32"), ("shortcut", fours)];
        let mut text = bindings(&inputs, ("y", fours)) + &start("piece");
        let mut line = |words: std::fmt::Arguments| writeln!(text, "{words}").expect("a text takes what is written");
        line(format_args!("let height = sizes[0]; let width = sizes[1]; let channels = sizes[2];"));
        line(format_args!("let rows = sizes[3]; let columns = sizes[4]; let fours = sizes[5]; let pieces = sizes[6];"));
        line(format_args!("if (own >= fours || piece >= pieces * rows) {{ return; }}"));
        line(format_args!("let row = piece / pieces; let left = piece % pieces * {PIXELS};"));
        for pixel in 0..PIXELS {
            line(format_args!("var sum{pixel} = bias[own];"));
        }
        for column in 0..columns {
            line(format_args!("let at{column} = left * {stride} + {column} - sizes[10];"));
            line(format_args!("let in{column} = at{column} >= 0 && at{column} < width;"));
        }
        line(format_args!("for (var tap = 0; tap < {side}; tap++) {{"));
        line(format_args!("let above = row * {stride} + tap - sizes[9];"));
        line(format_args!("if (above < 0 || above >= height) {{ continue; }}"));
        line(format_args!("for (var channel = 0; channel < channels; channel++) {{"));
        if planes {
            line(format_args!("let start = ((image * channels + channel) * height + above) * width;"));
        } else {
            line(format_args!("let start = (image * height + above) * width * channels + channel;"));
        }
        let step = if planes { "" } else { " * channels" };
        for column in 0..columns {
            line(format_args!("let x{column} = select({zero}, x[start + at{column}{step}], in{column});"));
        }
        let depth = lanes.len();
        line(format_args!("let first = (tap * {side} * channels + channel) * {depth} * fours + own;"));
        for place in 0..side {
            for (lane, name) in lanes.iter().enumerate() {
                line(format_args!(
                    "let w{place}_{lane} = weight[first + ({place} * channels * {depth} + {lane}) * fours];"
                ));
                for pixel in 0..PIXELS {
                    line(format_args!("sum{pixel} += x{}{name} * w{place}_{lane};", pixel * stride + place));
                }
            }
        }
        line(format_args!("}}\n}}"));
        text + &end("columns", "(image * rows + row) * columns", 7, Some(8))
    }
}

/// A 1x1 convolution of stride 1 of maps whose channels come last, in fours: a matrix product in which images and rows need not
/// be told apart. Buffers: x, weight `[channels, out]`, bias `[out]`, sizes (pixels of all images, fours of channels, fours of
/// output channels, 1 for ReLU and 2 for ReLU6, 1 for a shortcut), the shortcut, or any buffer where there is none, y.
pub(crate) fn product() -> String {
    let fours = "vec4<f32>";
    let inputs = [("x", fours), ("weight", fours), ("bias", fours), ("sizes", "i32"), ("shortcut", fours)];
    let mut text = bindings(&inputs, ("y", fours)) + &start("piece");
    let mut line = |words: std::fmt::Arguments| writeln!(text, "{words}").expect("a text takes what is written");
    line(format_args!("let pixels = sizes[0]; let channels = sizes[1]; let fours = sizes[2];"));
    line(format_args!("let left = piece * {PIXELS};"));
    line(format_args!("if (own >= fours || left >= pixels) {{ return; }}"));
    for pixel in 0..PIXELS {
        line(format_args!("var sum{pixel} = bias[own];"));
    }
    line(format_args!("for (var channel = 0; channel < channels; channel++) {{"));
    line(format_args!("let start = left * channels + channel;"));
    for pixel in 0..PIXELS {
        // Pixels behind the last one are those that the browser gives for places outside of a buffer; nothing keeps their sums.
        line(format_args!("let x{pixel} = x[start + {pixel} * channels];"));
    }
    line(format_args!("let first = channel * 4 * fours + own;"));
    for (lane, name) in ["x", "y", "z", "w"].iter().enumerate() {
        line(format_args!("let w{lane} = weight[first + {lane} * fours];"));
        for pixel in 0..PIXELS {
            line(format_args!("sum{pixel} += x{pixel}.{name} * w{lane};"));
        }
    }
    line(format_args!("}}"));
    text + &end("pixels", "0", 3, Some(4))
}

/// Max-pooling of maps whose channels come last, in fours. Buffers: x, sizes (height, width, fours, output's height and width,
/// side of a square, stride, padding), y.
pub(crate) fn max_pool() -> String {
    bindings(&[("x", "vec4<f32>"), ("sizes", "i32")], ("y", "vec4<f32>"))
        + &start("place")
        + "  let height = sizes[0]; let width = sizes[1]; let fours = sizes[2]; let rows = sizes[3]; let columns = sizes[4];
  if (own >= fours || place >= rows * columns) { return; }
  let top = place / columns * sizes[6] - sizes[7];
  let left = place % columns * sizes[6] - sizes[7];
  var most = vec4<f32>(-3.4e38);
  for (var y = max(top, 0); y < min(top + sizes[5], height); y++) {
    for (var x_ = max(left, 0); x_ < min(left + sizes[5], width); x_++) {
      most = max(most, x[((image * height + y) * width + x_) * fours + own]);
    }
  }
  y[(image * rows * columns + place) * fours + own] = most;
}
"
}

/// A 3x3 convolution that keeps channels apart, of maps whose channels come last, in fours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Depth {
    /// Pixels between two places of the kernel.
    pub(crate) stride: usize,
}

impl Depth {
    /// Buffers: x, weight `[3, 3, channels]`, bias, sizes (height, width, fours, output's height and width, pieces of a row, 1
    /// for ReLU and 2 for ReLU6, zeros above and left of the map), y.
    pub(crate) fn text(&self) -> String {
        let Self { stride } = *self;
        let inputs = [("x", "vec4<f32>"), ("weight", "vec4<f32>"), ("bias", "vec4<f32>"), ("sizes", "i32")];
        let mut text = bindings(&inputs, ("y", "vec4<f32>")) + &start("piece");
        let mut line = |words: std::fmt::Arguments| writeln!(text, "{words}").expect("a text takes what is written");
        line(format_args!("let height = sizes[0]; let width = sizes[1]; let fours = sizes[2];"));
        line(format_args!("let rows = sizes[3]; let columns = sizes[4]; let pieces = sizes[5];"));
        line(format_args!("if (own >= fours || piece >= pieces * rows) {{ return; }}"));
        line(format_args!("let row = piece / pieces; let left = piece % pieces * {PIXELS};"));
        for pixel in 0..PIXELS {
            line(format_args!("var sum{pixel} = bias[own];"));
        }
        line(format_args!("for (var tap = 0; tap < 3; tap++) {{"));
        line(format_args!("let above = row * {stride} + tap - sizes[7];"));
        line(format_args!("if (above < 0 || above >= height) {{ continue; }}"));
        line(format_args!("let start = (image * height + above) * width * fours + own;"));
        for column in 0..(PIXELS - 1) * stride + 3 {
            line(format_args!("let at{column} = left * {stride} + {column} - sizes[8];"));
            line(format_args!(
                "let x{column} = select(vec4<f32>(), x[start + at{column} * fours], at{column} >= 0 && at{column} < width);"
            ));
        }
        for place in 0..3 {
            line(format_args!("let w{place} = weight[(tap * 3 + {place}) * fours + own];"));
            for pixel in 0..PIXELS {
                line(format_args!("sum{pixel} += x{} * w{place};", pixel * stride + place));
            }
        }
        line(format_args!("}}"));
        text + &end("columns", "(image * rows + row) * columns", 6, None)
    }
}

/// The sum of a map and of one of half its size, whose pixels count four times each; channels come last, in fours. Buffers:
/// x, half, sizes (height, width, fours), y.
pub(crate) fn add_doubled() -> String {
    bindings(&[("x", "vec4<f32>"), ("half_", "vec4<f32>"), ("sizes", "i32")], ("y", "vec4<f32>"))
        + &start("place")
        + "  let height = sizes[0]; let width = sizes[1]; let fours = sizes[2];
  if (own >= fours || place >= height * width) { return; }
  let quarter = (image * height + place / width) / 2 * (width / 2) + place % width / 2;
  let at = (image * height * width + place) * fours + own;
  y[at] = x[at] + half_[quarter * fours + own];
}
"
}

/// Where a program for maps begins: its four of channels, its `place` or piece of a row, and its image.
fn start(place: &str) -> String {
    let [x, y] = WORKGROUP;
    format!(
        "@compute @workgroup_size({x}, {y}, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {{
  let own = i32(id.x); let {place} = i32(id.y); let image = i32(id.z);
"
    )
}

/// Where a convolution ends: its sums go to the pixels from `left` on of a row of so many `columns`, before which there are so many
/// others, with the activation that `sizes` names at `then` (0 none, 1 ReLU, 2 ReLU6), and before it with the shortcut where
/// `sizes` has a 1 there.
fn end(columns: &str, before: &str, then: usize, shortcut: Option<usize>) -> String {
    let added =
        shortcut.map_or_else(String::new, |flag| format!("if (sizes[{flag}] == 1) {{ found += shortcut[to]; }}\n"));
    let store = |pixel: usize| {
        format!(
            "if (left + {pixel} < {columns}) {{
let to = ({before} + left + {pixel}) * fours + own;
var found = sum{pixel};
{added}y[to] = clamp(found, vec4<f32>(least), vec4<f32>(most));
}}
"
        )
    };
    let range = format!(
        "let least = select(0.0, -3.4e38, sizes[{then}] == 0); let most = select(3.4e38, 6.0, sizes[{then}] == 2);\n"
    );
    range + &(0..PIXELS).map(store).collect::<String>() + "}\n"
}

fn bindings(inputs: &[(&str, &str)], (output, kind): (&str, &str)) -> String {
    let mut text = String::new();
    for (index, (name, kind)) in inputs.iter().enumerate() {
        text += &format!("@group(0) @binding({index}) var<storage, read> {name}: array<{kind}>;\n");
    }
    text + &format!("@group(0) @binding({}) var<storage, read_write> {output}: array<{kind}>;\n", inputs.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The programs of the backbones and of the detector, and others that could be asked for.
    fn all() -> Vec<String> {
        let mut texts = vec![product(), max_pool(), add_doubled()];
        texts.extend([1, 2].map(|stride| Depth { stride }.text()));
        for (side, stride, planes) in [(7, 2, true), (3, 1, false), (3, 2, false), (1, 2, false), (3, 2, true)] {
            texts.push(Convolution { side, stride, planes }.text());
        }
        texts
    }

    #[test]
    fn every_program_is_valid() {
        for text in all() {
            let module = naga::front::wgsl::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            let mut validator = naga::valid::Validator::new(Default::default(), naga::valid::Capabilities::empty());
            validator.validate(&module).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        }
    }

    #[test]
    fn no_text_looks_like_a_template() {
        assert!(all().iter().all(|text| !text.contains("{{") && !text.contains("}}")));
    }
}
