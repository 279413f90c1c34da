-- A small installation with what people did, and with what nobody should have done. {…} is filled in by the story.
USE kozmic;

INSERT INTO user VALUES
    (1, {anna}, 'anna', 'Anna Orbit', '{token}', '{github}/avatars/1', NULL, 'anna@example.com'),
    (2, {ben}, 'ben', 'Ben Ünïcode', '', '{github}/avatars/2', NULL, NULL),
    (3, 999999, '<b>', 'Mallory', '', '', NULL, NULL);

INSERT INTO project VALUES
    (7, 1, {hello}, 'hello', 'anna/hello', 'anna', '{hello_ssh}', '{github}/anna/hello.git', TRUE),
    (8, 1, {secret}, 'secret', 'anna/secret', 'anna', '{secret_ssh}', '{github}/anna/secret.git', FALSE),
    (9, 3, 888888, 'lost', 'mallory/lost', 'mallory', 'git@github.com:a/b.git', 'https://github.com/a/b.git', TRUE);

INSERT INTO membership VALUES
    (7, 2, '2014-05-01 10:00:00', TRUE),
    (8, 2, '2014-05-01 10:00:00', FALSE),
    (7, 3, '2014-05-01 10:00:00', TRUE);

INSERT INTO deploy_key VALUES (1, 8, -1, '{private_key}', '{public_key}');

INSERT INTO hook VALUES
    (3, 7, -1, 'Tests', '#!/bin/sh\necho installed > /tmp/installed\n', '#!/bin/bash\ncat /tmp/installed\n', '{image}'),
    (4, 7, 4040, 'Old\tstyle', NULL, 'echo no shebang', 'debian'),
    (5, 7, 5050, 'Broken', NULL, '#!/bin/sh\n', 'Not An Image'),
    (6, 8, -1, 'Tests', NULL, '#!/bin/bash\necho the key opened $(cat file)\n', '{image}');

INSERT INTO tracked_file VALUES (1, 3, './setup.py'), (2, 3, '../outside'), (3, 5, 'file');

INSERT INTO build VALUES
    (21, 7, 1, 'master', '1111111111111111111111111111111111111111', 'Anna', 'Begin <script>alert(1)</script>',
        '2014-05-06 18:10:28', 'success'),
    (22, 7, 2, 'feature/ü', '2222222222222222222222222222222222222222', 'Ben', '', '2014-05-07 00:00:00', 'failure'),
    (23, 8, 1, 'master', '3333333333333333333333333333333333333333', 'Anna', 'Secret', '2014-05-07 00:00:00', 'pending'),
    (24, 7, 3, 'a..b', '4444444444444444444444444444444444444444', 'Eve', '', '2014-05-08 00:00:00', 'failure'),
    (25, 7, 4, 'master', '5555555555555555555555555555555555555555', 'Anna', 'Never ran', '2014-05-09 00:00:00',
        'enqueued');

INSERT INTO hook_call VALUES
    (31, 3, 21, '2014-05-06 18:10:29', '{}'), (32, NULL, 22, '2014-05-07 00:00:01', '{}'),
    (33, 6, 23, '2014-05-07 00:00:01', '{}'), (34, 3, 24, '2014-05-08 00:00:01', '{}'),
    (35, 5, 22, '2014-05-07 00:00:01', '{}');

INSERT INTO job VALUES
    (41, 21, 31, '2014-05-06 18:10:30', '2014-05-06 18:11:31', 0,
        CONCAT('Pulling "debian" Docker image...\n<script>alert(2)</script>\n', x'1b', '[31mred', x'1b', '[0m\n',
            x'ff', '\n'), NULL),
    (42, 22, 32, '2014-05-07 00:00:02', '2014-05-07 00:00:03', 2, REPEAT('0123456789abcde\n', 200000), NULL),
    (43, 23, 33, '2014-05-07 00:00:02', NULL, NULL, NULL, NULL),
    (44, 24, 34, '2014-05-08 00:00:02', '2014-05-08 00:00:03', 1, 'left out', NULL),
    (45, 22, 35, NULL, NULL, NULL, NULL, NULL);

SET FOREIGN_KEY_CHECKS = 0;
INSERT INTO build VALUES
    (29, 99, 1, 'master', '9999999999999999999999999999999999999999', 'Nobody', '', '2014-05-06 18:10:28', 'success');
