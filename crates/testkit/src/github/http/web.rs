//! The few web pages that Kozmic links to, for people who look around in the demo.

use axum::extract::{Path, Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{Html, IntoResponse, Response};

use super::{Shared, no_page, smart};
use crate::github::git_path;
use crate::github::world::Repository;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem;\
    color-scheme:light dark}button{display:block;margin:.5rem 0;padding:.6rem 1rem;font:inherit;cursor:pointer}\
    code{font-size:.9em;overflow-wrap:anywhere}.quiet{border:0;background:none;text-decoration:underline}";

/// A page of the double.
pub(super) fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let title = escape(title);
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><link rel=\"icon\" href=\"data:,\"><title>{title}</title><style>{STYLE}</style>\
         </head><body><h1>{title}</h1>{body}<p><small>A double of GitHub.</small></p></body></html>"
    );
    (status, Html(html)).into_response()
}

/// Text made safe to stand in HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// `GET /{owner}`.
pub(super) async fn account(State(double): State<Shared>, Path(owner): Path<String>) -> Response {
    let found = double.read(|world| {
        let account = world.account(&owner)?;
        let repositories = world.repositories.iter().filter(|one| one.owner == account.login && !one.private);
        let links = repositories.map(|one| item(&format!("/{}", one.full_name()), &one.full_name()));
        Some((account.name.clone(), format!("<ul>{}</ul>", links.collect::<String>())))
    });
    match found {
        Some((name, body)) => page(StatusCode::OK, &name, &body),
        None => no_page(&double, &Method::GET, &format!("/{owner}")),
    }
}

/// `GET /{owner}/{repository}`.
pub(super) async fn repository(State(double): State<Shared>, Path(name): Path<(String, String)>) -> Response {
    let full_name = format!("{}/{}", name.0, name.1);
    let Some(repository) = visible(&double, &full_name) else {
        return no_page(&double, &Method::GET, &format!("/{full_name}"));
    };
    let log =
        double.git(&full_name).run(&["log", "-20", "--all", "--format=%H %s"]).await.unwrap_or_default();
    let link = |line: &str| {
        let (sha, subject) = line.split_once(' ')?;
        Some(item(&format!("/{full_name}/commit/{sha}"), subject))
    };
    let commits: String = log.lines().filter_map(link).collect();
    let clone = escape(&format!("{}/{}.git", double.base, repository.full_name()));
    let body = format!("<p><code>git clone {clone}</code></p><ul>{commits}</ul>");
    page(StatusCode::OK, &repository.full_name(), &body)
}

/// Everything below a repository: git, a commit, a branch, a pull request.
pub(super) async fn below(
    State(double): State<Shared>,
    Path((owner, name, rest)): Path<(String, String, String)>,
    request: Request,
) -> Response {
    let path = request.uri().path().to_owned();
    if git_path::parse(&path).is_some() {
        return smart::serve(double, request).await;
    }
    let full_name = format!("{owner}/{name}");
    let (kind, what) = rest.split_once('/').unwrap_or((&rest, ""));
    let known = request.method() == Method::GET && ["commit", "commits", "tree", "pull"].contains(&kind);
    let Some(repository) = visible(&double, &full_name).filter(|_| known && owner != "api") else {
        return no_page(&double, request.method(), &path);
    };
    if kind == "pull" {
        return pull(&double, &repository, what);
    }
    match double.git(&full_name).resolve(what).await {
        Some(sha) => commit(&double, &repository, &sha).await,
        None => no_page(&double, &Method::GET, &path),
    }
}

async fn commit(double: &Shared, repository: &Repository, sha: &str) -> Response {
    let name = repository.full_name();
    let Ok(facts) = double.git(&name).commit_facts(sha).await else {
        return no_page(double, &Method::GET, &format!("/{name}/commit/{sha}"));
    };
    let statuses = repository.statuses.iter().rev().filter(|status| status.sha == sha);
    let statuses: String = statuses
        .map(|status| {
            let text = format!("{} {}", status.context, status.state);
            let description = escape(status.description.as_deref().unwrap_or_default());
            let link = item(status.target_url.as_deref().unwrap_or_default(), &text);
            link.replace("</li>", &format!(": {description}</li>"))
        })
        .collect();
    let body = format!(
        "<p><code>{sha}</code> by {} in <a href=\"/{}\">{}</a></p><ul>{statuses}</ul>",
        escape(&facts.author.name),
        escape(&name),
        escape(&name)
    );
    page(StatusCode::OK, facts.message.lines().next().unwrap_or("A commit"), &body)
}

fn pull(double: &Shared, repository: &Repository, number: &str) -> Response {
    let Some(pull) = repository.pulls.iter().find(|pull| pull.number.to_string() == number) else {
        return no_page(double, &Method::GET, &format!("/{}/pull/{number}", repository.full_name()));
    };
    let link = item(&format!("/{}/commit/{}", repository.full_name(), pull.head.sha), &pull.head.sha);
    page(StatusCode::OK, &format!("{} #{number}", pull.title), &format!("<ul>{link}</ul>"))
}

fn visible(double: &Shared, full_name: &str) -> Option<Repository> {
    double.read(|world| world.repository(full_name).filter(|one| !one.private).cloned())
}

fn item(target: &str, text: &str) -> String {
    format!("<li><a href=\"{}\">{}</a></li>", escape(target), escape(text))
}
