//! The commands of the documents: a story runs each block, or the line before the block says why none does.

mod pages;
mod play;
mod installation;
mod running;

pub use play::{Place, Play};

use anyhow::{Context, Result, ensure};
use kozmic_testkit::{github::GitHub, server::Server};
use pages::{Block, Mark, blocks, root};
use std::{env, fs, path::Path};

/// The stories that play blocks, and the pages whose blocks they play. A [`Play`] goes through one of these lines.
const SCENES: [(&str, &str); 16] = [
    ("installation", "docs/install.md"),
    ("installation", "README.md"),
    ("installation", "docs/operations.md"),
    ("package", "docs/install.md"),
    ("package", "README.md"),
    ("package", "docs/operations.md"),
    ("package", "docs/releases.md"),
    ("package", "docs/scale.md"),
    ("running", "docs/api.md"),
    ("running", "docs/caching.md"),
    ("running", "docs/install.md"),
    ("running", "docs/private-repositories.md"),
    ("running", "docs/recipes.md"),
    ("firewall", "docs/security.md"),
    ("takeover", "docs/import.md"),
    ("image", "docker/README.md"),
];

/// The variables with which commands here are of this server: its settings, and the program in the path.
pub fn of_server(server: &Server, github: &GitHub) -> Result<Vec<(&'static str, String)>> {
    let programs = Path::new(env!("CARGO_BIN_EXE_kozmic")).parent().context("it is in a directory")?;
    Ok(vec![
        ("PATH", format!("{}:{}", programs.display(), env::var("PATH")?)),
        ("KOZMIC_LISTEN", server.url().replace("http://", "")),
        ("KOZMIC_PUBLIC_URL", server.url()),
        ("KOZMIC_DATA_DIR", server.data_dir().display().to_string()),
        ("KOZMIC_GITHUB_URL", github.url().to_owned()),
        ("KOZMIC_GITHUB_API_URL", github.api_url().to_owned()),
        ("KOZMIC_GITHUB_CLIENT_ID", github.client_id().to_owned()),
        ("KOZMIC_GITHUB_CLIENT_SECRET", github.client_secret().to_owned()),
    ])
}

/// An error unless the line before the block says what becomes of it, and that is so.
fn check(block: &Block) -> Result<()> {
    match block.mark.as_ref().context("no <!-- runs: …, run by: … or not run: … --> in the line before")?
    {
        Mark::Runs(scene) => {
            ensure!(SCENES.contains(&(scene, &block.page)), "no story {scene} plays this page");
        }
        Mark::RunBy(script) => {
            let words = fs::read_to_string(root().join(script)).with_context(|| format!("read {script}"))?;
            ensure!(words.contains(block.text.trim()), "{script} does not have these words");
        }
        Mark::NotRun(why) => ensure!(why.split(' ').count() > 2, "{why:?} is no reason"),
    }
    Ok(())
}

#[test]
fn every_block_of_commands_is_run_or_says_why_not() -> Result<()> {
    let blocks = blocks()?;
    let faults = blocks.iter().filter_map(|block| {
        let fault = check(block).err()?;
        Some(format!("{}:{}: {fault:#}", block.page, block.line))
    });
    let faults = faults.collect::<Vec<_>>();
    assert!(faults.is_empty(), "{faults:#?}");
    for (scene, page) in SCENES {
        let played = blocks.iter().filter(|block| block.is_played(scene, page)).count();
        assert!(played > 0, "the story {scene} finds nothing to play on {page}");
    }
    Ok(())
}
