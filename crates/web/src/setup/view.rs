//! The pages of the set-up as they look, made of what they are to say.

use crate::pages::parts;
use askama::Template;

/// A page of the set-up.
pub enum SetupPage {
    /// Questions, in a form.
    Questions(SetupQuestions),
    /// All that was found out, and what would be written.
    Review(SetupReview),
    /// The end.
    Done(SetupDone),
}

/// Questions, in a form.
pub struct SetupQuestions {
    /// The name of the step, which comes back with the form.
    pub step: &'static str,
    /// Its number, from 1.
    pub number: usize,
    /// The headline.
    pub title: &'static str,
    /// The way to the OAuth application, if this is about it.
    pub link: Option<SetupLink>,
    /// The questions.
    pub fields: Vec<SetupField>,
}

/// The way to the OAuth application.
pub struct SetupLink {
    /// The page that makes one, with its fields filled in.
    pub address: String,
    /// The callback address, for who fills them in.
    pub callback: String,
}

/// A question.
pub struct SetupField {
    /// The name of the field.
    pub name: &'static str,
    /// Its name for people.
    pub label: &'static str,
    /// A sentence about right answers.
    pub hint: &'static str,
    /// The meaning of an empty field; empty: it may not be.
    pub if_none: &'static str,
    /// The value to begin with; a secret's is never given.
    pub value: String,
    /// A secret: whether one is known, which an empty field keeps.
    pub secret: Option<bool>,
    /// A description of what would be right.
    pub fault: Option<String>,
}

/// All that was found out, and what would be written.
pub struct SetupReview {
    /// A fingerprint of this, which comes back with the form.
    pub seen: String,
    /// The outcomes of what was tried.
    pub tries: Vec<SetupTry>,
    /// The settings file.
    pub file: String,
    /// The changes in it, a line each.
    pub changes: Vec<String>,
    /// Remarks.
    pub notes: Vec<String>,
    /// The steps that make a service; none: no service is offered.
    pub steps: Vec<String>,
    /// The reason why nothing was written.
    pub fault: Option<String>,
}

/// The outcome of a try.
pub struct SetupTry {
    /// Its subject.
    pub what: &'static str,
    /// The outcome in a word, as `kozmic check` has it.
    pub word: &'static str,
    /// The outcome in words.
    pub words: String,
}

/// The end.
pub struct SetupDone {
    /// The files that were written.
    pub files: Vec<String>,
    /// The variables to take along, where no file could be written.
    pub variables: Option<String>,
    /// The commands that come next.
    pub commands: Vec<String>,
}

#[derive(Template)]
#[template(path = "setup/questions.html")]
struct QuestionsPage<'a> {
    page: &'a SetupQuestions,
    code: &'a str,
}

#[derive(Template)]
#[template(path = "setup/review.html")]
struct ReviewPage<'a> {
    page: &'a SetupReview,
    code: &'a str,
}

#[derive(Template)]
#[template(path = "setup/done.html")]
struct DonePage<'a> {
    page: &'a SetupDone,
}

#[derive(Template)]
#[template(path = "setup/closed.html")]
struct ClosedPage;

impl SetupPage {
    /// The page, with the code that its form has to bring.
    pub(super) fn render(&self, code: &str) -> askama::Result<String> {
        match self {
            Self::Questions(page) => QuestionsPage { page, code }.render(),
            Self::Review(page) => ReviewPage { page, code }.render(),
            Self::Done(page) => DonePage { page }.render(),
        }
    }
}

impl QuestionsPage<'_> {
    /// Whether a person begins in this field: the first fault, else the first field.
    fn begins(&self, name: &str) -> bool {
        let fields = &self.page.fields;
        fields
            .iter()
            .find(|field| field.fault.is_some())
            .or(fields.first())
            .is_some_and(|field| field.name == name)
    }
}

impl ReviewPage<'_> {
    fn has_fault(&self) -> bool {
        self.page.tries.iter().any(|tried| tried.word == "FAIL")
    }
}

/// The page for those who did not come by the link.
pub(super) fn closed() -> askama::Result<String> {
    ClosedPage.render()
}
