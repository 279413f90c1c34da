//! Notices: messages about news to a channel, which is a place that many people read. A notice is short: its reader
//! follows the link for everything else.

use crate::{build::Build, news, project::Project};

/// A notice, ready to send. It has no line breaks or control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The same each time the notice is sent, and different for each notice.
    pub id: String,
    /// The news in a line: `[failure] owner/name#12 (main — 1a2b3c4d)`.
    pub title: String,
    /// The news in a sentence.
    pub text: String,
    /// The address of the page about it.
    pub url: String,
}

/// The facts from which a notice is made.
#[derive(Clone, Copy, Debug)]
pub struct NoticeFacts<'a> {
    /// The notice's name among all notices of the installation, such as `7.1`.
    pub name: &'a str,
    /// The build's project.
    pub project: &'a Project,
    /// The build in its current state.
    pub build: &'a Build,
    /// The address of Kozmic for browsers.
    pub public_url: &'a str,
}

impl Notice {
    /// Writes the notice about the build.
    pub fn compose(facts: &NoticeFacts<'_>) -> Self {
        let NoticeFacts { name, project, build, public_url } = facts;
        Self {
            id: format!("notice-{name}@{}", news::host(public_url)),
            title: news::title(project, build),
            text: news::sentence(project, build, news::verdict(build.status)),
            url: build.url(public_url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{samples, status::Status};

    fn notice(project: &Project, build: &Build) -> Notice {
        Notice::compose(&NoticeFacts {
            name: "7.1",
            project,
            build,
            public_url: "https://ci.example.org:8443/",
        })
    }

    #[test]
    fn a_notice_tells_the_news_and_where_to_look() {
        let notice = notice(&samples::project(), &samples::build(Status::Failure));
        assert_eq!(notice.title, "[failure] anna/hello#12 (main — 1a2b3c4d)");
        assert_eq!(notice.text, "Build #12 of anna/hello failed.");
        assert_eq!(notice.url, "https://ci.example.org:8443/projects/3/builds/40/");
        assert_eq!(notice.id, "notice-7.1@ci.example.org");
    }

    #[test]
    fn names_from_strangers_are_one_short_line_in_a_notice() {
        let mut project = samples::project();
        project.repository.name = format!("a\r\nb\u{1b}[2J\u{202e}{}", "c".repeat(1_000));
        let notice = notice(&project, &samples::build(Status::Held));
        assert!(
            notice.text.ends_with("… waits until somebody who manages the project approves it."),
            "{notice:?}"
        );
        for line in [notice.title, notice.text] {
            assert!(
                line.len() < 400 && !line.chars().any(char::is_control) && !line.contains('\u{202e}'),
                "{line:?}"
            );
        }
    }
}
