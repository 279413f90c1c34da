//! Signing in with GitHub: the page that asks, the person's answer, and the exchange for a token.

use std::time::{Duration, Instant};

use axum::Form;
use axum::extract::{Query, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use url::{Url, form_urlencoded};

use super::Shared;
use super::web::{escape, page};
use crate::github::double::Double;
use crate::github::random;
use crate::github::world::Grant;

/// Parameters of Kozmic's question to the person.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    client_id: Option<String>,
    redirect_uri: Option<String>,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    state: String,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
    login: Option<String>,
    #[serde(rename = "allow_signup")]
    _allow_signup: Option<String>,
    #[serde(rename = "prompt")]
    _prompt: Option<String>,
    #[serde(rename = "response_type")]
    _response_type: Option<String>,
}

/// `GET /login/oauth/authorize`: asks as whom to go on, with a button for each person.
pub(super) async fn ask(State(double): State<Shared>, query: Result<Query<Ask>, QueryError>) -> Response {
    let ask = match query {
        Ok(Query(ask)) => ask,
        Err(error) => return confused(&double, &format!("GET /login/oauth/authorize: {error}")),
    };
    if let Err(response) = known(&double, &ask) {
        return *response;
    }
    let logins: Vec<_> = double.read(|world| {
        let people = world.accounts.iter().filter(|account| account.is_person());
        people.map(|account| (account.login.clone(), account.name.clone())).collect()
    });
    page(StatusCode::OK, "Authorize Kozmic", &form(&ask, &logins))
}

/// `POST /login/oauth/authorize`: a button was pressed.
pub(super) async fn decide(State(double): State<Shared>, form: Result<Form<Ask>, FormError>) -> Response {
    let ask = match form {
        Ok(Form(ask)) => ask,
        Err(error) => return confused(&double, &format!("POST /login/oauth/authorize: {error}")),
    };
    let mut back = match known(&double, &ask) {
        Ok(back) => back,
        Err(response) => return *response,
    };
    let login = ask.login.clone().unwrap_or_default();
    if login.is_empty() {
        back.query_pairs_mut()
            .append_pair("error", "access_denied")
            .append_pair("error_description", "The user has denied your application access.")
            .append_pair("state", &ask.state);
    } else {
        let code = grant(&double, &ask, login);
        back.query_pairs_mut().append_pair("code", &code).append_pair("state", &ask.state);
    }
    (StatusCode::FOUND, [("location", back.as_str())]).into_response()
}

type QueryError = axum::extract::rejection::QueryRejection;
type FormError = axum::extract::rejection::FormRejection;

fn confused(double: &Double, what: &str) -> Response {
    double.wrong(what);
    page(StatusCode::BAD_REQUEST, "Cannot authorize", &format!("<p>{}</p>", escape(what)))
}

/// Address to send the person back to, if the application is known.
fn known(double: &Double, ask: &Ask) -> Result<Url, Box<Response>> {
    if ask.client_id.as_deref() != Some(&double.app.client_id) {
        let what = format!("OAuth: {:?} is no client id of an application", ask.client_id);
        double.wrong(&what);
        let text = "<p>There is no such application.</p>";
        return Err(Box::new(page(StatusCode::NOT_FOUND, "Not found", text)));
    }
    let uri = ask.redirect_uri.as_deref().and_then(|uri| Url::parse(uri).ok());
    uri.filter(|uri| uri.has_host())
        .ok_or_else(|| Box::new(confused(double, "OAuth: redirect_uri is no address")))
}

fn grant(double: &Double, ask: &Ask, login: String) -> String {
    if ask.code_challenge_method.as_deref() != Some("S256") {
        double.wrong("OAuth: code_challenge_method is not S256");
    }
    if !ask.code_challenge.as_deref().is_some_and(is_challenge) {
        double.wrong("OAuth: code_challenge is missing, or not what SHA-256 comes to");
    }
    let words = ask.scope.split([',', ' ']).filter(|scope| !scope.is_empty());
    let grant = Grant {
        login,
        scopes: words.map(str::to_owned).collect(),
        redirect_uri: ask.redirect_uri.clone(),
        code_challenge: ask.code_challenge.clone(),
    };
    let code = random::hex(10);
    double.change(|world| world.grants.insert(code.clone(), grant));
    code
}

fn form(ask: &Ask, people: &[(String, String)]) -> String {
    let hidden = [
        ("client_id", ask.client_id.as_deref()),
        ("redirect_uri", ask.redirect_uri.as_deref()),
        ("scope", Some(ask.scope.as_str())),
        ("state", Some(ask.state.as_str())),
        ("code_challenge", ask.code_challenge.as_deref()),
        ("code_challenge_method", ask.code_challenge_method.as_deref()),
    ];
    let hidden = hidden.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let hidden: String = hidden
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value)))
        .collect();
    let first = |(login, _): &&(String, String)| Some(login) == ask.login.as_ref();
    let ordered = people.iter().filter(first).chain(people.iter().filter(|one| !first(one)));
    let buttons: String = ordered
        .map(|(login, name)| {
            let (login, name) = (escape(login), escape(name));
            format!("<button name=\"login\" value=\"{login}\">Authorize Kozmic as {name} ({login})</button>")
        })
        .collect();
    format!(
        "<form method=\"post\" action=\"/login/oauth/authorize\">{hidden}\
         <p>Kozmic asks for: <code>{}</code></p>{buttons}\
         <button name=\"login\" value=\"\" class=\"quiet\">Cancel</button></form>",
        escape(&ask.scope)
    )
}

/// Fields that Kozmic sends to exchange a code.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    client_id: String,
    client_secret: String,
    code: String,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
    #[serde(rename = "grant_type")]
    _grant_type: Option<String>,
}

/// `POST /login/oauth/access_token`. Errors, too, are answered with 200.
pub(super) async fn exchange(State(double): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let json = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let fields = if json { serde_json::from_slice(&body).ok() } else { Some(pairs(&body)) };
    let exchange = fields.and_then(|fields: Value| serde_json::from_value::<Exchange>(fields).ok());
    let outcome = exchange.map_or_else(
        || {
            double.wrong("POST /login/oauth/access_token: fields are missing, unknown or of the wrong type");
            problem(
                "incorrect_client_credentials",
                "The client_id and/or client_secret passed are incorrect.",
            )
        },
        |exchange| redeem(&double, &exchange),
    );
    let wants_json = headers.get(ACCEPT).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if wants_json { axum::Json(outcome).into_response() } else { encoded(&outcome) }
}

fn redeem(double: &Double, exchange: &Exchange) -> Value {
    let app = &double.app;
    if exchange.client_id != app.client_id || exchange.client_secret != app.client_secret {
        double.wrong("POST /login/oauth/access_token: wrong client credentials");
        return problem(
            "incorrect_client_credentials",
            "The client_id and/or client_secret passed are incorrect.",
        );
    }
    let Some(grant) = double.change(|world| world.grants.remove(&exchange.code)) else {
        return problem("bad_verification_code", "The code passed is incorrect or expired.");
    };
    if exchange.redirect_uri.is_some() && exchange.redirect_uri != grant.redirect_uri {
        double.wrong("POST /login/oauth/access_token: another redirect_uri than at the start");
        return problem("redirect_uri_mismatch", "The redirect_uri MUST match the registered callback URL.");
    }
    let challenge = exchange.code_verifier.as_deref().filter(|verifier| is_verifier(verifier)).map(challenge);
    if grant.code_challenge.is_some() && grant.code_challenge != challenge {
        double.wrong("POST /login/oauth/access_token: not the code_verifier of the code_challenge");
        return problem("bad_verification_code", "The code verifier does not match the code challenge.");
    }
    let scope = grant.scopes.join(",");
    match double.read(|world| world.token_lifetime) {
        None => {
            let token = double.change(|world| world.issue_token("gho_", &grant.login, grant.scopes));
            json!({"access_token": token, "scope": scope, "token_type": "bearer"})
        }
        Some(lifetime) => ending(double, &grant, lifetime),
    }
}

/// The token of a GitHub App's user: it has no scopes, ends, and can be renewed for half a year.
fn ending(double: &Double, grant: &Grant, lifetime: Duration) -> Value {
    let token = double.change(|world| {
        let token = world.issue_token("ghu_", &grant.login, grant.scopes.clone());
        if let Some(issued) = world.tokens.get_mut(&token) {
            issued.ends = Some(Instant::now() + lifetime);
        }
        token
    });
    json!({"access_token": token, "expires_in": lifetime.as_secs(), "refresh_token": format!("ghr_{}", random::hex(38)),
        "refresh_token_expires_in": 15_897_600, "scope": "", "token_type": "bearer"})
}

fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// Whether it can be a challenge: 32 bytes as base64url without padding.
fn is_challenge(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

/// Whether it can be a verifier, as RFC 7636 has them.
fn is_verifier(text: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-._~".contains(letter);
    (43..=128).contains(&text.len()) && text.chars().all(fits)
}

fn problem(error: &str, description: &str) -> Value {
    let uri = "https://docs.github.com/apps/troubleshooting-authorization-request-errors";
    json!({"error": error, "error_description": description, "error_uri": uri})
}

fn pairs(body: &[u8]) -> Value {
    let pairs = form_urlencoded::parse(body).into_owned();
    Value::Object(pairs.map(|(key, value)| (key, Value::String(value))).collect::<Map<_, _>>())
}

/// The same answer as a form, for a caller that does not ask for JSON.
fn encoded(outcome: &Value) -> Response {
    let mut text = form_urlencoded::Serializer::new(String::new());
    for (key, value) in outcome.as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        text.append_pair(key, &value);
    }
    ([(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8")], text.finish()).into_response()
}
