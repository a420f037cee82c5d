//! Finds the members of payloads in their text, so that TypeScript parses those only that it wants.

// Doc comments below are JSDoc: napi copies them into `native.d.ts` as they are.

use std::cell::RefCell;
use std::rc::Rc;

use napi_derive::napi;
use rudder_session::MemberFinder;

use crate::bound::{BoundFunction, Call, Returned, Thrown};

/// Makes a function that finds the members in the text of a payload, if that is spelled as
/// `JSON.stringify` spells it, which is proven then.
///
/// Returns `null` for any other text, and for some that is unusual; else offsets, each of them a
/// code unit of the string. The first is the closing quote of the id, the second says how many
/// members the data have; three more follow for each member of the data, and then of the flash
/// values: after the opening quote of the key, at its closing quote, after the value.
#[napi(catch_unwind, ts_return_type = "(payloadJson: string) => string | null")]
pub fn create_member_finder() -> BoundFunction<RefCell<State>> {
    BoundFunction::new(&Rc::default(), find)
}

/// What one function has of its own, so that a call allocates nothing but its answer.
#[derive(Default)]
pub struct State {
    text: Vec<u8>,
    finder: MemberFinder,
}

fn find<'call>(
    state: &RefCell<State>,
    call: &Call<'call>,
) -> std::result::Result<Returned<'call>, Thrown> {
    // No call runs inside another.
    let State { text, finder } = &mut *state.borrow_mut();
    call.text(0, text)?;
    match finder.find(text) {
        Some(offsets) => call.return_code_units(offsets),
        None => call.return_null(),
    }
}
