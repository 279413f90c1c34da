//! Pulling an image, told in lines that people can follow.

use super::{DockerEngine, EngineError, RegistryLogin};
use bollard::{
    auth::DockerCredentials, errors::Error, models::CreateImageInfo,
    query_parameters::CreateImageOptionsBuilder,
};
use futures_util::StreamExt;
use kozmic_model::image::ImageName;
use secrecy::ExposeSecret;
use std::collections::BTreeMap;
use tokio::sync::mpsc;

/// A line of progress is told each time that this much more of the image has come, in percent.
const STEP: i64 = 10;

/// Longest quote of what the engine says of a pull, in characters.
const QUOTE: usize = 300;

/// The words behind which the engine repeats what a registry answered.
const ANSWERS: [&str; 2] = [" response body: ", "malformed HTTP "];

/// The beginning of the line that tells an image's digest.
const DIGEST: &str = "Digest: ";

impl DockerEngine {
    pub(super) async fn pull_image(
        &self,
        name: &ImageName,
        login: Option<&RegistryLogin>,
        progress: mpsc::Sender<String>,
    ) -> Result<(), EngineError> {
        let options =
            CreateImageOptionsBuilder::default().from_image(name.repository()).tag(name.reference()).build();
        let docker = self.patient()?;
        let mut events = docker.create_image(Some(options), None, login.map(credentials)).boxed();
        let mut told = Told::default();
        while let Some(event) = events.next().await {
            let event = event.map_err(|fault| quoted(self.fault(fault)))?;
            // A digest is enough to have the image that is on the engine, by a registry that says yes to all.
            if let Some(line) = told.line(event).filter(|line| login.is_none() || !line.starts_with(DIGEST)) {
                // A reader that no longer listens misses a line; the pull goes on.
                let _ = progress.send(line).await;
            }
        }
        Ok(())
    }

    pub(super) async fn ask_registry_for(
        &self,
        name: &ImageName,
        login: Option<&RegistryLogin>,
    ) -> Result<(), EngineError> {
        let asked = self.patient()?.inspect_registry_image(&name.to_string(), login.map(credentials)).await;
        match asked {
            // It is given, in a form that is of no interest.
            Ok(_) | Err(Error::JsonDataError { .. } | Error::JsonSerdeError { .. }) => Ok(()),
            Err(fault) => Err(quoted(self.fault(fault))),
        }
    }
}

/// A refusal with no more of a registry's answer than tells what is wrong. The engine quotes whatever answers at the address
/// that an image's name leads to, and everybody who may see the job reads it.
fn quoted(fault: EngineError) -> EngineError {
    let EngineError::Refused { status, message } = fault else { return fault };
    let line = message.lines().next().unwrap_or_default();
    let own = ANSWERS.iter().fold(line, |line, answer| line.split_once(answer).map_or(line, |(own, _)| own));
    let is_cut = own.len() < message.trim_end().len();
    let quote = own.chars().filter(|c| !c.is_control()).take(QUOTE).collect::<String>();
    let is_cut = is_cut || quote.len() < own.len();
    EngineError::Refused { status, message: if is_cut { format!("{}…", quote.trim_end()) } else { quote } }
}

fn credentials(login: &RegistryLogin) -> DockerCredentials {
    DockerCredentials {
        username: Some(login.username.clone()),
        password: Some(login.password.expose_secret().to_owned()),
        serveraddress: Some(login.registry.clone()),
        ..DockerCredentials::default()
    }
}

/// The progress that was told so far.
#[derive(Default)]
struct Told {
    /// Bytes that came and bytes in all, of each layer.
    layers: BTreeMap<String, (i64, i64)>,
    percent: i64,
}

impl Told {
    /// The next line worth telling.
    fn line(&mut self, event: CreateImageInfo) -> Option<String> {
        let status = event.status?;
        let detail = event.progress_detail.and_then(|detail| detail.current.zip(detail.total));
        let (layer, current, total) = match (event.id, detail) {
            (Some(layer), Some((current, total))) if status == "Downloading" => (layer, current, total),
            // The steps of single layers would drown the rest.
            (Some(_), _) if !status.starts_with("Pulling from") => return None,
            _ => return Some(status),
        };
        self.layers.insert(layer, (current, total));
        let (current, total) =
            self.layers.values().fold((0, 0), |(a, b), (current, total)| (a + current, b + total));
        let percent = current * 100 / total.max(1) / STEP * STEP;
        (percent > self.percent).then(|| {
            self.percent = percent;
            format!("{percent} % of {} MB", total / 1_000_000)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::ProgressDetail;

    fn event(id: Option<&str>, status: &str, progress: Option<(i64, i64)>) -> CreateImageInfo {
        CreateImageInfo {
            id: id.map(str::to_owned),
            status: Some(status.to_owned()),
            progress_detail: progress.map(|(c, t)| ProgressDetail { current: Some(c), total: Some(t) }),
            ..CreateImageInfo::default()
        }
    }

    #[test]
    fn an_answer_that_is_no_registrys_is_not_repeated() {
        let quoted = |message: &str| {
            quoted(EngineError::Refused { status: 500, message: message.to_owned() }).to_string()
        };
        let refused =
            "Get \"http://registry.example/v2/\": dial tcp 192.0.2.1:80: connect: connection refused";
        assert_eq!(quoted(refused), format!("the Docker engine says: {refused}"));
        let page = "error parsing HTTP 404 response body: invalid character '<' looking for beginning of value: \"<p>key=1\"";
        assert_eq!(quoted(page), "the Docker engine says: error parsing HTTP 404…");
        let other = "Get \"https://a.example/v2/\": net/http: HTTP/1.x transport connection broken: malformed HTTP response \"SSH-2.0\"";
        assert!(quoted(other).ends_with("connection broken:…"), "{}", quoted(other));
        assert_eq!(quoted("unknown: one\nkey=1"), "the Docker engine says: unknown: one…");
        assert_eq!(
            quoted(&"a".repeat(9_000)).chars().count(),
            "the Docker engine says: …".chars().count() + QUOTE
        );
        assert_eq!(quoted("denied\n"), "the Docker engine says: denied");
    }

    #[test]
    fn progress_comes_in_steps_and_layers_stay_quiet() {
        let mut told = Told::default();
        assert_eq!(
            told.line(event(Some("12"), "Pulling from library/debian", None)).unwrap(),
            "Pulling from library/debian"
        );
        assert_eq!(told.line(event(Some("a"), "Waiting", None)), None);
        assert_eq!(told.line(event(Some("a"), "Downloading", Some((5_000_000, 100_000_000)))), None);
        assert_eq!(
            told.line(event(Some("a"), "Downloading", Some((25_000_000, 100_000_000)))).unwrap(),
            "20 % of 100 MB"
        );
        assert_eq!(
            told.line(event(None, "Status: Downloaded newer image", None)).unwrap(),
            "Status: Downloaded newer image"
        );
    }
}
