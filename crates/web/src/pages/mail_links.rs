//! Links in mails that people follow: one confirms an address, one ends all mail. Programs of mailboxes fetch links, so
//! nothing happens before a button is pressed.

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
use kozmic_edges::{broker::Topic, clock, store::MailAsked};
use kozmic_model::{
    mail::{LinkPurpose, MailLink},
    time::{Timestamp, time_of_day},
};
use serde::Deserialize;

/// The seal of a link, in an address or a form.
#[derive(Deserialize)]
pub(crate) struct Followed {
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
#[template(path = "mail_stop.html")]
struct StopPage {
    address: String,
    /// None: it is done.
    sealed: Option<String>,
}

/// `GET /account/settings/mail/confirm/`
pub(crate) async fn ask_to_confirm(
    State(app): State<Shared>,
    Ask(followed): Ask<Followed>,
    visit: Visit,
) -> Result<Response, WebError> {
    let address = to_confirm(&app, &visit, &followed)?;
    let frame = visit.frame(&app, None).await?;
    visit.show(&ConfirmPage { frame, address, sealed: followed.link })
}

/// `POST /account/settings/mail/confirm/`
pub(crate) async fn confirm(
    State(app): State<Shared>,
    Sent(followed, visit): Sent<Followed>,
) -> Result<Response, WebError> {
    let address = to_confirm(&app, &visit, &followed)?;
    let user = &visit.person.user;
    let is_confirmed = visit.edges(&app).store.confirm_mail(user.id, &address).await?;
    let said = match is_confirmed || user.mail.address.as_deref() == Some(&address) {
        true => Ok(format!("Your mail goes to {address}.")),
        false => Err(format!(
            "You asked for another address than {address} since: follow the link that went there."
        )),
    };
    visit.lead(&app, account::PATH, said).await
}

/// `POST /account/settings/mail/link/`: the link to confirm an address once more.
pub(crate) async fn send_again(
    State(app): State<Shared>,
    Sent(auth::Nothing {}, visit): Sent<auth::Nothing>,
) -> Result<Response, WebError> {
    let asked = visit.edges(&app).store.send_mail_link(visit.person.user.id, clock::now()).await?;
    app.edges.broker.ring(Topic::Outbox);
    let said = match asked {
        MailAsked::Done => Err("No address waits to be confirmed.".to_owned()),
        MailAsked::LinkGoesOut => Ok("A link goes out once more.".to_owned()),
        MailAsked::TooManyLinks { until } => Err(too_many_links(until)),
    };
    visit.lead(&app, account::PATH, said).await
}

/// `GET /mail/stop/`
pub(crate) async fn ask_to_stop(
    State(app): State<Shared>,
    Ask(followed): Ask<Followed>,
) -> Result<Response, WebError> {
    let MailLink { address, .. } = to_stop(&app, &followed)?;
    stop_page(StopPage { address, sealed: Some(followed.link) })
}

/// `POST /mail/stop/`: by the button, or by a mailbox's own, with nothing to prove but the link (RFC 8058).
pub(crate) async fn stop(
    State(app): State<Shared>,
    Ask(followed): Ask<Followed>,
) -> Result<Response, WebError> {
    let MailLink { user, address, .. } = to_stop(&app, &followed)?;
    app.edges.store.stop_mail(user, &address).await?;
    stop_page(StopPage { address, sealed: None })
}

/// The sentence for one who asked for another link too soon.
pub(super) fn too_many_links(until: Timestamp) -> String {
    format!(
        "Too many links went out for you within an hour. There may be more from {} on.",
        time_of_day(until)
    )
}

fn stop_page(page: StopPage) -> Result<Response, WebError> {
    Ok(Html(page.render()?).into_response())
}

/// The address that the link of this person confirms.
fn to_confirm(app: &Shared, visit: &Visit, followed: &Followed) -> Result<String, WebError> {
    let link = opened(app, followed)?;
    let LinkPurpose::Confirm { until } = link.purpose else { return Err(damaged()) };
    let user = &visit.person.user;
    if link.user != user.id {
        let login = &user.profile.login;
        return Err(WebError::Conflict(format!(
            "This link is for another person than {login}, as whom you are signed in. Sign out, and follow it again."
        )));
    }
    if until <= clock::now() {
        return Err(WebError::Conflict(
            "This link has ended: it was good for three days. The page of your account sends another."
                .to_owned(),
        ));
    }
    Ok(link.address)
}

fn to_stop(app: &Shared, followed: &Followed) -> Result<MailLink, WebError> {
    let link = opened(app, followed)?;
    if link.purpose == LinkPurpose::Stop { Ok(link) } else { Err(damaged()) }
}

fn opened(app: &Shared, followed: &Followed) -> Result<MailLink, WebError> {
    app.edges.store.opened_link(&followed.link).ok_or_else(damaged)
}

fn damaged() -> WebError {
    WebError::Senseless(
        "This link lacks a part, or is another server's. Copy all of it out of the mail.".to_owned(),
    )
}
