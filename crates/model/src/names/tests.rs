//! Tests of names with many generated refs and artifacts.

use super::*;
use crate::{
    artifact::{ArtifactName, Format},
    git::{RefAt, Sha, is_branch_name},
    interruption::IfInterrupted,
    kernel::{KernelFile, KernelRule, KernelStart},
    label::Labels,
    recipe::BuildScript,
    spec::{JobSpec, KernelKind, Origin, Task},
};
use std::collections::{BTreeMap, BTreeSet};

fn wish(branch: &str, plain: &str, tail: &str) -> Wish {
    let owner = NameOwner::recipe("Zero-OS/0-core", &GitRef::Branch(branch.into()));
    Wish::new(owner, plain.into(), tail, 60, false)
}

#[test]
fn a_suffix_stands_before_the_tail_and_is_its_owners() {
    let [one, other] =
        ["фича", "тест"].map(|branch| wish(branch, "z-0-core-----.tar.gz", ".tar.gz").suffixed);
    assert!(one.starts_with("z-0-core-----..") && one.ends_with(".tar.gz"), "{one}");
    assert_eq!(one.len(), "z-0-core-----...tar.gz".len() - 1 + DIGITS + 1);
    assert_ne!(one, other);
}

#[test]
fn what_is_cut_off_tells_names_apart_all_the_same() {
    let [one, other] =
        ["a", "b"].map(|end| wish("x", &format!("{}{end}.efi", "ü.".repeat(60)), ".efi").suffixed);
    assert!(one.len() <= 60 && one != other && one.ends_with(".efi"), "{one}");
}

#[test]
fn versions_are_known_by_their_commits() {
    for name in ["a-0123456789", "a-b-abcdef0123.tar.gz", "-0123456789.x"] {
        assert!(looks_versioned(name), "{name}");
    }
    for name in
        ["a", "0123456789", "a-012345678", "a-0123456789..0123456789ab", "a-ABCDEF0123", "a-0123456789-x"]
    {
        assert!(!looks_versioned(name), "{name}");
    }
}

#[test]
fn no_name_leaves_its_directory() {
    for (text, name) in [("../x", "-.-x"), (".", "-"), ("a/../b c", "a-..-b-c"), ("ü", "-")] {
        assert_eq!(flat(text), name);
        assert!(!is_flat(text));
    }
}

const PARTS: &[&str] = &[
    "a",
    "b",
    "-",
    "-b",
    "a-b",
    "A",
    "x",
    "\u{e9}",
    "e\u{301}",
    "ф",
    "т",
    "/x",
    "/",
    ".x",
    ".tar",
    "-generic",
    "-0123456789",
    "tag.",
    "_",
    ".sha256",
    ".efi",
    "main",
];

const FILES: &[&str] = &["f", "f.tar.gz", "f.gz", "f.sha256", "f.b-0123456789", "f.\u{e9}", "f.efi"];

/// Pseudorandom numbers that are always the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }

    fn one<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn git_ref(&mut self) -> Option<GitRef> {
        let name = (0..=self.below(4)).map(|_| self.one(PARTS)).collect::<String>();
        let long = if self.below(40) == 0 { "l".repeat(self.below(240)) } else { String::new() };
        let name = name + &long;
        let is_tag = self.below(9) == 0;
        let git_ref = if is_tag { GitRef::Tag(name.clone()) } else { GitRef::Branch(name.clone()) };
        is_branch_name(&name).then_some(git_ref)
    }
}

/// The owner of each name, as the database keeps it.
#[derive(Default)]
struct Given(BTreeMap<(&'static str, String), (String, String)>);

impl Given {
    fn give(&mut self, place: &'static str, wish: &Wish) -> String {
        let own = (wish.owner.as_str().to_owned(), wish.plain.clone());
        let key = |name: &str| (place, name.to_lowercase());
        let had =
            wish.candidates().chain([wish.plain.as_str()]).find(|name| self.0.get(&key(name)) == Some(&own));
        let free = || wish.candidates().find(|name| !self.0.contains_key(&key(name)));
        let name = had.or_else(free).expect("something is left to give").to_owned();
        self.0.insert(key(&name), own);
        name
    }
}

/// A published thing: its destination, a text that identifies it, its spec, and its plain name there.
fn thing(
    dice: &mut Dice,
    git_ref: &GitRef,
    sha: &Sha,
) -> Option<(&'static str, String, JobSpec, ArtifactName)> {
    let (owner, name) = (dice.one(&["a", "a-b", "zero"]), dice.one(&["b", "b-a", "generic", "os"]));
    let full_name = format!("{owner}/{name}");
    let which = dice.below(4);
    if which < 2 {
        let (tag, format) =
            (dice.one(&[None, Some("main"), Some("x")]), [Format::Flist, Format::Binary][which]);
        let artifact = dice.one(FILES).to_owned();
        let script = BuildScript {
            path: "s".into(),
            archives: "/x".into(),
            artifact,
            image: "debian".parse().unwrap(),
            tag: tag.map(str::to_owned),
            format,
            if_interrupted: IfInterrupted::default(),
            labels: Labels::default(),
        };
        let spec = script.job(&full_name, RefAt { git_ref, sha }, &BTreeSet::new());
        let name = spec.task.product()?.name.clone();
        let what = format!("{full_name} {git_ref} {tag:?} {}", name.stable.rsplit('/').next()?);
        return Some((["hub", "binary"][which], what, spec, name));
    }
    let generic = KernelStart::Fresh("debian".parse().unwrap());
    let start = if which == 2 { generic } else { KernelStart::Kept("zero-os/base".into()) };
    let prefix = dice.one(&["zero-os", "zero"]).to_owned();
    let what = match which {
        2 => format!("{full_name} {git_ref} kernel {prefix}"),
        _ => format!("{git_ref} kernels {prefix}"),
    };
    let kernel = KernelFile { directory: "/t".into(), file: "k".into() };
    let repository = full_name.clone();
    let (before, script) = (String::new(), "/s".to_owned());
    let (if_interrupted, labels) = (IfInterrupted::default(), Labels::default());
    let rule = KernelRule { repository, start, before, script, kernel, prefix, if_interrupted, labels };
    let spec = rule.job(name, git_ref, sha).ok()??;
    let name = spec.task.product()?.name.clone();
    let stem = |name: &str| name.trim_end_matches(".efi").to_owned();
    let at_hub = ArtifactName {
        versioned: format!("{}.tar.gz", stem(&name.versioned)),
        stable: format!("{}.flist", stem(&name.stable)),
    };
    let is_at_hub = dice.below(2) == 0;
    Some((if is_at_hub { "hub" } else { "kernel" }, what, spec, if is_at_hub { at_hub } else { name }))
}

/// The refs have letters that are lost, joined, cut, in either case, or at the borders between parts.
#[test]
fn two_things_never_have_one_name() {
    let (mut dice, mut given) = (Dice(0x9e37_79b9_7f4a_7c15), Given::default());
    let mut seen = BTreeMap::<(&str, String), String>::new();
    let mut count = 0;
    for _ in 0..60_000 {
        let Some(git_ref) = dice.git_ref() else { continue };
        let sha = dice.one(&["0123456789", "abcdef0123"]).repeat(4).parse::<Sha>().unwrap();
        let Some((place, what, spec, plain)) = thing(&mut dice, &git_ref, &sha) else { continue };
        let full_name = full_name(&what, &spec);
        let at = RefAt { git_ref: &git_ref, sha: &sha };
        let [link, series] = spec.wishes(&full_name, at, &plain);
        let stable = given.give(place, &link);
        let name = ArtifactName::granted(stable, &given.give(place, &series), &sha);
        let versioned = if place == "hub" { name.flist() } else { name.versioned.clone() };
        for (name, what) in [(name.stable, what.clone()), (versioned, format!("{what} {full_name} {sha}"))] {
            assert!(name.len() <= 248 && !name.ends_with(".sha256") && !name.starts_with('.'), "{name}");
            let first = seen.entry((place, name.to_lowercase())).or_insert_with(|| what.clone());
            assert_eq!(*first, what, "both are called {name} at {place}");
            count += 1;
        }
    }
    assert!(count > 10_000 && seen.len() > 1_000, "{count} {}", seen.len());
}

/// The repository of a thing; for a dependent kernel, its directory names it.
fn full_name(what: &str, spec: &JobSpec) -> String {
    match (&spec.origin, &spec.task) {
        (Origin::Kernel(KernelKind::Dependent), Task::Program(program)) => format!("a{}", program.source),
        _ => what.split(' ').next().unwrap_or_default().to_owned(),
    }
}
