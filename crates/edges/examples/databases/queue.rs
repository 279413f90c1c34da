//! A queue as a busy week leaves it: many builds of several projects, and each job of them waits.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use kozmic_edges::clock;
use kozmic_edges::store::{Heard, NewSession, ProjectChange, Store};
use kozmic_model::artifact::Format;
use kozmic_model::event::{Author, Change, Trigger};
use kozmic_model::git::{GitRef, RefAt};
use kozmic_model::ids::{ForgeUserId, ProjectId, RepositoryId, UserId};
use kozmic_model::interruption::IfInterrupted;
use kozmic_model::invited::Admission;
use kozmic_model::project::{Access, Permission, Repository};
use kozmic_model::recipe::BuildScript;
use kozmic_model::time::Timestamp;
use kozmic_model::user::Profile;

const PROJECTS: i64 = 5;
const BUILDS: u32 = 40;
const SCRIPTS: u32 = 10;
/// Number of jobs that wait.
pub(crate) const JOBS: usize = 2_000;
const KEY: &str = "a secret key of more than 32 characters";

/// Opens a new database and fills it.
pub(crate) async fn fill(url: &str) -> Result<Store> {
    let store = Store::open(url, &KEY.into()).await?;
    let anna = sign_in(&store).await?;
    let repositories = (1..=PROJECTS).map(repository).collect::<Vec<_>>();
    let access = |one: &Repository| Access { repository: one.clone(), permission: Permission::Admin };
    store.projects().sync_projects_of(anna, &repositories.iter().map(access).collect::<Vec<_>>()).await?;
    let mut jobs = 0;
    for repository in &repositories {
        let project = store.projects().add_project(anna, repository.id, clock::now()).await?.id;
        for build in 0..BUILDS {
            jobs += enqueue(&store, project, build).await?;
        }
    }
    anyhow::ensure!(jobs == JOBS, "{jobs} jobs wait");
    Ok(store)
}

async fn sign_in(store: &Store) -> Result<UserId> {
    let profile = Profile {
        forge_id: ForgeUserId(7),
        login: "anna".into(),
        name: "Anna Orbit".into(),
        avatar_url: String::new(),
        email: None,
    };
    let session = NewSession {
        fingerprint: "f".into(),
        expires_at: Timestamp(i64::MAX),
        agent: String::new(),
        former: None,
        admission: Admission::Unasked,
    };
    Ok(store.people().sign_in(&profile, &"token".into(), &session, clock::now()).await?.id)
}

fn repository(number: i64) -> Repository {
    Repository {
        id: RepositoryId(number),
        owner: "anna".into(),
        name: format!("hello-{number}"),
        private: false,
        default_branch: "main".into(),
        html_url: format!("https://forge/anna/hello-{number}"),
        clone_url: format!("https://forge/anna/hello-{number}.git"),
        ssh_url: format!("git@forge:anna/hello-{number}.git"),
    }
}

/// Enqueues a build of a branch of its own, since a newer commit of the same one would take its place.
async fn enqueue(store: &Store, project: ProjectId, build: u32) -> Result<usize> {
    let sha = format!("{build:040x}").replacen('0', "a", 1).parse().context("a commit's name")?;
    let change = change(GitRef::Branch(format!("feature/{build}")), sha);
    let at = RefAt { git_ref: &change.git_ref, sha: &change.sha };
    let specs = (0..SCRIPTS).map(|number| Ok(script(number)?.job("anna/hello", at, &BTreeSet::new())));
    let specs = specs.collect::<Result<Vec<_>>>()?;
    let change = ProjectChange { project, change: &change };
    Ok(store.queue().enqueue_planned(Heard::Answer, change, &specs, clock::now()).await?.jobs.len())
}

fn change(git_ref: GitRef, sha: kozmic_model::git::Sha) -> Change {
    Change {
        git_ref,
        before: None,
        after: sha.clone(),
        sha,
        pushed_at: None,
        trigger: Trigger::Push,
        message: Some("Change something".into()),
        author: Author::default(),
        skip_texts: Vec::new(),
        commits: Vec::new(),
        pull: None,
        pusher: None,
        is_held: false,
    }
}

fn script(number: u32) -> Result<BuildScript> {
    Ok(BuildScript {
        path: format!("scripts/build-{number}.sh"),
        archives: "/tmp/archives".into(),
        artifact: format!("result-{number}.tar.gz"),
        image: "debian".parse().context("an image's name")?,
        tag: None,
        format: Format::Flist,
        if_interrupted: IfInterrupted::Again,
        labels: kozmic_model::label::Labels::default(),
    })
}
