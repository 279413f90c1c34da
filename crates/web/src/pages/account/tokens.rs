//! API tokens. A token is shown once, has at most the rights of its person, and can be removed at any time.

use super::{PATH, show};
use crate::{
    address::At,
    app::Shared,
    auth::{self, Nothing},
    error::WebError,
    pages::{
        button::Sent,
        frame::{Frame, Visit},
    },
};
use axum::{extract::State, response::Response};
use kozmic_edges::{clock, store::ProjectLine};
use kozmic_model::{
    ids::{ApiTokenId, ProjectId},
    project::UnknownWord,
    time::Timestamp,
    token::{ApiToken, Scope, TokenRights},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::time::Duration;

/// The longest name of a token, in characters.
pub(super) const TITLE_LIMIT: usize = 80;

/// Each scope, in the words of the page.
pub(super) const SCOPES: [(Scope, &str); 3] = [
    (Scope::Read, "look at builds and logs"),
    (Scope::Restart, "look, run jobs again and stop them"),
    (Scope::All, "do all that you may do"),
];

/// Lifetimes of a token, in days and in words; without days it does not expire.
pub(super) const LIVES: [(&str, Option<u64>, &str); 5] = [
    ("7", Some(7), "7 days"),
    ("30", Some(30), "30 days"),
    ("90", Some(90), "90 days"),
    ("365", Some(365), "a year"),
    ("never", None, "no end"),
];

/// The fields as typed.
#[derive(Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    title: String,
    scope: Option<String>,
    project: Option<String>,
    life: Option<String>,
}

/// A token to make, as in the form.
pub(super) struct TokenDraft {
    pub(super) title: String,
    pub(super) scope: Scope,
    pub(super) project: Option<ProjectId>,
    /// A word of [`LIVES`].
    pub(super) life: &'static str,
    pub(super) days: Option<u64>,
}

/// The result of asking for a token.
#[derive(Default)]
pub(super) struct Told {
    /// A token that was just made. Only this one page shows it.
    pub(super) token: Option<SecretString>,
    pub(super) draft: TokenDraft,
    pub(super) fault: Option<&'static str>,
}

/// A token on the page.
pub(super) struct TokenLine {
    pub(super) token: ApiToken,
    /// The name of its only project; none: it is for all.
    pub(super) project: Option<String>,
    pub(super) has_ended: bool,
}

/// Proposes a token with few rights and a limited lifetime.
impl Default for TokenDraft {
    fn default() -> Self {
        Self { title: String::new(), scope: Scope::Read, project: None, life: "90", days: Some(90) }
    }
}

impl TokenDraft {
    /// True if this project is chosen.
    pub(super) fn is_for(&self, project: &ProjectId) -> bool {
        self.project == Some(*project)
    }

    /// True if this lifetime is chosen.
    pub(super) fn lasts(&self, word: &str) -> bool {
        self.life == word
    }
}

impl Told {
    pub(super) fn secret(&self) -> Option<&str> {
        self.token.as_ref().map(ExposeSecret::expose_secret)
    }
}

impl TokenLine {
    pub(super) fn of(token: ApiToken, frame: &Frame) -> Self {
        let name = |id: ProjectId| {
            let line = frame.projects.iter().find(|line| line.project.id == id);
            line.map_or_else(|| "a project that you do not see".to_owned(), full_name)
        };
        let project = token.rights.project.map(name);
        Self { project, has_ended: token.rights.has_ended(frame.now), token }
    }

    /// The token's scope, in the words of the page.
    pub(super) fn deeds(&self) -> &'static str {
        let known = SCOPES.iter().find(|(scope, _)| *scope == self.token.rights.scope);
        known.map_or("", |(_, words)| words)
    }
}

/// A project's name, for the page.
pub(super) fn full_name(line: &ProjectLine) -> String {
    line.project.repository.full_name()
}

/// `POST /account/tokens/`: this answer is the only one that shows the token.
pub(crate) async fn add(
    State(app): State<Shared>,
    Sent(typed, visit): Sent<Typed>,
) -> Result<Response, WebError> {
    let draft = choices(&app, &visit, typed).await?;
    let told = match title(&draft.title) {
        Ok(title) => {
            let (user, now) = (visit.person.user.id, clock::now());
            let rights = rights(&draft, now);
            let token = visit.edges(&app).store.people().add_api_token(user, title, rights, now).await?;
            Told { token: Some(token), ..Told::default() }
        }
        Err(fault) => Told { draft, fault: Some(fault), token: None },
    };
    show(&app, visit, None, told).await
}

/// `POST /account/tokens/<id>/delete/`
pub(crate) async fn remove(
    State(app): State<Shared>,
    At(token): At<ApiTokenId>,
    Sent(Nothing {}, visit): Sent<Nothing>,
) -> Result<Response, WebError> {
    visit.edges(&app).store.people().remove_api_token(visit.person.user.id, token).await?;
    auth::ring_out(&app, visit.person.user.id).await?;
    visit.lead(&app, PATH, Ok("The token is gone: programs that had it are let in no more.".to_owned())).await
}

/// The form as sent. A missing field has the value that the page proposes.
async fn choices(app: &Shared, visit: &Visit, typed: Typed) -> Result<TokenDraft, WebError> {
    let Typed { title, scope, project, life } = typed;
    let blank = TokenDraft::default();
    let scope = match scope {
        Some(word) => word.parse().map_err(|fault: UnknownWord| WebError::Senseless(format!("{fault}.")))?,
        None => blank.scope,
    };
    let life = life.as_deref().unwrap_or(blank.life);
    let life = LIVES.iter().find(|(word, ..)| *word == life);
    let (life, days, _) = *life.ok_or_else(|| WebError::Senseless("No token lasts that long.".to_owned()))?;
    let project = match project.as_deref() {
        None | Some("") => None,
        Some(id) => Some(own_project(app, visit, id).await?),
    };
    Ok(TokenDraft { title, scope, project, life, days })
}

/// A project that the person sees.
async fn own_project(app: &Shared, visit: &Visit, id: &str) -> Result<ProjectId, WebError> {
    let not_there = || WebError::Senseless("That is not a project of yours.".to_owned());
    let id = id.parse().map_err(|_| not_there())?;
    let role = app.edges.store.projects().role_in(id, visit.person.user.id).await?;
    role.map(|_| id).ok_or_else(not_there)
}

fn rights(draft: &TokenDraft, now: Timestamp) -> TokenRights {
    let end = draft.days.map(|days| now.after(Duration::from_secs(days * 86_400)));
    TokenRights { scope: draft.scope, project: draft.project, expires_at: end }
}

fn title(typed: &str) -> Result<&str, &'static str> {
    match typed.trim() {
        "" => Err("Name what the token is for, such as Deploys."),
        title if title.chars().count() > TITLE_LIMIT => Err("That name is too long."),
        title if title.chars().any(char::is_control) => Err("A name has one line."),
        title => Ok(title),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_a_short_name() {
        assert_eq!(title(" Deploys "), Ok("Deploys"));
        assert!(title(" ").is_err() && title("a\nb").is_err() && title(&"a".repeat(81)).is_err());
    }

    #[test]
    fn a_token_may_do_little_for_a_while_unless_somebody_says_otherwise() {
        let now = Timestamp(0);
        let rights = rights(&TokenDraft::default(), now);
        assert_eq!((rights.scope, rights.project), (Scope::Read, None));
        assert_eq!(rights.expires_at, Some(Timestamp(90 * 86_400_000)));
        let blank = TokenDraft::default();
        assert!(LIVES.iter().any(|(word, days, _)| *word == blank.life && *days == blank.days));
        assert_eq!(SCOPES.map(|(scope, _)| scope), Scope::ALL);
    }
}
