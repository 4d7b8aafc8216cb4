//! Where the board's documents are: on a server, or as files that a server once wrote.

use std::fmt::Write as _;

use glae_api::ROOT;

/// What answers below [`ROOT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The portal: everything works.
    Server,
    /// A static copy: everything can be read.
    Files,
}

/// A document of the API that a static copy has as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiDocument<'a> {
    /// The list of boards.
    Boards,
    /// A board with some of its rows: from which place, the first being 0, and how many. A static copy has all of them.
    Board(&'a str, usize, usize),
    /// The public truth of a board.
    Truth(&'a str),
    /// The full report of a row: board, row.
    Report(&'a str, &'a str),
    /// A frozen ranking of a board.
    Frozen(&'a str, i64),
    /// The comparison of two rows: board, row, another row. A static copy has it if the first is the better one.
    Comparison(&'a str, &'a str, &'a str),
    /// How to cite it.
    Citation(&'a str, i64),
}

impl ApiDocument<'_> {
    /// Its address.
    pub fn at(self, source: Source) -> String {
        let (path, extension) = match self {
            Self::Boards => ("boards".to_owned(), ".json"),
            Self::Board(board, from, limit) => {
                let part = match source {
                    Source::Server => format!("?from={from}&limit={limit}"),
                    Source::Files => String::new(),
                };
                (format!("boards/{}{part}", segment(board)), ".json")
            }
            Self::Truth(board) => (format!("boards/{}/truth", segment(board)), ".csv"),
            Self::Frozen(board, number) => (format!("boards/{}/frozen/{number}", segment(board)), ".json"),
            Self::Citation(board, number) => (format!("boards/{}/frozen/{number}/citation", segment(board)), ".bib"),
            Self::Comparison(board, a, b) => {
                let (board, a, b) = (segment(board), segment(a), segment(b));
                match source {
                    Source::Server => (format!("boards/{board}/compare?a={a}&b={b}"), ""),
                    Source::Files => (format!("boards/{board}/compare/{a}/{b}"), ".json"),
                }
            }
            Self::Report(board, row) => (format!("boards/{}/rows/{}/report", segment(board), segment(row)), ".json"),
        };
        format!("{ROOT}/{path}{}", if source == Source::Files { extension } else { "" })
    }
}

/// An address that only a server has: the path's segments joined below [`ROOT`].
pub fn endpoint(segments: &[&str]) -> String {
    segments.iter().fold(ROOT.to_owned(), |address, part| address + "/" + &segment(part))
}

/// Percent-encodes everything that could mean something in an address.
pub fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        // A dot alone or twice would be a step in the path.
        let stays =
            byte.is_ascii_alphanumeric() || b"-_~".contains(&byte) || (byte == b'.' && !matches!(text, "." | ".."));
        if stays {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_static_copy_has_file_names() {
        assert_eq!(ApiDocument::Boards.at(Source::Server), "/api/v1/boards");
        assert_eq!(ApiDocument::Boards.at(Source::Files), "/api/v1/boards.json");
        assert_eq!(ApiDocument::Board("cacd", 100, 50).at(Source::Server), "/api/v1/boards/cacd?from=100&limit=50");
        assert_eq!(ApiDocument::Board("cacd", 100, 50).at(Source::Files), "/api/v1/boards/cacd.json");
        assert_eq!(ApiDocument::Comparison("cacd", "a", "b").at(Source::Server), "/api/v1/boards/cacd/compare?a=a&b=b");
        assert_eq!(ApiDocument::Comparison("cacd", "a", "b").at(Source::Files), "/api/v1/boards/cacd/compare/a/b.json");
        assert_eq!(ApiDocument::Citation("cacd", 2).at(Source::Files), "/api/v1/boards/cacd/frozen/2/citation.bib");
        assert_eq!(ApiDocument::Truth("cacd").at(Source::Files), "/api/v1/boards/cacd/truth.csv");
        assert_eq!(ApiDocument::Report("cacd", "glae").at(Source::Server), "/api/v1/boards/cacd/rows/glae/report");
        assert_eq!(ApiDocument::Report("cacd", "glae").at(Source::Files), "/api/v1/boards/cacd/rows/glae/report.json");
    }

    #[test]
    fn names_cannot_climb_or_ask() {
        assert_eq!(segment(".."), "%2E%2E");
        assert_eq!(segment("a/b?c=d#e"), "a%2Fb%3Fc%3Dd%23e");
        assert_eq!(segment("résumé v1.2"), "r%C3%A9sum%C3%A9%20v1.2");
        assert_eq!(endpoint(&["submissions", "x/y"]), "/api/v1/submissions/x%2Fy");
    }
}
