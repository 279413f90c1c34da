//! The signed-in person, as Kozmic asks for them right after signing in.

use axum::http::StatusCode;

use super::call::Call;
use super::reply::{Reply, answer};

/// `GET /user`.
pub(super) async fn own(call: Call) -> Reply {
    call.allow_parameters(&[]);
    Ok(answer(StatusCode::OK, call.double.shapes(|shapes| shapes.own_user(&call.login))))
}

/// `GET /user/emails`: needs `user:email`.
pub(super) async fn emails(call: Call) -> Reply {
    call.allow_parameters(&["per_page", "page"]);
    call.need_scope(&["user", "user:email"])?;
    Ok(answer(StatusCode::OK, call.double.shapes(|shapes| shapes.emails(&call.login))))
}
