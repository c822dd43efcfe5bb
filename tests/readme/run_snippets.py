#!/usr/bin/env python3
"""Runs the README's snippets, and checks that the files it names exist.

usage: run_snippets.py README ROOT BIN WORK [LIBRARY]

A ```sh block that follows a line `<!-- test -->` is run by bash, all in order
and in one empty folder (WORK) with BIN first on PATH; it fails if any command
does. A ```c block is compiled within snippet.c (by $CC with $CFLAGS, else cc),
linked with the liblla beside BIN, and run. A path in backticks that starts with a folder of ROOT has to exist, and the
table of environment variables has to have the rows of runtime/Knobs.def.

A ```python block belongs to the first of LIBRARIES that it imports. With that LIBRARY, only its blocks are run, with
the package beside BIN; where the package or something that they import is missing, the exit status is 77: skipped.
Without, they are left to that, and one that belongs to none is a fault.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

SNIPPET = re.compile(r"^<!-- test -->\n+```(sh|c|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LIBRARIES = ("torch", "jax", "tvm_ffi", "numpy")
SKIPPED = 77
CODE = re.compile(r"`([^`\n]+)`")


def missing_paths(text, root):
    folders = {entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("build")}
    for code in CODE.findall(re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)):
        path = code.split()[0]
        if path.split("/")[0] in folders and "/" in path and not any(root.glob(path.rstrip("/"))):
            yield path


def environment_differences(text, root):
    documented = set(re.findall(r"^\| `(LLA_\w+)` \|", text, re.MULTILINE))
    knobs = set(re.findall(r'"(LLA_\w+)"', (root / "runtime/Knobs.def").read_text(encoding="utf-8")))
    for name in sorted(knobs - documented):
        yield f"does not document {name}"
    for name in sorted(documented - knobs):
        yield f"documents {name}, which nothing reads"


def command_for_c(snippet, root, binaries, work):
    (work / "snippet.inc").write_text(snippet, encoding="utf-8")
    library = binaries.parent / "lib"
    compiler = shlex.split(os.environ.get("CC", "cc")) + shlex.split(os.environ.get("CFLAGS", ""))
    return shlex.join([*compiler, "-std=c99", "-Wall", "-Wextra", "-Werror", str(root / "tests/readme/snippet.c"),
                       f"-I{root}/runtime/capi", f"-I{work}", f"-L{library}", f"-Wl,-rpath,{library}", "-llla",
                       "-o", str(work / "snippet")]) + " && ./snippet"


def imports_of(snippet):
    imported = {name.split(".")[0] for line in re.findall(r"^import (.*)$", snippet, re.MULTILINE)
                for name in re.findall(r"(?:^|, )([\w.]+)", line)}
    return imported | {name for name in LIBRARIES if f"lla.{name}" in snippet}


def library_of(snippet):
    return next((name for name in LIBRARIES if name in imports_of(snippet)), None)


def run_python(snippets, library, binaries, work, environment):
    """All blocks of a library."""
    build = binaries.parent
    environment["PYTHONPATH"] = os.pathsep.join([f"{build}/python", f"{build}/python-packages"])
    mine = [snippet for language, snippet in snippets if language == "python" and library_of(snippet) == library]
    if not mine:
        print(f"there is no snippet that imports {library}")
        return 1
    if not list(build.glob("python/lla/_core*")):
        print("skipped: this build has no Python package")
        return SKIPPED
    for snippet in mine:
        for name in sorted(imports_of(snippet) - {"lla"}):
            command = [sys.executable, "-c", f"import {name}"]
            if subprocess.run(command, env=environment, capture_output=True).returncode:
                print(f"skipped: no {name}")
                return SKIPPED
        (work / "snippet.py").write_text(snippet, encoding="utf-8")
        print(snippet.rstrip())
        if status := run(f"{shlex.quote(sys.executable)} snippet.py", work, environment):
            print(f"exit status {status}")
            return 1
    return 0


def run(snippet, work, environment):
    print(f"$ {snippet.rstrip()}", flush=True)
    result = subprocess.run(["bash", "-euo", "pipefail", "-c", snippet], cwd=work, env=environment,
                            stdin=subprocess.DEVNULL, timeout=600)
    return result.returncode


def main(arguments):
    if len(arguments) not in (4, 5):
        print(__doc__, file=sys.stderr)
        return 2
    readme, root, binaries, work = (Path(argument).resolve() for argument in arguments[:4])
    text = readme.read_text(encoding="utf-8")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    environment = {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
                   "LLA_CACHE_DIR": str(work / "cache")}
    snippets = SNIPPET.findall(text)
    if len(arguments) == 5:
        return run_python(snippets, arguments[4], binaries, work, environment)
    faults = [f"names {path}, which does not exist" for path in sorted(set(missing_paths(text, root)))]
    faults += environment_differences(text, root)
    unread = f"has a snippet that no test runs, for it imports none of {', '.join(LIBRARIES)}"
    faults += [f"{unread}: {snippet.splitlines()[0]}" for language, snippet in snippets
               if language == "python" and not library_of(snippet)]
    for fault in faults:
        print(f"{readme.name} {fault}")
    if not snippets:
        print(f"{readme.name} has no snippet marked <!-- test -->")
    for language, snippet in snippets:
        if language == "c":
            print(snippet.rstrip())
            snippet = command_for_c(snippet, root, binaries, work)
        elif language == "python":
            continue
        status = run(snippet, work, environment)
        if status != 0:
            print(f"exit status {status}")
            return 1
    return 1 if faults or not snippets else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
