//! Deploy keys.

use super::{
    SeenKey,
    stage::{APP, Stage},
};
use crate::forge::PublicKey;
use kozmic_model::ids::DeployKeyId;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

async fn ensure(stage: &Stage, known: Option<DeployKeyId>) -> DeployKeyId {
    let wanted = PublicKey { title: "Kozmic", key: KEY };
    stage.forge().ensure_deploy_key(&stage.token(), &stage.app().await, &wanted, known).await.unwrap()
}

fn only() -> [SeenKey; 1] {
    [SeenKey { key: KEY.to_owned(), may_push: false }]
}

pub(super) async fn a_deploy_key_is_registered_once_and_only_reads(stage: &Stage) {
    let id = ensure(stage, None).await;
    for known in [None, Some(id)] {
        assert_eq!(ensure(stage, known).await, id);
        assert_eq!(stage.other.deploy_keys(APP), only());
    }
}

pub(super) async fn a_deploy_key_that_somebody_removed_is_registered_anew(stage: &Stage) {
    let id = ensure(stage, None).await;
    stage.other.remove_deploy_keys(APP);
    ensure(stage, Some(id)).await;
    assert_eq!(stage.other.deploy_keys(APP), only());
}

pub(super) async fn a_deploy_key_is_removed_and_a_missing_one_is_fine(stage: &Stage) {
    ensure(stage, None).await;
    let (token, app) = (stage.token(), stage.app().await);
    for _ in 0..2 {
        stage.forge().remove_deploy_key(&token, &app, KEY).await.unwrap();
        assert!(stage.other.deploy_keys(APP).is_empty());
    }
}
