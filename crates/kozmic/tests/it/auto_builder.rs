//! The Auto Builder's stories: a configuration repository, recipes, kernels, a hub, directories, the monitor.

mod stage;
mod recipes;
