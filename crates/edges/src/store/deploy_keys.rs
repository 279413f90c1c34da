//! The keys by which private repositories are fetched.

use super::{Store, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    deploy_key::DeployKey,
    ids::{DeployKeyId, ProjectId},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    EntityTrait,
    sea_query::OnConflict,
};
use secrecy::SecretString;

pub(super) const PRIVATE_PLACE: &str = "deploy_key.private_key";

impl Store {
    /// A project's deploy key, if it has one.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn deploy_key(&self, project: ProjectId) -> Result<Option<DeployKey>> {
        let row = rows::deploy_key::Entity::find_by_id(project.0);
        let row = row.one(&self.db).await.context("find a deploy key")?;
        Ok(row.map(|row| DeployKey { public_key: row.public_key, at_forge: row.at_forge.map(DeployKeyId) }))
    }

    /// The private part of a project's deploy key.
    ///
    /// # Errors
    /// It was sealed with another secret key, or the database does not answer.
    pub async fn private_key(&self, project: ProjectId) -> Result<Option<SecretString>> {
        let row = rows::deploy_key::Entity::find_by_id(project.0);
        let row = row.one(&self.db).await.context("find a deploy key")?;
        row.map(|row| self.vault.open(PRIVATE_PLACE, &row.private_key)).transpose()
    }

    /// Gives a project a deploy key, in place of the one that it had; it is not at the forge yet.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn keep_deploy_key(
        &self,
        project: ProjectId,
        public: &str,
        private: &SecretString,
    ) -> Result<()> {
        let row = rows::deploy_key::ActiveModel {
            project_id: Set(project.0),
            public_key: Set(public.to_owned()),
            private_key: Set(self.vault.seal(PRIVATE_PLACE, private)),
            at_forge: Set(None),
        };
        let newest = OnConflict::column(rows::deploy_key::Column::ProjectId)
            .update_columns([
                rows::deploy_key::Column::PublicKey,
                rows::deploy_key::Column::PrivateKey,
                rows::deploy_key::Column::AtForge,
            ])
            .to_owned();
        let keep = rows::deploy_key::Entity::insert(row).on_conflict(newest);
        keep.exec_without_returning(&self.writer).await.context("keep a deploy key")?;
        Ok(())
    }

    /// Notes a deploy key's number at the forge, or that it is there no more.
    ///
    /// # Errors
    /// There is no such key, or the database does not answer.
    pub async fn note_deploy_key(&self, project: ProjectId, at_forge: Option<DeployKeyId>) -> Result<()> {
        let at_forge = Set(at_forge.map(|id| id.0));
        let row = rows::deploy_key::ActiveModel {
            project_id: Unchanged(project.0),
            at_forge,
            ..Default::default()
        };
        row.update(&self.writer).await.context("note where a deploy key is")?;
        Ok(())
    }
}
