//! Helps a person to the demo's pages whose browser is on another machine.

use std::env;

/// The command for a tunnel to these ports; true if this shell itself was opened by SSH.
pub(super) fn command(ports: &[u16]) -> (bool, String) {
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let user = variable("SUDO_USER").or_else(|| variable("USER")).or_else(|| variable("LOGNAME"));
    let user = user.unwrap_or_else(|| "root".to_owned());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let connection = variable("SSH_CONNECTION");
    let to = connection
        .as_deref()
        .and_then(address_in)
        .unwrap_or_else(|| Address { host: host.trim(), port: "22" });
    (connection.is_some(), to.command(&user, ports))
}

/// The address of an SSH server, as its clients use it.
#[derive(Debug, PartialEq, Eq)]
struct Address<'a> {
    host: &'a str,
    port: &'a str,
}

/// Reads `SSH_CONNECTION`: the address and port of the client, then those of the server.
fn address_in(connection: &str) -> Option<Address<'_>> {
    let mut words = connection.split(' ').skip(2);
    Some(Address { host: words.next()?, port: words.next()? })
}

impl Address<'_> {
    fn command(&self, user: &str, ports: &[u16]) -> String {
        let port = if self.port == "22" { String::new() } else { format!(" -p {}", self.port) };
        let ways = ports.iter().map(|port| format!(" -L {port}:127.0.0.1:{port}")).collect::<String>();
        format!("ssh -N{port}{ways} {user}@{}", self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, address_in};

    #[test]
    fn the_way_back_is_where_the_shell_came_from() {
        let usual = address_in("192.0.2.7 51234 198.51.100.1 22").unwrap();
        assert_eq!(
            usual.command("anna", &[8080, 8081]),
            "ssh -N -L 8080:127.0.0.1:8080 -L 8081:127.0.0.1:8081 anna@198.51.100.1"
        );
        let odd = address_in("2001:db8::7 51234 2001:db8::1 2222").unwrap();
        assert_eq!(odd, Address { host: "2001:db8::1", port: "2222" });
        assert_eq!(odd.command("anna", &[8080]), "ssh -N -p 2222 -L 8080:127.0.0.1:8080 anna@2001:db8::1");
        assert_eq!(address_in("192.0.2.7 51234"), None);
    }
}
