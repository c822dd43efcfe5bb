"""The package on NumPy arrays, on the host."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest

try:
    import numpy as np
except ImportError as error:
    print(f"skipped: no NumPy ({error})")
    sys.exit(77)

import attention_reference as reference
import lla
import xla_frame as xla
from direct import Direct

TOLERANCE = 5e-6


class Attention(unittest.TestCase):
    def check(self, out, right, tolerance=TOLERANCE):
        self.assertEqual(out.shape, right.shape)
        self.assertLessEqual(float(np.abs(np.asarray(out, np.float64) - right).max()), tolerance)  # False for NaN.

    def test_formula(self):
        for options in ({}, {"scale": 0.4}, {"causal": True}, {"window": 7}):
            for rows in (1, 9):
                with self.subTest(rows=rows, **options):
                    q, r, k, v = reference.inputs(1, rows=rows)
                    for probe in (r, None):
                        self.check(lla.attention(q, probe, k, v, **options),
                                   reference.attention(q, probe, k, v, **options)[0])

    def test_layout_and_strides(self):
        q, r, k, v = reference.inputs(2, rows=3)
        right = reference.attention(q, r, k, v)[0]
        # The same memory, seen with heads first.
        turned = [x.transpose(0, 2, 1, 3) for x in (q, r, k, v)]
        self.check(lla.attention(*turned, layout="bhsd").transpose(0, 2, 1, 3), right)
        # Packed keys and values, and every second row of something longer.
        packed = np.stack([k, v], axis=3)
        sparse = np.repeat(q, 2, axis=1)[:, ::2]
        self.assertFalse(sparse.flags.c_contiguous)
        out = np.zeros((2, 3, 5, 4, 32), np.float32)
        lla.attention(sparse, r, packed[:, :, :, 0], packed[:, :, :, 1], out=out[:, :, 1])
        self.check(out[:, :, 1], right)
        self.assertFalse(out[:, :, [0, 2, 3, 4]].any())

    def test_growing_context(self):
        q, r, k, v = reference.inputs(3, keys=70)
        for keys in (1, 2, 33, 64, 65, 70):
            self.check(lla.attention(q, r, k[:, :keys], v[:, :keys]),
                       reference.attention(q, r, k[:, :keys], v[:, :keys])[0])
        self.check(lla.attention(q, r, k[:, :0], v[:, :0]), np.zeros(q.shape))

    def test_types(self):
        q, r, k, v = reference.inputs(4, dtype=np.float16)
        out = lla.attention(q, r, k, v)
        self.assertEqual(out.dtype, np.float16)
        right = reference.attention(q, r, k, v)[0]
        self.check(out, right, 4e-3)
        out = lla.attention(q, r, k, v, fp32_out=True)
        self.assertEqual(out.dtype, np.float32)
        self.check(out, right, 2e-3)

    def test_bfloat16(self):
        try:
            from ml_dtypes import bfloat16
        except ImportError:
            self.skipTest("no ml_dtypes")
        q, r, k, v = (x.astype(bfloat16) for x in reference.inputs(5))
        out = lla.attention(q, r, k[:, ::2], v[:, ::2])
        self.assertEqual(out.dtype, bfloat16)
        self.check(out, reference.attention(q, r, k[:, ::2], v[:, ::2])[0], 0.04)

    def test_fp8(self):
        try:
            from ml_dtypes import bfloat16
        except ImportError:
            self.skipTest("no ml_dtypes")
        heads, one = np.array([0.5, 0.03], np.float32), np.array([0.25], np.float32)
        for rows, options in ((1, {}), (9, {"causal": True}), (9, {"window": 7})):
            for dtype in (np.float16, bfloat16):
                for scales in ((None, None), (0.5, np.float32(0.25)), (heads, one), (one, heads),
                               (one[0], one.reshape(()))):
                    with self.subTest(rows=rows, dtype=dtype, scales=scales):
                        q, r, k, v = reference.inputs(11, rows=rows)
                        q, r = q.astype(dtype), r.astype(dtype)
                        short, wide = reference.in_bytes(k, v, *(1 if x is None else x for x in scales))
                        given = {"k_scales": scales[0], "v_scales": scales[1]}
                        for probe in (r, None):
                            out = lla.attention(q, probe, *short, **given, **options, fp32_out=True)
                            self.check(out, reference.attention(q, probe, *wide, **options)[0])

    def test_fp8_where_keys_are(self):
        """Every second key, in pages, packed, heads first; with a scale left out, state and a merge."""
        try:
            import ml_dtypes  # noqa: F401
        except ImportError:
            self.skipTest("no ml_dtypes")
        scales = np.array([0.5, 0.03], np.float32)
        q, r, k, v = reference.inputs(12, batch=2, rows=3, keys=48)
        q, r = q.astype(np.float16), r.astype(np.float16)
        short, wide = reference.in_bytes(k, v, scales, 1)
        given = {"k_scales": scales, "fp32_out": True}
        right = reference.attention(q, r, *wide)[0]
        self.check(lla.attention(q, r, *(np.repeat(x, 2, axis=1)[:, ::2] for x in short), **given), right)
        self.check(lla.attention(*(x.transpose(0, 2, 1, 3) for x in (q, r, *short)), layout="bhsd", **given)
                   .transpose(0, 2, 1, 3), right)
        table, lengths = np.array([[5, 0, 3], [1, 4, 2]], np.int32), np.array([48, 20], np.int32)
        pools = [np.zeros((6, 16) + x.shape[2:], x.dtype) for x in short]
        for pool, x in zip(pools, short):
            pool[table] = x.reshape((2, 3, 16) + x.shape[2:])
        self.check(lla.attention(q, r, *pools, page_table=table, lengths=lengths, causal=True, **given),
                   reference.attention(q, r, *wide, lengths=lengths, causal=True)[0])
        rows, keys = np.array([0, 1, 3], np.int32), np.array([0, 20, 48], np.int32)
        self.check(lla.attention(q[0], r[0], short[0][0], short[1][0], cu_seqlens_q=rows, cu_seqlens_k=keys, **given),
                   reference.packed(q[0], r[0], wide[0][0], wide[1][0], rows, keys))
        parts = [lla.attention(q, r, *(x[:, i] for x in short), **given, return_state=True)
                 for i in (slice(0, 11), slice(11, 48))]
        self.check(lla.merge(*(np.stack(tensors) for tensors in zip(*parts))).out, right)

    def test_lengths_and_starts(self):
        q, r, k, v = reference.inputs(6, batch=3, rows=2)
        lengths, starts = np.array([40, 0, 17], np.int32), np.array([0, 0, 5], np.int32)
        right = reference.attention(q, r, k, v, causal=True, lengths=lengths, starts=starts)[0]
        self.check(lla.attention(q, r, k, v, causal=True, lengths=lengths, starts=starts), right)

    def test_pages(self):
        q, r, k, v = reference.inputs(7, batch=2, keys=48)
        table = np.array([[5, 0, 3], [1, 4, 2]], np.int32)
        pools = []
        for x in (k, v):
            pool = np.zeros((6, 16) + x.shape[2:], x.dtype)
            pool[table] = x.reshape((2, 3, 16) + x.shape[2:])
            pools.append(pool)
        lengths = np.array([48, 20], np.int32)
        right = reference.attention(q, r, k, v, lengths=lengths)[0]
        self.check(lla.attention(q, r, *pools, page_table=table, lengths=lengths), right)

    def test_packed(self):
        q, r, k, v = (x[0] for x in reference.inputs(10, batch=1, rows=17, keys=50))
        rows, keys = np.array([0, 4, 4, 17], np.int32), np.array([0, 20, 21, 50], np.int32)
        for options in ({}, {"causal": True}, {"window": 3}):
            right = reference.packed(q, r, k, v, rows, keys, **options)
            for longest in ({}, {"max_seqlen_q": 13, "max_seqlen_k": 29}):
                out = lla.attention(q, r, k, v, cu_seqlens_q=rows, cu_seqlens_k=keys, **longest, **options)
                self.check(out, right)
        state = lla.attention(q, None, k, v, cu_seqlens_q=rows, cu_seqlens_k=keys, return_state=True)
        self.check(state.out, reference.packed(q, None, k, v, rows, keys))
        self.assertEqual(state.lse.shape, (17, 4))
        turned = lla.attention(*(x.transpose(1, 0, 2) for x in (q, r, k, v)), layout="bhsd", cu_seqlens_q=rows,
                               cu_seqlens_k=keys, causal=True)
        self.check(turned.transpose(1, 0, 2), reference.packed(q, r, k, v, rows, keys, causal=True))
        # Only the keys: one row of each sequence, in a batch.
        one = q[:3, None]
        right = np.concatenate([reference.attention(one[i:i + 1], None, k[None, a:b], v[None, a:b])[0]
                                for i, (a, b) in enumerate(zip(keys, keys[1:]))])
        self.check(lla.attention(one, None, k, v, cu_seqlens_k=keys, max_seqlen_k=29), right)

    def test_out_is_the_result(self):
        q, r, k, v = reference.inputs(8)
        out = np.empty_like(q)
        self.assertIs(lla.attention(q, r, k, v, out=out), out)
        self.check(out, reference.attention(q, r, k, v)[0])

    def test_state_and_merge(self):
        q, r, k, v = reference.inputs(9)
        right, lse = reference.attention(q, r, k, v)
        parts = [lla.attention(q, r, k[:, i], v[:, i], return_state=True)
                 for i in (slice(0, 11), slice(11, 30), slice(30, 40))]
        merged = lla.merge(*(np.stack(tensors) for tensors in zip(*parts)))
        self.check(merged.out, right)
        self.check(merged.lse, lse)
        whole = lla.attention(q, r, k, v, return_state=True)
        self.check(whole.lse, lse)
        self.check(merged.tbar, whole.tbar.astype(np.float64))
        self.check(merged.vbar, whole.vbar.astype(np.float64))

    def test_threads(self):
        faults = []

        def work(seed):
            q, r, k, v = reference.inputs(seed)
            right = reference.attention(q, r, k, v)[0]
            for _ in range(20):
                if not np.abs(lla.attention(q, r, k, v) - right).max() <= TOLERANCE:
                    faults.append(seed)

        team = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        for thread in team:
            thread.start()
        for thread in team:
            thread.join()
        self.assertEqual(faults, [])


class Misuse(unittest.TestCase):
    def refused(self, error, text, **changes):
        q, r, k, v = reference.inputs(1)
        arguments = {"q": q, "r": r, "k": k, "v": v, "out": np.empty_like(q), **changes}
        with self.assertRaises(error) as caught:
            lla.attention(**arguments)
        self.assertIn(text, str(caught.exception))

    def test_each_is_an_exception(self):
        q, r, k, v = reference.inputs(1)
        read_only = np.empty_like(q)
        read_only.flags.writeable = False
        table = np.zeros((2, 3), np.int32)
        for error, text, changes in (
                (lla.UsageError, "q.ndim: expected 4, got 3", {"q": q[0]}),
                (lla.UsageError, "q.dtype: expected fp32, bf16 or fp16", {"q": q.astype(np.float64)}),
                (lla.UsageError, "k.dtype: expected fp32, got fp16", {"k": k.astype(np.float16)}),
                (lla.UsageError, "v.row: expected 40 as in k, got 39", {"v": v[:, :39]}),
                (lla.UsageError, "max_seqlen_q: expected none without cu_seqlens_q, got 3", {"max_seqlen_q": 3}),
                (lla.UsageError, "q.ndim: expected 3, got 4", {"cu_seqlens_q": table[0]}),
                (lla.UsageError, "cu_seqlens_k.ndim: expected 1, got 2",
                 {"k": k[0], "v": v[0], "cu_seqlens_k": table}),
                (lla.UsageError, "k.batch: expected", {"k": k[:1], "v": v[:1]}),
                (lla.UsageError, "q.stride(dim): expected 1", {"q": np.repeat(q, 2, axis=3)[..., ::2]}),
                (lla.UsageError, "k.stride(row): expected >= 0", {"k": k[:, ::-1]}),
                (lla.UsageError, "head_dim: expected", {"q": q[..., :12], "k": k[..., :12], "v": v[..., :12]}),
                (lla.UsageError, "query_heads: expected a multiple of kv_heads", {"q": q[:, :, :3]}),
                (lla.UsageError, "layout: expected bshd or bhsd, got 'bsd'", {"layout": "bsd"}),
                (lla.UsageError, "window: expected", {"window": -4}),
                (lla.UsageError, "scale: expected a finite number", {"scale": float("nan")}),
                (lla.UsageError, "lengths.dtype: expected int32, got int64", {"lengths": np.zeros(2, np.int64)}),
                (lla.UsageError, "lengths.sequences: expected 2, got 3", {"lengths": np.zeros(3, np.int32)}),
                (lla.UsageError, "page_table.ndim: expected 2, got 1", {"page_table": table[0]}),
                (TypeError, "q: expected a tensor, got None", {"q": None}),
                (TypeError, "k: expected a tensor, got None", {"k": None}),
                (TypeError, "v: expected a tensor, got None", {"v": None}),
                (ValueError, "read-only", {"out": read_only}),
                (TypeError, "r: expected a tensor", {"r": [1.0]}),
                (TypeError, "q: expected a tensor (DLPack or the buffer protocol), got list", {"q": [1.0]}),
                (TypeError, "q: expected a tensor (DLPack or the buffer protocol), got list",
                 {"q": [1.0], "out": None}),
                (TypeError, "q: expected a tensor (DLPack or the buffer protocol), got NoneType",
                 {"q": None, "out": None}),
                (TypeError, "out: expected a tensor to write to, got none, and nothing makes one for memoryview",
                 {"q": memoryview(q), "out": None}),
                (lla.UsageError, "q.dtype: expected fp32, bf16 or fp16, got fp64", {"q": q.astype(np.float64)}),
                (lla.UsageError, "q.dtype: expected fp32, bf16 or fp16, got int64", {"q": q.astype(np.int64)}),
                (lla.UsageError, "q.dtype: expected fp32, bf16 or fp16, got uint8", {"q": q.astype(np.uint8)}),
                (lla.UsageError, "q.dtype: expected fp32, bf16 or fp16, got bool", {"q": q > 0}),
                (lla.UsageError, "q.dtype: expected fp32, bf16 or fp16, got complex128", {"q": q.astype(complex)}),
                (lla.UsageError, "out.dtype: expected fp32, bf16 or fp16, got fp64", {"out": q.astype(float)}),
                (TypeError, "q.dtype: expected fp32, bf16, fp16, fp8_e4m3 or int32, got the buffer's format >f",
                 {"q": q.astype(">f4")}),
                (ValueError, "q.ndim: expected at most 8, got 9", {"q": q[(None,) * 5]}),
                (TypeError, "", {"scale": "large"}),
                (TypeError, "", {"window": 1.5}),
                (TypeError, "", {"stream": "main"}),
        ):
            with self.subTest(text=text):
                self.refused(error, text, **changes)

    def test_fp8(self):
        try:
            from ml_dtypes import float8_e4m3fn, float8_e5m2
        except ImportError:
            self.skipTest("no ml_dtypes")
        q, r, k, v = reference.inputs(1, dtype=np.float16)
        short, wrong = [x.astype(float8_e4m3fn) for x in (k, v)], k.astype(float8_e5m2)
        good = {"q": q, "r": r, "k": short[0], "v": short[1], "k_scales": np.ones(2, np.float32)}
        lla.attention(**good)
        for error, text, changes in (
                (lla.UsageError, "^q.dtype: expected bf16 or fp16 with k in fp8_e4m3, got fp32",
                 {"q": q.astype(np.float32)}),
                (lla.UsageError, "^q.dtype: expected fp32, bf16 or fp16, got fp8_e4m3", {"q": short[0][:, :1]}),
                (lla.UsageError, "^v.dtype: expected fp8_e4m3, got fp16", {"v": v}),
                (lla.UsageError, "^k_scales: expected None with k in fp16", {"k": k, "v": v}),
                (lla.UsageError, "^v_scales: expected None with k in fp16",
                 {"k": k, "v": v, "k_scales": None, "v_scales": 1.0}),
                (lla.UsageError, "^k.dtype: expected fp32, bf16, fp16 or fp8_e4m3, got uint8",
                 {"k": short[0].view(np.uint8)}),
                (TypeError, "^k.dtype: expected fp32, bf16, fp16, fp8_e4m3 or int32, got float8_e5m2$", {"k": wrong}),
                (lla.UsageError, "^head_dim: expected a multiple of 16 with kv_dtype=fp8_e4m3, got 24",
                 {name: good[name][..., :24] for name in "qrkv"}),
                (lla.UsageError, "^k_scales.head: expected 1 or 2, got 4", {"k_scales": np.ones(4, np.float32)}),
                (lla.UsageError, "^k_scales.ndim: expected 1, got 2", {"k_scales": np.ones((2, 2), np.float32)}),
                (lla.UsageError, "^v_scales.dtype: expected fp32, got fp64", {"v_scales": np.ones(2)}),
                (lla.UsageError, "^k_scales: expected a number that fp32 holds, got 1e[+]39", {"k_scales": 1e39}),
                (lla.UsageError, "^k_scales: expected a number that fp32 holds, got nan", {"k_scales": float("nan")}),
                (lla.UsageError, "^v_scales: expected a tensor for a call on another stream",
                 {"v_scales": 0.5, "stream": 64}),
                (TypeError, "^k_scales: expected a tensor", {"k_scales": [1.0, 1.0]}),
        ):
            with self.subTest(text=text), self.assertRaisesRegex(error, text):
                lla.attention(**{**good, **changes})

    def test_outputs_have_memory_of_their_own(self):
        q, r, k, v = reference.inputs(1)
        with self.assertRaisesRegex(lla.UsageError, "^out: expected memory of its own, got an overlap with q"):
            lla.attention(q, r, k, v, out=q)

    def test_merge(self):
        parts = [np.stack([x, x]) for x in lla.attention(*reference.inputs(1), return_state=True)]
        for error, text, change in ((TypeError, "^lse: expected a tensor, got None", {"lse": None}),
                                    (lla.UsageError, "^tbar.ndim: expected 4, got 3", {"tbar": parts[2][0]}),
                                    (lla.UsageError, "^out.ndim: expected 5, got 4", {"out": parts[0][0]}),
                                    (lla.UsageError, "^merged_out.dtype: expected fp32, bf16 or fp16, got fp64",
                                     {"merged_out": np.zeros(parts[0].shape[1:])})):
            with self.subTest(text=text), self.assertRaisesRegex(error, text):
                lla.merge(**{"out": parts[0], "lse": parts[1], "tbar": parts[2], "vbar": parts[3], **change})

    def test_hierarchy(self):
        self.assertTrue(issubclass(lla.UsageError, ValueError) and issubclass(lla.UsageError, lla.Error))
        for error in (lla.NotPreparedError, lla.NoDeviceError, lla.CompileError):
            self.assertTrue(issubclass(error, lla.Error) and issubclass(error, RuntimeError))

    def test_core_counts_its_arguments(self):
        for function in (lla._core.attention, lla._core.merge, lla._core.warmup):
            with self.assertRaises(TypeError):
                function(1)
        with self.assertRaises(AttributeError):
            lla.no_such_function


class Warmup(unittest.TestCase):
    def test_calls_find_what_was_prepared(self):
        problem = {"batch": 2, "query_heads": 4, "kv_heads": 2, "context": 100, "head_dim": 48, "dtype": "fp32"}
        seen = []
        self.assertEqual(lla.warmup([problem, {**problem, "mode": "prefill", "query_length": 5, "causal": True}],
                                    target="host", jobs=1, progress=lambda *told: seen.append(told)), 2)
        self.assertEqual([told[:2] for told in seen], [(1, 2), (2, 2)])
        before = lla.statistics("host")
        for rows in (1, 5):
            q, r, k, v = reference.inputs(1, rows=rows, keys=90, dim=48)
            lla.attention(q, r, k, v, causal=True)
        after = lla.statistics("host")
        self.assertEqual(before, after)

    def test_of_fp8(self):
        try:
            from ml_dtypes import float8_e4m3fn
        except ImportError:
            self.skipTest("no ml_dtypes")
        problem = {"batch": 2, "query_heads": 4, "kv_heads": 2, "context": 100, "head_dim": 80, "dtype": "fp16"}
        self.assertEqual(lla.warmup([problem | {"kv_dtype": "fp8_e4m3"}, problem | {"kv_dtype": "fp16"}],
                                    target="host"), 2)
        before = lla.statistics("host")
        q, r, k, v = reference.inputs(1, keys=90, dim=80, dtype=np.float16)
        lla.attention(q, r, k.astype(float8_e4m3fn), v.astype(float8_e4m3fn), v_scales=2.0)
        lla.attention(q, r, k, v)
        self.assertEqual(lla.statistics("host"), before)

    def test_cancel(self):
        problems = [{"context": 8, "head_dim": dim, "dtype": "fp32", "window": 3} for dim in (16, 24, 40)]
        with self.assertRaisesRegex(lla.CancelledError, "cancelled after 1 of 3"):
            lla.warmup(problems, target="host", jobs=1, progress=lambda *told: True)
        self.assertTrue(issubclass(lla.CancelledError, lla.Error))

    def test_exceptions_of_the_callback(self):
        told = []

        def fail(*what):
            told.append((threading.current_thread(), *what))
            raise LookupError("no more")

        problems = [{"context": 8, "head_dim": dim, "dtype": "fp32", "window": 4} for dim in (16, 24, 40)]
        for jobs in (1, 2):
            told.clear()
            with self.assertRaisesRegex(LookupError, "no more"):
                lla.warmup(problems, target="host", jobs=jobs, progress=fail)
            self.assertEqual([one[:3] for one in told], [(threading.current_thread(), 1, 3)])
        with self.assertRaisesRegex(TypeError, "not callable"):
            lla.warmup(problems, target="host", progress=5)
        self.assertEqual(lla.warmup(problems, target="host"), 3)

    def test_interrupt(self):
        """Ctrl-C ends it after the kernel that is being made, with and without somebody who is told."""
        code = """import os, signal, sys, threading, lla
problems = [{"context": 64, "head_dim": 16 + 8 * i, "dtype": "fp32", "window": 5} for i in range(30)]
if sys.argv[1] == "told":
    def progress(done, *_):
        if done == 2:
            os.kill(os.getpid(), signal.SIGINT)
else:
    progress = None
    def interrupt():
        while not lla.statistics("host")["compiles"]:
            pass
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=interrupt, daemon=True).start()
try:
    lla.warmup(problems, target="host", jobs=1, progress=progress)
except KeyboardInterrupt:
    print(lla.statistics("host")["compiles"])
"""
        for how in ("told", "silent"):
            with tempfile.TemporaryDirectory() as folder, self.subTest(how=how):
                result = subprocess.run([sys.executable, "-c", code, how], capture_output=True, text=True, check=True,
                                        env={**os.environ, "LLA_CACHE_DIR": folder})
                self.assertRegex(result.stdout, r"^[0-9]+$")
                self.assertLess(int(result.stdout), 25)

    def test_faults(self):
        with self.assertRaisesRegex(lla.UsageError, r"problems\[1\]: head_dim"):
            lla.warmup([{"context": 8, "head_dim": 16}, {"context": 8, "head_dim": 17}], target="host")
        with self.assertRaisesRegex(lla.UsageError, "target: expected"):
            lla.warmup([], target="hast")
        with self.assertRaises(lla.NoDeviceError):
            lla.warmup([], target="cuda:4000")


class Wrapped:
    """An array that only `__dlpack__` can read."""

    def __init__(self, array, versioned, device=None):
        self.array, self.versioned, self.device = array, versioned, device

    def __dlpack_device__(self):
        return self.device or self.array.__dlpack_device__()

    def __dlpack__(self, **options):
        if "max_version" in options and not self.versioned:
            raise TypeError("max_version is not known")
        return self.array.__dlpack__(**options)


class DLPack(unittest.TestCase):
    def test_buffers(self):
        q, r, k, v = reference.inputs(1)
        out = np.zeros_like(q)
        lla.attention(*(memoryview(x) for x in (q, r, k, v)), out=memoryview(out))
        np.testing.assert_array_equal(out, lla.attention(q, r, k, v))

    def test_capsules(self):
        q, r, k, v = reference.inputs(1)
        right = lla.attention(q, r, k, v)
        for versioned in (False, True):
            with self.subTest(versioned=versioned):
                out = np.zeros_like(q)
                references = sys.getrefcount(k)
                lla.attention(*(Wrapped(x, versioned) for x in (q, r, k, v)), out=Wrapped(out, versioned))
                np.testing.assert_array_equal(out, right)
                self.assertEqual(sys.getrefcount(k), references)  # The deleter was called.

    def test_what_is_no_capsule(self):
        q, r, k, v = reference.inputs(1)
        for answer, error in ((None, (BufferError, ValueError)), (3, (BufferError, ValueError))):
            bad = Wrapped(q, True)
            bad.__class__ = type("Bad", (Wrapped,), {"__dlpack__": lambda self, **options: answer})
            with self.assertRaises(error):
                lla.attention(bad, r, k, v, out=np.empty_like(q))

    def test_what_cannot_be_exported(self):
        q, r, k, v = reference.inputs(1)
        for error in (BufferError, RuntimeError):
            def refuse(self, error=error, **options):
                raise error("float8 is not supported")

            bad = Wrapped(k, True)
            bad.__class__ = type("Bad", (Wrapped,), {"__dlpack__": refuse})
            text = "^k: expected a tensor that DLPack can describe, got the error: float8 is not supported"
            with self.assertRaisesRegex(lla.UsageError, text):
                lla.attention(q, r, bad, v, out=np.empty_like(q))

    def test_exchange_api(self):
        q, r, k, v = reference.inputs(1)
        out = np.zeros_like(q)
        before = Direct.borrowed
        lla.attention(*(Direct(x.ctypes.data, x.shape) for x in (q, r, k, v)), out=Direct(out.ctypes.data, out.shape))
        np.testing.assert_array_equal(out, lla.attention(q, r, k, v))
        self.assertEqual(Direct.borrowed - before, 5)


class Xla(unittest.TestCase):
    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "one thread does not split")
    def test_a_workspace_may_hold_anything(self):
        """What XLA gives is not initialised; in programs from before it is an operand too."""
        q, r, k, v = reference.inputs(7, batch=1, heads=1, kv_heads=1, keys=20000)
        right = reference.attention(q, r, k, v)[0]
        operands = {name: (x.ctypes.data, xla.F32, x.shape) for name, x in zip("qrkv", (q, r, k, v))}
        memory = np.empty((4 << 20) + 256, np.uint8)
        begin = -memory.ctypes.data % 256
        workspace = {"workspace": (memory.ctypes.data + begin, xla.S32, (1 << 20,))}
        for more in ({}, workspace):
            out = np.zeros_like(q)
            results = {"out": (out.ctypes.data, xla.F32, out.shape), **workspace}
            memory[:] = 0xff
            for _ in range(2):
                self.assertIsNone(xla.call(xla.EXECUTE, {**operands, **more}, results, gpu=False, scale=32 ** -0.5))
                self.assertLessEqual(float(np.abs(out - right).max()), TOLERANCE)
            self.assertTrue((memory[begin + 256:] != 0xff).any())  # The splits' states.


class Capture(unittest.TestCase):
    def test_what_a_process_asked_for(self):
        """Contexts live to its end, and what they were asked for is written then."""
        code = """import numpy as np, lla
q = np.ones((1, 1, 2, 16), np.float32)
for _ in range(3):
    lla.attention(q, q, q, q)
"""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "seen.jsonl")
            environment = {**os.environ, "LLA_CAPTURE": path}
            subprocess.run([sys.executable, "-c", code], env=environment, check=True)
            with open(path) as file:
                seen = [json.loads(line) for line in file]
        self.assertEqual([(each["problem"]["head_dim"], each["problem"]["query_heads"]) for each in seen], [(16, 2)])

    def test_a_few_rows_are_a_decode(self):
        code = """import numpy as np, lla
for rows in (1, 16, 17):
    q = np.ones((1, rows, 1, 16), np.float32)
    lla.attention(q, q, q, q)
"""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "seen.jsonl")
            subprocess.run([sys.executable, "-c", code], env={**os.environ, "LLA_CAPTURE": path}, check=True)
            with open(path) as file:
                seen = [json.loads(line)["problem"] for line in file]
        self.assertEqual({(each["query_length"], each["mode"]) for each in seen},
                         {(1, "decode"), (16, "decode"), (32, "prefill")})


class Import(unittest.TestCase):
    def test_needs_no_framework(self):
        code = "import sys, lla; print([x for x in ('numpy', 'torch', 'jax', 'cupy') if x in sys.modules])"
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        self.assertEqual(result.stdout, "[]\n")

    def test_frameworks_that_are_missing(self):
        code = """import sys
for name in ("torch", "jax"):
    sys.modules[name] = None
import lla
print(*(hasattr(lla, name) for name in ("torch", "jax", "parallax_func", "attention")))
try:
    lla.parallax_func
except AttributeError as error:
    print(error)
try:
    import lla.torch
except ImportError as error:
    print("torch" in str(error))
"""
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        self.assertRegex(result.stdout, "^False False False True\nmodule 'lla' has no attribute 'parallax_func' here: "
                         ".*torch.*\nTrue\n$")


if __name__ == "__main__":
    unittest.main(verbosity=1)
