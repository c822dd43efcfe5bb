"""usage: tensors.py KIND OUT

Writes a .safetensors file of q, r, k, v (2 query heads, 1 KV head, 40 keys,
D=16, float32), whole or broken in the way that KIND says.
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
header, data = {}, b""
for name, shape in shapes.items():
    count = 1
    for size in shape:
        count *= size
    bytes_ = struct.pack(f"<{count}f", *(random.gauss(0, 1) for _ in range(count)))
    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(bytes_)]}
    data += bytes_
text = json.dumps(header).encode()
whole = struct.pack("<Q", len(text)) + text + data
with open(path, "wb") as file:
    file.write(whole[:-8] if kind == "truncated" else whole)
