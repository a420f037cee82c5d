//! Counts what a piece of code allocates on its own thread.
//!
//! A test binary installs it:
//!
//! ```
//! use rudder_session_tests::allocations::{Allocations, Counting, count};
//!
//! #[global_allocator]
//! static ALLOCATOR: Counting = Counting;
//!
//! let (text, allocations) = count(|| "x".repeat(100));
//! assert_eq!(allocations, Allocations { calls: 1, bytes: 100, peak_bytes: 100 });
//! # drop(text);
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What was allocated while something ran.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Allocations {
    /// Times that memory was asked for; growing a block counts as well.
    pub calls: usize,
    /// Bytes asked for in all, whether given back since or not.
    pub bytes: usize,
    /// Bytes held at the worst moment.
    pub peak_bytes: usize,
}

/// The system's allocator, and a count for each thread.
pub struct Counting;

/// Runs `work`, and tells what it allocated.
pub fn count<T>(work: impl FnOnce() -> T) -> (T, Allocations) {
    let before = TALLY.replace(Tally::default());
    let result = work();
    let Tally { allocations, .. } = TALLY.replace(before);
    (result, allocations)
}

#[derive(Clone, Copy, Default)]
struct Tally {
    allocations: Allocations,
    /// Bytes held now; below zero if what was there before is given back.
    held: isize,
}

thread_local! {
    // Constant and without a destructor: neither setting it up nor reading it allocates.
    static TALLY: Cell<Tally> = const { Cell::new(Tally { allocations: NOTHING, held: 0 }) };
}

const NOTHING: Allocations = Allocations { calls: 0, bytes: 0, peak_bytes: 0 };

fn note(asked: usize, given_back: usize) {
    let mut tally = TALLY.get();
    tally.held += asked as isize - given_back as isize;
    if asked > 0 {
        tally.allocations.calls += 1;
        tally.allocations.bytes += asked;
        tally.allocations.peak_bytes =
            tally.allocations.peak_bytes.max(usize::try_from(tally.held).unwrap_or(0));
    }
    TALLY.set(tally);
}

// SAFETY: every method hands its arguments to `System`, which keeps the trait's promises, and
// returns what that returns; counting touches no memory but a thread-local cell.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        // SAFETY: the caller promises a layout that is not of size zero.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(0, layout.size());
        // SAFETY: the caller promises that `block` came from here, so from `System`, with `layout`.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(new_size, layout.size());
        // SAFETY: as for `dealloc`, and the caller promises a size that is not zero.
        unsafe { System.realloc(block, layout, new_size) }
    }
}
