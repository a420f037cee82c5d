"""The search finds each kind of what no output may show, in any spelling, and shows none of it; and
the list of what it looks for is complete."""

import base64
import os
import re
import signal
import subprocess
import sys
import unittest
from pathlib import Path

import forbidden

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
UUID = "3f2b8c1e-9d4a-4c6b-8e2f-0a1b2c3d4e5f"
# 43 characters of base64url.
TEXT = "Yk3v-8Q_" * 5 + "Ab9"
SECRET = "test-secret-32-chars-exactly!!xx"

PLANTED = {
    "a session id": [UUID, f"id={UUID.upper()},", f"\x1b[1m{UUID[:9]}\x1b[0m{UUID[9:]}"],
    "a session id of 256 bits": [TEXT, f'"{TEXT}"', f"session:{TEXT}"],
    "a signed value": [f"sid=abc.{TEXT};"],
    "a value of v2": ["sid=v2p.QUJDREVG; Path=/", "v2i.QUJDREVG", "v2s.QUJDREVG"],
    "the payload of a cookie": [base64.urlsafe_b64encode(b'{"id":"","data":{}}').decode()],
    "the record of a session": [
        '{"id":"a","data":{"user":1},"flash_next":{}}',
        r'"{\"id\":\"a\",\"data\":{}}"',
    ],
    "the name of a record": ["GET session:a", '"session:a"'],
    "a password in a URL": ["redis://app:pw@localhost", "rediss://:pw@h:1/0", "https://a:b@c"],
}
CLEAN = [
    "test store::redis::tests::a_url_with_a_password_is_no_text_of_an_error_at_all ... ok",
    "Running unittests src/lib.rs (target/debug/deps/rudder_session-0123456789abcdef)",
    "redis://127.0.0.1:6379/0",
    "redis url must be redis[s]://host[:port][/db] or redis+unix:///path",
    '{"id":1} {"id":"a"}x rudder_session::store session: a session:secret rudder-session:save',
    "SessionId(***) v2 v2. 00000000-0000-0000-0000-000000000000",
]


def searched(program: str, *options: str) -> subprocess.CompletedProcess:
    """What the search makes of what this program in Python prints."""
    command = [sys.executable, "-B", HERE / "search.py", *options, sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True)


class TheSearch(unittest.TestCase):
    def test_what_shows_nothing_passes_with_the_exit_code_and_unchanged(self):
        for code in (0, 7):
            lines = "\n".join(CLEAN)

            program = f"import sys; print({lines!r}); print('e', file=sys.stderr); sys.exit({code})"
            ended = searched(program)

            self.assertEqual(ended.returncode, code)
            self.assertEqual(ended.stdout, lines + "\n")
            searched_all = f"search: {len(CLEAN) + 1} lines searched for secrets, 0 of them events"
            self.assertEqual(ended.stderr, f"e\n{searched_all}: none shows any\n")

    def test_each_kind_is_named_and_not_shown(self):
        for kind, texts in PLANTED.items():
            for file in ("stdout", "stderr"):
                text = "\n".join(f"{it} of {n}" for n, it in enumerate(texts))

                ended = searched(f"import sys; print({text!r}, file=sys.{file})")

                self.assertEqual(ended.returncode, 1, text)
                for n, it in enumerate(texts):
                    shown = rf"\n  line {n + 1}: (?:.*, )?{kind}(?:,.*)?\n"
                    self.assertRegex(ended.stderr, shown)
                    printed = (ended.stdout + ended.stderr).count(f"{it} of {n}")
                    self.assertEqual(printed, 1, "passed on, no more")

    def test_each_marker_is_found_in_any_spelling(self):
        for n, marker in forbidden.markers():
            raw = marker.encode()
            for text in [
                marker,
                f"x{marker}y",
                raw.hex(),
                raw.hex().upper(),
                str(list(raw)),
                *(base64.b64encode(b"a" * before + raw + b"b").decode() for before in range(3)),
                *(base64.urlsafe_b64encode(b"a" * before + raw).decode() for before in range(3)),
            ]:
                self.assertIn(f"marker {n}", forbidden.kinds_in(text.encode()), (marker, text))

    def test_a_marker_is_named_by_its_line_of_the_list(self):
        [n] = [n for n, marker in forbidden.markers() if marker == SECRET]

        ended = searched(f"print({SECRET!r})")

        self.assertEqual(ended.returncode, 1)
        self.assertIn(f"\n  line 1: marker {n}\n", ended.stderr)
        self.assertNotIn(SECRET, ended.stderr)

    def test_events_are_searched_and_not_passed_on(self):
        mark = "[trace] on in /target/debug/deps/races-1"
        event = f"[trace] races::some_test: WARN rudder_session lost id={UUID} v2p.{TEXT}"
        running = "     Running tests/races.rs (target/debug/deps/races-1)"
        lines = [running, mark, "test one ... ok", event, "test two ... ok"]

        ended = searched(f"print({chr(10).join(lines)!r})", "--trace")

        self.assertEqual(ended.returncode, 1)
        self.assertEqual(ended.stdout, f"{running}\ntest one ... ok\ntest two ... ok\n")
        self.assertIn("5 lines searched for secrets, 2 of them events: 1 SHOW", ended.stderr)
        for part in [
            "  line 4: a session id, a session id of 256 bits, a signed value, a value of v2\n",
            "    event: [trace] races::some_test: WARN rudder_session lost id=*** ***\n",
            "    near: Running tests/races.rs (target/debug/deps/races-1)\n",
            "    near: test one ... ok\n",
        ]:
            self.assertIn(part, ended.stderr)
        self.assertNotIn("3f2b8c1e", ended.stderr)

    def test_an_event_that_comes_in_pieces_is_not_passed_on(self):
        program = (
            "import os\n"
            "for it in (b'..', b'.\\n[tr', b'ace] on in it\\n[', b'1]', b'\\nend'): os.write(1, it)"
        )

        ended = searched(program)

        self.assertEqual(ended.stdout, "...\n[1]\nend")
        self.assertIn("4 lines searched for secrets, 1 of them events", ended.stderr)

    def test_a_suite_without_events_is_an_error(self):
        lines = [
            "     Running unittests src/lib.rs (target/debug/deps/heard-1)",
            "[trace] on in /target/debug/deps/heard-1",
            "     Running tests/silent.rs (target/debug/deps/silent-2)",
            "   Doc-tests rudder_session",
        ]
        for said, printed in [("silent-2", lines), ("anything", [])]:
            ended = searched(f"print({chr(10).join(printed)!r})", "--trace")

            self.assertEqual(ended.returncode, 1)
            self.assertIn(f"search: NO EVENTS of {said}: ", ended.stderr)
            self.assertEqual(ended.stderr.count("NO EVENTS"), 1)

    def test_the_command_is_told_to_print_events_only_when_asked(self):
        told = "import os, sys; sys.exit(os.environ.get('SESSION_TEST_TRACE') != '1')"

        self.assertEqual(searched(f"print('[trace] on in it'); {told}", "--trace").returncode, 0)
        self.assertEqual(searched(told).returncode, 1)

    def test_a_signal_reaches_the_command_and_its_end_is_told(self):
        program = "import time; print('ready', flush=True); time.sleep(60)"
        command = [sys.executable, "-B", HERE / "search.py", sys.executable, "-c", program]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
            self.assertEqual(running.stdout.readline(), b"ready\n")

            running.send_signal(signal.SIGTERM)

            self.assertEqual(running.wait(), 128 + signal.SIGTERM)

    def test_what_the_command_leaves_behind_is_not_waited_for(self):
        left = "import time; time.sleep(60)"
        program = (
            "import subprocess, sys\n"
            f"print(subprocess.Popen([sys.executable, '-c', {left!r}]).pid)"
        )

        ended = searched(program)

        os.kill(int(ended.stdout), signal.SIGKILL)
        self.assertEqual(ended.returncode, 0)


class TheList(unittest.TestCase):
    def test_every_marker_is_planted_in_some_suite(self):
        for n, marker in forbidden.markers():
            self.assertTrue(any(marker in text for text in SOURCES.values()), f"marker {n}")

    def test_no_secret_of_a_suite_is_missing(self):
        known = [marker for _, marker in forbidden.markers()]
        found = [
            (path, secret)
            for path, text in SOURCES.items()
            for secret in PLANTING.findall(text)
            if len(secret) >= 12 and secret != "change-me-in-production"
        ]

        self.assertGreater(len(found), 30)
        for path, secret in found:
            self.assertIn(secret, known, path)


def sources() -> dict[str, str]:
    """The text of all files that are tested or test, but these."""
    folders = ["core", "ffi-c", "node-binding/demo", "node-binding/test", "tests"]
    paths = [
        path
        for folder in folders
        for path in (TOP / folder).rglob("*")
        if path.suffix in (".c", ".rs", ".ts") and "node_modules" not in path.parts
    ]
    return {str(path.relative_to(TOP)): path.read_text(encoding="utf-8") for path in paths}


SOURCES = sources()
NAMES = "SECRET|RETIRED|OTHER|OURS|FOREIGN|OLD|NEW|KEY|PASSWORD"
PLANTING = re.compile(
    rf"""(?:(?:const|let) (?:{NAMES}|secret)\b[^=;\n]*= |\b(?:SESSION_SECRET|secret): """
    r"""|"(?:SESSION_SECRET|secret)", |createCodec\(\[|from_secrets\(\[|HardenedKey::new\()"""
    r"""["']([^"'\n]+)["']"""
)

if __name__ == "__main__":
    unittest.main()
