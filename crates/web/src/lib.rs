//! The HTTP server: the pages on which people follow a push, the API, the live log, and the addresses that receive
//! deliveries.
//!
//! This crate does HTTP only: the model decides, and the flow acts. Pages are rendered here and work without scripts.
//! The scripts under `static/` make them better. The order of the modules is the order in which a request meets them.
// A request's future holds those of all layers around it, and of the store's below.
#![recursion_limit = "256"]

mod app;
mod listen;
mod routes;
mod headers;
mod error;
mod next;
mod bearer;
mod holding;
mod clients;
mod fence;
mod address;
mod assets;
mod deliveries;
mod bodies;
mod health;
mod pulse;
mod auth;
mod refs;
mod attempts;
mod ranges;
mod log_text;
mod approving;
mod runners;
mod artifacts;
mod badges;
mod monitor;
mod pages;
mod api;
mod live;
mod setup;

pub use app::{App, ArtifactDirs, AutoBuilderFace, CALLBACK, Face};
pub use bodies::Bodies;
pub use clients::{Crowd, TrustedProxies};
pub use listen::{Limits, serve};
pub use pulse::Pulse;
pub use routes::router;
pub use setup::{
    AccessCheck, SetUp, SetupDone, SetupField, SetupLink, SetupPage, SetupQuestions, SetupReview, SetupTry,
    setup_router,
};

#[cfg(test)]
mod tests {
    pub(crate) mod trial;
    pub(crate) mod people;
    pub(crate) mod machines;
}
