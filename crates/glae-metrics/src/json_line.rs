use memchr::memchr2;

/// A value of a JSON object.
#[derive(Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// A string without its quotes, or a number or word as written; null is empty.
    Text(&'a str),
    /// A list or an object.
    Nested,
}

/// Reads one object and calls `each` with every key and value. Numbers stay text, so that they are read as in CSV and
/// ids may be whole numbers; `NaN` and `Infinity`, which Python writes, are words. `unescaped` is a
/// scratch buffer.
///
/// # Errors
/// What is wrong, as the end of a sentence.
pub(crate) fn read_object(
    line: &str,
    unescaped: &mut [String; 2],
    mut each: impl FnMut(&str, Value<'_>),
) -> Result<(), &'static str> {
    let [key_room, value_room] = unescaped;
    let mut rest = Cursor(line);
    rest.expect('{', "does not begin with {")?;
    if rest.take('}') {
        return rest.end();
    }
    loop {
        let key = rest.string(key_room)?;
        rest.expect(':', "has a key without a colon after it")?;
        each(key, rest.value(value_room)?);
        if rest.take('}') {
            return rest.end();
        }
        rest.expect(',', "has no comma between two values, or does not end with }")?;
    }
}

/// What is left of the line.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn skip_spaces(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t', '\r']);
    }

    fn take(&mut self, wanted: char) -> bool {
        self.skip_spaces();
        let Some(rest) = self.0.strip_prefix(wanted) else { return false };
        self.0 = rest;
        true
    }

    fn expect(&mut self, wanted: char, otherwise: &'static str) -> Result<(), &'static str> {
        if self.take(wanted) { Ok(()) } else { Err(otherwise) }
    }

    fn end(mut self) -> Result<(), &'static str> {
        self.skip_spaces();
        if self.0.is_empty() { Ok(()) } else { Err("goes on after the closing }") }
    }

    fn string<'b>(&mut self, room: &'b mut String) -> Result<&'b str, &'static str>
    where
        'a: 'b,
    {
        let (raw, escaped) = self.raw_string()?;
        if !escaped {
            return Ok(&raw[1..raw.len() - 1]);
        }
        *room = serde_json::from_str(raw).map_err(|_| "has a string with an invalid escape")?;
        Ok(room)
    }

    /// A string with its quotes, and whether anything in it is escaped.
    fn raw_string(&mut self) -> Result<(&'a str, bool), &'static str> {
        self.skip_spaces();
        let bytes = self.0.as_bytes();
        if bytes.first() != Some(&b'"') {
            return Err("has a key or value that should be in double quotes");
        }
        let (mut position, mut escaped) = (1, false);
        while let Some(found) = bytes.get(position..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
            position += found + 1;
            if bytes[position - 1] == b'"' {
                let (raw, rest) = self.0.split_at(position);
                self.0 = rest;
                return Ok((raw, escaped));
            }
            escaped = true;
            position += 1;
        }
        Err("has a string without closing quotes")
    }

    fn value<'b>(&mut self, room: &'b mut String) -> Result<Value<'b>, &'static str>
    where
        'a: 'b,
    {
        self.skip_spaces();
        match self.0.as_bytes().first() {
            Some(b'"') => self.string(room).map(Value::Text),
            Some(b'{' | b'[') => self.skip_nested().map(|()| Value::Nested),
            _ => {
                let end = self.0.find([',', '}', ' ', '\t', '\r']).unwrap_or(self.0.len());
                let (word, rest) = self.0.split_at(end);
                self.0 = rest;
                match word {
                    "null" => Ok(Value::Text("")),
                    "true" | "false" | "NaN" | "Infinity" | "-Infinity" => Ok(Value::Text(word)),
                    _ if word.starts_with(|c: char| c.is_ascii_digit() || c == '-') => Ok(Value::Text(word)),
                    _ => Err("has a key or value that should be in double quotes"),
                }
            }
        }
    }

    /// Skips a list or an object without recursion, so that a deeply nested line cannot exhaust the stack.
    fn skip_nested(&mut self) -> Result<(), &'static str> {
        let mut depth = 0_usize;
        loop {
            let Some(found) = self.0.find(['{', '[', '}', ']', '"']) else {
                return Err("has a list or an object that is not closed");
            };
            let byte = self.0.as_bytes()[found];
            self.0 = &self.0[found..];
            if byte == b'"' {
                self.raw_string()?;
                continue;
            }
            self.0 = &self.0[1..];
            depth = if matches!(byte, b'{' | b'[') { depth + 1 } else { depth - 1 };
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Vec<(String, Option<String>)>, &'static str> {
        let mut all = Vec::new();
        read_object(line, &mut Default::default(), |key, value| {
            let text = if let Value::Text(text) = value { Some(text.to_owned()) } else { None };
            all.push((key.to_owned(), text));
        })?;
        Ok(all)
    }

    fn pairs(expected: &[(&str, Option<&str>)]) -> Result<Vec<(String, Option<String>)>, &'static str> {
        Ok(expected.iter().map(|(key, value)| (key.to_string(), value.map(str::to_owned))).collect())
    }

    #[test]
    fn numbers_and_words_stay_as_written() {
        assert_eq!(
            read(r#" { "id" : 17,"age":31.50, "x":NaN , "y":null,"z":"" } "#),
            pairs(&[("id", Some("17")), ("age", Some("31.50")), ("x", Some("NaN")), ("y", Some("")), ("z", Some(""))])
        );
        assert_eq!(read("{}"), Ok(Vec::new()));
    }

    #[test]
    fn escapes_are_undone_and_nesting_is_passed_over() {
        assert_eq!(
            read(r#"{"i\u0064":"a\"\\b\n","x":[{"y":"]}\""},[]],"age":3}"#),
            pairs(&[("id", Some("a\"\\b\n")), ("x", None), ("age", Some("3"))])
        );
        let deep = format!("{{\"x\":{}{},\"age\":3}}", "[".repeat(30_000), "]".repeat(30_000));
        assert_eq!(read(&deep), pairs(&[("x", None), ("age", Some("3"))]));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let bad = [
            "[1]",
            "{",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1",
            "{\"a\":1,}",
            "{\"a\":1}x",
            "{a:1}",
            "{\"a\":b}",
            "{\"a\":\"b}",
            "{\"a\":\"\\x\"}",
            "{\"a\":[}",
            "{\"a\":[\"]}",
            "{\"a\" 1}",
            "{\"a\":1 \"b\":2}",
            "{\"a\":\"\\",
        ];
        for line in bad {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
