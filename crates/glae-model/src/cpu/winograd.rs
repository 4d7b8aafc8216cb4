//! 3x3 convolutions by Winograd's F(4x4, 3x3) and F(2x2, 3x3) (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
//! 2015): 36 products of matrices for 16 places of the output, where there were 144, or 16 for 4 places, where there were 36.
//! Tiles of 6 x 6 or 4 x 4 numbers overlap by two.

use std::marker::PhantomData;

use super::conv::{Finish, finished};
use super::product::Matrices;
use super::{Buffer, Map, Simd, View, WithSimd, all, cores, inside, load, store, widest};

/// Channels that are transformed side by side.
pub(super) const LANES: usize = 8;

/// About so many tiles are multiplied at a time: fewer would only read the weights again and again.
const BLOCK: usize = 64;

pub(super) type Lane = [f32; LANES];

/// The same piece of each place's plane.
pub(super) type Pieces<'a> = Vec<&'a mut [f32]>;

/// Side of the output that one tile gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tile {
    /// Sees four by four numbers. Reads not twice as many weights as the kernel has numbers.
    Two,
    /// Sees six by six. Reads four times as many weights, which few tiles do not repay.
    Four,
}

impl Tile {
    /// The tiles for a convolution of this shape (`[out, channels, side, side]`), on so many maps of this height and width at a
    /// time; `None` where another way is quicker. The depths are worked on lane by lane. Tiles count that lie wholly in the maps:
    /// what others give is in part thrown away.
    pub(super) fn of(
        [out, channels, side, _]: [usize; 4],
        stride: usize,
        (batch, [height, width]): (usize, [usize; 2]),
    ) -> Option<Self> {
        let fits = (side, stride) == (3, 1) && channels.is_multiple_of(LANES) && out.is_multiple_of(LANES);
        let enough = |tile: &Self| batch * (height / tile.side()) * (width / tile.side()) >= tile.least();
        [Self::Four, Self::Two].into_iter().find(|tile| fits && enough(tile))
    }

    fn side(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }

    /// From so many tiles on this way is quicker than the next one. Browsers multiply more slowly, and read as fast.
    fn least(self) -> usize {
        match self {
            Self::Two if cfg!(target_family = "wasm") => 1,
            Self::Four if cfg!(target_family = "wasm") => 4,
            Self::Two => 16,
            Self::Four => 64,
        }
    }

    /// G g G' for each pair of channels of a kernel, `[out, channels, 3, 3]` in row-major order: matrices `[places of a tile,
    /// channels, out]`.
    pub(super) fn transformed(self, weight: &[f32], channels: [usize; 2]) -> Matrices {
        match self {
            Self::Two => transformed(weight, channels, &TWO),
            Self::Four => transformed(weight, channels, &FOUR),
        }
    }

    /// The convolution, with what comes behind it.
    pub(super) fn forward(self, x: View, weight: &Matrices, bias: &[f32], finish: Finish) -> Map {
        match self {
            Self::Two => forward::<2, 4>(x, weight, bias, finish),
            Self::Four => forward::<4, 6>(x, weight, bias, finish),
        }
    }
}

/// G of F(2x2, 3x3).
const TWO: [[f32; 3]; 4] = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]];

/// G of F(4x4, 3x3).
pub(super) const FOUR: [[f32; 3]; 6] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

fn transformed<const SEEN: usize>(weight: &[f32], [out, channels]: [usize; 2], g: &[[f32; 3]; SEEN]) -> Matrices {
    Matrices::written([SEEN * SEEN, channels, out], |[row, column], width, pieces| {
        let rows = pieces[0].len() / width;
        for (index, first) in (0..rows).flat_map(|index| (0..width).step_by(LANES).map(move |first| (index, first))) {
            // What a panel has behind the last column.
            if column + first >= out {
                continue;
            }
            let kernel: [Lane; 9] = std::array::from_fn(|tap| {
                let number = |lane| ((column + first + lane) * channels + row + index) * 9 + tap;
                std::array::from_fn(|lane| weight[number(lane)])
            });
            for (y, line) in g.iter().enumerate() {
                let line: [Lane; 3] =
                    std::array::from_fn(|x| weighted([kernel[x], kernel[3 + x], kernel[6 + x]], line));
                for (x, g) in g.iter().enumerate() {
                    pieces[y * SEEN + x][index * width + first..][..LANES].copy_from_slice(&weighted(line, g));
                }
            }
        }
    })
}

/// The sum of some lanes, each with its weight.
pub(super) fn weighted<const N: usize>(lanes: [Lane; N], weights: &[f32; N]) -> Lane {
    let mut sum = [0f32; LANES];
    for (values, weight) in lanes.iter().zip(weights) {
        sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value * weight);
    }
    sum
}

/// Cuts the planes of so many places into blocks of so many numbers; each gets its piece of each plane.
pub(super) fn blocks(planes: &mut [f32], places: usize, length: usize) -> Vec<Pieces<'_>> {
    let plane = planes.len() / places;
    let mut cut: Vec<_> = planes.chunks_exact_mut(plane).map(|plane| plane.chunks_mut(length)).collect();
    let mut pieces = || cut.iter_mut().map(|plane| plane.next().expect("all planes have the same length")).collect();
    (0..plane.div_ceil(length)).map(|_| pieces()).collect()
}

fn forward<const TILE: usize, const SEEN: usize>(x: View, weight: &Matrices, bias: &[f32], finish: Finish) -> Map
where
    Before: Line<SEEN, SEEN>,
    Behind: Line<SEEN, TILE>,
{
    let [places, channels, out] = weight.shape();
    assert_eq!(channels, x.channels, "the convolution takes another depth");
    let mut output = x.unwritten(x.height, x.width, out);
    let tiles = Tiles::new(&x, TILE);
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
        let mut planes = Buffer::unwritten(places * block.count() * channels);
        for pieces in &mut blocks(&mut planes, places, block.count() * channels) {
            block.transformed::<Before, SEEN, SEEN>(x, pieces);
        }
        let products = weight.multiplied(&planes, block.count());
        let size = [x.height, x.width];
        widest(Untransformed::<TILE, SEEN> { block: &block, products: &products, output: piece, size, out });
        let shortcut = finish.shortcut.map(|map| &map.values[start(block.first)..][..piece.len()]);
        finished(piece, bias, shortcut, finish.then);
    });
    output
}

/// How many tiles cover the images.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    /// Side of the output that one gives.
    side: usize,
    /// In an image.
    rows: usize,
    pub(super) columns: usize,
    /// Rows of tiles in all images.
    pub(super) lines: usize,
}

impl Tiles {
    pub(super) fn new(x: &View, side: usize) -> Self {
        let rows = x.height.div_ceil(side);
        Self { side, rows, columns: x.width.div_ceil(side), lines: x.batch * rows }
    }

    /// Rows of tiles in a block of about so many tiles; no core is left without a block where there are rows for all.
    pub(super) fn per_block(&self, tiles: usize) -> usize {
        let blocks = (self.lines * self.columns).div_ceil(tiles).next_multiple_of(cores());
        self.lines.div_ceil(blocks)
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
        let Tiles { side, rows, columns, .. } = self.tiles;
        (self.first..self.first + self.lines)
            .flat_map(move |line| (0..columns).map(move |column| [line / rows, line % rows * side, column * side]))
    }

    /// L d L' for the `SIDE` x `SIDE` numbers of each tile and channel, in the middle of which lies what the tile gives: `[tiles,
    /// channels]` for each of `SEEN` x `SEEN` places. Outside of the map there are zeros.
    pub(super) fn transformed<L: Line<SIDE, SEEN>, const SIDE: usize, const SEEN: usize>(
        &self,
        x: View,
        pieces: &mut Pieces,
    ) {
        widest(Transformed::<L, SIDE, SEEN> { block: self, x, pieces, line: PhantomData });
    }
}

/// [`Block::transformed`], compiled as [`crate::wide`] does.
struct Transformed<'a, 'b, L, const SIDE: usize, const SEEN: usize> {
    block: &'a Block,
    x: View<'a>,
    pieces: &'a mut Pieces<'b>,
    line: PhantomData<L>,
}

impl<L: Line<SIDE, SEEN>, const SIDE: usize, const SEEN: usize> WithSimd for Transformed<'_, '_, L, SIDE, SEEN> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { block, x, pieces, .. } = self;
        let (channels, padding) = (x.channels, (SIDE - block.tiles.side) / 2);
        let outside = Buffer::zeros(channels);
        for (tile, [image, top, left]) in block.places().enumerate() {
            // Column by column.
            let mut pixels = [[&outside[..]; SIDE]; SIDE];
            for (place, pixel) in pixels.as_flattened_mut().iter_mut().enumerate() {
                let (row, column) = (top + place % SIDE, left + place / SIDE);
                let (row, column) = (inside(row, padding, x.height), inside(column, padding, x.width));
                if let (Some(row), Some(column)) = (row, column) {
                    *pixel = &x.values[((image * x.height + row) * x.width + column) * channels..][..channels];
                }
            }
            for first in (0..channels).step_by(S::F32_LANES) {
                let mut seen = [[simd.splat_f32s(0.0); SIDE]; SIDE];
                for (seen, pixels) in seen.iter_mut().zip(&pixels) {
                    for (seen, pixel) in seen.iter_mut().zip(pixels) {
                        *seen = load(simd, pixel, first);
                    }
                }
                for (row, line) in both::<L, S, SIDE, SEEN>(simd, seen).into_iter().enumerate() {
                    for (column, value) in line.into_iter().enumerate() {
                        store(simd, &mut pieces[row * SEEN + column][tile * channels..][..channels], first, value);
                    }
                }
            }
        }
    }
}

/// A' m A for each tile and channel, into the rows of the output that the block covers.
struct Untransformed<'a, const TILE: usize, const SEEN: usize> {
    block: &'a Block,
    /// `[places, tiles, out]`
    products: &'a [f32],
    output: &'a mut [f32],
    /// Height and width of the output.
    size: [usize; 2],
    out: usize,
}

impl<const TILE: usize, const SEEN: usize> WithSimd for Untransformed<'_, TILE, SEEN>
where
    Behind: Line<SEEN, TILE>,
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { block, products, output, size: [height, width], out } = self;
        let plane = block.count() * out;
        let line = |line: usize| line / block.tiles.rows * height + line % block.tiles.rows * TILE;
        let first_line = line(block.first);
        for (tile, [image, top, left]) in block.places().enumerate() {
            let (rows, columns) = (TILE.min(height - top), TILE.min(width - left));
            for first in (0..out).step_by(S::F32_LANES) {
                let mut seen = [[simd.splat_f32s(0.0); SEEN]; SEEN];
                for place in 0..SEEN * SEEN {
                    let products = &products[place * plane + tile * out..][..out];
                    seen[place % SEEN][place / SEEN] = load(simd, products, first);
                }
                for (row, line) in both::<Behind, S, SEEN, TILE>(simd, seen).into_iter().enumerate() {
                    for (column, value) in line.into_iter().enumerate() {
                        if row < rows && column < columns {
                            let pixel = (image * height + top + row - first_line) * width + left + column;
                            store(simd, &mut output[pixel * out..][..out], first, value);
                        }
                    }
                }
            }
        }
    }
}

/// One of Winograd's matrices, times one line of a tile.
pub(super) trait Line<const FROM: usize, const TO: usize> {
    fn of<S: Simd>(simd: S, line: [S::f32s; FROM]) -> [S::f32s; TO];
}

/// A matrix times a tile times the matrix turned round; `seen` is the tile column by column, what is returned row by row.
#[inline(always)]
fn both<L: Line<FROM, TO>, S: Simd, const FROM: usize, const TO: usize>(
    simd: S,
    seen: [[S::f32s; FROM]; FROM],
) -> [[S::f32s; TO]; TO] {
    let mut half = [[simd.splat_f32s(0.0); FROM]; TO];
    for (column, line) in seen.into_iter().enumerate() {
        L::of(simd, line).into_iter().enumerate().for_each(|(row, value)| half[row][column] = value);
    }
    let mut all = [[simd.splat_f32s(0.0); TO]; TO];
    for (all, line) in all.iter_mut().zip(half) {
        *all = L::of(simd, line);
    }
    all
}

/// A number times a register, and another one added.
#[inline(always)]
pub(super) fn times<S: Simd>(simd: S, factor: f32, value: S::f32s, rest: S::f32s) -> S::f32s {
    simd.mul_add_e_f32s(simd.splat_f32s(factor), value, rest)
}

/// B'
pub(super) struct Before;

impl Line<4, 4> for Before {
    #[inline(always)]
    fn of<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 4] {
        [simd.sub_f32s(a, c), simd.add_f32s(b, c), simd.sub_f32s(c, b), simd.sub_f32s(b, d)]
    }
}

impl Line<6, 6> for Before {
    #[inline(always)]
    fn of<S: Simd>(simd: S, [a, b, c, d, e, f]: [S::f32s; 6]) -> [S::f32s; 6] {
        let (even, odd) = (times(simd, -4.0, c, e), times(simd, -4.0, b, d));
        let (near, far) = (simd.sub_f32s(e, c), simd.sub_f32s(d, b));
        [
            times(simd, 4.0, a, times(simd, -5.0, c, e)),
            simd.add_f32s(even, odd),
            simd.sub_f32s(even, odd),
            times(simd, 2.0, far, near),
            times(simd, -2.0, far, near),
            times(simd, 4.0, b, times(simd, -5.0, d, f)),
        ]
    }
}

/// A'
struct Behind;

impl Line<4, 2> for Behind {
    #[inline(always)]
    fn of<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 2] {
        [simd.add_f32s(a, simd.add_f32s(b, c)), simd.sub_f32s(simd.sub_f32s(b, c), d)]
    }
}

impl Line<6, 4> for Behind {
    #[inline(always)]
    fn of<S: Simd>(simd: S, [a, b, c, d, e, f]: [S::f32s; 6]) -> [S::f32s; 4] {
        let (sum, difference) = (simd.add_f32s(b, c), simd.sub_f32s(b, c));
        let (far_sum, far_difference) = (simd.add_f32s(d, e), simd.sub_f32s(d, e));
        [
            simd.add_f32s(a, simd.add_f32s(sum, far_sum)),
            times(simd, 2.0, far_difference, difference),
            times(simd, 4.0, far_sum, sum),
            times(simd, 8.0, far_difference, simd.add_f32s(difference, f)),
        ]
    }
}
