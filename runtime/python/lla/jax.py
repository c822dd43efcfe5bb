"""Local linear attention for JAX.

`attention` and `merge` are primitives: they work under `jax.jit` and `jax.vmap`, on the CPU and on NVIDIA GPUs, where
XLA calls the kernel on its own stream and may put it into its command buffers (CUDA graphs). Tracing compiles it.

`vmap` folds what it maps over into the batch; arrays that it does not map are repeated for that, but for pools of
pages and scales, which stay as they are. Packed sequences, and scales that it does map, are a loop of calls instead.
There is no backward pass yet: a gradient is refused.
"""

from __future__ import annotations

import functools
import math
import operator
from typing import Any, Optional, Union

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

import lla

__all__ = ["attention", "merge"]

# In the order of the C API's calls.
_NAMES = ("q", "r", "k", "v", "out", "lse", "tbar", "vbar", "lengths", "starts", "page_table", "cu_seqlens_q",
          "cu_seqlens_k", "k_scales", "v_scales", "part_o", "part_lse", "part_tbar", "part_vbar")
_PARTS = _NAMES[-4:]
_OPERANDS = ("q", "r", "k", "v", "lengths", "starts", "page_table", "cu_seqlens_q", "cu_seqlens_k", "k_scales",
             "v_scales")
_PLACES = ("cu_seqlens_q", "cu_seqlens_k")
_LONGEST = ("max_seqlen_q", "max_seqlen_k")
_SCALES = ("k_scales", "v_scales")
# Codes and bits of DLPack; of anything else the library is not asked.
_TYPES = {"float32": (2, 32), "float16": (2, 16), "bfloat16": (4, 16), "float8_e4m3fn": (10, 8), "int32": (0, 32)}
_SHORT = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16", "float64": "fp64", "float8_e4m3fn": "fp8_e4m3"}

_handler = lla._core.xla_handler()
jax.ffi.register_ffi_target("lla_attention", _handler, platform="cpu")
jax.ffi.register_ffi_target("lla_attention", {"initialize": _handler, "execute": _handler}, platform="CUDA")

_attention = Primitive("lla_attention")
_attention.multiple_results = True


def _results(q: Any, fp32_out: bool, state: bool) -> dict[str, jax.ShapeDtypeStruct]:
    results = {"out": jax.ShapeDtypeStruct(q.shape, jnp.float32 if fp32_out else q.dtype)}
    if state:
        rows = jax.ShapeDtypeStruct(q.shape[:-1], jnp.float32)
        results.update(lse=rows, tbar=rows, vbar=jax.ShapeDtypeStruct(q.shape, jnp.float32))
    return results


@_attention.def_abstract_eval
def _(q, *others, fp32_out, state, **options):
    return [jax.core.ShapedArray(one.shape, one.dtype) for one in _results(q, fp32_out, state).values()]


def _lower(target: str, *operands: jax.Array, names: tuple[str, ...], causal: bool, window: int, scale: float,
           bhsd: bool, fp32_out: bool, state: bool, longest: tuple[int, int]) -> list[jax.Array]:
    results = _results(operands[0], fp32_out, state)
    return _call(target, operands, names, results, causal, window, scale, bhsd, longest)


def _call(target: str, operands: tuple, names: tuple[str, ...], results: dict[str, jax.ShapeDtypeStruct], causal: bool,
          window: int, scale: float, bhsd: bool, longest: tuple[int, int] = (0, 0)) -> list[jax.Array]:
    shapes = {name: (*_TYPES[one.dtype.name], *one.shape)
              for name, one in (*zip(names, operands), *results.items())}
    workspace = lla._core.prepare(tuple(shapes.get(name) for name in _NAMES), causal, window, scale, bhsd, *longest,
                                  target)
    # A call has what its operands need: programs that were exported before stay what they are.
    packed = {name: np.int64(most) for places, name, most in zip(_PLACES, _LONGEST, longest) if places in names}
    if workspace:  # 64 more, to be aligned to 256 bytes.
        results["workspace"] = jax.ShapeDtypeStruct((-(-workspace // 4) + 64,), jnp.int32)
    call = jax.ffi.ffi_call("lla_attention", list(results.values()))
    outs = call(*operands, operands=" ".join(names), results=" ".join(results), causal=np.bool_(causal),
                window=np.int64(window), scale=np.float64(scale), bhsd=np.bool_(bhsd), gpu=np.bool_(target != "host"),
                **packed)
    return outs[:-1] if workspace else outs


for _platform, _target in (("cpu", "host"), ("cuda", "cuda")):
    mlir.register_lowering(_attention, mlir.lower_fun(functools.partial(_lower, _target), multiple_results=True),
                           platform=_platform)


@functools.lru_cache(maxsize=None)
def _compiled(primitive: Primitive, options: tuple[tuple[str, Any], ...]):
    return jax.jit(functools.partial(primitive.bind, **dict(options)))


@_attention.def_impl
def _(*operands, **options):
    return _compiled(_attention, tuple(options.items()))(*operands)


# Both dimensions may be 0, which -1 does not do for.
def _fold(one: jax.Array) -> jax.Array:
    return one.reshape(one.shape[0] * one.shape[1], *one.shape[2:])


def _unfold(one: jax.Array, count: int, batch: int) -> jax.Array:
    return one.reshape(count, batch, *one.shape[1:])


def _batch(operands, axes, *, names, **options):
    count = next(one.shape[axis] for one, axis in zip(operands, axes) if axis is not None)
    mapped = {name: None if axis is None else jnp.moveaxis(one, axis, 0)
              for name, one, axis in zip(names, operands, axes)}
    given = dict(zip(names, operands))
    # Places are numbers of rows that all stand in one tensor, and the scales of a call are those of each sequence.
    if any(name in _PLACES or (name in _SCALES and one is not None) for name, one in mapped.items()):
        call = lambda ones: _attention.bind(*({**given, **ones}[name] for name in names), names=names, **options)
        outs = jax.lax.map(call, {name: one for name, one in mapped.items() if one is not None})
        return outs, [0] * len(outs)

    def spread(name):
        one = mapped[name]
        return jnp.broadcast_to(given[name], (count, *given[name].shape)) if one is None else one

    folded = {name: given[name] for name in ("k", "v")}
    is_paged = "page_table" in names
    if not is_paged or mapped["k"] is not None or mapped["v"] is not None:
        folded = {name: spread(name) for name in ("k", "v")}
        pages = folded["k"].shape[1]
        folded = {name: _fold(one) for name, one in folded.items()}
        if is_paged:  # Each has its pages behind those of the ones before; none may reach into another's.
            mapped["page_table"] = (jnp.clip(spread("page_table"), 0, pages - 1) +
                                    jnp.arange(count, dtype=jnp.int32)[:, None, None] * pages)
    folded.update((name, given[name]) for name in _SCALES if name in names)
    for name in names:
        if name not in folded:
            folded[name] = _fold(spread(name))
    outs = _attention.bind(*(folded[name] for name in names), names=names, **options)
    batch = given["q"].shape[0] if mapped["q"] is None else mapped["q"].shape[1]
    return [_unfold(out, count, batch) for out in outs], [0] * len(outs)


batching.primitive_batchers[_attention] = _batch


def _refuse(*_, **__):
    raise NotImplementedError("attention: expected no gradient to be asked for, for there is no backward pass yet")


ad.primitive_jvps[_attention] = _refuse


_merge = Primitive("lla_merge")
_merge.multiple_results = True


def _merged(parts: tuple, dtype: Any) -> dict[str, jax.ShapeDtypeStruct]:
    types = (dtype, jnp.float32, jnp.float32, jnp.float32)
    return {name: jax.ShapeDtypeStruct(one.shape[1:], kind)
            for name, one, kind in zip(("out", "lse", "tbar", "vbar"), parts, types)}


@_merge.def_abstract_eval
def _(*parts, dtype, bhsd):
    return [jax.core.ShapedArray(one.shape, one.dtype) for one in _merged(parts, dtype).values()]


@_merge.def_impl
def _(*parts, **options):
    return _compiled(_merge, tuple(options.items()))(*parts)


def _lower_merge(target: str, *parts: jax.Array, dtype: Any, bhsd: bool) -> list[jax.Array]:
    scale = 1 / math.sqrt(max(parts[0].shape[-1], 1))
    return _call(target, parts, _PARTS, _merged(parts, dtype), False, 0, scale, bhsd)


for _platform, _target in (("cpu", "host"), ("cuda", "cuda")):
    mlir.register_lowering(_merge, mlir.lower_fun(functools.partial(_lower_merge, _target), multiple_results=True),
                           platform=_platform)


def _batch_merge(parts, axes, **options):
    count = next(one.shape[axis] for one, axis in zip(parts, axes) if axis is not None)
    folded = []
    for one, axis in zip(parts, axes):  # [shards, count, batch, ...]
        one = (jnp.broadcast_to(one[:, None], (one.shape[0], count, *one.shape[1:])) if axis is None else
               jnp.moveaxis(one, axis, 1))
        batch = one.shape[2]
        folded.append(one.reshape(one.shape[0], count * batch, *one.shape[3:]))
    outs = _merge.bind(*folded, **options)
    return [_unfold(out, count, batch) for out in outs], [0] * len(outs)


batching.primitive_batchers[_merge] = _batch_merge
ad.primitive_jvps[_merge] = _refuse


_NUMBERS = ("float32", "bfloat16", "float16")
_FP8 = "float8_e4m3fn"
_DIMENSIONS = (("batch", "row", "head", "dim"), ("batch", "head", "row", "dim"))  # bshd, bhsd


def _name_of(dtype: Any) -> str:
    return _SHORT.get(dtype.name, dtype.name)


# What the library checks when it runs is an error of XLA's then, and too late for whoever traces.

def _check(name: str, one: jax.Array, rank: int, types: tuple[str, ...]) -> None:
    if one.ndim != rank:
        raise lla.UsageError(f"{name}.ndim: expected {rank}, got {one.ndim}")
    if one.dtype.name not in types:
        expected = [_SHORT.get(type, type) for type in types]
        expected = " or ".join((", ".join(expected[:-1]), expected[-1]) if expected[1:] else expected)
        raise lla.UsageError(f"{name}.dtype: expected {expected}, got {_name_of(one.dtype)}")


def _check_sizes(name: str, one: jax.Array, dimensions: tuple[str, ...], expected: tuple[int, ...], like: str) -> None:
    for dimension, size, wanted in zip(dimensions, one.shape, expected):
        if size != wanted:
            raise lla.UsageError(f"{name}.{dimension}: expected {wanted} as in {like}, got {size}")


def _check_call(given: dict[str, jax.Array], bhsd: bool) -> None:
    q, k, v = given["q"], given["k"], given["v"]
    # What is packed has no batch.
    rows, keys = (_DIMENSIONS[bhsd][name in given:] for name in _PLACES)
    _check("q", q, len(rows), _NUMBERS)
    _check("k", k, len(keys), (q.dtype.name,) if q.dtype == jnp.float32 else (q.dtype.name, _FP8))
    _check("v", v, len(keys), (k.dtype.name,))
    if "r" in given:
        _check("r", given["r"], len(rows), (q.dtype.name,))
        _check_sizes("r", given["r"], rows, q.shape, "q")
    batch, like = q.shape[:1], "q"
    for name in _PLACES:
        if name in given:
            _check(name, given[name], 1, ("int32",))
            if given[name].shape[0] < 1:
                raise lla.UsageError(f"{name}: expected a number more than sequences, got 0")
    if "cu_seqlens_q" in given:
        batch, like = (given["cu_seqlens_q"].shape[0] - 1,), "cu_seqlens_q"
    if "cu_seqlens_k" in given:
        if "page_table" in given:
            raise lla.UsageError("cu_seqlens_k: expected either it or a page_table, got both")
        _check_sizes("cu_seqlens_k", given["cu_seqlens_k"], ("sequences",), (batch[0] + 1,), like)
    elif "page_table" in given:
        _check("page_table", given["page_table"], 2, ("int32",))
        _check_sizes("page_table", given["page_table"], ("batch",), batch, like)
    else:
        _check_sizes("k", k, ("batch",), batch, like)
    if k.shape[-1] != q.shape[-1]:
        raise lla.UsageError(f"k.dim: expected {q.shape[-1]} as in q, got {k.shape[-1]}")
    _check_sizes("v", v, keys, k.shape, "k")
    for name in ("lengths", "starts"):
        if name in given:
            _check(name, given[name], 1, ("int32",))
            _check_sizes(name, given[name], ("sequences",), batch, like)
    heads = k.shape[keys.index("head")]
    for name in _SCALES:
        if name in given:
            if k.dtype.name != _FP8:
                raise lla.UsageError(f"{name}: expected None with k in {_name_of(k.dtype)} (only fp8_e4m3 has scales), "
                                     "got an array")
            _check(name, given[name], 1, ("float32",))
            if given[name].shape[0] not in (1, heads):
                raise lla.UsageError(f"{name}.head: expected 1 or {heads}, got {given[name].shape[0]}")


def _check_longest(given: dict[str, jax.Array], longest: tuple[int, int]) -> None:
    for places, name, most in zip(_PLACES, _LONGEST, longest):
        if most and places not in given:
            raise lla.UsageError(f"{name}: expected none without {places}, got {most}")
        if most < 0:
            raise lla.UsageError(f"{name}: expected >= 0, got {most}")


def merge(out: jax.Array, lse: jax.Array, tbar: jax.Array, vbar: jax.Array, *, layout: str = "bshd",
          dtype: Any = jnp.float32) -> lla.AttentionState:
    """`lla.merge` of JAX's arrays: the shards' results, in fp32, in a first dimension more; `dtype` is that of out."""
    bhsd = lla._is_bhsd(layout)
    parts = dict(zip(("out", "lse", "tbar", "vbar"), map(jnp.asarray, (out, lse, tbar, vbar))))
    _check("out", parts["out"], 5, ("float32",))
    sizes = parts["out"].shape
    for name, rank in (("lse", 4), ("tbar", 4), ("vbar", 5)):
        _check(name, parts[name], rank, ("float32",))
        _check_sizes(name, parts[name], ("shard", *_DIMENSIONS[bhsd])[:rank], sizes[:rank], "out")
    dtype = jnp.dtype(dtype)
    if dtype.name not in _NUMBERS:
        raise lla.UsageError(f"dtype: expected fp32, bf16 or fp16, got {_name_of(dtype)}")
    return lla.AttentionState(*_merge.bind(*parts.values(), dtype=dtype, bhsd=bhsd))


def attention(q: jax.Array, r: Optional[jax.Array], k: jax.Array, v: jax.Array, *, causal: bool = False,
              window: int = 0, scale: Optional[float] = None, layout: str = "bshd",
              lengths: Optional[jax.Array] = None, starts: Optional[jax.Array] = None,
              page_table: Optional[jax.Array] = None, fp32_out: bool = False, return_state: bool = False,
              cu_seqlens_q: Optional[jax.Array] = None, cu_seqlens_k: Optional[jax.Array] = None,
              max_seqlen_q: int = 0, max_seqlen_k: int = 0, k_scales: Union[None, float, jax.Array] = None,
              v_scales: Union[None, float, jax.Array] = None) -> Any:
    """Attention of `lla.attention`, whose arguments these are; the options are Python values, not traced ones.

    Returns out, or with `return_state` an `lla.AttentionState`. Rows of no packed sequence may hold anything.
    """
    k_scales, v_scales = (lla._scales(name, scales, lambda number: jnp.full(1, number, jnp.float32))
                          for name, scales in zip(_SCALES, (k_scales, v_scales)))
    given = dict(zip(_OPERANDS, (q, r, k, v, lengths, starts, page_table, cu_seqlens_q, cu_seqlens_k, k_scales,
                                 v_scales)))
    given = {name: jnp.asarray(one) for name, one in given.items() if one is not None}
    for name in ("q", "k", "v"):
        if name not in given:
            raise TypeError(f"{name}: expected an array, got None")
    bhsd, longest = lla._is_bhsd(layout), (operator.index(max_seqlen_q), operator.index(max_seqlen_k))
    _check_longest(given, longest)
    _check_call(given, bhsd)
    scale = 1 / math.sqrt(max(given["q"].shape[-1], 1)) if scale is None else float(scale)
    outs = _attention.bind(*given.values(), names=tuple(given), causal=bool(causal), window=int(window), scale=scale,
                           bhsd=bhsd, fp32_out=bool(fp32_out), state=bool(return_state), longest=longest)
    return lla.AttentionState(*outs) if return_state else outs[0]
