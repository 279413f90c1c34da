//! The stories that Kozmic promises, with a double of GitHub, a real Docker engine and a real browser.
//!
//! Without those parts the tests fail; `script/test` brings them.
// A future that works with the store holds those of the layers below it.
#![recursion_limit = "256"]
#![expect(unreachable_pub, reason = "a test binary has no outside")]

mod world;
mod layers;
mod documents;
mod commands;
mod program;
mod check;
mod command_line;
mod package;
mod release;
mod closed;
mod kept;
mod recipes_check;
mod import;
mod sign_in;
mod stopping;
mod projects;
mod first_build;
mod deliveries;
mod wake;
mod told_facts;
mod missed;
mod databases;
mod order;
mod outcomes;
mod containers;
mod server_image;
mod walls;
mod engine_tls;
mod like_a_clone;
mod caching;
mod registries;
mod private;
mod interruptions;
mod runners;
mod awkward_scripts;
mod disks;
mod engine_gone;
mod machine_gone;
mod deletions;
mod restarts;
mod history;
mod badges;
mod account;
mod audit;
mod api;
mod api_contract;
mod forge_faults;
mod forks;
mod mail;
mod mail_addresses;
mod mail_tls;
mod long_logs;
mod pages;
mod roles;
mod settings;
mod setup;
mod hook_form;
mod browser;
mod runners_page;
mod auto_builder;
