//! A mail's body as HTML. The reader's program chooses the colours, dark or light; only the edge beside the verdict has
//! a colour of Kozmic's. The body loads nothing and runs nothing.

use super::{JobWords, Words};
use crate::status::Status;

/// The colour for news that is neither good nor bad.
const QUIET: &str = "#888888";

/// The whole body of a mail about a build, as a complete document.
pub(super) fn body(words: &Words) -> String {
    let jobs = words.jobs.iter().map(job).collect::<String>();
    let log = words.log_of.as_ref().map(|title| log(title, &words.last_lines)).unwrap_or_default();
    let rest = format!(
        "<table style=\"border-spacing: 0\">\n{facts}</table>\n<p>{build}</p>\n<ul>\n{jobs}</ul>\n{log}{limit}<hr>\n\
         <p style=\"font-size: 13px\">{why} {settings} · {unsubscribe}</p>\n",
        facts = facts(words),
        build = link(&words.build_url, "Open the build"),
        why = escaped(&words.why),
        limit = words.limit.iter().map(|limit| format!("<p>{}</p>\n", escaped(limit))).collect::<String>(),
        settings = link(&words.settings_url, "Change what you get"),
        unsubscribe = link(&words.unsubscribe_url, "Unsubscribe from all mail"),
    );
    document(&words.verdict, colour(words.status), &rest)
}

/// The whole body of a mail that asks for a confirmation.
pub(super) fn confirmation(verdict: &str, how: &str, confirm_url: &str, otherwise: &str) -> String {
    let (how, link, otherwise) = (escaped(how), link(confirm_url, "Confirm the address"), escaped(otherwise));
    document(verdict, QUIET, &format!("<p>{how}</p>\n<p>{link}</p>\n<p>{otherwise}</p>\n"))
}

fn document(verdict: &str, colour: &str, rest: &str) -> String {
    let verdict = escaped(verdict);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{verdict}</title>\n</head>\n\
         <body style=\"font: 15px/1.5 system-ui, sans-serif\">\n\
         <h1 style=\"font-size: 1.25em; border-left: 6px solid {colour}; padding-left: 10px\">{verdict}</h1>\n\
         {rest}</body>\n</html>\n"
    )
}

fn facts(words: &Words) -> String {
    let row = |(name, what): &(&str, String)| {
        let what = escaped(what);
        format!(
            "<tr><th style=\"text-align: left; padding-right: 1em; font-weight: normal\">{name}</th>\
             <td>{what}</td></tr>\n"
        )
    };
    words.facts.iter().map(row).collect()
}

fn job(job: &JobWords) -> String {
    let reason = job.reason.iter().map(|reason| format!("<br>{}", escaped(reason))).collect::<String>();
    format!("<li>{}: {}{reason}</li>\n", link(&job.url, &job.title), escaped(&job.ended))
}

fn log(title: &str, lines: &[String]) -> String {
    format!(
        "<p>The end of the log of “{}”:</p>\n\
         <pre style=\"border: 1px solid #888; padding: 10px; white-space: pre-wrap; overflow-wrap: anywhere\">{}</pre>\n",
        escaped(title),
        escaped(&lines.join("\n"))
    )
}

fn link(url: &str, words: &str) -> String {
    format!("<a href=\"{}\">{}</a>", escaped(url), escaped(words))
}

/// Colours that are visible on a white and on a black background.
fn colour(status: Status) -> &'static str {
    match status {
        Status::Success => "#2da44e",
        Status::Failure => "#e5534b",
        Status::Error => "#bf8700",
        Status::Held | Status::Enqueued | Status::Pending | Status::Canceled => QUIET,
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
