//! Projects, and the repositories of which people can make projects.

mod deleted;
mod facts;
mod members;
mod roles;

pub(super) use facts::{note_repository, project_row};
pub(super) use roles::set_role;

use self::facts::set_owner;
use super::{
    database::{Database, Transaction},
    people::users,
    read, rows,
};
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Deed},
    build::Build,
    ids::{ProjectId, RepositoryId, UserId},
    project::{Permission, Project, ProjectSettings, Repository, Role},
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ColumnTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
    sea_query::{Expr, ExprTrait, Func, Query},
};
use std::collections::HashMap;

/// A project in the list of projects on each page.
#[derive(Clone, Debug)]
pub struct ProjectLine {
    /// The project.
    pub project: Project,
    /// The role of the person who looks at the page.
    pub role: Role,
    /// Its newest build.
    pub latest: Option<Build>,
}

/// Projects, and the people in them.
#[derive(Clone, Copy)]
pub struct Projects<'a> {
    pub(super) db: &'a Database,
}

impl Projects<'_> {
    /// The repositories that a user may administer, as the forge last reported them, by owner and name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn repositories(self, user: UserId) -> Result<Vec<Repository>> {
        let rows = rows::repository::Entity::find()
            .filter(rows::repository::Column::UserId.eq(user.0))
            .filter(rows::repository::Column::Permission.eq(Permission::Admin.word()))
            .order_by_asc(rows::repository::Column::Owner)
            .order_by_asc(rows::repository::Column::Name);
        let rows = rows.all(&self.db.reader).await.context("list repositories")?;
        Ok(rows.into_iter().map(read::repository).collect())
    }

    /// Makes a project of a repository on the user's list, or gives the existing project. If that project belongs to
    /// the Auto Builder, it becomes the user's.
    ///
    /// # Errors
    /// The repository is not on the user's list, or the database does not answer.
    pub async fn add_project(
        self,
        user: UserId,
        repository: RepositoryId,
        now: Timestamp,
    ) -> Result<Project> {
        self.db
            .change("a project", move |tx| async move {
                let tx = &tx;
                let there =
                    rows::project::Entity::find().filter(rows::project::Column::ForgeId.eq(repository.0));
                let there = there.one(tx).await.context("find a project")?;
                if let Some(row) = &there
                    && !users::is_auto_builder(tx, UserId(row.owner_id)).await?
                {
                    return Ok(read::project(row.clone()));
                }
                let listed = rows::repository::Entity::find()
                    .filter(rows::repository::Column::UserId.eq(user.0))
                    .filter(rows::repository::Column::ForgeId.eq(repository.0))
                    .filter(rows::repository::Column::Permission.eq(Permission::Admin.word()));
                let listed = listed.one(tx).await.context("find a repository")?;
                let listed = read::repository(listed.context("this repository is not on your list")?);
                let row = match there {
                    Some(row) => take_over(tx, row, user).await?,
                    None => project_row(user, &listed, now).insert(tx).await.context("make a project")?,
                };
                set_role(tx, ProjectId(row.id), user, Role::Owner).await?;
                tx.note(Deed::new(Action::ProjectMade, Some(ProjectId(row.id)), "")).await?;
                Ok(read::project(row))
            })
            .await
    }

    /// One project.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn project(self, id: ProjectId) -> Result<Option<Project>> {
        let row = living().filter(rows::project::Column::Id.eq(id.0));
        Ok(row.one(&self.db.reader).await.context("find a project")?.map(read::project))
    }

    /// The project of the repository with that name, in any case of letters.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn project_named(self, owner: &str, name: &str) -> Result<Option<Project>> {
        let lower = |column| Expr::expr(Func::lower(Expr::col(column)));
        let row = living()
            .filter(lower(rows::project::Column::Owner).eq(owner.to_lowercase()))
            .filter(lower(rows::project::Column::Name).eq(name.to_lowercase()));
        Ok(row.one(&self.db.reader).await.context("find a project by its name")?.map(read::project))
    }

    /// All projects, the oldest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn projects(self) -> Result<Vec<Project>> {
        let rows = living().order_by_asc(rows::project::Column::Id).all(&self.db.reader).await;
        Ok(rows.context("list projects")?.into_iter().map(read::project).collect())
    }

    /// Updates a project after its repository was renamed, moved or changed at the forge.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn follow_repository(self, id: ProjectId, repository: &Repository) -> Result<()> {
        self.db
            .change("a repository's move", move |tx| async move {
                let tx = &tx;
                note_repository(tx, id, repository).await?;
                Ok(())
            })
            .await
    }

    /// Hides a project after a delivery said that it is private now, until the forge itself was asked.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn hide_project(self, id: ProjectId, now: Timestamp) -> Result<()> {
        let told_private_at = Set(Some(now.0));
        let row = rows::project::ActiveModel { id: Unchanged(id.0), told_private_at, ..Default::default() };
        row.update(&self.db.writer).await.context("hide a project")?;
        Ok(())
    }

    /// Accepts the forge's answer: facts that deliveries told about the repository before the question do not count any
    /// more.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn believe_forge(self, id: ProjectId, asked_at: Timestamp) -> Result<()> {
        let shown = rows::project::Entity::update_many()
            .col_expr(rows::project::Column::ToldPrivateAt, Expr::value(None::<i64>))
            .filter(rows::project::Column::Id.eq(id.0))
            .filter(rows::project::Column::ToldPrivateAt.lte(asked_at.0));
        shown.exec(&self.db.writer).await.context("show a project as the forge does")?;
        Ok(())
    }

    /// Changes the settings of a project.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn change_project(self, id: ProjectId, settings: ProjectSettings) -> Result<()> {
        self.db
            .change("a project's settings", move |tx| async move {
                let tx = &tx;
                let before = read::project_of(tx, id.0).await?.settings;
                let row = rows::project::ActiveModel {
                    id: Unchanged(id.0),
                    cancel_waiting: Set(settings.cancel_waiting),
                    cancel_running: Set(settings.cancel_running),
                    forks: Set(settings.forks.word().to_owned()),
                    sudo: Set(settings.sudo.word().to_owned()),
                    ..Default::default()
                };
                row.update(tx).await.context("change a project's settings")?;
                let changes = settings.differences(before);
                if !changes.is_empty() {
                    tx.note(Deed::new(Action::SettingsChanged, Some(id), &changes)).await?;
                }
                Ok(())
            })
            .await
    }

    /// Notes if everybody may see a private project's badge.
    ///
    /// # Errors
    /// There is no such project, or the database does not answer.
    pub async fn open_badge(self, id: ProjectId, is_open: bool) -> Result<()> {
        self.db
            .change("a badge", move |tx| async move {
                let tx = &tx;
                let was_open = read::project_of(tx, id.0).await?.open_badge;
                let open_badge = Set(is_open);
                let row =
                    rows::project::ActiveModel { id: Unchanged(id.0), open_badge, ..Default::default() };
                row.update(tx).await.context("open or close a badge")?;
                if was_open != is_open {
                    let action = if is_open { Action::BadgeOpened } else { Action::BadgeClosed };
                    tx.note(Deed::new(action, Some(id), "")).await?;
                }
                Ok(())
            })
            .await
    }

    /// A user's projects with their newest builds, the one with the last build first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn projects_of(self, user: UserId) -> Result<Vec<ProjectLine>> {
        let own = rows::membership::Entity::find().filter(rows::membership::Column::UserId.eq(user.0));
        let roles = own.clone().all(&self.db.reader).await.context("list roles")?;
        let roles = roles.into_iter().map(|row| (row.project_id, row.role)).collect::<HashMap<_, _>>();
        let own = own.select_only().column(rows::membership::Column::ProjectId).into_query();
        let rows = living().filter(rows::project::Column::Id.in_subquery(own));
        let rows = rows.all(&self.db.reader).await.context("list projects")?;
        let mut builds = self.latest_builds(user).await?;
        let mut lines = Vec::with_capacity(rows.len());
        for row in rows {
            // A person who became a member between the queries sees the project on the next page.
            let Some(role) = roles.get(&row.id) else { continue };
            let role = role.parse().context("read a member's role")?;
            let project = read::project(row);
            let latest = builds.remove(&project.id);
            lines.push(ProjectLine { project, role, latest });
        }
        lines.sort_by_key(|line| {
            let built_at = line.latest.as_ref().map(|build| build.created_at);
            (std::cmp::Reverse(built_at), line.project.repository.full_name())
        });
        Ok(lines)
    }

    /// The newest build of each project of a user, with one index lookup for each.
    async fn latest_builds(self, user: UserId) -> Result<HashMap<ProjectId, Build>> {
        let newest = Query::select()
            .expr(Func::max(Expr::col(("newest", rows::build::Column::Position))))
            .from_as(rows::build::Entity, "newest")
            .and_where(
                Expr::col(("newest", rows::build::Column::ProjectId))
                    .equals((rows::membership::Entity, rows::membership::Column::ProjectId)),
            )
            .take();
        let of_member = rows::build::Entity::belongs_to(rows::membership::Entity)
            .from(rows::build::Column::ProjectId)
            .to(rows::membership::Column::ProjectId);
        let builds = rows::build::Entity::find()
            .join(JoinType::InnerJoin, of_member.into())
            .filter(rows::membership::Column::UserId.eq(user.0))
            .filter(rows::build::Column::Position.in_subquery(newest));
        let builds = builds.all(&self.db.reader).await.context("find the latest builds")?;
        builds.into_iter().map(|row| read::build(row).map(|build| (build.project, build))).collect()
    }
}

/// All projects, without those that are being removed.
fn living() -> Select<rows::project::Entity> {
    rows::project::Entity::find().filter(rows::project::Column::DeletedAt.is_null())
}

/// Makes a user the owner of a project, in place of the former owner.
async fn take_over(
    tx: &Transaction,
    row: rows::project::Model,
    user: UserId,
) -> Result<rows::project::Model> {
    let former = rows::membership::Entity::delete_many()
        .filter(rows::membership::Column::ProjectId.eq(row.id))
        .filter(rows::membership::Column::UserId.eq(row.owner_id));
    former.exec(tx).await.context("remove a project's former owner")?;
    set_owner(tx, row.id, user).await
}

#[cfg(test)]
mod tests {
    use crate::store::tests::Stage;
    use kozmic_model::{ids::UserId, project::Role};

    #[tokio::test]
    async fn the_list_has_each_project_with_its_newest_build_and_the_role_in_it() {
        let stage = Stage::new().await;
        let list = async || stage.store.projects().projects_of(stage.user).await.unwrap();
        let [fresh] = &list().await[..] else { panic!("one project") };
        assert_eq!((fresh.project.id, fresh.role), (stage.project, Role::Owner));
        assert!(fresh.latest.is_none());
        for digit in ['a', 'b'] {
            stage.push(digit).await;
        }
        let [built] = &list().await[..] else { panic!("one project") };
        assert_eq!(built.latest.as_ref().map(|build| build.number), Some(2));
        assert!(stage.store.projects().projects_of(UserId(99)).await.unwrap().is_empty());
    }
}
