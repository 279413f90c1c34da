//! A disk that fails on request: full, broken or read-only, for some files and as long as the test wants.
//!
//! Nothing is mounted, because that takes rights that a container does not have. Instead, a small library replaces
//! calls of the C library. It is compiled when it is needed, and loaded by `LD_PRELOAD`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// The variable that names the file with the calls that fail.
const SWITCH: &str = "FAULTY_DISK";

/// "No space left on device."
pub const FULL: i32 = 28;
/// "Input/output error."
pub const BROKEN: i32 = 5;
/// "Cannot allocate memory."
pub const SHORT: i32 = 12;
/// "Read-only file system."
pub const READ_ONLY: i32 = 30;

/// Kind of call that fails.
#[derive(Clone, Copy)]
pub enum Call {
    /// Writing to a file.
    Write,
    /// Writing to a file, but only after a half of the data is written.
    Tear,
    /// Syncing a file to the disk.
    Sync,
    /// Opening a file for writing.
    Open,
    /// Syncing a file to the disk, late: the call waits until the disk is healed, and then succeeds.
    Hold,
    /// Allocating a mebibyte of memory or more at once, in threads with such a name. It is no call of a disk, but
    /// databases report it in the same way.
    Memory,
}

/// A disk that works until a test makes it fail.
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

    /// The environment that gives a program this disk.
    pub fn environment(&self) -> [(&'static str, String); 2] {
        [("LD_PRELOAD", self.library().display().to_string()), (SWITCH, self.switch().display().to_string())]
    }

    /// Makes these calls fail with this error, for all files whose paths contain one of these parts.
    pub fn fail(&self, calls: &[Call], error: i32, parts: &[&str]) -> Result<()> {
        fail(&self.switch(), calls, error, parts)
    }

    /// Makes everything work again.
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

/// The same disk, from inside the program that uses it.
pub struct OwnDisk(PathBuf);

impl OwnDisk {
    /// This program's disk; none if it is a real one.
    pub fn find() -> Option<Self> {
        std::env::var_os(SWITCH).map(|path| Self(path.into()))
    }

    /// A disk without a program, which never fails.
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

/// Writes the switch file so that it is complete or absent.
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
