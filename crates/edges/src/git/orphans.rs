//! Programs of git that outlive the process that started them. They would write into a mirror while the next process
//! tidies it and fetches into it.

use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs, io,
    os::unix::ffi::OsStrExt as _,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

/// A killed program is gone after this time, or the kernel holds it for another reason, such as a network disk.
const LIMIT: Duration = Duration::from_secs(10);

/// The time between two looks at the system's processes.
const PAUSE: Duration = Duration::from_millis(5);

/// Kills the programs that work on a mirror below `dir`, and waits until they are gone. Call it before this process
/// starts one itself.
pub(super) fn end(dir: &Path) {
    let begin = Instant::now();
    loop {
        let orphans = match working_below(dir) {
            Ok(orphans) => orphans,
            Err(fault) => {
                tracing::warn!(%fault, "programs of git that an earlier process left are not looked for");
                return;
            }
        };
        if orphans.is_empty() {
            return;
        }
        if begin.elapsed() > LIMIT {
            tracing::warn!(processes = ?orphans, "programs of git that an earlier process left do not end");
            return;
        }
        for process in orphans {
            tracing::info!(
                process = process.as_raw_nonzero(),
                "a program of git that an earlier process left is killed"
            );
            // It may have ended by itself.
            let _ = kill_process(process, Signal::KILL);
        }
        sleep(PAUSE);
    }
}

/// The other processes whose environment names a repository below `dir`. Git passes its environment to its helpers.
/// Processes of other users cannot be read and do not count, nor does a process that has ended and waits for its parent.
/// In a container with files of its own, the same path is another directory.
fn working_below(dir: &Path) -> io::Result<Vec<Pid>> {
    let mut mark = b"GIT_DIR=".to_vec();
    mark.extend(dir.as_os_str().as_bytes());
    mark.push(b'/');
    let files = fs::read_link("/proc/self/ns/mnt")?;
    let works_below = |process: &Pid| {
        let facts = Path::new("/proc").join(process.as_raw_nonzero().to_string());
        let has_other_files = fs::read_link(facts.join("ns/mnt")).is_ok_and(|its| its != files);
        if has_other_files || *process == rustix::process::getpid() {
            return false;
        }
        let environment = fs::read(facts.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(&mark))
    };
    let names = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let processes = names.filter_map(|name| Pid::from_raw(name.parse().ok()?));
    Ok(processes.filter(works_below).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::Read as _,
        os::unix::process::ExitStatusExt as _,
        process::{Child, Command, Stdio},
    };

    /// A program that works on this repository, with a helper of its own. It is ready when this returns.
    fn program(repository: &Path) -> Child {
        let mut program = Command::new("sh");
        program.args(["-c", "sleep 60 & echo; wait"]).env("GIT_DIR", repository).stdout(Stdio::piped());
        let mut child = program.spawn().unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        child
    }

    #[test]
    fn programs_of_these_mirrors_end_with_their_helpers_and_those_of_others_stay() {
        let dir = tempfile::tempdir().unwrap();
        let (own, other) = (dir.path().join("mirrors"), dir.path().join("mirrors-of-others"));
        let (mut orphan, mut stranger) = (program(&own.join("1.git")), program(&other.join("1.git")));
        end(&own);
        assert_eq!(orphan.wait().unwrap().signal(), Some(9));
        assert_eq!(working_below(&own).unwrap(), []);
        assert_eq!(working_below(&other).unwrap().len(), 2, "a program and its helper");
        end(&other);
        stranger.wait().unwrap();
    }
}
