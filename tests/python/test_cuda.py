"""The package on GPUs that are not there: streams, workspaces and graphs, on a driver that runs no kernel."""

import ctypes
import os
import unittest

os.environ["LLA_TUNE"] = "off"  # What is shipped for a GPU like the driver's must not choose the splits.

import lla
import xla_frame as xla
from direct import Direct

driver = ctypes.CDLL("libcuda.so.1")  # The tests' own, by LD_LIBRARY_PATH.
driver.fakeCudaTakeCalls.restype = ctypes.c_char_p


class Fill(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("value", ctypes.c_ubyte), ("bytes", ctypes.c_size_t),
                ("stream", ctypes.c_void_p), ("device", ctypes.c_int)]


class Launch(ctypes.Structure):
    _fields_ = [("grid_x", ctypes.c_uint), ("grid_y", ctypes.c_uint), ("threads", ctypes.c_uint),
                ("shared_bytes", ctypes.c_uint), ("stream", ctypes.c_void_p), ("device", ctypes.c_int),
                ("arguments", ctypes.c_void_p), ("bases", ctypes.c_void_p * 6)]


driver.fakeCudaLastLaunch.restype, driver.fakeCudaLastFill.restype = Launch, Fill
CLEAR = b"cuCtxGetCurrent cuCtxPushCurrent cuMemsetD8Async cuCtxPopCurrent "  # Of a workspace's counters.
LAUNCH = b"cuCtxGetCurrent cuCtxPushCurrent cuLaunchKernelEx cuCtxPopCurrent "  # What a call asks of the driver.

allocated = []
capturing = False


def allocate(like, size):
    allocated.append(Direct((len(allocated) + 1) << 32, (size // 4 + 1,), 0, 32, like.device))
    return allocated[-1]


lla._core.set_hooks({1: lla.UsageError, 3: lla.NotPreparedError, -1: lla.Error}, allocate, lambda like: capturing)


def call(context=4096, device=(2, 0), **options):
    """A decode step whose keys are split, so that it has a workspace."""
    shapes = {"q": (1, 1, 8, 128), "r": (1, 1, 8, 128), "k": (1, context, 2, 128), "v": (1, context, 2, 128),
              "out": (1, 1, 8, 128)}
    tensors = {name: Direct((i + 1) << 40, shape, 4, 16, device) for i, (name, shape) in enumerate(shapes.items())}
    lla.attention(**tensors, **options)
    return driver.fakeCudaLastLaunch()


class Cuda(unittest.TestCase):
    def setUp(self):
        global capturing
        capturing = False
        Direct.stream = 0

    def test_current_stream(self):
        self.assertIsNone(call().stream)
        Direct.stream = 0x5000
        self.assertEqual(call().stream, 0x5000)
        self.assertEqual(call(stream=0x6000).stream, 0x6000)
        self.assertEqual(call(device=(2, 1)).device, 1)

    def test_a_call_is_a_launch(self):
        call()
        driver.fakeCudaTakeCalls()
        call(context=4000)  # The same kind.
        self.assertEqual(driver.fakeCudaTakeCalls(), LAUNCH)

    def test_each_stream_has_a_workspace(self):
        call(context=6000)
        before = len(allocated)
        self.assertGreater(before, 0)
        call(context=6000)
        self.assertEqual(len(allocated), before)
        Direct.stream = 0x7000
        call(context=6000)
        call(context=8000)
        self.assertEqual(len(allocated), before + 1)

    def test_graphs(self):
        global capturing
        capturing = True
        driver.fakeCudaTakeCalls()
        with self.assertRaisesRegex(lla.NotPreparedError, "before the graph is captured"):
            call(context=20000)
        self.assertEqual(driver.fakeCudaTakeCalls(), b"")
        capturing = False
        call(context=20000)
        before = len(allocated)
        capturing = True
        Direct.stream = 0x9000
        driver.fakeCudaTakeCalls()
        self.assertEqual(call(context=20000).stream, 0x9000)
        self.assertEqual(len(allocated), before)  # Nothing can be zero-filled while a graph is captured.
        self.assertEqual(driver.fakeCudaTakeCalls(), LAUNCH)
        capturing = False
        call(context=20000)
        self.assertEqual(len(allocated), before + 1)

    def test_warmed_up_is_prepared(self):
        problem = {"query_heads": 8, "kv_heads": 2, "context": 3000, "head_dim": 128, "batch": 1, "window": 100}
        lla.warmup([problem], target="cuda:0")
        before = lla.statistics("cuda:0")
        call(context=3000, window=100)
        self.assertEqual(lla.statistics("cuda:0"), before)

    def test_fp8(self):
        """Keys of a byte, which are another kind; scales are looked at, and leave the launch what it is."""
        q, out = (Direct(i << 40, (1, 1, 8, 128), 4, 16, (2, 0)) for i in (1, 6))
        k, v = (Direct(i << 40, (1, 4096, 2, 128), 10, 8, (2, 0)) for i in (2, 3))
        good = {"q": q, "r": None, "k": k, "v": v, "out": out, "k_scales": Direct(4 << 40, (2,), 2, 32, (2, 0)),
                "v_scales": Direct(5 << 40, (1,), 2, 32, (2, 0))}
        lla.attention(**good)
        driver.fakeCudaTakeCalls()
        for left_out in ((), ("k_scales",), ("k_scales", "v_scales")):
            lla.attention(**{name: None if name in left_out else one for name, one in good.items()})
            self.assertEqual(driver.fakeCudaTakeCalls(), LAUNCH)
        for text, change in (("k_scales.device: expected cuda:0, got cpu", Direct(4 << 40, (2,), 2, 32)),
                             ("k_scales.device: expected cuda:0, got cuda:1", Direct(4 << 40, (2,), 2, 32, (2, 1))),
                             ("k_scales.dtype: expected fp32, got bf16", Direct(4 << 40, (2,), 4, 16, (2, 0))),
                             ("k_scales.head: expected 1 or 2, got 8", Direct(4 << 40, (8,), 2, 32, (2, 0)))):
            with self.subTest(text=text), self.assertRaisesRegex(lla.UsageError, f"^{text}"):
                lla.attention(**{**good, "k_scales": change})
        self.assertEqual(driver.fakeCudaTakeCalls(), b"")

    def test_places(self):
        with self.assertRaisesRegex(lla.UsageError, "device type 10"):
            call(device=(10, 0))
        with self.assertRaisesRegex(lla.Error, "cuda:7"):
            call(device=(2, 7))


class Xla(unittest.TestCase):
    """What XLA calls, in its stages."""

    BYTES = 1 << 20

    def buffers(self, context, workspace=0x8000000000, workspace_bytes=BYTES):
        """Of a decode step whose keys are split, and of its results."""
        scratch = {"workspace": (workspace, xla.S32, (workspace_bytes // 4,))} if workspace else {}
        shapes = {"q": (1, 1, 8, 128), "r": (1, 1, 8, 128), "k": (1, context, 2, 128), "v": (1, context, 2, 128)}
        operands = {name: ((i + 1) << 40, xla.BF16, shape) for i, (name, shape) in enumerate(shapes.items())}
        return operands, {"out": (9 << 40, xla.BF16, (1, 1, 8, 128)), **scratch}

    def setUp(self):
        xla.stream, xla.device = 0x5000, 1
        driver.fakeCudaTakeCalls()

    def test_description(self):
        for minor, expected in ((1, 1), (3, 3), (9, 3)):
            metadata = xla.describe(minor)
            self.assertEqual((metadata.version.major, metadata.version.minor), (0, expected))
            self.assertEqual(metadata.traits, 1)  # May be put into a command buffer.

    def test_stages(self):
        buffers = self.buffers(9000)
        code, message = xla.call(xla.EXECUTE, *buffers)
        self.assertEqual((code, message), (9, "plan: expected the stage initialize before, got none"))
        self.assertEqual(driver.fakeCudaTakeCalls(), b"")
        self.assertIsNone(xla.call(xla.INITIALIZE, *buffers))
        self.assertNotIn(b"cuLaunchKernelEx", driver.fakeCudaTakeCalls())
        for stream in (0x5000, 0x6000):
            xla.stream = stream
            self.assertIsNone(xla.call(xla.EXECUTE, *buffers))
            self.assertEqual(driver.fakeCudaTakeCalls(), CLEAR + LAUNCH)
            for enqueued in (driver.fakeCudaLastFill(), driver.fakeCudaLastLaunch()):
                self.assertEqual((enqueued.stream, enqueued.device), (stream, 1))
        xla.device = 0  # Another device is another kernel.
        self.assertEqual(xla.call(xla.EXECUTE, *buffers)[0], 9)

    def test_workspace(self):
        self.assertIsNone(xla.call(xla.INITIALIZE, *self.buffers(5000)))
        operands, results = self.buffers(5000, 0x8000000080)  # As XLA aligns.
        older = {**operands, "workspace": results["workspace"]}  # In programs from before it was an operand too.
        for operands in (operands, older):
            driver.fakeCudaTakeCalls()
            self.assertIsNone(xla.call(xla.EXECUTE, operands, results))
            self.assertEqual(driver.fakeCudaTakeCalls(), CLEAR + LAUNCH)
            fill = driver.fakeCudaLastFill()
            self.assertEqual((fill.address, fill.value), (0x8000000100, 0))
            self.assertTrue(0 < fill.bytes <= 4096, fill.bytes)  # The counters: states are left.
        for arguments in ((0x8000000000, 4096), (None,), (0x8000000001, 64)):
            code, message = xla.call(xla.EXECUTE, *self.buffers(5000, *arguments))
            self.assertEqual(code, 3)
            self.assertIn("workspace", message)

    def test_fp8(self):
        operands, results = self.buffers(3000)
        operands.update({name: (operands[name][0], xla.F8E4M3FN, operands[name][2]) for name in "kv"},
                        k_scales=(10 << 40, xla.F32, (2,)), v_scales=(11 << 40, xla.F32, (1,)))
        self.assertIsNone(xla.call(xla.INITIALIZE, operands, results))
        self.assertIsNone(xla.call(xla.EXECUTE, operands, results))
        for text, change in (("k_scales.head: expected 1 or 2, got 8", (10 << 40, xla.F32, (8,))),
                             ("k_scales.dtype: expected fp32, got bf16", (10 << 40, xla.BF16, (2,)))):
            self.assertEqual(xla.call(xla.EXECUTE, {**operands, "k_scales": change}, results), (3, text))

    def test_packed(self):
        shapes = {"q": (40, 8, 128), "k": (70, 2, 128), "v": (70, 2, 128)}
        operands = {name: ((i + 1) << 40, xla.BF16, shape) for i, (name, shape) in enumerate(shapes.items())}
        operands.update({name: (i << 40, xla.S32, (4,)) for i, name in ((5, "cu_seqlens_q"), (6, "cu_seqlens_k"))})
        results = {"out": (9 << 40, xla.BF16, shapes["q"])}
        longest = {"max_seqlen_q": 20, "max_seqlen_k": 30}
        for stage in (xla.INITIALIZE, xla.EXECUTE):
            self.assertIsNone(xla.call(stage, operands, results, causal=True, **longest))
        self.assertIn(b"cuLaunchKernelEx", driver.fakeCudaTakeCalls())
        for changes in ({}, {"max_seqlen_q": 20}, {**longest, "max_seqlen_k": 0.5}):
            code, message = xla.call(xla.INITIALIZE, operands, results, causal=True, **changes)
            self.assertEqual((code, message.partition(", got")[0]),
                             (3, "attributes: expected max_seqlen_q and max_seqlen_k with packed sequences"))

    def test_misuse(self):
        operands, results = self.buffers(2000)
        for text, changes, options in (
                ("k: expected a tensor", {"k": None}, {}),
                ("k.ndim: expected 4, got 3", {"k": (1 << 40, xla.BF16, (1, 2, 3))}, {}),
                ("q.dtype: expected fp32, bf16 or fp16, got int64", {"q": (1 << 40, xla.S64, (1, 1, 8, 128))}, {}),
                ("q.dtype: expected fp32, bf16 or fp16, got bool", {"q": (1 << 40, xla.PRED, (1, 1, 8, 128))}, {}),
                ("q.dtype: expected fp32, bf16 or fp16, got fp64", {"q": (1 << 40, xla.F64, (1, 1, 8, 128))}, {}),
                ("names of tensors, got z", {"z": operands["q"]}, {}),
                ("attributes: expected bhsd", {}, {"window": 1.0}), ("attributes: expected gpu", {}, {"gpu": 1}),
                ("window", {}, {"window": -5}), ("older one", {}, {"table": xla.api(functions=17)})):
            with self.subTest(text=text):
                given = {name: one for name, one in {**operands, **changes}.items() if one}
                code, message = xla.call(xla.INITIALIZE, given, results, **options)
                self.assertEqual(code, 3)
                self.assertIn(text, message)
        # What only a run looks at.
        numbers = {**operands, "lengths": (1 << 40, xla.S64, (1,))}
        self.assertIsNone(xla.call(xla.INITIALIZE, numbers, results))
        self.assertEqual(xla.call(xla.EXECUTE, numbers, results), (3, "lengths.dtype: expected int32, got int64"))


if __name__ == "__main__":
    unittest.main(verbosity=1)
