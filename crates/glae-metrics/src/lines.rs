use std::ops::ControlFlow;

use crate::problems::{ProblemKind, Problems};
use crate::text::other_than_text;

/// How much a reader takes in before it stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParserLimits {
    /// Number of rows, the header not counted.
    pub rows: usize,
    /// Number of bytes of a line.
    pub line_bytes: usize,
    /// Number of bytes in all; more than 4 GiB is taken for 4 GiB.
    pub bytes: u64,
}

impl Default for ParserLimits {
    /// 2,000,000 rows, 64 KiB per line, 1 GiB in all.
    fn default() -> Self {
        Self { rows: 2_000_000, line_bytes: 64 << 10, bytes: 1 << 30 }
    }
}

/// Cuts a stream of chunks into lines. However the bytes are cut into chunks, the lines and the problems are the same.
#[derive(Debug)]
pub(crate) struct Lines {
    limits: ParserLimits,
    /// The beginning of a line whose end has not come yet: at most one byte more than a line may have.
    begun: Vec<u8>,
    number: u64,
    left: u64,
}

impl Lines {
    pub(crate) fn new(limits: ParserLimits) -> Self {
        Self { limits, begun: Vec::new(), number: 0, left: limits.bytes.min(u64::from(u32::MAX)) }
    }

    /// Calls `each` with the number of every line that the chunk completes, from 1, and its text without line break.
    /// Breaks when there is no point in reading on.
    pub(crate) fn push(
        &mut self,
        chunk: &[u8],
        problems: &mut Problems,
        mut each: impl FnMut(u64, &str, &mut Problems) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let admitted = usize::try_from(self.left).unwrap_or(usize::MAX).min(chunk.len());
        self.left -= admitted as u64;
        let mut rest = &chunk[..admitted];
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let line = &rest[..end];
            rest = &rest[end + 1..];
            if self.begun.is_empty() {
                self.line(line, problems, &mut each)?;
            } else {
                let mut begun = std::mem::take(&mut self.begun);
                begun.extend_from_slice(&line[..line.len().min(self.room(begun.len()))]);
                self.line(&begun, problems, &mut each)?;
                begun.clear();
                self.begun = begun;
            }
        }
        self.begun.extend_from_slice(&rest[..rest.len().min(self.room(self.begun.len()))]);
        if self.begun.len() > self.limits.line_bytes {
            let begun = std::mem::take(&mut self.begun);
            self.line(&begun, problems, &mut each)?;
        }
        if admitted < chunk.len() {
            let sentence = || format!("the file has more than {} bytes; the rest was not read", self.limits.bytes);
            problems.add(ProblemKind::TooMany, sentence);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Calls `each` with the last line, if no line break follows it.
    pub(crate) fn finish(
        &mut self,
        problems: &mut Problems,
        mut each: impl FnMut(u64, &str, &mut Problems) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let begun = std::mem::take(&mut self.begun);
        if begun.is_empty() { ControlFlow::Continue(()) } else { self.line(&begun, problems, &mut each) }
    }

    /// How many bytes of a line are still kept when `len` are: one more than allowed, to see that there are too many.
    fn room(&self, len: usize) -> usize {
        self.limits.line_bytes.saturating_add(1).saturating_sub(len)
    }

    fn line(
        &mut self,
        line: &[u8],
        problems: &mut Problems,
        each: &mut impl FnMut(u64, &str, &mut Problems) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.number += 1;
        let number = self.number;
        let mut line = line;
        if number == 1 {
            if let Some(sentence) = other_than_text(line) {
                problems.add(ProblemKind::NotUtf8, || sentence.to_owned());
                return ControlFlow::Break(());
            }
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.len() > self.limits.line_bytes {
            let sentence =
                || format!("line {number} is longer than {} bytes; nothing after it was read", self.limits.line_bytes);
            problems.add(ProblemKind::TooLong, sentence);
            return ControlFlow::Break(());
        }
        match std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)) {
            Ok(text) => each(number, text, problems),
            Err(error) => {
                let sentence = || format!("line {number} is not UTF-8 at its byte {}", error.valid_up_to() + 1);
                problems.add(ProblemKind::NotUtf8, sentence);
                ControlFlow::Continue(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chunks: &[&[u8]], limits: ParserLimits) -> (Vec<(u64, String)>, Problems) {
        let (mut lines, mut problems, mut read) = (Lines::new(limits), Problems::default(), Vec::new());
        let mut each = |number: u64, line: &str, _: &mut Problems| {
            read.push((number, line.to_owned()));
            ControlFlow::Continue(())
        };
        let broken = chunks.iter().any(|chunk| lines.push(chunk, &mut problems, &mut each).is_break());
        if !broken {
            let _ = lines.finish(&mut problems, &mut each);
        }
        (read, problems)
    }

    #[test]
    fn line_breaks_of_both_kinds_and_a_byte_order_mark() {
        let (lines, problems) = read(&[b"\xef", b"\xbb\xbfa\r", b"\nb\n\nc"], ParserLimits::default());
        assert_eq!(lines, [(1, "a"), (2, "b"), (3, ""), (4, "c")].map(|(n, l)| (n, l.to_owned())));
        assert!(problems.is_empty());
    }

    #[test]
    fn a_line_that_is_too_long_ends_the_reading_without_being_kept() {
        let limits = ParserLimits { line_bytes: 4, ..ParserLimits::default() };
        for chunks in [&[&b"abcd\nabcdefgh\nx\n"[..]][..], &[b"abcd\nab", b"cdef", b"gh\nx\n"], &[b"abcd\nabcde"]] {
            let (lines, problems) = read(chunks, limits);
            assert_eq!(lines.len(), 1);
            assert_eq!(problems.groups[0].first, ["line 2 is longer than 4 bytes; nothing after it was read"]);
        }
    }

    #[test]
    fn a_long_line_takes_no_more_memory_than_a_line_may_have() {
        let mut lines = Lines::new(ParserLimits { line_bytes: 100, ..ParserLimits::default() });
        let mut problems = Problems::default();
        assert!(lines.push(&[b'x'; 1 << 20], &mut problems, |_, _, _| ControlFlow::Continue(())).is_break());
        assert!(lines.begun.capacity() < 1000);
    }

    #[test]
    fn bytes_beyond_the_limit_are_not_read() {
        let limits = ParserLimits { bytes: 4, ..ParserLimits::default() };
        for chunks in [&[&b"a\nb\nc\n"[..]][..], &[b"a\nb", b"\n", b"c\n"]] {
            let (lines, problems) = read(chunks, limits);
            assert_eq!(lines.len(), 2);
            assert_eq!(problems.of(ProblemKind::TooMany).unwrap().count, 1);
        }
        assert!(read(&[b"a\nb\n"], limits).1.is_empty());
    }

    #[test]
    fn what_is_not_utf_8_is_named_by_line() {
        let (lines, problems) = read(&[b"id,age\nab\xff,3\nc,4\n"], ParserLimits::default());
        assert_eq!(lines.len(), 2);
        assert_eq!(problems.groups[0].first, ["line 2 is not UTF-8 at its byte 3"]);
        let (_, problems) = read(&[b"PK\x03\x04\x14\0"], ParserLimits::default());
        assert!(problems.groups[0].first[0].contains("Excel"));
    }
}
