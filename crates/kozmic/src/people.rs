//! Users of this machine, for people.

/// A user's name, if the machine knows it.
pub(crate) fn name(number: u32) -> Option<String> {
    let known = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_in(&known, number).map(str::to_owned)
}

/// A user's name with the number, or the number alone where the machine knows no name.
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
}
