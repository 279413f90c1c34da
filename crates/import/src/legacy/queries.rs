//! Queries to the original's database.
//!
//! Numbers are cast, so that the width of a column does not matter. Texts are converted, so that a column's character
//! set does not matter. The original's times are in UTC. They are counted from 1970, which keeps the session's time
//! zone out and gives none for a date such as `0000-00-00`. If the original's model allows no NULL and a database has
//! one, it counts as 0 or as an empty text. All queries work on MySQL 5.5.

/// Names a column of each table that the original's last version has and earlier versions do not have.
pub(super) const LAST_MIGRATION: &str = "
SELECT CONVERT(project.gh_https_clone_url USING utf8mb4) AS path
FROM project, membership, deploy_key, tracked_file, hook, hook_call, build, job, `user`
WHERE membership.allows_management AND hook.install_script = '' AND hook_call.build_id = 0
    AND build.gh_commit_ref = '' AND job.stdout = '' AND deploy_key.rsa_public_key = '' AND tracked_file.path = ''
    AND `user`.email = '' AND project.is_public AND FALSE";

pub(super) const REVISION: &str = "SELECT CONVERT(version_num USING utf8mb4) AS path FROM alembic_version";

pub(super) const USERS: &str = "
SELECT CAST(id AS SIGNED) AS id, COALESCE(CAST(gh_id AS SIGNED), 0) AS forge_id, COALESCE(CONVERT(gh_login USING utf8mb4), '') AS login,
    COALESCE(CONVERT(gh_name USING utf8mb4), '') AS name, COALESCE(CONVERT(gh_access_token USING utf8mb4), '') AS token,
    COALESCE(CONVERT(gh_avatar_url USING utf8mb4), '') AS avatar_url, CONVERT(email USING utf8mb4) AS email
FROM `user` ORDER BY id";

pub(super) const PROJECTS: &str = "
SELECT CAST(id AS SIGNED) AS id, COALESCE(CAST(owner_id AS SIGNED), 0) AS owner_id, COALESCE(CAST(gh_id AS SIGNED), 0) AS forge_id,
    COALESCE(CONVERT(gh_login USING utf8mb4), '') AS owner, COALESCE(CONVERT(gh_name USING utf8mb4), '') AS name,
    COALESCE(CONVERT(gh_ssh_clone_url USING utf8mb4), '') AS ssh_url, COALESCE(CONVERT(gh_https_clone_url USING utf8mb4), '') AS clone_url,
    COALESCE(is_public <> 0, FALSE) AS is_public
FROM project ORDER BY id";

pub(super) const MEMBERS: &str = "
SELECT CAST(user_id AS SIGNED) AS user_id, COALESCE(allows_management <> 0, FALSE) AS is_manager
FROM membership WHERE project_id = ? ORDER BY user_id";

pub(super) const KEYS: &str = "
SELECT CAST(id AS SIGNED) AS id, COALESCE(CAST(gh_id AS SIGNED), 0) AS forge_id,
    COALESCE(CONVERT(rsa_private_key USING utf8mb4), '') AS private_key, COALESCE(CONVERT(rsa_public_key USING utf8mb4), '') AS public_key
FROM deploy_key WHERE project_id = ? ORDER BY id";

pub(super) const HOOKS: &str = "
SELECT CAST(id AS SIGNED) AS id, COALESCE(CAST(gh_id AS SIGNED), 0) AS forge_id, COALESCE(CONVERT(title USING utf8mb4), '') AS title,
    CONVERT(install_script USING utf8mb4) AS install_script, COALESCE(CONVERT(build_script USING utf8mb4), '') AS script,
    COALESCE(CONVERT(docker_image USING utf8mb4), '') AS image
FROM hook WHERE project_id = ? ORDER BY id";

pub(super) const TRACKED_FILES: &str = "SELECT COALESCE(CONVERT(path USING utf8mb4), '') AS path FROM tracked_file WHERE hook_id = ? ORDER BY id";

pub(super) const BUILDS: &str = "
SELECT CAST(id AS SIGNED) AS id, COALESCE(CAST(number AS SIGNED), 0) AS number, COALESCE(CONVERT(gh_commit_ref USING utf8mb4), '') AS branch,
    COALESCE(CONVERT(gh_commit_sha USING utf8mb4), '') AS sha, COALESCE(CONVERT(gh_commit_author USING utf8mb4), '') AS author,
    COALESCE(CONVERT(LEFT(gh_commit_message, 65536) USING utf8mb4), '') AS message, COALESCE(CONVERT(status USING utf8mb4), '') AS status,
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', created_at) DIV 1000 AS created_at
FROM build WHERE project_id = ? AND id > ? ORDER BY id LIMIT 200";

pub(super) const JOBS: &str = "
SELECT CAST(job.id AS SIGNED) AS id, CAST(job.build_id AS SIGNED) AS build_id,
    CAST(hook_call.hook_id AS SIGNED) AS hook_id,
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', hook_call.created_at) DIV 1000 AS created_at,
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', started_at) DIV 1000 AS started_at,
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', finished_at) DIV 1000 AS finished_at,
    CAST(return_code AS SIGNED) AS return_code, CAST(OCTET_LENGTH(stdout) AS SIGNED) AS log_length
FROM job JOIN build ON build.id = job.build_id LEFT JOIN hook_call ON hook_call.id = job.hook_call_id
WHERE build.project_id = ? AND build.id >= ? AND build.id <= ? ORDER BY job.id";

/// The largest id of each kind, for rows that cannot keep their ids. An id above the limit is kept nowhere, and does
/// not count.
pub(super) const LARGEST: &str = "
SELECT CAST(COALESCE((SELECT MAX(id) FROM `user` WHERE id <= ?), 0) AS SIGNED) AS users,
    CAST(COALESCE((SELECT MAX(id) FROM project WHERE id <= ?), 0) AS SIGNED) AS projects,
    CAST(COALESCE((SELECT MAX(id) FROM hook WHERE id <= ?), 0) AS SIGNED) AS hooks,
    CAST(COALESCE((SELECT MAX(id) FROM build WHERE id <= ?), 0) AS SIGNED) AS builds,
    CAST(COALESCE((SELECT MAX(id) FROM job WHERE id <= ?), 0) AS SIGNED) AS jobs";

pub(super) const LARGEST_NUMBER: &str =
    "SELECT CAST(COALESCE(MAX(number), 0) AS SIGNED) AS id FROM build WHERE project_id = ? AND number <= ?";

pub(super) const BUILD_IDS: &str = "SELECT CAST(id AS SIGNED) AS id FROM build WHERE project_id = ?";

pub(super) const JOB_IDS: &str = "
SELECT CAST(job.id AS SIGNED) AS id, CAST(job.build_id AS SIGNED) AS build_id
FROM job JOIN build ON build.id = job.build_id WHERE build.project_id = ?";

pub(super) const LOG: &str = "SELECT SUBSTRING(stdout, ?, ?) AS piece FROM job WHERE id = ?";

/// The kinds have the same words as in [`ORPHANS`] and in reports.
pub(super) const CHILDREN: &str = "
SELECT 'member' AS kind, COUNT(*) AS count FROM membership WHERE project_id = ?
UNION ALL SELECT 'deploy key', COUNT(*) FROM deploy_key WHERE project_id = ?
UNION ALL SELECT 'hook', COUNT(*) FROM hook WHERE project_id = ?
UNION ALL SELECT 'tracked file', COUNT(*)
    FROM tracked_file JOIN hook ON hook.id = tracked_file.hook_id WHERE hook.project_id = ?
UNION ALL SELECT 'build', COUNT(*) FROM build WHERE project_id = ?
UNION ALL SELECT 'job', COUNT(*) FROM job JOIN build ON build.id = job.build_id WHERE build.project_id = ?
UNION ALL SELECT 'log', COUNT(*) FROM job JOIN build ON build.id = job.build_id
    WHERE build.project_id = ? AND OCTET_LENGTH(stdout) > 0";

pub(super) const ORPHANS: &str = "
SELECT 'member' AS kind, CAST(user_id AS SIGNED) AS id, CONCAT('project ', project_id) AS parent
    FROM membership WHERE project_id NOT IN (SELECT id FROM project)
UNION ALL SELECT 'deploy key', CAST(id AS SIGNED), CONCAT('project ', project_id)
    FROM deploy_key WHERE project_id NOT IN (SELECT id FROM project)
UNION ALL SELECT 'hook', CAST(id AS SIGNED), CONCAT('project ', project_id)
    FROM hook WHERE project_id NOT IN (SELECT id FROM project)
UNION ALL SELECT 'tracked file', CAST(tracked_file.id AS SIGNED), CONCAT('hook ', hook_id)
    FROM tracked_file LEFT JOIN hook ON hook.id = tracked_file.hook_id
    WHERE hook.id IS NULL OR hook.project_id NOT IN (SELECT id FROM project)
UNION ALL SELECT 'build', CAST(id AS SIGNED), CONCAT('project ', project_id)
    FROM build WHERE project_id NOT IN (SELECT id FROM project)
UNION ALL SELECT 'job', CAST(job.id AS SIGNED), CONCAT('build ', build_id)
    FROM job LEFT JOIN build ON build.id = job.build_id
    WHERE build.id IS NULL OR build.project_id NOT IN (SELECT id FROM project)
ORDER BY kind, id";
