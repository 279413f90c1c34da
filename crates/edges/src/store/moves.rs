//! How refs moved, and where each build stands in the order of its ref by that.

use super::{
    Store, builds,
    deliveries::{IGNORED, settle},
    rows,
    superseded::{resume, supersede},
};
use anyhow::{Context, Result};
use kozmic_model::{
    event::{Change, Gone},
    git::{GitRef, Sha},
    ids::{DeliveryId, ProjectId},
    order::{Move, Order, STRIDE, Source, UNPLACED, positions},
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set, Unchanged},
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
    sea_query::Expr,
};
use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

/// So many moves of a ref are joined to find their order; what is older counts by its time.
const NEWEST: u64 = 50;

/// A move as it becomes known.
pub(super) struct NewMove<'a> {
    pub(super) git_ref: &'a GitRef,
    pub(super) before: Option<&'a Sha>,
    pub(super) after: &'a Sha,
    /// The commit, if it is at one.
    pub(super) sha: Option<&'a Sha>,
    pub(super) at: Option<Timestamp>,
}

impl<'a> From<&'a Change> for NewMove<'a> {
    fn from(change: &'a Change) -> Self {
        let Change { git_ref, sha, before, after, pushed_at, .. } = change;
        Self { git_ref, before: before.as_ref(), after, sha: Some(sha), at: *pushed_at }
    }
}

/// How a move was heard of.
#[derive(Clone, Copy, Debug)]
pub enum Heard {
    /// By a delivery, which is settled together with what follows from it.
    Delivery(DeliveryId),
    /// By a delivery that more is to come of.
    Unsettled(DeliveryId),
    /// The forge was asked.
    Answer,
}

impl Heard {
    pub(super) fn delivery(self) -> Option<DeliveryId> {
        match self {
            Self::Delivery(id) | Self::Unsettled(id) => Some(id),
            Self::Answer => None,
        }
    }
}

/// Where a ref stands after a move became known.
pub(super) struct Standing {
    /// The ref's newest build.
    newest: Option<i64>,
    /// The move that led there.
    by: Option<i64>,
}

impl Standing {
    /// Whether a move led to the ref's newest build.
    pub(super) fn is_by(&self, build: i64, id: i64) -> bool {
        self.newest == Some(build) && self.by == Some(id)
    }
}

impl Store {
    /// Notes a push that nothing is built of, and why. Settles its delivery.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn pass_over(
        &self,
        delivery: DeliveryId,
        project: ProjectId,
        (change, why): (&Change, &str),
        now: Timestamp,
    ) -> Result<()> {
        self.note_move(delivery, project, (NewMove::from(change), why), now).await
    }

    /// Notes that a ref is gone. Settles the delivery that told of it.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn note_gone(
        &self,
        delivery: DeliveryId,
        project: ProjectId,
        gone: &Gone,
        now: Timestamp,
    ) -> Result<()> {
        let Gone { git_ref, before, after, at, why } = gone;
        let before = before.as_ref();
        let new = NewMove { git_ref, before, after, sha: None, at: *at };
        self.note_move(delivery, project, (new, why), now).await
    }

    /// Whether there is no doubt which push of a ref is the newest; else the number of the newest move that is known.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn doubt(&self, project: ProjectId, git_ref: &GitRef) -> Result<Option<i64>> {
        let moves = Known::of(&self.db, project, &git_ref.to_string()).await?.moves;
        let last = moves.iter().map(|one| one.id).max();
        Ok(last.filter(|_| !Order::of(&moves).is_clear))
    }

    /// Notes where the forge says that a ref is, if no other move became known since it was asked.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn note_seen(
        &self,
        project: ProjectId,
        (git_ref, sha): (&GitRef, &Sha),
        last_known: i64,
        now: Timestamp,
    ) -> Result<()> {
        let tx = self.write().await?;
        let moves = Known::of(&tx, project, &git_ref.to_string()).await?.moves;
        if moves.iter().any(|one| one.id > last_known) {
            return Ok(());
        }
        let new = NewMove { git_ref, before: None, after: sha, sha: Some(sha), at: None };
        note(&tx, project, (&new, Heard::Answer), now).await?;
        stand(&tx, project, (git_ref, Heard::Answer), now).await?;
        tx.commit().await.context("commit what the forge said of a ref")
    }

    async fn note_move(
        &self,
        delivery: DeliveryId,
        project: ProjectId,
        (new, why): (NewMove<'_>, &str),
        now: Timestamp,
    ) -> Result<()> {
        let tx = self.write().await?;
        let heard = Heard::Delivery(delivery);
        note(&tx, project, (&new, heard), now).await?;
        stand(&tx, project, (new.git_ref, heard), now).await?;
        settle(&tx, delivery, IGNORED, Some(why)).await?;
        tx.commit().await.context("commit a move")
    }
}

/// Writes a move down, once for each event at the forge; gives its number.
pub(super) async fn note(
    tx: &DatabaseTransaction,
    project: ProjectId,
    (new, heard): (&NewMove<'_>, Heard),
    now: Timestamp,
) -> Result<i64> {
    let git_ref = new.git_ref.to_string();
    let of_ref = || of_ref(project, &git_ref);
    let uuid = match heard.delivery() {
        Some(id) => {
            let row = rows::delivery::Entity::find_by_id(id.0).one(tx).await.context("find a delivery")?;
            row.with_context(|| format!("there is no delivery {id}"))?.uuid
        }
        None => {
            let last = of_ref().order_by_desc(rows::ref_move::Column::Id);
            let last = last.one(tx).await.context("find a ref's last move")?;
            format!("seen:{}", last.map_or(0, |last| last.id))
        }
    };
    let known = of_ref().filter(rows::ref_move::Column::Uuid.eq(&uuid));
    if let Some(known) = known.one(tx).await.context("look for a move")? {
        return Ok(known.id);
    }
    let latest = of_ref().select_only().column_as(rows::ref_move::Column::At.max(), "at");
    let (at, source) = match heard {
        // It is the newest of all that is known.
        Heard::Answer => {
            let latest = latest.into_tuple::<Option<i64>>().one(tx).await.context("find the latest move")?;
            (latest.flatten().unwrap_or(now.0), Source::Seen)
        }
        Heard::Delivery(_) | Heard::Unsettled(_) => (new.at.unwrap_or(now).0, Source::Told),
    };
    let row = rows::ref_move::ActiveModel {
        id: NotSet,
        project_id: Set(project.0),
        git_ref: Set(git_ref.clone()),
        uuid: Set(uuid),
        before: Set(new.before.map(Sha::to_string)),
        after: Set(new.after.to_string()),
        sha: Set(new.sha.map(Sha::to_string)),
        at: Set(at),
        source: Set(source.word().to_owned()),
        created_at: Set(now.0),
    };
    Ok(row.insert(tx).await.context("note a move")?.id)
}

/// Whether moves of a ref came in within the last minute: the forge's answer may be older than they are.
pub(super) async fn is_moving(
    tx: &DatabaseTransaction,
    project: ProjectId,
    git_ref: &GitRef,
    now: Timestamp,
) -> Result<bool> {
    let last = of_ref(project, &git_ref.to_string()).order_by_desc(rows::ref_move::Column::Id);
    let last = last.one(tx).await.context("find a ref's last move")?;
    Ok(last.is_some_and(|last| now.since(Timestamp(last.created_at)) < Duration::from_secs(60)))
}

/// Brings the builds of a ref in the order of its moves. If another one is the newest by that, it cancels what older
/// ones still have to do, as far as the project wishes, and what was canceled of it before runs again.
pub(super) async fn stand(
    tx: &DatabaseTransaction,
    project: ProjectId,
    (git_ref, heard): (&GitRef, Heard),
    now: Timestamp,
) -> Result<Standing> {
    let git_ref = git_ref.to_string();
    let known = Known::of(tx, project, &git_ref).await?;
    let order = Order::of(&known.moves);
    let was = newest(tx, project, &git_ref).await?;
    let mut builds = in_order(tx, project, (&git_ref, &order, &known.commits)).await?;
    if builds.last().is_none_or(|last| !known.leads_to(&last.sha)) {
        // All newer pushes were passed over.
        builds.extend(was.clone());
    }
    let last = builds.last();
    let has_changed = last.map(|last| last.id) != was.map(|was| was.id);
    let fresh = if has_changed { Some(next_position(tx, project).await?) } else { None };
    place(tx, &builds, fresh).await?;
    mark(tx, project, (&git_ref, order.head().is_some_and(Sha::is_nowhere)), now).await?;
    let Some(last) = last else { return Ok(Standing { newest: None, by: None }) };
    if has_changed {
        supersede(tx, last, now).await?;
        resume(tx, last.id, matches!(heard, Heard::Answer), now).await?;
    }
    let led = |one: &&&Move| one.source == Source::Told && known.commits.get(&one.id) == Some(&last.sha);
    let by = order.moves.iter().rev().find(led).map(|one| one.id);
    Ok(Standing { newest: Some(last.id), by })
}

/// Whether a build is the newest of its ref.
pub(super) async fn is_newest(tx: &DatabaseTransaction, build: &rows::build::Model) -> Result<bool> {
    let newest = newest(tx, ProjectId(build.project_id), &build.git_ref).await?;
    Ok(newest.is_some_and(|newest| newest.id == build.id))
}

/// The newest moves of a ref.
struct Known {
    moves: Vec<Move>,
    /// The commits that they led to, by their numbers.
    commits: HashMap<i64, String>,
}

impl Known {
    async fn of(db: &impl ConnectionTrait, project: ProjectId, git_ref: &str) -> Result<Self> {
        let rows = of_ref(project, git_ref)
            .order_by_desc(rows::ref_move::Column::At)
            .order_by_desc(rows::ref_move::Column::Id)
            .limit(NEWEST);
        let (mut moves, mut commits) = (Vec::new(), HashMap::new());
        for row in rows.all(db).await.context("list a ref's moves")? {
            let before = row.before.as_deref().map(str::parse).transpose()?;
            let source = if row.source == Source::Seen.word() { Source::Seen } else { Source::Told };
            moves.push(Move { id: row.id, before, after: row.after.parse()?, at: Timestamp(row.at), source });
            commits.extend(row.sha.map(|sha| (row.id, sha)));
        }
        Ok(Self { moves, commits })
    }

    fn leads_to(&self, sha: &String) -> bool {
        self.commits.values().any(|commit| commit == sha)
    }
}

fn of_ref(project: ProjectId, git_ref: &str) -> Select<rows::ref_move::Entity> {
    rows::ref_move::Entity::find()
        .filter(rows::ref_move::Column::ProjectId.eq(project.0))
        .filter(rows::ref_move::Column::GitRef.eq(git_ref))
}

fn builds_of(project: ProjectId, git_ref: &str) -> Select<rows::build::Entity> {
    rows::build::Entity::find()
        .filter(rows::build::Column::ProjectId.eq(project.0))
        .filter(rows::build::Column::GitRef.eq(git_ref))
}

/// The build that a ref's newest one was so far.
async fn newest(
    tx: &DatabaseTransaction,
    project: ProjectId,
    git_ref: &str,
) -> Result<Option<rows::build::Model>> {
    let placed = builds_of(project, git_ref)
        .filter(rows::build::Column::Position.ne(UNPLACED))
        .order_by_desc(rows::build::Column::Position);
    placed.one(tx).await.context("find a ref's newest build")
}

/// The builds that moves led to, the oldest first. One that is new and not among the newest moves is older than all.
async fn in_order(
    tx: &DatabaseTransaction,
    project: ProjectId,
    (git_ref, order, commits): (&str, &Order<'_>, &HashMap<i64, String>),
) -> Result<Vec<rows::build::Model>> {
    let shas = commits.values().cloned().collect::<BTreeSet<_>>();
    let meant = Condition::any()
        .add(rows::build::Column::Sha.is_in(shas))
        .add(rows::build::Column::Position.eq(UNPLACED));
    let mut builds =
        builds_of(project, git_ref).filter(meant).all(tx).await.context("list a ref's builds")?;
    let led_to = |one: &Move, sha: &String| commits.get(&one.id) == Some(sha);
    builds.sort_by_key(|build| (order.moves.iter().rposition(|one| led_to(one, &build.sha)), build.id));
    Ok(builds)
}

async fn next_position(tx: &DatabaseTransaction, project: ProjectId) -> Result<i64> {
    let highest = rows::build::Entity::find()
        .filter(rows::build::Column::ProjectId.eq(project.0))
        .order_by_desc(rows::build::Column::Position);
    let highest = highest.one(tx).await.context("find the highest position")?;
    Ok(highest.map_or(0, |build| build.position.max(0)) + STRIDE)
}

async fn place(tx: &DatabaseTransaction, builds: &[rows::build::Model], fresh: Option<i64>) -> Result<()> {
    let present = builds.iter().map(|build| build.position).collect::<Vec<_>>();
    for (build, position) in builds.iter().zip(positions(&present, fresh)) {
        if build.position != position {
            let (id, position) = (Unchanged(build.id), Set(position));
            let row = rows::build::ActiveModel { id, position, ..Default::default() };
            row.update(tx).await.context("put a build in order")?;
        }
    }
    Ok(())
}

/// Notes of a ref's builds whether it is there. What they came to counts beside a commit as long as it is.
async fn mark(
    tx: &DatabaseTransaction,
    project: ProjectId,
    (git_ref, is_gone): (&str, bool),
    now: Timestamp,
) -> Result<()> {
    let others = || builds_of(project, git_ref).filter(rows::build::Column::RefIsGone.ne(is_gone));
    let newest = others().order_by_desc(rows::build::Column::Position).limit(NEWEST);
    let newest = newest.all(tx).await.context("list builds of a ref that went or came")?;
    if newest.is_empty() {
        return Ok(());
    }
    rows::build::Entity::update_many()
        .col_expr(rows::build::Column::RefIsGone, Expr::value(is_gone))
        .filter(rows::build::Column::ProjectId.eq(project.0))
        .filter(rows::build::Column::GitRef.eq(git_ref))
        .exec(tx)
        .await
        .context("note whether a ref is there")?;
    for build in newest {
        if builds::is_elsewhere(tx, &build).await? {
            builds::tell_again(tx, &build, now).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        Enqueued, Subject,
        tests::{NOW, Stage},
    };
    use kozmic_model::{job::CanceledBy, project::ProjectSettings, status::Status};

    const MAIN: &str = "refs/heads/main";

    /// Before, after, and when, in seconds.
    type Push = (char, char, i64);

    fn main() -> GitRef {
        MAIN.parse().unwrap()
    }

    async fn badge(stage: &Stage) -> Option<Status> {
        stage.store.last_verdict(stage.project, &main()).await.unwrap().map(|build| build.status)
    }

    fn orders(count: usize) -> Vec<Vec<usize>> {
        if count == 0 {
            return vec![Vec::new()];
        }
        let with_last = |order: Vec<usize>| {
            (0..count).map(move |place| {
                let mut order = order.clone();
                order.insert(place, count - 1);
                order
            })
        };
        orders(count - 1).into_iter().flat_map(with_last).collect()
    }

    #[tokio::test]
    async fn whatever_the_order_of_arrival_the_newest_push_is_the_latest_and_is_built() {
        let ways: [(&[Push], char); 4] = [
            (&[('0', 'a', 1), ('a', 'b', 1), ('b', 'c', 1)], 'c'),
            (&[('0', 'c', 1), ('c', 'b', 1), ('b', 'a', 1)], 'a'),
            (&[('0', 'a', 1), ('a', 'b', 10), ('b', 'a', 20)], 'a'),
            (&[('0', 'a', 1), ('a', '0', 10), ('0', 'b', 11)], 'b'),
        ];
        for (way, head) in ways {
            for order in orders(way.len()) {
                let stage = Stage::new().await;
                for index in &order {
                    let (before, after, second) = way[*index];
                    if after == '0' {
                        stage.gone(&index.to_string(), before, second).await;
                    } else {
                        stage.told(&index.to_string(), (before, after), second).await;
                    }
                }
                assert_eq!(stage.latest().await, head, "{way:?} in {order:?}");
                let others = "abc".replace(head, "");
                stage.run_all(&others).await;
                assert_eq!(badge(&stage).await, Some(Status::Success), "{way:?} in {order:?}");
            }
        }
    }

    #[tokio::test]
    async fn what_a_newer_push_canceled_runs_when_its_branch_is_back() {
        let stage = Stage::new().await;
        let Enqueued::Job(_, first) = stage.told("1", ('0', 'a'), 1).await else { panic!("a job") };
        stage.told("2", ('a', 'b'), 10).await;
        let canceled = stage.store.job_by_id(first).await.unwrap().unwrap();
        assert_eq!((canceled.status, canceled.canceled_by), (Status::Canceled, Some(CanceledBy::Push)));
        stage.told("3", ('b', 'a'), 20).await;
        let back = stage.store.job_by_id(first).await.unwrap().unwrap();
        assert_eq!((back.status, back.canceled_by, back.attempt), (Status::Enqueued, None, 1));
        stage.run_all("").await;
        assert_eq!((stage.latest().await, badge(&stage).await), ('a', Some(Status::Success)));
        let Enqueued::BuiltBefore = stage.told("4", ('b', 'a'), 20).await else { panic!("told twice") };
    }

    #[tokio::test]
    async fn what_is_stopped_while_it_runs_begins_again_if_its_branch_is_back_by_then() {
        let stage = Stage::new().await;
        let all = ProjectSettings { cancel_waiting: true, cancel_running: true };
        stage.store.change_project(stage.project, all).await.unwrap();
        let Enqueued::Job(_, first) = stage.told("1", ('0', 'a'), 1).await else { panic!("a job") };
        let claimed = stage.claim().await;
        stage.told("2", ('a', 'b'), 10).await;
        stage.told("3", ('b', 'a'), 20).await;
        let outcome = kozmic_model::job::Outcome::Canceled("Canceled.".into());
        stage.store.finish_job(claimed.job.attempt(), &outcome, NOW).await.unwrap().unwrap();
        let again = stage.store.job_by_id(first).await.unwrap().unwrap();
        assert_eq!((again.status, again.attempt), (Status::Enqueued, 1));
    }

    #[tokio::test]
    async fn a_verdict_stands_when_its_branch_is_back_and_what_was_stopped_by_hand_runs() {
        let stage = Stage::new().await;
        let Enqueued::Job(_, first) = stage.told("1", ('0', 'a'), 1).await else { panic!("a job") };
        stage.run_all("a").await;
        let Enqueued::Job(_, second) = stage.told("2", ('a', 'b'), 10).await else { panic!("a job") };
        stage.store.request_cancel(second, ("Canceled by anna.", None), NOW).await.unwrap();
        let Enqueued::BuiltBefore = stage.told("3", ('b', 'a'), 20).await else { panic!("it failed") };
        assert_eq!((stage.latest().await, badge(&stage).await), ('a', Some(Status::Failure)));
        let Enqueued::Job(_, again) = stage.told("4", ('a', 'b'), 30).await else { panic!("a job") };
        assert_eq!((again, stage.latest().await), (second, 'b'));
        assert_eq!(stage.store.job_by_id(first).await.unwrap().unwrap().attempt, 1);
    }

    #[tokio::test]
    async fn an_old_push_that_comes_late_is_built_and_changes_nothing_else() {
        let stage = Stage::new().await;
        stage.told("2", ('a', 'b'), 100).await;
        stage.run_all("").await;
        stage.news().await;
        stage.told("1", ('0', 'a'), 1).await;
        assert_eq!(stage.latest().await, 'b');
        stage.run_all("a").await;
        assert_eq!((stage.latest().await, badge(&stage).await), ('b', Some(Status::Success)));
        let is_news = |subject: &Subject| matches!(subject, Subject::News(_));
        assert!(!stage.news().await.iter().any(is_news), "nobody waits for it");
        stage.told("3", ('b', 'c'), 200).await;
        stage.run_all("").await;
        assert!(!stage.news().await.iter().any(is_news), "the one before was well");
    }

    #[tokio::test]
    async fn the_forge_settles_what_the_pushes_leave_open() {
        let stage = Stage::new().await;
        let Enqueued::Job(_, first) = stage.told("1", ('b', 'a'), 1).await else { panic!("a job") };
        let (store, project) = (&stage.store, stage.project);
        assert_eq!(store.doubt(project, &main()).await.unwrap(), None);
        stage.told("2", ('a', 'b'), 1).await;
        let last = store.doubt(project, &main()).await.unwrap().unwrap();
        let latest = stage.latest().await;
        let other = if latest == 'a' { 'b' } else { 'a' };
        let sha = other.to_string().repeat(40).parse::<Sha>().unwrap();
        store.note_seen(project, (&main(), &sha), last - 1, NOW).await.unwrap();
        assert_eq!(stage.latest().await, latest, "more became known meanwhile");
        store.note_seen(project, (&main(), &sha), last, NOW).await.unwrap();
        assert_eq!((stage.latest().await, store.doubt(project, &main()).await.unwrap()), (other, None));
        stage.run_all("").await;
        assert_eq!(badge(&stage).await, Some(Status::Success));
        let status = store.job_by_id(first).await.unwrap().unwrap().status;
        assert_eq!(status == Status::Success, other == 'a', "the other one was canceled");
    }

    #[tokio::test]
    async fn what_a_commit_came_to_elsewhere_counts_until_the_branch_is_gone() {
        let stage = Stage::new().await;
        stage.told("1", ('0', 'a'), 1).await;
        stage.push_to("other", 'a').await;
        let sha = 'a'.to_string().repeat(40).parse::<Sha>().unwrap();
        let refs = async || {
            let builds = stage.store.builds_of_commit(stage.project, &sha).await.unwrap();
            builds.into_iter().map(|build| build.git_ref.label()).collect::<Vec<_>>()
        };
        assert_eq!(refs().await, ["other", "main"]);
        stage.news().await;
        stage.gone("2", 'a', 10).await;
        assert_eq!(refs().await, ["other"]);
        let is_status = |subject: &Subject| matches!(subject, Subject::CommitStatus(_));
        assert!(stage.news().await.iter().any(is_status), "the forge is told anew");
        stage.told("3", ('0', 'a'), 20).await;
        assert_eq!(refs().await.len(), 2);
    }
}
