//! The double of GitHub, as the contract's cases steer it.

use crate::forge::{
    Forge,
    github::{GitHub, GitHubSettings},
    tests::{OtherSide, Proposal, SeenKey, SeenStatus, SeenWebhook, TagKind, Trouble},
};
use async_trait::async_trait;
use kozmic_model::{commit_status::CommitState, git::Sha, project::Permission};
use kozmic_testkit::github::{self, Commit, FaultKind, FaultRule, NewPull, NewRepository, State, Tag};
use reqwest::redirect::Policy;
use secrecy::SecretString;
use std::{any::Any, time::Duration};
use url::Url;

/// A running double with a client for it.
pub(in crate::forge) struct Double {
    pub(super) github: github::GitHub,
    pub(super) forge: GitHub,
}

/// Starts a double.
pub(in crate::forge) async fn start() -> Double {
    rustls::crypto::ring::default_provider().install_default().ok();
    let github = github::GitHub::start().await.unwrap();
    let settings = GitHubSettings {
        url: github.url().parse().unwrap(),
        api_url: github.api_url().parse().unwrap(),
        client_id: github.client_id().to_owned(),
        client_secret: github.client_secret().to_owned().into(),
    };
    Double { github, forge: GitHub::new(settings).unwrap() }
}

#[async_trait]
impl OtherSide for Double {
    fn forge(&self) -> &dyn Forge {
        &self.forge
    }

    fn add_person(&self, login: &str) {
        self.github.add_user(login, login, &format!("{login}@example.com"));
    }

    fn add_repository(&self, full_name: &str, is_private: bool) {
        let new =
            if is_private { NewRepository::private(full_name) } else { NewRepository::public(full_name) };
        self.github.add_repository(new).unwrap();
    }

    fn allow(&self, repository: &str, login: &str, right: Option<Permission>) {
        let right = right.map(|right| match right {
            Permission::Read => github::Permission::Pull,
            Permission::Push => github::Permission::Push,
            Permission::Admin => github::Permission::Admin,
        });
        self.github.set_permission(repository, login, right);
    }

    async fn rename(&self, repository: &str, name: &str) {
        let owner = repository.split('/').next().unwrap();
        self.github.rename_repository(repository, &format!("{owner}/{name}")).await.unwrap();
    }

    fn token(&self, login: &str) -> SecretString {
        self.github.token(login).into()
    }

    fn take_back_tokens(&self, login: &str) {
        self.github.revoke_tokens(login);
    }

    fn let_tokens_end(&self, after: Duration) {
        self.github.expire_tokens(after);
    }

    async fn agree(&self, page: &Url, login: &str) -> String {
        let client = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
        let mut form = page.query_pairs().into_owned().collect::<Vec<_>>();
        form.push(("login".to_owned(), login.to_owned()));
        let mut page = page.clone();
        page.set_query(None);
        let answer = client.post(page).form(&form).send().await.unwrap();
        let back = answer.headers()["location"].to_str().unwrap().parse::<Url>().unwrap();
        back.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned()
    }

    async fn push(&self, repository: &str, branch: &str, messages: &[&str]) -> Sha {
        let commits = messages.iter().map(|message| Commit::new(message)).collect::<Vec<_>>();
        self.github.push_commits(repository, branch, commits).await.unwrap().sha.parse().unwrap()
    }

    async fn push_tag(&self, repository: &str, tag: &str, kind: TagKind) {
        let kind = match kind {
            TagKind::Light => Tag::Light("main"),
            TagKind::Annotated => Tag::Annotated("main"),
        };
        self.github.push_tag(repository, tag, kind).await.unwrap();
    }

    async fn delete_branch(&self, repository: &str, branch: &str) {
        self.github.delete_branch(repository, branch).await.unwrap();
    }

    async fn propose(&self, repository: &str, login: &str) -> Proposal {
        let fork = self.github.fork(repository, login).await.unwrap();
        self.github.commit(&fork, "idea", Commit::new("An idea")).await.unwrap();
        let new = NewPull::new(repository, "idea", "An idea").from_fork(&fork);
        let opened = self.github.open_pull_request(new).await.unwrap();
        let page = format!("{}/{repository}/pull/{}", self.github.url(), opened.number);
        let changes = format!("{page}/files");
        Proposal { number: opened.number, sha: opened.sha.parse().unwrap(), page, changes }
    }

    async fn close(&self, repository: &str, number: u64) {
        self.github.close_pull_request(repository, number).await.unwrap();
    }

    async fn refs(&self, repository: &str) -> Vec<String> {
        let url = self.github.clone_url(repository);
        let output = tokio::process::Command::new("git").args(["ls-remote", &url]).output().await.unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().filter_map(|line| Some(line.split_once('\t')?.1.to_owned())).collect()
    }

    fn webhooks(&self, repository: &str) -> Vec<SeenWebhook> {
        let hooks = self.github.hooks(repository).into_iter();
        hooks.map(|hook| SeenWebhook { url: hook.url, is_on: hook.active }).collect()
    }

    fn spoil_webhook(&self, repository: &str) {
        for hook in self.github.hooks(repository) {
            let spoil = |hook: &mut github::Hook| (hook.secret, hook.active) = (None, false);
            self.github.change_hook(repository, hook.id, spoil).unwrap();
        }
    }

    fn remove_webhooks(&self, repository: &str) {
        for hook in self.github.hooks(repository) {
            self.github.delete_hook(repository, hook.id);
        }
    }

    fn statuses(&self, repository: &str, sha: &Sha) -> Vec<SeenStatus> {
        let statuses = self.github.statuses(repository, sha.as_str()).into_iter();
        statuses.map(seen).collect()
    }

    fn deploy_keys(&self, repository: &str) -> Vec<SeenKey> {
        let keys = self.github.deploy_keys(repository).into_iter();
        keys.map(|key| SeenKey { key: key.key, may_push: !key.read_only }).collect()
    }

    fn remove_deploy_keys(&self, repository: &str) {
        for key in self.github.deploy_keys(repository) {
            self.github.remove_deploy_key(repository, key.id);
        }
    }

    fn go_wrong(&self, trouble: Trouble) -> Box<dyn Any + Send> {
        let kind = match trouble {
            Trouble::Limited(wait) => FaultKind::RateLimited(wait),
            Trouble::Broken => FaultKind::Status(502),
            Trouble::Silent => FaultKind::CloseConnection,
        };
        Box::new(self.github.fault(FaultRule::new(kind).path("/api/")))
    }

    fn forgive(&self) {
        self.github.take_wrong_calls();
    }

    fn assert_understood(&self) {
        self.github.assert_no_wrong_calls();
    }
}

fn seen(status: github::Status) -> SeenStatus {
    let state = match status.state {
        State::Pending => CommitState::Pending,
        State::Success => CommitState::Success,
        State::Failure => CommitState::Failure,
        State::Error => CommitState::Error,
    };
    SeenStatus {
        context: status.context,
        state,
        description: status.description.unwrap_or_default(),
        target_url: status.target_url.unwrap_or_default(),
    }
}
