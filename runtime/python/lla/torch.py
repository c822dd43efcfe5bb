"""Local linear attention for PyTorch.

`lla::attention`, `lla::attention_state` and `lla::merge`, and with `_out` behind those that write into given tensors,
are operators with fake implementations: `torch.compile` traces through them, and they may be captured in CUDA graphs.
The functions have the names that users of this operator know; `lla.attention` and `lla.merge` of PyTorch's tensors are
here, too. In eager mode they call the kernel without the dispatcher, on the current stream, and never synchronise.

There is no backward pass yet: where a gradient is asked for, the functions say so. `parallax_reference` has one.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Optional, Union

import torch
from torch.autograd import forward_ad

import lla

__all__ = ["parallax_attn_with_kvcache", "parallax_decode", "parallax_func", "parallax_reference",
           "parallax_varlen_func"]

Tensor = torch.Tensor
State = tuple[Tensor, Tensor, Tensor]  #: lse, tbar and vbar.
#: How many keys a row sees, its own included; None or -1: all. As a pair (left, right) right is 0, -1 or None. (The
#: left of flash-attention does not count the row's own key: its (255, 0) is 256 here, and its (0, 0) is 1.)
WindowSize = Union[None, int, tuple[Optional[int], Optional[int]]]
#: Of float8_e4m3fn keys or values: fp32 [1] or [kv_heads], or a number (which is made a tensor for each call); None: 1.
Scales = Union[None, float, Tensor]

# --- operators: kernels, and what tracers see in their place

_library = torch.library.Library("lla", "DEF")
_OPERANDS = ("Tensor q, Tensor? r, Tensor k, Tensor v, Tensor? lengths, Tensor? starts, Tensor? page_table, "
             "bool causal, int window, float? scale, bool bhsd")
_PACKED = "Tensor? cu_seqlens_q=None, Tensor? cu_seqlens_k=None, SymInt max_seqlen_q=0, SymInt max_seqlen_k=0"
_SCALES = "Tensor? k_scales=None, Tensor? v_scales=None"
_STATE = "Tensor(b!) lse, Tensor(c!) tbar, Tensor(d!) vbar"
_PARTS = "Tensor part_out, Tensor part_lse, Tensor part_tbar, Tensor part_vbar, bool bhsd"


def _empty_out(q: Tensor, fp32: bool) -> Tensor:
    if fp32:
        return torch.empty_like(q, dtype=torch.float32, memory_format=torch.contiguous_format)
    return torch.empty_like(q, memory_format=torch.contiguous_format)


def _empty_state(out: Tensor) -> State:
    lse, tbar = (out.new_empty(out.shape[:-1], dtype=torch.float32) for _ in range(2))
    return lse, tbar, out.new_empty(out.shape, dtype=torch.float32)


def _attention(q: Tensor, r: Optional[Tensor], k: Tensor, v: Tensor, lengths: Optional[Tensor],
               starts: Optional[Tensor], page_table: Optional[Tensor], causal: bool, window: int,
               scale: Optional[float], bhsd: bool, cu_seqlens_q: Optional[Tensor] = None,
               cu_seqlens_k: Optional[Tensor] = None, max_seqlen_q: int = 0, max_seqlen_k: int = 0,
               fp32_out: bool = False, k_scales: Optional[Tensor] = None,
               v_scales: Optional[Tensor] = None) -> Tensor:
    out = _empty_out(q, fp32_out)
    lla._core.attention(q, r, k, v, out, None, None, None, lengths, starts, page_table, cu_seqlens_q, cu_seqlens_k,
                        k_scales, v_scales, causal, window, scale, bhsd, max_seqlen_q, max_seqlen_k, None)
    return out


def _attention_out(q: Tensor, r: Optional[Tensor], k: Tensor, v: Tensor, lengths: Optional[Tensor],
                   starts: Optional[Tensor], page_table: Optional[Tensor], causal: bool, window: int,
                   scale: Optional[float], bhsd: bool, out: Tensor, cu_seqlens_q: Optional[Tensor] = None,
                   cu_seqlens_k: Optional[Tensor] = None, max_seqlen_q: int = 0, max_seqlen_k: int = 0,
                   k_scales: Optional[Tensor] = None, v_scales: Optional[Tensor] = None) -> None:
    lla._core.attention(q, r, k, v, out, None, None, None, lengths, starts, page_table, cu_seqlens_q, cu_seqlens_k,
                        k_scales, v_scales, causal, window, scale, bhsd, max_seqlen_q, max_seqlen_k, None)


def _attention_state(q: Tensor, r: Optional[Tensor], k: Tensor, v: Tensor, lengths: Optional[Tensor],
                     starts: Optional[Tensor], page_table: Optional[Tensor], causal: bool, window: int,
                     scale: Optional[float], bhsd: bool, cu_seqlens_q: Optional[Tensor] = None,
                     cu_seqlens_k: Optional[Tensor] = None, max_seqlen_q: int = 0, max_seqlen_k: int = 0,
                     fp32_out: bool = False, k_scales: Optional[Tensor] = None,
                     v_scales: Optional[Tensor] = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    out = _empty_out(q, fp32_out)
    state = _empty_state(out)
    lla._core.attention(q, r, k, v, out, *state, lengths, starts, page_table, cu_seqlens_q, cu_seqlens_k, k_scales,
                        v_scales, causal, window, scale, bhsd, max_seqlen_q, max_seqlen_k, None)
    return out, *state


def _attention_state_out(q: Tensor, r: Optional[Tensor], k: Tensor, v: Tensor, lengths: Optional[Tensor],
                         starts: Optional[Tensor], page_table: Optional[Tensor], causal: bool, window: int,
                         scale: Optional[float], bhsd: bool, out: Tensor, lse: Tensor, tbar: Tensor, vbar: Tensor,
                         cu_seqlens_q: Optional[Tensor] = None, cu_seqlens_k: Optional[Tensor] = None,
                         max_seqlen_q: int = 0, max_seqlen_k: int = 0, k_scales: Optional[Tensor] = None,
                         v_scales: Optional[Tensor] = None) -> None:
    lla._core.attention(q, r, k, v, out, lse, tbar, vbar, lengths, starts, page_table, cu_seqlens_q, cu_seqlens_k,
                        k_scales, v_scales, causal, window, scale, bhsd, max_seqlen_q, max_seqlen_k, None)


def _merge(part_out: Tensor, part_lse: Tensor, part_tbar: Tensor, part_vbar: Tensor,
           bhsd: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    out = part_out.new_empty(part_out.shape[1:])
    state = _empty_state(out)
    lla._core.merge(part_out, part_lse, part_tbar, part_vbar, out, *state, bhsd, None)
    return out, *state


def _merge_out(part_out: Tensor, part_lse: Tensor, part_tbar: Tensor, part_vbar: Tensor, bhsd: bool, out: Tensor,
               lse: Tensor, tbar: Tensor, vbar: Tensor) -> None:
    lla._core.merge(part_out, part_lse, part_tbar, part_vbar, out, lse, tbar, vbar, bhsd, None)


def _fake_attention(q, r, k, v, lengths, starts, page_table, causal, window, scale, bhsd, cu_seqlens_q=None,
                    cu_seqlens_k=None, max_seqlen_q=0, max_seqlen_k=0, fp32_out=False, k_scales=None, v_scales=None):
    return q.new_empty(q.shape, dtype=torch.float32 if fp32_out else q.dtype)


def _fake_attention_state(*arguments, **options):
    out = _fake_attention(*arguments, **options)
    return out, *_empty_state(out)


def _fake_merge(part_out, *_):
    out = part_out.new_empty(part_out.shape[1:])
    return out, *_empty_state(out)


def _write_nothing(*_, **__):
    return None


# --- what the dispatcher, and gradients, have to do with a call

# How many modes (fake tensors, tracers) want to see each operator, the innermost transform of torch.func, and the
# levels of forward-mode AD. Private names: where one is missing the dispatcher is asked each time.
_modes = getattr(torch._C, "_len_torch_dispatch_stack", lambda: 1)
_transform = getattr(getattr(torch._C, "_functorch", None), "maybe_current_level", lambda: 0)
_duals = forward_ad if hasattr(forward_ad, "_current_level") else types.SimpleNamespace(_current_level=0)


def _refuse_gradients(tensors: Iterable[Any]) -> None:
    """Neither reverse mode nor forward mode: a result that is a constant would be a silent error."""
    tensors = [one for one in tensors if isinstance(one, Tensor)]
    if (torch.is_grad_enabled() and any(one.requires_grad for one in tensors)) or (
            _duals._current_level >= 0 and any(forward_ad.unpack_dual(one).tangent is not None for one in tensors)):
        raise NotImplementedError("attention: expected no gradient to be asked for, for there is no backward pass yet: "
                                  "call it under torch.no_grad(), or parallax_reference")


def _are_plain(tensors: Iterable[Optional[Tensor]], is_functional=torch._is_functional_tensor) -> bool:
    """Whether all that the dispatcher could do with these is to call the kernel."""
    for one in tensors:
        if one is not None and (type(one) is not Tensor or one.is_neg() or is_functional(one) or
                                not (one.is_cuda or one.is_cpu)):
            return False
    return True


def _without_gradient(operator: Callable, kernel: Callable, read: tuple[slice, ...], written: slice) -> Callable:
    below, is_grad_enabled = torch._C._AutoDispatchBelowAutograd, torch.is_grad_enabled

    def call(*arguments):
        if is_grad_enabled() or _duals._current_level >= 0:
            _refuse_gradients(arguments)
        # A second round through the dispatcher would be a third of a call.
        if _modes() == 0 and all(_are_plain(arguments[one]) for one in read) and _are_plain(arguments[written]):
            return kernel(*arguments)
        with below():
            return operator(*arguments)

    return call


# Name, result, kernel, fake kernel; which arguments are read as floating-point numbers (q, r, k, v and the scales, or
# the parts of a merge; what a caller left out is not there), and which are written.
for _name, _schema, _kernel, _fake, _read, _written in (
        ("attention", f"({_OPERANDS}, {_PACKED}, bool fp32_out=False, {_SCALES}) -> Tensor", _attention,
         _fake_attention, (slice(4), slice(16, 18)), slice(0)),
        ("attention_out", f"({_OPERANDS}, Tensor(a!) out, {_PACKED}, {_SCALES}) -> ()", _attention_out, _write_nothing,
         (slice(4), slice(16, 18)), slice(11, 12)),
        ("attention_state", f"({_OPERANDS}, {_PACKED}, bool fp32_out=False, {_SCALES}) -> (Tensor, Tensor, Tensor, "
         "Tensor)", _attention_state, _fake_attention_state, (slice(4), slice(16, 18)), slice(0)),
        ("attention_state_out", f"({_OPERANDS}, Tensor(a!) out, {_STATE}, {_PACKED}, {_SCALES}) -> ()",
         _attention_state_out, _write_nothing, (slice(4), slice(19, 21)), slice(11, 15)),
        ("merge", f"({_PARTS}) -> (Tensor, Tensor, Tensor, Tensor)", _merge, _fake_merge, (slice(4),), slice(0)),
        ("merge_out", f"({_PARTS}, Tensor(a!) out, {_STATE}) -> ()", _merge_out, _write_nothing, (slice(4),),
         slice(5, 9)),
):
    _library.define(_name + _schema)
    for _device in ("CPU", "CUDA"):
        _library.impl(_name, _kernel, _device)
    torch.library.register_fake(f"lla::{_name}", _fake, lib=_library)
    _operator = getattr(torch.ops.lla, _name).default
    _library.impl(_name, _without_gradient(_operator, _kernel, _read, _written), "Autograd")


# --- calls

# What the functions here call otherwise than the library does.
_NAMES = {"lengths": "seqused_k", "o": "out"}
_CACHE_NAMES = {"k": "k_cache", "v": "v_cache", **_NAMES}


def _is_direct(q: Tensor, r: Optional[Tensor], k: Tensor, v: Tensor, out: Optional[Tensor], Tensor=Tensor,
               modes=_modes, transform=_transform, is_neg=Tensor.is_neg) -> bool:
    """Whether a call may leave out the dispatcher: in eager mode, outside transforms, of tensors that are memory."""
    return (type(q) is type(k) is type(v) is Tensor and (r is None or type(r) is Tensor) and
            (out is None or (type(out) is Tensor and not is_neg(out))) and modes() == 0 and transform() is None and
            (q.is_cuda or q.is_cpu) and
            not (is_neg(q) or is_neg(k) or is_neg(v) or (r is not None and is_neg(r))))


def _are_stored(tensors: Iterable[Any]) -> bool:
    """The same of those that beside q need not be on a device that there is: the library looks."""
    return all(one is None or (type(one) is Tensor and not one.is_neg()) for one in tensors)


def _are_tensors(given: Iterable[Any]) -> bool:
    return all(one is None or isinstance(one, Tensor) for one in given)


def _settled(*given: Any) -> tuple:
    """Of tensors of several libraries, those of PyTorch as memory that says all that they are."""
    _refuse_gradients(given)
    return tuple(one.resolve_neg() if isinstance(one, Tensor) else one for one in given)


def _check_query(q: Any) -> None:
    if not isinstance(q, Tensor):
        raise TypeError(f"q: expected a torch.Tensor, got {type(q).__name__}")


def _check_no_stream(stream: Optional[int]) -> None:
    if stream is not None:
        raise lla.UsageError(f"stream: expected none where PyTorch traces or transforms a call, got {stream}")


def _scales(q: Tensor, k_scales: Scales, v_scales: Scales, stream: Optional[int]) -> tuple:
    """As tensors, on the device of q."""
    _check_query(q)
    full = lambda number: q.new_full((1,), number, dtype=torch.float32)
    return lla._scales("k_scales", k_scales, full, stream), lla._scales("v_scales", v_scales, full, stream)


def _call(q: Tensor, r: Optional[Tensor], k: Tensor, v: Tensor, lengths: Optional[Tensor], starts: Optional[Tensor],
          page_table: Optional[Tensor], causal: bool, window: int, scale: Optional[float], bhsd: bool,
          out: Optional[Tensor], cu_seqlens_q: Optional[Tensor] = None, cu_seqlens_k: Optional[Tensor] = None,
          max_seqlen_q: int = 0, max_seqlen_k: int = 0, fp32_out: bool = False, return_state: bool = False,
          state: Optional[State] = None, stream: Optional[int] = None, k_scales: Scales = None, v_scales: Scales = None,
          names: Mapping[str, str] = lla._ATTENTION_NAMES) -> Any:
    """`names`: how the caller calls what has another name here."""
    has_scales = k_scales is not None or v_scales is not None
    if has_scales:
        k_scales, v_scales = _scales(q, k_scales, v_scales, stream)
    if torch.compiler.is_compiling():
        _check_no_stream(stream)
        return _call_operator(q, r, k, v, (lengths, starts, page_table, causal, window, scale, bhsd), out,
                              (cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k), fp32_out, return_state, state,
                              (k_scales, v_scales))
    _check_query(q)
    try:
        if _is_direct(q, r, k, v, out) and (not has_scales or _are_stored((k_scales, v_scales))):
            if has_scales:
                _refuse_gradients((k_scales, v_scales))
            if (torch.is_grad_enabled() and (q.requires_grad or k.requires_grad or v.requires_grad or
                                             (r is not None and r.requires_grad) or
                                             (out is not None and out.requires_grad))) or _duals._current_level >= 0:
                _refuse_gradients((q, r, k, v, out))
        elif isinstance(out, Tensor) and out.is_neg():
            raise lla.UsageError("out: expected a tensor that is stored as it is, got a view that negates it")
        elif _are_tensors((r, k, v, out, k_scales, v_scales)):
            _check_no_stream(stream)
            return _call_operator(q, r, k, v, (lengths, starts, page_table, causal, window, scale, bhsd), out,
                                  (cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k), fp32_out, return_state,
                                  state, (k_scales, v_scales))
        else:
            q, r, k, v, k_scales, v_scales = _settled(q, r, k, v, k_scales, v_scales)
        if out is None:
            out = _empty_out(q, fp32_out)
        lse = tbar = vbar = None
        if return_state or state is not None:
            lse, tbar, vbar = _empty_state(out) if state is None else state
        lla._core.attention(q, r, k, v, out, lse, tbar, vbar, lengths, starts, page_table, cu_seqlens_q, cu_seqlens_k,
                            k_scales, v_scales, causal, window, scale, bhsd, max_seqlen_q, max_seqlen_k, stream)
    except lla._WITH_NAMES as error:
        raise lla._respelled(error, names) from None
    return lla.AttentionState(out, lse, tbar, vbar) if return_state else out


def _call_operator(q: Tensor, r: Optional[Tensor], k: Tensor, v: Tensor, options: tuple, out: Optional[Tensor],
                   packed: tuple, fp32_out: bool, return_state: bool, state: Optional[State], scales: tuple) -> Any:
    if out is None and state is None:
        if return_state:
            return lla.AttentionState(*torch.ops.lla.attention_state(q, r, k, v, *options, *packed, fp32_out, *scales))
        return torch.ops.lla.attention(q, r, k, v, *options, *packed, fp32_out, *scales)
    if out is None:
        out = _empty_out(q, fp32_out)
    if state is None and not return_state:
        torch.ops.lla.attention_out(q, r, k, v, *options, out, *packed, *scales)
        return out
    lse, tbar, vbar = _empty_state(out) if state is None else state
    torch.ops.lla.attention_state_out(q, r, k, v, *options, out, lse, tbar, vbar, *packed, *scales)
    return lla.AttentionState(out, lse, tbar, vbar) if return_state else out


def _join(out: Tensor, lse: Tensor, tbar: Tensor, vbar: Tensor, bhsd: bool, merged_out: Optional[Tensor],
          stream: Optional[int]) -> lla.AttentionState:
    """`lla.merge` of PyTorch's tensors."""
    if torch.compiler.is_compiling() or (_are_tensors((lse, tbar, vbar, merged_out)) and
                                         not _is_direct(out, lse, tbar, vbar, merged_out)):
        _check_no_stream(stream)
        if merged_out is None:
            return lla.AttentionState(*torch.ops.lla.merge(out, lse, tbar, vbar, bhsd))
        state = _empty_state(merged_out)
        torch.ops.lla.merge_out(out, lse, tbar, vbar, bhsd, merged_out, *state)
        return lla.AttentionState(merged_out, *state)
    parts = _settled(out, lse, tbar, vbar)
    if merged_out is None:
        merged_out = out.new_empty(out.shape[1:])
    _refuse_gradients((merged_out,))
    state = _empty_state(merged_out)
    try:
        lla._core.merge(*parts, merged_out, *state, bhsd, stream)
    except lla._WITH_NAMES as error:
        raise lla._respelled(error, lla._MERGE_NAMES) from None
    return lla.AttentionState(merged_out, *state)


def _mask(causal: bool, window_size: WindowSize) -> tuple[bool, int]:
    """causal and window as `lla.attention` has them."""
    if window_size is None:
        return causal, 0
    left, right = window_size, None
    if isinstance(window_size, (tuple, list)):
        if len(window_size) != 2:
            raise lla.UsageError(f"window_size: expected a number of keys or a pair (left, right), got {window_size}")
        left, right = window_size
        if right not in (0, -1, None):
            raise lla.UsageError(f"window_size: expected nothing to the right (0, -1 or None), got {right}")
        causal = causal or right == 0
        if not causal and left not in (-1, None):
            raise lla.UsageError(f"window_size: expected 0 to the right of a window that is not causal, got {right}")
    if left is None or left == -1:
        return causal, 0
    if left < 1:
        raise lla.UsageError("window_size: expected how many keys a row sees, its own included, or None or -1 for all, "
                             f"got {left}")
    return True, left


def parallax_attn_with_kvcache(q: Tensor, r: Optional[Tensor], k_cache: Tensor, v_cache: Tensor, *,
                               page_table: Optional[Tensor] = None, seqused_k: Optional[Tensor] = None,
                               window_size: WindowSize = None, scale: Optional[float] = None,
                               out: Optional[Tensor] = None, k_scales: Scales = None,
                               v_scales: Scales = None) -> Tensor:
    """Attention of the newest rows of each sequence over its cache; causal, aligned to the end of each sequence.

    q, r: [batch, rows, heads, dim], the last rows of their sequences (r None: softmax attention); k_cache, v_cache:
    [batch, keys, kv_heads, dim], or with a page_table [batch, pages] pools [pages, page_size, kv_heads, dim].
    seqused_k: int32 [batch], keys in use, the new rows' own included; None: all. k_scales, v_scales: of a cache in
    float8_e4m3fn, as `lla.attention` has them.
    """
    return _call(q, r, k_cache, v_cache, seqused_k, None, page_table, *_mask(True, window_size), scale, False, out,
                 k_scales=k_scales, v_scales=v_scales, names=_CACHE_NAMES)


def parallax_decode(q: Tensor, r: Optional[Tensor], k: Tensor, v: Tensor, scale: Optional[float] = None, *,
                    seqused_k: Optional[Tensor] = None, window_size: WindowSize = None,
                    out: Optional[Tensor] = None, k_scales: Scales = None, v_scales: Scales = None) -> Tensor:
    """One decode step: q, r [batch, 1, heads, dim] or [batch, heads, dim]; k, v [batch, keys, kv_heads, dim]."""
    _check_query(q)
    if q.dim() == 3:
        rows = None if r is None else r.unsqueeze(1)
        result = parallax_decode(q.unsqueeze(1), rows, k, v, scale, seqused_k=seqused_k, window_size=window_size,
                                 out=None if out is None else out.unsqueeze(1), k_scales=k_scales, v_scales=v_scales)
        return result.squeeze(1) if out is None else out
    if q.shape[1] != 1:
        raise lla.UsageError(f"q.row: expected 1, got {q.shape[1]}")
    return _call(q, r, k, v, seqused_k, None, None, *_mask(True, window_size), scale, False, out,
                 k_scales=k_scales, v_scales=v_scales, names=_NAMES)


def parallax_func(q: Tensor, r: Optional[Tensor], k: Tensor, v: Tensor, *, causal: bool = True,
                  window_size: WindowSize = None, scale: Optional[float] = None, out: Optional[Tensor] = None,
                  k_scales: Scales = None, v_scales: Scales = None) -> Tensor:
    """Attention of whole sequences: q, r [batch, rows, heads, dim]; k, v [batch, keys, kv_heads, dim]. Forward only."""
    return _call(q, r, k, v, None, None, None, *_mask(causal, window_size), scale, False, out,
                 k_scales=k_scales, v_scales=v_scales, names=_NAMES)


def parallax_varlen_func(q: Tensor, r: Optional[Tensor], k: Tensor, v: Tensor, cu_seqlens_q: Tensor,
                         cu_seqlens_k: Optional[Tensor], max_seqlen_q: int, max_seqlen_k: int, *, causal: bool = True,
                         window_size: WindowSize = None, scale: Optional[float] = None,
                         page_table: Optional[Tensor] = None, seqused_k: Optional[Tensor] = None,
                         out: Optional[Tensor] = None, k_scales: Scales = None, v_scales: Scales = None) -> Tensor:
    """Attention of sequences that stand one behind the other, each of its own length; causal to the end of each.

    q, r: [rows, heads, dim]; k, v: [keys, kv_heads, dim]. cu_seqlens_q, cu_seqlens_k: int32 [batch + 1], where each
    sequence begins, and one more; a sequence has at most max_seqlen_q rows and max_seqlen_k keys. With a page_table
    [batch, pages] k and v are pools [pages, page_size, kv_heads, dim], cu_seqlens_k is None, and seqused_k, int32
    [batch], says how many keys each has. Forward only.
    """
    if (cu_seqlens_k is None) == (page_table is None):
        raise lla.UsageError("cu_seqlens_k: expected either it or a page_table, got " +
                             ("neither" if page_table is None else "both"))
    # A page table says itself how many keys there can be.
    return _call(q, r, k, v, seqused_k, None, page_table, *_mask(causal, window_size), scale, False, out, cu_seqlens_q,
                 cu_seqlens_k, max_seqlen_q, 0 if page_table is not None else max_seqlen_k, k_scales=k_scales,
                 v_scales=v_scales, names=_NAMES)


def _scaled(x: Tensor, scales: Scales) -> Tensor:
    if scales is None:
        return x
    return x * (scales[:, None] if isinstance(scales, Tensor) and scales.dim() else scales)


def parallax_reference(q: Tensor, r: Optional[Tensor], k: Tensor, v: Tensor, *, causal: bool = True,
                       window_size: WindowSize = None, scale: Optional[float] = None, k_scales: Scales = None,
                       v_scales: Scales = None) -> Tensor:
    """The formula in eager PyTorch, in fp32 (fp64 of fp64), differentiable; the result has q's type."""
    real = torch.float64 if q.dtype == torch.float64 else torch.float32
    group = q.shape[2] // k.shape[2]
    keys, values = (_scaled(x.to(real), scales).repeat_interleave(group, dim=2)
                    for x, scales in ((k, k_scales), (v, v_scales)))
    s = torch.einsum("bihd,bjhd->bhij", q.to(real), keys) * (q.shape[-1] ** -0.5 if scale is None else scale)
    rows, count = q.shape[1], k.shape[1]
    causal, window = _mask(causal, window_size)
    # Of each row, counted from the end of the keys.
    behind = torch.arange(count - rows, count, device=q.device)[:, None] - torch.arange(count, device=q.device)
    hidden = behind < 0 if causal else torch.zeros_like(behind, dtype=torch.bool)
    if window:
        hidden |= behind >= window
    s = s.masked_fill(hidden, float("-inf"))
    empty = hidden.all(dim=-1)[None, None, :, None]
    p = torch.where(empty, 0, torch.softmax(torch.where(empty, 0, s), dim=-1))
    if r is not None:
        t = torch.einsum("bihd,bjhd->bhij", r.to(real), keys)
        p = p * (1 + (p * t).sum(-1, keepdim=True) - t)
    return torch.einsum("bhij,bjhd->bihd", p, values).to(q.dtype)
