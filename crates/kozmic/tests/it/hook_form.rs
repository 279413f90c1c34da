//! The hook's form: the values that it keeps, and its words beside wrong fields.

use crate::world::{IMAGE, World};
use anyhow::{Context, Result};
use kozmic_testkit::{html::Form, person::Page};

fn add(world: &World) -> String {
    format!("/projects/{}/hooks/add/", world.project)
}

/// The hook's form as it stands on a page.
fn form(page: &Page) -> Result<Form> {
    page.form(|form| form.field("install_script").is_some()).context("the page has the hook's form")
}

#[tokio::test]
async fn a_hook_with_an_install_script_is_shown_again_as_it_was_written() -> Result<()> {
    let world = World::new().await?;
    let blank = form(&world.anna.get(&add(&world)).await?)?;
    assert_eq!((blank.field("pull"), blank.field("install_script")), (Some("if_absent"), Some("")));
    assert_eq!((blank.field("if_interrupted"), blank.field("labels")), (Some("again"), Some("")));
    let typed = [
        ("title", "Tests"),
        ("image", IMAGE),
        ("script", "#!/bin/sh\necho built"),
        ("install_script", "#!/bin/sh\r\necho <installed>\r\n"),
        ("tracked_files", "tools/\r\n./requirements.txt\r\ntools"),
        ("pull", "newer"),
        ("if_interrupted", "error"),
        ("labels", "GPU  arm64,gpu"),
    ];
    world.anna.post_form(&add(&world), &add(&world), &typed).await?.ensure_ok()?;
    let edit = format!("/projects/{}/hooks/1/edit/", world.project);
    let page = world.anna.get(&edit).await?;
    let kept = form(&page)?;
    assert_eq!(kept.field("install_script"), Some("#!/bin/sh\necho <installed>\n"));
    assert_eq!(kept.field("tracked_files"), Some("requirements.txt\ntools"));
    assert_eq!(kept.field("pull"), Some("newer"));
    assert_eq!((kept.field("if_interrupted"), kept.field("labels")), (Some("error"), Some("arm64, gpu")));
    let list = world.page("settings/").await?;
    assert!(list.contains("needs a runner with <span class=\"mono\">arm64</span>"), "{list}");
    assert!(page.body.contains("<details class=\"more-fields\" open>"), "{page}");

    let without = [("install_script", " "), ("tracked_files", ""), ("pull", "if_absent")];
    world.anna.post_form(&edit, &edit, &without).await?.ensure_ok()?;
    let kept = form(&world.anna.get(&edit).await?)?;
    assert_eq!((kept.field("install_script"), kept.field("pull")), (Some(""), Some("if_absent")));
    world.end().await
}

#[tokio::test]
async fn each_wrong_field_has_its_sentence_beside_it_and_keeps_what_was_typed() -> Result<()> {
    let world = World::new().await?;
    let typed = [
        ("title", "Tests"),
        ("image", IMAGE),
        ("script", "#!/bin/sh"),
        ("install_script", "apt-get install"),
        ("tracked_files", "fine\n../outside"),
        ("pull", "sometimes"),
        ("labels", "gpu, <b>"),
    ];
    let page = world.anna.post_form(&add(&world), &add(&world), &typed).await?;
    assert_eq!(page.status, 422, "{page}");
    for (field, words) in [
        ("install_script", "A script starts with #!"),
        ("tracked_files", "../outside has a .. in it"),
        ("pull", "Choose when the image is pulled"),
        ("labels", "is no label: use letters, digits and . _ -"),
    ] {
        let beside = page.body.split(&format!("id=\"{field}-fault\"")).nth(1).context(field)?;
        assert!(beside.split("</p>").next().unwrap_or_default().contains(words), "{field}: {page}");
    }
    assert_eq!(form(&page)?.field("tracked_files"), Some("fine\n../outside"));
    assert_eq!(form(&page)?.field("labels"), Some("gpu, <b>"));
    assert_eq!(page.body.matches("autofocus").count(), 1);

    let tracked = [("install_script", ""), ("tracked_files", "fine"), ("pull", "")];
    let typed = typed[..3].iter().chain(&tracked).copied().collect::<Vec<_>>();
    let page = world.anna.post_form(&add(&world), &add(&world), &typed).await?;
    assert!(page.status == 422 && page.body.contains("write one, or track nothing"), "{page}");
    world.end().await
}
