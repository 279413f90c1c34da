//! Facts that a runner reports about its machine. Some of its labels follow from them.

use crate::label::{Label, Labels};
use serde::{Deserialize, Deserializer, Serialize};

/// The longest text of a fact, in characters.
const LONGEST: usize = 100;

/// The architectures for which Docker has engines, by its names.
const ARCHITECTURES: [&str; 8] = ["amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "mips64le"];

/// Facts about a runner's machine, as far as the runner reports them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunnerFacts {
    /// The architecture of the engine's machine, as Docker names it in images: `amd64`, `arm64`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "short")]
    pub architecture: Option<String>,
    /// The version of the Docker engine.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "short")]
    pub engine: Option<String>,
    /// The version of Kozmic that the runner is.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "short")]
    pub version: Option<String>,
    /// Free bytes on the disk of the runner's data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_free: Option<u64>,
    /// All bytes of that disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_total: Option<u64>,
}

impl RunnerFacts {
    /// The architecture as Docker names it in images, also if the runner reported the kernel's name of it.
    pub fn architecture(&self) -> Option<&str> {
        self.architecture.as_deref().map(in_images)
    }

    /// The labels that follow from the facts: the architecture, `docker-20` and `docker-20.10`.
    pub fn labels(&self) -> Labels {
        // A runner gives itself no label of people's choice.
        let architecture = self.architecture().filter(|name| ARCHITECTURES.contains(name));
        let engine = self.engine.as_deref().map(versions).unwrap_or_default();
        let words = architecture.map(str::to_owned).into_iter().chain(engine);
        words.filter_map(|word| word.parse::<Label>().ok()).collect()
    }
}

/// The name of an architecture in images. The engine itself tells the kernel's name of it in some answers.
fn in_images(architecture: &str) -> &str {
    match architecture {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "armv6l" | "armv7l" | "armv8l" => "arm",
        "i386" | "i586" | "i686" => "386",
        other => other,
    }
}

/// The labels of an engine's version: by its first number, and by its first two.
fn versions(version: &str) -> Vec<String> {
    let mut numbers = version.split('.').take_while(|part| is_number(part));
    let Some(major) = numbers.next() else { return Vec::new() };
    let minor = numbers.next().map(|minor| format!("docker-{major}.{minor}"));
    [format!("docker-{major}")].into_iter().chain(minor).collect()
}

fn is_number(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads a text without its control characters, and not longer than a fact may be.
fn short<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.map(|text| text.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(architecture: &str, engine: &str) -> String {
        let (architecture, engine) = (Some(architecture.to_owned()), Some(engine.to_owned()));
        RunnerFacts { architecture, engine, ..RunnerFacts::default() }.labels().to_string()
    }

    #[test]
    fn labels_follow_from_architecture_and_engine() {
        assert_eq!(labels("amd64", "20.10.24+dfsg1"), "amd64,docker-20,docker-20.10");
        assert_eq!(labels("aarch64", "27.5.1"), "arm64,docker-27,docker-27.5");
        assert_eq!(labels("armv7l", "27.5.1"), "arm,docker-27,docker-27.5");
        assert_eq!(labels("i686", "28"), "386,docker-28");
        assert_eq!(labels("riscv 64!", "28"), "docker-28");
        assert_eq!(labels("deploy", "28"), "docker-28", "a runner cannot give itself a label");
        assert_eq!(labels("arm64", "dev"), "arm64");
        assert!(RunnerFacts::default().labels().is_empty());
    }

    #[test]
    fn facts_are_read_from_older_and_newer_runners() {
        let read = |text: &str| serde_json::from_str::<RunnerFacts>(text);
        assert_eq!(read("{}").unwrap(), RunnerFacts::default());
        let newer = read(r#"{"engine":"20.10.24","disk_free":5,"colour":"red"}"#).unwrap();
        assert_eq!((newer.engine.as_deref(), newer.disk_free), (Some("20.10.24"), Some(5)));
        assert_eq!(serde_json::to_string(&newer).unwrap(), r#"{"engine":"20.10.24","disk_free":5}"#);
        let long =
            read(&format!(r#"{{"version":"a\u001b[0m{}"}}"#, "ü".repeat(300))).unwrap().version.unwrap();
        assert!(long.starts_with("a[0mü") && long.chars().count() == LONGEST);
    }
}
