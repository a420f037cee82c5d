//! Ties an object to the one process that uses it.
//!
//! ```text
//!   made --first call--> at home in this process --fork--> the child: RSESS_ERR_FORKED
//!     |
//!     +--fork--> the child: at home there from its own first call on
//! ```
//!
//! A fork copies memory, and shares sockets and locked files: two processes that write to the
//! same connection read each other's sessions. Threads are not copied at all. So an object that
//! has any of these answers in one process only. Knows neither which object that is nor what it
//! holds.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::status::rsess_status;

/// The process that an object belongs to.
#[derive(Debug)]
pub(crate) struct Home(AtomicU32);

impl Home {
    /// That of whoever enters first.
    pub(crate) const fn of_the_first() -> Self {
        Self(AtomicU32::new(NOBODY))
    }

    /// This process.
    pub(crate) fn here() -> Self {
        Self(AtomicU32::new(process::id()))
    }

    /// Lets this process in, unless another one is at home.
    pub(crate) fn enter(&self) -> Result<(), rsess_status> {
        let this = process::id();
        // Read first: threads that only read share the line, those that exchange take turns.
        if self.0.load(Ordering::Relaxed) == this {
            return Ok(());
        }
        match self.0.compare_exchange(NOBODY, this, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Ok(()),
            Err(owner) if owner == this => Ok(()),
            Err(_) => Err(rsess_status::RSESS_ERR_FORKED),
        }
    }

    /// Whether another process is at home.
    pub(crate) fn is_elsewhere(&self) -> bool {
        let owner = self.0.load(Ordering::Relaxed);
        owner != NOBODY && owner != process::id()
    }
}

/// No process that runs code of ours has this number.
const NOBODY: u32 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_process_that_enters_stays_at_home() {
        let home = Home::of_the_first();

        assert!(!home.is_elsewhere());
        assert_eq!(home.enter(), Ok(()));
        assert_eq!(home.enter(), Ok(()));
        assert!(!home.is_elsewhere());
    }

    #[test]
    fn no_other_process_gets_in() {
        let home = Home(AtomicU32::new(process::id() + 1));

        assert_eq!(home.enter(), Err(rsess_status::RSESS_ERR_FORKED));
        assert!(home.is_elsewhere());
    }
}
