use crate::problems::{ProblemKind, quoted};
use crate::sample::OLDEST;

/// Powers of ten that are exact in double precision.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Why a text is no number that can be used: the kind of problem, and the sentence's end.
pub(crate) type Refusal = (ProblemKind, String);

/// An age in years: a finite decimal number within 0..=120.
pub(crate) fn years(text: &str) -> Result<f64, Refusal> {
    let value = finite(text)?;
    if (0.0..=OLDEST).contains(&value) {
        return Ok(value.abs());
    }
    Err((ProblemKind::OutOfRange, format!("age {} is outside 0 to 120 years", quoted(text))))
}

/// A finite decimal number.
pub(crate) fn finite(text: &str) -> Result<f64, Refusal> {
    if let Some(value) = short(text.as_bytes()) {
        return Ok(value);
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err((ProblemKind::NotFinite, format!("{} is not a finite number", quoted(text)))),
        Err(_) if text.is_empty() => Err((ProblemKind::NotANumber, "the number is missing".to_owned())),
        Err(_) if text.replacen(',', ".", 1).parse::<f64>().is_ok() => {
            let sentence = format!("{} is not a number: write the decimal comma as a point", quoted(text));
            Err((ProblemKind::NotANumber, sentence))
        }
        Err(_) => Err((ProblemKind::NotANumber, format!("{} is not a number", quoted(text)))),
    }
}

/// A share of a distribution, in single precision: finite and not below 0.
pub(crate) fn share(text: &str) -> Result<f32, Refusal> {
    let value = match short(text.as_bytes()) {
        // Rounding twice is the same as rounding once, except where the double lies halfway between two singles.
        Some(value) if value.to_bits() & 0x1fff_ffff != 0x1000_0000 && value >= 1e-30 => value as f32,
        Some(0.0) => 0.0,
        _ => {
            let value = finite(text)?;
            text.parse::<f32>().unwrap_or(value as f32)
        }
    };
    if value.is_finite() && value >= 0.0 {
        return Ok(value.abs());
    }
    Err((ProblemKind::Distribution, format!("{} is not a share: it must be 0 or more", quoted(text))))
}

/// Digits with an optional point, few enough that the digits and the power of ten are exact: their quotient then is the
/// nearest double (Clinger, 1990). Everything else is left to the standard library.
fn short(text: &[u8]) -> Option<f64> {
    let (mut digits, mut point, mut count) = (0_u64, None, 0);
    for (position, &byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                digits = digits * 10 + u64::from(byte - b'0');
                count += 1;
            }
            b'.' if point.is_none() => point = Some(position),
            _ => return None,
        }
        if count > 18 {
            return None;
        }
    }
    if count == 0 || digits > 1 << 53 {
        return None;
    }
    let decimals = point.map_or(0, |point| text.len() - 1 - point);
    Some(digits as f64 / POWERS[decimals])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> ProblemKind {
        years(text).unwrap_err().0
    }

    #[test]
    fn numbers_are_the_nearest_double() {
        for text in ["31.4159", "0.1", ".5", "5.", "007", "119.99999999999999", "0.30000000000000004", "1e1", "2.5E-3"]
        {
            assert_eq!(years(text).unwrap(), text.parse::<f64>().unwrap(), "{text}");
        }
        assert_eq!(years("-0").unwrap().to_bits(), 0);
    }

    #[test]
    fn shares_are_the_nearest_single() {
        for text in ["0.1", "1", "0.333333343", "0.00000000000000000000000000000000000000000001", "3e-44", "0"] {
            assert_eq!(share(text).unwrap(), text.parse::<f32>().unwrap(), "{text}");
        }
        // Halfway between two singles once rounded to a double, but above it as written.
        let halfway = "0.50000002980232239";
        assert_eq!(share(halfway).unwrap(), halfway.parse::<f32>().unwrap());
        assert_eq!(share("-0.1").unwrap_err().0, ProblemKind::Distribution);
        assert_eq!(share("1e39").unwrap_err().0, ProblemKind::Distribution);
    }

    #[test]
    fn everything_else_is_refused_by_kind() {
        for text in ["", "abc", "0x1f", "1,5", "--3", "1 2", "١٢", ".", "1e", "3\0"] {
            assert_eq!(kind(text), ProblemKind::NotANumber, "{text}");
        }
        for text in ["1e999", "-1e999", "inf", "-Infinity", "NaN", &"9".repeat(4000)] {
            assert_eq!(kind(text), ProblemKind::NotFinite, "{text}");
        }
        for text in ["-1", "120.1", "1e300", "-1e-9"] {
            assert_eq!(kind(text), ProblemKind::OutOfRange, "{text}");
        }
    }

    #[test]
    fn a_decimal_comma_is_named() {
        assert!(years("31,5").unwrap_err().1.ends_with("write the decimal comma as a point"));
    }
}
