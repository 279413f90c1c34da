//! Prepares the container of a recipe or kernel rule: the repository beside the program, which starts in `/` as root,
//! with a terminal and an empty directory for its results.
//!
//! Nobody types at its terminal, so no line on its input could open a gate: the container starts when its files are
//! there. The repository is not a volume, so that it is part of the image if the container is kept.

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

/// The memory of a container in bytes, if the settings name none and the machine has more.
const MEMORY: i64 = 16 << 30;

/// The memory that is left to the machine itself, and the least memory of a container.
const LEFT: i64 = 1 << 30;

/// The home directory of its user.
const HOME: (&str, &str) = ("HOME", "/root");

/// The size of its terminal: wider than the usual 80 characters, because programs cut their lines there.
const SIZE: TerminalSize = TerminalSize { rows: 24, columns: 120 };

/// Prepares the terminal before any program starts in it. Nobody types there: a program that reads from it gets the end
/// of the input at once, as long as it leaves the terminal's mode as it is. The shell of busybox waits for input, so it
/// gets the null device as its input, as does a container without stty. A stop signal in the meantime keeps the program
/// from starting.
const TERMINAL: &str = "stty rows 24 cols 120 -icanon min 0 time 0 || exec </dev/null
read -r _l </proc/$$/maps
case $_l in *busybox*) exec </dev/null;; esac
";

/// Runs the program that the arguments name. The commands before it may exit first. A program that is not executable in
/// git stays so, because `git status` would show the change; its first line names the interpreter.
const RUN: &str = r##"{ [ -x "$0" ] && exec "$0" "$@"; IFS= read -r _l <"$0"
case $_l in '#!'*) set -f; exec ${_l#??} "$0" "$@";; esac; exec /bin/sh "$0" "$@"; }"##;

/// The image in which the program starts.
pub(crate) async fn base(work: &mut Work, program: &Program) -> Result<Image> {
    match program.base {
        Base::Named => base::image(work, &program.image, PullPolicy::IfAbsent).await,
        Base::LongestPrefix => base::kept(work, &program.image).await,
    }
}

/// Creates the container and starts its program.
pub(crate) async fn container(work: &mut Work, program: &Program, image: &Image) -> Result<gate::Started> {
    let runner = work.runner.clone();
    let begun = clock::now();
    // The program belongs to root, whatever users the image has. This call only checks that the engine can start the
    // image.
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
    // Programs have hosts and capabilities of their own, even if there are none. The settings for hooks do not apply.
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
