//! Deliveries that did not arrive, and the point up to which a webhook's deliveries were checked at the forge.

#[cfg(test)]
mod tests;

use super::{database::Database, deliveries::Endpoint, projects::Projects, queue::moves, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    git::GitRef,
    ids::{HookId, ProjectId, RepositoryId, UserId, WebhookId},
    missed::{Missed, TRIES},
    time::Timestamp,
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A webhook by which Kozmic gets deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The owner of the address that it calls.
    pub endpoint: Endpoint,
    /// The repository that it is about.
    pub repository: RepositoryId,
    /// The project of that repository.
    pub project: ProjectId,
    /// The project's owner.
    pub owner: UserId,
    /// The forge's number of the webhook.
    pub webhook: WebhookId,
}

/// The point up to which a webhook's deliveries were checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hearing {
    /// The time when the newest checked delivery was sent, in milliseconds by the forge's clock.
    pub seen_at: i64,
    /// The last seen commits of branches and pull requests, if these are compared because the forge lists no
    /// deliveries.
    pub tips: BTreeMap<String, String>,
    /// The reason why deliveries cannot be checked, in a sentence.
    pub fault: Option<String>,
}

/// Figures of a repository's deliveries for a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MissedCount {
    /// The number of deliveries that arrived in the end.
    pub made_good: usize,
    /// The time when the last of these arrived.
    pub made_good_at: Option<Timestamp>,
    /// The number of deliveries that will be sent again.
    pub waiting: usize,
    /// The number of deliveries that were sent again as often as makes sense.
    pub given_up: usize,
    /// The reasons why deliveries cannot be checked, a sentence for each webhook.
    pub faults: Vec<String>,
}

/// Deliveries that did not arrive, and the point up to which webhooks were checked.
#[derive(Clone, Copy)]
pub struct MissedDeliveries<'a> {
    pub(super) db: &'a Database,
}

impl MissedDeliveries<'_> {
    /// All webhooks by which Kozmic gets deliveries.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn subscriptions(self) -> Result<Vec<Subscription>> {
        let projects = Projects { db: self.db }.projects().await?;
        let by_id = projects.iter().map(|project| (project.id, project)).collect::<HashMap<_, _>>();
        let by_repository = projects.iter().map(|project| (project.repository.id, project));
        let by_repository = by_repository.collect::<HashMap<_, _>>();
        let hooks = rows::hook::Entity::find()
            .select_only()
            .columns([rows::hook::Column::Id, rows::hook::Column::ProjectId, rows::hook::Column::WebhookId])
            .filter(rows::hook::Column::WebhookId.is_not_null())
            .into_tuple::<(i64, i64, i64)>();
        let hooks = hooks.all(&self.db.reader).await.context("list hooks' webhooks")?;
        let hooks = hooks.into_iter().map(|(hook, project, webhook)| {
            (Endpoint::Hook(HookId(hook)), by_id.get(&ProjectId(project)), WebhookId(webhook))
        });
        let watched =
            rows::watched::Entity::find().all(&self.db.reader).await.context("list watched repositories")?;
        let watched = watched.into_iter().filter_map(|row| {
            let project = by_repository.get(&RepositoryId(row.forge_id));
            Some((Endpoint::AutoBuilder, project, WebhookId(row.webhook_id?)))
        });
        let subscription = |(endpoint, project, webhook): (
            Endpoint,
            Option<&&kozmic_model::project::Project>,
            WebhookId,
        )| {
            let project = project?;
            let (repository, id, owner) = (project.repository.id, project.id, project.owner);
            Some(Subscription { endpoint, repository, project: id, owner, webhook })
        };
        Ok(hooks.chain(watched).filter_map(subscription).collect())
    }

    /// The point up to which a webhook's deliveries were checked; none if they were never checked.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn hearing(self, subscription: &Subscription) -> Result<Option<Hearing>> {
        let row = rows::hearing::Entity::find()
            .filter(rows::hearing::Column::Door.eq(subscription.endpoint.word()))
            .filter(rows::hearing::Column::ForgeId.eq(subscription.repository.0));
        let row = row.one(&self.db.reader).await.context("find how far deliveries were seen")?;
        Ok(row.map(|row| {
            let rows::hearing::Model { seen_at, heads, fault, .. } = row;
            Hearing { seen_at, tips: serde_json::from_str(&heads).unwrap_or_default(), fault }
        }))
    }

    /// Notes the point up to which a webhook's deliveries were checked.
    ///
    /// # Errors
    /// The database does not answer, or the hook was deleted.
    pub async fn note_hearing(self, subscription: &Subscription, hearing: &Hearing) -> Result<()> {
        let row = rows::hearing::ActiveModel {
            id: NotSet,
            door: Set(subscription.endpoint.word()),
            hook_id: Set(subscription.endpoint.hook().map(|hook| hook.0)),
            forge_id: Set(subscription.repository.0),
            seen_at: Set(hearing.seen_at),
            heads: Set(serde_json::to_string(&hearing.tips)?),
            fault: Set(hearing.fault.clone()),
        };
        let changing =
            [rows::hearing::Column::SeenAt, rows::hearing::Column::Heads, rows::hearing::Column::Fault];
        let newest = OnConflict::columns([rows::hearing::Column::Door, rows::hearing::Column::ForgeId])
            .update_columns(changing)
            .to_owned();
        let note = rows::hearing::Entity::insert(row).on_conflict(newest);
        note.exec_without_returning(&self.db.writer).await.context("note how far deliveries were seen")?;
        Ok(())
    }

    /// Removes the fault of a webhook that was just repaired.
    pub(in crate::store) async fn clear_fault(
        self,
        endpoint: Endpoint,
        of: Option<RepositoryId>,
    ) -> Result<()> {
        let right = rows::hearing::Entity::update_many()
            .col_expr(rows::hearing::Column::Fault, Expr::value(None::<String>))
            .filter(rows::hearing::Column::Door.eq(endpoint.word()));
        let right = match of {
            Some(repository) => right.filter(rows::hearing::Column::ForgeId.eq(repository.0)),
            None => right,
        };
        right.exec(&self.db.writer).await.context("note that a webhook is right")?;
        Ok(())
    }

    /// Deletes the missed deliveries of a repository that the Auto Builder does not watch any more.
    pub(in crate::store) async fn forget_watched(self, repository: RepositoryId) -> Result<()> {
        let endpoint = Endpoint::AutoBuilder.word();
        let missed = rows::missed::Entity::delete_many()
            .filter(rows::missed::Column::Door.eq(endpoint.clone()))
            .filter(rows::missed::Column::ForgeId.eq(repository.0));
        missed.exec(&self.db.writer).await.context("forget missed deliveries")?;
        let hearing = rows::hearing::Entity::delete_many()
            .filter(rows::hearing::Column::Door.eq(endpoint))
            .filter(rows::hearing::Column::ForgeId.eq(repository.0));
        hearing.exec(&self.db.writer).await.context("forget how far deliveries were seen")?;
        Ok(())
    }

    /// Notes deliveries that did not arrive: id, event, and the time when each was sent. A delivery that is noted
    /// already stays as it is.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_missed(
        self,
        subscription: &Subscription,
        missed: &[(String, String, Timestamp)],
    ) -> Result<()> {
        let row = |(uuid, event, at): &(String, String, Timestamp)| rows::missed::ActiveModel {
            id: NotSet,
            door: Set(subscription.endpoint.word()),
            hook_id: Set(subscription.endpoint.hook().map(|hook| hook.0)),
            forge_id: Set(subscription.repository.0),
            uuid: Set(uuid.clone()),
            event: Set(event.clone()),
            missed_at: Set(at.0),
            tries: Set(0),
            asked_at: Set(0),
            made_good_at: Set(None),
        };
        for some in missed.chunks(500) {
            let once = OnConflict::columns([rows::missed::Column::Door, rows::missed::Column::Uuid])
                .do_nothing_on([rows::missed::Column::Id])
                .to_owned();
            let insert = rows::missed::Entity::insert_many(some.iter().map(row)).on_conflict(once);
            insert.exec_without_returning(&self.db.writer).await.context("note missed deliveries")?;
        }
        Ok(())
    }

    /// A webhook's deliveries that are still missing and worth another try, the oldest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn outstanding(self, subscription: &Subscription) -> Result<Vec<Missed>> {
        let rows = rows::missed::Entity::find()
            .filter(rows::missed::Column::Door.eq(subscription.endpoint.word()))
            .filter(rows::missed::Column::ForgeId.eq(subscription.repository.0))
            .filter(rows::missed::Column::MadeGoodAt.is_null())
            .filter(rows::missed::Column::Tries.lt(TRIES))
            .order_by_asc(rows::missed::Column::MissedAt)
            .order_by_asc(rows::missed::Column::Id);
        let rows = rows.all(&self.db.reader).await.context("list missed deliveries")?;
        Ok(rows.into_iter().map(missed).collect())
    }

    /// Notes that the forge was asked to send a delivery again, and the cost of that try.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_asked(self, endpoint: Endpoint, uuid: &str, cost: i32, now: Timestamp) -> Result<()> {
        self.db
            .change_in_parallel("a try to get a delivery", move |tx| async move {
                let asked = rows::missed::Entity::update_many()
                    .col_expr(rows::missed::Column::Tries, Expr::col(rows::missed::Column::Tries).add(cost))
                    .col_expr(rows::missed::Column::AskedAt, Expr::value(now.0))
                    .filter(rows::missed::Column::Door.eq(endpoint.word()))
                    .filter(rows::missed::Column::Uuid.eq(uuid));
                asked.exec(&tx).await.context("note that a delivery is sent again")?;
                Ok(())
            })
            .await
    }

    /// Notes that missed deliveries have arrived now.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn make_good(self, endpoint: Endpoint, uuids: &[String], now: Timestamp) -> Result<()> {
        for some in uuids.chunks(500) {
            let good = rows::missed::Entity::update_many()
                .col_expr(rows::missed::Column::MadeGoodAt, Expr::value(now.0))
                .filter(rows::missed::Column::Door.eq(endpoint.word()))
                .filter(rows::missed::Column::Uuid.is_in(some));
            good.exec(&self.db.writer).await.context("note that missed deliveries are here")?;
        }
        Ok(())
    }

    /// The ids among these whose deliveries came in at an address.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn arrived(self, endpoint: Endpoint, uuids: &[String]) -> Result<HashSet<String>> {
        let mut there = HashSet::new();
        for some in uuids.chunks(500) {
            let rows = rows::delivery::Entity::find()
                .select_only()
                .column(rows::delivery::Column::Uuid)
                .filter(rows::delivery::Column::Door.eq(endpoint.word()))
                .filter(rows::delivery::Column::Uuid.is_in(some))
                .into_tuple::<String>();
            there.extend(rows.all(&self.db.reader).await.context("look for deliveries")?);
        }
        Ok(there)
    }

    /// The commit of a ref's newest move, or else of its newest build, as text; none if the ref is not known at all.
    /// Zeros mean that the ref is gone.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn heard_last(self, project: ProjectId, git_ref: &GitRef) -> Result<Option<String>> {
        let git_ref = git_ref.to_string();
        let moved = moves::of_ref(project, &git_ref)
            .order_by_desc(rows::ref_move::Column::At)
            .order_by_desc(rows::ref_move::Column::Id);
        if let Some(moved) = moved.one(&self.db.reader).await.context("find a ref's newest move")? {
            return Ok(Some(moved.sha.unwrap_or(moved.after)));
        }
        Ok(moves::newest(&self.db.reader, project, &git_ref).await?.map(|build| build.sha))
    }

    /// Time of the last known fact about a webhook's repository, at least the time when the webhook's hook or project
    /// was made.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn heard_at(self, subscription: &Subscription) -> Result<Timestamp> {
        let (project, hook) = (subscription.project.0, subscription.endpoint.hook().map(|hook| hook.0));
        let moves = rows::ref_move::Entity::find().filter(rows::ref_move::Column::ProjectId.eq(project));
        let builds = rows::build::Entity::find().filter(rows::build::Column::ProjectId.eq(project));
        let deliveries = rows::delivery::Entity::find().filter(rows::delivery::Column::HookId.eq(hook));
        let hooks = rows::hook::Entity::find().filter(rows::hook::Column::Id.eq(hook));
        let projects = rows::project::Entity::find().filter(rows::project::Column::Id.eq(project));
        let times = [
            self.latest(moves, rows::ref_move::Column::CreatedAt).await?,
            self.latest(builds, rows::build::Column::CreatedAt).await?,
            self.latest(deliveries, rows::delivery::Column::ReceivedAt).await?,
            self.latest(hooks, rows::hook::Column::CreatedAt).await?,
            self.latest(projects, rows::project::Column::CreatedAt).await?,
        ];
        Ok(times.into_iter().flatten().max().unwrap_or(Timestamp(0)))
    }

    /// The latest of the times that rows have in a column.
    async fn latest<E: EntityTrait>(self, rows: Select<E>, column: E::Column) -> Result<Option<Timestamp>> {
        let latest = rows.select_only().column_as(column.max(), "at").into_tuple::<Option<i64>>();
        let latest = latest.one(&self.db.reader).await.context("find when anything was heard")?;
        Ok(latest.flatten().map(Timestamp))
    }

    /// Figures of a repository's deliveries since a time; without a repository, of all deliveries to the Auto Builder.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn missed_count(self, of: Option<RepositoryId>, since: Timestamp) -> Result<MissedCount> {
        let auto_builder = Endpoint::AutoBuilder.word();
        let meant = match of {
            Some(repository) => Condition::all().add(rows::missed::Column::ForgeId.eq(repository.0)),
            None => Condition::all().add(rows::missed::Column::Door.eq(auto_builder.clone())),
        };
        let rows = rows::missed::Entity::find().filter(meant).filter(
            Condition::any().add(rows::missed::Column::MadeGoodAt.gte(since.0)).add(
                rows::missed::Column::MadeGoodAt.is_null().and(rows::missed::Column::MissedAt.gte(since.0)),
            ),
        );
        let mut count = MissedCount::default();
        for missed in
            rows.all(&self.db.reader).await.context("count missed deliveries")?.into_iter().map(missed)
        {
            match missed.made_good_at {
                Some(at) => {
                    count.made_good += 1;
                    count.made_good_at = count.made_good_at.max(Some(at));
                }
                None if missed.tries < TRIES => count.waiting += 1,
                None => count.given_up += 1,
            }
        }
        let meant = match of {
            Some(repository) => Condition::all().add(rows::hearing::Column::ForgeId.eq(repository.0)),
            None => Condition::all().add(rows::hearing::Column::Door.eq(auto_builder)),
        };
        let faults =
            rows::hearing::Entity::find().filter(meant).filter(rows::hearing::Column::Fault.is_not_null());
        let faults = faults.all(&self.db.reader).await.context("list what is not heard")?;
        count.faults = faults.into_iter().filter_map(|row| row.fault).collect();
        Ok(count)
    }

    /// Deletes deliveries that were missed before a time.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forget_missed(self, before: Timestamp) -> Result<u64> {
        let old = rows::missed::Entity::delete_many().filter(rows::missed::Column::MissedAt.lt(before.0));
        Ok(old.exec(&self.db.writer).await.context("forget missed deliveries")?.rows_affected)
    }
}

fn missed(row: rows::missed::Model) -> Missed {
    let rows::missed::Model { uuid, event, missed_at, tries, asked_at, made_good_at, .. } = row;
    Missed {
        uuid,
        event,
        missed_at: Timestamp(missed_at),
        tries,
        asked_at: Timestamp(asked_at),
        made_good_at: made_good_at.map(Timestamp),
    }
}
