//! The Auto Builder: who it is, what its configuration says, which repositories it hears of.

use super::{Door, Store, members, projects, read, rows, users};
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Deed},
    git::Sha,
    ids::{ForgeUserId, ProjectId, RepositoryId, UserId, WebhookId},
    project::{Project, Repository, Role},
    recipe::Configuration,
    time::Timestamp,
    user::Profile,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    sea_query::OnConflict,
};
use secrecy::SecretString;

/// The forge gives this number to nobody.
const FORGE_ID: ForgeUserId = ForgeUserId(0);

/// The configuration's only row.
const ONLY: i64 = 1;

/// The configuration that pushes are judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedConfiguration {
    /// The configuration repository's commit that it was read from.
    pub sha: Sha,
    /// The configuration that was read there.
    pub configuration: Configuration,
}

/// A repository whose pushes the Auto Builder hears of, or wants to hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The forge's number of it.
    pub repository: RepositoryId,
    /// `owner/name` when it was last looked at.
    pub full_name: String,
    /// The webhook that tells of its pushes.
    pub webhook: Option<WebhookId>,
}

impl Store {
    /// The user that the Auto Builder's projects belong to, with the token that it speaks by; nobody can sign in as
    /// it. Without a token it stays, but speaks no more.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn set_auto_builder(&self, token: Option<&SecretString>, now: Timestamp) -> Result<UserId> {
        let tx = self.write().await?;
        let profile = Profile {
            forge_id: FORGE_ID,
            login: "auto-builder".to_owned(),
            name: "Auto Builder".to_owned(),
            avatar_url: String::new(),
            email: None,
        };
        let user = users::known_by_forge(&tx, &profile, now).await?;
        let token = token.map(|token| self.vault.seal(users::TOKEN_PLACE, token)).unwrap_or_default();
        let row = rows::user::ActiveModel { id: Unchanged(user.0), token: Set(token), ..Default::default() };
        row.update(&tx).await.context("note the Auto Builder's token")?;
        tx.commit().await.context("commit the Auto Builder")?;
        Ok(user)
    }

    /// The user that the Auto Builder is; none if it was never switched on.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn auto_builder(&self) -> Result<Option<UserId>> {
        let row = rows::user::Entity::find().filter(rows::user::Column::ForgeId.eq(FORGE_ID.0));
        Ok(row.one(&self.db).await.context("find the Auto Builder")?.map(|row| UserId(row.id)))
    }

    /// The project of a repository, by the forge's number of it.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn project_about(&self, repository: RepositoryId) -> Result<Option<Project>> {
        let row = rows::project::Entity::find().filter(rows::project::Column::ForgeId.eq(repository.0));
        Ok(row.one(&self.db).await.context("find a project")?.map(read::project))
    }

    /// The project of a repository, as it is now at the forge. It is the Auto Builder's if nobody made one.
    ///
    /// # Errors
    /// The database does not answer, or the Auto Builder was never switched on.
    pub async fn project_for(&self, repository: &Repository, now: Timestamp) -> Result<Project> {
        let there = rows::project::Entity::find().filter(rows::project::Column::ForgeId.eq(repository.id.0));
        let known = self.project_about(repository.id).await?;
        if let Some(project) = known.filter(|project| project.repository == *repository) {
            return Ok(project);
        }
        let tx = self.write().await?;
        if let Some(row) = there.one(&tx).await.context("find a project")? {
            projects::note_repository(&tx, ProjectId(row.id), repository).await?;
            let project = projects::project_of(&tx, row.id).await?;
            tx.commit().await.context("commit a repository's move")?;
            return Ok(project);
        }
        let owner = rows::user::Entity::find().filter(rows::user::Column::ForgeId.eq(FORGE_ID.0));
        let owner =
            owner.one(&tx).await.context("find the Auto Builder")?.context("there is no Auto Builder")?;
        let row = projects::project_row(UserId(owner.id), repository, now);
        let row = row.insert(&tx).await.context("make a project")?;
        members::set_role(&tx, ProjectId(row.id), UserId(owner.id), Role::Owner).await?;
        self.note(&tx, Deed::new(Action::ProjectMade, Some(ProjectId(row.id)), "")).await?;
        tx.commit().await.context("commit a project")?;
        Ok(read::project(row))
    }

    /// The configuration that pushes are judged by; none before the first was read, or if another version of Kozmic
    /// wrote down what this one cannot read: it is read anew at each start.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn configuration(&self) -> Result<Option<LoadedConfiguration>> {
        let row = rows::configuration::Entity::find_by_id(ONLY);
        let Some(row) = row.one(&self.db).await.context("read the configuration")? else { return Ok(None) };
        match (serde_json::from_str(&row.content), row.sha.parse()) {
            (Ok(configuration), Ok(sha)) => Ok(Some(LoadedConfiguration { sha, configuration })),
            (Err(fault), _) => Ok(unreadable(&fault)),
            (_, Err(fault)) => Ok(unreadable(&fault)),
        }
    }

    /// Puts another configuration in the place of the one that pushes are judged by, whole.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn swap_configuration(&self, new: &LoadedConfiguration, now: Timestamp) -> Result<()> {
        let tx = self.write().await?;
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
        let newest = OnConflict::column(rows::configuration::Column::Id).update_columns(columns).to_owned();
        let swap = rows::configuration::Entity::insert(row).on_conflict(newest);
        swap.exec_without_returning(&tx).await.context("swap the configuration")?;
        self.note(&tx, Deed::new(Action::ConfigurationLoaded, None, new.sha.short())).await?;
        tx.commit().await.context("commit the configuration")
    }

    /// The repositories whose pushes the Auto Builder hears of, by their names.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn watched(&self) -> Result<Vec<Watched>> {
        let rows = rows::watched::Entity::find().order_by_asc(rows::watched::Column::FullName);
        let rows = rows.all(&self.db).await.context("list watched repositories")?;
        Ok(rows.into_iter().map(watched).collect())
    }

    /// Notes what is known of a watched repository.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_watched(&self, watched: &Watched) -> Result<()> {
        let Watched { repository, full_name, webhook } = watched.clone();
        let row = rows::watched::ActiveModel {
            forge_id: Set(repository.0),
            full_name: Set(full_name),
            webhook_id: Set(webhook.map(|webhook| webhook.0)),
        };
        let columns = [rows::watched::Column::FullName, rows::watched::Column::WebhookId];
        let newest = OnConflict::column(rows::watched::Column::ForgeId).update_columns(columns).to_owned();
        let note = rows::watched::Entity::insert(row).on_conflict(newest);
        note.exec_without_returning(&self.writer).await.context("note a watched repository")?;
        self.hears_again(Door::AutoBuilder, Some(watched.repository)).await
    }

    /// Forgets a repository that is watched no more.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forget_watched(&self, repository: RepositoryId) -> Result<()> {
        let gone = rows::watched::Entity::delete_by_id(repository.0);
        gone.exec(&self.writer).await.context("forget a watched repository")?;
        self.hears_no_more(repository).await
    }
}

/// Whether the configuration of that commit is the one that pushes are judged by.
pub(super) async fn is_in_force(tx: &DatabaseTransaction, sha: &str) -> Result<bool> {
    let row =
        rows::configuration::Entity::find_by_id(ONLY).one(tx).await.context("read the configuration")?;
    Ok(row.is_some_and(|row| row.sha == sha))
}

fn unreadable<T>(fault: &dyn std::error::Error) -> Option<T> {
    tracing::warn!(%fault, "the configuration in the database cannot be read");
    None
}

fn watched(row: rows::watched::Model) -> Watched {
    let rows::watched::Model { forge_id, full_name, webhook_id } = row;
    Watched { repository: RepositoryId(forge_id), full_name, webhook: webhook_id.map(WebhookId) }
}

/// Whether a user is the Auto Builder: it belongs to no person at the forge, so no answer of the forge moves it.
pub(super) async fn is_auto_builder(tx: &DatabaseTransaction, user: UserId) -> Result<bool> {
    let row = rows::user::Entity::find_by_id(user.0).one(tx).await.context("find a user")?;
    Ok(row.is_some_and(|row| row.forge_id == FORGE_ID.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{NOW, Stage, repository};
    use kozmic_model::recipe::Recipe;

    #[tokio::test]
    async fn a_repository_that_nobody_builds_is_the_auto_builders_until_somebody_does() {
        let stage = Stage::new().await;
        let store = &stage.store;
        let auto_builder = store.set_auto_builder(Some(&"token".into()), NOW).await.unwrap();
        let other = Repository { id: RepositoryId(6), name: "core".into(), ..repository() };
        let project = store.project_for(&other, NOW).await.unwrap();
        assert_eq!(
            (project.owner, store.speakers(project.id).await.unwrap()),
            (auto_builder, vec![auto_builder])
        );
        let annas = store.project_for(&repository(), NOW).await.unwrap();
        assert_eq!((annas.id, annas.owner), (stage.project, stage.user));
        store.drop_token(auto_builder).await.unwrap();
        assert!(store.token_of(auto_builder).await.is_ok(), "its token stands in the settings");
        store.sync_members(project.id, &other, &[], NOW).await.unwrap();
        assert_eq!(store.project(project.id).await.unwrap().unwrap().owner, auto_builder);
        stage.may_administer(&other).await;
        let taken = store.add_project(stage.user, other.id, NOW).await.unwrap();
        assert_eq!((taken.id, taken.owner), (project.id, stage.user));
        assert_eq!(store.role_in(project.id, auto_builder).await.unwrap(), None);
        store.set_auto_builder(None, NOW).await.unwrap();
        assert!(store.token_of(auto_builder).await.is_err());
    }

    #[tokio::test]
    async fn a_configuration_is_there_whole_and_swapped_whole() {
        let stage = Stage::new().await;
        let store = &stage.store;
        assert_eq!(store.configuration().await.unwrap(), None);
        for digit in ["a", "b"] {
            let branches = [("main".to_owned(), Recipe::default())].into();
            let repositories = [(format!("anna/{digit}"), branches)].into();
            let (sha, configuration) = (
                digit.repeat(40).parse().unwrap(),
                Configuration { repositories, ..Configuration::default() },
            );
            let new = LoadedConfiguration { sha, configuration };
            store.swap_configuration(&new, NOW).await.unwrap();
            assert_eq!(store.configuration().await.unwrap(), Some(new));
        }
    }

    #[tokio::test]
    async fn a_configuration_that_another_version_wrote_is_none_and_can_be_replaced() {
        let stage = Stage::new().await;
        let store = &stage.store;
        let (id, sha, content) = (Set(ONLY), Set("a".repeat(40)), Set("{\"version\": 9}".to_owned()));
        let row = rows::configuration::ActiveModel { id, sha, content, loaded_at: Set(0) };
        row.insert(&store.writer).await.unwrap();
        assert_eq!(store.configuration().await.unwrap(), None);
        let sha = "b".repeat(40).parse().unwrap();
        let new = LoadedConfiguration { sha, configuration: Configuration::default() };
        store.swap_configuration(&new, NOW).await.unwrap();
        assert_eq!(store.configuration().await.unwrap(), Some(new));
    }
}
