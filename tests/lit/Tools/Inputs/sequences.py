"""usage: sequences.py KIND OUT

Writes a .safetensors file of two sequences of lengths of their own (2 query
heads, 1 KV head, at most 40 keys, D=16, float32): `ragged`, `paged`, which has
the same keys in pages of 16, `packed`, which has the same rows and keys one
sequence behind the other, `packed-paged`, which has the keys in pages, or a fault
that KIND names. NaN is wherever no key is, -1 in the page table wherever no page
is.
"""

import json
import random
import struct
import sys

kind, path = sys.argv[1], sys.argv[2]
random.seed(1)
dim, context, page_size = 16, 40, 16
lengths, starts, pages = [33, 7], [5, 0], [[4, 0, 2], [1, -1, -1]]


def normal(rows):
    return [[random.gauss(0, 1) for _ in range(dim)] for _ in range(rows)]


tensors = {name: ("f", [2, 1, 2, dim], sum(normal(4), [])) for name in "qr"}
for name in "kv":
    keys, pool = normal(2 * context), [[float("nan")] * dim for _ in range(5 * page_size)]
    for row in range(2 * context):
        sequence, key = divmod(row, context)
        if not starts[sequence] <= key < lengths[sequence]:
            keys[row] = [float("nan")] * dim
        else:
            pool[pages[sequence][key // page_size] * page_size + key % page_size] = keys[row]
    if kind == "ragged":
        tensors[name] = ("f", [2, context, 1, dim], sum(keys, []))
    else:
        tensors[name] = ("f", [5, page_size, 1, dim], sum(pool, []))
tensors["lengths"] = ("f" if kind == "wrong-dtype" else "i", [2], lengths)
tensors["starts"] = ("i", [1, 2] if kind == "wrong-rank" else [2], starts)
if kind == "short-table":
    tensors["page_table"] = ("i", [1, 3], pages[0])
elif kind != "ragged":
    tensors["page_table"] = ("i", [2, 3], sum(pages, []))
if kind.startswith("packed"):
    for name in "qr":
        tensors[name] = ("f", [1, 2, 2, dim] if kind == "packed-rank" else [2, 2, dim], tensors[name][2])
    tensors["cu_seqlens_q"] = ("i", [4], [0, 1, 2, 2]) if kind == "packed-more" else ("i", [3], [0, 1, 2])
if kind == "packed":
    before, places = 3, [0, 0]
    for name in "kv":
        rows = [[float("nan")] * dim] * before
        for sequence in range(2):
            places[sequence] = len(rows)
            for key in range(starts[sequence], lengths[sequence]):
                page = pages[sequence][key // page_size] * page_size + key % page_size
                rows.append(tensors[name][2][page * dim:][:dim])
        tensors[name] = ("f", [len(rows), 1, dim], sum(rows, []))
    tensors["cu_seqlens_k"] = ("i", [3], [*places, len(rows)])
    for name in ["lengths", "starts", "page_table"]:
        del tensors[name]

header, data = {}, b""
for name, (code, shape, values) in tensors.items():
    bytes_ = struct.pack(f"<{len(values)}{code}", *values)
    dtype = {"f": "F32", "i": "I32"}[code]
    header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(bytes_)]}
    data += bytes_
text = json.dumps(header).encode()
with open(path, "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data)
