//! Hooks, and the secrets with which their webhooks sign.

use super::{
    database::{Database, Transaction},
    deliveries::Endpoint,
    missed::MissedDeliveries,
    read, rows,
};
use crate::secret;
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Deed},
    hook::{Hook, HookSettings},
    ids::{HookId, ProjectId, WebhookId},
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder,
};
use secrecy::SecretString;

pub(in crate::store) const SECRET_PLACE: &str = "hook.secret";

/// Hooks of projects.
#[derive(Clone, Copy)]
pub struct Hooks<'a> {
    pub(super) db: &'a Database,
}

impl Hooks<'_> {
    /// A project's hooks, the oldest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn hooks_of(self, project: ProjectId) -> Result<Vec<Hook>> {
        let rows = rows::hook::Entity::find()
            .filter(rows::hook::Column::ProjectId.eq(project.0))
            .order_by_asc(rows::hook::Column::Id);
        rows.all(&self.db.reader).await.context("list hooks")?.into_iter().map(read::hook).collect()
    }

    /// One hook.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn hook(self, id: HookId) -> Result<Option<Hook>> {
        let row = rows::hook::Entity::find_by_id(id.0).one(&self.db.reader).await.context("find a hook")?;
        row.map(read::hook).transpose()
    }

    /// Adds a hook, with a random secret of its own.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn add_hook(self, project: ProjectId, settings: &HookSettings, now: Timestamp) -> Result<Hook> {
        self.db
            .change("a hook", move |tx| async move {
                let tx = &tx;
                let row = rows::hook::ActiveModel {
                    project_id: Set(project.0),
                    secret: Set(self.db.vault.seal(SECRET_PLACE, &secret::random())),
                    webhook_id: Set(None),
                    created_at: Set(now.0),
                    cache_inputs: Set(None),
                    unsigned: Set(false),
                    is_own: Set(true),
                    ..settings_row(settings)?
                };
                let row = row.insert(tx).await.context("add a hook")?;
                tx.note(Deed::new(Action::HookAdded, Some(project), &settings.title)).await?;
                read::hook(row)
            })
            .await
    }

    /// Changes a hook. Builds that were planned before keep their plan.
    ///
    /// # Errors
    /// There is no such hook, or the database does not answer.
    pub async fn change_hook(self, id: HookId, settings: &HookSettings) -> Result<Hook> {
        self.db
            .change("a changed hook", move |tx| async move {
                let tx = &tx;
                let before = read::hook(row_of(tx, id).await?)?;
                let row = rows::hook::ActiveModel {
                    id: Unchanged(id.0),
                    is_own: Set(true),
                    ..settings_row(settings)?
                };
                let row = row.update(tx).await.context("change a hook")?;
                let changed = changed(&before.settings, settings);
                if !changed.is_empty() {
                    let subject = format!("{}: {}", settings.title, changed.join(", "));
                    tx.note(Deed::new(Action::HookChanged, Some(before.project), &subject)).await?;
                }
                read::hook(row)
            })
            .await
    }

    /// Deletes a hook; its builds stay.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn delete_hook(self, id: HookId) -> Result<()> {
        self.db
            .change("the end of a hook", move |tx| async move {
                let tx = &tx;
                let row = rows::hook::Entity::find_by_id(id.0).one(tx).await.context("find a hook")?;
                let Some(row) = row else { return Ok(()) };
                rows::hook::Entity::delete_by_id(id.0).exec(tx).await.context("delete a hook")?;
                let project = Some(ProjectId(row.project_id));
                tx.note(Deed::new(Action::HookDeleted, project, &row.title)).await?;
                Ok(())
            })
            .await
    }

    /// Notes the webhook at the forge that calls a hook and signs with its secret.
    ///
    /// # Errors
    /// There is no such hook, or the database does not answer.
    pub async fn connect_hook(self, id: HookId, webhook: WebhookId) -> Result<()> {
        self.db
            .change("a webhook", move |tx| async move {
                let tx = &tx;
                let known = row_of(tx, id).await?;
                let row = rows::hook::ActiveModel {
                    id: Unchanged(id.0),
                    webhook_id: Set(Some(webhook.0)),
                    unsigned: Set(false),
                    is_own: Set(true),
                    ..Default::default()
                };
                row.update(tx).await.context("note a webhook")?;
                if known.webhook_id != Some(webhook.0) || known.unsigned {
                    let project = Some(ProjectId(known.project_id));
                    tx.note(Deed::new(Action::WebhookSet, project, &known.title)).await?;
                }
                Ok(())
            })
            .await?;
        MissedDeliveries { db: self.db }.clear_fault(Endpoint::Hook(id), None).await
    }

    /// Notes that no webhook at the forge calls a hook any more.
    ///
    /// # Errors
    /// There is no such hook, or the database does not answer.
    pub async fn disconnect_hook(self, id: HookId) -> Result<()> {
        let row =
            rows::hook::ActiveModel { id: Unchanged(id.0), webhook_id: Set(None), ..Default::default() };
        row.update(&self.db.writer).await.context("note that a webhook is gone")?;
        Ok(())
    }

    /// Notes that a hook's webhook signs after all: a person entered the secret at the forge.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_signature(self, id: HookId) -> Result<()> {
        let unsigned = rows::hook::Column::Unsigned;
        let row = rows::hook::Entity::find_by_id(id.0).filter(unsigned.eq(true));
        if row.one(&self.db.reader).await.context("look at a hook")?.is_some() {
            let row = rows::hook::ActiveModel {
                id: Unchanged(id.0),
                unsigned: Set(false),
                is_own: Set(true),
                ..Default::default()
            };
            row.update(&self.db.writer).await.context("note that a webhook signs")?;
        }
        Ok(())
    }

    /// The secret with which a hook's webhook must sign. If the stored secret cannot be opened because the secret key
    /// was lost, a new secret replaces it.
    ///
    /// # Errors
    /// There is no such hook, or the database does not answer; then the secret stays as it is.
    pub async fn webhook_secret(self, id: HookId) -> Result<SecretString> {
        let row = rows::hook::Entity::find_by_id(id.0)
            .one(&self.db.reader)
            .await
            .context("find a hook's secret")?;
        let row = row.with_context(|| format!("there is no hook {id}"))?;
        if let Ok(secret) = self.db.vault.open(SECRET_PLACE, &row.secret) {
            return Ok(secret);
        }
        let made = secret::random();
        let fresh = &made;
        self.db
            .change("a hook's new secret", move |tx| async move {
                let tx = &tx;
                let sealed = Set(self.db.vault.seal(SECRET_PLACE, fresh));
                let row =
                    rows::hook::ActiveModel { id: Unchanged(id.0), secret: sealed, ..Default::default() };
                let row = row.update(tx).await.context("give a hook a new secret")?;
                let project = Some(ProjectId(row.project_id));
                tx.note(Deed::new(Action::WebhookSecretMade, project, &row.title)).await?;
                Ok(())
            })
            .await?;
        Ok(made)
    }

    /// The secret with which a hook's deliveries are signed.
    ///
    /// # Errors
    /// The secret was sealed with another key, or the database does not answer.
    pub async fn hook_secret(self, id: HookId) -> Result<Option<SecretString>> {
        let row = rows::hook::Entity::find_by_id(id.0)
            .one(&self.db.reader)
            .await
            .context("find a hook's secret")?;
        row.map(|row| self.db.vault.open(SECRET_PLACE, &row.secret)).transpose()
    }
}

async fn row_of(tx: &Transaction, id: HookId) -> Result<rows::hook::Model> {
    let row = rows::hook::Entity::find_by_id(id.0).one(tx).await.context("find a hook")?;
    row.with_context(|| format!("there is no hook {id}"))
}

/// The names of the fields that differ, for the audit trail.
fn changed(before: &HookSettings, after: &HookSettings) -> Vec<&'static str> {
    let HookSettings { title, image, script, install, pull, if_interrupted, labels, wake } = after;
    let fields = [
        ("title", before.title != *title),
        ("image", before.image != *image),
        ("script", before.script != *script),
        ("install script", before.install != *install),
        ("when to pull", before.pull != *pull),
        ("if interrupted", before.if_interrupted != *if_interrupted),
        ("labels", before.labels != *labels),
        ("when it runs", before.wake != *wake),
    ];
    fields.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect()
}

/// The columns of a hook that people set.
pub(in crate::store) fn settings_row(settings: &HookSettings) -> Result<rows::hook::ActiveModel> {
    let HookSettings { title, image, script, install, pull, if_interrupted, labels, wake } = settings.clone();
    let tracked = install.as_ref().map(|install| install.tracked.as_slice()).unwrap_or_default();
    Ok(rows::hook::ActiveModel {
        title: Set(title),
        image: Set(image.to_string()),
        script: Set(script),
        tracked_files: Set(serde_json::to_string(tracked)?),
        install_script: Set(install.map(|install| install.script)),
        pull: Set(pull.word().to_owned()),
        if_interrupted: Set(if_interrupted.word().to_owned()),
        labels: Set(labels.to_string()),
        wake: Set(serde_json::to_string(&wake)?),
        ..Default::default()
    })
}
