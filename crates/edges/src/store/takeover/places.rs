//! Positions of another installation's builds in the order of their refs. They keep the order of that installation,
//! which is the order of its ids. They come before all pushes that became known here.

use super::{Foreign, LARGEST_ID, new_build::NewBuild, taken::taken};
use crate::store::{
    database::Transaction,
    queue::moves::{OF_BUILD, of_ref},
    rows,
};
use anyhow::{Context, Result};
use kozmic_model::{
    ids::ProjectId,
    order::{BLUR, STRIDE, Source},
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter, QuerySelect,
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

/// Offset of the positions: pushes in the other installation come before pushes that become known here, in whatever
/// order the two are noted.
const BEFORE_ALL: i64 = 1 << 61;

/// The positions of a project's builds that were taken over.
pub(in crate::store) struct Places {
    pub(in crate::store) project: ProjectId,
    refs: HashMap<String, Ref>,
    now: Timestamp,
}

/// One ref of the project.
#[derive(Default)]
struct Ref {
    /// Commit and position of each build that was taken over, by its id in the other installation.
    taken: BTreeMap<i64, (String, i64)>,
    /// The moves of the ref; none until they are needed.
    moves: Option<Moves>,
}

/// The moves of a ref.
struct Moves {
    /// Times at which the ref moved here.
    here_at: Vec<Timestamp>,
    /// The commits to which the ref moved here.
    here: HashSet<String>,
    /// Times at which the ref came to commits in the other installation.
    there_at: HashMap<String, Timestamp>,
}

impl Places {
    /// Reads the positions from the database.
    pub(in crate::store) async fn of(
        tx: &Transaction,
        source: &str,
        project: ProjectId,
        now: Timestamp,
    ) -> Result<Self> {
        let own = taken::<rows::build::Entity>(tx, source, "build", project).await?;
        let foreign = own.into_iter().map(|(foreign, own)| (own, foreign)).collect::<HashMap<_, _>>();
        let builds = rows::build::Entity::find()
            .filter(rows::build::Column::ProjectId.eq(project.0))
            .select_only()
            .columns([rows::build::Column::Id, rows::build::Column::GitRef])
            .columns([rows::build::Column::Sha, rows::build::Column::Position])
            .into_tuple::<(i64, String, String, i64)>();
        let mut refs = HashMap::<String, Ref>::new();
        for (id, git_ref, sha, position) in builds.all(tx).await.context("list a project's builds")? {
            if let Some(foreign) = foreign.get(&id) {
                refs.entry(git_ref).or_default().taken.insert(*foreign, (sha, position));
            }
        }
        Ok(Self { project, refs, now })
    }

    /// Finds the position of a build that is about to be taken over.
    pub(in crate::store) async fn take(
        &mut self,
        tx: &Transaction,
        new: &NewBuild,
        foreign: Foreign<'_>,
    ) -> Result<i64> {
        let (taken, moves) = self.on(tx, new).await?;
        let mut before = taken.range(..foreign.id).rev();
        // If a ref came back here to the commit of a build, the build has the position of that later push, so it does
        // not count.
        let before = before.find(|(_, (sha, _))| !moves.here.contains(sha));
        let position = foreign.id.clamp(1, LARGEST_ID) * STRIDE - BEFORE_ALL;
        let position = before.map_or(position, |(_, (_, before))| position.max(before + 1));
        taken.insert(foreign.id, (new.sha.to_string(), position));
        Ok(position)
    }

    /// Notes the push of a build that was taken over, so that a late delivery of an older push is recognized as older.
    /// The time of this push is not before the push of the previous build in the other installation, but before the
    /// pushes here that came after that one.
    pub(in crate::store) async fn note_move(
        &mut self,
        tx: &Transaction,
        new: &NewBuild,
        foreign: i64,
        build: i64,
    ) -> Result<()> {
        let (project, now) = (self.project, self.now);
        let (taken, moves) = self.on(tx, new).await?;
        let before = taken.range(..foreign).next_back();
        let before = before.and_then(|(_, (sha, _))| moves.there_at.get(sha)).copied();
        let here = moves.here_at.iter().filter(|at| before.is_none_or(|before| **at > before)).min();
        let limit = here.map_or(now, |here| here.before(BLUR + Duration::from_millis(1)).min(now));
        let at = new.created_at.min(limit).max(before.unwrap_or(Timestamp(i64::MIN)));
        moves.there_at.insert(new.sha.to_string(), at);
        let row = rows::ref_move::ActiveModel {
            id: NotSet,
            project_id: Set(project.0),
            git_ref: Set(new.git_ref.to_string()),
            uuid: Set(format!("{OF_BUILD}{build}")),
            before: Set(None),
            after: Set(new.sha.to_string()),
            sha: Set(Some(new.sha.to_string())),
            at: Set(at.0),
            source: Set(Source::Told.word().to_owned()),
            created_at: Set(new.created_at.0),
        };
        row.insert(tx).await.context("note a push of another installation")?;
        Ok(())
    }

    /// The ref of a build: its builds that were taken over, and its moves.
    async fn on(
        &mut self,
        tx: &Transaction,
        new: &NewBuild,
    ) -> Result<(&mut BTreeMap<i64, (String, i64)>, &mut Moves)> {
        let git_ref = new.git_ref.to_string();
        let Ref { taken, moves } = self.refs.entry(git_ref.clone()).or_default();
        if moves.is_none() {
            *moves = Some(Moves::of(tx, self.project, &git_ref, taken).await?);
        }
        Ok((taken, moves.as_mut().context("they were just listed")?))
    }
}

impl Moves {
    /// Reads the moves of a ref. Two kinds do not count as moves here: a move that stands for a build that was taken
    /// over, noted by the take-over or by a migration; and a late delivery of a commit that was built in the other
    /// installation.
    async fn of(
        tx: &Transaction,
        project: ProjectId,
        git_ref: &str,
        taken: &BTreeMap<i64, (String, i64)>,
    ) -> Result<Self> {
        let taken = taken.values().map(|(sha, _)| sha.as_str()).collect::<HashSet<_>>();
        let is_told = |one: &rows::ref_move::Model| {
            one.source == Source::Told.word() && !one.uuid.starts_with(OF_BUILD)
        };
        let moves = of_ref(project, git_ref).all(tx).await.context("list a ref's moves")?;
        let there_at = moves.iter().filter(|one| !is_told(one));
        let there_at = there_at.filter_map(|one| Some((one.sha.clone()?, Timestamp(one.at))));
        let there_at = there_at.collect::<HashMap<_, _>>();
        let is_later = |sha: &str, at| there_at.get(sha).is_none_or(|there| at > there.after(BLUR));
        let is_here = |one: &rows::ref_move::Model| match one.sha.as_deref() {
            Some(sha) if taken.contains(sha) => is_told(one) && is_later(sha, Timestamp(one.at)),
            Some(_) | None => true,
        };
        let moves = moves.into_iter().filter(is_here).collect::<Vec<_>>();
        let here_at = moves.iter().map(|one| Timestamp(one.at)).collect();
        Ok(Self { here_at, here: moves.into_iter().filter_map(|one| one.sha).collect(), there_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        ForeignBuilds, Still,
        tests::{NOW, Stage},
    };
    use kozmic_model::{event::Author, git::GitRef, status::Status};
    use sea_orm::QueryOrder;

    /// A build: its id in the other installation, its commit's digit, and its time in seconds.
    type Old = (i64, char, i64);

    async fn import(stage: &Stage, builds: &[Old]) {
        let source = "mysql://there/kozmic";
        let from = ForeignBuilds { source, largest_build: 99, largest_job: 99, largest_number: 99, now: NOW };
        let build = |(foreign_id, digit, second): &Old| NewBuild {
            foreign_id: *foreign_id,
            // The other installation's counter had no lock, and was set back once.
            number: 7 - foreign_id / 2,
            git_ref: GitRef::Branch("main".into()),
            sha: digit.to_string().repeat(40).parse().unwrap(),
            status: Status::Success,
            author: Author::default(),
            message: String::new(),
            created_at: Timestamp(second * 1_000),
            jobs: Vec::new(),
        };
        let builds = builds.iter().map(build).collect::<Vec<_>>();
        stage.store.takeover().import_builds(from, stage.project, &builds).await.unwrap();
    }

    /// The digits of the builds of the branch, the oldest first.
    async fn order(stage: &Stage) -> String {
        let builds = rows::build::Entity::find().order_by_asc(rows::build::Column::Position);
        let builds = builds.all(&stage.store.db.reader).await.unwrap();
        let places = builds.iter().map(|build| build.position).collect::<HashSet<_>>();
        assert_eq!(places.len(), builds.len(), "each has a place of its own");
        builds.iter().map(|build| &build.sha[..1]).collect()
    }

    #[tokio::test]
    async fn what_is_taken_over_is_older_than_what_was_built_here_and_in_its_own_order() {
        let stage = Stage::new().await;
        stage.told("1", ('9', 'd'), 100).await;
        import(&stage, &[(1, 'a', 50), (2, 'b', 200), (3, 'c', 253_402_300_799)]).await;
        assert_eq!(order(&stage).await, "abcd");
        stage.told("2", ('d', 'e'), 110).await;
        assert_eq!(order(&stage).await, "abcde");
        import(&stage, &[(5, 'f', 300)]).await;
        assert_eq!(order(&stage).await, "abcfde", "another run");
        stage.told("3", ('e', 'b'), 120).await;
        assert_eq!(order(&stage).await, "acfdeb", "the branch is back there");
        import(&stage, &[(6, '1', 400), (7, '2', 60)]).await;
        assert_eq!(order(&stage).await, "acf12deb");
        stage.told("4", ('b', '3'), 130).await;
        assert_eq!(order(&stage).await, "acf12deb3");
    }

    #[tokio::test]
    async fn what_goes_on_from_what_is_taken_over_is_newer_whatever_the_clock_was_there() {
        let stage = Stage::new().await;
        import(&stage, &[(1, 'a', 900), (2, 'b', 950), (3, 'c', 253_402_300_799)]).await;
        stage.told("2", ('c', 'd'), 500).await;
        assert_eq!(order(&stage).await, "abcd");
        stage.told("1", ('a', 'b'), 450).await;
        assert_eq!(order(&stage).await, "abcd", "a late delivery of what was built there");
    }

    #[tokio::test]
    async fn what_was_built_there_and_is_told_late_is_no_move_of_here() {
        let stage = Stage::new().await;
        import(&stage, &[(1, 'a', 100), (2, 'b', 200)]).await;
        stage.told("1", ('a', 'b'), 199).await;
        import(&stage, &[(3, 'c', 300)]).await;
        assert_eq!(order(&stage).await, "abc");
        stage.told("0", ('9', 'a'), 99).await;
        assert_eq!(order(&stage).await, "abc");
    }

    #[tokio::test]
    async fn what_was_taken_over_before_pushes_were_noted_is_followed_by_what_came_there_since() {
        let stage = Stage::new().await;
        import(&stage, &[(1, 'a', 100), (2, 'b', 200)]).await;
        // Positions as a migration sets them.
        let places = "UPDATE build SET position = id * 1048576";
        sea_orm::ConnectionTrait::execute_unprepared(&stage.store.db.reader, places).await.unwrap();
        stage.told("1", ('b', 'd'), 500).await;
        import(&stage, &[(3, 'c', 300)]).await;
        assert_eq!(order(&stage).await, "abcd");
    }

    #[tokio::test]
    async fn a_number_that_the_other_installation_gives_out_again_is_another_build() {
        let stage = Stage::new().await;
        import(&stage, &[(1, 'a', 100), (2, 'b', 200)]).await;
        let still = Still { builds: [1].into(), ..Still::default() };
        stage.store.takeover().remove_gone("mysql://there/kozmic", stage.project, &still).await.unwrap();
        assert_eq!(order(&stage).await, "a");
        import(&stage, &[(2, 'c', 300)]).await;
        assert_eq!(order(&stage).await, "ac");
    }
}
