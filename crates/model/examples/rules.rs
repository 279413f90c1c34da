//! `bench/rules`: the time that the rules of many hooks take for one push of many files. All sets of rules take turns
//! within one run.

use kozmic_model::{
    event::{Author, Change, Trigger},
    git::GitRef,
    touched::Changed,
    wake::{Decision, Wake},
};
use std::{
    io::Write,
    time::{Duration, Instant},
};

const HOOKS: usize = 100;
const FILES: usize = 1_000;
const ROUNDS: usize = 50;

/// The aim for one push, with the usual patterns.
const AIM: Duration = Duration::from_millis(20);

fn main() -> std::io::Result<()> {
    let paths = (0..FILES).map(|number| format!("services/part-{}/src/module_{number}/file.rs", number % 90));
    let (change, changed) = (push(), Changed::Paths(paths.collect::<Vec<_>>().into()));
    let sets = [
        ("no rules", hooks(|_| String::new())),
        ("a directory each", hooks(|number| format!("elsewhere/part-{number}/**"))),
        ("ten patterns each", hooks(ten)),
        ("wildcards in the middle", hooks(|number| format!("**/src/*_{number}?/**/x?.c"))),
        ("hostile", hooks(|_| "?*".repeat(90) + "x?")),
    ];
    let mut times = vec![Vec::new(); sets.len()];
    for _ in 0..ROUNDS {
        for ((_, hooks), times) in sets.iter().zip(&mut times) {
            let begun = Instant::now();
            let woken = hooks.iter().filter(|wake| wake.decide(&change, &changed) == Decision::Wakes).count();
            times.push((begun.elapsed(), woken));
        }
    }
    let mut out = std::io::stdout();
    writeln!(out, "{HOOKS} hooks, a push of {FILES} files: ms for all decisions (n = {ROUNDS})")?;
    for ((name, _), mut times) in sets.iter().zip(times) {
        times.sort();
        let (median, woken) = times[ROUNDS / 2];
        let aim = if median <= AIM { "" } else { "  more than the aim of 20" };
        let [least, median, most] =
            [times[0].0, median, times[ROUNDS - 1].0].map(|time| time.as_secs_f64() * 1e3);
        writeln!(out, "{name:26} {median:9.3}  ({least:.3} to {most:.3}), {woken} run{aim}")?;
    }
    Ok(())
}

fn hooks(paths: impl Fn(usize) -> String) -> Vec<Wake> {
    let wake = |number| Wake { paths: paths(number).parse().expect("these are patterns"), ..Wake::default() };
    (0..HOOKS).map(wake).collect()
}

fn ten(number: usize) -> String {
    let lines = (0..8).map(|other| format!("elsewhere/{number}-{other}/**\n"));
    lines.chain([format!("**/part-x{number}/*.rs\n!**/*.md")]).collect()
}

fn push() -> Change {
    let sha = "a".repeat(40).parse::<kozmic_model::git::Sha>().expect("this is a commit's id");
    Change {
        git_ref: GitRef::Branch("main".into()),
        before: None,
        after: sha.clone(),
        sha,
        pushed_at: None,
        trigger: Trigger::Push,
        message: Some("Change many files".into()),
        author: Author::default(),
        skip_texts: Vec::new(),
        commits: Vec::new(),
        pull: None,
        pusher: None,
        is_held: false,
    }
}
