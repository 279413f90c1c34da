//! The lines that start a runner on its machine, for the command and the page that add it. The token is in none of them:
//! it belongs into a file.

/// The ways to start a runner. Each is whole by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartLines {
    /// A command.
    pub command: String,
    /// A command that starts the runner as a container.
    pub container: String,
    /// The text of a unit of systemd.
    pub unit: String,
}

/// The file with the token, as a command and a unit name it.
pub const TOKEN_FILE: &str = "/etc/kozmic/runner.token";

impl StartLines {
    /// The lines for a runner of the server at this address.
    pub fn of(server: &str) -> Self {
        Self {
            command: format!("kozmic runner --server {server} --token-file {TOKEN_FILE}"),
            container: container(server),
            unit: unit(server),
        }
    }
}

fn container(server: &str) -> String {
    format!(
        "docker run --detach --init --name kozmic-runner --restart unless-stopped --no-healthcheck \\\n  \
         --volume kozmic_runner:/data --volume {TOKEN_FILE}:/run/runner.token:ro \\\n  \
         --volume /var/run/docker.sock:/var/run/docker.sock \\\n  \
         --group-add \"$(stat -c %g /var/run/docker.sock)\" \\\n  \
         --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges:true \\\n  \
         kozmic runner --server {server} --token-file /run/runner.token"
    )
}

fn unit(server: &str) -> String {
    // A percent sign begins a specifier of systemd.
    let server = server.replace('%', "%%");
    format!(
        "[Unit]\n\
         Description=Kozmic's runner\n\
         After=network-online.target docker.service\n\
         Wants=network-online.target\n\
         \n\
         [Service]\n\
         User=kozmic\n\
         Environment=KOZMIC_DATA_DIR=/var/lib/kozmic-runner\n\
         ExecStart=/usr/bin/kozmic runner --server {server} --token-file {TOKEN_FILE}\n\
         StateDirectory=kozmic-runner\n\
         StateDirectoryMode=0700\n\
         UMask=0077\n\
         Restart=always\n\
         RestartSec=2\n\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_start_names_the_server_and_the_file_with_the_token() {
        let StartLines { command, container, unit } = StartLines::of("https://ci.example.org/");
        assert_eq!(
            command,
            "kozmic runner --server https://ci.example.org/ --token-file /etc/kozmic/runner.token"
        );
        assert!(unit.contains(&format!("\nExecStart=/usr/bin/{command}\n")));
        assert!(container.ends_with(
            " \\\n  kozmic runner --server https://ci.example.org/ --token-file /run/runner.token"
        ));
        assert!(StartLines::of("https://a/%20b").unit.contains("--server https://a/%%20b "));
    }
}
