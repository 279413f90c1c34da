//! The two files of a log: its bytes, and the index beside them.

use anyhow::{Context, Result};
use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt,
    path::Path,
};

pub(super) struct Files {
    pub(super) data: File,
    pub(super) index: File,
}

/// New bytes at the end of a file.
pub(super) struct Growth<'a> {
    pub(super) bytes: &'a [u8],
    /// The end before they are written.
    pub(super) end: u64,
}

impl Files {
    /// Opens a log to write it. A log that does not exist yet is made.
    pub(super) fn open(path: &Path) -> Result<Self> {
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).context("make a directory for logs")?;
        }
        let open = |path: &Path| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).open(path).context("open a log")
        };
        Ok(Self { data: open(path)?, index: open(&path.with_extension("index"))? })
    }

    /// Opens a log to read it.
    pub(super) fn open_to_read(path: &Path) -> std::io::Result<Self> {
        Ok(Self { data: File::open(path)?, index: File::open(path.with_extension("index"))? })
    }

    /// Writes pieces and their records. If the disk stores only a part of them, the part is cut off again, because
    /// viewers read everything in the file.
    pub(super) fn append(&self, data: Growth<'_>, index: Growth<'_>) -> std::io::Result<()> {
        let written = self.data.write_all_at(data.bytes, data.end);
        let written = written.and_then(|()| self.index.write_all_at(index.bytes, index.end));
        written.inspect_err(|_| {
            // If even that fails, the next writer of the log does it.
            let _ = self.cut(data.end, index.end);
        })
    }

    /// Cuts both files to these lengths.
    pub(super) fn cut(&self, length: u64, index_length: u64) -> std::io::Result<()> {
        self.data.set_len(length).and_then(|()| self.index.set_len(index_length))
    }
}
