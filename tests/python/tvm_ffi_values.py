"""Calls functions of tvm-ffi's convention without tvm-ffi."""

import ctypes

import numpy as np


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
    code = {"f": 2, "i": 0, "float8_e4m3fn": 10}[array.dtype.name if array.dtype.kind == "V" else array.dtype.kind]
    sizes = (ctypes.c_int64 * array.ndim)(*array.shape)
    steps = (ctypes.c_int64 * array.ndim)(*(step // array.itemsize for step in array.strides))
    return Tensor(array.ctypes.data, 1, 0, array.ndim, code, 8 * array.itemsize, 1, sizes, steps, 0)


def call_by_hand(library, name, *arguments, as_objects=False):
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
    status = getattr(library, f"__tvm_ffi_{name}")(None, values, len(arguments), ctypes.byref(result))
    return status, result


def arguments_of(q, r, k, v, out, causal=False, window=0, scale=None, scales=(), **others):
    names = ("lse", "tbar", "vbar", "lengths", "starts", "page_table")
    return [q, r, k, v, out, *(others.get(name) for name in names), causal, window, scale, False, *scales]
