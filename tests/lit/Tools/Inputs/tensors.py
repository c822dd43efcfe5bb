"""usage: tensors.py KIND OUT

Writes a .safetensors file of q, r, k, v (2 query heads, 1 KV head, 40 keys,
D=16, float32), whole or broken in the way that KIND says; `first` and `rest`
have the first 15 and the other 25 of the keys.
"""

import json
import random
import struct
import sys

kind, path = sys.argv[1], sys.argv[2]
random.seed(1)
shapes = {"q": [1, 1, 2, 16], "r": [1, 1, 2, 16], "k": [1, 40, 1, 16], "v": [1, 40, 1, 16]}
if kind == "softmax":
    del shapes["r"]
if kind == "wrong-shape":
    shapes["v"] = [1, 39, 1, 16]
if kind == "missing":
    del shapes["v"]
keys = {"first": slice(0, 15), "rest": slice(15, 40)}.get(kind, slice(None))
header, data = {}, b""
for name, shape in shapes.items():
    count = 1
    for size in shape:
        count *= size
    values = [random.gauss(0, 1) for _ in range(count)]
    if name in "kv":
        rows = [values[i : i + 16] for i in range(0, count, 16)][keys]
        values = sum(rows, [])
        shape = [1, len(rows), 1, 16]
    bytes_ = struct.pack(f"<{len(values)}f", *values)
    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(bytes_)]}
    data += bytes_
text = json.dumps(header).encode()
whole = struct.pack("<Q", len(text)) + text + data
with open(path, "wb") as file:
    file.write(whole[:-8] if kind == "truncated" else whole)
