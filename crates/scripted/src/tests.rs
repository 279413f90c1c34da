//! Tests of the ways to steer the engine.

mod faults;
mod remarks;

use crate::{Sample, ScriptedEngine};
use futures_util::TryStreamExt;
use kozmic_edges::engine::{
    ContainerId, Engine, EngineError, Limits, NewContainer, OutputStream, Stage, Volume,
};
use kozmic_model::{ids::JobId, image::ImageName, job::Attempt};

fn debian() -> ImageName {
    "debian".parse().unwrap()
}

/// An engine with an image.
fn engine() -> ScriptedEngine {
    let engine = ScriptedEngine::new();
    engine.add_image(&debian(), Sample::debian());
    engine
}

/// A container that runs a script.
fn script(script: &str) -> NewContainer {
    NewContainer {
        instance: "here".to_owned(),
        attempt: Attempt { job: JobId(1), number: 1 },
        stage: Stage::Build,
        image: "debian:latest".to_owned(),
        command: ["/bin/sh", "-c", script].map(str::to_owned).into(),
        user: String::new(),
        working_dir: "/".to_owned(),
        environment: Vec::new(),
        volumes: vec![Volume { path: "/kozmic".to_owned(), is_empty: true }],
        takes_input: false,
        has_terminal: false,
        limits: Limits::default(),
    }
}

/// A container with attached output, which was started.
async fn listen(engine: &ScriptedEngine, text: &str) -> (ContainerId, OutputStream) {
    let container = engine.create(&script(text)).await.unwrap();
    let output = engine.attach(&container, false).await.unwrap().output;
    engine.start(&container).await.unwrap();
    (container, output)
}

/// The whole output as text, and the error at its end if there is one.
async fn all(mut output: OutputStream) -> (String, Option<EngineError>) {
    let mut text = String::new();
    loop {
        match output.try_next().await {
            Ok(Some(piece)) => text.push_str(std::str::from_utf8(&piece.bytes).unwrap()),
            Ok(None) => return (text, None),
            Err(fault) => return (text, Some(fault)),
        }
    }
}
