//! Says which status each error of the engine is.
//!
//! ```text
//!   DecodeError, ConfigError, OpenError, PayloadError, StoreError, UsersError --> rsess_status
//! ```
//!
//! An error that this version of the engine does not have gets the first number of its group.

use rudder_session_core::{
    ConfigError, DecodeError, OpenError, PayloadError, StoreError, UsersError,
};

use crate::status::rsess_status::{self, *};

impl From<DecodeError> for rsess_status {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::BadSignature => RSESS_ERR_BAD_SIGNATURE,
            DecodeError::Expired => RSESS_ERR_EXPIRED,
            DecodeError::Legacy => RSESS_ERR_LEGACY,
            DecodeError::Malformed => RSESS_ERR_MALFORMED,
            DecodeError::OtherFormat => RSESS_ERR_OTHER_FORMAT,
            DecodeError::Unsigned => RSESS_ERR_UNSIGNED,
            _ => RSESS_ERR_REFUSED,
        }
    }
}

impl From<ConfigError> for rsess_status {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Deadline => RSESS_ERR_CONFIG_DEADLINE,
            ConfigError::EmptyKey | ConfigError::EmptyKeyRing | ConfigError::PrimaryEnds => {
                RSESS_ERR_CONFIG_SECRET
            }
            ConfigError::InvalidCookieName => RSESS_ERR_CONFIG_COOKIE_NAME,
            ConfigError::InvalidCookiePath => RSESS_ERR_CONFIG_COOKIE_PATH,
            ConfigError::InvalidCookiePrefix => RSESS_ERR_CONFIG_COOKIE_PREFIX,
            ConfigError::InvalidLifetime => RSESS_ERR_CONFIG_LIFETIME,
            ConfigError::InvalidCa => RSESS_ERR_CONFIG_CA,
            ConfigError::InvalidRedisUrl => RSESS_ERR_CONFIG_REDIS_URL,
            ConfigError::InvalidSameSite => RSESS_ERR_CONFIG_COOKIE_SAME_SITE,
            ConfigError::PlaceholderSecret => RSESS_ERR_CONFIG_SECRET_IS_PLACEHOLDER,
            ConfigError::PoolSize => RSESS_ERR_CONFIG_POOL_SIZE,
            ConfigError::Ttl => RSESS_ERR_CONFIG_TTL,
            ConfigError::UnreadableSecret(_) => RSESS_ERR_CONFIG_SECRET_UNREADABLE,
            _ => RSESS_ERR_CONFIG,
        }
    }
}

impl From<OpenError> for rsess_status {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Damaged => RSESS_ERR_FILE_DAMAGED,
            OpenError::Foreign => RSESS_ERR_FILE_FOREIGN,
            OpenError::InUse => RSESS_ERR_FILE_IN_USE,
            OpenError::Io(_) => RSESS_ERR_FILE_IO,
            _ => RSESS_ERR_FILE,
        }
    }
}

impl From<PayloadError> for rsess_status {
    fn from(error: PayloadError) -> Self {
        match error {
            PayloadError::NotJson => RSESS_ERR_NOT_JSON,
            PayloadError::TooManyBytes { .. }
            | PayloadError::TooManyKeys { .. }
            | PayloadError::TooNested { .. } => RSESS_ERR_TOO_LARGE,
            _ => RSESS_ERR_NOT_A_PAYLOAD,
        }
    }
}

impl From<StoreError> for rsess_status {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => RSESS_ERR_STORE_BUSY,
            StoreError::Conflict => RSESS_ERR_STORE_CONFLICT,
            StoreError::Disconnected => RSESS_ERR_STORE_DISCONNECTED,
            StoreError::InvalidId => RSESS_ERR_INVALID_ID,
            StoreError::NotReplicated { .. } => RSESS_ERR_STORE_NOT_REPLICATED,
            StoreError::Overloaded => RSESS_ERR_STORE_OVERLOADED,
            StoreError::Protocol => RSESS_ERR_STORE_PROTOCOL,
            StoreError::Randomness => RSESS_ERR_RANDOMNESS,
            StoreError::Rejected { .. } if error.is_retryable() => RSESS_ERR_STORE_UNAVAILABLE,
            StoreError::Rejected { .. } => RSESS_ERR_STORE_REJECTED,
            StoreError::Storage => RSESS_ERR_STORE_STORAGE,
            StoreError::TimedOut => RSESS_ERR_STORE_TIMED_OUT,
            StoreError::TooLarge => RSESS_ERR_TOO_LARGE,
            StoreError::Unreachable => RSESS_ERR_STORE_UNREACHABLE,
            StoreError::Untrusted => RSESS_ERR_STORE_UNTRUSTED,
            _ => RSESS_ERR_STORE,
        }
    }
}

impl From<UsersError> for rsess_status {
    fn from(error: UsersError) -> Self {
        match error {
            UsersError::InvalidUser => RSESS_ERR_INVALID_ARGUMENT,
            UsersError::NotSignedIn => RSESS_NOT_FOUND,
            UsersError::Store(error) => error.into(),
            UsersError::TooManySessions => RSESS_ERR_TOO_MANY_SESSIONS,
            _ => RSESS_ERR_STORE,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::c_int;

    use super::*;
    use crate::status::{NAMES, rsess_status_is_refusal, rsess_status_is_retryable};

    #[test]
    fn retryable_is_what_the_engine_calls_retryable() {
        let rejected = |code: &str| StoreError::Rejected { code: code.to_owned() };
        for error in [
            StoreError::Busy,
            StoreError::Conflict,
            StoreError::Disconnected,
            StoreError::InvalidId,
            StoreError::NotReplicated { acknowledged: 0 },
            StoreError::Overloaded,
            StoreError::Protocol,
            StoreError::Randomness,
            rejected("LOADING"),
            rejected("WRONGTYPE"),
            StoreError::Storage,
            StoreError::TimedOut,
            StoreError::TooLarge,
            StoreError::Unreachable,
            StoreError::Untrusted,
        ] {
            let retryable = error.is_retryable();
            let status = rsess_status::from(error);
            assert_eq!(rsess_status_is_retryable(status as c_int), retryable, "{status:?}");
            assert_ne!(status, RSESS_ERR_STORE);
        }
    }

    #[test]
    fn each_reason_not_to_open_a_file_has_its_number_and_one_in_use_may_open_later() {
        let io = OpenError::Io(std::io::ErrorKind::NotFound);
        for error in [OpenError::Damaged, OpenError::Foreign, OpenError::InUse, io] {
            let status = rsess_status::from(error);
            assert_ne!(status, RSESS_ERR_FILE, "{error}");
            let retryable = rsess_status_is_retryable(status as c_int);
            assert_eq!(retryable, error == OpenError::InUse, "{error}");
        }
    }

    #[test]
    fn a_refused_cookie_value_is_a_refusal_and_nothing_else_is() {
        let refusals = [
            DecodeError::BadSignature,
            DecodeError::Expired,
            DecodeError::Legacy,
            DecodeError::Malformed,
            DecodeError::Unsigned,
            DecodeError::OtherFormat,
        ]
        .map(rsess_status::from);

        let all = NAMES.into_iter().map(|(status, _)| status);
        let all_refusals = all.filter(|it| rsess_status_is_refusal(*it as c_int));

        let expected = [RSESS_ERR_REFUSED].into_iter().chain(refusals);
        assert!(all_refusals.eq(expected));
    }

    #[test]
    fn settings_that_a_c_program_can_get_wrong_have_a_number_of_their_own() {
        for error in [
            ConfigError::Deadline,
            ConfigError::EmptyKey,
            ConfigError::EmptyKeyRing,
            ConfigError::InvalidCookieName,
            ConfigError::InvalidCookiePath,
            ConfigError::InvalidCookiePrefix,
            ConfigError::InvalidLifetime,
            ConfigError::InvalidRedisUrl,
            ConfigError::InvalidSameSite,
            ConfigError::PlaceholderSecret,
            ConfigError::PoolSize,
            ConfigError::Ttl,
        ] {
            assert_ne!(rsess_status::from(error), RSESS_ERR_CONFIG, "{error}");
        }
    }
}
