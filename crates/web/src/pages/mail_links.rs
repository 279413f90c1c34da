//! Links in mails: one confirms an address, one ends all mail. Mail programs open links by themselves, so nothing
//! happens before the person presses a button.

use super::{
    account,
    button::Sent,
    frame::{Frame, Visit},
    parts,
};
use crate::{address::Ask, app::Shared, auth, error::WebError};
use askama::Template;
use axum::{
    extract::State,
    response::{Html, IntoResponse, Response},
};
use kozmic_edges::clock;
use kozmic_model::{
    mail::{LinkPurpose, MailLink},
    user::is_same_address,
};
use serde::Deserialize;

/// A sealed link, in an address or a form.
#[derive(Deserialize)]
pub(crate) struct LinkQuery {
    #[serde(default)]
    link: String,
}

#[derive(Template)]
#[template(path = "account/confirm.html")]
struct ConfirmPage {
    frame: Frame,
    address: String,
    sealed: String,
}

#[derive(Template)]
#[template(path = "unsubscribe.html")]
struct UnsubscribePage {
    address: String,
    step: Step,
}

/// Steps of unsubscribing.
enum Step {
    /// The question, with the sealed link.
    Asked(String),
    /// Mail was ended for this login.
    Done(String),
    /// There is no mail to end.
    NoMail,
}

/// `GET /account/settings/mail/confirm/`
pub(crate) async fn ask_to_confirm(
    State(app): State<Shared>,
    Ask(query): Ask<LinkQuery>,
    visit: Visit,
) -> Result<Response, WebError> {
    let address = to_confirm(&app, &visit, &query)?;
    if visit.person.user.mail.unconfirmed.is_none() {
        return visit.lead(&app, account::PATH, Ok(format!("{address} is confirmed already."))).await;
    }
    let frame = visit.frame(&app, None).await?;
    visit.show(&ConfirmPage { frame, address, sealed: query.link })
}

/// `POST /account/settings/mail/confirm/`
pub(crate) async fn confirm(
    State(app): State<Shared>,
    Sent(query, visit): Sent<LinkQuery>,
) -> Result<Response, WebError> {
    let address = to_confirm(&app, &visit, &query)?;
    let user = &visit.person.user;
    visit.edges(&app).store.people().confirm_mail(user.id, &address).await?;
    let hint = if user.mail.is_on { "Your mail now goes there." } else { "Mail is switched off." };
    let said = format!("{address} is confirmed. {hint}");
    visit.lead(&app, account::PATH, Ok(said)).await
}

/// `POST /account/settings/mail/link/`: sends the link to confirm an address again.
pub(crate) async fn send_again(
    State(app): State<Shared>,
    Sent(auth::Nothing {}, visit): Sent<auth::Nothing>,
) -> Result<Response, WebError> {
    let outcome = visit.edges(&app).store.people().send_mail_link(visit.person.user.id, clock::now()).await?;
    let said = account::said_of_link(&app, outcome)
        .map(|said| said.unwrap_or("No address waits to be confirmed.").to_owned());
    visit.lead(&app, account::PATH, said).await
}

/// `GET /mail/unsubscribe/`
pub(crate) async fn ask_to_unsubscribe(
    State(app): State<Shared>,
    Ask(query): Ask<LinkQuery>,
) -> Result<Response, WebError> {
    let MailLink { user, address, .. } = to_unsubscribe(&app, &query)?;
    let person = app.edges.store.people().user(user).await?;
    let used = person.as_ref().and_then(|person| person.mail_address());
    let is_used = used.is_some_and(|used| is_same_address(used, &address));
    page(UnsubscribePage { address, step: if is_used { Step::Asked(query.link) } else { Step::NoMail } })
}

/// `POST /mail/unsubscribe/`: by the page's button, or by that of a mail program, with no proof but the link (RFC
/// 8058).
pub(crate) async fn unsubscribe(
    State(app): State<Shared>,
    Ask(query): Ask<LinkQuery>,
) -> Result<Response, WebError> {
    let MailLink { user, address, .. } = to_unsubscribe(&app, &query)?;
    let done = app.edges.store.people().unsubscribe(user, &address).await?;
    page(UnsubscribePage { address, step: done.map_or(Step::NoMail, Step::Done) })
}

fn page(page: UnsubscribePage) -> Result<Response, WebError> {
    Ok(Html(page.render()?).into_response())
}

/// The address that the link confirms for this person.
fn to_confirm(app: &Shared, visit: &Visit, query: &LinkQuery) -> Result<String, WebError> {
    let link = opened(app, query)?;
    let LinkPurpose::Confirm { until } = link.purpose else { return Err(damaged()) };
    let user = &visit.person.user;
    let known = [user.mail.unconfirmed.as_deref(), user.mail.address.as_deref()];
    let dead = |why: String| Err(WebError::DeadLink(why));
    match link.address {
        _ if link.user != user.id => dead(format!(
            "It is for another person than {}, who is signed in here. Sign out, sign in as that person, and open it again.",
            user.profile.login
        )),
        _ if until <= clock::now() => {
            dead("It has expired. The page of your account sends another.".to_owned())
        }
        address if !known.into_iter().flatten().any(|known| is_same_address(known, &address)) => {
            dead(format!(
                "{address} is not to be confirmed any more: another address was entered since. To use it, enter it again on the page \
             of your account."
            ))
        }
        address => Ok(address),
    }
}

fn to_unsubscribe(app: &Shared, query: &LinkQuery) -> Result<MailLink, WebError> {
    let link = opened(app, query)?;
    if link.purpose == LinkPurpose::Unsubscribe { Ok(link) } else { Err(damaged()) }
}

fn opened(app: &Shared, query: &LinkQuery) -> Result<MailLink, WebError> {
    app.edges.store.outbox().opened_link(&query.link).ok_or_else(damaged)
}

fn damaged() -> WebError {
    WebError::DeadLink(
        "It lacks a part, or was made for another page or server. Copy the whole link from the mail."
            .to_owned(),
    )
}
