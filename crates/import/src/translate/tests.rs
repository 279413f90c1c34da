//! Tests with rows that the original would not have written, and with rows that it wrote.

use super::*;

fn old_user() -> OldUser {
    OldUser {
        id: 1,
        forge_id: 1001,
        login: "anna".into(),
        name: "Anna Orbit".into(),
        token: "gho_x".into(),
        avatar_url: "https://avatars.example/1".into(),
        email: Some("anna@example.com".into()),
    }
}

fn old_project() -> OldProject {
    OldProject {
        id: 1,
        owner_id: 1,
        forge_id: 4001,
        owner: "anna".into(),
        name: "hello".into(),
        ssh_url: "git@github.com:anna/hello.git".into(),
        clone_url: "https://github.com/anna/hello.git".into(),
        is_public: true,
    }
}

fn old_hook() -> OldHook {
    OldHook {
        id: 3,
        forge_id: 77,
        title: "Tests".into(),
        install_script: None,
        script: "#!/bin/sh\ntrue\n".into(),
        image: "debian".into(),
    }
}

fn old_build() -> OldBuild {
    OldBuild {
        id: 5,
        number: 2,
        branch: "master".into(),
        sha: "A".repeat(40),
        author: "Anna".into(),
        message: "Begin".into(),
        created_at: Some(1_000),
        status: "success".into(),
    }
}

fn old_job() -> OldJob {
    OldJob {
        id: 9,
        build_id: 5,
        hook_id: Some(3),
        created_at: Some(1_000),
        started_at: Some(2_000),
        finished_at: Some(3_000),
        return_code: Some(0),
        log_length: None,
    }
}

#[test]
fn a_user_keeps_what_can_be_true() {
    let hostile = OldUser {
        name: " \u{1b}[31m\n ".into(),
        token: "a b".into(),
        avatar_url: "javascript:alert(1)".into(),
        email: Some("no address".into()),
        ..old_user()
    };
    let user = user(&hostile).unwrap();
    assert_eq!(user.profile.name, "[31m");
    assert_eq!((user.profile.avatar_url.as_str(), user.mail_address), ("", None));
    assert!(user.token.is_none());
    assert!(super::user(&OldUser { login: "<b>".into(), ..old_user() }).is_err());
    assert!(super::user(&OldUser { forge_id: -1, ..old_user() }).is_err());
}

#[test]
fn a_repository_is_fetched_from_addresses_only() {
    let there = repository(&old_project()).unwrap();
    assert_eq!((there.full_name().as_str(), there.private), ("anna/hello", false));
    assert_eq!(there.html_url, "https://github.com/anna/hello");
    for url in ["--upload-pack=touch /tmp/x", "/etc", "-x@host:path", "git@host:", "ext::sh -c x", "a b@c:d"]
    {
        assert!(repository(&OldProject { ssh_url: url.into(), ..old_project() }).is_err(), "{url}");
    }
    for url in ["file:///etc", "https://user:hush@github.com/a/b.git", "", "ssh://git@host/a"] {
        assert!(repository(&OldProject { clone_url: url.into(), ..old_project() }).is_err(), "{url}");
    }
    for name in ["..", "a/b", "", "-x"] {
        assert!(repository(&OldProject { name: name.into(), ..old_project() }).is_err(), "{name}");
    }
}

#[test]
fn a_hook_is_mended_where_only_one_thing_can_be_meant() {
    let old = OldHook { title: "a\tb".into(), script: "make".into(), forge_id: -1, ..old_hook() };
    let Translated { hook: new, dropped, mends } = hook(&old, &["setup.py".into()]).unwrap();
    assert_eq!((new.settings.title.as_str(), new.settings.script.as_str()), ("a b", "#!/bin/bash\nmake"));
    assert_eq!((new.webhook, mends.len()), (None, 2));
    assert_eq!(dropped[0].0, "setup.py", "without an install script nothing is tracked");
    let fault = hook(&OldHook { image: "Not An Image".into(), ..old_hook() }, &[]).err().unwrap();
    assert!(fault.contains("\"Not An Image\" is not the name of a Docker image"), "{fault}");
}

#[test]
fn tracked_files_lie_in_the_repository() {
    let old = OldHook { install_script: Some("#!/bin/sh\nmake".into()), ..old_hook() };
    let tracked = ["./b", "../c", "a", "."].map(str::to_owned);
    let Translated { hook: new, dropped, .. } = hook(&old, &tracked).unwrap();
    let install = new.settings.install.unwrap();
    assert_eq!(install.tracked.iter().map(TrackedPath::as_str).collect::<Vec<_>>(), [".", "a", "b"]);
    assert!(dropped.len() == 1 && dropped[0].0 == "../c" && dropped[0].1.contains(".."));
}

#[test]
fn a_build_is_of_a_branch_and_a_commit() {
    let new = build(&old_build(), &[]).unwrap();
    assert_eq!(
        (new.git_ref.to_string().as_str(), new.sha.to_string()),
        ("refs/heads/master", "a".repeat(40))
    );
    for wrong in [
        OldBuild { branch: "a..b".into(), ..old_build() },
        OldBuild { sha: "--output=x".into(), ..old_build() },
        OldBuild { status: "fine".into(), ..old_build() },
        OldBuild { created_at: None, ..old_build() },
    ] {
        assert!(build(&wrong, &[]).is_err(), "{wrong:?}");
    }
    let undated = OldBuild { created_at: None, ..old_build() };
    assert_eq!(build(&undated, &[old_job()]).unwrap().created_at, Timestamp(1_000));
}

#[test]
fn a_job_has_ended_whatever_it_did() {
    let status = |old: &OldJob| job(old, None, Timestamp(0), true).status;
    assert_eq!(status(&old_job()), Status::Success);
    assert_eq!(status(&OldJob { return_code: Some(2), ..old_job() }), Status::Failure);
    assert_eq!(status(&OldJob { return_code: None, ..old_job() }), Status::Error);
    assert_eq!(status(&OldJob { finished_at: None, ..old_job() }), Status::Canceled);
    let waiting = job(&OldJob { started_at: None, finished_at: None, ..old_job() }, None, Timestamp(0), true);
    assert_eq!((waiting.status, waiting.finished_at), (Status::Canceled, Timestamp(1_000)));
    assert!(waiting.reason.unwrap().starts_with("Canceled: it still waited"));
    assert_eq!((waiting.spec.title.as_str(), waiting.hook), ("Deleted hook", None));
}
