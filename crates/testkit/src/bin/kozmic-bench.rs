//! `kozmic-bench`, for `bench/run`: compares Kozmic with the bare engine.

use std::process::ExitCode;

use clap::Parser;
use kozmic_testkit::bench::{Options, run};

#[tokio::main]
async fn main() -> ExitCode {
    run(Options::parse()).await
}
