//! The places where artifacts are published, and the steps at each.

use super::{Maker, Publishing, Unpublished, upload::Upload};
use crate::Flow;
use anyhow::{Context, Result};
use kozmic_edges::{
    clock,
    publisher::{Directory, Hub, PublishError, Stored, kernel_archive, measure},
    store::{NewArtifact, Store},
};
use kozmic_model::{
    artifact::{Artifact, ArtifactName, ArtifactPlace, Format, Product},
    git::RefAt,
    job::Attempt,
};
use std::path::{Path, PathBuf};

/// An artifact on this machine's disk, on its way to its places. Its files are removed when this is dropped.
pub(super) struct Leaving {
    dir: PathBuf,
    store: Store,
    attempt: Attempt,
}

/// One of the places of an artifact.
pub(super) enum Place {
    Hub(Hub, Format),
    Directory(Directory, ArtifactPlace),
}

/// Places of an artifact, in this order. A directory takes the file away, so it comes last.
pub(super) fn of(flow: &Flow, product: &Product) -> Vec<Place> {
    let publishers = &flow.edges.publishers;
    let hub = || publishers.hub.clone().map(|hub| Place::Hub(hub, product.format));
    let binaries = || Place::Directory(publishers.binaries.clone(), ArtifactPlace::Binaries);
    let kernels = || Place::Directory(publishers.kernels.clone(), ArtifactPlace::Kernels);
    match product.format {
        Format::Flist => hub().into_iter().collect(),
        Format::Binary | Format::Directory => vec![binaries()],
        Format::Kernel => hub().into_iter().chain([kernels()]).collect(),
    }
}

impl Leaving {
    /// Makes a new directory on the disk.
    pub(super) async fn new(dir: PathBuf, publishing: &Publishing) -> Result<Self> {
        tokio::fs::create_dir_all(&dir).await.context("make a place for the artifact")?;
        let store = publishing.flow.edges.store.clone();
        Ok(Self { dir, store, attempt: publishing.maker.job.attempt() })
    }

    /// File or directory that the script left.
    pub(super) fn file(&self) -> PathBuf {
        self.dir.join("artifact")
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        // Removing a large directory takes a moment. If something stays, the next start removes it.
        let dir = std::mem::take(&mut self.dir);
        std::thread::spawn(move || drop(std::fs::remove_dir_all(dir)));
    }
}

impl Place {
    /// Name of the artifact at this place: the plain one, unless it belongs to another branch.
    pub(super) async fn name(&self, publishing: &Publishing) -> Result<ArtifactName, Unpublished> {
        let plain = match self {
            Self::Hub(..) => hub_name(&publishing.product.name),
            Self::Directory(..) => publishing.product.name.clone(),
        };
        let Maker { job, build, project } = &publishing.maker;
        let at = RefAt { git_ref: &build.git_ref, sha: &build.sha };
        let [link, series] = job.spec.wishes(&project.repository.full_name(), at, &plain);
        let store = &publishing.flow.edges.store;
        let stable = store.artifacts().give_name(self.word(), &link).await?;
        let series = store.artifacts().give_name(self.word(), &series).await?;
        let given =
            stable.zip(series).map(|(stable, series)| ArtifactName::granted(stable, &series, &build.sha));
        let taken = || format!("The name {} is another branch's.", link.suffixed);
        given.ok_or_else(|| Unpublished::Refused(taken()))
    }

    /// Puts the artifact there, under its versioned name.
    pub(super) async fn publish(
        &self,
        leaving: &Leaving,
        name: &ArtifactName,
    ) -> Result<Stored, PublishError> {
        match self {
            Self::Directory(directory, _) => directory.put(&leaving.file(), &name.versioned).await,
            Self::Hub(hub, format) => {
                let file = hub_file(leaving, *format).await.map_err(PublishError::io("pack the kernel"))?;
                let stored = measure(&file).await.map_err(PublishError::io("read the artifact"))?;
                let flist = name.flist();
                let upload = Upload { hub, name: &name.versioned, flist: &flist, sha256: &stored.sha256 };
                upload.unless_there(&leaving.store, leaving.attempt, &file).await.map(|()| stored)
            }
        }
    }

    /// Lets the stable link lead to the artifact, unless it already leads to that of a newer push, and notes where the
    /// artifact is. One job at a time does so for a link. A job that waits for a hub delays no other link.
    pub(super) async fn link(
        &self,
        publishing: &Publishing,
        name: ArtifactName,
        stored: Stored,
    ) -> Result<(), Unpublished> {
        let Publishing { flow, maker, .. } = publishing;
        let store = &flow.edges.store;
        let new = self.note(publishing, name.clone(), stored);
        let _turn = flow.turns.take(&format!("link {} {}", self.word(), name.stable)).await;
        if store.artifacts().is_newest(&maker.job, &new.place, &name.stable).await? {
            publishing.patiently(|| self.lead(&name)).await?;
        } else {
            let line = format!("{} stays as it is: it leads to a newer push's artifact.", name.stable);
            publishing.say(line).await;
        }
        store.artifacts().note_artifact(&maker.job, &new, clock::now()).await?;
        Ok(self.trim(publishing, &new).await?)
    }

    async fn lead(&self, name: &ArtifactName) -> Result<(), PublishError> {
        match self {
            Self::Hub(hub, _) => hub.link(&name.flist(), &name.stable).await,
            Self::Directory(directory, _) => directory.link(&name.versioned, &name.stable).await,
        }
    }

    /// The place's word in the database.
    fn word(&self) -> &'static str {
        match self {
            Self::Hub(..) => "hub",
            Self::Directory(_, place) => place.directory().unwrap_or("hub"),
        }
    }

    fn note(&self, publishing: &Publishing, name: ArtifactName, stored: Stored) -> NewArtifact {
        let (format, place) = match self {
            Self::Hub(hub, format) => {
                let (url, stable_url) = (hub.address(&name.flist()), hub.address(&name.stable));
                (*format, ArtifactPlace::Hub { url, stable_url })
            }
            Self::Directory(_, place) => (publishing.product.format, place.clone()),
        };
        let Stored { size, sha256 } = stored;
        NewArtifact { format, name, place, size, sha256 }
    }

    /// Removes surplus artifacts of a link, those of the oldest pushes first, but never the one that the link leads to.
    /// A hub keeps all.
    async fn trim(&self, publishing: &Publishing, new: &NewArtifact) -> Result<()> {
        let Self::Directory(directory, place) = self else { return Ok(()) };
        let Flow { edges, settings, .. } = &publishing.flow;
        let kept = settings.autobuild.as_ref().map_or(usize::MAX, |autobuild| autobuild.kept_artifacts);
        let store = &edges.store;
        let behind = store.artifacts().artifacts_behind(place, &new.name.stable).await?;
        let linked = directory.linked(&new.name.stable).await.context("look behind the link")?;
        for name in too_many(&behind, kept) {
            if linked.as_deref() == Some(name) {
                continue;
            }
            directory.remove(name).await.with_context(|| format!("take {name} away"))?;
            store.artifacts().note_removed(place, name, clock::now()).await?;
            publishing.say(format!("{name} was taken away: {kept} of each name are kept.")).await;
        }
        Ok(())
    }
}

/// The names of artifacts beyond those that are kept; the newest come first in `behind`.
fn too_many(behind: &[Artifact], kept: usize) -> Vec<&str> {
    let mut names = Vec::new();
    for artifact in behind {
        if !names.contains(&artifact.name.versioned.as_str()) {
            names.push(artifact.name.versioned.as_str());
        }
    }
    names.split_off(kept.min(names.len()))
}

/// Name of an artifact on the hub: the hub takes archives, and its links lead to lists.
fn hub_name(name: &ArtifactName) -> ArtifactName {
    let stem = |text: &str| text.strip_suffix(".efi").map(str::to_owned);
    match (stem(&name.versioned), stem(&name.stable)) {
        (Some(versioned), Some(stable)) => {
            ArtifactName { versioned: format!("{versioned}.tar.gz"), stable: format!("{stable}.flist") }
        }
        _ => name.clone(),
    }
}

/// The file that the hub accepts. A kernel is packed together with a description of how to boot it.
async fn hub_file(leaving: &Leaving, format: Format) -> std::io::Result<PathBuf> {
    let file = leaving.file();
    if format != Format::Kernel {
        return Ok(file);
    }
    let archive: &Path = &leaving.dir.join("kernel.tar.gz");
    kernel_archive(&file, archive).await?;
    Ok(archive.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_goes_to_the_hub_as_an_archive_that_becomes_a_list() {
        let name = ArtifactName {
            versioned: "zero-os-main-generic-1.efi".into(),
            stable: "zero-os-main-generic.efi".into(),
        };
        let hub = hub_name(&name);
        assert_eq!(
            (hub.versioned.as_str(), hub.stable.as_str()),
            ("zero-os-main-generic-1.tar.gz", "zero-os-main-generic.flist")
        );
        assert_eq!(hub.flist(), "zero-os-main-generic-1.flist");
        let list = ArtifactName { versioned: "a-main-1.tar.gz".into(), stable: "a-main.flist".into() };
        assert_eq!(hub_name(&list), list);
    }
}
