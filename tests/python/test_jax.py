"""JAX: the primitive on the host, under jit, vmap and scan."""

import os
import subprocess
import sys
import unittest

try:
    import jax
    import jax.numpy as jnp
    import numpy as np
except ImportError as error:
    print(f"skipped: no JAX ({error})")
    sys.exit(77)

import attention_reference as reference
import lla
import lla.jax

TOLERANCE = 5e-6
HAS_GPU = jax.default_backend() == "gpu"
WITH_WORKSPACE = 'results = "out workspace"'  # In a program's text.


@unittest.skipUnless(HAS_GPU, "no GPU")
class Gpu(unittest.TestCase):
    """In bf16: fp32 runs on the host only."""

    def inputs(self, seed, **sizes):
        short = [jnp.asarray(x, jnp.bfloat16) for x in reference.inputs(seed, **sizes)]
        return short, [np.asarray(x, np.float32) for x in short]

    def check(self, out, right):
        self.assertEqual(out.shape, right.shape)
        self.assertLessEqual(float(np.abs(np.asarray(out, np.float64) - right).max()), 0.05)  # False for NaN.

    def test_jit(self):
        for rows, options in ((1, {}), (9, {"causal": True})):
            short, wide = self.inputs(1, rows=rows)
            right = reference.attention(*wide, **options)[0]
            self.check(lla.jax.attention(*short, **options), right)
            compiled = jax.jit(lambda *x: 2 * lla.jax.attention(*x, **options))
            for _ in range(3):  # XLA may make a command buffer of what it runs again.
                self.check(compiled(*short) / 2, right)

    def test_fp8_and_packed(self):
        (q, r, k, v), (wide_q, wide_r, _, _) = self.inputs(3, batch=1, rows=12, keys=30)
        scales = np.array([0.5, 0.03], np.float32), np.array([2], np.float32)
        keys, wide = reference.in_bytes(np.asarray(k, np.float32), np.asarray(v, np.float32), *scales)
        given = dict(zip(("k_scales", "v_scales"), scales))
        right = reference.attention(wide_q, wide_r, *wide, causal=True)[0]
        compiled = jax.jit(lambda *x: lla.jax.attention(*x, causal=True, **given))
        for _ in range(3):
            self.check(compiled(q, r, *keys), right)
        places = [np.array(x, np.int32) for x in ([0, 3, 3, 12], [0, 9, 20, 30])]
        right = reference.packed(wide_q[0], wide_r[0], wide[0][0], wide[1][0], *places, causal=True)
        packed = jax.jit(lambda *x: lla.jax.attention(*x[:4], cu_seqlens_q=x[4], cu_seqlens_k=x[5], causal=True,
                                                      **given))
        for _ in range(3):
            self.check(packed(q[0], r[0], keys[0][0], keys[1][0], *places), right)

    def test_workspace(self):
        """A long context is split."""
        short, wide = self.inputs(4, batch=1, keys=5000)
        right = reference.attention(*wide)[0]
        compiled = jax.jit(lambda *x: lla.jax.attention(*x))
        self.assertIn(WITH_WORKSPACE, compiled.lower(*short).as_text())
        for _ in range(3):
            self.check(compiled(*short), right)

    def test_workspaces_one_behind_the_other(self):
        """XLA gives calls memory that others have left; counters must be cleared before each, in command buffers, too."""
        inputs = [self.inputs(seed, batch=1, rows=rows, keys=keys) for seed, rows, keys in
                  ((5, 1, 5000), (6, 4, 3000), (7, 1, 9000), (8, 640, 4096), (9, 1, 5000))]
        compiled = jax.jit(lambda given: [lla.jax.attention(*x) for x in given])
        given = [short for short, _ in inputs]
        first = compiled(given)
        for out, (_, wide) in zip(first, inputs):
            self.check(out, reference.attention(*wide)[0])
        for _ in range(50):
            for out, right in zip(compiled(given), first):
                np.testing.assert_array_equal(np.asarray(out), np.asarray(right))

    def test_vmap(self):
        short, wide = self.inputs(2)
        right = reference.attention(*wide)[0]
        one = lambda *x: lla.jax.attention(*(y[None] for y in x))[0]
        self.check(jax.jit(jax.vmap(one))(*short), right)


@unittest.skipIf(HAS_GPU, "fp32 runs on the host only")
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
                        right = reference.attention(q, probe, k, v, **options)[0]
                        self.check(lla.jax.attention(q, probe, k, v, **options), right)
                        compiled = jax.jit(lambda *x: 2 * lla.jax.attention(*x, **options))
                        self.check(compiled(q, probe, k, v) / 2, right)

    def test_native_name(self):
        q, r, k, v = (jnp.asarray(x) for x in reference.inputs(2))
        right = reference.attention(q, r, k, v, causal=True)[0]
        self.check(lla.attention(q, r, k, v, causal=True), right)
        self.check(jax.jit(lambda *x: lla.attention(*x, causal=True))(q, r, k, v), right)

    def test_layout_types_and_state(self):
        q, r, k, v = reference.inputs(3, rows=3)
        right, lse = reference.attention(q, r, k, v)
        turned = lla.jax.attention(*(x.transpose(0, 2, 1, 3) for x in (q, r, k, v)), layout="bhsd")
        self.check(turned.transpose(0, 2, 1, 3), right)
        state = jax.jit(lambda *x: lla.jax.attention(*x, return_state=True))(q, r, k, v)
        self.assertIsInstance(state, lla.AttentionState)
        self.check(state.out, right)
        self.check(state.lse, lse)
        short = [jnp.asarray(x, jnp.bfloat16) for x in (q, r, k, v)]
        right = reference.attention(*(np.asarray(x, np.float32) for x in short))[0]
        out = lla.jax.attention(*short)
        self.assertEqual(out.dtype, jnp.bfloat16)
        self.check(out, right, 0.04)
        out = lla.jax.attention(*short, fp32_out=True)
        self.assertEqual(out.dtype, jnp.float32)
        self.check(out, right, 0.02)

    def test_merge(self):
        q, r, k, v = reference.inputs(12, batch=3, rows=2)
        right, lse = reference.attention(q, r, k, v)

        def parts(q, r, k, v):
            states = [lla.jax.attention(q, r, k[:, a:b], v[:, a:b], return_state=True)
                      for a, b in ((0, 11), (11, 30), (30, 40))]
            return [jnp.stack(x) for x in zip(*states)]

        whole = lla.jax.attention(q, r, k, v, return_state=True)
        for merge in (lla.jax.merge, lla.merge, jax.jit(lla.jax.merge)):
            merged = merge(*parts(q, r, k, v))
            self.check(merged.out, right)
            self.check(merged.lse, lse)
            self.check(merged.tbar, np.asarray(whole.tbar, np.float64))
            self.check(merged.vbar, np.asarray(whole.vbar, np.float64))
        self.assertEqual(lla.jax.merge(*parts(q, r, k, v), dtype=jnp.bfloat16).out.dtype, jnp.bfloat16)
        # Over a dimension in front, over one in the middle, and with something that is not mapped.
        more = [jnp.stack([x, x[:, ::-1]]) for x in parts(q, r, k, v)]
        self.check(jax.jit(jax.vmap(lla.jax.merge))(*more).out, np.stack([right, right[::-1]]))
        behind = [jnp.moveaxis(x, 0, 2) for x in more]
        self.check(jax.vmap(lla.jax.merge, in_axes=2)(*behind).out, np.stack([right, right[::-1]]))
        one = parts(q, r, k, v)
        self.check(jax.vmap(lla.jax.merge, in_axes=(0, None, None, None))(jnp.stack([one[0]] * 2), *one[1:]).out,
                   np.stack([right] * 2))
        with self.assertRaisesRegex(lla.UsageError, "lse.ndim: expected 4, got 3"):
            lla.jax.merge(one[0], one[1][0], *one[2:])

    def test_lengths_and_pages(self):
        q, r, k, v = reference.inputs(4, batch=3, rows=2, keys=48)
        lengths, starts = np.array([48, 0, 17], np.int32), np.array([0, 0, 5], np.int32)
        right = reference.attention(q, r, k, v, causal=True, lengths=lengths, starts=starts)[0]
        options = {"lengths": lengths, "starts": starts, "causal": True}
        self.check(lla.jax.attention(q, r, k, v, **options), right)
        pools, table = paged(k, v, seed=4)
        self.check(lla.jax.attention(q, r, *pools, page_table=table, **options), right)

    def test_fp8(self):
        heads, one = np.array([0.5, 0.03], np.float32), np.array([0.25], np.float32)
        for rows, options in ((1, {}), (9, {"causal": True})):
            for dtype in (jnp.float16, jnp.bfloat16):
                for scales in ((None, None), (0.5, 0.25), (heads, one), (one, heads), (one[0], None)):
                    with self.subTest(rows=rows, dtype=dtype, scales=scales):
                        q, r, k, v = reference.inputs(13, rows=rows)
                        q, r = jnp.asarray(q, dtype), jnp.asarray(r, dtype)
                        short, wide = reference.in_bytes(k, v, *(1 if x is None else x for x in scales))
                        short = [jnp.asarray(x) for x in short]
                        given = dict(zip(("k_scales", "v_scales"), scales))
                        right = reference.attention(np.asarray(q, float), np.asarray(r, float), *wide, **options)[0]
                        for function in (lla.jax.attention, lla.attention):
                            self.check(function(q, r, *short, fp32_out=True, **given, **options), right)
                        compiled = jax.jit(lambda q, r, k, v, k_scales, v_scales: lla.jax.attention(
                            q, r, k, v, k_scales=k_scales, v_scales=v_scales, fp32_out=True, **options))
                        self.check(compiled(q, r, *short, *scales), right)
        # What another library's result is written to.
        out = np.empty(q.shape, np.float32)
        short, wide = reference.in_bytes(k, v, one)
        short = [jnp.asarray(x) for x in short]
        lla.attention(np.asarray(q), np.asarray(r), *short, k_scales=jnp.asarray(one), out=out, **options)
        self.check(out, reference.attention(np.asarray(q, float), np.asarray(r, float), *wide, **options)[0])
        with self.assertRaises(BufferError):  # An array of JAX cannot be written to.
            lla.attention(np.asarray(q), np.asarray(r), *short, out=jnp.asarray(q))

    def test_packed(self):
        q, r, k, v = (x[0] for x in reference.inputs(14, batch=1, rows=17, keys=50))
        rows, keys = np.array([0, 4, 4, 17], np.int32), np.array([0, 20, 21, 50], np.int32)
        for options in ({}, {"causal": True}, {"window": 3}):
            for longest in ({}, {"max_seqlen_q": 13, "max_seqlen_k": 29}):
                with self.subTest(**options, **longest):
                    def function(q, r, k, v, rows, keys):
                        return lla.jax.attention(q, r, k, v, cu_seqlens_q=rows, cu_seqlens_k=keys, **longest, **options)

                    compiled = jax.jit(function)
                    others = np.array([0, 9, 10, 17], np.int32), np.array([0, 1, 30, 50], np.int32)
                    for places in ((rows, keys), others):
                        for probe in (r, None):
                            right = reference.packed(q, probe, k, v, *places, **options)
                            self.check(function(q, probe, k, v, *places), right)
                            self.check(compiled(q, probe, k, v, *places), right)
        right = reference.packed(q, r, k, v, rows, keys)
        state = lla.jax.attention(q, r, k, v, cu_seqlens_q=rows, cu_seqlens_k=keys, return_state=True)
        self.check(state.out, right)
        self.assertEqual([x.shape for x in state], [q.shape, q.shape[:2], q.shape[:2], q.shape])
        self.check(lla.attention(*(jnp.asarray(x) for x in (q, r, k, v)), cu_seqlens_q=rows, cu_seqlens_k=keys,
                                 max_seqlen_q=13), right)
        turned = lla.jax.attention(*(x.transpose(1, 0, 2) for x in (q, r, k, v)), layout="bhsd", cu_seqlens_q=rows,
                                   cu_seqlens_k=keys)
        self.check(turned.transpose(1, 0, 2), right)
        # Only the keys, of one row each; only the rows, over keys in pages.
        one = [x[:3, None] for x in (q, r)]
        out = lla.jax.attention(*one, k, v, cu_seqlens_k=keys, max_seqlen_k=29)
        for i, (a, b) in enumerate(zip(keys, keys[1:])):
            self.check(out[i:i + 1], reference.attention(*(x[i:i + 1] for x in one), k[None, a:b], v[None, a:b])[0])
        dense = [np.zeros((3, 32) + x.shape[1:], x.dtype) for x in (k, v)]
        for x, packed in zip(dense, (k, v)):
            for i, (a, b) in enumerate(zip(keys, keys[1:])):
                x[i, :b - a] = packed[a:b]
        pools, table = paged(*dense, seed=14)
        self.check(lla.jax.attention(q, r, *pools, page_table=table, lengths=np.diff(keys), cu_seqlens_q=rows,
                                     max_seqlen_q=13), right)

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "one thread does not split")
    def test_workspace(self):
        """A long context of one head is split; runs of a loop follow each other in whatever the memory holds."""
        q, r, k, v = reference.inputs(6, batch=1, heads=1, kv_heads=1, keys=20000)
        right = reference.attention(q, r, k, v)[0]
        compiled = jax.jit(lambda q: jax.lax.map(lambda one: lla.jax.attention(one, r, k, v), jnp.stack(3 * [q])))
        text = compiled.lower(q).as_text()
        self.assertIn(WITH_WORKSPACE, text)
        self.assertIn('operands = "q r k v"', text)
        for _ in range(3):
            self.check(compiled(q), np.stack(3 * [right]))

    @unittest.skipIf(len(os.sched_getaffinity(0)) < 2, "one thread does not split")
    def test_workspace_of_older_programs(self):
        """It was an operand too, of zeros."""
        q, r, k, v = reference.inputs(6, batch=1, heads=1, kv_heads=1, keys=20000)
        zeros = jnp.zeros(1 << 20, jnp.int32)
        results = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in (q, zeros)]
        call = jax.ffi.ffi_call("lla_attention", results, input_output_aliases={4: 1})
        compiled = jax.jit(lambda *x: call(*x, operands="q r k v workspace", results="out workspace",
                                           causal=np.bool_(False), window=np.int64(0), scale=np.float64(32 ** -0.5),
                                           bhsd=np.bool_(False), gpu=np.bool_(False)))
        out, workspace = compiled(q, r, k, v, zeros)
        self.check(out, reference.attention(q, r, k, v)[0])
        self.assertTrue(np.asarray(workspace).any())  # The splits' states.

    def test_scan(self):
        """A decode loop in one program."""
        q, r, k, v = reference.inputs(5, batch=2, rows=12)

        def step(lengths, rows):
            out = lla.jax.attention(rows[0][:, None], rows[1][:, None], k, v, lengths=lengths)
            return lengths + 1, out[:, 0]

        rows = tuple(jnp.moveaxis(x, 1, 0) for x in (q, r))
        _, outs = jax.jit(lambda rows: jax.lax.scan(step, jnp.full(2, 29, jnp.int32), rows))(rows)
        self.check(jnp.moveaxis(outs, 0, 1), reference.attention(q, r, k, v, causal=True)[0])


def paged(k, v, seed, page_size=16):
    """Pools in which the pages of all sequences are mixed, and the table."""
    batch, pages = k.shape[0], k.shape[1] // page_size
    table = np.random.default_rng(seed).permutation(batch * pages).astype(np.int32).reshape(batch, pages)
    pools = []
    for x in (k, v):
        pool = np.zeros((batch * pages, page_size) + x.shape[2:], x.dtype)
        pool[table] = x.reshape((batch, pages, page_size) + x.shape[2:])
        pools.append(pool)
    return pools, table


@unittest.skipIf(HAS_GPU, "fp32 runs on the host only")
class Vmap(unittest.TestCase):
    check = Attention.check

    def test_each_argument(self):
        n = 3
        many = [reference.inputs(seed, rows=2) for seed in range(n)]
        for axes in ((0, 0, 0, 0), (0, None, None, None), (None, 0, None, 0), (None, None, 1, 0), (2, 3, 4, 1)):
            given = [many[0][i] if axis is None else np.stack([one[i] for one in many], axis=axis)
                     for i, axis in enumerate(axes)]
            right = np.stack([reference.attention(*(many[0 if axis is None else j][i] for i, axis in enumerate(axes)),
                                                  window=9)[0] for j in range(n)])
            with self.subTest(axes=axes):
                function = jax.vmap(lambda *x: lla.jax.attention(*x, window=9), in_axes=axes)
                self.check(function(*given), right)
                self.check(jax.jit(function)(*given), right)

    def test_nested_with_state_and_lengths(self):
        many = [[reference.inputs(2 * i + j) for j in range(2)] for i in range(3)]
        given = [np.stack([np.stack([one[i] for one in row]) for row in many]) for i in range(4)]
        lengths = np.arange(12, dtype=np.int32).reshape(3, 2, 2) * 3
        function = jax.vmap(lambda *x: lla.jax.attention(*x[:4], lengths=x[4], return_state=True))
        state = jax.vmap(function)(*given, lengths)
        for i in range(3):
            for j in range(2):
                right, lse = reference.attention(*many[i][j], lengths=lengths[i, j])
                self.check(state.out[i, j], right)
                seen = np.isfinite(lse)
                self.assertTrue((np.isfinite(state.lse[i, j]) == seen).all())
                self.check(np.asarray(state.lse[i, j])[seen], lse[seen])

    def test_pages(self):
        n = 3
        many = [reference.inputs(seed, keys=48) for seed in range(n)]
        made = [paged(k, v, seed) for seed, (_, _, k, v) in enumerate(many)]
        q, r = (np.stack([one[i] for one in many]) for i in range(2))
        pools = [np.stack([one[0][i] for one in made]) for i in range(2)]
        table = np.stack([one[1] for one in made])

        def function(q, r, k, v, table):
            return lla.jax.attention(q, r, k, v, page_table=table)

        right = np.stack([reference.attention(*one)[0] for one in many])
        self.check(jax.vmap(function)(q, r, *pools, table), right)
        # One pool for all, of which each has another part: it stays as it is.
        joined = [x.reshape(-1, *x.shape[2:]) for x in pools]
        table += np.arange(n, dtype=np.int32)[:, None, None] * pools[0].shape[1]
        shared = jax.jit(jax.vmap(function, in_axes=(0, 0, None, None, 0)))
        self.check(shared(q, r, *joined, table), right)
        self.assertNotIn("broadcast", shared.lower(q, r, *joined, table).as_text())
        # One table, for pools that differ.
        same = jax.vmap(function, in_axes=(0, 0, 0, 0, None))(q, r, *pools, made[0][1])
        for i in range(n):
            self.check(same[i], np.asarray(function(q[i], r[i], pools[0][i], pools[1][i], made[0][1]), np.float64))

    def test_fp8(self):
        """Scales of all stay as they are; those of each are a loop."""
        n, heads = 3, np.array([0.5, 0.03], np.float32)
        each = np.stack([heads * (i + 1) for i in range(n)])
        many = [reference.inputs(seed, keys=48) for seed in range(n)]
        q, r = (np.stack([one[i] for one in many]).astype(np.float16) for i in range(2))
        for scales, axis in ((heads, None), (each, 0)):
            made = [reference.in_bytes(k, v, scales[i] if axis == 0 else scales, 2)
                    for i, (_, _, k, v) in enumerate(many)]
            k, v = (np.stack([short[i] for short, _ in made]) for i in range(2))
            right = np.stack([reference.attention(q[i], r[i], *wide)[0] for i, (_, wide) in enumerate(made)])
            function = jax.vmap(lambda *x: lla.jax.attention(*x[:4], k_scales=x[4], v_scales=2.0, fp32_out=True),
                                in_axes=(0, 0, 0, 0, axis))
            self.check(function(q, r, k, v, scales), right)
            self.check(jax.jit(function)(q, r, k, v, scales), right)
            self.assertEqual("while" in jax.jit(function).lower(q, r, k, v, scales).as_text(), axis == 0)

    def test_packed_is_a_loop(self):
        n, places = 2, [np.array([[0, 4, 17], [0, 16, 17]], np.int32), np.array([0, 20, 50], np.int32)]
        many = [[x[0] for x in reference.inputs(seed, batch=1, rows=17, keys=50)] for seed in range(n)]
        q, r, k, v = (np.stack([one[i] for one in many]) for i in range(4))
        right = np.stack([reference.packed(q[i], r[i], k[0], v[i], places[0][i], places[1]) for i in range(n)])
        one = lambda *x: lla.jax.attention(*x[:4], cu_seqlens_q=x[4], cu_seqlens_k=x[5])
        function = jax.vmap(one, in_axes=(0, 0, None, 0, 0, None))
        self.check(function(q, r, k[0], v, *places), right)
        self.check(jax.jit(function)(q, r, k[0], v, *places), right)
        nested = jax.vmap(jax.vmap(one, in_axes=(0, 0, None, 0, 0, None)), in_axes=(1, 1, None, 1, 1, None))
        self.check(nested(*(x[:, None] for x in (q, r)), k[0], v[:, None], places[0][:, None], places[1]), right[None])
        self.assertEqual(function(q[:0], r[:0], k[0], v[:0], places[0][:0], places[1]).shape, (0, *right.shape[1:]))

    def test_over_nothing(self):
        q, r, k, v = (np.stack([x, x])[:0] for x in reference.inputs(2, rows=3))
        self.assertEqual(jax.vmap(lla.jax.attention)(q, r, k, v).shape, q.shape)
        state = jax.jit(jax.vmap(lambda *x: lla.jax.attention(*x, return_state=True)))(q, r, k, v)
        self.assertEqual([x.shape for x in state], [q.shape, q.shape[:4], q.shape[:4], q.shape])
        parts = [jnp.zeros((0, 2, *x.shape[1:])) for x in state]
        self.assertEqual([x.shape for x in jax.vmap(lla.jax.merge)(*parts)], [x.shape for x in state])
        # Of each a batch of nothing.
        self.assertEqual(jax.vmap(lla.jax.attention)(*(np.zeros((2, 0, *x.shape[2:]), x.dtype) for x in (q, r, k, v)))
                         .shape, (2, 0, *q.shape[2:]))

    def test_out_of_range_pages_stay_in_their_pool(self):
        k = np.ones((2, 4, 16, 2, 32), np.float32)
        k[1] = np.nan
        q = np.ones((2, 1, 1, 4, 32), np.float32)
        table = np.array([[[9]], [[0]]], np.int32)
        out = jax.vmap(lambda q, k, table: lla.jax.attention(q, q, k, k, page_table=table))(q, k, table)
        self.assertTrue(np.isfinite(out[0]).all())
        self.assertFalse(np.isfinite(out[1]).any())


@unittest.skipIf(HAS_GPU, "fp32 runs on the host only")
class Misuse(unittest.TestCase):
    def test_each_is_an_exception(self):
        q, r, k, v = reference.inputs(1)
        three, table = np.ones(3, np.int32), np.zeros((2, 3), np.int32)
        rows, keys = {"q": q[0], "r": r[0], "cu_seqlens_q": three}, {"k": k[0], "v": v[0], "cu_seqlens_k": three}
        short = {name: jnp.asarray(x, jnp.float8_e4m3fn) for name, x in (("k", k), ("v", v))}
        half = {"q": q.astype(np.float16), "r": r.astype(np.float16), **short}
        cases = [
            (lla.UsageError, "q.ndim: expected 4, got 3", {"q": q[0]}),
            (TypeError, "k: expected an array, got None", {"k": None}),
            (lla.UsageError, "layout", {"layout": "sbhd"}),
            (lla.UsageError, "q.dtype: expected fp32, bf16 or fp16, got int32", {"q": q.astype(np.int32)}),
            (lla.UsageError, "head", {"q": q[:, :, :3], "r": r[:, :, :3]}),
            (lla.UsageError, "window", {"window": -1}),
            (lla.UsageError, "r.ndim: expected 4, got 3", {"r": r[0]}),
            (lla.UsageError, "r.dtype: expected fp32, got fp16", {"r": r.astype(np.float16)}),
            (lla.UsageError, "r.batch: expected 2 as in q, got 1", {"r": r[:1]}),
            (lla.UsageError, "k.dtype: expected fp32, got bf16", {"k": jnp.asarray(k, jnp.bfloat16)}),
            (lla.UsageError, "k.batch: expected 2 as in q, got 1", {"k": k[:1], "v": v[:1]}),
            (lla.UsageError, "k.dim: expected 32 as in q, got 16", {"k": k[..., :16], "v": v[..., :16]}),
            (lla.UsageError, "v.row: expected 40 as in k, got 9", {"v": v[:, :9]}),
            (lla.UsageError, "v.dtype: expected fp32, got int32", {"v": v.astype(np.int32)}),
            (lla.UsageError, "lengths.dtype: expected int32, got fp32", {"lengths": np.ones(2, np.float32)}),
            (lla.UsageError, "lengths.sequences: expected 2 as in q, got 3", {"lengths": three}),
            (lla.UsageError, "starts.ndim: expected 1, got 2", {"starts": table}),
            (lla.UsageError, "page_table.ndim: expected 2, got 1", {"page_table": three}),
            (lla.UsageError, "page_table.batch: expected 2 as in q, got 1", {"page_table": table[:1]}),
            (lla.UsageError, "q.ndim: expected 3, got 4", {"cu_seqlens_q": three}),
            (lla.UsageError, "k.ndim: expected 3, got 4", {"cu_seqlens_k": three}),
            (lla.UsageError, "r.ndim: expected 3, got 4", {"q": q[0], "cu_seqlens_q": three}),
            (lla.UsageError, "cu_seqlens_q.dtype: expected int32, got fp32", {**rows, "cu_seqlens_q": np.ones(
                3, np.float32)}),
            (lla.UsageError, "cu_seqlens_q.ndim: expected 1, got 2", {**rows, "cu_seqlens_q": table}),
            (lla.UsageError, "cu_seqlens_q: expected a number more than sequences, got 0",
             {**rows, "cu_seqlens_q": three[:0]}),
            (lla.UsageError, "cu_seqlens_k.sequences: expected 3 as in cu_seqlens_q, got 2",
             {**rows, **keys, "cu_seqlens_k": three[:2]}),
            (lla.UsageError, "cu_seqlens_k.sequences: expected 3 as in q, got 2", {**keys, "cu_seqlens_k": three[:2]}),
            (lla.UsageError, "k.batch: expected 1 as in cu_seqlens_q, got 2", {**rows, "cu_seqlens_q": three[:2]}),
            (lla.UsageError, "lengths.sequences: expected 2 as in cu_seqlens_q, got 3", {**rows, "lengths": three}),
            (lla.UsageError, "v.row: expected 40 as in k, got 9", {**keys, "v": v[0, :9]}),
            (lla.UsageError, "cu_seqlens_k: expected either it or a page_table, got both",
             {**keys, "page_table": table}),
            (lla.UsageError, "q.dtype: expected fp32, bf16 or fp16, got fp8_e4m3", {"q": short["k"][:, :1], "r": None}),
            (lla.UsageError, "k.dtype: expected fp32, got fp8_e4m3", short),
            (lla.UsageError, "k.dtype: expected fp16 or fp8_e4m3, got uint8", {**half, "k": k.astype(np.uint8)}),
            (lla.UsageError, "v.dtype: expected fp8_e4m3, got fp32", {**half, "v": v}),
            (lla.UsageError, "k_scales: expected None with k in fp32", {"k_scales": np.ones(1, np.float32)}),
            (lla.UsageError, "v_scales.dtype: expected fp32, got fp16", {**half, "v_scales": np.ones(1, np.float16)}),
            (lla.UsageError, "v_scales.ndim: expected 1, got 2", {**half, "v_scales": np.ones((2, 1), np.float32)}),
            (lla.UsageError, "k_scales.head: expected 1 or 2, got 4", {**half, "k_scales": np.ones(4, np.float32)}),
        ]
        for error, text, changes in cases:
            options = {"layout": "bshd", "window": 0, **{name: changes.pop(name) for name in ("layout", "window")
                                                         if name in changes}}
            given = {"q": q, "r": r, "k": k, "v": v, **changes}
            for name, function in (("eager", lla.jax.attention), ("jit", jax.jit(lambda **x: lla.jax.attention(
                    **x, **options))), ("shape", lambda **x: jax.eval_shape(lambda: lla.jax.attention(**x)))):
                if name == "shape" and text in ("head", "window"):
                    continue  # The compiler's own, of the problem, which has no shapes.
                with self.subTest(text=text, name=name), self.assertRaisesRegex(error, text):
                    function(**given, **({} if name == "jit" else options))
        for text, given in (("^max_seqlen_q: expected none without cu_seqlens_q, got 3", {"max_seqlen_q": 3}),
                            ("^max_seqlen_k: expected >= 0, got -1", {**keys, "max_seqlen_k": -1}),
                            ("^k_scales: expected a number that fp32 holds, got 1e[+]39", {**half, "k_scales": 1e39}),
                            ("head_dim: expected a multiple of 16 with kv_dtype=fp8_e4m3, got 24",
                             {name: x[..., :24] for name, x in half.items()})):
            with self.subTest(text=text), self.assertRaisesRegex(lla.UsageError, text):
                lla.jax.attention(**{"q": q, "r": r, "k": k, "v": v, **given})
        parts = [jnp.stack([x, x]) for x in lla.jax.attention(q, r, k, v, return_state=True)]
        for text, i, change in (("^out.ndim: expected 5, got 4", 0, parts[0][0]),
                                ("^lse.dtype: expected fp32, got bf16", 1, parts[1].astype(jnp.bfloat16)),
                                ("^tbar.shard: expected 2 as in out, got 1", 2, parts[2][:1]),
                                ("^vbar.dim: expected 32 as in out, got 8", 3, parts[3][..., :8])):
            with self.subTest(text=text), self.assertRaisesRegex(lla.UsageError, text):
                jax.eval_shape(lla.jax.merge, *(change if i == j else one for j, one in enumerate(parts)))
        with self.assertRaisesRegex(lla.UsageError, "^dtype: expected fp32, bf16 or fp16, got int32"):
            lla.jax.merge(*parts, dtype=jnp.int32)

    def test_wide_types(self):
        q, r, k, v = reference.inputs(1)
        with jax.enable_x64(True):
            with self.assertRaisesRegex(lla.UsageError, "^lengths.dtype: expected int32, got int64"):
                lla.jax.attention(q, r, k, v, lengths=jnp.array([1, 2]))
            with self.assertRaisesRegex(lla.UsageError, "^q.dtype: expected fp32, bf16 or fp16, got fp64"):
                lla.jax.attention(*(jnp.asarray(x, jnp.float64) for x in (q, r, k, v)))

    def test_gradients_are_refused(self):
        q, r, k, v = reference.inputs(2)
        with self.assertRaisesRegex(NotImplementedError, "no backward pass"):
            jax.grad(lambda q: lla.jax.attention(q, r, k, v).sum())(q)

    def test_is_not_imported_unasked(self):
        code = "import sys, lla; print('jax' in sys.modules)"
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        self.assertEqual(result.stdout, "False\n")


if __name__ == "__main__":
    unittest.main(verbosity=1)
