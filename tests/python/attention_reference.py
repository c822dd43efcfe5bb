"""What attention should give, in NumPy and double precision, one row at a time."""

import numpy as np


def attention(q, r, k, v, *, causal=False, window=0, scale=None, lengths=None, starts=None):
    """As lla.attention, layout bshd, contiguous keys. Returns (out, lse)."""
    q, k, v = (np.asarray(x, np.float64) for x in (q, k, v))
    r = None if r is None else np.asarray(r, np.float64)
    batch, rows, heads, dim = q.shape
    scale = dim ** -0.5 if scale is None else scale
    out, lse = np.zeros(q.shape), np.full(q.shape[:3], -np.inf)
    for b, i, h in np.ndindex(batch, rows, heads):
        keys = k.shape[1] if lengths is None else int(lengths[b])
        end = keys - rows + i + 1 if causal or window else keys
        first = max(0 if starts is None else int(starts[b]), end - window if window else 0)
        if end <= first:
            continue
        kv = h // (heads // k.shape[2])
        s = scale * (k[b, first:end, kv] @ q[b, i, h])
        p = np.exp(s - s.max())
        lse[b, i, h] = np.log(p.sum()) + s.max()
        p /= p.sum()
        t = np.zeros_like(p) if r is None else k[b, first:end, kv] @ r[b, i, h]
        out[b, i, h] = (p * (1 + p @ t - t)) @ v[b, first:end, kv]
    return out, lse


def packed(q, r, k, v, cu_seqlens_q, cu_seqlens_k, **options):
    """Of sequences that stand one behind the other; without r softmax attention."""
    out = np.zeros(q.shape)
    for i in range(len(cu_seqlens_q) - 1):
        rows, keys = slice(*cu_seqlens_q[i:i + 2]), slice(*cu_seqlens_k[i:i + 2])
        one = None if r is None else r[None, rows]
        out[rows] = attention(q[None, rows], one, k[None, keys], v[None, keys], **options)[0][0]
    return out


def in_bytes(k, v, k_scales=1, v_scales=1):
    """Keys and values that, times scales (a number, [1] or [kv_heads]), are about these; and what they are in fp64."""
    from ml_dtypes import float8_e4m3fn
    factors = [np.asarray(x, np.float64).reshape(-1, 1) for x in (k_scales, v_scales)]
    short = [(x / factor).astype(float8_e4m3fn) for x, factor in zip((k, v), factors)]
    return short, [x.astype(np.float64) * factor for x, factor in zip(short, factors)]


def inputs(seed, batch=2, rows=1, heads=4, kv_heads=2, keys=40, dim=32, dtype=np.float32):
    """q, r, k, v of moderate size."""
    random = np.random.default_rng(seed)

    def normal(factor, *shape):
        return (factor * random.standard_normal(shape)).astype(dtype)

    return (normal(0.5, batch, rows, heads, dim), normal(0.2, batch, rows, heads, dim),
            normal(1, batch, keys, kv_heads, dim), normal(1, batch, keys, kv_heads, dim))
