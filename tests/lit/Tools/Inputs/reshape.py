"""usage: reshape.py IN OUT SIZE...

Writes the tensor o of a .safetensors file as the only one, in another shape.
"""

import json
import struct
import sys

source, path, *sizes = sys.argv[1:]
with open(source, "rb") as file:
    header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    data = file.read()
begin, end = header["o"]["data_offsets"]
o = {"dtype": header["o"]["dtype"], "shape": [int(size) for size in sizes], "data_offsets": [0, end - begin]}
text = json.dumps({"o": o}).encode()
with open(path, "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data[begin:end])
