//! Series of measurements, printed as medians with their range, and as ratios.

use std::io::{Write, stdout};

/// Measurements of one variant, in one unit.
#[derive(Debug, Default, Clone)]
pub struct Series(Vec<f64>);

impl Series {
    /// Adds one.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The value that so many of a hundred do not exceed.
    pub fn percentile(&self, percent: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank in the series")]
        let rank = (percent / 100.0 * last as f64).round() as usize;
        sorted.get(rank).copied().unwrap_or(f64::NAN)
    }

    /// The one in the middle.
    pub fn median(&self) -> f64 {
        self.percentile(50.0)
    }
}

/// One line of a table: median, range, and the ratio to what it is compared with.
pub fn row(name: &str, series: &Series, of: &Series) {
    let range = format!("[{:.0}–{:.0}]", series.percentile(0.0), series.percentile(100.0));
    let ratio = series.median() / of.median();
    line(&format!("  {name:<34} {:>8.0} {range:<14} {ratio:>6.2}", series.median()));
}

/// Line above a table.
pub fn title(text: &str, of: &str) {
    line(&format!("\n{text}\n  {:<34} {:>8} {:<14} {of:>6}", "", "median", "[min–max]"));
}

/// A plain line.
pub fn line(text: &str) {
    // A reader that closed the pipe does not want to read on.
    writeln!(stdout().lock(), "{text}").ok();
}

#[cfg(test)]
mod tests {
    use super::Series;

    #[test]
    fn the_median_stands_in_the_middle() {
        let mut series = Series::default();
        [9.0, 1.0, 5.0, 3.0, 7.0].into_iter().for_each(|value| series.add(value));
        assert_eq!([0.0, 50.0, 100.0].map(|percent| series.percentile(percent)), [1.0, 5.0, 9.0]);
    }
}
