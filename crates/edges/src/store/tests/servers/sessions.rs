//! Sessions on database servers: on connections that break, behind poolers, and few of them.

use super::{super::*, proxy::Proxy};
use kozmic_testkit::{database::name_of, mariadb::MariaDb, pgbouncer::PgBouncer, postgres::Postgres};
use tokio::task::JoinSet;

#[tokio::test]
async fn connections_that_broke_without_notice_are_replaced() {
    let (postgres, mariadb) = (Postgres::start().await.unwrap(), MariaDb::start().await.unwrap());
    for url in [postgres.fresh_database().await.unwrap(), mariadb.fresh_database().await.unwrap()] {
        let proxy = Proxy::before(&[&url]).await;
        let store = Store::open(&proxy.url(&url), &KEY.into()).await.unwrap();
        let mut pings = JoinSet::new();
        for store in [&store, &store, &store].map(Store::clone) {
            pings.spawn(async move { store.ping().await.unwrap() });
        }
        pings.join_all().await;
        proxy.stall();
        store.ping().await.unwrap();
        store.try_writing(NOW).await.unwrap();
    }
}

/// Each new connection leads to the other pooler, so two connections never share a session.
#[tokio::test]
async fn two_poolers_behind_a_balancer_are_noticed() {
    let server = Postgres::start().await.unwrap();
    let name = name_of(&server.fresh_database().await.unwrap()).to_owned();
    let poolers = [PgBouncer::before(&server).await.unwrap(), PgBouncer::before(&server).await.unwrap()];
    let urls = poolers.each_ref().map(|pooler| pooler.url(&name));
    let balancer = Proxy::before(&[&urls[0], &urls[1]]).await;
    let stage = Stage::at(&balancer.url(&urls[0]), tempfile::tempdir().unwrap()).await;
    let mut pings = JoinSet::new();
    for store in [&stage.store; 8].map(Store::clone) {
        pings.spawn(async move {
            store.projects().projects().await.unwrap();
            store.try_writing(NOW).await.unwrap();
        });
    }
    pings.join_all().await;
    stage.push('a').await;
    stage.run(0).await;
}

#[tokio::test]
async fn a_user_with_few_connections_is_enough_if_kozmic_takes_no_more() {
    let server = Postgres::start().await.unwrap();
    let url = server.fresh_database().await.unwrap();
    server.execute("ALTER ROLE kozmic CONNECTION LIMIT 4").await.unwrap();
    let store = Store::open_with(&url, &KEY.into(), 2).await.unwrap();
    let mut writes = JoinSet::new();
    for number in 0..20 {
        let store = store.clone();
        writes.spawn(async move { store.try_writing(Timestamp(number)).await.unwrap() });
    }
    writes.join_all().await;
    let used = "SELECT count(*) <= 2 FROM pg_stat_activity WHERE application_name = 'kozmic'";
    assert_eq!(server.execute(used).await.unwrap(), "t");
}
