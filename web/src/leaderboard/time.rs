//! Moments as an organiser types them.

/// Seconds since 1970 of a moment in UTC, written as "2026-12-31 18:00" or "2026-12-31T18:00:00Z".
pub fn seconds(text: &str) -> Option<i64> {
    let text = text.trim().trim_end_matches("UTC").trim_end_matches('Z').trim();
    let (date, clock) = text.split_once([' ', 'T'])?;
    let date: Vec<i64> = date.split('-').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let clock: Vec<i64> = clock.trim().split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let (&[year, month, day], &[hour, minute, ..]) = (date.as_slice(), clock.as_slice()) else { return None };
    let second = clock.get(2).copied().unwrap_or_default();
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let is_there = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=last).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..60).contains(&second)
        && clock.len() <= 3;
    // Years are counted from March, so that the leap day is a year's last.
    let (shifted, from_march) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + (153 * from_march + 2) / 5 + day - 719_469;
    is_there.then(|| days * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::seconds;
    use crate::leaderboard::format::moment;

    #[test]
    fn moments_are_read_as_they_are_written() {
        for at in [0, 951_825_600, 1_796_009_400, 4_107_542_400] {
            assert_eq!(seconds(&moment(at)), Some(at / 60 * 60), "{}", moment(at));
        }
        assert_eq!(seconds("2026-11-30T03:30:38Z"), Some(1_796_009_438));
        for wrong in ["", "2026-12-31", "18:00", "2026-02-29 12:00", "2026-13-01 00:00", "2026-1-1 24:00", "x y"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
