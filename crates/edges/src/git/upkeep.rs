//! Upkeep of mirrors. Each fetch leaves a pack, and git searches all packs for an object. So many small packs are
//! joined now and then. The packs that are kept for the jobs of one push are removed after the push.
//!
//! Nothing is lost: objects that no ref reaches stay, too, because a build may be restarted after its commit was
//! overwritten by a push. Refs stay in their own files, where they are read without calling git.

use super::{Git, GitError, Mirrors, packed};
use kozmic_model::ids::ProjectId;
use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use tokio::time::timeout;

/// The number of packs that is acceptable. Git itself joins more than 50.
const MOST_PACKS: usize = 50;

/// Time for which packs are kept: the jobs of one push seldom begin further apart.
const PACKS_KEPT: Duration = Duration::from_hours(1);

/// The time for which the readers of a mirror are waited for. New readers wait meanwhile.
const READERS: Duration = Duration::from_secs(5);

impl Mirrors {
    /// Removes the packs that were kept for jobs of the same push, and joins small packs. That needs room, so on a full
    /// disk this only removes all kept packs.
    ///
    /// # Errors
    /// The disk refuses, or a mirror is damaged; the other mirrors were processed.
    pub async fn look_after(&self, has_room: bool) -> Result<(), GitError> {
        match has_room {
            true => self.forget_packs(PACKS_KEPT).await.and(self.tidy().await),
            false => self.forget_packs(Duration::ZERO).await,
        }
    }

    /// Removes the mirrors from which nothing was fetched for this time or longer.
    ///
    /// # Errors
    /// The disk refuses; the other mirrors were processed.
    pub async fn forget_unused(&self, kept_for: Duration) -> Result<(), GitError> {
        let dir = self.dir.clone();
        let mut forgot = Ok(());
        for (project, mirror) in blocking("list mirrors", move || mirrors(&dir)).await? {
            if is_unused(&mirror, kept_for) {
                forgot = self.forget_unless_used(project, kept_for).await.and(forgot);
            }
        }
        forgot
    }

    /// Removes a mirror, unless a job began to use it meanwhile.
    async fn forget_unless_used(&self, project: ProjectId, kept_for: Duration) -> Result<(), GitError> {
        let Ok(_fetching) = self.fetching.of(project).try_lock_owned() else { return Ok(()) };
        let alone = timeout(READERS, self.reading.of(project).write_owned()).await;
        let Ok(_alone) = alone else { return Ok(()) };
        if !is_unused(&self.path(project), kept_for) {
            return Ok(());
        }
        tracing::info!(project.id = project.0, "a mirror that no job used for long is removed");
        self.remove_alone(project).await
    }

    /// Joins the small packs of each mirror that has many. A mirror that is being fetched, or read for long, waits for the
    /// next time.
    ///
    /// # Errors
    /// The disk is full, or a mirror is damaged; the other mirrors were processed.
    async fn tidy(&self) -> Result<(), GitError> {
        let (dir, mut tidied) = (self.dir.clone(), Ok(()));
        let many = blocking("repack", move || with_many_packs(&dir)).await?;
        for project in many {
            tidied = self.gather(project).await.and(tidied);
        }
        tidied
    }

    /// Removes the packs that were kept for this time or longer for the next job. A mirror that is being packed waits
    /// for the next time. This needs no disk space, and frees some.
    ///
    /// # Errors
    /// The disk refuses; the other mirrors were processed.
    async fn forget_packs(&self, kept_for: Duration) -> Result<(), GitError> {
        let dir = self.dir.clone();
        let mut forgot = Ok(());
        for (project, mirror) in blocking("forget packs", move || mirrors(&dir)).await? {
            let Ok(_packing) = self.packing.of(project).try_lock_owned() else { continue };
            let forget = move || packed::forget(&mirror, kept_for);
            forgot = blocking("forget packs", forget).await.and(forgot);
        }
        forgot
    }

    async fn gather(&self, project: ProjectId) -> Result<(), GitError> {
        let Ok(_fetching) = self.fetching.of(project).try_lock_owned() else { return Ok(()) };
        // A reader has opened some packs and knows the names of others, which this removes. So it needs the lock alone.
        // A long reading may go on for many minutes, and this waits for the next time then.
        let alone = timeout(READERS, self.reading.of(project).write_owned()).await;
        let Ok(_alone) = alone else { return Ok(()) };
        let mirror = self.path(project);
        if !mirror.exists() {
            return Ok(());
        }
        // Bitmaps require all reachable objects in one pack.
        let settings = [
            "repack.writeBitmaps=false",
            "core.bigFileThreshold=64m",
            "pack.windowMemory=256m",
            "pack.threads=1",
        ];
        let settings = settings.iter().flat_map(|setting| ["-c", setting]);
        let repack = settings.chain(["repack", "-d", "--geometric=2", "--quiet"]);
        Git::new(&mirror).run("repack", repack).await?;
        tracing::info!(project.id = project.0, "the packs of a mirror were gathered");
        Ok(())
    }
}

/// Runs a step that waits for the disk on a thread for blocking work.
async fn blocking<T: Send + 'static>(
    what: &'static str,
    step: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, GitError> {
    let done = tokio::task::spawn_blocking(step).await;
    done.unwrap_or_else(|fault| Err(fault.into())).map_err(GitError::io(what))
}

/// All mirrors with their projects.
fn mirrors(dir: &Path) -> io::Result<Vec<(ProjectId, PathBuf)>> {
    let mut mirrors = Vec::new();
    for mirror in fs::read_dir(dir)? {
        let path = mirror?.path();
        let project = path.file_stem().and_then(OsStr::to_str).and_then(|name| name.parse().ok());
        if let (Some(project), Some("git")) = (project, path.extension().and_then(OsStr::to_str)) {
            mirrors.push((ProjectId(project), path));
        }
    }
    Ok(mirrors)
}

/// Notes that a mirror is used now, in the time of its directory.
pub(super) fn note_used(mirror: &Path) {
    // A mirror that is not there yet needs no note. Without a note it is removed too early, and fetched again.
    let _ = fs::File::open(mirror).and_then(|mirror| mirror.set_modified(SystemTime::now()));
}

fn is_unused(mirror: &Path, kept_for: Duration) -> bool {
    let used = fs::metadata(mirror).and_then(|mirror| mirror.modified());
    used.is_ok_and(|used| used.elapsed().is_ok_and(|unused| unused >= kept_for))
}

fn with_many_packs(dir: &Path) -> io::Result<Vec<ProjectId>> {
    let many = mirrors(dir)?.into_iter().filter(|(_, path)| packs(path) > MOST_PACKS);
    Ok(many.map(|(project, _)| project).collect())
}

fn packs(mirror: &Path) -> usize {
    let is_pack = |path: &Path| path.extension().is_some_and(|kind| kind == "pack");
    let listing = fs::read_dir(mirror.join("objects/pack"));
    listing.into_iter().flatten().flatten().filter(|entry| is_pack(&entry.path())).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::{refs, tests::forge::Forge};
    use kozmic_model::git::Sha;

    #[tokio::test]
    async fn many_packs_become_few_and_nothing_is_lost_nor_given_to_others() {
        let forge = Forge::new();
        let begin = forge.commit();
        let commit = |message: &str| {
            forge.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
            forge.git(&["rev-parse", "HEAD"]).parse::<Sha>().unwrap()
        };
        forge.git(&["tag", "first"]);
        forge.git(&["checkout", "--quiet", "-b", "stranger"]);
        let secret = commit("A secret");
        forge.all(&forge.wanted("refs/heads/stranger", &secret)).await;
        forge.git(&["reset", "--quiet", "--hard", begin.as_str()]);
        let over = commit("Over it");
        forge.all(&forge.wanted("refs/heads/stranger", &over)).await;
        forge.git(&["checkout", "--quiet", "main"]);
        let mut wanted = forge.wanted("refs/heads/main", &begin);
        for _ in 0..MOST_PACKS {
            wanted = forge.wanted("refs/heads/main", &forge.commit());
            forge.all(&wanted).await;
        }
        let mirror = forge.mirror();
        assert!(packs(&mirror) > MOST_PACKS, "each fetch leaves one: {}", packs(&mirror));
        let before = forge.packed_refs(&wanted, "before").await;
        {
            let fetching = forge.mirrors.fetching.of(ProjectId(1));
            let _fetching = fetching.lock().await;
            forge.mirrors.tidy().await.unwrap();
            assert!(packs(&mirror) > MOST_PACKS, "it is being fetched");
        }
        {
            let reading = forge.mirrors.reading.of(ProjectId(1));
            let _reading = reading.read().await;
            tokio::time::pause();
            forge.mirrors.tidy().await.unwrap();
            tokio::time::resume();
            assert!(packs(&mirror) > MOST_PACKS, "it is being read");
        }
        forge.mirrors.tidy().await.unwrap();
        assert!(packs(&mirror) <= 3, "{} packs", packs(&mirror));
        assert!(Git::new(&mirror).has_commit(&secret).await.unwrap(), "a build of it may be restarted");
        assert_eq!(forge.packed_refs(&wanted, "after").await, before);
        assert_eq!(refs::loose(&mirror, "refs/heads/main").as_deref(), Some(wanted.sha.as_str()));
        let next = forge.wanted("refs/heads/main", &forge.commit());
        forge.all(&next).await;
        let checkout = forge.mirrors.check_out(&next, forge.path("next")).await.unwrap();
        let objects = forge.objects(checkout.packs());
        let has = |id: &str| objects.iter().any(|object| object == id);
        assert!(has(next.sha.as_str()) && has(begin.as_str()));
        assert!(!has(secret.as_str()) && !has(over.as_str()), "a stranger's");
        forge.git(&["-C", mirror.to_str().unwrap(), "fsck", "--full", "--strict"]);
    }

    #[tokio::test]
    async fn packs_are_kept_for_an_hour_and_not_while_the_disk_is_full() {
        let forge = Forge::new();
        let wanted = forge.wanted("refs/heads/main", &forge.commit());
        forge.all(&wanted).await;
        let checkout = async |name| forge.mirrors.check_out(&wanted, forge.path(name)).await.unwrap();
        let kept = || {
            let outgoing = fs::read_dir(forge.mirror().join("outgoing")).unwrap();
            let is_kept = |path: &PathBuf| path.to_string_lossy().contains("/of-");
            outgoing.map(|entry| entry.unwrap().path()).find(is_kept)
        };
        let hour = Duration::from_hours(1);
        let running = checkout("1-1").await;
        forge.mirrors.forget_packs(hour).await.unwrap();
        let dir = fs::File::open(kept().unwrap()).unwrap();
        dir.set_modified(std::time::SystemTime::now() - hour).unwrap();
        {
            let _packing = forge.mirrors.packing.of(ProjectId(1)).lock_owned().await;
            forge.mirrors.forget_packs(hour).await.unwrap();
            assert!(kept().is_some(), "a job is being packed");
        }
        forge.mirrors.forget_packs(hour).await.unwrap();
        assert_eq!(kept(), None);
        assert!(!forge.objects(running.packs()).is_empty(), "a job's own");
        let _next = checkout("2-1").await;
        forge.mirrors.forget_packs(Duration::ZERO).await.unwrap();
        assert_eq!(kept(), None);
        forge.mirrors.remove(ProjectId(1)).await.unwrap();
        forge.mirrors.forget_packs(hour).await.unwrap();
    }

    #[tokio::test]
    async fn a_mirror_that_no_job_used_for_long_is_removed() {
        let forge = Forge::new();
        let wanted = forge.wanted("refs/heads/main", &forge.commit());
        forge.all(&wanted).await;
        let (mirror, month) = (forge.mirror(), Duration::from_hours(30 * 24));
        let age = || fs::File::open(&mirror).unwrap().set_modified(SystemTime::now() - month).unwrap();
        age();
        drop(forge.mirrors.fetch(&wanted).await.unwrap());
        forge.mirrors.forget_unused(month).await.unwrap();
        assert!(mirror.exists(), "a job used it just now");
        age();
        forge.mirrors.forget_unused(month).await.unwrap();
        assert!(!mirror.exists());
        forge.all(&wanted).await;
        assert!(mirror.exists(), "the next job fetches it again");
    }
}
