//! Looks of `kozmic check` at the Auto Builder; none if it is switched off.

use super::{Look, data_dir::may_write};
use crate::{
    settings::{AutoBuilder, Settings},
    wire,
};
use kozmic_edges::forge::Forge;
use std::path::Path;

/// The Auto Builder's looks, each with its subject.
pub(super) async fn looks(settings: &Settings) -> Vec<(&'static str, Look)> {
    let Some(builder) = &settings.autobuild else { return Vec::new() };
    let mut looks = vec![("Auto Builder", Ok(summary(builder)))];
    match wire::forge(&settings.github) {
        Ok(forge) => looks.extend(at_forge(forge.as_ref(), builder).await),
        Err(fault) => looks.push(("Auto Builder at GitHub", Err(format!("{fault:#}")))),
    }
    let data_dir = &settings.server.data_dir;
    looks.push(("directory of binaries", directory(&builder.binaries(data_dir))));
    looks.push(("directory of kernels", directory(&builder.kernels(data_dir))));
    looks
}

fn summary(builder: &AutoBuilder) -> String {
    let recipes = match builder.configuration() {
        Some(repository) => format!("recipes from {repository}"),
        None => "no recipes".to_owned(),
    };
    let hub = if builder.hub.is_some() { "a hub" } else { "no hub" };
    format!("{recipes}, kernel rules: {}, {hub}", builder.kernel_rules())
}

/// Each repository that the settings name, as the token sees it. The token's person is not looked up: a token with only
/// the needed rights may not be allowed to.
async fn at_forge(forge: &dyn Forge, builder: &AutoBuilder) -> Vec<(&'static str, Look)> {
    let mut looks = Vec::new();
    for (what, full_name) in builder.repositories() {
        let (owner, name) = full_name.split_once('/').unwrap_or_default();
        looks.push(match forge.repository_named(&builder.github_token, owner, name).await {
            Ok(Some(_)) => (what, Ok(full_name.to_owned())),
            Ok(None) => {
                (what, Err(format!("{full_name} is not there, or the token does not let it be seen")))
            }
            Err(fault) if fault.is_unauthorized() => {
                looks.push(("Auto Builder's token", Err(format!("is not accepted: {fault}"))));
                break;
            }
            Err(fault) => (what, Err(format!("{full_name}: {fault}"))),
        });
    }
    looks
}

/// Looks if files can be written to a directory, or to the place where it will be made.
fn directory(path: &Path) -> Look {
    let nearest = may_write(path)?;
    Ok(match path == nearest {
        true => path.display().to_string(),
        false => format!("{}, made when it is needed", path.display()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kozmic_testkit::github::{GitHub as Double, NewRepository};

    /// Settings with recipes of Bob, kernels of Anna, and this token.
    fn settings(double: &Double, token: &str) -> Settings {
        let file = tempfile::NamedTempFile::new().unwrap();
        let url = double.url();
        let text = format!(
            "github_client_id = \"id\"\ngithub_client_secret = \"secret\"\ngithub_url = \"{url}\"\n\
             github_api_url = \"{url}/api/v3\"\nautobuild_configuration_repository = \"bob/recipes\"\n\
             autobuild_github_token = \"{token}\"\n[[kernel]]\nkind = \"generic\"\nrepository = \"anna/hello\"\n\
             script = \"/hello/build.sh\"\n"
        );
        std::fs::write(file.path(), text).unwrap();
        Settings::read(Some(file.path().to_owned())).unwrap_or_else(|fault| panic!("{fault}"))
    }

    #[tokio::test]
    async fn the_token_is_tried_on_each_repository() {
        let double = Double::start().await.unwrap();
        for (login, repository) in [("bob", "bob/recipes"), ("anna", "anna/hello")] {
            double.add_user(login, login, &format!("{login}@example.com"));
            double.add_repository(NewRepository::private(repository)).unwrap();
        }
        let lines = async |token: &str| {
            let looks = looks(&settings(&double, token)).await;
            looks
                .into_iter()
                .skip(1)
                .take_while(|(what, _)| !what.starts_with("directory"))
                .collect::<Vec<_>>()
        };
        let unseen = "anna/hello is not there, or the token does not let it be seen";
        assert_eq!(
            lines(&double.personal_token("bob")).await,
            [
                ("configuration repository", Ok("bob/recipes".to_owned())),
                ("repository of kernels", Err(unseen.to_owned()))
            ]
        );
        let [(what, Err(fault))] = &lines("wrong").await[..] else { panic!("one line") };
        assert!(*what == "Auto Builder's token" && fault.starts_with("is not accepted: "), "{fault}");
        assert!(!fault.contains("wrong"), "{fault}");
    }

    #[test]
    fn a_directory_may_come_later() {
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path();
        assert_eq!(directory(here), Ok(here.display().to_string()));
        let later = here.join("artifacts/binary");
        assert_eq!(directory(&later), Ok(format!("{}, made when it is needed", later.display())));
    }
}
