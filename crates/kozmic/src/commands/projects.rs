//! `kozmic projects`: lets the server's operator list and delete projects when nobody else can see them any more.

use crate::{data_dir::DataDir, failure::Failure, settings::Settings, wire};
use anyhow::anyhow;
use clap::Subcommand;
use kozmic_edges::{clock, store::Store};
use kozmic_model::{
    audit::Actor,
    project::{Project, Role},
};
use std::process::ExitCode;

/// Commands for projects.
#[derive(Subcommand)]
pub(crate) enum ProjectsCommand {
    /// List all projects with their owners.
    ///
    /// Each project is one line. A dash means that the owner cannot see the repository any more, or that the
    /// repository is gone at GitHub.
    List,
    /// Delete a project with its builds and logs.
    ///
    /// The project may belong to anybody. Its webhooks and its deploy key stay at GitHub. If somebody can still delete
    /// it on its page, do that instead. The server may run meanwhile, and erases the rest.
    Delete {
        /// The project's name as `kozmic projects list` prints it: owner/name.
        name: String,
        /// Also delete its artifacts in directories, and the links that lead nowhere afterwards.
        ///
        /// Artifacts on a hub stay there.
        #[arg(long)]
        artifacts: bool,
    },
}

/// Runs the command.
pub(crate) async fn projects(settings: Settings, command: &ProjectsCommand) -> Result<ExitCode, Failure> {
    let dir = DataDir::share(&settings.server.data_dir)?;
    let (store, _engine) = wire::store_and_engine(&settings, &dir).await?;
    let work = async {
        match command {
            ProjectsCommand::List => list(&store).await,
            ProjectsCommand::Delete { name, artifacts } => {
                delete(&store.acting(Actor::Operator), name, *artifacts).await
            }
        }
    };
    wire::closing(&store, work).await?;
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
async fn list(store: &Store) -> anyhow::Result<()> {
    for project in store.projects().projects().await? {
        let members = store.projects().members(project.id).await?;
        let owner = members.iter().find(|member| member.role == Role::Owner);
        let owner = owner.map_or("-", |owner| owner.user.profile.login.as_str());
        println!("{}  {owner}", project.repository.full_name());
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
async fn delete(store: &Store, name: &str, artifacts: bool) -> anyhow::Result<()> {
    let is_meant = |project: &Project| project.repository.full_name().eq_ignore_ascii_case(name);
    let project = store.projects().projects().await?.into_iter().find(is_meant);
    let project = project.ok_or_else(|| anyhow!("there is no project {name}: see kozmic projects list"))?;
    store.projects().set_drops_artifacts(project.id, artifacts).await?;
    store.projects().delete_project(project.id, clock::now()).await?;
    println!("{} is deleted; its webhooks and deploy key at GitHub stay", project.repository.full_name());
    Ok(())
}
