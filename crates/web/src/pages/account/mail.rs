//! A person's choice about mail: on or off, to which address, and about which builds.

use super::{MailDraft, PATH, show, tokens::Told};
use crate::{
    app::Shared,
    error::WebError,
    pages::{button::Sent, frame::Visit},
};
use axum::{extract::State, response::Response};
use kozmic_edges::{broker::Topic, clock, store::LinkOutcome};
use kozmic_model::{time::spoken, user::MailChoice};
use serde::Deserialize;

/// The longest address that mail servers accept, in bytes.
pub(super) const LONGEST_ADDRESS: usize = 254;

/// The longest part before the `@`, in bytes.
const LONGEST_NAME: usize = 64;

const SAVED: &str = "Your mail settings are saved.";

/// The fields as typed. Browsers do not send a box that is not ticked.
#[derive(Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    address: String,
    is_on: Option<String>,
    only_own_commits: Option<String>,
}

/// `POST /account/settings/mail/`
pub(crate) async fn change(
    State(app): State<Shared>,
    Sent(typed, visit): Sent<Typed>,
) -> Result<Response, WebError> {
    let (is_on, only_own_commits) = (typed.is_on.is_some(), typed.only_own_commits.is_some());
    let outcome = match read(&typed.address) {
        Ok(address) => {
            let choice = MailChoice { address, is_on, only_own_commits };
            let store = visit.edges(&app).store;
            store.people().change_mail_settings(visit.person.user.id, choice, clock::now()).await?
        }
        Err(fault) => return refuse(&app, visit, typed, fault.to_owned()).await,
    };
    match said_of_link(&app, outcome) {
        Ok(None) => visit.lead(&app, PATH, Ok(SAVED.to_owned())).await,
        Ok(Some(said)) => visit.lead(&app, PATH, Ok(format!("{SAVED} {said}"))).await,
        Err(fault) => refuse(&app, visit, typed, fault).await,
    }
}

/// The result of asking for a link to confirm an address, in a sentence; none if no link was needed.
pub(in crate::pages) fn said_of_link(
    app: &Shared,
    outcome: LinkOutcome,
) -> Result<Option<&'static str>, String> {
    match outcome {
        LinkOutcome::NotNeeded => Ok(None),
        LinkOutcome::Queued => {
            app.edges.broker.ring(Topic::Outbox);
            Ok(Some(match app.edges.notifiers.mail() {
                None => "This server sends no mail, so the address cannot be confirmed now.",
                Some(_) => "A link to confirm the address is on its way there.",
            }))
        }
        LinkOutcome::TooMany { until } => Err(format!(
            "You have asked for too many links within a day. The next one can go out in {}.",
            spoken(until.since(clock::now()))
        )),
    }
}

/// The form as typed, with the reason why it is not accepted.
async fn refuse(app: &Shared, visit: Visit, typed: Typed, fault: String) -> Result<Response, WebError> {
    let (is_on, only_own_commits) = (typed.is_on.is_some(), typed.only_own_commits.is_some());
    let draft = MailDraft { address: typed.address, is_on, only_own_commits, fault: Some(fault) };
    show(app, visit, Some(draft), Told::default()).await
}

/// The address; none if nothing was typed.
fn read(typed: &str) -> Result<Option<String>, &'static str> {
    let address = typed.trim();
    match address {
        "" => Ok(None),
        _ if address.len() > LONGEST_ADDRESS => Err("That is too long for an address."),
        _ if is_address(address) => Ok(Some(address.to_owned())),
        _ => Err("That is not an address: it looks like anna@example.com."),
    }
}

/// True if a text is a plain address. Quoted names and hosts in brackets are not supported.
fn is_address(text: &str) -> bool {
    let Some((name, host)) = text.rsplit_once('@') else { return false };
    let fits = |c: char| c.is_ascii_graphic() && !"\"(),:;<>@[\\]".contains(c);
    let dots_fit = |part: &str| part.split('.').all(|piece| !piece.is_empty());
    let is_label = |label: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        label.len() <= 63 && label.chars().all(plain) && !label.starts_with('-') && !label.ends_with('-')
    };
    name.len() <= LONGEST_NAME
        && name.chars().all(fits)
        && dots_fit(name)
        && dots_fit(host)
        && host.contains('.')
        && host.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_and_nothing_stands_for_the_forges() {
        assert_eq!(read("  "), Ok(None));
        for address in ["anna@example.com", "anna.li+ci@mail.example.co.uk", "o'neil@xn--80ak6aa.example"] {
            assert_eq!(read(&format!(" {address} ")), Ok(Some(address.to_owned())), "{address}");
        }
    }

    #[test]
    fn what_is_no_address_or_would_be_read_as_more_is_refused() {
        for typed in [
            "anna",
            "anna@",
            "@example.com",
            "anna@localhost",
            "anna@example..com",
            "an na@example.com",
            "anna@example.com\r\nBcc: eve@example.com",
            "anna@example.com, eve@example.com",
            "Anna <anna@example.com>",
            "anna@-example.com",
            ".anna@example.com",
            "a@b@example.com",
        ] {
            assert!(read(typed).is_err(), "{typed}");
        }
        assert!(read(&format!("{}@example.com", "a".repeat(65))).is_err());
        assert!(read(&format!("a@{}com", "a.".repeat(150))).is_err());
    }
}
