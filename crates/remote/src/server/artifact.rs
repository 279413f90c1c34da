//! An artifact on its way from a runner to the publisher, piece by piece. Its size is the publisher's concern.

use super::{Server, caller::Caller, refusal::Refusal};
use crate::protocol::artifact::Line;
use axum::{
    body::{Body, BodyDataStream, Bytes},
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use futures_util::{Stream, StreamExt, stream};
use http::header::CONTENT_TYPE;
use kozmic_model::{ids::JobId, job::Attempt};
use kozmic_runner::order::Order;
use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{interval, timeout},
};
use tokio_util::task::AbortOnDropHandle;

/// Pause between two signs of life.
const SIGN: Duration = Duration::from_secs(5);

/// Longest time for which the rest of a refused artifact is read. A connection that is closed before would lose the
/// answer.
const REST: Duration = Duration::from_secs(10);

/// `PUT jobs/{job}/attempts/{attempt}/artifact`
pub(super) async fn put(
    State(_server): State<Arc<Server>>,
    Path((job, number)): Path<(i64, i32)>,
    caller: Caller,
    body: Body,
) -> Result<Response, Refusal> {
    let order = caller.current(Attempt { job: JobId(job), number }).await?;
    let (lines, told) = mpsc::channel(16);
    let publishing = AbortOnDropHandle::new(tokio::spawn(async move {
        // If nobody reads the answer, the runner is gone, and this task ends with the answer.
        let _ = publish(&caller, &order, body, lines).await;
    }));
    let lines = stream::unfold((told, publishing), async |(mut told, publishing)| {
        told.recv().await.map(|line: Vec<u8>| (Ok::<_, Infallible>(Bytes::from(line)), (told, publishing)))
    });
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}

/// Publishes, and answers with lines. Fails if nobody reads them.
async fn publish(
    caller: &Caller,
    order: &Order,
    body: Body,
    lines: mpsc::Sender<Vec<u8>>,
) -> Result<(), mpsc::error::SendError<Vec<u8>>> {
    let lent = Lent(Arc::new(Mutex::new(body.into_data_stream())));
    let (words, mut told) = mpsc::channel(16);
    let publishing = caller.coordinator.publish(order, Box::pin(lent.clone()), words);
    tokio::pin!(publishing);
    let mut signs = interval(SIGN);
    let published = loop {
        tokio::select! {
            Some(words) = told.recv() => lines.send(Line::Words(words).sent()).await?,
            _ = signs.tick() => lines.send(b"\n".to_vec()).await?,
            published = &mut publishing => break published,
        }
    };
    while let Ok(words) = told.try_recv() {
        lines.send(Line::Words(words).sent()).await?;
    }
    lines.send(Line::last(published).sent()).await?;
    // The runner hangs up when it has read the last line.
    let _ = timeout(REST, lent.for_each(async |_| {})).await;
    Ok(())
}

/// The body of a request, which stays here while the publisher reads it.
#[derive(Clone)]
struct Lent(Arc<Mutex<BodyDataStream>>);

impl Stream for Lent {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        body.poll_next_unpin(context).map(|chunk| chunk.map(|chunk| chunk.map_err(io::Error::other)))
    }
}
