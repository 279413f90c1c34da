//! Times that the store's questions take with 100,000 builds of one project in SQLite. Not a test of anything but
//! itself, so it runs only if it is asked for:
//! `cargo test --release -p kozmic-edges --test many_builds -- --ignored --nocapture`.
// A future that works with the store holds those of the layers below it.
#![recursion_limit = "256"]

use anyhow::{Context, Result};
use kozmic_edges::store::{BuildFilter, NewSession, PageAsked, Store};
use kozmic_model::{
    git::GitRef,
    ids::{ForgeUserId, ProjectId, RepositoryId},
    invited::Admission,
    project::{Access, Permission, Repository},
    status::Status,
    time::Timestamp,
    user::Profile,
};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const BUILDS: u64 = 100_000;
const PER_PAGE: u64 = 25;

/// Each question is asked so often; the median counts.
const TIMES: usize = 15;

/// A database with one project of many builds: a third on `main`, the rest on 500 branches; one in ten failed, a few
/// are errors.
const FILL: &str = "
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
    INSERT INTO build (project_id, number, git_ref, sha, status, trigger, author, message, created_at, started_at,
                       finished_at)
    SELECT 1, i, CASE WHEN i % 3 = 0 THEN 'refs/heads/main' ELSE 'refs/heads/feature/' || (i % 500) END,
           printf('%040x', i),
           CASE WHEN i % 1000 = 7 THEN 'error' WHEN i % 10 = 0 THEN 'failure' ELSE 'success' END,
           '\"push\"', '{\"name\":\"Anna Orbit\",\"email\":\"anna@example.com\"}',
           'Change number ' || i || char(10) || char(10) || hex(randomblob(150)), i * 1000, i * 1000 + 5, i * 1000 + 900
    FROM n";

struct Stage {
    store: Store,
    db: DatabaseConnection,
    project: ProjectId,
    _dir: TempDir,
}

impl Stage {
    async fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let url = format!("sqlite://{}?mode=rwc", dir.path().join("kozmic.db").display());
        let store = Store::open(&url, &"a secret key of more than 32 characters".into()).await?;
        let (profile, now) = (profile(), Timestamp(1));
        let session = NewSession {
            fingerprint: "f".into(),
            expires_at: Timestamp(i64::MAX),
            agent: String::new(),
            former: None,
            admission: Admission::Unasked,
        };
        let user = store.people().sign_in(&profile, &"token".into(), &session, now).await?;
        let access = Access { repository: repository(), permission: Permission::Admin };
        store.projects().sync_projects_of(user.id, &[access]).await?;
        let project = store.projects().add_project(user.id, RepositoryId(5), now).await?.id;
        let db = Database::connect(&url).await?;
        db.execute_unprepared(FILL).await.context("make builds")?;
        Ok(Self { store, db, project, _dir: dir })
    }

    /// Asks for a page, and prints how long that takes.
    async fn page(&self, what: &str, filter: &BuildFilter, page: u64) -> Result<u64> {
        let mut total = 0;
        let mut times = Vec::new();
        for _ in 0..TIMES {
            let start = Instant::now();
            let asked = PageAsked { number: page, size: PER_PAGE };
            let found = self.store.builds().builds(self.project, filter, asked).await?;
            times.push(start.elapsed());
            total = found.total;
            assert!(!found.items.is_empty(), "{what}");
        }
        tell(&format!("{what} ({total} builds)"), times);
        Ok(total)
    }

    async fn plan(&self, sql: &str) -> Result<()> {
        let statement =
            Statement::from_string(self.db.get_database_backend(), format!("EXPLAIN QUERY PLAN {sql}"));
        for row in self.db.query_all_raw(statement).await? {
            eprintln!("      {}", row.try_get::<String>("", "detail")?);
        }
        Ok(())
    }
}

fn tell(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    eprintln!("{:8.2} ms (most {:.2})  {what}", ms(times[times.len() / 2]), ms(times[times.len() - 1]));
}

fn profile() -> Profile {
    Profile {
        forge_id: ForgeUserId(7),
        login: "anna".into(),
        name: "Anna".into(),
        avatar_url: String::new(),
        email: None,
    }
}

fn repository() -> Repository {
    Repository {
        id: RepositoryId(5),
        owner: "anna".into(),
        name: "hello".into(),
        private: false,
        default_branch: "main".into(),
        html_url: String::new(),
        clone_url: String::new(),
        ssh_url: String::new(),
    }
}

#[tokio::test]
#[ignore = "a measurement"]
async fn how_long_questions_take_with_a_hundred_thousand_builds() -> Result<()> {
    let stage = Stage::new().await?;
    let branch = |name: &str| Some(GitRef::Branch(name.into()));
    let all = BuildFilter::default();
    let main = BuildFilter { git_ref: branch("main"), status: None };
    let rare = BuildFilter { git_ref: branch("feature/7"), status: None };
    let failed = BuildFilter { git_ref: None, status: Some(Status::Failure) };
    let successes = BuildFilter { git_ref: None, status: Some(Status::Success) };
    let both = BuildFilter { git_ref: branch("main"), status: Some(Status::Error) };
    let most = BuildFilter { git_ref: branch("main"), status: Some(Status::Success) };
    for (what, filter) in [
        ("all", &all),
        ("main", &main),
        ("a branch of few", &rare),
        ("failures", &failed),
        ("successes", &successes),
        ("errors on main", &both),
        ("successes on main", &most),
    ] {
        let total = stage.page(&format!("{what}, first page"), filter, 1).await?;
        stage.page(&format!("{what}, last page"), filter, total.div_ceil(PER_PAGE)).await?;
    }
    let (store, project) = (&stage.store, stage.project);
    let mut times = [const { Vec::new() }; 5];
    for _ in 0..TIMES {
        let mut start = Instant::now();
        let mut lap =
            |index: usize| times[index].push(std::mem::replace(&mut start, Instant::now()).elapsed());
        store.builds().latest_build(project, None).await?.context("a build")?;
        lap(0);
        store.builds().latest_build(project, rare.git_ref.as_ref()).await?.context("a build")?;
        lap(1);
        store.builds().last_verdict(project, &GitRef::Branch("main".into())).await?.context("a build")?;
        lap(2);
        store.builds().last_verdict(project, &GitRef::Branch("never".into())).await?;
        lap(3);
        store.builds().refs(project, 100).await?;
        lap(4);
    }
    let names = ["latest build", "latest build of a branch", "badge", "badge of no branch", "100 refs"];
    for (name, times) in names.into_iter().zip(times) {
        tell(name, times);
    }
    assert_eq!(store.builds().builds(project, &all, PageAsked { number: 1, size: 1 }).await?.total, BUILDS);
    for sql in [
        "SELECT COUNT(*) FROM build WHERE project_id = 1",
        "SELECT COUNT(*) FROM build WHERE project_id = 1 AND status = 'failure'",
        "SELECT COUNT(*) FROM build WHERE project_id = 1 AND status = 'failure' AND git_ref = 'refs/heads/main'",
        "SELECT number FROM build WHERE project_id = 1 ORDER BY number DESC LIMIT 25 OFFSET 99975",
        "SELECT number FROM build WHERE project_id = 1 AND status = 'error' AND git_ref = 'refs/heads/main' ORDER BY number DESC LIMIT 25 OFFSET 0",
        "SELECT git_ref FROM build WHERE project_id = 1 GROUP BY git_ref ORDER BY MAX(number) DESC LIMIT 100",
        "SELECT * FROM build WHERE project_id = 1 AND git_ref = 'x' AND status IN ('success', 'failure', 'error') ORDER BY number DESC LIMIT 1",
    ] {
        eprintln!("   {sql}");
        stage.plan(sql).await?;
    }
    Ok(())
}
