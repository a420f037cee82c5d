"""Takes one defence of the engine away at a time, and sees that a test notices.

    python3 tests/mutations/run.py [NAME ..]     all of mutations.toml, or those with such names

All of it happens in a copy, target/mutations/tree, so nobody's files are touched. First every test
that is named must pass there. Then, for each mutation: its old text must be in its file exactly
once; what comes of the new one must build; and the test must fail. Ends with 1 otherwise.
"""

import os
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
WORK = Path(os.environ.get("CARGO_TARGET_DIR", TOP / "target")) / "mutations"
TREE = WORK / "tree"
BUILD_SECONDS = 600
TEST_SECONDS = 120


def main() -> int:
    names = sys.argv[1:]
    with open(HERE / "mutations.toml", "rb") as file:
        mutations = tomllib.load(file)["mutation"]
    chosen = [it for it in mutations if not names or any(name in it["name"] for name in names)]
    copy_tree()
    if not chosen or not all(passes_unchanged(it) for it in chosen):
        return 1
    outcomes = [try_one(it) for it in chosen]
    killed = outcomes.count("killed")
    print(f"{killed} of {len(outcomes)} mutations were noticed")
    return 0 if killed == len(outcomes) else 1


def passes_unchanged(mutation: dict) -> bool:
    build, test = commands(mutation)
    if run(build, BUILD_SECONDS) == 0 and run(test, TEST_SECONDS) == 0:
        return True
    print(f"FAILS UNCHANGED  {mutation['name']}: {test}")
    return False


def try_one(mutation: dict) -> str:
    started_at = time.monotonic()
    file = TREE / mutation["file"]
    text = file.read_text()
    build, test = commands(mutation)
    if text.count(mutation["old"]) != 1:
        outcome = f"NOT FOUND ONCE in {mutation['file']}"
    else:
        file.write_text(text.replace(mutation["old"], mutation["new"]))
        try:
            if run(build, BUILD_SECONDS) != 0:
                outcome = "DOES NOT BUILD"
            else:
                outcome = "SURVIVED" if run(test, TEST_SECONDS) == 0 else "killed"
        finally:
            file.write_text(text)
    seconds = time.monotonic() - started_at
    print(f"{outcome:8} {mutation['name']} ({seconds:.0f} s)", flush=True)
    return outcome


def commands(mutation: dict) -> tuple[str, str]:
    """How its test is built, and how it is run."""
    test = shlex.quote(mutation["test"])
    if "cargo" in mutation:
        cargo = f"cargo test --quiet --locked {mutation['cargo']}"
        return f"{cargo} --no-run", f"{cargo} {test}"
    topic = f"build/{mutation['node']}.test.js"
    build = "cd node-binding && npm run --silent build:test"
    limit = f"--test-timeout={TEST_SECONDS // 8}000"
    # A name that no test has would leave none to fail, which counts as survival.
    return build, f"cd node-binding && node --test {limit} --test-name-pattern {test} {topic}"


def run(command: str, seconds: int) -> int:
    """The exit code; what hangs has failed."""
    environment = os.environ | {
        "CARGO_TARGET_DIR": str(WORK / "target"),
        "CARGO_PROFILE_DEV_DEBUG": "0",
        "NODE_ENV": "test",
    }
    with open(WORK / "last.log", "w") as log:
        process = subprocess.Popen(
            command, shell=True, cwd=TREE, env=environment, stdout=log, stderr=log,
            start_new_session=True,
        )
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            return 124


def copy_tree() -> None:
    """Brings the copy up to date. Files that are the same keep their times, for what is built."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=TOP, capture_output=True, check=True,
    ).stdout.decode()
    wanted = {name for name in listed.split("\0") if name and (TOP / name).is_file()}
    built = {str(path.relative_to(TOP)) for path in (TOP / "node-binding").glob("*.node")}
    for name in wanted | built:
        source, copy = TOP / name, TREE / name
        if copy.is_file() and copy.read_bytes() == source.read_bytes():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
        shutil.copymode(source, copy)
    for folder in ["core", "tests", "node-binding/ts", "node-binding/test", "ffi-c"]:
        for copy in (TREE / folder).rglob("*"):
            name = str(copy.relative_to(TREE))
            if copy.is_file() and name not in wanted and "node_modules" not in name:
                copy.unlink()
    modules = TREE / "node-binding" / "node_modules"
    if not modules.is_symlink():
        modules.symlink_to(TOP / "node-binding" / "node_modules")


if __name__ == "__main__":
    sys.exit(main())
