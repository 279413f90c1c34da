//! The testkit's own tests: the double has to behave like GitHub, and the helpers have to help.

mod support;
mod oauth;
mod rest;
mod access;
mod settings;
mod keys;
mod ssh;
mod mail;
mod registry;
mod databases;
mod pgbouncer;
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
