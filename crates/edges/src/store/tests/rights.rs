//! Databases on servers that a store cannot use: each fault says what helps.

use super::{super::*, KEY};
use kozmic_testkit::{
    database::{DatabaseOptions, name_of},
    mariadb::MariaDb,
    port::free_port,
    postgres::Postgres,
};

async fn refused(url: &str) -> String {
    format!("{:#}", Store::open(url, &KEY.into()).await.err().expect("it is refused"))
}

async fn seen(url: &str) -> String {
    format!("{:#}", look(url).await.expect_err("it is refused"))
}

#[tokio::test]
async fn a_user_of_postgresql_without_rights_is_told_the_statement_that_helps() {
    let server = Postgres::start().await.unwrap();
    server.execute("CREATE DATABASE others").await.unwrap();
    let url = server.url("others");
    for fault in [seen(&url).await, refused(&url).await] {
        assert!(
            fault.contains("permission denied") && fault.contains("ALTER DATABASE kozmic OWNER"),
            "{fault}"
        );
    }
    let url = server.fresh_database().await.unwrap();
    Store::open(&url, &KEY.into()).await.unwrap().close().await;
    assert_eq!(look(&url).await.unwrap(), Condition::Ready);
    let on = |sql: &str| format!("\\connect {}\n{sql}", name_of(&url));
    server.execute(&on("REVOKE INSERT, UPDATE ON ALL TABLES IN SCHEMA public FROM kozmic")).await.unwrap();
    for fault in [seen(&url).await, refused(&url).await] {
        assert!(fault.contains("permission denied for table") && fault.contains("give the user"), "{fault}");
    }
    let read_only = format!("ALTER DATABASE {} SET default_transaction_read_only = on", name_of(&url));
    server.execute(&read_only).await.unwrap();
    assert!(refused(&url).await.contains("because it is read-only"));
}

#[tokio::test]
async fn a_user_of_mariadb_without_rights_is_told_the_statement_that_helps() {
    let server = MariaDb::start().await.unwrap();
    let (empty, full) = (server.fresh_database().await.unwrap(), server.fresh_database().await.unwrap());
    Store::open(&full, &KEY.into()).await.unwrap().close().await;
    server.execute("CREATE USER 'reader'@'127.0.0.1' IDENTIFIED BY 'x'").await.unwrap();
    for url in [empty, full] {
        let grant = format!("GRANT SELECT ON {}.* TO 'reader'@'127.0.0.1'", name_of(&url));
        server.execute(&grant).await.unwrap();
        assert!(look(&url).await.is_ok());
        let of_reader = url.replace("kozmic:kozmic-password@", "reader:x@");
        for fault in [seen(&of_reader).await, refused(&of_reader).await] {
            assert!(fault.contains("run GRANT ALL ON kozmic.*") && !fault.contains(":x@"), "{fault}");
        }
    }
}

#[tokio::test]
async fn a_log_of_statements_is_refused_before_tables_are_made() {
    let server = MariaDb::start_with_log_of_statements().await.unwrap();
    let url = server.fresh_database().await.unwrap();
    for fault in [seen(&url).await, refused(&url).await] {
        assert!(fault.contains("its binlog_format is STATEMENT"), "{fault}");
    }
    let tables = server.execute(&format!("SHOW TABLES IN {}", name_of(&url))).await.unwrap();
    assert_eq!(tables, "");
}

#[tokio::test]
async fn tables_that_mariadb_made_in_part_at_a_first_start_are_completed_by_the_next_one() {
    let server = MariaDb::start().await.unwrap();
    let url = server.fresh_database().await.unwrap();
    let name = name_of(&url);
    let steps =
        format!("CREATE TABLE {name}.seaql_migrations (version VARCHAR(255) PRIMARY KEY, applied_at BIGINT)");
    let table = format!("CREATE TABLE {name}.pulse (id BIGINT PRIMARY KEY, at BIGINT NOT NULL)");
    server.execute(&format!("{steps}; {table}")).await.unwrap();
    assert_eq!(look(&url).await.unwrap(), Condition::Missing);
    let store = Store::open(&url, &KEY.into()).await.unwrap();
    store.try_writing(Timestamp(1)).await.unwrap();
    assert_eq!(look(&url).await.unwrap(), Condition::Ready);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_from_a_wrong_one_and_from_a_wrong_password() {
    let mariadb = MariaDb::start().await.unwrap();
    let url = mariadb.fresh_database().await.unwrap();
    let port = free_port().unwrap();
    for (server, scheme) in [("PostgreSQL", "postgres"), ("MariaDB", "mysql")] {
        let fault = seen(&format!("{scheme}://kozmic:hush@127.0.0.1:{port}/kozmic")).await;
        let words = format!("no {server} answers there (Connection refused");
        assert!(
            fault.contains(&words) && fault.contains("does the server run") && !fault.contains("hush"),
            "{fault}"
        );
    }
    let fault = seen(&url.replace("mysql://", "postgres://")).await;
    assert!(fault.contains("no PostgreSQL answers there, but another program"), "{fault}");
    for wrong in [url.replace("kozmic-password", "hush"), mariadb.url("missing")] {
        let fault = seen(&wrong).await;
        assert!(fault.contains("is wrong, or not made yet") && !fault.contains("hush"), "{fault}");
    }
    let fault = seen(&format!("{url}?ssl-ca=/nowhere/ca.pem")).await;
    assert!(fault.contains("its address names /nowhere/ca.pem: No such file"), "{fault}");
}

#[tokio::test]
async fn a_delivery_that_is_larger_than_the_server_takes_is_refused_with_the_setting_that_helps() {
    let options = DatabaseOptions::default().setting("max-allowed-packet", "4M");
    let server = MariaDb::start_with(options).await.unwrap();
    let url = server.fresh_database().await.unwrap();
    let store = Store::open(&url, &KEY.into()).await.unwrap();
    let delivery = |bytes: usize| NewDelivery {
        endpoint: Endpoint::AutoBuilder,
        uuid: bytes.to_string(),
        event: "push".to_owned(),
        payload: vec![b' '; bytes],
    };
    store.deliveries().store_delivery(delivery(3 << 20), Timestamp(1)).await.unwrap();
    let fault = store.deliveries().store_delivery(delivery(5 << 20), Timestamp(1)).await.unwrap_err();
    assert!(format!("{fault:#}").contains("raise its max_allowed_packet"), "{fault:#}");
}

#[tokio::test]
async fn each_session_of_mariadb_commits_although_the_server_says_otherwise() {
    let options = DatabaseOptions::default().setting("autocommit", "0");
    let server = MariaDb::start_with(options).await.unwrap();
    let url = server.fresh_database().await.unwrap();
    let store = Store::open(&url, &KEY.into()).await.unwrap();
    store.try_writing(Timestamp(7)).await.unwrap();
    let rows = server.execute(&format!("SELECT at FROM {}.pulse", name_of(&url))).await.unwrap();
    assert_eq!(rows, "7");
}
