//! Names of artifacts and images, and their owners. A name stays with its owner, because people's links use it.

use super::Artifacts;
use crate::store::rows;
use anyhow::{Context, Result};
use kozmic_model::names::Wish;
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
};
use std::collections::BTreeMap;

/// The place under which the names of images are kept.
pub const IMAGES: &str = "image";

impl Artifacts<'_> {
    /// The name of an owner at a place. If the owner has none, one is given now; none if all candidates are taken.
    /// Upper and lower case make no difference, except for the names of images.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn give_name(self, place: &str, wish: &Wish) -> Result<Option<String>> {
        if let Some(name) = had(&self.db.reader, place, wish).await? {
            return Ok(Some(name));
        }
        self.db
            .change("a name", move |tx| async move {
                let tx = &tx;
                if let Some(name) = had(tx, place, wish).await? {
                    return Ok(Some(name));
                }
                for candidate in wish.candidates() {
                    let key = key(place, candidate);
                    let taken = rows::given_name::Entity::find()
                        .filter(rows::given_name::Column::Place.eq(place))
                        .filter(rows::given_name::Column::Key.eq(key.clone()));
                    if taken.one(tx).await.context("look whose a name is")?.is_some() {
                        continue;
                    }
                    let row = rows::given_name::ActiveModel {
                        id: NotSet,
                        place: Set(place.to_owned()),
                        key: Set(key),
                        owner: Set(wish.owner.as_str().to_owned()),
                        plain: Set(wish.plain.clone()),
                        name: Set(candidate.to_owned()),
                    };
                    row.insert(tx).await.context("give a name")?;
                    return Ok(Some(candidate.to_owned()));
                }
                Ok(None)
            })
            .await
    }

    /// The name that an owner has at a place, if one was given.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn given_name(self, place: &str, wish: &Wish) -> Result<Option<String>> {
        had(&self.db.reader, place, wish).await
    }

    /// Gives a name free, so that anybody may have it. The names of its versions stay with their owner.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn let_go_of_name(self, place: &str, name: &str) -> Result<()> {
        let named = rows::given_name::Entity::delete_many()
            .filter(rows::given_name::Column::Place.eq(place))
            .filter(rows::given_name::Column::Key.eq(key(place, name)));
        named.exec(&self.db.writer).await.context("let go of a name")?;
        Ok(())
    }

    /// The owner of each name at a place whose key has this start.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn owners_of_names(self, place: &str, start: &str) -> Result<BTreeMap<String, String>> {
        let rows = rows::given_name::Entity::find()
            .filter(rows::given_name::Column::Place.eq(place))
            .filter(rows::given_name::Column::Key.starts_with(start));
        let rows = rows.all(&self.db.reader).await.context("list names")?;
        // To the database, some signs of a start stand for any sign. SQLite also ignores the case of letters.
        let rows = rows.into_iter().filter(|row| row.key.starts_with(start));
        Ok(rows.map(|row| (row.name, row.owner)).collect())
    }
}

async fn had(db: &impl ConnectionTrait, place: &str, wish: &Wish) -> Result<Option<String>> {
    let row = rows::given_name::Entity::find()
        .filter(rows::given_name::Column::Place.eq(place))
        .filter(rows::given_name::Column::Owner.eq(wish.owner.as_str()))
        .filter(rows::given_name::Column::Plain.eq(wish.plain.as_str()));
    Ok(row.one(db).await.context("find a name")?.map(|row| row.name))
}

fn key(place: &str, name: &str) -> String {
    if place == IMAGES { name.to_owned() } else { name.to_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Stage;
    use kozmic_model::{
        artifact::ArtifactName,
        git::{GitRef, RefAt},
        names::NameOwner,
    };

    fn wish(repository: &str, branch: &str, name: &str) -> Wish {
        let git_ref = GitRef::Branch(branch.into());
        let sha = "a".repeat(40).parse().unwrap();
        let name = ArtifactName { versioned: format!("{name}-aaaaaaaaaa"), stable: name.into() };
        let owner = NameOwner::recipe(repository, &git_ref);
        let at = RefAt { git_ref: &git_ref, sha: &sha };
        let [link, _] = name.wishes([owner.clone(), owner], at, true);
        link
    }

    #[tokio::test]
    async fn a_name_stays_with_whoever_had_it_first() {
        let stage = Stage::new().await;
        let give =
            async |wish: &Wish| stage.store.artifacts().give_name("binary", wish).await.unwrap().unwrap();
        let (first, second) = (wish("a-b/c", "main", "a-b-c-main"), wish("a/b-c", "main", "a-b-c-main"));
        assert_eq!(give(&first).await, "a-b-c-main");
        assert_eq!(give(&second).await, second.suffixed);
        assert_eq!((give(&second).await, give(&first).await), (second.suffixed.clone(), first.plain.clone()));
        assert_eq!(
            stage.store.artifacts().give_name("kernel", &second).await.unwrap().unwrap(),
            "a-b-c-main",
            "elsewhere"
        );
        let other_case = wish("a-b/c", "Main", "a-b-c-Main");
        assert_eq!(give(&other_case).await, other_case.suffixed);
    }

    #[tokio::test]
    async fn a_names_start_is_compared_sign_by_sign() {
        let stage = Stage::new().await;
        for name in ["anna/core-x:1", "anna/core_x:1", "anna/CORE_X:1"] {
            let wish = Wish { plain: name.into(), is_certain: true, ..wish("a/b", name, "x") };
            stage.store.artifacts().give_name(IMAGES, &wish).await.unwrap().unwrap();
        }
        let found = stage.store.artifacts().owners_of_names(IMAGES, "anna/core_x:").await.unwrap();
        assert_eq!(found.into_keys().collect::<Vec<_>>(), ["anna/core_x:1"]);
    }

    #[tokio::test]
    async fn a_name_from_before_stays_its_owners_though_it_would_not_be_given_now() {
        let stage = Stage::new().await;
        let unsafe_now = wish("a/b", "x/y", "a-b-x-y");
        let certain = Wish { is_certain: true, ..unsafe_now.clone() };
        assert_eq!(stage.store.artifacts().give_name("binary", &certain).await.unwrap().unwrap(), "a-b-x-y");
        assert_eq!(
            stage.store.artifacts().give_name("binary", &unsafe_now).await.unwrap().unwrap(),
            "a-b-x-y"
        );
        let plain = wish("a/b", "x-y", "a-b-x-y");
        assert_eq!(
            stage.store.artifacts().give_name("binary", &plain).await.unwrap().unwrap(),
            plain.suffixed
        );
    }
}
