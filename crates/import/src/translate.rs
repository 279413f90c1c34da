//! Translates the original's rows into nouns of this installation. A row may contain anything. A value that has no
//! translation is refused with a sentence. It is repaired if only one meaning is possible.

use super::KnownHook;
use crate::legacy::{OldBuild, OldHook, OldJob, OldProject, OldUser};
use kozmic_edges::store::{NewBuild, NewHook, NewJob, NewUser};
use kozmic_model::{
    event::Author,
    hook::{HookDraft, TITLE_LIMIT},
    ids::{ForgeUserId, HookId, RepositoryId, WebhookId},
    image::ImageName,
    install::{PullPolicy, TRACKED_LIMIT, TrackedPath},
    interruption::IfInterrupted,
    job::Outcome,
    project::Repository,
    spec::{HookTask, JobSpec, Origin, Task},
    status::Status,
    time::Timestamp,
    user::Profile,
    wake::WakeDraft,
};
use url::Url;

/// The shebang for scripts without one: the shell that started such a script also ran it.
const SHEBANG: &str = "#!/bin/bash\n";

/// The image of a job whose hook is unknown: no image can have this name.
const LOST_IMAGE: &str = "hook.invalid/lost";

/// The script of such a job, in case it is restarted.
const LOST_SCRIPT: &str = "#!/bin/sh\necho 'The hook of this job is lost.' >&2\nexit 1\n";

/// A hook, and its differences from the original.
pub(super) struct Translated {
    pub(super) hook: NewHook,
    /// Tracked files that stay out, with the reason.
    pub(super) dropped: Vec<(String, String)>,
    /// The repairs that were made.
    pub(super) mends: Vec<String>,
}

pub(super) fn user(old: &OldUser) -> Result<NewUser, String> {
    if old.forge_id < 1 {
        return Err(format!("{} is no number of a person at GitHub", old.forge_id));
    }
    let login = old.login.trim();
    if login.is_empty() || !login.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
        return Err("the login is none".to_owned());
    }
    let name = one_line(&old.name);
    let is_web = |url: &Url| matches!(url.scheme(), "http" | "https");
    let avatar = Url::parse(&old.avatar_url).ok().filter(is_web);
    let token = Some(old.token.trim()).filter(|token| !token.is_empty() && is_plain(token));
    let address = old.email.as_deref().map(str::trim);
    Ok(NewUser {
        profile: Profile {
            forge_id: ForgeUserId(old.forge_id),
            login: login.to_owned(),
            name: if name.is_empty() { login.to_owned() } else { name },
            avatar_url: avatar.map(String::from).unwrap_or_default(),
            email: None,
        },
        token: token.map(Into::into),
        mail_address: address.filter(|text| is_plain(text) && text.contains('@')).map(str::to_owned),
    })
}

pub(super) fn repository(old: &OldProject) -> Result<Repository, String> {
    if old.forge_id < 1 {
        return Err(format!("{} is no number of a repository at GitHub", old.forge_id));
    }
    if !is_name(&old.owner) || !is_name(&old.name) {
        return Err("its name is none of a repository".to_owned());
    }
    let clone_url = Url::parse(&old.clone_url).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none()
    });
    let clone_url = clone_url.ok_or("its address to fetch from is none over HTTP")?;
    if !is_ssh_address(&old.ssh_url) {
        return Err("its address to fetch from with a key is none over SSH".to_owned());
    }
    let clone_url = String::from(clone_url);
    Ok(Repository {
        id: RepositoryId(old.forge_id),
        owner: old.owner.clone(),
        name: old.name.clone(),
        private: !old.is_public,
        // The original does not know the branch; the first sync with the forge sets it.
        default_branch: "master".to_owned(),
        html_url: clone_url.strip_suffix(".git").unwrap_or(&clone_url).to_owned(),
        clone_url,
        ssh_url: old.ssh_url.clone(),
    })
}

pub(super) fn hook(old: &OldHook, tracked: &[String]) -> Result<Translated, String> {
    let mut mends = Vec::new();
    let title = title(old, &mut mends);
    let install_script = old.install_script.as_deref().filter(|script| !script.trim().is_empty());
    let install_script = install_script.map(|text| script(text, "install script", &mut mends));
    let (paths, dropped) = paths(tracked, install_script.is_some());
    let draft = HookDraft {
        title,
        image: old.image.clone(),
        script: script(&old.script, "script", &mut mends),
        install_script: install_script.unwrap_or_default(),
        tracked_files: paths.join("\n"),
        // The original pulled before each job.
        pull: PullPolicy::Newer.word().to_owned(),
        if_interrupted: String::new(),
        // The original had none.
        labels: String::new(),
        wake: WakeDraft::default(),
    };
    let settings = draft.check().map_err(|faults| faults.into_values().collect::<Vec<_>>().join(" "))?;
    let webhook = (old.forge_id > 0).then_some(WebhookId(old.forge_id));
    Ok(Translated { hook: NewHook { settings, webhook }, dropped, mends })
}

fn title(old: &OldHook, mends: &mut Vec<String>) -> String {
    let title = one_line(&old.title).chars().take(TITLE_LIMIT).collect::<String>();
    let title = if title.is_empty() { format!("Hook {}", old.id) } else { title };
    if title != old.title.trim() {
        mends.push(format!("its title is \"{title}\" now"));
    }
    title
}

fn script(text: &str, what: &str, mends: &mut Vec<String>) -> String {
    if text.starts_with("#!") {
        return text.to_owned();
    }
    mends.push(format!("its {what} named no interpreter, and begins with {} now", SHEBANG.trim()));
    format!("{SHEBANG}{text}")
}

/// The paths that can be tracked, and the others with the reason.
fn paths(tracked: &[String], is_installing: bool) -> (Vec<String>, Vec<(String, String)>) {
    let (mut paths, mut dropped) = (Vec::new(), Vec::new());
    for path in tracked {
        match path.parse::<TrackedPath>() {
            _ if !is_installing => {
                dropped.push((path.clone(), "without an install script nothing is tracked".to_owned()));
            }
            Err(why) => dropped.push((path.clone(), why)),
            Ok(_) if paths.len() >= TRACKED_LIMIT => {
                dropped.push((path.clone(), format!("a hook tracks up to {TRACKED_LIMIT} paths")));
            }
            Ok(path) => paths.push(path.to_string()),
        }
    }
    (paths, dropped)
}

/// A build without its jobs. If the build has no date, the jobs' dates are used.
pub(super) fn build(old: &OldBuild, jobs: &[OldJob]) -> Result<NewBuild, String> {
    let times = jobs.iter().flat_map(|job| [job.created_at, job.started_at]).flatten();
    let created_at = old.created_at.or_else(|| times.min()).ok_or("it has no date")?;
    let status = match old.status.as_str() {
        "enqueued" | "pending" => Status::Canceled,
        word => word.parse::<Status>().map_err(|fault| fault.to_string())?,
    };
    Ok(NewBuild {
        foreign_id: old.id,
        number: old.number,
        git_ref: format!("refs/heads/{}", old.branch).parse().map_err(|_| {
            let shown = old.branch.chars().take(80).collect::<String>();
            format!("\"{shown}\" is no branch")
        })?,
        sha: old.sha.to_lowercase().parse::<kozmic_model::git::Sha>().map_err(|fault| fault.to_string())?,
        status,
        author: Author { name: one_line(&old.author), email: None },
        message: old.message.replace('\0', ""),
        created_at: Timestamp(created_at),
        jobs: Vec::new(),
    })
}

/// A job. It counts as ended in any case.
pub(super) fn job(
    old: &OldJob,
    hook: Option<&KnownHook>,
    build_created_at: Timestamp,
    may_keep_id: bool,
) -> NewJob {
    let created_at = old.created_at.map_or(build_created_at, Timestamp);
    let started_at = old.started_at.map(Timestamp);
    let finished_at = old.finished_at.map(Timestamp).filter(|_| started_at.is_some());
    let outcome = match (started_at, finished_at, old.return_code) {
        (None, ..) => {
            Outcome::Canceled("Canceled: it still waited when its installation was taken over.".into())
        }
        (Some(_), None, _) => {
            Outcome::Canceled("Canceled: it still ran when its installation was taken over.".into())
        }
        (Some(_), Some(_), Some(code)) => Outcome::Returned(code),
        (Some(_), Some(_), None) => Outcome::Broken("What the script returned is not known.".into()),
    };
    NewJob {
        foreign_id: old.id,
        may_keep_id,
        hook: hook.and_then(|hook| hook.here.as_ref()).map(|(id, _)| *id),
        spec: spec(hook),
        status: outcome.status(),
        reason: outcome.reason(),
        return_code: outcome.return_code(),
        created_at,
        started_at,
        finished_at: finished_at.or(started_at).unwrap_or(created_at),
    }
}

/// The spec of a job from the current hook: the original did not store the spec of that time.
fn spec(hook: Option<&KnownHook>) -> JobSpec {
    if let Some((id, settings)) = hook.and_then(|hook| hook.here.clone()) {
        return settings.job(id);
    }
    let lost = HookTask {
        image: LOST_IMAGE.parse::<ImageName>().expect("the name is one of an image"),
        script: LOST_SCRIPT.to_owned(),
        install: None,
        pull: PullPolicy::IfAbsent,
    };
    JobSpec {
        title: hook.map_or_else(|| "Deleted hook".to_owned(), |hook| one_line(&hook.title)),
        if_interrupted: IfInterrupted::default(),
        // Hooks never have this number.
        origin: Origin::Hook(HookId(0)),
        labels: kozmic_model::label::Labels::default(),
        task: Task::Hook(lost),
    }
}

fn one_line(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    clean.trim().to_owned()
}

/// True if the text can be a token or an address.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_graphic())
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !matches!(text, "" | "." | "..") && !text.starts_with('-') && text.chars().all(fits)
}

/// `git@github.com:owner/name.git`, or the same as a URL.
fn is_ssh_address(text: &str) -> bool {
    let is_url = Url::parse(text).is_ok_and(|url| url.scheme() == "ssh" && url.host_str().is_some());
    let is_short = text.split_once(':').is_some_and(|(host, path)| {
        let host = host.split_once('@').map_or(host, |(_, host)| host);
        is_name(host) && !path.is_empty() && !path.starts_with('/')
    });
    is_plain(text) && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && (is_url || is_short)
}

#[cfg(test)]
mod tests;
