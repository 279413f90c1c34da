//! A repository with everything that repositories may have but few do, and the questions about it.

use anyhow::{Result, ensure};
use std::path::Path;

/// Makes the repository in `source` and pushes all of it to `$1`.
pub const AWKWARD: &str = r#"
set -e
git init -q -b main source; cd source
git config user.name A; git config user.email a@example.com; git remote add origin "$1"
commit() { git add -A; git commit -q --allow-empty -m "$1"; }
echo one > plain; echo '#!/bin/sh' > run.sh; chmod +x run.sh; : > empty
ln -s plain link; ln -s /nowhere/at/all dangling; mkdir -p dir/below; echo deep > dir/below/file; ln -s dir to-dir
mkdir -p dir.d; echo x > dir.d/file; echo x > dir-d; echo x > 'dir d'
printf 'raw\n' > $'caf\xe9'; echo n > $'new\nline'; echo q > 'quo"ted '"'"'x'; echo u > 'ünï'; echo s > '-dash'
echo lower > case; echo upper > CASE
printf 'a\nb\n' > dos.txt; printf 'a\nb\n' > unix.txt; printf '$Id$\n' > stamped; echo secret > unexported
printf '*.txt text\ndos.txt eol=crlf\nstamped ident\nunexported export-ignore\n*.lfs filter=lfs\nbinary.bin binary\n' > .gitattributes
echo pointer > a.lfs; printf 'ignored\n*.tmp\n/build/\n' > .gitignore; head -c 6000000 /dev/urandom > binary.bin
long=$(printf 'd%.0s' {1..120}); mkdir -p "$long/$long"; echo deep > "$long/$long/$long"
mkdir many; for number in {1..1500}; do echo $number > many/$number; done; printf '$Format:%%H$\n' > subst
printf 'w\0i\0d\0e\0\n\0' > wide.text16; printf '[attr]odd -diff\nsubst export-subst odd\n' >> .gitattributes
printf '*.text16 text working-tree-encoding=UTF-16LE\n' >> .gitattributes
commit Begin
git update-index --add --cacheinfo "160000,$(git rev-parse HEAD),module"; mkdir -p module
printf '[submodule "module"]\n\tpath = module\n\turl = ../module\n' > .gitmodules; git add .gitmodules
git commit -q -m 'A module'
git tag light; git tag -a -m Annotated v1.0; git tag -a -m Nested nested v1.0; git tag -a -m deep name/with/parts
signature=$'-----BEGIN PGP SIGNATURE-----\n\nnone\n-----END PGP SIGNATURE-----'; by='A <a@example.com> 1700000000 +0000'
sign() { printf 'object %s\ntype commit\ntag signed\ntagger %s\n\nSigned\n%s\n' "$(git rev-parse HEAD)" "$by" "$signature"; }
git update-ref refs/tags/signed "$(sign | git mktag)"
git tag blob "$(git rev-parse HEAD:plain)"; git tag tree "$(git rev-parse 'HEAD^{tree}')"; git tag -a -m x blobtag blob
for number in 1 2 3 4 5; do echo $number >> plain; commit "Number $number"; done
git checkout -q -b side HEAD~2; echo side > side; commit Side; git tag off-side; git checkout -q main
git merge -q --no-ff -m Merge side; git checkout -q -b octopus HEAD~1; echo o > o; commit Octopus; git checkout -q main
git checkout -q -b feature/deep; echo f > feature; commit Feature; git checkout -q main; git branch develop HEAD~3
git checkout -q --orphan pages; git rm -rqf .; echo p > page; commit Pages; git checkout -q main
git branch v1.0 side; git tag main-tag main; git notes add -m Noted HEAD; git replace HEAD~1 HEAD~2
git checkout -q -b dropped; echo s3cret > dropped; commit Dropped; git tag -a -m moving moving; git checkout -q main
git -c protocol.version=2 push -q --force origin 'refs/heads/*' 'refs/tags/*' 'refs/notes/*' 'refs/replace/*'
git tag -f -a -m moved moving HEAD~2; git push -q -f origin moving; git push -q origin :dropped :light
git repack -adq; git pack-refs --all
"#;

/// One more commit on the branch `$1`.
pub const GROWN: &str = r#"
set -e; cd source; git checkout -q -f "$1"; date +%N > grown; git add grown; git commit -q -m "Grown $1"
git push -q origin "refs/heads/$1"
"#;

/// Asks a repository for all that it has to say of itself. Facts that depend on the place, such as times, are left out.
pub const ASK: &str = r#"
export LC_ALL=C
ask() { echo "-- $*"; "$@" 2>&1 | sed 's/^/   /'; echo "   returned ${PIPESTATUS[0]}"; }
echo; echo '== begin'
ask git diff-files --name-status; ask git diff-index --name-status HEAD; ask git diff-index --cached HEAD
ask git status --porcelain=v2 --branch --ignored; ask git status --short --branch; ask git diff --exit-code
ask git describe --tags --always --dirty; ask git describe --all --always; ask git describe --dirty --broken
ask git for-each-ref --format='%(refname) %(objectname) %(objecttype) %(symref) %(upstream) %(upstream:track)'
ask git show-ref --dereference; ask git branch --all --verbose --no-abbrev; ask git rev-parse --abbrev-ref HEAD origin/HEAD
ask git rev-parse --symbolic-full-name '@{upstream}'; ask git log --all --topo-order --format='%H %P %D %s'
ask git rev-list --count HEAD; ask git rev-list --all --count; ask git log --stat --format=%H -3
ask git diff --stat 'origin/HEAD...HEAD'; ask git merge-base origin/HEAD HEAD; ask git name-rev --name-only HEAD
ask git fsck --full --no-dangling --no-progress; ask git ls-files --stage --eol; ask git ls-files -v; ask git ls-files --others
ask git submodule status; ask git notes list; ask git replace --list; ask git stash list; ask git check-attr -a dos.txt
echo "-- objects"; git rev-list --objects --no-object-names --all | sort -u > /tmp/reachable.$$; sha256sum < /tmp/reachable.$$
git fsck --full --no-progress --unreachable 2>/dev/null | wc -l > /tmp/unreachable.$$
[ -e ../source ] || cat /tmp/unreachable.$$; [ -e ../source ] && echo 0; rm -f /tmp/reachable.$$ /tmp/unreachable.$$
ask git count-objects; ask ls .git; ask git config --local --list; ask git reflog --format='%H %gs'; ask git remote show -n origin
ask git ls-tree -r HEAD; ask git archive --format=tar HEAD -o /dev/null; ask git cat-file -t HEAD
echo '-- files'; find . -path ./.git -prune -o -printf '   %P %M %l' -type f -printf ' %s' -o -type d -printf ' ' | tr '\0' '?' | sort | sha256sum
find . -path ./.git -prune -o -printf '   %y %m %P -> %l\n' | sort
echo '-- times'; find . -newermt '1 minute'; find . ! -newermt '1 hour ago'
echo x >> plain; ask git status --porcelain; ask git stash; ask git status --porcelain; ask git stash pop --quiet; ask git diff --stat
ask git checkout --quiet -- plain; ask git worktree add --quiet ../tree HEAD; ask git -C ../tree status --porcelain
ask git worktree remove ../tree; ask git checkout --quiet -b feature/other; ask git checkout --quiet -
ask git -c user.name=A -c user.email=a@example.com commit --quiet --allow-empty -m More; ask git gc --quiet; ask git status --porcelain
echo '== end'
"#;

/// Runs a script in a directory, with arguments, and gives what it printed.
pub async fn bash(dir: &Path, script: &str, arguments: &[&str]) -> Result<String> {
    let mut command = tokio::process::Command::new("bash");
    command.args(["-c", &format!("umask 022\n{script}"), "bash"]).args(arguments).current_dir(dir);
    for (name, value) in
        [("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_ALLOW_PROTOCOL", "http")]
    {
        command.env(name, value);
    }
    let output = command.output().await?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}\n{words}", String::from_utf8_lossy(&output.stdout));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
