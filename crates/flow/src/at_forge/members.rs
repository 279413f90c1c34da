//! Members: the people who may see a project, and the present name of its repository.

use crate::{
    Flow,
    at_forge::{keys, speak},
};
use anyhow::{Context, Result, anyhow};
use kozmic_edges::{Edges, broker::Topic, clock};
use kozmic_model::{
    ids::ProjectId,
    project::{Collaborator, Project, Repository},
};
use std::time::Duration;

/// Age after which a project is brought in line again.
const STALE: Duration = Duration::from_secs(4 * 3_600);

/// Interval between looks for such projects.
const LOOK: Duration = Duration::from_secs(600);

/// Brings a project's members and the facts of its repository in line with the forge.
///
/// # Errors
/// The forge or the database does not answer, or nobody may ask: then nothing changed, and the project says why.
pub async fn members(edges: &Edges, id: ProjectId) -> Result<()> {
    let project = edges.store.projects().project(id).await?.context("the project is gone")?;
    let done = bring_in_line(edges, &project).await;
    if let Err(fault) = &done {
        edges.store.projects().note_sync_fault(id, &format!("{fault:#}")).await?;
    }
    edges.broker.ring(Topic::Project(id));
    edges.broker.ring(Topic::Projects);
    done
}

/// Looks every few minutes for stale projects, and brings them in line one at a time.
pub(crate) async fn forever(flow: Flow) {
    loop {
        if let Err(fault) = stale(&flow).await {
            tracing::warn!(error = format!("{fault:#}"), "projects could not be brought in line");
        }
        if !flow.pause(LOOK).await {
            return;
        }
    }
}

async fn stale(flow: &Flow) -> Result<()> {
    for project in flow.edges.store.projects().projects().await? {
        let is_stale = project.synced_at.is_none_or(|synced_at| clock::now().since(synced_at) > STALE);
        if !is_stale || flow.stop.is_cancelled() {
            continue;
        }
        let synced = tokio::select! {
            synced = members(&flow.edges, project.id) => synced,
            () = flow.stop.cancelled() => return Ok(()),
        };
        if let Err(fault) = synced {
            let error = format!("{fault:#}");
            tracing::warn!(project.id = project.id.0, error, "a project could not be brought in line");
        }
    }
    Ok(())
}

async fn bring_in_line(edges: &Edges, project: &Project) -> Result<()> {
    let asked_at = clock::now();
    let (repository, collaborators) = ask(edges, project).await?;
    edges.store.projects().sync_members(project.id, &repository, &collaborators, clock::now()).await?;
    edges.store.projects().believe_forge(project.id, asked_at).await?;
    keys::look_up_namesakes(edges, project.id, &repository).await?;
    let is_auto_builders = edges.store.auto_builder().auto_builder().await? == Some(project.owner);
    if repository.private && !is_auto_builders {
        keys::deploy_key(edges, project.id).await.context("register the deploy key")?;
    }
    Ok(())
}

/// The repository and all who may see it, asked with the token of the first person whom the forge does not refuse. A
/// person who cannot see the repository any more is removed from the members.
async fn ask(edges: &Edges, project: &Project) -> Result<(Repository, Vec<Collaborator>)> {
    let mut refusal = None;
    for user in edges.store.projects().speakers(project.id).await? {
        let Some(token) = speak::token_of(edges, user).await? else { continue };
        let repository = match edges.forge.repository(&token, project.repository.id).await {
            Ok(Some(repository)) => repository,
            Ok(None) => {
                edges.store.projects().remove_member(project.id, user).await?;
                continue;
            }
            Err(fault) if fault.is_unauthorized() => {
                speak::sign_out(edges, user, &fault).await?;
                continue;
            }
            // Another person may be allowed this even if this person is not.
            Err(fault) if fault.try_again().is_none() => {
                refusal = Some(speak::telling(refusal, fault));
                continue;
            }
            Err(fault) => return Err(fault.into()),
        };
        match edges.forge.collaborators(&token, &repository).await {
            Ok(collaborators) => return Ok((repository, collaborators)),
            Err(fault) if fault.try_again().is_none() => refusal = Some(speak::telling(refusal, fault)),
            Err(fault) => return Err(fault.into()),
        }
    }
    let nobody = || {
        anyhow!(
            "nobody who may manage {} is signed in here, or the repository is gone: its owner, or somebody who may \
             push to it, has to sign in",
            project.repository.full_name()
        )
    };
    Err(refusal.map_or_else(nobody, Into::into))
}
