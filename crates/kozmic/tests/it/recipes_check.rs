//! `kozmic recipes check` tells the faults of a working copy of the configuration repository without a server.

use anyhow::{Context, Result};
use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::Path,
    process::{Command, Output},
};
use tempfile::TempDir;

/// As the documents have it.
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
";

/// It relies on the default of `archives`.
const SHORT: &str = "buildscripts: [make.sh]\nmake.sh: {artifact: result.tar.gz}\n";

fn working_copy(files: &[(&str, &str)]) -> Result<TempDir> {
    let dir = tempfile::tempdir()?;
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().context("a file stands in a directory")?)?;
        fs::write(path, text)?;
    }
    Ok(dir)
}

/// Runs the program in a directory, with none of a server's settings.
fn kozmic(within: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kozmic"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KOZMIC_")) {
        command.env_remove(name);
    }
    let environment = environment.iter().copied();
    Ok(command.args(["recipes", "check"]).args(arguments).envs(environment).current_dir(within).output()?)
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn good_recipes_are_listed_and_the_exit_code_is_0() -> Result<()> {
    let copy = working_copy(&[
        ("zero-os/0-core/feature/x.yaml", GOOD),
        ("zero-os/0-core/main.yaml", GOOD),
        ("zero-os/0-fs/main.yaml", GOOD),
        ("README.md", "# Recipes\n"),
        (".github/workflows/check.yaml", "on: push\n"),
    ])?;
    let output = kozmic(copy.path(), &["."], &[])?;
    assert_eq!(
        lines(&output),
        [
            "ok  zero-os/0-core/feature/x.yaml  → zero-os/0-core feature/x (2 scripts)",
            "ok  zero-os/0-core/main.yaml       → zero-os/0-core main (2 scripts)",
            "ok  zero-os/0-fs/main.yaml         → zero-os/0-fs main (2 scripts)",
            "3 branches of 2 repositories, no faults",
        ]
    );
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    Ok(())
}

#[test]
fn names_that_no_server_reads_or_no_eye_sees_are_told_as_they_are() -> Result<()> {
    let copy = working_copy(&[("zero-os/0-core/a\u{202e}b.yaml", GOOD)])?;
    let name = OsStr::from_bytes(b"zero-os/0-core/\xff.yaml");
    fs::write(copy.path().join(name), GOOD)?;
    let output = kozmic(copy.path(), &["."], &[])?;
    assert_eq!(
        lines(&output),
        [
            "--  zero-os/0-core/\u{fffd}.yaml is not called by a name in UTF-8, and passed over",
            r"ok  zero-os/0-core/a\u{202e}b.yaml  → zero-os/0-core a\u{202e}b (2 scripts)",
            "1 branch of 1 repository, no faults",
        ]
    );
    Ok(())
}

#[test]
fn each_fault_is_told_with_its_place_and_the_exit_code_is_1() -> Result<()> {
    let bad = GOOD.replace("  artifact: result.tar.gz\n  baseimage", "  artefact: ../result\n  baseimage");
    let copy = working_copy(&[
        ("zero-os/0-core/main.yaml", GOOD),
        ("zero-os/0-fs/main.yaml", &bad),
        ("zero-os/0-fs/next.yaml", "buildscripts: [\n"),
        ("zero-os/0-fs/old.yml", GOOD),
        ("zero-os/submodule/.git", "gitdir: ../../.git/modules/submodule\n"),
        ("zero-os/submodule/main.yaml", GOOD),
    ])?;
    symlink("main.yaml", copy.path().join("zero-os/0-core/linked.yaml"))?;
    let output = kozmic(Path::new("/"), &[&copy.path().display().to_string()], &[])?;
    assert_eq!(
        lines(&output),
        [
            "--  zero-os/0-core/linked.yaml is a symbolic link, and passed over",
            "--  zero-os/submodule is a repository of its own, and passed over",
            "ok  zero-os/0-core/main.yaml  → zero-os/0-core main (2 scripts)",
            "zero-os/0-fs/main.yaml:7:1: `autobuild/flist-2.sh` lacks `artifact`: what it leaves in `archives`.",
            "zero-os/0-fs/main.yaml:9:3: There is no key `artefact`; did you mean `artifact`?",
            "zero-os/0-fs/next.yaml:1:15: This cannot be read as YAML: unclosed bracket '['.",
            "zero-os/0-fs/old.yml:1:1: The file is named .yml: rename it to .yaml, or it is no recipe.",
            "1 branch of 1 repository, 4 faults in 3 files",
        ]
    );
    assert_eq!(output.status.code(), Some(1));
    Ok(())
}

#[test]
fn defaults_come_from_options_the_environment_or_the_settings_file() -> Result<()> {
    let copy = working_copy(&[("zero-os/0-fs/main.yaml", SHORT)])?;
    let without = kozmic(copy.path(), &["."], &[])?;
    assert_eq!(without.status.code(), Some(1));
    assert!(lines(&without)[0].contains("`make.sh` lacks `archives`"), "{without:?}");
    let variable = [("KOZMIC_AUTOBUILD_DEFAULT_ARCHIVES", "/tmp/archives")];
    assert!(kozmic(copy.path(), &["."], &variable)?.status.success());
    assert!(kozmic(copy.path(), &[".", "--archives", "/tmp/archives"], &[])?.status.success());
    fs::write(copy.path().join("kozmic.toml"), "autobuild_default_archives = \"/tmp/archives\"\n")?;
    assert!(kozmic(copy.path(), &["."], &[])?.status.success());
    let wrong = kozmic(copy.path(), &["."], &[("KOZMIC_AUTOBUILD_DEFAULT_ARCHIVES", "archives")])?;
    assert!(lines(&wrong)[0].contains("\"archives\" is not absolute"), "{wrong:?}");
    Ok(())
}

#[test]
fn what_cannot_be_read_is_exit_code_2() -> Result<()> {
    let copy = working_copy(&[("zero-os/0-fs/main.yaml", GOOD), ("kozmic.toml", "a = \n")])?;
    let broken = kozmic(copy.path(), &["."], &[])?;
    assert_eq!(broken.status.code(), Some(2));
    let words = String::from_utf8_lossy(&broken.stderr).into_owned();
    assert!(words.starts_with("kozmic: kozmic.toml, line 1, column "), "{words}");
    let away = kozmic(Path::new("/"), &["/nowhere/recipes"], &[])?;
    assert_eq!(away.status.code(), Some(2));
    let words = String::from_utf8_lossy(&away.stderr).into_owned();
    assert!(words.starts_with("kozmic: cannot read /nowhere/recipes: No such file"), "{words}");
    let image = [("KOZMIC_AUTOBUILD_DEFAULT_BASEIMAGE", "Ubuntu 16")];
    let wrong = kozmic(Path::new("/"), &[&copy.path().display().to_string()], &image)?;
    assert_eq!(wrong.status.code(), Some(2));
    Ok(())
}

#[test]
fn an_empty_directory_says_how_recipes_are_called() -> Result<()> {
    let copy = working_copy(&[("README.md", "# Recipes\n")])?;
    let output = kozmic(copy.path(), &["."], &[])?;
    assert_eq!(lines(&output), ["No recipes: no file is called <owner>/<repository>/<branch>.yaml."]);
    assert!(output.status.success());
    Ok(())
}

#[test]
fn directories_that_are_too_deep_are_named_and_passed_over() -> Result<()> {
    let copy = working_copy(&[("zero-os/0-core/main.yaml", GOOD)])?;
    // Deeper than a name of a file may be long at once.
    fs::create_dir_all(copy.path().join("d/".repeat(1_000)))?;
    let output = kozmic(copy.path(), &["."], &[])?;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let deep = lines(&output).into_iter().filter(|line| line.contains("too deep for a recipe")).count();
    assert_eq!(deep, 1, "{output:?}");
    Ok(())
}
