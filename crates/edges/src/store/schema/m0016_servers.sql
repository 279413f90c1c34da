-- The tables of a database server, as steps 1 to 16 left those of SQLite. Never edited once it was released: a change is a
-- new step. These words stand for a server's own: COUNTED (a number that the server counts up), NAME(n) (a text of at most n
-- characters that an index holds), TEXT, BYTES, and END (the end of a table).

CREATE TABLE IF NOT EXISTS "user" (
    "id" COUNTED,
    "forge_id" BIGINT NOT NULL,
    "login" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "avatar_url" TEXT NOT NULL,
    "email" TEXT,
    "token" BYTES NOT NULL,
    "created_at" BIGINT NOT NULL,
    "signed_in_at" BIGINT NOT NULL,
    "mail_address" TEXT,
    "mail_is_on" BOOLEAN NOT NULL DEFAULT TRUE,
    "mail_only_own" BOOLEAN NOT NULL DEFAULT FALSE,
    "admitted_by" TEXT,
    "mail_unconfirmed" TEXT
)END;

CREATE TABLE IF NOT EXISTS "avatar" (
    "user_id" BIGINT NOT NULL PRIMARY KEY,
    "content_type" TEXT NOT NULL,
    "picture" BYTES NOT NULL,
    FOREIGN KEY ("user_id") REFERENCES "user" ("id") ON DELETE CASCADE
)END;

CREATE TABLE IF NOT EXISTS "session" (
    "fingerprint" NAME(64) NOT NULL PRIMARY KEY,
    "user_id" BIGINT NOT NULL,
    "created_at" BIGINT NOT NULL,
    "expires_at" BIGINT NOT NULL,
    "agent" TEXT NOT NULL DEFAULT (''),
    "seen_at" BIGINT NOT NULL DEFAULT 0,
    FOREIGN KEY ("user_id") REFERENCES "user" ("id") ON DELETE CASCADE
)END;

CREATE TABLE IF NOT EXISTS "api_token" (
    "id" COUNTED,
    "user_id" BIGINT NOT NULL,
    "title" TEXT NOT NULL,
    "fingerprint" NAME(64) NOT NULL,
    "created_at" BIGINT NOT NULL,
    "used_at" BIGINT,
    "scope" TEXT NOT NULL DEFAULT ('all'),
    "project_id" BIGINT,
    "expires_at" BIGINT,
    FOREIGN KEY ("user_id") REFERENCES "user" ("id") ON DELETE CASCADE
)END;

CREATE TABLE IF NOT EXISTS "mail_count" (
    "id" COUNTED,
    "user_id" BIGINT NOT NULL,
    "kind" NAME(64) NOT NULL,
    "began_at" BIGINT NOT NULL,
    "mails" INTEGER NOT NULL,
    FOREIGN KEY ("user_id") REFERENCES "user" ("id") ON DELETE CASCADE
)END;

CREATE TABLE IF NOT EXISTS "repository" (
    "id" COUNTED,
    "user_id" BIGINT NOT NULL,
    "forge_id" BIGINT NOT NULL,
    "owner" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "private" BOOLEAN NOT NULL,
    "default_branch" TEXT NOT NULL,
    "html_url" TEXT NOT NULL,
    "clone_url" TEXT NOT NULL,
    "ssh_url" TEXT NOT NULL DEFAULT (''),
    "permission" TEXT NOT NULL DEFAULT ('admin'),
    FOREIGN KEY ("user_id") REFERENCES "user" ("id") ON DELETE CASCADE
)END;

CREATE TABLE IF NOT EXISTS "project" (
    "id" COUNTED,
    "owner_id" BIGINT NOT NULL,
    "forge_id" BIGINT NOT NULL,
    "owner" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "private" BOOLEAN NOT NULL,
    "default_branch" TEXT NOT NULL,
    "html_url" TEXT NOT NULL,
    "clone_url" TEXT NOT NULL,
    "ssh_url" TEXT NOT NULL DEFAULT (''),
    "created_at" BIGINT NOT NULL,
    "cancel_waiting" BOOLEAN NOT NULL DEFAULT TRUE,
    "cancel_running" BOOLEAN NOT NULL DEFAULT FALSE,
    "badge_token" TEXT NOT NULL DEFAULT (''),
    "synced_at" BIGINT,
    "sync_fault" TEXT,
    "deleted_at" BIGINT,
    "drops_artifacts" BOOLEAN NOT NULL DEFAULT FALSE,
    "told_private_at" BIGINT,
    "open_badge" BOOLEAN NOT NULL DEFAULT FALSE,
    "forks" TEXT NOT NULL DEFAULT ('after_approval'),
    "sudo" TEXT NOT NULL DEFAULT ('always'),
    FOREIGN KEY ("owner_id") REFERENCES "user" ("id") ON DELETE CASCADE
)END;

CREATE TABLE IF NOT EXISTS "membership" (
    "id" COUNTED,
    "project_id" BIGINT NOT NULL,
    "user_id" BIGINT NOT NULL,
    "role" TEXT NOT NULL,
    FOREIGN KEY ("user_id") REFERENCES "user" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("project_id") REFERENCES "project" ("id") ON DELETE CASCADE
)END;

CREATE TABLE IF NOT EXISTS "deploy_key" (
    "project_id" BIGINT NOT NULL PRIMARY KEY,
    "public_key" TEXT NOT NULL,
    "private_key" BYTES NOT NULL,
    "at_forge" BIGINT,
    FOREIGN KEY ("project_id") REFERENCES "project" ("id") ON DELETE CASCADE
)END;

CREATE TABLE IF NOT EXISTS "registry_credential" (
    "id" COUNTED,
    "project_id" BIGINT NOT NULL,
    "registry" NAME(255) NOT NULL,
    "username" TEXT NOT NULL,
    "password" BYTES NOT NULL,
    "created_at" BIGINT NOT NULL,
    FOREIGN KEY ("project_id") REFERENCES "project" ("id") ON DELETE CASCADE
)END;

CREATE TABLE IF NOT EXISTS "hook" (
    "id" COUNTED,
    "project_id" BIGINT NOT NULL,
    "title" TEXT NOT NULL,
    "image" TEXT NOT NULL,
    "script" TEXT NOT NULL,
    "secret" BYTES NOT NULL,
    "webhook_id" BIGINT,
    "created_at" BIGINT NOT NULL,
    "install_script" TEXT,
    "tracked_files" TEXT NOT NULL DEFAULT ('[]'),
    "pull" TEXT NOT NULL DEFAULT ('if_absent'),
    "cache_inputs" TEXT,
    "unsigned" BOOLEAN NOT NULL DEFAULT FALSE,
    "is_own" BOOLEAN NOT NULL DEFAULT TRUE,
    "if_interrupted" TEXT NOT NULL DEFAULT ('again'),
    FOREIGN KEY ("project_id") REFERENCES "project" ("id") ON DELETE CASCADE
)END;

CREATE TABLE IF NOT EXISTS "delivery" (
    "id" COUNTED,
    "door" NAME(64) NOT NULL,
    "hook_id" BIGINT,
    "uuid" NAME(128) NOT NULL,
    "event" TEXT NOT NULL,
    "payload" BYTES NOT NULL,
    "state" NAME(16) NOT NULL,
    "note" TEXT,
    "received_at" BIGINT NOT NULL,
    FOREIGN KEY ("hook_id") REFERENCES "hook" ("id") ON DELETE CASCADE
)END;

CREATE TABLE IF NOT EXISTS "build" (
    "id" COUNTED,
    "project_id" BIGINT NOT NULL,
    "number" BIGINT NOT NULL,
    "git_ref" NAME(300) NOT NULL,
    "sha" NAME(64) NOT NULL,
    "status" NAME(16) NOT NULL,
    "trigger" TEXT NOT NULL,
    "author" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "created_at" BIGINT NOT NULL,
    "started_at" BIGINT,
    "finished_at" BIGINT,
    "mailed" TEXT,
    "pushed_at" BIGINT,
    "commits" TEXT NOT NULL DEFAULT ('[]'),
    "hooked" TEXT,
    "position" BIGINT NOT NULL DEFAULT 0,
    "ref_is_gone" BOOLEAN NOT NULL DEFAULT FALSE,
    "needs_approval" BOOLEAN NOT NULL DEFAULT FALSE,
    "pusher_id" BIGINT,
    "pusher" TEXT,
    FOREIGN KEY ("project_id") REFERENCES "project" ("id") ON DELETE CASCADE
)END;

CREATE TABLE IF NOT EXISTS "approval" (
    "id" COUNTED,
    "project_id" BIGINT NOT NULL,
    "pull_request" BIGINT NOT NULL,
    "sha" TEXT NOT NULL,
    "user_id" BIGINT NOT NULL,
    "at" BIGINT NOT NULL,
    "pusher_id" BIGINT,
    "ended_at" BIGINT,
    FOREIGN KEY ("project_id") REFERENCES "project" ("id") ON DELETE CASCADE
)END;

CREATE TABLE IF NOT EXISTS "hook_call" (
    "id" COUNTED,
    "hook_id" BIGINT NOT NULL,
    "build_id" BIGINT NOT NULL,
    "delivery_id" BIGINT NOT NULL,
    FOREIGN KEY ("build_id") REFERENCES "build" ("id") ON DELETE CASCADE
)END;

CREATE TABLE IF NOT EXISTS "job" (
    "id" COUNTED,
    "build_id" BIGINT NOT NULL,
    "project_id" BIGINT NOT NULL,
    "spec" TEXT NOT NULL,
    "status" NAME(16) NOT NULL,
    "attempt" INTEGER NOT NULL,
    "reason" TEXT,
    "return_code" BIGINT,
    "cancel_requested" BOOLEAN NOT NULL,
    "runner" TEXT,
    "lease_until" BIGINT,
    "container" TEXT,
    "phases" TEXT NOT NULL,
    "created_at" BIGINT NOT NULL,
    "started_at" BIGINT,
    "finished_at" BIGINT,
    "kind" TEXT NOT NULL DEFAULT ('hook'),
    "automatic" BOOLEAN NOT NULL DEFAULT FALSE,
    "queued_at" BIGINT,
    "move_id" BIGINT,
    "canceled_by" TEXT,
    "ending" TEXT,
    "interruptions" INTEGER NOT NULL DEFAULT 0,
    "cache_key" TEXT,
    FOREIGN KEY ("build_id") REFERENCES "build" ("id") ON DELETE CASCADE
)END;

CREATE TABLE IF NOT EXISTS "attempt" (
    "id" COUNTED,
    "job_id" BIGINT NOT NULL,
    "number" INTEGER NOT NULL,
    "status" TEXT NOT NULL,
    "reason" TEXT,
    "return_code" BIGINT,
    "phases" TEXT NOT NULL,
    "started_at" BIGINT,
    "finished_at" BIGINT,
    "queued_at" BIGINT,
    "ending" TEXT,
    FOREIGN KEY ("job_id") REFERENCES "job" ("id") ON DELETE CASCADE
)END;

CREATE TABLE IF NOT EXISTS "upload" (
    "id" COUNTED,
    "job_id" BIGINT NOT NULL,
    "attempt" INTEGER NOT NULL,
    "name" NAME(255) NOT NULL,
    "sha256" TEXT NOT NULL,
    "before" TEXT,
    "is_done" BOOLEAN NOT NULL,
    FOREIGN KEY ("job_id") REFERENCES "job" ("id") ON DELETE CASCADE
)END;

CREATE TABLE IF NOT EXISTS "artifact" (
    "id" COUNTED,
    "project_id" BIGINT NOT NULL,
    "build_id" BIGINT NOT NULL,
    "job_id" BIGINT NOT NULL,
    "format" TEXT NOT NULL,
    "versioned" TEXT NOT NULL,
    "stable" NAME(255) NOT NULL,
    "place_kind" NAME(32) NOT NULL,
    "place" TEXT NOT NULL,
    "size" BIGINT NOT NULL,
    "sha256" TEXT NOT NULL,
    "pushed_at" BIGINT NOT NULL,
    "created_at" BIGINT NOT NULL,
    "removed_at" BIGINT,
    FOREIGN KEY ("job_id") REFERENCES "job" ("id") ON DELETE CASCADE
)END;

CREATE TABLE IF NOT EXISTS "ref_move" (
    "id" COUNTED,
    "project_id" BIGINT NOT NULL,
    "git_ref" NAME(300) NOT NULL,
    "uuid" NAME(128) NOT NULL,
    "before" TEXT,
    "after" TEXT NOT NULL,
    "sha" TEXT,
    "at" BIGINT NOT NULL,
    "source" TEXT NOT NULL,
    "created_at" BIGINT NOT NULL,
    FOREIGN KEY ("project_id") REFERENCES "project" ("id") ON DELETE CASCADE
)END;

CREATE TABLE IF NOT EXISTS "mail" (
    "id" COUNTED,
    "build_id" BIGINT NOT NULL,
    "user_id" BIGINT NOT NULL,
    "status" TEXT NOT NULL,
    "created_at" BIGINT NOT NULL,
    "counted_from" BIGINT,
    "number" INTEGER,
    FOREIGN KEY ("user_id") REFERENCES "user" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("build_id") REFERENCES "build" ("id") ON DELETE CASCADE
)END;

CREATE TABLE IF NOT EXISTS "hearing" (
    "id" COUNTED,
    "door" NAME(64) NOT NULL,
    "hook_id" BIGINT,
    "forge_id" BIGINT NOT NULL,
    "seen_at" BIGINT NOT NULL,
    "heads" TEXT NOT NULL,
    "fault" TEXT,
    FOREIGN KEY ("hook_id") REFERENCES "hook" ("id") ON DELETE CASCADE
)END;

CREATE TABLE IF NOT EXISTS "missed" (
    "id" COUNTED,
    "door" NAME(64) NOT NULL,
    "hook_id" BIGINT,
    "forge_id" BIGINT NOT NULL,
    "uuid" NAME(128) NOT NULL,
    "event" TEXT NOT NULL,
    "missed_at" BIGINT NOT NULL,
    "tries" INTEGER NOT NULL,
    "asked_at" BIGINT NOT NULL,
    "made_good_at" BIGINT,
    FOREIGN KEY ("hook_id") REFERENCES "hook" ("id") ON DELETE CASCADE
)END;

CREATE TABLE IF NOT EXISTS "outbox" (
    "id" COUNTED,
    "kind" NAME(64) NOT NULL,
    "subject" BIGINT NOT NULL,
    "version" INTEGER NOT NULL,
    "tries" INTEGER NOT NULL,
    "not_before" BIGINT NOT NULL,
    "fault" TEXT,
    "created_at" BIGINT NOT NULL
)END;

CREATE TABLE IF NOT EXISTS "audit" (
    "id" COUNTED,
    "at" BIGINT NOT NULL,
    "actor" TEXT NOT NULL,
    "user_id" BIGINT,
    "login" TEXT NOT NULL,
    "token" TEXT,
    "action" TEXT NOT NULL,
    "project_id" BIGINT,
    "project" TEXT NOT NULL,
    "subject" TEXT NOT NULL
)END;

CREATE TABLE IF NOT EXISTS "cached_image" (
    "id" COUNTED,
    "project_id" BIGINT NOT NULL,
    "runner" NAME(128) NOT NULL,
    "cache_key" NAME(128) NOT NULL,
    "base" TEXT NOT NULL,
    "size" BIGINT NOT NULL,
    "created_at" BIGINT NOT NULL,
    "used_at" BIGINT NOT NULL
)END;

CREATE TABLE IF NOT EXISTS "kernel_image" (
    "id" COUNTED,
    "runner" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "image_id" NAME(128) NOT NULL,
    "is_current" BOOLEAN NOT NULL,
    "pushed_at" BIGINT NOT NULL,
    "build_id" BIGINT NOT NULL
)END;

CREATE TABLE IF NOT EXISTS "pull" (
    "id" COUNTED,
    "runner" NAME(128) NOT NULL,
    "repository" NAME(255) NOT NULL,
    "project_id" BIGINT NOT NULL,
    "state" TEXT NOT NULL
)END;

CREATE TABLE IF NOT EXISTS "given_name" (
    "id" COUNTED,
    "place" NAME(32) NOT NULL,
    "key" NAME(255) NOT NULL,
    "owner" NAME(450) NOT NULL,
    "plain" NAME(255) NOT NULL,
    "name" TEXT NOT NULL
)END;

CREATE TABLE IF NOT EXISTS "configuration" (
    "id" BIGINT NOT NULL PRIMARY KEY,
    "sha" TEXT NOT NULL,
    "content" TEXT NOT NULL,
    "loaded_at" BIGINT NOT NULL
)END;

CREATE TABLE IF NOT EXISTS "watched" (
    "forge_id" BIGINT NOT NULL PRIMARY KEY,
    "full_name" TEXT NOT NULL,
    "webhook_id" BIGINT
)END;

CREATE TABLE IF NOT EXISTS "runner" (
    "name" NAME(255) NOT NULL PRIMARY KEY,
    "slots" INTEGER NOT NULL,
    "busy" INTEGER NOT NULL,
    "trouble" TEXT,
    "seen_at" BIGINT NOT NULL
)END;

CREATE TABLE IF NOT EXISTS "imported" (
    "id" COUNTED,
    "source" NAME(512) NOT NULL,
    "kind" NAME(64) NOT NULL,
    "foreign_id" BIGINT NOT NULL,
    "own_id" BIGINT NOT NULL
)END;

CREATE TABLE IF NOT EXISTS "pulse" (
    "id" BIGINT NOT NULL PRIMARY KEY,
    "at" BIGINT NOT NULL
)END;

CREATE TABLE IF NOT EXISTS "change_lock" (
    "id" BIGINT NOT NULL PRIMARY KEY
)END;

CREATE UNIQUE INDEX "user_forge_id" ON "user" ("forge_id");

CREATE INDEX "session_user_id" ON "session" ("user_id");

CREATE UNIQUE INDEX "api_token_fingerprint" ON "api_token" ("fingerprint");

CREATE INDEX "api_token_user_id" ON "api_token" ("user_id");

CREATE UNIQUE INDEX "mail_count_user_id_kind" ON "mail_count" ("user_id", "kind");

CREATE UNIQUE INDEX "repository_user_id_forge_id" ON "repository" ("user_id", "forge_id");

CREATE UNIQUE INDEX "project_forge_id" ON "project" ("forge_id");

CREATE INDEX "project_owner_id" ON "project" ("owner_id");

CREATE UNIQUE INDEX "membership_project_id_user_id" ON "membership" ("project_id", "user_id");

CREATE INDEX "membership_user_id" ON "membership" ("user_id");

CREATE UNIQUE INDEX "registry_credential_project_id_registry" ON "registry_credential" ("project_id", "registry");

CREATE INDEX "hook_project_id" ON "hook" ("project_id");

CREATE UNIQUE INDEX "delivery_door_uuid" ON "delivery" ("door", "uuid");

CREATE INDEX "delivery_state_id" ON "delivery" ("state", "id");

CREATE INDEX "delivery_state_received_at" ON "delivery" ("state", "received_at");

CREATE INDEX "build_project_id_git_ref_number" ON "build" ("project_id", "git_ref", "number");

CREATE INDEX "build_project_id_git_ref_position" ON "build" ("project_id", "git_ref", "position");

CREATE INDEX "build_project_id_git_ref_ref_is_gone_position" ON "build" ("project_id", "git_ref", "ref_is_gone", "position");

CREATE UNIQUE INDEX "build_project_id_git_ref_sha" ON "build" ("project_id", "git_ref", "sha");

CREATE INDEX "build_project_id_git_ref_status_number" ON "build" ("project_id", "git_ref", "status", "number");

CREATE UNIQUE INDEX "build_project_id_number" ON "build" ("project_id", "number");

CREATE INDEX "build_project_id_position" ON "build" ("project_id", "position");

CREATE INDEX "build_project_id_sha" ON "build" ("project_id", "sha");

CREATE INDEX "build_project_id_status_number" ON "build" ("project_id", "status", "number");

CREATE INDEX "approval_project_id_pull_request" ON "approval" ("project_id", "pull_request");

CREATE UNIQUE INDEX "hook_call_hook_id_build_id" ON "hook_call" ("hook_id", "build_id");

CREATE INDEX "job_automatic_finished_at" ON "job" ("automatic", "finished_at");

CREATE INDEX "job_build_id" ON "job" ("build_id");

CREATE INDEX "job_project_id_id" ON "job" ("project_id", "id");

CREATE INDEX "job_project_id_status" ON "job" ("project_id", "status");

CREATE INDEX "job_status_id" ON "job" ("status", "id");

CREATE UNIQUE INDEX "attempt_job_id_number" ON "attempt" ("job_id", "number");

CREATE UNIQUE INDEX "upload_job_id_name" ON "upload" ("job_id", "name");

CREATE INDEX "artifact_build_id" ON "artifact" ("build_id");

CREATE UNIQUE INDEX "artifact_job_id_place_kind" ON "artifact" ("job_id", "place_kind");

CREATE INDEX "artifact_place_kind_stable_id" ON "artifact" ("place_kind", "stable", "id");

CREATE INDEX "ref_move_project_id_git_ref_at" ON "ref_move" ("project_id", "git_ref", "at");

CREATE UNIQUE INDEX "ref_move_project_id_git_ref_uuid" ON "ref_move" ("project_id", "git_ref", "uuid");

CREATE INDEX "mail_build_id" ON "mail" ("build_id");

CREATE UNIQUE INDEX "hearing_door_forge_id" ON "hearing" ("door", "forge_id");

CREATE UNIQUE INDEX "missed_door_uuid" ON "missed" ("door", "uuid");

CREATE INDEX "missed_forge_id_made_good_at" ON "missed" ("forge_id", "made_good_at");

CREATE UNIQUE INDEX "outbox_kind_subject" ON "outbox" ("kind", "subject");

CREATE INDEX "audit_at" ON "audit" ("at");

CREATE INDEX "audit_project_id_id" ON "audit" ("project_id", "id");

CREATE UNIQUE INDEX "cached_image_project_id_runner_cache_key" ON "cached_image" ("project_id", "runner", "cache_key");

CREATE INDEX "kernel_image_image_id" ON "kernel_image" ("image_id");

CREATE UNIQUE INDEX "pull_runner_repository_project_id" ON "pull" ("runner", "repository", "project_id");

CREATE UNIQUE INDEX "given_name_place_key" ON "given_name" ("place", "key");

CREATE UNIQUE INDEX "given_name_place_owner_plain" ON "given_name" ("place", "owner", "plain");

CREATE UNIQUE INDEX "imported_kind_source_foreign_id" ON "imported" ("kind", "source", "foreign_id");

INSERT INTO "change_lock" ("id") VALUES (1);
