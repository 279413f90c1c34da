//! The user as whom scripts run in an image: looked up in its `/etc/passwd`, in a container that is never started.

use super::passwd::{self, Entry, Found};
use super::{Account, ContainerId, DockerEngine, EngineError, Image};
use futures_util::TryStreamExt;
use std::{collections::HashMap, io, sync::PoisonError};
use tokio_util::io::{StreamReader, SyncIoBridge};

/// The user as whom scripts run, if the image has it.
const USER: &str = "kozmic";

/// The file with an image's users.
const PASSWD: &str = "/etc/passwd";

/// The file with its groups.
const GROUP: &str = "/etc/group";

impl DockerEngine {
    /// Finds the account. An image's content never changes under its id, so this is looked up once.
    pub(super) async fn find_account(
        &self,
        image: &Image,
        labels: HashMap<String, String>,
    ) -> Result<Account, EngineError> {
        let known = self.accounts.lock().unwrap_or_else(PoisonError::into_inner).get(&image.id).cloned();
        if let Some(account) = known {
            return Ok(account);
        }
        // The task goes on even if the caller stops waiting, so that the container is removed by the task that created
        // it.
        let (engine, image) = (self.clone(), image.clone());
        let looked = tokio::spawn(async move { engine.look_into(&image, labels).await }).await;
        looked.map_err(|fault| EngineError::Unexpected { cause: fault.to_string() })?
    }

    async fn look_into(
        &self,
        image: &Image,
        labels: HashMap<String, String>,
    ) -> Result<Account, EngineError> {
        let container = self.create_idle(&image.id, labels, Vec::new()).await?;
        let account = self.look(&container, &image.default_user).await;
        self.remove_container(&container).await?;
        let account = account?;
        self.accounts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(image.id.clone(), account.clone());
        Ok(account)
    }

    async fn look(&self, container: &ContainerId, default_user: &str) -> Result<Account, EngineError> {
        self.refuse_endless(container).await?;
        let users = self.users(container, default_user).await?;
        let has_shell = self.stat(container, "/bin/sh").await?;
        Ok(account(users, default_user, has_shell))
    }

    /// Refuses a container in which the engine would wait for ever. When the engine starts a container or packs files
    /// from one, it reads the lists of users and groups to their end, even if they are pipes.
    pub(super) async fn refuse_endless(&self, container: &ContainerId) -> Result<(), EngineError> {
        for path in [PASSWD, GROUP] {
            self.plain_file(container, path, passwd::LONGEST).await?;
        }
        Ok(())
    }

    /// The relevant users of a container's image. A link is followed as the engine follows it.
    async fn users(&self, container: &ContainerId, default_user: &str) -> Result<Found, EngineError> {
        let path = self.plain_file(container, PASSWD, passwd::LONGEST).await?;
        let Some(path) = path else { return Ok(Found::default()) };
        let archive = self.download_archive(container, &path).await?;
        let default = name_of(default_user).to_owned();
        let reader = SyncIoBridge::new(StreamReader::new(archive.map_err(io::Error::other)));
        let search = tokio::task::spawn_blocking(move || {
            let mut archive = tar::Archive::new(reader);
            let first = archive.entries()?.next().transpose()?;
            let file = first.filter(|file| file.header().entry_type().is_file());
            file.map_or_else(|| Ok(Found::default()), |file| passwd::search(file, USER, &default))
        });
        let bad = |cause: String| EngineError::Unreadable { cause: format!("{PASSWD}: {cause}") };
        let found = search.await.map_err(|fault| bad(fault.to_string()))?;
        found.map_err(|fault| bad(fault.to_string()))
    }
}

/// The user in an image's default user; the part after the colon is the group.
fn name_of(default_user: &str) -> &str {
    match default_user.split(':').next() {
        None | Some("") => "0",
        Some(name) => name,
    }
}

/// The user `kozmic`, else the image's own default, else root.
fn account(users: Found, default_user: &str, has_shell: bool) -> Account {
    let group = default_user.split_once(':').and_then(|(_, group)| group.parse().ok());
    match users {
        Found { wanted: Some(Entry { name, uid, gid, home }), .. } => {
            Account { user: name, uid, gid, home, has_shell }
        }
        Found { default: Some(Entry { uid, gid, home, .. }), .. } => {
            let user = default_user.to_owned();
            Account { user, uid, gid: group.unwrap_or(gid), home, has_shell }
        }
        Found { .. } => {
            let (uid, gid) = (name_of(default_user).parse().unwrap_or(0), group.unwrap_or(0));
            Account { user: default_user.to_owned(), uid, gid, home: "/".to_owned(), has_shell }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/bash\nnode:x:1000:1000::/home/node:/bin/sh\nbroken line\n";

    fn ids(passwd: &str, default_user: &str) -> (String, u64, u64, String) {
        let users = passwd::search(passwd.as_bytes(), USER, name_of(default_user)).unwrap();
        let Account { user, uid, gid, home, .. } = account(users, default_user, true);
        (user, uid, gid, home)
    }

    #[test]
    fn the_user_kozmic_goes_before_the_images_default() {
        let with_kozmic = format!("{PASSWD}kozmic:x:1001:1002::/home/kozmic:/bin/bash\n");
        assert_eq!(ids(&with_kozmic, "node"), ("kozmic".into(), 1001, 1002, "/home/kozmic".into()));
    }

    #[test]
    fn without_it_the_images_default_counts_by_name_or_number() {
        assert_eq!(ids(PASSWD, ""), (String::new(), 0, 0, "/root".into()));
        assert_eq!(ids(PASSWD, "node"), ("node".into(), 1000, 1000, "/home/node".into()));
        assert_eq!(ids(PASSWD, "1000:50"), ("1000:50".into(), 1000, 50, "/home/node".into()));
        assert_eq!(ids("", "65532"), ("65532".into(), 65532, 0, "/".into()));
    }
}
