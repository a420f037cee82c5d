"""Makes and reads hardened cookie values, by DESIGN.md alone and with nothing but Python's library.

    v2.py vectors      prints tests/vectors/v2.json
    v2.py read         reads a line {"secrets", "cookie_name", "value"} each, and answers a line:
                       {"kind", "text", "expires_at"} or {"refused": why}

It shares no code with the engine: not the HMAC, the HKDF, the XChaCha20 nor the Poly1305.
"""

import base64
import hashlib
import hmac
import json
import struct
import sys

PURPOSES = {"v2p.": b"signed payload", "v2i.": b"signed id", "v2s.": b"sealed payload"}
MASK = 0xFFFFFFFF


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64(text):
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if b64(data) != text:
        raise ValueError("not canonical")
    return data


def mac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def derive(secret, info, length):
    """HKDF-SHA256 (RFC 5869) of at most one block."""
    prk = mac(b"rudder-session v2", secret.encode())
    return mac(prk, info + b"\x01")[:length]


def context(tag, cookie_name):
    name = cookie_name.encode()
    text = tag.encode() + struct.pack(">H", len(name)) + name
    return text + bytes(-len(text) % 64)


def trailer(secret, expires_at):
    return struct.pack(">Q", expires_at) + derive(secret, b"key id", 4)


def sign(tag, secret, cookie_name, body, expires_at):
    end = trailer(secret, expires_at)
    key = derive(secret, PURPOSES[tag], 32)
    return tag + b64(body + end + mac(key, context(tag, cookie_name) + body + end))


def seal(secret, cookie_name, body, expires_at, nonce, pad_to):
    end = trailer(secret, expires_at)
    padded = body + b"\x80"
    padded += bytes(-len(padded) % pad_to)
    key = derive(secret, PURPOSES["v2s."], 32)
    sealed, proof = encrypt(key, nonce, context("v2s.", cookie_name) + end, padded)
    return "v2s." + b64(sealed + nonce + end + proof)


def read(secrets, cookie_name, value):
    """The kind, the text and the expiry of a value; nothing here asks what time it is."""
    tag, data = value[:4], unb64(value[4:])
    proof_len = 16 if tag == "v2s." else 32
    data, proof = data[:-proof_len], data[-proof_len:]
    for secret in secrets:
        end = data[-12:]
        if end[8:] != derive(secret, b"key id", 4):
            continue
        key = derive(secret, PURPOSES[tag], 32)
        if tag == "v2s.":
            body, nonce = data[:-36], data[-36:-12]
            body = decrypt(key, nonce, context(tag, cookie_name) + end, body, proof).rstrip(b"\0")
            if body[-1:] != b"\x80":
                raise ValueError("padding")
            body = body[:-1]
        else:
            body = data[:-12]
            if not hmac.compare_digest(mac(key, context(tag, cookie_name) + data), proof):
                raise ValueError("signature")
        text = b64(body) if tag == "v2i." else body.decode()
        return {"kind": tag, "text": text, "expires_at": struct.unpack(">Q", end[:8])[0]}
    raise ValueError("no such key")


# XChaCha20-Poly1305: draft-irtf-cfrg-xchacha, RFC 8439.


def rounds(state):
    x = list(state)

    def quarter(a, b, c, d):
        for one, two, three, by in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[one] = (x[one] + x[two]) & MASK
            y = x[three] ^ x[one]
            x[three] = ((y << by) | (y >> (32 - by))) & MASK

    for _ in range(10):
        for a in range(4):
            quarter(a, a + 4, a + 8, a + 12)
        for a in range(4):
            quarter(a, 4 + (a + 1) % 4, 8 + (a + 2) % 4, 12 + (a + 3) % 4)
    return x


def state_of(key, rest):
    return list(struct.unpack("<16I", b"expand 32-byte k" + key + rest))


def block(key, counter, nonce):
    state = state_of(key, struct.pack("<I", counter) + nonce)
    return struct.pack("<16I", *((a + b) & MASK for a, b in zip(rounds(state), state)))


def subkey(key, nonce):
    """HChaCha20."""
    x = rounds(state_of(key, nonce[:16]))
    return struct.pack("<8I", *x[:4], *x[12:]), bytes(4) + nonce[16:]


def xor(key, nonce, data):
    stream = b"".join(block(key, 1 + n, nonce) for n in range((len(data) + 63) // 64))
    return bytes(a ^ b for a, b in zip(data, stream))


def poly1305(key, message):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for at in range(0, len(message), 16):
        total += int.from_bytes(message[at : at + 16] + b"\x01", "little")
        total = total * r % ((1 << 130) - 5)
    total += int.from_bytes(key[16:], "little")
    return (total & ((1 << 128) - 1)).to_bytes(16, "little")


def proof_of(key, nonce, associated, sealed):
    lengths = struct.pack("<QQ", len(associated), len(sealed))
    parts = [part + bytes(-len(part) % 16) for part in (associated, sealed)]
    return poly1305(block(key, 0, nonce)[:32], b"".join(parts) + lengths)


def encrypt(key, nonce, associated, text):
    key, nonce = subkey(key, nonce)
    sealed = xor(key, nonce, text)
    return sealed, proof_of(key, nonce, associated, sealed)


def decrypt(key, nonce, associated, sealed, proof):
    key, nonce = subkey(key, nonce)
    if not hmac.compare_digest(proof_of(key, nonce, associated, sealed), proof):
        raise ValueError("seal")
    return xor(key, nonce, sealed)


SECRETS = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210", "s\u00e9cret"]
EXP = 1_700_000_000_000


def payload_of(session_id, data):
    return '{"id":"%s","data":%s,"flash_next":{}}' % (session_id, data)


def vectors():
    ids = [bytes(range(32)), b"\xff" * 32, hashlib.sha256(b"an id").digest()]
    data = ["{}", '{"n":1}', '{"text":"caf\u00e9 \U0001f36a \u2028"}', '{"x":"%s"}' % ("y" * 3000)]
    names = ["rudderjs_session", "__Host-sid", "n" * 58, "n" * 59]
    signed, sealed, named = [], [], []
    for at, (secret, text) in enumerate((s, d) for s in SECRETS for d in data):
        name = names[at % len(names)]
        payload, expires_at = payload_of(b64(ids[at % 3]), text), EXP + at
        common = {"secret": secret, "cookie_name": name, "payload": payload, "expires_at": expires_at}
        value = sign("v2p.", secret, name, payload.encode(), expires_at)
        signed.append({**common, "value": value})
        pad_to, nonce = [1, 16, 256][at % 3], hashlib.sha256(b"nonce %d" % at).digest()[:24]
        value = seal(secret, name, payload.encode(), expires_at, nonce, pad_to)
        sealed.append({**common, "pad_to": pad_to, "nonce": nonce.hex(), "value": value})
    for at, (secret, raw) in enumerate((s, i) for s in SECRETS for i in ids):
        name, session_id = names[at % len(names)], b64(raw)
        named.append({
            "secret": secret,
            "cookie_name": name,
            "id": session_id,
            "expires_at": EXP + at,
            "value": sign("v2i.", secret, name, raw, EXP + at),
            "record_id": "h" + b64(hashlib.sha256(session_id.encode()).digest()),
        })
    return {"signed": signed, "sealed": sealed, "ids": named, "refused": refused()}


def refused():
    """Values that are to be refused by a codec of the first secret for the first cookie name."""
    secret, name, payload = SECRETS[0], "rudderjs_session", payload_of("a", "{}").encode()
    good = sign("v2p.", secret, name, payload, EXP)
    body = b64(payload[:-1] + b',"exp":%d}' % EXP)
    v1 = body + "." + b64(mac(secret.encode(), body.encode()))
    empty = sign("v2p.", secret, name, b"", EXP)
    return [
        {"kind": "payload", "why": why, "value": value}
        for why, value in [
            ("nothing", ""),
            ("only a tag", "v2p."),
            ("a value of v1", v1),
            ("the name of another cookie", sign("v2p.", secret, name + "2", payload, EXP)),
            ("another key", sign("v2p.", SECRETS[1], name, payload, EXP)),
            ("a time that is over", sign("v2p.", secret, name, payload, EXP - 1)),
            ("a tag that is not known", "v3p." + good[4:]),
            ("a tag in capitals", "V2P." + good[4:]),
            ("the tag of an id", "v2i." + good[4:]),
            ("the tag of a seal", "v2s." + good[4:]),
            ("padding of base64", good + "="),
            ("white space", good + " "),
            ("a character too many", good + "A"),
            ("a character too few", good[:-1]),
            ("an empty payload", empty),
            ("no payload", sign("v2p.", secret, name, b"[]", EXP)),
            ("a payload without an id", sign("v2p.", secret, name, b'{"data":{}}', EXP)),
            ("a payload that is cut off", sign("v2p.", secret, name, b'{"id":"a"', EXP)),
        ]
    ]


def main():
    if sys.argv[1:] == ["vectors"]:
        print(json.dumps(vectors(), indent=1))
        return
    for line in sys.stdin:
        given = json.loads(line)
        try:
            answer = read(given["secrets"], given["cookie_name"], given["value"])
        except (KeyError, ValueError) as error:
            answer = {"refused": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
