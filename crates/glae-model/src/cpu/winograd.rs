//! 3x3 convolutions by Winograd's F(4x4, 3x3) (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015):
//! 36 products of matrices for 16 places of the output, where there were 144. Tiles of 6 x 6 numbers overlap by two.

use super::conv::{Finish, finished};
use super::product::Matrices;
use super::{Buffer, Map, Simd, View, WithSimd, all, inside, widest};
use crate::wide;

/// Side of the output that one tile gives.
pub(super) const TILE: usize = 4;

/// Side of what a tile sees.
pub(super) const SEEN: usize = TILE + 2;

/// Places of a tile, each with a matrix product of its own.
pub(super) const PLACES: usize = SEEN * SEEN;

/// Channels that are transformed side by side.
pub(super) const LANES: usize = 8;

/// So many tiles at least are multiplied at a time: fewer would only read the weights again and again.
const BLOCK: usize = 64;

pub(super) type Lane = [f32; LANES];

/// The same piece of each place's plane.
pub(super) type Pieces<'a> = [&'a mut [f32]; PLACES];

/// Whether a convolution of this shape (`[out, channels, side, side]`) is Winograd's, on maps of this smaller side: the depths
/// are worked on lane by lane.
pub(super) fn serves([out, channels, side, _]: [usize; 4], stride: usize, map: usize) -> bool {
    (side, stride) == (3, 1) && map >= TILE && channels.is_multiple_of(LANES) && out.is_multiple_of(LANES)
}

/// G of [`transformed`].
pub(super) const G: [[f32; 3]; SEEN] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// G g G' for each pair of channels: `[36, channels, out]`.
pub(super) fn transformed(weight: &[f32], [out, channels]: [usize; 2]) -> Vec<f32> {
    let mut planes = vec![0f32; PLACES * channels * out];
    all(blocks(&mut planes, out), 16, |channel, pieces| {
        for own in (0..out).step_by(LANES) {
            let kernel: [Lane; 9] = std::array::from_fn(|tap| {
                std::array::from_fn(|lane| weight[((own + lane) * channels + channel) * 9 + tap])
            });
            for (row, g) in G.iter().enumerate() {
                let line: [Lane; 3] = std::array::from_fn(|x| weighted([kernel[x], kernel[3 + x], kernel[6 + x]], g));
                for (column, g) in G.iter().enumerate() {
                    pieces[row * SEEN + column][own..][..LANES].copy_from_slice(&weighted(line, g));
                }
            }
        }
    });
    planes
}

/// The sum of some lanes, each with its weight.
pub(super) fn weighted<const N: usize>(lanes: [Lane; N], weights: &[f32; N]) -> Lane {
    let mut sum = [0f32; LANES];
    for (values, weight) in lanes.iter().zip(weights) {
        sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value * weight);
    }
    sum
}

/// Cuts the planes of all places into blocks of so many numbers; each gets its piece of each plane.
pub(super) fn blocks(planes: &mut [f32], length: usize) -> Vec<Pieces<'_>> {
    let plane = planes.len() / PLACES;
    let mut cut: Vec<_> = planes.chunks_exact_mut(plane).map(|plane| plane.chunks_mut(length)).collect();
    let pieces = |_| std::array::from_fn(|place| cut[place].next().expect("all planes have the same length"));
    (0..plane.div_ceil(length)).map(pieces).collect()
}

/// The convolution, with what comes behind it.
pub(super) fn forward(x: View, weight: &Matrices, bias: &[f32], finish: Finish) -> Map {
    let [_, channels, out] = weight.shape();
    assert_eq!(channels, x.channels, "the convolution takes another depth");
    let mut output = x.unwritten(x.height, x.width, out);
    let tiles = Tiles::new(&x);
    // A block is some rows of tiles, of one image or of several: what it gives lies in one piece of the output.
    let (lines, per_block) = (tiles.lines, tiles.per_block(BLOCK));
    let start = |line: usize| (line / tiles.rows * x.height + line % tiles.rows * TILE) * x.width * out;
    let (mut pieces, mut rest, mut taken) = (Vec::new(), &mut output.values[..], 0);
    for line in (per_block..lines).step_by(per_block).chain([lines]) {
        let piece;
        (piece, rest) = rest.split_at_mut(start(line) - taken);
        taken = start(line);
        pieces.push(piece);
    }
    all(pieces, 1, |index, piece| {
        let block = tiles.block(index, per_block);
        let mut planes = Buffer::unwritten(PLACES * block.count() * channels);
        for pieces in &mut blocks(&mut planes, block.count() * channels) {
            block.transformed(x, pieces);
        }
        let products = weight.multiplied(&planes, block.count());
        untransformed(&block, &products, piece, [x.height, x.width], out);
        let shortcut = finish.shortcut.map(|map| &map.values[start(block.first)..][..piece.len()]);
        finished(piece, bias, shortcut, finish.then);
    });
    output
}

/// How many tiles cover the images.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    /// In an image.
    rows: usize,
    pub(super) columns: usize,
    /// Rows of tiles in all images.
    pub(super) lines: usize,
}

impl Tiles {
    pub(super) fn new(x: &View) -> Self {
        let rows = x.height.div_ceil(TILE);
        Self { rows, columns: x.width.div_ceil(TILE), lines: x.batch * rows }
    }

    /// Rows of tiles in a block of at least so many tiles.
    pub(super) fn per_block(&self, tiles: usize) -> usize {
        tiles.div_ceil(self.columns).clamp(1, self.lines)
    }

    pub(super) fn block(&self, index: usize, per_block: usize) -> Block {
        let first = index * per_block;
        Block { first, lines: per_block.min(self.lines - first), tiles: *self }
    }
}

/// Some rows of tiles, counted through all images.
pub(super) struct Block {
    first: usize,
    lines: usize,
    tiles: Tiles,
}

impl Block {
    fn count(&self) -> usize {
        self.lines * self.tiles.columns
    }

    /// Image, first row and first column of each tile.
    pub(super) fn places(&self) -> impl Iterator<Item = [usize; 3]> {
        let Tiles { rows, columns, .. } = self.tiles;
        (self.first..self.first + self.lines)
            .flat_map(move |line| (0..columns).map(move |column| [line / rows, line % rows * TILE, column * TILE]))
    }

    /// B' d B for each tile and channel: `[tiles, channels]` for each place.
    pub(super) fn transformed(&self, x: View, pieces: &mut Pieces) {
        widest(Transformed { block: self, x, pieces });
    }
}

/// [`Block::transformed`], compiled as [`wide`] does.
struct Transformed<'a, 'b> {
    block: &'a Block,
    x: View<'a>,
    pieces: &'a mut Pieces<'b>,
}

impl WithSimd for Transformed<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { block, x, pieces } = self;
        let channels = x.channels;
        for (tile, [image, top, left]) in block.places().enumerate() {
            // Where each pixel that the tile sees begins.
            let pixels: [Option<usize>; PLACES] = std::array::from_fn(|place| {
                let y = inside(top + place / SEEN, 1, x.height)?;
                Some(((image * x.height + y) * x.width + inside(left + place % SEEN, 1, x.width)?) * channels)
            });
            for channel in (0..channels).step_by(LANES) {
                let seen = pixels.map(|pixel| match pixel {
                    Some(pixel) => *lane(&x.values[pixel + channel..]),
                    None => [0.0; LANES],
                });
                let mut half = [[0f32; LANES]; PLACES];
                for column in 0..SEEN {
                    let turned = before(std::array::from_fn(|row| seen[row * SEEN + column]));
                    turned.into_iter().enumerate().for_each(|(row, lane)| half[row * SEEN + column] = lane);
                }
                for row in 0..SEEN {
                    let turned = before(std::array::from_fn(|column| half[row * SEEN + column]));
                    for (column, lane) in turned.into_iter().enumerate() {
                        pieces[row * SEEN + column][tile * channels + channel..][..LANES].copy_from_slice(&lane);
                    }
                }
            }
        }
    }
}

wide! {
    /// A' m A for each tile and channel, into the rows of the output that the block covers: `size` is its height and width,
    /// `out` its channels.
    fn untransformed<'a>(block: &'a Block, products: &'a [f32], output: &'a mut [f32], size: [usize; 2], out: usize) -> () {
        let [height, width] = size;
        let plane = block.count() * out;
        let line = |line: usize| line / block.tiles.rows * height + line % block.tiles.rows * TILE;
        let first = line(block.first);
        for (tile, [image, top, left]) in block.places().enumerate() {
            let (rows, columns) = (TILE.min(height - top), TILE.min(width - left));
            for channel in (0..out).step_by(LANES) {
                let products: [Lane; PLACES] =
                    std::array::from_fn(|place| *lane(&products[place * plane + tile * out + channel..]));
                let mut half = [[0f32; LANES]; TILE * SEEN];
                for column in 0..SEEN {
                    let turned = behind(std::array::from_fn(|row| products[row * SEEN + column]));
                    turned.into_iter().enumerate().for_each(|(row, lane)| half[row * SEEN + column] = lane);
                }
                for row in 0..rows {
                    let turned = behind(std::array::from_fn(|column| half[row * SEEN + column]));
                    for (column, lane) in turned.into_iter().enumerate().take(columns) {
                        let pixel = (image * height + top + row - first) * width + left + column;
                        output[pixel * out + channel..][..LANES].copy_from_slice(&lane);
                    }
                }
            }
        }
    }
}

#[inline(always)]
pub(super) fn lane(values: &[f32]) -> &Lane {
    values.first_chunk().expect("depths are multiples of the lanes")
}

/// B' of one line of a tile.
#[inline(always)]
fn before(d: [Lane; SEEN]) -> [Lane; SEEN] {
    let mut all = [[0f32; LANES]; SEEN];
    for i in 0..LANES {
        let [a, b, c, d, e, f] = d.map(|lane| lane[i]);
        let (even, odd) = (e - 4.0 * c, d - 4.0 * b);
        let (near, far) = (e - c, 2.0 * (d - b));
        let line = [4.0 * a - 5.0 * c + e, even + odd, even - odd, near + far, near - far, 4.0 * b - 5.0 * d + f];
        all.iter_mut().zip(line).for_each(|(lane, value)| lane[i] = value);
    }
    all
}

/// A' of one line of products.
#[inline(always)]
fn behind(m: [Lane; SEEN]) -> [Lane; TILE] {
    let mut all = [[0f32; LANES]; TILE];
    for i in 0..LANES {
        let [a, b, c, d, e, f] = m.map(|lane| lane[i]);
        let (sum, difference, far_sum, far_difference) = (b + c, b - c, d + e, d - e);
        let line = [
            a + sum + far_sum,
            difference + 2.0 * far_difference,
            sum + 4.0 * far_sum,
            difference + 8.0 * far_difference + f,
        ];
        all.iter_mut().zip(line).for_each(|(lane, value)| lane[i] = value);
    }
    all
}
