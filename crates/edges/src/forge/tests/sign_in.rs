//! Sign-in: the code, the token, the person.

use super::stage::Stage;
use crate::{
    clock,
    forge::{ForgeError, Token},
};
use std::time::Duration;
use url::Url;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn redirect() -> Url {
    "http://127.0.0.1:9/_auth/auth-callback/".parse().unwrap()
}

/// The code that Bob's browser brings back.
async fn code(stage: &Stage) -> String {
    let page = stage.forge().authorize_url("state", &VERIFIER.into(), &redirect());
    stage.other.agree(&page, "bob").await
}

async fn exchange(stage: &Stage, code: &str, verifier: &str) -> Result<Token, ForgeError> {
    stage.forge().exchange_code(code, &verifier.into(), &redirect()).await
}

pub(super) async fn a_code_is_exchanged_once_for_the_token_of_its_person(stage: &Stage) {
    let code = code(stage).await;
    let token = exchange(stage, &code, VERIFIER).await.unwrap();
    let profile = stage.forge().profile(&token.access).await.unwrap();
    assert_eq!((profile.login.as_str(), profile.email.as_deref()), ("bob", Some("bob@example.com")));
    assert!(stage.forge().organizations(&token.access).await.unwrap().is_empty());
    let again = exchange(stage, &code, VERIFIER).await.err().expect("a refusal");
    assert!(again.is_unauthorized(), "{again}");
}

pub(super) async fn a_code_is_no_use_with_another_verifier(stage: &Stage) {
    let other = VERIFIER.replace('d', "e");
    let fault = exchange(stage, &code(stage).await, &other).await.err().expect("a refusal");
    assert!(fault.is_unauthorized(), "{fault}");
    stage.other.forgive();
}

pub(super) async fn a_token_that_ends_says_when_and_brings_another(stage: &Stage) {
    let lifetime = Duration::from_secs(8 * 3_600);
    stage.other.let_tokens_end(lifetime);
    let (code, before) = (code(stage).await, clock::now());
    let token = exchange(stage, &code, VERIFIER).await.unwrap();
    let end = token.expires_at.expect("an end");
    assert!(before.after(lifetime) <= end && end <= clock::now().after(lifetime), "{end:?}");
    assert!(token.refresh.is_some());
    assert_eq!(stage.forge().profile(&token.access).await.unwrap().login, "bob");
}

pub(super) async fn a_token_that_was_taken_back_is_told(stage: &Stage) {
    let token = stage.token();
    stage.other.take_back_tokens("anna");
    let fault = stage.forge().repositories(&token).await.unwrap_err();
    assert!(fault.is_unauthorized() && fault.try_again().is_none(), "{fault}");
}

pub(super) async fn the_application_is_known_with_its_secret(stage: &Stage) {
    stage.forge().try_client(&redirect()).await.unwrap();
    stage.forge().greet().await.unwrap();
}
