//! Any bytes as a value of `v2`, of each of its three kinds, and good values with any bytes
//! changed.
//!
//! ```text
//!   input    how many of a value's last bytes are kept, then the bytes
//! ```
//!
//! The key is another for each input: libFuzzer sees what is compared, and would learn signatures.
//!
//! | law |
//! |---|
//! | bytes that no key made are refused, whatever tag they have, with v1 accepted or not |
//! | the end of a good value does not make other bytes good, nor does its key's id |
//! | a key accepts what it made, and gives it back as it was |
//! | it refuses what it made once any byte is changed, put in or taken out |
//! | another key, another cookie name and another kind refuse what it made |

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use rudder_session::{DecodeError, HardenedCodec, HardenedConfig, HardenedKey, Origin, Payload};
use rudder_session::{SessionId, UnixMillis};

static OF_ANOTHER_KEY: LazyLock<Codecs> = LazyLock::new(|| Codecs::new("another key", "sid"));

const NOW: UnixMillis = UnixMillis::new(1_700_000_000_000);

fuzz_target!(|input: &[u8]| {
    let key = SessionId::random_256().expect("random");
    let codecs = Codecs::new(key.as_str(), "sid");
    let of_another_name = Codecs::new(key.as_str(), "sid2");
    codecs.refuse(input);
    let Some((&kept, bytes)) = input.split_first() else { return };
    let id = SessionId::random_256().expect("random");
    let payload = match str::from_utf8(bytes).map(Payload::parse) {
        Ok(Ok(payload)) => payload,
        _ => Payload::new(&id),
    };

    for (kind, value) in codecs.values(&id, &payload).into_iter().enumerate() {
        codecs.accept(kind, &value, &id, &payload);
        OF_ANOTHER_KEY.refuse(value.as_bytes());
        of_another_name.refuse(value.as_bytes());

        let value = value.as_bytes();
        let from = value.len() - usize::from(kept).min(value.len());
        codecs.refuse_unless(&[&value[..4], bytes, &value[from..]].concat(), value);
        codecs.refuse(&[b"v2", &bytes[..bytes.len().min(2)], &value[4..], b"="].concat());
        for edit in bytes.chunks_exact(4).take(16) {
            let mut edited = value.to_vec();
            let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % value.len();
            match edit[2] % 4 {
                0 => edited[at] = edit[3],
                1 => edited[at] ^= 1 << (edit[3] % 8),
                2 => edited.insert(at, edit[3]),
                _ => drop(edited.remove(at)),
            }
            codecs.refuse_unless(&edited, value);
        }
    }
});

struct Codecs {
    signing: HardenedCodec,
    sealing: HardenedCodec,
    with_v1: HardenedCodec,
}

impl Codecs {
    fn new(secret: &str, name: &str) -> Self {
        let codec = |seal_padded_to, accept_v1_until| {
            let key = HardenedKey::new(secret).expect("legal");
            let config = HardenedConfig::new(vec![key], name);
            let config = HardenedConfig { seal_padded_to, accept_v1_until, ..config };
            HardenedCodec::new(config).expect("legal")
        };
        Self {
            signing: codec(None, None),
            sealing: codec(Some(64), None),
            with_v1: codec(None, Some(UnixMillis::new(2_000_000_000_000))),
        }
    }

    /// A value of each kind.
    fn values(&self, id: &SessionId, payload: &Payload) -> [String; 3] {
        [
            self.signing.encode_id(id, NOW).expect("its kind of id"),
            self.signing.encode(payload, NOW).expect("signed"),
            self.sealing.encode(payload, NOW).expect("random"),
        ]
    }

    fn accept(&self, kind: usize, value: &str, id: &SessionId, payload: &Payload) {
        let signed = self.signing.decode(value, NOW);
        let sealed = self.sealing.decode(value, NOW);
        let of_id = self.signing.decode_id(value, NOW);
        let other = DecodeError::OtherFormat;
        let payload = Ok((payload.clone(), Origin::Primary));
        assert_eq!(of_id, if kind == 0 { Ok((id.clone(), Origin::Primary)) } else { Err(other) });
        assert_eq!(signed, if kind == 1 { payload.clone() } else { Err(other) });
        assert_eq!(sealed, if kind == 2 { payload } else { Err(other) });
    }

    fn refuse_unless(&self, edited: &[u8], good: &[u8]) {
        if edited != good {
            self.refuse(edited);
        }
    }

    fn refuse(&self, value: &[u8]) {
        let mut out = Vec::new();
        for codec in [&self.signing, &self.sealing, &self.with_v1] {
            let refused = [
                codec.decode_text_into(value, NOW, &mut out).map(drop),
                codec.decode_id_into(value, NOW, &mut out).map(drop),
            ];
            let is_refusal = |outcome: &Result<(), DecodeError>| {
                use DecodeError::{BadSignature, OtherFormat, Unsigned};
                matches!(outcome, Err(BadSignature | OtherFormat | Unsigned))
            };
            assert!(refused.iter().all(is_refusal), "{refused:?}");
        }
    }
}
