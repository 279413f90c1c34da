//! Watches an upload: it may take hours, but it must not stall.

use bytes::Bytes;
use futures_util::{Stream, stream};
use reqwest::Body;
use std::{io, time::Duration};
use tokio::{
    fs::File,
    io::{AsyncRead, AsyncReadExt},
    sync::watch,
    time::{sleep, timeout},
};

/// The longest time for which an upload may stall.
const STALL: Duration = Duration::from_secs(120);

/// The longest time for which the hub may process a complete file: it unpacks the file before it answers.
const THOUGHT: Duration = Duration::from_secs(15 * 60);

/// The bytes that are read at once.
const PIECE: usize = 256 * 1024;

/// The progress of an upload: reported before each piece, and over when the reports end.
pub(super) struct Progress(watch::Receiver<u64>);

impl Progress {
    /// A file as a body, which is read while it is sent.
    pub(super) fn of(file: File) -> (Body, Self) {
        let (teller, progress) = watch::channel(0);
        (Body::wrap_stream(pieces(file, teller)), Self(progress))
    }

    /// Returns a sentence when the upload stalls.
    pub(super) async fn stalled(self) -> String {
        self.stalled_for(STALL, THOUGHT).await
    }

    async fn stalled_for(mut self, stall: Duration, thought: Duration) -> String {
        loop {
            match timeout(stall, self.0.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => break,
                Err(_) => {
                    return format!(
                        "it took nothing for {} s, after {} bytes",
                        stall.as_secs(),
                        *self.0.borrow()
                    );
                }
            }
        }
        sleep(thought).await;
        format!("it has had the whole file for {} s and does not answer", thought.as_secs())
    }
}

/// Reads pieces, and reports before each one the number of bytes so far.
fn pieces<R: AsyncRead + Unpin>(
    file: R,
    teller: watch::Sender<u64>,
) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold((file, teller, 0), |(mut file, teller, sent)| async move {
        teller.send_replace(sent);
        let mut piece = Vec::with_capacity(PIECE);
        let length = (&mut file).take(PIECE as u64).read_to_end(&mut piece).await?;
        Ok((length > 0).then(|| (Bytes::from(piece), (file, teller, sent + length as u64))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::TryStreamExt;

    const SOON: Duration = Duration::from_millis(20);
    const NEVER: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn an_upload_that_stands_still_is_given_up() {
        let content = vec![1; PIECE + 1];
        let (teller, progress) = watch::channel(0);
        let mut pieces = Box::pin(pieces(content.as_slice(), teller));
        assert_eq!(pieces.try_next().await.unwrap().unwrap().len(), PIECE);
        assert_eq!(pieces.try_next().await.unwrap().unwrap().len(), 1);
        let words = Progress(progress).stalled_for(SOON, NEVER).await;
        assert_eq!(words, format!("it took nothing for 0 s, after {PIECE} bytes"));
    }

    #[tokio::test]
    async fn a_hub_that_has_all_and_says_nothing_is_given_up_later() {
        let (teller, progress) = watch::channel(0);
        let sent = pieces(&b"all"[..], teller).try_collect::<Vec<_>>().await.unwrap().concat();
        assert_eq!(sent, b"all");
        let words = Progress(progress).stalled_for(NEVER, SOON).await;
        assert!(words.starts_with("it has had the whole file"), "{words}");
    }

    #[tokio::test]
    async fn an_upload_that_goes_on_is_not_given_up() {
        let (teller, progress) = watch::channel(0);
        let patience = SOON * 10;
        let going = async {
            for sent in 0..30 {
                sleep(SOON).await;
                teller.send_replace(sent);
            }
        };
        tokio::select! {
            words = Progress(progress).stalled_for(patience, NEVER) => panic!("{words}"),
            () = going => {}
        }
    }
}
