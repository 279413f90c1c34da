//! The look of the set-up's pages, rendered from their content.

use crate::pages::parts;
use askama::Template;

/// A page of the set-up.
pub enum SetupPage {
    /// A form with questions.
    Questions(SetupQuestions),
    /// The results of the tries, and the file that would be written.
    Review(SetupReview),
    /// The last page.
    Done(SetupDone),
}

/// A form with questions.
pub struct SetupQuestions {
    /// The name of the step. The form sends it back.
    pub step: &'static str,
    /// The step's number, from 1.
    pub number: usize,
    /// The headline.
    pub title: &'static str,
    /// The link to the OAuth application, if the step is about it.
    pub link: Option<SetupLink>,
    /// The questions.
    pub fields: Vec<SetupField>,
}

/// The link to the OAuth application.
pub struct SetupLink {
    /// The forge's page that makes one, with its fields filled in.
    pub address: String,
    /// The callback address, for a person who fills the fields in.
    pub callback: String,
}

/// A question.
pub struct SetupField {
    /// The name of the field.
    pub name: &'static str,
    /// The field's name for people.
    pub label: &'static str,
    /// A sentence about right answers.
    pub hint: &'static str,
    /// The meaning of an empty field; empty: the field must be filled in.
    pub if_none: &'static str,
    /// The first value. That of a secret is never shown.
    pub value: String,
    /// For a secret: true if one is known, which an empty field keeps; none for other fields.
    pub secret: Option<bool>,
    /// The fault of the value, as a description of a right one.
    pub fault: Option<String>,
}

/// The results of the tries, and the file that would be written.
pub struct SetupReview {
    /// A fingerprint of this page. The form sends it back.
    pub seen: String,
    /// The results of the tries.
    pub tries: Vec<SetupTry>,
    /// The settings file.
    pub file: String,
    /// The changes in the file, a line each.
    pub changes: Vec<String>,
    /// Remarks.
    pub notes: Vec<String>,
    /// The steps that make a service; empty: no service is offered.
    pub steps: Vec<String>,
    /// The reason why nothing was written.
    pub fault: Option<String>,
}

/// The result of a try.
pub struct SetupTry {
    /// The subject of the try.
    pub what: &'static str,
    /// The result in one word, as in `kozmic check`.
    pub word: &'static str,
    /// The result in a sentence.
    pub words: String,
}

/// The last page.
pub struct SetupDone {
    /// The files that were written.
    pub files: Vec<String>,
    /// The variables to copy, if no file could be written.
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
    /// The page as HTML, with the code that its form has to send.
    pub(super) fn render(&self, code: &str) -> askama::Result<String> {
        match self {
            Self::Questions(page) => QuestionsPage { page, code }.render(),
            Self::Review(page) => ReviewPage { page, code }.render(),
            Self::Done(page) => DonePage { page }.render(),
        }
    }
}

impl QuestionsPage<'_> {
    /// True for the field in which a person begins: the first fault, else the first field.
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

/// The page for those who did not use the link.
pub(super) fn closed() -> askama::Result<String> {
    ClosedPage.render()
}
