"""Runs a command, passes on what it prints, and searches that for what no output may show.

    search.py [--trace] COMMAND ..

    COMMAND -- stdout, stderr --> passed on as it comes, and unchanged, but for lines of "[trace]"
                  |
                  +--> every line, these too --> forbidden.py --> a report on stderr

Ends as COMMAND did; with 1 if that was well and something was found. The report names the line and
what was found there, and shows neither anew: the log of a failed run is read by more people.

--trace sets SESSION_TEST_TRACE, by which tests print every event (tests/trace, and
node-binding/test/support/trace.ts). Then it is an error if there is a test program that does not:
its events would not have been searched.
"""

import os
import re
import selectors
import signal
import subprocess
import sys

import forbidden

TRACE = b"[trace] "
TRACED = re.compile(rb"^\[trace\] on in (?:.*/)?(\S+)$")
# What cargo says before it runs a test program, or the examples in documentation.
SUITE = re.compile(rb"^\s+(?:Running .+ \((?:.*/)?([^/]+)\)|Doc-tests \S+)$")
# A test of Rust, Node or Python that has ended, or a thread that has panicked in one.
TEST = re.compile(
    rb"^(?:test .+ \.\.\. |\s*(?:\xe2\x96\xb6|\xe2\x9c\x94|\xe2\x9c\x96) |thread '.+' )"
)
COLOUR = re.compile(rb"\x1b\[[0-9;]*m")
# Of what is found so many are shown.
SHOWN = 20
# For whoever holds the output open when the command has ended.
SECONDS_OF_SILENCE = 2


def main(arguments: list[str]) -> int:
    is_traced = arguments[:1] == ["--trace"]
    command = arguments[is_traced:]
    if not command:
        print(__doc__, file=sys.stderr)
        return 2
    search = Search(is_traced)
    code = run(command, search)
    is_clean = search.report()
    return code or (0 if is_clean else 1)


class Search:
    """What was printed so far."""

    def __init__(self, is_traced: bool):
        self.is_traced = is_traced
        self.lines = self.events = self.findings = 0
        self.shown: list[str] = []
        # Where the last line was printed.
        self.suite = self.test = b""
        # Test programs that were run, and those that print events.
        self.run: set[bytes] = set()
        self.traced: set[bytes] = set()

    def take(self, line: bytes) -> None:
        """Searches a line, which has no line end."""
        line = COLOUR.sub(b"", line)
        self.lines += 1
        is_event = line.startswith(TRACE)
        self.events += is_event
        if match := TRACED.match(line):
            self.traced.add(match[1])
        elif match := SUITE.match(line):
            self.suite, self.test = line.strip(), b""
            self.run.update(filter(None, [match[1]]))
        elif TEST.match(line):
            self.test = line.strip()
        kinds = forbidden.kinds_in(line)
        if kinds:
            self.findings += 1
            if self.findings <= SHOWN:
                self.shown.append(self.described(line, is_event, kinds))

    def described(self, line: bytes, is_event: bool, kinds: list[str]) -> str:
        near = [forbidden.hidden(it) for it in (self.suite, self.test) if it and it != line.strip()]
        about = [f"  line {self.lines}: {', '.join(kinds)}"]
        # Of other lines there is the output itself.
        about += [f"    event: {forbidden.hidden(line)}"] if is_event else []
        about += [f"    near: {it}" for it in near]
        return "\n".join(about)

    def report(self) -> bool:
        """Tells what was found on stderr; answers whether that is nothing."""
        silent = sorted(it.decode(errors="replace") for it in self.run - self.traced)
        silent = silent if self.is_traced else []
        if self.is_traced and not self.traced:
            silent.append("anything")
        searched = f"{self.lines} lines searched for secrets, {self.events} of them events"
        outcome = f"{self.findings} SHOW WHAT NO OUTPUT MAY" if self.findings else "none shows any"
        told = [f"search: {searched}: {outcome}", *self.shown]
        if self.findings > SHOWN:
            told.append(f"  and {self.findings - SHOWN} more")
        told += [f"search: NO EVENTS of {name}: use rudder_session_trace as _" for name in silent]
        print("\n".join(told), file=sys.stderr, flush=True)
        return not self.findings and not silent


class Stream:
    """One output of the command, on its way to one of ours."""

    def __init__(self, search: Search, target: int):
        self.search = search
        self.target = target
        # Of a line that has not ended; and how much of that is passed on already.
        self.rest = b""
        self.passed = 0

    def take(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\n")
        out = []
        for line in lines:
            self.search.take(line)
            if not line.startswith(TRACE):
                out.append(line[self.passed :] + b"\n")
            self.passed = 0
        # A prompt or a row of dots is passed on without its end, unless an event may come of it.
        if not TRACE.startswith(self.rest[: len(TRACE)]):
            out.append(self.rest[self.passed :])
            self.passed = len(self.rest)
        write(self.target, b"".join(out))

    def end(self) -> None:
        if self.rest:
            self.search.take(self.rest)
            write(self.target, self.rest[self.passed :])
        self.rest = b""


def run(command: list[str], search: Search) -> int:
    """Runs it to its end, and answers its exit code: 128 and more if a signal ended it."""
    environment = dict(os.environ)
    if search.is_traced:
        environment["SESSION_TEST_TRACE"] = "1"
    if os.isatty(2):
        # Cargo does not see the terminal any more.
        environment.setdefault("CARGO_TERM_COLOR", "always")
    # One pipe where both go to one place, so that they stay in order.
    is_one = os.path.sameopenfile(1, 2)
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if is_one else subprocess.PIPE,
        env=environment,
    )
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: child.send_signal(number))
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ, Stream(search, 1))
        if child.stderr:
            selector.register(child.stderr, selectors.EVENT_READ, Stream(search, 2))
        while selector.get_map():
            ready = selector.select(SECONDS_OF_SILENCE)
            if not ready and child.poll() is not None:
                break
            for key, _ in ready:
                data = os.read(key.fd, 1 << 16)
                if data:
                    key.data.take(data)
                else:
                    key.data.end()
                    selector.unregister(key.fileobj)
        for key in selector.get_map().values():
            key.data.end()
    code = child.wait()
    return code if code >= 0 else 128 - code


def write(target: int, data: bytes) -> None:
    """All of it, also where somebody has made our output one that does not wait."""
    while data:
        try:
            data = data[os.write(target, data) :]
        except BlockingIOError:
            with selectors.DefaultSelector() as selector:
                selector.register(target, selectors.EVENT_WRITE)
                selector.select()


if __name__ == "__main__":
    # Ends as others do where nobody reads any more.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main(sys.argv[1:]))
