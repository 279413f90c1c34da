//! Finds the rows of a project that were taken over.

use crate::store::rows;
use anyhow::{Context, Result};
use kozmic_model::ids::ProjectId;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, Select,
    sea_query::{Expr, ExprTrait, Query},
};

/// A project's rows that were taken over: the id in the other installation, and the id here.
pub(in crate::store) async fn taken<E: OfProject>(
    db: &impl ConnectionTrait,
    source: &str,
    kind: &str,
    project: ProjectId,
) -> Result<Vec<(i64, i64)>> {
    let own = Query::select()
        .column("id")
        .from(E::default())
        .and_where(Expr::col("project_id").eq(project.0))
        .take();
    let rows: Select<rows::imported::Entity> = rows::imported::Entity::find()
        .filter(rows::imported::Column::Source.eq(source))
        .filter(rows::imported::Column::Kind.eq(kind))
        .filter(rows::imported::Column::OwnId.in_subquery(own));
    let rows = rows.all(db).await.context("list what was taken over")?;
    Ok(rows.into_iter().map(|row| (row.foreign_id, row.own_id)).collect())
}

/// Tables whose rows belong to a project.
pub(in crate::store) trait OfProject: EntityTrait + Default {}
impl OfProject for rows::hook::Entity {}
impl OfProject for rows::build::Entity {}
impl OfProject for rows::job::Entity {}
