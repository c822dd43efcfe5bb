"""The functions of tvm-ffi's convention: called by hand, and by tvm-ffi where it is."""

import ctypes
import sys
import unittest

try:
    import numpy as np
except ImportError as error:
    print(f"skipped: no NumPy ({error})")
    sys.exit(77)
try:
    import tvm_ffi
except ImportError:
    tvm_ffi = None

import attention_reference as reference
import lla
import tvm_ffi_values as values
from tvm_ffi_values import arguments_of

LIBRARY = lla.tvm_ffi_library()


def call_by_hand(name, *arguments, **options):
    return values.call_by_hand(ctypes.CDLL(LIBRARY), name, *arguments, **options)


class ByHand(unittest.TestCase):
    def check(self, out, right):
        self.assertLessEqual(float(np.abs(out - right).max()), 5e-6)  # False for NaN.

    def test_formula(self):
        for options in ({}, {"scale": 0.4}, {"causal": True}, {"window": 7}, {"lengths": np.array([40, 9], np.int32)}):
            for as_objects in (False, True):
                with self.subTest(as_objects=as_objects, **options):
                    q, r, k, v = reference.inputs(1, rows=5)
                    out = np.full_like(q, np.nan)
                    arguments = arguments_of(q, r, k[:, ::1], v, out, **options)
                    status, result = call_by_hand("lla_attention_prepare", *arguments, as_objects=as_objects)
                    self.assertEqual((status, result.type), (0, 1))
                    zeros = np.zeros(max(result.payload.integer, 1), np.int32) if result.payload.integer else None
                    self.assertEqual(call_by_hand("lla_attention", *arguments, zeros, as_objects=as_objects)[0], 0)
                    self.check(out, reference.attention(q, r, k, v, **options)[0])

    def call(self, name, arguments):
        """Prepares, and runs with a workspace."""
        status, result = call_by_hand(f"{name}_prepare", *arguments)
        self.assertEqual((status, result.type), (0, 1))
        zeros = np.zeros(result.payload.integer, np.int32) if result.payload.integer else None
        self.assertEqual(call_by_hand(name, *arguments, zeros)[0], 0)

    def test_packed(self):
        q, r, k, v = (x[0] for x in reference.inputs(4, batch=1, rows=12, keys=30))
        places = [np.array(x, np.int32) for x in ([0, 3, 3, 12], [0, 9, 20, 30])]
        for longest in ((9, 11), (0, 0)):
            out = np.full_like(q, np.nan)
            arguments = [q, r, k, v, out, *[None] * 6, *places, *longest, True, 0, None, False]
            self.call("lla_attention_varlen", arguments)
            self.check(out, reference.packed(q, r, k, v, *places, causal=True))
        arguments[14] = -1
        self.assertEqual(call_by_hand("lla_attention_varlen_prepare", *arguments)[0], -1)

    def test_fp8(self):
        try:
            import ml_dtypes  # noqa: F401
        except ImportError:
            self.skipTest("no ml_dtypes")
        q, r, k, v = reference.inputs(6, batch=1, rows=12, keys=30)
        q, r = q.astype(np.float16), r.astype(np.float16)
        heads, one = np.array([0.5, 0.03], np.float32), np.array([2], np.float32)
        places = [np.array(x, np.int32) for x in ([0, 3, 3, 12], [0, 9, 20, 30])]
        for scales in ((), (None, None), (heads, None), (heads, one), (one, heads)):
            factors = [1 if x is None else x for x in scales or (None, None)]
            short, wide = reference.in_bytes(k, v, *factors)
            with self.subTest(scales=scales):
                out = np.full(q.shape, np.nan, np.float32)
                self.call("lla_attention", arguments_of(q, r, *short, out, causal=True, scales=scales))
                self.check(out, reference.attention(q, r, *wide, causal=True)[0])
                out = np.full(q.shape[1:], np.nan, np.float32)
                self.call("lla_attention_varlen", [q[0], r[0], short[0][0], short[1][0], out, *[None] * 6, *places, 9,
                                                   11, True, 0, None, False, *scales])
                self.check(out, reference.packed(q[0], r[0], wide[0][0], wide[1][0], *places, causal=True))
        good = arguments_of(q, r, *short, out[None], scales=scales)
        self.assertEqual(call_by_hand("lla_attention_prepare", *good)[0], 0)
        self.assertEqual(call_by_hand("lla_attention", *good)[0], -1)  # One argument less than with a workspace.
        self.assertEqual(call_by_hand("lla_attention_prepare", *good[:-1])[0], -1)
        for i, value in ((15, 0.5), (16, np.ones(1)), (2, k.astype(np.float16)), (0, q.astype(np.float32))):
            with self.subTest(i=i, value=type(value)):
                arguments = [value if j == i else one for j, one in enumerate(good)]
                self.assertEqual(call_by_hand("lla_attention_prepare", *arguments)[0], -1)
        # Of how many there are only a run knows.
        self.assertEqual(call_by_hand("lla_attention", *good[:-1], np.ones(3, np.float32), None)[0], -1)

    def test_merge(self):
        q, r, k, v = reference.inputs(5, keys=40)
        parts = [lla.attention(q, r, k[:, a:b], v[:, a:b], return_state=True) for a, b in ((0, 15), (15, 40))]
        stacked = [np.stack(x) for x in zip(*parts)]
        results = [np.full_like(x, np.nan) for x in parts[0]]
        self.call("lla_merge", [*stacked, *results, False])
        out, lse = reference.attention(q, r, k, v)
        self.check(results[0], out)
        self.check(results[1], lse)

    def test_misuse(self):
        q, r, k, v = reference.inputs(2)
        good = arguments_of(q, r, k, v, np.empty_like(q))
        self.assertEqual(call_by_hand("lla_attention_prepare", *good)[0], 0)
        for i, value in ((0, None), (0, q[0]), (2, 3), (11, 0.5), (12, None), (13, True), (0, q.astype(np.int32))):
            with self.subTest(i=i, value=type(value)):
                arguments = [value if j == i else one for j, one in enumerate(good)]
                self.assertEqual(call_by_hand("lla_attention_prepare", *arguments)[0], -1)
        self.assertEqual(call_by_hand("lla_attention_prepare", *good, None)[0], -1)
        self.assertEqual(call_by_hand("lla_attention", *good)[0], -1)
        # Of a kind that was not prepared.
        wide = [np.zeros((1, 1, 2, 48), np.float32) for _ in range(5)]
        self.assertEqual(call_by_hand("lla_attention", *arguments_of(*wide, window=13), None)[0], -1)


@unittest.skipUnless(tvm_ffi, "no tvm-ffi")
class ByTvmFfi(unittest.TestCase):
    def test_module(self):
        module = tvm_ffi.load_module(LIBRARY)
        q, r, k, v = reference.inputs(3, rows=3)
        out = np.full_like(q, np.nan)
        arguments = [tvm_ffi.from_dlpack(one) if isinstance(one, np.ndarray) else one
                     for one in arguments_of(q, r, k, v, out, causal=True)]
        with self.assertRaisesRegex(ValueError, "q: expected a tensor"):
            module.lla_attention_prepare(*[None] * 11, False, 0, None, False)
        with self.assertRaisesRegex(ValueError, "arguments: expected 15 or 17, got 1"):
            module.lla_attention_prepare(1)
        small = [np.zeros((1, 1, 2, 56), np.float32) for _ in range(5)]
        with self.assertRaisesRegex(RuntimeError, "attention_prepare of such a call before"):
            module.lla_attention(*(tvm_ffi.from_dlpack(one) if isinstance(one, np.ndarray) else one
                                   for one in arguments_of(*small)), None)
        self.assertEqual(module.lla_attention_prepare(*arguments), 0)
        module.lla_attention(*arguments, None)
        self.assertLessEqual(float(np.abs(out - reference.attention(q, r, k, v, causal=True)[0]).max()), 5e-6)
        with self.assertRaisesRegex(ValueError, "k_scales: expected None with k in fp32"):
            module.lla_attention_prepare(*arguments, tvm_ffi.from_dlpack(np.ones(1, np.float32)), None)


if __name__ == "__main__":
    unittest.main(verbosity=1)
