//! A mail's body as plain text. Output is indented, so that no line of output looks like one of Kozmic's.

use super::{JobWords, Words};

/// The whole body. Lines are not wrapped.
pub(super) fn body(words: &Words) -> String {
    let mut parts = vec![words.verdict.clone(), facts(words)];
    parts.extend(words.jobs.iter().map(job));
    parts.extend(words.log_of.as_ref().map(|title| log(title, &words.last_lines)));
    parts.extend(words.limit.clone());
    let Words { why, settings_url, unsubscribe_url, .. } = words;
    parts.push(format!(
        "-- \n{why}\nTo change what you get: {settings_url}\nTo unsubscribe from all mail: {unsubscribe_url}"
    ));
    parts.join("\n\n") + "\n"
}

fn facts(words: &Words) -> String {
    let facts = words.facts.iter().map(|(name, what)| (*name, what.as_str()));
    let facts = facts.chain([("Build", words.build_url.as_str())]).collect::<Vec<_>>();
    let width = facts.iter().map(|(name, _)| name.len() + 1).max().unwrap_or_default();
    let lines = facts.iter().map(|(name, what)| format!("{:width$} {what}", format!("{name}:")));
    lines.collect::<Vec<_>>().join("\n")
}

fn job(job: &JobWords) -> String {
    let reason = job.reason.iter().map(|reason| format!("\n    {reason}")).collect::<String>();
    format!("{}: {}{reason}\n    {}", job.title, job.ended, job.url)
}

fn log(title: &str, lines: &[String]) -> String {
    let lines = lines.iter().map(|line| format!("    {line}").trim_end().to_owned());
    format!("The end of the log of \"{title}\":\n\n{}", lines.collect::<Vec<_>>().join("\n"))
}
