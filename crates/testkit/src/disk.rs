//! A disk that fails when a test says so: full, broken or read-only, for some files and for as long as it takes.
//!
//! Nothing is mounted, for that takes rights that a container does not have. A small library stands between a program
//! and the C library's calls instead, compiled where it is needed and loaded by `LD_PRELOAD`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// The variable by which the library finds what is to fail.
const SWITCH: &str = "FAULTY_DISK";

/// "No space left on device."
pub const FULL: i32 = 28;
/// "Input/output error."
pub const BROKEN: i32 = 5;
/// "Cannot allocate memory."
pub const SHORT: i32 = 12;
/// "Read-only file system."
pub const READ_ONLY: i32 = 30;

/// Call that a disk refuses.
#[derive(Clone, Copy)]
pub enum Call {
    /// Writing.
    Write,
    /// Writing more than the half of what is to be written.
    Tear,
    /// Bringing what was written to the disk.
    Sync,
    /// Opening a file to write.
    Open,
    /// Bringing what was written to the disk in time: it waits until the disk is healed, and then does it.
    Hold,
    /// Giving a mebibyte of memory or more at once to threads with such a name; no call of a disk, but databases take it
    /// in the same way.
    Memory,
}

/// A disk that works until it is told not to.
pub struct FaultyDisk {
    dir: TempDir,
}

impl FaultyDisk {
    /// Compiles the library.
    pub fn new() -> Result<Self> {
        let disk = Self { dir: tempfile::tempdir().context("make a directory for a faulty disk")? };
        let source = disk.dir.path().join("shim.c");
        std::fs::write(&source, include_str!("disk/shim.c")).context("write the library's source")?;
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(disk.library()).arg(&source).arg("-ldl");
        let compiled = cc.output().context("run cc")?;
        ensure!(compiled.status.success(), "cc: {}", String::from_utf8_lossy(&compiled.stderr));
        Ok(disk)
    }

    /// Environment in which a program has this disk.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        [("LD_PRELOAD", self.library().display().to_string()), (SWITCH, self.switch().display().to_string())]
    }

    /// From now on these calls fail with this error for all files in whose paths one of these parts is.
    pub fn fail(&self, calls: &[Call], error: i32, parts: &[&str]) -> Result<()> {
        fail(&self.switch(), calls, error, parts)
    }

    /// Everything works again.
    pub fn heal(&self) -> Result<()> {
        std::fs::remove_file(self.switch()).context("heal the disk")
    }

    fn library(&self) -> PathBuf {
        self.dir.path().join("shim.so")
    }

    fn switch(&self) -> PathBuf {
        self.dir.path().join("switch")
    }
}

/// The same from within the program whose disk it is.
pub struct OwnDisk(PathBuf);

impl OwnDisk {
    /// None: this program's disk is a real one.
    pub fn find() -> Option<Self> {
        std::env::var_os(SWITCH).map(|path| Self(path.into()))
    }

    /// A disk that is never told anything.
    pub fn nowhere() -> Self {
        Self(PathBuf::new())
    }

    /// As [`FaultyDisk::fail`].
    pub fn fail(&self, calls: &[Call], error: i32, parts: &[&str]) -> Result<()> {
        fail(&self.0, calls, error, parts)
    }

    /// As [`FaultyDisk::heal`].
    pub fn heal(&self) -> Result<()> {
        std::fs::remove_file(&self.0).context("heal the disk")
    }
}

/// The switch is there with all that it says, or not at all.
fn fail(switch: &Path, calls: &[Call], error: i32, parts: &[&str]) -> Result<()> {
    let word = |call: &Call| match call {
        Call::Write => "write",
        Call::Tear => "tear",
        Call::Sync => "sync",
        Call::Open => "open",
        Call::Hold => "hold",
        Call::Memory => "memory",
    };
    let line = |(call, part): (&Call, &&str)| format!("{} {error} {part}\n", word(call));
    let lines = calls.iter().flat_map(|call| parts.iter().map(move |part| (call, part))).map(line);
    let begun = switch.with_extension("begun");
    std::fs::write(&begun, lines.collect::<String>()).context("say what is to fail")?;
    std::fs::rename(&begun, switch).context("let the disk fail")
}
