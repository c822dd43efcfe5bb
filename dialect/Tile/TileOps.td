//===- TileOps.td - what a warp does --------------------------*- tablegen -*-===//
#ifndef TILE_OPS_TD
#define TILE_OPS_TD

include "dialect/Tile/TileTypes.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===----------------------------------------------------------------------===//
// Kernel and launch
//===----------------------------------------------------------------------===//

def Tile_KernelOp : Tile_Op<"kernel", [IsolatedFromAbove, Symbol, SingleBlock, NoTerminator]> {
  let summary = "one kernel: what a warp of its CTA does";
  let description = [{
    (C1) warps in 1..32; producer_warps is 0 or 4 (one warpgroup, load = ring).
    (C2) stages in 1..8; ctas >= 1; cluster in 1..16.

    `shared_limit` is what `Resources` says the kernel needs; allocation must not
    exceed it. `ctas` is how many CTAs a multiprocessor's registers are divided among;
    `cluster` CTAs, neighbours along grid_y, run together and reach each other's shared memory.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$warps, DefaultValuedAttr<I64Attr, "0">:$producer_warps,
                       DefaultValuedAttr<I64Attr, "1">:$stages, DefaultValuedAttr<I64Attr, "1">:$ctas,
                       DefaultValuedAttr<I64Attr, "1">:$cluster,
                       DefaultValuedAttr<I64Attr, "0">:$shared_limit, OptionalAttr<I64Attr>:$shared_bytes);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let hasVerifier = 1;
}

def Tile_IndexOp : Tile_Op<"index", [Pure]> {
  let summary = "position in the grid, or among the CTA's computing warps; or the grid's extent along x";
  let arguments = (ins Tile_Axis:$axis);
  let results = (outs I32:$result);
  let assemblyFormat = "$axis attr-dict";
}

def Tile_ArgumentOp : Tile_Op<"argument", [Pure]> {
  let summary = "an integer or float field of the launch record";
  let description = [{ (C1) `name` is a field of KernelArguments.def, not a pointer, of the result's type. }];
  let arguments = (ins StrAttr:$name);
  let results = (outs AnyTypeOf<[I32, I64, F32]>:$result);
  let assemblyFormat = "$name attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Tile_AwaitLaunchOp : Tile_Op<"await_launch", []> {
  let summary = "what earlier launches wrote is there; later launches may start";
  let description = [{
    Programmatic dependent launch: what stands above may run while the launch before
    this one still does. The result stands for the operand; addresses are computed from
    it, so no read of what others write can be moved above, but for a prefetch's (`early`).
  }];
  let arguments = (ins I32:$value);
  let results = (outs I32:$result);
  let assemblyFormat = "$value attr-dict";
}

def Tile_UniformOp : Tile_Op<"uniform", [Pure]> {
  let summary = "the same number, which all threads of a warp have";
  let description = [{
    Where a target has registers of a warp beside those of a thread, it and what follows from
    it are in these: quotients, which are not formed there, are what it is for.
  }];
  let arguments = (ins I32:$value);
  let results = (outs I32:$result);
  let assemblyFormat = "$value attr-dict";
}

def Tile_OpaqueOp : Tile_Op<"opaque", []> {
  let summary = "the same number, of which nothing is known";
  let description = [{
    What is computed from the result is computed where it stands: not shared with the
    same of the operand, whose values would be kept until here.
  }];
  let arguments = (ins I32:$value);
  let results = (outs I32:$result);
  let assemblyFormat = "$value attr-dict";
}

def Tile_LookupOp : Tile_Op<"lookup", [Pure]> {
  let summary = "an element of an i32 array of the launch, or a value where the launch has none";
  let description = [{
    Pure: nothing writes the array during the kernel. `early` is for a prefetch, before earlier launches have ended:
    the element may be what it was before them.

    (C1) `array` is lengths, starts, cu_seqlens_q or cu_seqlens_k, a pointer of KernelArguments.def.
  }];
  let arguments = (ins StrAttr:$array, I32:$index, I32:$otherwise, UnitAttr:$early);
  let results = (outs I32:$result);
  let assemblyFormat = "$array `[` $index `]` `otherwise` $otherwise (`early` $early^)? attr-dict";
  let hasVerifier = 1;
}

def Tile_SeekOp : Tile_Op<"seek", [RecursiveMemoryEffects, SingleBlock]> {
  let summary = "which of consecutive ranges holds a number";
  let description = [{
    The region says how long range i is, for each i in [0, count), none of them below 0;
    the first begins at 0, each other one where the one before it ends. `index` is that of
    the range that holds `value`, which begins at `begin`; both are 0 if none does. `total`
    is where the last one ends. All lanes of a warp take part, each with a share of the
    ranges, and have the same results.

    (C1) the region has one argument, i32, and yields one i32.
    (C2) not among the roles' ops, as a producer is one lane, nor in another seek.
  }];
  let arguments = (ins I32:$value, I32:$count);
  let regions = (region SizedRegion<1>:$body);
  let results = (outs I32:$index, I32:$begin, I32:$total);
  let assemblyFormat = "$value `of` $count attr-dict-with-keyword $body";
  let hasVerifier = 1;
}

def Tile_ByLengthOp : Tile_Op<"by_length", [Pure]> {
  let summary = "the sequence whose turn it is, where long ones come first";
  let description = [{
    Turns and sequences are numbers in [0, batch). Of each 32 sequences, counted from the
    last, those with more keys come first, and of two with as many the lower one; the 32
    keep their turns among the others. A sequence has as many keys as `lengths` says less
    `starts` (`packed`: as are in its place in cu_seqlens_k), `most` where the launch has
    none of these. All lanes of a warp take part and have the same result. Pure, and
    `early`, as a lookup is; turns are a permutation of the sequences whatever the arrays hold.

    (C1) not among the roles' ops: a producer is one lane.
  }];
  let arguments = (ins I32:$turn, I32:$batch, I32:$most, UnitAttr:$packed, UnitAttr:$early);
  let results = (outs I32:$result);
  let assemblyFormat = "$turn `of` $batch `otherwise` $most (`packed` $packed^)? (`early` $early^)? attr-dict";
  let hasVerifier = 1;
}

def Tile_ScaleOp : Tile_Op<"scale", [Pure]> {
  let summary = "what the elements of a KV head's keys, or values, are multiplied by; 1 where the launch has no scales";
  let description = [{
    Element `head` of k_scales (v_scales), or the only one. Pure: nothing writes them during the kernel.

    (C1) the tensor is k or v.
  }];
  let arguments = (ins Tile_Tensor:$tensor, I32:$head);
  let results = (outs F32:$result);
  let assemblyFormat = "$tensor `[` $head `]` attr-dict";
  let hasVerifier = 1;
}

def Tile_PageOp : Tile_Op<"page", [Pure]> {
  let summary = "the page that holds a row of a paged view; 0 for rows at or beyond `limit`, which are not looked up";
  let description = [{
    Pure: nothing writes the page table during the kernel. What it says of rows that
    a sequence does not have is never followed.

    (C1) the view is paged.
  }];
  let arguments = (ins Tile_ViewType:$view, I32:$row, I32:$limit);
  let results = (outs I32:$result);
  let assemblyFormat = "$view `[` $row `]` `until` $limit attr-dict `:` type($view)";
  let hasVerifier = 1;
}

def Tile_LeaveOp : Tile_Op<"leave", [HasParent<"KernelOp">]> {
  let summary = "the whole CTA (host: task) is done where the condition, the same in all its threads, holds";
  let arguments = (ins I1:$condition);
  let assemblyFormat = "$condition attr-dict";
}

def Tile_ViewOp : Tile_Op<"view", [Pure]> {
  let summary = "the rows of one head of one sequence of a launch tensor";
  let description = [{
    With `group = G` the rows of G consecutive heads, from `head` on, interleave: view
    row rho is row rho / N of head `head + rho mod N`, where N is `query_rows`, or G if
    that is 0. Rows of which rho mod N >= G are of no head: a copy reads zeros, a store
    leaves them out. Partial results have a shard, too.

    Row rho of a paged view, with pages of S rows, is row rho mod S of page
    page_table[batch, rho / S] of the launch; a number of no page is that of the last.

    (C1) group >= 1; query_rows is 0 or, with a group > 1, a power of two of at least that: tiles have whole query rows.
    (C2) a shard is given exactly for part_o, part_lse, part_tbar and part_vbar.
    (C3) a paged view is of k or v, with group 1.
    (C4) query_rows not of k and v, and only in a kernel with producers: copies and stores know of them, loads do not.
  }];
  let arguments = (ins Tile_Tensor:$tensor, I32:$batch, I32:$head, Optional<I32>:$shard,
                       DefaultValuedAttr<I64Attr, "1">:$group, DefaultValuedAttr<I64Attr, "0">:$query_rows);
  let results = (outs Tile_ViewType:$result);
  let extraClassDeclaration = [{
    /// Rows that each query row has.
    int64_t rowsPerQuery() { return getQueryRows() ? getQueryRows() : getGroup(); }
  }];
  let assemblyFormat = "$tensor `[` $batch `,` $head `]` (`shard` $shard^)? attr-dict `:` type($result)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Movement
//===----------------------------------------------------------------------===//

def Tile_LoadOp : Tile_Op<"load", [MemoryEffects<[MemRead]>, AttrSizedOperandSegments]> {
  let summary = "rows of global memory into registers (host: scratch)";
  let description = [{
    Reads view rows `row ...` below `limit`; rows at or beyond it, or before `from`, are
    not touched and read as 0. With a second view the fragment's 16 rows are 8 of the
    first over the same 8 of the second; swapped, 4 of the first alternate with the same 4 of the second.
    `transposed` (dense only) swaps rows and columns.
    A flat fragment has a copy of a view's only column in each of its own.

    `pages` says which pages of a paged view the rows are in, each for as many of them;
    without, every row is looked up by itself.

    (C1) the views have one type, and at most the fragment's columns; of a flat fragment all of them, or one.
    (C2) `stacked` only with layout rows or dense; `transposed` only with dense.
    (C3) the layout is rows, keys, values, flat or dense.
    (C4) but for dense, the fragment has the view's element type.
    (C5) pages only of a paged view, not dense, and each for a multiple of 8 of the rows.
    (C6) from only with layout keys or values.
  }];
  let arguments = (ins Tile_ViewType:$view, Optional<Tile_ViewType>:$stacked, I32:$row, Variadic<I32>:$pages,
                       Optional<I32>:$from, I32:$limit, UnitAttr:$transposed);
  let results = (outs Tile_FragType:$result);
  let assemblyFormat = [{
    $view (`over` $stacked^)? `[` $row `]` (`pages` $pages^)? (`from` $from^)? `until` $limit
    (`transposed` $transposed^)? attr-dict
    `:` type($view) (`,` type($stacked)^)? `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_PrefetchOp : Tile_Op<"prefetch", []> {
  let summary = "rows of global memory on their way to the cache that all multiprocessors share";
  let description = [{
    Of each view's `rows` rows from `row` on those below `limit`. Each warp does it for itself. Nothing is read: what a
    load finds is what it would have found, also where others write these rows in between. Pages of paged views, which
    are the same ones, are looked up early (`tile.lookup`).

    (C1) rows >= 1, and one view or several of one type
  }];
  let arguments = (ins Variadic<Tile_ViewType>:$views, I32:$row, I32:$limit, I64Attr:$rows);
  let assemblyFormat = "$rows `of` $views `[` $row `]` `until` $limit attr-dict `:` type($views)";
  let hasVerifier = 1;
}

def Tile_CopyOp : Tile_Op<"copy", [MemoryEffects<[MemRead]>, AttrSizedOperandSegments]> {
  let summary = "rows of global memory into shared memory";
  let description = [{
    Rows beyond the tensor are zero, as are rows before `from` or at or beyond `limit`,
    where given. Of a paged view, each `boxes of` so many rows are in one page.
    `tile-pipeline-copies` turns copies into rings.

    (C1) from and until come together.
    (C2) a paged view has bounds, and boxes of a multiple of 8 rows that divides the tile's
         and a page's; no other view has boxes.
    (C3) with bounds, panels of 64 columns: single rows are copied, to multiples of 128 bytes.
  }];
  let arguments = (ins Tile_ViewType:$view, I32:$row, Optional<I32>:$from, Optional<I32>:$limit,
                       DefaultValuedAttr<I64Attr, "0">:$box_rows);
  let results = (outs Tile_SharedType:$result);
  let assemblyFormat = [{
    $view `[` $row `]` (`from` $from^)? (`until` $limit^)? (`boxes` `of` $box_rows^)? attr-dict
    `:` type($view) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_ColumnsOp : Tile_Op<"columns", [Pure]> {
  let summary = "some columns of a shared tile";
  let description = [{
    The result's columns, from `column` on. A tile's panels lie one behind the other, so
    panels are a tile again.

    (C1) rows, elements and panels agree; the result has at most the tile's columns.
    (C2) `column` is a multiple of a panel's columns (not checked where it is computed).
  }];
  let arguments = (ins Tile_SharedType:$tile, I32:$column);
  let results = (outs Tile_SharedType:$result);
  let assemblyFormat = "$tile `from` $column attr-dict `:` type($tile) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_StoreOp : Tile_Op<"store", [MemoryEffects<[MemWrite]>]> {
  let summary = "a fragment's rows below `limit` to global memory, in the view's element type";
  let description = [{
    With `column` the fragment's first column is that one of the view. A column of the
    fragment beyond the view's is padding, or (of a flat fragment) a copy, and is not written.

    (C1) the layout is accumulator (not swapped), columns, row, flat or dense.
    (C2) a dense fragment has the view's columns, any other at least as many, unless there is a `column`, which only
         accumulator and columns fragments may have.
  }];
  let arguments = (ins Tile_FragType:$value, Tile_ViewType:$view, I32:$row, I32:$limit, Optional<I32>:$column);
  let assemblyFormat = [{
    $value `,` $view `[` $row (`,` $column^)? `]` `until` $limit attr-dict `:` type($value) `,` type($view)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

def Tile_FillOp : Tile_Op<"fill", [Pure]> {
  let summary = "a fragment of one value";
  let description = [{ (C1) the elements are f32. }];
  let arguments = (ins F32Attr:$value);
  let results = (outs Tile_FragType:$result);
  let assemblyFormat = "$value attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Tile_DotOp : Tile_Op<"dot", [MemoryEffects<[MemRead]>, AttrSizedOperandSegments]> {
  let summary = "matrix product, optionally added to an accumulator";
  let description = [{
    `a b` or, with `transpose_b`, `a bT` (queries with keys); fp32 accumulation. The
    operands' kinds choose the instruction:

    | a               | b            | machine                                   |
    |-----------------|--------------|-------------------------------------------|
    | frag rows       | frag keys    | mma.sync, contraction in 8-element chunks |
    | frag operand    | frag values  | mma.sync, result in layout columns        |
    | shared          | shared       | wgmma, transpose_b or b read transposed   |
    | frag operand    | shared       | wgmma, transpose_b or b read transposed   |
    | frag dense      | frag dense   | host vectors                              |

    With mma.sync the operands change places where a (and the result) is swapped: the product is b aT, of 16 keys and 8
    rows, or bT aT, of 16 columns and 8 rows; a fragment of few rows is then half as large, and products are
    half as many.

    With wgmma the result is in flight until a `tile.wait`. With `ones` it has eight
    columns more, each of which is the sums of a's rows: those that ones behind b's give.

    (C1) the operand kinds are a row of the table; transpose_b as it says.
    (C2) shapes agree; the accumulator has the result's type; shared operands have a multiple of 16 to contract; a and
         the result are both swapped, or neither is.
    (C3) operands have one element type, but keys and values may be of f8E4M3FN, which 16 bits hold exactly; the
         result is f32, in layout columns after values, dense after dense, else accumulator.
    (C4) ones only behind the 64 columns of a shared b, read transposed, with an operand a.
  }];
  let arguments = (ins AnyTypeOf<[Tile_FragType, Tile_SharedType]>:$a, AnyTypeOf<[Tile_FragType, Tile_SharedType]>:$b,
                       Optional<Tile_SharedType>:$ones, Optional<Tile_FragType>:$accumulator, UnitAttr:$transpose_b);
  let results = (outs Tile_FragType:$result);
  let assemblyFormat = [{
    $a `,` $b (`transposed` $transpose_b^)? (`beside` $ones^)? (`plus` $accumulator^)? attr-dict
    `:` type($a) `,` type($b) (`beside` type($ones)^)? (`,` type($accumulator)^)? `->` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// True if the result is in flight until waited for (wgmma).
    bool isAsync();
  }];
}

def Tile_WaitOp : Tile_Op<"wait", []> {
  let summary = "the fragments of dots in flight, once all but `pending` later dots have finished";
  let description = [{
    The results stand for the operands from here on; nothing may read the operands
    after (the accumulators are threaded through, so nothing can be hoisted above).

    (C1) results have the operands' types.
    (C2) pending in 0..7.
  }];
  let arguments = (ins Variadic<Tile_FragType>:$values, I64Attr:$pending);
  let results = (outs Variadic<Tile_FragType>:$results);
  let assemblyFormat = "$pending `of` $values attr-dict `:` functional-type($values, $results)";
  let hasVerifier = 1;
}

def Tile_AwaitTurnOp : Tile_Op<"await_turn", []> {
  let summary = "this warpgroup goes on when the one before it has passed on the turn to issue products";
  let description = [{
    The computing warpgroups have the turn one after the other, the first after the
    last. With `leave` only the first waits, for the last turn of the last.

    (C1) in the consumer of a `tile.roles`: the producer has no turns.
    (C2) the kernel has 8 warps or more: a single warpgroup would wait for itself.
  }];
  let arguments = (ins UnitAttr:$leave);
  let assemblyFormat = "(`leave` $leave^)? attr-dict";
  let hasVerifier = 1;
}

def Tile_PassTurnOp : Tile_Op<"pass_turn", []> {
  let summary = "the next warpgroup has the turn to issue products";
  let description = [{
    Pairs up with an await_turn of the next warpgroup. With `enter` only the last
    passes, and the first begins.

    (C1), (C2) as of an await_turn.
  }];
  let arguments = (ins UnitAttr:$enter);
  let assemblyFormat = "(`enter` $enter^)? attr-dict";
  let hasVerifier = 1;
}

def Tile_MapOp : Tile_Op<"map", [RecursiveMemoryEffects, SingleBlock, AttrSizedOperandSegments]> {
  let summary = "elementwise computation over fragments";
  let description = [{
    The region is applied to each element; `row` operands are broadcast along the
    columns. With `at` the region's last two arguments are the element's absolute row
    and key position (i32): the offsets given plus its place in the fragment.

    (C1) operands and results have one shape and layout; operands may be row fragments
         of as many rows. A flat fragment has neither rows nor positions.
    (C2) the region has an argument per operand, of its element type, two more (i32)
         with `at`, and yields an element per result.
  }];
  let arguments = (ins Variadic<Tile_FragType>:$inputs, Variadic<I32>:$at);
  let regions = (region SizedRegion<1>:$body);
  let results = (outs Variadic<Tile_FragType>:$results);
  let assemblyFormat = [{
    (`(` $inputs^ `:` type($inputs) `)`)? (`at` $at^)? `->` type($results) attr-dict-with-keyword $body
  }];
  let hasVerifier = 1;
  /// `body` gives the yielded values for the region's arguments.
  let builders = [OpBuilder<(ins "::mlir::TypeRange":$results, "::mlir::ValueRange":$inputs, "::mlir::ValueRange":$at,
                             "::lla::tile::ElementBody":$body)>];
}

def Tile_YieldOp : Tile_Op<"yield", [Pure, Terminator, ReturnLike, ParentOneOf<["MapOp", "SeekOp"]>]> {
  let summary = "the results of one element, or range";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "$values attr-dict `:` type($values)";
}

def Tile_RowReduceOp : Tile_Op<"row_reduce", [Pure]> {
  let summary = "reduction along each row";
  let description = [{
    A result of layout `row` is complete; `partial_row` leaves a part in each of a
    row's lanes, to be completed by a `row_reduce` of its own once at the end. `peak`
    is the maximum of numbers none of which is negative; a NaN is the greatest.
    Of an operand there is only a sum, which leaves a part in each lane, added up
    in the operand's 16 bits: enough to compare.

    (C1) the operand is f32 in layout accumulator, columns, row, partial_row or dense; of 16 bits in layout operand, not
         swapped, for a sum in layout partial_row.
    (C2) the result is f32, layout row or partial_row (dense: dense), with the operand's rows and one column.
  }];
  let arguments = (ins Tile_FragType:$value, Tile_Reduction:$kind);
  let results = (outs Tile_FragType:$result);
  let assemblyFormat = "$kind $value attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_LastColumnOp : Tile_Op<"last_column", [Pure]> {
  let summary = "a fragment's last column, as a row fragment";
  let description = [{
    (C1) the operand is f32 in layout accumulator, not swapped, and its last eight columns are alike (a
         product's beside ones).
    (C2) the result is f32 in layout row, with the operand's rows.
  }];
  let arguments = (ins Tile_FragType:$value);
  let results = (outs Tile_FragType:$result);
  let assemblyFormat = "$value attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_AnyOp : Tile_Op<"any", []> {
  let summary = "true if a condition holds for any row, or share of a row, of the warp or warpgroup";
  let description = [{
    Not pure: all the warps of a warpgroup are to be asked together.

    (C1) the conditions, one or more, are i1, in layout row, partial_row or dense.
  }];
  let arguments = (ins Variadic<Tile_FragType>:$conditions, UnitAttr:$warpgroup);
  let results = (outs I1:$result);
  let assemblyFormat = "$conditions (`of` `warpgroup` $warpgroup^)? attr-dict `:` type($conditions)";
  let hasVerifier = 1;
}

def Tile_SplitOp : Tile_Op<"split", [Pure]> {
  let summary = "upper and lower 8 rows of a 16-row fragment; even and odd rows of a swapped one of 8";
  let description = [{
    (C1) the results have half the operand's 16 rows, swapped 8.
    (C2) the layout is accumulator, columns, row or partial_row.
  }];
  let arguments = (ins Tile_FragType:$value);
  let results = (outs Tile_FragType:$upper, Tile_FragType:$lower);
  let assemblyFormat = "$value attr-dict `:` type($value) `->` type($upper) `,` type($lower)";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$value)>];
}

def Tile_StackOp : Tile_Op<"stack", [Pure, SameTypeOperands]> {
  let summary = "a 16-row fragment from two of 8 rows; a swapped one of 8 from two of 4, whose rows alternate";
  let description = [{
    (C1) the operands have 8 rows, the result 16; swapped, 4 and 8.
    (C2) the layout is accumulator, columns, row or partial_row.
  }];
  let arguments = (ins Tile_FragType:$upper, Tile_FragType:$lower);
  let results = (outs Tile_FragType:$result);
  let assemblyFormat = "$upper `,` $lower attr-dict `:` type($upper) `->` type($result)";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$upper, "::mlir::Value":$lower)>];
}

def Tile_ConvertOp : Tile_Op<"convert", [Pure]> {
  let summary = "an fp32 accumulator rounded to 16 bits, as the first operand of a product (swapped: the second)";
  let description = [{ (C1) from 16 rows (swapped: 8), accumulator, f32 to the same shape, operand, bf16 or f16. }];
  let arguments = (ins Tile_FragType:$value);
  let results = (outs Tile_FragType:$result);
  let assemblyFormat = "$value attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_MergeOp : Tile_Op<"merge", [MemoryEffects<[MemRead, MemWrite]>, AttrSizedOperandSegments]> {
  let summary = "add the online states of one row tile's warps, of a cluster's CTAs, or of the grid's splits";
  let description = [{
    The algebra of `lla.online_merge`. `warps`: the key warps of each row tile, through
    shared memory; the result is spread flat over the tile's threads. `cluster`: each CTA
    writes every other its share of the elements; the result is flat over the cluster's
    threads. `grid`: partial states go to the workspace, and the CTA that arrives last reads
    them all; `last` tells it apart and only there are the results meaningful. Of accumulators
    each warp merges all of its own with those of its number in other CTAs, through the
    workspace: over a cluster to the columns that its CTA has a share of, over the grid where
    it, not its CTA, is the last to arrive. The arrival counter wraps by itself. The first
    `splits` CTAs arrive, all of the launch's where it is left out. `at` tells a merge of
    accumulators the number of the row tile's first state among all in the workspace, and
    how many there are before this CTA's own; left out, these follow from its place in the grid.

    Statistics `m, d1` (and with a probe `d2, c`) are row fragments, `o1` (`o2`) value
    fragments of the layout columns, accumulator or dense; merged statistics have one entry
    per element of a merged `o1` that is flat.

    (C1) a probe's d2, c and o2 come together.
    (C2) `warps` comes from row and columns layouts, `cluster` from flat or accumulator ones, `grid` from flat,
         accumulator or dense ones.
    (C3) m, d1 (d2, c) have one type, o1 (o2) another with as many rows; `rows` and
         `columns`, a multiple of 8 over warps, are at most o1's; key_warps in 1..32;
         accumulators have 16 rows.
    (C4) results m, d1, o1 (d2, c, o2) are all flat, rows x columns: over warps and grid on a
         CTA's threads, over a cluster on all of its; over grid, accumulators and dense ones
         have the operands' types, over a cluster accumulators with
         as many columns or fewer.
    (C5) splits only over grid; at only with splits, of accumulators.
  }];
  let arguments = (ins Tile_Scope:$scope, Tile_FragType:$m, Tile_FragType:$d1, Tile_FragType:$o1,
                       Optional<Tile_FragType>:$d2, Optional<Tile_FragType>:$c, Optional<Tile_FragType>:$o2,
                       Optional<I32>:$splits, Optional<I32>:$first, Optional<I32>:$place, I64Attr:$rows,
                       I64Attr:$columns, I64Attr:$key_warps, OptionalAttr<I64Attr>:$offset);
  let results = (outs Variadic<Tile_FragType>:$results, I1:$last);
  let assemblyFormat = [{
    `over` $scope $m `,` $d1 `,` $o1 (`,` `d2` $d2^)? (`,` `c` $c^)? (`,` `o2` $o2^)? (`splits` $splits^)?
    (`at` $first^ `,` $place)? attr-dict
    `:` type($m) `,` type($d1) `,` type($o1) (`,` type($d2)^)? (`,` type($c)^)? (`,` type($o2)^)? `->` type($results)
  }];
  let hasVerifier = 1;
}

include "dialect/Tile/TileRoleOps.td"

#endif
