//! `kozmic-demo`: Kozmic beside a double of GitHub, for a first look and as the smoke test of everything.

use std::process::ExitCode;

use clap::Parser;
use kozmic_testkit::demo::{Options, run};

#[tokio::main]
async fn main() -> ExitCode {
    run(Options::parse()).await
}
