//! Tests of the words of mails. Strangers' words do no harm in them.

use super::*;
use crate::{
    event::Author,
    ids::{ForgeUserId, JobId, UserId},
    invited::Admission,
    samples::{self, build, project},
    time::Timestamp,
    user::{MailSettings, Profile},
};

fn user(email: Option<&str>, mail: MailSettings) -> User {
    let profile = Profile {
        forge_id: ForgeUserId(7),
        login: "anna".into(),
        name: "Anna".into(),
        avatar_url: String::new(),
        email: email.map(str::to_owned),
    };
    User { id: UserId(1), profile, mail, admission: Admission::Unasked }
}

fn job(id: i64, title: &str, status: Status) -> Job {
    Job {
        id: JobId(id),
        reason: (status == Status::Failure).then(|| "The script returned 42.".into()),
        created_at: Timestamp(1_000),
        queued_at: Some(Timestamp(1_500)),
        started_at: Some(Timestamp(2_000)),
        finished_at: Some(Timestamp(6_200)),
        ..samples::job(title, status)
    }
}

fn mail(build: &Build, jobs: &[Job], last_lines: &[String]) -> Mail {
    Mail::compose(&MailFacts {
        id: MailId(9),
        recipient: &user(None, MailSettings::default()),
        project: &project(),
        build,
        jobs,
        last_lines,
        public_url: "https://ci.example.org:8443/",
        unsubscribe_url: "https://ci.example.org:8443/mail/unsubscribe/?link=abc&x",
        last_of: None,
    })
}

fn list(mail: &Mail) -> &MailList {
    mail.list.as_ref().unwrap()
}

#[test]
fn a_mail_says_what_failed_and_where_to_look() {
    let jobs = [job(50, "Style", Status::Success), job(51, "Tests", Status::Failure)];
    let lines = last_lines(b"one\ntwo\n", true);
    let mail = mail(&build(Status::Failure), &jobs, &lines);
    assert_eq!(mail.subject, "[failure] anna/hello#12 (main — 1a2b3c4d)");
    assert_eq!(
        mail.text,
        r#"Build #12 of anna/hello failed.

Branch:   main
Commit:   1a2b3c4d Break it
Author:   Anna
Duration: 4.2 s
Build:    https://ci.example.org:8443/projects/3/builds/40/

Style: success after 4.2 s
    https://ci.example.org:8443/projects/3/builds/40/jobs/50/

Tests: failure after 4.2 s
    The script returned 42.
    https://ci.example.org:8443/projects/3/builds/40/jobs/51/

The end of the log of "Tests":

    one
    two

-- 
You get this mail because you are a member of anna/hello.
To change what you get: https://ci.example.org:8443/account/settings/
To unsubscribe from all mail: https://ci.example.org:8443/mail/unsubscribe/?link=abc&x
"#
    );
    assert!(mail.html.contains("<pre") && mail.html.contains("one\ntwo</pre>"), "{}", mail.html);
    assert!(!mail.html.contains("<img") && !mail.html.contains("src="), "{}", mail.html);
    assert_eq!(mail.message_id, "<mail-9.1000@ci.example.org>");
    assert_eq!(list(&mail).id, "anna/hello <hello.anna.ci.example.org>");
    assert_eq!(list(&mail).unsubscribe_url, "https://ci.example.org:8443/mail/unsubscribe/?link=abc&x");
    assert!(
        mail.html.contains("href=\"https://ci.example.org:8443/mail/unsubscribe/?link=abc&amp;x\""),
        "{}",
        mail.html
    );
}

#[test]
fn the_last_mail_within_the_limit_says_when_there_will_be_more() {
    let (build, anna, project) = (build(Status::Failure), user(None, MailSettings::default()), project());
    let facts = |last_of| MailFacts {
        id: MailId(9),
        recipient: &anna,
        project: &project,
        build: &build,
        jobs: &[],
        last_lines: &[],
        public_url: "https://ci.example.org",
        unsubscribe_url: "https://ci.example.org/mail/unsubscribe/",
        last_of,
    };
    let until = Timestamp(1_796_000_700_000);
    let last = Mail::compose(&facts(Some(HourlyLimit { mails: 30, until })));
    let says = "can come after 01:05 UTC.";
    assert!(last.text.contains(says) && last.html.contains(says), "{}", last.text);
    assert!(!Mail::compose(&facts(None)).text.contains("the last mail"));
}

#[test]
fn a_confirmation_says_who_asks_and_where_and_belongs_to_no_list() {
    let mail = Mail::confirmation(&ConfirmationFacts {
        name: "7.1",
        login: "an<i>na\r\nBcc: eve",
        confirm_url: "https://ci.example.org:8443/account/settings/mail/confirm/?link=abc",
        public_url: "https://ci.example.org:8443/",
    });
    assert_eq!(mail.subject, "Confirm your address for mail from ci.example.org");
    assert_eq!(
        mail.text,
        "an<i>na Bcc: eve wants mail about builds from https://ci.example.org:8443 at this address.\n\n\
         If you are an<i>na Bcc: eve, open this link within three days, signed in as an<i>na Bcc: eve:\n\n    \
         https://ci.example.org:8443/account/settings/mail/confirm/?link=abc\n\n\
         If you are not, ignore this mail: nothing about builds will come here.\n"
    );
    assert!(mail.html.contains("confirm/?link=abc\"") && !mail.html.contains("<i>"), "{}", mail.html);
    assert_eq!((mail.message_id.as_str(), mail.list), ("<confirm-7.1@ci.example.org>", None));
}

#[test]
fn mails_of_one_ref_are_one_thread() {
    let main = mail(&build(Status::Failure), &[], &[]);
    assert_eq!(list(&mail(&build(Status::Success), &[], &[])).thread_id, list(&main).thread_id);
    let other = Build { git_ref: GitRef::PullRequest(4), ..build(Status::Failure) };
    let other = mail(&other, &[], &[]);
    assert_ne!(list(&other).thread_id, list(&main).thread_id);
    assert_eq!(other.subject, "[failure] anna/hello#12 (#4 — 1a2b3c4d)");
}

#[test]
fn a_mail_about_a_success_has_no_log() {
    let mail = mail(&build(Status::Success), &[job(51, "Tests", Status::Success)], &[]);
    assert_eq!(mail.subject, "[success] anna/hello#12 (main — 1a2b3c4d)");
    assert!(mail.text.starts_with("Build #12 of anna/hello succeeded, after one that did not.\n"));
    assert!(!mail.text.contains("log") && !mail.html.contains("<pre"));
}

#[test]
fn strangers_words_stay_words() {
    let hostile = Build {
        git_ref: GitRef::Branch("<script>alert(1)</script>\u{202e}".into()),
        message: "<b>\"x\"</b>\r\nBcc: eve@example.com".into(),
        author: Author { name: "Eve\r\nBcc: all@example.com\u{1b}[2J".into(), email: None },
        ..build(Status::Failure)
    };
    let lines = last_lines(b"<img src=//evil>\n\x1b[31mred\x1b[0m\n-- \nforged\n", true);
    let mail = mail(&hostile, &[job(51, "<i>&\r\nT", Status::Failure)], &lines);
    for line in [&mail.subject, &mail.message_id, &list(&mail).thread_id, &list(&mail).id] {
        assert!(!line.contains(['\r', '\n']), "{line:?}");
    }
    for tag in ["<script", "<b>", "<img", "<i>"] {
        assert!(!mail.html.contains(tag), "{}", mail.html);
    }
    for body in [&mail.text, &mail.html] {
        assert!(!body.contains(['\u{1b}', '\u{202e}', '\r']) && !body.contains("\nBcc:"), "{body}");
    }
    assert!(mail.html.contains("&lt;img src=//evil&gt;\nred\n"), "{}", mail.html);
    assert_eq!(mail.text.matches("\n-- \n").count(), 1, "{}", mail.text);
}

#[test]
fn the_end_of_a_log_is_its_last_thirty_lines() {
    let log = (1..=100).map(|number| format!("line {number}\n")).collect::<String>();
    let lines = last_lines(log.as_bytes(), true);
    assert_eq!((lines.len(), lines[0].as_str(), lines[29].as_str()), (30, "line 71", "line 100"));
    assert_eq!(last_lines(b"cut off\nwhole\n\n\n", false), ["whole"]);
    assert_eq!(last_lines(b"cut off\nwhole\n", true), ["cut off", "whole"]);
    assert_eq!(last_lines(b"one line without an end", false), ["one line without an end"]);
    assert_eq!(last_lines(b"\xff\xfe bytes", true), ["\u{fffd}\u{fffd} bytes"]);
    assert!(last_lines(b"", true).is_empty());
}

#[test]
fn who_wants_only_their_own_commits_gets_only_those() {
    let build = build(Status::Failure);
    let mail = |address: Option<&str>, is_on, only_own_commits| MailSettings {
        address: address.map(str::to_owned),
        unconfirmed: None,
        is_on,
        only_own_commits,
    };
    for (email, mail, wanted) in [
        (Some("any@example.com"), mail(None, true, false), true),
        (Some("any@example.com"), mail(None, false, false), false),
        (None, mail(None, true, false), false),
        (Some("ANNA@example.com"), mail(None, true, true), true),
        (None, mail(Some("Anna@Example.com"), true, true), true),
        (Some("anna@example.com"), mail(Some("work@example.com"), true, true), true),
        (Some("any@example.com"), mail(None, true, true), false),
    ] {
        assert_eq!(is_wanted(&user(email, mail.clone()), Role::Member, &build), wanted, "{email:?} {mail:?}");
    }
}

#[test]
fn who_may_approve_is_asked_whoever_wrote_it() {
    let (own, held) =
        (MailSettings { only_own_commits: true, ..MailSettings::default() }, build(Status::Held));
    let wants =
        |role, mail: &MailSettings| is_wanted(&user(Some("any@example.com"), mail.clone()), role, &held);
    assert!(wants(Role::Manager, &own) && wants(Role::Owner, &own) && !wants(Role::Member, &own));
    assert!(!wants(Role::Manager, &MailSettings { is_on: false, ..own.clone() }));
    let jobs = [job(1, "Tests", Status::Held)];
    let mail = mail(&held, &jobs, &[]);
    assert!(mail.subject.starts_with("[held] anna/hello#12 "), "{}", mail.subject);
    for words in ["waits for you: look at its changes", "You get this mail because you manage anna/hello"] {
        assert!(mail.text.contains(words), "{}", mail.text);
    }
}

#[test]
fn a_pause_before_a_restart_is_not_told_as_work() {
    let minutes = 26 * 60_000;
    let restarted = Job {
        queued_at: Some(Timestamp(minutes)),
        started_at: Some(Timestamp(minutes + 3_000)),
        finished_at: Some(Timestamp(minutes + 5_000)),
        ..job(2, "Lint", Status::Success)
    };
    let ended = Build { finished_at: restarted.finished_at, ..build(Status::Success) };
    let mail = mail(&ended, &[job(1, "Tests", Status::Success), restarted], &[]);
    assert!(
        mail.text.contains("Duration: 6.2 s\n") && mail.text.contains("Waited:   3.5 s\n"),
        "{}",
        mail.text
    );
}
