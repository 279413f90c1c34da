//! Checks the order of the crates, and the order inside of them, by reading the sources.

mod circles;
mod forge;
mod test_files;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Names of files and folders that only tests compile. `test_files` checks that all such files are called so.
const FOR_TESTS: [&str; 3] = ["tests", "fuzz", "samples"];

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(dir: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("the directory is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.clone(), fs::read_to_string(&path).expect("a source file is text")));
        }
    }
    found
}

/// True if only tests compile the file with this path, below `crates/` or below the directory of a crate's sources.
fn is_for_tests(path: &Path) -> bool {
    path.with_extension("").components().any(|part| FOR_TESTS.iter().any(|name| part.as_os_str() == *name))
}

/// A source without the module of tests at its end.
fn without_tests(source: &str) -> &str {
    let opens_tests = |at: &usize| {
        let module = source[*at..].lines().nth(1).unwrap_or_default();
        module.contains("mod ") && module.ends_with('{')
    };
    let tests = source.match_indices("#[cfg(test)]\n").map(|(at, _)| at).find(opens_tests);
    &source[..tests.unwrap_or(source.len())]
}

fn without_comments(source: &str) -> String {
    source.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// A source without its comments and its tests.
fn code(source: &str) -> String {
    without_comments(without_tests(source))
}

/// A module's own file, and all that stand in its folder.
fn whole(dir: &Path, module: &str) -> Vec<(PathBuf, String)> {
    let file = dir.join(format!("{module}.rs"));
    let mut whole = vec![(file.clone(), fs::read_to_string(file).expect("a module has a file"))];
    let folder = dir.join(module);
    if folder.exists() {
        whole.extend(sources(&folder));
    }
    whole
}

fn modules(lib: &str) -> Vec<String> {
    let declarations = lib.lines().filter_map(|line| {
        let line = ["pub(crate) ", "pub(super) ", "pub "]
            .iter()
            .find_map(|start| line.strip_prefix(start))
            .unwrap_or(line);
        line.strip_prefix("mod ")
    });
    declarations.filter_map(|line| line.strip_suffix(';')).map(str::to_owned).collect()
}

/// The names that the code (not its comments) reaches for in `root`, which is `crate`, `super`, a crate's name, or one
/// of these with a module.
fn reached(source: &str, root: &str) -> BTreeSet<String> {
    let code = without_comments(source);
    let (top, below) =
        root.split_once("::").map_or((root, String::new()), |(top, module)| (top, format!("{module}::")));
    let start = format!("{top}::");
    let is_whole =
        |at: usize| !code[..at].ends_with(|before: char| before.is_alphanumeric() || "_:".contains(before));
    let places = code.match_indices(&start).filter(|(at, _)| is_whole(*at));
    let all = places.flat_map(|(at, _)| paths(&code[at + start.len()..]));
    let names = all.filter_map(|path| Some(head(path.strip_prefix(&below)?)));
    names.filter(|name| !name.is_empty()).collect()
}

/// The paths that follow a path's `::`: one, or all of a group in braces.
fn paths(rest: &str) -> Vec<String> {
    let rest = rest.trim_start();
    if let Some(group) = rest.strip_prefix('{') {
        return items(group).iter().flat_map(|item| paths(item)).collect();
    }
    let name = head(rest);
    match rest[name.len()..].strip_prefix("::") {
        Some(deeper) => paths(deeper).into_iter().map(|path| format!("{name}::{path}")).collect(),
        None => vec![name],
    }
}

/// The items of a group, whose opening brace is left out.
fn items(group: &str) -> Vec<String> {
    let (mut depth, mut items) = (0, vec![String::new()]);
    for character in group.chars() {
        match character {
            '}' if depth == 0 => break,
            ',' if depth == 0 => {
                items.push(String::new());
                continue;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        items.last_mut().expect("there is one").push(character);
    }
    items
}

fn head(text: &str) -> String {
    text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

#[test]
fn what_a_source_reaches_for_is_seen_in_groups_and_in_code() {
    let source = "use crate::{\n    Flow, plan,\n    sync::{self, Message},\n};\n// crate::never::x\nlet a = crate::report::url();";
    let all = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(reached(source, "crate"), all(&["Flow", "plan", "report", "sync"]));
    assert_eq!(reached(source, "crate::sync"), all(&["Message", "self"]));
    assert!(reached("use kozmic_edges::store;", "edges").is_empty());
}

#[test]
fn a_crate_uses_only_crates_before_it() {
    let line = [
        "kozmic-model",
        "kozmic-edges",
        "kozmic-runner",
        "kozmic-remote",
        "kozmic-import",
        "kozmic-flow",
        "kozmic-web",
        "kozmic",
    ];
    for (place, name) in line.iter().enumerate() {
        let dir = name.strip_prefix("kozmic-").unwrap_or(name);
        let manifest = fs::read_to_string(crates().join(dir).join("Cargo.toml")).unwrap();
        let (manifest, _for_tests) = manifest.split_once("[dev-dependencies]").unwrap_or((&manifest, ""));
        for later in &line[place + 1..] {
            assert!(!manifest.contains(&format!("\n{later}.workspace")), "{name} uses {later}");
        }
        for double in ["kozmic-testkit", "kozmic-scripted", "kozmic-fleet"] {
            assert!(!manifest.contains(double), "{name} ships {double}");
        }
    }
}

#[test]
fn only_the_program_knows_the_takeover() {
    for name in ["model", "edges", "runner", "remote", "flow", "web"] {
        let manifest = fs::read_to_string(crates().join(name).join("Cargo.toml")).unwrap();
        assert!(!manifest.contains("kozmic-import"), "{name} uses it");
    }
}

#[test]
fn the_model_is_pure() {
    for (path, source) in sources(&crates().join("model/src")) {
        for impure in ["async ", "std::fs", "std::net", "std::env", "SystemTime", "Instant::now", "tokio"] {
            assert!(!source.contains(impure), "{} has {impure}", path.display());
        }
    }
}

/// The runner's machine may be a stranger's: it has no database, no forge and no secret key.
#[test]
fn the_runner_reaches_for_its_own_machine_alone() {
    let own = ["engine", "git", "logs", "room", "clock", "private_dir"].map(str::to_owned);
    let own = BTreeSet::from(own);
    let all = sources(&crates().join("runner"));
    assert!(all.len() > 20);
    for (path, source) in all {
        let others = reached(&source, "kozmic_edges").difference(&own).cloned().collect::<Vec<_>>();
        assert!(others.is_empty(), "{} reaches for {others:?}", path.display());
    }
    let manifest = fs::read_to_string(crates().join("runner/Cargo.toml")).unwrap();
    for one in ["sea-orm", "reqwest", "secrecy", "kozmic-flow", "kozmic-web"] {
        assert!(!manifest.contains(&format!("\n{one}.")), "the runner has {one}");
    }
}

/// One end of the wire is on the runner's machine, so the wire knows as little as the runner does.
#[test]
fn the_wire_knows_neither_the_store_nor_the_forge() {
    let own = ["engine", "git", "logs", "room", "secret", "tls_fault"].map(str::to_owned);
    let own = BTreeSet::from(own);
    let all = sources(&crates().join("remote/src"));
    assert!(all.len() > 20);
    for (path, source) in all {
        let others = reached(&source, "kozmic_edges").difference(&own).cloned().collect::<Vec<_>>();
        assert!(others.is_empty(), "{} reaches for {others:?}", path.display());
    }
}

#[test]
fn both_ends_of_the_wire_know_the_protocol_and_not_each_other() {
    let dir = crates().join("remote/src");
    for (one, others) in [("away", &["server"][..]), ("server", &["away"]), ("protocol", &["away", "server"])]
    {
        for (path, source) in whole(&dir, one) {
            let reached = reached(&source, "crate");
            assert!(others.iter().all(|other| !reached.contains(*other)), "{}", path.display());
        }
    }
}

#[test]
fn a_step_calls_only_steps_below_it() {
    for name in ["flow/src", "runner/src", "remote/src"] {
        let dir = crates().join(name);
        let steps = modules(&fs::read_to_string(dir.join("lib.rs")).unwrap());
        assert!(steps.len() > 3);
        for (place, step) in steps.iter().enumerate() {
            for (path, source) in whole(&dir, step) {
                calls_none(&path, &reached(&source, "crate"), &steps[..place]);
            }
            let parts = modules(&fs::read_to_string(dir.join(format!("{step}.rs"))).unwrap());
            for (place, part) in parts.iter().enumerate() {
                for (path, source) in whole(&dir.join(step), part) {
                    let own = reached(&source, &format!("crate::{step}"));
                    calls_none(&path, &own, &parts[..place]);
                    if path.parent() == Some(&dir.join(step)) {
                        calls_none(&path, &reached(&source, "super"), &parts[..place]);
                    }
                }
            }
        }
    }
}

fn calls_none(path: &Path, reached: &BTreeSet<String>, above: &[String]) {
    for one in above {
        assert!(!reached.contains(one), "{} calls {one}, which stands above it", path.display());
    }
}

#[test]
fn pages_and_api_do_not_see_each_other() {
    let dir = crates().join("web/src");
    for (one, other) in [("pages", "api"), ("api", "pages")] {
        let own = whole(&dir, one);
        assert!(own.len() > 5);
        for (path, source) in own {
            assert!(!reached(&code(&source), "crate").contains(other), "{} sees {other}", path.display());
        }
    }
}

#[test]
fn every_file_says_where_it_stands() {
    for (path, source) in sources(&crates()) {
        if path.components().any(|part| part.as_os_str() == "target") {
            continue;
        }
        assert!(source.starts_with("//!"), "{} opens without a doc comment", path.display());
        let lines = without_tests(&source).lines().count();
        assert!(lines <= 400, "{} has more than 400 lines", path.display());
    }
}
