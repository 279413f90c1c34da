//! The Auto Builder: its user, its projects, and the repositories that it watches.

use super::{
    database::Database,
    deliveries::Endpoint,
    missed::MissedDeliveries,
    people::users::{self, AUTO_BUILDER},
    projects::{note_repository, project_row, set_role},
    read, rows,
};
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Deed},
    ids::{ProjectId, RepositoryId, UserId, WebhookId},
    project::{Project, Repository, Role},
    time::Timestamp,
    user::Profile,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder,
    sea_query::OnConflict,
};
use secrecy::SecretString;

/// A repository about whose pushes the Auto Builder gets deliveries, or wants to get them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The forge's number of the repository.
    pub repository: RepositoryId,
    /// `owner/name` as the forge last reported it.
    pub full_name: String,
    /// The webhook that reports its pushes.
    pub webhook: Option<WebhookId>,
}

/// The Auto Builder, and the repositories that it watches.
#[derive(Clone, Copy)]
pub struct AutoBuilder<'a> {
    pub(super) db: &'a Database,
}

impl AutoBuilder<'_> {
    /// Notes the Auto Builder's user, who owns its projects, and the token with which it calls the forge. Nobody can
    /// sign in as this user. Without a token the user stays, but cannot call the forge any more.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn set_auto_builder(self, token: Option<&SecretString>, now: Timestamp) -> Result<UserId> {
        self.db
            .change("the Auto Builder", move |tx| async move {
                let tx = &tx;
                let profile = Profile {
                    forge_id: AUTO_BUILDER,
                    login: "auto-builder".to_owned(),
                    name: "Auto Builder".to_owned(),
                    avatar_url: String::new(),
                    email: None,
                };
                let user = users::known_by_forge(tx, &profile, now).await?;
                let token =
                    token.map(|token| self.db.vault.seal(users::TOKEN_PLACE, token)).unwrap_or_default();
                let row = rows::user::ActiveModel {
                    id: Unchanged(user.0),
                    token: Set(token),
                    ..Default::default()
                };
                row.update(tx).await.context("note the Auto Builder's token")?;
                Ok(user)
            })
            .await
    }

    /// The Auto Builder's user; none if the Auto Builder was never switched on.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn auto_builder(self) -> Result<Option<UserId>> {
        let row = rows::user::Entity::find().filter(rows::user::Column::ForgeId.eq(AUTO_BUILDER.0));
        Ok(row.one(&self.db.reader).await.context("find the Auto Builder")?.map(|row| UserId(row.id)))
    }

    /// The project of a repository, by the forge's number of the repository.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn project_about(self, repository: RepositoryId) -> Result<Option<Project>> {
        let row = rows::project::Entity::find().filter(rows::project::Column::ForgeId.eq(repository.0));
        Ok(row.one(&self.db.reader).await.context("find a project")?.map(read::project))
    }

    /// The project of a repository, as it is now at the forge. If there is none, a project of the Auto Builder is made.
    ///
    /// # Errors
    /// The database does not answer, or the Auto Builder was never switched on.
    pub async fn project_for(self, repository: &Repository, now: Timestamp) -> Result<Project> {
        let there = rows::project::Entity::find().filter(rows::project::Column::ForgeId.eq(repository.id.0));
        let known = self.project_about(repository.id).await?;
        if let Some(project) = known.filter(|project| project.repository == *repository) {
            return Ok(project);
        }
        let there = &there;
        self.db
            .change("a project", move |tx| async move {
                let tx = &tx;
                if let Some(row) = there.clone().one(tx).await.context("find a project")? {
                    note_repository(tx, ProjectId(row.id), repository).await?;
                    let project = read::project_of(tx, row.id).await?;
                    return Ok(project);
                }
                let owner = rows::user::Entity::find().filter(rows::user::Column::ForgeId.eq(AUTO_BUILDER.0));
                let owner = owner
                    .one(tx)
                    .await
                    .context("find the Auto Builder")?
                    .context("there is no Auto Builder")?;
                let row = project_row(UserId(owner.id), repository, now);
                let row = row.insert(tx).await.context("make a project")?;
                set_role(tx, ProjectId(row.id), UserId(owner.id), Role::Owner).await?;
                tx.note(Deed::new(Action::ProjectMade, Some(ProjectId(row.id)), "")).await?;
                Ok(read::project(row))
            })
            .await
    }

    /// The repositories about whose pushes the Auto Builder gets deliveries, by name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn watched(self) -> Result<Vec<Watched>> {
        let rows = rows::watched::Entity::find().order_by_asc(rows::watched::Column::FullName);
        let rows = rows.all(&self.db.reader).await.context("list watched repositories")?;
        Ok(rows.into_iter().map(watched).collect())
    }

    /// Notes the present facts about a watched repository.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_watched(self, watched: &Watched) -> Result<()> {
        let Watched { repository, full_name, webhook } = watched.clone();
        let row = rows::watched::ActiveModel {
            forge_id: Set(repository.0),
            full_name: Set(full_name),
            webhook_id: Set(webhook.map(|webhook| webhook.0)),
        };
        let columns = [rows::watched::Column::FullName, rows::watched::Column::WebhookId];
        let newest = OnConflict::column(rows::watched::Column::ForgeId).update_columns(columns).to_owned();
        let note = rows::watched::Entity::insert(row).on_conflict(newest);
        note.exec_without_returning(&self.db.writer).await.context("note a watched repository")?;
        MissedDeliveries { db: self.db }.clear_fault(Endpoint::AutoBuilder, Some(watched.repository)).await
    }

    /// Deletes a repository that is not watched any more.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forget_watched(self, repository: RepositoryId) -> Result<()> {
        let gone = rows::watched::Entity::delete_by_id(repository.0);
        gone.exec(&self.db.writer).await.context("forget a watched repository")?;
        MissedDeliveries { db: self.db }.forget_watched(repository).await
    }
}

fn watched(row: rows::watched::Model) -> Watched {
    let rows::watched::Model { forge_id, full_name, webhook_id } = row;
    Watched { repository: RepositoryId(forge_id), full_name, webhook: webhook_id.map(WebhookId) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::{NOW, Stage, repository};

    #[tokio::test]
    async fn a_repository_that_nobody_builds_is_the_auto_builders_until_somebody_does() {
        let stage = Stage::new().await;
        let store = &stage.store;
        let auto_builder = store.auto_builder().set_auto_builder(Some(&"token".into()), NOW).await.unwrap();
        let other = Repository { id: RepositoryId(6), name: "core".into(), ..repository() };
        let project = store.auto_builder().project_for(&other, NOW).await.unwrap();
        assert_eq!(
            (project.owner, store.projects().speakers(project.id).await.unwrap()),
            (auto_builder, vec![auto_builder])
        );
        let annas = store.auto_builder().project_for(&repository(), NOW).await.unwrap();
        assert_eq!((annas.id, annas.owner), (stage.project, stage.user));
        store.people().drop_token(auto_builder).await.unwrap();
        assert!(store.people().token_of(auto_builder).await.is_ok(), "its token stands in the settings");
        store.projects().sync_members(project.id, &other, &[], NOW).await.unwrap();
        assert_eq!(store.projects().project(project.id).await.unwrap().unwrap().owner, auto_builder);
        stage.may_administer(&other).await;
        let taken = store.projects().add_project(stage.user, other.id, NOW).await.unwrap();
        assert_eq!((taken.id, taken.owner), (project.id, stage.user));
        assert_eq!(store.projects().role_in(project.id, auto_builder).await.unwrap(), None);
        store.auto_builder().set_auto_builder(None, NOW).await.unwrap();
        assert!(store.people().token_of(auto_builder).await.is_err());
    }
}
