"""usage: damage.py FOLDER SUFFIX

Cuts the one file below FOLDER whose name ends in SUFFIX down to half its bytes.
"""

import pathlib
import sys

[path] = [path for path in pathlib.Path(sys.argv[1]).rglob("*" + sys.argv[2]) if path.is_file()]
path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
