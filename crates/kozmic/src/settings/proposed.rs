//! Reads settings that are not written yet as the server would read them: `kozmic setup` accepts what `kozmic serve`
//! accepts.

use super::{Settings, SettingsFault, SettingsFaults, keys::find, source::Source};

/// Description of a right value, if the server could not use this one.
pub(crate) fn wrong(name: &str, text: &str) -> Option<String> {
    let table = [(name.to_owned(), text.into())].into_iter().collect::<toml::Table>();
    let read = Source::from_file(&table.to_string()).map_err(SettingsFaults::from).and_then(|mut source| {
        source.do_without_forge();
        Settings::from_source(source)
    });
    let faults = read.err()?;
    Some(match &faults.faults[..] {
        [SettingsFault::Wrong { right, .. }] => format!("it needs to be {right}"),
        _ => faults.to_string(),
    })
}

/// Settings of a file that is not written yet. The environment is ignored: the server may have another one.
pub(crate) fn settings(text: &str) -> Result<Settings, SettingsFaults> {
    Settings::from_source(Source::from_file(text)?)
}

/// The server's default, if it is fixed.
pub(crate) fn default(name: &str) -> Option<&'static str> {
    find(name)?.default
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_judged_as_the_server_would() {
        assert_eq!(wrong("listen", "127.0.0.1:8080"), None);
        assert_eq!(wrong("github_client_id", "Ov23liABCDEF"), None);
        assert!(
            wrong("listen", "8080").unwrap().starts_with("it needs to be an address with a port, such as ")
        );
        assert!(wrong("public_url", "https://ci.example.org/path").unwrap().contains("without a path"));
        let hostile = "x\"\nadmins = \"eve";
        assert!(wrong("listen", hostile).is_some());
        assert_eq!(wrong("data_dir", hostile), None, "it stays one value");
    }
}
