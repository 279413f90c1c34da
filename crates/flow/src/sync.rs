//! Keeps Kozmic and the forge in line: who signs in, which repositories there are, webhooks, commit messages.

use crate::{Flow, report, run};
use anyhow::{Context, Result};
use kozmic_edges::{
    Edges, clock,
    forge::{ForgeError, Webhook},
    secret,
    store::{Avatar, NewSession},
};
use kozmic_model::{
    build::Build,
    event::Change,
    hook::Hook,
    ids::{HookId, JobId, UserId},
    project::Repository,
    user::User,
};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use url::Url;

/// How long a session lasts.
pub const SESSION: Duration = Duration::from_secs(30 * 86_400);

/// Pauses between tries to learn of a commit's message.
const DESCRIPTION_PAUSES: [u64; 4] = [2, 10, 60, 300];

/// Somebody who just signed in.
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// What the browser keeps to prove it.
    pub session: SecretString,
}

/// Signs in who comes back from the forge with a code, and takes over name, mail, picture and repositories.
///
/// # Errors
/// The forge refuses the code or does not answer, or the database does not.
pub async fn sign_in(edges: &Edges, code: &str, redirect: &Url) -> Result<SignedIn> {
    let token = edges.forge.exchange_code(code, redirect).await?;
    let profile = edges.forge.profile(&token).await?;
    let session = secret::random();
    let now = clock::now();
    let fingerprint = secret::fingerprint(session.expose_secret());
    let row = NewSession { fingerprint, expires_at: now.after(SESSION) };
    let user = edges.store.sign_in(&profile, &token, &row, now).await?;
    if let Err(fault) = picture(edges, &user).await {
        tracing::info!(user.id = user.id.0, error = format!("{fault:#}"), "a picture could not be fetched");
    }
    Ok(SignedIn { user, session })
}

async fn picture(edges: &Edges, user: &User) -> Result<()> {
    let (content_type, bytes) = edges.forge.picture(&user.profile.avatar_url).await?;
    edges.store.keep_avatar(user.id, Avatar { content_type, bytes }).await
}

/// Asks the forge anew which repositories a user may administer.
///
/// # Errors
/// The forge or the database does not answer; the old list stays.
pub async fn repositories(edges: &Edges, user: UserId) -> Result<Vec<Repository>> {
    let token = edges.store.token_of(user).await?;
    let found = edges.forge.repositories(&token).await?;
    edges.store.replace_repositories(user, &found).await?;
    edges.store.repositories(user).await
}

/// Makes a hook's webhook at the forge, or brings it in line.
///
/// # Errors
/// The forge refuses or does not answer: the hook stays, and this can be tried again.
pub async fn webhook(edges: &Edges, public_url: &Url, hook: &Hook) -> Result<()> {
    let project = edges.store.project(hook.project).await?.context("the hook's project is gone")?;
    let token = edges.store.token_of(project.owner).await?;
    let secret = edges.store.webhook_secret(hook.id).await?;
    let wanted = Webhook { url: hook_url(public_url, hook.id)?, secret };
    let webhook = edges.forge.ensure_webhook(&token, &project.repository, &wanted, hook.webhook).await?;
    edges.store.connect_hook(hook.id, webhook).await
}

/// `<public URL>/_hooks/hook/<id>/`.
fn hook_url(public_url: &Url, hook: HookId) -> Result<Url> {
    let base = public_url.as_str().trim_end_matches('/');
    Url::parse(&format!("{base}/_hooks/hook/{hook}/")).context("write a hook's address")
}

/// Fetches the message and author of a build's commit, which a pull request's payload does not carry, while its
/// job already runs. If the message asks to skip the build, the job is stopped.
pub(crate) async fn description(flow: Flow, build: Build, job: JobId) {
    for pause in DESCRIPTION_PAUSES {
        match describe(&flow, &build, job).await {
            Ok(()) => return,
            Err(fault) => {
                tracing::info!(
                    build.id = build.id.0,
                    error = format!("{fault:#}"),
                    "a commit's message is not known yet"
                );
                let is_final =
                    fault.downcast_ref::<ForgeError>().is_some_and(|fault| fault.try_again().is_none());
                if is_final || !flow.pause(Duration::from_secs(pause)).await {
                    return;
                }
            }
        }
    }
}

async fn describe(flow: &Flow, build: &Build, job: JobId) -> Result<()> {
    let store = &flow.edges.store;
    let project = store.project(build.project).await?.context("the build's project is gone")?;
    let token = store.token_of(project.owner).await?;
    let (message, author) = flow.edges.forge.commit(&token, &project.repository, &build.sha).await?;
    store.describe_build(build.id, &message, &author).await?;
    report::change(&flow.edges, build.project, job);
    if let Some(word) = Change::skip_word_in(&[&message]) {
        run::cancel(&flow.edges, job, &format!("The commit's message asks to skip the build with {word}."))
            .await?;
    }
    Ok(())
}
