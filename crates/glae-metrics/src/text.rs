//! What spreadsheets and other programs put into a text file beside its text: for all readers of tables.

/// Files that are often taken for tables by mistake, known by their first bytes: what it is and what to do.
///
/// ```
/// use glae_metrics::text::other_than_text;
/// assert_eq!(other_than_text(b"\xff\xfei\0d\0"), Some("the file is UTF-16 text: save it as UTF-8"));
/// assert_eq!(other_than_text(b"id,age\n"), None);
/// ```
pub fn other_than_text(start: &[u8]) -> Option<&'static str> {
    let known: [(&[u8], &str); 6] = [
        (b"\xff\xfe", "the file is UTF-16 text: save it as UTF-8"),
        (b"\xfe\xff", "the file is UTF-16 text: save it as UTF-8"),
        (b"\x1f\x8b", "the file is compressed with gzip: unpack it"),
        (b"\x28\xb5\x2f\xfd", "the file is compressed with zstd: unpack it"),
        (b"PK\x03\x04", "the file is a ZIP archive or an Excel workbook: save the table as CSV"),
        (b"PAR1", "the file is Parquet: save the table as CSV"),
    ];
    known.into_iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, sentence)| sentence)
}

/// Whether a first line only tells Excel the separator, as in `sep=;`, quoted or not. It is no header and no row.
///
/// ```
/// use glae_metrics::text::names_separator;
/// assert!(names_separator("sep=;") && names_separator("\"sep=,\""));
/// assert!(!names_separator("sep,age") && !names_separator("sep=;age"));
/// ```
pub fn names_separator(line: &str) -> bool {
    let line = trim(line).trim_matches('"');
    let after = line.get(..4).filter(|start| start.eq_ignore_ascii_case("sep=")).map(|_| &line[4..]);
    // A tab as the separator was trimmed away.
    after.is_some_and(|separator| separator.chars().count() <= 1)
}

/// A field without the spaces around it: those that break lines and those that do not, tabs, and a byte order mark.
///
/// ```
/// assert_eq!(glae_metrics::text::trim("\u{a0}31.5\u{202f} "), "31.5");
/// ```
pub fn trim(field: &str) -> &str {
    // Nearly all fields have nothing around them, and two bytes say so: the others begin or end with a space, a tab, or a
    // byte beyond ASCII.
    let plain = |byte: Option<&u8>| byte.is_none_or(|&byte| byte.is_ascii() && byte != b' ' && byte != b'\t');
    let bytes = field.as_bytes();
    if plain(bytes.first()) && plain(bytes.last()) { field } else { field.trim_matches(is_space) }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{a0}' | '\u{2007}' | '\u{202f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_spaces_are_trimmed() {
        assert_eq!(trim(" \t\u{a0}Käfer\u{2007}"), "Käfer");
        assert_eq!(trim("é\u{301}"), "é\u{301}");
        assert_eq!((trim(""), trim(" \u{a0}"), trim("a b")), ("", "", "a b"));
    }
}
