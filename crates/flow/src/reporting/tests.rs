//! Tests of the outbox's lanes, with a double of GitHub, a real mail server and scripted channels.

use super::report;
use crate::samples::{Installation, Owner, change};
use kozmic_edges::{
    Edges,
    broker::Topic,
    clock,
    forge::{
        Forge,
        github::{GitHub, GitHubSettings},
    },
    notifier::{MailSender, Notifier, Notifiers},
    store::{Among, Lane, Lease},
};
use kozmic_model::{job::Outcome, news::NotifierName, notice::Notice};
use kozmic_scripted::{Behaviour, ScriptedChannel};
use kozmic_testkit::{
    github::{self, Commit, NewRepository, State},
    mail::MailServer,
};
use std::{sync::Arc, time::Duration};

const REPOSITORY: &str = "anna/hello";
const LIMIT: Duration = Duration::from_secs(60);

/// An installation of which only the outbox's lanes are at work.
struct Stage {
    installation: Installation,
    github: github::GitHub,
    mails: MailServer,
}

impl Stage {
    /// An installation that sends news by mail and to these channels.
    async fn telling(channels: &[&ScriptedChannel]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let github = github::GitHub::start().await.unwrap();
        let (forge, owner) = owner(&github).await;
        let mails = MailServer::start().await.unwrap();
        let sender = "Kozmic <kozmic@example.org>".parse().unwrap();
        let mail = MailSender::new(mails.url().parse().unwrap(), sender).unwrap();
        let mut list = vec![Notifier::Mail(mail)];
        list.extend(channels.iter().map(|channel| Notifier::Channel(Arc::new((*channel).clone()))));
        let change = |edges: &mut Edges| {
            edges.forge = Arc::new(forge);
            edges.notifiers = Notifiers::new(list).unwrap();
        };
        let installation = Installation::with(change, owner).await;
        let flow = &installation.flow;
        for lane in flow.edges.lanes() {
            flow.keep(lane.name(), move |flow| report::forever(flow, lane));
        }
        Self { installation, github, mails }
    }

    /// Pushes a commit, and ends its job with this code; returns the commit.
    async fn build(&self, code: i64) -> String {
        let commit = Commit::new(&format!("Return {code}")).file("code", code.to_string());
        let sha = self.github.push_commit(REPOSITORY, "main", commit).await.unwrap().sha;
        let job = self.installation.enqueue_change(&change(&sha)).await;
        let edges = &self.installation.flow.edges;
        let lease = Lease { runner: "here", until: clock::now().after(LIMIT), key: None };
        let claimed = edges
            .store
            .queue()
            .claim_job(Lane::Containers, lease, Among::All, clock::now())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(claimed.job.id, job);
        let outcome = Outcome::Returned(code);
        edges.store.queue().finish_job(claimed.job.attempt(), &outcome, clock::now()).await.unwrap().unwrap();
        edges.broker.ring(Topic::Outbox);
        sha
    }

    async fn wait_for_status(&self, sha: &str, state: State) {
        self.github.wait_for_status(REPOSITORY, sha, state, LIMIT).await.unwrap();
    }

    async fn wait_for_mails(&self, count: usize) {
        self.mails.wait_for(LIMIT, |mails| mails.len() >= count).await.unwrap();
    }

    async fn end(self) {
        self.installation.flow.shut_down().await;
    }
}

/// Anna and her repository at the double.
async fn owner(github: &github::GitHub) -> (GitHub, Owner) {
    github.add_user("anna", "Anna", "anna@example.com");
    github.add_repository(NewRepository::public(REPOSITORY)).unwrap();
    let settings = GitHubSettings {
        url: github.url().parse().unwrap(),
        api_url: github.api_url().parse().unwrap(),
        client_id: github.client_id().into(),
        client_secret: github.client_secret().into(),
    };
    let forge = GitHub::new(settings).unwrap();
    let token = github.token("anna").into();
    let profile = forge.profile(&token).await.unwrap();
    github.push_commit(REPOSITORY, "main", Commit::new("First").file("code", "0")).await.unwrap();
    let repository = forge.repository_named(&token, "anna", "hello").await.unwrap().unwrap();
    (forge, Owner { profile, token, repository })
}

fn titles(notices: &[Notice]) -> Vec<&str> {
    notices.iter().map(|notice| notice.title.split(" (").next().unwrap_or_default()).collect()
}

#[tokio::test]
async fn a_notifier_that_hangs_delays_no_other_and_loses_nothing() {
    let [slow, quick] = ["slow", "quick"].map(|name| ScriptedChannel::new(NotifierName::new(name)));
    slow.set(Behaviour::Hangs);
    let stage = Stage::telling(&[&slow, &quick]).await;
    let broken = stage.build(1).await;
    slow.hangs().await;
    stage.wait_for_status(&broken, State::Failure).await;
    stage.wait_for_mails(1).await;
    quick.taken(1).await;
    let mended = stage.build(0).await;
    stage.wait_for_status(&mended, State::Success).await;
    stage.wait_for_mails(2).await;
    let told = ["[failure] anna/hello#1", "[success] anna/hello#2"];
    assert_eq!(titles(&quick.taken(2).await), told);
    assert!(slow.notices().is_empty());
    slow.set(Behaviour::Takes);
    assert_eq!(titles(&slow.taken(2).await), told);
    stage.end().await;
}

#[tokio::test]
async fn a_notice_whose_answer_was_lost_is_sent_again_with_the_same_id() {
    let channel = ScriptedChannel::new(NotifierName::new("chat"));
    channel.set(Behaviour::BreaksOff);
    let stage = Stage::telling(&[&channel]).await;
    stage.build(1).await;
    channel.taken(1).await;
    channel.set(Behaviour::Takes);
    let notices = channel.taken(2).await;
    assert!(notices.iter().all(|notice| *notice == notices[0]), "{notices:?}");
    stage.end().await;
}
