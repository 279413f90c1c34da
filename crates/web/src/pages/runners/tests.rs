//! Tests of the page of the runners: the part that each person sees, and the people whose buttons work.

use super::*;
use crate::tests::{
    machines::{BIG, HOSTILE, facts},
    people::Person,
    trial::Trial,
};
use kozmic_edges::{clock, store::RunnerReport};
use kozmic_model::runner::RunnerRules;

/// A server with the administrator anna and with eve, who may do nothing here.
struct Stage {
    trial: Trial,
    anna: Person,
    eve: Person,
}

impl Stage {
    async fn new() -> Self {
        let trial = Trial::administered().await;
        let (anna, eve) = (Person::sign_in(&trial, "anna", 1).await, Person::sign_in(&trial, "eve", 2).await);
        Self { trial, anna, eve }
    }

    async fn page_of(&self, person: &Person) -> String {
        let answer = person.get(&self.trial, PATH).await;
        assert_eq!(answer.status, StatusCode::OK);
        answer.text().to_owned()
    }

    async fn note_own(&self) {
        let (slots, busy, seen_at) = (1, 0, clock::now());
        let report = RunnerReport { name: "here", slots, busy, trouble: None, facts: None, seen_at };
        self.trial.edges.store.runners().note_runner(report, &RunnerRules::default()).await.unwrap();
    }
}

#[tokio::test]
async fn everybody_sees_runners_and_only_administrators_see_rules_and_buttons() {
    let Stage { trial, anna, eve } = &Stage::new().await;
    trial.add_runner("big").await;
    trial.report(&facts("20.10.24"), Some("The engine does not answer.")).await;
    let (of_anna, of_eve) = (anna.get(trial, PATH).await, eve.get(trial, PATH).await);
    for page in [of_anna.text(), of_eve.text()] {
        let facts = ["big", "gpu", "in trouble", "The engine does not answer.", "12.3 of 40.0 GB free"];
        for fact in facts.into_iter().chain(["4 jobs at once", "Docker 20.10.24", "last word just now"]) {
            assert!(page.contains(fact), "{fact}: {page}");
        }
    }
    for own in ["secret/project", "only pull requests from forks", "/drain/", "/remove/", "Add a runner"] {
        assert!(of_anna.text().contains(own), "{own}");
        assert!(!of_eve.text().contains(own), "{own}");
    }
    let nobody = trial.ask(axum::http::Request::get(PATH).body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(
        (nobody.status, nobody.header("location")),
        (StatusCode::SEE_OTHER, "/login/?next=%2Frunners%2F")
    );
}

#[tokio::test]
async fn a_person_sees_jobs_of_own_projects_and_counts_the_others() {
    let stage = Stage::new().await;
    let (trial, eve) = (&stage.trial, &stage.eve);
    trial.add_runner("big").await;
    trial.report(&facts("1"), None).await;
    let [own, other] = [eve.project(trial, "own", 5).await, stage.anna.project(trial, "other", 6).await];
    let job = trial.give_job(own, "Tests").await;
    trial.give_job(other, "Deploys").await;
    let page = stage.page_of(eve).await;
    let address = format!("/jobs/{job}/\">team/own: Tests</a>");
    for fact in [address.as_str(), "busy 2 of 4", "And 1 of projects that you do not see"] {
        assert!(page.contains(fact), "{fact}: {page}");
    }
    assert!(!page.contains("team/other") && !page.contains("Deploys"));
    // An administrator is no member of all projects, either.
    assert!(!stage.page_of(&stage.anna).await.contains("team/own"));
}

#[tokio::test]
async fn the_words_of_runners_and_jobs_are_shown_as_text() {
    let stage = Stage::new().await;
    let trial = &stage.trial;
    trial.add_runner(HOSTILE).await;
    trial.report(&facts(HOSTILE), Some(HOSTILE)).await;
    let project = stage.anna.project(trial, "own", 5).await;
    trial.give_job(project, HOSTILE).await;
    let removal = stage.anna.get(trial, &format!("/runners/{BIG}/remove/")).await;
    let wrong = [("title", HOSTILE), ("labels", HOSTILE), ("projects", HOSTILE), ("forks", HOSTILE)];
    let form = stage.anna.post(trial, PATH, &wrong).await;
    assert_eq!(form.status, StatusCode::UNPROCESSABLE_ENTITY);
    for page in [stage.page_of(&stage.anna).await.as_str(), removal.text(), form.text()] {
        assert!(page.contains("&#60;script&#62;alert(1)"), "{page}");
        assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "{page}");
        assert!(!page.contains("aria-label=\"Jobs of </li>"));
    }
}

#[tokio::test]
async fn a_token_is_shown_once_with_the_ways_to_start_its_runner() {
    let stage = Stage::new().await;
    let (trial, anna) = (&stage.trial, &stage.anna);
    let fields = [("title", "big-1"), ("labels", "GPU"), ("projects", "anna/*"), ("forks", "no")];
    let added = anna.post(trial, PATH, &fields).await;
    assert_eq!((added.status, added.header("cache-control")), (StatusCode::OK, "no-store"));
    let command = "kozmic runner --server https://ci.example.org/ --token-file /etc/kozmic/runner.token";
    for words in ["kzr_", command, "docker run", "systemctl enable --now kozmic-runner"] {
        assert!(added.text().contains(words), "{words}: {}", added.text());
    }
    assert_eq!(added.text().matches("kzr_").count(), 1);
    let page = stage.page_of(anna).await;
    assert!(page.contains("big-1") && page.contains("never seen") && !page.contains("kzr_"));
    let again = anna.post(trial, PATH, &fields).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.text().contains("There is a runner big-1 already.") && !again.text().contains("kzr_"));
    let known = trial.edges.store.runners().runners().await.unwrap();
    let [known] = known.as_slice() else { panic!("one runner: {known:?}") };
    let rules = (known.rules.labels.to_string(), known.rules.projects.to_string(), known.rules.forks);
    assert_eq!(rules, ("gpu".to_owned(), "anna/*".to_owned(), Forks::No));
}

#[tokio::test]
async fn a_runner_is_drained_resumed_and_removed_and_is_gone_from_the_page() {
    let stage = Stage::new().await;
    let (trial, anna) = (&stage.trial, &stage.anna);
    trial.add_runner("big").await;
    trial.report(&facts("1"), None).await;
    let press = async |button: &str| anna.post(trial, &format!("/runners/{BIG}/{button}/"), &[]).await;
    for (button, there) in [("drain", "draining"), ("resume", "ready")] {
        let answer = press(button).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, PATH));
        assert!(stage.page_of(anna).await.contains(&format!("<span>{there}</span>")), "{there}");
    }
    assert_eq!(press("remove").await.header("location"), PATH);
    assert!(stage.page_of(anna).await.contains("No runner was started yet."));
    for button in ["drain", "resume", "remove"] {
        assert_eq!(press(button).await.status, StatusCode::NOT_FOUND, "{button}");
    }
}

#[tokio::test]
async fn a_runner_with_jobs_is_removed_only_by_a_person_who_was_told_of_them() {
    let stage = Stage::new().await;
    let (trial, anna) = (&stage.trial, &stage.anna);
    trial.add_runner("big").await;
    trial.report(&facts("1"), None).await;
    let project = anna.project(trial, "own", 5).await;
    let address = format!("/runners/{BIG}/remove/");
    let unaware = anna.get(trial, &address).await;
    assert!(!unaware.text().contains("name=\"force\""));
    trial.give_job(project, "Tests").await;
    let asked = anna.post(trial, &address, &[]).await;
    assert_eq!(asked.status, StatusCode::CONFLICT);
    assert!(asked.text().contains("It has 1 job now.") && asked.text().contains("name=\"force\""));
    assert!(anna.get(trial, &address).await.text().contains("name=\"force\""));
    assert_eq!(anna.post(trial, &address, &[("force", "yes")]).await.status, StatusCode::SEE_OTHER);
    assert!(trial.edges.store.runners().runners().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_servers_own_runner_has_no_button_that_removes_it() {
    let stage = Stage::new().await;
    stage.note_own().await;
    let page = stage.page_of(&stage.anna).await;
    assert!(page.contains("this server") && page.contains("/runners/here/drain/"));
    assert!(!page.contains("/runners/here/remove/"));
    let refused = stage.anna.post(&stage.trial, "/runners/here/remove/", &[("force", "yes")]).await;
    assert_eq!((refused.status, refused.header("location")), (StatusCode::SEE_OTHER, PATH));
    assert!(stage.page_of(&stage.anna).await.contains("this server"));
}

#[tokio::test]
async fn the_buttons_of_others_do_nothing() {
    let stage = Stage::new().await;
    let (trial, eve) = (&stage.trial, &stage.eve);
    trial.add_runner("big").await;
    let before = trial.edges.store.runners().runners().await.unwrap();
    for name in [BIG, "nobody"] {
        for button in ["drain", "resume", "remove"] {
            let answer = eve.post(trial, &format!("/runners/{name}/{button}/"), &[("force", "yes")]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{button}");
            assert!(answer.text().contains("Only administrators may do this"));
        }
        let asked = eve.get(trial, &format!("/runners/{name}/remove/")).await;
        assert_eq!(asked.status, StatusCode::FORBIDDEN);
    }
    let answer = eve.post(trial, PATH, &[("title", "mine")]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(trial.edges.store.runners().runners().await.unwrap(), before);
}

#[test]
fn a_silent_runner_tells_for_how_long() {
    let now = Timestamp(200_000);
    let runner = Runner {
        seen_at: Timestamp(38_000),
        trouble: Some("Old.".into()),
        is_remote: true,
        ..Runner::new("a")
    };
    let line = Line { runner, jobs: Vec::new() };
    let pill = line.pill(&now).to_string();
    assert!(pill.contains("silent for <time data-at=\"38000\" data-as=\"clock\">2:42</time>"), "{pill}");
    assert_eq!((line.last_word(&now), line.trouble(&now)), (Some(Timestamp(38_000)), None));
    let new = Line { runner: Runner { is_remote: true, ..Runner::new("a") }, jobs: Vec::new() };
    assert!(new.pill(&now).to_string().contains("never seen") && new.facts().is_empty());
}
