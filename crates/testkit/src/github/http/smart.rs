//! Git over smart HTTP: `git http-backend` behind the double's own check of access. A push here sets off
//! deliveries, as at GitHub.

use std::process::Stdio;

use anyhow::{Context, Result};
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{LOCATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout};
use tokio_util::io::{ReaderStream, StreamReader};

use super::Shared;
use super::call::bearer;
use crate::github::world::{Permission, Repository};
use crate::github::{git, git_path};

/// Answers git.
pub(super) async fn serve(double: Shared, request: Request) -> Response {
    let Some((name, service)) = git_path::parse(request.uri().path()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let pushes = service == "git-receive-pack"
        || request.uri().query().is_some_and(|query| query.contains("git-receive-pack"));
    let token = bearer(request.headers());
    let login = token.as_ref().and_then(|token| double.read(|world| Some(world.token(token)?.login.clone())));
    let closed = double.read(|world| world.private_mode) && token.is_none();
    if closed || (token.is_some() && login.is_none()) {
        return unauthorized();
    }
    let known = double.read(|world| {
        let repository = world.repository(&name)?;
        Some((repository.clone(), world.permission_of(repository, login.as_deref())?))
    });
    let repository = match admit(known, login.as_deref(), pushes) {
        Ok(repository) => repository,
        Err(response) => return *response,
    };
    if service == "info/refs" && !repository.full_name().eq_ignore_ascii_case(&name) {
        return moved(&double, &repository, request.uri().query());
    }
    let writes = service == "git-receive-pack";
    let path = format!("/{}.git/{service}", repository.id);
    let outcome = match writes {
        true => receive(&double, &repository, request, &path, login.as_deref()).await,
        false => answer(&double, request, &path, login.as_deref()).await,
    };
    outcome.unwrap_or_else(|error| {
        tracing::error!(error = format!("{error:#}"), "git http-backend failed");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    })
}

/// The repository, or GitHub's way to say no.
fn admit(
    known: Option<(Repository, Permission)>,
    login: Option<&str>,
    pushes: bool,
) -> Result<Repository, Box<Response>> {
    let Some((repository, permission)) = known else {
        let refusal = (StatusCode::NOT_FOUND, "Repository not found.\n").into_response();
        return Err(Box::new(if login.is_some() { refusal } else { unauthorized() }));
    };
    match (pushes, login) {
        (true, None) => Err(Box::new(unauthorized())),
        (true, Some(login)) if permission < Permission::Push => {
            let message = format!("Permission to {}.git denied to {login}.\n", repository.full_name());
            Err(Box::new((StatusCode::FORBIDDEN, message).into_response()))
        }
        _ => Ok(repository),
    }
}

/// Git begins again at the repository's new name.
fn moved(double: &Shared, repository: &Repository, query: Option<&str>) -> Response {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let location = format!("{}/{}.git/info/refs{query}", double.base, repository.full_name());
    (StatusCode::MOVED_PERMANENTLY, [(LOCATION, location)]).into_response()
}

fn unauthorized() -> Response {
    let basic = HeaderValue::from_static("Basic realm=\"GitHub\"");
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, basic)], "Authentication failed.\n").into_response()
}

/// A fetch: the answer streams through.
async fn answer(double: &Shared, request: Request, path: &str, login: Option<&str>) -> Result<Response> {
    let (head, output, child) = backend(double, request, path, login).await?;
    let stream = ReaderStream::new(output).map(move |chunk| {
        let _alive = &child;
        chunk
    });
    respond(&head, Body::from_stream(stream))
}

/// A push: when git has taken it, the webhooks hear of it.
async fn receive(
    double: &Shared,
    repository: &Repository,
    request: Request,
    path: &str,
    login: Option<&str>,
) -> Result<Response> {
    let name = repository.full_name();
    let before = double.git(&name).refs().await?;
    let (head, mut output, mut child) = backend(double, request, path, login).await?;
    let mut body = Vec::new();
    output.read_to_end(&mut body).await.context("read git's answer")?;
    child.wait().await.context("wait for git")?;
    let announcer = double.clone();
    double.tasks.spawn(async move {
        if let Err(error) = announcer.announce_since(&name, before).await {
            tracing::error!(error = format!("{error:#}"), "a push was not announced");
        }
    });
    respond(&head, Body::from(body))
}

type Head = Vec<(String, String)>;

/// Runs `git http-backend` as CGI until its head is there.
async fn backend(
    double: &Shared,
    request: Request,
    path: &str,
    login: Option<&str>,
) -> Result<(Head, BufReader<ChildStdout>, Child)> {
    let root = double.git_root();
    let (parts, body) = request.into_parts();
    let mut command = git::command(&root);
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", path)
        .env("REQUEST_METHOD", parts.method.as_str())
        .env("QUERY_STRING", parts.uri.query().unwrap_or_default())
        .env("REMOTE_ADDR", "127.0.0.1")
        .envs(login.map(|login| ("REMOTE_USER", login)))
        .envs(cgi_headers(&parts.headers))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().context("start git http-backend")?;
    let mut stdin = child.stdin.take().context("git has an input")?;
    let mut output = BufReader::new(child.stdout.take().context("git has an output")?);
    let mut body = StreamReader::new(body.into_data_stream().map_err(std::io::Error::other));
    double.tasks.spawn(async move {
        tokio::io::copy(&mut body, &mut stdin).await.ok();
    });
    let head = read_head(&mut output).await?;
    Ok((head, output, child))
}

/// The headers that git wants to know, by their CGI names.
fn cgi_headers(headers: &HeaderMap) -> Vec<(&'static str, String)> {
    let names = [
        ("content-type", "CONTENT_TYPE"),
        ("content-length", "CONTENT_LENGTH"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "GIT_PROTOCOL"),
    ];
    let value = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    names.into_iter().filter_map(|(name, cgi)| Some((cgi, value(name)?.to_owned()))).collect()
}

async fn read_head(output: &mut BufReader<ChildStdout>) -> Result<Head> {
    let mut head = Vec::new();
    let mut line = String::new();
    loop {
        line.clear();
        let length = output.read_line(&mut line).await.context("read git's head")?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => head.push((name.to_owned(), value.to_owned())),
            None if length == 0 => anyhow::bail!("git http-backend ended before its answer"),
            None => return Ok(head),
        }
    }
}

fn respond(head: &Head, body: Body) -> Result<Response> {
    let mut response = Response::new(body);
    for (name, value) in head {
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().unwrap_or_default();
            *response.status_mut() = StatusCode::from_bytes(code.as_bytes()).context("git's status")?;
        } else {
            let name: HeaderName = name.parse().context("a header of git")?;
            response.headers_mut().insert(name, value.parse().context("a header of git")?);
        }
    }
    Ok(response)
}
