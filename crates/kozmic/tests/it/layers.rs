//! The straight line of the crates and the order inside them, kept by reading the sources.

use std::{
    fs,
    path::{Path, PathBuf},
};

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
    let declarations =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ").or(line.strip_prefix("mod ")));
    declarations.map(|line| line.trim_end_matches(';').to_owned()).collect()
}

/// Whether the code (not its comments) speaks of another module of its crate.
fn uses(source: &str, module: &str) -> bool {
    if !source.contains(module) {
        return false;
    }
    let grouped = source.replace("use crate::{", "use crate::{,").replace(['\n', ' '], "");
    let direct = format!("crate::{module}::");
    let in_group = grouped.match_indices("usecrate::{").any(|(start, _)| {
        let group = &grouped[start..];
        let end = group.find("};").unwrap_or(group.len());
        group[..end].contains(&format!(",{module}::"))
            || group[..end].contains(&format!(",{module},"))
            || group[..end].ends_with(&format!(",{module}"))
    });
    source.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(&direct)) || in_group
}

#[test]
fn a_crate_uses_only_crates_before_it() {
    let line = ["kozmic-model", "kozmic-edges", "kozmic-import", "kozmic-flow", "kozmic-web", "kozmic"];
    for (place, name) in line.iter().enumerate() {
        let dir = name.strip_prefix("kozmic-").unwrap_or(name);
        let manifest = fs::read_to_string(crates().join(dir).join("Cargo.toml")).unwrap();
        let (manifest, _for_tests) = manifest.split_once("[dev-dependencies]").unwrap_or((&manifest, ""));
        for later in &line[place + 1..] {
            assert!(!manifest.contains(&format!("\n{later}.workspace")), "{name} uses {later}");
        }
        for double in ["kozmic-testkit", "kozmic-scripted"] {
            assert!(!manifest.contains(double), "{name} ships {double}");
        }
    }
}

#[test]
fn only_the_program_knows_the_takeover() {
    for name in ["model", "edges", "flow", "web"] {
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

#[test]
fn no_edge_sees_a_sibling() {
    let folders = ["forge", "store", "broker", "engine", "logs", "git", "notifier", "publisher"];
    for folder in folders {
        for (path, source) in sources(&crates().join("edges/src").join(folder)) {
            for sibling in folders.iter().filter(|sibling| **sibling != folder) {
                assert!(!uses(&source, sibling), "{} sees {sibling}", path.display());
            }
        }
    }
}

#[test]
fn a_step_calls_only_steps_below_it() {
    let dir = crates().join("flow/src");
    let steps = modules(&fs::read_to_string(dir.join("lib.rs")).unwrap());
    assert!(steps.len() > 5);
    for (place, step) in steps.iter().enumerate() {
        for (path, source) in whole(&dir, step) {
            for above in &steps[..place] {
                assert!(!uses(&source, above), "{} calls {above}, which stands above it", path.display());
            }
        }
    }
}

#[test]
fn pages_and_api_do_not_see_each_other() {
    let dir = crates().join("web/src");
    for (one, other) in [("pages", "api"), ("api", "pages")] {
        let own = whole(&dir, one);
        assert!(own.len() > 5);
        for (path, source) in own {
            let code = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            assert!(!uses(code, other), "{} sees {other}", path.display());
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
        let code = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        assert!(code.lines().count() <= 400, "{} has more than 400 lines", path.display());
    }
}
