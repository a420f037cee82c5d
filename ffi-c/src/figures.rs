//! Tells what a store has done so far, and what has gone wrong in it.

use std::mem::offset_of;

use rudder_session_core::store::{OperationFigures, StoreFigures};

use crate::boundary::{borrowed, boundary};
use crate::out::SizedOut;
use crate::status::rsess_status;
use crate::store::rsess_store;

/// How often one operation of a store was asked for.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct rsess_calls {
    /// Calls that ended, in whatever way.
    pub calls: u64,
    /// Those of them that ended in an error.
    pub errors: u64,
}

/// What a store has done so far, since it was made, in this process.
///
/// The operations are the steps that a store makes in one piece. An update is a replace for
/// each try; a regenerate is a create and a remove, with a save and one more remove for each
/// merge, and a destroy if it comes to nothing.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct rsess_figures {
    /// Set by the caller before the call: sizeof(rsess_figures). Later versions of the library
    /// may have more fields, at the end; nothing beyond this size is written.
    pub size: usize,
    /// Records that were to be made.
    pub create: rsess_calls,
    /// Records that were to be removed, whatever was in them.
    pub destroy: rsess_calls,
    /// Records that were to be read.
    pub load: rsess_calls,
    /// Records that were to be removed if nobody had changed them.
    pub remove: rsess_calls,
    /// Records that were to be written if nobody had changed them.
    pub replace: rsess_calls,
    /// Records that were to be written, whatever was in them.
    pub save: rsess_calls,
    /// Records that were to live on.
    pub touch: rsess_calls,
    /// Writes that met those of another request, and were merged with them.
    pub merges: u64,
    /// Writes that came after the session was destroyed or had expired, and were not done.
    pub writes_to_gone: u64,
    /// Calls that were refused without asking, since the store was down.
    pub calls_not_tried: u64,
    /// Records that carried another id than the one asked for. They are never handed out.
    ///
    /// Above zero, something is badly wrong: replies reach the wrong caller, or somebody else
    /// writes into the store. Raise an alarm.
    pub foreign_records: u64,
    /// Records that were no payload of a session. They count as none.
    pub unreadable_records: u64,
}

/// Reads the figures of a store.
///
/// `figures_out->size` is sizeof(rsess_figures), set by the caller before each call. On
/// RSESS_OK, the other fields are filled in. Those that are not in this library yet, when it
/// is older than the program, are left as they were: zero the struct first.
///
/// Calls that are under way in other threads may be in one figure and not yet in the next.
///
/// Returns:
/// - RSESS_OK
/// - RSESS_ERR_INVALID_ARGUMENT if a pointer is NULL that must not be, or the size cannot be
///   that of an rsess_figures
/// - RSESS_ERR_FORKED, RSESS_ERR_PANIC, RSESS_ERR_POISONED
///
/// # Safety
///
/// - `store` is NULL, or came from a rsess_store_new_... function and is not yet freed.
/// - `figures_out` is NULL, or valid for reads of its first field, and for reads and writes
///   of as many bytes as that says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rsess_store_figures(
    store: *const rsess_store,
    figures_out: *mut rsess_figures,
) -> rsess_status {
    boundary(|| {
        // SAFETY: `figures_out` is NULL, or readable and writable as the caller promises.
        let figures_out = unsafe { SizedOut::new(figures_out, FIRST_SIZE) }?;
        // SAFETY: `store` is NULL or live, as the caller promises.
        let store = unsafe { borrowed(store) }?;

        let figures = store.call(|store| Ok(store.figures()))?;

        let size = figures_out.size();
        figures_out.write(&rsess_figures { size, ..figures.into() });
        Ok(())
    })
}

impl From<StoreFigures> for rsess_figures {
    fn from(figures: StoreFigures) -> Self {
        Self {
            size: size_of::<Self>(),
            create: figures.create.into(),
            destroy: figures.destroy.into(),
            load: figures.load.into(),
            remove: figures.remove.into(),
            replace: figures.replace.into(),
            save: figures.save.into(),
            touch: figures.touch.into(),
            merges: figures.merges,
            writes_to_gone: figures.writes_to_gone,
            calls_not_tried: figures.incidents.calls_not_tried,
            foreign_records: figures.incidents.foreign_records,
            unreadable_records: figures.incidents.unreadable_records,
        }
    }
}

impl From<OperationFigures> for rsess_calls {
    fn from(figures: OperationFigures) -> Self {
        Self { calls: figures.calls, errors: figures.errors }
    }
}

/// The struct up to its first version's last field. Never changes, however it grows.
pub(crate) const FIRST_SIZE: usize =
    offset_of!(rsess_figures, unreadable_records) + size_of::<u64>();
