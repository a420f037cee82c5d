//! Any bytes as a signed value, and a signed value with any bytes changed.
//!
//! The key is another for each input: libFuzzer sees what is compared, and would learn signatures.
//!
//! | law |
//! |---|
//! | bytes that no key made are refused, by every function alike |
//! | what a key signed comes back as it was, with a retired key too |
//! | it is accepted after an edit exactly if the edit changed nothing |
//! | another key refuses it |
//! | it is an id exactly if the text under the signature is one |

#![no_main]

use libfuzzer_sys::fuzz_target;
use rudder_session::{CookieCodec, DecodeError, KeyRing, LegacyCookies, SessionId, UnixMillis};

fuzz_target!(|input: &[u8]| {
    let key = SessionId::random_256().expect("random");
    let ours = codec(&["the newest key", key.as_str()]);
    let signer = codec(&[key.as_str()]);
    let another = codec(&["another key"]);
    let refused = |error| matches!(error, DecodeError::BadSignature | DecodeError::Unsigned);
    assert!(ours.verify_bytes(input).is_err_and(refused));

    let Ok(text) = str::from_utf8(input) else { return };
    let now = UnixMillis::new(0);
    assert_eq!(ours.verify(text).err(), ours.verify_bytes(input).err());
    assert!(ours.decode_id(text).is_err_and(refused));
    assert!(ours.decode(text, now, LegacyCookies::Accept).is_err_and(refused));

    let signed = signer.sign(text);
    assert_eq!(ours.verify(&signed), Ok(text));
    assert_eq!(ours.decode_id(&signed).ok(), SessionId::parse(text));
    assert_eq!(another.verify(&signed), Err(DecodeError::BadSignature));
    refuse_edits(&ours, signed.as_bytes(), input);
});

/// Reads the input as triples: where, what to do, with which byte.
fn refuse_edits(ours: &CookieCodec, signed: &[u8], input: &[u8]) {
    for edit in input.chunks_exact(3) {
        let mut edited = signed.to_vec();
        // Counted from the end: that is where the signature is.
        let at = signed.len() - 1 - usize::from(edit[0]) % signed.len();
        match edit[1] % 4 {
            0 => edited[at] = edit[2],
            1 => edited[at] ^= 1 << (edit[2] % 8),
            2 => edited.insert(at, edit[2]),
            _ => drop(edited.remove(at)),
        }
        assert_eq!(ours.verify_bytes(&edited).is_ok(), edited == signed);
    }
}

fn codec(keys: &[&str]) -> CookieCodec {
    CookieCodec::new(KeyRing::from_secrets(keys).expect("legal keys"))
}
