//! The place of the repository in the container of a recipe's or kernel rule's job: `/<name>`, where the scripts of the
//! original Kozmic CI expect it.

/// Names that exist, or may exist, at the root of a Linux system or of Kozmic's containers.
const TAKEN: [&str; 26] = [
    "bin",
    "boot",
    "dev",
    "etc",
    "home",
    "init",
    "kozmic",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "lost+found",
    "media",
    "mnt",
    "nix",
    "opt",
    "proc",
    "root",
    "run",
    "sbin",
    "snap",
    "srv",
    "sys",
    "tmp",
    "usr",
    "var",
];

/// True if a repository cannot be put at `/<name>`, because other files are there: some would be hidden, and others
/// replaced.
pub fn is_taken(name: &str) -> bool {
    TAKEN.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_letter_by_letter() {
        assert!(is_taken("proc") && is_taken("etc") && is_taken("kozmic"));
        assert!(!is_taken("Proc") && !is_taken("0-core") && !is_taken("process") && !is_taken(""));
    }
}
