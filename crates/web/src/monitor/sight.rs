//! A person or program that looks at the monitor, and the part of it that they may see.

use crate::{app::Shared, auth::Looker, error::WebError};
use axum::{
    Json,
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, header::WWW_AUTHENTICATE, request::Parts},
    response::{IntoResponse, Response},
};
use kozmic_model::{ids::ProjectId, project::Project};
use serde_json::json;
use std::collections::HashSet;

/// The part of the monitor that a viewer may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Everything: the monitor is public.
    Everything,
    /// Builds of public repositories, and of projects that the person has a role in.
    OwnAndPublic(HashSet<ProjectId>),
    /// Builds of the one project that a token is for, if the person has a role in it or its repository is public.
    Only {
        /// The project.
        project: ProjectId,
        /// True if the person has a role in it.
        is_own: bool,
    },
}

/// A person or program that looks at the monitor.
pub(crate) struct Onlooker {
    /// The person or program, if it is known.
    pub(crate) looker: Option<Looker>,
    /// The part that they may see.
    pub(crate) sight: Sight,
}

/// A program that looks at the monitor. It cannot sign in, but may send a token. If it may not look, it gets an error
/// instead of a redirection.
pub(crate) struct Program(pub(crate) Onlooker);

/// The reason why a viewer may not look.
pub(crate) enum Refused {
    /// There is no monitor here, or the server failed.
    Elsewhere(WebError),
    /// The person has to sign in first.
    Unknown,
}

impl Sight {
    /// The part of a monitor that is not public, for this person or program.
    pub(crate) async fn of(app: &Shared, looker: &Looker) -> Result<Self, WebError> {
        let (store, user) = (&app.edges.store, looker.user().id);
        if let Some(project) = looker.only() {
            return Ok(Self::Only {
                project,
                is_own: store.projects().role_in(project, user).await?.is_some(),
            });
        }
        let own = store.projects().projects_of(user).await?;
        Ok(Self::OwnAndPublic(own.into_iter().map(|line| line.project.id).collect()))
    }

    /// True if builds of this project may be seen.
    pub(crate) fn includes(&self, project: &Project) -> bool {
        self.reaches(project.id, project.repository.private)
    }

    /// True if builds of a project may be seen. `is_private` is that of its repository.
    pub(crate) fn reaches(&self, project: ProjectId, is_private: bool) -> bool {
        match self {
            Self::Everything => true,
            Self::OwnAndPublic(own) => !is_private || own.contains(&project),
            Self::Only { project: only, is_own } => project == *only && (!is_private || *is_own),
        }
    }
}

impl Onlooker {
    async fn new(headers: &HeaderMap, app: &Shared) -> Result<Self, Refused> {
        let face = app.face.auto_builder.as_ref().ok_or(WebError::NotFound)?;
        let looker = match Looker::of(headers, app).await {
            // The token does not matter: everybody sees everything.
            Err(WebError::NoToken | WebError::TokenEnded) if face.monitor_is_public => None,
            looker => looker?,
        };
        let sight = match &looker {
            _ if face.monitor_is_public => Sight::Everything,
            Some(looker) => Sight::of(app, looker).await?,
            None => return Err(Refused::Unknown),
        };
        Ok(Self { looker, sight })
    }
}

impl FromRequestParts<Shared> for Onlooker {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, WebError> {
        match Self::new(&parts.headers, app).await {
            Ok(onlooker) => Ok(onlooker),
            Err(Refused::Elsewhere(fault)) => Err(fault),
            Err(Refused::Unknown) => {
                let wanted = parts.uri.path_and_query().map_or("/", |path| path.as_str());
                Err(WebError::SignIn(wanted.to_owned()))
            }
        }
    }
}

impl FromRequestParts<Shared> for Program {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Refused> {
        Onlooker::new(&parts.headers, app).await.map(Self)
    }
}

impl From<WebError> for Refused {
    fn from(fault: WebError) -> Self {
        Self::Elsewhere(fault)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Elsewhere(fault) => fault.into_response(),
            Self::Unknown => {
                let message = "Sign in, or send an API token as the header Authorization: Bearer.";
                let error = json!({ "code": "unauthorized", "message": message });
                let how = [(WWW_AUTHENTICATE, "Bearer realm=\"Kozmic\"")];
                (StatusCode::UNAUTHORIZED, how, Json(json!({ "error": error }))).into_response()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_builds_are_for_those_who_have_a_role() {
        let own = Sight::OwnAndPublic(HashSet::from([ProjectId(1)]));
        assert!(own.reaches(ProjectId(1), true) && own.reaches(ProjectId(2), false));
        assert!(!own.reaches(ProjectId(2), true));
        assert!(Sight::Everything.reaches(ProjectId(2), true));
        let only = |is_own| Sight::Only { project: ProjectId(1), is_own };
        assert!(only(true).reaches(ProjectId(1), true) && only(false).reaches(ProjectId(1), false));
        assert!(!only(false).reaches(ProjectId(1), true) && !only(true).reaches(ProjectId(2), false));
    }
}
