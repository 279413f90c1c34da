//! The monitor's answers for programs: all jobs that run, and those that ended.

use super::{
    card::Card,
    json,
    look::{self, mark_of},
    sight::{Program, Sight},
    tails::Tails,
    view::HISTORY,
};
use crate::{app::Shared, error::WebError};
use anyhow::Result;
use axum::{
    Json,
    body::{Body, Bytes},
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use futures_util::{Stream, stream};
use kozmic_edges::store::HistoryMark;
use serde_json::{Map, Value};

/// Number of builds that are read from the database together.
const PAGE: u64 = 200;

/// `GET /build/status`: all jobs that wait or run, by number.
pub(crate) async fn status(
    State(app): State<Shared>,
    Program(onlooker): Program,
) -> Result<Json<Map<String, Value>>, WebError> {
    let running = look::running(&app, &mut Tails::default()).await?;
    let seen = running.iter().filter(|card| card.is_for(&onlooker.sight));
    Ok(Json(seen.map(|card| (card.id.to_string(), json::of(card))).collect()))
}

/// `GET /build/history`: the jobs that ended last.
pub(crate) async fn history(
    State(app): State<Shared>,
    Program(onlooker): Program,
) -> Result<Json<Vec<Value>>, WebError> {
    let ended = look::ended_for(&app, &onlooker.sight, HISTORY).await?;
    Ok(Json(ended.iter().map(json::of).collect()))
}

/// `GET /build/history/full`: all jobs that ever ended, as fast as the client reads.
pub(crate) async fn full_history(State(app): State<Shared>, Program(onlooker): Program) -> Response {
    let body = Body::from_stream(pieces(app, onlooker.sight));
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

/// The position of an answer with the whole history.
struct Far {
    app: Shared,
    sight: Sight,
    /// The last row so far; none before the first page.
    mark: Option<HistoryMark>,
    is_empty: bool,
    is_over: bool,
}

/// A JSON array in pieces. If the database fails in between, the answer breaks off, so that nobody takes half a list
/// for the whole.
fn pieces(app: Shared, sight: Sight) -> impl Stream<Item = Result<Bytes>> {
    let start = Far { app, sight, mark: None, is_empty: true, is_over: false };
    stream::try_unfold(start, |far| async move {
        match far.is_over {
            true => Ok(None),
            false => next(far).await.map(Some),
        }
    })
}

async fn next(far: Far) -> Result<(Bytes, Far)> {
    let Far { app, sight, mark, is_empty, .. } = far;
    let page = app.edges.store.builds().monitored_history(mark, PAGE).await?;
    let end = page.last().and_then(mark_of);
    let seen = page.into_iter().filter(|seen| sight.includes(&seen.project)).collect::<Vec<_>>();
    let cards = look::of_history(&app, &mut Tails::default(), &seen).await?;
    let mut piece = String::from(if mark.is_none() { "[" } else { "" });
    write_all(&cards, is_empty, &mut piece)?;
    let is_over = end.is_none();
    if is_over {
        piece.push_str("]\n");
    }
    let is_empty = is_empty && cards.is_empty();
    Ok((piece.into(), Far { app, sight, mark: end, is_empty, is_over }))
}

fn write_all(cards: &[Card], is_empty: bool, piece: &mut String) -> Result<()> {
    for (at, card) in cards.iter().enumerate() {
        if at > 0 || !is_empty {
            piece.push_str(",\n");
        }
        piece.push_str(&serde_json::to_string(&json::of(card))?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{monitor::samples::card, tests::trial::Trial};
    use axum::http::{Request, StatusCode};
    use kozmic_model::status::Status;

    const ADDRESSES: [&str; 7] = [
        "/monitor/",
        "/build/status",
        "/build/history",
        "/build/history/full",
        "/build/logs/adlift/show/feature/x",
        "/report/1",
        "/buildio",
    ];

    async fn ask(trial: &Trial, address: &str) -> (StatusCode, String) {
        let answer = trial.ask(Request::get(address).body(Body::empty()).unwrap()).await;
        (answer.status, answer.text().to_owned())
    }

    #[tokio::test]
    async fn without_an_auto_builder_there_is_no_monitor() {
        let trial = Trial::plain().await;
        for address in ADDRESSES {
            assert_eq!(ask(&trial, address).await.0, StatusCode::NOT_FOUND, "{address}");
        }
    }

    #[tokio::test]
    async fn who_must_sign_in_first_is_told_so_or_led_there() {
        let trial = Trial::discreet().await;
        for address in ADDRESSES {
            let is_page = ["/monitor/", "/report/1"].contains(&address);
            let expected = if is_page { StatusCode::SEE_OTHER } else { StatusCode::UNAUTHORIZED };
            let (status, body) = ask(&trial, address).await;
            assert_eq!(status, expected, "{address}");
            assert!(is_page || body.contains("\"unauthorized\""), "{address}: {body}");
        }
    }

    #[tokio::test]
    async fn a_public_monitor_answers_everybody_even_when_nothing_was_built() {
        let trial = Trial::automatic().await;
        assert_eq!(ask(&trial, "/build/status").await, (StatusCode::OK, "{}".into()));
        assert_eq!(ask(&trial, "/build/history").await, (StatusCode::OK, "[]".into()));
        assert_eq!(ask(&trial, "/build/history/full").await, (StatusCode::OK, "[]\n".into()));
        assert!(ask(&trial, "/monitor/").await.1.contains("Nothing runs now"));
        for address in ["/report/1", "/report/x", "/build/logs/adlift/show/main"] {
            assert_eq!(ask(&trial, address).await.0, StatusCode::NOT_FOUND, "{address}");
        }
    }

    #[test]
    fn pages_of_the_history_make_one_list() {
        let [one, two, three] = [1, 2, 3].map(|id| card(id, Status::Success));
        let mut text = String::from("[");
        for (page, is_empty) in
            [(vec![], true), (vec![one, two], true), (vec![], false), (vec![three], false)]
        {
            write_all(&page, is_empty, &mut text).unwrap();
        }
        text.push(']');
        let list = serde_json::from_str::<Vec<Value>>(&text).unwrap();
        assert_eq!(
            list.iter().map(|build| build["id"].as_str().unwrap()).collect::<Vec<_>>(),
            ["1", "2", "3"]
        );
    }
}
