//! A container's process: a script, and the shell around it that waits at the gate and writes the note of the end.

use super::{
    machine::{ENDED, Machine, Program, SCRIPT, SOURCE, STARTED, change, load, pass},
    statement::{Action, Remark, Statement, Target, Trap},
};
use crate::{
    files::{Disk, Node, Volumes},
    input::Input,
};
use kozmic_edges::engine::{Channel, NewContainer, TerminalSize};
use std::collections::VecDeque;

/// Makes the engine's init process pass signals to all processes.
const TO_ALL: (&str, &str) = ("TINI_KILL_PROCESS_GROUP", "1");

/// The codes of a process that a signal ended.
const TERMINATED: i64 = 143;
pub(crate) const KILLED: i64 = 137;

/// A signal from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Term,
    Kill,
}

/// The shell around a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// No shell: the script writes to both channels, and its end is the container's.
    Plain,
    /// A shell that waits for a line, and then behaves like `Noting`.
    Gate,
    /// A shell that joins both channels, and writes a note of the script's end.
    Noting,
}

/// The reason why a process stops here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halted {
    /// It waits.
    Waits,
    /// It ended, with this code.
    Ended(i64),
    /// It sent a remark to the engine.
    Said(Remark),
}

/// A running process.
pub(crate) struct Process {
    shape: Shape,
    /// The program, until it is read.
    program: Option<Program>,
    /// The directory in which relative paths begin.
    directory: String,
    environment: Vec<(String, String)>,
    arguments: Vec<String>,
    statements: VecDeque<Statement>,
    waits: Option<Waits>,
    trap: Trap,
    code: i64,
    is_signaled: bool,
}

enum Waits {
    Line,
    File(String),
    Endless,
    /// A program that prints this word when it is stopped.
    Tidy(String),
}

impl Process {
    /// The first process of a container.
    pub(crate) fn of(wanted: &NewContainer) -> Self {
        let command = wanted.command.iter().map(String::as_str).collect::<Vec<_>>();
        let (shape, program, arguments) = match command.as_slice() {
            ["/bin/sh", "-c", text] if wanted.takes_input && is_gate(text) => {
                (Shape::Gate, Program::File(SCRIPT.to_owned()), &[][..])
            }
            ["/bin/sh", "-c", text, path, arguments @ ..] if text.contains(ENDED) => {
                let before = before(text).unwrap_or_default().to_owned();
                (Shape::Noting, Program::Recipe { before, path: (*path).to_owned() }, arguments)
            }
            ["/bin/sh", "-c", text, ..] => (Shape::Plain, Program::Text((*text).to_owned()), &[][..]),
            [program, arguments @ ..] => (Shape::Plain, Program::File((*program).to_owned()), arguments),
            [] => (Shape::Plain, Program::File(String::new()), &[][..]),
        };
        let directory = if shape == Shape::Gate { SOURCE } else { &wanted.working_dir };
        Self {
            shape,
            program: Some(program),
            directory: directory.to_owned(),
            environment: wanted.environment.clone(),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            statements: VecDeque::new(),
            waits: (shape == Shape::Gate).then_some(Waits::Line),
            trap: Trap::Default,
            code: 0,
            is_signaled: false,
        }
    }

    /// True if it can continue.
    pub(crate) fn is_ready(&self, disk: &Disk, volumes: &Volumes, input: &Input) -> bool {
        match &self.waits {
            None => true,
            Some(Waits::Line) => input.has_line() || input.is_closed,
            Some(Waits::File(path)) => disk.has(volumes, path),
            Some(Waits::Endless | Waits::Tidy(_)) => false,
        }
    }

    /// Continues as far as possible.
    pub(crate) fn run(&mut self, machine: &mut Machine<'_>) -> Halted {
        if !self.is_ready(machine.disk, machine.volumes, machine.input) {
            return Halted::Waits;
        }
        self.waits = None;
        if self.shape == Shape::Gate {
            match pass(machine) {
                Ok(()) => self.shape = Shape::Noting,
                Err(code) => return Halted::Ended(code),
            }
        }
        if let Some(program) = self.program.take() {
            match load(program, machine) {
                Ok(statements) => {
                    let within = |statement: Statement| statement.within(&self.directory);
                    self.statements = statements.into_iter().map(within).collect();
                }
                Err((code, words)) => {
                    self.print(machine, Channel::Error, words.as_bytes());
                    return self.end(code, machine);
                }
            }
        }
        while let Some(statement) = self.statements.pop_front() {
            if let Some(halted) = self.step(statement, machine) {
                return halted;
            }
        }
        self.end(self.code, machine)
    }

    /// Handles a signal. Returns the container's code if the signal ended it.
    pub(crate) fn signal(&mut self, signal: Signal, machine: &mut Machine<'_>) -> Option<i64> {
        let is_to_all =
            self.environment.iter().any(|(name, value)| (name.as_str(), value.as_str()) == TO_ALL);
        match (signal, self.shape) {
            (Signal::Kill, _) => return Some(KILLED),
            (Signal::Term, Shape::Gate) => return Some(TERMINATED),
            (Signal::Term, Shape::Noting) => self.is_signaled = true,
            (Signal::Term, Shape::Plain) => {}
        }
        let reaches_script = is_to_all || self.shape == Shape::Plain;
        // A shell runs its trap only when the program that it waits for has ended.
        let waits_on = matches!(self.waits, Some(Waits::Endless)) && !is_to_all;
        let code = match self.trap {
            Trap::Default => Some(TERMINATED),
            Trap::Exit(code) => Some(code).filter(|_| !waits_on),
            Trap::Ignored => None,
        };
        let code = code.filter(|_| reaches_script)?;
        // The shell around a script waits for all of its children. Without such a shell, they end with the script.
        if let (Shape::Noting, Some(Waits::Tidy(word))) = (self.shape, &self.waits) {
            self.print(machine, Channel::Output, format!("{word}\n").as_bytes());
        }
        match self.end(code, machine) {
            Halted::Ended(code) => Some(code),
            Halted::Waits | Halted::Said(_) => None,
        }
    }

    fn step(&mut self, Statement { action, to }: Statement, machine: &mut Machine<'_>) -> Option<Halted> {
        self.code = match action {
            Action::Exit(code) => return Some(self.end(code.unwrap_or(self.code), machine)),
            Action::EndIfFailed if self.code == 0 => 0,
            Action::EndIfFailed => return Some(self.end(self.code, machine)),
            Action::Kill => return Some(self.end(KILLED, machine)),
            Action::Remark(remark) => return Some(Halted::Said(remark)),
            Action::Forever { replaces } => {
                // A program that replaces the shell has none of its traps.
                if replaces && matches!(self.trap, Trap::Exit(_)) {
                    self.trap = Trap::Default;
                }
                self.waits = Some(Waits::Endless);
                return Some(Halted::Waits);
            }
            Action::Tidy(word) => {
                self.waits = Some(Waits::Tidy(word));
                return Some(Halted::Waits);
            }
            Action::Until(path) => {
                if !machine.disk.has(machine.volumes, &path) {
                    self.waits = Some(Waits::File(path));
                    return Some(Halted::Waits);
                }
                0
            }
            Action::Trap(trap) => {
                self.trap = trap;
                0
            }
            action => self.act(action, &to, machine),
        };
        None
    }

    /// Does an action that only prints or changes files. Returns its code.
    fn act(&self, action: Action, to: &Target, machine: &mut Machine<'_>) -> i64 {
        let done = match action {
            Action::Echo(words, end) => {
                let words = words.iter().map(|word| word.text(|name| self.value(name)));
                let line = words.collect::<Vec<_>>().join(" ");
                Ok(line.into_bytes().into_iter().chain(end).collect())
            }
            Action::Print(bytes) => Ok(bytes),
            Action::Count(last) => {
                Ok((1..=last).flat_map(|number| format!("{number}\n").into_bytes()).collect())
            }
            Action::Gather(count) if !machine.memory.has(count) => return KILLED,
            Action::Gather(count) => Ok(vec![0; count]),
            Action::Size => {
                let TerminalSize { rows, columns } = machine.size;
                Ok(format!("{rows} {columns}\n").into_bytes())
            }
            Action::Repeat { line, count } => Ok(line.repeat(count).into_bytes()),
            Action::Code(0) => Ok(Vec::new()),
            other => change(other, machine),
        };
        match done {
            Ok(bytes) => self.put(&bytes, to, machine),
            Err(words) => {
                if !words.is_empty() {
                    self.print(machine, Channel::Error, format!("{words}\n").as_bytes());
                }
                1
            }
        }
    }

    /// Writes a statement's bytes to their target. Returns the code.
    fn put(&self, bytes: &[u8], to: &Target, machine: &mut Machine<'_>) -> i64 {
        let (path, appends) = match to {
            Target::Output => {
                self.print(machine, Channel::Output, bytes);
                return 0;
            }
            Target::Error => {
                self.print(machine, Channel::Error, bytes);
                return 0;
            }
            Target::File { path, appends } => (path, *appends),
        };
        if !machine.has_place_for(path) {
            let words = format!("sh: cannot create {path}: Directory nonexistent\n");
            self.print(machine, Channel::Error, words.as_bytes());
            return 2;
        }
        let before = machine.disk.read(machine.volumes, path).filter(|_| appends).unwrap_or_default();
        machine.put(path, Node::file(&[&before, bytes].concat()));
        0
    }

    fn print(&self, machine: &mut Machine<'_>, channel: Channel, bytes: &[u8]) {
        let is_one = self.shape == Shape::Noting;
        machine.printed.print(if is_one { Channel::Output } else { channel }, bytes);
    }

    fn value(&self, name: &str) -> String {
        if let Some(place) = name.parse::<usize>().ok().and_then(|number| number.checked_sub(1)) {
            return self.arguments.get(place).cloned().unwrap_or_default();
        }
        let found = self.environment.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// Ends the script with a code. The container's code may differ.
    fn end(&self, code: i64, machine: &mut Machine<'_>) -> Halted {
        if self.shape != Shape::Noting {
            return Halted::Ended(code);
        }
        let signaled = if self.is_signaled { " signaled" } else { "" };
        let memory = if *machine.memory.was_short { " memory" } else { "" };
        if machine.has_place_for(ENDED) {
            machine.put(ENDED, Node::file(format!("{code}{signaled}{memory}\n").as_bytes()));
        }
        Halted::Ended(if self.is_signaled { TERMINATED } else { code })
    }
}

/// True if the text is that of a shell that waits for a line and writes both notes.
fn is_gate(text: &str) -> bool {
    text.starts_with("read -r _") && text.contains(STARTED) && text.contains(ENDED)
}

/// The commands before the program in the shell of a recipe's job.
fn before(text: &str) -> Option<&str> {
    let (_, line) = text.split_once("\n({ ")?;
    line.split_once("\n} && { [ -x").map(|(before, _)| before)
}
