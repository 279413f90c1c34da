//! The page of the person's own account: their data, and their settings for mail, sessions and API tokens.

mod agent;
mod mail;
mod sessions;
mod tokens;

pub(crate) use mail::change as change_mail;
pub(super) use mail::said_of_link;
pub(crate) use sessions::sign_out_others;
pub(crate) use tokens::{add as add_token, remove as remove_token};

use super::frame::{Frame, Visit};
use super::parts;
use crate::{app::Shared, error::WebError};
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kozmic_edges::clock;
use kozmic_model::user::MailSettings;
use mail::LONGEST_ADDRESS;
use sessions::Line;
use tokens::{LIVES, SCOPES, TITLE_LIMIT, TokenLine, Told};

/// The path of this page.
pub(super) const PATH: &str = "/account/settings/";

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    sends_mail: bool,
    mail: MailDraft,
    tokens: Vec<TokenLine>,
    told: Told,
    sessions: Vec<Line>,
}

/// The form about mail, as stored or as typed.
struct MailDraft {
    address: String,
    is_on: bool,
    only_own_commits: bool,
    fault: Option<String>,
}

impl From<&MailSettings> for MailDraft {
    fn from(mail: &MailSettings) -> Self {
        Self {
            address: mail.unconfirmed.clone().or_else(|| mail.address.clone()).unwrap_or_default(),
            is_on: mail.is_on,
            only_own_commits: mail.only_own_commits,
            fault: None,
        }
    }
}

/// `GET /account/settings/`
pub(crate) async fn settings(State(app): State<Shared>, visit: Visit) -> Result<Response, WebError> {
    show(&app, visit, None, Told::default()).await
}

/// The page, with typed values that were not accepted, or with something that is shown only once.
async fn show(app: &Shared, visit: Visit, mail: Option<MailDraft>, told: Told) -> Result<Response, WebError> {
    let (store, user) = (&app.edges.store, visit.person.user.id);
    let frame = visit.frame(app, None).await?;
    let sessions = store.people().sessions(user, app.face.session_idle, clock::now()).await?;
    let sessions = sessions.into_iter().map(|line| Line::of(line, &visit.person.session)).collect();
    let mail = mail.unwrap_or_else(|| MailDraft::from(&visit.person.user.mail));
    let is_fault = mail.fault.is_some() || told.fault.is_some();
    let tokens = store.people().api_tokens(user).await?;
    let tokens = tokens.into_iter().map(|token| TokenLine::of(token, &frame)).collect();
    let sends_mail = app.edges.notifiers.mail().is_some();
    let page = visit.show(&AccountPage { frame, sends_mail, mail, tokens, told, sessions })?;
    let status = if is_fault { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, page).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{auth::Session, pages::samples};
    use kozmic_edges::store::SessionLine;
    use kozmic_model::{
        ids::{ApiTokenId, ProjectId},
        time::Timestamp,
        token::{ApiToken, Scope, TokenRights},
    };
    use tokens::TokenDraft;

    fn page(mail: MailDraft, told: Told) -> String {
        of_server(true, mail, told)
    }

    fn of_server(sends_mail: bool, mail: MailDraft, told: Told) -> String {
        let session = Session("secret".into());
        let line = SessionLine {
            fingerprint: session.fingerprint(),
            agent: "<b>Odd</b>/1.0".into(),
            created_at: Timestamp(0),
            seen_at: Timestamp(0),
        };
        let boundless = TokenRights { scope: Scope::All, project: None, expires_at: None };
        let (frame, sessions) = (samples::frame(), vec![Line::of(line, &session)]);
        let tokens = vec![TokenLine::of(token(boundless), &frame)];
        AccountPage { frame, sends_mail, mail, tokens, told, sessions }.render().unwrap()
    }

    fn token(rights: TokenRights) -> ApiToken {
        let (id, title) = (ApiTokenId(4), "<i>Deploys</i>".into());
        ApiToken { id, title, rights, created_at: Timestamp(0), used_at: None }
    }

    #[test]
    fn what_people_wrote_is_text() {
        let draft_of_token = TokenDraft { title: "\"><script>".into(), ..TokenDraft::default() };
        let told = Told { draft: draft_of_token, fault: Some("No."), token: None };
        let page = page(MailDraft { address: "\"><script>".into(), ..draft() }, told);
        assert!(!page.contains("<i>Deploys") && !page.contains("\"><script>") && !page.contains("<b>Odd"));
    }

    #[test]
    fn a_token_is_told_on_its_own_page_only() {
        assert!(!page(draft(), Told::default()).contains("kozmic_"));
        let told = Told { token: Some("kozmic_abc".into()), ..Told::default() };
        assert!(page(draft(), told).contains("kozmic_abc"));
    }

    #[test]
    fn a_token_without_bounds_is_marked_and_others_say_theirs() {
        assert!(page(draft(), Told::default()).contains("All rights, no end"));
        let frame = samples::frame();
        let line = |project, end| {
            let expires_at = Some(Timestamp(end));
            TokenLine::of(token(TokenRights { scope: Scope::Restart, project, expires_at }), &frame)
        };
        let own = line(Some(ProjectId(1)), frame.now.0 + 1);
        assert_eq!((own.project.as_deref(), own.has_ended), (Some("adlift/show"), false));
        assert_eq!(own.deeds(), "look, run jobs again and stop them");
        let gone = line(Some(ProjectId(99)), frame.now.0);
        assert_eq!((gone.project.as_deref(), gone.has_ended), (Some("a project that you do not see"), true));
    }

    #[test]
    fn a_server_without_mail_says_so() {
        let says = |sends_mail| of_server(sends_mail, draft(), Told::default()).contains("sends no mail");
        assert!(says(false) && !says(true));
    }

    fn draft() -> MailDraft {
        MailDraft::from(&MailSettings::default())
    }
}
