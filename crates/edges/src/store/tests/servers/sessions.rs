//! Sessions on database servers: on connections that break, behind poolers, and few of them.

use super::{super::*, proxy::Proxy};
use kozmic_testkit::{mariadb::MariaDb, postgres::Postgres};
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
