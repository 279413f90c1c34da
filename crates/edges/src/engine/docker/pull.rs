//! Pulls an image, with lines of progress for people.

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

/// A line of progress is sent each time this much more of the image has arrived, in percent.
const STEP: i64 = 10;

/// The longest quotation of the engine's message about a pull, in characters.
const QUOTE: usize = 300;

/// The words after which the engine repeats a registry's answer.
const ANSWERS: [&str; 2] = [" response body: ", "malformed HTTP "];

/// The prefix of the line with an image's digest.
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
            // With the digest, anybody could get the image from the engine by a registry that always says yes. So the
            // digest is left out after a pull with a login.
            if let Some(line) = told.line(event).filter(|line| login.is_none() || !line.starts_with(DIGEST)) {
                // If the reader no longer listens, a line is lost, and the pull continues.
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
            // Access is granted, in a form that does not matter here.
            Ok(_) | Err(Error::JsonDataError { .. } | Error::JsonSerdeError { .. }) => Ok(()),
            Err(fault) => Err(quoted(self.fault(fault))),
        }
    }
}

/// Shortens a refusal to the engine's own words. The engine quotes any server at the address that an image's name leads
/// to, and everybody who may see the job reads the message.
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

/// The progress that was sent so far.
#[derive(Default)]
struct Told {
    /// The bytes that arrived and the total bytes of each layer.
    layers: BTreeMap<String, (i64, i64)>,
    percent: i64,
}

impl Told {
    /// The next line, if it is worth sending.
    fn line(&mut self, event: CreateImageInfo) -> Option<String> {
        let status = event.status?;
        let detail = event.progress_detail.and_then(|detail| detail.current.zip(detail.total));
        let (layer, current, total) = match (event.id, detail) {
            (Some(layer), Some((current, total))) if status == "Downloading" => (layer, current, total),
            // The steps of single layers would hide the other lines.
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
