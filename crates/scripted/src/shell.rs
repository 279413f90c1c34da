//! A part of sh, in which the scripts of tests are written. A real sh gives the same results.
//!
//! A script has lines; a line has statements between semicolons. Words are bare or in quotes; within double quotes,
//! `$NAME`, `${NAME}` and `$1` are known. Relative paths begin in the container's start directory. A statement may end
//! with one of `>&2`, `> FILE` and `>> FILE`.
//!
//! | statement | effect |
//! |---|---|
//! | `echo [-n] WORD…`, `printf 'FORMAT'` | prints; the format has octal and the usual escapes, and `%%` |
//! | `seq N`, `yes WORD \| head -n N [\| tr -d '\n']` | prints a lot |
//! | `head -c N /dev/zero`, `cat FILE` | prints bytes |
//! | `head -c N /dev/zero \| tail -n 1` | the same, with all bytes in memory first: killed if memory is short |
//! | `sh -c 'trap "sleep 1; echo WORD" TERM; sleep infinity'` | runs until it is stopped, and then prints a word |
//! | `stty size` | prints the size of the terminal |
//! | `touch FILE`, `mkdir [-p] DIRECTORY`, `ln -s TO FILE`, `rm -rf PATH` | changes files |
//! | `true`, `:`, `false`, `exit [N]`, `kill -9 $$` | continues with a code, or ends |
//! | `[exec] sleep infinity` | runs until it is stopped |
//! | `while [ ! -e FILE ]; do sleep 0.01; done` | waits until the file is there |
//! | `trap '' TERM`, `trap 'exit N' TERM` | ignores SIGTERM, or exits with a code at it |
//! | `# engine: …` | is a remark to the engine: see [the crate](crate) |

mod words;
mod statement;
mod print;
mod machine;
mod process;

pub(crate) use machine::{Machine, Memory};
pub(crate) use process::{Halted, KILLED, Process, Signal};
pub(crate) use statement::Remark;
