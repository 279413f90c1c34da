//! Tests of cached images: surplus images are removed, the least recently used first.

use super::*;
use crate::store::NewCachedImage;

#[tokio::test]
async fn images_beyond_the_limit_go_the_least_recently_used_first_but_none_that_a_job_may_use() {
    let stage = Stage::new().await;
    let store = &stage.store;
    for (key, at) in [("a", 1), ("b", 2), ("c", 3)] {
        let new = NewCachedImage { project: stage.project, runner: "here", key, base: "debian", size: 5 };
        store.images().add_cached_image(new, Timestamp(at)).await.unwrap();
    }
    store.images().use_cached_image(stage.project, "here", "a", Timestamp(4)).await.unwrap().unwrap();
    let keys = |images: Vec<kozmic_model::cache::CachedImage>| {
        images.into_iter().map(|image| image.key).collect::<Vec<_>>()
    };
    assert_eq!(keys(store.images().surplus_images("here", 1).await.unwrap()), ["c", "b"]);
    assert!(store.images().surplus_images("elsewhere", 1).await.unwrap().is_empty());
    stage.push('a').await;
    store.queue().claim_job(Lane::Containers, HERE, Among::All, Timestamp(3)).await.unwrap().unwrap();
    assert_eq!(
        keys(store.images().surplus_images("here", 1).await.unwrap()),
        ["b"],
        "c was used after the job started"
    );
    let known = store.images().cached_images(stage.project).await.unwrap();
    let [a, c, b] = &known[..] else { panic!("three: {known:?}") };
    assert!(store.images().begin_removal(c).await.unwrap().is_none(), "c was used after the job started");
    store.images().use_cached_image(stage.project, "here", "a", Timestamp(5)).await.unwrap().unwrap();
    store.images().forget_cached_image(a).await.unwrap();
    let leaving = store.images().begin_removal(b).await.unwrap().unwrap();
    assert!(
        store.images().use_cached_image(stage.project, "here", "b", Timestamp(6)).await.unwrap().is_none()
    );
    let left = store.images().cached_images(stage.project).await.unwrap();
    assert_eq!(keys(left), ["a", "c"], "a was used again after it was looked for");
    assert_eq!(keys(store.images().surplus_images("here", 3).await.unwrap()), ["b"], "its removal was begun");
    store.images().give_up_removal(&leaving, b).await.unwrap();
    assert_eq!(keys(store.images().cached_images(stage.project).await.unwrap()), ["a", "c", "b"]);
    assert!(store.images().busy_projects().await.unwrap().contains(&stage.project));
    store.projects().delete_project(stage.project, NOW).await.unwrap();
    assert!(store.projects().erasable_projects().await.unwrap().is_empty(), "a job runs");
}
