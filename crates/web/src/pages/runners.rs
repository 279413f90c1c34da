//! The page of the runners: all of them for everybody who signed in, and buttons for administrators. A person sees only
//! jobs of their own projects, and no rule that names projects.

mod add;
mod decide;
#[cfg(test)]
mod tests;

pub(crate) use add::add;
pub(crate) use decide::{ask_to_remove, drain, remove, resume};

use super::{
    builds,
    frame::{Frame, Visit},
    parts,
};
use crate::{app::Shared, error::WebError, runners};
use askama::{Template, filters::Safe};
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kozmic_edges::store::ProjectLine;
use kozmic_model::{
    form::FieldFaults,
    ids::ProjectId,
    job::Job,
    label::Label,
    runner::{Forks, RUNNER_TITLE_LIMIT, Runner, RunnerDraft, RunnerFacts, RunnerState},
    status::Status,
    time::Timestamp,
};
use std::collections::HashMap;

/// The path of this page.
const PATH: &str = "/runners/";

/// The form's fields, in its order.
const FIELDS: [&str; 4] = ["title", "labels", "projects", "forks"];

/// The rules for forks, in the words of the form, each with its effect.
const FORK_RULES: [(Forks, &str, &str); 3] = [
    (Forks::Any, "It takes them, too", "A runner like the others."),
    (Forks::No, "It takes none", "Strangers' code does not reach this machine."),
    (Forks::Only, "It takes nothing else", "A machine for strangers' code."),
];

#[derive(Template)]
#[template(path = "runners.html")]
struct RunnersPage {
    frame: Frame,
    lines: Vec<Line>,
    draft: RunnerDraft,
    faults: FieldFaults,
}

/// One runner.
struct Line {
    runner: Runner,
    /// The jobs that it has now and the person may see.
    jobs: Vec<JobLine>,
}

/// One job of a runner.
struct JobLine {
    job: Job,
    /// The name of the job's project.
    project: String,
}

/// `GET /runners/`
pub(crate) async fn list(State(app): State<Shared>, visit: Visit) -> Result<Response, WebError> {
    show(&app, visit, RunnerDraft::default(), FieldFaults::new()).await
}

/// The page, with a form that was not accepted.
async fn show(
    app: &Shared,
    visit: Visit,
    draft: RunnerDraft,
    faults: FieldFaults,
) -> Result<Response, WebError> {
    let frame = visit.frame(app, None).await?;
    let lines = lines(app, &frame).await?;
    let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = visit.show(&RunnersPage { frame, lines, draft, faults })?;
    Ok((status, page).into_response())
}

async fn lines(app: &Shared, frame: &Frame) -> Result<Vec<Line>, WebError> {
    let name = |line: &ProjectLine| (line.project.id, line.project.repository.full_name());
    let names = frame.projects.iter().map(name).collect::<HashMap<_, _>>();
    let own = names.keys().copied().collect::<Vec<ProjectId>>();
    let mut jobs = HashMap::<_, Vec<_>>::new();
    for (runner, job) in app.edges.store.queue().held_of(&own).await? {
        let project = names.get(&job.project).cloned().unwrap_or_default();
        jobs.entry(runner).or_default().push(JobLine { job, project });
    }
    let runners = runners::all(app).await?.into_iter();
    Ok(runners.map(|runner| Line { jobs: jobs.remove(&runner.name).unwrap_or_default(), runner }).collect())
}

impl RunnersPage {
    fn fault(&self, field: &str) -> Option<&str> {
        self.faults.get(field).map(String::as_str)
    }

    /// True for the first wrong field in the form's order: the person begins to correct there.
    fn begins(&self, field: &str) -> bool {
        FIELDS.into_iter().find(|name| self.faults.contains_key(name)) == Some(field)
    }

    /// True if this rule is chosen.
    fn treats_forks(&self, rule: &Forks) -> bool {
        self.draft.forks.parse::<Forks>().unwrap_or_default() == *rule
    }
}

impl Line {
    /// All its labels, also those that follow from its machine.
    fn labels(&self) -> Vec<Label> {
        self.runner.labels().iter().cloned().collect()
    }

    /// The state as mark and words. The time of a silent runner goes on.
    fn pill(&self, now: &Timestamp) -> Safe<String> {
        let state = self.runner.state(*now);
        match state {
            RunnerState::Silent(..) => {
                let length = parts::length(&self.runner.seen_at, &None, now);
                parts::worded_pill(&status(state), &format!("silent for {length}"))
            }
            _ => parts::worded_pill(&status(state), &state.to_string()),
        }
    }

    /// The facts that the runner reported, in words.
    fn facts(&self) -> Vec<String> {
        let RunnerFacts { engine, version, .. } = &self.runner.facts;
        let slots = match self.runner.slots {
            1 => "1 job at once".to_owned(),
            slots => format!("{slots} jobs at once"),
        };
        [
            (!self.runner.is_new()).then_some(slots),
            self.runner.facts.architecture().map(str::to_owned),
            engine.as_ref().map(|version| format!("Docker {version}")),
            version.as_ref().map(|version| format!("Kozmic {version}")),
            disk(&self.runner.facts),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The time of the last word, if the runner is silent.
    fn last_word(&self, now: &Timestamp) -> Option<Timestamp> {
        self.runner.is_silent(*now).then_some(self.runner.seen_at)
    }

    /// The reason why it takes no jobs, unless the runner is silent: then it is old.
    fn trouble(&self, now: &Timestamp) -> Option<&str> {
        self.runner.trouble.as_deref().filter(|_| !self.runner.is_silent(*now))
    }

    /// Number of jobs of projects that the person does not see.
    fn others(&self) -> usize {
        usize::try_from(self.runner.busy).unwrap_or_default().saturating_sub(self.jobs.len())
    }

    /// The projects whose jobs it may get, for administrators.
    fn projects(&self) -> String {
        match &self.runner.rules.projects {
            all if all.is_empty() => "all projects".to_owned(),
            some => some.to_string().replace(',', ", "),
        }
    }

    /// The rule for pull requests from forks, for administrators.
    fn forks(&self) -> &'static str {
        match self.runner.rules.forks {
            Forks::Any => "also pull requests from forks",
            Forks::No => "but no pull requests from forks",
            Forks::Only => "only pull requests from forks",
        }
    }
}

/// The state of a job whose mark fits the state of a runner.
fn status(state: RunnerState) -> Status {
    match state {
        RunnerState::NeverSeen(_) => Status::Enqueued,
        RunnerState::Silent(..) | RunnerState::Trouble => Status::Error,
        RunnerState::Draining(_) => Status::Canceled,
        RunnerState::Busy(..) => Status::Pending,
        RunnerState::Ready => Status::Success,
    }
}

/// The free part of the disk, in units of 1000 as in the engine's own tools.
fn disk(facts: &RunnerFacts) -> Option<String> {
    let (free, total) = (facts.disk_free?, facts.disk_total?);
    let gigabytes = |bytes: u64| format!("{}.{}", bytes / 1_000_000_000, bytes % 1_000_000_000 / 100_000_000);
    Some(format!("{} of {} GB free", gigabytes(free), gigabytes(total)))
}
