//! Names of pages and refs at a forge.

use super::stage::{APP, Stage};
use kozmic_model::git::GitRef;

pub(super) async fn pages_and_refs_are_where_the_forge_has_them(stage: &Stage) {
    let sha = stage.other.push(APP, "main", &["Second"]).await;
    let (forge, site, app) = (stage.forge(), stage.forge().site(), stage.app().await);
    let head = forge.head(&stage.token(), &app, "main").await.unwrap().expect("a head");
    assert_eq!(site.commit_page(&app, &sha), head.url);
    let proposal = stage.other.propose(APP, "eve").await;
    assert_eq!(site.pull_request_page(&app, proposal.number), proposal.page);
    assert_eq!(site.changes_page(&app, proposal.number), proposal.changes);
    assert_eq!(site.repository_page(&app).trim_end_matches('/'), app.html_url);
    assert_eq!(site.to_string(), site.name);
    for git_ref in [GitRef::Branch("main".into()), GitRef::PullRequest(proposal.number)] {
        let name = forge.remote_ref(&git_ref);
        assert!(stage.other.refs(APP).await.contains(&name), "{name}");
    }
}
