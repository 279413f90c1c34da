//! The sample repository: small, but its test prints colours and takes a little time to watch.

use anyhow::Result;

use crate::github::{Commit, GitHub, NewRepository};

/// The person of the demo.
pub(super) const LOGIN: &str = "anna";
/// Her name.
pub(super) const NAME: &str = "Anna Orbit";
/// Her repository.
pub(super) const REPOSITORY: &str = "anna/hello-kozmic";
/// Title of its hook.
pub(super) const TITLE: &str = "Tests";
/// Script of the hook.
pub(super) const SCRIPT: &str = "#!/bin/bash\nset -e\n./test.sh\n";
/// The message of the commit that is pushed.
pub(super) const MESSAGE: &str = "Say hello to the stars";
/// Text of the log when all tests have passed.
pub(super) const PASSED: &str = "All 4 tests passed";

const README: &str = "# Hello, Kozmic\n\nA sample for a first look: `test.sh` takes about two seconds.\n";
const TEST: &str = r#"#!/bin/bash
# The tests of a very small project, slow enough to be watched.
set -e
tests=0

step() { printf '\e[1;34m==>\e[0m \e[1m%s\e[0m\n' "$1"; }

check() {
  sleep 0.4
  "${@:2}" || { printf '  \e[31m✗ %s\e[0m\n' "$1"; exit 1; }
  printf '  \e[32m✓\e[0m %s\n' "$1"
  tests=$((tests + 1))
}

step "Preparing"
printf 'bash %s on %s\n' "$BASH_VERSION" "$(uname -sm)"
sleep 0.3

step "Testing"
check "the greeting is there" test -s greeting.txt
check "it says hello" grep -qi hello greeting.txt
check "it is polite" grep -qv '!!!' greeting.txt
check "the README has a title" grep -q '^# ' README.md

printf '\e[1;32mAll %d tests passed\e[0m\n' "$tests"
"#;

/// Adds Anna and her repository. Its first commit is not built.
pub(super) async fn prepare(github: &GitHub) -> Result<()> {
    github.add_user(LOGIN, NAME, "anna@example.com");
    github.add_repository(NewRepository::public(REPOSITORY))?;
    let files = [("README.md", README), ("test.sh", TEST), ("greeting.txt", "Hello\n")];
    github.commit(REPOSITORY, "main", Commit::new("Begin").files(&files)).await?;
    github.push_silently(REPOSITORY, "main").await
}

/// The commit that the demo pushes.
pub(super) fn change() -> Commit {
    Commit::new(MESSAGE).file("greeting.txt", "Hello, stars\n")
}
