//! Removes kernels' images of branches that were deleted at the forge: nothing starts from them any more.
//!
//! The forge is asked for each branch. Deliveries are not enough: they get lost, or come after the branch was created
//! again.

use super::token;
use crate::{AutobuildSettings, Flow, images};
use anyhow::{Context, Result};
use kozmic_edges::store::IMAGES;
use kozmic_model::{git::GitRef, image::ImageName, names::NameOwner, spec::KernelKind};

/// Checks the images of all generic rules once.
pub(super) async fn look(flow: &Flow, settings: &AutobuildSettings) -> Result<()> {
    for rule in settings.kernels.iter().filter(|rule| rule.kind() == KernelKind::Generic) {
        if let Err(fault) = of(flow, &rule.repository).await {
            let error = format!("{fault:#}");
            tracing::warn!(repository = rule.repository, error, "images of deleted branches stay");
        }
    }
    Ok(())
}

/// Removes the images of a repository's deleted branches. Does so only if another branch is visible: without access to
/// a repository none of its branches would be.
async fn of(flow: &Flow, full_name: &str) -> Result<()> {
    let (store, forge) = (&flow.edges.store, &flow.edges.forge);
    let start = format!("{}:", full_name.to_lowercase());
    let owners = store.artifacts().owners_of_names(IMAGES, &start).await?;
    if owners.is_empty() {
        return Ok(());
    }
    let token = token(flow).await?;
    let (owner, name) = full_name.split_once('/').context("name the repository")?;
    let Some(repository) = forge.repository_named(&token, owner, name).await? else { return Ok(()) };
    let mut sees_any = forge.head(&token, &repository, &repository.default_branch).await?.is_some();
    let mut gone = Vec::new();
    for (image, owner) in owners {
        let Some(branch) = branch_of(full_name, &owner) else { continue };
        match forge.head(&token, &repository, &branch).await? {
            Some(_) => sees_any = true,
            None => gone.push((image, branch)),
        }
    }
    for (image, branch) in gone.iter().filter(|_| sees_any) {
        // The branch may have been created again while the forge was asked about the others.
        if forge.head(&token, &repository, branch).await?.is_some() {
            continue;
        }
        let image = image.parse::<ImageName>().with_context(|| format!("read the name {image}"))?;
        images::drop_kernel(flow, &image).await?;
    }
    Ok(())
}

/// The branch of a kernel image's owner.
fn branch_of(full_name: &str, owner: &str) -> Option<String> {
    let branch = owner.rsplit_once(" refs/heads/")?.1.to_owned();
    let is_it = NameOwner::kernel(full_name, &GitRef::Branch(branch.clone())).as_str() == owner;
    is_it.then_some(branch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_names_owner_is_read_back() {
        let owner = |git_ref| NameOwner::kernel("Zero-OS/0-initramfs", &git_ref).as_str().to_owned();
        let of = |git_ref| branch_of("zero-os/0-initramfs", &owner(git_ref));
        assert_eq!(of(GitRef::Branch("фича/x".into())).as_deref(), Some("фича/x"));
        assert_eq!(of(GitRef::Tag("v1".into())), None);
        assert_eq!(branch_of("zero-os/other", &owner(GitRef::Branch("main".into()))), None);
    }
}
