"""Says what no output may show, and what of it is in a line.

    markers.txt   texts that the suites plant: secrets, passwords, what users stored
    SHAPES        what is made anew in each run: ids, cookie values

A marker is looked for as it is, in hexadecimal, in base64 wherever it begins in there, and as the
list of numbers that Debug makes of bytes.
"""

import base64
import re
from pathlib import Path

MARKERS = Path(__file__).with_name("markers.txt")

HEX = rb"[0-9a-fA-F]"
WORD = rb"[A-Za-z0-9_-]"
SHAPES = {
    "a session id": re.compile(
        rb"%b{8}-%b{4}-4%b{3}-[89abAB]%b{3}-%b{12}" % ((HEX,) * 5)
    ),
    "a session id of 256 bits": re.compile(
        rb"(?<!%b)(?=%b*[a-z])(?=%b*[A-Z])(?=%b*[0-9])%b{43}(?!%b)" % ((WORD,) * 6)
    ),
    "a signed value": re.compile(rb"\.%b{43}(?!%b)" % (WORD, WORD)),
    "a value of v2": re.compile(rb"v2[ips]\.%b{8}" % WORD),
    # base64url of {"id":
    "the payload of a cookie": re.compile(rb"eyJpZCI6"),
    "the record of a session": re.compile(rb'\{\\*"id\\*":\\*"[^"]*",\\*"data\\*":'),
    # But for checks of `rudder doctor`.
    "the name of a record": re.compile(
        rb"(?<![\w:-])session:(?!secret\b|cookie-secure\b)%b" % WORD
    ),
    "a password in a URL": re.compile(rb"[a-z+]://[^\s/@:]*:[^\s/@]+@"),
}


def kinds_in(line: bytes) -> list[str]:
    """The kinds of what is in there: `a session id`, `marker 3`."""
    kinds = [kind for kind, shape in SHAPES.items() if shape.search(line)]
    return kinds + [f"marker {n}" for n, spelt in SPELLINGS if any(it in line for it in spelt)]


def hidden(line: bytes) -> str:
    """The line without all words that hold something of it."""
    for shape in SHAPES.values():
        line = shape.sub(b"***", line)
    for spelling in (it for _, spelt in SPELLINGS for it in spelt):
        line = line.replace(spelling, b"***")
    return re.sub(rb"[^\s=]*\*\*\*[^\s=]*", b"***", line).decode(errors="replace")


def markers() -> list[tuple[int, str]]:
    """All of the file, each with the number of its line."""
    lines = enumerate(MARKERS.read_text(encoding="utf-8").splitlines(), start=1)
    return [(n, line) for n, line in lines if line and not line.startswith("# ")]


def spellings(marker: str) -> list[bytes]:
    """All that a line may hold it as."""
    raw = marker.encode()
    spelt = {raw, raw.hex().encode(), raw.hex().upper().encode(), ", ".join(map(str, raw)).encode()}
    # Where it begins at another byte of three, its first and last letters depend on others.
    for before in range(3):
        text = base64.b64encode(bytes(before) + raw)
        whole = text[(4 * before + 2) // 3 : len(raw + bytes(before)) * 4 // 3]
        spelt |= {whole, whole.translate(bytes.maketrans(b"+/", b"-_"))}
    return sorted(spelt)


SPELLINGS = [(n, spellings(marker)) for n, marker in markers()]
