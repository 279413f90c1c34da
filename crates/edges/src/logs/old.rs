//! Finds logs by the time at which they were last written.

use kozmic_model::{ids::JobId, job::Attempt};
use std::{fs, io, path::Path, time::SystemTime};

/// The attempts whose logs were last written at a time that is meant.
pub(super) fn written(dir: &Path, is_meant: impl Fn(SystemTime) -> bool) -> io::Result<Vec<Attempt>> {
    let mut found = Vec::new();
    for thousand in fs::read_dir(dir)? {
        let thousand = thousand?;
        if !thousand.file_type()?.is_dir() {
            continue;
        }
        for log in fs::read_dir(thousand.path())? {
            let log = log?;
            let Some(attempt) = log.file_name().to_str().and_then(attempt) else { continue };
            // A log that is removed meanwhile does not count.
            let written = log.metadata().and_then(|log| log.modified());
            if written.is_ok_and(&is_meant) {
                found.push(attempt);
            }
        }
    }
    Ok(found)
}

/// The attempt whose log has this name.
fn attempt(name: &str) -> Option<Attempt> {
    let (job, number) = name.strip_suffix(".log")?.split_once('-')?;
    Some(Attempt { job: JobId(job.parse().ok()?), number: number.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn logs_are_told_by_their_names_and_times() {
        let dir = tempfile::tempdir().unwrap();
        let day = Duration::from_secs(86_400);
        let now = SystemTime::now();
        for (name, age) in
            [("7-1.log", 3), ("7-1.index", 3), ("7-2.log", 1), ("notes.log", 3), ("1234-1.log", 3)]
        {
            let thousand = dir.path().join(if name.starts_with("12") { "1" } else { "0" });
            fs::create_dir_all(&thousand).unwrap();
            let file = fs::File::create(thousand.join(name)).unwrap();
            file.set_modified(now - day * age).unwrap();
        }
        fs::write(dir.path().join("5-1.log"), "").unwrap();
        let mut old = written(dir.path(), |at| at < now - day * 2).unwrap();
        old.sort_by_key(|attempt| attempt.job.0);
        assert_eq!(old, [7, 1_234].map(|job| Attempt { job: JobId(job), number: 1 }));
    }
}
