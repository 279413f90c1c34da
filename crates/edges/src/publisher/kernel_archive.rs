//! Makes the archive of a kernel from which a hub makes a file list: the kernel, and a file with its boot settings.

use flate2::{Compression, write::GzEncoder};
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};
use tar::{Builder, EntryType, Header};

/// The boot settings: the kernel's path in the list, and that nothing else is started.
const BOOT: &str = "kernel: /kernel.efi\nnodefault: true\n";

/// The time of all entries, in seconds since 1970: 2000-01-01. So the same kernel always gives the same archive.
const TIME: u64 = 946_684_800;

/// Writes `into`, a `.tar.gz` with `kernel.efi` and `boot/boot.yaml`, which belong to root.
///
/// # Errors
/// The kernel cannot be read, or the disk cannot store the archive.
pub async fn kernel_archive(kernel: &Path, into: &Path) -> io::Result<()> {
    let (kernel, into) = (kernel.to_owned(), into.to_owned());
    tokio::task::spawn_blocking(move || write(&kernel, &into)).await.map_err(io::Error::other)?
}

fn write(kernel: &Path, into: &Path) -> io::Result<()> {
    let kernel = File::open(kernel)?;
    let size = kernel.metadata()?.len();
    let encoder = GzEncoder::new(BufWriter::new(File::create(into)?), Compression::default());
    let mut archive = Builder::new(encoder);
    let mut exact = Exact { file: kernel, left: size };
    append(&mut archive, "kernel.efi", EntryType::Regular, size, &mut exact)?;
    append(&mut archive, "boot/", EntryType::Directory, 0, io::empty())?;
    append(&mut archive, "boot/boot.yaml", EntryType::Regular, BOOT.len() as u64, BOOT.as_bytes())?;
    archive.into_inner()?.finish()?.flush()
}

fn append<W: Write>(
    archive: &mut Builder<W>,
    path: &str,
    kind: EntryType,
    size: u64,
    content: impl io::Read,
) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(if kind.is_dir() { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(TIME);
    archive.append_data(&mut header, path, content)
}

/// A file that must have exactly the length of its entry.
struct Exact {
    file: File,
    left: u64,
}

impl io::Read for Exact {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        if length as u64 > self.left || (length == 0 && self.left > 0 && !buffer.is_empty()) {
            return Err(io::Error::other("the kernel changed while it was read"));
        }
        self.left -= length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, process::Command};

    #[tokio::test]
    async fn the_archive_holds_the_kernel_and_how_to_boot_it() {
        let dir = tempfile::tempdir().unwrap();
        let [kernel, archive] = ["vmlinuz.efi", "kernel.tar.gz"].map(|name| dir.path().join(name));
        let content = (0..300_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>();
        fs::write(&kernel, &content).unwrap();
        kernel_archive(&kernel, &archive).await.unwrap();
        let listed = Command::new("tar").arg("--verbose").arg("--list").arg("--file").arg(&archive).output();
        let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
        let lines =
            listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect::<Vec<_>>();
        let names = lines.iter().map(|line| *line.last().unwrap()).collect::<Vec<_>>();
        assert_eq!(names, ["kernel.efi", "boot/", "boot/boot.yaml"]);
        assert!(lines.iter().all(|line| line[1] == "0/0" || line[1] == "root/root"), "{listed}");
        let unpacked =
            Command::new("tar").arg("--extract").arg("--file").arg(&archive).current_dir(&dir).status();
        assert!(unpacked.unwrap().success());
        assert_eq!(fs::read(dir.path().join("kernel.efi")).unwrap(), content);
        let boot = fs::read_to_string(dir.path().join("boot/boot.yaml")).unwrap();
        assert_eq!(boot, "kernel: /kernel.efi\nnodefault: true\n");
    }

    #[tokio::test]
    async fn the_same_kernel_makes_the_same_archive() {
        let dir = tempfile::tempdir().unwrap();
        let mut archives = Vec::new();
        for name in ["one", "two"] {
            let [kernel, archive] =
                [name.to_owned(), format!("{name}.tar.gz")].map(|name| dir.path().join(name));
            fs::write(&kernel, "kernel").unwrap();
            kernel_archive(&kernel, &archive).await.unwrap();
            archives.push(fs::read(archive).unwrap());
        }
        assert_eq!(archives[0], archives[1]);
    }

    #[tokio::test]
    async fn a_kernel_that_is_not_there_makes_none() {
        let dir = tempfile::tempdir().unwrap();
        assert!(kernel_archive(&dir.path().join("none"), &dir.path().join("out")).await.is_err());
        assert!(!dir.path().join("out").exists());
    }
}
