//! Projects, and the repositories that people can make projects of.

use super::{Store, read, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    build::Build,
    ids::{ProjectId, RepositoryId, UserId},
    project::{Project, Repository},
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
};

/// A project in the list at the left of each page.
#[derive(Clone, Debug)]
pub struct ProjectLine {
    /// The project.
    pub project: Project,
    /// Its newest build.
    pub latest: Option<Build>,
}

impl Store {
    /// The repositories that a user may administer, as of the last look at the forge, by owner and name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn repositories(&self, user: UserId) -> Result<Vec<Repository>> {
        let rows = rows::repository::Entity::find()
            .filter(rows::repository::Column::UserId.eq(user.0))
            .order_by_asc(rows::repository::Column::Owner)
            .order_by_asc(rows::repository::Column::Name);
        let rows = rows.all(&self.db).await.context("list repositories")?;
        Ok(rows.into_iter().map(read::repository).collect())
    }

    /// Replaces what [`Store::repositories`] lists, whole or not at all.
    ///
    /// # Errors
    /// The database does not answer; the old list stays.
    pub async fn replace_repositories(&self, user: UserId, repositories: &[Repository]) -> Result<()> {
        let tx = self.write().await?;
        let of_user = rows::repository::Column::UserId.eq(user.0);
        rows::repository::Entity::delete_many()
            .filter(of_user)
            .exec(&tx)
            .await
            .context("drop old repositories")?;
        let rows = repositories.iter().map(|repository| repository_row(user, repository)).collect::<Vec<_>>();
        // SQLite takes 32,766 values in one statement.
        for some in rows.chunks(500) {
            rows::repository::Entity::insert_many(some.to_vec())
                .exec_without_returning(&tx)
                .await
                .context("note repositories")?;
        }
        tx.commit().await.context("commit repositories")
    }

    /// Makes a project of a repository on the user's list; the one that is there already, if so.
    ///
    /// # Errors
    /// The repository is not on the user's list, or the database does not answer.
    pub async fn add_project(
        &self,
        user: UserId,
        repository: RepositoryId,
        now: Timestamp,
    ) -> Result<Project> {
        let tx = self.write().await?;
        let there = rows::project::Entity::find().filter(rows::project::Column::ForgeId.eq(repository.0));
        if let Some(row) = there.one(&tx).await.context("find a project")? {
            return Ok(read::project(row));
        }
        let listed = rows::repository::Entity::find()
            .filter(rows::repository::Column::UserId.eq(user.0))
            .filter(rows::repository::Column::ForgeId.eq(repository.0));
        let listed = listed.one(&tx).await.context("find a repository")?;
        let listed = read::repository(listed.context("this repository is not on your list")?);
        let row = project_row(user, listed, now).insert(&tx).await.context("make a project")?;
        tx.commit().await.context("commit a project")?;
        Ok(read::project(row))
    }

    /// One project.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn project(&self, id: ProjectId) -> Result<Option<Project>> {
        let row = rows::project::Entity::find_by_id(id.0).one(&self.db).await.context("find a project")?;
        Ok(row.map(read::project))
    }

    /// A user's projects with their newest builds, the one built last first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn projects_of(&self, user: UserId) -> Result<Vec<ProjectLine>> {
        let rows = rows::project::Entity::find().filter(rows::project::Column::OwnerId.eq(user.0));
        let rows = rows.all(&self.db).await.context("list projects")?;
        let mut lines = Vec::with_capacity(rows.len());
        for row in rows {
            let project = read::project(row);
            let latest = self.latest_build(project.id, None).await?;
            lines.push(ProjectLine { project, latest });
        }
        lines.sort_by_key(|line| {
            let built_at = line.latest.as_ref().map(|build| build.created_at);
            (std::cmp::Reverse(built_at), line.project.repository.full_name())
        });
        Ok(lines)
    }
}

/// The project that a row in another table belongs to.
pub(super) async fn project_of(db: &impl ConnectionTrait, id: i64) -> Result<Project> {
    let row = rows::project::Entity::find_by_id(id).one(db).await.context("find a project")?;
    row.map(read::project).with_context(|| format!("there is no project {id}"))
}

fn repository_row(user: UserId, repository: &Repository) -> rows::repository::ActiveModel {
    let Repository { id, owner, name, private, default_branch, html_url, clone_url } = repository.clone();
    rows::repository::ActiveModel {
        id: NotSet,
        user_id: Set(user.0),
        forge_id: Set(id.0),
        owner: Set(owner),
        name: Set(name),
        private: Set(private),
        default_branch: Set(default_branch),
        html_url: Set(html_url),
        clone_url: Set(clone_url),
    }
}

fn project_row(user: UserId, repository: Repository, now: Timestamp) -> rows::project::ActiveModel {
    let Repository { id, owner, name, private, default_branch, html_url, clone_url } = repository;
    rows::project::ActiveModel {
        id: NotSet,
        owner_id: Set(user.0),
        forge_id: Set(id.0),
        owner: Set(owner),
        name: Set(name),
        private: Set(private),
        default_branch: Set(default_branch),
        html_url: Set(html_url),
        clone_url: Set(clone_url),
        created_at: Set(now.0),
    }
}
