//! Texts from requests: normalised, bounded, and without characters that deceive the eye.
//!
//! They are data everywhere: stored and returned as they are, never put into SQL or HTML unescaped. What is refused
//! here is only what no name or note needs.

use unicode_normalization::UnicodeNormalization;
use unicode_security::skeleton;
use url::Url;

/// A text of one line in Unicode's composed form, without white space at its ends.
///
/// # Errors
/// A sentence that names the field, if it is too short, too long, or holds characters that cannot be seen.
pub fn line(field: &str, text: &str, characters: std::ops::RangeInclusive<usize>) -> Result<String, String> {
    checked(field, text, characters, |c| c.is_control())
}

/// The same over several lines: line feeds and tabs are allowed.
///
/// # Errors
/// As [`line()`].
pub fn lines(field: &str, text: &str, characters: std::ops::RangeInclusive<usize>) -> Result<String, String> {
    checked(field, &text.replace("\r\n", "\n"), characters, |c| c.is_control() && c != '\n' && c != '\t')
}

/// An address that may stand in a link: http or https, with a host, without a name and password.
///
/// # Errors
/// A sentence that names the field.
pub fn address(field: &str, text: &str) -> Result<String, String> {
    let text = line(field, text, 1..=500)?;
    let url = Url::parse(&text).map_err(|error| format!("{field} is not an address: {error}."))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(format!("{field} must start with https:// or http:// and name a host."));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{field} must not hold a user name or password."));
    }
    let url = url.to_string();
    // Percent-encoding makes an address longer.
    if url.len() > 1500 {
        return Err(format!("{field} is too long."));
    }
    Ok(url)
}

/// The form in which names are compared: compatibility forms folded, lower case, single spaces.
pub fn folded(name: &str) -> String {
    let folded = name.nfkc().collect::<String>().to_lowercase().nfkc().collect::<String>();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a name looks like, as far as UTS 39 knows ("skeleton"): names with one of these in common cannot be told apart
/// by the eye. One is of the name in lower case, one of the name as it is written, where that differs: a capital I looks
/// like a small l, and a capital O like a zero.
pub fn skeletons(name: &str) -> Vec<String> {
    let written = name.nfkc().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    let mut skeletons: Vec<String> =
        [folded(name), written].iter().map(|form| skeleton(form).collect::<String>().to_lowercase()).collect();
    skeletons.dedup();
    skeletons
}

fn checked(
    field: &str,
    text: &str,
    characters: std::ops::RangeInclusive<usize>,
    refused: impl Fn(char) -> bool,
) -> Result<String, String> {
    // Composing makes a text at most three times shorter, so a text beyond this is too long in any form.
    if text.len() > characters.end() * 16 {
        return Err(too_long(field, *characters.end()));
    }
    if let Some(bad) = text.chars().find(|&c| refused(c) || is_deceptive(c)) {
        return Err(format!("{field} holds the character U+{:04X}, which cannot be seen.", u32::from(bad)));
    }
    let text: String = text.trim().nfc().collect();
    let count = text.chars().count();
    if count < *characters.start() {
        let least = characters.start();
        return Err(format!("{field} needs at least {least} character{}.", if *least == 1 { "" } else { "s" }));
    }
    if count > *characters.end() {
        return Err(too_long(field, *characters.end()));
    }
    Ok(text)
}

fn too_long(field: &str, most: usize) -> String {
    format!("{field} may have {most} characters at most.")
}

/// Characters without a shape of their own that reorder, hide or imitate text: bidirectional controls, zero-width
/// characters, fillers, tags, and code points that Unicode keeps out of interchange.
fn is_deceptive(c: char) -> bool {
    matches!(u32::from(c),
        0x00ad | 0x034f | 0x061c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
        | 0x200b | 0x200e..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0
        | 0xfff9..=0xfffb | 0xfdd0..=0xfdef | 0xe000..=0xf8ff | 0xe0000..=0xe0fff | 0xf0000..=0x10ffff)
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_sql_are_only_text() {
        for text in ["<script>alert(1)</script>", "'; DROP TABLE teams; --", "{{7*7}}", "../../etc/passwd"] {
            assert_eq!(line("method", text, 1..=100).unwrap(), text);
        }
    }

    #[test]
    fn texts_are_composed_and_trimmed() {
        assert_eq!(line("method", "  Cafe\u{301} ", 1..=100).unwrap(), "Caf\u{e9}");
        assert_eq!(lines("notes", "a\r\nb\tc", 0..=10).unwrap(), "a\nb\tc");
    }

    #[test]
    fn what_cannot_be_seen_is_refused() {
        for text in ["a\u{202e}b", "a\u{200b}b", "a\0b", "a\nb", "\u{feff}a", "a\u{e0041}", "a\u{ffff}"] {
            assert!(line("method", text, 1..=100).unwrap_err().contains("U+"), "{text:?}");
        }
        assert!(line("method", " \u{3000} ", 1..=100).unwrap_err().contains("at least 1"));
        assert!(line("method", &"x".repeat(101), 1..=100).unwrap_err().contains("100"));
    }

    #[test]
    fn only_web_addresses_are_links() {
        assert_eq!(address("paper", "https://example.org/a b").unwrap(), "https://example.org/a%20b");
        for text in ["javascript:alert(1)", "data:text/html,x", "//example.org", "https://", "ftp://example.org/", "x"]
        {
            assert!(address("paper", text).is_err(), "{text}");
        }
        assert!(address("paper", "https://user:pass@example.org/").is_err());
    }

    #[test]
    fn names_that_look_alike_share_a_skeleton() {
        let alike = |a: &str, b: &str| skeletons(a).iter().any(|one| skeletons(b).contains(one));
        for (a, b) in [
            ("Team One", "T\u{435}am On\u{435}"),
            ("paypal", "p\u{430}ypa1"),
            ("Ill", "lll"),
            ("modern", "modem"),
            ("Lab 0", "Lab O"),
            ("\u{391}\u{392}", "AB"),
        ] {
            assert!(alike(a, b) && alike(b, a), "{a} {b}: {:?} {:?}", skeletons(a), skeletons(b));
        }
        for (a, b) in [("Team One", "Team Two"), ("Jena", "Jina"), ("Ours", "Theirs")] {
            assert!(!alike(a, b), "{a} {b}");
        }
    }

    #[test]
    fn look_alikes_fold_together() {
        assert_eq!(folded("Team  One"), folded("team one"));
        assert_eq!(folded("\u{ff34}eam \u{ff2f}ne"), folded("Team One"));
        assert_ne!(folded("Team One"), folded("Team Two"));
    }
}
