//! Turns rows into the model's types. A row that does not parse is an error that names the row, never a guess.

use super::rows;
use anyhow::{Context, Result};
use kozmic_model::{
    build::Build,
    fork::{ForkRule, Pusher},
    git::GitRef,
    hook::{Hook, HookSettings},
    ids::{BuildId, ForgeUserId, HookId, JobId, ProjectId, RepositoryId, UserId, WebhookId},
    install::Install,
    invited::Admission,
    job::{CanceledBy, Job},
    project::{Project, ProjectSettings, Repository},
    runner::{Runner, RunnerRules},
    sudo::SudoRule,
    time::Timestamp,
    user::{MailSettings, Profile, User},
};
use sea_orm::{ConnectionTrait, EntityTrait};

pub(super) fn user(row: rows::user::Model) -> User {
    let rows::user::Model {
        id,
        forge_id,
        login,
        name,
        avatar_url,
        email,
        mail_address,
        mail_unconfirmed,
        mail_is_on,
        mail_only_own,
        admitted_by,
        ..
    } = row;
    let profile = Profile { forge_id: ForgeUserId(forge_id), login, name, avatar_url, email };
    let mail = MailSettings {
        address: mail_address,
        unconfirmed: mail_unconfirmed,
        is_on: mail_is_on,
        only_own_commits: mail_only_own,
    };
    let admission = match admitted_by.as_deref() {
        None => Admission::Unasked,
        Some("") => Admission::Nobody,
        Some(organization) => Admission::Organization(organization.to_owned()),
    };
    User { id: UserId(id), profile, mail, admission }
}

pub(super) fn repository(row: rows::repository::Model) -> Repository {
    let rows::repository::Model {
        forge_id,
        owner,
        name,
        private,
        default_branch,
        html_url,
        clone_url,
        ssh_url,
        ..
    } = row;
    let id = RepositoryId(forge_id);
    Repository { id, owner, name, private, default_branch, html_url, clone_url, ssh_url }
}

pub(super) fn project(row: rows::project::Model) -> Project {
    let rows::project::Model {
        id,
        owner_id,
        forge_id,
        owner,
        name,
        private,
        default_branch,
        html_url,
        clone_url,
        ssh_url,
        cancel_waiting,
        cancel_running,
        badge_token,
        open_badge,
        synced_at,
        sync_fault,
        told_private_at,
        forks,
        sudo,
        ..
    } = row;
    let id_at_forge = RepositoryId(forge_id);
    Project {
        id: ProjectId(id),
        owner: UserId(owner_id),
        repository: Repository {
            id: id_at_forge,
            owner,
            name,
            // If a delivery said that the repository is private now, nobody sees it until the forge was asked.
            private: private || told_private_at.is_some(),
            default_branch,
            html_url,
            clone_url,
            ssh_url,
        },
        settings: ProjectSettings {
            cancel_waiting,
            cancel_running,
            // Only this program writes these words. For an unknown word, the strictest rule is the safe one.
            forks: forks.parse().unwrap_or(ForkRule::Never),
            sudo: sudo.parse().unwrap_or(SudoRule::Never),
        },
        badge_token,
        open_badge,
        synced_at: synced_at.map(Timestamp),
        sync_fault,
    }
}

pub(super) fn hook(row: rows::hook::Model) -> Result<Hook> {
    let id = row.id;
    parse_hook(row).with_context(|| format!("read hook {id} from the database"))
}

fn parse_hook(row: rows::hook::Model) -> Result<Hook> {
    let rows::hook::Model { id, project_id, title, image, script, webhook_id, .. } = row;
    let tracked = serde_json::from_str(&row.tracked_files)?;
    let install = row.install_script.map(|script| Install { script, tracked });
    let pull = row.pull.parse().map_err(anyhow::Error::msg)?;
    let if_interrupted = row.if_interrupted.parse().map_err(anyhow::Error::msg)?;
    let labels = row.labels.parse()?;
    let wake = serde_json::from_str(&row.wake)?;
    let settings =
        HookSettings { title, image: image.parse()?, script, install, pull, if_interrupted, labels, wake };
    let (webhook, is_unsigned) = (webhook_id.map(WebhookId), row.unsigned);
    Ok(Hook { id: HookId(id), project: ProjectId(project_id), settings, webhook, is_unsigned })
}

pub(super) fn build(row: rows::build::Model) -> Result<Build> {
    let id = row.id;
    parse_build(row).with_context(|| format!("read build {id} from the database"))
}

/// The build with the status of its hooks' jobs. The Auto Builder's jobs do not count.
pub(super) fn hooked_build(row: rows::build::Model) -> Result<Build> {
    let hooked = row.hooked.clone();
    let build = build(row)?;
    let status = hooked.map_or(Ok(build.status), |word| word.parse())?;
    Ok(Build { status, ..build })
}

fn parse_build(row: rows::build::Model) -> Result<Build> {
    Ok(Build {
        id: BuildId(row.id),
        project: ProjectId(row.project_id),
        number: row.number,
        git_ref: row.git_ref.parse()?,
        sha: row.sha.parse()?,
        status: row.status.parse()?,
        trigger: serde_json::from_str(&row.trigger)?,
        author: serde_json::from_str(&row.author)?,
        message: row.message,
        commits: serde_json::from_str(&row.commits)?,
        pusher: row.pusher_id.zip(row.pusher).map(|(id, login)| Pusher { id: ForgeUserId(id), login }),
        created_at: Timestamp(row.created_at),
        started_at: row.started_at.map(Timestamp),
        finished_at: row.finished_at.map(Timestamp),
    })
}

pub(super) fn job(row: rows::job::Model) -> Result<Job> {
    let id = row.id;
    parse_job(row).with_context(|| format!("read job {id} from the database"))
}

fn parse_job(row: rows::job::Model) -> Result<Job> {
    Ok(Job {
        id: JobId(row.id),
        build: BuildId(row.build_id),
        project: ProjectId(row.project_id),
        spec: serde_json::from_str(&row.spec)?,
        status: row.status.parse()?,
        attempt: row.attempt,
        interruptions: row.interruptions,
        ending: row.ending.as_deref().map(str::parse).transpose()?,
        reason: row.reason,
        return_code: row.return_code,
        cancel_requested: row.cancel_requested,
        canceled_by: row.canceled_by.as_deref().and_then(CanceledBy::of_word),
        container: row.container,
        cache_key: row.cache_key,
        phases: serde_json::from_str(&row.phases)?,
        created_at: Timestamp(row.created_at),
        queued_at: row.queued_at.map(Timestamp),
        started_at: row.started_at.map(Timestamp),
        finished_at: row.finished_at.map(Timestamp),
    })
}

pub(super) fn runner(row: rows::runner::Model) -> Runner {
    let rows::runner::Model { name, slots, busy, trouble, seen_at, title, .. } = row;
    // Only this program writes these. If rules cannot be read, the strictest are the safe ones.
    let rules = row.rules.map_or(Ok(RunnerRules::default()), |rules| serde_json::from_str(&rules));
    let facts = row.facts.and_then(|facts| serde_json::from_str(&facts).ok()).unwrap_or_default();
    Runner {
        name,
        title,
        slots,
        busy,
        trouble,
        seen_at: Timestamp(seen_at),
        rules: rules.unwrap_or_else(|_| RunnerRules::closed()),
        facts,
        is_draining: row.is_draining,
        is_remote: row.fingerprint.is_some(),
    }
}

/// True if the build's commit comes from a fork. For a ref that cannot be read, yes is the safe answer.
pub(super) fn is_from_fork(build: &rows::build::Model) -> bool {
    build.git_ref.parse::<GitRef>().map_or(true, |git_ref| git_ref.is_from_fork())
}

/// The project that a row in another table belongs to.
pub(super) async fn project_of(db: &impl ConnectionTrait, id: i64) -> Result<Project> {
    let row = rows::project::Entity::find_by_id(id).one(db).await.context("find a project")?;
    row.map(project).with_context(|| format!("there is no project {id}"))
}
