//! The end of the demo: what was measured, and what to do next.

use super::sample;
use super::stage::Stage;
use super::story::Report;
use super::terminal::{Terminal, seconds};

/// Prints how long things took and where they are.
pub(super) fn print(stage: &Stage, report: &Report, terminal: &Terminal) {
    let (kozmic, github) = (stage.server.url(), stage.github.url());
    terminal.line("");
    terminal.fact("Log", &format!("first line {} after the push", seconds(report.first_line)));
    terminal.fact("Status", &format!("success {} after the push", seconds(report.status)));
    terminal.fact("Build", &format!("{kozmic}/projects/{}/builds/latest/", report.project));
    terminal.fact("Commit", &format!("{github}/{}/commit/{}", sample::REPOSITORY, report.sha));
}

/// Prints what a person can do now.
pub(super) fn invite(stage: &Stage, terminal: &Terminal) {
    let clone = stage.github.clone_url_as(sample::LOGIN, sample::REPOSITORY);
    let again = "cd hello-kozmic && git commit --allow-empty -m Again && git push";
    let sign_in = format!("with GitHub: its double offers {} ({})", sample::NAME, sample::LOGIN);
    terminal.line("");
    terminal.fact("Open", &format!("{}/", stage.server.url()));
    terminal.fact("Sign in", &sign_in);
    terminal.fact("Push again", &format!("git clone {clone}"));
    terminal.fact("", again);
    terminal.line("\nEverything stays open until Ctrl-C.\n");
}
