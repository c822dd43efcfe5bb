"""Local linear attention: kernels compiled for the shapes they are called with.

Per query row, over its visible keys j:

    p = softmax(scale <q, k_j>)    t_j = <r, k_j>    tbar = sum_j p_j t_j
    out = sum_j p_j (1 + tbar - t_j) v_j

Tensors of any library that speaks DLPack or the buffer protocol are read where they are, with their strides: NumPy on
the host, PyTorch on either, others on a GPU. Results are made by the library of q, so it has to be NumPy, PyTorch, CuPy
or one of the array API's; of anything else, a memoryview say, `out` has to be given. The first call of a kind compiles
a kernel (a fraction of a second; `warmup` does it ahead); sizes are rounded up to powers of two for that, so that a
growing context meets a handful of kinds. Calls on a GPU go to the current stream, do not synchronise, and may be
captured in a CUDA graph once a call of their kind has been made.

PyTorch operators are in `lla.torch`; `parallax_attn_with_kvcache` and the like can be had from here too. `attention` of
JAX's arrays is that of `lla.jax`, for `jax.jit` and `jax.vmap`.
"""

from __future__ import annotations

import importlib
import json
import numbers
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

from lla import _core

__all__ = [
    "AttentionState", "CancelledError", "CompileError", "Error", "NoDeviceError", "NotPreparedError", "UsageError",
    "attention", "merge", "statistics", "tvm_ffi_library", "warmup",
]

__version__ = f"{_core.version // 10000}.{_core.version // 100 % 100}.{_core.version % 100}"

#: Any object with `__dlpack__` or the buffer protocol; `out` is made only of what is named above.
Tensor = Any


class Error(RuntimeError):
    """A failure of the library, with its message: "field: expected X, got Y"."""


class UsageError(Error, ValueError):
    """Wrong shapes, types, strides, devices, or environment variables."""


class NotPreparedError(Error):
    """A call of a kind that was not there before a CUDA graph was captured."""


class NoDeviceError(Error):
    """No such device, no driver, or a driver too old."""


class CompileError(Error):
    """No kernel could be made: the compiler refused, its worker crashed or hung, or compiling is forbidden."""


class CancelledError(Error):
    """A warm-up whose `progress` has ended it."""


class AttentionState(NamedTuple):
    """A result with what a merge with other keys, or a backward pass, needs beside it; fp32."""

    out: Tensor
    lse: Tensor  #: ln sum_j e^(scale <q, k_j>), -inf where a row sees no key; [batch, rows, heads]
    tbar: Tensor  #: as lse
    vbar: Tensor  #: sum_j p_j v_j; as out


# The package's modules for frameworks, and what can be had of them from here; none is imported before it is asked for.
_LAZY = {
    "jax": "lla.jax",
    "parallax_attn_with_kvcache": "lla.torch",
    "parallax_decode": "lla.torch",
    "parallax_func": "lla.torch",
    "parallax_reference": "lla.torch",
    "parallax_varlen_func": "lla.torch",
    "torch": "lla.torch",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'lla' has no attribute {name!r}")
    try:
        module = importlib.import_module(_LAZY[name])
    except ImportError as error:
        raise AttributeError(f"module 'lla' has no attribute {name!r} here: {error}") from error
    found = globals()[name] = module if module.__name__ == f"lla.{name}" else getattr(module, name)
    return found


# What a call may raise that names an argument, and arguments that have another name in the library than here.
_WITH_NAMES = (UsageError, BufferError, TypeError, ValueError)
_ATTENTION_NAMES = {"o": "out"}
_MERGE_NAMES = {"out": "merged_out", "o": "merged_out", "part_o": "out", "part_lse": "lse", "part_tbar": "tbar",
                "part_vbar": "vbar"}


def _respelled(error: Exception, names: Mapping[str, str]) -> Exception:
    """The error, with arguments named as the caller has named them."""
    if type(error) not in _WITH_NAMES:
        return error
    places = rf"(^|\b(?:as in|overlap with) )({'|'.join(names)})\b"
    return type(error)(re.sub(places, lambda found: found[1] + names[found[2]], str(error)))


_LIBRARIES = ("torch", "numpy", "cupy", "jax", "jaxlib")


def _library_of(tensor: Tensor) -> str:
    """Of the tensor's type, or of the nearest that it is derived from."""
    library = type(tensor).__module__.partition(".")[0]
    if library not in _LIBRARIES:
        for base in type(tensor).__mro__:
            if base.__module__.partition(".")[0] in _LIBRARIES:
                return base.__module__.partition(".")[0]
    return library


_torch: Any = None


def _torch_door() -> Any:
    """lla.torch; what `torch.compile` can follow, too."""
    global _torch
    if _torch is None:
        from lla import torch as door
        _torch = door
    return _torch


def _settled(*given: Optional[Tensor]) -> tuple:
    """As they are, but for what PyTorch's tensors among those of other libraries are beside their memory."""
    if any(_library_of(one) == "torch" for one in given):
        return _torch_door()._settled(*given)
    return given


def _shape_of(name: str, tensor: Tensor) -> tuple[int, ...]:
    shape = getattr(tensor, "shape", None)
    if shape is None:
        raise TypeError(f"{name}: expected a tensor (DLPack or the buffer protocol), got {type(tensor).__name__}")
    return tuple(shape)


def _empty(shape: tuple[int, ...], like: Tensor, fp32: bool) -> Tensor:
    """Memory for a result, in the library and on the device of `like`; of its type unless fp32 is asked for."""
    library = _library_of(like)
    if library == "torch":
        torch = importlib.import_module("torch")
        return torch.empty(shape, dtype=torch.float32 if fp32 else like.dtype, device=like.device)
    if library in ("numpy", "cupy"):
        return importlib.import_module(library).empty(shape, "float32" if fp32 else like.dtype)
    if library.startswith("jax"):
        raise TypeError("out: expected a tensor that can be written, got none, and arrays of JAX cannot be")
    if not hasattr(like, "__array_namespace__"):
        name = type(like).__name__
        raise TypeError(f"out: expected a tensor to write to, got none, and nothing makes one for {name}")
    namespace = like.__array_namespace__()
    return namespace.empty(shape, dtype=namespace.float32 if fp32 else like.dtype, device=like.device)


_MOST_FP32 = 2.0**128 - 2.0**104


def _scales(name: str, scales: Any, full: Callable[[float], Tensor], stream: Optional[int] = None) -> Optional[Tensor]:
    """Of a number a tensor of one, which `full` makes on the current stream; a tensor gets the dimension it lacks."""
    if not isinstance(scales, numbers.Real):  # NumPy's scalars are.
        if 0 in getattr(scales, "shape", ()):
            raise UsageError(f"{name}.head: expected 1 or the number of KV heads, got 0")
        return scales.reshape(1) if getattr(scales, "ndim", None) == 0 else scales
    if not -_MOST_FP32 <= scales <= _MOST_FP32:  # Nor NaN.
        raise UsageError(f"{name}: expected a number that fp32 holds, got {scales}")
    if stream is not None:
        raise UsageError(f"{name}: expected a tensor for a call on another stream than the current one, got a number")
    return full(float(scales))


def _full(number: float, like: Tensor) -> Tensor:
    """fp32 [1] in the library and on the device of `like`."""
    library = _library_of(like)
    if library in ("numpy", "cupy"):
        return importlib.import_module(library).full(1, number, "float32")
    if not hasattr(like, "__array_namespace__"):
        raise TypeError(f"scales: expected tensors with q of {type(like).__name__}, got a number")
    namespace = like.__array_namespace__()
    return namespace.full(1, number, dtype=namespace.float32, device=like.device)


def _allocate(like: Tensor, size: int) -> Tensor:
    """Zeros on the device of `like`, which the library keeps; they are there on return, for any stream."""
    library = _library_of(like)
    if library == "torch":
        torch = importlib.import_module("torch")
        zeros = torch.zeros(size // 4 + 1, dtype=torch.int32, device=like.device)
        torch.cuda.current_stream(like.device).synchronize()
        return zeros
    if library == "cupy":
        cupy = importlib.import_module(library)
        zeros = cupy.zeros(size // 4 + 1, "int32")
        cupy.cuda.get_current_stream().synchronize()
        return zeros
    raise TypeError(f"workspace: expected tensors of PyTorch or CuPy on a GPU, got {type(like)}")


def _is_capturing(like: Tensor) -> bool:
    if _library_of(like) != "torch" or not like.is_cuda:
        return False
    return importlib.import_module("torch").cuda.is_current_stream_capturing()


# By the numbers of lla_status in lla.h.
_core.set_hooks({
    1: UsageError, 3: NotPreparedError, 4: NoDeviceError, 6: CompileError, 7: CompileError, 8: CompileError,
    9: CompileError, 10: CompileError, 12: CancelledError, -1: Error,
}, _allocate, _is_capturing)


def _is_bhsd(layout: str) -> bool:
    if layout not in ("bshd", "bhsd"):
        raise UsageError(f"layout: expected bshd or bhsd, got {layout!r}")
    return layout == "bhsd"


def _state_like(out: Tensor, state: Optional[tuple[Tensor, Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
    if state is not None:
        return state
    rows = tuple(out.shape[:-1])
    return _empty(rows, out, True), _empty(rows, out, True), _empty(tuple(out.shape), out, True)


def attention(q: Tensor, r: Optional[Tensor], k: Tensor, v: Tensor, *, causal: bool = False, window: int = 0,
              scale: Optional[float] = None, layout: str = "bshd", lengths: Optional[Tensor] = None,
              starts: Optional[Tensor] = None, page_table: Optional[Tensor] = None,
              cu_seqlens_q: Optional[Tensor] = None, cu_seqlens_k: Optional[Tensor] = None, max_seqlen_q: int = 0,
              max_seqlen_k: int = 0, out: Optional[Tensor] = None, fp32_out: bool = False, return_state: bool = False,
              state_out: Optional[tuple[Tensor, Tensor, Tensor]] = None, stream: Optional[int] = None,
              k_scales: Union[None, float, Tensor] = None, v_scales: Union[None, float, Tensor] = None) -> Any:
    """Local linear attention of queries `q` and probes `r` over keys `k` and values `v`; without r softmax attention.

    q, r: [batch, rows, heads, dim]; k, v: [batch, keys, kv_heads, dim] of the same type (fp32, bf16, fp16), with heads
    a multiple of kv_heads and dim a multiple of 8 in 16..256. Layout "bhsd" has heads before rows. Up to 16 rows are a
    decode step. Any strides but of dim, which is 1; on a GPU addresses and strides are multiples of 16 bytes.

    causal: row i sees keys j <= keys - rows + i. window: each row sees its last `window` keys, its own included (0:
    all); implies causal. scale: of <q, k>, by default 1/sqrt(dim); <r, k> is never scaled.

    lengths, starts: int32 [batch], how many keys each sequence has and which is its first; the mask is aligned to the
    end of each. page_table: int32 [batch, pages]; k and v are then pools [pages, page_size, kv_heads, dim]. They stay
    on the device.

    cu_seqlens_q: int32 [batch + 1], the first row of each sequence and of one more: q, r and the results are then
    [rows, heads, dim], those of all sequences one behind the other. cu_seqlens_k: likewise k and v, [keys, kv_heads,
    dim]. max_seqlen_q, max_seqlen_k: the most that one sequence has, beyond which nothing is computed or read (0: all
    there are, which costs time where sequences are many). Rows of no sequence are not written.

    k_scales, v_scales: what fp8 keys and values are multiplied by (`k_descale` of flash-attention, `k_scale` of vLLM).
    With q and r in bf16 or fp16, k and v may be float8_e4m3fn, of PyTorch, JAX or ml_dtypes; dim is then a multiple of
    16. fp32 [1] or [kv_heads] on the device of q, or a number, of which each call makes a tensor on the current stream;
    None: 1. Bytes of another type are not taken for fp8: `k.view(torch.float8_e4m3fn)` says what they are.

    out: as q, or fp32; made if None (fp32 with `fp32_out`). With `return_state` the result is an AttentionState, else
    out; `state_out` is memory for its lse, tbar and vbar. stream: a CUDA stream's address, by default the current one
    of q's library where that tells it (PyTorch), else the default stream. Raises UsageError, or TypeError for what is
    no tensor, with the name of the argument; NotImplementedError where PyTorch or JAX asks for a gradient.

    A CUDA graph may hold a call once one of its kind has been made; graphs captured on a stream that made none share a
    workspace, so do not replay two of them at the same time.
    """
    library = _library_of(q)
    if library == "torch":
        return _torch_door()._call(q, r, k, v, lengths, starts, page_table, causal, window, scale, _is_bhsd(layout),
                                   out, cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k, fp32_out, return_state,
                                   state_out, stream, k_scales, v_scales)
    if out is None and stream is None and state_out is None and library.startswith("jax"):
        return importlib.import_module("lla.jax").attention(
            q, r, k, v, causal=causal, window=window, scale=scale, layout=layout, lengths=lengths, starts=starts,
            page_table=page_table, fp32_out=fp32_out, return_state=return_state, cu_seqlens_q=cu_seqlens_q,
            cu_seqlens_k=cu_seqlens_k, max_seqlen_q=max_seqlen_q, max_seqlen_k=max_seqlen_k, k_scales=k_scales,
            v_scales=v_scales)
    if not (type(k) is type(q) and type(v) is type(q) and (r is None or type(r) is type(q))):
        r, k, v = _settled(r, k, v)
    if k_scales is not None or v_scales is not None:
        k_scales, v_scales = _settled(*(_scales(name, scales, lambda number: _full(number, q), stream)
                                        for name, scales in (("k_scales", k_scales), ("v_scales", v_scales))))
    if out is None:
        out = _empty(_shape_of("q", q), q, fp32_out)
    lse = tbar = vbar = None
    if return_state or state_out is not None:
        lse, tbar, vbar = _state_like(out, state_out)
    try:
        _core.attention(q, r, k, v, out, lse, tbar, vbar, lengths, starts, page_table, cu_seqlens_q, cu_seqlens_k,
                        k_scales, v_scales, causal, window, scale, _is_bhsd(layout), max_seqlen_q, max_seqlen_k, stream)
    except _WITH_NAMES as error:
        raise _respelled(error, _ATTENTION_NAMES) from None
    return AttentionState(out, lse, tbar, vbar) if return_state else out


def merge(out: Tensor, lse: Tensor, tbar: Tensor, vbar: Tensor, *, layout: str = "bshd",
          merged_out: Optional[Tensor] = None, stream: Optional[int] = None) -> AttentionState:
    """Joins the results of disjoint shards of the keys into exactly that of all keys, in any order and nesting.

    Each argument has the shards' tensors of an AttentionState in a first dimension more, in fp32: out and vbar
    [shards, batch, rows, heads, dim], lse and tbar [shards, batch, rows, heads]. `merged_out` may be of another type.
    """
    library = _library_of(out)
    if library == "torch":
        return _torch_door()._join(out, lse, tbar, vbar, _is_bhsd(layout), merged_out, stream)
    if merged_out is None and stream is None and library.startswith("jax"):
        return importlib.import_module("lla.jax").merge(out, lse, tbar, vbar, layout=layout)
    lse, tbar, vbar = _settled(lse, tbar, vbar)
    if merged_out is None:
        merged_out = _empty(_shape_of("out", out)[1:], out, False)
    state = _state_like(merged_out, None)
    try:
        _core.merge(out, lse, tbar, vbar, merged_out, *state, _is_bhsd(layout), stream)
    except _WITH_NAMES as error:
        raise _respelled(error, _MERGE_NAMES) from None
    return AttentionState(merged_out, *state)


def warmup(problems: Iterable[Mapping[str, Any]], *, target: Optional[str] = None, jobs: int = 0,
           progress: Optional[Callable[[int, int, int, int, str], Any]] = None) -> int:
    """Compiles and loads the kernels of `problems` in parallel, so that calls of their kinds start at once.

    A problem is a dict with the names of the command line: mode ("decode", "prefill", "merge"), batch, query_heads,
    kv_heads, query_length, context, head_dim, dtype, kv_dtype, causal, window, ... target: "host", "cuda", "cuda:1";
    the best there is if None. jobs: at a time; 0: one per CPU. progress(done, count, index, status, message) is called
    after each on the calling thread; anything true cancels, which raises CancelledError. What it raises cancels, too,
    and so does Ctrl-C: kernels that are being made are finished first. Returns how many kernels are ready; raises for
    the first that is not.
    """
    return _core.warmup([json.dumps(dict(problem)) for problem in problems], target, jobs, progress)


def statistics(target: Optional[str] = None) -> dict[str, float]:
    """What kernels have cost so far on a target: hits and misses by layer, compile and load times in milliseconds."""
    return _core.statistics(target)


def tvm_ffi_library() -> str:
    """The file for tvm_ffi.load_module; what its functions take is in runtime/frameworks/TvmFfi.cpp.

    lla_attention_prepare(q, r, k, v, out, lse, tbar, vbar, lengths, starts, page_table, causal, window, scale, bhsd)
    compiles and loads a kernel and gives the bytes of its workspace; lla_attention(the same ..., workspace) runs it on
    tvm-ffi's current stream. The workspace is a tensor of zeros, or None where it has no bytes. Behind bhsd there may
    be k_scales and v_scales of keys and values in fp8. lla_attention_varlen and lla_merge are alike, of packed
    sequences and of shards.
    """
    package = Path(_core.__file__).parent  # Installed the libraries are within, in a build folder they are beside it.
    folders = [package / "lib", package.parents[1] / "lib"]
    return str(next((one for one in folders if one.is_dir()), folders[0]) / "liblla_tvm_ffi.so")
