//! Rings the bells of a change.

use kozmic_edges::{Edges, broker::Topic};
use kozmic_model::ids::{JobId, ProjectId};

/// Wakes all tasks that a step of a ref may concern, even if it starts no new job: its older builds may be over, or
/// another build may be its newest.
pub(crate) fn step(edges: &Edges, project: ProjectId) {
    for topic in [Topic::Jobs, Topic::Outbox, Topic::Project(project), Topic::Projects, Topic::Monitor] {
        edges.broker.ring(topic);
    }
}

/// Wakes all pages that show a job, its build or its project, and the sender of statuses.
pub(crate) fn change(edges: &Edges, project: ProjectId, job: JobId) {
    for topic in [Topic::Job(job), Topic::Project(project), Topic::Projects, Topic::Monitor, Topic::Outbox] {
        edges.broker.ring(topic);
    }
}
