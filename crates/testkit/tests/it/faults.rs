//! The double's switches for faults: each does what GitHub or the network would do.

use std::time::{Duration, Instant};

use anyhow::Result;
use kozmic_testkit::github::{FaultKind, FaultRule};
use reqwest::Method;
use tempfile::TempDir;

use crate::support::{LIMIT, call, client, git, git_ok, github_of_anna};

#[tokio::test]
async fn an_error_befalls_only_the_calls_that_it_is_for_and_only_so_often() -> Result<()> {
    let github = github_of_anna().await?;
    let token = github.token("anna");
    let rule = FaultRule::new(FaultKind::Status(502)).method("GET").path("/api/v3/repos/*/hello").times(2);
    let fault = github.fault(rule);
    let mut statuses = Vec::new();
    for path in ["/user", "/repos/anna/hello", "/repos/anna/hello", "/repos/anna/hello"] {
        statuses.push(call(&github, &token, Method::GET, path).send().await?.status().as_u16());
    }
    assert_eq!(statuses, [200, 502, 502, 200]);
    assert_eq!(fault.hits(), 2);
    assert_eq!(github.requests().iter().filter(|one| one.status == Some(502)).count(), 2);
    Ok(())
}

#[tokio::test]
async fn a_hanging_call_goes_on_when_it_is_released() -> Result<()> {
    let github = github_of_anna().await?;
    let token = github.token("anna");
    let fault = github.fault(FaultRule::new(FaultKind::Hang).path("/api/"));
    let hanging = tokio::spawn(call(&github, &token, Method::GET, "/user").send());
    let arrived = github.wait_for_request(LIMIT, |one| one.path == "/api/v3/user").await;
    assert!(arrived.is_some_and(|one| one.status.is_none()));
    let impatient =
        call(&github, &token, Method::GET, "/user").timeout(Duration::from_millis(50)).send().await;
    assert!(impatient.is_err_and(|error| error.is_timeout()));
    drop(fault);
    assert_eq!(hanging.await??.status(), 200);
    Ok(())
}

#[tokio::test]
async fn a_cut_connection_is_no_answer() -> Result<()> {
    let github = github_of_anna().await?;
    let fault = github.fault(FaultRule::new(FaultKind::CloseConnection));
    let answer = call(&github, &github.token("anna"), Method::GET, "/user").send().await;
    assert!(answer.is_err_and(|error| error.is_request() && !error.is_timeout()));
    assert!(client().get(github.url()).send().await.is_err());
    drop(fault);
    assert_eq!(call(&github, &github.token("anna"), Method::GET, "/user").send().await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn both_kinds_of_rate_limit_say_when_to_come_again() -> Result<()> {
    let github = github_of_anna().await?;
    let token = github.token("anna");
    let first = github.fault(FaultRule::new(FaultKind::RateLimited(Duration::from_secs(60))).times(1));
    let answer = call(&github, &token, Method::GET, "/user").send().await?;
    assert_eq!((answer.status().as_u16(), &answer.headers()["x-ratelimit-remaining"]), (403, &"0".parse()?));
    assert!(answer.headers()["x-ratelimit-reset"].to_str()?.parse::<u64>()? > 1_700_000_000);
    drop(first);
    let _second = github.fault(FaultRule::new(FaultKind::SecondaryRateLimit(Duration::from_secs(7))));
    let answer = call(&github, &token, Method::GET, "/user").send().await?;
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (403, &"7".parse()?));
    Ok(())
}

#[tokio::test]
async fn git_can_be_slow_or_broken() -> Result<()> {
    let github = github_of_anna().await?;
    let dir = TempDir::new()?;
    let pause = Duration::from_millis(20);
    let slow = github.fault(FaultRule::new(FaultKind::Trickle { piece: 40, pause }).path("/anna/"));
    let start = Instant::now();
    git_ok(dir.path(), &["clone", "-q", &github.clone_url("anna/hello"), "slow"]).await?;
    assert!(start.elapsed() > pause * 4, "{:?}", start.elapsed());
    drop(slow);
    let _down = github.fault(FaultRule::new(FaultKind::Status(503)).path("/anna/hello.git/"));
    assert!(!git(dir.path(), &["ls-remote", &github.clone_url("anna/hello")]).await?.status.success());
    Ok(())
}
