//! Images: on the engine, and in the registries that it knows.

use super::{World, refused};
use crate::{files::Tree, sample::Sample};
use kozmic_edges::engine::{Account, ContainerId, EngineError, Image, Nameless, RegistryLogin, Stage};
use kozmic_model::{image::ImageName, job::Attempt};
use secrecy::ExposeSecret;
use std::collections::{BTreeMap, BTreeSet};

/// The owner of a container: installation, attempt and stage.
type Maker = (String, Attempt, Stage);

/// An image on the engine.
#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) account: Account,
    pub(crate) tree: Tree,
    /// The paths of volumes that its containers get.
    pub(crate) volumes: Vec<String>,
    default_user: String,
    size: i64,
    /// The owner of the container from which it was made.
    maker: Option<Maker>,
    /// The image of that container.
    parent: Option<String>,
    /// The repositories from which it was pulled.
    origins: BTreeSet<String>,
}

/// An image in a registry.
pub(crate) struct Offer {
    id: String,
    sample: Sample,
    login: Option<(String, String)>,
}

/// Images, by their ids.
#[derive(Default)]
pub(crate) struct Images {
    all: BTreeMap<String, Stored>,
    /// Ids by names, in the engine's form of names.
    names: BTreeMap<String, String>,
    offers: BTreeMap<String, Offer>,
}

impl Images {
    /// The image with an id or a name.
    pub(crate) fn of(&self, id: &str) -> Result<&Stored, EngineError> {
        let id = self.names.get(id).map_or(id, String::as_str);
        self.all.get(id).ok_or_else(|| refused(404, &format!("No such image: {id}")))
    }

    /// The image with a name.
    pub(crate) fn find(&self, name: &ImageName) -> Option<Image> {
        let id = self.names.get(&full(name))?;
        let Stored { default_user, size, origins, .. } = self.all.get(id)?;
        Some(Image {
            id: id.clone(),
            default_user: default_user.clone(),
            size: *size,
            is_pulled: origins.contains(name.listed_repository()),
        })
    }

    /// The image that a registry gives for this login.
    pub(crate) fn offered(
        &self,
        name: &ImageName,
        login: Option<&RegistryLogin>,
    ) -> Result<&Offer, EngineError> {
        let (full, repository) = (full(name), name.repository());
        let Some(offer) = self.offers.get(&full) else {
            return Err(refused(404, &format!("manifest for {full} not found: manifest unknown")));
        };
        let is_let_in = offer.login.as_ref().is_none_or(|(user, password)| {
            login.is_some_and(|login| {
                (&login.username, login.password.expose_secret()) == (user, password.as_str())
            })
        });
        if !is_let_in {
            let words = "requested access to the resource is denied";
            return Err(refused(404, &format!("pull access denied for {repository}: denied: {words}")));
        }
        Ok(offer)
    }

    /// The id of the image with that name, if it was made from the container of that stage.
    pub(crate) fn find_of(&self, name: &ImageName, maker: &Maker) -> Option<String> {
        let id = self.names.get(&full(name))?;
        (self.all.get(id)?.maker.as_ref() == Some(maker)).then(|| id.clone())
    }

    /// The names of images that an installation made.
    pub(crate) fn of_instance(&self, instance: &str) -> Vec<ImageName> {
        let is_own = |id: &String| {
            let maker = self.all.get(id).and_then(|image| image.maker.as_ref());
            maker.is_some_and(|(whose, _, _)| whose == instance)
        };
        self.names.iter().filter(|(_, id)| is_own(id)).filter_map(|(name, _)| name.parse().ok()).collect()
    }

    /// The tags of a repository.
    pub(crate) fn tags(&self, repository: &str) -> Vec<String> {
        let tag = |name: &String| Some(name.strip_prefix(repository)?.strip_prefix(':')?.to_owned());
        self.names.keys().filter_map(tag).collect()
    }

    /// All names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    fn is_named(&self, id: &str) -> bool {
        self.names.values().any(|other| other == id)
    }

    fn is_parent(&self, id: &str) -> bool {
        self.all.values().any(|image| image.parent.as_deref() == Some(id))
    }
}

impl World {
    /// Puts an image onto the engine.
    pub(crate) fn add_image(&mut self, name: &ImageName, sample: Sample) -> Image {
        let id = self.image_id();
        self.store(&full(name), id, sample)
    }

    /// Puts an image into a registry.
    pub(crate) fn offer(&mut self, name: &ImageName, login: Option<(String, String)>, sample: Sample) {
        let id = self.image_id();
        self.images.offers.insert(full(name), Offer { id, sample, login });
    }

    /// Pulls an image. Returns the progress lines.
    pub(crate) fn pull(
        &mut self,
        name: &ImageName,
        login: Option<&RegistryLogin>,
    ) -> Result<Vec<String>, EngineError> {
        let (full, repository) = (full(name), name.repository());
        let Offer { id, sample, .. } = self.images.offered(name, login)?;
        let is_known = self.images.names.get(&full) == Some(id);
        let status = if is_known { "Image is up to date" } else { "Downloaded newer image" };
        let lines = vec![format!("Pulling from {repository}"), format!("Status: {status} for {full}")];
        let (id, sample) = (id.clone(), sample.clone());
        let origin = name.listed_repository();
        self.store(&full, id.clone(), sample);
        self.images.all.entry(id).and_modify(|image| {
            image.origins.insert(origin.to_owned());
        });
        Ok(lines)
    }

    fn store(&mut self, name: &str, id: String, sample: Sample) -> Image {
        let Sample { account, default_user, size, tree } = sample;
        let stored = Stored {
            account,
            volumes: Vec::new(),
            default_user: default_user.clone(),
            size: size.saturating_add_unsigned(tree.size() as u64),
            tree,
            maker: None,
            parent: None,
            origins: BTreeSet::new(),
        };
        let image = Image { id: id.clone(), default_user, size: stored.size, is_pulled: false };
        self.images.all.insert(id.clone(), stored);
        self.images.names.insert(name.to_owned(), id);
        image
    }

    fn image_id(&mut self) -> String {
        let number = self.number();
        format!("sha256:{number:012x}{:052x}", 0)
    }

    /// Makes an image from a container.
    pub(crate) fn commit(
        &mut self,
        container: &ContainerId,
        name: &ImageName,
    ) -> Result<String, EngineError> {
        let container = self.container(&container.0)?;
        let (wanted, tree) = (container.wanted.clone(), container.disk.own.clone());
        let mut made = self.images.of(&wanted.image)?.clone();
        made.size = made.size.saturating_add_unsigned(tree.size().saturating_sub(made.tree.size()) as u64);
        made.tree = tree;
        made.default_user = wanted.user;
        made.origins.clear();
        let filled = wanted.volumes.into_iter().filter(|volume| !volume.is_empty);
        made.volumes.extend(filled.map(|volume| volume.path));
        made.maker = Some((wanted.instance, wanted.attempt, wanted.stage));
        made.parent = Some(self.images.names.get(&wanted.image).unwrap_or(&wanted.image).clone());
        let id = self.image_id();
        self.images.all.insert(id.clone(), made);
        self.images.names.insert(full(name), id.clone());
        Ok(id)
    }

    /// Removes a name, and the image together with its last name. False: a container uses it.
    pub(crate) fn remove_image(&mut self, name: &ImageName) -> bool {
        let full = full(name);
        let Some(id) = self.images.names.get(&full).cloned() else { return true };
        let is_last = self.images.names.values().filter(|other| **other == id).count() == 1;
        if is_last && self.is_used(&id) {
            return false;
        }
        self.images.names.remove(&full);
        self.prune(&id);
        true
    }

    /// Removes an image and its parent images, as far as nothing needs them.
    fn prune(&mut self, id: &str) {
        if self.images.is_named(id) || self.images.is_parent(id) || self.is_used(id) {
            return;
        }
        if let Some(parent) = self.images.all.remove(id).and_then(|image| image.parent) {
            self.prune(&parent);
        }
    }

    /// Removes an image that has no name.
    pub(crate) fn remove_nameless(&mut self, id: &str) -> Nameless {
        let id = self.images.names.get(id).map_or(id, String::as_str).to_owned();
        if !self.images.all.contains_key(&id) {
            return Nameless::Gone;
        }
        if self.images.is_named(&id) {
            return Nameless::Named;
        }
        if self.images.is_parent(&id) || self.is_used(&id) {
            return Nameless::InUse;
        }
        self.images.all.remove(&id);
        Nameless::Gone
    }

    fn is_used(&self, id: &str) -> bool {
        let image = |wanted: &String| self.images.names.get(wanted).unwrap_or(wanted) == id;
        self.containers.values().any(|container| image(&container.wanted.image))
    }
}

/// A name in the engine's form.
fn full(name: &ImageName) -> String {
    name.listed()
}
