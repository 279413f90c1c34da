//! Random texts as recipes: each is read, or refused with places, and nothing else happens. CONTRIBUTING.md tells how
//! to run these tests longer.

use super::{ConfigFile, Recipe, RecipeDefaults, RecipeFault, configuration, recipe};
use crate::{git::GitRef, image::ImageName, install::TrackedPath};
use proptest::{collection::vec, prelude::*, sample::select};

const PATH: &str = "zero-os/0-core/main.yaml";

const GOOD: &str = "\
buildscripts:
  - autobuild/flist-1.sh
  - autobuild/kernel.sh
autobuild/flist-1.sh: &first
  archives: /tmp/archives
  artifact: result.tar.gz
autobuild/kernel.sh:
  baseimage: ubuntu:14.04
  tag: special-tag
  format: binary
  labels: [gpu, arm64]
";

/// Words from which recipes are made, and which broke YAML readers before.
const WORDS: &[&str] = &[
    "buildscripts",
    "a.sh",
    "archives",
    "artifact",
    "baseimage",
    "tag",
    "format",
    "labels",
    "binary",
    "kernel",
    ":",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "\n    ",
    "\t",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&a ",
    "*a",
    "<<: ",
    "!!binary ",
    "!!map ",
    "!x ",
    "|\n",
    ">-\n",
    "'",
    "\"",
    "\\",
    "# ",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "? ",
    "~",
    "null",
    "\u{feff}",
    "\0",
    "\u{2028}",
    "\u{1b}[31m",
    "../",
    "/",
    "99999999999999999999",
    "0x",
    "1e999",
    ".nan",
    "\u{202e}",
    "ü",
    "\r",
];

fn defaults() -> RecipeDefaults {
    RecipeDefaults { archives: None, image: "ubuntu:16.04".parse().unwrap() }
}

/// Checks the rules that every text must satisfy.
fn holds(text: &[u8]) -> Result<(), TestCaseError> {
    let faults = match recipe(PATH, text, &defaults()) {
        Err(faults) => faults,
        Ok(Recipe { scripts }) => {
            prop_assert!(!scripts.is_empty());
            for script in scripts {
                let mut parts = script.path.split('/').chain(script.artifact.split('/'));
                prop_assert!(parts.all(|part| part != ".."), "{script:?}");
                prop_assert!(!script.path.starts_with('/') && !script.path.contains('\0'), "{script:?}");
            }
            return Ok(());
        }
    };
    prop_assert!(!faults.is_empty() && faults.len() <= 10_000, "{} faults", faults.len());
    let lines = text.split(|byte| matches!(byte, b'\n' | b'\r')).count();
    for RecipeFault { path, line, column, sentence } in faults {
        prop_assert!(path == PATH && column >= 1 && (1..=lines + 1).contains(&line), "{line}:{column}");
        prop_assert!(!sentence.is_empty() && sentence.len() < 10_000, "{sentence}");
        prop_assert!(!sentence.contains(char::is_control), "{sentence:?}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_with_a_place(text in vec(any::<u8>(), 0..400)) {
        holds(&text)?;
    }

    #[test]
    fn any_words_are_read_or_refused_with_a_place(words in vec(select(WORDS), 0..120)) {
        holds(words.concat().as_bytes())?;
    }

    #[test]
    fn a_recipe_with_something_put_into_it_is_read_or_refused(
        at in 0..GOOD.len(), cut in 0..60_usize, words in vec(select(WORDS), 0..6), times in 1..100_usize,
    ) {
        let end = (at + cut).min(GOOD.len());
        let (before, behind) = (&GOOD.as_bytes()[..at], &GOOD.as_bytes()[end..]);
        holds(&[before, words.concat().repeat(times).as_bytes(), behind].concat())?;
    }

    #[test]
    fn files_of_any_names_make_a_configuration_or_faults(names in vec("[a-z./~ü\u{0}-]{0,40}", 0..20)) {
        let files = names.into_iter().map(|path| ConfigFile { path, content: GOOD.as_bytes().to_vec() });
        let lines = configuration(&files.collect::<Vec<_>>(), &defaults()).lines();
        prop_assert!(!lines.is_empty() && !lines.iter().any(|line| line.contains(char::is_control)));
    }

    #[test]
    fn names_are_written_as_they_are_read(text in "[ -~ü\u{0}-\u{1f}]{0,60}") {
        if let Ok(path) = text.parse::<TrackedPath>() {
            prop_assert_eq!(path.as_str().parse::<TrackedPath>(), Ok(path.clone()));
            prop_assert!(path.as_str().split('/').all(|part| part != ".."));
        }
        if let Ok(image) = text.parse::<ImageName>() {
            prop_assert_eq!(image.to_string().parse::<ImageName>().ok(), Some(image));
        }
        for text in [text.clone(), format!("refs/heads/{text}"), format!("refs/tags/{text}")] {
            if let Ok(git_ref) = text.parse::<GitRef>() {
                prop_assert_eq!(git_ref.to_string().parse::<GitRef>().ok(), Some(git_ref));
            }
        }
    }
}

/// Each alias stands for everything behind it.
#[test]
fn aliases_of_aliases_and_depth_are_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..60 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    assert!(recipe(PATH, text.as_bytes(), &defaults()).is_err());
    for sign in ["[", "{", "- ", "? ", "a: {", "&a "] {
        assert!(recipe(PATH, sign.repeat(20_000).as_bytes(), &defaults()).is_err(), "{sign}");
    }
}
