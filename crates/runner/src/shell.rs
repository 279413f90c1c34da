//! The shell around a script: it runs the script and notes how it ended. When the job is stopped, it gives all
//! processes of the script time to end.

use std::time::Duration;

/// The shell's commands, with a mark in the place of the script.
const AROUND: &str = include_str!("shell/around.sh");
const MARK: &str = "# The script runs here.\n";

/// Shell commands around the commands that run a script. When the script is stopped, it may take `grace` to end.
pub(crate) fn around(script: &str, grace: Duration) -> String {
    let (before, after) = AROUND.split_once(MARK).expect("the file has the mark");
    let seconds = grace.as_secs();
    format!("_g={seconds}\n{}{script}\n{}", bare(before), bare(after))
}

/// The lines that are commands, without comments.
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
