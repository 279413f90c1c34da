//! People with browsers, for tests of pages that need a session.

use super::trial::{Answer, Trial, face};
use crate::auth::{Cookies, Session};
use axum::{
    body::Body,
    http::{
        HeaderMap, Request,
        header::{CONTENT_TYPE, COOKIE, SET_COOKIE},
    },
};
use kozmic_edges::{clock, store::NewSession};
use kozmic_model::{
    ids::{ForgeUserId, ProjectId, RepositoryId, UserId},
    invited::Admission,
    project::{Access, Permission, Repository},
    time::Timestamp,
    user::Profile,
};
use std::time::Duration;
use url::form_urlencoded;

/// A person who signed in with a browser.
pub(crate) struct Person {
    pub(crate) user: UserId,
    session: Session,
    cookie: String,
}

impl Person {
    /// A person of that login.
    pub(crate) async fn sign_in(trial: &Trial, login: &str, id: i64) -> Self {
        let session = Session(format!("the secret of {login}").into());
        let new = NewSession {
            fingerprint: session.fingerprint(),
            expires_at: Timestamp(i64::MAX),
            agent: String::new(),
            former: None,
            admission: Admission::Unasked,
        };
        let profile = Profile {
            forge_id: ForgeUserId(id),
            login: login.into(),
            name: login.into(),
            avatar_url: String::new(),
            email: None,
        };
        let people = trial.edges.store.people();
        let user = people.sign_in(&profile, &"token".into(), &new, clock::now()).await.unwrap().id;
        let cookies = Cookies::of(&HeaderMap::new(), &face(None));
        let answer = cookies.set_session(&session.0, Duration::from_secs(60)).onto("");
        let cookie = answer.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        Self { user, session, cookie }
    }

    /// A new project of this person.
    pub(crate) async fn project(&self, trial: &Trial, name: &str, id: i64) -> ProjectId {
        let repository = Repository {
            id: RepositoryId(id),
            owner: "team".into(),
            name: name.into(),
            private: true,
            default_branch: "main".into(),
            html_url: String::new(),
            clone_url: String::new(),
            ssh_url: String::new(),
        };
        let projects = trial.edges.store.projects();
        let access = Access { repository, permission: Permission::Admin };
        projects.sync_projects_of(self.user, &[access]).await.unwrap();
        projects.add_project(self.user, RepositoryId(id), clock::now()).await.unwrap().id
    }

    /// Looks at a page.
    pub(crate) async fn get(&self, trial: &Trial, address: &str) -> Answer {
        trial.ask(Request::get(address).header(COOKIE, &self.cookie).body(Body::empty()).unwrap()).await
    }

    /// Sends a form of this server's pages.
    pub(crate) async fn post(&self, trial: &Trial, address: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.session.csrf_token();
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("csrf_token", &token).extend_pairs(fields);
        let request = Request::post(address)
            .header(COOKIE, &self.cookie)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        trial.ask(request.body(Body::from(form.finish())).unwrap()).await
    }
}
