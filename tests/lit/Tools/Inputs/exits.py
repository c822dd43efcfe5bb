"""usage: exits.py CODE COMMAND...

Passes if the command ends with this very exit code. Everything it printed,
standard error last, goes to standard output, for FileCheck.
"""

import subprocess
import sys

code, command = int(sys.argv[1]), sys.argv[2:]
run = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
print(run.stdout + run.stderr, end="")
if run.returncode != code:
    print(f"expected exit code {code}, got {run.returncode}: {' '.join(command)}")
sys.exit(run.returncode != code)
