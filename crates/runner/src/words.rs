//! Faults in words for people.

use anyhow::Error;
use kozmic_edges::engine::EngineError;

/// The chain of causes as a sentence.
pub fn sentence(fault: &Error) -> String {
    begun_large(&format!("{fault:#}"))
}

/// The engine's fault in a sentence, without the step that met it: it is about all jobs.
pub(crate) fn trouble(fault: &Error) -> String {
    match fault.downcast_ref::<EngineError>() {
        Some(engine) => begun_large(&engine.to_string()),
        None => sentence(fault),
    }
}

fn begun_large(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", characters.as_str().trim_end_matches('.'))
}
