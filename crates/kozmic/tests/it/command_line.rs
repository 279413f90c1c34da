//! The program's version, for which it needs no settings.

use anyhow::{Context, Result, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Runs the program with none of a server's settings, and one that no server would take.
fn kozmic(arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kozmic"));
    command.args(arguments).env_clear().env("KOZMIC_LISTEN", "nowhere");
    command.output().context("run kozmic")
}

fn printed(arguments: &[&str]) -> Result<String> {
    let output = kozmic(arguments)?;
    ensure!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn the_version_names_the_commit() -> Result<()> {
    let built_from = env!("BUILT_FROM");
    for option in ["--version", "-V"] {
        let version = printed(&[option])?;
        assert_eq!(version, format!("kozmic {} ({built_from})\n", env!("CARGO_PKG_VERSION")));
    }
    Ok(())
}

/// The build script, as a program that can be run for other sources.
struct BuildScript {
    dir: tempfile::TempDir,
}

impl BuildScript {
    fn compiled() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/build.rs");
        let mut rustc = Command::new("rustc");
        rustc.args(["--edition", "2024", "-o"]).arg(dir.path().join("build")).arg(source);
        ensure!(rustc.status()?.success(), "rustc compiles {source}");
        Ok(Self { dir })
    }

    /// Sources of a package in a directory of this name.
    fn sources(&self, name: &str) -> Result<PathBuf> {
        let root = self.dir.path().join(name);
        fs::create_dir_all(root.join("crates/kozmic"))?;
        Ok(root)
    }

    /// All that it tells Cargo about these sources.
    fn tells(&self, root: &Path, told: Option<(&str, &str)>) -> Result<String> {
        let mut command = Command::new(self.dir.path().join("build"));
        command.env("CARGO_MANIFEST_DIR", root.join("crates/kozmic"));
        for variable in ["BUILT_FROM_COMMIT", "BUILT_FROM_DATE", "GIT_DIR", "GIT_WORK_TREE"] {
            command.env_remove(variable);
        }
        if let Some((commit, date)) = told {
            command.env("BUILT_FROM_COMMIT", commit).env("BUILT_FROM_DATE", date);
        }
        Ok(String::from_utf8(command.output()?.stdout)?)
    }
}

/// A repository with a commit late in the evening, west of Greenwich.
fn commit(root: &Path) -> Result<String> {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        let date = "2026-11-28T23:30:00-0500";
        command.arg("-C").arg(root).args(["-c", "user.name=Anna", "-c", "user.email=anna@example.org"]);
        let output =
            command.args(arguments).env("GIT_AUTHOR_DATE", date).env("GIT_COMMITTER_DATE", date).output()?;
        ensure!(output.status.success(), "git {arguments:?}: {output:?}");
        Ok(String::from_utf8(output.stdout)?)
    };
    git(&["init", "--quiet"])?;
    git(&["commit", "--quiet", "--allow-empty", "--message", "Begin"])?;
    Ok(git(&["rev-parse", "HEAD"])?.trim().to_owned())
}

#[test]
fn a_build_knows_its_commit_from_git_or_from_whoever_builds() -> Result<()> {
    let script = BuildScript::compiled()?;
    let checkout = script.sources("checkout")?;
    let head = commit(&checkout)?;
    let tells = script.tells(&checkout, None)?;
    assert!(tells.contains(&format!("rustc-env=BUILT_FROM={} 2026-11-29\n", &head[..7])), "{tells}");
    assert!(tells.contains("/.git/logs/HEAD\n"), "Cargo asks again when HEAD moves: {tells}");
    let told = script.tells(&checkout, Some(("0123456789abcdef", "2026-01-02")))?;
    assert!(told.contains("rustc-env=BUILT_FROM=0123456 2026-01-02\n"), "{told}");
    Ok(())
}

#[test]
fn a_build_of_an_unpacked_archive_takes_no_other_repositorys_commit() -> Result<()> {
    let script = BuildScript::compiled()?;
    let outer = script.sources("outer")?;
    commit(&outer)?;
    let archive = script.sources("outer/archive")?;
    let tells = script.tells(&archive, None)?;
    assert!(tells.contains("rustc-env=BUILT_FROM=commit unknown\n"), "{tells}");
    Ok(())
}

#[test]
fn a_commit_that_is_told_wrongly_ends_the_build_with_the_right_form() -> Result<()> {
    let script = BuildScript::compiled()?;
    let root = script.sources("sources")?;
    for told in [
        ("main", "2026-01-02"),
        ("0123456", "yesterday"),
        ("0123456\ncargo::x", "2026-01-02"),
        ("é123456", "2026-01-02"),
    ] {
        let tells = script.tells(&root, Some(told))?;
        assert!(tells.contains("cargo::error=") && tells.contains("as in 2026-11-28"), "{told:?}: {tells}");
        assert!(!tells.contains("\ncargo::x"), "{tells}");
    }
    Ok(())
}
