//! Roles of people in projects, as the forge reports them.

use super::{
    Projects,
    facts::{hand_over, note_repository, note_sync, replace_repositories},
    roles::{give_role, membership, of_project, take_role},
};
use crate::store::{people::users, read, rows};
use anyhow::{Context, Result};
use kozmic_model::{
    audit::{Action, Deed},
    ids::{ProjectId, UserId},
    project::{Access, Collaborator, Member, Permission, Project, Repository, Role},
    time::Timestamp,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{Set, Unchanged},
    ColumnTrait, EntityTrait, QueryFilter,
};
use std::collections::{HashMap, HashSet};

impl Projects<'_> {
    /// A user's role in a project; none for strangers.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn role_in(self, project: ProjectId, user: UserId) -> Result<Option<Role>> {
        let row = membership(&self.db.reader, project, user).await?;
        row.map(|row| row.role.parse().context("read a member's role")).transpose()
    }

    /// Other projects that are stored under the present name of a project's repository. The stored names of those
    /// projects are outdated.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn namesakes(self, project: ProjectId, repository: &Repository) -> Result<Vec<ProjectId>> {
        let name = repository.full_name();
        let is_other =
            |other: &Project| other.id != project && other.repository.full_name().eq_ignore_ascii_case(&name);
        Ok(self.projects().await?.into_iter().filter(is_other).map(|other| other.id).collect())
    }

    /// A project's members, the most powerful first, then by login.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn members(self, project: ProjectId) -> Result<Vec<Member>> {
        let memberships = of_project(&self.db.reader, project).await?;
        let ids = memberships.iter().map(|row| row.user_id).collect::<Vec<_>>();
        let users = rows::user::Entity::find().filter(rows::user::Column::Id.is_in(ids));
        let users = users.all(&self.db.reader).await.context("list a project's users")?;
        let mut users = users.into_iter().map(|row| (row.id, read::user(row))).collect::<HashMap<_, _>>();
        let mut members = Vec::with_capacity(memberships.len());
        for row in memberships {
            let user = users.remove(&row.user_id).context("a member is a user")?;
            members.push(Member { user, role: row.role.parse()? });
        }
        members.sort_by_cached_key(|member| {
            (std::cmp::Reverse(member.role), member.user.profile.login.to_lowercase())
        });
        Ok(members)
    }

    /// The users with whose tokens Kozmic may call the forge for a project: its owner, then its managers, if they have
    /// signed in.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn speakers(self, project: ProjectId) -> Result<Vec<UserId>> {
        let members = of_project(&self.db.reader, project).await?;
        let mut managing =
            members.into_iter().filter(|row| row.role != Role::Member.word()).collect::<Vec<_>>();
        managing.sort_by_key(|row| (row.role != Role::Owner.word(), row.id));
        let ids = managing.iter().map(|row| row.user_id).collect::<Vec<_>>();
        let signed_in = rows::user::Entity::find().filter(rows::user::Column::Id.is_in(ids));
        let signed_in = signed_in.all(&self.db.reader).await.context("find who speaks for a project")?;
        let signed_in = signed_in
            .into_iter()
            .filter(|row| !row.token.is_empty())
            .map(|row| row.id)
            .collect::<HashSet<_>>();
        let speakers = managing.into_iter().map(|row| row.user_id).filter(|id| signed_in.contains(id));
        Ok(speakers.map(UserId).collect())
    }

    /// Brings a project's facts and members in line with the forge: all or nothing.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn sync_members(
        self,
        project: ProjectId,
        repository: &Repository,
        collaborators: &[Collaborator],
        now: Timestamp,
    ) -> Result<()> {
        self.db
            .change("a project's members", move |tx| async move {
                let tx = &tx;
                let owner = read::project_of(tx, project.0).await?.owner;
                note_repository(tx, project, repository).await?;
                let mut roles = HashMap::new();
                let mut heirs = Vec::new();
                for Collaborator { profile, permission } in collaborators {
                    let user = users::known_by_forge(tx, profile, now).await?;
                    roles.insert(user, Role::from(*permission));
                    heirs.extend((*permission == Permission::Admin).then_some(user));
                }
                // An owner who lost access is replaced by a user who administers the repository and has signed in.
                // Otherwise nobody could delete the project.
                let stays = roles.contains_key(&owner) || users::is_auto_builder(tx, owner).await?;
                let owner = match stays {
                    true => Some(owner),
                    false => hand_over(tx, project, heirs).await?,
                };
                if let Some(owner) = owner {
                    roles.insert(owner, Role::Owner);
                }
                for row in of_project(tx, project).await? {
                    if !roles.contains_key(&UserId(row.user_id)) {
                        take_role(tx, row).await?;
                    }
                }
                for (user, role) in roles {
                    give_role(tx, project, user, role).await?;
                }
                note_sync(tx, project, now).await?;
                if self.db.actor.is_somebody() {
                    tx.note(Deed::new(Action::MembersSynced, Some(project), "")).await?;
                }
                Ok(())
            })
            .await
    }

    /// Brings a user's projects in line with the repositories that the forge lets the user reach, and stores the
    /// repositories of which the user may make projects: all or nothing. Gives the projects that the user lost.
    ///
    /// # Errors
    /// The database does not answer; then nothing changed.
    pub async fn sync_projects_of(self, user: UserId, reachable: &[Access]) -> Result<Vec<ProjectId>> {
        self.db
            .change("a user's projects", move |tx| async move {
                let tx = &tx;
                replace_repositories(tx, user, reachable).await?;
                let access = reachable
                    .iter()
                    .map(|access| (access.repository.id.0, access))
                    .collect::<HashMap<_, _>>();
                let own =
                    rows::membership::Entity::find().filter(rows::membership::Column::UserId.eq(user.0));
                let own = own.all(tx).await.context("list a user's projects")?;
                let mut own = own.into_iter().map(|row| (row.project_id, row)).collect::<HashMap<_, _>>();
                let all = rows::project::Entity::find().filter(rows::project::Column::DeletedAt.is_null());
                let mut lost = Vec::new();
                for row in all.all(tx).await.context("list projects")? {
                    let project = ProjectId(row.id);
                    let Some(access) = access.get(&row.forge_id) else {
                        if let Some(membership) = own.remove(&row.id) {
                            take_role(tx, membership).await?;
                            lost.push(project);
                        }
                        continue;
                    };
                    let role =
                        if row.owner_id == user.0 { Role::Owner } else { Role::from(access.permission) };
                    give_role(tx, project, user, role).await?;
                    note_repository(tx, project, &access.repository).await?;
                }
                Ok(lost)
            })
            .await
    }

    /// Removes a user from a project that the forge no longer shows to them.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn remove_member(self, project: ProjectId, user: UserId) -> Result<()> {
        self.db
            .change("that a member is gone", move |tx| async move {
                let tx = &tx;
                if let Some(row) = membership(tx, project, user).await? {
                    take_role(tx, row).await?;
                }
                Ok(())
            })
            .await
    }

    /// Notes the reason why a project could not be brought in line with the forge.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn note_sync_fault(self, project: ProjectId, fault: &str) -> Result<()> {
        let sync_fault = Set(Some(fault.to_owned()));
        let row = rows::project::ActiveModel { id: Unchanged(project.0), sync_fault, ..Default::default() };
        row.update(&self.db.writer).await.context("note a failed sync")?;
        Ok(())
    }
}
