"""A type whose tensors are borrowed by DLPack's table of C functions, as those of PyTorch are."""

import ctypes


class Tensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
                ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8),
                ("lanes", ctypes.c_uint16), ("shape", ctypes.POINTER(ctypes.c_int64)),
                ("strides", ctypes.POINTER(ctypes.c_int64)), ("byte_offset", ctypes.c_uint64)]


class Table(ctypes.Structure):
    _fields_ = [("major", ctypes.c_uint32), ("minor", ctypes.c_uint32), ("previous", ctypes.c_void_p),
                ("unused", ctypes.c_void_p * 3), ("borrow", ctypes.c_void_p), ("stream", ctypes.c_void_p)]


class Direct:
    """Memory at an address, which is not looked at here: dense, of type `code` (0 int, 2 float, 4 bfloat)."""

    borrowed = 0
    stream = 0  #: That is current on every device.

    def __init__(self, address, shape, code=2, bits=32, device=(1, 0)):
        self.address, self.shape, self.code, self.bits, self.device = address, tuple(shape), code, bits, device
        self.sizes = (ctypes.c_int64 * len(self.shape))(*self.shape)


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.POINTER(Tensor))
def _borrow(one, tensor):
    tensor[0] = Tensor(one.address, *one.device, len(one.shape), one.code, one.bits, 1, one.sizes, None, 0)
    Direct.borrowed += 1
    return 0


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int32, ctypes.c_int32, ctypes.POINTER(ctypes.c_void_p))
def _stream(device_type, device_id, stream):
    stream[0] = Direct.stream
    return 0


_table = Table(1, 3, None, (ctypes.c_void_p * 3)(), ctypes.cast(_borrow, ctypes.c_void_p),
               ctypes.cast(_stream, ctypes.c_void_p))
# What a library of the future has in front of it.
_newest = Table(2, 0, ctypes.addressof(_table), (ctypes.c_void_p * 3)(), None, None)
_capsule = ctypes.pythonapi.PyCapsule_New
_capsule.restype = ctypes.py_object
_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_name = ctypes.c_char_p(b"dlpack_exchange_api")  # Which the capsule does not copy.
Direct.__dlpack_c_exchange_api__ = _capsule(ctypes.addressof(_newest), _name, None)
