"""Rules of the lit suite: which files are tests, which tools they may call.

A test that assembles PTX says `// REQUIRES: ptxas` and calls it as %ptxas.
"""

import os
import sys

import lit.formats

config.name = "lla"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.substitutions.append(("%{python}", sys.executable))
config.excludes = ["Inputs"]
config.test_source_root = os.path.dirname(__file__)


def prepend(variable, *values):
    old = config.environment.get(variable, "")
    config.environment[variable] = os.pathsep.join([*values, old] if old else values)


prepend("PATH", config.lla_binary_dir, config.llvm_tools_dir)
config.environment["FILECHECK_OPTS"] = "-enable-var-scope --dump-input-filter=all"

# No test may see or fill a real cache; %t-cache is for those that need one.
config.environment["LLA_CACHE_DIR"] = os.path.join(config.test_exec_root, "Output", "cache")

if os.access(config.ptxas, os.X_OK):
    config.available_features.add("ptxas")
    prepend("PATH", os.path.dirname(config.ptxas))
    config.substitutions.append(("%ptxas", config.ptxas))
