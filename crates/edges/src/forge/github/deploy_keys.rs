//! Deploy keys: registered read-only, or found again.
//!
//! GitHub takes a key only once on the whole server. If its answer was lost, the key is found in the list.

use super::{Client, ForgeError, PublicKey, repositories};
use kozmic_model::{ids::DeployKeyId, project::Repository};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

/// GitHub's words for a key that is already registered somewhere.
const IN_USE: &str = "already in use";

#[derive(Deserialize)]
struct KeyAnswer {
    id: i64,
    key: String,
    #[serde(default)]
    read_only: bool,
}

/// The keys of one repository, by the token of one person.
pub(super) struct DeployKeys<'a> {
    pub(super) client: &'a Client,
    pub(super) token: &'a SecretString,
    pub(super) repository: &'a Repository,
}

impl DeployKeys<'_> {
    pub(super) async fn ensure(
        &self,
        wanted: &PublicKey<'_>,
        known: Option<DeployKeyId>,
    ) -> Result<DeployKeyId, ForgeError> {
        if let Some(known) = known
            && self
                .known(known)
                .await?
                .is_some_and(|there| there.read_only && is_same(&there.key, wanted.key))
        {
            return Ok(known);
        }
        match self.make(wanted).await {
            Err(refusal @ ForgeError::Refused { status: 422, .. }) => self.take_over(wanted, refusal).await,
            made => made,
        }
    }

    /// Removes each entry of this key, with any number.
    pub(super) async fn remove(&self, key: &str) -> Result<(), ForgeError> {
        let path = self.client.repository_path(self.repository, &["keys"])?;
        let there = match self.client.list::<KeyAnswer>(path, self.token).await {
            Err(fault) if fault.is_missing() => {
                return repositories::gone(self.client, self.token, self.repository).await;
            }
            there => there?,
        };
        for same in there.iter().filter(|there| is_same(&there.key, key)) {
            self.delete(DeployKeyId(same.id)).await?;
        }
        Ok(())
    }

    async fn delete(&self, key: DeployKeyId) -> Result<(), ForgeError> {
        let path = self.client.repository_path(self.repository, &["keys", &key.to_string()])?;
        match self.client.delete(path, self.token).await {
            Err(fault) if fault.is_missing() => {
                repositories::gone(self.client, self.token, self.repository).await
            }
            removed => removed,
        }
    }

    async fn known(&self, key: DeployKeyId) -> Result<Option<KeyAnswer>, ForgeError> {
        let path = self.client.repository_path(self.repository, &["keys", &key.to_string()])?;
        match self.client.get(path, self.token).await {
            Ok(there) => Ok(Some(there)),
            // Somebody removed it at GitHub.
            Err(fault) if fault.is_missing() => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn make(&self, wanted: &PublicKey<'_>) -> Result<DeployKeyId, ForgeError> {
        let path = self.client.repository_path(self.repository, &["keys"])?;
        let body = json!({ "title": wanted.title, "key": wanted.key, "read_only": true });
        let response = self.client.post(path, self.token, &body).await?;
        Ok(DeployKeyId(self.client.json::<KeyAnswer>(response).await?.id))
    }

    /// The outcome after a refusal. The key may already be in this repository, and that is right if it may only read.
    async fn take_over(
        &self,
        wanted: &PublicKey<'_>,
        refusal: ForgeError,
    ) -> Result<DeployKeyId, ForgeError> {
        let path = self.client.repository_path(self.repository, &["keys"])?;
        let keys = self.client.list::<KeyAnswer>(path, self.token).await?;
        match keys.into_iter().find(|there| is_same(&there.key, wanted.key)) {
            Some(KeyAnswer { id, read_only: true, .. }) => Ok(DeployKeyId(id)),
            Some(KeyAnswer { id, .. }) => {
                self.delete(DeployKeyId(id)).await?;
                self.make(wanted).await
            }
            None => Err(meaning(refusal)),
        }
    }
}

/// The meaning of a refusal. If the key is in use nowhere, the server does not take keys of this kind.
fn meaning(refusal: ForgeError) -> ForgeError {
    match refusal {
        ForgeError::Refused { forge, message, .. } if !message.contains(IN_USE) => {
            ForgeError::KeyRefused { forge, message }
        }
        other => other,
    }
}

/// The same type and the same key; comments do not count.
fn is_same(one: &str, other: &str) -> bool {
    let parts = |key: &'_ str| key.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>();
    parts(one) == parts(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::github::tests::loopback::{Loopback, repository};

    const KEY: &str = "ssh-ed25519 AAAAC3";

    async fn ensured(loopback: &Loopback, known: Option<i64>) -> Result<i64, ForgeError> {
        let (client, token, repository) = (loopback.client(), "t0ken".into(), repository());
        let keys = DeployKeys { client: &client, token: &token, repository: &repository };
        let wanted = PublicKey { title: "Kozmic", key: KEY };
        keys.ensure(&wanted, known.map(DeployKeyId)).await.map(|id| id.0)
    }

    fn refused(words: &str) -> String {
        json!({ "message": "Validation Failed", "errors": [{ "field": "key", "message": words }] })
            .to_string()
    }

    #[tokio::test]
    async fn a_key_that_is_there_stays() {
        let answer = json!({ "id": 4, "key": format!("{KEY} a comment"), "read_only": true }).to_string();
        let loopback = Loopback::answering([(200, answer)]).await;
        assert_eq!(ensured(&loopback, Some(4)).await.unwrap(), 4);
        assert_eq!(loopback.asked(), ["GET /api/repositories/1/keys/4"]);
    }

    #[tokio::test]
    async fn a_key_that_somebody_removed_is_registered_anew() {
        let made = json!({ "id": 5, "key": KEY, "read_only": true }).to_string();
        let loopback = Loopback::answering([(404, "{}".to_owned()), (201, made)]).await;
        assert_eq!(ensured(&loopback, Some(4)).await.unwrap(), 5);
        assert_eq!(loopback.asked(), ["GET /api/repositories/1/keys/4", "POST /api/repositories/1/keys"]);
    }

    #[tokio::test]
    async fn a_key_whose_answer_was_lost_is_found() {
        let list = json!([{ "id": 1, "key": "ssh-rsa A" }, { "id": 6, "key": KEY, "read_only": true }]);
        let answers = [(422, refused("key is already in use")), (200, list.to_string())];
        let loopback = Loopback::answering(answers).await;
        assert_eq!(ensured(&loopback, None).await.unwrap(), 6);
    }

    #[tokio::test]
    async fn a_key_that_may_write_is_replaced() {
        let list = json!([{ "id": 6, "key": KEY, "read_only": false }]);
        let made = json!({ "id": 7, "key": KEY, "read_only": true }).to_string();
        let answers = [
            (422, refused("key is already in use")),
            (200, list.to_string()),
            (204, String::new()),
            (201, made),
        ];
        let loopback = Loopback::answering(answers).await;
        assert_eq!(ensured(&loopback, None).await.unwrap(), 7);
        assert_eq!(loopback.asked()[2], "DELETE /api/repositories/1/keys/6");
    }

    #[tokio::test]
    async fn a_key_is_removed_by_what_it_is_and_others_stay() {
        let list = json!([{ "id": 1, "key": "ssh-rsa A" }, { "id": 6, "key": format!("{KEY} x"), "read_only": true }]);
        let loopback = Loopback::answering([(200, list.to_string()), (204, String::new())]).await;
        let (client, token, repository) = (loopback.client(), "t0ken".into(), repository());
        let keys = DeployKeys { client: &client, token: &token, repository: &repository };
        keys.remove(KEY).await.unwrap();
        assert_eq!(loopback.asked()[1..], ["DELETE /api/repositories/1/keys/6"]);
    }

    #[tokio::test]
    async fn a_key_in_use_elsewhere_is_no_matter_of_its_kind() {
        let answers = [(422, refused("key is already in use")), (200, "[]".to_owned())];
        let fault = ensured(&Loopback::answering(answers).await, None).await.unwrap_err();
        assert!(!fault.is_key_refused() && fault.to_string().contains("already in use"), "{fault}");
        let answers = [(422, refused("key is invalid")), (200, "[]".to_owned())];
        let fault = ensured(&Loopback::answering(answers).await, None).await.unwrap_err();
        assert!(fault.is_key_refused() && fault.to_string().contains("key is invalid"), "{fault}");
    }
}
