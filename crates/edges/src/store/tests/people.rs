//! Tests of people: access to projects, and sessions.

use super::*;
use std::time::Duration;

#[tokio::test]
async fn members_follow_the_forge_whole() {
    let stage = Stage::new().await;
    let store = &stage.store;
    let collaborators =
        [(7, "anna", Permission::Admin), (8, "bert", Permission::Push), (9, "cleo", Permission::Read)];
    let collaborators = collaborators
        .map(|(number, login, permission)| Collaborator { profile: profile(number, login), permission });
    let renamed = Repository { name: "world".into(), ..repository() };
    store.projects().sync_members(stage.project, &renamed, &collaborators, NOW).await.unwrap();
    let members = store.projects().members(stage.project).await.unwrap();
    let roles =
        members.iter().map(|member| (member.user.profile.login.as_str(), member.role)).collect::<Vec<_>>();
    assert_eq!(roles, [("anna", Role::Owner), ("bert", Role::Manager), ("cleo", Role::Member)]);
    assert_eq!(
        store.projects().speakers(stage.project).await.unwrap(),
        [stage.user],
        "bert has not signed in"
    );
    assert_eq!(store.projects().project_named("ANNA", "World").await.unwrap().unwrap().id, stage.project);
    store.projects().sync_members(stage.project, &renamed, &collaborators[1..], NOW).await.unwrap();
    assert_eq!(store.projects().role_in(stage.project, stage.user).await.unwrap(), None);
    assert_eq!(
        store.projects().project(stage.project).await.unwrap().unwrap().owner,
        stage.user,
        "nobody can take it over"
    );
    let access = Access { repository: renamed, permission: Permission::Read };
    store.projects().sync_projects_of(stage.user, &[access]).await.unwrap();
    assert_eq!(store.projects().role_in(stage.project, stage.user).await.unwrap(), Some(Role::Owner));
    assert!(
        store.projects().repositories(stage.user).await.unwrap().is_empty(),
        "no project is made of what one only reads"
    );
    store.projects().sync_projects_of(stage.user, &[]).await.unwrap();
    assert_eq!(store.projects().role_in(stage.project, stage.user).await.unwrap(), None);
}

#[tokio::test]
async fn a_token_that_ended_signs_its_user_out() {
    let stage = Stage::new().await;
    let store = &stage.store;
    let look = SessionLook { idle: Duration::from_secs(60), is_use: false };
    assert!(store.people().user_of_session("f", look, NOW).await.unwrap().is_some());
    store.people().drop_token(stage.user).await.unwrap();
    assert!(store.people().user_of_session("f", look, NOW).await.unwrap().is_none());
    assert!(store.people().token_of(stage.user).await.unwrap_err().to_string().contains("sign in once more"));
    assert!(store.projects().speakers(stage.project).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_new_sign_in_ends_the_session_that_the_browser_had() {
    let stage = Stage::new().await;
    let look = SessionLook { idle: Duration::from_secs(60), is_use: false };
    let sign_in = async |fingerprint: &str, former: Option<&str>| {
        let session = NewSession {
            fingerprint: fingerprint.into(),
            expires_at: LATER,
            agent: String::new(),
            former: former.map(str::to_owned),
            admission: Admission::Unasked,
        };
        stage.store.people().sign_in(&profile(8, "bert"), &"token".into(), &session, NOW).await.unwrap();
    };
    let lasts = async |fingerprint| {
        stage.store.people().user_of_session(fingerprint, look, NOW).await.unwrap().is_some()
    };
    sign_in("elsewhere", None).await;
    sign_in("g", Some("f")).await;
    assert!(!lasts("f").await, "whoever it was before");
    assert!(lasts("g").await && lasts("elsewhere").await);
}

#[tokio::test]
async fn who_may_be_here_no_more_is_signed_out_and_their_tokens_rest() {
    let stage = Stage::new().await;
    let (store, organization) = (&stage.store, Admission::Organization("adlift".into()));
    let look = SessionLook { idle: Duration::from_secs(60), is_use: false };
    assert!(store.people().guests().await.unwrap().is_empty(), "nobody asked about anna");
    store.people().note_admission(stage.user, &organization).await.unwrap();
    assert_eq!(store.people().guests().await.unwrap()[0].admission, organization);
    assert!(store.people().user_of_session("f", look, NOW).await.unwrap().is_some());
    store.people().note_admission(stage.user, &Admission::Nobody).await.unwrap();
    assert!(store.people().user_of_session("f", look, NOW).await.unwrap().is_none());
    assert!(store.people().guests().await.unwrap().is_empty());
    assert_eq!(store.people().user(stage.user).await.unwrap().unwrap().admission, Admission::Nobody);
}
