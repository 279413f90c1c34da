//! Tests of correct recipes, and of each fault with its words.

use super::*;
use crate::{interruption::IfInterrupted, label::Labels};

const GOOD: &str = "\
buildscripts:
  - autobuild/flist-1.sh
  - autobuild/flist-2.sh
autobuild/flist-1.sh:
  archives: /tmp/archives
  artifact: result.tar.gz
autobuild/flist-2.sh:
  archives: /tmp/archives
  artifact: result.tar.gz
  baseimage: ubuntu:14.04
  tag: special-tag
  format: binary
  if_interrupted: error
  labels: [gpu, arm64]
";

fn defaults(archives: Option<&str>) -> RecipeDefaults {
    RecipeDefaults { archives: archives.map(str::to_owned), image: "ubuntu:16.04".parse().unwrap() }
}

/// The faults of a file, without its path.
fn faults(text: &str) -> Vec<String> {
    let told = recipe("zero-os/0-core/main.yaml", text.as_bytes(), &defaults(None)).unwrap_err();
    let without_path = |fault: &RecipeFault| {
        fault.to_string().strip_prefix("zero-os/0-core/main.yaml:").map(str::to_owned).unwrap()
    };
    told.iter().map(without_path).collect()
}

/// The faults of a recipe of one script with these lines in its definition.
fn faults_of(lines: &[&str]) -> Vec<String> {
    faults(&format!("buildscripts: [a.sh]\na.sh:\n  {}\n", lines.join("\n  ")))
}

#[test]
fn a_recipe_is_read_as_it_is_documented() {
    let read = recipe("zero-os/0-core/main.yaml", GOOD.as_bytes(), &defaults(None)).unwrap();
    let [first, second] = read.scripts.as_slice() else { panic!("{read:?}") };
    assert_eq!(
        first,
        &BuildScript {
            path: "autobuild/flist-1.sh".into(),
            archives: "/tmp/archives".into(),
            artifact: "result.tar.gz".into(),
            image: "ubuntu:16.04".parse().unwrap(),
            tag: None,
            format: Format::Flist,
            if_interrupted: IfInterrupted::Again,
            labels: Labels::default(),
        }
    );
    assert_eq!(
        (second.image.to_string(), second.tag.as_deref()),
        ("ubuntu:14.04".into(), Some("special-tag"))
    );
    assert_eq!((second.format, second.if_interrupted), (Format::Binary, IfInterrupted::Error));
    assert_eq!(second.labels.to_string(), "arm64,gpu");
}

#[test]
fn what_looks_like_a_boolean_or_a_number_is_text() {
    let text = "buildscripts: [1, no]\n1: {artifact: 2.tgz, tag: 1.0}\nno: {artifact: \"a.tgz\", tag: no}\n";
    let read = recipe("o/r/main.yaml", text.as_bytes(), &defaults(Some("/tmp/archives"))).unwrap();
    let said = read.scripts.iter().map(|script| (script.path.as_str(), script.tag.as_deref()));
    assert_eq!(said.collect::<Vec<_>>(), [("1", Some("1.0")), ("no", Some("no"))]);
    assert_eq!(read.scripts[0].archives, "/tmp/archives");
}

#[test]
fn files_that_are_no_recipe_are_told_what_one_is() {
    let empty =
        "1:1: The file is empty: it needs `buildscripts`, a list of scripts, and the definition of each.";
    for text in ["", "# nothing\n", "---\n", "~"] {
        assert_eq!(faults(text), [empty]);
    }
    assert_eq!(
        faults("- a.sh\n"),
        ["1:1: A recipe is a mapping with `buildscripts` in it, and this is a list."]
    );
    assert_eq!(
        faults("\n\na.sh\n"),
        ["3:1: A recipe is a mapping with `buildscripts` in it, and this is a text."]
    );
}

#[test]
fn a_recipe_has_a_list_of_scripts() {
    let missing = "1:1: `buildscripts` is missing: the list of the scripts to run.";
    assert_eq!(faults("{}"), [missing]);
    assert_eq!(faults("a.sh:\n  archives: /x\n  artifact: a.tgz\n"), [missing]);
    assert_eq!(
        faults("buildscript:\n  - a.sh\n"),
        ["1:1: There is no key `buildscript`; did you mean `buildscripts`?", missing]
    );
    assert_eq!(faults("buildscripts: []\n"), ["1:15: `buildscripts` is empty: list one script at least."]);
    assert_eq!(faults("buildscripts:\n"), ["1:1: `buildscripts` is empty: list one script at least."]);
    assert_eq!(
        faults("buildscripts: a.sh\na.sh: {archives: /x, artifact: a.tgz}\n"),
        ["1:15: `buildscripts` is a text, and needs to be a list of scripts' paths."]
    );
    assert_eq!(
        faults("buildscripts:\n  a.sh: {}\n"),
        ["2:3: `buildscripts` is a mapping, and needs to be a list of scripts' paths."]
    );
}

#[test]
fn listed_scripts_are_paths_each_listed_once_and_defined() {
    let text = "buildscripts:\n  - a.sh\n  - [b.sh]\n  -\n  - a.sh\n  - ../c.sh\n  - d.sh\n\
                a.sh: {archives: /x, artifact: a.tgz}\n../c.sh: {archives: /x, artifact: a.tgz, tag: c}\n";
    assert_eq!(
        faults(text),
        [
            "3:5: A script in `buildscripts` is a path, and this is a list.",
            "4:4: A script in `buildscripts` is a path, and this is empty.",
            "5:5: `a.sh` is listed a second time.",
            "6:5: \"../c.sh\" leads out of its directory: a script's path has no \"..\" in it.",
            "7:5: `d.sh` has no definition: write `d.sh:` below, with `artifact` and what else it needs.",
        ]
    );
}

#[test]
fn a_definition_that_is_not_listed_is_told_with_the_nearest_script() {
    let definition = "{archives: /x, artifact: a.tgz}";
    assert_eq!(
        faults(&format!("buildscripts: [autobuild/flist-1.sh]\nautobuild/flist1.sh: {definition}\n")),
        [
            "1:16: `autobuild/flist-1.sh` has no definition; did you mean `autobuild/flist1.sh`?",
            "2:1: `autobuild/flist1.sh` is not listed in `buildscripts`; did you mean `autobuild/flist-1.sh`?",
        ]
    );
    assert_eq!(
        faults(&format!("buildscripts: [a.sh]\na.sh: {definition}\nother/make: {{}}\n[x]: 1\n")),
        [
            "3:1: `other/make` is not listed in `buildscripts`: list it there, or take it out.",
            "3:1: `other/make` lacks `archives`: the directory that it leaves its artifact in, and there is no default.",
            "3:1: `other/make` lacks `artifact`: what it leaves in `archives`.",
            "4:1: A key needs to be a text, and this one is a list.",
        ]
    );
    assert_eq!(
        faults("buildscripts: [a.sh]\na.sh:\narchives: /x\nartifact: a.tgz\n"),
        [
            "2:1: The definition of `a.sh` is empty, and needs to be a mapping with `artifact`.",
            "3:1: `archives` stands outside of a script's definition: indent it below its script.",
            "4:1: `artifact` stands outside of a script's definition: indent it below its script.",
        ]
    );
}

#[test]
fn a_definition_has_known_keys_with_texts() {
    assert_eq!(
        faults_of(&["archives: /x", "artefact: a.tgz", "memory: 1", "{}: x"]),
        [
            "2:1: `a.sh` lacks `artifact`: what it leaves in `archives`.",
            "4:3: There is no key `artefact`; did you mean `artifact`?",
            "5:3: There is no key `memory`: a script has `archives`, `artifact`, `baseimage`, `tag`, `format`, `if_interrupted` and `labels`.",
            "6:3: A key needs to be a text, and this one is a mapping.",
        ]
    );
    assert_eq!(
        faults_of(&["archives: [/x]", "artifact: {a: b}", "tag:", "format: ~"]),
        [
            "3:13: `archives` is a list, and needs to be a text.",
            "4:13: `artifact` is a mapping, and needs to be a text.",
            "5:3: `tag` says nothing: write a value behind it, or take it out.",
            "6:3: `format` says nothing: write a value behind it, or take it out.",
        ]
    );
    assert_eq!(
        faults("buildscripts: [a.sh]\na.sh: [archives]\n"),
        ["2:7: The definition of `a.sh` is a list, and needs to be a mapping with `artifact`."]
    );
    assert_eq!(
        faults_of(&["archives: /x", "artifact: a.tgz", "archives: /y"]),
        ["5:3: The key `archives` stands here a second time."]
    );
}

#[test]
fn a_name_of_kozmics_own_is_no_base_image() {
    assert_eq!(
        faults_of(&["archives: /x", "artifact: a.tgz", "baseimage: kozmic-cache/ab:1"]),
        ["5:14: kozmic-cache/ab:1 is a name of Kozmic's own: each image there is kept for one project."]
    );
}

#[test]
fn values_are_checked_all_at_once() {
    assert_eq!(
        faults_of(&[
            "archives: tmp",
            "artifact: ../a.tgz",
            "baseimage: Ubuntu",
            "tag: a/b",
            "format: binray"
        ]),
        [
            "3:13: \"tmp\" is not absolute: `archives` begins with a slash, such as /tmp/archives.",
            "4:13: \"../a.tgz\" leaves the directory `archives`: no \"..\" in it.",
            "5:14: \"Ubuntu\" is not the name of a Docker image: use lower-case letters, digits and . _ - between \
             slashes.",
            "6:8: \"a/b\" is no tag: use up to 60 letters, digits, and . _ -",
            "7:11: \"binray\" is no format; did you mean `binary`?",
        ]
    );
    assert_eq!(
        faults_of(&["artifact: ''", "tag: ''", "format: kernel"]),
        [
            "2:1: `a.sh` lacks `archives`: the directory that it leaves its artifact in, and there is no default.",
            "4:8: \"\" is no tag: use up to 60 letters, digits, and . _ -",
            "5:11: \"kernel\" is no format: there are `flist`, `binary` and `directory`.",
        ]
    );
    let tag = format!("tag: {}", "x".repeat(61));
    assert_eq!(faults_of(&["archives: /x", "artifact: a.tgz", &tag]).len(), 1);
}

#[test]
fn a_default_that_does_not_fit_a_repository_is_told_where_it_is_used() {
    let text = "buildscripts: [a.sh]\na.sh: {artifact: a.tgz}\n";
    let told = recipe("o/tmp/main.yaml", text.as_bytes(), &defaults(Some("/tmp/archives"))).unwrap_err();
    assert_eq!(
        told[0].to_string(),
        "o/tmp/main.yaml:2:1: \"/tmp/archives\" is or lies in /tmp, where the repository stands: name another \
         directory."
    );
}

#[test]
fn scripts_whose_artifacts_are_called_the_same_need_tags() {
    let definition = |rest: &str| format!("{{archives: /x, artifact: a.tgz{rest}}}");
    let text = |second: &str, third: &str| {
        let (first, second, third) = (definition(""), definition(second), definition(third));
        format!("buildscripts: [a, b, c]\na: {first}\nb: {second}\nc: {third}\n")
    };
    assert_eq!(
        faults(&text("", ", tag: t")),
        [
            "3:1: The artifacts of `a` and `b` would both be called zero-os-0-core-main.flist: give `b` a `tag`."
        ]
    );
    assert_eq!(
        faults(&text(", tag: t", ", tag: t")),
        [
            "4:1: The artifacts of `b` and `c` would both be called zero-os-0-core-t-main.flist: give `c` another `tag`."
        ]
    );
    // An artifact that is not a file list goes elsewhere, and a directory has no extension.
    let fits = text(", format: binary", ", format: directory");
    assert!(recipe("o/r/main.yaml", fits.as_bytes(), &defaults(None)).is_ok());
}

/// Reading ends with a recipe or with faults at places in the file, whatever the text is.
#[test]
fn no_change_of_a_few_letters_is_too_much() {
    const LETTERS: &[u8] = b":-[]{}#&*!|>'\"%@`,? \n\t\0\xff~<.0a/";
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |end: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % end as u64).unwrap()
    };
    for _ in 0..3_000 {
        let mut text = GOOD.as_bytes().to_vec();
        for _ in 0..=next(4) {
            let (at, letter) = (next(text.len()), LETTERS[next(LETTERS.len())]);
            match next(3) {
                0 => text[at] = letter,
                1 => text.insert(at, letter),
                _ => drop(text.drain(at..(at + next(20)).min(text.len()))),
            }
        }
        match recipe("zero-os/0-core/main.yaml", &text, &defaults(None)) {
            Ok(recipe) => assert!(!recipe.scripts.is_empty(), "{}", String::from_utf8_lossy(&text)),
            Err(faults) => {
                let lines = text.iter().filter(|byte| **byte == b'\n').count() + 2;
                assert!(!faults.is_empty() && faults.iter().all(|fault| (1..=lines).contains(&fault.line)));
            }
        }
    }
}
