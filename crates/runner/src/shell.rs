//! The shell around a script: it runs it, notes how it ended, and at a stop gives all that the script started the time
//! to end, too.

use std::time::Duration;

/// The shell's commands, with a mark in the place of the script.
const AROUND: &str = include_str!("shell/around.sh");
const MARK: &str = "# The script runs here.\n";

/// Commands for a shell around those that run a script, which may take so long to end when it is stopped.
pub(crate) fn around(script: &str, grace: Duration) -> String {
    let (before, after) = AROUND.split_once(MARK).expect("the file has the mark");
    let seconds = grace.as_secs();
    format!("_g={seconds}\n{}{script}\n{}", bare(before), bare(after))
}

/// The lines that are commands.
fn bare(lines: &str) -> String {
    let commands = lines.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    commands.flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_stay_out_but_those_of_the_script() {
        let text = around("cat <<EOF\n# here\n\nEOF", Duration::from_secs(7));
        assert!(text.starts_with("_g=7\nexec 2>/dev/null\n"), "{text}");
        assert!(text.contains("\ncat <<EOF\n# here\n\nEOF\n_c=$?\n"), "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with('#')).count(), 1, "{text}");
    }
}
