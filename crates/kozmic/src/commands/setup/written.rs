//! The end of the set-up: files put in place, or a text to copy, and the next commands.

use super::{
    Printed,
    draft::{Answers, Draft},
    installation::Installation,
    place, put, report,
    service::Service,
};
use anyhow::{Context, Result};
use std::path::Path;

/// The result of a set-up.
#[derive(Clone)]
pub(super) struct Written {
    /// The files that were written.
    pub(super) files: Vec<String>,
    /// The text to copy, if no files were written.
    pub(super) text: Option<String>,
    /// The next commands.
    pub(super) commands: Vec<String>,
}

/// Makes the service if one is given, and then writes settings and secret.
///
/// # Errors
/// Names what cannot be written, and tells if anything was changed.
pub(super) fn write(
    installation: &Installation,
    answers: &Answers,
    service: Option<&Service>,
    printed: Option<Printed>,
) -> Result<Written> {
    let draft = Draft::new(installation, answers);
    draft.settings(answers).map_err(anyhow::Error::from).context("nothing was written")?;
    if let Some(printed) = printed {
        let text = text(printed, installation, answers, &draft)?;
        let commands =
            if printed == Printed::Toml { report::by_hand(installation, &draft).into() } else { Vec::new() };
        return Ok(Written { files: Vec::new(), text: Some(text), commands });
    }
    if let Some(service) = service {
        service.make().context("the settings were not written")?;
    }
    let files = draft.files(installation, place::group());
    put::put(&files)?;
    Ok(Written {
        files: files.iter().map(|file| file.path.display().to_string()).collect(),
        text: None,
        commands: report::next(&installation.place, Path::new(answers.of("data_dir")), service).into(),
    })
}

fn text(printed: Printed, installation: &Installation, answers: &Answers, draft: &Draft) -> Result<String> {
    match printed {
        Printed::Env => report::variables(answers, installation),
        Printed::Toml | Printed::Unit => Ok(draft.text()),
    }
}
