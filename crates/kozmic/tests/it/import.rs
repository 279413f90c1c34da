//! Takes over the original's installation from a real MariaDB: its people, projects and builds go on here.

mod again;
mod numbers;
mod places;

use crate::{
    commands::{Place, Play, of_server},
    world::{IMAGE, LIMIT, options},
};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{
    docker::{Docker, INSTANCE},
    github::{Commit, GitHub, NewRepository, Permission},
    mariadb::MariaDb,
    person::Person,
    server::Server,
};
use sha2::{Digest, Sha256};
use std::{fs, path::Path, process::Output};
use tokio::process::Command;

const SECRET_KEY: &str = "the original's secret key";

/// The installation of the original, and the server that takes it over, which does not run.
struct Takeover {
    github: GitHub,
    old: MariaDb,
    server: Server,
    /// The public part of the private project's key.
    public_key: String,
}

/// Output of the command.
struct Words(String);

impl Takeover {
    async fn new() -> Result<Self> {
        let github = GitHub::start().await?;
        let anna = github.add_user("anna", "Anna Orbit", "anna@example.com");
        let ben = github.add_user("ben", "Ben Comet", "ben@example.com");
        let hello = NewRepository::public("anna/hello").allow("ben", Permission::Push);
        let hello = github.add_repository(hello)?;
        let secret =
            github.add_repository(NewRepository::private("anna/secret").allow("ben", Permission::Pull))?;
        github.start_ssh().await?;
        let (private_key, public_key) = sealed_key(secret).await?;
        let filled = [
            ("anna", anna.to_string()),
            ("ben", ben.to_string()),
            ("hello", hello.to_string()),
            ("secret", secret.to_string()),
            ("token", github.token("anna")),
            ("github", github.url().to_owned()),
            ("hello_ssh", github.ssh_url("anna/hello")),
            ("secret_ssh", github.ssh_url("anna/secret")),
            ("image", IMAGE.to_owned()),
            ("private_key", private_key),
            ("public_key", public_key.clone()),
        ];
        let rows = filled.iter().fold(include_str!("import/rows.sql").to_owned(), |sql, (name, value)| {
            sql.replace(&format!("{{{name}}}"), value)
        });
        let old = MariaDb::start().await?;
        old.execute(include_str!("import/tables.sql")).await?;
        old.execute(&rows).await?;
        let mut server = Server::start(options(&github)).await?;
        server.terminate().await?;
        Ok(Self { github, old, server, public_key })
    }

    async fn import(&self, secret_key: &str, more: &[&str]) -> Result<Words> {
        self.import_from(&self.old.url("kozmic"), secret_key, more).await
    }

    async fn import_from(&self, from: &str, secret_key: &str, more: &[&str]) -> Result<Words> {
        let output = self.try_import(from, secret_key, more).await?;
        let words = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "{words}{}", String::from_utf8_lossy(&output.stderr));
        assert!(!words.contains('\x1b') && !words.contains(secret_key), "{words}");
        let beside = self.server.data_dir().join("kozmic.db-wal");
        assert!(!beside.exists(), "a copy of the database's one file has all that was taken over");
        Ok(Words(words))
    }

    async fn try_import(&self, from: &str, secret_key: &str, more: &[&str]) -> Result<Output> {
        let key = self.server.data_dir().join("old_secret_key");
        fs::write(&key, format!("{secret_key}\n"))?;
        let key = key.display().to_string();
        let arguments = [&["import", "--from", from, "--secret-key-file", &key], more].concat();
        self.server.run(&arguments).await
    }

    /// The sentence of an import that fails.
    async fn refusal(&self, from: &str) -> Result<String> {
        let output = self.try_import(from, SECRET_KEY, &[]).await?;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        words.lines().last().map(str::to_owned).context("it says why")
    }

    /// Says something in the original's database.
    async fn there(&self, sql: &str) -> Result<String> {
        self.old.execute(&format!("SET NAMES utf8mb4; USE kozmic; {sql}")).await
    }
}

impl Words {
    /// Found, taken over, already there, left out.
    fn numbers(&self, kind: &str) -> [u64; 4] {
        let line = self.0.lines().find_map(|line| line.strip_prefix(kind)).unwrap_or_default();
        let numbers = line.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<_>>();
        numbers.try_into().unwrap_or_else(|_| panic!("no line of {kind}: {}", self.0))
    }

    fn lacks(&self, words: &str) {
        assert!(!self.0.contains(words), "{words}: {}", self.0);
    }

    fn has(&self, words: &str) {
        assert!(self.0.lines().any(|line| line.contains(words)), "{words}: {}", self.0);
    }
}

const KINDS: [&str; 9] =
    ["user ", "project ", "member ", "deploy key ", "hook ", "tracked file ", "build ", "job ", "log "];

/// A deploy key as the original kept it, and its public part.
async fn sealed_key(repository: u64) -> Result<(String, String)> {
    let dir = tempfile::tempdir()?;
    let (key, sealed) = (dir.path().join("key"), dir.path().join("sealed"));
    run("ssh-keygen", &["-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-C", "", "-f"], &key)
        .await?;
    let passphrase = Sha256::digest(format!("{repository}:{SECRET_KEY}"));
    let passphrase = passphrase.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (path, pass) = (key.display().to_string(), format!("pass:{passphrase}"));
    run("openssl", &["rsa", "-traditional", "-des3", "-in", &path, "-passout", &pass, "-out"], &sealed)
        .await?;
    let public = fs::read_to_string(key.with_extension("pub"))?.trim().to_owned();
    Ok((fs::read_to_string(sealed)?, public))
}

async fn run(program: &str, arguments: &[&str], last: &Path) -> Result<()> {
    let output = Command::new(program).args(arguments).arg(last).output().await;
    let output = output.with_context(|| format!("run {program}"))?;
    ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[tokio::test]
async fn an_installation_of_the_original_goes_on_here() -> Result<()> {
    let mut world = Takeover::new().await?;
    let words = world.import(SECRET_KEY, &[]).await?;
    let expected: [[u64; 4]; 9] = [
        [3, 2, 0, 1],
        [3, 2, 0, 1],
        [3, 2, 0, 1],
        [1, 1, 0, 0],
        [4, 3, 0, 1],
        [3, 1, 0, 2],
        [6, 4, 0, 2],
        [5, 4, 0, 1],
        [3, 2, 0, 1],
    ];
    for (kind, numbers) in KINDS.iter().zip(expected) {
        assert_eq!(words.numbers(kind), numbers, "{kind}: {}", words.0);
    }
    for line in [
        "left out: user 3 (<b>): the login is none",
        "left out: project 9 (mallory/lost): its owner, user 3, is left out",
        "left out: hook 5 (Broken) of anna/hello: \"Not An Image\" is not the name of a Docker image",
        "left out: tracked file ../outside of hook 3 (Tests) of anna/hello: ",
        "left out: build #3 (build 24) of anna/hello: \"a..b\" is no branch",
        "left out: job 44 of build #3 of anna/hello: its build is left out",
        "left out: build 29: there is no project 99",
        "mended: hook 4 (Old\u{fffd}style) of anna/hello: its script named no interpreter",
        "to do: anna/hello: press \"Restore hooks on GitHub\"",
    ] {
        words.has(line);
    }
    the_page_says_the_command(&world).await?;
    world.server.restart().await?;
    the_past_is_there(&world).await?;
    it_goes_on(&world).await?;
    world.github.assert_no_wrong_calls();
    let label = format!("{INSTANCE}={}", world.server.instance().context("the server has a name")?);
    Docker::default().wait_until_clean(&label, LIMIT).await?;
    world.server.terminate().await?;
    Ok(())
}

/// The command as the page has it; all that it finds is there already.
async fn the_page_says_the_command(world: &Takeover) -> Result<()> {
    let dir = world.server.data_dir();
    fs::write(dir.join("old-secret-key"), SECRET_KEY)?;
    let place = Place::Here(dir.to_owned(), of_server(&world.server, &world.github)?);
    let mut page = Play::new("takeover", "docs/import.md", place)?;
    page = page.with("mysql://user:password@127.0.0.1/kozmic", world.old.url("kozmic"));
    let words = Words(page.run("--dry-run").await?);
    assert_eq!(words.numbers("project "), [3, 0, 2, 1], "{}", words.0);
    page.end()
}

async fn the_past_is_there(world: &Takeover) -> Result<()> {
    let ben = Person::sign_in(&world.server, &world.github, "ben").await?;
    let page = ben.get("/projects/7/builds/21/").await?;
    page.ensure_ok()?;
    assert!(
        page.body.contains("Begin &lt;script&gt;") || page.body.contains("Begin &#60;script&#62;"),
        "{page}"
    );
    assert!(!page.body.contains("<script>alert"), "{page}");
    assert_eq!(ben.build(7, 21).await?.status, "success");
    let log = ben.raw_log(7, 41).await?;
    assert!(log.ends_with(b"\x1b[31mred\x1b[0m\n\xff\n") && log.starts_with(b"Pulling \"debian\""));
    assert_eq!(ben.raw_log(7, 42).await?.len(), 3_200_000, "a log of several pieces is whole");
    ben.get("/projects/7/builds/22/jobs/42/").await?.ensure_ok()?;
    assert_eq!(ben.build(7, 22).await?.status, "failure");
    assert_eq!(ben.build(8, 23).await?.status, "canceled");
    assert_eq!(ben.build(7, 25).await?.status, "canceled");
    assert!(world.github.statuses("anna/hello", &"1".repeat(40)).is_empty(), "what is long over is no news");
    Ok(())
}

async fn it_goes_on(world: &Takeover) -> Result<()> {
    let anna = Person::sign_in(&world.server, &world.github, "anna").await?;
    for project in [7, 8] {
        let settings = format!("/projects/{project}/settings/");
        anna.post_form(&settings, &format!("/projects/{project}/hooks/restore/"), &[]).await?.ensure_ok()?;
    }
    let page = anna.get("/projects/8/settings/").await?;
    let public_key = world.public_key.split_whitespace().nth(1).unwrap_or_default();
    assert!(page.body.replace("&#43;", "+").contains(public_key), "{page}");
    let hooks = world.github.hooks("anna/hello");
    assert!(
        hooks.iter().any(|hook| hook.url.ends_with("/_hooks/hook/3/") && hook.secret.is_some()),
        "{hooks:?}"
    );
    assert_eq!(world.github.deploy_keys("anna/secret").len(), 1);
    let is_finished = |build: &kozmic_testkit::person::Build| {
        build.build > 25 && !["enqueued", "pending"].contains(&build.status.as_str())
    };
    let commit = || Commit::new("Go on").file("file", "the door");
    world.github.push_commit("anna/secret", "main", commit()).await?;
    let build = anna.wait_for_build(8, LIMIT, is_finished).await?;
    let log = String::from_utf8_lossy(&anna.raw_log(8, build.job()?).await?).into_owned();
    assert!(build.status == "success" && log.contains("the key opened the door"), "{log}");
    let page = anna.get("/projects/8/builds/latest/").await?;
    assert!(page.body.contains("#2"), "numbers go on where they were: {page}");
    Ok(())
}

#[tokio::test]
async fn an_import_can_be_tried_interrupted_and_repeated() -> Result<()> {
    let world = Takeover::new().await?;
    let trial = world.import(SECRET_KEY, &["--dry-run"]).await?;
    trial.has("would be taken over; this was a trial");
    let left = fs::read_dir(world.server.data_dir())?.flatten();
    assert!(!left.into_iter().any(|file| file.file_name().to_string_lossy().starts_with("trial")));
    let wrong = world.import("another secret key", &[]).await?;
    for kind in KINDS.iter().filter(|kind| **kind != "deploy key ") {
        assert_eq!(trial.numbers(kind), wrong.numbers(kind), "the trial told the truth about {kind}");
    }
    assert_eq!(wrong.numbers("deploy key "), [1, 0, 0, 1]);
    wrong.has("left out: deploy key 1 of anna/secret: the secret key does not open it");

    let right = world.import(SECRET_KEY, &[]).await?;
    for kind in KINDS {
        let taken = u64::from(kind == "deploy key ");
        assert_eq!(right.numbers(kind)[1], taken, "{kind}: {}", right.0);
        assert_eq!(right.numbers(kind)[3], trial.numbers(kind)[3], "{kind}: {}", right.0);
    }

    let log = world.server.data_dir().join("logs/0/42-1.log");
    let whole = fs::read(&log)?;
    fs::write(&log, &whole[..whole.len() / 2])?;
    let again = world.import(SECRET_KEY, &[]).await?;
    for kind in KINDS {
        assert_eq!(again.numbers(kind)[1], u64::from(kind == "log "), "{kind}: {}", again.0);
    }
    assert!(fs::read(&log)? == whole, "what an interruption cost is made up for");
    Ok(())
}

#[tokio::test]
async fn an_import_names_what_stands_in_its_way() -> Result<()> {
    let github = crate::world::github().await?;
    let mut server = Server::start(options(&github)).await?;
    let refusal = async |server: &Server, from: &str| -> Result<(Option<i32>, String)> {
        let output = server.run(&["import", "--from", from]).await?;
        Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
    };
    let address = "mysql://kozmic:hush@127.0.0.1:9/kozmic";
    let (code, words) = refusal(&server, address).await?;
    assert!(code == Some(4) && words.contains("is used by another Kozmic"), "{words}");
    server.terminate().await?;
    let (code, words) = refusal(&server, "sqlite://kozmic.db").await?;
    assert!(code == Some(1) && words.contains("mysql://user:password@host/database"), "{words}");
    let (code, words) = refusal(&server, address).await?;
    let cause = "cannot open mysql://127.0.0.1:9/kozmic: nothing listens there (connection refused)";
    assert!(code == Some(1) && words.lines().last() == Some(&format!("kozmic: {cause}")), "{words}");
    assert!(!words.contains("hush") && !words.contains("pool"), "{words}");
    in_files(&server, address, cause).await
}

/// Address and key may stand in files, of which none is read without an end.
async fn in_files(server: &Server, address: &str, cause: &str) -> Result<()> {
    let file = server.data_dir().join("old_address");
    fs::write(&file, format!("{address}\n"))?;
    let file = file.display().to_string();
    let refusal = async |more: &[(&str, &str)]| -> Result<String> {
        let variables = [&[("KOZMIC_IMPORT_FROM_FILE", file.as_str())], more].concat();
        let output = server.run_with(&["import"], &variables).await?;
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let words = refusal(&[]).await?;
    assert!(words.lines().last() == Some(&format!("kozmic: {cause}")), "{words}");
    let words = refusal(&[("KOZMIC_IMPORT_SECRET_KEY_FILE", "/dev/zero")]).await?;
    assert_eq!(words.lines().last(), Some("kozmic: cannot read /dev/zero: it has more than 1 MiB"));
    Ok(())
}
