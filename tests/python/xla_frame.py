"""Calls XLA's handler of attention as XLA does, without XLA: frames of its C API, for a device and a stream."""

import ctypes
import struct

import lla

F32, BF16, S32, PRED, S64, F64, F8E4M3FN = 11, 16, 4, 1, 5, 12, 20
INITIALIZE, EXECUTE = 2, 3


class Version(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("extension", ctypes.c_void_p), ("major", ctypes.c_int),
                ("minor", ctypes.c_int)]


class Api(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("extension", ctypes.c_void_p), ("version", Version),
                ("internal", ctypes.c_void_p), ("functions", ctypes.c_void_p * 18)]


class Buffer(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("extension", ctypes.c_void_p), ("dtype", ctypes.c_int),
                ("data", ctypes.c_void_p), ("rank", ctypes.c_int64), ("dims", ctypes.POINTER(ctypes.c_int64))]


class Span(ctypes.Structure):
    _fields_ = [("ptr", ctypes.c_char_p), ("len", ctypes.c_size_t)]


class Scalar(ctypes.Structure):
    _fields_ = [("dtype", ctypes.c_int), ("value", ctypes.c_char_p)]


class Buffers(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("extension", ctypes.c_void_p), ("size", ctypes.c_int64),
                ("types", ctypes.POINTER(ctypes.c_int)), ("items", ctypes.POINTER(ctypes.c_void_p))]


class Attributes(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("extension", ctypes.c_void_p), ("size", ctypes.c_int64),
                ("types", ctypes.POINTER(ctypes.c_int)), ("names", ctypes.POINTER(ctypes.c_void_p)),
                ("items", ctypes.POINTER(ctypes.c_void_p))]


class Frame(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("extension", ctypes.c_void_p), ("api", ctypes.POINTER(Api)),
                ("context", ctypes.c_void_p), ("stage", ctypes.c_int), ("args", Buffers), ("rets", Buffers),
                ("attrs", Attributes), ("future", ctypes.c_void_p)]


class Extension(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("type", ctypes.c_int), ("next", ctypes.c_void_p),
                ("metadata", ctypes.c_void_p)]


class Metadata(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("version", Version), ("traits", ctypes.c_uint32),
                ("state", ctypes.c_int64)]


class ErrorArguments(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("extension", ctypes.c_void_p), ("message", ctypes.c_char_p),
                ("code", ctypes.c_int)]


class ContextArguments(ctypes.Structure):
    """Of a stream and of a device: the context, and what is asked for (a device takes half of it)."""
    _fields_ = [("struct_size", ctypes.c_size_t), ("extension", ctypes.c_void_p), ("context", ctypes.c_void_p),
                ("answer", ctypes.c_void_p)]


errors = []
stream, device = 0, 0


@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(ErrorArguments))
def _make_error(arguments):
    errors.append((arguments[0].code, arguments[0].message.decode()))
    return len(errors)


@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(ContextArguments))
def _tell_stream(arguments):
    arguments[0].answer = stream
    return None


@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(ContextArguments))
def _tell_device(arguments):
    arguments[0].answer = device
    return None


def api(minor=3, functions=18):
    """A runtime's table; one of fewer functions is older."""
    table = Api(0, None, Version(ctypes.sizeof(Version), None, 0, minor), None)
    table.functions[0], table.functions[4], table.functions[17] = (
        ctypes.cast(function, ctypes.c_void_p).value for function in (_make_error, _tell_stream, _tell_device))
    table.struct_size = Api.functions.offset + 8 * functions
    return table


_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.restype, _capsule_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
_handler = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(Frame))(_capsule_pointer(lla._core.xla_handler(), None))


def describe(minor):
    """What the handler says of itself to a runtime of that version."""
    metadata = Metadata(ctypes.sizeof(Metadata), Version(), 0, 0)
    extension = Extension(ctypes.sizeof(Extension), 1, None, ctypes.addressof(metadata))
    frame = Frame(ctypes.sizeof(Frame), ctypes.addressof(extension), ctypes.pointer(api(minor)))
    assert _handler(frame) is None
    return metadata


def _pointers(structs):
    return (ctypes.c_void_p * len(structs))(*(ctypes.addressof(one) for one in structs))


def _buffers(given):
    structs = [Buffer(ctypes.sizeof(Buffer), None, dtype, address, len(shape), (ctypes.c_int64 * len(shape))(*shape))
               for address, dtype, shape in given]
    return Buffers(ctypes.sizeof(Buffers), None, len(structs), (ctypes.c_int * len(structs))(*[1] * len(structs)),
                   _pointers(structs)), structs


def call(stage, operands, results, table=None, **attributes):
    """operands, results: name -> (address, type, shape). None, or the error (code, message)."""
    attributes = {"bhsd": False, "causal": False, "gpu": True, "scale": 0.125, "window": 0, **attributes,
                  "operands": " ".join(operands), "results": " ".join(results)}
    values, types = [], []
    for value in attributes.values():
        if isinstance(value, str):
            values.append(Span(value.encode(), len(value)))
        else:
            kind, form = {bool: (PRED, "?"), int: (S64, "q"), float: (F64, "d")}[type(value)]
            values.append(Scalar(kind, struct.pack(form, value)))
        types.append(4 if isinstance(value, str) else 3)
    names = [Span(name.encode(), len(name)) for name in attributes]
    args, kept_args = _buffers(operands.values())
    rets, kept_rets = _buffers(results.values())
    attrs = Attributes(ctypes.sizeof(Attributes), None, len(values), (ctypes.c_int * len(types))(*types),
                       _pointers(names), _pointers(values))
    frame = Frame(ctypes.sizeof(Frame), None, ctypes.pointer(table or api()), None, stage, args, rets, attrs, None)
    return errors[-1] if _handler(frame) else None
