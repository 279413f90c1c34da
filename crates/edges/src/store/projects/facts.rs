//! Writes facts about a project's repository, and the project's owner.

use crate::{
    secret,
    store::{database::Transaction, rows},
};
use anyhow::{Context, Result};
use kozmic_model::{
    ids::{ProjectId, UserId},
    project::{Access, ProjectSettings, Repository},
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set, Unchanged},
    ColumnTrait, EntityTrait, QueryFilter,
};
use secrecy::ExposeSecret;

/// Updates a project after its repository was renamed, moved or changed at the forge.
pub(in crate::store) async fn note_repository(
    tx: &Transaction,
    project: ProjectId,
    repository: &Repository,
) -> Result<()> {
    let row = rows::project::ActiveModel { id: Unchanged(project.0), ..repository_columns(repository) };
    row.update(tx).await.context("follow a repository")?;
    Ok(())
}

pub(super) async fn set_owner(tx: &Transaction, project: i64, user: UserId) -> Result<rows::project::Model> {
    let row =
        rows::project::ActiveModel { id: Unchanged(project), owner_id: Set(user.0), ..Default::default() };
    row.update(tx).await.context("hand a project over")
}

/// Makes the first of some users who has signed in the owner of a project.
pub(in crate::store) async fn hand_over(
    tx: &Transaction,
    project: ProjectId,
    heirs: Vec<UserId>,
) -> Result<Option<UserId>> {
    for heir in heirs {
        let row = rows::user::Entity::find_by_id(heir.0).one(tx).await.context("find an heir")?;
        if row.is_some_and(|row| !row.token.is_empty()) {
            set_owner(tx, project.0, heir).await?;
            return Ok(Some(heir));
        }
    }
    Ok(None)
}

/// Notes that a project is in line with the forge.
pub(in crate::store) async fn note_sync(tx: &Transaction, project: ProjectId, now: Timestamp) -> Result<()> {
    let row = rows::project::ActiveModel {
        id: Unchanged(project.0),
        synced_at: Set(Some(now.0)),
        sync_fault: Set(None),
        ..Default::default()
    };
    row.update(tx).await.context("note a sync")?;
    Ok(())
}

/// Replaces the list of repositories that a user can reach.
pub(in crate::store) async fn replace_repositories(
    tx: &Transaction,
    user: UserId,
    reachable: &[Access],
) -> Result<()> {
    let of_user = rows::repository::Entity::delete_many().filter(rows::repository::Column::UserId.eq(user.0));
    of_user.exec(tx).await.context("drop old repositories")?;
    let rows = reachable.iter().map(|access| repository_row(user, access)).collect::<Vec<_>>();
    // SQLite allows 32,766 values in one statement.
    for some in rows.chunks(500) {
        rows::repository::Entity::insert_many(some.to_vec())
            .exec_without_returning(tx)
            .await
            .context("note repositories")?;
    }
    Ok(())
}

fn repository_row(user: UserId, access: &Access) -> rows::repository::ActiveModel {
    let Repository { id, owner, name, private, default_branch, html_url, clone_url, ssh_url } =
        access.repository.clone();
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
        ssh_url: Set(ssh_url),
        permission: Set(access.permission.word().to_owned()),
    }
}

/// Columns of a project's row about its repository, without the forge's number.
fn repository_columns(repository: &Repository) -> rows::project::ActiveModel {
    let Repository { id: _, owner, name, private, default_branch, html_url, clone_url, ssh_url } =
        repository.clone();
    rows::project::ActiveModel {
        owner: Set(owner),
        name: Set(name),
        private: Set(private),
        default_branch: Set(default_branch),
        html_url: Set(html_url),
        clone_url: Set(clone_url),
        ssh_url: Set(ssh_url),
        ..Default::default()
    }
}

pub(in crate::store) fn project_row(
    user: UserId,
    repository: &Repository,
    now: Timestamp,
) -> rows::project::ActiveModel {
    let settings = ProjectSettings::default();
    let badge_token = secret::random().expose_secret().chars().take(32).collect();
    rows::project::ActiveModel {
        id: NotSet,
        owner_id: Set(user.0),
        forge_id: Set(repository.id.0),
        created_at: Set(now.0),
        cancel_waiting: Set(settings.cancel_waiting),
        cancel_running: Set(settings.cancel_running),
        forks: Set(settings.forks.word().to_owned()),
        sudo: Set(settings.sudo.word().to_owned()),
        badge_token: Set(badge_token),
        synced_at: Set(None),
        sync_fault: Set(None),
        deleted_at: Set(None),
        drops_artifacts: Set(false),
        told_private_at: Set(None),
        open_badge: Set(false),
        ..repository_columns(repository)
    }
}
