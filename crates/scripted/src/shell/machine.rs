//! The machine of a process: its disk, and the steps of the runner's shell that are not statements of a script.

use super::statement::{Action, Statement, Target, read};
use crate::{
    files::{Disk, Found, Node, Volumes},
    input::Input,
    printed::Printed,
};
use kozmic_edges::engine::{Channel, TerminalSize};

/// The script of a hook's container.
pub(crate) const SCRIPT: &str = "/kozmic/script.sh";
/// The directory in which it starts.
pub(crate) const SOURCE: &str = "/kozmic/src";
/// The note that a script may have begun. The runner's gate gives these paths to the shell.
pub(crate) const STARTED: &str = "/kozmic/.started";
/// The note of the script's end.
pub(crate) const ENDED: &str = "/kozmic/.ended";

/// Everything around a process.
pub(crate) struct Machine<'a> {
    pub(crate) disk: &'a mut Disk,
    pub(crate) volumes: &'a mut Volumes,
    pub(crate) printed: &'a mut Printed,
    pub(crate) input: &'a Input,
    pub(crate) complaints: &'a mut Vec<String>,
    pub(crate) size: TerminalSize,
    pub(crate) memory: Memory<'a>,
}

/// The memory of a container.
pub(crate) struct Memory<'a> {
    /// The limit in bytes, if there is one.
    pub(crate) limit: Option<i64>,
    /// True if a process was killed because the memory was used up.
    pub(crate) was_short: &'a mut bool,
}

impl Memory<'_> {
    /// True if the limit allows this number of bytes. Otherwise the process is killed.
    pub(crate) fn has(&mut self, bytes: usize) -> bool {
        let is_short = self.limit.is_some_and(|limit| i64::try_from(bytes).is_ok_and(|bytes| bytes > limit));
        *self.was_short |= is_short;
        !is_short
    }
}

/// The source of a script.
#[derive(Clone, Debug)]
pub(crate) enum Program {
    /// The text itself.
    Text(String),
    /// An executable file.
    File(String),
    /// Statements, and a file that a shell reads if they succeed.
    Recipe { before: String, path: String },
}

impl Machine<'_> {
    /// True if a file can be created at the path.
    pub(crate) fn has_place_for(&self, path: &str) -> bool {
        let above = path.rsplit_once('/').map(|(above, _)| above).unwrap_or_default();
        self.disk.has_directory(self.volumes, above) && !self.disk.has_directory(self.volumes, path)
    }

    pub(crate) fn put(&mut self, path: &str, node: Node) {
        self.disk.put(self.volumes, path, node);
    }
}

/// The code of a shell at the gate whose input ended.
const NO_LINE: i64 = 75;

/// The steps of the shell at the gate after its line has arrived. Without a line it exits silently.
pub(crate) fn pass(machine: &mut Machine<'_>) -> Result<(), i64> {
    if !machine.input.has_line() {
        return Err(NO_LINE);
    }
    for note in [ENDED, STARTED] {
        if !machine.has_place_for(note) {
            machine.printed.print(Channel::Error, format!("sh: cannot create {note}\n").as_bytes());
            return Err(2);
        }
        machine.put(note, Node::file(b""));
    }
    if !machine.disk.has_directory(machine.volumes, SOURCE) {
        machine.printed.print(Channel::Error, format!("sh: cd: can't cd to {SOURCE}\n").as_bytes());
        return Err(2);
    }
    Ok(())
}

/// The statements of a program. If there are none, the code and the message.
pub(crate) fn load(program: Program, machine: &mut Machine<'_>) -> Result<Vec<Statement>, (i64, String)> {
    let missing = |path: &str| (127, format!("exec {path} failed: No such file or directory\n"));
    match program {
        Program::Text(text) => parsed(&text, machine),
        Program::File(path) => match machine.disk.look(machine.volumes, &path) {
            Found::Node(Node::File { mode, .. }) if mode & 0o111 == 0 => {
                Err((126, format!("exec {path} failed: Permission denied\n")))
            }
            Found::Node(Node::File { content, .. }) => parsed(&String::from_utf8_lossy(&content), machine),
            _ => Err(missing(&path)),
        },
        Program::Recipe { before, path } => {
            let text = machine.disk.read(machine.volumes, &path).ok_or_else(|| missing(&path))?;
            let mut statements = parsed(&before, machine)?;
            statements.push(Statement { action: Action::EndIfFailed, to: Target::Output });
            statements.extend(parsed(&String::from_utf8_lossy(&text), machine)?);
            Ok(statements)
        }
    }
}

fn parsed(text: &str, machine: &mut Machine<'_>) -> Result<Vec<Statement>, (i64, String)> {
    read(text).map_err(|line| {
        let complaint = format!("the scripted engine does not understand {line}");
        machine.complaints.push(complaint.clone());
        (127, format!("{complaint}\n"))
    })
}

/// Changes files, or reads one. Returns the output, or the message of a failure.
pub(crate) fn change(action: Action, machine: &mut Machine<'_>) -> Result<Vec<u8>, String> {
    let nowhere = |path: &str| format!("{path}: No such file or directory");
    match action {
        Action::Cat(path) => {
            return machine
                .disk
                .read(machine.volumes, &path)
                .ok_or_else(|| format!("cat: {}", nowhere(&path)));
        }
        Action::Touch(path) if machine.disk.has(machine.volumes, &path) => {}
        Action::Touch(path) if machine.has_place_for(&path) => machine.put(&path, Node::file(b"")),
        Action::MakeDirectory { path, has_parents: true } => machine.put(&path, Node::Directory),
        Action::MakeDirectory { path, .. } if machine.disk.has(machine.volumes, &path) => {
            return Err(format!("mkdir: {path}: File exists"));
        }
        Action::MakeDirectory { path, .. } if machine.has_place_for(&path) => {
            machine.put(&path, Node::Directory);
        }
        Action::Link { to, path } if machine.has_place_for(&path) => machine.put(&path, Node::Link(to)),
        Action::Remove(path) => machine.disk.remove(machine.volumes, &path),
        Action::Touch(path) | Action::MakeDirectory { path, .. } | Action::Link { path, .. } => {
            return Err(nowhere(&path));
        }
        // All other actions were handled before.
        _ => return Err(String::new()),
    }
    Ok(Vec::new())
}
