//! PgBouncer before a PostgreSQL, asked by PostgreSQL's own client.

use anyhow::Result;
use kozmic_testkit::database::{DatabaseOptions, name_of};
use kozmic_testkit::pgbouncer::PgBouncer;
use kozmic_testkit::postgres::Postgres;
use tokio::process::Command;

/// Asks for something by an address, with settings for the session.
async fn ask(url: &str, settings: &str, sql: &str) -> Result<(String, String)> {
    let mut client = Command::new("psql");
    client.args(["--no-psqlrc", "--tuples-only", "--no-align", "--command", sql, url]);
    let output = client.env("PGOPTIONS", settings).output().await?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    Ok((text(&output.stdout), text(&output.stderr)))
}

#[tokio::test]
async fn a_pooler_leads_its_user_to_the_server_and_takes_no_settings_for_a_session() -> Result<()> {
    let options = DatabaseOptions::default().login("kozmic \"ci\"", "p@ss \"w:rd\"");
    let server = Postgres::start_with(options).await?;
    let url = server.fresh_database().await?;
    let pooler = PgBouncer::before(&server).await?;
    let pooled = pooler.url(name_of(&url));
    assert_ne!(pooled, url);
    let select = "SELECT current_database()";
    assert_eq!(ask(&pooled, "", select).await?, (name_of(&url).to_owned(), String::new()));

    let (_, refused) = ask(&pooled, "-c statement_timeout=1000", select).await?;
    assert!(refused.contains("unsupported startup parameter"), "{refused}");
    let (_, refused) = ask(&pooled.replace("p%40ss", "pass"), "", select).await?;
    assert!(refused.contains("authentication failed"), "{refused}");
    Ok(())
}
