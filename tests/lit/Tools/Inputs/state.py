"""usage: state.py TENSORS OUTPUT

Recomputes lse, tbar and vbar of OUTPUT (a .safetensors file of `lla run --state`)
from the q, r, k, v of TENSORS, and o from them; prints the largest error.
"""

import json
import math
import struct
import sys


def read(path):
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header, data = json.loads(file.read(size)), file.read()
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        assert entry["dtype"] == "F32", name
        tensors[name] = (entry["shape"], struct.unpack(f"<{(end - begin) // 4}f", data[begin:end]))
    return tensors


inputs, outputs = read(sys.argv[1]), read(sys.argv[2])
(_, _, heads, dim), q = inputs["q"]
(_, keys, kv_heads, _), k = inputs["k"]
v, r = inputs["v"][1], inputs["r"][1]
print({name: shape for name, (shape, _) in sorted(outputs.items())})
error = 0
for head in range(heads):
    row = lambda tensor, index: tensor[index * dim : (index + 1) * dim]
    dot = lambda a, b: sum(x * y for x, y in zip(a, b))
    at = [j * kv_heads + head * kv_heads // heads for j in range(keys)]
    s = [dot(row(q, head), row(k, j)) / math.sqrt(dim) for j in at]
    t = [dot(row(r, head), row(k, j)) for j in at]
    lse = math.log(sum(map(math.exp, s)))
    p = [math.exp(x - lse) for x in s]
    tbar = dot(p, t)
    error = max(error, abs(outputs["lse"][1][head] - lse), abs(outputs["tbar"][1][head] - tbar))
    for i in range(dim):
        values = [v[j * dim + i] for j in at]
        vbar = dot(p, values)
        o = dot([x * (1 + tbar - y) for x, y in zip(p, t)], values)
        error = max(error, abs(row(outputs["vbar"][1], head)[i] - vbar), abs(row(outputs["o"][1], head)[i] - o))
print("error below 1e-4" if error < 1e-4 else f"error {error}")
