//! Images of runners beside the server: a dropped one is made anew, also if its runner could not hear of the drop.

use super::{Fleet, label};
use crate::{
    caching::{SKIPPED, hook},
    world::LIMIT,
};
use anyhow::{Context, Result, ensure};
use kozmic_testkit::{github::State, runner::Runner};

/// Each start of the install script leaves another number, and the script prints it.
const INSTALL: &str = "cat /proc/sys/kernel/random/uuid > ~/made; echo installing";

/// One job's use of the image.
struct Use {
    /// True if the install script ran.
    is_installed: bool,
    /// The number that the install script left in the image.
    number: String,
}

impl Fleet {
    /// Adds the hook with the install script.
    async fn hook_with_image(&self) -> Result<()> {
        hook(&self.world, "Tests", INSTALL, "", "echo number $(cat ~/made)").await
    }

    /// Pushes. When the job has ended, nothing of it is left on the engine.
    async fn build(&self, message: &str) -> Result<Use> {
        let pushed = self.world.push(message).await?;
        self.world.status(&pushed.sha, State::Success).await?;
        for runner in &self.runners {
            self.world.docker.wait_until_clean(&label(runner), LIMIT).await?;
        }
        let log = self.world.log().await?;
        let number = log.lines().find_map(|line| line.strip_prefix("number ")).context("a number")?;
        let is_installed = log.contains("\ninstalling\n");
        ensure!(is_installed != log.contains(SKIPPED), "{log}");
        Ok(Use { is_installed, number: number.to_owned() })
    }

    /// Presses the button of the first image.
    async fn drop_image(&self) -> Result<()> {
        let page = self.world.page("settings/").await?;
        let (_, rest) = page.split_once("/cache/").context("an image is listed")?;
        let id = rest.split('/').next().context("an image has a number")?;
        let path = |page: &str| format!("/projects/{}/{page}", self.world.project);
        let drop = path(&format!("cache/{id}/drop/"));
        let page = self.world.anna.post_form(&path("settings/"), &drop, &[]).await?;
        ensure!(page.body.contains("The image is dropped"), "{page}");
        ensure!(!page.body.contains("/cache/"), "an image is listed still: {page}");
        Ok(())
    }

    /// Checks that the next job makes an image other than the one of `before`, and that the job after it uses that.
    async fn makes_anew(&self, before: &Use) -> Result<()> {
        let anew = self.build("Anew").await?;
        ensure!(anew.is_installed && anew.number != before.number, "the dropped image was used");
        let again = self.build("Again").await?;
        ensure!(!again.is_installed && again.number == anew.number, "another image was kept");
        Ok(())
    }

    /// Ends it, and removes the runners' images.
    async fn end_without_images(self) -> Result<()> {
        for runner in &self.runners {
            for image in self.world.images_with(&label(runner)).await? {
                self.world.docker.run(&["rmi", &image]).await?;
            }
        }
        self.end().await
    }
}

#[tokio::test]
async fn a_dropped_image_leaves_its_runner_and_is_made_anew() -> Result<()> {
    let fleet = Fleet::new(&["far"], &[]).await?;
    fleet.hook_with_image().await?;
    let before = fleet.build("Begin").await?;
    fleet.drop_image().await?;
    fleet.runners[0].wait_for_output("a surplus image was removed").await?;
    assert!(fleet.world.images_with(&label(&fleet.runners[0])).await?.is_empty());
    fleet.makes_anew(&before).await?;
    fleet.end_without_images().await
}

#[tokio::test]
async fn an_image_that_is_dropped_while_its_runner_is_cut_off_is_made_anew() -> Result<()> {
    let (fleet, cables) = Fleet::on_cables(&["far"]).await?;
    fleet.hook_with_image().await?;
    let before = fleet.build("Begin").await?;
    cables[0].cut();
    fleet.drop_image().await?;
    assert_eq!(fleet.world.images_with(&label(&fleet.runners[0])).await?.len(), 1, "nobody could remove it");
    cables[0].mend();
    fleet.makes_anew(&before).await?;
    fleet.end_without_images().await
}

#[tokio::test]
async fn a_dropped_image_is_made_anew_on_each_of_two_runners_beside_one_engine() -> Result<()> {
    let (mut fleet, cables) = Fleet::on_cables(&["one"]).await?;
    fleet.hook_with_image().await?;
    let of_one = fleet.build("Begin").await?;
    cables[0].cut();
    fleet.runners.push(Runner::add(&fleet.world.server, "two", &[]).await?);
    let of_two = fleet.build("On two").await?;
    assert!(of_two.is_installed && of_two.number != of_one.number, "two used the image of one");
    fleet.drop_image().await?;
    fleet.makes_anew(&of_two).await?;
    fleet.runners[1].terminate().await?;
    cables[0].mend();
    fleet.makes_anew(&of_one).await?;
    fleet.runners[1].start().await?;
    fleet.end_without_images().await
}
