//! Tests the pages with forms that no ordinary browser would send, and without a place for files.

use super::*;
use crate::commands::setup::place::Place;

fn form(fields: &[(&str, &str)]) -> HashMap<String, String> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn pages(printed: Option<Printed>) -> (tempfile::TempDir, Pages) {
    // A second installation is refused, which is fine: one exists then.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    let installation = Installation::read(Place::new(Some(dir.path()), None).unwrap()).unwrap();
    (dir, Pages::new(installation, printed, "127.0.0.1:8080".parse().unwrap()).0)
}

/// Answers all questions, with a GitHub and an engine that do not exist.
async fn answer(pages: &Pages) -> SetupReview {
    let server = [
        ("step", "server"),
        ("public_url", "https://ci.example.com"),
        ("listen", "127.0.0.1:8080"),
        ("data_dir", "/srv/kozmic"),
        ("github_url", "http://127.0.0.1:9"),
    ];
    assert_eq!(step(&pages.go_on(form(&server)).await), "rest");
    let rest = [
        ("step", "rest"),
        ("github_client_id", "Ov23liABCDEF"),
        ("github_client_secret", "hush"),
        ("docker_url", "unix:///nowhere/docker.sock"),
    ];
    match pages.go_on(form(&rest)).await {
        SetupPage::Review(review) => review,
        page => panic!("a review, not {}", step(&page)),
    }
}

fn step(page: &SetupPage) -> &'static str {
    match page {
        SetupPage::Questions(page) => page.step,
        SetupPage::Review(_) => "review",
        SetupPage::Done(_) => "done",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_but_what_was_seen() {
    let (dir, pages) = pages(None);
    let left = || std::fs::read_dir(dir.path()).unwrap().count();
    for strange in [&[][..], &[("step", "review")], &[("step", "rest"), ("go", "x")], &[("step", "../..")]] {
        let page = pages.go_on(form(strange)).await;
        assert!(["server", "rest"].contains(&step(&page)), "{strange:?}");
    }
    let review = answer(&pages).await;
    let words = review.tries.iter().map(|tried| (tried.what, tried.word)).collect::<HashMap<_, _>>();
    assert_eq!(
        (words["OAuth application"], words["Docker engine"], words["people"]),
        ("FAIL", "FAIL", "note")
    );
    for seen in ["", "0", &review.seen[1..]] {
        let page = pages.go_on(form(&[("step", "review"), ("seen", seen)])).await;
        assert_eq!((step(&page), left()), ("review", 0));
    }
    let other = [
        ("step", "rest"),
        ("github_client_id", "OtherABCDEF"),
        ("docker_url", "unix:///nowhere/docker.sock"),
    ];
    pages.go_on(form(&other)).await;
    let page = pages.go_on(form(&[("step", "review"), ("seen", &review.seen)])).await;
    assert_eq!((step(&page), left()), ("review", 0), "that was about another application");
    let review = answer(&pages).await;
    let page = pages.go_on(form(&[("step", "review"), ("seen", &review.seen)])).await;
    assert_eq!((step(&page), left()), ("done", 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_file_can_be_written_variables_are_shown_at_the_end_alone() {
    let (dir, pages) = pages(Some(Printed::Env));
    let review = answer(&pages).await;
    assert!(review.steps.is_empty() && review.changes.iter().all(|line| !line.contains("hush")));
    let page = pages.go_on(form(&[("step", "review"), ("seen", &review.seen)])).await;
    let SetupPage::Done(SetupDone { files, variables, .. }) = page else { panic!("the end") };
    let variables = variables.unwrap();
    assert!(variables.contains("KOZMIC_GITHUB_CLIENT_SECRET=hush\n"), "{variables}");
    assert!(variables.contains("KOZMIC_GITHUB_API_URL=http://127.0.0.1:9/api/v3\n"), "{variables}");
    assert!(files.is_empty() && std::fs::read_dir(dir.path()).unwrap().count() == 0);
}
