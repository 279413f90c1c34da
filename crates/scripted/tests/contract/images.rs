//! Images that are made from containers.

use crate::lab::{Lab, volume};
use kozmic_edges::engine::{ContainerId, NewContainer, Stage};
use kozmic_model::image::ImageName;

pub(crate) async fn what_a_container_changed_is_an_image(lab: &Lab) {
    let name = lab.name("v1.2");
    assert_eq!(lab.engine.image(&name).await.unwrap(), None);
    let first = NewContainer { user: "kozmic".to_owned(), ..lab.script("echo 1 > /tmp/kept") };
    let (container, _) = lab.run(&first).await;
    let id = lab.engine.commit(&container, &name).await.unwrap();
    let image = lab.engine.image(&name).await.unwrap().unwrap();
    assert_eq!((image.id.as_str(), image.default_user.as_str()), (id.as_str(), "kozmic"));
    assert!(id.starts_with("sha256:") && image.size >= lab.image().size, "{image:?}");
    // A container of the image does not start as the container from which the image was made.
    let again = NewContainer { image: id, ..lab.script("cat /tmp/kept") };
    assert_eq!(lab.said(&again).await, "1\n");
}

pub(crate) async fn an_image_is_found_by_the_names_that_it_bears_and_not_by_its_id(lab: &Lab) {
    let name = lab.name("named");
    let (container, _) = lab.run(&lab.script("true")).await;
    let id = lab.engine.commit(&container, &name).await.unwrap();
    let digits = id.strip_prefix("sha256:").unwrap();
    for by_id in [
        &digits[..63],
        &digits[..12],
        &digits[..1],
        &format!("sha256:{digits}"),
        &format!("sha256:{}", &digits[..4]),
    ] {
        assert_eq!(lab.engine.image(&crate::lab::name(by_id)).await.unwrap(), None, "{by_id}");
    }
    for borne in [name.to_string(), format!("docker.io/{name}"), format!("index.docker.io/{name}")] {
        let found = lab.engine.image(&crate::lab::name(&borne)).await.unwrap();
        assert_eq!(found.map(|image| (image.id, image.is_pulled)), Some((id.clone(), false)), "{borne}");
    }
}

pub(crate) async fn volumes_are_no_part_of_an_image_but_their_paths_are(lab: &Lab) {
    let script = "echo 1 > /full/a; echo 2 > /bare/b; echo 3 > /tmp/c";
    let volumes = vec![volume("/full", false), volume("/bare", true)];
    let (first, code) = lab.run(&NewContainer { volumes, ..lab.script(script) }).await;
    assert_eq!(code, 0);
    let image = lab.engine.commit(&first, &lab.name("a")).await.unwrap();
    let again = NewContainer { image, ..lab.script("mkdir -p /bare; echo 4 > /full/d; echo 5 > /bare/e") };
    let (second, code) = lab.run(&again).await;
    assert_eq!(code, 0);
    let image = lab.engine.commit(&second, &lab.name("b")).await.unwrap();
    let third = lab.create(&NewContainer { image, ..lab.script("true") }).await;
    let mut there = Vec::new();
    for path in ["/full/a", "/bare/b", "/tmp/c", "/full/d", "/bare/e"] {
        there.push(lab.engine.has_file(&third, path).await.unwrap());
    }
    assert_eq!(there, [false, false, true, false, true]);
}

pub(crate) async fn an_image_is_known_by_the_script_that_made_it(lab: &Lab) {
    let (build, install) = (lab.name("build"), lab.name("install"));
    let (container, _) = lab.run(&lab.script("true")).await;
    let id = lab.engine.commit(&container, &build).await.unwrap();
    let stage = Stage::Install("key".to_owned());
    let (container, _) = lab.run(&NewContainer { stage: stage.clone(), ..lab.script("true") }).await;
    let installed = lab.engine.commit(&container, &install).await.unwrap();
    let of = async |name: &ImageName, instance: &str, number, stage: &Stage| {
        lab.engine.image_of(name, instance, lab.attempt(number), stage).await.unwrap()
    };
    assert_eq!(of(&build, &lab.instance, 1, &Stage::Build).await, Some(id));
    assert_eq!(of(&build, &lab.instance, 2, &Stage::Build).await, None);
    assert_eq!(of(&build, "other", 1, &Stage::Build).await, None);
    assert_eq!(of(&install, &lab.instance, 1, &Stage::Build).await, None, "it is an install script's");
    assert_eq!(of(&install, &lab.instance, 1, &stage).await, Some(installed));
    let other = Stage::Install("other".to_owned());
    assert_eq!(of(&install, &lab.instance, 1, &other).await, None, "it has another key");
    assert_eq!(of(&lab.name("none"), &lab.instance, 1, &Stage::Build).await, None);
}

pub(crate) async fn an_installation_knows_its_own_images(lab: &Lab) {
    assert!(lab.engine.own_images(&lab.instance).await.unwrap().is_empty());
    let stage = Stage::Install("key".to_owned());
    let (container, _) = lab.run(&NewContainer { stage, ..lab.script("true") }).await;
    let names = [lab.name("a"), lab.name("b")];
    for name in &names {
        lab.engine.commit(&container, name).await.unwrap();
    }
    let mut own = lab.engine.own_images(&lab.instance).await.unwrap();
    own.sort_by_key(ToString::to_string);
    assert_eq!(own, names);
}

pub(crate) async fn tags_are_those_of_exactly_one_repository(lab: &Lab) {
    let (container, _) = lab.run(&lab.script("true")).await;
    let repository = lab.name("a").repository().to_owned();
    for name in [":b", ":a.1", "-other:c", "/below:d"] {
        let name = crate::lab::name(&format!("{repository}{name}"));
        lab.engine.commit(&container, &name).await.unwrap();
    }
    assert_eq!(lab.engine.tags(&repository).await.unwrap(), ["a.1", "b"]);
    assert!(lab.engine.tags(&format!("{}/*", lab.instance)).await.unwrap().is_empty());
    assert!(lab.engine.tags(&lab.instance).await.unwrap().is_empty());
}

pub(crate) async fn an_image_is_not_removed_while_a_container_uses_it(lab: &Lab) {
    let (container, _) = lab.run(&lab.script("true")).await;
    let name = lab.name("a");
    let image = lab.engine.commit(&container, &name).await.unwrap();
    let user = lab.create(&NewContainer { image, ..lab.script("true") }).await;
    assert!(!lab.engine.remove_image(&name).await.unwrap());
    lab.engine.remove(&user).await.unwrap();
    for _ in 0..2 {
        assert!(lab.engine.remove_image(&name).await.unwrap());
        assert_eq!(lab.engine.image(&name).await.unwrap(), None);
    }
}

pub(crate) async fn nothing_is_made_of_what_is_not_there(lab: &Lab) {
    let gone = lab.create(&lab.script("true")).await;
    lab.engine.remove(&gone).await.unwrap();
    assert!(lab.engine.commit(&gone, &lab.name("a")).await.unwrap_err().is_missing());
    let beside = lab.engine.create_beside(&gone, &lab.script("true")).await.unwrap_err();
    assert!(!beside.is_missing() && !beside.is_unreachable(), "{beside}");
    let image = format!("sha256:{}", "0".repeat(64));
    let wanted = NewContainer { image, ..lab.script("true") };
    assert!(lab.engine.create(&wanted).await.unwrap_err().is_missing());
    let other = ContainerId("no-such-container".to_owned());
    assert!(lab.engine.commit(&other, &lab.name("a")).await.unwrap_err().is_missing());
}
