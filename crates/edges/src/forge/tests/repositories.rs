//! Repositories: who reaches which, and with which right.

use super::stage::{APP, Stage};
use kozmic_model::{fork::Pusher, project::Permission};

pub(super) async fn a_person_reaches_what_is_theirs_and_what_they_were_let_into(stage: &Stage) {
    stage.other.add_repository("anna/secret", true);
    stage.other.allow("anna/secret", "bob", Some(Permission::Push));
    let reached = async |login: &str| {
        let all = stage.forge().repositories(&stage.other.token(login)).await.unwrap();
        let mut all = all
            .into_iter()
            .map(|access| (access.repository.full_name(), access.permission))
            .collect::<Vec<_>>();
        all.sort();
        all
    };
    let owned = |name: &str| (name.to_owned(), Permission::Admin);
    assert_eq!(reached("anna").await, [owned(APP), owned("anna/secret")]);
    assert_eq!(reached("bob").await, [("anna/secret".to_owned(), Permission::Push)]);
    assert!(reached("eve").await.is_empty());
}

pub(super) async fn a_hidden_repository_is_missing_for_strangers(stage: &Stage) {
    stage.other.add_repository("anna/secret", true);
    let (forge, anna, eve) = (stage.forge(), stage.token(), stage.other.token("eve"));
    let secret = forge.repository_named(&anna, "anna", "secret").await.unwrap().expect("a repository");
    assert!(secret.private);
    assert_eq!(forge.repository_named(&eve, "anna", "secret").await.unwrap(), None);
    assert_eq!(forge.repository(&eve, secret.id).await.unwrap(), None);
    assert!(forge.collaborators(&eve, &secret).await.unwrap_err().is_missing());
    assert!(forge.tips(&eve, &secret).await.unwrap_err().is_missing());
}

pub(super) async fn a_repository_is_found_by_its_number_and_by_its_former_name(stage: &Stage) {
    let (forge, token, app) = (stage.forge(), stage.token(), stage.app().await);
    stage.other.rename(APP, "tool").await;
    for found in [
        forge.repository(&token, app.id).await.unwrap(),
        forge.repository_named(&token, "anna", "app").await.unwrap(),
        forge.repository_named(&token, "anna", "tool").await.unwrap(),
    ] {
        let found = found.expect("a repository");
        assert_eq!((found.id, found.full_name().as_str()), (app.id, "anna/tool"));
    }
    assert_eq!(forge.repository_named(&token, "anna", "none").await.unwrap(), None);
}

pub(super) async fn who_was_let_in_is_told_with_their_rights(stage: &Stage) {
    let (forge, token, app) = (stage.forge(), stage.token(), stage.app().await);
    stage.other.allow(APP, "bob", Some(Permission::Push));
    let mut people = forge.collaborators(&token, &app).await.unwrap();
    people.sort_by(|one, other| one.profile.login.cmp(&other.profile.login));
    let rights = people.iter().map(|one| (one.profile.login.as_str(), one.permission)).collect::<Vec<_>>();
    assert_eq!(rights, [("anna", Permission::Admin), ("bob", Permission::Push)]);
    let bob = Pusher { id: people[1].profile.forge_id, login: "bob".to_owned() };
    assert_eq!(forge.permission(&token, &app, &bob).await.unwrap(), Some(Permission::Push));
    let other = Pusher { id: people[0].profile.forge_id, ..bob };
    assert_eq!(forge.permission(&token, &app, &other).await.unwrap(), None, "another person by now");
}
