"""usage: bytes.py KIND OUT

Writes a .safetensors file of one sequence (4 query heads, 2 KV heads, 50 keys,
D=16): q and r in float16, k and v as e4m3 `bytes` with scales of each KV head (k)
and of both (v), or as the `halves` that these stand for; or a fault that KIND
names.
"""

import json
import random
import struct
import sys

kind, path = sys.argv[1], sys.argv[2]
random.seed(2)
dim, keys, heads = 16, 50, 2
scales = {"k": [0.25, -0.5], "v": [0.125]}


def value(byte):
    exponent, mantissa = byte >> 3 & 15, byte & 7
    magnitude = (8 + mantissa) * 2.0 ** (exponent - 10) if exponent else mantissa * 2.0**-9
    return -magnitude if byte & 0x80 else magnitude


tensors = {name: ("e", [1, 1, 4, dim], [random.gauss(0, 1) for _ in range(4 * dim)]) for name in "qr"}
for name in "kv":
    # Magnitudes below 8, subnormals too.
    stored = [random.choice([0, 0x80]) | random.randrange(0x50) for _ in range(keys * heads * dim)]
    if kind == "halves":
        own = scales[name]
        stored = [value(byte) * own[i // dim % heads % len(own)] for i, byte in enumerate(stored)]
    tensors[name] = ("e" if kind == "halves" else "B", [1, keys, heads, dim], stored)
    if kind != "halves":
        tensors[name + "_scales"] = ("f", [len(scales[name])], scales[name])
if kind == "three-scales":
    tensors["k_scales"] = ("f", [3], [1, 1, 1])
if kind == "bytes-of-queries":
    tensors["q"] = ("B", [1, 1, 4, dim], [0] * 4 * dim)

header, data = {}, b""
for name, (code, shape, values) in tensors.items():
    packed = struct.pack(f"<{len(values)}{code}", *values)
    dtype = {"f": "F32", "e": "F16", "B": "F8_E4M3"}[code]
    header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(packed)]}
    data += packed
text = json.dumps(header).encode()
with open(path, "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data)
