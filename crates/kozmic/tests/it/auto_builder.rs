//! The Auto Builder's stories: a configuration repository, recipes, kernels, a hub, directories, the monitor.

mod stage;
mod held;
mod configuration;
mod moves;
mod moved_back;
mod recipes;
mod pushes;
mod reload;
mod verdicts;
mod container;
mod like_a_clone;
mod endpoints;
mod artifacts;
mod names;
mod crashes;
mod engine_gone;
mod beside_hooks;
mod switched_off;
mod terminal;
mod hostile;
mod monitor;
mod kernels;
