//! Writes results to places of the caller's: once, and on success only.
//!
//! ```text
//!   pointer           --Out-->       a place
//!   pointer, capacity --OutArray-->  a row of places
//!   pointer           --SizedOut-->  a struct of which the caller may know the first part only
//! ```
//!
//! NULL and alignment are checked here; that a place is writable is the caller's promise.

use std::ptr::{self, NonNull};

use crate::status::rsess_status::{self, RSESS_ERR_INVALID_ARGUMENT};

/// A place of the caller's that is to be written once.
pub(crate) struct Out<T>(NonNull<T>);

impl<T> Out<T> {
    /// # Safety
    ///
    /// `place` is NULL, misaligned, or valid for writes of a `T` for as long as this value lives.
    pub(crate) unsafe fn new(place: *mut T) -> Result<Self, rsess_status> {
        let aligned = Some(place).filter(|place| place.is_aligned());
        aligned.and_then(NonNull::new).map(Self).ok_or(RSESS_ERR_INVALID_ARGUMENT)
    }

    /// The same, but NULL stands for no interest in the result.
    ///
    /// # Safety
    ///
    /// `place` is NULL, misaligned, or valid for writes of a `T` for as long as this value lives.
    pub(crate) unsafe fn optional(place: *mut T) -> Result<Option<Self>, rsess_status> {
        if place.is_null() {
            return Ok(None);
        }
        // SAFETY: this function's own condition.
        unsafe { Self::new(place) }.map(Some)
    }

    /// Writes `value`. What was there is not dropped: it may be uninitialised.
    pub(crate) fn write(self, value: T) {
        // SAFETY: not NULL and aligned, so writable, as was promised to `new`.
        unsafe { self.0.write(value) };
    }
}

/// A row of places of the caller's, to be written from the first one on.
pub(crate) struct OutArray<T> {
    start: NonNull<T>,
    capacity: usize,
}

impl<T> OutArray<T> {
    /// # Safety
    ///
    /// `start` is NULL, misaligned, or valid for writes of `capacity` values for as long as this
    /// value lives.
    pub(crate) unsafe fn new(start: *mut T, capacity: usize) -> Result<Self, rsess_status> {
        let size = capacity.checked_mul(size_of::<T>());
        let fits = size.is_some_and(|size| isize::try_from(size).is_ok());
        let aligned = Some(start).filter(|start| start.is_aligned() && fits);
        let start = aligned.and_then(NonNull::new).ok_or(RSESS_ERR_INVALID_ARGUMENT)?;
        Ok(Self { start, capacity })
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Writes `values`, as many as there is room for, and says how many. What was there is not
    /// dropped: it may be uninitialised.
    pub(crate) fn write(self, values: impl IntoIterator<Item = T>) -> usize {
        let mut count = 0;
        for value in values.into_iter().take(self.capacity) {
            // SAFETY: `count` is below the capacity, and so many values fit into an object.
            let place = unsafe { self.start.add(count) };
            // SAFETY: one of the places that are writable, as was promised to `new`.
            unsafe { place.write(value) };
            count += 1;
        }
        count
    }
}

/// A place of the caller's whose first field says how many bytes of a `T` the caller knows.
///
/// So a `T` can grow at its end: a program that was compiled when it was shorter gets what was
/// in it then, and a library that is older than the program leaves the rest alone.
pub(crate) struct SizedOut<T> {
    place: NonNull<T>,
    size: usize,
}

impl<T> SizedOut<T> {
    /// Refuses a size below `smallest`, that of the first version, and one that ends inside of
    /// a field of 8 bytes.
    ///
    /// # Safety
    ///
    /// `place` is NULL, misaligned, or valid for reads of a `usize`, and for writes of as many
    /// bytes as that says, for as long as this value lives.
    pub(crate) unsafe fn new(place: *mut T, smallest: usize) -> Result<Self, rsess_status> {
        let aligned = Some(place).filter(|place| place.is_aligned());
        let place = aligned.and_then(NonNull::new).ok_or(RSESS_ERR_INVALID_ARGUMENT)?;
        // SAFETY: not NULL and aligned, so its first field is readable, as the caller promises.
        let size = unsafe { place.cast::<usize>().read() };
        if size < smallest || !size.is_multiple_of(8) {
            return Err(RSESS_ERR_INVALID_ARGUMENT);
        }
        Ok(Self { place, size })
    }

    /// What the caller has said.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Writes what the caller knows of `value`.
    pub(crate) fn write(self, value: &T) {
        let known = self.size.min(size_of::<T>());
        let (from, to) = (ptr::from_ref(value).cast::<u8>(), self.place.as_ptr().cast::<u8>());
        // SAFETY: `value` has no fewer bytes, the place is writable for as many, as was promised
        // to `new`, and a value of ours is never where a result goes.
        unsafe { ptr::copy_nonoverlapping(from, to, known) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misaligned_place_is_refused() {
        let mut place = [0_u64; 2];
        let odd = ptr::from_mut(&mut place).cast::<u8>().wrapping_add(1).cast::<u64>();

        // SAFETY: misaligned is allowed.
        let one = unsafe { Out::new(odd) };
        // SAFETY: misaligned is allowed.
        let optional = unsafe { Out::optional(odd) };
        // SAFETY: misaligned is allowed.
        let row = unsafe { OutArray::new(odd, 1) };
        // SAFETY: misaligned is allowed.
        let sized = unsafe { SizedOut::new(odd, 8) };

        assert_eq!(one.err(), Some(RSESS_ERR_INVALID_ARGUMENT));
        assert_eq!(optional.err(), Some(RSESS_ERR_INVALID_ARGUMENT));
        assert_eq!(row.err(), Some(RSESS_ERR_INVALID_ARGUMENT));
        assert_eq!(sized.err(), Some(RSESS_ERR_INVALID_ARGUMENT));
    }

    #[test]
    fn null_for_an_optional_result_is_no_result() {
        // SAFETY: NULL is allowed.
        let none = unsafe { Out::<u64>::optional(ptr::null_mut()) };

        assert!(none.is_ok_and(|place| place.is_none()));
    }

    #[test]
    fn a_struct_that_grew_is_written_as_far_as_the_caller_knows_it_and_no_further() {
        let ours = [77_usize, 1, 2];
        for (size, expected) in [
            (16, [77, 1, 9, 9]),
            (24, [77, 1, 2, 9]),
            (32, [77, 1, 2, 9]),
            (usize::MAX - 7, [77, 1, 2, 9]),
        ] {
            let mut place = [size, 9, 9, 9];

            // SAFETY: four values are there, and no more than the three of `ours` are written.
            let out = unsafe { SizedOut::new(ptr::from_mut(&mut place).cast(), 16) };
            out.expect("large enough").write(&ours);

            assert_eq!(place, expected);
        }
    }

    #[test]
    fn a_size_that_cannot_be_one_of_the_struct_is_refused() {
        for size in [0, 8, 15, 17] {
            let mut place = [size, 9_usize, 9];

            // SAFETY: three values are there.
            let out = unsafe { SizedOut::new(ptr::from_mut(&mut place), 16) };

            assert_eq!(out.err(), Some(RSESS_ERR_INVALID_ARGUMENT));
        }
    }
}
