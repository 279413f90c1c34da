//! Rows that cannot keep their numbers, pairs of rows with the same number, and unexpected rows.

use super::{KINDS, SECRET_KEY, Takeover};
use anyhow::Result;
use kozmic_testkit::{github::NewRepository, person::Person};

#[tokio::test]
async fn numbers_that_are_taken_here_shift_no_others() -> Result<()> {
    let mut world = Takeover::new().await?;
    world.server.restart().await?;
    let anna = Person::sign_in(&world.server, &world.github, "anna").await?;
    world.github.add_repository(NewRepository::public("anna/own"))?;
    assert_eq!(anna.add_project("anna/own").await?, 1);
    world.server.terminate().await?;
    // Here project 1 is anna/own; there it is anna/hello, whose successor would take the number of the one behind it.
    world.there("SET FOREIGN_KEY_CHECKS = 0; UPDATE project SET id = 1 WHERE id = 7; UPDATE project SET id = 2 WHERE id = 8;
        UPDATE hook SET project_id = project_id - 6; UPDATE build SET project_id = project_id - 6 WHERE project_id < 90;
        UPDATE membership SET project_id = project_id - 6; UPDATE deploy_key SET project_id = project_id - 6").await?;
    let words = world.import(SECRET_KEY, &[]).await?;
    words.has("mended: project 1 (anna/hello): its number was taken here: it is project 10 now");
    words.lacks("project 2 (anna/secret): its number");
    world.server.restart().await?;
    let ben = Person::sign_in(&world.server, &world.github, "ben").await?;
    ben.get("/projects/2/builds/23/").await?.ensure_ok()?;
    ben.get("/projects/10/builds/21/").await?.ensure_ok()?;
    world.server.terminate().await?;
    Ok(())
}

#[tokio::test]
async fn builds_that_share_a_number_all_come_over_with_their_jobs() -> Result<()> {
    let mut world = Takeover::new().await?;
    world.there("INSERT INTO build VALUES
        (26, 7, 4, 'other', '6666666666666666666666666666666666666666', 'Ben', 'At once', '2014-05-09 00:00:00', 'success'),
        (27, 7, 4, 'third', '7777777777777777777777777777777777777777', 'Ben', 'Too', '2014-05-09 00:00:00', 'failure');
        INSERT INTO hook_call VALUES (36, 3, 26, '2014-05-09 00:00:01', '{}'), (37, 3, 27, '2014-05-09 00:00:01', '{}');
        INSERT INTO job VALUES (46, 26, 36, '2014-05-09 00:00:02', '2014-05-09 00:00:03', 0, 'at once', NULL),
        (47, 27, 37, '2014-05-09 00:00:02', '2014-05-09 00:00:03', 1, 'too', NULL)").await?;
    let words = world.import(SECRET_KEY, &[]).await?;
    assert_eq!(words.numbers("build ")[1], 6, "{}", words.0);
    assert_eq!(words.numbers("job ")[1], 6, "{}", words.0);
    words.has("mended: build #4 (build 26) of anna/hello: another build has its number: it is #5 now");
    words.has("mended: build #4 (build 27) of anna/hello: another build has its number: it is #6 now");
    let again = world.import(SECRET_KEY, &[]).await?;
    for kind in KINDS {
        assert_eq!(again.numbers(kind)[1], 0, "{kind}: {}", again.0);
    }
    world.server.restart().await?;
    let ben = Person::sign_in(&world.server, &world.github, "ben").await?;
    ben.get("/projects/7/builds/26/jobs/46/").await?.ensure_ok()?;
    assert_eq!(ben.raw_log(7, 47).await?, b"too");
    world.server.terminate().await?;
    Ok(())
}

#[tokio::test]
async fn rows_that_the_original_never_wrote_stop_nothing() -> Result<()> {
    let mut world = Takeover::new().await?;
    world.there("SET FOREIGN_KEY_CHECKS = 0; SET sql_mode = '';
        ALTER TABLE user MODIFY gh_login VARCHAR(200) NULL, MODIFY gh_name VARCHAR(200) NULL, MODIFY gh_access_token VARCHAR(100) NULL;
        ALTER TABLE build MODIFY gh_commit_message LONGTEXT CHARACTER SET latin1 NULL, MODIFY status VARCHAR(40) NULL,
            MODIFY number INTEGER NULL, MODIFY gh_commit_author VARCHAR(200) CHARACTER SET utf8mb4 NULL;
        ALTER TABLE project MODIFY owner_id INTEGER NULL, MODIFY is_public BOOL NULL;
        ALTER TABLE job MODIFY hook_call_id INTEGER NULL;
        ALTER TABLE hook MODIFY title VARCHAR(200) NULL, MODIFY build_script TEXT NULL;
        INSERT INTO user VALUES (4, 77, NULL, NULL, NULL, '', NULL, NULL), (5, 78, 'dora', NULL, NULL, '', NULL, 'anna@example.com');
        INSERT INTO project VALUES (11, NULL, 777, 'nobodys', 'a/b', 'a', 'git@github.com:a/b.git', 'https://github.com/a/b.git', NULL);
        INSERT INTO hook VALUES (8, 7, -1, NULL, NULL, NULL, 'debian'), (9, 99, 1, 'Of no project', NULL, '#!/bin/sh', 'debian');
        INSERT INTO build VALUES
            (30, 7, NULL, 'odd', '8888888888888888888888888888888888888888', '🚀', CONCAT('na', x'ef', 've', REPEAT('x', 100000)),
                '0000-00-00 00:00:00', 'success'),
            (31, 7, 9, 'odd', '9999999999999999999999999999999999999999', NULL, NULL, '1000-01-01 00:00:00', NULL),
            (32, 7, -3, 'odd', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '', CONCAT('a', x'00', 'b'), '9999-12-31 23:59:59', 'error');
        INSERT INTO job VALUES
            (50, 30, NULL, '2014-05-09 00:00:02', '2013-01-01 00:00:00', 0, CONCAT(x'00', x'ff', 'end'), NULL),
            (51, 32, 9999, '0000-00-00 00:00:00', '0000-00-00 00:00:00', -1, '', 'x'),
            (52, 32, 31, '9999-12-31 23:59:59', '9999-12-31 23:59:59', 137, NULL, NULL)").await?;
    let words = world.import(SECRET_KEY, &[]).await?;
    words.has("left out: user 4 (): the login is none");
    words.has("left out: project 11 (a/nobodys): its owner, user 0, is left out");
    words.has("left out: hook 9: there is no project 99");
    words.has("mended: build #0 (build 30) of anna/hello: another build has its number");
    words.has("left out: build #9 (build 31) of anna/hello");
    assert_eq!(words.numbers("job ")[1], 4 + 3, "{}", words.0);
    world.server.restart().await?;
    let ben = Person::sign_in(&world.server, &world.github, "ben").await?;
    let page = ben.get("/projects/7/builds/30/jobs/50/").await?;
    page.ensure_ok()?;
    assert!(page.body.contains("na\u{ef}ve") && page.body.contains('\u{1f680}'), "{page}");
    for page in [
        "/projects/7/builds/32/",
        "/projects/7/builds/32/jobs/51/",
        "/projects/7/history/",
        "/projects/7/settings/",
    ] {
        ben.get(page).await?.ensure_ok()?;
    }
    assert_eq!(ben.raw_log(7, 50).await?, b"\x00\xffend");
    world.server.terminate().await?;
    Ok(())
}
