//! Checks that the names of files tell if only tests compile them.

use super::{FOR_TESTS, crates, sources};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The modules with files of their own that a source declares for tests only.
fn for_tests(source: &str) -> Vec<&str> {
    let lines = source.lines().map(str::trim).collect::<Vec<_>>();
    let declared = lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]").filter_map(|pair| {
        let words = pair[1].strip_suffix(';')?;
        let (before, name) = words.rsplit_once("mod ")?;
        (before.is_empty() || before.starts_with("pub")).then_some(name)
    });
    declared.collect()
}

fn is_in_tests(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests")
}

#[test]
fn files_that_only_tests_compile_are_called_so() {
    let mut odd = Vec::<(PathBuf, String)>::new();
    for entry in fs::read_dir(crates()).expect("the crates are there").flatten() {
        let dir = entry.path().join("src");
        let all = if dir.exists() { sources(&dir) } else { Vec::new() };
        for (path, source) in all.iter().filter(|(path, _)| !is_in_tests(path.strip_prefix(&dir).unwrap())) {
            let names = for_tests(source).into_iter().filter(|name| !FOR_TESTS.contains(name));
            odd.extend(names.map(|name| (path.clone(), name.to_owned())));
        }
    }
    assert!(odd.is_empty(), "move them into a folder called tests: {odd:?}");
}

#[test]
fn a_declaration_for_tests_is_seen() {
    let source =
        "#[cfg(test)]\nmod odd;\n#[cfg(test)]\npub(crate) mod samples;\nmod code;\n#[cfg(test)]\nmod tests {";
    assert_eq!(for_tests(source), ["odd", "samples"]);
    assert!(for_tests("#[cfg(test)]\nuse fields::KEYS;\n#[cfg(test)]\nfn mod_of() {}").is_empty());
}
