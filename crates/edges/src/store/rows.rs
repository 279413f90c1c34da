//! The tables as Rust types. Nothing outside the store knows these types; `read` turns them into the model's.
#![expect(unreachable_pub, reason = "SeaORM's derive writes `pub` into private modules")]

macro_rules! rows {
    ($($module:ident = $table:literal { $($(#[$attribute:meta])* $field:ident: $type:ty),+ $(,)? })+) => {$(
        pub(super) mod $module {
            use sea_orm::entity::prelude::{
                ActiveModelBehavior, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter,
                PrimaryKeyTrait,
            };

            #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
            #[sea_orm(table_name = $table)]
            pub struct Model {
                $($(#[$attribute])* pub $field: $type,)+
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    )+};
}

rows! {
    pulse = "pulse" {
        #[sea_orm(primary_key, auto_increment = false)] id: i64,
        at: i64,
    }
    installation = "installation" {
        #[sea_orm(primary_key, auto_increment = false)] id: i64,
        key_seal: Vec<u8>, server: String, process: String, beat: i64,
    }
    user = "user" {
        #[sea_orm(primary_key)] id: i64,
        forge_id: i64, login: String, name: String, avatar_url: String, email: Option<String>, token: Vec<u8>,
        created_at: i64, signed_in_at: i64, mail_address: Option<String>, mail_is_on: bool, mail_only_own: bool,
        admitted_by: Option<String>, mail_unconfirmed: Option<String>,
    }
    avatar = "avatar" {
        #[sea_orm(primary_key, auto_increment = false)] user_id: i64,
        content_type: String, picture: Vec<u8>,
    }
    session = "session" {
        #[sea_orm(primary_key, auto_increment = false)] fingerprint: String,
        user_id: i64, created_at: i64, expires_at: i64, agent: String, seen_at: i64,
    }
    repository = "repository" {
        #[sea_orm(primary_key)] id: i64,
        user_id: i64, forge_id: i64, owner: String, name: String, private: bool, default_branch: String,
        html_url: String, clone_url: String, ssh_url: String, permission: String,
    }
    project = "project" {
        #[sea_orm(primary_key)] id: i64,
        owner_id: i64, forge_id: i64, owner: String, name: String, private: bool, default_branch: String,
        html_url: String, clone_url: String, ssh_url: String, created_at: i64, cancel_waiting: bool,
        cancel_running: bool, badge_token: String, synced_at: Option<i64>, sync_fault: Option<String>,
        deleted_at: Option<i64>, drops_artifacts: bool, told_private_at: Option<i64>, open_badge: bool, forks: String,
        sudo: String,
    }
    membership = "membership" {
        #[sea_orm(primary_key)] id: i64,
        project_id: i64, user_id: i64, role: String,
    }
    deploy_key = "deploy_key" {
        #[sea_orm(primary_key, auto_increment = false)] project_id: i64,
        public_key: String, private_key: Vec<u8>, at_forge: Option<i64>,
    }
    registry_credential = "registry_credential" {
        #[sea_orm(primary_key)] id: i64,
        project_id: i64, registry: String, username: String, password: Vec<u8>, created_at: i64,
    }
    cached_image = "cached_image" {
        #[sea_orm(primary_key)] id: i64,
        project_id: i64, runner: String, cache_key: String, base: String, size: i64, created_at: i64, used_at: i64,
    }
    hook = "hook" {
        #[sea_orm(primary_key)] id: i64,
        project_id: i64, title: String, image: String, script: String, secret: Vec<u8>, webhook_id: Option<i64>,
        created_at: i64, install_script: Option<String>, tracked_files: String, pull: String,
        cache_inputs: Option<String>, unsigned: bool, is_own: bool, if_interrupted: String,
        labels: String, wake: String,
    }
    delivery = "delivery" {
        #[sea_orm(primary_key)] id: i64,
        door: String, hook_id: Option<i64>, uuid: String, event: String, payload: Vec<u8>, state: String,
        note: Option<String>, received_at: i64,
    }
    build = "build" {
        #[sea_orm(primary_key)] id: i64,
        project_id: i64, number: i64, git_ref: String, sha: String, status: String, trigger: String, author: String,
        message: String, created_at: i64, started_at: Option<i64>, finished_at: Option<i64>,
        mailed: Option<String>, pushed_at: Option<i64>, commits: String, hooked: Option<String>,
        position: i64, ref_is_gone: bool, needs_approval: bool, pusher_id: Option<i64>, pusher: Option<String>,
    }
    approval = "approval" {
        #[sea_orm(primary_key)] id: i64,
        project_id: i64, pull_request: i64, sha: String, user_id: i64, at: i64, pusher_id: Option<i64>,
        ended_at: Option<i64>,
    }
    hook_call = "hook_call" {
        #[sea_orm(primary_key)] id: i64,
        hook_id: i64, build_id: i64, delivery_id: i64,
    }
    job = "job" {
        #[sea_orm(primary_key)] id: i64,
        build_id: i64, project_id: i64, spec: String, status: String, attempt: i32, reason: Option<String>,
        return_code: Option<i64>, cancel_requested: bool, runner: Option<String>, lease_until: Option<i64>,
        container: Option<String>, phases: String, created_at: i64, started_at: Option<i64>, finished_at: Option<i64>,
        kind: String, automatic: bool, queued_at: Option<i64>, move_id: Option<i64>,
        canceled_by: Option<String>, ending: Option<String>, interruptions: i32, cache_key: Option<String>,
        labels: String, is_from_fork: bool, claim: Option<String>,
    }
    attempt = "attempt" {
        #[sea_orm(primary_key)] id: i64,
        job_id: i64, number: i32, status: String, reason: Option<String>, return_code: Option<i64>, phases: String,
        started_at: Option<i64>, finished_at: Option<i64>, queued_at: Option<i64>, ending: Option<String>,
    }
    api_token = "api_token" {
        #[sea_orm(primary_key)] id: i64,
        user_id: i64, title: String, fingerprint: String, created_at: i64, used_at: Option<i64>, scope: String,
        project_id: Option<i64>, expires_at: Option<i64>,
    }
    audit = "audit" {
        #[sea_orm(primary_key)] id: i64,
        at: i64, actor: String, user_id: Option<i64>, login: String, token: Option<String>, action: String,
        project_id: Option<i64>, project: String, subject: String,
    }
    mail = "mail" {
        #[sea_orm(primary_key)] id: i64,
        build_id: i64, user_id: i64, status: String, created_at: i64, counted_from: Option<i64>, number: Option<i32>,
    }
    mail_count = "mail_count" {
        #[sea_orm(primary_key)] id: i64,
        user_id: i64, kind: String, began_at: i64, mails: i32,
    }
    imported = "imported" {
        #[sea_orm(primary_key)] id: i64,
        source: String, kind: String, foreign_id: i64, own_id: i64,
    }
    artifact = "artifact" {
        #[sea_orm(primary_key)] id: i64,
        project_id: i64, build_id: i64, job_id: i64, format: String, versioned: String, stable: String,
        place_kind: String, place: String, size: i64, sha256: String, pushed_at: i64, created_at: i64,
        removed_at: Option<i64>,
    }
    given_name = "given_name" {
        #[sea_orm(primary_key)] id: i64,
        place: String, key: String, owner: String, plain: String, name: String,
    }
    upload = "upload" {
        #[sea_orm(primary_key)] id: i64,
        job_id: i64, attempt: i32, name: String, sha256: String, before: Option<String>, is_done: bool,
    }
    configuration = "configuration" {
        #[sea_orm(primary_key, auto_increment = false)] id: i64,
        sha: String, content: String, loaded_at: i64,
    }
    watched = "watched" {
        #[sea_orm(primary_key, auto_increment = false)] forge_id: i64,
        full_name: String, webhook_id: Option<i64>,
    }
    kernel_image = "kernel_image" {
        #[sea_orm(primary_key)] id: i64,
        runner: String, name: String, image_id: String, is_current: bool, pushed_at: i64, build_id: i64,
    }
    pull = "pull" {
        #[sea_orm(primary_key)] id: i64,
        runner: String, repository: String, project_id: i64, state: String,
    }
    hearing = "hearing" {
        #[sea_orm(primary_key)] id: i64,
        door: String, hook_id: Option<i64>, forge_id: i64, seen_at: i64, heads: String, fault: Option<String>,
    }
    missed = "missed" {
        #[sea_orm(primary_key)] id: i64,
        door: String, hook_id: Option<i64>, forge_id: i64, uuid: String, event: String, missed_at: i64, tries: i32,
        asked_at: i64, made_good_at: Option<i64>,
    }
    ref_move = "ref_move" {
        #[sea_orm(primary_key)] id: i64,
        project_id: i64, git_ref: String, uuid: String, before: Option<String>, after: String, sha: Option<String>,
        at: i64, source: String, created_at: i64,
    }
    outbox = "outbox" {
        #[sea_orm(primary_key)] id: i64,
        kind: String, subject: i64, version: i32, tries: i32, not_before: i64, fault: Option<String>, created_at: i64,
    }
    runner = "runner" {
        #[sea_orm(primary_key, auto_increment = false)] name: String,
        slots: i32, busy: i32, trouble: Option<String>, seen_at: i64, title: String, fingerprint: Option<String>,
        rules: Option<String>, facts: Option<String>, is_draining: bool, added_at: Option<i64>,
        removed_at: Option<i64>,
    }
    runner_project = "runner_project" {
        #[sea_orm(primary_key)] id: i64,
        runner: String, project_id: i64, used_at: i64,
    }
}
