//! Pages of a list: the number and size that are asked for.

use kozmic_edges::store::PageAsked;

/// Items on a page by default, and at most.
const PER_PAGE: u64 = 25;
const MOST_PER_PAGE: u64 = 100;

/// The page that a query asks for.
pub(super) fn asked(page: Option<u32>, per_page: Option<u32>) -> PageAsked {
    PageAsked {
        number: u64::from(page.unwrap_or(1).max(1)),
        size: per_page.map_or(PER_PAGE, u64::from).clamp(1, MOST_PER_PAGE),
    }
}
