//! The original's rows, as they are: anything may stand in them.

use sea_orm::FromQueryResult;

/// Somebody who signed in there.
#[derive(Clone, Debug, FromQueryResult)]
pub struct OldUser {
    /// Its id there.
    pub id: i64,
    /// GitHub's number of the person.
    pub forge_id: i64,
    /// GitHub's login.
    pub login: String,
    /// The full name.
    pub name: String,
    /// The token for GitHub, in the clear.
    pub token: String,
    /// The address of the picture.
    pub avatar_url: String,
    /// The address for mails.
    pub email: Option<String>,
}

/// A repository that was built there.
#[derive(Clone, Debug, FromQueryResult)]
pub struct OldProject {
    /// Its id there.
    pub id: i64,
    /// The user's id there.
    pub owner_id: i64,
    /// GitHub's number of the repository.
    pub forge_id: i64,
    /// The login of the repository's owner.
    pub owner: String,
    /// The name without the owner.
    pub name: String,
    /// The address that git fetches it from over SSH.
    pub ssh_url: String,
    /// The address that git fetches it from over HTTPS.
    pub clone_url: String,
    /// Whether everybody may see it.
    pub is_public: bool,
}

impl OldProject {
    /// `owner/name`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

/// A user of a project beside its owner.
#[derive(Clone, Debug, FromQueryResult)]
pub struct OldMember {
    /// The user's id there.
    pub user_id: i64,
    /// Whether they may configure.
    pub is_manager: bool,
}

/// A project's deploy key.
#[derive(Clone, Debug, FromQueryResult)]
pub struct OldKey {
    /// Its id there.
    pub id: i64,
    /// GitHub's number of the key; -1 where it was not registered.
    pub forge_id: i64,
    /// PEM, encrypted.
    pub private_key: String,
    /// As in `authorized_keys`.
    pub public_key: String,
}

/// A script that ran for a project's pushes.
#[derive(Clone, Debug, FromQueryResult)]
pub struct OldHook {
    /// Its id there.
    pub id: i64,
    /// GitHub's number of the webhook; -1 where there is none.
    pub forge_id: i64,
    /// Its name.
    pub title: String,
    /// The script that ran before it.
    pub install_script: Option<String>,
    /// The script that ran.
    pub script: String,
    /// The image that it ran in.
    pub image: String,
}

/// All that one commit on one branch made run.
#[derive(Clone, Debug, FromQueryResult)]
pub struct OldBuild {
    /// Its id there.
    pub id: i64,
    /// Its number within the project; another build may have the same, since nothing was locked while it was found.
    pub number: i64,
    /// A branch, without `refs/heads/`.
    pub branch: String,
    /// The commit.
    pub sha: String,
    /// The commit's author.
    pub author: String,
    /// The commit's message.
    pub message: String,
    /// Milliseconds since 1970; none where the date is none.
    pub created_at: Option<i64>,
    /// `enqueued`, `pending`, `success`, `failure` or `error`.
    pub status: String,
}

/// One script of a build. Its state follows from its times and return code.
#[derive(Clone, Debug, FromQueryResult)]
pub struct OldJob {
    /// Its id there.
    pub id: i64,
    /// The build's id there.
    pub build_id: i64,
    /// The hook's id there; none if it was deleted.
    pub hook_id: Option<i64>,
    /// Milliseconds since 1970, as all times here.
    pub created_at: Option<i64>,
    /// None: it waits.
    pub started_at: Option<i64>,
    /// None: it waits or runs.
    pub finished_at: Option<i64>,
    /// 0 is success.
    pub return_code: Option<i64>,
    /// The log's length in bytes; none if there is no log.
    pub log_length: Option<i64>,
}

/// A row that belongs to one that is not there.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Orphan {
    /// The table.
    pub kind: String,
    /// Its id there.
    pub id: i64,
    /// The row that it belongs to, such as `project 3`.
    pub parent: String,
}

/// The largest id of each kind.
#[derive(Clone, Copy, Debug, Default, FromQueryResult)]
pub struct Largest {
    /// Of a user.
    pub users: i64,
    /// Of a project.
    pub projects: i64,
    /// Of a hook.
    pub hooks: i64,
    /// Of a build.
    pub builds: i64,
    /// Of a job.
    pub jobs: i64,
}

/// A number.
#[derive(FromQueryResult)]
pub(super) struct Id {
    pub(super) id: i64,
}

/// A job and the build that it belongs to.
#[derive(FromQueryResult)]
pub(super) struct Pair {
    pub(super) id: i64,
    pub(super) build_id: i64,
}

/// A text.
#[derive(FromQueryResult)]
pub(super) struct Path {
    pub(super) path: String,
}

/// A part of a log.
#[derive(FromQueryResult)]
pub(super) struct Piece {
    pub(super) piece: Option<Vec<u8>>,
}

/// Number of rows of a kind.
#[derive(FromQueryResult)]
pub(super) struct Child {
    pub(super) kind: String,
    pub(super) count: i64,
}
