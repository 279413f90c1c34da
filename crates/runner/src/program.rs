//! Gets the container of a recipe or kernel rule ready: the repository beside the program, which starts in `/` as
//! root, with a terminal and an empty directory for what it makes.
//!
//! Nobody types at its terminal, so no gate is kept by a line on its input: it starts when its files are there. The
//! repository is no volume, so that it is in the image if the container becomes one.

use crate::{
    base, checkout, gate,
    order::ProgramLimits,
    shell,
    work::{Opening, Work},
};
use anyhow::{Context, Result};
use kozmic_edges::{
    clock,
    engine::{Image, Limits, NewContainer, Stage, TerminalSize, Volume},
    git::{Destination, Ownership, SETTLE},
};
use kozmic_model::{
    install::PullPolicy,
    phase::PhaseKind,
    spec::{Base, Program},
};
use std::time::Duration;

/// Memory of a container in bytes, if the settings name none and the machine has more.
const MEMORY: i64 = 16 << 30;

/// Memory that is left to the machine itself, and the least that a container gets.
const LEFT: i64 = 1 << 30;

/// The home of its user.
const HOME: (&str, &str) = ("HOME", "/root");

/// The size of its terminal: wider than the usual 80 characters, since programs cut their lines there.
const SIZE: TerminalSize = TerminalSize { rows: 24, columns: 120 };

/// Gets the terminal ready before anything can start in it. Nobody types there: who reads from it is told at once that it
/// has ended, as long as the program leaves the terminal as it is. The shell of busybox waits until there is something to
/// read, and so gets the null device as its input, as does a container without stty. A stop that comes meanwhile keeps the
/// program from starting.
const TERMINAL: &str = "stty rows 24 cols 120 -icanon min 0 time 0 || exec </dev/null
read -r _l </proc/$$/maps
case $_l in *busybox*) exec </dev/null;; esac
";

/// Runs the program that its arguments name; what goes before it may end it. One that git knows as not executable stays
/// so, since `git status` would tell of the change; its first line says what runs it.
const RUN: &str = r##"{ [ -x "$0" ] && exec "$0" "$@"; IFS= read -r _l <"$0"
case $_l in '#!'*) set -f; exec ${_l#??} "$0" "$@";; esac; exec /bin/sh "$0" "$@"; }"##;

/// The image that the program starts in.
pub(crate) async fn base(work: &mut Work, program: &Program) -> Result<Image> {
    match program.base {
        Base::Named => base::image(work, &program.image, PullPolicy::IfAbsent).await,
        Base::LongestPrefix => base::kept(work, &program.image).await,
    }
}

/// Makes the container and lets its program begin.
pub(crate) async fn container(work: &mut Work, program: &Program, image: &Image) -> Result<gate::Started> {
    let runner = work.runner.clone();
    let begun = clock::now();
    // The program is root's, whatever users the image has; but no container is started that the engine could not.
    let account = runner.tools.engine.account(image, &runner.settings.name, work.order.attempt).await;
    account.context("look into the image")?;
    checkout::has_program(work, program).await?;
    let new = new_container(work, program, image).await?;
    let mut held = gate::hold(&runner, &new).await?;
    let tree = program.source.trim_start_matches('/').to_owned();
    let checkout = checkout::commit(work).await?;
    let to = Destination { tree, owner: Ownership { uid: 0, gid: 0 }, settles: true };
    let archive = checkout.into_archive(to, vec![gate::note()]);
    held.carry_in(&runner, archive).await?;
    let checkout = checkout::in_words(&work.order);
    let text = format!("{} in {} as root", program.path, program.image);
    let (kind, container) = (PhaseKind::Build, &held.keep().0);
    let opening = Opening { kind, container, cache_key: None, begun, checkout: &checkout, text: &text };
    work.begin_script(opening).await?;
    held.open(&runner, SIZE).await
}

async fn new_container(work: &Work, program: &Program, image: &Image) -> Result<NewContainer> {
    let mut environment = work.order.environment.clone();
    environment.extend([HOME, gate::TO_ALL].map(|(name, value)| (name.to_owned(), value.to_owned())));
    Ok(NewContainer {
        instance: work.runner.settings.name.clone(),
        attempt: work.order.attempt,
        stage: Stage::Build,
        image: image.id.clone(),
        command: command(program, work.order.limits.grace),
        user: "0".to_owned(),
        working_dir: "/".to_owned(),
        environment,
        volumes: vec![
            Volume { path: gate::VOLUME.to_owned(), is_empty: true },
            Volume { path: program.output.clone(), is_empty: true },
        ],
        takes_input: false,
        has_terminal: true,
        limits: limits(work).await?,
    })
}

fn command(program: &Program, grace: Duration) -> Vec<String> {
    let settle = format!("(cd '{}' && {SETTLE})\n", program.source.replace('\'', "'\\''"));
    let line = match program.before.trim() {
        "" => RUN.to_owned(),
        before => format!("{{ {before}\n}} && {RUN}"),
    };
    let line =
        format!("{settle}{}", shell::around(&format!("{TERMINAL}[ -z \"$_s\" ] && ({line}) 2>&1"), grace));
    let shell = ["/bin/sh".to_owned(), "-c".to_owned(), line, program.path.clone()];
    shell.into_iter().chain(program.arguments.iter().cloned()).collect()
}

async fn limits(work: &Work) -> Result<Limits> {
    let no_new_privileges = work.order.limits.no_new_privileges;
    let Some(limits) = work.order.limits.program.clone() else {
        return Ok(Limits { no_new_privileges, ..Limits::default() });
    };
    let ProgramLimits { memory, extra_hosts, capabilities } = limits;
    let engine = &work.runner.tools.engine;
    let memory = match memory {
        Some(memory) => memory,
        None => {
            let machine = engine.memory().await.context("ask for the machine's memory")?;
            (machine - LEFT).clamp(LEFT, MEMORY)
        }
    };
    // Its own hosts and capabilities, even if there are none: those of hooks are another matter.
    let (extra_hosts, capabilities) = (Some(extra_hosts), Some(capabilities));
    Ok(Limits { memory: Some(memory), extra_hosts, capabilities, no_new_privileges })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kozmic_model::artifact::{ArtifactName, Format, Product};

    #[test]
    fn the_shell_gives_the_terminal_the_same_size_as_the_engine() {
        let TerminalSize { rows, columns } = SIZE;
        assert!(TERMINAL.starts_with(&format!("stty rows {rows} cols {columns} ")));
    }

    #[test]
    fn a_shell_does_what_goes_before_and_runs_the_program() {
        let program = |before: &str| Program {
            image: "debian".parse().unwrap(),
            base: Base::Named,
            source: "/0-core".into(),
            before: before.into(),
            path: "/0-core/a b.sh".into(),
            arguments: vec!["main; rm".into(), "0-core".into()],
            output: "/out".into(),
            product: Product {
                path: "a".into(),
                format: Format::Binary,
                name: ArtifactName { versioned: "a-1".into(), stable: "a".into() },
                keep: None,
                is_met: false,
            },
        };
        let command = |before| command(&program(before), Duration::from_secs(10));
        let plain = command(" ");
        assert!(plain[2].starts_with("(cd '/0-core' && (\n"), "{}", plain[2]);
        assert!(plain[2].contains(&format!("\n[ -z \"$_s\" ] && ({RUN}) 2>&1\n_c=$?\n")), "{}", plain[2]);
        assert_eq!(plain[3..], ["/0-core/a b.sh", "main; rm", "0-core"]);
        assert!(command("false # or")[2].contains("&& ({ false # or\n} && {"));
    }
}
