//! One fetch over HTTP or SSH: of the commit's ref with the default branch and the tags; if that fails, by the commit's
//! id.

use super::{
    Fetched, Git, GitError, GitRef, Wanted,
    refs::{self, FORGE_HEAD},
    repair,
    transport::{AtForge, Transport},
};
use std::path::Path;

/// Fetches the commit by its ref, else by its id, and also the default branch and the tags, as far as they are
/// available.
pub(super) async fn bring(
    transport: &Transport,
    mirror: &Path,
    wanted: &Wanted,
) -> Result<Fetched, GitError> {
    let git = Git::new(mirror);
    if !mirror.exists() {
        repair::make_whole(mirror, &wanted.default_branch).await?;
    }
    let by_ref = by_refs(transport, mirror, wanted).await;
    if is_at(mirror, wanted) || git.has_commit(&wanted.sha).await? {
        return Ok(by_ref.map_or_else(Fetched::Outdated, |()| Fetched::All));
    }
    match by_ref {
        Err(fault) if is_final(&fault) => Err(fault),
        by_ref => {
            // The ref has moved or is gone; many servers still give a commit by its id.
            let by_sha = transport.fetch(&wanted.url, &[wanted.sha.to_string()]).await;
            match git.has_commit(&wanted.sha).await? {
                true => Ok(by_ref.map_or_else(Fetched::Outdated, |()| Fetched::All)),
                false => Err(explain(wanted, by_ref, by_sha)),
            }
        }
    }
}

/// Fetches the commit's ref, the default branch and the tags, in one call for nearly every push.
async fn by_refs(transport: &Transport, mirror: &Path, wanted: &Wanted) -> Result<(), GitError> {
    let guess = refs::branch(mirror).unwrap_or_else(|| wanted.default_branch.clone());
    let own = wanted.remote_ref.clone();
    match fetch_over(transport, mirror, wanted, names(Some(&own), Some(&guess))).await {
        Ok(()) if is_default(mirror, &guess) => return Ok(()),
        Err(fault) if !tells_of_a_lack(&fault) => return Err(fault),
        _ => {}
    }
    let AtForge { default_branch, has_ref } = transport.look(&wanted.url, &own).await?;
    let own = Some(own).filter(|_| has_ref);
    fetch_over(transport, mirror, wanted, names(own.as_deref(), default_branch.as_deref())).await?;
    note_default(mirror, default_branch.as_deref()).await
}

/// The names of the refs to fetch.
fn names(own: Option<&str>, default: Option<&str>) -> Vec<String> {
    let default = default.into_iter().flat_map(|branch| [format!("refs/heads/{branch}"), "HEAD".to_owned()]);
    let mut names = own.into_iter().map(str::to_owned).chain(default).collect::<Vec<_>>();
    names.dedup();
    names
}

/// Fetches refs and all tags, and overwrites the mirror's ones.
async fn fetch_over(
    transport: &Transport,
    mirror: &Path,
    wanted: &Wanted,
    names: Vec<String>,
) -> Result<(), GitError> {
    let refspecs = names.iter().map(|name| refspec(wanted, name));
    let refspecs = refspecs.chain(["+refs/tags/*:refs/tags/*".to_owned()]).collect::<Vec<_>>();
    match transport.fetch(&wanted.url, &refspecs).await {
        Err(fault) if collides(&fault) => {
            forget_branches(mirror, &names).await?;
            transport.fetch(&wanted.url, &refspecs).await
        }
        fetched => fetched,
    }
}

/// HEAD is stored under its own name, so that it can be compared with the assumed default branch.
fn refspec(wanted: &Wanted, name: &str) -> String {
    match name {
        "HEAD" => format!("+HEAD:{FORGE_HEAD}"),
        name if name == wanted.remote_ref => format!("+{name}:{}", wanted.git_ref),
        name => format!("+{name}:{name}"),
    }
}

fn is_default(mirror: &Path, branch: &str) -> bool {
    let head = refs::loose(mirror, FORGE_HEAD);
    head.is_some() && head == refs::loose(mirror, &format!("refs/heads/{branch}"))
}

async fn note_default(mirror: &Path, branch: Option<&str>) -> Result<(), GitError> {
    match branch {
        Some(branch) => refs::note_branch(mirror, branch).map_err(GitError::io("fetch")),
        None => Git::new(mirror).run("update-ref", ["update-ref", "-d", FORGE_HEAD]).await.map(drop),
    }
}

/// True if a branch `a` of the mirror that the forge no longer has conflicts with a branch `a/b`.
fn collides(fault: &GitError) -> bool {
    matches!(fault, GitError::Failed { words, .. } if words.contains("cannot lock ref"))
}

/// Deletes the mirror's branches whose names share the first part with these. Their objects stay.
async fn forget_branches(mirror: &Path, names: &[String]) -> Result<(), GitError> {
    let git = Git::new(mirror);
    let branches = names.iter().filter_map(|name| name.strip_prefix("refs/heads/"));
    let families =
        branches.filter_map(|branch| branch.split('/').next()).map(|first| format!("refs/heads/{first}"));
    let list = ["for-each-ref".to_owned(), "--format=%(refname)".to_owned()];
    let found = git.run("for-each-ref", list.into_iter().chain(families)).await?;
    for name in found.lines() {
        git.run("update-ref", ["update-ref", "-d", name]).await?;
    }
    Ok(())
}

/// True if the wanted commit is in the mirror with all its objects: git shows a pack only when it is complete. A wanted
/// tag must also be there: its commit may have arrived earlier with a branch, and the build asks git for the tag's
/// name.
pub(super) async fn has(git: &Git, mirror: &Path, wanted: &Wanted) -> Result<bool, GitError> {
    if !mirror.exists() {
        return Ok(false);
    }
    match &wanted.git_ref {
        _ if is_at(mirror, wanted) => Ok(true),
        GitRef::Tag(_) => has_tag(git, wanted).await,
        GitRef::Branch(_) | GitRef::PullRequest(_) => git.has_commit(&wanted.sha).await,
    }
}

/// True if a wanted tag points to the wanted commit.
async fn has_tag(git: &Git, wanted: &Wanted) -> Result<bool, GitError> {
    let commit = format!("{}^{{commit}}", wanted.git_ref);
    match git.run("rev-parse", ["rev-parse", "--verify", "--quiet", &commit]).await {
        Ok(commit) => Ok(commit == wanted.sha.as_str()),
        Err(GitError::Failed { .. }) => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// True if the mirror's ref points to the wanted commit, which is so after nearly every fetch. Git moves a ref last, so
/// the commit is complete. Asking git would cost a process.
fn is_at(mirror: &Path, wanted: &Wanted) -> bool {
    refs::loose(mirror, &wanted.git_ref.to_string()).is_some_and(|at| at == wanted.sha.as_str())
}

/// True if the same server would give the same answer again.
fn is_final(fault: &GitError) -> bool {
    matches!(
        fault,
        GitError::KeyRefused { .. }
            | GitError::HostKeyChanged { .. }
            | GitError::NotShown { .. }
            | GitError::NotInstalled(_)
    )
}

/// The fault to report. A repository that answers but lacks the commit is no reason to try again; one that does not
/// answer is.
fn explain(wanted: &Wanted, by_ref: Result<(), GitError>, by_sha: Result<(), GitError>) -> GitError {
    let faults = [by_ref, by_sha].into_iter().filter_map(Result::err);
    let other = faults.into_iter().find(|fault| !tells_of_a_lack(fault));
    other.unwrap_or_else(|| GitError::NoSuchCommit {
        sha: wanted.sha.clone(),
        git_ref: wanted.git_ref.clone(),
    })
}

fn tells_of_a_lack(fault: &GitError) -> bool {
    let known = [
        "not our ref",
        "couldn't find remote ref",
        "did not send all necessary objects",
        "unadvertised object",
    ];
    matches!(fault, GitError::Failed { words, .. } if known.iter().any(|known| words.contains(known)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::{git_files, tests::forge::Forge};

    #[tokio::test]
    async fn a_pull_request_is_fetched_by_its_forges_own_name_of_it() {
        let forge = Forge::new();
        let main = forge.commit();
        forge.git(&["checkout", "--quiet", "--detach"]);
        let sha = forge.commit();
        forge.git(&["update-ref", "refs/merge-requests/7/head", sha.as_str()]);
        forge.git(&["checkout", "--quiet", "main"]);
        let remote_ref = "refs/merge-requests/7/head".to_owned();
        let wanted = Wanted { remote_ref, ..forge.wanted("refs/pull/7/head", &sha) };
        forge.all(&wanted).await;
        assert!(main != sha && is_at(&forge.mirror(), &wanted) && forge.has(&wanted).await);
    }

    #[tokio::test]
    async fn an_annotated_tag_is_fetched_for_its_commit_and_kept_as_it_is() {
        let forge = Forge::new();
        let sha = forge.commit();
        forge.git(&["tag", "-a", "-m", "First", "v1"]);
        let tag = forge.git(&["rev-parse", "refs/tags/v1"]);
        let wanted = forge.wanted("refs/tags/v1", &sha);
        assert!(!forge.has(&wanted).await);
        forge.all(&wanted).await;
        assert_ne!(tag, sha.as_str());
        assert!(forge.has(&wanted).await && !is_at(&forge.mirror(), &wanted));
        assert_eq!(git_files::head(&wanted), format!("{sha}\n"));
        let refs = forge.packed_refs(&wanted, "1").await;
        assert_eq!(refs, format!("{sha} refs/remotes/origin/main\n{tag} refs/tags/v1\n"));
        assert!(!git_files::config(&wanted, git_files::Known::All).contains("[branch"));
    }

    #[tokio::test]
    async fn a_tag_is_fetched_even_if_its_commit_is_there_and_never_taken_for_a_branch_of_its_name() {
        let forge = Forge::new();
        let sha = forge.commit();
        forge.all(&forge.wanted("refs/heads/main", &sha)).await;
        forge.git(&["tag", "main"]);
        let wanted = forge.wanted("refs/tags/main", &sha);
        assert!(!forge.has(&wanted).await);
        forge.all(&wanted).await;
        assert!(forge.has(&wanted).await && is_at(&forge.mirror(), &wanted));
        let refs = forge.packed_refs(&wanted, "1").await;
        assert_eq!(refs, format!("{sha} refs/remotes/origin/main\n{sha} refs/tags/main\n"));
    }

    #[tokio::test]
    async fn a_tag_that_was_moved_or_deleted_since_stays_at_the_commit_that_was_pushed() {
        let forge = Forge::new();
        let old = forge.commit();
        forge.git(&["tag", "-a", "-m", "First", "v1"]);
        let wanted = forge.wanted("refs/tags/v1", &old);
        let new = forge.commit();
        let refs = format!("{new} refs/remotes/origin/main\n{old} refs/tags/v1\n");
        forge.git(&["tag", "-f", "-a", "-m", "Again", "v1"]);
        forge.all(&wanted).await;
        assert!(!forge.has(&wanted).await);
        assert_eq!(forge.packed_refs(&wanted, "1").await, refs);
        forge.git(&["tag", "-d", "v1"]);
        forge.all(&wanted).await;
        assert_eq!(forge.packed_refs(&wanted, "2").await, refs);
        let fault = forge.bring(&forge.wanted("refs/tags/v2", &"a".repeat(40).parse().unwrap())).await;
        assert!(matches!(fault, Err(GitError::NoSuchCommit { .. })), "{fault:?}");
    }

    #[tokio::test]
    async fn tags_that_were_made_moved_or_deleted_are_so_for_the_next_job() {
        let forge = Forge::new();
        let old = forge.commit();
        for tag in ["moved", "gone", "a"] {
            forge.git(&["tag", tag]);
        }
        forge.all(&forge.wanted("refs/heads/main", &old)).await;
        let new = forge.commit();
        forge.git(&["tag", "--force", "moved"]);
        forge.git(&["tag", "--delete", "gone", "a"]);
        forge.git(&["tag", "a/b", "HEAD~"]);
        // The same commit again, as on a restart.
        let wanted = forge.wanted("refs/heads/main", &old);
        forge.all(&wanted).await;
        let refs = format!("{old} refs/remotes/origin/main\n{old} refs/tags/a/b\n{new} refs/tags/moved\n");
        assert_eq!(forge.packed_refs(&wanted, "1").await, refs);
    }

    #[tokio::test]
    async fn the_forge_says_which_branch_is_the_default_one() {
        let forge = Forge::new();
        let sha = forge.commit();
        let wanted = Wanted { default_branch: "master".to_owned(), ..forge.wanted("refs/heads/main", &sha) };
        forge.all(&wanted).await;
        assert_eq!(refs::branch(&forge.mirror()).as_deref(), Some("main"));
        forge.git(&["checkout", "--quiet", "-b", "trunk"]);
        let trunk = forge.commit();
        forge.all(&wanted).await;
        let refs = format!("{sha} refs/remotes/origin/main\n{trunk} refs/remotes/origin/trunk\n");
        assert_eq!(forge.packed_refs(&wanted, "1").await, refs);
        forge.git(&["branch", "-m", "trunk", "stem"]);
        forge.all(&wanted).await;
        assert_eq!(forge.packed_refs(&wanted, "2").await, refs.replace("trunk", "stem"));
        forge.git(&["symbolic-ref", "HEAD", "refs/heads/nothing"]);
        forge.all(&wanted).await;
        assert_eq!(forge.packed_refs(&wanted, "3").await, format!("{sha} refs/remotes/origin/main\n"));
    }

    #[tokio::test]
    async fn a_branch_that_is_gone_is_not_in_the_way_of_one_below_its_name() {
        let forge = Forge::new();
        forge.commit();
        forge.git(&["checkout", "--quiet", "-b", "a"]);
        forge.all(&forge.wanted("refs/heads/a", &forge.commit())).await;
        forge.git(&["branch", "-m", "a", "a/b"]);
        let wanted = forge.wanted("refs/heads/a/b", &forge.commit());
        forge.all(&wanted).await;
        assert!(is_at(&forge.mirror(), &wanted));
    }
}
