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

LIBRARY = lla.tvm_ffi_library()


class Tensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
                ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8),
                ("lanes", ctypes.c_uint16), ("shape", ctypes.POINTER(ctypes.c_int64)),
                ("strides", ctypes.POINTER(ctypes.c_int64)), ("byte_offset", ctypes.c_uint64)]


class Object(ctypes.Structure):
    """A tensor that tvm-ffi counts the references of."""
    _fields_ = [("counts", ctypes.c_uint64), ("type", ctypes.c_int32), ("padding", ctypes.c_uint32),
                ("deleter", ctypes.c_void_p), ("tensor", Tensor)]


class Payload(ctypes.Union):
    _fields_ = [("integer", ctypes.c_int64), ("real", ctypes.c_double), ("pointer", ctypes.c_void_p)]


class Value(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int32), ("padding", ctypes.c_uint32), ("payload", Payload)]


def tensor_of(array):
    code = {"f": 2, "i": 0}[array.dtype.kind]
    sizes = (ctypes.c_int64 * array.ndim)(*array.shape)
    steps = (ctypes.c_int64 * array.ndim)(*(step // array.itemsize for step in array.strides))
    return Tensor(array.ctypes.data, 1, 0, array.ndim, code, 8 * array.itemsize, 1, sizes, steps, 0)


def call_by_hand(name, *arguments, as_objects=False):
    """(status, result), as a caller of the convention without tvm-ffi."""
    values, kept = (Value * len(arguments))(), []
    for value, one in zip(values, arguments):
        if isinstance(one, np.ndarray):
            kept.append(tensor_of(one))
            value.type = 7
            if as_objects:
                kept.append(Object(1, 70, 0, None, kept[-1]))
                value.type = 70
            value.payload.pointer = ctypes.addressof(kept[-1])
        elif isinstance(one, float):
            value.type, value.payload.real = 3, one
        elif one is not None:
            value.type, value.payload.integer = 2 if isinstance(one, bool) else 1, one
    result = Value()
    status = getattr(ctypes.CDLL(LIBRARY), f"__tvm_ffi_{name}")(None, values, len(arguments), ctypes.byref(result))
    return status, result


def arguments_of(q, r, k, v, out, causal=False, window=0, scale=None, **others):
    names = ("lse", "tbar", "vbar", "lengths", "starts", "page_table")
    return [q, r, k, v, out, *(others.get(name) for name in names), causal, window, scale, False]


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
        with self.assertRaisesRegex(ValueError, "arguments: expected 15, got 1"):
            module.lla_attention_prepare(1)
        small = [np.zeros((1, 1, 2, 56), np.float32) for _ in range(5)]
        with self.assertRaisesRegex(RuntimeError, "lla_attention_prepare of such a call before"):
            module.lla_attention(*(tvm_ffi.from_dlpack(one) if isinstance(one, np.ndarray) else one
                                   for one in arguments_of(*small)), None)
        self.assertEqual(module.lla_attention_prepare(*arguments), 0)
        module.lla_attention(*arguments, None)
        self.assertLessEqual(float(np.abs(out - reference.attention(q, r, k, v, causal=True)[0]).max()), 5e-6)


if __name__ == "__main__":
    unittest.main(verbosity=1)
