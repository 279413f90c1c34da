//! Takes over rows of another installation. Each row becomes one row here, however often the take-over is repeated.
//!
//! A row that was taken over is noted in the table `imported`, in the same transaction. Nothing here puts a message
//! into the outbox: old results are no news.
//!
//! A repeated take-over applies later changes of the other installation, as long as the row was not changed here.

#[cfg(test)]
mod tests;
mod builds;
mod places;
mod gone;
mod notes;
mod taken;
mod new_build;

pub use builds::{BuildTaken, ForeignBuilds};
pub use gone::{Lost, Still};
pub use new_build::{NewBuild, NewJob};

use notes::{free_id, note, own_id};

use super::{
    database::{Database, Transaction},
    hooks, keys,
    people::users,
    projects::{self, set_role},
    rows,
};
use crate::secret;
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Deed},
    hook::HookSettings,
    ids::{DeployKeyId, HookId, ProjectId, UserId, WebhookId},
    project::{Repository, Role},
    time::Timestamp,
    user::Profile,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ColumnTrait, EntityTrait, Iterable, QueryFilter,
};
use secrecy::SecretString;

/// A row of another installation.
#[derive(Clone, Copy, Debug)]
pub struct Foreign<'a> {
    /// The name of the installation.
    pub source: &'a str,
    /// The row's id in the other installation.
    pub id: i64,
    /// The largest id of such rows in the other installation. A row that cannot keep its id gets an id above all of
    /// them, so that no other row loses its id to it.
    pub largest: i64,
}

/// The largest id that is kept. SQLite continues after the largest id that ever existed, and scripts handle numbers
/// only up to 2^53.
pub const LARGEST_ID: i64 = 1 << 40;

/// Outcome for a row of another installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken<T> {
    /// The row is here now.
    Over(T),
    /// The row was here before.
    There(T),
    /// The row was here before, and was updated after a change in the other installation.
    Followed(T),
    /// The row was here before, and somebody removed it since.
    Gone,
    /// There is such a row here that did not come from that installation.
    MadeHere,
}

/// A user of another installation.
pub struct NewUser {
    /// The profile as the forge told it to that installation.
    pub profile: Profile,
    /// The user's token at the forge, if it is known.
    pub token: Option<SecretString>,
    /// The address at which the user wants mail.
    pub mail_address: Option<String>,
}

/// A project of another installation.
pub struct NewProject {
    /// The repository of the project.
    pub repository: Repository,
    /// The user who made it.
    pub owner: UserId,
    /// The other users who may see the project.
    pub members: Vec<(UserId, Role)>,
    /// True if everybody may see the badge although the repository is private.
    pub open_badge: bool,
}

/// A hook of another installation.
pub struct NewHook {
    /// The hook's settings.
    pub settings: HookSettings,
    /// The webhook that calls the hook.
    pub webhook: Option<WebhookId>,
}

/// Rows that are taken over from another installation.
#[derive(Clone, Copy)]
pub struct Takeover<'a> {
    pub(super) db: &'a Database,
}

impl Takeover<'_> {
    /// Takes over a user. A user who is known here stays unchanged, except that a missing token is added. The mail
    /// address is updated, too, if the user never signed in here.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn import_user(
        self,
        foreign: Foreign<'_>,
        new: &NewUser,
        now: Timestamp,
    ) -> Result<Taken<UserId>> {
        self.db
            .change("a user's take-over", move |tx| async move {
                let tx = &tx;
                let there =
                    rows::user::Entity::find().filter(rows::user::Column::ForgeId.eq(new.profile.forge_id.0));
                let there = there.one(tx).await.context("find a user")?;
                let token = new
                    .token
                    .as_ref()
                    .map(|token| self.db.vault.seal(users::TOKEN_PLACE, token))
                    .unwrap_or_default();
                let taken = match (there, own_id(tx, "user", foreign).await?) {
                    (Some(row), known) => known_user(tx, row, known.is_some(), new, token).await?,
                    (None, Some(_)) => return Ok(Taken::Gone),
                    (None, None) => {
                        let id = free_id::<rows::user::Entity>(tx, foreign).await?;
                        let row = rows::user::ActiveModel { id: Set(id), ..user_row(new, token, now) };
                        Taken::Over(UserId(row.insert(tx).await.context("take over a user")?.id))
                    }
                };
                if let Taken::Over(id) | Taken::There(id) | Taken::Followed(id) = taken {
                    note(tx, "user", foreign, id.0).await?;
                }
                Ok(taken)
            })
            .await
    }

    /// Takes over a project with its members, if its repository has no project here.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn import_project(
        self,
        foreign: Foreign<'_>,
        new: &NewProject,
        now: Timestamp,
    ) -> Result<Taken<ProjectId>> {
        self.db
            .change("a project's take-over", move |tx| async move {
                let tx = &tx;
                let known = own_id(tx, "project", foreign).await?;
                let there = rows::project::Entity::find()
                    .filter(rows::project::Column::ForgeId.eq(new.repository.id.0));
                match (there.one(tx).await.context("find a project")?, known) {
                    (Some(row), Some(known)) if row.id == known => {
                        if row.synced_at.is_none() {
                            follow_members(tx, ProjectId(known), new).await?;
                        }
                        return Ok(Taken::There(ProjectId(known)));
                    }
                    (Some(_), _) => return Ok(Taken::MadeHere),
                    // After a restart of its database, the other installation may have given its last number once more,
                    // to another repository.
                    (None, Some(known)) if is_of_another(tx, known).await? => {}
                    (None, Some(_)) => return Ok(Taken::Gone),
                    (None, None) => {}
                }
                let id = free_id::<rows::project::Entity>(tx, foreign).await?;
                let row = rows::project::ActiveModel {
                    id: Set(id),
                    open_badge: Set(new.open_badge),
                    ..projects::project_row(new.owner, &new.repository, now)
                };
                let id = ProjectId(row.insert(tx).await.context("take over a project")?.id);
                for (user, role) in &new.members {
                    set_role(tx, id, *user, *role).await?;
                }
                set_role(tx, id, new.owner, Role::Owner).await?;
                note(tx, "project", foreign, id.0).await?;
                tx.note(Deed::new(Action::ProjectImported, Some(id), "")).await?;
                Ok(Taken::Over(id))
            })
            .await
    }

    /// Takes over a deploy key, if the project has none. False if it has one.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn import_deploy_key(
        self,
        project: ProjectId,
        public: &str,
        private: &SecretString,
        at_forge: Option<DeployKeyId>,
    ) -> Result<bool> {
        self.db
            .change("a deploy key's take-over", move |tx| async move {
                let tx = &tx;
                let there = rows::deploy_key::Entity::find_by_id(project.0).one(tx).await;
                if there.context("find a deploy key")?.is_some() {
                    return Ok(false);
                }
                let row = rows::deploy_key::ActiveModel {
                    project_id: Set(project.0),
                    public_key: Set(public.to_owned()),
                    private_key: Set(self.db.vault.seal(keys::deploy_keys::PRIVATE_PLACE, private)),
                    at_forge: Set(at_forge.map(|id| id.0)),
                };
                rows::deploy_key::Entity::insert(row)
                    .exec_without_returning(tx)
                    .await
                    .context("take over a deploy key")?;
                Ok(true)
            })
            .await
    }

    /// Takes over a hook, with a new secret. The hook's webhook gets the secret only when it is connected anew.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn import_hook(
        self,
        foreign: Foreign<'_>,
        project: ProjectId,
        new: &NewHook,
        now: Timestamp,
    ) -> Result<Taken<HookId>> {
        self.db
            .change("a hook's take-over", move |tx| async move {
                let tx = &tx;
                if let Some(id) = own_id(tx, "hook", foreign).await? {
                    let row = rows::hook::Entity::find_by_id(id).one(tx).await.context("find a hook")?;
                    let Some(row) = row.filter(|row| row.project_id == project.0) else {
                        return Ok(Taken::Gone);
                    };
                    return follow_hook(tx, row, new).await;
                }
                let row = rows::hook::ActiveModel {
                    id: Set(free_id::<rows::hook::Entity>(tx, foreign).await?),
                    project_id: Set(project.0),
                    secret: Set(self.db.vault.seal(hooks::SECRET_PLACE, &secret::random())),
                    webhook_id: Set(new.webhook.map(|id| id.0)),
                    created_at: Set(now.0),
                    cache_inputs: Set(None),
                    unsigned: Set(new.webhook.is_some()),
                    is_own: Set(false),
                    ..hooks::settings_row(&new.settings)?
                };
                let id = row.insert(tx).await.context("take over a hook")?.id;
                note(tx, "hook", foreign, id).await?;
                Ok(Taken::Over(HookId(id)))
            })
            .await
    }
}

/// Updates a user who is here already. If the user never signed in here, the other installation is the only source, so
/// its changes are applied.
async fn known_user(
    tx: &Transaction,
    row: rows::user::Model,
    is_from_there: bool,
    new: &NewUser,
    token: Vec<u8>,
) -> Result<Taken<UserId>> {
    let id = UserId(row.id);
    let mut fresh = rows::user::ActiveModel { id: Unchanged(row.id), ..Default::default() };
    if row.token.is_empty() && !token.is_empty() {
        fresh.token = Set(token);
    }
    if is_from_there && row.signed_in_at == 0 && row.mail_address != new.mail_address {
        fresh.mail_address = Set(new.mail_address.clone());
        fresh.mail_unconfirmed = Set(None);
    }
    if !fresh.token.is_set() && !fresh.mail_address.is_set() {
        return Ok(Taken::There(id));
    }
    fresh.update(tx).await.context("follow a user")?;
    Ok(if is_from_there { Taken::Followed(id) } else { Taken::There(id) })
}

/// Updates the members from the other installation. This is done only until the forge was asked.
async fn follow_members(tx: &Transaction, project: ProjectId, new: &NewProject) -> Result<()> {
    let others = rows::membership::Entity::delete_many()
        .filter(rows::membership::Column::ProjectId.eq(project.0))
        .filter(rows::membership::Column::Role.ne(Role::Owner.word()));
    others.exec(tx).await.context("drop former members")?;
    for (user, role) in new.members.iter().filter(|(user, _)| *user != new.owner) {
        set_role(tx, project, *user, *role).await?;
    }
    Ok(())
}

/// True if a project that was taken over still exists here. Then the repository that has its number in the other
/// installation now is another one.
async fn is_of_another(tx: &Transaction, id: i64) -> Result<bool> {
    let row = rows::project::Entity::find_by_id(id).one(tx).await.context("find a project")?;
    Ok(row.is_some_and(|row| row.deleted_at.is_none()))
}

/// Updates a hook from the other installation, unless somebody here saved or restored it.
async fn follow_hook(tx: &Transaction, row: rows::hook::Model, new: &NewHook) -> Result<Taken<HookId>> {
    let id = HookId(row.id);
    let fresh = rows::hook::ActiveModel {
        id: Unchanged(row.id),
        webhook_id: Set(new.webhook.map(|id| id.0)),
        unsigned: Set(new.webhook.is_some()),
        ..hooks::settings_row(&new.settings)?
    };
    if row.is_own || is_same(&row, &fresh) {
        return Ok(Taken::There(id));
    }
    fresh.update(tx).await.context("follow a hook")?;
    Ok(Taken::Followed(id))
}

/// True if a row has all values already that are to be set.
fn is_same(row: &rows::hook::Model, fresh: &rows::hook::ActiveModel) -> bool {
    let before = rows::hook::ActiveModel::from(row.clone());
    let columns = <rows::hook::Entity as EntityTrait>::Column::iter();
    let mut set = columns.map(|column| (before.get(column), fresh.get(column)));
    set.all(|(before, fresh)| fresh.is_not_set() || before.into_value() == fresh.into_value())
}

fn user_row(new: &NewUser, token: Vec<u8>, now: Timestamp) -> rows::user::ActiveModel {
    let mail_address = Set(new.mail_address.clone());
    rows::user::ActiveModel { mail_address, ..users::new_row(&new.profile, token, now) }
}
