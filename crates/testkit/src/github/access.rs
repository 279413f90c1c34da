//! Permissions that tests give people, and take from them.

use super::GitHub;
use super::delivery::Occasion;
use super::world::Permission;

impl GitHub {
    /// Permission of a person on a repository, in whichever way; `None` if they may not even see it.
    pub fn permission_of(&self, repository: &str, login: &str) -> Option<Permission> {
        self.double.read(|world| world.permission_of(world.repository(repository)?, Some(login)))
    }

    /// Makes a person a collaborator with this permission, or takes it away with `None`. Webhooks hear of a
    /// change by `member`, beside this call.
    pub fn set_permission(&self, repository: &str, login: &str, permission: Option<Permission>) {
        let before = self
            .double
            .change(|world| Some(world.repository_mut(repository)?.set_collaborator(login, permission)));
        let Some(before) = before.filter(|before| *before != permission) else { return };
        let payload = self.double.shapes(|shapes| shapes.member_event(repository, login, before, permission));
        if let Some(payload) = payload {
            let (repository, event) = (repository.to_owned(), "member".to_owned());
            self.double.deliver_beside(Occasion { repository, event, payload });
        }
    }
}
