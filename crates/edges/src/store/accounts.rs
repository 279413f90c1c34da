//! Things that people set for themselves: wishes for mail.

use super::{Store, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Deed},
    ids::UserId,
    user::MailSettings,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
};

impl Store {
    /// Notes whether, where and of what a user wants mail.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn change_mail_settings(&self, user: UserId, mail: &MailSettings) -> Result<()> {
        let tx = self.write().await?;
        let row = rows::user::ActiveModel {
            id: Unchanged(user.0),
            mail_address: Set(mail.address.clone()),
            mail_is_on: Set(mail.is_on),
            mail_only_own: Set(mail.only_own_commits),
            ..Default::default()
        };
        row.update(&tx).await.context("note a user's wishes for mail")?;
        self.note(&tx, Deed::new(Action::MailChanged, None, "")).await?;
        tx.commit().await.context("commit a user's wishes for mail")
    }
}
