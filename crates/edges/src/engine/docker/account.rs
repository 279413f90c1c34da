//! The user as whom scripts run in an image: looked up in its `/etc/passwd`, in a container that is never started.

use super::{Account, ContainerId, DockerEngine, EngineError, Image};
use bollard::{errors::Error, query_parameters::DownloadFromContainerOptionsBuilder};
use futures_util::TryStreamExt;
use std::{collections::HashMap, io::Read, sync::PoisonError};

/// The user that scripts run as where the image has it.
const USER: &str = "kozmic";

/// The largest `/etc/passwd` that is read, in bytes.
const LIMIT: u64 = 1024 * 1024;

impl DockerEngine {
    /// An image's content never changes under its id, so this is looked up once.
    pub(super) async fn find_account(
        &self,
        image: &Image,
        labels: HashMap<String, String>,
    ) -> Result<Account, EngineError> {
        let known = self.accounts.lock().unwrap_or_else(PoisonError::into_inner).get(&image.id).cloned();
        if let Some(account) = known {
            return Ok(account);
        }
        // Beside the caller, who may be stopped meanwhile: whoever makes the container removes it again.
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
        let passwd = self.read_file(container, "/etc/passwd").await?.unwrap_or_default();
        let has_shell = self.stat(container, "/bin/sh").await?;
        Ok(account(&String::from_utf8_lossy(&passwd), default_user, has_shell))
    }

    async fn read_file(&self, container: &ContainerId, path: &str) -> Result<Option<Vec<u8>>, EngineError> {
        let options = DownloadFromContainerOptionsBuilder::default().path(path).build();
        let docker = self.docker()?;
        let archive = docker.download_from_container(&container.0, Some(options));
        let archive = archive.try_fold(Vec::new(), |mut all, piece| async move {
            all.extend_from_slice(&piece);
            Ok(all)
        });
        let archive = match archive.await {
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => return Ok(None),
            archive => archive.map_err(|fault| self.fault(fault))?,
        };
        let unexpected = |fault: std::io::Error| EngineError::Unexpected { cause: fault.to_string() };
        let mut archive = tar::Archive::new(archive.as_slice());
        let Some(file) = archive.entries().map_err(unexpected)?.next() else { return Ok(None) };
        let mut content = Vec::new();
        file.map_err(unexpected)?.take(LIMIT).read_to_end(&mut content).map_err(unexpected)?;
        Ok(Some(content))
    }
}

struct Entry<'a> {
    name: &'a str,
    uid: u64,
    gid: u64,
    home: &'a str,
}

fn entries(passwd: &str) -> impl Iterator<Item = Entry<'_>> {
    passwd.lines().filter_map(|line| {
        let fields = line.split(':').collect::<Vec<_>>();
        let [name, _, uid, gid, _, home, ..] = fields[..] else { return None };
        Some(Entry { name, uid: uid.parse().ok()?, gid: gid.parse().ok()?, home })
    })
}

/// The user `kozmic`, else the image's own default, else root.
fn account(passwd: &str, default_user: &str, has_shell: bool) -> Account {
    let (user, group) =
        default_user.split_once(':').map_or((default_user, None), |(user, group)| (user, Some(group)));
    let user = if user.is_empty() { "0" } else { user };
    let number = user.parse::<u64>().ok();
    let found = entries(passwd)
        .find(|entry| entry.name == USER)
        .or_else(|| entries(passwd).find(|entry| entry.name == user || Some(entry.uid) == number));
    match found {
        Some(Entry { name, uid, gid, home }) if name == USER => {
            Account { user: name.to_owned(), uid, gid, home: home.to_owned(), has_shell }
        }
        Some(Entry { uid, gid, home, .. }) => {
            let gid = group.and_then(|group| group.parse().ok()).unwrap_or(gid);
            Account { user: default_user.to_owned(), uid, gid, home: home.to_owned(), has_shell }
        }
        None => {
            let uid = number.unwrap_or(0);
            let gid = group.and_then(|group| group.parse().ok()).unwrap_or(0);
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
        let Account { user, uid, gid, home, .. } = account(passwd, default_user, true);
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
