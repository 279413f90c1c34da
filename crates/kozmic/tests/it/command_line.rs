//! The program's version, completions and manual pages. None of them needs settings.

use anyhow::{Context, Result, ensure};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
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

/// Commands that a help text lists.
fn commands_in(help: &str) -> Vec<&str> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed.take_while(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").collect()
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

#[test]
fn each_command_has_a_manual_page_for_everybody() -> Result<()> {
    let above = tempfile::tempdir()?;
    let dir = above.path().join("share/man1");
    printed(&["man", dir.to_str().context("a path in UTF-8")?])?;
    let mut pages = vec!["kozmic.1".to_owned()];
    let help = printed(&["--help"])?;
    for command in commands_in(&help) {
        pages.push(format!("kozmic-{command}.1"));
        let help = printed(&[command, "--help"])?;
        pages.extend(commands_in(&help).iter().map(|below| format!("kozmic-{command}-{below}.1")));
    }
    let mut found = Vec::new();
    for file in fs::read_dir(&dir)? {
        let file = file?;
        assert_eq!(file.metadata()?.permissions().mode() & 0o777, 0o644, "{file:?}");
        found.push(file.file_name().to_string_lossy().into_owned());
    }
    pages.sort();
    found.sort();
    assert_eq!(found, pages);
    let page = fs::read_to_string(dir.join("kozmic-recipes-check.1"))?;
    assert!(page.contains("\\fBkozmic recipes check\\fR") && page.contains("needs no server"), "{page}");
    let page = fs::read_to_string(dir.join("kozmic.1"))?;
    assert_eq!(page, printed(&["man"])?);
    assert!(page.contains(".SH \"EXIT STATUS\"") && page.contains("kozmic\\-serve(1)"), "{page}");
    Ok(())
}

#[test]
fn manual_pages_that_cannot_be_written_are_an_error_with_their_place() -> Result<()> {
    let output = kozmic(&["man", "/dev/null/pages"])?;
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(words.starts_with("kozmic: write manual pages to /dev/null/pages: "), "{words}");
    Ok(())
}

#[test]
fn the_completions_of_bash_complete_commands() -> Result<()> {
    let script = printed(&["completions", "bash"])?;
    let ask =
        "COMP_WORDS=(kozmic recipes c); COMP_CWORD=2; _kozmic kozmic c recipes; echo \"${COMPREPLY[@]}\"";
    let output = Command::new("bash").args(["-c", &format!("{script}\n{ask}")]).output()?;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "check\n", "{output:?}");
    for (shell, word) in [("zsh", "#compdef kozmic"), ("fish", "complete -c kozmic")] {
        assert!(printed(&["completions", shell])?.contains(word), "{shell}");
    }
    assert_eq!(kozmic(&["completions", "csh"])?.status.code(), Some(2));
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
