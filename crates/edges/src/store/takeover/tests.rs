//! Rows of another installation are taken over once, and changed later.

use super::*;
use crate::store::tests::{NOW, Stage};
use kozmic_model::ids::{ForgeUserId, RepositoryId};
use secrecy::ExposeSecret;

fn person(number: i64, token: &str) -> NewUser {
    let profile = Profile {
        forge_id: ForgeUserId(number),
        login: "from-there".into(),
        name: "From There".into(),
        avatar_url: String::new(),
        email: None,
    };
    NewUser { profile, token: Some(token.into()), mail_address: Some("there@example.com".into()) }
}

fn foreign(id: i64) -> Foreign<'static> {
    Foreign { source: "mysql://there/kozmic", id, largest: 50 }
}

#[tokio::test]
async fn who_is_here_keeps_name_and_token_and_is_the_same_person() {
    let stage = Stage::new().await;
    let before = stage.store.people().user(stage.user).await.unwrap().unwrap();
    let token = stage.store.people().token_of(stage.user).await.unwrap();
    for _ in 0..2 {
        let known = person(before.profile.forge_id.0, "an old token");
        let taken = stage.store.takeover().import_user(foreign(1), &known, NOW).await.unwrap();
        assert_eq!(taken, Taken::There(stage.user));
    }
    assert_eq!(stage.store.people().user(stage.user).await.unwrap().unwrap(), before);
    let now = stage.store.people().token_of(stage.user).await.unwrap();
    assert_eq!(secret::fingerprint(now.expose_secret()), secret::fingerprint(token.expose_secret()));
}

#[tokio::test]
async fn a_row_that_means_somebody_else_by_now_stays_out() {
    let stage = Stage::new().await;
    let import =
        async |id, new: &NewUser| stage.store.takeover().import_user(foreign(id), new, NOW).await.unwrap();
    let Taken::Over(ben) = import(40, &person(400, "")).await else { panic!("a new user") };
    assert_eq!(ben, UserId(40), "addresses stay as they were");
    assert_eq!(import(40, &person(401, "")).await, Taken::Gone);
    let Taken::Over(odd) = import(i64::MAX, &person(402, "")).await else { panic!("a new user") };
    assert_eq!(odd, UserId(51), "there is room for more users behind it");
}

#[tokio::test]
async fn nothing_is_put_into_a_project_that_is_being_deleted() {
    let stage = Stage::new().await;
    let project = stage.store.projects().project(stage.project).await.unwrap().unwrap();
    let repository = Repository { id: RepositoryId(900), ..project.repository };
    let new = NewProject { repository, owner: stage.user, members: Vec::new(), open_badge: true };
    let import = async || stage.store.takeover().import_project(foreign(7), &new, NOW).await.unwrap();
    let Taken::Over(id) = import().await else { panic!("a new project") };
    assert_eq!(import().await, Taken::There(id));
    stage.store.projects().delete_project(id, NOW).await.unwrap();
    assert_eq!(import().await, Taken::Gone);
}
