#!/usr/bin/env python3
"""Runs the README's snippets, and checks that the files it names exist.

usage: run_snippets.py README ROOT BIN WORK

A ```sh block that follows a line `<!-- test -->` is run by bash, all in order
and in one empty folder (WORK) with BIN first on PATH; it fails if any command
does. A ```c block is compiled within snippet.c (by $CC with $CFLAGS, else cc),
linked with the liblla beside BIN, and run. A ```python block is run with the
package beside BIN; where that or a library that it imports is missing, this is said instead. A path in backticks that
starts with a folder of ROOT has to exist, and the table of environment variables has to have the rows of
runtime/Knobs.def.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

SNIPPET = re.compile(r"^<!-- test -->\n+```(sh|c|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
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


def command_for_python(snippet, binaries, work, environment):
    (work / "snippet.py").write_text(snippet, encoding="utf-8")
    build = binaries.parent
    environment["PYTHONPATH"] = os.pathsep.join([f"{build}/python", f"{build}/python-packages"])
    python = shlex.quote(sys.executable)
    if not list(build.glob("python/lla/_core*")):
        return "echo 'not run: this build has no Python package'"
    needed = sorted({name.split(".")[0] for line in re.findall(r"^import (.*)$", snippet, re.MULTILINE)
                     for name in re.findall(r"(?:^|, )([\w.]+)", line)} - {"lla"})
    return (f"if {python} -c 'import {', '.join(needed)}'; then {python} snippet.py; "
            f"else echo 'not run: one of {', '.join(needed)} is missing'; fi")


def run(snippet, work, environment):
    print(f"$ {snippet.rstrip()}", flush=True)
    result = subprocess.run(["bash", "-euo", "pipefail", "-c", snippet], cwd=work, env=environment,
                            stdin=subprocess.DEVNULL, timeout=600)
    return result.returncode


def main(arguments):
    if len(arguments) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    readme, root, binaries, work = (Path(argument).resolve() for argument in arguments)
    text = readme.read_text(encoding="utf-8")
    faults = [f"names {path}, which does not exist" for path in sorted(set(missing_paths(text, root)))]
    faults += environment_differences(text, root)
    for fault in faults:
        print(f"{readme.name} {fault}")
    snippets = SNIPPET.findall(text)
    if not snippets:
        print(f"{readme.name} has no snippet marked <!-- test -->")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    environment = {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
                   "LLA_CACHE_DIR": str(work / "cache")}
    for language, snippet in snippets:
        if language == "c":
            print(snippet.rstrip())
            snippet = command_for_c(snippet, root, binaries, work)
        elif language == "python":
            print(snippet.rstrip())
            snippet = command_for_python(snippet, binaries, work, environment)
        status = run(snippet, work, environment)
        if status != 0:
            print(f"exit status {status}")
            return 1
    return 1 if faults or not snippets else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
