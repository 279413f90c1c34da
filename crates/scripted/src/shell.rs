//! The part of sh that scripts of tests are written in. A real sh does the same with it.
//!
//! A script is lines; a line is statements between semicolons. Words stand bare or in quotes; within double quotes
//! `$NAME`, `${NAME}` and `$1` are known. Paths begin in the directory that the container starts in. A statement ends with up to one of `>&2`, `> FILE` and `>> FILE`.
//!
//! | statement | what it does |
//! |---|---|
//! | `echo [-n] WORD…`, `printf 'FORMAT'` | prints; the format has octal and the usual signs, and only `%%` of the others |
//! | `seq N`, `yes WORD \| head -n N [\| tr -d '\n']` | prints much |
//! | `head -c N /dev/zero`, `cat FILE` | prints bytes |
//! | `head -c N /dev/zero \| tail -n 1` | does so, too, and has all of them in memory before: it is killed where that is short |
//! | `sh -c 'trap "sleep 1; echo WORD" TERM; sleep infinity'` | a program that runs until it is stopped, and then tidies up |
//! | `stty size` | prints the size of the terminal |
//! | `touch FILE`, `mkdir [-p] DIRECTORY`, `ln -s TO FILE`, `rm -rf PATH` | changes files |
//! | `true`, `:`, `false`, `exit [N]`, `kill -9 $$` | goes on with a code, or ends |
//! | `[exec] sleep infinity` | runs until it is stopped |
//! | `while [ ! -e FILE ]; do sleep 0.01; done` | waits until the file is there |
//! | `trap '' TERM`, `trap 'exit N' TERM` | withstands SIGTERM, or ends so |
//! | `# engine: …` | steers the engine: see [the crate](crate) |

mod words;
mod statement;
mod print;
mod machine;
mod process;

pub(crate) use machine::{Machine, Memory};
pub(crate) use process::{Halted, KILLED, Process, Signal};
pub(crate) use statement::Remark;
