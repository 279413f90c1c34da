-- The tables of the original's last version, as far as they are taken over.
CREATE DATABASE kozmic CHARACTER SET utf8 COLLATE utf8_unicode_ci;
USE kozmic;

CREATE TABLE user (
    id INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY,
    gh_id INTEGER NOT NULL UNIQUE,
    gh_login VARCHAR(200) NOT NULL UNIQUE,
    gh_name VARCHAR(200) NOT NULL,
    gh_access_token VARCHAR(100) NOT NULL,
    gh_avatar_url VARCHAR(500) NOT NULL,
    repos_last_synchronized_at DATETIME,
    email VARCHAR(1000)
);

CREATE TABLE project (
    id INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY,
    owner_id INTEGER NOT NULL REFERENCES user (id),
    gh_id INTEGER NOT NULL UNIQUE,
    gh_name VARCHAR(200) NOT NULL,
    gh_full_name VARCHAR(200) NOT NULL,
    gh_login VARCHAR(200) NOT NULL,
    gh_ssh_clone_url VARCHAR(200) NOT NULL,
    gh_https_clone_url VARCHAR(200) NOT NULL,
    is_public BOOL NOT NULL
);

CREATE TABLE membership (
    project_id INTEGER NOT NULL REFERENCES project (id),
    user_id INTEGER NOT NULL REFERENCES user (id),
    created_at DATETIME NOT NULL,
    allows_management BOOL NOT NULL,
    PRIMARY KEY (project_id, user_id)
);

CREATE TABLE deploy_key (
    id INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY,
    project_id INTEGER NOT NULL REFERENCES project (id),
    gh_id INTEGER NOT NULL,
    rsa_private_key TEXT NOT NULL,
    rsa_public_key TEXT NOT NULL
);

CREATE TABLE hook (
    id INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY,
    project_id INTEGER NOT NULL REFERENCES project (id),
    gh_id INTEGER NOT NULL,
    title VARCHAR(200) NOT NULL,
    install_script TEXT,
    build_script TEXT NOT NULL,
    docker_image VARCHAR(200) NOT NULL
);

CREATE TABLE tracked_file (
    id INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY,
    hook_id INTEGER NOT NULL REFERENCES hook (id),
    path VARCHAR(250) COLLATE utf8_bin NOT NULL,
    UNIQUE (hook_id, path)
);

CREATE TABLE build (
    id INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY,
    project_id INTEGER NOT NULL REFERENCES project (id),
    number INTEGER NOT NULL,
    gh_commit_ref VARCHAR(200) NOT NULL,
    gh_commit_sha VARCHAR(40) NOT NULL,
    gh_commit_author VARCHAR(200) NOT NULL,
    gh_commit_message VARCHAR(2000) NOT NULL,
    created_at DATETIME NOT NULL,
    status VARCHAR(40) NOT NULL,
    UNIQUE (project_id, gh_commit_ref, gh_commit_sha)
);

CREATE TABLE hook_call (
    id INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY,
    hook_id INTEGER REFERENCES hook (id) ON DELETE SET NULL,
    build_id INTEGER NOT NULL REFERENCES build (id),
    created_at DATETIME NOT NULL,
    gh_payload BLOB NOT NULL,
    UNIQUE (build_id, hook_id)
);

CREATE TABLE job (
    id INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY,
    build_id INTEGER NOT NULL REFERENCES build (id),
    hook_call_id INTEGER NOT NULL REFERENCES hook_call (id),
    started_at DATETIME,
    finished_at DATETIME,
    return_code INTEGER,
    stdout MEDIUMBLOB,
    task_uuid VARCHAR(36)
);
