//! Deliveries: stored before they are answered, processed afterwards. They are kept, so that a delivery can be
//! inspected and replayed after a fault was fixed.

use super::{database::Database, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    ids::{DeliveryId, HookId},
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set, Unchanged},
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter, QueryOrder, SqlErr,
    sea_query::{Expr, OnConflict},
};

pub(in crate::store) const WAITING: &str = "waiting";
pub(in crate::store) const HANDLED: &str = "handled";
pub(in crate::store) const IGNORED: &str = "ignored";
const FAILED: &str = "failed";

/// The owner of the address at which a delivery came in. The column for its word is called `door`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A hook.
    Hook(HookId),
    /// The Auto Builder.
    AutoBuilder,
}

impl Endpoint {
    /// Its word in the database.
    pub(in crate::store) fn word(self) -> String {
        match self {
            Self::Hook(hook) => format!("hook:{hook}"),
            Self::AutoBuilder => "auto_builder".to_owned(),
        }
    }

    pub(in crate::store) fn hook(self) -> Option<HookId> {
        match self {
            Self::Hook(hook) => Some(hook),
            Self::AutoBuilder => None,
        }
    }
}

/// A delivery as it came in, with a checked signature.
pub struct NewDelivery {
    /// The owner of the address that was called.
    pub endpoint: Endpoint,
    /// The forge's own id of the event. GitHub uses one id for all webhooks that it calls for the event, so only
    /// endpoint and id together identify a repeated delivery.
    pub uuid: String,
    /// The forge's word for the event.
    pub event: String,
    /// The body.
    pub payload: Vec<u8>,
}

/// Outcome of a delivery that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// The delivery was new.
    New,
    /// The delivery came before.
    Duplicate,
}

/// A stored delivery that is not processed yet.
pub struct WaitingDelivery {
    /// Its id.
    pub id: DeliveryId,
    /// The delivery as it came in.
    pub delivery: NewDelivery,
}

/// Deliveries of the forge.
#[derive(Clone, Copy)]
pub struct Deliveries<'a> {
    pub(super) db: &'a Database,
}

impl Deliveries<'_> {
    /// Stores a delivery, once. If it failed before and is sent again, it is processed once more.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn store_delivery(self, delivery: NewDelivery, now: Timestamp) -> Result<Stored> {
        let NewDelivery { endpoint, uuid, event, payload } = delivery;
        let (word, id) = (endpoint.word(), uuid.clone());
        let row = rows::delivery::ActiveModel {
            id: NotSet,
            door: Set(endpoint.word()),
            hook_id: Set(endpoint.hook().map(|hook| hook.0)),
            uuid: Set(uuid),
            event: Set(event),
            payload: Set(payload),
            state: Set(WAITING.to_owned()),
            note: Set(None),
            received_at: Set(now.0),
        };
        if insert(&self.db.writer, row).await.context("store a delivery")? {
            return Ok(Stored::New);
        }
        // Two steps, because MySQL allows no condition on the update of an upsert.
        let again = rows::delivery::Entity::update_many()
            .col_expr(rows::delivery::Column::State, Expr::value(WAITING))
            .filter(rows::delivery::Column::Door.eq(word))
            .filter(rows::delivery::Column::Uuid.eq(id))
            .filter(rows::delivery::Column::State.eq(FAILED));
        match again.exec(&self.db.writer).await.context("take a delivery up again")?.rows_affected {
            0 => Ok(Stored::Duplicate),
            _ => Ok(Stored::New),
        }
    }

    /// The oldest delivery after another one that is not processed yet.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn waiting_delivery(self, behind: DeliveryId) -> Result<Option<WaitingDelivery>> {
        let row = rows::delivery::Entity::find()
            .filter(rows::delivery::Column::State.eq(WAITING))
            .filter(rows::delivery::Column::Id.gt(behind.0))
            .order_by_asc(rows::delivery::Column::Id);
        let row = row.one(&self.db.reader).await.context("find a waiting delivery")?;
        Ok(row.map(|row| {
            let rows::delivery::Model { id, hook_id, uuid, event, payload, .. } = row;
            let endpoint = hook_id.map_or(Endpoint::AutoBuilder, |hook| Endpoint::Hook(HookId(hook)));
            let delivery = NewDelivery { endpoint, uuid, event, payload };
            WaitingDelivery { id: DeliveryId(id), delivery }
        }))
    }

    /// Notes the reason why a delivery causes no build.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn ignore_delivery(self, id: DeliveryId, why: &str) -> Result<()> {
        settle(&self.db.writer, id, IGNORED, Some(why)).await
    }

    /// Adds words to the result of a delivery.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn add_remark(self, id: DeliveryId, remark: &str) -> Result<()> {
        let row = rows::delivery::Entity::find_by_id(id.0);
        let note = row.one(&self.db.reader).await.context("find a delivery")?.and_then(|row| row.note);
        let note = note.map_or_else(|| remark.to_owned(), |note| format!("{note}; {remark}"));
        let row =
            rows::delivery::ActiveModel { id: Unchanged(id.0), note: Set(Some(note)), ..Default::default() };
        row.update(&self.db.writer).await.context("add a remark to a delivery")?;
        Ok(())
    }

    /// Deletes deliveries that came before a time and were understood; failed deliveries stay.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forget_deliveries(self, before: Timestamp) -> Result<u64> {
        self.forget_those(&[HANDLED, IGNORED], before).await
    }

    /// Deletes deliveries that came before a time and failed.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn forget_failed_deliveries(self, before: Timestamp) -> Result<u64> {
        self.forget_those(&[FAILED], before).await
    }

    async fn forget_those(self, states: &[&str], before: Timestamp) -> Result<u64> {
        let old = rows::delivery::Entity::delete_many()
            .filter(rows::delivery::Column::State.is_in(states.iter().copied()))
            .filter(rows::delivery::Column::ReceivedAt.lt(before.0));
        Ok(old.exec(&self.db.writer).await.context("forget old deliveries")?.rows_affected)
    }

    /// Notes the reason why a delivery failed. The delivery is kept, so that it can be inspected and replayed.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn fail_delivery(self, id: DeliveryId, why: &str) -> Result<()> {
        settle(&self.db.writer, id, FAILED, Some(why)).await
    }
}

/// Inserts a delivery's row. False if the row exists already.
async fn insert(db: &impl ConnectionTrait, row: rows::delivery::ActiveModel) -> Result<bool, DbErr> {
    let insert = rows::delivery::Entity::insert(row);
    // MySQL counts an unchanged existing row as written.
    if db.get_database_backend() == DbBackend::MySql {
        return match insert.exec_without_returning(db).await {
            Err(fault) if matches!(fault.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => Ok(false),
            done => done.map(|_| true),
        };
    }
    let identity = [rows::delivery::Column::Door, rows::delivery::Column::Uuid];
    let once = OnConflict::columns(identity).do_nothing().to_owned();
    Ok(insert.on_conflict(once).exec_without_returning(db).await? > 0)
}

/// Notes the result of a delivery.
pub(in crate::store) async fn settle(
    db: &impl ConnectionTrait,
    id: DeliveryId,
    state: &str,
    note: Option<&str>,
) -> Result<()> {
    let row = rows::delivery::ActiveModel {
        id: Unchanged(id.0),
        state: Set(state.to_owned()),
        note: Set(note.map(str::to_owned)),
        ..Default::default()
    };
    row.update(db).await.context("note what became of a delivery")?;
    Ok(())
}
