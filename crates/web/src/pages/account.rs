//! The person who looks: what Kozmic knows of them, and what they set for themselves: mail, sessions, API tokens.

mod agent;
mod mail;
mod sessions;
mod tokens;

pub(crate) use mail::change as change_mail;
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
use kozmic_edges::{clock, notifier::Notifier, store::ApiToken};
use kozmic_model::user::MailSettings;
use mail::LONGEST_ADDRESS;
use secrecy::{ExposeSecret, SecretString};
use sessions::Line;
use tokens::TITLE_LIMIT;

/// The path of this page.
const PATH: &str = "/account/settings/";

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    sends_mail: bool,
    mail: MailDraft,
    tokens: Vec<ApiToken>,
    told: Told,
    sessions: Vec<Line>,
}

/// The form about mail, as it is or as it was typed.
struct MailDraft {
    address: String,
    is_on: bool,
    only_own_commits: bool,
    fault: Option<&'static str>,
}

/// The result of asking for a token.
#[derive(Default)]
struct Told {
    /// A token that was just made: this page is the only one that ever shows it.
    token: Option<SecretString>,
    title: String,
    fault: Option<&'static str>,
}

impl From<&MailSettings> for MailDraft {
    fn from(mail: &MailSettings) -> Self {
        Self {
            address: mail.address.clone().unwrap_or_default(),
            is_on: mail.is_on,
            only_own_commits: mail.only_own_commits,
            fault: None,
        }
    }
}

impl Told {
    fn secret(&self) -> Option<&str> {
        self.token.as_ref().map(ExposeSecret::expose_secret)
    }
}

/// `GET /account/settings/`
pub(crate) async fn settings(State(app): State<Shared>, visit: Visit) -> Result<Response, WebError> {
    show(&app, visit, None, Told::default()).await
}

/// The page, with what was typed but not taken, or with what is told but once.
async fn show(app: &Shared, visit: Visit, mail: Option<MailDraft>, told: Told) -> Result<Response, WebError> {
    let (store, user) = (&app.edges.store, visit.person.user.id);
    let frame = visit.frame(app, None).await?;
    let sessions = store.sessions(user, clock::now()).await?;
    let sessions = sessions.into_iter().map(|line| Line::of(line, &visit.person.session)).collect();
    let mail = mail.unwrap_or_else(|| MailDraft::from(&visit.person.user.mail));
    let is_fault = mail.fault.is_some() || told.fault.is_some();
    let tokens = store.api_tokens(user).await?;
    let sends_mail = !matches!(app.edges.notifier, Notifier::None);
    let page = visit.show(&AccountPage { frame, sends_mail, mail, tokens, told, sessions })?;
    let status = if is_fault { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, page).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{auth::Session, pages::samples};
    use kozmic_edges::store::SessionLine;
    use kozmic_model::{ids::ApiTokenId, time::Timestamp};

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
        let token = ApiToken {
            id: ApiTokenId(4),
            title: "<i>Deploys</i>".into(),
            created_at: Timestamp(0),
            used_at: None,
        };
        let sessions = vec![Line::of(line, &session)];
        AccountPage { frame: samples::frame(), sends_mail, mail, tokens: vec![token], told, sessions }
            .render()
            .unwrap()
    }

    #[test]
    fn what_people_wrote_is_text() {
        let told = Told { title: "\"><script>".into(), fault: Some("No."), token: None };
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
    fn a_server_without_mail_says_so() {
        let says = |sends_mail| of_server(sends_mail, draft(), Told::default()).contains("sends no mail");
        assert!(says(false) && !says(true));
    }

    fn draft() -> MailDraft {
        MailDraft::from(&MailSettings::default())
    }
}
