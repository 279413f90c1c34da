//! The lines that start a runner on its machine, for the command and the page that add it. The token is in none of them:
//! it belongs into a file.

/// The ways to start a runner. Each is whole by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartLines {
    /// A command.
    pub command: String,
    /// A command that starts the runner as a container of the server's image.
    pub container: String,
    /// Commands that start the runner as a service, with the unit of the package.
    pub service: String,
}

/// The file with the token, as a command and the unit name it.
pub const TOKEN_FILE: &str = "/etc/kozmic/runner.token";

impl StartLines {
    /// The lines for a runner of the server at this address.
    pub fn of(server: &str) -> Self {
        Self {
            command: format!(
                "KOZMIC_DATA_DIR=./runner kozmic runner --server {server} --token-file {TOKEN_FILE}"
            ),
            container: container(server),
            service: format!(
                "echo 'KOZMIC_SERVER_URL={server}' | sudo tee --append /etc/kozmic/runner.env\n\
                 sudo systemctl enable --now kozmic-runner"
            ),
        }
    }
}

fn container(server: &str) -> String {
    format!(
        "docker run --detach --init --name kozmic-runner --restart unless-stopped --stop-timeout 30 --no-healthcheck \\\n  \
         --volume kozmic-runner_data:/data --volume {TOKEN_FILE}:/run/secrets/runner.token:ro \\\n  \
         --volume /var/run/docker.sock:/var/run/docker.sock \\\n  \
         --group-add \"$(stat -c %g /var/run/docker.sock)\" \\\n  \
         --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges:true \\\n  \
         kozmic runner --server {server} --token-file /run/secrets/runner.token"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_start_names_the_server_and_the_file_with_the_token() {
        let StartLines { command, container, service } = StartLines::of("https://ci.example.org/");
        assert_eq!(
            command,
            "KOZMIC_DATA_DIR=./runner kozmic runner --server https://ci.example.org/ --token-file \
             /etc/kozmic/runner.token"
        );
        assert!(service.starts_with("echo 'KOZMIC_SERVER_URL=https://ci.example.org/' | "));
        assert!(container.contains("/etc/kozmic/runner.token:/run/secrets/runner.token:ro "));
        assert!(container.ends_with(
            " \\\n  kozmic runner --server https://ci.example.org/ --token-file /run/secrets/runner.token"
        ));
    }
}
