//! The set-up in the terminal: asks one question after another, and tries each answer as soon as possible.

use super::{
    draft::{Answers, Draft},
    installation::Installation,
    questions::{NONE, Part, QUESTIONS, Question, SECRET, about},
    report::printable,
    terminal::Terminal,
    tries::{self, Tried},
};
use anyhow::{Result, bail};
use tokio::runtime::Runtime;

/// Number of wrong answers after which the set-up gives up: nobody reads its words.
const PATIENCE: u32 = 20;

/// The set-up in the terminal.
pub(super) struct Dialogue<'a> {
    pub(super) terminal: &'a Terminal,
    pub(super) installation: &'a Installation,
    pub(super) runtime: &'a Runtime,
}

impl Dialogue<'_> {
    /// Asks everything.
    ///
    /// # Errors
    /// The input ended.
    pub(super) fn answers(&self) -> Result<Answers> {
        let mut answers = Answers::default();
        self.greet();
        self.ask_all(Part::Server, &mut answers)?;
        self.try_address(&answers);
        self.application(&mut answers)?;
        self.say("\nWho may sign in");
        self.ask_all(Part::People, &mut answers)?;
        self.tell(tries::people(&answers).as_slice());
        self.engine(&mut answers)?;
        self.say("");
        self.tell(&self.runtime.block_on(tries::programs()));
        Ok(answers)
    }

    fn greet(&self) {
        let path = self.installation.place.settings.display();
        match self.installation.document {
            Some(_) => self.say(&format!("This changes the settings in {path}.")),
            None => self.say(&format!("This makes the settings of a Kozmic server, in {path}.")),
        }
        self.say("Enter alone takes what stands in brackets. Nothing is written before the end; Ctrl-C leaves all as it is.\n");
    }

    fn ask_all(&self, part: Part, answers: &mut Answers) -> Result<()> {
        for question in QUESTIONS.iter().filter(|question| question.part == part) {
            if question.name != "docker_cert_path" || !answers.of("docker_url").starts_with("unix:") {
                self.ask(question, answers)?;
            } else {
                answers.keep(question.name, String::new());
            }
        }
        Ok(())
    }

    /// Asks a question until its answer can be used.
    fn ask(&self, question: &Question, answers: &mut Answers) -> Result<()> {
        let now = answers.of(question.name);
        let offered = if now.is_empty() { self.installation.offered(question.name) } else { now.to_owned() };
        self.say(&format!("  {}", question.hint));
        for _ in 0..PATIENCE {
            let typed = self.terminal.ask(&prompt(question, &offered))?;
            let answer = if typed.trim().is_empty() { offered.as_str() } else { typed.as_str() };
            match question.read(answer) {
                Ok(answer) => {
                    answers.keep(question.name, answer);
                    return Ok(());
                }
                Err(right) => self.say(&format!("  That cannot be used: {right}.")),
            }
        }
        bail!("{PATIENCE} answers in a row could not be used: nothing was written")
    }

    /// Asks for the secret. If nothing is typed, the known one stays.
    fn ask_secret(&self, answers: &mut Answers) -> Result<()> {
        let Some(question) = about(SECRET) else { return Ok(()) };
        let known = answers.secret().or(self.installation.secret.as_ref()).cloned();
        self.say(&format!("  {} It is not shown while you type it.", question.hint));
        let kept = if known.is_some() { " [keep the present one]" } else { "" };
        for _ in 0..PATIENCE {
            let typed = self.terminal.ask_secretly(&format!("{}{kept}: ", question.label))?;
            if let (true, Some(known)) = (typed.trim().is_empty(), &known) {
                answers.keep_secret(known);
                return Ok(());
            }
            match question.read(&typed) {
                Ok(secret) => {
                    answers.keep(SECRET, secret);
                    return Ok(());
                }
                Err(right) => self.say(&format!("  That cannot be used: {right}.")),
            }
        }
        bail!("{PATIENCE} answers in a row could not be used: nothing was written")
    }

    fn try_address(&self, answers: &Answers) {
        let Ok(url) = answers.of("public_url").parse() else { return };
        let now = self.installation.value("listen").unwrap_or_default();
        self.say("");
        self.tell(&[self.runtime.block_on(tries::port(answers.of("listen"), &now, None))]);
        self.tell(self.runtime.block_on(tries::public_address(&url, answers.of("github_url"))).as_slice());
    }

    fn application(&self, answers: &mut Answers) -> Result<()> {
        self.say("\nAn OAuth application at GitHub lets people sign in, and lets Kozmic act for them there. To make one, open");
        let link = answers.application_link().map(String::from).unwrap_or_default();
        self.say(&format!("\n  {link}\n"));
        self.say(
            "and press Register application. The fields are filled in; if they are not, the callback URL is",
        );
        self.say(&format!("  {}\n", answers.callback()));
        loop {
            for question in QUESTIONS.iter().filter(|question| question.part == Part::Application) {
                if question.name == SECRET { self.ask_secret(answers)? } else { self.ask(question, answers)? }
            }
            let tried = self.runtime.block_on(tries::application(answers, self.installation));
            if self.is_kept(&tried)? {
                return Ok(());
            }
        }
    }

    fn engine(&self, answers: &mut Answers) -> Result<()> {
        self.say("\nThe engine that runs jobs. Whoever may use it has the rights of root on its machine.");
        loop {
            self.ask_all(Part::Engine, answers)?;
            let settings = Draft::new(self.installation, answers).settings(answers)?;
            let tried = self.runtime.block_on(tries::engine(&settings));
            if self.is_kept(&tried)? {
                return Ok(());
            }
        }
    }

    /// True if an answer is kept: it works, or the person wants it all the same.
    fn is_kept(&self, tried: &Tried) -> Result<bool> {
        self.tell(std::slice::from_ref(tried));
        Ok(!tried.outcome.is_bad() || self.terminal.agrees("  Keep this answer all the same?", false)?)
    }

    fn tell(&self, tried: &[Tried]) {
        for one in tried {
            self.say(&format!(
                "  {:<5} {}: {}",
                one.outcome.word(),
                one.what,
                printable(one.outcome.words())
            ));
        }
    }

    fn say(&self, line: &str) {
        self.terminal.say(line);
    }
}

fn prompt(question: &Question, offered: &str) -> String {
    let Question { label, if_none, .. } = question;
    match (offered, question.is_optional()) {
        ("", true) => format!("{label} [{if_none}]: "),
        ("", false) => format!("{label}: "),
        (offered, true) => format!("{label} [{}; {NONE} for {if_none}]: ", printable(offered)),
        (offered, false) => format!("{label} [{}]: ", printable(offered)),
    }
}
