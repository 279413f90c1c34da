//! Series of measurements, printed as medians with their range, and as ratios.

use std::io::{Write, stdout};

/// Measurements of one variant, in one unit.
#[derive(Debug, Default, Clone)]
pub(super) struct Series(Vec<f64>);

impl Series {
    pub(super) fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The value that `percent` of the measurements do not exceed.
    pub(super) fn percentile(&self, percent: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank in the series")]
        let rank = (percent / 100.0 * last as f64).round() as usize;
        sorted.get(rank).copied().unwrap_or(f64::NAN)
    }

    pub(super) fn median(&self) -> f64 {
        self.percentile(50.0)
    }
}

/// One line of a table: median, range, and the ratio to another series.
pub(super) fn row(name: &str, series: &Series, of: &Series) {
    let range = format!("[{:.0}–{:.0}]", series.percentile(0.0), series.percentile(100.0));
    let ratio = series.median() / of.median();
    line(&format!("  {name:<34} {:>8.0} {range:<14} {ratio:>6.2}", series.median()));
}

/// Title and header of a table.
pub(super) fn title(text: &str, of: &str) {
    line(&format!("\n{text}\n  {:<34} {:>8} {:<14} {of:>6}", "", "median", "[min–max]"));
}

/// A plain line.
pub(super) fn line(text: &str) {
    // A reader that closed the pipe does not want more.
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
