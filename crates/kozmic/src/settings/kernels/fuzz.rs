//! Reads random texts as kernel rules: they are read or refused in a sentence, and the read ones are as jobs expect
//! them. CONTRIBUTING.md tells how to run this longer.

use super::rules;
use crate::settings::source::Source;
use kozmic_model::{
    kernel::{KernelRule, KernelStart},
    names::flat,
    spec::KernelKind,
};
use proptest::{collection::vec, prelude::*, sample::select};

const GOOD: &str = "\
[[kernel]]
kind = 'generic'
repository = 'zero-os/0-initramfs'
script = '/0-initramfs/build.sh'

[[kernel]]
kind = 'dependent'
repository = 'zero-os/0-core'
base = 'zero-os/0-initramfs'
script = '/0-initramfs/part.sh'
kernel = '/target/vmlinuz.efi'
";

/// Words for random rules.
const WORDS: &[&str] = &[
    "[[kernel]]\n",
    "[kernel]\n",
    "kind",
    "repository",
    "image",
    "base",
    "before",
    "script",
    "kernel",
    "prefix",
    "if_interrupted",
    "labels",
    "log",
    " = ",
    "\n",
    "'",
    "\"",
    "\"\"\"",
    "'''",
    "\\u0000",
    "\\",
    "/",
    "..",
    ".",
    "zero-os/0-core",
    "generic",
    "dependent",
    "debian:bookworm",
    "kozmic",
    "/kozmic/x",
    "1",
    "true",
    "[",
    "]",
    "{",
    "}",
    "#",
    "é",
    "\u{202e}",
];

/// The rules in a text, if there are any in it; the fault in words otherwise.
fn read(text: &str) -> Result<Vec<KernelRule>, String> {
    let source = Source::from_text(text, []).map_err(|fault| fault.to_string())?;
    rules(source.rules(), &"debian".parse().unwrap()).map_err(|fault| fault.to_string())
}

fn is_sound(rule: &KernelRule, all: &[KernelRule]) -> Result<(), TestCaseError> {
    let (owner, name) = rule.repository.split_once('/').expect("a repository has an owner");
    prop_assert!(!owner.is_empty() && !name.is_empty() && !name.contains('/'));
    prop_assert!(rule.script.starts_with('/') && !rule.script.split('/').any(|part| part == ".."));
    let directory = &rule.kernel.directory;
    prop_assert!(directory.len() > 1 && directory.starts_with('/') && !rule.kernel.file.is_empty());
    prop_assert!(![name, "kozmic", ".."].iter().any(|taken| directory.split('/').nth(1) == Some(taken)));
    prop_assert!(!rule.prefix.is_empty() && flat(&rule.prefix) == rule.prefix);
    prop_assert!(!rule.before.contains('\0'));
    prop_assert_eq!(all.iter().filter(|other| other.is_for(&rule.repository)).count(), 1);
    if let KernelStart::Kept(base) = &rule.start {
        prop_assert!(all.iter().any(|other| other.kind() == KernelKind::Generic && other.is_for(base)));
    }
    Ok(())
}

fn is_read_or_refused(text: &str) -> Result<(), TestCaseError> {
    match read(text) {
        Ok(rules) => rules.iter().try_for_each(|rule| is_sound(rule, &rules)),
        Err(words) => {
            prop_assert!(!words.is_empty() && !words.contains('\0'), "{:?}", words);
            Ok(())
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        is_read_or_refused(&text)?;
    }

    #[test]
    fn any_words_of_rules_are_read_or_refused(words in vec(select(WORDS), 0..60)) {
        is_read_or_refused(&words.concat())?;
    }

    #[test]
    fn good_rules_with_anything_in_them_are_read_or_refused(at in 0..GOOD.len(), cut in 0..20_usize, put in vec(select(WORDS), 0..3)) {
        let end = GOOD.len().min(at + cut);
        is_read_or_refused(&format!("{}{}{}", &GOOD[..at], put.concat(), &GOOD[end..]))?;
    }

    #[test]
    fn any_value_of_a_key_is_read_or_refused(key in select(super::KEYS.to_vec()), value in any::<String>()) {
        let mut table = toml::Table::new();
        table.insert(key.to_owned(), value.into());
        for kind in ["generic", "dependent"] {
            let mut rule = table.clone();
            for (name, usual) in [("kind", kind), ("repository", "a/b"), ("script", "/x"), ("base", "zero-os/0-initramfs")] {
                if kind == "dependent" || name != "base" {
                    rule.entry(name).or_insert(usual.into());
                }
            }
            is_read_or_refused(&format!("{GOOD}\n[[kernel]]\n{rule}"))?;
        }
    }
}
