//! Turns faults into sentences for people.

use anyhow::Error;
use kozmic_edges::engine::EngineError;

/// The chain of causes as a sentence.
pub fn sentence(fault: &Error) -> String {
    begun_large(&format!("{fault:#}"))
}

/// The engine's fault in a sentence, without the failed step: the fault concerns all jobs.
pub(crate) fn trouble(fault: &Error) -> String {
    match fault.downcast_ref::<EngineError>() {
        Some(engine) => begun_large(&engine.to_string()),
        None => sentence(fault),
    }
}

/// The text as a sentence with a capital letter. A name of an image or a file at its beginning stays as it is, because
/// capitals would change its meaning.
fn begun_large(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default().trim_end_matches([':', '.']);
    if first.contains(['/', ':', '.', '@']) {
        return format!("{}.", text.trim_end_matches('.'));
    }
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", characters.as_str().trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_begins_large_unless_it_begins_with_a_name() {
        for (said, sentence) in [
            ("create the container: no", "Create the container: no."),
            ("kozmic/nothere:1 is not on the engine.", "kozmic/nothere:1 is not on the engine."),
            ("debian:12 is too large", "debian:12 is too large."),
            ("git: no", "Git: no."),
            ("", "."),
        ] {
            assert_eq!(begun_large(said), sentence);
        }
    }
}
