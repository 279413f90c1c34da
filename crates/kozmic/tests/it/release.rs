//! Refusals of the release script, which come before anything is fetched or compiled; and licences, which are all
//! known.

use anyhow::{Context, Result, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// A checkout of the scripts, with a version and a changelog of its own.
struct Checkout {
    dir: TempDir,
}

impl Checkout {
    fn new() -> Result<Self> {
        let checkout = Self { dir: tempfile::tempdir()? };
        let scripts = repository().join("script");
        let copied = Command::new("cp").arg("-R").arg(scripts).arg(checkout.path("script")).status()?;
        ensure!(copied.success(), "cp: {copied}");
        fs::write(checkout.path("Cargo.toml"), "[workspace.package]\nversion = \"0.3.0\"\n")?;
        fs::write(checkout.path("CHANGELOG.md"), "# Changelog\n\n## 0.2.0\n")?;
        fs::write(checkout.path(".gitignore"), "/target\n")?;
        Ok(checkout)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn git(&self, arguments: &[&str]) -> Result<()> {
        let mut git = Command::new("git");
        git.arg("-C").arg(self.dir.path()).args([
            "-c",
            "user.name=Anna",
            "-c",
            "user.email=anna@example.org",
        ]);
        let output = git.args(arguments).output()?;
        ensure!(output.status.success(), "git {arguments:?}: {output:?}");
        Ok(())
    }

    fn committed() -> Result<Self> {
        let checkout = Self::new()?;
        checkout.git(&["init", "--quiet"])?;
        checkout.git(&["add", "--all"])?;
        checkout.git(&["commit", "--quiet", "--message", "Begin"])?;
        Ok(checkout)
    }

    /// The script's last words, when it refuses these arguments.
    fn refusal(&self, arguments: &[&str]) -> Result<String> {
        let mut release = Command::new(self.path("script/release"));
        release.args(arguments).env_remove("CARGO_TARGET_DIR").env_remove("RELEASE_KEY");
        let output = release.output()?;
        ensure!(output.status.code() == Some(1), "{arguments:?}: {output:?}");
        ensure!(!self.path("target/release-files").exists(), "{arguments:?} made something");
        Ok(String::from_utf8(output.stderr)?)
    }
}

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn a_release_is_made_of_a_commit_and_of_nothing_beside_it() -> Result<()> {
    let words = Checkout::new()?.refusal(&[])?;
    assert!(words.starts_with("release: this is no checkout of git"), "{words}");
    let checkout = Checkout::committed()?;
    fs::write(checkout.path("left over.txt"), "")?;
    let words = checkout.refusal(&[])?;
    assert!(words.contains("changes that are not committed") && words.contains("left over.txt"), "{words}");
    Ok(())
}

#[test]
fn a_tag_a_version_and_the_changelog_say_the_same() -> Result<()> {
    let checkout = Checkout::committed()?;
    checkout.git(&["tag", "v0.4.0"])?;
    let words = checkout.refusal(&[])?;
    assert!(words.contains("the tag is v0.4.0, and the version in Cargo.toml is 0.3.0"), "{words}");
    checkout.git(&["tag", "--delete", "v0.4.0"])?;
    checkout.git(&["tag", "v0.3.0"])?;
    let words = checkout.refusal(&[])?;
    assert!(words.contains("CHANGELOG.md has no section for 0.3.0"), "{words}");
    Ok(())
}

#[test]
fn arguments_that_a_release_does_not_know_are_refused_with_those_that_it_knows() -> Result<()> {
    let checkout = Checkout::committed()?;
    for (arguments, right) in [
        (
            &["--target", "sparc-sun-solaris"][..],
            "there are x86_64-unknown-linux-gnu x86_64-unknown-linux-musl",
        ),
        (&["--target", "aarch64-unknown-linux-musl"], "name a target of this machine, too"),
        (&["--target"], "--target wants something after it"),
        (&["--sing"], "there is no option --sing: script/release --help"),
        (&["--key", "nowhere"], "the key nowhere is not there"),
        (&["here", "there"], "one directory is enough"),
    ] {
        let is_here = arguments.last().is_some_and(|target| target.starts_with(std::env::consts::ARCH));
        if !is_here {
            let words = checkout.refusal(arguments)?;
            assert!(words.contains(right), "{arguments:?}: {words}");
        }
    }
    Ok(())
}

#[test]
fn each_crate_of_the_program_brings_or_names_its_licence() -> Result<()> {
    let mut licences = Command::new("python3");
    licences
        .arg("script/lib/licences.py")
        .args(["kozmic", "x86_64-unknown-linux-gnu"])
        .current_dir(repository());
    let output = licences.output().context("run python3")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    assert!(
        text.contains("\n  anyhow 1.") && text.contains("\n  ring 0."),
        "{}",
        &text[..text.len().min(500)]
    );
    assert!(
        !text.contains("\n  proptest ") && !text.contains("\n  kozmic-testkit "),
        "the program alone is meant"
    );
    let named = text.lines().filter(|line| line.starts_with("  ") && line.contains(": ")).count();
    assert!(named > 100 && text.contains("Permission is hereby granted"), "{named}");
    Ok(())
}

#[test]
fn nothing_is_signed_that_did_not_come_whole() -> Result<()> {
    let checkout = Checkout::committed()?;
    let files = tempfile::tempdir()?;
    let path = files.path().display().to_string();
    fs::write(files.path().join("key"), "")?;
    let key = files.path().join("key").display().to_string();
    let words = checkout.refusal(&["--sign", &path])?;
    assert!(words.contains("--sign wants a key"), "{words}");
    let words = checkout.refusal(&["--sign", "--key", &key, &path])?;
    assert!(words.contains("has no SHA256SUMS"), "{words}");
    fs::write(files.path().join("SHA256SUMS"), format!("{}  key\n", "0".repeat(64)))?;
    let words = checkout.refusal(&["--sign", "--key", &key, &path])?;
    assert!(words.contains("the files are not those that were made"), "{words}");
    Ok(())
}
