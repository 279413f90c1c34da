//! Pages of long lists.

/// A request for one page of a list.
#[derive(Clone, Copy, Debug)]
pub struct PageAsked {
    /// The number of the page, from 1.
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
