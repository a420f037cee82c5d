//! Has whatever points at a store be a store.

use std::sync::Arc;

use super::{Done, Incidents, Reply, Request, Store, Submission};
use crate::error::StoreError;
use crate::time::UnixMillis;

macro_rules! passes_on {
    ($($to:ty),*) => {
        $(impl<S: Store + ?Sized> Store for $to {
            fn call(&self, request: Request, now: UnixMillis) -> Result<Reply, StoreError> {
                (**self).call(request, now)
            }

            fn submit(&self, request: Request, now: UnixMillis, done: Done) {
                (**self).submit(request, now, done);
            }

            fn submit_all(&self, submissions: Vec<Submission>) {
                (**self).submit_all(submissions);
            }

            fn incidents(&self) -> Incidents {
                (**self).incidents()
            }
        })*
    };
}

passes_on!(&S, Arc<S>, Box<S>);
