//! Signs people in through the forge, and out again.
//!
//! The browser leaves with a random `state` in its cookie and must bring the same one back. So nobody can make a
//! browser use another person's sign-in.

use super::frame::only_live;
use crate::{
    address::Ask,
    app::Shared,
    auth::{self, Checked, Cookies, Nothing, Notice, PendingSignIn, SignedIn, Tone, same},
    error::WebError,
    next::{local_path, sign_in_address},
};
use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, header::USER_AGENT},
    response::{Html, IntoResponse, Redirect, Response},
};
use kozmic_edges::{forge::Site, secret};
use kozmic_flow::at_forge::{self, Returned};
use secrecy::ExposeSecret;
use serde::Deserialize;
use url::form_urlencoded;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    forge: Site,
    start: String,
    notice: Option<Notice>,
}

/// The path to go to after signing in.
#[derive(Deserialize)]
pub(crate) struct After {
    #[serde(default)]
    next: String,
}

/// The values with which the forge sends a browser back.
#[derive(Deserialize)]
pub(crate) struct Callback {
    code: Option<String>,
    #[serde(default)]
    state: String,
    error: Option<String>,
    error_description: Option<String>,
}

/// `GET /`: a page about Kozmic; for a person who signed in, their projects.
pub(crate) async fn home(
    State(app): State<Shared>,
    headers: HeaderMap,
    person: Option<SignedIn>,
) -> Result<Response, WebError> {
    match person {
        Some(_) => Ok(Redirect::to("/projects/").into_response()),
        None => page(&app, &headers, "/"),
    }
}

/// `GET /login/`
pub(crate) async fn login(
    State(app): State<Shared>,
    headers: HeaderMap,
    Ask(After { next }): Ask<After>,
    person: Option<SignedIn>,
) -> Result<Response, WebError> {
    let next = local_path(&next).unwrap_or("/");
    match person {
        Some(_) => Ok(Redirect::to(next).into_response()),
        None => page(&app, &headers, next),
    }
}

/// `GET /_auth/`: redirects to the forge.
pub(crate) async fn depart(
    State(app): State<Shared>,
    cookies: Cookies,
    Ask(After { next }): Ask<After>,
) -> Response {
    let (state, verifier) = (secret::random(), secret::random());
    let forge = app.edges.forge.authorize_url(state.expose_secret(), &verifier, &app.face.callback_url());
    let [state, verifier] = [state, verifier].map(|secret| secret.expose_secret().to_owned());
    let next = local_path(&next).unwrap_or("/").to_owned();
    cookies.set_pending_sign_in(&PendingSignIn { state, verifier, next }).onto(Redirect::to(forge.as_str()))
}

/// `GET /_auth/auth-callback/`: the browser comes back from the forge.
pub(crate) async fn arrive(
    State(app): State<Shared>,
    cookies: Cookies,
    headers: HeaderMap,
    Ask(callback): Ask<Callback>,
) -> Response {
    let pending = cookies.pending_sign_in();
    let (next, verifier) = pending.as_ref().map_or(("/", ""), |pending| (&pending.next, &pending.verifier));
    let former = auth::visitor(&headers, &app).await.ok().flatten();
    let cookies = cookies.forget_departure();
    let code = match usable_code(callback, pending.as_ref()) {
        Ok(code) => code,
        Err(why) => return turned_back(cookies, next, why),
    };
    let returned = Returned {
        code: &code,
        verifier: &verifier.into(),
        redirect: &app.face.callback_url(),
        agent: headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default(),
        former: former.as_ref().map(|person| person.session.fingerprint()),
    };
    match at_forge::sign_in(&app.edges, returned, &app.face.invited).await {
        Ok(signed_in) => {
            go_dark(&app, former).await;
            let local = local_path(next).unwrap_or("/");
            cookies.set_session(&signed_in.session, signed_in.lasts).onto(Redirect::to(local))
        }
        Err(fault) if fault.is::<at_forge::NotInvited>() => {
            tracing::warn!("{fault}");
            turned_back(cookies, next, "This server is for invited people only. Ask who runs it.".to_owned())
        }
        Err(fault) => {
            tracing::warn!("sign-in failed: {fault:#}");
            let forge = &app.face.forge;
            turned_back(cookies, next, format!("{forge} did not confirm the sign-in. Please try again."))
        }
    }
}

/// `POST /logout/`
pub(crate) async fn logout(
    State(app): State<Shared>,
    cookies: Cookies,
    Checked(Nothing {}, person): Checked<Nothing>,
) -> Result<Response, WebError> {
    person.edges(&app).store.people().sign_out(&person.session.fingerprint()).await?;
    auth::ring_out(&app, person.user.id).await?;
    Ok(cookies.forget_session().onto(Redirect::to("/")))
}

/// Ends what is still open of a browser's former session.
async fn go_dark(app: &Shared, former: Option<SignedIn>) {
    let Some(person) = former else { return };
    if let Err(fault) = auth::ring_out(app, person.user.id).await {
        tracing::warn!(user.id = person.user.id.0, %fault, "open pages of a session that ended look again later");
    }
}

/// The code to send to the forge, or the words for the person.
fn usable_code(callback: Callback, pending: Option<&PendingSignIn>) -> Result<String, String> {
    let known = pending.is_some_and(|pending| same(&pending.state, &callback.state));
    match (known, callback.error.as_deref(), callback.code) {
        (false, ..) => {
            Err("That sign-in was too old, or began in another window. Please try again.".to_owned())
        }
        (true, Some("access_denied"), _) => {
            Err("You did not let Kozmic in. That is fine; nothing was changed.".to_owned())
        }
        (true, Some(error), _) => {
            Err(format!("The sign-in failed: {}", callback.error_description.as_deref().unwrap_or(error)))
        }
        (true, None, Some(code)) => Ok(code),
        (true, None, None) => Err("The sign-in came back without a code. Please try again.".to_owned()),
    }
}

fn turned_back(cookies: Cookies, next: &str, why: String) -> Response {
    cookies.set_notice(Tone::Bad, why).onto(Redirect::to(&sign_in_address(next)))
}

fn page(app: &Shared, headers: &HeaderMap, next: &str) -> Result<Response, WebError> {
    let query = form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>();
    let start = if next == "/" { "/_auth/".to_owned() } else { format!("/_auth/?next={query}") };
    let cookies = Cookies::of(headers, &app.face);
    let notice = cookies.notice().or_else(|| was_signed_out(app, &cookies));
    // A request that only looks for changes must not use up a notice that the person has to read.
    let cookies = match notice {
        Some(_) if !only_live(headers) => cookies.forget_notice().forget_session(),
        _ => cookies,
    };
    let html = Html(SignInPage { forge: app.face.forge, start, notice }.render()?);
    Ok(cookies.onto(html))
}

/// The notice for a browser whose session has ended. A browser that was signed out by the button brings no session.
fn was_signed_out(app: &Shared, cookies: &Cookies) -> Option<Notice> {
    cookies.session()?;
    let text = format!(
        "You were signed out: your session is over, or {} no longer accepts it. Please sign in again.",
        app.face.forge
    );
    Some(Notice { tone: Tone::Bad, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callback(code: Option<&str>, state: &str, error: Option<&str>) -> Callback {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Callback { code: own(code), state: state.into(), error: own(error), error_description: None }
    }

    #[test]
    fn a_code_counts_only_with_the_state_that_left() {
        let pending = PendingSignIn { state: "abc".into(), verifier: "v".into(), next: "/".into() };
        assert_eq!(usable_code(callback(Some("1"), "abc", None), Some(&pending)).unwrap(), "1");
        assert!(usable_code(callback(Some("1"), "abd", None), Some(&pending)).is_err());
        assert!(usable_code(callback(Some("1"), "", None), None).is_err());
        assert!(usable_code(callback(None, "abc", None), Some(&pending)).is_err());
    }

    #[test]
    fn who_declines_is_not_scolded() {
        let pending = PendingSignIn { state: "abc".into(), verifier: "v".into(), next: "/".into() };
        let said = usable_code(callback(None, "abc", Some("access_denied")), Some(&pending)).unwrap_err();
        assert!(said.contains("That is fine"));
    }
}
