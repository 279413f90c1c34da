//! Images from a registry.

use crate::lab::{Lab, name, small_image};
use kozmic_edges::engine::{EngineError, RegistryLogin};
use kozmic_model::image::ImageName;
use kozmic_scripted::Sample;
use kozmic_testkit::{docker::Docker, registry::Registry};
use tokio::sync::mpsc;

const LOGIN: (&str, &str) = ("ann", "secret+/word");

/// An image in a registry that requires a login; the registry runs as long as the second value exists.
async fn offered(lab: &Lab) -> (ImageName, Option<Registry>) {
    let image = format!("{}/offered:1", lab.instance);
    if let Some(scripted) = &lab.scripted {
        let name = name(&format!("127.0.0.1:5000/{image}"));
        scripted.offer_to(&name, LOGIN.0, LOGIN.1, Sample::debian());
        return (name, None);
    }
    let registry = Registry::start_with_login(LOGIN.0, LOGIN.1).await.unwrap();
    let published = registry.publish(&Docker::default(), &small_image(lab), &image).await.unwrap();
    (name(&published), Some(registry))
}

fn sign_in(name: &ImageName, login: Option<(&str, &str)>) -> Option<RegistryLogin> {
    login.map(|(username, password)| RegistryLogin {
        registry: name.registry().to_owned(),
        username: username.to_owned(),
        password: password.into(),
    })
}

async fn pull(
    lab: &Lab,
    name: &ImageName,
    login: Option<(&str, &str)>,
) -> (Result<(), EngineError>, Vec<String>) {
    let login = sign_in(name, login);
    let (progress, mut lines) = mpsc::channel(100);
    let pulled = lab.engine.pull(name, login.as_ref(), progress).await;
    let mut told = Vec::new();
    while let Some(line) = lines.recv().await {
        told.push(line);
    }
    (pulled, told)
}

pub(crate) async fn an_image_is_pulled_by_who_may_with_lines_of_progress(lab: &Lab) {
    let (name, _registry) = offered(lab).await;
    for login in [None, Some((LOGIN.0, "wrong"))] {
        let fault = pull(lab, &name, login).await.0.unwrap_err();
        assert!(fault.is_denied() && !fault.is_unreachable(), "{fault}");
        assert_eq!(lab.engine.image(&name).await.unwrap(), None);
    }
    for _ in 0..2 {
        let (pulled, lines) = pull(lab, &name, Some(LOGIN)).await;
        pulled.unwrap();
        assert!(lines[0].starts_with("Pulling from ") && lines.last().unwrap().starts_with("Status: "));
    }
    let image = lab.engine.image(&name).await.unwrap().unwrap();
    assert!(image.size > 0 && image.is_pulled, "{image:?}");
    for (login, is_given) in [(None, false), (Some((LOGIN.0, "wrong")), false), (Some(LOGIN), true)] {
        let asked = lab.engine.ask_registry(&name, sign_in(&name, login).as_ref()).await;
        assert_eq!(asked.is_ok(), is_given, "{asked:?}");
        assert!(asked.err().is_none_or(|fault| fault.is_denied()));
    }
    assert!(lab.engine.remove_image(&name).await.unwrap());
    is_refused(lab, &crate::lab::name(&format!("{}:none", name.repository()))).await;
}

pub(crate) async fn what_no_registry_has_is_refused(lab: &Lab) {
    let silent = name("127.0.0.1:1/none:none");
    is_refused(lab, &silent).await;
}

async fn is_refused(lab: &Lab, name: &ImageName) {
    let fault = pull(lab, name, Some(LOGIN)).await.0.unwrap_err();
    assert!(matches!(fault, EngineError::Refused { .. }) && !fault.is_denied(), "{fault}");
    assert_eq!(lab.engine.image(name).await.unwrap(), None);
}
