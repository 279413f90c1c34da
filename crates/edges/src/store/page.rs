//! Pages of long lists.

/// The page of a list that somebody asks for.
#[derive(Clone, Copy, Debug)]
pub struct PageAsked {
    /// From 1.
    pub number: u64,
    /// The number of items on a page.
    pub size: u64,
}

/// One page of a list.
pub struct Page<T> {
    /// The items on the page.
    pub items: Vec<T>,
    /// The number of items on all pages.
    pub total: u64,
}
