use memchr::{memchr, memchr_iter};

use crate::text::trim;

/// Calls `each` with the position and text of every field, and returns their number. Spaces around a field that is not
/// quoted do not count. A quoted field may hold separators, and quotes by doubling them, but no line break: every line
/// is a row, so that a forgotten quote spoils one line and not the rest of the file.
pub(crate) fn split(
    line: &str,
    separator: u8,
    room: &mut String,
    mut each: impl FnMut(usize, &str),
) -> Result<usize, &'static str> {
    let bytes = line.as_bytes();
    let (mut start, mut count) = (0, 0);
    if memchr(b'"', bytes).is_none() {
        for end in memchr_iter(separator, bytes).chain(std::iter::once(bytes.len())) {
            each(count, trim(&line[start..end]));
            (start, count) = (end + 1, count + 1);
        }
        return Ok(count);
    }
    loop {
        let spaces = bytes[start..].iter().take_while(|&&byte| byte == b' ').count();
        if bytes.get(start + spaces) == Some(&b'"') {
            start = unquote(line, start + spaces + 1, room)?;
            each(count, room);
            start += bytes[start..].iter().take_while(|&&byte| byte == b' ').count();
            if bytes.get(start).is_some_and(|&byte| byte != separator) {
                return Err("has text after a closing quote: double the quotes inside a quoted field");
            }
        } else {
            let end = memchr(separator, &bytes[start..]).map_or(bytes.len(), |found| start + found);
            each(count, trim(&line[start..end]));
            start = end;
        }
        count += 1;
        if start == bytes.len() {
            return Ok(count);
        }
        start += 1;
    }
}

/// Puts the field whose opening quote is before `start` into `room`; returns the position behind its closing quote.
fn unquote(line: &str, mut start: usize, room: &mut String) -> Result<usize, &'static str> {
    let bytes = line.as_bytes();
    room.clear();
    loop {
        let Some(found) = memchr(b'"', &bytes[start..]) else {
            return Err("opens a quote that is not closed on the same line");
        };
        room.push_str(&line[start..start + found]);
        start += found + 1;
        if bytes.get(start) != Some(&b'"') {
            return Ok(start);
        }
        room.push('"');
        start += 1;
    }
}

/// A separator in words.
pub(crate) fn name(separator: u8) -> &'static str {
    match separator {
        b',' => "comma",
        b';' => "semicolon",
        b'\t' => "tab",
        b' ' => "space",
        b'|' => "vertical bar",
        b':' => "colon",
        _ => "slash",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str) -> Result<Vec<String>, &'static str> {
        let mut fields = Vec::new();
        split(line, b',', &mut String::new(), |_, text| fields.push(text.to_owned()))?;
        Ok(fields)
    }

    #[test]
    fn spaces_count_only_inside_quotes() {
        assert_eq!(fields(" a b ,\t3").unwrap(), ["a b", "3"]);
        assert_eq!(fields(" \" a \" ,3 ,\"\"").unwrap(), [" a ", "3", ""]);
        assert_eq!(fields(",").unwrap(), ["", ""]);
        assert_eq!(fields("\"a\",").unwrap(), ["a", ""]);
    }

    #[test]
    fn quotes_are_doubled_and_must_be_closed() {
        assert_eq!(fields("\"a,\"\"b\"\"\",c\"d").unwrap(), ["a,\"b\"", "c\"d"]);
        assert!(fields("\"a,b").unwrap_err().contains("not closed"));
        assert!(fields("\"a\"b,c").unwrap_err().contains("after a closing quote"));
    }
}
