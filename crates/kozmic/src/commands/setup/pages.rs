//! The set-up in the browser: the terminal's questions in two forms, then the results of the tries and the file that
//! would be written.

use super::{
    Printed,
    draft::{Answers, Draft},
    installation::Installation,
    questions::{Part, QUESTIONS, Question, SECRET},
    report,
    service::Service,
    tries::{self, Tried},
    written::{self, Written},
};
use kozmic_edges::secret;
use kozmic_web::{SetUp, SetupDone, SetupField, SetupLink, SetupPage, SetupQuestions, SetupReview, SetupTry};
use secrecy::ExposeSecret;
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// The set-up in the browser.
pub(super) struct Pages {
    installation: Installation,
    /// The form in which the settings are printed, if no file can be written.
    printed: Option<Printed>,
    /// The address of the pages themselves.
    address: SocketAddr,
    answers: Mutex<Answers>,
    end: Arc<Mutex<Option<Written>>>,
}

/// Steps of the set-up, by the names that their forms send back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Server,
    Rest,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Rest => "rest",
        }
    }

    fn has(self, part: Part) -> bool {
        (self == Self::Server) == (part == Part::Server)
    }

    fn questions(self) -> impl Iterator<Item = &'static Question> {
        QUESTIONS.iter().filter(move |question| self.has(question.part))
    }
}

/// Wrong texts of a form with descriptions of right ones, by their fields.
type Faults = HashMap<&'static str, (String, String)>;

impl Pages {
    /// Makes the pages for this address. The second value gets what was written when they are over.
    pub(super) fn new(
        installation: Installation,
        printed: Option<Printed>,
        address: SocketAddr,
    ) -> (Self, Arc<Mutex<Option<Written>>>) {
        let end = Arc::default();
        let (answers, kept) = (Mutex::default(), Arc::clone(&end));
        (Self { installation, printed, address, answers, end }, kept)
    }

    fn answers(&self) -> Answers {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the right answers of a form; gives the wrong ones.
    fn take(&self, step: Step, form: &HashMap<String, String>) -> Faults {
        let mut answers = self.answers();
        let mut faults = Faults::new();
        for question in step.questions() {
            let typed = form.get(question.name).map(String::as_str).unwrap_or_default();
            let known = answers.secret().or(self.installation.secret.as_ref()).cloned();
            match (question.name, known) {
                (SECRET, Some(known)) if typed.trim().is_empty() => answers.keep_secret(&known),
                (name, _) => match question.read(typed) {
                    Ok(answer) => answers.keep(name, answer),
                    Err(right) => drop(faults.insert(name, (typed.to_owned(), right))),
                },
            }
        }
        *self.answers.lock().unwrap_or_else(PoisonError::into_inner) = answers;
        faults
    }

    /// The questions of a step, with the faults of the form that was sent.
    fn ask(&self, step: Step, faults: &Faults) -> SetupPage {
        let answers = self.answers();
        let link = || {
            let address = answers.application_link()?.to_string();
            Some(SetupLink { address, callback: answers.callback() })
        };
        let (number, title) = match step {
            Step::Server => (1, "Set up Kozmic"),
            Step::Rest => (2, "GitHub, people and engine"),
        };
        SetupPage::Questions(SetupQuestions {
            step: step.name(),
            number,
            title,
            link: if step == Step::Rest { link() } else { None },
            fields: step.questions().map(|question| self.field(question, &answers, faults)).collect(),
        })
    }

    fn field(&self, question: &Question, answers: &Answers, faults: &Faults) -> SetupField {
        let is_known = answers.secret().is_some() || self.installation.secret.is_some();
        let secret = (question.name == SECRET).then_some(is_known);
        let fault = faults.get(question.name);
        let kept = || match answers.has(question.name) {
            true => answers.of(question.name).to_owned(),
            false => self.installation.offered(question.name),
        };
        let value = fault.map_or_else(kept, |(typed, _)| typed.clone());
        SetupField {
            name: question.name,
            label: question.label,
            hint: question.hint,
            if_none: question.if_none,
            value: if secret.is_some() { String::new() } else { value },
            secret,
            fault: fault.map(|(_, right)| format!("That cannot be used: {right}.")),
        }
    }

    /// The results of the tries and the file that would be written. If an answer is missing, the first questions.
    async fn review(&self, fault: Option<String>) -> SetupPage {
        let answers = self.answers();
        if !answers.are_whole() {
            return self.ask(Step::Server, &Faults::new());
        }
        let draft = Draft::new(&self.installation, &answers);
        let tries = self.try_all(&answers, &draft).await;
        let service = self.service(&answers, &draft);
        SetupPage::Review(SetupReview {
            seen: seen(&answers, &draft, service.as_ref()),
            tries: tries.iter().map(shown).collect(),
            file: self.installation.place.settings.display().to_string(),
            changes: report::changes(&draft),
            notes: report::notes(&self.installation, self.printed.is_some()),
            steps: steps(service.as_ref()),
            fault,
        })
    }

    async fn try_all(&self, answers: &Answers, draft: &Draft) -> Vec<Tried> {
        let mut tried = Vec::new();
        match draft.settings(answers) {
            Ok(settings) => {
                let now = self.installation.value("listen").unwrap_or_default();
                tried.push(tries::port(answers.of("listen"), &now, Some(self.address)).await);
                tried.extend(
                    tries::public_address(&settings.server.public_url, answers.of("github_url")).await,
                );
                tried.push(tries::application(answers, &self.installation).await);
                tried.extend(tries::people(answers));
                tried.push(tries::engine(&settings).await);
            }
            Err(fault) => tried.push(Tried::settings(&fault)),
        }
        tried.extend(tries::programs().await);
        tried
    }

    /// The service of this machine; none if no files are written.
    fn service(&self, answers: &Answers, draft: &Draft) -> Option<Service> {
        if self.printed.is_some() { None } else { Service::new(&self.installation, answers, draft) }
    }

    /// Writes, but only if the person has seen exactly this.
    async fn write(&self, form: &HashMap<String, String>) -> SetupPage {
        let answers = self.answers();
        let draft = Draft::new(&self.installation, &answers);
        let service = self.service(&answers, &draft);
        if form.get("seen") != Some(&seen(&answers, &draft, service.as_ref())) {
            return self.review(None).await;
        }
        let service = service.filter(|service| form.contains_key("service") || service.steps.is_empty());
        let write = || written::write(&self.installation, &answers, service.as_ref(), self.printed);
        match tokio::task::block_in_place(write) {
            Ok(written) => {
                let Written { files, text, commands } = written.clone();
                *self.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(written);
                SetupPage::Done(SetupDone { files, variables: text, commands })
            }
            Err(fault) => self.review(Some(format!("{fault:#}"))).await,
        }
    }
}

impl SetUp for Pages {
    async fn begin(&self) -> SetupPage {
        self.ask(Step::Server, &Faults::new())
    }

    async fn go_on(&self, form: HashMap<String, String>) -> SetupPage {
        let text = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let none = Faults::new();
        match (text("step"), text("go")) {
            ("server", _) => match self.take(Step::Server, &form) {
                faults if faults.is_empty() => self.ask(Step::Rest, &none),
                faults => self.ask(Step::Server, &faults),
            },
            ("rest", "back") => {
                self.take(Step::Rest, &form);
                self.ask(Step::Server, &none)
            }
            ("rest", _) => match self.take(Step::Rest, &form) {
                faults if faults.is_empty() => self.review(None).await,
                faults => self.ask(Step::Rest, &faults),
            },
            ("review", "back") => self.ask(Step::Rest, &none),
            ("review", _) => self.write(&form).await,
            _ => self.begin().await,
        }
    }
}

/// A fingerprint of what would be written.
fn seen(answers: &Answers, draft: &Draft, service: Option<&Service>) -> String {
    let secret = answers.secret().map(ExposeSecret::expose_secret).unwrap_or_default();
    secret::fingerprint(&format!("{}\0{secret}\0{}", draft.text(), steps(service).join("\0")))
}

fn steps(service: Option<&Service>) -> Vec<String> {
    service.into_iter().flat_map(|service| &service.steps).map(super::service::Step::in_words).collect()
}

fn shown(tried: &Tried) -> SetupTry {
    SetupTry { what: tried.what, word: tried.outcome.word(), words: tried.outcome.words().to_owned() }
}

#[cfg(test)]
mod tests;
