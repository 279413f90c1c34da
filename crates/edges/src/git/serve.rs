//! Serves a mirror to the git of another machine, one question at a time: git's `upload-pack` without a state.
//!
//! The refs that it shows are those that a job needs: the job's own, the default branch and the tags. Another commit of
//! the mirror is given by its id, as forges do, because a ref may move between push and fetch.

use super::{Git, GitError, Mirrors, refs};
use bytes::{Bytes, BytesMut};
use kozmic_model::{git::GitRef, ids::ProjectId};
use std::{io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{ChildStdin, ChildStdout},
    sync::mpsc,
    time::{Instant, timeout},
};

/// The most bytes of an answer that are read at once.
const CHUNK: usize = 64 * 1024;

/// The seconds that git waits for the rest of a question.
const TIMEOUT: &str = "--timeout=60";

/// The time for which a reader may keep git waiting in all.
const PATIENCE: Duration = Duration::from_secs(60);

/// The bytes for which a reader may keep git waiting for another second. A reader that is slower than this for long is
/// given up, because git's process and the mirror's lock stay while it reads.
const SLOWEST: u64 = 16 * 1024;

/// A mirror as one job's git sees it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The project of the mirror.
    pub project: ProjectId,
    /// The job's ref.
    pub git_ref: GitRef,
    /// The version of git's protocol, as git's own `GIT_PROTOCOL` names it; none: the oldest.
    pub protocol: Option<String>,
}

/// A question of the other machine's git.
#[derive(Debug)]
pub enum Question {
    /// The refs, or the abilities of the server.
    Refs,
    /// Anything else, as the body of a request.
    Body(Bytes),
}

/// An answer that is read while git writes it. Git ends if it is dropped.
pub type Answer = mpsc::Receiver<io::Result<Bytes>>;

impl Mirrors {
    /// Answers a question of another machine's git out of a project's mirror. The `permit` is dropped when git has ended.
    ///
    /// # Errors
    /// There is no such mirror.
    pub async fn serve(
        &self,
        shown: Shown,
        question: Question,
        permit: impl Send + 'static,
    ) -> Result<Answer, GitError> {
        let mirror = self.path(shown.project);
        if !mirror.is_dir() {
            let words = format!("there is no mirror of project {}", shown.project);
            return Err(GitError::Failed { what: "upload-pack", words });
        }
        let reading = self.reading.of(shown.project).read_owned().await;
        let arguments = arguments(&shown, refs::branch(&mirror).as_deref(), &question);
        let git = Git::new(&mirror);
        let git = shown.protocol.into_iter().fold(git, |git, protocol| git.with("GIT_PROTOCOL", protocol));
        let (sender, answer) = mpsc::channel(4);
        tokio::spawn(async move {
            let mut has_answered = false;
            let pass = |input, output| pass_on(input, output, question, (&sender, &mut has_answered));
            let ended = git.converse("upload-pack", arguments, pass).await;
            match ended {
                // The answer itself tells the other git why this one stopped.
                Ok(()) | Err(GitError::Failed { .. }) if has_answered => {}
                // The reader gets the fault. If nobody reads any more, the fault does not matter.
                Err(fault) => drop(sender.send(Err(io::Error::other(fault))).await),
                Ok(()) => {}
            }
            drop((reading, permit));
        });
        Ok(answer)
    }
}

/// Git's arguments. The last of the settings that matches a ref decides if it is hidden.
fn arguments(shown: &Shown, default: Option<&str>, question: &Question) -> Vec<String> {
    let default = default.map(|branch| format!("!refs/heads/{branch}"));
    let hidden = ["refs".to_owned(), "!refs/tags".to_owned(), format!("!{}", shown.git_ref)];
    let hidden = hidden.into_iter().chain(default).map(|name| format!("transfer.hideRefs={name}"));
    let settings = ["uploadpack.allowAnySHA1InWant=true", "core.bigFileThreshold=64m", "pack.threads=1"];
    let settings = settings.into_iter().map(str::to_owned).chain(hidden);
    let mut arguments = settings.flat_map(|setting| ["-c".to_owned(), setting]).collect::<Vec<_>>();
    let what = match question {
        Question::Refs => {
            &["upload-pack", "--strict", TIMEOUT, "--stateless-rpc", "--advertise-refs", "."][..]
        }
        Question::Body(_) => &["upload-pack", "--strict", TIMEOUT, "--stateless-rpc", "."],
    };
    arguments.extend(what.iter().map(|word| (*word).to_owned()));
    arguments
}

/// Writes the question while it reads the answer: git may answer before it has read all.
async fn pass_on(
    input: ChildStdin,
    mut output: ChildStdout,
    question: Question,
    (answer, has_answered): (&mpsc::Sender<io::Result<Bytes>>, &mut bool),
) -> Result<(), GitError> {
    let ask = async move {
        let mut input = input;
        if let Question::Body(body) = question {
            // If git does not want it all, its answer tells the reason.
            let _ = input.write_all(&body).await;
        }
    };
    let read = async move {
        let mut pace = Pace::default();
        loop {
            let mut chunk = BytesMut::with_capacity(CHUNK);
            let length = output.read_buf(&mut chunk).await.map_err(GitError::io("upload-pack"))?;
            *has_answered |= length > 0;
            if length == 0 || !pace.send(answer, chunk.freeze()).await {
                return Ok(());
            }
        }
    };
    tokio::join!(ask, read).1
}

/// The pace of a reader: how long it kept git waiting so far, and for how many bytes.
#[derive(Default)]
struct Pace {
    waited: Duration,
    bytes: u64,
}

impl Pace {
    /// Sends a chunk. False if the reader is gone, or too slow.
    async fn send(&mut self, answer: &mpsc::Sender<io::Result<Bytes>>, chunk: Bytes) -> bool {
        self.bytes += chunk.len() as u64;
        let (most, begun) = (PATIENCE + Duration::from_secs(self.bytes / SLOWEST), Instant::now());
        let is_sent = match timeout(most.saturating_sub(self.waited), answer.send(Ok(chunk))).await {
            Ok(sent) => sent.is_ok(),
            Err(_) => {
                tracing::warn!(bytes = self.bytes, "a runner's git that read too slowly is given up");
                false
            }
        };
        self.waited += begun.elapsed();
        is_sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::forge::Forge;

    async fn answered(forge: &Forge, git_ref: &str, protocol: Option<&str>, question: Question) -> String {
        let (project, git_ref) = (ProjectId(1), git_ref.parse().unwrap());
        let shown = Shown { project, git_ref, protocol: protocol.map(str::to_owned) };
        let mut answer = forge.mirrors.serve(shown, question, ()).await.unwrap();
        let mut all = Vec::new();
        while let Some(chunk) = answer.recv().await {
            all.extend_from_slice(&chunk.unwrap());
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    #[tokio::test]
    async fn a_jobs_own_ref_the_default_branch_and_the_tags_are_shown_and_no_others() {
        let forge = Forge::new();
        let sha = forge.commit();
        forge.git(&["tag", "v1"]);
        forge.git(&["branch", "side"]);
        for name in ["refs/heads/main", "refs/heads/side"] {
            forge.all(&forge.wanted(name, &sha)).await;
        }
        let shown = |name| answered(&forge, name, None, Question::Refs);
        let own = shown("refs/heads/side").await;
        let names = ["refs/heads/main", "refs/heads/side", "refs/tags/v1", "HEAD"];
        assert!(names.iter().all(|name| own.contains(name)), "{own}");
        let other = shown("refs/heads/main").await;
        assert!(!other.contains("heads/side") && !other.contains("refs/forge"), "{other}");
        let body = "0014command=ls-refs\n0000";
        let asked = answered(&forge, "refs/heads/main", Some("version=2"), Question::Body(body.into())).await;
        assert!(asked.contains(" refs/tags/v1") && !asked.contains("heads/side"), "{asked}");
    }

    #[tokio::test]
    async fn a_mirror_that_does_not_exist_is_not_served_and_nonsense_is_a_fault() {
        let forge = Forge::new();
        let (project, git_ref) = (ProjectId(1), GitRef::Branch("main".to_owned()));
        let shown = Shown { project, git_ref, protocol: None };
        assert!(forge.mirrors.serve(shown.clone(), Question::Refs, ()).await.is_err());
        forge.all(&forge.wanted("refs/heads/main", &forge.commit())).await;
        let nonsense = Question::Body("nonsense".into());
        let mut answer = forge.mirrors.serve(shown, nonsense, ()).await.unwrap();
        assert!(answer.recv().await.unwrap().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_stands_still_is_given_up_and_a_slow_one_is_not() {
        let chunk = || Bytes::from(vec![0; CHUNK]);
        let (sender, mut answer) = mpsc::channel(1);
        let slow = tokio::spawn(async move {
            let mut pace = Pace::default();
            for _ in 0..1_000 {
                assert!(pace.send(&sender, chunk()).await);
            }
            assert!(pace.send(&sender, chunk()).await, "there is room for one more");
            assert!(!pace.send(&sender, chunk()).await, "nobody reads any more");
            pace.waited
        });
        for _ in 0..1_000 {
            tokio::time::sleep(Duration::from_secs(CHUNK as u64 / SLOWEST)).await;
            answer.recv().await.unwrap().unwrap();
        }
        assert!(slow.await.unwrap() > Duration::from_secs(3_000));
    }

    #[tokio::test]
    async fn a_git_that_asks_for_an_unknown_commit_is_told_so() {
        let forge = Forge::new();
        forge.all(&forge.wanted("refs/heads/main", &forge.commit())).await;
        let want = format!("0032want {}\n00000009done\n", "1".repeat(40));
        let told = answered(&forge, "refs/heads/main", None, Question::Body(want.into())).await;
        assert!(told.contains("not our ref"), "{told}");
    }
}
