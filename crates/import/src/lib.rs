//! Takes over an installation of the original Kozmic CI: its builds become the past of this installation.
//!
//! The import is not part of the way of a push. It runs in place of the server. Each row is taken over once; a row
//! that cannot be taken over is reported with the reason. After an interruption, the import can be started again.
// A future that works with the store holds those of the layers below it.
#![recursion_limit = "256"]

mod builds;
mod gone;
mod legacy;
mod report;
mod translate;

pub use legacy::{Installation, SecretKey};
pub use report::{Kind, Remark, Report, Tally};

use anyhow::{Context, Result};
use kozmic_edges::{
    logs::Logs,
    store::{Foreign, LARGEST_ID, NewProject, Store, Taken},
};
use kozmic_model::{
    hook::HookSettings,
    ids::{DeployKeyId, HookId, ProjectId, UserId},
    project::Role,
    time::Timestamp,
};
use legacy::{Largest, OldHook, OldKey, OldProject, SealedKey};
use std::collections::HashMap;

/// The reason why rows of a removed thing stay out.
const REMOVED_SINCE: &str = "it was taken over before, and removed here since";

/// One execution of the import.
pub struct Import<'a> {
    /// The installation to take over.
    pub old: &'a Installation,
    /// The store for its rows.
    pub store: &'a Store,
    /// The store for its logs; none on a trial run.
    pub logs: Option<&'a Logs>,
    /// The original's `SECRET_KEY`, if it is known.
    pub secret_key: Option<&'a SecretKey>,
    /// The time of the import.
    pub now: Timestamp,
}

/// The ids of users here, by their ids there.
type Users = HashMap<i64, UserId>;

/// The hooks of a project, by their ids there.
type Hooks = HashMap<i64, KnownHook>;

/// A project that exists here now.
struct Here<'a> {
    id: ProjectId,
    name: &'a str,
    hooks: Hooks,
}

/// The known facts of a hook while its jobs are taken over.
struct KnownHook {
    title: String,
    here: Option<(HookId, HookSettings)>,
}

impl Import<'_> {
    /// Takes over everything that can be taken over. The report covers every row.
    ///
    /// # Errors
    /// One of the databases or the disk does not answer. Rows that were taken over stay, and another import continues.
    pub async fn run(&self) -> Result<Report> {
        let mut report = Report::default();
        let largest = self.old.largest_ids(LARGEST_ID).await?;
        let users = self.users(&largest, &mut report).await?;
        let projects = self.old.projects().await?;
        self.ask_for_gone_projects(&projects, &mut report).await?;
        for project in projects {
            self.project(&project, &largest, &users, &mut report).await?;
            tracing::info!(project = project.full_name(), "went through a project");
        }
        for orphan in self.old.orphans().await? {
            let kind = orphan.kind.parse().map_err(anyhow::Error::msg).context("tell an orphan's kind")?;
            report.leave_out(kind, format!("{kind} {}", orphan.id), format!("there is no {}", orphan.parent));
        }
        Ok(report)
    }

    async fn users(&self, largest: &Largest, report: &mut Report) -> Result<Users> {
        let mut users = Users::new();
        for old in self.old.users().await? {
            let what = format!("user {} ({})", old.id, old.login);
            let new = match translate::user(&old) {
                Ok(new) => new,
                Err(why) => {
                    report.leave_out(Kind::User, what, why);
                    continue;
                }
            };
            match self
                .store
                .takeover()
                .import_user(self.foreign(old.id, largest.users), &new, self.now)
                .await?
            {
                Taken::Over(id) => {
                    users.insert(old.id, id);
                    report.take(Kind::User);
                    report.renumber(what, old.id, id.0, Kind::User);
                }
                Taken::There(id) | Taken::Followed(id) => {
                    users.insert(old.id, id);
                    report.find_there(Kind::User);
                }
                Taken::Gone | Taken::MadeHere => report.leave_out(Kind::User, what, REMOVED_SINCE.to_owned()),
            }
        }
        Ok(users)
    }

    async fn project(
        &self,
        old: &OldProject,
        largest: &Largest,
        users: &Users,
        report: &mut Report,
    ) -> Result<()> {
        let name = old.full_name();
        match self.take_project(old, largest, users, report).await? {
            Ok(id) => {
                self.follow_gone(old, id, report).await?;
                for key in self.old.keys(old.id).await? {
                    self.key(old, &key, id, report).await?;
                }
                let mut here = Here { id, name: &name, hooks: Hooks::new() };
                here.hooks = self.hooks(old.id, largest, &here, report).await?;
                self.builds(old.id, largest, &here, report).await
            }
            Err(why) => {
                report.leave_out(Kind::Project, format!("project {} ({name})", old.id), why);
                for (kind, count) in self.old.children(old.id).await? {
                    let kind = kind.parse().map_err(anyhow::Error::msg).context("tell a child's kind")?;
                    report.leave_out_all(kind, count, &format!("of {name}"), "its project is left out");
                }
                Ok(())
            }
        }
    }

    /// The project here, or the reason why it is left out.
    async fn take_project(
        &self,
        old: &OldProject,
        largest: &Largest,
        users: &Users,
        report: &mut Report,
    ) -> Result<Result<ProjectId, String>> {
        let repository = match translate::repository(old) {
            Ok(repository) => repository,
            Err(why) => return Ok(Err(why)),
        };
        let Some(owner) = users.get(&old.owner_id).copied() else {
            return Ok(Err(format!("its owner, user {}, is left out", old.owner_id)));
        };
        let old_members = self.old.members(old.id).await?;
        let role = |is_manager| if is_manager { Role::Manager } else { Role::Member };
        let members = old_members
            .iter()
            .filter_map(|member| users.get(&member.user_id).map(|user| (*user, role(member.is_manager))));
        // The original showed badges to everybody, and READMEs of private projects link to them.
        let open_badge = repository.private;
        let new = NewProject { repository, owner, members: members.collect(), open_badge };
        let foreign = self.foreign(old.id, largest.projects);
        let (id, is_new) = match self.store.takeover().import_project(foreign, &new, self.now).await? {
            Taken::Over(id) => (id, true),
            Taken::There(id) | Taken::Followed(id) => (id, false),
            Taken::Gone => return Ok(Err(REMOVED_SINCE.to_owned())),
            Taken::MadeHere => {
                let why = "its repository is a project here already, which was not taken over from there";
                return Ok(Err(why.to_owned()));
            }
        };
        report.count(Kind::Project, is_new);
        if is_new {
            self.remark_project(old, id, report);
        }
        let here = self
            .store
            .projects()
            .members(id)
            .await?
            .into_iter()
            .map(|member| member.user.id)
            .collect::<Vec<_>>();
        for member in old_members {
            let what = format!("member {} of {}", member.user_id, old.full_name());
            match users.get(&member.user_id) {
                Some(user) if here.contains(user) => report.count(Kind::Member, is_new),
                Some(_) => {
                    report.leave_out(Kind::Member, what, "they are no member here any more".to_owned())
                }
                None => report.leave_out(Kind::Member, what, "the user is left out".to_owned()),
            }
        }
        Ok(Ok(id))
    }

    fn remark_project(&self, old: &OldProject, id: ProjectId, report: &mut Report) {
        report.renumber(format!("project {} ({})", old.id, old.full_name()), old.id, id.0, Kind::Project);
        if !old.is_public {
            let why = format!(
                "everybody may see its badge, as it was there; /projects/{id}/settings/ has a switch that takes this back"
            );
            report.mend(old.full_name(), why);
        }
    }

    async fn key(&self, old: &OldProject, key: &OldKey, id: ProjectId, report: &mut Report) -> Result<()> {
        let what = format!("deploy key {} of {}", key.id, old.full_name());
        if let Some(there) = self.store.keys().deploy_key(id).await? {
            let words = |text: &str| text.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>();
            match words(&there.public_key) == words(&key.public_key) {
                true => report.find_there(Kind::DeployKey),
                false => {
                    report.leave_out(Kind::DeployKey, what, "the project has another one here".to_owned())
                }
            }
            return Ok(());
        }
        let Some(secret_key) = self.secret_key else {
            let why = "no secret key was given (--secret-key-file)";
            report.leave_out(Kind::DeployKey, what, why.to_owned());
            return Ok(());
        };
        let sealed =
            SealedKey { private: &key.private_key, public: &key.public_key, repository: old.forge_id };
        match sealed.open(secret_key) {
            Ok((private, public)) => {
                let at_forge = (key.forge_id > 0).then_some(DeployKeyId(key.forge_id));
                self.store.takeover().import_deploy_key(id, &public, &private, at_forge).await?;
                report.take(Kind::DeployKey);
            }
            Err(fault) => report.leave_out(Kind::DeployKey, what, fault.to_string()),
        }
        Ok(())
    }

    async fn hooks(
        &self,
        old_project: i64,
        largest: &Largest,
        here: &Here<'_>,
        report: &mut Report,
    ) -> Result<Hooks> {
        let mut hooks = Hooks::new();
        let mut new_hooks = 0;
        for old in self.old.hooks(old_project).await? {
            let tally = report.tally(Kind::Hook).taken;
            let known = self.hook(&old, largest.hooks, here, report).await?;
            new_hooks += report.tally(Kind::Hook).taken - tally;
            hooks.insert(old.id, known);
        }
        if new_hooks > 0 {
            report.ask_to_connect(here.name.to_owned(), here.id, new_hooks);
        }
        Ok(hooks)
    }

    async fn hook(
        &self,
        old: &OldHook,
        largest: i64,
        here: &Here<'_>,
        report: &mut Report,
    ) -> Result<KnownHook> {
        let what = format!("hook {} ({}) of {}", old.id, old.title, here.name);
        let tracked = self.old.tracked_files(old.id).await?;
        let left_out = KnownHook { title: old.title.clone(), here: None };
        let translated = match translate::hook(old, &tracked) {
            Ok(translated) => translated,
            Err(why) => {
                report.leave_out_all(
                    Kind::TrackedFile,
                    tracked.len() as u64,
                    &format!("of {what}"),
                    "it is left out",
                );
                report.leave_out(Kind::Hook, what, why);
                return Ok(left_out);
            }
        };
        let foreign = self.foreign(old.id, largest);
        let taken = self.store.takeover().import_hook(foreign, here.id, &translated.hook, self.now).await?;
        let (hook, is_new) = match taken {
            Taken::Over(hook) => (hook, true),
            Taken::There(hook) => (hook, false),
            Taken::Followed(hook) => {
                report.follow(what.clone(), "it was changed there, and is here now as well".to_owned());
                (hook, false)
            }
            Taken::Gone | Taken::MadeHere => {
                let count = tracked.len() as u64;
                report.leave_out_all(Kind::TrackedFile, count, &format!("of {what}"), "it is left out");
                report.leave_out(Kind::Hook, what, REMOVED_SINCE.to_owned());
                return Ok(left_out);
            }
        };
        report.count(Kind::Hook, is_new);
        let dropped = translated.dropped.len();
        (dropped..tracked.len()).for_each(|_| report.count(Kind::TrackedFile, is_new));
        for (path, why) in translated.dropped {
            report.leave_out(Kind::TrackedFile, format!("tracked file {path} of {what}"), why);
        }
        if is_new {
            translated.mends.into_iter().for_each(|how| report.mend(what.clone(), how));
            report.renumber(what, old.id, hook.0, Kind::Hook);
        }
        let settings = translated.hook.settings;
        Ok(KnownHook { title: settings.title.clone(), here: Some((hook, settings)) })
    }

    fn foreign(&self, id: i64, largest: i64) -> Foreign<'_> {
        Foreign { source: self.old.source(), id, largest }
    }
}
