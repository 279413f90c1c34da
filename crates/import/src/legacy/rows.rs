//! The original's rows, unchecked: they may contain anything.

use sea_orm::FromQueryResult;

/// A person who signed in there.
#[derive(Clone, Debug, FromQueryResult)]
pub struct OldUser {
    /// The user's id there.
    pub id: i64,
    /// GitHub's number of the person.
    pub forge_id: i64,
    /// GitHub's login.
    pub login: String,
    /// The full name.
    pub name: String,
    /// The token for GitHub, unencrypted.
    pub token: String,
    /// The address of the picture.
    pub avatar_url: String,
    /// The address for mails.
    pub email: Option<String>,
}

/// A repository that was built there.
#[derive(Clone, Debug, FromQueryResult)]
pub struct OldProject {
    /// The project's id there.
    pub id: i64,
    /// The owner's user id there.
    pub owner_id: i64,
    /// GitHub's number of the repository.
    pub forge_id: i64,
    /// The login of the repository's owner.
    pub owner: String,
    /// The name without the owner.
    pub name: String,
    /// The SSH address for git.
    pub ssh_url: String,
    /// The HTTPS address for git.
    pub clone_url: String,
    /// True if everybody may see it.
    pub is_public: bool,
}

impl OldProject {
    /// `owner/name`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

/// A user of a project who is not its owner.
#[derive(Clone, Debug, FromQueryResult)]
pub struct OldMember {
    /// The user's id there.
    pub user_id: i64,
    /// True if the user may configure the project.
    pub is_manager: bool,
}

/// A project's deploy key.
#[derive(Clone, Debug, FromQueryResult)]
pub struct OldKey {
    /// The key's id there.
    pub id: i64,
    /// GitHub's number of the key; -1 if it was not registered.
    pub forge_id: i64,
    /// PEM, encrypted.
    pub private_key: String,
    /// The form of `authorized_keys`.
    pub public_key: String,
}

/// A script that ran for a project's pushes.
#[derive(Clone, Debug, FromQueryResult)]
pub struct OldHook {
    /// The hook's id there.
    pub id: i64,
    /// GitHub's number of the webhook; -1 if there is none.
    pub forge_id: i64,
    /// Its name.
    pub title: String,
    /// The script that ran before the hook's script.
    pub install_script: Option<String>,
    /// The hook's script.
    pub script: String,
    /// The image in which it ran.
    pub image: String,
}

/// Everything that one commit on one branch caused to run.
#[derive(Clone, Debug, FromQueryResult)]
pub struct OldBuild {
    /// The build's id there.
    pub id: i64,
    /// The number within the project. Another build may have the same number, because nothing was locked while it was
    /// chosen.
    pub number: i64,
    /// A branch, without `refs/heads/`.
    pub branch: String,
    /// The commit.
    pub sha: String,
    /// The commit's author.
    pub author: String,
    /// The commit's message.
    pub message: String,
    /// Milliseconds since 1970; none if the date is invalid.
    pub created_at: Option<i64>,
    /// `enqueued`, `pending`, `success`, `failure` or `error`.
    pub status: String,
}

/// One script of a build. Its status follows from its times and return code.
#[derive(Clone, Debug, FromQueryResult)]
pub struct OldJob {
    /// The job's id there.
    pub id: i64,
    /// The build's id there.
    pub build_id: i64,
    /// The hook's id there; none if it was deleted.
    pub hook_id: Option<i64>,
    /// Milliseconds since 1970, as all times here.
    pub created_at: Option<i64>,
    /// None while the job waits.
    pub started_at: Option<i64>,
    /// None while the job waits or runs.
    pub finished_at: Option<i64>,
    /// 0 is success.
    pub return_code: Option<i64>,
    /// The log's length in bytes; none if there is no log.
    pub log_length: Option<i64>,
}

/// A row whose parent row does not exist.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Orphan {
    /// The table.
    pub kind: String,
    /// The row's id there.
    pub id: i64,
    /// The missing parent row, such as `project 3`.
    pub parent: String,
}

/// The largest id of each kind.
#[derive(Clone, Copy, Debug, Default, FromQueryResult)]
pub struct Largest {
    /// The largest user id.
    pub users: i64,
    /// The largest project id.
    pub projects: i64,
    /// The largest hook id.
    pub hooks: i64,
    /// The largest build id.
    pub builds: i64,
    /// The largest job id.
    pub jobs: i64,
}

/// A number.
#[derive(FromQueryResult)]
pub(super) struct Id {
    pub(super) id: i64,
}

/// A job and its build.
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

/// The number of rows of a kind.
#[derive(FromQueryResult)]
pub(super) struct Child {
    pub(super) kind: String,
    pub(super) count: i64,
}
