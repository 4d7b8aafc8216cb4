use crate::fields::{name, split};
use crate::problems::{ProblemKind, Problems, quoted};
use crate::table::{AGE, ID, Rows};

/// The first line of a table: what its columns are.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) separator: u8,
    /// The number of each column whose name is known.
    pub(crate) columns: Vec<Option<usize>>,
}

impl Header {
    /// The header on a line, or a problem. `room` is a scratch buffer.
    pub(crate) fn read<R: Rows>(line: &str, number: u64, room: &mut String, problems: &mut Problems) -> Option<Self> {
        for separator in [b',', b';', b'\t'] {
            let (mut columns, mut names) = (Vec::new(), Vec::new());
            let split = split(line, separator, room, |_, text| {
                columns.push(R::column(text));
                names.push(text.to_owned());
            });
            if let Some(other) = R::ID_TOO.filter(|_| !columns.contains(&Some(ID))) {
                for (column, _) in columns.iter_mut().zip(&names).filter(|(_, name)| name.eq_ignore_ascii_case(other)) {
                    *column = Some(ID);
                }
            }
            if split.is_err() || !columns.contains(&Some(ID)) || !columns.contains(&Some(AGE)) {
                continue;
            }
            let repeated = columns.iter().enumerate().filter(|(i, c)| c.is_some() && columns[..*i].contains(c));
            let mut unique = true;
            for (position, _) in repeated {
                unique = false;
                let name = quoted(&names[position]);
                problems.add(ProblemKind::Header, || format!("line {number} names the column {name} more than once"));
            }
            return unique.then_some(Self { separator, columns });
        }
        let (kind, sentence) = header_problem::<R>(line, number, room);
        problems.add(kind, || sentence);
        None
    }
}

/// Why a first line is no header.
fn header_problem<R: Rows>(line: &str, number: u64, room: &mut String) -> (ProblemKind, String) {
    let has_both = |separator: u8, room: &mut String| {
        let mut found = [false; 2];
        let _ = split(line, separator, room, |_, text| {
            if let Some(column @ (ID | AGE)) = R::column(text) {
                found[column] = true;
            }
        });
        found == [true; 2]
    };
    if line.trim_start().starts_with('[') {
        let advice = "write one object per line, as pandas does with to_json(orient=\"records\", lines=True)";
        return (ProblemKind::Json, format!("line {number} begins a JSON list: {advice}"));
    }
    if line.contains('\r') {
        let sentence = "lines end with a carriage return alone: save the file with LF or CRLF line breaks";
        return (ProblemKind::Header, sentence.to_owned());
    }
    if let Some(other) = [b'|', b' ', b':', b'/'].into_iter().find(|&other| has_both(other, room)) {
        let sentence = format!("the header on line {number} is separated by a {}: use a comma", name(other));
        return (ProblemKind::WrongSeparator, sentence);
    }
    let looks_like_data = line.split([',', ';', '\t']).skip(1).any(|field| field.trim().parse::<f64>().is_ok());
    let advice = if looks_like_data {
        "it looks like data: put `id,age` on a line before it"
    } else {
        "name the column of ids `id` and the column of ages in years `age`"
    };
    (ProblemKind::Header, format!("line {number}, {}, is no header with `id` and `age`: {advice}", quoted(line)))
}
