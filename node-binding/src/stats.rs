//! Shows JavaScript what a store did.

// Doc comments below are JSDoc: napi copies them into `native.d.ts` as they are.

use napi_derive::napi;
use rudder_session::store::{OperationFigures, StoreFigures};

/// What one operation of a store did so far.
#[napi(object)]
pub struct StoreOperation {
    /// Calls that ended, in whatever way.
    pub calls: f64,
    /// Calls that ended in an error.
    pub errors: f64,
    /// Microseconds that half of the calls did not exceed; an upper bound, a power of two.
    pub p50_micros: f64,
    /// The same for 99 of 100 calls.
    pub p99_micros: f64,
}

/// What a store did so far. `update` is made of `replace`, `regenerate` of `create` and `remove`:
/// one of each, and more if other requests write into the same session meanwhile.
#[napi(object)]
pub struct StoreStats {
    pub create: StoreOperation,
    pub destroy: StoreOperation,
    pub load: StoreOperation,
    pub remove: StoreOperation,
    pub replace: StoreOperation,
    pub save: StoreOperation,
    pub touch: StoreOperation,
    /// Writes that met another request's, and were merged with it.
    pub merges: f64,
    /// Writes that came after a logout or the expiry, and were not done.
    pub writes_to_gone: f64,
    /// Calls that were refused at once, since the store was down.
    pub calls_not_tried: f64,
    /// Records that carried another id than the one asked for. Never served; raise an alarm.
    pub foreign_records: f64,
    /// Records that were no payload of a session. Never served.
    pub unreadable_records: f64,
    /// Calls that wait or run.
    pub pending: f64,
}

impl StoreStats {
    pub(crate) fn new(figures: &StoreFigures, pending: usize) -> Self {
        Self {
            create: operation(&figures.create),
            destroy: operation(&figures.destroy),
            load: operation(&figures.load),
            remove: operation(&figures.remove),
            replace: operation(&figures.replace),
            save: operation(&figures.save),
            touch: operation(&figures.touch),
            merges: figures.merges as f64,
            writes_to_gone: figures.writes_to_gone as f64,
            calls_not_tried: figures.incidents.calls_not_tried as f64,
            foreign_records: figures.incidents.foreign_records as f64,
            unreadable_records: figures.incidents.unreadable_records as f64,
            pending: pending as f64,
        }
    }
}

fn operation(figures: &OperationFigures) -> StoreOperation {
    StoreOperation {
        calls: figures.calls as f64,
        errors: figures.errors as f64,
        p50_micros: figures.latency_quantile(0.50).as_micros() as f64,
        p99_micros: figures.latency_quantile(0.99).as_micros() as f64,
    }
}
