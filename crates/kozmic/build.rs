//! Tells the program from which commit it is made: `BUILT_FROM`, as `kozmic --version` shows it.
//!
//! `BUILT_FROM_COMMIT` and `BUILT_FROM_DATE` give it from outside, for sources without git's directory. They lack the
//! prefix `KOZMIC_`, because all variables with that are settings of the server.

use std::{env, path::Path, process::Command};

/// Number of digits of the commit that are shown. Git's own number differs from clone to clone.
const DIGITS: usize = 7;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=BUILT_FROM_COMMIT");
    println!("cargo::rerun-if-env-changed=BUILT_FROM_DATE");
    let told = told("BUILT_FROM_COMMIT").zip(told("BUILT_FROM_DATE"));
    let known = match told {
        Some((commit, date)) if is_commit(&commit) && is_date(&date) => Some((commit, date)),
        Some((commit, date)) => {
            println!(
                "cargo::error=BUILT_FROM_COMMIT is {commit:?} and BUILT_FROM_DATE is {date:?}: they have to be a commit's \
                 hexadecimal digits, {DIGITS} at least, and a day, as in 2026-11-28"
            );
            None
        }
        None => of_checkout(),
    };
    let built_from = match known {
        Some((commit, date)) => format!("{} {date}", &commit[..DIGITS]),
        None => "commit unknown".to_owned(),
    };
    println!("cargo::rustc-env=BUILT_FROM={built_from}");
}

fn told(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|text| !text.is_empty())
}

fn is_commit(text: &str) -> bool {
    text.len() >= DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// The commit and its day in UTC. None in an unpacked archive, even inside another repository's checkout.
fn of_checkout() -> Option<(String, String)> {
    let root = Path::new(&env::var_os("CARGO_MANIFEST_DIR")?).join("../..").canonicalize().ok()?;
    let top = git(&root, &["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != root {
        return None;
    }
    rerun_when_head_moves(&root);
    let shown =
        git(&root, &["show", "--no-patch", "--date=format-local:%Y-%m-%d", "--format=%H %cd", "HEAD"])?;
    let (commit, date) = shown.split_once(' ')?;
    Some((commit.to_owned(), date.to_owned()))
}

/// Builds again when HEAD moves. Git writes the log of HEAD exactly then. If git keeps no such log, its other files are
/// watched.
fn rerun_when_head_moves(root: &Path) {
    let path = |name| git(root, &["rev-parse", "--git-path", name]).map(|path| root.join(path));
    let log = path("logs/HEAD").filter(|log| log.exists());
    let watched = log.map_or_else(|| vec![path("HEAD"), path("packed-refs")], |log| vec![Some(log)]);
    for file in watched.into_iter().flatten().filter(|file| file.exists()) {
        println!("cargo::rerun-if-changed={}", file.display());
    }
}

/// The only line of git's output.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").current_dir(root).env("TZ", "UTC").args(arguments).output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?.trim_end().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}
