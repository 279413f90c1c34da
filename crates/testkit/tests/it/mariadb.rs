//! MariaDB, with its own client.

use anyhow::{Context, Result};
use kozmic_testkit::mariadb::MariaDb;
use tokio::process::Command;
use url::Url;

#[tokio::test]
async fn a_database_is_made_filled_and_reached_by_its_address() -> Result<()> {
    let server = MariaDb::start().await?;
    server
        .execute("CREATE DATABASE old; CREATE TABLE old.builds (id INT, title TEXT); INSERT INTO old.builds VALUES (1, 'Grüße'), (2, NULL);")
        .await?;
    assert_eq!(server.execute("SELECT id, title FROM old.builds ORDER BY id").await?, "1\tGrüße\n2\tNULL");
    let wrong = server.execute("SELECT * FROM old.nothing").await;
    assert!(wrong.is_err_and(|error| error.to_string().contains("doesn't exist")));

    let url = Url::parse(&server.url("old"))?;
    assert_eq!((url.scheme(), url.host_str(), url.path()), ("mysql", Some("127.0.0.1"), "/old"));
    let select = async |password: &str| {
        let mut command = Command::new("mariadb");
        command.args(["--no-defaults", "--protocol=tcp", "--host=127.0.0.1", "--skip-column-names"]);
        command.arg(format!("--port={}", url.port().context("a port")?));
        command.arg(format!("--user={}", url.username())).arg(format!("--password={password}"));
        command.args(["--execute", "SELECT COUNT(*) FROM builds", "old"]);
        command.output().await.context("run mariadb")
    };
    let found = select(url.password().context("a password")?).await?;
    assert_eq!(String::from_utf8_lossy(&found.stdout).trim(), "2", "{found:?}");
    assert!(!select("wrong").await?.status.success());
    Ok(())
}
