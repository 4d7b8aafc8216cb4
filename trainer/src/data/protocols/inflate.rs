//! Decompression of zlib streams, RFC 1950 and RFC 1951: what MATLAB's files are packed with.
//!
//! CHOICE: sixty lines of our own rather than a dependency for one file of one data set. It decodes bit by bit, which takes
//! a fraction of a second for that file, and checks the stream's Adler-32.

use anyhow::{Context, Result, bail, ensure};

/// More than any label file unpacks to; a damaged or hostile stream cannot fill the memory.
const LIMIT: usize = 1 << 29;

/// Unpacks one zlib stream.
///
/// # Errors
/// The stream is cut off or damaged, needs a preset dictionary, or unpacks to more than half a gibibyte.
pub(super) fn zlib(bytes: &[u8]) -> Result<Vec<u8>> {
    let [method, flags, rest @ ..] = bytes else { bail!("the compressed stream is cut off") };
    let header = u16::from_be_bytes([*method, *flags]);
    ensure!(method & 15 == 8 && header % 31 == 0 && flags & 32 == 0, "this is no zlib stream");
    let mut bits = Bits { bytes: rest, next: 0, buffer: 0, held: 0 };
    let mut out = Vec::new();
    loop {
        let last = bits.take(1)? == 1;
        match bits.take(2)? {
            0 => stored(&mut bits, &mut out)?,
            1 => {
                let (literals, distances) = fixed()?;
                block(&mut bits, &literals, &distances, &mut out)?;
            }
            2 => {
                let (literals, distances) = dynamic(&mut bits)?;
                block(&mut bits, &literals, &distances, &mut out)?;
            }
            _ => bail!("the compressed stream is damaged: unknown kind of block"),
        }
        if last {
            break;
        }
    }
    bits.align();
    let sum = bits.bytes.get(bits.next..bits.next + 4).context("the compressed stream is cut off")?;
    ensure!(sum == adler32(&out).to_be_bytes(), "the compressed stream is damaged: its checksum differs");
    Ok(out)
}

/// Bits of a stream, the lowest of each byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    next: usize,
    buffer: u32,
    held: u32,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> Result<u32> {
        while self.held < count {
            let byte = *self.bytes.get(self.next).context("the compressed stream is cut off")?;
            self.buffer |= u32::from(byte) << self.held;
            self.next += 1;
            self.held += 8;
        }
        let value = self.buffer & ((1 << count) - 1);
        self.buffer >>= count;
        self.held -= count;
        Ok(value)
    }

    /// Drops what is left of the current byte. Never more than a byte is held between calls.
    fn align(&mut self) {
        (self.buffer, self.held) = (0, 0);
    }
}

/// A canonical Huffman code: how many symbols there are of each length, and the symbols by length.
struct Code {
    counts: [u16; 16],
    symbols: Vec<u16>,
}

impl Code {
    fn new(lengths: &[u8]) -> Result<Self> {
        let mut counts = [0u16; 16];
        for length in lengths {
            counts[usize::from(*length)] += 1;
        }
        let mut left = 1i32;
        for count in &counts[1..] {
            left = 2 * left - i32::from(*count);
            ensure!(left >= 0, "the compressed stream is damaged: a code has too many symbols");
        }
        let mut symbols: Vec<u16> = (0..lengths.len() as u16).filter(|s| lengths[usize::from(*s)] > 0).collect();
        symbols.sort_by_key(|symbol| lengths[usize::from(*symbol)]);
        Ok(Self { counts, symbols })
    }

    fn symbol(&self, bits: &mut Bits) -> Result<u16> {
        let (mut code, mut first, mut index) = (0i32, 0i32, 0i32);
        for count in &self.counts[1..] {
            code |= bits.take(1)? as i32;
            let count = i32::from(*count);
            if code - first < count {
                return Ok(self.symbols[(index + code - first) as usize]);
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        bail!("the compressed stream is damaged: unknown symbol")
    }
}

fn stored(bits: &mut Bits, out: &mut Vec<u8>) -> Result<()> {
    bits.align();
    let head = bits.bytes.get(bits.next..bits.next + 4).context("the compressed stream is cut off")?;
    let (length, check) = (u16::from_le_bytes([head[0], head[1]]), u16::from_le_bytes([head[2], head[3]]));
    ensure!(length == !check, "the compressed stream is damaged: a length contradicts itself");
    let start = bits.next + 4;
    bits.next = start + usize::from(length);
    out.extend(bits.bytes.get(start..bits.next).context("the compressed stream is cut off")?);
    ensure!(out.len() <= LIMIT, "the compressed stream unpacks to more than {LIMIT} bytes");
    Ok(())
}

fn fixed() -> Result<(Code, Code)> {
    let mut lengths = [8u8; 288];
    lengths[144..256].fill(9);
    lengths[256..280].fill(7);
    Ok((Code::new(&lengths)?, Code::new(&[5; 30])?))
}

fn dynamic(bits: &mut Bits) -> Result<(Code, Code)> {
    const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    let literals = bits.take(5)? as usize + 257;
    let distances = bits.take(5)? as usize + 1;
    let described = bits.take(4)? as usize + 4;
    let mut lengths = [0u8; 19];
    for position in &ORDER[..described] {
        lengths[*position] = bits.take(3)? as u8;
    }
    let code = Code::new(&lengths)?;
    let mut lengths: Vec<u8> = Vec::new();
    while lengths.len() < literals + distances {
        let (length, times) = match code.symbol(bits)? {
            16 => (*lengths.last().context("the compressed stream is damaged: nothing to repeat")?, 3 + bits.take(2)?),
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            length => (length as u8, 1),
        };
        lengths.extend(std::iter::repeat_n(length, times as usize));
    }
    ensure!(lengths.len() == literals + distances, "the compressed stream is damaged: too many code lengths");
    Ok((Code::new(&lengths[..literals])?, Code::new(&lengths[literals..])?))
}

fn block(bits: &mut Bits, literals: &Code, distances: &Code, out: &mut Vec<u8>) -> Result<()> {
    loop {
        let symbol = literals.symbol(bits)?;
        match symbol {
            0..256 => out.push(symbol as u8),
            256 => return Ok(()),
            257..286 => {
                let length = length(symbol - 257, bits)?;
                let distance = distance(distances.symbol(bits)?, bits)?;
                let start = out.len().checked_sub(distance).context("the compressed stream is damaged: a distance")?;
                // The copy may run into what it has just written.
                for position in start..start + length {
                    out.push(out[position]);
                }
            }
            _ => bail!("the compressed stream is damaged: unknown length"),
        }
        ensure!(out.len() <= LIMIT, "the compressed stream unpacks to more than {LIMIT} bytes");
    }
}

/// RFC 1951, 3.2.5: eight lengths without extra bits, then four for each further bit; the last is 258 alone.
fn length(symbol: u16, bits: &mut Bits) -> Result<usize> {
    Ok(match symbol {
        0..8 => usize::from(symbol) + 3,
        28 => 258,
        _ => {
            let extra = u32::from(symbol / 4 - 1);
            ((4 + usize::from(symbol % 4)) << extra) + 3 + bits.take(extra)? as usize
        }
    })
}

/// RFC 1951, 3.2.5: four distances without extra bits, then two for each further bit.
fn distance(symbol: u16, bits: &mut Bits) -> Result<usize> {
    Ok(match symbol {
        0..4 => usize::from(symbol) + 1,
        4..30 => {
            let extra = u32::from(symbol / 2 - 1);
            ((2 + usize::from(symbol % 2)) << extra) + 1 + bits.take(extra)? as usize
        }
        _ => bail!("the compressed stream is damaged: unknown distance"),
    })
}

fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1u32, 0u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65521;
        b = (b + a) % 65521;
    }
    b << 16 | a
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    /// What Python's zlib.compress gives for `text` at levels 0, 1 and 9.
    #[test]
    fn every_kind_of_block() {
        assert_eq!(zlib(&bytes(STORED)).unwrap(), b"abc");
        assert_eq!(zlib(&bytes(FIXED)).unwrap(), b"abcabcabcabcabcabc!");
        let text: Vec<u8> = (0..80u32)
            .flat_map(|n| format!("{}_Made_Up_{:04}.jpg;", n * 7 % 61 + 1, n * n % 997).into_bytes())
            .collect();
        assert_eq!(zlib(&bytes(DYNAMIC)).unwrap(), text);
    }

    #[test]
    fn damage_is_noticed() {
        for hex in [STORED, FIXED, DYNAMIC] {
            let whole = bytes(hex);
            for cut in [0, 1, 2, whole.len() / 2, whole.len() - 1] {
                assert!(zlib(&whole[..cut]).is_err(), "cut at {cut} of {}", whole.len());
            }
            let content = zlib(&whole).unwrap();
            for at in 0..whole.len() {
                let mut damaged = whole.clone();
                damaged[at] ^= 0x10;
                // Only the bits between the last block and the checksum may be anything.
                assert!(zlib(&damaged).map_or(true, |found| found == content), "byte {at}");
            }
        }
    }

    const STORED: &str = concat!("7801010300fcff616263024d0127",);
    const FIXED: &str = concat!("78014b4c4a4e44458a0048820706",);
    const DYNAMIC: &str = concat!(
        "78da6d94496a1d4110446f643aa71af019b4d4fa63b03168a5fbaf643a43e87d957b19544eaf33c31e2fbf7eff79bcbe3fae",
        "7fdf8fb7f7bf3f1725bb252b6a796beed4766b1b9a8d5b8b01cdebd632a045bfab0b5a76be9ad046d765e8527b08354d6108",
        "35ef779ed052e90cdae8b20104b6bbbd0402d71805045e1a03087c698c2f29bccb1a4263680c84a6c670d0cbec770104b93a",
        "5f024179974d20a8a9f68060688c010443ef103a95ce103a55d611bad49e83ded61801045be32617c8676b5ca0eddd321058",
        "69d1f833d62d91fb56c7888cd9d99cf0b2abc6133ced05088c2bba3bc213810281393a5f81c0aaae8bd01d6acf7805da01ae",
        "9eab65ae9ef53f0bee8f09f2d3fe082810d4a51d088ed6ef06104ce543e8525943e8fe6c8f871bda0b5e5faae5e4b5f44f4b",
        "e31f126520c8ddad54b165e143c77158d7aa38ac6bcf7558975debb02e8f7958578c755857c91e695de3d3ce78419a8cf0cc",
        "0febba64214fd6a555a675c57fac2bb71dd635f23aac6bea1dad6b2b1fadcb2eff6e5daedbfb003bc1ee7d",
    );
}
