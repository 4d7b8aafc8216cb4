//! Arithmetic of the distribution chart. A distribution holds one probability per year of age, from 0 on.

use std::fmt::Write as _;

/// Height of the drawing in its own units; its width is one unit per year of age.
pub const HEIGHT: f32 = 100.0;

/// The top of the probability axis: the smallest of 1, 2 or 5 times a power of ten that no value exceeds.
pub fn ceiling(distributions: &[&[f32]]) -> f32 {
    let peak = distributions.iter().copied().flatten().copied().fold(f32::MIN_POSITIVE, f32::max);
    // In f64, so that 5 hundredths come out as the nearest f32 to 0.05.
    glae_chart::round_up(f64::from(peak)) as f32
}

/// An SVG path through (age, probability), with probability 0 at the bottom and `ceiling` at the top of [`HEIGHT`].
pub fn line(distribution: &[f32], ceiling: f32) -> String {
    let mut path = String::with_capacity(distribution.len() * 10);
    for (age, probability) in distribution.iter().enumerate() {
        let command = if age == 0 { 'M' } else { 'L' };
        let y = HEIGHT * (1.0 - probability / ceiling);
        write!(path, "{command}{age} {y:.2}").expect("writing to a string cannot fail");
    }
    path
}

/// [`line()`], closed along the bottom.
pub fn area(distribution: &[f32], ceiling: f32) -> String {
    let last = distribution.len().saturating_sub(1);
    format!("{}L{last} {HEIGHT}L0 {HEIGHT}Z", line(distribution, ceiling))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_ends_at_a_round_number() {
        assert_eq!(ceiling(&[&[0.01, 0.04], &[0.03, 0.02]]), 0.05);
        assert_eq!(ceiling(&[&[0.2]]), 0.2);
        assert_eq!(ceiling(&[&[0.51]]), 1.0);
        assert!((ceiling(&[&[0.0]])).is_finite());
    }

    #[test]
    fn a_path_goes_through_every_age() {
        assert_eq!(line(&[0.0, 0.5, 1.0], 1.0), "M0 100.00L1 50.00L2 0.00");
        assert_eq!(area(&[0.0, 1.0], 1.0), "M0 100.00L1 0.00L1 100L0 100Z");
    }
}
