#!/usr/bin/env python3
"""Calls ahead-of-time libraries by tvm-ffi's convention; exit status 77 where NumPy or ml_dtypes is missing.

usage: tvm_ffi.py LIBRARY BYTES TESTS

LIBRARY is libshards.so, which has a decode kernel in fp32 that gives the state of its keys; libmerger.so, which joins
such results, is beside it. BYTES has one of fp16 queries over fp8 keys, with a result in fp32. TESTS is tests/python.
"""

import ctypes
import sys

sys.path.insert(0, sys.argv[3])
try:
    import numpy as np
except ImportError as error:
    print(f"skipped: no NumPy ({error})")
    sys.exit(77)

import attention_reference as reference
from tvm_ffi_values import arguments_of, call_by_hand

library = ctypes.CDLL(sys.argv[1])
q, r, k, v = reference.inputs(1, heads=4, kv_heads=2, keys=100, dim=32)
out, vbar = np.full_like(q, np.nan), np.full_like(q, np.nan)
lse, tbar = np.full(q.shape[:3], np.nan, np.float32), np.full(q.shape[:3], np.nan, np.float32)
arguments = arguments_of(q, r, k, v, out, lse=lse, tbar=tbar, vbar=vbar)
faults = []
if call_by_hand(library, "shards_attention", *arguments, None)[0] != -1:
    faults.append("expected a call that was not prepared to be refused")
status, result = call_by_hand(library, "shards_attention_prepare", *arguments)
if (status, result.payload.integer) != (0, 0):
    faults.append(f"expected a kernel without a workspace, got status {status}, {result.payload.integer} bytes")
if call_by_hand(library, "shards_attention", *arguments, None)[0] != 0:
    faults.append("expected the call to run")
right, right_lse = reference.attention(q, r, k, v)
if not max(np.abs(out - right).max(), np.abs(lse - right_lse).max()) <= 5e-6:  # False for NaN.
    faults.append(f"expected the formula's result, got {np.abs(out - right).max()} beside it")
if call_by_hand(library, "shards_attention_prepare", *arguments_of(q, r, k, v, out))[0] != -1:
    faults.append("expected a call that no kernel serves to be refused")
# The results of two shards, joined by the library beside it.
merger = ctypes.CDLL(sys.argv[1].replace("libshards", "libmerger"))
parts = []
for keys in (slice(0, 37), slice(37, 100)):
    part = [np.full_like(q, np.nan), *(np.full_like(x, np.nan) for x in (lse, tbar, vbar))]
    arguments = arguments_of(q, r, k[:, keys], v[:, keys], part[0], lse=part[1], tbar=part[2], vbar=part[3])
    if call_by_hand(library, "shards_attention_prepare", *arguments)[0] or \
            call_by_hand(library, "shards_attention", *arguments, None)[0]:
        faults.append("expected a shard's call to run")
    parts.append(part)
results = [np.full_like(x, np.nan) for x in parts[0]]
arguments = [*(np.stack(x) for x in zip(*parts)), *results, False]
if call_by_hand(merger, "merger_merge_prepare", *arguments)[0] or \
        call_by_hand(merger, "merger_merge", *arguments, None)[0]:
    faults.append("expected the merge to run")
if not max(np.abs(results[0] - right).max(), np.abs(results[1] - right_lse).max()) <= 5e-6:
    faults.append(f"expected the merge to give that of all keys, got {np.abs(results[0] - right).max()} beside it")
print("\n".join(faults))
if faults:
    sys.exit(1)
try:
    import ml_dtypes  # noqa: F401
except ImportError as error:
    print(f"skipped: no fp8 ({error})")
    sys.exit(77)
bytes_library = ctypes.CDLL(sys.argv[2])
scales = [np.array([0.5, 0.03], np.float32), np.array([2], np.float32)]
keys, wide = reference.in_bytes(k[:1], v[:1], *scales)
q, r, out = q[:1].astype(np.float16), r[:1].astype(np.float16), np.full_like(q[:1], np.nan)
arguments = arguments_of(q, r, *keys, out, scales=scales)
if call_by_hand(bytes_library, "bytes_attention_prepare", *arguments)[0] or \
        call_by_hand(bytes_library, "bytes_attention", *arguments, None)[0]:
    sys.exit("expected the call with keys of a byte to run")
error = np.abs(out - reference.attention(q, r, *wide)[0]).max()
sys.exit(None if error <= 5e-6 else f"expected the formula's result of bytes, got {error} beside it")
