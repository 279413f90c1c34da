//! Deploy keys, with which private repositories are fetched.

use super::Keys;
use crate::store::rows;
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Deed},
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

pub(in crate::store) const PRIVATE_PLACE: &str = "deploy_key.private_key";

impl Keys<'_> {
    /// A project's deploy key, if it has one.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn deploy_key(self, project: ProjectId) -> Result<Option<DeployKey>> {
        let row = rows::deploy_key::Entity::find_by_id(project.0);
        let row = row.one(&self.db.reader).await.context("find a deploy key")?;
        Ok(row.map(deploy_key))
    }

    /// The private part of a project's deploy key.
    ///
    /// # Errors
    /// The key was sealed with another secret key, or the database does not answer.
    pub async fn private_key(self, project: ProjectId) -> Result<Option<SecretString>> {
        let row = rows::deploy_key::Entity::find_by_id(project.0);
        let row = row.one(&self.db.reader).await.context("find a deploy key")?;
        row.map(|row| self.db.vault.open(PRIVATE_PLACE, &row.private_key)).transpose()
    }

    /// Gives a project a deploy key in place of `known`, the public part of its earlier key. The new key is not at the
    /// forge yet. If the project has another key than `known` by now, that key stays. Gives the key that the project
    /// has afterwards.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn replace_deploy_key(
        self,
        project: ProjectId,
        known: Option<&str>,
        public: &str,
        private: &SecretString,
    ) -> Result<DeployKey> {
        self.db
            .change("a deploy key", move |tx| async move {
                let tx = &tx;
                let there = rows::deploy_key::Entity::find_by_id(project.0).one(tx).await;
                let there = there.context("find a deploy key")?;
                if let Some(row) = there.filter(|row| known != Some(row.public_key.as_str())) {
                    return Ok(deploy_key(row));
                }
                let row = rows::deploy_key::ActiveModel {
                    project_id: Set(project.0),
                    public_key: Set(public.to_owned()),
                    private_key: Set(self.db.vault.seal(PRIVATE_PLACE, private)),
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
                keep.exec_without_returning(tx).await.context("keep a deploy key")?;
                tx.note(Deed::new(Action::DeployKeyMade, Some(project), "")).await?;
                Ok(DeployKey { public_key: public.to_owned(), at_forge: None })
            })
            .await
    }

    /// Notes a deploy key's number at the forge, or that the key is not there any more.
    ///
    /// # Errors
    /// There is no such key, or the database does not answer.
    pub async fn note_deploy_key(self, project: ProjectId, at_forge: Option<DeployKeyId>) -> Result<()> {
        let at_forge = Set(at_forge.map(|id| id.0));
        let row = rows::deploy_key::ActiveModel {
            project_id: Unchanged(project.0),
            at_forge,
            ..Default::default()
        };
        row.update(&self.db.writer).await.context("note where a deploy key is")?;
        Ok(())
    }
}

fn deploy_key(row: rows::deploy_key::Model) -> DeployKey {
    DeployKey { public_key: row.public_key, at_forge: row.at_forge.map(DeployKeyId) }
}

#[cfg(test)]
mod tests {
    use crate::store::tests::Stage;
    use kozmic_model::ids::DeployKeyId;
    use secrecy::ExposeSecret;

    #[tokio::test]
    async fn of_two_who_make_a_key_at_once_the_first_one_counts() {
        let stage = Stage::new().await;
        let (store, project) = (&stage.store, stage.project);
        for public in ["first", "second"] {
            let key = store.keys().replace_deploy_key(project, None, public, &public.into()).await.unwrap();
            assert_eq!(key.public_key, "first");
        }
        store.keys().note_deploy_key(project, Some(DeployKeyId(4))).await.unwrap();
        let key =
            store.keys().replace_deploy_key(project, Some("first"), "third", &"third".into()).await.unwrap();
        assert_eq!((key.public_key.as_str(), key.at_forge), ("third", None));
        assert_eq!(store.keys().private_key(project).await.unwrap().unwrap().expose_secret(), "third");
    }
}
