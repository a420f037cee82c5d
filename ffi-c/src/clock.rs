//! Reads the system's clock, and takes the instants that callers pass in.

use rudder_session_core::UnixMillis;

use crate::status::rsess_status::{self, RSESS_ERR_INVALID_ARGUMENT};

/// Returns the time of the system's clock, in milliseconds since the Unix epoch.
///
/// For callers who have no clock of their own. Functions that need the time take it as
/// an argument, so that a test, or a host that caches the time, can pass its own.
#[unsafe(no_mangle)]
pub extern "C" fn rsess_now_unix_ms() -> u64 {
    UnixMillis::now().as_f64() as u64
}

/// The instant that a caller names; refused where no JavaScript date could hold it.
pub(crate) fn instant(unix_ms: u64) -> Result<UnixMillis, rsess_status> {
    UnixMillis::from_f64(unix_ms as f64).ok_or(RSESS_ERR_INVALID_ARGUMENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_taken_up_to_the_last_that_a_date_can_hold() {
        let last = 8_640_000_000_000_000;

        assert_eq!(instant(last), Ok(UnixMillis::new(last)));
        assert_eq!(instant(last + 1), Err(RSESS_ERR_INVALID_ARGUMENT));
    }
}
