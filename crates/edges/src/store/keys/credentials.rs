//! Credentials of registries, with user and password, for each project.

use super::Keys;
use crate::store::rows;
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Deed},
    ids::{CredentialId, ProjectId},
    registry::{Credential, CredentialDraft},
    time::Timestamp,
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder,
    sea_query::OnConflict,
};
use secrecy::SecretString;

const PASSWORD_PLACE: &str = "registry_credential.password";

impl Keys<'_> {
    /// A project's credentials, by registry.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn credentials(self, project: ProjectId) -> Result<Vec<Credential>> {
        let rows = rows::registry_credential::Entity::find()
            .filter(rows::registry_credential::Column::ProjectId.eq(project.0))
            .order_by_asc(rows::registry_credential::Column::Registry);
        let rows = rows.all(&self.db.reader).await.context("list credentials")?;
        let credential = |row: rows::registry_credential::Model| Credential {
            id: CredentialId(row.id),
            project: ProjectId(row.project_id),
            registry: row.registry,
            username: row.username,
        };
        Ok(rows.into_iter().map(credential).collect())
    }

    /// Stores a credential that was checked. It replaces the project's credential for the same registry.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn keep_credential(
        self,
        project: ProjectId,
        checked: &CredentialDraft,
        now: Timestamp,
    ) -> Result<()> {
        self.db
            .change("a credential", move |tx| async move {
                let tx = &tx;
                let there = rows::registry_credential::Entity::find()
                    .filter(rows::registry_credential::Column::ProjectId.eq(project.0))
                    .filter(rows::registry_credential::Column::Registry.eq(&checked.registry));
                let there = there.one(tx).await.context("find a credential")?;
                let row = rows::registry_credential::ActiveModel {
                    id: NotSet,
                    project_id: Set(project.0),
                    registry: Set(checked.registry.clone()),
                    username: Set(checked.username.clone()),
                    password: Set(self.db.vault.seal(PASSWORD_PLACE, &checked.password.as_str().into())),
                    created_at: Set(now.0),
                };
                let identity = [
                    rows::registry_credential::Column::ProjectId,
                    rows::registry_credential::Column::Registry,
                ];
                let newest = OnConflict::columns(identity)
                    .update_columns([
                        rows::registry_credential::Column::Username,
                        rows::registry_credential::Column::Password,
                        rows::registry_credential::Column::CreatedAt,
                    ])
                    .to_owned();
                let keep = rows::registry_credential::Entity::insert(row).on_conflict(newest);
                keep.exec_without_returning(tx).await.context("keep a credential")?;
                let action = if there.is_some() { Action::RegistryChanged } else { Action::RegistryAdded };
                tx.note(Deed::new(action, Some(project), &checked.registry)).await?;
                Ok(())
            })
            .await
    }

    /// Removes a project's credential.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn remove_credential(self, project: ProjectId, id: CredentialId) -> Result<()> {
        self.db
            .change("the end of a credential", move |tx| async move {
                let tx = &tx;
                let row = rows::registry_credential::Entity::find_by_id(id.0)
                    .filter(rows::registry_credential::Column::ProjectId.eq(project.0));
                let Some(row) = row.one(tx).await.context("find a credential")? else { return Ok(()) };
                let gone = rows::registry_credential::Entity::delete_by_id(row.id);
                gone.exec(tx).await.context("remove a credential")?;
                tx.note(Deed::new(Action::RegistryDeleted, Some(project), &row.registry)).await?;
                Ok(())
            })
            .await
    }

    /// The user and password with which a project pulls from a registry.
    ///
    /// # Errors
    /// The password was sealed with another secret key, or the database does not answer.
    pub async fn credential_for(
        self,
        project: ProjectId,
        registry: &str,
    ) -> Result<Option<(String, SecretString)>> {
        let row = rows::registry_credential::Entity::find()
            .filter(rows::registry_credential::Column::ProjectId.eq(project.0))
            .filter(rows::registry_credential::Column::Registry.eq(registry));
        let Some(row) = row.one(&self.db.reader).await.context("find a credential")? else { return Ok(None) };
        Ok(Some((row.username, self.db.vault.open(PASSWORD_PLACE, &row.password)?)))
    }
}
