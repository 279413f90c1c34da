//! Images that lose their names.

use crate::lab::Lab;
use kozmic_edges::engine::{Nameless, NewContainer};

pub(crate) async fn a_name_goes_over_to_a_newer_image(lab: &Lab) {
    let (container, _) = lab.run(&lab.script("echo 1 > /tmp/one")).await;
    let name = lab.name("a");
    let old = lab.engine.commit(&container, &name).await.unwrap();
    assert_eq!(lab.engine.remove_nameless(&old).await.unwrap(), Nameless::Named);
    assert_eq!(lab.engine.remove_nameless(&name.to_string()).await.unwrap(), Nameless::Named);
    let new = lab.engine.commit(&container, &name).await.unwrap();
    assert_ne!(old, new);
    assert_eq!(lab.engine.image(&name).await.unwrap().unwrap().id, new);
    let wanted = NewContainer { image: old.clone(), ..lab.script("cat /tmp/one") };
    assert_eq!(lab.said(&wanted).await, "1\n", "the older one is there without a name");
    assert_eq!(lab.engine.remove_nameless(&new).await.unwrap(), Nameless::Named);
}

pub(crate) async fn an_image_without_a_name_stays_while_it_is_needed(lab: &Lab) {
    let (container, _) = lab.run(&lab.script("echo 1 > /tmp/one")).await;
    let name = lab.name("a");
    let old = lab.engine.commit(&container, &name).await.unwrap();
    let (user, _) = lab.run(&NewContainer { image: old.clone(), ..lab.script("echo 2 > /tmp/two") }).await;
    let new = lab.engine.commit(&user, &name).await.unwrap();
    assert_eq!(lab.engine.remove_nameless(&old).await.unwrap(), Nameless::InUse, "by a container");
    lab.engine.remove(&user).await.unwrap();
    assert_eq!(lab.engine.remove_nameless(&old).await.unwrap(), Nameless::InUse, "by an image");
    lab.engine.commit(&container, &name).await.unwrap();
    assert_eq!(lab.engine.remove_nameless(&new).await.unwrap(), Nameless::Gone);
    // No other image went with it.
    let wanted = NewContainer { image: old.clone(), ..lab.script("cat /tmp/one") };
    let last = lab.create(&wanted).await;
    lab.engine.remove(&last).await.unwrap();
    for _ in 0..2 {
        assert_eq!(lab.engine.remove_nameless(&old).await.unwrap(), Nameless::Gone);
        assert!(lab.engine.create(&wanted).await.unwrap_err().is_missing());
    }
}

pub(crate) async fn images_without_names_go_with_the_last_one_made_of_them(lab: &Lab) {
    let (container, _) = lab.run(&lab.script("echo 1 > /tmp/one")).await;
    let name = lab.name("a");
    let old = lab.engine.commit(&container, &name).await.unwrap();
    let (user, _) = lab.run(&NewContainer { image: old.clone(), ..lab.script("echo 2 > /tmp/two") }).await;
    lab.engine.commit(&user, &name).await.unwrap();
    lab.engine.remove(&user).await.unwrap();
    assert!(lab.engine.remove_image(&name).await.unwrap());
    assert_eq!(lab.engine.remove_nameless(&old).await.unwrap(), Nameless::Gone);
    let wanted = NewContainer { image: old, ..lab.script("true") };
    assert!(lab.engine.create(&wanted).await.unwrap_err().is_missing(), "it went with the newer one");
}
