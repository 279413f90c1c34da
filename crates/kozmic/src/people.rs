//! Users and groups of this machine.

use rustix::process::geteuid;
use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

/// A user's name, if the machine knows it.
pub(crate) fn name(number: u32) -> Option<String> {
    let known = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_in(&known, number).map(str::to_owned)
}

/// A user's name with the number, or the number alone if the machine knows no name.
pub(crate) fn user(number: u32) -> String {
    name(number).map_or_else(|| format!("user {number}"), |name| format!("{name} (user {number})"))
}

/// The name of a number in the text of `/etc/passwd`.
fn name_in(passwd: &str, number: u32) -> Option<&str> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(number)).then_some(name)
    })
}

/// The number of a user or group in the machine's list, by its name.
pub(crate) fn number_of(name: &str, list: &str) -> Option<u32> {
    let lines = fs::read_to_string(list).ok()?;
    let fields = lines.lines().map(|line| line.split(':').collect::<Vec<_>>());
    fields.into_iter().find(|fields| fields.first() == Some(&name))?.get(2)?.parse().ok()
}

/// True if the machine's list has a user among the members of a group.
pub(crate) fn is_member(user: &str, group: &str) -> bool {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let line = groups.lines().find(|line| line.split(':').next() == Some(group)).unwrap_or_default();
    line.rsplit(':').next().is_some_and(|members| members.split(',').any(|member| member == user))
}

/// The owner of a file, if this is root and the owner is not. That user could not open root's files.
///
/// # Errors
/// The file's metadata cannot be read.
pub(crate) fn owner_other_than_root(path: &Path) -> io::Result<Option<u32>> {
    let owner = fs::metadata(path)?.uid();
    Ok((geteuid().is_root() && owner != 0).then_some(owner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_looked_up_among_the_machines_users() {
        let passwd =
            "root:x:0:0:root:/root:/bin/bash\nodd\nkozmic:x:998:998::/var/lib/kozmic:/usr/sbin/nologin\n";
        assert_eq!(name_in(passwd, 998), Some("kozmic"));
        assert_eq!(name_in(passwd, 99), None);
        assert!(user(0).ends_with("(user 0)"));
    }

    #[test]
    fn users_and_groups_have_their_numbers() {
        assert_eq!(number_of("root", "/etc/passwd"), Some(0));
        assert_eq!(number_of("nobody-is-called-so", "/etc/group"), None);
    }
}
