//! The messages of the live log, as JSON in text frames.
//!
//! | frame | meaning |
//! |---|---|
//! | `{"type":"hello","attempt":1}` | the attempt whose log follows; another one has a log of its own, from 0 |
//! | `{"type":"log","offset":0,"next":5,"data":"…"}` | the bytes from `offset` to before `next`, as text |
//! | `{"type":"status","status":"…","finished":…,"note":…}` | the job's state; a note if its log is gone |
//! | `{"type":"tick"}` | the connection is alive |
//!
//! Nothing follows a state that is `finished`.

use axum::extract::ws::{Message, Utf8Bytes};
use kozmic_model::job::Job;
use serde::Serialize;
use serde_json::json;
use std::io::Write;

/// Room for the frame's JSON around a piece of log.
const AROUND: usize = 96;

/// The frame that says that the connection is alive.
pub(super) const TICK: &str = r#"{"type":"tick"}"#;

/// The frame that names the attempt whose log follows.
pub(super) fn hello(attempt: i32) -> Message {
    Message::text(json!({ "type": "hello", "attempt": attempt }).to_string())
}

/// The frame with the job's state, and a note to show if there is no log.
pub(super) fn status(job: &Job, note: Option<&str>) -> Message {
    let frame = json!({
        "type": "status",
        "status": job.status.word(),
        "label": job.status.label(),
        "return_code": job.return_code,
        "reason": job.reason,
        "attempt": job.attempt,
        "finished": job.status.is_finished(),
        "note": note,
    });
    Message::text(frame.to_string())
}

/// The frame with a piece of log. This code runs most often: the text is escaped straight into the frame that is sent.
pub(super) fn log(offset: u64, next: u64, data: &str) -> Message {
    let mut frame = Vec::with_capacity(data.len() + data.len() / 16 + AROUND);
    let written = write!(frame, r#"{{"type":"log","offset":{offset},"next":{next},"data":"#)
        .and_then(|()| {
            data.serialize(&mut serde_json::Serializer::new(&mut frame)).map_err(std::io::Error::from)
        })
        .and_then(|()| frame.write_all(b"}"));
    let text = written.ok().and_then(|()| Utf8Bytes::try_from(frame).ok());
    Message::Text(text.expect("writing JSON into memory gives text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::samples;
    use kozmic_model::status::Status;
    use serde_json::Value;

    fn read(message: &Message) -> Value {
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    }

    #[test]
    fn a_piece_of_log_arrives_as_it_was() {
        let data = "a \"b\" \\ \u{1b}[31m\r\n\u{0}é🚀\u{2028}</script>";
        let frame = read(&log(3, 40, data));
        assert_eq!(frame["data"], data);
        assert_eq!((frame["offset"].as_u64(), frame["next"].as_u64()), (Some(3), Some(40)));
    }

    #[test]
    fn a_status_says_whether_it_is_the_last() {
        assert_eq!(read(&status(&samples::job(Status::Pending), None))["finished"], false);
        let last = read(&status(&samples::job(Status::Failure), Some("Gone.")));
        assert_eq!((&last["status"], &last["finished"]), (&"failure".into(), &true.into()));
        assert_eq!(last["note"], "Gone.");
    }
}
