//! The monitor's page: the present and the last jobs of the Auto Builder. It is complete without scripts, and the
//! script keeps it up to date.

use super::{
    frame::{Frame, Visit},
    missed, parts,
};
use crate::{
    app::Shared,
    auth::Looker,
    error::WebError,
    monitor::{self, Card, Onlooker, Shown},
};
use askama::{Template, filters::Safe};
use axum::{
    extract::State,
    http::HeaderMap,
    response::{Html, IntoResponse, Response},
};
use kozmic_edges::clock;
use kozmic_model::{monitor::MonitorState, time::Timestamp};

#[derive(Template)]
#[template(path = "monitor.html")]
struct MonitorPage {
    /// The frame; none for a person who has not signed in.
    frame: Option<Frame>,
    now: Timestamp,
    running: Vec<Card>,
    ended: Vec<Card>,
    /// Sentences about deliveries that did not arrive.
    missed: Vec<String>,
    /// An empty card for the script to fill in.
    blank: Card,
}

/// `GET /monitor/`
pub(crate) async fn monitor(
    State(app): State<Shared>,
    Onlooker { looker, sight }: Onlooker,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let Shown { running, ended } = monitor::seen_by(&app, &sight).await?;
    let (now, blank) = (clock::now(), Card::blank());
    let count = app.edges.store.missed().missed_count(None, now.before(missed::SHOWN)).await?;
    let missed = missed::sentences(&count, &app.face.forge, now);
    match looker {
        Some(Looker::Person(person)) => {
            let visit = Visit::new(person, &headers, &app);
            let frame = Frame { is_monitor: true, ..visit.frame(&app, None).await? };
            visit.show(&MonitorPage { frame: Some(frame), now, running, ended, missed, blank })
        }
        Some(Looker::Program(..)) | None => {
            let page = MonitorPage { frame: None, now, running, ended, missed, blank };
            Ok(Html(page.render()?).into_response())
        }
    }
}

impl MonitorPage {
    /// The projects whose builds' pages the person may open, for the script.
    fn own_projects(&self) -> String {
        let lines = self.frame.as_ref().map(|frame| &frame.projects[..]).unwrap_or_default();
        lines.iter().map(|line| line.project.id.to_string()).collect::<Vec<_>>().join(" ")
    }

    /// True if the person may open the job's page.
    fn may_open(&self, card: &Card) -> bool {
        let is_own = |frame: &Frame| frame.projects.iter().any(|line| line.project.id == card.project);
        self.frame.as_ref().is_some_and(is_own)
    }
}

/// A state as mark and word.
fn pill(state: &MonitorState) -> Safe<String> {
    parts::worded_pill(&state.status(), state.label())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{monitor::samples::card, pages::samples};
    use kozmic_model::{ids::ProjectId, status::Status};

    fn page(frame: Option<Frame>, running: Vec<Card>, ended: Vec<Card>) -> String {
        let (now, missed, blank) = (Timestamp(80_000), Vec::new(), Card::blank());
        let page = MonitorPage { frame, now, running, ended, missed, blank };
        page.render().unwrap()
    }

    #[test]
    fn the_page_shows_all_without_scripts() {
        let page = page(None, vec![card(8, Status::Pending)], vec![card(9, Status::Failure)]);
        for fact in [
            "adlift/show/79-render-js-callback",
            "special-tag",
            "ubuntu:16.04",
            "autobuild/flist.sh",
            "last <span class=\"f1\">line</span>",
            "href=\"/report/8\"",
            "https://github.com/adlift/show/commit/a",
            "zero-os-main-generic-aaaaaaaaaa.efi",
            "11.7 MiB",
            "Failure.",
            "1:18",
        ] {
            assert!(page.contains(fact), "{fact}");
        }
        assert!(!page.contains("Nothing runs now.</p>") || page.contains("hidden>Nothing runs now"));
        assert!(page.contains("Sign in") && !page.contains("/logout/"));
    }

    #[test]
    fn what_others_wrote_is_shown_as_text() {
        let mut hostile = card(8, Status::Failure);
        for text in [&mut hostile.name, &mut hostile.title, &mut hostile.container] {
            *text = "<script>alert(1)</script>\"'".into();
        }
        hostile.error = Some("<b>bad</b>".into());
        hostile.tag = Some("<i>".into());
        hostile.image = Some("<u>".into());
        hostile.artifacts[0].name = "<s>".into();
        let page = page(None, vec![hostile.clone()], vec![hostile]);
        for markup in ["<script>alert", "<b>bad", "<i>", "<u>", "<s>", "Second <b>", "<i>Li"] {
            assert!(!page.contains(markup), "{markup}");
        }
        assert!(!page.contains(" style=") && !page.contains("javascript:"));
    }

    #[test]
    fn only_members_are_led_to_a_builds_page() {
        let address = "href=\"/projects/1/builds/5/jobs/8/\"";
        let own = page(Some(samples::frame()), vec![card(8, Status::Pending)], Vec::new());
        assert!(own.contains(address) && own.contains("data-projects=\"1\""));
        let mut foreign = card(8, Status::Pending);
        foreign.project = ProjectId(7);
        assert!(!page(Some(samples::frame()), vec![foreign], Vec::new()).contains(address));
        assert!(!page(None, vec![card(8, Status::Pending)], Vec::new()).contains(address));
    }
}
