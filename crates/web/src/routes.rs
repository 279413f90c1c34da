//! Every address, and the layers that each request goes through.

use crate::{
    api,
    app::{App, Shared},
    artifacts, assets, badges, clients, deliveries,
    error::{self, WebError},
    fence, headers, health, live, monitor,
    pages::{
        self, account, approve, audit, avatars, builds, cancel, history, hooks, mail_links, projects,
        raw_log, repositories, restart, runners, settings, sign_in,
    },
};
use axum::{
    Extension, Router,
    extract::{DefaultBodyLimit, Request},
    http::{Method, Uri},
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use std::{sync::Arc, time::Duration};
use tower_http::{
    catch_panic::CatchPanicLayer,
    classify::ServerErrorsFailureClass,
    compression::{CompressionLayer, DefaultPredicate, Predicate, predicate::NotForContentType},
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    timeout::RequestBodyTimeoutLayer,
    trace::TraceLayer,
};
use tracing::Span;

/// The largest form, in bytes: a script of 256 KiB grows threefold when it is encoded.
const LARGEST_FORM: usize = 1024 * 1024;

/// Longest time between two pieces of a request's body. Forms and deliveries also have a limit for the whole body.
const PIECE_TIME: Duration = Duration::from_secs(30);

/// All that the program serves, with the routes `for_runners` on other machines. Its connections have to bring the peer's
/// address, as `ConnectInfo`.
pub fn router(app: App, for_runners: Router) -> Router {
    let app = Arc::new(app);
    // A runner reads these answers, so they are neither explained to people nor compressed.
    let for_runners = for_runners
        .layer(from_fn_with_state(Arc::clone(&app), fence::keep_out_jobs))
        .layer(from_fn_with_state(app.crowd.clone(), clients::admit));
    // Artifacts are not compressed: their ranges and tags refer to the stored bytes.
    let packed = DefaultPredicate::new().and(NotForContentType::const_new("application/octet-stream"));
    pages()
        .merge(for_machines())
        .merge(monitors())
        .nest("/api/v1", api::router())
        .fallback(elsewhere)
        .method_not_allowed_fallback(|| async { WebError::Method })
        .layer(RequestBodyTimeoutLayer::new(PIECE_TIME))
        .layer(from_fn_with_state(Arc::clone(&app), fence::keep_out_jobs))
        .layer(from_fn_with_state(app.crowd.clone(), clients::admit))
        .layer(CatchPanicLayer::custom(error::caught))
        .layer(from_fn(error::explain))
        .layer(CompressionLayer::new().compress_when(packed))
        .merge(for_runners.with_state(()))
        .layer(from_fn_with_state(Arc::clone(&app), headers::secure))
        .layer(TraceLayer::new_for_http().make_span_with(span).on_failure(broke_off))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .with_state(app)
}

/// The pages that people look at.
fn pages() -> Router<Shared> {
    Router::new()
        .route("/", get(sign_in::home))
        .route("/login/", get(sign_in::login))
        .route("/_auth/", get(sign_in::depart))
        .route("/_auth/auth-callback/", get(sign_in::arrive))
        .route("/logout/", post(sign_in::logout))
        .route("/audit/", get(audit::all))
        .route("/runners/", get(runners::list).post(runners::add))
        .route("/runners/{runner}/drain/", post(runners::drain))
        .route("/runners/{runner}/resume/", post(runners::resume))
        .route("/runners/{runner}/remove/", get(runners::ask_to_remove).post(runners::remove))
        .route("/account/settings/", get(account::settings))
        .route("/account/settings/mail/", post(account::change_mail))
        .route("/account/settings/mail/link/", post(mail_links::send_again))
        .route("/account/settings/mail/confirm/", get(mail_links::ask_to_confirm).post(mail_links::confirm))
        .route("/mail/unsubscribe/", get(mail_links::ask_to_unsubscribe).post(mail_links::unsubscribe))
        .route("/account/tokens/", post(account::add_token))
        .route("/account/tokens/{token}/delete/", post(account::remove_token))
        .route("/account/sessions/sign-out-others/", post(account::sign_out_others))
        .route("/avatars/{user}", get(avatars::avatar))
        .route("/repositories/", get(repositories::list).post(repositories::refresh))
        .route("/projects/", get(projects::list).post(repositories::choose))
        .route("/projects/{project}/", get(projects::project))
        .route("/projects/{project}/builds/latest/", get(builds::latest))
        .route("/projects/{project}/builds/{build}/", get(builds::build))
        .route("/projects/{project}/builds/{build}/jobs/{job}/", get(builds::job))
        .route("/projects/{project}/jobs/{job}/log/", get(raw_log::raw))
        .route("/projects/{project}/jobs/{job}/cancel/", post(cancel::job))
        .route("/projects/{project}/jobs/{job}/restart/", post(restart::job))
        .route("/projects/{project}/builds/{build}/cancel/", post(cancel::build))
        .route("/projects/{project}/builds/{build}/restart/", post(restart::build))
        .route("/projects/{project}/builds/{build}/approve/", post(approve::build))
        .route("/projects/{project}/history/", get(history::history))
        .route("/projects/{project}/avatars/{user}", get(avatars::member))
        .route("/projects/{project}/audit/", get(audit::of_project))
        .route("/projects/{project}/settings/", get(settings::settings))
        .route("/projects/{project}/settings/builds/", post(settings::builds::change))
        .route("/projects/{project}/settings/badge/", post(settings::badge::change))
        .route("/projects/{project}/members/sync/", post(settings::members::sync))
        .route("/projects/{project}/registries/", post(settings::registries::add))
        .route("/projects/{project}/registries/{credential}/delete/", post(settings::registries::remove))
        .route("/projects/{project}/cache/{image}/drop/", post(settings::images::drop_image))
        .route("/projects/{project}/delete/", post(settings::delete::delete))
        .route("/projects/{project}/hooks/restore/", post(hooks::restore))
        .route("/projects/{project}/hooks/add/", get(hooks::blank).post(hooks::add))
        .route("/projects/{project}/hooks/{hook}/edit/", get(hooks::filled).post(hooks::edit))
        .route("/projects/{project}/hooks/{hook}/connect/", post(hooks::connect))
        .route("/projects/{project}/hooks/{hook}/delete/", post(hooks::delete))
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
}

/// The addresses for machines.
fn for_machines() -> Router<Shared> {
    let delivery = || post(deliveries::take);
    let automatic_delivery = || post(deliveries::take_automatic);
    Router::new()
        .route("/build/{project}/hook", automatic_delivery())
        .route("/build/{project}/hook/", automatic_delivery())
        .route("/hook/monitor-update", automatic_delivery())
        .route("/hook/monitor-update/", automatic_delivery())
        .route("/hook/monitor-watch", automatic_delivery())
        .route("/hook/monitor-watch/", automatic_delivery())
        .route("/hook/kernel", automatic_delivery())
        .route("/hook/kernel/", automatic_delivery())
        .route("/_hooks/hook/{hook}/", delivery())
        .route("/_hooks/hook/{hook}", delivery())
        .route("/live", get(live::changes))
        .route("/projects/{project}/jobs/{job}/log/live", get(live::log))
        .route("/projects/{project}/jobs/{job}/log/live/{attempt}", get(live::log_of_attempt))
        .route("/badges/{owner}/{name}", get(badges::default))
        .route("/badges/{owner}/{name}/", get(badges::default))
        .route("/badges/{owner}/{name}/{*ref}", get(badges::of_ref))
        .route("/artifacts/{directory}/{*name}", get(artifacts::fetch))
        .route("/static/{name}", get(assets::serve))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
}

/// The monitor of the Auto Builder, for people and programs. All live viewers share one broadcaster.
fn monitors() -> Router<Shared> {
    Router::new()
        .route("/monitor/", get(pages::monitor::monitor))
        .route("/build/status", get(monitor::status))
        .route("/build/history", get(monitor::history))
        .route("/build/history/full", get(monitor::full_history))
        .route("/build/logs/{owner}/{name}/{*branch}", get(monitor::of_branch))
        .route("/report/{job}", get(monitor::report))
        .route("/buildio", get(live::monitor))
        .layer(Extension(monitor::Broadcaster::default()))
}

/// Answers for an unknown address. It may only lack its last slash: then redirects.
async fn elsewhere(method: Method, uri: Uri) -> Response {
    match with_slash(&uri) {
        Some(address) if method.is_safe() => Redirect::permanent(&address).into_response(),
        _ => WebError::NotFound.into_response(),
    }
}

/// The same address with a slash at its end, if it looks like one of a page.
fn with_slash(uri: &Uri) -> Option<String> {
    let path = uri.path();
    let is_page = [
        "/login",
        "/logout",
        "/_auth",
        "/repositories",
        "/projects",
        "/account",
        "/mail",
        "/monitor",
        "/audit",
        "/runners",
    ]
    .iter()
    .any(|start| path.starts_with(start));
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    (is_page && !path.ends_with('/')).then(|| format!("{path}/{query}"))
}

/// The log span of a request, without the query: that may carry a code for signing in.
fn span(request: &Request) -> Span {
    let id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::info_span!("request", request.id = id, http.method = %request.method(), http.path = request.uri().path())
}

/// Logs answers that end in the middle. Other faults are logged where they become pages.
fn broke_off(fault: ServerErrorsFailureClass, _: Duration, _: &Span) {
    if let ServerErrorsFailureClass::Error(fault) = fault {
        tracing::error!("an answer broke off: {fault}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_slash_is_forgiven_on_pages_only() {
        let slashed = |address: &str| with_slash(&address.parse().unwrap());
        assert_eq!(slashed("/projects/1/history?page=2").unwrap(), "/projects/1/history/?page=2");
        assert_eq!(slashed("/login").unwrap(), "/login/");
        for address in ["/projects/1/", "/static/x.css", "/favicon.ico", "/healthz/x"] {
            assert_eq!(slashed(address), None, "{address}");
        }
    }
}
