//! The end of the demo: the measured times, and what to do next.

use anyhow::{Context, Result};
use url::Url;

use super::links::Links;
use super::sample;
use super::stage::Stage;
use super::story::Report;
use super::terminal::{Terminal, seconds};
use super::tunnel;

/// Prints the measured times.
pub(super) fn print(report: &Report, terminal: &Terminal) {
    terminal.line("");
    terminal.fact("Log", &format!("first line {} after the push", seconds(report.first_line)));
    terminal.fact("Status", &format!("success {} after the push", seconds(report.status)));
}

/// Prints what a person can do now.
pub(super) fn invite(stage: &Stage, links: &Links, terminal: &Terminal) -> Result<()> {
    let (from_afar, tunnel) = tunnel::command(&[port(&stage.server.url())?, port(stage.github.url())?]);
    let sign_in = format!("with GitHub: its double offers {} ({})", sample::NAME, sample::LOGIN);
    terminal.fact("Build", &links.build);
    terminal.fact("Commit", &links.commit);
    terminal.line("");
    if from_afar {
        terminal
            .line(&format!("You came by SSH. First, on the machine where your browser is:\n  {tunnel}\n"));
    }
    terminal.fact("Open", &links.open);
    terminal.fact("Sign in", &sign_in);
    terminal.fact("Push again", &format!("git clone {}", links.clone));
    terminal.fact("", "cd hello-kozmic && git commit --allow-empty -m Again && git push");
    if !from_afar {
        terminal.fact("From afar", &format!("first, where your browser is: {tunnel}"));
    }
    terminal.line("\nEverything stays open until Ctrl-C.\n");
    Ok(())
}

/// Prints that nothing is left to look at.
pub(super) fn farewell(terminal: &Terminal) {
    terminal.line("\nIt is over and stopped. Without --once it stays open, and links lead to the pages.\n");
}

/// The port of an address.
fn port(url: &str) -> Result<u16> {
    Url::parse(url)
        .ok()
        .and_then(|url| url.port_or_known_default())
        .with_context(|| format!("{url} has a port"))
}
