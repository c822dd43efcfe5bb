"""The PyTorch operators: on the host, and on a GPU where there is one."""

import sys
import unittest
import warnings

try:
    import torch
except ImportError as error:
    print(f"skipped: no PyTorch ({error})")
    sys.exit(77)

from torch.autograd import forward_ad

import lla
from lla import torch as lla_torch


def inputs(seed, batch=2, rows=1, heads=4, kv_heads=2, keys=40, dim=32, dtype=torch.float32):
    torch.manual_seed(seed)
    return (0.5 * torch.randn(batch, rows, heads, dim).to(dtype), 0.2 * torch.randn(batch, rows, heads, dim).to(dtype),
            torch.randn(batch, keys, kv_heads, dim).to(dtype), torch.randn(batch, keys, kv_heads, dim).to(dtype))


def in_bytes(k, v, k_scales=1.0, v_scales=1.0):
    """Keys and values that, times scales (a number, [1] or [kv_heads]), are about these; and what they are in fp32."""
    factors = [x[:, None] if isinstance(x, torch.Tensor) and x.dim() else x for x in (k_scales, v_scales)]
    short = [(x.float() / factor).to(torch.float8_e4m3fn) for x, factor in zip((k, v), factors)]
    return short, [x.float() * factor for x, factor in zip(short, factors)]


class Functions(unittest.TestCase):
    def check(self, out, right, tolerance=5e-6):
        self.assertEqual((out.shape, out.dtype), (right.shape, right.dtype))
        self.assertLessEqual(float((out.float() - right.float()).abs().max()), tolerance)

    def test_reference_is_the_formula(self):
        import numpy

        import attention_reference
        for options, window in (({}, 0), ({"window_size": (7, 0)}, 7), ({"window_size": 1, "scale": 0.3}, 1)):
            q, r, k, v = inputs(1, rows=9)
            right, _ = attention_reference.attention(*(x.numpy() for x in (q, r, k, v)), causal=True, window=window,
                                                     scale=options.get("scale"))
            out = lla_torch.parallax_reference(q, r, k, v, **options).numpy()
            self.assertLessEqual(float(numpy.abs(out - right).max()), 5e-6)
        # Rows that see nothing.
        q, r, k, v = inputs(1, rows=9, keys=4)
        self.assertEqual(float(lla_torch.parallax_reference(q, r, k, v)[:, :5].abs().max()), 0)

    def test_names(self):
        for rows, keys in ((1, 40), (6, 40), (9, 4)):
            q, r, k, v = inputs(2, rows=rows, keys=keys)
            for window in (None, -1, 5, (5, 0), (-1, -1)):
                right = lla_torch.parallax_reference(q, r, k, v, window_size=window)
                self.check(lla.parallax_attn_with_kvcache(q, r, k, v, window_size=window), right)
                self.check(lla.parallax_func(q, r, k, v, window_size=window), right)
        q, r, k, v = inputs(2)
        right = lla_torch.parallax_reference(q, r, k, v, scale=0.3)
        self.check(lla.parallax_decode(q, r, k, v, 0.3), right)
        self.check(lla.parallax_decode(q[:, 0], r[:, 0], k, v, 0.3), right[:, 0])
        self.check(lla.parallax_func(q, None, k, v, causal=False),
                   lla_torch.parallax_reference(q, None, k, v, causal=False))

    def test_types(self):
        for dtype in (torch.bfloat16, torch.float16):
            q, r, k, v = inputs(3, dtype=dtype)
            self.check(lla.parallax_attn_with_kvcache(q, r, k, v), lla_torch.parallax_reference(q, r, k, v), 0.03)

    def test_pages_and_lengths(self):
        q, r, k, v = inputs(4, keys=48)
        table = torch.tensor([[5, 0, 3], [1, 4, 2]], dtype=torch.int32)
        lengths = torch.tensor([48, 20], dtype=torch.int32)
        pools = []
        for x in (k, v):
            pool = torch.zeros(6, 16, 2, 32)
            pool[table.flatten().long()] = x.reshape(6, 16, 2, 32)
            pools.append(pool)
        right = torch.cat([lla_torch.parallax_reference(q[i:i + 1], r[i:i + 1], k[i:i + 1, :n], v[i:i + 1, :n])
                           for i, n in enumerate(lengths.tolist())])
        self.check(lla.parallax_attn_with_kvcache(q, r, *pools, page_table=table, seqused_k=lengths), right)
        self.check(lla.parallax_attn_with_kvcache(q, r, k, v, seqused_k=lengths), right)

    def test_packed(self):
        q, r, k, v = (x[0] for x in inputs(10, batch=1, rows=14, keys=33))
        rows, keys = torch.tensor([0, 3, 3, 14], dtype=torch.int32), torch.tensor([0, 9, 20, 33], dtype=torch.int32)
        for window in (None, 4):
            right = torch.cat([lla_torch.parallax_reference(*(x[None, rows[i]:rows[i + 1]] for x in (q, r)),
                                                            *(x[None, keys[i]:keys[i + 1]] for x in (k, v)),
                                                            window_size=window)[0] for i in (0, 2)])
            self.check(lla.parallax_varlen_func(q, r, k, v, rows, keys, 11, 13, window_size=window), right)
        out = torch.empty_like(q)
        self.assertIs(lla.parallax_varlen_func(q, r, k, v, rows, keys, 11, 13, window_size=4, out=out), out)
        self.check(out, right)
        # The same keys in pages, of which each sequence has five at most.
        table = torch.arange(15, dtype=torch.int32).flip(0).reshape(3, 5)
        pools = torch.zeros(2, 15, 8, 2, 32)
        for i in range(3):
            for pool, x in zip(pools, (k, v)):
                for j, row in enumerate(x[keys[i]:keys[i + 1]]):
                    pool[table[i, j // 8], j % 8] = row
        out = lla.parallax_varlen_func(q, r, *pools, rows, None, 11, 13, window_size=4, page_table=table,
                                       seqused_k=keys.diff())
        self.check(out, right)
        with self.assertRaisesRegex(lla.UsageError, "cu_seqlens_k: expected either it or a page_table, got neither"):
            lla.parallax_varlen_func(q, r, k, v, rows, None, 11, 13)

    def test_fp8(self):
        heads, one = torch.tensor([0.5, 0.03]), torch.tensor([0.25])
        for dtype, tolerance in ((torch.float16, 4e-3), (torch.bfloat16, 0.03)):
            for k_scales, v_scales in ((1.0, 1.0), (0.5, 0.25), (heads, one), (one, heads), (one[0], 2)):
                scales = {"k_scales": k_scales, "v_scales": v_scales}
                q, r, k, v = inputs(15, rows=3, keys=48, dtype=dtype)
                short, wide = in_bytes(k, v, **scales)
                right = lla_torch.parallax_reference(q.float(), r.float(), *wide).to(dtype)
                newest = right[:, -1:]
                with self.subTest(dtype=dtype, **scales):
                    self.check(lla_torch.parallax_reference(q, r, *short, **scales), right, tolerance)
                    self.check(lla.parallax_func(q, r, *short, **scales), right, tolerance)
                    self.check(lla.parallax_attn_with_kvcache(q, r, *short, **scales), right, tolerance)
                    self.check(lla.parallax_decode(q[:, -1], r[:, -1], *short, **scales), newest[:, 0], tolerance)
                    self.check(lla.parallax_decode(q[:, -1:], r[:, -1:], *short, **scales), newest, tolerance)
                    out = torch.empty_like(q)
                    self.assertIs(lla.attention(q, r, *short, causal=True, out=out, **scales), out)
                    self.check(out, right, tolerance)
                    table = torch.tensor([[5, 0, 3], [1, 4, 2]], dtype=torch.int32)
                    pools = [torch.zeros(6, 16, 2, 32).to(x.dtype) for x in short]
                    for pool, x in zip(pools, short):
                        pool.view(torch.uint8)[table.flatten().long()] = x.view(torch.uint8).reshape(6, 16, 2, 32)
                    self.check(lla.parallax_attn_with_kvcache(q, r, *pools, page_table=table, **scales), right,
                               tolerance)
                    places = [torch.tensor(x, dtype=torch.int32) for x in ([0, 3, 6], [0, 48, 96])]
                    packed = lla.parallax_varlen_func(*(x.flatten(0, 1) for x in (q, r, *short)), *places, 3, 48,
                                                      **scales)
                    self.check(packed.view(right.shape), right, tolerance)
        given = {name: x for name, x in scales.items() if name == "k_scales"}  # The other is 1.
        self.check(lla.attention(q, None, *short, **given, fp32_out=True),
                   lla_torch.parallax_reference(q.float(), None, wide[0], short[1].float(), causal=False), 5e-5)

    def test_strides_and_out(self):
        q, r, k, v = inputs(5, rows=3)
        right = lla_torch.parallax_reference(q, r, k, v)
        cache = torch.stack([k, v], dim=1)  # [batch, 2, keys, heads, dim]
        out = torch.zeros(2, 3, 2, 4, 32)
        lla.parallax_attn_with_kvcache(q, r, cache[:, 0], cache[:, 1], out=out[:, :, 1])
        self.check(out[:, :, 1], right)
        self.assertEqual(float(out[:, :, 0].abs().max()), 0)
        self.check(lla.attention(q, r, k, v, causal=True), right)
        state = lla.attention(q, r, k, v, causal=True, return_state=True)
        self.assertTrue(all(isinstance(x, torch.Tensor) for x in state))

    def test_misuse(self):
        q, r, k, v = inputs(6)
        with self.assertRaisesRegex(lla.UsageError, "nothing to the right"):
            lla.parallax_func(q, r, k, v, window_size=(4, 2))
        with self.assertRaisesRegex(lla.UsageError, "q.row: expected 1, got 2"):
            lla.parallax_decode(q.repeat(1, 2, 1, 1), r, k, v)
        with self.assertRaisesRegex(lla.UsageError, "k.dtype: expected fp32, got bf16"):
            lla.parallax_func(q, r, k.bfloat16(), v)

    def test_arguments_are_named_as_the_caller_has(self):
        q, r, k, v = inputs(6)
        numbers, parameter = torch.zeros(2, dtype=torch.int64), torch.nn.Parameter(q, requires_grad=False)
        for error, text, call in (
                (lla.UsageError, "^seqused_k.dtype: expected int32, got int64",
                 lambda: lla.parallax_attn_with_kvcache(q, r, k, v, seqused_k=numbers)),
                (lla.UsageError, "^seqused_k.dtype",
                 lambda: lla.parallax_decode(parameter, r, k, v, seqused_k=numbers)),
                (lla.UsageError, "^lengths.dtype", lambda: lla.attention(q, r, k, v, lengths=numbers)),
                (TypeError, "^seqused_k: expected a tensor", lambda: lla.parallax_decode(q, r, k, v, seqused_k=[3, 4])),
                (lla.UsageError, "^v_cache.row: expected 40 as in k_cache, got 39",
                 lambda: lla.parallax_attn_with_kvcache(q, r, k, v[:, :39])),
                (lla.UsageError, "^v.row: expected 40 as in k, got 39", lambda: lla.parallax_func(q, r, k, v[:, :39])),
                (lla.UsageError, "^out: expected memory of its own, got an overlap with k_cache",
                 lambda: lla.parallax_attn_with_kvcache(q, r, k, v, out=k.view(2, 20, 4, 32)[:, :1])),
                (lla.UsageError, "^q.dtype: expected fp32, bf16 or fp16, got fp64",
                 lambda: lla.parallax_func(*(x.double() for x in (q, r, k, v)))),
                (TypeError, "^q: expected a torch.Tensor, got ndarray$", lambda: lla.parallax_func(q.numpy(), r, k, v)),
                (TypeError, "^q: expected a torch.Tensor, got list$", lambda: lla.parallax_decode([1.0], r, k, v)),
                (lla.UsageError, "^lse.head: expected 4",
                 lambda: lla.merge(q[None], q[None, ..., :3, 0], q[None, ..., 0], q[None])),
        ):
            with self.subTest(text=text), self.assertRaisesRegex(error, text):
                call()

    def test_windows(self):
        q, r, k, v = inputs(12, rows=3)
        for causal, window, same in ((False, (5, 0), (True, 5)), (False, 5, (True, 5)), (False, (-1, 0), (True, None)),
                                     (False, (-1, -1), (False, None)), (True, (1, 0), (True, 1)),
                                     (True, (5, -1), (True, 5)), (True, (None, None), (True, None))):
            with self.subTest(causal=causal, window=window):
                right = lla_torch.parallax_reference(q, r, k, v, causal=same[0], window_size=same[1])
                self.check(lla.parallax_func(q, r, k, v, causal=causal, window_size=window), right)
                self.check(lla_torch.parallax_reference(q, r, k, v, causal=causal, window_size=window), right)
        for causal, window in ((True, 0), (True, (0, 0)), (True, -2), (True, (-2, 0)), (False, (5, -1)), (True, (5,)),
                               (True, (5, 0, 0)), (True, (-1, 5))):
            for function in (lla.parallax_func, lla_torch.parallax_reference):
                with (self.subTest(causal=causal, window=window),
                      self.assertRaisesRegex(lla.UsageError, "^window_size: ")):
                    function(q, r, k, v, causal=causal, window_size=window)


class Operator(unittest.TestCase):
    def test_registration(self):
        q, r, k, v = inputs(7, rows=2)
        rest = (None, None, None, True, 0, None, False)
        torch.library.opcheck(torch.ops.lla.attention, (q, r, k, v, *rest))
        out, rows = torch.empty_like(q), torch.empty(q.shape[:3])
        torch.library.opcheck(torch.ops.lla.attention_out, (q, None, k, v, *rest, out))
        torch.library.opcheck(torch.ops.lla.attention_state, (q, r, k, v, *rest))
        torch.library.opcheck(torch.ops.lla.attention_state_out,
                              (q, r, k, v, *rest, out, rows, rows.clone(), torch.empty_like(q)))
        short = [x.bfloat16() for x in (q, r, k, v)]
        for operator in (torch.ops.lla.attention, torch.ops.lla.attention_state):
            torch.library.opcheck(operator, (*short, *rest), {"fp32_out": True})
        state = lla.attention(q, r, k, v, return_state=True)
        parts = [torch.stack([x, x]) for x in state]
        torch.library.opcheck(torch.ops.lla.merge, (*parts, False))
        torch.library.opcheck(torch.ops.lla.merge_out, (*parts, False, *(torch.empty_like(x) for x in state)))
        rows, keys = (torch.tensor(x, dtype=torch.int32) for x in ([0, 2, 4], [0, 40, 80]))
        packed = [x.flatten(0, 1) for x in (q, r, k, v)]
        torch.library.opcheck(torch.ops.lla.attention, (*packed, *rest, rows, keys, 2, 40))
        torch.library.opcheck(torch.ops.lla.attention_out,
                              (*packed, *rest, torch.empty_like(packed[0]), rows, keys, 2, 40))

    # Of the checks of operators that which compares what was read before and after cannot compare bytes on the host.
    FP8_CHECKS = ("test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")

    def test_registration_with_fp8(self):
        q, r, k, v = inputs(7, rows=2, dtype=torch.float16)
        scales = {"k_scales": torch.tensor([0.5, 0.03]), "v_scales": torch.tensor([2.0])}
        keys, _ = in_bytes(k, v, **scales)
        rest = (None, None, None, True, 0, None, False)
        state = lla.attention(q, r, *keys, **scales, causal=True, return_state=True)
        for operator, out in (("attention", ()), ("attention_state", ()), ("attention_out", state[:1]),
                              ("attention_state_out", state)):
            operator, out = getattr(torch.ops.lla, operator), [torch.zeros_like(x) for x in out]
            for given in (scales, {"v_scales": scales["v_scales"]}):
                torch.library.opcheck(operator, (q, r, *keys, *rest, *out), given, test_utils=self.FP8_CHECKS)
            results = operator(q, r, *keys, *rest, *out, **scales)
            results = out or ([results] if isinstance(results, torch.Tensor) else results)
            for result, one in zip(results, state):
                self.assertTrue(torch.equal(result, one))

    def test_compile_with_fp8(self):
        q, r, k, v = inputs(8, rows=2, dtype=torch.float16)
        heads = torch.tensor([0.5, 0.03])
        keys, _ = in_bytes(k, v, heads, 0.25)
        right = lla_torch.parallax_attn_with_kvcache(q, r, *keys, k_scales=heads, v_scales=0.25)

        def number(q, r, k, v, k_scales, v_scales):
            return lla_torch.parallax_attn_with_kvcache(q, r, k, v, k_scales=k_scales, v_scales=v_scales) + 0

        def into(q, r, k, v, k_scales, v_scales):
            out = torch.empty(q.shape, dtype=q.dtype)
            lla.attention(q, r, k, v, causal=True, k_scales=k_scales, v_scales=v_scales, out=out)
            return out + 0

        def with_state(q, r, k, v, k_scales, v_scales):
            return lla.attention(q, r, k, v, causal=True, k_scales=k_scales, v_scales=v_scales, return_state=True).out

        for function in (number, into, with_state):
            for v_scales in (0.25, torch.tensor([0.25]), torch.tensor(0.25)):
                with self.subTest(function=function.__name__, v_scales=v_scales):
                    torch._dynamo.reset()
                    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
                    self.assertTrue(torch.equal(compiled(q, r, *keys, heads, v_scales), right))

    def test_scales_are_what_they_are(self):
        """Negated views, transforms, gradients, tensors of other libraries and without memory."""
        q, r, k, v = inputs(8, dtype=torch.float16)
        heads = torch.tensor([0.5, 0.03])
        keys, _ = in_bytes(k, v, heads, heads)
        right = lla.attention(q, r, *keys, k_scales=heads, v_scales=heads)
        rest = (None, None, None, False, 0, None, False)
        negative = torch._neg_view(-heads)
        self.assertTrue(torch.equal(lla.attention(q, r, *keys, k_scales=negative, v_scales=heads), right))
        self.assertTrue(torch.equal(torch.ops.lla.attention(q, r, *keys, *rest, k_scales=heads, v_scales=negative),
                                    right))
        self.assertTrue(torch.equal(lla.attention(q, r, *keys, k_scales=heads.numpy(), v_scales=heads), right))
        mixed = lla.attention(q.numpy(), r.numpy(), *keys, k_scales=negative, v_scales=heads)
        self.assertTrue(torch.equal(torch.from_numpy(mixed), right))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for axis, given in ((None, heads), (0, torch.stack([heads, heads]))):
                one = lambda *x: lla.attention(*(y[None] for y in x[:4]), k_scales=x[4], v_scales=x[4])[0]
                self.assertTrue(torch.equal(torch.vmap(one, (0, 0, 0, 0, axis))(q, r, *keys, given), right))
        wanted = heads.clone().requires_grad_()
        for call in (lambda: lla.attention(q, r, *keys, k_scales=wanted),
                     lambda: lla.parallax_decode(q, r, *keys, v_scales=wanted),
                     lambda: torch.ops.lla.attention(q, r, *keys, *rest, v_scales=wanted)):
            with self.assertRaisesRegex(NotImplementedError, "no backward pass"):
                call()
            with torch.no_grad():
                call()
        for text, given in (("head: expected 1 or 2, got 3", torch.ones(3)),
                            ("head: expected 1 or the number of KV heads, got 0", torch.ones(0)),
                            ("dtype: expected fp32, got bf16", heads.bfloat16()),
                            ("ndim: expected 1, got 2", heads[None]),
                            (": expected a number that fp32 holds, got inf", float("inf")),
                            (": expected a tensor that DLPack can describe", heads.to("meta"))):
            with self.subTest(text=text), self.assertRaisesRegex(lla.UsageError, f"^v_scales.?{text}"):
                lla.parallax_attn_with_kvcache(q, r, *keys, v_scales=given)
        with self.assertRaisesRegex(lla.UsageError, "^v_cache.dtype: expected fp8_e4m3, got fp16"):
            lla.parallax_attn_with_kvcache(q, r, keys[0], v)
        with self.assertRaisesRegex(lla.UsageError, "^k_scales: expected None with k in fp16"):
            lla.parallax_attn_with_kvcache(q, r, k, v, k_scales=heads)
        with self.assertRaisesRegex(lla.UsageError, "^k_scales: expected a tensor for a call on another stream"):
            lla.attention(q, r, *keys, k_scales=0.5, stream=64)

    def test_calls_of_the_operator(self):
        q, r, k, v = inputs(11, rows=3)
        rest = (None, None, None, True, 0, None, False)
        right = lla_torch.parallax_reference(q, r, k, v)
        for mode in (torch.no_grad, torch.enable_grad, torch.inference_mode):
            with mode():
                self.assertLessEqual(float((torch.ops.lla.attention(q, r, k, v, *rest) - right).abs().max()), 5e-6)
                out = torch.empty_like(q)
                torch.ops.lla.attention_out(q, r, k, v, *rest, out)
                self.assertLessEqual(float((out - right).abs().max()), 5e-6)
        # A tensor that is stored as its negative.
        negative = torch.view_as_complex(torch.stack([q, -q], -1)).conj().imag
        self.assertTrue(negative.is_neg())
        out = torch.ops.lla.attention(negative, r, k, v, *rest)
        self.assertLessEqual(float((out - right).abs().max()), 5e-6)

    def test_compile(self):
        q, r, k, v = inputs(8)
        out = torch.empty_like(q)

        def layer(q, r, k, v):
            return lla_torch.parallax_attn_with_kvcache(2 * q, r, k, v) + 1

        def into(q, r, k, v, out):
            lla_torch.parallax_attn_with_kvcache(2 * q, r, k, v, out=out)
            return out + 1

        places = [torch.tensor(x, dtype=torch.int32) for x in ([0, 1, 2], [0, 40, 80])]

        def packed(q, r, k, v):
            parts = (x.flatten(0, 1) for x in (2 * q, r, k, v))
            return lla_torch.parallax_varlen_func(*parts, *places, 1, 40).reshape(q.shape) + 1

        right = lla_torch.parallax_reference(2 * q, r, k, v) + 1
        # The tracer's own code generator needs a compiler at run time; what is tested is that it traces in one piece.
        for function, arguments in ((layer, (q, r, k, v)), (into, (q, r, k, v, out)), (packed, (q, r, k, v))):
            compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
            self.assertLessEqual(float((compiled(*arguments) - right).abs().max()), 5e-6)

    def test_compile_of_the_native_names(self):
        q, r, k, v = inputs(8, dtype=torch.float16)
        right = lla.attention(q, r, k, v, causal=True, return_state=True, fp32_out=True)

        def plain(q, r, k, v):
            return lla.attention(q, r, k, v, causal=True, fp32_out=True) + 0

        def into(q, r, k, v):
            out = torch.empty(q.shape)
            lla.attention(q, r, k, v, causal=True, out=out)
            return out + 0

        def with_state(q, r, k, v):
            return lla.attention(q, r, k, v, causal=True, return_state=True, fp32_out=True)

        def into_state(q, r, k, v):
            out, rows = torch.empty(q.shape), torch.empty(q.shape[:3])
            state = rows, rows + 0, out + 0
            lla.attention(q, r, k, v, causal=True, out=out, state_out=state)
            return out, *state

        def shards(q, r, k, v):
            parts = [lla.attention(q, r, k[:, i], v[:, i], return_state=True, fp32_out=True)
                     for i in (slice(0, 15), slice(15, 40))]
            return [torch.stack(x) for x in zip(*parts)]

        def merged(q, r, k, v):
            return lla.merge(*shards(q, r, k, v))

        def merged_into(q, r, k, v):
            out = torch.empty(q.shape)
            lla.merge(*shards(q, r, k, v), merged_out=out)
            return out + 0

        for function, wanted in ((plain, right[:1]), (into, right[:1]), (with_state, right), (into_state, right),
                                 (merged, right), (merged_into, right[:1])):
            with self.subTest(function=function.__name__):
                torch._dynamo.reset()
                results = torch.compile(function, fullgraph=True, backend="aot_eager")(q, r, k, v)
                if isinstance(results, torch.Tensor):
                    results = (results,)
                self.assertEqual([x.dtype for x in results], [torch.float32] * len(wanted))
                for result, one in zip(results, wanted, strict=True):
                    self.assertLessEqual(float((result - one).abs().max()), 5e-6)
        self.assertIsInstance(torch.compile(with_state, fullgraph=True, backend="aot_eager")(q, r, k, v),
                              lla.AttentionState)
        with self.assertRaisesRegex(Exception, "stream: expected none"):
            torch.compile(lambda *x: lla.attention(*x, stream=0), fullgraph=True, backend="aot_eager")(q, r, k, v)

    def test_tensors_without_memory(self):
        from torch._subclasses.fake_tensor import FakeTensorMode
        with FakeTensorMode() as mode:
            q = torch.empty(2, 1, 4, 32)
            keys = torch.empty(2, 9, 2, 32)
            self.assertEqual(lla_torch.parallax_func(q, q, keys, keys).shape, q.shape)
        made = torch.zeros(2, 1, 4, 32), torch.zeros(2, 9, 2, 32)
        for q, k in ((q, keys), (made[0].to("meta"), made[1].to("meta"))):
            for function in (lla.attention, lla.parallax_func, lla.parallax_attn_with_kvcache):
                out = function(q, None, k, k)
                self.assertEqual((out.shape, out.device, type(out)), (q.shape, q.device, type(q)))
            state = lla.attention(q, q, k, k, return_state=True)
            self.assertEqual([x.shape for x in state], [q.shape, q.shape[:3], q.shape[:3], q.shape])
        with self.assertRaisesRegex(lla.UsageError, "^k: expected a tensor that DLPack can describe"):
            lla.attention(made[0], None, made[1].to("meta"), made[1])

    def test_transforms(self):
        q, r, k, v = inputs(13, batch=3)
        right = lla_torch.parallax_reference(q, r, k, v)
        for function in (lla_torch.parallax_func, lla.attention):
            one = lambda *x: function(*(y[None] for y in x))[0]
            with warnings.catch_warnings():  # It is not fast: each element is a call.
                warnings.simplefilter("ignore")
                self.assertLessEqual(float((torch.vmap(one)(q, r, k, v) - right).abs().max()), 5e-6)
            with self.assertRaisesRegex(NotImplementedError, "no backward pass"):
                torch.func.jvp(lambda k: function(q, r, k, v), (k,), (k,))
            with self.assertRaisesRegex(NotImplementedError, "no backward pass"):
                torch.func.grad(lambda v: function(q, r, k, v).sum())(v)

    def test_negative_views(self):
        given = inputs(14)
        right = lla_torch.parallax_reference(*given)
        for i in range(4):
            changed = [torch._neg_view(-x) if i == j else x for j, x in enumerate(given)]
            for function in (lla.parallax_attn_with_kvcache, lla.attention):
                self.assertLessEqual(float((function(*changed) - right).abs().max()), 5e-6)
        with self.assertRaisesRegex(lla.UsageError, "^out: expected a tensor that is stored as it is"):
            lla.attention(*given, out=torch._neg_view(torch.zeros_like(right)))
        # Keys as they come from complex numbers, and beside tensors of another library.
        turned = torch.complex(given[2], -given[2]).conj().imag
        self.assertTrue(turned.is_neg())
        self.assertLessEqual(float((lla.attention(given[0], given[1], turned, given[3]) - right).abs().max()), 5e-6)
        arrays = [x.numpy() for x in given]
        mixed = lla.attention(*arrays[:2], torch._neg_view(-given[2]), arrays[3])
        self.assertLessEqual(float((torch.from_numpy(mixed) - right).abs().max()), 5e-6)
        mixed = lla.attention(given[0], arrays[1], torch._neg_view(-given[2]), arrays[3])
        self.assertLessEqual(float((mixed - right).abs().max()), 5e-6)

    def test_gradients_are_refused(self):
        q, r, k, v = inputs(9)
        with self.assertRaisesRegex(NotImplementedError, "no backward pass"):
            lla.attention(q, r, k, v, out=torch.empty_like(q).requires_grad_())
        with self.assertRaisesRegex(NotImplementedError, "no backward pass"):
            lla.parallax_func(q, r, k, v, out=torch.empty_like(q).requires_grad_())
        for i in range(4):
            with forward_ad.dual_level():
                duals = [forward_ad.make_dual(x, x) if i == j else x for j, x in enumerate((q, r, k, v))]
                for function in (lla.attention, lla.parallax_func):
                    with self.assertRaisesRegex(NotImplementedError, "no backward pass"):
                        function(*duals)
                with self.assertRaisesRegex(NotImplementedError, "no backward pass"):
                    torch.ops.lla.attention(*duals, None, None, None, True, 0, None, False)
                lla.attention(q, r, k, v)
        parts = [x[None] for x in lla.attention(q, r, k, v, return_state=True)]
        parts[1].requires_grad_()
        with self.assertRaisesRegex(NotImplementedError, "no backward pass"):
            lla.merge(*parts)
        k.requires_grad_()
        with self.assertRaisesRegex(NotImplementedError, "no backward pass"):
            lla.attention(q.numpy(), r.numpy(), k, v.numpy())
        for function in (lla.attention, lla.parallax_func, lla.parallax_attn_with_kvcache, lla.parallax_decode):
            with self.assertRaisesRegex(NotImplementedError, "no backward pass"):
                function(q, r, k, v)
        with self.assertRaisesRegex(NotImplementedError, "no backward pass"):
            torch.ops.lla.attention(q, r, k, v, None, None, None, True, 0, None, False)
        with torch.no_grad():
            lla.parallax_func(q, r, k, v)
            lla.attention(q, r, k, v, out=torch.empty_like(q).requires_grad_())
        lla_torch.parallax_reference(q, r, k, v).sum().backward()
        self.assertTrue(bool(torch.isfinite(k.grad).all()))


@unittest.skipUnless(torch.cuda.is_available(), "no GPU")
class Gpu(unittest.TestCase):
    def inputs(self, seed, **sizes):
        sizes = {"batch": 1, "heads": 8, "kv_heads": 8, "keys": 4096, "dim": 128, **sizes}
        return [x.cuda() for x in inputs(seed, dtype=torch.bfloat16, **sizes)]

    def check(self, out, *arguments, **options):
        right = lla_torch.parallax_reference(*arguments, **options)
        # Two units of the last place where bf16 is largest here.
        self.assertLessEqual(float((out.float() - right.float()).abs().max()), 0.05)

    def test_eager(self):
        for rows, keys in ((1, 4096), (1, 1000), (256, 256)):
            q, r, k, v = self.inputs(1, rows=rows, keys=keys)
            self.check(lla.parallax_attn_with_kvcache(q, r, k, v), q, r, k, v)

    def test_streams(self):
        q, r, k, v = self.inputs(2)
        torch.cuda.synchronize()
        outs, streams = [], [torch.cuda.Stream() for _ in range(4)]
        for stream in streams:
            with torch.cuda.stream(stream):
                outs += [lla.parallax_attn_with_kvcache(q, r, k, v) for _ in range(20)]
        torch.cuda.synchronize()
        for out in outs:
            self.assertTrue(torch.equal(out, outs[0]))
        self.check(outs[0], q, r, k, v)

    def test_graph(self):
        q, r, k, v = self.inputs(3)
        out = torch.empty_like(q)
        lla.parallax_attn_with_kvcache(q, r, k, v, out=out)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for _ in range(3):
                lla.parallax_attn_with_kvcache(q, r, k, v, out=out)
            with self.assertRaises(lla.NotPreparedError):
                lla.parallax_attn_with_kvcache(q, r, k, v, window_size=77, out=out)
        for seed in (4, 5):
            for tensor, values in zip((q, r, k, v), self.inputs(seed)):
                tensor.copy_(values)
            out.zero_()
            graph.replay()
            torch.cuda.synchronize()
            self.check(out, q, r, k, v)

    def test_fp8(self):
        q, r, k, v = self.inputs(8)
        scales = {"k_scales": torch.full((8,), 0.5, device="cuda"), "v_scales": 0.25}
        short, wide = in_bytes(k, v, **scales)
        self.check(lla.parallax_attn_with_kvcache(q, r, *short, **scales), q.float(), r.float(), *wide)
        with self.assertRaisesRegex(lla.UsageError, "^k_scales.device: expected cuda:0, got cpu"):
            lla.parallax_attn_with_kvcache(q, r, *short, k_scales=torch.ones(8))

    def test_compile(self):
        q, r, k, v = self.inputs(6)
        compiled = torch.compile(lambda q, r, k, v: lla_torch.parallax_attn_with_kvcache(q, r, k, v) * 2,
                                 fullgraph=True, backend="aot_eager")
        self.check(compiled(q, r, k, v) / 2, q, r, k, v)

    def test_places(self):
        q, r, k, v = self.inputs(7)
        with self.assertRaisesRegex(lla.UsageError, "k_cache.device: expected cuda:0, got cpu"):
            lla.parallax_attn_with_kvcache(q, r, k.cpu(), v)


if __name__ == "__main__":
    unittest.main(verbosity=1)
