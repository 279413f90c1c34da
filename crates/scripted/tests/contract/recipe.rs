//! The program of a recipe: a file in the container, which runs on a terminal with arguments.

use crate::lab::{AROUND, Lab, MARK, both, volume};
use kozmic_edges::engine::NewContainer;

/// The end of the line inside of the runner's shell, after the commands before the program.
const RUN: &str = r##"{ [ -x "$0" ] && exec "$0" "$@"; IFS= read -r _l <"$0"
case $_l in '#!'*) set -f; exec ${_l#??} "$0" "$@";; esac; exec /bin/sh "$0" "$@"; }"##;

fn wanted(lab: &Lab, before: &str) -> NewContainer {
    let line = match before {
        "" => RUN.to_owned(),
        before => format!("{{ {before}\n}} && {RUN}"),
    };
    let line = format!("_g=10\n{}", AROUND.replace(MARK, &format!("({line}) 2>&1")));
    let command = ["/bin/sh", "-c", &line, "/repo/build.sh", "main", "repo"].map(str::to_owned).into();
    NewContainer { command, has_terminal: true, volumes: vec![volume("/kozmic", true)], ..lab.script("") }
}

pub(crate) async fn a_program_prints_on_a_terminal_and_its_end_is_noted(lab: &Lab) {
    for before in ["", "echo before; true # or not"] {
        let container = lab.create(&wanted(lab, before)).await;
        let program = "#!/bin/bash\necho \"$1\" of \"$2\"; echo err >&2; exit 3\n";
        lab.put(&container, "/repo/build.sh", program).await;
        let attached = lab.engine.attach(&container, true).await.unwrap();
        lab.engine.start(&container).await.unwrap();
        let said = format!("{}main of repo\r\nerr\r\n", if before.is_empty() { "" } else { "before\r\n" });
        assert_eq!(both(attached.output).await, (said.clone().into_bytes(), Vec::new()));
        assert_eq!(lab.engine.wait(&container).await.unwrap(), 3);
        assert_eq!(lab.file(&container, "/kozmic/.ended").await.as_deref(), Some("3\n"));
        assert_eq!(lab.text(&container).await, said);
    }
}

pub(crate) async fn what_goes_before_a_program_may_end_it(lab: &Lab) {
    for (before, code) in [("false", 1), ("exit 4", 4)] {
        let container = lab.create(&wanted(lab, before)).await;
        lab.put(&container, "/repo/build.sh", "echo never\n").await;
        lab.engine.start(&container).await.unwrap();
        assert_eq!(lab.engine.wait(&container).await.unwrap(), code);
        assert_eq!(lab.file(&container, "/kozmic/.ended").await, Some(format!("{code}\n")));
        assert_eq!(lab.text(&container).await, "");
    }
}
