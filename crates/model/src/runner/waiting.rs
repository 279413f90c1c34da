//! The reason why a job still waits. It names labels, but no runner and no project: the reader may not see these.

use super::{JobClass, Refusal, Runner, silence};
use crate::{label::Labels, time::Timestamp};

/// The reason why a job of a class still waits, in a sentence.
pub fn why_waiting(runners: &[Runner], class: &JobClass, now: Timestamp) -> String {
    let runners = runners.iter().filter(|runner| !runner.is_off()).collect::<Vec<_>>();
    if runners.is_empty() {
        return silence(runners.into_iter(), "a runner", now);
    }
    let refusals = runners.iter().filter_map(|runner| runner.refuses(class)).collect::<Vec<_>>();
    if refusals.len() == runners.len() {
        let wanted = wanted(&class.labels);
        return format!("Waits for {wanted}: {}.", lacking(&runners, &class.labels, &refusals));
    }
    let able = runners.into_iter().filter(|runner| runner.refuses(class).is_none()).collect::<Vec<_>>();
    why_none_of(&able, &wanted(&class.labels), now)
}

/// The runner that a job needs, in words.
fn wanted(labels: &Labels) -> String {
    match labels.iter().count() {
        0 => "a runner".to_owned(),
        1 => format!("a runner with the label {}", labels.spoken()),
        _ => format!("a runner with the labels {}", labels.spoken()),
    }
}

/// The reason why each runner refuses a job.
fn lacking(runners: &[&Runner], labels: &Labels, refusals: &[Refusal]) -> String {
    let known = runners.iter().fold(Labels::default(), |known, runner| known.with(&runner.labels()));
    let unknown = labels.without(&known);
    if !unknown.is_empty() {
        return format!("none has {}", unknown.spoken());
    }
    let has_labels = refusals.iter().filter(|refusal| !matches!(refusal, Refusal::Labels(_)));
    match has_labels.collect::<Vec<_>>().as_slice() {
        [] => "none has all of them".to_owned(),
        [first, others @ ..] if others.iter().all(|other| other == first) => match first {
            Refusal::Fork => "none takes pull requests from forks".to_owned(),
            Refusal::NoFork => "they take only pull requests from forks".to_owned(),
            Refusal::Project | Refusal::Labels(_) => "none takes jobs of this project".to_owned(),
        },
        _ => "none takes such jobs of this project".to_owned(),
    }
}

/// The reason why none of the runners that may have a job has begun it.
fn why_none_of(able: &[&Runner], wanted: &str, now: Timestamp) -> String {
    let alive = able.iter().copied().filter(|runner| !runner.is_silent(now)).collect::<Vec<_>>();
    if alive.is_empty() {
        return silence(able.iter().copied(), wanted, now);
    }
    let takes = alive.into_iter().filter(|runner| !runner.is_draining).collect::<Vec<_>>();
    if takes.is_empty() {
        return format!("Waits for {wanted}: those at work were told to take no more jobs.");
    }
    let sound = takes.iter().filter(|runner| runner.trouble.is_none()).collect::<Vec<_>>();
    if sound.is_empty() {
        return takes.into_iter().find_map(|runner| runner.trouble.clone()).unwrap_or_default();
    }
    let (busy, slots) =
        sound.iter().fold((0, 0), |(busy, slots), runner| (busy + runner.busy, slots + runner.slots));
    match busy < slots {
        true => "Starts in a moment.".to_owned(),
        false => format!("Waits for a free runner: {busy} of {slots} jobs run now."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::{Forks, RunnerRules};

    const NOW: Timestamp = Timestamp(100_000);

    fn runner(busy: i32, trouble: Option<&str>, seen_at: i64) -> Runner {
        let trouble = trouble.map(str::to_owned);
        Runner { slots: 2, busy, trouble, seen_at: Timestamp(seen_at), ..Runner::new("here") }
    }

    fn ruled(labels: &str, projects: &str, forks: Forks) -> Runner {
        let (labels, projects) = (labels.parse().unwrap(), projects.parse().unwrap());
        Runner { rules: RunnerRules { labels, projects, forks }, ..runner(0, None, 99_000) }
    }

    fn why(runners: &[Runner], labels: &str) -> String {
        let (project, labels) = ("anna/hello".to_owned(), labels.parse().unwrap());
        why_waiting(runners, &JobClass { project, labels, is_from_fork: false }, NOW)
    }

    #[test]
    fn a_waiting_job_can_say_why() {
        assert_eq!(why(&[], ""), "Waits for a runner: none was started yet.");
        assert_eq!(why(&[runner(0, None, 1)], ""), "Waits for a runner: none was heard of for 1 min 39 s.");
        assert_eq!(why(&[runner(2, None, 99_000)], ""), "Waits for a free runner: 2 of 2 jobs run now.");
        assert_eq!(why(&[runner(0, Some("No engine."), 99_000)], ""), "No engine.");
        let both = [runner(0, Some("No engine."), 99_000), runner(1, None, 99_000)];
        assert_eq!(why(&both, ""), "Starts in a moment.");
        let both = [runner(0, Some("No engine."), 99_000), runner(2, None, 99_000)];
        assert_eq!(why(&both, ""), "Waits for a free runner: 2 of 2 jobs run now.");
    }

    #[test]
    fn a_job_says_which_labels_nobody_has() {
        let runners = [ruled("gpu", "", Forks::Any), ruled("arm64", "", Forks::Any)];
        let of = "Waits for a runner with the labels";
        assert_eq!(why(&runners, "gpu,big"), format!("{of} big and gpu: none has big."));
        assert_eq!(why(&runners, "gpu,arm64"), format!("{of} arm64 and gpu: none has all of them."));
        assert_eq!(why(&runners, "fast"), "Waits for a runner with the label fast: none has fast.");
        assert_eq!(why(&runners, "gpu"), "Starts in a moment.");
    }

    #[test]
    fn a_job_says_that_rules_keep_it_out_and_names_nobody() {
        let none = "Waits for a runner with the label deploy: none takes jobs of this project.";
        assert_eq!(why(&[ruled("deploy", "bert/*", Forks::Any), ruled("", "", Forks::Any)], "deploy"), none);
        let only = "Waits for a runner: they take only pull requests from forks.";
        assert_eq!(why(&[ruled("", "", Forks::Only)], ""), only);
        let both = [ruled("", "", Forks::Only), ruled("", "bert/secret", Forks::Any)];
        assert_eq!(why(&both, ""), "Waits for a runner: none takes such jobs of this project.");
        let fork = JobClass { project: "a/b".into(), labels: Labels::default(), is_from_fork: true };
        let none = why_waiting(&[ruled("", "", Forks::No)], &fork, NOW);
        assert_eq!(none, "Waits for a runner: none takes pull requests from forks.");
    }

    #[test]
    fn only_runners_that_could_take_the_job_count() {
        let gpu = Runner { busy: 2, ..ruled("gpu", "", Forks::Any) };
        let free = runner(0, None, 99_000);
        let busy = "Waits for a free runner: 2 of 2 jobs run now.";
        assert_eq!(why(&[gpu.clone(), free.clone()], "gpu"), busy);
        let silent = Runner { is_remote: true, seen_at: Timestamp(91_000), ..gpu.clone() };
        let unheard = "Waits for a runner with the label gpu: none was heard of for 9.0 s.";
        assert_eq!(why(&[silent, free.clone()], "gpu"), unheard);
        let draining = Runner { is_draining: true, ..gpu };
        let told = "Waits for a runner with the label gpu: those at work were told to take no more jobs.";
        assert_eq!(why(&[draining, free], "gpu"), told);
        let new = Runner { seen_at: Timestamp(0), is_remote: true, ..ruled("gpu", "", Forks::Any) };
        assert_eq!(why(&[new], "gpu"), "Waits for a runner with the label gpu: none was started yet.");
    }
}
