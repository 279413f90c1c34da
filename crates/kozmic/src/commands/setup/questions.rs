//! The questions of the set-up. Each is about one setting, and has the same words in the terminal and in the browser.

use crate::settings::proposed;
use std::path::Path;

/// The longest answer, in bytes.
const LONGEST: usize = 1000;

/// The answer that means none, if another answer is proposed.
pub(super) const NONE: &str = "*";

/// The setting that is kept in a file of its own.
pub(super) const SECRET: &str = "github_client_secret";

/// A question.
pub(super) struct Question {
    /// The setting.
    pub(super) name: &'static str,
    /// The setting's name for people.
    pub(super) label: &'static str,
    /// A sentence about right answers.
    pub(super) hint: &'static str,
    /// The meaning of an empty answer; empty: an answer is needed.
    pub(super) if_none: &'static str,
    /// The part of the set-up in which it is asked.
    pub(super) part: Part,
}

/// A part of the set-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The addresses and the directory of the server.
    Server,
    /// The OAuth application at GitHub.
    Application,
    /// The people who may sign in.
    People,
    /// The engine of the jobs.
    Engine,
}

/// All questions, in the order in which they are asked.
pub(super) const QUESTIONS: [Question; 9] = [
    Question {
        name: "public_url",
        label: "Public address",
        hint: "The address at which browsers and GitHub reach Kozmic, such as https://ci.example.com: no path behind the name.",
        if_none: "",
        part: Part::Server,
    },
    Question {
        name: "listen",
        label: "Address to listen on",
        hint: "127.0.0.1:8080 if the proxy for TLS runs on this machine; 0.0.0.0:8080 if it runs on another one.",
        if_none: "",
        part: Part::Server,
    },
    Question {
        name: "data_dir",
        label: "Data directory",
        hint: "The directory for the database, logs and copies of repositories.",
        if_none: "",
        part: Part::Server,
    },
    Question {
        name: "github_url",
        label: "GitHub",
        hint: "https://github.com, or the address of your GitHub Enterprise server.",
        if_none: "",
        part: Part::Server,
    },
    Question {
        name: "github_client_id",
        label: "Client ID",
        hint: "GitHub shows it on the page of the OAuth application.",
        if_none: "",
        part: Part::Application,
    },
    Question {
        name: SECRET,
        label: "Client secret",
        hint: "Generate one on the same page. GitHub shows it only once.",
        if_none: "",
        part: Part::Application,
    },
    Question {
        name: "sign_in_allowed",
        label: "People who may sign in",
        hint: "Logins, or organizations for all of their members, with commas between, such as anna, your-organization. Everybody who signs in can run containers here.",
        if_none: "everybody with an account at GitHub",
        part: Part::People,
    },
    Question {
        name: "docker_url",
        label: "Docker engine",
        hint: "The address of the engine that jobs run on: unix://, tcp:// or https://.",
        if_none: "",
        part: Part::Engine,
    },
    Question {
        name: "docker_cert_path",
        label: "Certificates for the engine",
        hint: "The directory of ca.pem, cert.pem and key.pem, for an engine with TLS.",
        if_none: "no TLS",
        part: Part::Engine,
    },
];

/// The question about a setting.
pub(super) fn about(name: &str) -> Option<&'static Question> {
    QUESTIONS.iter().find(|question| question.name == name)
}

impl Question {
    /// True if an empty answer is allowed.
    pub(super) fn is_optional(&self) -> bool {
        !self.if_none.is_empty()
    }

    /// The answer in the form in which it is kept; empty for none.
    ///
    /// # Errors
    /// Describes a right answer.
    pub(super) fn read(&self, answer: &str) -> Result<String, String> {
        let answer = answer.trim();
        if answer.len() > LONGEST {
            return Err(format!("it may have {LONGEST} characters"));
        }
        if answer.chars().any(char::is_control) {
            return Err("it needs to be one line of plain text".to_owned());
        }
        if answer.is_empty() || (self.is_optional() && answer == NONE) {
            let is_right = self.is_optional();
            return if is_right { Ok(String::new()) } else { Err("an answer is needed".to_owned()) };
        }
        let answer = self.tidy(answer)?;
        match proposed::wrong(self.name, &answer) {
            None => Ok(answer),
            Some(right) => Err(right),
        }
    }

    /// Brings different spellings of a value to one form, for files and links.
    fn tidy(&self, answer: &str) -> Result<String, String> {
        match self.name {
            "public_url" | "github_url" => Ok(answer.trim_end_matches('/').to_owned()),
            "data_dir" | "docker_cert_path" if !Path::new(answer).is_absolute() => {
                Err("it needs to be a path that begins with /".to_owned())
            }
            "github_client_id" | SECRET if !answer.chars().all(|letter| letter.is_ascii_graphic()) => {
                Err("it needs to be as GitHub shows it: letters, digits and signs without spaces".to_owned())
            }
            "github_client_id" if answer.len() < 8 || answer.contains(['/', ':']) => {
                Err("it needs to be the client ID as GitHub shows it, such as Ov23liABCDEFGHIJKLMN"
                    .to_owned())
            }
            "sign_in_allowed" => Ok(answer.split(',').map(str::trim).collect::<Vec<_>>().join(",")),
            _ => Ok(answer.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, answer: &str) -> Result<String, String> {
        about(name).unwrap().read(answer)
    }

    #[test]
    fn a_wrong_answer_says_what_would_be_right() {
        for (name, answer, right) in [
            ("public_url", "", "is needed"),
            ("public_url", "ci.example.com", "https://"),
            ("public_url", "https://ci.example.com/kozmic", "without a path"),
            ("public_url", "https://ci.exa\tmple.com", "one line"),
            ("listen", "8080", "127.0.0.1:8080"),
            ("listen", "\u{1b}[2J", "one line"),
            ("data_dir", "data", "begins with /"),
            ("github_url", "github", "https://"),
            ("github_client_id", "a b", "without spaces"),
            ("github_client_id", "n", "such as Ov23li"),
            ("github_client_id", "https://github.com", "such as Ov23li"),
            ("github_client_secret", "hush\nadmins = 'eve'", "one line"),
            ("sign_in_allowed", "anna bob", "commas"),
            ("docker_url", "/var/run/docker.sock", "unix://"),
            ("docker_cert_path", "certs", "begins with /"),
        ] {
            let fault = read(name, answer).unwrap_err();
            assert!(fault.contains(right), "{name} {answer:?}: {fault}");
        }
        assert!(read("data_dir", &format!("/{}", "x".repeat(LONGEST))).is_err());
    }

    #[test]
    fn a_right_answer_has_one_form() {
        assert_eq!(read("public_url", " https://ci.example.com/ "), Ok("https://ci.example.com".to_owned()));
        assert_eq!(read("sign_in_allowed", "anna, adlift"), Ok("anna,adlift".to_owned()));
        assert_eq!(read("sign_in_allowed", "*"), Ok(String::new()), "everybody");
        assert_eq!(read("docker_cert_path", ""), Ok(String::new()));
        assert_eq!(read("data_dir", "/srv/\"quoted\" 'data'"), Ok("/srv/\"quoted\" 'data'".to_owned()));
    }

    #[test]
    fn every_question_is_about_a_setting() {
        for question in &QUESTIONS {
            assert!(!proposed::wrong(question.name, "/").is_some_and(|words| words.contains("no setting")));
        }
    }
}
