//! `kozmic check`: tells what works and what does not, a line each. It changes nothing: no file is made or written, and
//! of a container that it tries nothing stays.

mod address;
mod at_rest;
mod autobuild;
mod container;
mod data_dir;
mod report;
mod walls;

use super::{
    finding::Finding,
    looks::{self, AtForge, near::is_this_machine},
};
use crate::{
    settings::{Settings, kept_in_words},
    version::VERSION,
    wire,
};
use clap::Args;
use kozmic_edges::{forge::github, notifier::Notifier};
use kozmic_flow::Retention;
use kozmic_model::{image::ImageName, news::NotifierName};
use report::Report;
use std::process::ExitCode;

/// Result of one look.
type Look = Result<String, String>;

/// Names of the looks on which others depend.
const ENGINE: &str = "Docker engine";
const FORGE: &str = github::SITE.name;

/// Ways to look.
#[derive(Args)]
pub(crate) struct CheckArguments {
    /// Pull an image, and try a container of it.
    ///
    /// Without this option, the command uses an image that the engine has.
    #[arg(long, value_name = "IMAGE", num_args = 0..=1, default_missing_value = "debian:bookworm-slim")]
    pull: Option<ImageName>,
    /// Print all findings in JSON at the end.
    ///
    /// The form is {"ok": …, "looks": [{"what": …, "result": "ok", "note" or "fail", "words": …}]}.
    #[arg(long)]
    json: bool,
}

/// Looks at everything; exit code 0 only if nothing is bad.
pub(crate) async fn check(settings: Settings, arguments: &CheckArguments) -> ExitCode {
    let mut report = Report::new(arguments.json);
    report.add("program", Ok(format!("kozmic {VERSION}")));
    let found = data_dir::look(&settings).await;
    report.add("data directory", found.directory);
    report.add("database", found.database);
    let addresses = address::look(&settings, found.is_served).await;
    report.add("listens on", addresses.own);
    report.add("public address", addresses.public);
    report.add("connections", Ok(connections(&settings)));
    report.add("kept", Ok(kept(&settings)));
    report.add("people", people(&settings));
    report.add("git", looks::git().await);
    report.add("ssh", looks::ssh().await);
    report.add(ENGINE, looks::engine(&settings).await);
    let AtForge { api, sign_in } = looks::at_forge(&settings.github, &settings.server.public_url).await;
    report.add(FORGE, api);
    if let Some(sign_in) = sign_in {
        report.add("sign-in", sign_in);
    }
    for (what, look) in notifiers(&settings).await {
        report.add(what, look);
    }
    for (what, look) in autobuild::looks(&settings).await {
        report.add(what, look);
    }
    if report.is_well(ENGINE) {
        try_container(&settings, arguments, &mut report).await;
    }
    report.add("at rest", at_rest::look(&settings));
    report.end()
}

/// Tries a job's container. The container tries to reach the forge if this machine reaches it over a network.
async fn try_container(settings: &Settings, arguments: &CheckArguments, report: &mut Report) {
    let url = &settings.github.url;
    let outside = url.host_str().zip(url.port_or_known_default());
    let is_tried = report.is_well(FORGE) && !is_this_machine(url).await;
    let tried = container::look(settings, arguments.pull.as_ref(), outside.filter(|_| is_tried)).await;
    report.add("container", tried.container);
    if let Some(way_out) = tried.way_out {
        report.add("jobs' way out", way_out);
    }
}

fn kept(settings: &Settings) -> String {
    let Retention { failed_deliveries, logs, attempts } = settings.retention;
    let [failed, logs, attempts] = [failed_deliveries, logs, attempts].map(kept_in_words);
    format!("failed deliveries {failed}, logs {logs}, earlier attempts of jobs {attempts}")
}

/// The people who may sign in, by name, so that a misspelt name is noticed.
fn people(settings: &Settings) -> Finding {
    let server = &settings.server;
    let admins = match server.admins.as_slice() {
        [] => "nobody".to_owned(),
        admins => admins.join(", "),
    };
    let admins = format!("are administrators: {admins}");
    match server.sign_in_allowed.to_string() {
        names if names.is_empty() => Finding::Mind(format!(
            "may sign in: everybody with an account at {}, and run jobs here for their repositories; set sign_in_allowed, \
             unless that is meant; {admins}",
            settings.github.url
        )),
        names => Finding::Well(format!("may sign in: {names}; {admins}")),
    }
}

fn connections(settings: &Settings) -> String {
    let (all, wanted) = (wire::limits(settings), settings.limits.connections);
    let short = if all.connections < wanted {
        format!(", because the limit of open files leaves no more; connections_limit is {wanted}")
    } else {
        String::new()
    };
    format!("{} at most{short}, and {} of one client", all.connections, all.of_one_address)
}

/// A look at each notifier. Mail has a line even if it is switched off.
async fn notifiers(settings: &Settings) -> Vec<(&'static str, Look)> {
    let mail = NotifierName::MAIL.as_str();
    let notifiers = match wire::notifiers(settings) {
        Ok(notifiers) => notifiers,
        Err(fault) => return vec![(mail, Err(format!("{fault:#}")))],
    };
    let mut looks = Vec::new();
    if notifiers.mail().is_none() {
        looks.push((mail, Ok("switched off".to_owned())));
    }
    for notifier in notifiers.iter() {
        let messages = match notifier {
            Notifier::Mail(_) => "mails",
            Notifier::Channel(_) => "notices",
        };
        let look = notifier.check().await.map(|()| format!("{} takes {messages}", notifier.server()));
        looks.push((notifier.name().as_str(), look.map_err(|fault| fault.to_string())));
    }
    looks
}
