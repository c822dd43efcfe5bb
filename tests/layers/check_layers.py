#!/usr/bin/env python3
"""Checks who includes whom: the layers of the tree, as a table and a scan.

usage: check_layers.py ROOT            exit 1 and one line per breach of the table
       check_layers.py --planted ROOT  self-test: exactly the lines that end in
                                       "// breach" must be reported
"""

import re
import sys
from pathlib import Path

PLAIN_LLVM = ["llvm/ADT/", "llvm/Support/", "llvm/TargetParser/", "llvm/Config/"]
DIALECT_MLIR = ["mlir/IR/", "mlir/Interfaces/", "mlir/Support/", "mlir/Bytecode/"]

# Folder -> what its files may include, of ours, of LLVM and of MLIR, by prefix.
# The longest matching folder counts. Other libraries are free unless in BANNED.
MAY_INCLUDE = {
    "dialect/Spec": ["dialect/Spec/", *PLAIN_LLVM],
    "dialect/LLA": ["dialect/LLA/", "dialect/Spec/", *DIALECT_MLIR, "llvm/"],
    "dialect/Tile": ["dialect/Tile/", "dialect/Spec/", *DIALECT_MLIR, "llvm/"],
    "compiler": ["compiler/", "dialect/", "mlir/", "llvm/"],
    "cache": ["cache/", "dialect/Spec/", *PLAIN_LLVM],
    "autotune": ["autotune/", "cache/", "dialect/Spec/", *PLAIN_LLVM],
    "runtime": ["runtime/", "autotune/", "cache/", "dialect/Spec/", "compiler/Compile.h", "compiler/Artifact.h",
                *PLAIN_LLVM],
    "tools": ["tools/", "runtime/", "autotune/", "cache/", "compiler/", "dialect/", "mlir/", "llvm/"],
}
GOVERNED = re.compile(r"(dialect|compiler|cache|autotune|runtime|tools|tests|mlir|mlir-c|llvm|llvm-c)/")

# What a line may not contain, except in files whose path starts so.
BANNED = [
    (re.compile(r'#\s*include\s*[<"](cuda|nvrtc|cublas|driver_types|nvJitLink)\w*\.h'), "runtime/cuda/",
     "CUDA headers belong to runtime/cuda"),
    (re.compile(r"\bgetenv\s*\(|\benviron\b"), "runtime/Knobs.",
     "the environment is read in runtime/Knobs only"),
]
# The search is pure: the same seed and costs give the same winner at any time.
CLOCKS = re.compile(r"std::chrono|#\s*include\s*<(chrono|ctime|time\.h)>|\bclock_gettime\s*\(")
EMPTY_NAMES = re.compile(r"utils?|common|helpers?|managers?|impl|misc", re.IGNORECASE)

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
SOURCES = {".h", ".hpp", ".cpp", ".c", ".cc", ".def", ".td", ".inc"}
TABLEGEN_INCLUDE = re.compile(r'^\s*include\s*"([^"]+)"')


def layer_of(path):
    matches = [folder for folder in MAY_INCLUDE if path.startswith(folder + "/")]
    return max(matches, key=len, default=None)


def breaches_of_line(path, layer, line):
    match = INCLUDE.match(line) or (path.endswith(".td") and TABLEGEN_INCLUDE.match(line)) or None
    if match:
        included = match.group(1)
        if included.startswith("../") or included.startswith("./"):
            yield f'"{included}": paths start at the root of the repository'
        elif GOVERNED.match(included) and not any(included.startswith(p) for p in MAY_INCLUDE[layer]):
            yield f'{layer} may not include "{included}"'
    code = line.split("//")[0]
    for pattern, exempt, why in BANNED:
        if pattern.search(code) and not path.startswith(exempt):
            yield why
    if layer == "autotune" and CLOCKS.search(code) and not path.startswith("autotune/Budget."):
        yield "the autotuner reads a clock in Budget only"


def breaches(root):
    """Yields (path, line number, reason); line 0 is the file itself."""
    for folder in MAY_INCLUDE:
        if not (root / folder).is_dir():
            yield folder, 0, "the table names a folder that does not exist"
    for file in sorted(root.rglob("*")):
        path = file.relative_to(root).as_posix()
        layer = layer_of(path)
        if layer is None or file.suffix not in SOURCES or not file.is_file():
            continue
        if EMPTY_NAMES.fullmatch(file.stem):
            yield path, 0, "a name that says nothing"
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            for reason in breaches_of_line(path, layer, line):
                yield path, number, reason


def self_test(root):
    reported = {(path, number) for path, number, _ in breaches(root) if number}
    planted = set()
    for file in root.rglob("*.*"):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if line.endswith("// breach"):
                planted.add((file.relative_to(root).as_posix(), number))
    for path, number in sorted(planted - reported):
        print(f"{path}:{number}: planted, not found")
    for path, number in sorted(reported - planted):
        print(f"{path}:{number}: reported, but allowed")
    print(f"{len(planted & reported)} of {len(planted)} planted breaches found")
    return 0 if planted and planted == reported else 1


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "--planted":
        return self_test(Path(arguments[1]))
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    found = list(breaches(Path(arguments[0])))
    for path, number, reason in found:
        print(f"{path}:{number}: {reason}")
    print(f"{len(found)} breaches")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
