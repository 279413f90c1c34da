//! Tests the access check and the pages behind it, with and without the code.

use super::*;
use axum::body::{Body, to_bytes};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// A set-up with one question. The answer ends it.
struct OneQuestion;

fn question(value: &str) -> SetupPage {
    let field = SetupField {
        name: "listen",
        label: "Address",
        hint: "An address.",
        if_none: "",
        value: value.to_owned(),
        secret: None,
        fault: None,
    };
    SetupPage::Questions(SetupQuestions {
        step: "one",
        number: 1,
        title: "Server",
        link: None,
        fields: vec![field],
    })
}

impl SetUp for OneQuestion {
    async fn begin(&self) -> SetupPage {
        question("127.0.0.1:8080")
    }

    async fn go_on(&self, form: HashMap<String, String>) -> SetupPage {
        match form.get("listen").map(String::as_str) {
            Some("end") => {
                SetupPage::Done(SetupDone { files: Vec::new(), variables: None, commands: Vec::new() })
            }
            other => question(other.unwrap_or_default()),
        }
    }
}

struct Tried {
    router: Router,
    access: Arc<AccessCheck>,
    stop: CancellationToken,
}

impl Tried {
    fn new() -> Self {
        let stop = CancellationToken::new();
        let access = Arc::new(AccessCheck::new(stop.clone()));
        Self { router: setup_router(OneQuestion, Arc::clone(&access)), access, stop }
    }

    async fn ask(
        &self,
        request: axum::http::request::Builder,
        body: String,
    ) -> (StatusCode, String, Response) {
        let request = request.body(Body::from(body)).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
        (parts.status, body, Response::from_parts(parts, Body::empty()))
    }

    async fn get(&self, address: &str) -> (StatusCode, String) {
        let (status, body, _) =
            self.ask(Request::get(address).header("host", "127.0.0.1:8080"), String::new()).await;
        (status, body)
    }

    async fn post(&self, headers: &[(&str, &str)], body: &str) -> (StatusCode, String) {
        let form = Request::post("/").header("content-type", "application/x-www-form-urlencoded");
        let request = headers.iter().fold(form, |request, (name, value)| request.header(*name, *value));
        let (status, body, _) = self.ask(request, body.to_owned()).await;
        (status, body)
    }

    fn form(&self, fields: &str) -> String {
        format!("code={}&{fields}", self.access.code())
    }
}

const HERE: (&str, &str) = ("host", "127.0.0.1:8080");

#[tokio::test]
async fn only_the_code_opens_and_nothing_is_told_without_it() {
    let tried = Tried::new();
    let (status, page) = tried.get(&format!("/?code={}", tried.access.code())).await;
    assert!(status == StatusCode::OK && page.contains("127.0.0.1:8080"), "{page}");
    for address in
        ["/", "/?code=", "/?code=0123456789abcdef0123456789abcdef", "/?code=%00", "/?code=a&code=b"]
    {
        let (status, page) = tried.get(address).await;
        assert!(status == StatusCode::FORBIDDEN && page.contains("the link from the terminal"), "{address}");
        assert!(!page.contains(tried.access.code()) && !page.contains("name=\"listen\""));
    }
    for form in ["listen=x", "code=&listen=end", "code=wrong&listen=end", ""] {
        assert_eq!(tried.post(&[HERE], form).await.0, StatusCode::FORBIDDEN, "{form}");
    }
    assert!(!tried.stop.is_cancelled());
    assert_eq!(tried.get("/settings").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pages_of_others_do_not_get_in_even_with_the_code() {
    let tried = Tried::new();
    let form = tried.form("listen=end");
    for headers in [
        &[][..],
        &[("host", "evil.example")],
        &[("host", "127.0.0.1.evil.example:8080")],
        &[HERE, ("origin", "http://evil.example")],
        &[HERE, ("origin", "http://127.0.0.1:9999")],
        &[HERE, ("origin", "null")],
    ] {
        let (status, page) = tried.post(headers, &form).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{headers:?}: {page}");
    }
    assert!(!tried.stop.is_cancelled());
    assert_eq!(tried.post(&[HERE, ("origin", "http://127.0.0.1:8080")], &form).await.0, StatusCode::OK);
}

#[tokio::test]
async fn forms_are_small_and_what_they_bring_is_only_text() {
    let tried = Tried::new();
    let (status, _) = tried.post(&[HERE], &tried.form(&format!("listen={}", "x".repeat(LARGEST_FORM)))).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let (status, page) =
        tried.post(&[HERE], &tried.form("listen=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")).await;
    assert!(status == StatusCode::OK && !page.contains("<script"), "{page}");
    let json = Request::post("/").header("host", "localhost").header("content-type", "application/json");
    assert_eq!(tried.ask(json, "{}".to_owned()).await.0, StatusCode::BAD_REQUEST);
    let put = Request::put("/").header("host", "localhost");
    assert_eq!(tried.ask(put, String::new()).await.0, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn behind_the_last_page_the_code_is_dead() {
    let tried = Tried::new();
    let (status, page) = tried.post(&[HERE], &tried.form("listen=end")).await;
    assert!(status == StatusCode::OK && page.contains("The set-up is over"), "{page}");
    assert!(tried.stop.is_cancelled());
    assert_eq!(tried.get(&format!("/?code={}", tried.access.code())).await.0, StatusCode::FORBIDDEN);
    assert_eq!(tried.post(&[HERE], &tried.form("listen=end")).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn every_answer_says_what_browsers_may_do_with_it() {
    let tried = Tried::new();
    for address in ["/", "/nothing", &format!("/?code={}", tried.access.code())] {
        let request = Request::get(address).header("host", "127.0.0.1:8080");
        let (_, _, response) = tried.ask(request, String::new()).await;
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert_eq!(response.headers()["referrer-policy"], "same-origin", "the code goes to nobody");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert!(response.headers().get("set-cookie").is_none());
    }
}
