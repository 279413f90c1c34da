//! Images on a runner's engine, and what the coordinator says about them.

use kozmic_model::{
    cache::CachedImage,
    ids::{CachedImageId, ProjectId},
    image::ImageName,
    time::Timestamp,
};
use kozmic_runner::coordinator::{ImageChange, Leave, Surplus};
use serde::{Deserialize, Serialize};

/// A change of an image. A cached image that is gone is named by its key alone: the server knows the rest.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub(crate) enum Change {
    Made { key: String, size: i64 },
    Gone { key: String },
    Pulling { name: ImageName },
    Pulled { name: ImageName, has_login: bool },
    NotPulled { name: ImageName },
    Kept { name: ImageName, id: String },
}

impl From<ImageChange<'_>> for Change {
    fn from(change: ImageChange<'_>) -> Self {
        match change {
            ImageChange::Made { key, size } => Self::Made { key: key.to_owned(), size },
            ImageChange::Gone(known) => Self::Gone { key: known.key.clone() },
            ImageChange::Pulling(name) => Self::Pulling { name: name.clone() },
            ImageChange::Pulled { name, has_login } => Self::Pulled { name: name.clone(), has_login },
            ImageChange::NotPulled(name) => Self::NotPulled { name: name.clone() },
            ImageChange::Kept { name, id } => Self::Kept { name: name.clone(), id: id.to_owned() },
        }
    }
}

/// An image that nobody needs any more.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Needless {
    Named(ImageName),
    Nameless(String),
}

impl From<Surplus> for Needless {
    fn from(surplus: Surplus) -> Self {
        match surplus {
            Surplus::Named(name) => Self::Named(name),
            Surplus::Nameless(id) => Self::Nameless(id),
        }
    }
}

impl From<Needless> for Surplus {
    fn from(needless: Needless) -> Self {
        match needless {
            Needless::Named(name) => Self::Named(name),
            Needless::Nameless(id) => Self::Nameless(id),
        }
    }
}

/// A cached image.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Cached {
    id: i64,
    project: i64,
    #[serde(default)]
    runner: String,
    key: String,
    base: String,
    size: i64,
    created_at: Timestamp,
    used_at: Timestamp,
}

impl From<CachedImage> for Cached {
    fn from(image: CachedImage) -> Self {
        let CachedImage { id, project, runner, key, base, size, created_at, used_at } = image;
        Self { id: id.0, project: project.0, runner, key, base, size, created_at, used_at }
    }
}

impl From<Cached> for CachedImage {
    fn from(cached: Cached) -> Self {
        let Cached { id, project, runner, key, base, size, created_at, used_at } = cached;
        let (id, project) = (CachedImageId(id), ProjectId(project));
        Self { id, project, runner, key, base, size, created_at, used_at }
    }
}

/// The permission to start from an image.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Permission {
    Given,
    AtRegistry,
    Kept,
}

impl From<Leave> for Permission {
    fn from(leave: Leave) -> Self {
        match leave {
            Leave::Given => Self::Given,
            Leave::AtRegistry => Self::AtRegistry,
            Leave::Kept => Self::Kept,
        }
    }
}

impl From<Permission> for Leave {
    fn from(permission: Permission) -> Self {
        match permission {
            Permission::Given => Self::Given,
            Permission::AtRegistry => Self::AtRegistry,
            Permission::Kept => Self::Kept,
        }
    }
}
