"""Local linear attention for PyTorch.

`lla::attention` is an operator with a fake implementation: `torch.compile` traces through it, and it may be captured in
CUDA graphs. The functions have the names that users of this operator know. In eager mode they call the kernel without
the dispatcher, on the current stream, and never synchronise.

There is no backward pass yet: where a gradient is asked for, the functions say so. `parallax_reference` has one.
"""

from __future__ import annotations

from typing import Optional, Union

import torch

import lla

__all__ = ["parallax_attn_with_kvcache", "parallax_decode", "parallax_func", "parallax_reference",
           "parallax_varlen_func"]

Tensor = torch.Tensor
#: Keys that a row sees, its own included; as a pair (left, right) right is 0 or -1. None or -1: all.
WindowSize = Union[None, int, tuple[int, int]]

_library = torch.library.Library("lla", "DEF")
_ARGUMENTS = ("Tensor q, Tensor? r, Tensor k, Tensor v, Tensor? lengths, Tensor? starts, Tensor? page_table, "
              "bool causal, int window, float? scale, bool bhsd")
_PACKED = "Tensor? cu_seqlens_q=None, Tensor? cu_seqlens_k=None, SymInt max_seqlen_q=0, SymInt max_seqlen_k=0"
_library.define(f"attention({_ARGUMENTS}, {_PACKED}) -> Tensor")
_library.define(f"attention_out({_ARGUMENTS}, Tensor(a!) out, {_PACKED}) -> ()")


def _attention(q: Tensor, r: Optional[Tensor], k: Tensor, v: Tensor, lengths: Optional[Tensor],
               starts: Optional[Tensor], page_table: Optional[Tensor], causal: bool, window: int,
               scale: Optional[float], bhsd: bool, cu_seqlens_q: Optional[Tensor] = None,
               cu_seqlens_k: Optional[Tensor] = None, max_seqlen_q: int = 0, max_seqlen_k: int = 0) -> Tensor:
    out = torch.empty_like(q, memory_format=torch.contiguous_format)
    lla._core.attention(q, r, k, v, out, None, None, None, lengths, starts, page_table, cu_seqlens_q, cu_seqlens_k,
                        causal, window, scale, bhsd, max_seqlen_q, max_seqlen_k, None)
    return out


def _attention_out(q: Tensor, r: Optional[Tensor], k: Tensor, v: Tensor, lengths: Optional[Tensor],
                   starts: Optional[Tensor], page_table: Optional[Tensor], causal: bool, window: int,
                   scale: Optional[float], bhsd: bool, out: Tensor, cu_seqlens_q: Optional[Tensor] = None,
                   cu_seqlens_k: Optional[Tensor] = None, max_seqlen_q: int = 0, max_seqlen_k: int = 0) -> None:
    lla._core.attention(q, r, k, v, out, None, None, None, lengths, starts, page_table, cu_seqlens_q, cu_seqlens_k,
                        causal, window, scale, bhsd, max_seqlen_q, max_seqlen_k, None)


for _device in ("CPU", "CUDA"):
    _library.impl("attention", _attention, _device)
    _library.impl("attention_out", _attention_out, _device)


@torch.library.register_fake("lla::attention", lib=_library)
def _(q, *others, **options):
    return q.new_empty(q.shape)


@torch.library.register_fake("lla::attention_out", lib=_library)
def _(*arguments, **options):
    return None


def _refuse_gradients(arguments: tuple) -> None:
    if any(isinstance(one, Tensor) and one.requires_grad for one in arguments):
        raise NotImplementedError("attention: expected no gradient to be asked for, for there is no backward pass yet: "
                                  "call it under torch.no_grad(), or parallax_reference")


# How many modes (fake tensors, tracers) want to see each operator. A private function: without it, always one.
_modes = getattr(torch._C, "_len_torch_dispatch_stack", lambda: 1)


def _are_plain(tensors: tuple, is_functional=torch._is_functional_tensor) -> bool:
    """Whether all that the dispatcher could do with these is to call the kernel."""
    for one in tensors:
        if one is not None and (type(one) is not Tensor or one.is_neg() or is_functional(one)):
            return False
    return True


def _without_gradient(operator, kernel, is_grad_enabled=torch.is_grad_enabled):
    below = torch._C._AutoDispatchBelowAutograd

    def call(*arguments):
        if is_grad_enabled():
            _refuse_gradients(arguments)
        # A second round through the dispatcher would be a third of a call.
        if _modes() == 0 and _are_plain(arguments[:4]):
            return kernel(*arguments)
        with below():
            return operator(*arguments)

    return call


_library.impl("attention", _without_gradient(torch.ops.lla.attention.default, _attention), "Autograd")
_library.impl("attention_out", _without_gradient(torch.ops.lla.attention_out.default, _attention_out), "Autograd")


def _call(q: Tensor, r: Optional[Tensor], k: Tensor, v: Tensor, lengths: Optional[Tensor], starts: Optional[Tensor],
          page_table: Optional[Tensor], causal: bool, window: int, scale: Optional[float], bhsd: bool,
          out: Optional[Tensor], cu_seqlens_q: Optional[Tensor] = None, cu_seqlens_k: Optional[Tensor] = None,
          max_seqlen_q: int = 0, max_seqlen_k: int = 0) -> Tensor:
    # Plain tensors in eager mode need no dispatcher.
    if not torch.compiler.is_compiling() and type(q) is Tensor and _modes() == 0:
        if torch.is_grad_enabled() and (q.requires_grad or k.requires_grad or v.requires_grad or
                                        (r is not None and r.requires_grad)):
            _refuse_gradients((q, r, k, v))
        if out is None:
            out = torch.empty_like(q, memory_format=torch.contiguous_format)
        lla._core.attention(q, r, k, v, out, None, None, None, lengths, starts, page_table, cu_seqlens_q, cu_seqlens_k,
                            causal, window, scale, bhsd, max_seqlen_q, max_seqlen_k, None)
        return out
    packed = (cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k)
    if out is None:
        return torch.ops.lla.attention(q, r, k, v, lengths, starts, page_table, causal, window, scale, bhsd, *packed)
    torch.ops.lla.attention_out(q, r, k, v, lengths, starts, page_table, causal, window, scale, bhsd, out, *packed)
    return out


def _window(window_size: WindowSize) -> int:
    left, right = window_size if isinstance(window_size, (tuple, list)) else (window_size, 0)
    if right not in (0, -1, None):
        raise lla.UsageError(f"window_size: expected nothing to the right (0 or -1), got {right}")
    return 0 if left is None or left == -1 else left


def parallax_attn_with_kvcache(q: Tensor, r: Optional[Tensor], k_cache: Tensor, v_cache: Tensor, *,
                               page_table: Optional[Tensor] = None, seqused_k: Optional[Tensor] = None,
                               window_size: WindowSize = None, scale: Optional[float] = None,
                               out: Optional[Tensor] = None) -> Tensor:
    """Attention of the newest rows of each sequence over its cache; causal, aligned to the end of each sequence.

    q, r: [batch, rows, heads, dim], the last rows of their sequences (r None: softmax attention); k_cache, v_cache:
    [batch, keys, kv_heads, dim], or with a page_table [batch, pages] pools [pages, page_size, kv_heads, dim].
    seqused_k: int32 [batch], keys in use, the new rows' own included; None: all.
    """
    return _call(q, r, k_cache, v_cache, seqused_k, None, page_table, True, _window(window_size), scale, False, out)


def parallax_decode(q: Tensor, r: Optional[Tensor], k: Tensor, v: Tensor, scale: Optional[float] = None, *,
                    seqused_k: Optional[Tensor] = None, window_size: WindowSize = None,
                    out: Optional[Tensor] = None) -> Tensor:
    """One decode step: q, r [batch, 1, heads, dim] or [batch, heads, dim]; k, v [batch, keys, kv_heads, dim]."""
    if q.dim() == 3:
        rows = None if r is None else r.unsqueeze(1)
        result = parallax_decode(q.unsqueeze(1), rows, k, v, scale, seqused_k=seqused_k, window_size=window_size,
                                 out=None if out is None else out.unsqueeze(1))
        return result.squeeze(1) if out is None else out
    if q.shape[1] != 1:
        raise lla.UsageError(f"q.row: expected 1, got {q.shape[1]}")
    return _call(q, r, k, v, seqused_k, None, None, True, _window(window_size), scale, False, out)


def parallax_func(q: Tensor, r: Optional[Tensor], k: Tensor, v: Tensor, *, causal: bool = True,
                  window_size: WindowSize = None, scale: Optional[float] = None,
                  out: Optional[Tensor] = None) -> Tensor:
    """Attention of whole sequences: q, r [batch, rows, heads, dim]; k, v [batch, keys, kv_heads, dim]. Forward only."""
    return _call(q, r, k, v, None, None, None, causal, _window(window_size), scale, False, out)


def parallax_varlen_func(q: Tensor, r: Optional[Tensor], k: Tensor, v: Tensor, cu_seqlens_q: Tensor,
                         cu_seqlens_k: Optional[Tensor], max_seqlen_q: int, max_seqlen_k: int, *, causal: bool = True,
                         window_size: WindowSize = None, scale: Optional[float] = None,
                         page_table: Optional[Tensor] = None, seqused_k: Optional[Tensor] = None,
                         out: Optional[Tensor] = None) -> Tensor:
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
    return _call(q, r, k, v, seqused_k, None, page_table, causal, _window(window_size), scale, False, out, cu_seqlens_q,
                 cu_seqlens_k, max_seqlen_q, 0 if page_table is not None else max_seqlen_k)


def parallax_reference(q: Tensor, r: Optional[Tensor], k: Tensor, v: Tensor, *, causal: bool = True,
                       window_size: WindowSize = None, scale: Optional[float] = None) -> Tensor:
    """The formula in eager PyTorch, in fp32 (fp64 of fp64), differentiable; the result has q's type."""
    real = torch.float64 if q.dtype == torch.float64 else torch.float32
    group = q.shape[2] // k.shape[2]
    keys, values = (x.to(real).repeat_interleave(group, dim=2) for x in (k, v))
    s = torch.einsum("bihd,bjhd->bhij", q.to(real), keys) * (q.shape[-1] ** -0.5 if scale is None else scale)
    rows, count, window = q.shape[1], k.shape[1], _window(window_size)
    # Of each row, counted from the end of the keys.
    behind = torch.arange(count - rows, count, device=q.device)[:, None] - torch.arange(count, device=q.device)
    hidden = behind < 0 if causal or window else torch.zeros_like(behind, dtype=torch.bool)
    if window:
        hidden |= behind >= window
    s = s.masked_fill(hidden, float("-inf"))
    empty = hidden.all(dim=-1)[None, None, :, None]
    p = torch.where(empty, 0, torch.softmax(torch.where(empty, 0, s), dim=-1))
    if r is not None:
        t = torch.einsum("bihd,bjhd->bhij", r.to(real), keys)
        p = p * (1 + (p * t).sum(-1, keepdim=True) - t)
    return torch.einsum("bhij,bjhd->bihd", p, values).to(q.dtype)
