//===- LLAOps.td - attention and its online algebra -----------*- tablegen -*-===//
#ifndef LLA_OPS_TD
#define LLA_OPS_TD

include "dialect/LLA/LLAAttrs.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class LLA_Op<string mnemonic, list<Trait> traits = []> : Op<LLA_Dialect, mnemonic, traits>;

def LLA_Tensor : RankedTensorOf<[F32, BF16, F16]>;
def LLA_KeyTensor : RankedTensorOf<[F32, BF16, F16, F8E4M3FN]>;
def LLA_StateTensor : RankedTensorOf<[F32]>;

/// i32 numbers of dynamic sizes: one type for each rank, so that no syntax needs to spell it.
class LLA_Indices<int rank, string sizes> : Type<
    And<[CPred<"::llvm::isa<::mlir::RankedTensorType>($_self)">,
         CPred<"::llvm::cast<::mlir::RankedTensorType>($_self).getRank() == " # rank>,
         CPred<"::llvm::cast<::mlir::RankedTensorType>($_self).getElementType().isInteger(32)">,
         CPred<"::llvm::all_of(::llvm::cast<::mlir::RankedTensorType>($_self).getShape(), "
               "::mlir::ShapedType::isDynamic)">]>,
    "i32 tensor of rank " # rank # " and dynamic sizes", "::mlir::RankedTensorType">,
  BuildableType<"::mlir::RankedTensorType::get({" # sizes # "}, $_builder.getIntegerType(32))">;
def LLA_PerSequence : LLA_Indices<1, "::mlir::ShapedType::kDynamic">;
def LLA_Scales : Type<
    And<[CPred<"::llvm::isa<::mlir::RankedTensorType>($_self)">,
         CPred<"::llvm::cast<::mlir::RankedTensorType>($_self).getRank() == 1">,
         CPred<"::llvm::cast<::mlir::RankedTensorType>($_self).getElementType().isF32()">,
         CPred<"::llvm::cast<::mlir::RankedTensorType>($_self).isDynamicDim(0)">]>,
    "f32 tensor of rank 1 and dynamic size", "::mlir::RankedTensorType">,
  BuildableType<"::mlir::RankedTensorType::get({::mlir::ShapedType::kDynamic}, $_builder.getF32Type())">;
def LLA_PageTable : LLA_Indices<2, "::mlir::ShapedType::kDynamic, ::mlir::ShapedType::kDynamic">;

def LLA_AttentionOp : LLA_Op<"attention", [Pure, AttrSizedOperandSegments]> {
  let summary = "attention of the local-linear family";
  let description = [{
    Per query row i over its visible keys J(i):

        s_j = scale <q_i, k_j>      p = softmax_J(s)      t_j = <r_i, k_j>
        o_i = sum_j p_j (1 + tbar - t_j) v_j              tbar = sum_j p_j t_j

    Without a probe r this is softmax attention. A row that sees no key gives 0.
    With `causal`, row i of Lq sees keys j <= Lk - Lq + i; with `window = W` only
    the last W of those. `lengths` and `starts` (batch) give each sequence its own
    Lk, at most that of the call, and the first key that exists; both are clamped.
    With `pages` of S keys k and v are (page, row, head, dim), and key j of sequence
    b is row j mod S of page page_table[b, j / S]; a number of no page is that of the last.

    With `cu_seqlens_q` (batch + 1) q, r and the results are packed: their batch is
    one, and sequence b has rows cu_seqlens_q[b] up to cu_seqlens_q[b + 1], as many as
    Lq is then. Likewise k and v with `cu_seqlens_k`. Both are clamped, too.

    With `scales` keys are the elements of k times the k_scale of their KV head, in s
    and in t, and values those of v times its v_scale; one scale is that of all heads.

    Further results, if asked for, are what a merge with other keys (context
    parallelism) and a backward pass need; p_j = e^(s_j - lse):

        lse_i = ln sum_J e^s_j      tbar_i      vbar_i = sum_j p_j v_j

    A row that sees no key has lse = -inf, tbar = 0, vbar = 0; without a probe tbar = 0.

    (C1) q, r, k, v are rank 4, (batch, row, head, dim), of one element type; or k and v of f8E4M3FN beside 16 bits.
    (C2) r has the type of q; the result o has its shape, and its element type or f32.
    (C3) k and v have the same shape; dim, and batch where nothing is paged or packed, agree with q.
    (C4) head counts and dim are static; query heads are a multiple of KV heads.
    (C5) dim is a multiple of 8 in 16..256.
    (C6) window >= 1 where present, and then causal is present.
    (C7) `statistics` is empty, or lse, tbar and vbar in f32: lse and tbar of q's shape without dim, vbar of q's.
    (C8) lengths and starts come together.
    (C9) a page table and a page size >= 8 come together.
    (C10) cu_seqlens come with lengths and starts, those of k without pages.
    (C11) both scales are there exactly if k and v are of f8E4M3FN; dim is a multiple of 16 then.

    Example:
    ```mlir
    %o = lla.attention %q probe %r keys %k values %v scale %scale causal
      : tensor<?x?x16x128xbf16>, tensor<?x?x8x128xbf16> -> tensor<?x?x16x128xbf16>
    %p, %lse, %tbar, %vbar = lla.attention %q probe %r keys %k values %v scale %scale
      : tensor<?x?x16x128xbf16>, tensor<?x?x8x128xbf16> -> tensor<?x?x16x128xbf16>,
        tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16x128xf32>
    ```
  }];
  let arguments = (ins LLA_Tensor:$q, Optional<LLA_Tensor>:$r, LLA_KeyTensor:$k, LLA_KeyTensor:$v, F32:$scale,
                       Optional<LLA_Scales>:$k_scales, Optional<LLA_Scales>:$v_scales,
                       Optional<LLA_PerSequence>:$lengths, Optional<LLA_PerSequence>:$starts,
                       Optional<LLA_PerSequence>:$cu_seqlens_q, Optional<LLA_PerSequence>:$cu_seqlens_k,
                       Optional<LLA_PageTable>:$page_table, OptionalAttr<I64Attr>:$page_size,
                       UnitAttr:$causal, OptionalAttr<I64Attr>:$window);
  let results = (outs LLA_Tensor:$o, Variadic<LLA_StateTensor>:$statistics);
  let assemblyFormat = [{
    $q (`probe` $r^)? `keys` $k `values` $v `scale` $scale (`k_scales` $k_scales^)? (`v_scales` $v_scales^)?
    (`lengths` $lengths^)? (`starts` $starts^)?
    (`cu_seqlens_q` $cu_seqlens_q^)? (`cu_seqlens_k` $cu_seqlens_k^)?
    (`pages` $page_table^)? (`of` $page_size^)? (`causal` $causal^)? (`window` $window^)? attr-dict
    `:` custom<AttentionTypes>(type($q), type($r), type($k), type($v), type($o), type($statistics), ref($r))
  }];
  let hasVerifier = 1;
}

def LLA_MergeStatesOp : LLA_Op<"merge_states", [Pure]> {
  let summary = "the result of all keys from the results of disjoint shards of them";
  let description = [{
    Each shard's o, lse, tbar and vbar are what `lla.attention` gives of its keys.

        lse  = ln sum_i e^lse_i              w_i  = e^(lse_i - lse)
        tbar = sum_i w_i tbar_i              vbar = sum_i w_i vbar_i
        o    = sum_i w_i o_i - sum_i w_i (tbar_i - tbar) (vbar_i - vbar)

    Commutative and associative, with the result of no key (lse = -inf) as the neutral
    element: such a shard has weight 0 whatever else it holds, and shards that are all
    so give lse = -inf, o = vbar = 0, tbar = 0.

    (C1) the parts' o and vbar are rank 5, (shard, batch, row, head, dim), of one type; lse and tbar have their shape
         without dim.
    (C2) the merged tensors have the shapes of the parts' without shard.
    (C3) heads and dim are static, dim a multiple of 8 in 16..256.

    Example:
    ```mlir
    %o, %lse, %tbar, %vbar = lla.merge_states %po, %plse, %ptbar, %pvbar
      : (tensor<?x?x?x16x128xf32>, tensor<?x?x?x16xf32>, tensor<?x?x?x16xf32>, tensor<?x?x?x16x128xf32>)
      -> (tensor<?x?x16x128xbf16>, tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16x128xf32>)
    ```
  }];
  let arguments = (ins LLA_StateTensor:$part_o, LLA_StateTensor:$part_lse, LLA_StateTensor:$part_tbar,
                       LLA_StateTensor:$part_vbar);
  let results = (outs LLA_Tensor:$o, LLA_StateTensor:$lse, LLA_StateTensor:$tbar, LLA_StateTensor:$vbar);
  let assemblyFormat = [{
    $part_o `,` $part_lse `,` $part_tbar `,` $part_vbar attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def LLA_PackRowsOp : LLA_Op<"pack_rows", [Pure]> {
  let summary = "query and probe rows arranged as rows of tiles";
  let description = [{
    (C1) r is present exactly if the packing is not `none`, and has q's type.
    (C2) q is rank 4; element type and dim of the result are q's; group divides q's heads.
  }];
  let arguments = (ins LLA_Tensor:$q, Optional<LLA_Tensor>:$r);
  let results = (outs LLA_RowsType:$rows);
  let assemblyFormat = "$q (`,` $r^)? attr-dict `:` type($q) (`,` type($r)^)? `->` type($rows)";
  let hasVerifier = 1;
}

def LLA_OnlineInitOp : LLA_Op<"online_init", [Pure]> {
  let summary = "the neutral state: m = -inf, all sums 0";
  let description = [{ (C1) nothing is unmerged. }];
  let results = (outs LLA_StateType:$state);
  let assemblyFormat = "attr-dict `:` type($state)";
  let hasVerifier = 1;
}

def LLA_OnlineUpdateOp : LLA_Op<"online_update", [Pure, AttrSizedOperandSegments]> {
  let summary = "fold a range of keys into the state";
  let description = [{
    Adds the keys of `range` to the state of every row. `range` is the part of the
    row tile's visible keys that this op folds (see lla-peel-mask-ranges): only
    `whole` and the edges look at `causal`, `window`, `starts` and the end of the keys.
    The state's O1 and O2 are sums of the elements of v, whatever their scale.

    (C1) rows are given either as q (and r) or packed, not both.
    (C2) the state carries a probe exactly if the rows do.
    (C3) dim agrees between rows, keys, values and state.
    (C4) the result is the operand's state, with `splits` as its unmerged axes.
    (C5) window >= 1 where present, and then causal is present.
    (C6) tensors are rank 4, of the rows' element type; k alone may be of f8E4M3FN, exactly with k_scales; v has k's
         type, r has q's.
    (C7) head counts are static; query heads are a multiple of KV heads.
    (C8) lengths and starts come together, and a page table with a page size >= 8; cu_seqlens come with
         lengths, those of k without pages.
  }];
  let arguments = (ins LLA_StateType:$state, Optional<LLA_Tensor>:$q, Optional<LLA_Tensor>:$r,
                       Optional<LLA_RowsType>:$rows, LLA_KeyTensor:$k, LLA_KeyTensor:$v, F32:$scale,
                       Optional<LLA_Scales>:$k_scales,
                       Optional<LLA_PerSequence>:$lengths, Optional<LLA_PerSequence>:$starts,
                       Optional<LLA_PerSequence>:$cu_seqlens_q, Optional<LLA_PerSequence>:$cu_seqlens_k,
                       Optional<LLA_PageTable>:$page_table, OptionalAttr<I64Attr>:$page_size,
                       UnitAttr:$causal, OptionalAttr<I64Attr>:$window,
                       DefaultValuedAttr<LLA_KeyRange, "::lla::KeyRangeKind::Whole">:$range);
  let results = (outs LLA_StateType:$result);
  let assemblyFormat = [{
    $state (`queries` $q^)? (`probe` $r^)? (`rows` $rows^)? `keys` $k `values` $v `scale` $scale
    (`k_scales` $k_scales^)? (`lengths` $lengths^)? (`starts` $starts^)?
    (`cu_seqlens_q` $cu_seqlens_q^)? (`cu_seqlens_k` $cu_seqlens_k^)?
    (`pages` $page_table^)? (`of` $page_size^)?
    (`causal` $causal^)? (`window` $window^)? `range` $range attr-dict
    `:` type($state) (`queries` type($q)^)? (`probe` type($r)^)? (`rows` type($rows)^)?
    `keys` type($k) `values` type($v) `->` type($result)
  }];
  let hasVerifier = 1;
}

def LLA_OnlineMergeOp : LLA_Op<"online_merge", [Pure]> {
  let summary = "add the partial states of one split axis";
  let description = [{
    Commutative and associative: with M = max m_i and C = c of the state that has it,

        d1 = sum f_i d1_i      d2 = sum f_i (d2_i + (c_i - C) d1_i)      f_i = e^(m_i - M)
        O1 = sum f_i O1_i      O2 = sum f_i (O2_i + (c_i - C) O1_i)

    (C1) `axis` is the first unmerged axis; the result has the others.
  }];
  let arguments = (ins LLA_StateType:$state, LLA_SplitAxis:$axis);
  let results = (outs LLA_StateType:$result);
  let assemblyFormat = "$state `over` $axis attr-dict `:` type($state) `->` type($result)";
  let hasVerifier = 1;
}

def LLA_OnlineFinalizeOp : LLA_Op<"online_finalize", [Pure]> {
  let summary = "output rows of a state";
  let description = [{
    `O1/d1 (1 + d2/d1) - O2/d1`, `O1/d1` without a probe, times the values' scale; 0 where d1 = 0.

    (C1) nothing is unmerged.
    (C2) the result is rank 4 and has the state's dim.
  }];
  let arguments = (ins LLA_StateType:$state, Optional<LLA_Scales>:$v_scales);
  let results = (outs LLA_Tensor:$o);
  let assemblyFormat = "$state (`v_scales` $v_scales^)? attr-dict `:` type($state) `->` type($o)";
  let hasVerifier = 1;
}

def LLA_OnlineStatisticsOp : LLA_Op<"online_statistics", [Pure]> {
  let summary = "what a merge with other keys and a backward pass need of a state";
  let description = [{
        lse = m + ln d1      tbar = c + d2/d1, 0 without a probe      vbar = O1/d1

    -inf, 0 and 0 where d1 = 0; vbar times the values' scale.

    (C1) nothing is unmerged.
    (C2) lse and tbar are rank 3, (batch, row, head), of one type; vbar has a dim more, the state's.
  }];
  let arguments = (ins LLA_StateType:$state, Optional<LLA_Scales>:$v_scales);
  let results = (outs LLA_StateTensor:$lse, LLA_StateTensor:$tbar, LLA_StateTensor:$vbar);
  let assemblyFormat = [{
    $state (`v_scales` $v_scales^)? attr-dict `:` type($state) `->` type($lse) `,` type($tbar) `,` type($vbar)
  }];
  let hasVerifier = 1;
}

#endif
