"""tests/bench/rivals.py on the CPU: what it compares with, its order, what it keeps when the time is over."""

import contextlib
import io
import json
import os
import signal
import sys
import tempfile
import unittest
from unittest import mock

try:
    import torch
except ImportError as error:
    print(f"skipped: no PyTorch ({error})")
    sys.exit(77)

import numpy

import attention_reference

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "bench"))
import rivals


def prefill(context=100, causal=True, batch=2, kv_heads=2, group=2, head_dim=32):
    return {"mode": "prefill", "causal": causal, "batch": batch, "kv_heads": kv_heads, "group": group,
            "context": context, "head_dim": head_dim}  # fmt: skip


def decode(context=100):
    return {"batch": 2, "kv_heads": 2, "group": 2, "context": context, "head_dim": 32}


def by_reference(has_probe, factor=1.0, rows=slice(None)):
    """A kernel that is the reference of the other tests, `rows` of it times `factor`."""

    def make(torch, row, q, r, k, v):
        def run():
            tensors = (q, r if has_probe else None, k, v)
            inputs = (None if x is None else x.float().numpy() for x in tensors)
            out, _ = attention_reference.attention(*inputs, causal=rivals.is_causal(row))
            out[:, rows] *= factor
            return torch.from_numpy(out).bfloat16()

        return run

    return rivals.Kernel(make, has_probe=has_probe)


def interrupted(torch, row, q, r, k, v):
    def run():
        try:
            signal.raise_signal(signal.SIGALRM)
        except Exception:  # As foreign code may do.
            pass

    return run


def endless(torch, row, q, r, k, v):
    return lambda: [signal.pause() for _ in iter(int, 1)]


class Rivals(unittest.TestCase):
    def setUp(self):
        self.path = os.path.join(self.enterContext(tempfile.TemporaryDirectory()), "rivals.json")
        self.enterContext(mock.patch.object(rivals, "DEVICE", "cpu"))
        self.enterContext(mock.patch.object(rivals, "median_microseconds", lambda torch, run: 7.0))
        self.logged = []
        self.enterContext(mock.patch.object(rivals, "log", self.logged.append))

    def time(self, kernels, rows, seconds=float("inf")):
        both = {"decode": kernels, "prefill": kernels}
        with mock.patch.object(rivals, "KERNELS", both), mock.patch.object(rivals, "NAMES", list(kernels)):
            timings = rivals.Timings(self.path)
            with contextlib.redirect_stdout(io.StringIO()):
                is_done = timings.time_until(torch, rivals.tasks_of(rows, list(kernels)), seconds)
        with open(self.path) as file:
            return is_done, json.load(file)["rows"]

    def test_the_reference_is_the_formula(self):
        for row in (decode(), prefill(), prefill(causal=False), prefill(context=40), prefill(context=1)):
            inputs = rivals.inputs_of(torch, row)
            for has_probe in (True, False):
                q, r, k, v = (x.float().numpy() for x in inputs)
                right, _ = attention_reference.attention(q, r if has_probe else None, k, v,
                                                         causal=rivals.is_causal(row))  # fmt: skip
                out = rivals.reference_of(torch, row, has_probe, *inputs).numpy()
                error = numpy.abs(out - right[-1, rivals.checked_rows(row)]).max()
                self.assertLessEqual(float(error), 2e-5, (row, has_probe))

    def test_right_kernels_have_times_and_wrong_ones_none(self):
        kernels = {"right": by_reference(True), "softmax": by_reference(False), "wrong": by_reference(True, 1.1),
                   "late_rows": by_reference(True, 1.1, slice(-16, None))}  # fmt: skip
        for row in (decode(), prefill(), prefill(causal=False)):
            _, rows = self.time(kernels, [row])
            timed = [name for name in kernels if name in rows[-1]]
            self.assertEqual(timed, ["right", "softmax"], row)
        self.assertIn("error 1.0e-01, expected at most 2e-02", "\n".join(self.logged))

    def test_rows_of_decode_and_of_both_masks_are_kept_apart(self):
        old = {"batch": 2, "kv_heads": 2, "group": 2, "context": 100, "head_dim": 32, "right": 3.0}
        with open(self.path, "w") as file:
            json.dump({"unit": "microseconds", "rows": [old]}, file)
        _, rows = self.time({"right": by_reference(True)}, [decode(), prefill(), prefill(causal=False)])
        self.assertEqual(rows, [old, {**prefill(), "right": 7.0}, {**prefill(causal=False), "right": 7.0}])

    def test_what_is_slow_to_be_ready_comes_last_and_when_time_is_over_the_rest_is_kept(self):
        ahead = []
        kernels = {"slow": rivals.Kernel(interrupted, compile_ahead=ahead.append), "right": by_reference(True)}
        is_done, rows = self.time(kernels, [prefill(40), prefill(20)])
        self.assertFalse(is_done)
        self.assertEqual(rows, [{**prefill(40), "right": 7.0}, {**prefill(20), "right": 7.0}])
        self.assertEqual(ahead, [{**prefill(40), "right": 7.0}])
        # Run again, what is known is left out.
        kernels["right"] = by_reference(True, 1.1)
        kernels["slow"] = by_reference(True)
        is_done, rows = self.time(kernels, [prefill(40), prefill(20)])
        self.assertTrue(is_done)
        self.assertEqual(rows, [{**prefill(n), "right": 7.0, "slow": 7.0} for n in (40, 20)])

    def test_the_limit_interrupts_what_runs(self):
        is_done, rows = self.time({"endless": rivals.Kernel(endless)}, [prefill()], seconds=0.1)
        self.assertEqual((is_done, rows), (False, []))

    def test_a_kernel_that_fails_again_and_again_is_given_up(self):
        tries = []

        def failing(torch, row, q, r, k, v):
            tries.append(row["context"])
            raise ValueError("no such shape")

        self.time({"failing": rivals.Kernel(failing), "right": by_reference(True)}, [prefill(n) for n in range(1, 7)])
        self.assertEqual(tries, [1, 2, 3])
        self.assertIn("prefill causal B=2 H=4:2 L=1 D=32 failing: ValueError: no such shape", self.logged)

    def test_the_kernels_of_training_take_causal_masks_alone(self):
        tasks = rivals.tasks_of([prefill(causal=False), prefill(), decode()], rivals.NAMES)
        self.assertEqual([(rivals.mode_of(row), rivals.is_causal(row), names) for row, names in tasks],
                         [("prefill", False, ["fa2", "cudnn_softmax"]),
                          ("prefill", True, ["fa2", "cudnn_softmax", "fla"]),
                          ("decode", False, ["fa2", "cudnn_softmax", "fla", "parallax_triton", "parallax_cute"]),
                          ("prefill", True, ["parallax_triton"])])  # fmt: skip

    def test_a_file_that_holds_no_times_is_told_and_kept(self):
        for text in ("{", "[]", '{"rows": 1}', '{"rows": [{"batch": 1}]}'):
            with open(self.path, "w") as file:
                file.write(text)
            with self.assertRaises(SystemExit) as end, contextlib.redirect_stderr(io.StringIO()) as said:
                rivals.Timings(self.path)
            self.assertEqual(end.exception.code, 1)
            self.assertIn("output: expected a file of times", said.getvalue())
            with open(self.path) as file:
                self.assertEqual(file.read(), text)

    def test_problems_that_no_kernel_takes_have_no_row(self):
        problem = {"mode": "prefill", "context": 64, "query_heads": 4, "kv_heads": 2, "head_dim": 32, "causal": True}
        self.assertEqual(rivals.row_of(problem), prefill(64, batch=1))
        self.assertEqual(rivals.row_of({**problem, "query_length": 64}), prefill(64, batch=1))
        for field, value in (("query_length", 32), ("window", 8), ("state", True), ("kv_dtype", "fp8_e4m3"),
                             ("packed_queries", True), ("dtype", "fp16"), ("probe", "none"),
                             ("mode", "merge")):  # fmt: skip
            self.assertIsNone(rivals.row_of({**problem, field: value}), field)

    def test_a_chunk_without_a_mask_has_a_row_of_its_own(self):
        problem = {"mode": "prefill", "context": 64, "query_heads": 4, "kv_heads": 2, "head_dim": 32}
        chunk = rivals.row_of({**problem, "query_length": 16})
        self.assertEqual(chunk, {**rivals.row_of(problem), "query_length": 16})
        self.assertNotEqual(rivals.shape_of(chunk), rivals.shape_of(rivals.row_of(problem)))
        self.assertEqual(rivals.rows_of_queries(chunk), 16)
        self.assertEqual(rivals.title_of(chunk), "prefill full B=1 H=4:2 L=64 D=32 rows=16")


if __name__ == "__main__":
    unittest.main()
