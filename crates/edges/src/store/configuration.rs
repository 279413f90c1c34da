//! The configuration of the Auto Builder that is in force: one row, replaced as a whole.

use super::{
    database::{Database, Transaction},
    rows,
};
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Deed},
    git::Sha,
    recipe::Configuration,
    time::Timestamp,
};
use sea_orm::{ActiveValue::Set, EntityTrait, sea_query::OnConflict};

/// The configuration's only row.
const ONLY: i64 = 1;

/// The configuration that pushes are judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedConfiguration {
    /// The commit of the configuration repository.
    pub sha: Sha,
    /// The configuration in that commit.
    pub configuration: Configuration,
}

/// The configuration in force.
#[derive(Clone, Copy)]
pub struct InForce<'a> {
    pub(super) db: &'a Database,
}

impl InForce<'_> {
    /// The configuration that pushes are judged by. None before the first one was read, or if another version of Kozmic
    /// wrote it in a form that this one cannot read: it is read anew at each start.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn configuration(self) -> Result<Option<LoadedConfiguration>> {
        let row = rows::configuration::Entity::find_by_id(ONLY);
        let Some(row) = row.one(&self.db.reader).await.context("read the configuration")? else {
            return Ok(None);
        };
        match (serde_json::from_str(&row.content), row.sha.parse()) {
            (Ok(configuration), Ok(sha)) => Ok(Some(LoadedConfiguration { sha, configuration })),
            (Err(fault), _) => Ok(unreadable(&fault)),
            (_, Err(fault)) => Ok(unreadable(&fault)),
        }
    }

    /// Replaces the whole configuration that pushes are judged by.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn swap_configuration(self, new: &LoadedConfiguration, now: Timestamp) -> Result<()> {
        self.db
            .change("the configuration", move |tx| async move {
                let tx = &tx;
                let row = rows::configuration::ActiveModel {
                    id: Set(ONLY),
                    sha: Set(new.sha.to_string()),
                    content: Set(serde_json::to_string(&new.configuration)?),
                    loaded_at: Set(now.0),
                };
                let columns = [
                    rows::configuration::Column::Sha,
                    rows::configuration::Column::Content,
                    rows::configuration::Column::LoadedAt,
                ];
                let newest =
                    OnConflict::column(rows::configuration::Column::Id).update_columns(columns).to_owned();
                let swap = rows::configuration::Entity::insert(row).on_conflict(newest);
                swap.exec_without_returning(tx).await.context("swap the configuration")?;
                tx.note(Deed::new(Action::ConfigurationLoaded, None, new.sha.short())).await?;
                Ok(())
            })
            .await
    }
}

/// True if the configuration of that commit is the one that pushes are judged by.
pub(in crate::store) async fn is_in_force(tx: &Transaction, sha: &str) -> Result<bool> {
    let row =
        rows::configuration::Entity::find_by_id(ONLY).one(tx).await.context("read the configuration")?;
    Ok(row.is_some_and(|row| row.sha == sha))
}

fn unreadable<T>(fault: &dyn std::error::Error) -> Option<T> {
    tracing::warn!(%fault, "the configuration in the database cannot be read");
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{NOW, Stage};
    use kozmic_model::recipe::Recipe;
    use sea_orm::ActiveModelTrait;

    #[tokio::test]
    async fn a_configuration_is_there_whole_and_swapped_whole() {
        let stage = Stage::new().await;
        let store = &stage.store;
        assert_eq!(store.configuration().configuration().await.unwrap(), None);
        for digit in ["a", "b"] {
            let branches = [("main".to_owned(), Recipe::default())].into();
            let repositories = [(format!("anna/{digit}"), branches)].into();
            let (sha, configuration) = (
                digit.repeat(40).parse().unwrap(),
                Configuration { repositories, ..Configuration::default() },
            );
            let new = LoadedConfiguration { sha, configuration };
            store.configuration().swap_configuration(&new, NOW).await.unwrap();
            assert_eq!(store.configuration().configuration().await.unwrap(), Some(new));
        }
    }

    #[tokio::test]
    async fn a_configuration_that_another_version_wrote_is_none_and_can_be_replaced() {
        let stage = Stage::new().await;
        let store = &stage.store;
        let (id, sha, content) = (Set(ONLY), Set("a".repeat(40)), Set("{\"version\": 9}".to_owned()));
        let row = rows::configuration::ActiveModel { id, sha, content, loaded_at: Set(0) };
        row.insert(&store.db.writer).await.unwrap();
        assert_eq!(store.configuration().configuration().await.unwrap(), None);
        let sha = "b".repeat(40).parse().unwrap();
        let new = LoadedConfiguration { sha, configuration: Configuration::default() };
        store.configuration().swap_configuration(&new, NOW).await.unwrap();
        assert_eq!(store.configuration().configuration().await.unwrap(), Some(new));
    }
}
