//! The small parts that many pages share: marks of states, ages, lengths of time, links to the forge.
//!
//! Templates hand over everything by reference, so that is how it is taken here.

use crate::address::of_web;
use askama::filters::Safe;
use chrono::{DateTime, SecondsFormat};
use kozmic_edges::forge::Site;
use kozmic_model::{
    build::Build,
    event::Trigger,
    project::Project,
    spent::{Length, Spent},
    status::Status,
    time::{Timestamp, age, clock as watch, spoken},
};
use std::{borrow::Borrow, time::Duration};

/// From here on it is told how long something waited.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// A state's mark: told by its shape as well as by its colour.
pub(crate) fn mark(status: &Status) -> Safe<&'static str> {
    Safe(match status {
        Status::Held => {
            r#"<svg class="mark held" viewBox="0 0 16 16" aria-hidden="true"><circle class="ring" cx="8" cy="8" r="6.5"/><path class="bars" d="M6.200 5.200v5.600m3.600-5.600v5.600"/></svg>"#
        }
        Status::Enqueued => {
            r#"<svg class="mark enqueued" viewBox="0 0 16 16" aria-hidden="true"><circle class="ring" cx="8" cy="8" r="6" stroke-dasharray="3 3.28"/></svg>"#
        }
        Status::Pending => {
            r#"<svg class="mark pending" viewBox="0 0 16 16" aria-hidden="true"><circle class="ring" cx="8" cy="8" r="6.5"/><circle class="core" cx="8" cy="8" r="3.2"/></svg>"#
        }
        Status::Success => {
            r#"<svg class="mark success" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="8"/><path class="cut" d="m4.6 8.3 2.3 2.3 4.5-4.9"/></svg>"#
        }
        Status::Failure => {
            r#"<svg class="mark failure" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="8"/><path class="cut" d="m5.3 5.3 5.4 5.4m0-5.4-5.4 5.4"/></svg>"#
        }
        Status::Error => {
            r#"<svg class="mark error" viewBox="0 0 16 16" aria-hidden="true"><path d="M8 .6c.6 0 1.1.3 1.4.8l6.2 11.3c.6 1.1-.2 2.4-1.4 2.4H1.8C.6 15.1-.2 13.8.4 12.7L6.6 1.4C6.9.9 7.4.6 8 .6z"/><path class="cut" d="M8 5.6v3.6m0 2.9v.1"/></svg>"#
        }
        Status::Canceled => {
            r#"<svg class="mark canceled" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="8"/><path class="cut" d="M4.6 8h6.8"/></svg>"#
        }
    })
}

/// The mark beside what needs a person.
pub(crate) fn warning() -> Safe<&'static str> {
    mark(&Status::Error)
}

/// The mark beside what is as it should be.
pub(crate) fn fine() -> Safe<&'static str> {
    mark(&Status::Success)
}

/// The mark of a project that nothing was built of.
pub(crate) fn no_mark() -> Safe<&'static str> {
    Safe(
        r#"<svg class="mark none" viewBox="0 0 16 16" aria-hidden="true"><circle class="ring" cx="8" cy="8" r="5"/></svg>"#,
    )
}

/// A state as mark and word.
pub(crate) fn pill(status: &Status) -> Safe<String> {
    worded_pill(status, status.label())
}

/// A state as mark and a word of one's own.
pub(crate) fn worded_pill(status: &Status, word: &str) -> Safe<String> {
    let mark = mark(status).0;
    Safe(format!(r#"<span class="pill {status}">{mark}<span>{word}</span></span>"#))
}

/// The time since something happened, as `2 h`; the script keeps it true.
pub(crate) fn short_age(at: &Timestamp, now: &Timestamp) -> Safe<String> {
    time(at, "age", &age(now.since(*at)))
}

/// The time since something happened, as `2 h ago`.
pub(crate) fn ago(at: &Timestamp, now: &Timestamp) -> Safe<String> {
    let text = match age(now.since(*at)).as_str() {
        "now" => "just now".to_owned(),
        age => format!("{age} ago"),
    };
    time(at, "ago", &text)
}

/// The date and time of something, for what is read long after: `2026-11-30 01:34 UTC`.
pub(crate) fn moment(at: &Timestamp) -> Safe<String> {
    let Some(date) = DateTime::from_timestamp_millis(at.0) else { return Safe(String::new()) };
    let machine = date.to_rfc3339_opts(SecondsFormat::Secs, true);
    Safe(format!(r#"<time datetime="{machine}">{}</time>"#, date.format("%Y-%m-%d %H:%M UTC")))
}

/// The time that something took, or takes since `start`.
pub(crate) fn length(start: &Timestamp, end: &Option<Timestamp>, now: &Timestamp) -> Safe<String> {
    let text = watch(end.unwrap_or(*now).since(*start));
    match end {
        Some(_) => Safe(text),
        None => Safe(format!(r#"<time data-at="{}" data-as="clock">{text}</time>"#, start.0)),
    }
}

/// The time that something lasted or lasts, as on a watch; a dash if it never began.
pub(crate) fn lasted(length: impl Borrow<Option<Length>>, now: &Timestamp) -> Safe<String> {
    match length.borrow() {
        None => Safe("–".to_owned()),
        Some(length) if length.grows => self::length(&length.since(*now), &None, now),
        Some(length) => Safe(watch(length.so_far)),
    }
}

/// The time that something took, as people say it.
pub(crate) fn took(length: &Length) -> String {
    spoken(length.so_far)
}

/// The time that something waited, if that is worth a word.
pub(crate) fn wait(spent: &Spent) -> Option<Length> {
    spent.waited.filter(|waited| waited.grows || waited.so_far >= WORTH_TELLING)
}

/// Time at which a build last did something.
pub(crate) fn last_seen(build: &Build) -> Timestamp {
    build.finished_at.or(build.started_at).unwrap_or(build.created_at)
}

/// The commit's whole message, if it says more than its headline.
pub(crate) fn rest_of_message(build: &Build) -> Option<&str> {
    let message = build.message.trim();
    (message.lines().count() > 1).then_some(message)
}

/// A day, such as `27 February 2027`.
pub(crate) fn day(at: &Timestamp) -> Safe<String> {
    let Some(date) = DateTime::from_timestamp_millis(at.0) else { return Safe("–".to_owned()) };
    let machine = date.to_rfc3339_opts(SecondsFormat::Secs, true);
    Safe(format!(r#"<time datetime="{machine}">{}</time>"#, date.format("%-d %B %Y")))
}

fn time(at: &Timestamp, manner: &str, text: &str) -> Safe<String> {
    let Some(date) = DateTime::from_timestamp_millis(at.0) else { return Safe(text.to_owned()) };
    let (machine, people) =
        (date.to_rfc3339_opts(SecondsFormat::Secs, true), date.format("%-d %B %Y, %H:%M:%S UTC"));
    Safe(format!(
        r#"<time datetime="{machine}" title="{people}" data-at="{}" data-as="{manner}">{text}</time>"#,
        at.0
    ))
}

/// The address of a repository's page at the forge. As with all pages there, none if it is no address of the web.
pub(crate) fn repository_url(forge: &Site, project: &Project) -> Option<String> {
    of_web(&forge.repository_page(&project.repository))
}

/// The address of a commit's page at the forge.
pub(crate) fn commit_url(forge: &Site, project: &Project, build: &Build) -> Option<String> {
    of_web(&forge.commit_page(&project.repository, &build.sha))
}

/// The address of the page at the forge that shows all changes of a build. A pull request has more than its last
/// commit.
pub(crate) fn changes_url(forge: &Site, project: &Project, build: &Build) -> Option<String> {
    match build.trigger {
        Trigger::PullRequest { number, .. } => of_web(&forge.changes_page(&project.repository, number)),
        Trigger::Push => commit_url(forge, project, build),
    }
}

/// The number and the page of the pull request that a build came from.
pub(crate) fn pull_request(forge: &Site, project: &Project, build: &Build) -> Option<(u64, Option<String>)> {
    match build.trigger {
        Trigger::PullRequest { number, .. } => {
            Some((number, of_web(&forge.pull_request_page(&project.repository, number))))
        }
        Trigger::Push => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::frame::samples;
    use kozmic_edges::forge::github;

    #[test]
    fn a_length_ticks_only_while_it_lasts() {
        let now = Timestamp(64_000);
        assert_eq!(length(&Timestamp(0), &Some(Timestamp(7_000)), &now).0, "0:07");
        let running = length(&Timestamp(0), &None, &now).0;
        assert_eq!(running, r#"<time data-at="0" data-as="clock">1:04</time>"#);
    }

    #[test]
    fn ages_carry_their_full_date() {
        let said = ago(&Timestamp(0), &Timestamp(7_200_000)).0;
        assert!(said.contains("1 January 1970, 00:00:00 UTC") && said.ends_with(">2 h ago</time>"));
        assert!(ago(&Timestamp(0), &Timestamp(0)).0.ends_with(">just now</time>"));
        let moment = moment(&Timestamp(1_796_002_459_000)).0;
        assert_eq!(moment, r#"<time datetime="2026-11-30T01:34:19Z">2026-11-30 01:34 UTC</time>"#);
    }

    #[test]
    fn only_addresses_of_the_web_become_links() {
        let mut project = samples::project();
        let url = |project: &Project| repository_url(&github::SITE, project);
        assert_eq!(url(&project).unwrap(), "https://github.com/adlift/show/");
        project.repository.html_url = "javascript:alert(1)//".into();
        assert_eq!(url(&project), None);
    }
}
