//! The bells that a change rings.

use kozmic_edges::{Edges, broker::Topic};
use kozmic_model::ids::{JobId, ProjectId};

/// Wakes all that may have to do with a step of a ref: older builds of it are over, or its newest one is another, also
/// where nothing new is run for it.
pub(crate) fn step(edges: &Edges, project: ProjectId) {
    for topic in [Topic::Jobs, Topic::Outbox, Topic::Project(project), Topic::Projects, Topic::Monitor] {
        edges.broker.ring(topic);
    }
}

/// Wakes all that show a job, its build or its project, and the sender of statuses.
pub(crate) fn change(edges: &Edges, project: ProjectId, job: JobId) {
    for topic in [Topic::Job(job), Topic::Project(project), Topic::Projects, Topic::Monitor, Topic::Outbox] {
        edges.broker.ring(topic);
    }
}
