//! The testkit's own tests: is the double what GitHub is, and do the helpers help?

mod support;
mod oauth;
mod rest;
mod access;
mod settings;
mod keys;
mod ssh;
mod mail;
mod registry;
mod mariadb;
mod hub;
mod hooks;
mod pushes;
mod git;
mod tokens;
mod pulls;
mod faults;
mod server;
mod people;
mod browser;
