//! Containers as they are created: files, volumes, labels, environment.

use crate::lab::{Lab, all, archive, volume};
use kozmic_edges::engine::{ContainerState, NewContainer, Stage};

pub(crate) async fn files_and_listeners_come_in_any_order_before_the_start(lab: &Lab) {
    let wanted = lab.script("cat /tmp/in");
    for is_attached_first in [true, false] {
        let container = lab.create(&wanted).await;
        let upload = || lab.engine.upload(&container, "/tmp", archive(&[("in", "put\n")]));
        if !is_attached_first {
            upload().await.unwrap();
        }
        let attached = lab.engine.attach(&container, false).await.unwrap();
        if is_attached_first {
            upload().await.unwrap();
        }
        lab.engine.start(&container).await.unwrap();
        assert_eq!(all(attached.output).await, b"put\n");
    }
}

pub(crate) async fn a_container_beside_another_shares_its_volumes_and_nothing_else(lab: &Lab) {
    let wanted = NewContainer { volumes: vec![volume("/v", true)], ..lab.script("cat /v/in; cat /tmp/in") };
    let container = lab.create(&wanted).await;
    let beside = lab.engine.create_beside(&container, &wanted).await.unwrap();
    assert_ne!(container, beside);
    let files = archive(&[("v/in", "shared\n"), ("tmp/in", "own\n")]);
    lab.engine.upload(&beside, "/", files).await.unwrap();
    let found = lab.engine.containers(&lab.instance).await.unwrap();
    assert!(found.len() == 2 && found.iter().all(|found| found.attempt == lab.attempt(1)));
    assert_eq!(lab.engine.state(&beside).await.unwrap(), Some(ContainerState::Created));
    lab.engine.remove(&beside).await.unwrap();
    lab.engine.start(&container).await.unwrap();
    assert_eq!(lab.engine.wait(&container).await.unwrap(), 1, "the other file is not there");
    let (output, _) = crate::lab::both(lab.engine.output(&container).await.unwrap()).await;
    assert_eq!(output, b"shared\n");
}

pub(crate) async fn an_empty_volume_hides_what_the_image_has(lab: &Lab) {
    let (made, _) = lab.run(&lab.script("mkdir /kept; echo 1 > /kept/a")).await;
    let image = lab.engine.commit(&made, &lab.name("a")).await.unwrap();
    for (is_empty, has_it) in [(true, false), (false, true)] {
        let volumes = vec![volume("/kept", is_empty)];
        let container =
            lab.create(&NewContainer { image: image.clone(), volumes, ..lab.script("true") }).await;
        let beside = lab.engine.create_beside(&container, &lab.script("true")).await.unwrap();
        lab.put(&beside, "/kept/b", "2").await;
        lab.engine.start(&container).await.unwrap();
        lab.engine.wait(&container).await.unwrap();
        assert_eq!(lab.engine.has_file(&container, "/kept/a").await.unwrap(), has_it);
        assert_eq!(lab.file(&container, "/kept/b").await.as_deref(), Some("2"));
    }
}

pub(crate) async fn containers_are_found_by_their_installation(lab: &Lab) {
    let build = NewContainer { attempt: lab.attempt(2), ..lab.script("true") };
    let install = NewContainer { stage: Stage::Install("key".to_owned()), ..lab.script("true") };
    let (build, install) = (lab.create(&build).await, lab.create(&install).await);
    let found = lab.engine.containers(&lab.instance).await.unwrap();
    assert_eq!(found.len(), 2);
    let of = |id| found.iter().find(|found| found.id == id).unwrap();
    assert_eq!((of(build.clone()).attempt, of(build).stage.clone()), (lab.attempt(2), Stage::Build));
    let installs = of(install);
    assert_eq!((installs.attempt, installs.stage.cache_key()), (lab.attempt(1), Some("key")));
    assert!(lab.engine.containers(&format!("{}x", lab.instance)).await.unwrap().is_empty());
}

pub(crate) async fn a_script_knows_its_environment(lab: &Lab) {
    let environment = [("A", "1 2"), ("B", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let script = r#"echo "$A" "<$B>" "${A}x" "$UNKNOWN.""#;
    let wanted = NewContainer { environment: environment.into(), ..lab.script(script) };
    assert_eq!(lab.said(&wanted).await, "1 2 <> 1 2x .\n");
}

pub(crate) async fn one_that_runs_is_started_already_and_one_beside_it_never(lab: &Lab) {
    let container = lab.start(&lab.script("sleep infinity")).await;
    let beside = lab.engine.create_beside(&container, &lab.script("true")).await.unwrap();
    lab.engine.start(&container).await.unwrap();
    let fault = lab.engine.start(&beside).await.unwrap_err();
    assert!(!fault.is_missing() && !fault.is_unreachable(), "{fault}");
    assert_eq!(lab.engine.state(&beside).await.unwrap(), Some(ContainerState::Created));
}
