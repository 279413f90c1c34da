//! The engine's knowledge: of itself, of images, of events.

use crate::lab::{Lab, archive};
use futures_util::StreamExt;
use kozmic_edges::{
    clock,
    engine::{Account, Memory, Moment},
};

pub(crate) async fn an_engine_answers_and_tells_its_version_and_memory(lab: &Lab) {
    lab.engine.ping().await.unwrap();
    let version = lab.engine.version().await.unwrap();
    assert!(!version.number.is_empty() && version.architecture.is_some(), "{version:?}");
    assert!(lab.engine.memory().await.unwrap() > 256 << 20);
}

pub(crate) async fn it_is_made_ready_again_and_an_attempt_without_a_network_has_none_to_lose(lab: &Lab) {
    for _ in 0..2 {
        lab.engine.prepare().await.unwrap();
    }
    assert!(lab.engine.networks(&lab.instance).await.unwrap().is_empty());
    lab.engine.remove_network(&lab.instance, lab.attempt(1)).await.unwrap();
    for own in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
        assert!(!lab.engine.is_job(own.parse().unwrap()).await, "{own}");
    }
}

pub(crate) async fn scripts_run_as_the_user_that_the_image_has_for_them(lab: &Lab) {
    let account = lab.engine.account(lab.image(), &lab.instance, lab.attempt(1)).await.unwrap();
    let expected = Account {
        user: "kozmic".to_owned(),
        uid: 1000,
        gid: 1000,
        home: "/home/kozmic".to_owned(),
        has_shell: true,
    };
    assert_eq!(account, expected);
    assert!(lab.engine.containers(&lab.instance).await.unwrap().is_empty());
}

pub(crate) async fn an_engine_remembers_what_it_saw(lab: &Lab) {
    let container = lab.start(&lab.script("sleep infinity")).await;
    let remembers = async |moment| lab.engine.remembers(&container, moment).await.unwrap();
    assert_eq!(remembers(Moment::Start).await, Memory::Seen);
    assert_ne!(remembers(Moment::End).await, Memory::Seen);
    lab.engine.remove(&container).await.unwrap();
    assert_eq!(remembers(Moment::Start).await, Memory::Seen);
    assert_eq!(remembers(Moment::End).await, Memory::Seen);
    let other = lab.create(&lab.script("true")).await;
    assert_ne!(lab.engine.remembers(&other, Moment::Start).await.unwrap(), Memory::Seen);
}

pub(crate) async fn what_is_asked_of_a_container_that_is_gone(lab: &Lab) {
    let engine = &lab.engine;
    let gone = lab.create(&lab.script("true")).await;
    engine.remove(&gone).await.unwrap();
    for has_terminal in [true, false] {
        assert!(engine.attach(&gone, has_terminal).await.err().unwrap().is_missing());
    }
    assert!(engine.start(&gone).await.unwrap_err().is_missing());
    assert!(engine.wait(&gone).await.unwrap_err().is_missing());
    assert!(engine.upload(&gone, "/", archive(&[("a", "")])).await.unwrap_err().is_missing());
    assert!(engine.download(&gone, "/").await.err().unwrap().is_missing());
    assert!(!engine.has_file(&gone, "/").await.unwrap());
    assert_eq!(engine.read_file(&gone, "/etc/passwd", 1 << 20).await.unwrap(), None);
    for mut output in
        [engine.output(&gone).await.unwrap(), engine.output_until(&gone, clock::now()).await.unwrap()]
    {
        assert!(output.next().await.unwrap().unwrap_err().is_unreachable());
    }
}
