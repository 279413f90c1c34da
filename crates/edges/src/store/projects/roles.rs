//! Writes the roles of people in projects, with the entries of the audit trail.

use crate::store::{audit, database::Transaction, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Actor, Deed},
    ids::{ProjectId, UserId},
    project::Role,
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    sea_query::{Expr, OnConflict},
};

/// Gives a user a role in place of the earlier one, with an entry in the audit trail if the role changed. The forge
/// decides about roles, so the actor is Kozmic, whoever made Kozmic ask.
pub(super) async fn give_role(tx: &Transaction, project: ProjectId, user: UserId, role: Role) -> Result<()> {
    let had = membership(tx, project, user).await?.map(|row| row.role);
    if had.as_deref() == Some(role.word()) {
        return Ok(());
    }
    set_role(tx, project, user, role).await?;
    let had = had.map(|had| format!("{had} → ")).unwrap_or_default();
    let subject = format!("{}: {had}{}", login_of(tx, user).await?, role.word());
    audit::note_by(tx, &Actor::Kozmic, Deed::new(Action::RoleGiven, Some(project), &subject)).await
}

/// Takes a user's role away.
pub(super) async fn take_role(tx: &Transaction, row: rows::membership::Model) -> Result<()> {
    let gone = rows::membership::Entity::delete_by_id(row.id);
    gone.exec(tx).await.context("remove a member")?;
    let subject = format!("{}: {}", login_of(tx, UserId(row.user_id)).await?, row.role);
    let deed = Deed::new(Action::RoleTaken, Some(ProjectId(row.project_id)), &subject);
    audit::note_by(tx, &Actor::Kozmic, deed).await
}

async fn login_of(tx: &Transaction, user: UserId) -> Result<String> {
    let row = rows::user::Entity::find_by_id(user.0).one(tx).await.context("find a member")?;
    Ok(row.map(|row| row.login).unwrap_or_default())
}

pub(super) async fn membership(
    db: &impl ConnectionTrait,
    project: ProjectId,
    user: UserId,
) -> Result<Option<rows::membership::Model>> {
    let row = rows::membership::Entity::find()
        .filter(rows::membership::Column::ProjectId.eq(project.0))
        .filter(rows::membership::Column::UserId.eq(user.0));
    row.one(db).await.context("find a member")
}

pub(super) async fn of_project(
    db: &impl ConnectionTrait,
    project: ProjectId,
) -> Result<Vec<rows::membership::Model>> {
    let rows = rows::membership::Entity::find()
        .filter(rows::membership::Column::ProjectId.eq(project.0))
        .order_by_asc(rows::membership::Column::Id);
    rows.all(db).await.context("list a project's members")
}

/// Gives a user a role in place of the earlier one.
pub(in crate::store) async fn set_role(
    tx: &Transaction,
    project: ProjectId,
    user: UserId,
    role: Role,
) -> Result<()> {
    let row = rows::membership::ActiveModel {
        id: NotSet,
        project_id: Set(project.0),
        user_id: Set(user.0),
        role: Set(role.word().to_owned()),
    };
    let identity = [rows::membership::Column::ProjectId, rows::membership::Column::UserId];
    let newest = OnConflict::columns(identity)
        .value(rows::membership::Column::Role, Expr::value(role.word()))
        .to_owned();
    let insert = rows::membership::Entity::insert(row).on_conflict(newest);
    insert.exec_without_returning(tx).await.context("note a member")?;
    Ok(())
}
