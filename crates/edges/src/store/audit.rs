//! The audit trail. An entry is written in the same transaction as the change that it records, so neither exists
//! without the other. The handle through which a change is made names the actor.

use super::{
    database::{Database, Transaction},
    page::{Page, PageAsked},
    rows,
};
use crate::clock;
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Actor, AuditEntry, Deed},
    ids::{AuditEntryId, ProjectId, UserId},
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use std::time::Duration;

/// Time after which a refused sign-in of the same person is noted once more.
const REFUSED_AGAIN: Duration = Duration::from_secs(3_600);

/// The audit trail.
#[derive(Clone, Copy)]
pub struct AuditTrail<'a> {
    pub(super) db: &'a Database,
}

impl AuditTrail<'_> {
    /// A page of the trail, the newest entries first; of one project, or of all projects.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn audit(self, of: Option<ProjectId>, asked: PageAsked) -> Result<Page<AuditEntry>> {
        let wanted = match of {
            Some(project) => rows::audit::Entity::find().filter(rows::audit::Column::ProjectId.eq(project.0)),
            None => rows::audit::Entity::find(),
        };
        let total = wanted.clone().count(&self.db.reader).await.context("count the audit trail")?;
        let rows = wanted
            .order_by_desc(rows::audit::Column::Id)
            .offset(asked.number.saturating_sub(1).saturating_mul(asked.size))
            .limit(asked.size);
        let rows = rows.all(&self.db.reader).await.context("read the audit trail")?;
        Ok(Page { items: rows.into_iter().map(entry).collect::<Result<_>>()?, total })
    }

    /// Notes that a person was refused, unless that was noted within the hour: a refused person can try again and
    /// again.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_refused(self, login: &str) -> Result<()> {
        self.db
            .change("that somebody was not let in", move |tx| async move {
                let tx = &tx;
                let deed = Deed::new(Action::SignInRefused, None, login);
                let known = rows::audit::Entity::find()
                    .filter(rows::audit::Column::At.gt(clock::now().before(REFUSED_AGAIN).0))
                    .filter(rows::audit::Column::Action.eq(deed.action.word()))
                    .filter(rows::audit::Column::Subject.eq(&deed.subject));
                if known.one(tx).await.context("look for a refused sign-in")?.is_none() {
                    tx.note(deed).await?;
                }
                Ok(())
            })
            .await
    }

    /// Deletes entries from before a time. If more than `most` remain, deletes the oldest entries of the person with
    /// the most entries, so that nobody can displace entries about others. Gives the number of deleted entries.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forget_audit(self, before: Timestamp, most: u64) -> Result<u64> {
        let old = rows::audit::Entity::delete_many().filter(rows::audit::Column::At.lt(before.0));
        let mut forgotten =
            old.exec(&self.db.writer).await.context("forget old entries of the audit trail")?.rows_affected;
        loop {
            let total =
                rows::audit::Entity::find().count(&self.db.reader).await.context("count the audit trail")?;
            let surplus = total.saturating_sub(most);
            let Some((who, entries)) = self.busiest().await?.filter(|_| surplus > 0) else {
                return Ok(forgotten);
            };
            forgotten += self.forget_oldest_of(who, surplus.min(entries)).await?;
        }
    }

    /// The person with the most entries, and their number. The inner value is none if the entries are not of a person.
    async fn busiest(self) -> Result<Option<(Option<i64>, u64)>> {
        let entries = rows::audit::Column::Id.count();
        let by_person = rows::audit::Entity::find()
            .select_only()
            .column(rows::audit::Column::UserId)
            .column_as(entries.clone(), "entries")
            .group_by(rows::audit::Column::UserId)
            .order_by_desc(entries);
        let found = by_person.into_tuple::<(Option<i64>, i64)>().one(&self.db.reader).await;
        let found = found.context("count who has the most entries")?;
        Ok(found.map(|(who, entries)| (who, entries.unsigned_abs())))
    }

    async fn forget_oldest_of(self, who: Option<i64>, count: u64) -> Result<u64> {
        let theirs = match who {
            Some(user) => rows::audit::Column::UserId.eq(user),
            None => rows::audit::Column::UserId.is_null(),
        };
        let last = rows::audit::Entity::find()
            .filter(theirs.clone())
            .order_by_asc(rows::audit::Column::Id)
            .offset(count.saturating_sub(1));
        let Some(last) = last.one(&self.db.reader).await.context("look for too many entries")? else {
            return Ok(0);
        };
        let many =
            rows::audit::Entity::delete_many().filter(theirs).filter(rows::audit::Column::Id.lte(last.id));
        let many = many.exec(&self.db.writer).await.context("forget too many entries of the audit trail")?;
        Ok(many.rows_affected)
    }
}

impl Transaction {
    /// Adds an entry for a change, which counts as made by the transaction's actor.
    pub(in crate::store) async fn note(&self, deed: Deed) -> Result<()> {
        note_by(self, &self.actor, deed).await
    }
}

/// Adds an entry for a change of another actor, in the transaction of that change.
pub(in crate::store) async fn note_by(tx: &Transaction, actor: &Actor, deed: Deed) -> Result<()> {
    let Deed { action, project, subject } = deed;
    let name = match project {
        Some(id) => rows::project::Entity::find_by_id(id.0).one(tx).await.context("name a project")?,
        None => None,
    };
    let (user, login, token) = match actor {
        Actor::Kozmic | Actor::Operator => (None, String::new(), None),
        Actor::Person { user, login, token } => (Some(user.0), login.clone(), token.clone()),
    };
    let row = rows::audit::ActiveModel {
        id: NotSet,
        at: Set(clock::now().0),
        actor: Set(actor.word().to_owned()),
        user_id: Set(user),
        login: Set(login),
        token: Set(token),
        action: Set(action.word().to_owned()),
        project_id: Set(project.map(|id| id.0)),
        project: Set(name.map(|row| format!("{}/{}", row.owner, row.name)).unwrap_or_default()),
        subject: Set(subject),
    };
    row.insert(tx).await.with_context(|| format!("note {} in the audit trail", action.word()))?;
    Ok(())
}

fn entry(row: rows::audit::Model) -> Result<AuditEntry> {
    let actor = match (row.actor.as_str(), row.user_id) {
        ("person", Some(user)) => Actor::Person { user: UserId(user), login: row.login, token: row.token },
        ("operator", _) => Actor::Operator,
        _ => Actor::Kozmic,
    };
    let action = row.action.parse().with_context(|| format!("read entry {} of the audit trail", row.id))?;
    Ok(AuditEntry {
        id: AuditEntryId(row.id),
        at: Timestamp(row.at),
        actor,
        deed: Deed { action, project: row.project_id.map(ProjectId), subject: row.subject },
        project_name: row.project,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        Store,
        tests::{NOW, Stage, hook_settings},
    };
    use kozmic_model::{hook::HookSettings, project::ProjectSettings, registry::CredentialDraft};

    const FIRST: PageAsked = PageAsked { number: 1, size: 100 };

    impl Stage {
        fn by_anna(&self) -> Store {
            let token = Some("Deploys".to_owned());
            self.store.acting(Actor::Person { user: self.user, login: "anna".into(), token })
        }

        /// The entries about the project, the oldest first.
        async fn trail(&self) -> Vec<String> {
            let entries = self.store.audit().audit(Some(self.project), FIRST).await.unwrap().items;
            let said = |entry: &AuditEntry| {
                let who = if entry.actor.is_somebody() { "somebody" } else { "kozmic" };
                format!("{who} {} {}", entry.deed.action.word(), entry.deed.subject)
            };
            entries.iter().rev().map(|entry| said(entry).trim_end().to_owned()).collect()
        }
    }

    #[tokio::test]
    async fn each_change_leaves_an_entry_with_who_made_it_and_no_secret() {
        let stage = Stage::new().await;
        let (store, project) = (stage.by_anna(), stage.project);
        let before = stage.trail().await.len();
        let (script, labels) = ("#!/bin/sh\nmake".into(), "gpu".parse().unwrap());
        let other = HookSettings { script, labels, ..hook_settings() };
        store.hooks().change_hook(stage.hook, &other).await.unwrap();
        store.hooks().change_hook(stage.hook, &other).await.unwrap();
        let login =
            CredentialDraft { registry: "ghcr.io".into(), username: "bot".into(), password: "hush".into() };
        store.keys().keep_credential(project, &login, NOW).await.unwrap();
        store.keys().keep_credential(project, &login, NOW).await.unwrap();
        let settings = ProjectSettings { cancel_running: true, ..ProjectSettings::default() };
        store.projects().change_project(project, settings).await.unwrap();
        store.projects().open_badge(project, true).await.unwrap();
        store.hooks().delete_hook(stage.hook).await.unwrap();
        store.hooks().delete_hook(stage.hook).await.unwrap();
        assert_eq!(
            stage.trail().await[before..],
            [
                "somebody hook_changed Tests: script, labels",
                "somebody registry_added ghcr.io",
                "somebody registry_changed ghcr.io",
                "somebody settings_changed cancel what runs: no → yes",
                "somebody badge_opened",
                "somebody hook_deleted Tests",
            ],
            "what changed nothing leaves nothing"
        );
        let entry = stage.store.audit().audit(Some(project), FIRST).await.unwrap().items.remove(0);
        assert_eq!(entry.project_name, "anna/hello");
        assert_eq!(entry.actor, *store.db.actor, "with the token's title");
        assert!(!stage.trail().await.concat().contains("hush"));
    }

    #[tokio::test]
    async fn the_trail_has_an_end_by_time_and_by_number() {
        let stage = Stage::new().await;
        for number in 0..5 {
            stage.store.audit().note_refused(&format!("eve-{number}")).await.unwrap();
        }
        let store = &stage.store;
        let count = async || store.audit().audit(None, FIRST).await.unwrap().total;
        let all = count().await;
        assert_eq!(store.audit().forget_audit(Timestamp(0), all).await.unwrap(), 0);
        assert_eq!(store.audit().forget_audit(Timestamp(0), 3).await.unwrap(), all - 3);
        let page = store.audit().audit(None, PageAsked { number: 2, size: 2 }).await.unwrap();
        assert_eq!((page.items.len(), page.total), (1, 3));
        let later = clock::now().after(Duration::from_secs(60));
        assert_eq!(store.audit().forget_audit(later, 3).await.unwrap(), 3);
        assert_eq!(count().await, 0);
    }

    #[tokio::test]
    async fn nobody_pushes_out_what_others_did() {
        let stage = Stage::new().await;
        let store = stage.by_anna();
        store.projects().open_badge(stage.project, true).await.unwrap();
        for number in 0..10 {
            stage.store.audit().note_refused(&format!("eve-{number}")).await.unwrap();
            stage.store.audit().note_refused("eve-0").await.unwrap();
        }
        let by_people = |page: &Page<AuditEntry>| {
            let people = page.items.iter().filter(|entry| matches!(entry.actor, Actor::Person { .. }));
            people.map(|entry| entry.id).collect::<Vec<_>>()
        };
        let before = store.audit().audit(None, FIRST).await.unwrap();
        let refused = before.items.iter().filter(|entry| entry.deed.action == Action::SignInRefused);
        assert_eq!(refused.count(), 10, "one who tries again at once is noted once");
        assert_eq!(store.audit().forget_audit(Timestamp(0), before.total - 7).await.unwrap(), 7);
        let after = store.audit().audit(None, FIRST).await.unwrap();
        assert_eq!(after.total, before.total - 7);
        assert!(by_people(&after).len() >= 2, "a sign-in and a badge");
        assert_eq!(by_people(&after), by_people(&before));
    }

    #[tokio::test]
    async fn entries_outlive_their_project() {
        let stage = Stage::new().await;
        let store = stage.by_anna();
        store.projects().delete_project(stage.project, NOW).await.unwrap();
        store.projects().erase_project(stage.project).await.unwrap();
        let entry = store.audit().audit(None, FIRST).await.unwrap().items.remove(0);
        assert_eq!((entry.deed.action, entry.project_name.as_str()), (Action::ProjectDeleted, "anna/hello"));
    }
}
