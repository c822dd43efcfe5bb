// RUN: lla-opt %s --convert-lla-to-tile -cse -split-input-file | FileCheck %s

//===----------------------------------------------------------------------===//
// load = registers with a probe: stacked rows, keys divided among warps and CTAs
//===----------------------------------------------------------------------===//

#decode = #lla.problem<mode = decode, query_heads = 8, kv_heads = 2, context = 4096, head_dim = 64>
#split = #lla.schedule<load = registers, rows = 8, keys = 16, warps = 4, stages = 2, splits = 4>
!rows = !lla.rows<bf16, dim = 64, group = 4, stacked>
!parts = !lla.state<64, probe, unmerged = [warps, grid]>

func.func @registers_probe(%q: tensor<?x?x8x64xbf16>, %r: tensor<?x?x8x64xbf16>, %k: tensor<?x?x2x64xbf16>,
    %v: tensor<?x?x2x64xbf16>, %scale: f32) -> tensor<?x?x8x64xbf16>
    attributes {lla.problem = #decode, lla.target = #lla.target<arch = "sm_90a">, lla.schedule = #split} {
  %0 = lla.online_init : <64, probe>
  %1 = lla.pack_rows %q, %r : tensor<?x?x8x64xbf16>, tensor<?x?x8x64xbf16> -> <bf16, dim = 64, group = 4, stacked>
  %2 = lla.online_update %0 rows %1 keys %k values %v scale %scale range whole
    : <64, probe> rows !rows keys tensor<?x?x2x64xbf16> values tensor<?x?x2x64xbf16>
    -> <64, probe, unmerged = [warps, grid]>
  %3 = lla.online_merge %2 over warps : <64, probe, unmerged = [warps, grid]> -> <64, probe, unmerged = [grid]>
  %4 = lla.online_merge %3 over grid : <64, probe, unmerged = [grid]> -> <64, probe>
  %5 = lla.online_finalize %4 : <64, probe> -> tensor<?x?x8x64xbf16>
  return %5 : tensor<?x?x8x64xbf16>
}

// The kernel obeys the schedule; its function is gone.
// CHECK-NOT: func.func
// CHECK-LABEL: tile.kernel @registers_probe
// CHECK-SAME: shared_limit = 8464 : i64, stages = 2 : i64, warps = 4 : i64
// CHECK-NOT: lla.
// CHECK-DAG: %[[SPLIT:.*]] = tile.index grid_y
// CHECK-DAG: %[[WARP:.*]] = tile.index warp
// CHECK-DAG: %[[SPLITS:.*]] = tile.argument "splits"
// CHECK-DAG: %[[CONTEXT:.*]] = tile.argument "context"
// The rows of a KV head's four query heads interleave; 8 of them over the 8 probes.
// CHECK: %[[R:.*]] = tile.view r[{{.*}}] {group = 4 : i64} : <64 x bf16>
// CHECK: %[[Q:.*]] = tile.view q[{{.*}}] {group = 4 : i64} : <64 x bf16>
// CHECK: %[[ROWS:.*]] = tile.load %[[Q]] over %[[R]][{{.*}}] until {{.*}} -> <16 x 64 x bf16, rows>
// CHECK: %[[K:.*]] = tile.view k[{{[^]]*}}] : <64 x bf16>
// CHECK: %[[V:.*]] = tile.view v[{{[^]]*}}] : <64 x bf16>
// The neutral state.
// CHECK: %[[M0:.*]] = tile.fill 0xFF800000 : <8 x 1 x f32, row>
// CHECK: %[[D0:.*]] = tile.fill 0.000000e+00 : <8 x 1 x f32, partial_row>
// CHECK: %[[C0:.*]] = tile.fill 0.000000e+00 : <8 x 1 x f32, row>
// CHECK: %[[O0:.*]] = tile.fill 0.000000e+00 : <16 x 64 x f32, columns>
// One loop; warp w of split s starts at key tile 4 s + w and steps by 4 * splits.
// CHECK: %[[STEP:.*]] = arith.muli %[[SPLITS]], %[[FOUR:.*]] : i32
// CHECK: %[[MINE:.*]] = arith.muli %[[SPLIT]], %[[FOUR]] : i32
// CHECK: %[[FIRST:.*]] = arith.addi %[[MINE]], %[[WARP]] : i32
// CHECK: %[[FOLD:.*]]:6 = scf.for %[[N:.*]] = %[[FIRST]] to %{{.*}} step %[[STEP]] iter_args(%[[M:.*]] = %[[M0]], %[[D1:.*]] = %[[D0]], %[[D2:.*]] = %[[D0]], %[[C:.*]] = %[[C0]], %[[LIMIT:.*]] = %[[D0]], %[[O:.*]] = %[[O0]])
// One product gives s and t, in the same lanes.
// CHECK: %[[KEYS:.*]] = tile.load %[[K]][{{.*}}] until {{.*}} -> <16 x 64 x bf16, keys>
// CHECK: %[[ST:.*]] = tile.dot %[[ROWS]], %[[KEYS]] transposed
// CHECK: %[[S:.*]], %[[T:.*]] = tile.split %[[ST]]
// Keys beyond the context are hidden in the scores, once.
// CHECK: %[[HIDDEN:.*]] = tile.map(%[[S]] : {{.*}}) at
// CHECK: arith.cmpi slt, %{{.*}}, %[[CONTEXT]]
// p, and its sum, as if m were good still, and before t is looked at.
// CHECK: %[[P0:.*]] = tile.map(%[[HIDDEN]], %[[M]] :
// CHECK: math.exp2
// CHECK: %[[WEIGHT0:.*]] = tile.row_reduce sum %[[P0]] : {{.*}} -> <8 x 1 x f32, partial_row>
// It is not where a lane's four p may be beyond 2^8, or the weight is past its limit, or either is no number.
// CHECK: %[[BEYOND:.*]] = tile.map(%[[WEIGHT0]] :
// CHECK: %[[MOST:.*]] = arith.constant 1.024000e+03
// CHECK: arith.cmpf ugt, %{{.*}}, %[[MOST]]
// What this tile adds to the weight counts four times.
// CHECK: %[[PAST:.*]] = tile.map(%[[WEIGHT0]], %[[D1]], %[[LIMIT]] :
// CHECK: arith.constant 4.000000e+00
// CHECK: arith.cmpf ugt
// CHECK: %[[UNSETTLED:.*]] = tile.any %[[BEYOND]], %[[PAST]] : !tile.frag<8 x 1 x i1, partial_row>, !tile.frag<8 x 1 x i1, partial_row>
// CHECK: %[[TILE:.*]]:9 = scf.if %[[UNSETTLED]]
// A maximum has grown: all of the state is rescaled, and p formed anew. The order of scores turns around with a negative scale.
// CHECK: %[[GREW:.*]] = tile.any
// CHECK: %[[SCALED:.*]]:8 = scf.if %[[GREW]]
// CHECK: scf.if %{{.*}} -> (!tile.frag<8 x 1 x f32, row>)
// CHECK: tile.row_reduce min %[[HIDDEN]]
// CHECK: tile.row_reduce max %[[HIDDEN]]
// CHECK: math.exp2
// CHECK: tile.stack
// CHECK: %[[P1:.*]] = tile.map(%[[HIDDEN]], %{{.*}} :
// CHECK: math.exp2
// CHECK: tile.row_reduce sum %[[P1]] : {{.*}} -> <8 x 1 x f32, partial_row>
// CHECK: } else {
// CHECK: scf.yield %[[P0]], %[[WEIGHT0]], %[[M]], %[[D1]], %[[D2]], %[[C]], %[[LIMIT]], %[[O]] :
// A hidden key's t, whatever it is, counts as 0.
// CHECK: %[[TSEEN:.*]] = tile.map(%[[SCALED]]#0, %[[T]] :
// CHECK: arith.cmpf oeq
// CHECK: arith.select
// c moves to the mean of t, and d2 and O2 with it; the next limit is 16 times the weight.
// CHECK: %[[D1TILE:.*]] = tile.map(%[[SCALED]]#3, %[[SCALED]]#1 :
// CHECK: tile.map(%[[SCALED]]#0, %[[TSEEN]], %[[SCALED]]#5 :
// CHECK: tile.row_reduce sum %[[D1TILE]] : {{.*}} -> <8 x 1 x f32, row>
// CHECK: tile.row_reduce sum %{{.*}} : {{.*}} -> <8 x 1 x f32, row>
// CHECK: arith.divf
// CHECK: arith.constant 1.600000e+01
// CHECK: %[[UPPER:.*]], %[[LOWER:.*]] = tile.split %[[SCALED]]#7
// CHECK: %[[LESS:.*]] = tile.map(%[[LOWER]], %[[UPPER]], %{{.*}} :
// CHECK: tile.stack %[[UPPER]], %[[LESS]]
// Else nothing moves.
// CHECK: } else {
// CHECK: %[[TSAME:.*]] = tile.map(%[[P0]], %[[T]] :
// CHECK: scf.yield %[[P0]], %[[WEIGHT0]], %[[M]], %[[D1]], %[[D2]], %[[C]], %[[LIMIT]], %[[O]], %[[TSAME]] :
// CHECK: %[[D1NEXT:.*]] = tile.map(%[[TILE]]#3, %[[TILE]]#1 :
// u = p (t - c).
// CHECK: %[[U:.*]] = tile.map(%[[TILE]]#0, %[[TILE]]#8, %[[TILE]]#5 :
// CHECK-NEXT: ^bb0(%[[PX:.*]]: f32, %[[TX:.*]]: f32, %[[CX:.*]]: f32):
// CHECK-NEXT: %[[SHIFTED:.*]] = arith.subf %[[TX]], %[[CX]]
// CHECK-NEXT: arith.mulf %[[PX]], %[[SHIFTED]]
// CHECK: tile.row_reduce sum %[[U]] : {{.*}} -> <8 x 1 x f32, partial_row>
// One product of [p; u] with V gives O1 over O2.
// CHECK: %[[PU:.*]] = tile.stack %[[TILE]]#0, %[[U]]
// CHECK: %[[A:.*]] = tile.convert %[[PU]] : {{.*}} -> <16 x 16 x bf16, operand>
// CHECK: %[[VALUES:.*]] = tile.load %[[V]]{{.*}} -> <16 x 64 x bf16, values>
// CHECK: %[[NEXT:.*]] = tile.dot %[[A]], %[[VALUES]] plus %[[TILE]]#7
// CHECK: scf.yield %[[TILE]]#2, %[[D1NEXT]], %{{.*}}, %[[TILE]]#5, %[[TILE]]#6, %[[NEXT]]
// The sums that lanes carried in part are completed once, then warps merge, then CTAs.
// CHECK: %[[D1SUM:.*]] = tile.row_reduce sum %[[FOLD]]#1 : <8 x 1 x f32, partial_row> -> <8 x 1 x f32, row>
// CHECK: %[[D2SUM:.*]] = tile.row_reduce sum %[[FOLD]]#2 : <8 x 1 x f32, partial_row> -> <8 x 1 x f32, row>
// CHECK: %[[O1:.*]], %[[O2:.*]] = tile.split %[[FOLD]]#5
// CHECK: %[[W:.*]]:6, %{{.*}} = tile.merge over warps %[[FOLD]]#0, %[[D1SUM]], %[[O1]], d2 %[[D2SUM]], c %[[FOLD]]#3, o2 %[[O2]] {columns = 64 : i64, key_warps = 4 : i64, rows = 4 : i64}
// CHECK: %[[G:.*]]:6, %[[LAST:.*]] = tile.merge over grid %[[W]]#0, %[[W]]#1, %[[W]]#2, d2 %[[W]]#3, c %[[W]]#4, o2 %[[W]]#5 {columns = 64 : i64, key_warps = 4 : i64, rows = 4 : i64}
// O1/d1 (1 + d2/d1) - O2/d1, or 0 where d1 = 0.
// CHECK: %[[OUT:.*]] = tile.map(%[[G]]#2, %[[G]]#1, %[[G]]#5, %[[G]]#3 :
// CHECK-NEXT: ^bb0(%[[X1:.*]]: f32, %[[XD1:.*]]: f32, %[[X2:.*]]: f32, %[[XD2:.*]]: f32):
// CHECK: %[[INVERSE:.*]] = arith.divf %{{.*}}, %[[XD1]]
// CHECK: %[[MEAN:.*]] = arith.mulf %[[X1]], %[[INVERSE]]
// CHECK: %[[FACTOR:.*]] = math.fma %[[XD2]], %[[INVERSE]]
// CHECK: %[[PROBE:.*]] = arith.mulf %[[X2]], %[[INVERSE]]
// CHECK: %[[SCALED:.*]] = arith.mulf %[[MEAN]], %[[FACTOR]]
// CHECK: %[[RESULT:.*]] = arith.subf %[[SCALED]], %[[PROBE]]
// CHECK: %[[EMPTY:.*]] = arith.cmpf oeq, %[[XD1]]
// CHECK: arith.select %[[EMPTY]], %{{.*}}, %[[RESULT]]
// Only the CTA that arrives last stores.
// CHECK: scf.if %[[LAST]] {
// CHECK: %[[OVIEW:.*]] = tile.view o[{{.*}}] {group = 4 : i64}
// CHECK: tile.store %[[OUT]], %[[OVIEW]]
// CHECK-NEXT: }
// CHECK-NEXT: }

// -----

//===----------------------------------------------------------------------===//
// load = registers, swapped: blocks of 4 rows that alternate with their probe rows
//===----------------------------------------------------------------------===//

#decode = #lla.problem<mode = decode, query_heads = 8, kv_heads = 2, context = 4096, head_dim = 64>
#swapped = #lla.schedule<load = registers, rows = 4, swapped = true, keys = 16, warps = 4, stages = 2, splits = 1>
!rows = !lla.rows<bf16, dim = 64, group = 4, stacked>

// CHECK-LABEL: tile.kernel @swapped
// CHECK: %[[ROWS:.*]] = tile.load %{{[^ ]*}} over %{{[^ ]*}}[{{.*}}] until {{.*}} -> <8 x 64 x bf16, rows, swapped>
// CHECK: tile.fill 0xFF800000 : <4 x 1 x f32, row, swapped>
// CHECK: tile.fill 0.000000e+00 : <4 x 1 x f32, partial_row, swapped>
// CHECK: tile.fill 0.000000e+00 : <8 x 64 x f32, columns, swapped>
// CHECK: %[[KEYS:.*]] = tile.load {{.*}} -> <16 x 64 x bf16, keys>
// CHECK: %[[ST:.*]] = tile.dot %[[ROWS]], %[[KEYS]] transposed : {{.*}} -> <8 x 16 x f32, accumulator, swapped>
// CHECK: tile.split %[[ST]] : {{.*}} -> <4 x 16 x f32, accumulator, swapped>
// A lane has 2 of a tile's 16 keys: its share of a row's weight is beyond 2^8 for sure where a p is.
// CHECK: arith.constant 5.120000e+02
// CHECK: %[[A:.*]] = tile.convert %{{.*}} -> <8 x 16 x bf16, operand, swapped>
// CHECK: tile.dot %[[A]], %{{.*}} plus %{{.*}} -> <8 x 64 x f32, columns, swapped>
// CHECK: tile.merge over warps {{.*}}rows = 4{{.*}} : <4 x 1 x f32, row, swapped>
func.func @swapped(%q: tensor<?x?x8x64xbf16>, %r: tensor<?x?x8x64xbf16>, %k: tensor<?x?x2x64xbf16>,
    %v: tensor<?x?x2x64xbf16>, %scale: f32) -> tensor<?x?x8x64xbf16>
    attributes {lla.problem = #decode, lla.target = #lla.target<arch = "sm_90a">, lla.schedule = #swapped} {
  %0 = lla.online_init : <64, probe>
  %1 = lla.pack_rows %q, %r : tensor<?x?x8x64xbf16>, tensor<?x?x8x64xbf16> -> <bf16, dim = 64, group = 4, stacked>
  %2 = lla.online_update %0 rows %1 keys %k values %v scale %scale range whole
    : <64, probe> rows !rows keys tensor<?x?x2x64xbf16> values tensor<?x?x2x64xbf16> -> <64, probe, unmerged = [warps]>
  %3 = lla.online_merge %2 over warps : <64, probe, unmerged = [warps]> -> <64, probe>
  %4 = lla.online_finalize %3 : <64, probe> -> tensor<?x?x8x64xbf16>
  return %4 : tensor<?x?x8x64xbf16>
}

// -----

//===----------------------------------------------------------------------===//
// Ragged lengths and paged keys: registers
//===----------------------------------------------------------------------===//

#decode = #lla.problem<mode = decode, batch = 4, query_heads = 8, kv_heads = 2, context = 4096, head_dim = 64, ragged = true, page_size = 24>
#split = #lla.schedule<load = registers, rows = 8, keys = 16, warps = 4, stages = 2, splits = 8, split_tiles = 2, longest_first = true>
!rows = !lla.rows<bf16, dim = 64, group = 4, stacked>
!queries = tensor<?x?x8x64xbf16>
!keys = tensor<?x?x2x64xbf16>

func.func @registers_serving(%q: !queries, %r: !queries, %k: !keys, %v: !keys, %scale: f32, %lengths: tensor<?xi32>,
    %starts: tensor<?xi32>, %table: tensor<?x?xi32>) -> !queries
    attributes {lla.problem = #decode, lla.target = #lla.target<arch = "sm_90a">, lla.schedule = #split} {
  %0 = lla.online_init : <64, probe>
  %1 = lla.pack_rows %q, %r : !queries, !queries -> <bf16, dim = 64, group = 4, stacked>
  %2 = lla.online_update %0 rows %1 keys %k values %v scale %scale lengths %lengths starts %starts pages %table of 24
    range whole : <64, probe> rows !rows keys !keys values !keys -> <64, probe, unmerged = [warps, grid]>
  %3 = lla.online_merge %2 over warps : <64, probe, unmerged = [warps, grid]> -> <64, probe, unmerged = [grid]>
  %4 = lla.online_merge %3 over grid : <64, probe, unmerged = [grid]> -> <64, probe>
  %5 = lla.online_finalize %4 : <64, probe> -> !queries
  return %5 : !queries
}

// CHECK-LABEL: tile.kernel @registers_serving
// CHECK-DAG: %[[SPLIT:.*]] = tile.index grid_y
// CHECK-DAG: %[[SPLITS:.*]] = tile.argument "splits"
// CHECK-DAG: %[[CONTEXT:.*]] = tile.argument "context"
// Sequences take turns by their lengths.
// CHECK: %[[BATCH:.*]] = tile.by_length %{{.*}} of %{{.*}} otherwise %[[CONTEXT]]{{$}}
// The length is within 0..context, the start within 0..length.
// CHECK: %[[GIVEN:.*]] = tile.lookup "lengths"[%[[BATCH]]] otherwise %[[CONTEXT]]
// CHECK: %[[ATMOST:.*]] = arith.minsi %[[GIVEN]], %[[CONTEXT]]
// CHECK: %[[LENGTH:.*]] = arith.maxsi %c0{{.*}}, %[[ATMOST]]
// CHECK: %[[FROM:.*]] = tile.lookup "starts"[%[[BATCH]]] otherwise %c0
// CHECK: %[[BEFORE:.*]] = arith.minsi %[[FROM]], %[[LENGTH]]
// CHECK: %[[START:.*]] = arith.maxsi %c0{{.*}}, %[[BEFORE]]
// Tiles begin where an eighth key of a page does: gcd(24, 16).
// CHECK: %[[WITHIN:.*]] = arith.remui %[[START]], %c8
// CHECK: %[[FIRSTTILE:.*]] = arith.subi %[[START]], %[[WITHIN]]
// CHECK: %[[SPAN:.*]] = arith.subi %[[LENGTH]], %[[FIRSTTILE]]
// CHECK: %[[TILES:.*]] = arith.divui %{{.*}}, %c16
// As many splits as have split_tiles tiles each; surplus ones leave before anything else.
// CHECK: %[[LEAST:.*]] = tile.argument "split_tiles"
// CHECK: %[[PARTS:.*]] = arith.divui %{{.*}}, %[[LEAST]]
// CHECK: %[[ANY:.*]] = arith.maxsi %c1{{.*}}, %[[PARTS]]
// CHECK: %[[WORKING:.*]] = arith.minsi %[[SPLITS]], %[[ANY]]
// CHECK: %[[SURPLUS:.*]] = arith.cmpi sge, %[[SPLIT]], %[[WORKING]]
// CHECK: tile.leave %[[SURPLUS]]
// CHECK: %[[K:.*]] = tile.view k[{{[^]]*}}] : <64 x bf16, pages = 24>
// CHECK: %[[V:.*]] = tile.view v[{{[^]]*}}] : <64 x bf16, pages = 24>
// The splits that work share the tiles.
// CHECK: %[[STEP:.*]] = arith.muli %[[WORKING]], %c4
// CHECK: scf.for %{{.*}} to %[[TILES]] step %[[STEP]]
// CHECK: %[[KEY:.*]] = arith.addi %[[FIRSTTILE]]
// Both loads have the pages of one look into the table.
// CHECK: %[[P0:.*]] = tile.page %[[K]][%[[KEY]]] until %[[CONTEXT]]
// CHECK: %[[NEXT:.*]] = arith.addi %[[KEY]], %c8
// CHECK: %[[P1:.*]] = tile.page %[[K]][%[[NEXT]]] until %[[CONTEXT]]
// CHECK: tile.load %[[K]][%[[KEY]]] pages %[[P0]], %[[P1]] from %[[START]] until %[[LENGTH]]
// CHECK: ^bb0(%{{.*}}: f32, %{{.*}}: i32, %[[AT:.*]]: i32):
// CHECK: arith.cmpi slt, %[[AT]], %[[LENGTH]]
// CHECK: arith.cmpi sge, %[[AT]], %[[START]]
// CHECK-NOT: tile.page
// CHECK: tile.load %[[V]][%[[KEY]]] pages %[[P0]], %[[P1]] from %[[START]] until %[[LENGTH]]
// CHECK: tile.merge over warps {{.*}}, o2 %{{[^ ]*}} {columns
// A split that works alone stores at once; the others merge, as many as work.
// CHECK: %[[ALONE:.*]] = arith.cmpi eq, %[[WORKING]], %c1
// CHECK: scf.if %[[ALONE]] {
// CHECK-NOT: tile.merge
// CHECK: tile.store
// CHECK: } else {
// CHECK: %{{.*}}:6, %[[LAST:.*]] = tile.merge over grid {{.*}} splits %[[WORKING]] {
// CHECK: scf.if %[[LAST]]
// CHECK: tile.store

// -----

//===----------------------------------------------------------------------===//
// Ragged lengths: a cluster works or leaves as a whole, and one that works alone merges over itself only
//===----------------------------------------------------------------------===//

#decode = #lla.problem<mode = decode, batch = 4, query_heads = 8, kv_heads = 2, context = 4096, head_dim = 64, ragged = true>
#split = #lla.schedule<load = registers, rows = 8, keys = 16, warps = 4, stages = 2, splits = 8, cluster = 2>
!rows = !lla.rows<bf16, dim = 64, group = 4, stacked>
!queries = tensor<?x?x8x64xbf16>
!keys = tensor<?x?x2x64xbf16>

func.func @cluster_serving(%q: !queries, %r: !queries, %k: !keys, %v: !keys, %scale: f32, %lengths: tensor<?xi32>,
    %starts: tensor<?xi32>) -> !queries
    attributes {lla.problem = #decode, lla.target = #lla.target<arch = "sm_90a">, lla.schedule = #split} {
  %0 = lla.online_init : <64, probe>
  %1 = lla.pack_rows %q, %r : !queries, !queries -> <bf16, dim = 64, group = 4, stacked>
  %2 = lla.online_update %0 rows %1 keys %k values %v scale %scale lengths %lengths starts %starts
    range whole : <64, probe> rows !rows keys !keys values !keys -> <64, probe, unmerged = [warps, cluster, grid]>
  %3 = lla.online_merge %2 over warps : <64, probe, unmerged = [warps, cluster, grid]> -> <64, probe, unmerged = [cluster, grid]>
  %4 = lla.online_merge %3 over cluster : <64, probe, unmerged = [cluster, grid]> -> <64, probe, unmerged = [grid]>
  %5 = lla.online_merge %4 over grid : <64, probe, unmerged = [grid]> -> <64, probe>
  %6 = lla.online_finalize %5 : <64, probe> -> !queries
  return %6 : !queries
}

// CHECK-LABEL: tile.kernel @cluster_serving
// CHECK: %[[ANY:.*]] = arith.maxsi %[[ONE:c1.*]], %{{.*}} : i32
// CHECK: %[[UP:.*]] = arith.addi %[[ANY]], %[[ONE]]
// CHECK: %[[CLUSTERS:.*]] = arith.divui %[[UP]], %[[TWO:c2.*]] : i32
// CHECK: %[[WHOLE:.*]] = arith.muli %[[CLUSTERS]], %[[TWO]]
// CHECK: %[[WORKING:.*]] = arith.minsi %{{.*}}, %[[WHOLE]]
// CHECK: tile.leave
// Keys that lie in a row: neither pages nor a begin of the tiles before the start.
// CHECK: tile.load %{{[^ ]*}}[%{{[^ ]*}}] until %{{.*}} -> <16 x 64 x bf16, keys>
// CHECK: tile.merge over cluster {{.*}}, o2 %{{[^ ]*}} {columns
// CHECK: arith.cmpi eq, %[[WORKING]], %[[TWO]]
// CHECK: tile.merge over grid {{.*}} splits %[[WORKING]] {

// -----

//===----------------------------------------------------------------------===//
// load = registers without a probe: 16 query rows, one value fragment, own rows per warp
//===----------------------------------------------------------------------===//

#prefill = #lla.problem<mode = prefill, probe = none, context = 512, head_dim = 40, window = 32, dtype = fp16>
#own = #lla.schedule<load = registers, rows = 64, keys = 32, warps = 4, stages = 1>
!rows = !lla.rows<f16, dim = 40, group = 1, none>

func.func @registers_softmax(%q: tensor<?x?x1x40xf16>, %k: tensor<?x?x1x40xf16>, %v: tensor<?x?x1x40xf16>, %scale: f32)
    -> tensor<?x?x1x40xf16>
    attributes {lla.problem = #prefill, lla.target = #lla.target<arch = "sm_80">, lla.schedule = #own} {
  %0 = lla.online_init : <40>
  %1 = lla.pack_rows %q : tensor<?x?x1x40xf16> -> <f16, dim = 40, group = 1, none>
  %2 = lla.online_update %0 rows %1 keys %k values %v scale %scale causal window 32 range whole
    : <40> rows !rows keys tensor<?x?x1x40xf16> values tensor<?x?x1x40xf16> -> <40>
  %3 = lla.online_finalize %2 : <40> -> tensor<?x?x1x40xf16>
  return %3 : tensor<?x?x1x40xf16>
}

// CHECK-LABEL: tile.kernel @registers_softmax
// CHECK: %[[X:.*]] = tile.index grid_x
// CHECK: %[[WARP:.*]] = tile.index warp
// With a causal mask the longest row tiles come first: tile row_tiles - 1 - x / sequences.
// CHECK: %[[MULTIPLIER:.*]] = tile.argument "sequences_multiplier"
// CHECK: %[[SHIFT:.*]] = tile.argument "sequences_shift"
// CHECK: %{{.*}}, %[[HIGH:.*]] = arith.mului_extended %[[X]], %[[MULTIPLIER]]
// CHECK: %[[SHIFTED:.*]] = arith.shrui %[[HIGH]], %[[SHIFT]]
// CHECK: %[[TILE:.*]] = arith.select %{{.*}}, %[[X]], %[[SHIFTED]]
// CHECK: %[[TILES:.*]] = tile.argument "row_tiles"
// CHECK: %[[LAST:.*]] = arith.subi %[[TILES]], %c1
// CHECK: %[[ROWTILE:.*]] = arith.subi %[[LAST]], %[[TILE]]
// CHECK: %[[ROWBEGIN:.*]] = arith.muli %[[ROWTILE]], %c64
// Each warp has its own 16 rows; 40 columns are padded to 64.
// CHECK: %[[ROWWARP:.*]] = arith.remui %[[WARP]], %c4
// CHECK: %[[OFFSET:.*]] = arith.muli %[[ROWWARP]], %c16
// CHECK: %[[BASE:.*]] = arith.addi %[[ROWBEGIN]], %[[OFFSET]]
// CHECK: tile.load %{{.*}}[%[[BASE]]] until %{{.*}} : <40 x f16> -> <16 x 64 x f16, rows>
// CHECK: scf.for {{.*}} -> (!tile.frag<16 x 1 x f32, row>, !tile.frag<16 x 1 x f32, partial_row>, !tile.frag<16 x 64 x f32, columns>)
// CHECK: tile.load {{.*}} -> <32 x 64 x f16, keys>
// CHECK: tile.dot {{.*}} -> <16 x 32 x f32, accumulator>
// CHECK-NOT: tile.split
// A key is visible before the row's end and, with a window, not before its beginning.
// CHECK: tile.map({{.*}}) at %[[BASE]],
// CHECK: arith.cmpi slt
// CHECK: arith.cmpi sge
// CHECK: arith.andi
// CHECK-NOT: tile.stack
// CHECK-NOT: tile.merge
// Nothing to decide: every warp stores its rows.
// CHECK: tile.view o
// CHECK-NEXT: tile.store %{{.*}}, %{{.*}}[%[[BASE]]] until %{{.*}} : <16 x 64 x f32, columns>, <40 x f16>
// CHECK-NOT: scf.if

// -----

//===----------------------------------------------------------------------===//
// load = ring: shared tiles, two products in flight, one body in two ranges
//===----------------------------------------------------------------------===//

#prefill = #lla.problem<mode = prefill, query_heads = 2, kv_heads = 1, context = 512, head_dim = 64, causal = true>
#ring = #lla.schedule<load = ring, rows = 64, keys = 48, warps = 4, stages = 3, peel = true>
!rows = !lla.rows<bf16, dim = 64, group = 2, separate>
!queries = tensor<?x?x2x64xbf16>
!keys = tensor<?x?x1x64xbf16>

func.func @ring(%q: !queries, %r: !queries, %k: !keys, %v: !keys, %scale: f32) -> !queries
    attributes {lla.problem = #prefill, lla.target = #lla.target<arch = "sm_90a">, lla.schedule = #ring} {
  %0 = lla.online_init : <64, probe>
  %1 = lla.pack_rows %q, %r : !queries, !queries -> <bf16, dim = 64, group = 2, separate>
  %2 = lla.online_update %0 rows %1 keys %k values %v scale %scale causal range interior
    : <64, probe> rows !rows keys !keys values !keys -> <64, probe>
  %3 = lla.online_update %2 rows %1 keys %k values %v scale %scale causal range causal_edge
    : <64, probe> rows !rows keys !keys values !keys -> <64, probe>
  %4 = lla.online_finalize %3 : <64, probe> -> !queries
  return %4 : !queries
}

// CHECK-LABEL: tile.kernel @ring
// CHECK-SAME: producer_warps = 4 : i64
// CHECK-SAME: stages = 3 : i64, warps = 4 : i64
// CHECK: %[[Q:.*]] = tile.copy {{.*}} -> <64 x 64 x bf16>
// CHECK: %[[R:.*]] = tile.copy {{.*}} -> <64 x 64 x bf16>
// The interior masks nothing.
// CHECK: %[[INTERIOR:.*]]:7 = scf.for %[[N:.*]] = %{{.*}} to %[[MIDDLE:.*]] step
// CHECK: %[[K:.*]] = tile.copy {{.*}} -> <48 x 64 x bf16>
// CHECK: %[[V:.*]] = tile.copy {{.*}} -> <48 x 64 x bf16>
// CHECK: tile.dot %[[Q]], %[[K]] transposed : {{.*}} -> <16 x 48 x f32, accumulator>
// CHECK-NEXT: %[[T:.*]] = tile.dot %[[R]], %[[K]] transposed : {{.*}} -> <16 x 48 x f32, accumulator>
// CHECK-NOT: tile.wait
// CHECK-NOT: ) at %
// Whole warpgroups decide, since s is formed by them; t is waited for on both sides.
// CHECK: %[[UNSETTLED:.*]] = tile.any %{{.*}} of warpgroup
// CHECK-NEXT: scf.if %[[UNSETTLED]]
// CHECK-NOT: tile.wait
// CHECK: tile.any %{{.*}} of warpgroup
// CHECK-NEXT: scf.if
// CHECK: tile.dot %[[Q]], %[[K]] transposed : {{.*}} -> <16 x 48 x f32, accumulator>
// CHECK: tile.wait 0 of %[[T]]
// CHECK: } else {
// CHECK: tile.wait 0 of %[[T]]
// CHECK-NOT: ) at %
// CHECK: %[[P:.*]] = tile.convert {{.*}} -> <16 x 48 x bf16, operand>
// CHECK-NEXT: tile.dot %[[P]], %[[V]] plus
// CHECK-NEXT: %[[U:.*]] = tile.convert {{.*}} -> <16 x 48 x bf16, operand>
// CHECK-NEXT: tile.dot %[[U]], %[[V]] plus
// The edge goes on from the interior's state and tile number, with masks.
// CHECK: scf.for %{{.*}} = %[[MIDDLE]] to %{{.*}} step %{{.*}} iter_args(%{{.*}} = %[[INTERIOR]]#0, %{{.*}} = %[[INTERIOR]]#1, %{{.*}} = %[[INTERIOR]]#2, %{{.*}} = %[[INTERIOR]]#3, %{{.*}} = %[[INTERIOR]]#4, %{{.*}} = %[[INTERIOR]]#5, %{{.*}} = %[[INTERIOR]]#6)
// The last tile ends with the last key, and may begin before its own first, from which on keys count.
// CHECK: %[[TILEKEY:.*]] = arith.addi %{{.*}}, %{{.*}} : i32
// CHECK: %[[TILESTART:.*]] = arith.minsi %[[TILEKEY]], %{{.*}} : i32
// CHECK: tile.map({{.*}}) at %{{.*}}, %[[TILESTART]]
// CHECK-NEXT: ^bb0(%[[SCORE:.*]]: f32, %{{.*}}: i32, %[[AT:.*]]: i32):
// CHECK: %[[END:.*]] = arith.minsi
// CHECK-NEXT: %[[BEFORE:.*]] = arith.cmpi slt, %[[AT]], %[[END]]
// CHECK-NEXT: %[[BEHIND:.*]] = arith.cmpi sge, %[[AT]], %[[TILEKEY]]
// CHECK-NEXT: %[[VISIBLE:.*]] = arith.andi %[[BEFORE]], %[[BEHIND]]
// CHECK-NEXT: arith.select %[[VISIBLE]], %[[SCORE]],
// The masks of s again are computed again, not kept from before.
// CHECK: tile.dot %[[Q]], %{{.*}} transposed
// CHECK-NEXT: %[[ANEW:.*]] = tile.opaque %[[TILESTART]]
// CHECK-NEXT: tile.map({{.*}}) at %{{.*}}, %[[ANEW]]
// CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: i32, %[[AT:.*]]: i32):
// CHECK: arith.cmpi slt, %[[AT]],
// CHECK-NEXT: arith.cmpi sge, %[[AT]], %[[TILEKEY]]
// CHECK-NEXT: arith.andi
// CHECK: tile.store {{.*}} : <16 x 64 x f32, accumulator>, <64 x bf16>

// -----

// Weights that are kept in 16 bits: ones beside the values make products form d1 and d2, in eight columns more, so that
// loops carry m, c, its limit, O1 and O2 only.

#prefill = #lla.problem<mode = prefill, query_heads = 2, kv_heads = 2, context = 512, head_dim = 64, causal = true>
#ring = #lla.schedule<load = ring, rows = 64, keys = 48, warps = 4, stages = 3, peel = true, rounded = true>
!rows = !lla.rows<bf16, dim = 64, group = 1, separate>
!queries = tensor<?x?x2x64xbf16>

func.func @rounded(%q: !queries, %r: !queries, %k: !queries, %v: !queries, %scale: f32) -> !queries
    attributes {lla.problem = #prefill, lla.target = #lla.target<arch = "sm_90a">, lla.schedule = #ring} {
  %0 = lla.online_init : <64, probe>
  %1 = lla.pack_rows %q, %r : !queries, !queries -> <bf16, dim = 64, group = 1, separate>
  %2 = lla.online_update %0 rows %1 keys %k values %v scale %scale causal range first
    : <64, probe> rows !rows keys !queries values !queries -> <64, probe>
  %3 = lla.online_update %2 rows %1 keys %k values %v scale %scale causal range interior
    : <64, probe> rows !rows keys !queries values !queries -> <64, probe>
  %4 = lla.online_update %3 rows %1 keys %k values %v scale %scale causal range causal_edge
    : <64, probe> rows !rows keys !queries values !queries -> <64, probe>
  %5 = lla.online_finalize %4 : <64, probe> -> !queries
  return %5 : !queries
}

// CHECK-LABEL: tile.kernel @rounded
// CHECK-NEXT: %[[ONES:.*]] = tile.ones : <16 x 64 x bf16>
// CHECK: %[[M0:.*]] = tile.fill 0xFF800000 : <16 x 1 x f32, row>
// CHECK: %[[ROW0:.*]] = tile.fill 0.000000e+00 : <16 x 1 x f32, row>
// CHECK: %[[O0:.*]] = tile.fill 0.000000e+00 : <16 x 72 x f32, accumulator>
// The first tile centres t by weights that are not rounded yet, as its maximum's are.
// CHECK: %[[FIRST:.*]]:5 = scf.for {{.*}} iter_args(%{{.*}} = %[[M0]], %{{.*}} = %[[ROW0]], %{{.*}} = %[[ROW0]], %{{.*}} = %[[O0]], %{{.*}} = %[[O0]])
// CHECK: %[[P:.*]] = tile.convert
// CHECK-NEXT: tile.dot %[[P]], %[[V:.*]] beside %[[ONES]] : {{.*}} -> <16 x 72 x f32, accumulator>
// CHECK-NEXT: %[[U:.*]] = tile.convert
// CHECK-NEXT: tile.dot %[[U]], %[[V]] beside %[[ONES]] : {{.*}} -> <16 x 72 x f32, accumulator>
// The interior rounds p and u as soon as t is there, and asks for sums of rounded weights.
// CHECK: %[[INTERIOR:.*]]:5 = scf.for {{.*}} iter_args(%[[M:.*]] = %[[FIRST]]#0, %[[C:.*]] = %[[FIRST]]#1, %[[LIMIT:.*]] = %[[FIRST]]#2, %[[O1:.*]] = %[[FIRST]]#3, %[[O2:.*]] = %[[FIRST]]#4)
// CHECK: %[[K:.*]] = tile.copy
// CHECK-NEXT: %[[V:.*]] = tile.copy
// CHECK-NEXT: tile.dot %[[Q:.*]], %[[K]] transposed
// CHECK-NEXT: %[[T:.*]] = tile.dot %[[R:.*]], %[[K]] transposed
// CHECK-NEXT: %[[WEIGHT:.*]] = tile.map
// CHECK: %[[THERE:.*]] = tile.wait 0 of %[[T]]
// CHECK-NEXT: %[[CENTRED:.*]] = tile.map(%[[WEIGHT]], %[[THERE]], %[[C]] :
// CHECK: %[[U0:.*]] = tile.convert %[[CENTRED]] : {{.*}} -> <16 x 48 x bf16, operand>
// CHECK-NEXT: %[[P0:.*]] = tile.convert %[[WEIGHT]] : {{.*}} -> <16 x 48 x bf16, operand>
// CHECK-NEXT: %[[SHARE:.*]] = tile.row_reduce sum %[[P0]] : <16 x 48 x bf16, operand> -> <16 x 1 x f32, partial_row>
// CHECK-NEXT: %[[BEYOND:.*]] = tile.map(%[[SHARE]] :
// CHECK: %[[D1:.*]] = tile.last_column %[[O1]] : <16 x 72 x f32, accumulator> -> <16 x 1 x f32, row>
// CHECK-NEXT: %[[PAST:.*]] = tile.map(%[[SHARE]], %[[D1]], %[[LIMIT]] :
// CHECK: arith.constant 1.600000e+01
// CHECK: %[[UNSETTLED:.*]] = tile.any %[[BEYOND]], %[[PAST]] of warpgroup : !tile.frag<16 x 1 x i1, partial_row>, !tile.frag<16 x 1 x i1, partial_row>
// One branch settles both m and c, with s and t formed anew.
// CHECK-NEXT: %[[SETTLED:.*]]:7 = scf.if %[[UNSETTLED]]
// CHECK-NEXT: tile.dot %[[Q]], %[[K]] transposed
// CHECK-NEXT: tile.dot %[[R]], %[[K]] transposed
// CHECK-NOT: tile.any
// CHECK: %[[U1:.*]] = tile.convert {{.*}} -> <16 x 48 x bf16, operand>
// CHECK-NEXT: %[[P1:.*]] = tile.convert {{.*}} -> <16 x 48 x bf16, operand>
// CHECK-NEXT: scf.yield %[[P1]], %[[U1]],
// CHECK-NEXT: } else {
// CHECK-NEXT: scf.yield %[[P0]], %[[U0]], %[[M]], %[[C]], %[[LIMIT]], %[[O1]], %[[O2]] :
// CHECK: %[[O1NEXT:.*]] = tile.dot %[[SETTLED]]#0, %[[V]] beside %[[ONES]] plus %[[SETTLED]]#5 : {{.*}} -> <16 x 72 x f32, accumulator>
// CHECK-NEXT: %[[O2NEXT:.*]] = tile.dot %[[SETTLED]]#1, %[[V]] beside %[[ONES]] plus %[[SETTLED]]#6 : {{.*}} -> <16 x 72 x f32, accumulator>
// CHECK-NEXT: scf.yield %[[SETTLED]]#2, %[[SETTLED]]#3, %[[SETTLED]]#4, %[[O1NEXT]], %[[O2NEXT]] :
// In a masked tile t counts as 0 where p is, before and after m and c settle.
// CHECK: %[[EDGE:.*]]:5 = scf.for {{.*}} iter_args(%{{.*}} = %[[INTERIOR]]#0,
// CHECK: %[[HIDDEN:.*]] = tile.map({{.*}}) at
// CHECK: %[[WEIGHT:.*]] = tile.map(%[[HIDDEN]],
// CHECK: %[[THERE:.*]] = tile.wait 0 of
// CHECK-NEXT: tile.map(%[[WEIGHT]], %[[THERE]] :
// CHECK: scf.if
// CHECK: tile.map({{.*}}) at
// CHECK: %[[THERE:.*]] = tile.wait 0 of
// CHECK-NEXT: tile.map(%{{.*}}, %[[THERE]] :
// The sums are complete.
// CHECK: %[[D1:.*]] = tile.last_column %[[EDGE]]#3
// CHECK-NEXT: %[[D2:.*]] = tile.last_column %[[EDGE]]#4
// CHECK-NEXT: tile.map(%[[EDGE]]#3, %[[D1]], %[[EDGE]]#4, %[[D2]] :
// CHECK: tile.store %{{.*}} : <16 x 72 x f32, accumulator>, <64 x bf16>

// -----

// The first tile starts the state: its own maximum, no second s, products that add to nothing. It is masked where a row
// does not see all of it. Warpgroups whose rows see no key of an edge's tile leave its step out, but not its copies.

#prefill = #lla.problem<mode = prefill, query_heads = 2, kv_heads = 2, context = 512, head_dim = 64, window = 100>
#ring = #lla.schedule<load = ring, rows = 128, keys = 48, warps = 8, stages = 3, peel = true>
!rows = !lla.rows<bf16, dim = 64, group = 1, separate>
!queries = tensor<?x?x2x64xbf16>

func.func @first(%q: !queries, %r: !queries, %k: !queries, %v: !queries, %scale: f32) -> !queries
    attributes {lla.problem = #prefill, lla.target = #lla.target<arch = "sm_90a">, lla.schedule = #ring} {
  %0 = lla.online_init : <64, probe>
  %1 = lla.pack_rows %q, %r : !queries, !queries -> <bf16, dim = 64, group = 1, separate>
  %2 = lla.online_update %0 rows %1 keys %k values %v scale %scale causal window 100 range first
    : <64, probe> rows !rows keys !queries values !queries -> <64, probe>
  %3 = lla.online_update %2 rows %1 keys %k values %v scale %scale causal window 100 range window_edge
    : <64, probe> rows !rows keys !queries values !queries -> <64, probe>
  %4 = lla.online_update %3 rows %1 keys %k values %v scale %scale causal window 100 range interior
    : <64, probe> rows !rows keys !queries values !queries -> <64, probe>
  %5 = lla.online_finalize %4 : <64, probe> -> !queries
  return %5 : !queries
}

// CHECK-LABEL: tile.kernel @first
// CHECK: %[[WARP:.*]] = tile.index warp
// CHECK: %[[UP:.*]] = arith.addi %[[ZERO:c0[^ ]*]], %c1{{.*}} : i32
// CHECK-NEXT: %[[ONE:.*]] = arith.minsi %[[UP]], %{{.*}} : i32
// CHECK-NEXT: scf.for %{{.*}} = %[[ZERO]] to %[[ONE]] step
// CHECK-COUNT-2: tile.copy
// The first row that this warp's warpgroup has; the last tells whether the tile's first key is seen.
// CHECK: %[[ROWWARP:.*]] = arith.remui %[[WARP]], %c8
// CHECK: %[[WARPGROUP:.*]] = arith.divui %[[ROWWARP]], %c4
// CHECK: %[[ROWS:.*]] = arith.muli %[[WARPGROUP]], %c64
// CHECK: %[[BEFORE:.*]] = arith.cmpi slt
// CHECK: %[[BEHIND:.*]] = arith.cmpi sgt
// CHECK: %[[SEES:.*]] = arith.andi %[[BEFORE]], %[[BEHIND]]
// CHECK: scf.if %[[SEES]]
// CHECK: %[[S:.*]] = tile.dot {{.*}} transposed
// CHECK-NEXT: %[[T:.*]] = tile.dot {{.*}} transposed
// Tile 0 is before the full ones or behind them: s has its hidden keys, and t is 0 where p is.
// CHECK-NEXT: %[[EARLY:.*]] = arith.cmpi slt, %[[ZERO]], %[[FIRSTFULL:.*]] : i32
// CHECK-NEXT: %[[LATE:.*]] = arith.cmpi sge, %[[ZERO]], %[[ENDFULL:.*]] : i32
// CHECK-NEXT: %[[PART:.*]] = arith.ori %[[EARLY]], %[[LATE]]
// CHECK-NEXT: %[[VISIBLE:.*]] = scf.if %[[PART]]
// CHECK: %[[HIDDEN:.*]] = tile.map(%[[S]] : {{.*}}) at
// CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: i32, %[[AT:.*]]: i32):
// CHECK: arith.cmpi slt, %[[AT]],
// CHECK: arith.cmpi sge, %[[AT]],
// CHECK-NEXT: arith.andi
// CHECK: scf.yield %[[HIDDEN]]
// CHECK-NEXT: } else {
// CHECK-NEXT: scf.yield %[[S]]
// CHECK-NOT: tile.any
// CHECK-NOT: transposed
// CHECK: tile.row_reduce max %[[VISIBLE]]
// CHECK: %[[P:.*]] = tile.map(%[[VISIBLE]],
// CHECK: math.exp2
// CHECK-NOT: tile.any
// CHECK-NOT: transposed
// CHECK: %[[THERE:.*]] = tile.wait 0 of %[[T]]
// CHECK-NEXT: %[[COUNTED:.*]] = scf.if %[[PART]]
// CHECK-NEXT: %[[ZEROED:.*]] = tile.map(%[[P]], %[[THERE]]
// CHECK: arith.cmpf oeq
// CHECK: scf.yield %[[ZEROED]]
// CHECK-NEXT: } else {
// CHECK-NEXT: scf.yield %[[THERE]]
// CHECK: tile.map(%[[P]], %[[COUNTED]]
// CHECK-NOT: tile.any
// CHECK-NOT: transposed
// CHECK: tile.dot %{{[^ ]*}}, %{{[^ ]*}} : {{.*}} -> <16 x 64 x f32, accumulator>
// CHECK-NEXT: tile.convert
// CHECK-NEXT: tile.dot %{{[^ ]*}}, %{{[^ ]*}} : {{.*}} -> <16 x 64 x f32, accumulator>
// CHECK: } else {
// CHECK-NEXT: scf.yield
// The window's edge begins behind it, and so does the interior.
// CHECK: scf.for %{{.*}} = %[[ONE]] to %[[FIRSTFULL]] step
// CHECK: scf.if
// CHECK: tile.any
// CHECK: %[[FROM:.*]] = arith.maxsi %[[FIRSTFULL]], %[[ONE]]
// CHECK: scf.for %{{.*}} = %[[FROM]] to %[[ENDFULL]] step
// CHECK-NOT: arith.cmpi sgt

// -----

// Persistent CTAs: rounds of the grid's width, there and back; the launch before is awaited once, ahead of them.

#prefill = #lla.problem<mode = prefill, query_heads = 2, kv_heads = 1, context = 512, head_dim = 64>
#rounds = #lla.schedule<load = ring, rows = 64, keys = 48, warps = 4, stages = 3, dependent = true, persistent = true>
!rows = !lla.rows<bf16, dim = 64, group = 2, separate>
!queries = tensor<?x?x2x64xbf16>
!keys = tensor<?x?x1x64xbf16>

func.func @persistent(%q: !queries, %r: !queries, %k: !keys, %v: !keys, %scale: f32) -> !queries
    attributes {lla.problem = #prefill, lla.target = #lla.target<arch = "sm_90a">, lla.schedule = #rounds} {
  %0 = lla.online_init : <64, probe>
  %1 = lla.pack_rows %q, %r : !queries, !queries -> <bf16, dim = 64, group = 2, separate>
  %2 = lla.online_update %0 rows %1 keys %k values %v scale %scale range whole
    : <64, probe> rows !rows keys !keys values !keys -> <64, probe>
  %3 = lla.online_finalize %2 : <64, probe> -> !queries
  return %3 : !queries
}

// CHECK-LABEL: tile.kernel @persistent
// CHECK: %[[X:.*]] = tile.index grid_x
// CHECK: %[[PLACE:.*]] = tile.await_launch %[[X]]
// CHECK: %[[WIDTH:.*]] = tile.index grid_width
// CHECK: %[[WHOLE:.*]] = tile.argument "turns"
// CHECK: %[[LAST:.*]] = arith.subi %[[WIDTH]], %c1
// CHECK: %[[BACK:.*]] = arith.subi %[[LAST]], %[[PLACE]]
// CHECK: arith.select %{{.*}}, %[[BACK]], %[[PLACE]]
// A group's heads are rows of one tile: tiles are as many as KV heads have.
// CHECK: %[[KV_HEADS:.*]] = tile.argument "kv_heads"
// CHECK: %[[HEADS:.*]] = arith.muli %{{.*}}, %[[KV_HEADS]] : i32
// CHECK: %[[TILES:.*]] = arith.muli %[[HEADS]], %{{.*}} : i32
// CHECK: %[[TAKEN:.*]] = arith.muli %[[WHOLE]], %[[WIDTH]]
// CHECK: %[[REST:.*]] = arith.subi %[[TILES]], %[[TAKEN]]
// CHECK: arith.cmpi slt, %{{.*}}, %[[REST]]
// CHECK: scf.for %[[ROUND:.*]] = %c0{{[^ ]*}} to %{{.*}} step %c1
// CHECK-NOT: tile.await_launch
// CHECK: %[[FIRST:.*]] = arith.muli %[[ROUND]], %[[WIDTH]]
// CHECK: tile.view q[{{.*}}] {group = 2 : i64}
// CHECK: scf.for
// CHECK: tile.store

// -----

// A last turn that is divided: a CTA's part of a row tile's key tiles, a state that is the result in earlier turns, and is
// merged in the last.

#prefill = #lla.problem<mode = prefill, probe = none, context = 512, head_dim = 64>
#turns = #lla.schedule<load = ring, rows = 64, keys = 48, warps = 4, stages = 3, persistent = true, stream_k = true, split_tiles = 2>
!rows = !lla.rows<bf16, dim = 64, group = 1, none>
!queries = tensor<?x?x1x64xbf16>

func.func @stream_k(%q: !queries, %k: !queries, %v: !queries, %scale: f32) -> !queries
    attributes {lla.problem = #prefill, lla.target = #lla.target<arch = "sm_90a">, lla.schedule = #turns} {
  %0 = lla.online_init : <64>
  %1 = lla.pack_rows %q : !queries -> <bf16, dim = 64, group = 1, none>
  %2 = lla.online_update %0 rows %1 keys %k values %v scale %scale range whole
    : <64> rows !rows keys !queries values !queries -> <64, unmerged = [grid]>
  %3 = lla.online_merge %2 over grid : <64, unmerged = [grid]> -> <64>
  %4 = lla.online_finalize %3 : <64> -> !queries
  return %4 : !queries
}

// CHECK-LABEL: tile.kernel @stream_k
// CHECK: %[[WHOLE:.*]] = tile.argument "turns"
// CHECK: tile.argument "split_tiles"
// CHECK: %[[COUNT:.*]] = tile.uniform
// CHECK: scf.for %[[TURN:.*]] = %c0{{[^ ]*}} to %[[COUNT]] step %c1
// CHECK: %[[IS_LAST:.*]] = arith.cmpi sge, %[[TURN]], %[[WHOLE]]
// CHECK: %[[CHOSEN:.*]]:3 = scf.if %[[IS_LAST]] -> (i32, i32, i32)
// What follows from the number of row tiles that are left is formed here, not kept over all turns.
// CHECK: tile.opaque
// CHECK: %[[NUMBER:.*]] = tile.uniform %[[CHOSEN]]#0
// CHECK: %[[FIRST:.*]] = tile.uniform %[[CHOSEN]]#1
// CHECK: %[[END:.*]] = tile.uniform %[[CHOSEN]]#2
// CHECK: %[[STATE:.*]]:3 = scf.for
// CHECK: %[[ALONE:.*]] = arith.cmpi slt, %[[TURN]], %{{.*}}
// CHECK: scf.if %[[ALONE]] {
// CHECK:   tile.store
// CHECK: } else {
// CHECK:   tile.opaque
// CHECK:   %{{.*}}:3, %[[LAST:.*]] = tile.merge over grid %[[STATE]]#0, {{.*}} splits %{{.*}} at %{{.*}}, %{{.*}}
// CHECK:   scf.if %[[LAST]]
// CHECK:     tile.store

// -----

//===----------------------------------------------------------------------===//
// A ring's splits: key tiles that follow each other, and merges by warp
//===----------------------------------------------------------------------===//

#prefill = #lla.problem<mode = prefill, probe = none, query_length = 64, context = 512, head_dim = 64>
#ring = #lla.schedule<load = ring, rows = 64, keys = 48, warps = 4, stages = 3, splits = 8, cluster = 4>
!rows = !lla.rows<bf16, dim = 64, group = 1, none>
!queries = tensor<?x?x1x64xbf16>

func.func @ring_splits(%q: !queries, %k: !queries, %v: !queries, %scale: f32) -> !queries
    attributes {lla.problem = #prefill, lla.target = #lla.target<arch = "sm_90a">, lla.schedule = #ring} {
  %0 = lla.online_init : <64>
  %1 = lla.pack_rows %q : !queries -> <bf16, dim = 64, group = 1, none>
  %2 = lla.online_update %0 rows %1 keys %k values %v scale %scale range whole
    : <64> rows !rows keys !queries values !queries -> <64, unmerged = [cluster, grid]>
  %3 = lla.online_merge %2 over cluster : <64, unmerged = [cluster, grid]> -> <64, unmerged = [grid]>
  %4 = lla.online_merge %3 over grid : <64, unmerged = [grid]> -> <64>
  %5 = lla.online_finalize %4 : <64> -> !queries
  return %5 : !queries
}

// CHECK-LABEL: tile.kernel @ring_splits
// CHECK-SAME: cluster = 4 : i64
// CHECK: %[[SPLIT:.*]] = tile.index grid_y
// CHECK: %[[SPLITS:.*]] = tile.argument "splits"
// CHECK: %[[SHARE:.*]] = arith.divui %[[TILES:.*]], %[[SPLITS]]
// CHECK-NEXT: %[[LEFT:.*]] = arith.remui %[[TILES]], %[[SPLITS]]
// The first of the splits have one tile more.
// CHECK: %[[BEFORE:.*]] = arith.minsi %[[SPLIT]], %[[LEFT]]
// CHECK: %[[FIRST:.*]] = arith.addi %{{.*}}, %[[BEFORE]]
// CHECK: %[[BEGIN:.*]] = arith.minsi %[[FIRST]], %[[TILES]]
// CHECK: %[[TO:.*]] = arith.minsi %{{.*}}, %[[TILES]]
// CHECK: %[[COUNT:.*]] = arith.subi %[[TO]], %[[BEGIN]]
// CHECK: %[[KEY:.*]] = arith.muli %[[BEGIN]], %{{.*}}
// CHECK: %[[STATE:.*]]:3 = scf.for %{{.*}} = %{{.*}} to %[[COUNT]] step
// CHECK: %[[D1:.*]] = tile.row_reduce sum %[[STATE]]#1
// CHECK-NEXT: %[[OWN:.*]]:3, %{{.*}} = tile.merge over cluster %[[STATE]]#0, %[[D1]], %[[STATE]]#2 {{.*}} -> !tile.frag<16 x 1 x f32, row>, !tile.frag<16 x 1 x f32, row>, !tile.frag<16 x 16 x f32, accumulator>
// A warp whose rows are behind the last has nothing to merge.
// CHECK: %[[HAS_ROWS:.*]] = arith.cmpi slt
// CHECK: scf.if %[[HAS_ROWS]]
// CHECK-NEXT: %[[ALL:.*]]:3, %[[LAST:.*]] = tile.merge over grid %[[OWN]]#0, %[[OWN]]#1, %[[OWN]]#2
// CHECK: scf.if %[[LAST]]
// Each CTA of a cluster stores the columns that it has merged.
// CHECK: %[[RANK:.*]] = arith.remui %[[SPLIT]], %{{.*}}
// CHECK: %[[COLUMN:.*]] = arith.muli %[[RANK]], %{{.*}}
// CHECK: tile.store %{{.*}}, %{{.*}}[%{{.*}}, %[[COLUMN]]] until

// -----

//===----------------------------------------------------------------------===//
// Ragged lengths and paged keys: ring
//===----------------------------------------------------------------------===//

#prefill = #lla.problem<mode = prefill, query_heads = 2, kv_heads = 1, context = 512, head_dim = 64, causal = true, ragged = true, page_size = 16>
#ring = #lla.schedule<load = ring, rows = 64, keys = 48, warps = 4, stages = 3>
!rows = !lla.rows<bf16, dim = 64, group = 2, separate>
!queries = tensor<?x?x2x64xbf16>
!keys = tensor<?x?x1x64xbf16>

func.func @ring_serving(%q: !queries, %r: !queries, %k: !keys, %v: !keys, %scale: f32, %lengths: tensor<?xi32>,
    %starts: tensor<?xi32>, %table: tensor<?x?xi32>) -> !queries
    attributes {lla.problem = #prefill, lla.target = #lla.target<arch = "sm_90a">, lla.schedule = #ring} {
  %0 = lla.online_init : <64, probe>
  %1 = lla.pack_rows %q, %r : !queries, !queries -> <bf16, dim = 64, group = 2, separate>
  %2 = lla.online_update %0 rows %1 keys %k values %v scale %scale lengths %lengths starts %starts pages %table of 16
    causal range whole : <64, probe> rows !rows keys !keys values !keys -> <64, probe>
  %3 = lla.online_finalize %2 : <64, probe> -> !queries
  return %3 : !queries
}

// CHECK-LABEL: tile.kernel @ring_serving
// CHECK: tile.lookup "lengths"
// CHECK: %[[BEFORE:.*]] = arith.minsi
// CHECK: tile.lookup "starts"
// CHECK: %[[START:.*]] = arith.maxsi
// CHECK: %[[END:.*]] = arith.maxsi %[[START]], %{{.*}} : i32
// CHECK: %[[WITHIN:.*]] = arith.remui %[[START]], %c16
// CHECK: %[[FIRSTTILE:.*]] = arith.subi %[[START]], %[[WITHIN]]
// Queries lie in a row, keys in pages; a tile of 48 keys is three boxes of 16. Before key 0 there is nothing to hide.
// CHECK: tile.copy %{{[^ ]*}}[%{{[^ ]*}}] : <64 x bf16> ->
// CHECK: tile.copy %{{[^ ]*}}[%{{[^ ]*}}] : <64 x bf16> ->
// CHECK: %[[ISZERO:.*]] = arith.cmpi eq, %[[START]], %c0
// CHECK: %[[FROM:.*]] = arith.select %[[ISZERO]], %c-48{{.*}}, %[[START]]
// CHECK: scf.for
// CHECK: %[[KEY:.*]] = arith.addi %[[FIRSTTILE]]
// CHECK: tile.copy %{{.*}}[%[[KEY]]] from %[[FROM]] until %[[END]] boxes of 16 : <64 x bf16, pages = 16> -> <48 x 64 x bf16>
// CHECK: tile.copy %{{.*}}[%[[KEY]]] from %[[FROM]] until %[[END]] boxes of 16 : <64 x bf16, pages = 16> -> <48 x 64 x bf16>

// -----

//===----------------------------------------------------------------------===//
// overlap = false: the schedule asks for the wait
//===----------------------------------------------------------------------===//

#prefill = #lla.problem<mode = prefill, context = 512, head_dim = 64>
#ring = #lla.schedule<load = ring, rows = 64, keys = 64, warps = 4, overlap = false>
!rows = !lla.rows<bf16, dim = 64, group = 1, separate>
!queries = tensor<?x?x1x64xbf16>

func.func @ring_no_overlap(%q: !queries, %r: !queries, %k: !queries, %v: !queries, %scale: f32) -> !queries
    attributes {lla.problem = #prefill, lla.target = #lla.target<arch = "sm_90a">, lla.schedule = #ring} {
  %0 = lla.online_init : <64, probe>
  %1 = lla.pack_rows %q, %r : !queries, !queries -> <bf16, dim = 64, group = 1, separate>
  %2 = lla.online_update %0 rows %1 keys %k values %v scale %scale range whole
    : <64, probe> rows !rows keys !queries values !queries -> <64, probe>
  %3 = lla.online_finalize %2 : <64, probe> -> !queries
  return %3 : !queries
}

// CHECK-LABEL: tile.kernel @ring_no_overlap
// CHECK: %[[S:.*]] = tile.dot {{.*}} transposed
// CHECK-NEXT: %[[T:.*]] = tile.dot {{.*}} transposed
// CHECK-NEXT: tile.wait 0 of %[[S]], %[[T]]

// -----

//===----------------------------------------------------------------------===//
// load = scratch: dense tiles of a host task
//===----------------------------------------------------------------------===//

#decode = #lla.problem<mode = decode, query_heads = 4, kv_heads = 2, context = 1024, head_dim = 24, dtype = fp32>
#scratch = #lla.schedule<load = scratch, rows = 2, keys = 32, warps = 1, stages = 1, splits = 2>
!rows = !lla.rows<f32, dim = 24, group = 2, separate>
!queries = tensor<?x?x4x24xf32>
!keys = tensor<?x?x2x24xf32>

func.func @scratch(%q: !queries, %r: !queries, %k: !keys, %v: !keys, %scale: f32) -> !queries
    attributes {lla.problem = #decode, lla.target = #lla.target<arch = "host">, lla.schedule = #scratch} {
  %0 = lla.online_init : <24, probe>
  %1 = lla.pack_rows %q, %r : !queries, !queries -> <f32, dim = 24, group = 2, separate>
  %2 = lla.online_update %0 rows %1 keys %k values %v scale %scale range whole
    : <24, probe> rows !rows keys !keys values !keys -> <24, probe, unmerged = [grid]>
  %3 = lla.online_merge %2 over grid : <24, probe, unmerged = [grid]> -> <24, probe>
  %4 = lla.online_finalize %3 : <24, probe> -> !queries
  return %4 : !queries
}

// CHECK-LABEL: tile.kernel @scratch
// CHECK-SAME: warps = 1 : i64
// CHECK: %[[Q:.*]] = tile.load {{.*}} -> <2 x 24 x f32, dense>
// CHECK: %[[R:.*]] = tile.load {{.*}} -> <2 x 24 x f32, dense>
// CHECK: scf.for
// Two rows do not pay for a transposition.
// CHECK: %[[K:.*]] = tile.load {{[^t]*}} until %{{[^ ]*}} : <24 x f32> -> <32 x 24 x f32, dense>
// CHECK: tile.dot %[[Q]], %[[K]] transposed : {{.*}} -> <2 x 32 x f32, dense>
// CHECK: tile.dot %[[R]], %[[K]] transposed : {{.*}} -> <2 x 32 x f32, dense>
// CHECK: tile.row_reduce max {{.*}} -> <2 x 1 x f32, dense>
// CHECK: %[[V:.*]] = tile.load {{.*}} -> <32 x 24 x f32, dense>
// CHECK: tile.dot %{{.*}}, %[[V]] plus
// CHECK: tile.dot %{{.*}}, %[[V]] plus
// CHECK: %{{.*}}:6, %[[LAST:.*]] = tile.merge over grid {{.*}} {columns = 24 : i64,
// CHECK: scf.if %[[LAST]]
// CHECK: tile.store {{.*}} : <2 x 24 x f32, dense>, <24 x f32>

// -----

//===----------------------------------------------------------------------===//
// The state of the rows, beside the output
//===----------------------------------------------------------------------===//

#prefill = #lla.problem<mode = prefill, context = 512, head_dim = 64, state = true>
#ring = #lla.schedule<load = ring, rows = 64, keys = 64, warps = 4>
!rows = !lla.rows<bf16, dim = 64, group = 1, separate>
!queries = tensor<?x?x1x64xbf16>
!state = tensor<?x?x1xf32>
!values = tensor<?x?x1x64xf32>

func.func @ring_state(%q: !queries, %r: !queries, %k: !queries, %v: !queries, %scale: f32)
    -> (!queries, !state, !state, !values)
    attributes {lla.problem = #prefill, lla.target = #lla.target<arch = "sm_90a">, lla.schedule = #ring} {
  %0 = lla.online_init : <64, probe>
  %1 = lla.pack_rows %q, %r : !queries, !queries -> <bf16, dim = 64, group = 1, separate>
  %2 = lla.online_update %0 rows %1 keys %k values %v scale %scale range whole
    : <64, probe> rows !rows keys !queries values !queries -> <64, probe>
  %3 = lla.online_finalize %2 : <64, probe> -> !queries
  %4:3 = lla.online_statistics %2 : <64, probe> -> !state, !state, !values
  return %3, %4#0, %4#1, %4#2 : !queries, !state, !state, !values
}

// CHECK-LABEL: tile.kernel @ring_state
// CHECK: %[[FOLD:.*]]:7 = scf.for
// The sums are completed once for both.
// CHECK: %[[D1:.*]] = tile.row_reduce sum %[[FOLD]]#1
// CHECK: %[[D2:.*]] = tile.row_reduce sum %[[FOLD]]#2
// CHECK-NOT: tile.row_reduce
// CHECK: tile.store %{{.*}} : <16 x 64 x f32, accumulator>, <64 x bf16>
// lse = ln 2 (m + log2 d1); -inf where d1 = 0.
// CHECK: %[[LSE:.*]] = tile.map(%[[FOLD]]#0, %[[D1]] :
// CHECK-NEXT: ^bb0(%[[M:.*]]: f32, %[[SUM:.*]]: f32):
// CHECK-NEXT: %[[LOG:.*]] = math.log2 %[[SUM]]
// CHECK-NEXT: %[[POWERS:.*]] = arith.addf %[[M]], %[[LOG]]
// CHECK: arith.mulf %[[POWERS]], %cst{{.*}}
// CHECK: arith.select %{{.*}}, %cst{{.*}}, %{{.*}}
// tbar = c + d2/d1; vbar = O1/d1.
// CHECK: %[[TBAR:.*]] = tile.map(%[[FOLD]]#3, %[[D2]], %[[D1]] :
// CHECK: arith.divf
// CHECK: arith.addf
// CHECK: %[[VBAR:.*]] = tile.map(%[[FOLD]]#5, %[[D1]] :
// CHECK: arith.divf
// CHECK: %[[LSEVIEW:.*]] = tile.view lse[{{.*}}] : <1 x f32>
// CHECK: tile.store %[[LSE]], %[[LSEVIEW]][{{.*}}] until %{{.*}} : <16 x 1 x f32, row>, <1 x f32>
// CHECK: %[[TBARVIEW:.*]] = tile.view tbar
// CHECK: tile.store %[[TBAR]], %[[TBARVIEW]]
// CHECK: %[[VBARVIEW:.*]] = tile.view vbar[{{.*}}] : <64 x f32>
// CHECK: tile.store %[[VBAR]], %[[VBARVIEW]][{{.*}}] until %{{.*}} : <16 x 64 x f32, accumulator>, <64 x f32>

// -----

//===----------------------------------------------------------------------===//
// The results of shards: a loop over them, two at a time
//===----------------------------------------------------------------------===//

#merge = #lla.problem<mode = merge, query_heads = 2, query_length = 9, shards = 3, head_dim = 64, output_dtype = bf16>
#flat = #lla.schedule<load = registers, rows = 4, keys = 16, warps = 2, stages = 2, lazy = 0>

func.func @merge(%po: tensor<?x?x?x2x64xf32>, %pl: tensor<?x?x?x2xf32>, %pt: tensor<?x?x?x2xf32>,
    %pv: tensor<?x?x?x2x64xf32>) -> (tensor<?x?x2x64xbf16>, tensor<?x?x2xf32>, tensor<?x?x2xf32>, tensor<?x?x2x64xf32>)
    attributes {lla.problem = #merge, lla.target = #lla.target<arch = "sm_90a">, lla.schedule = #flat} {
  %0:4 = lla.merge_states %po, %pl, %pt, %pv
    : (tensor<?x?x?x2x64xf32>, tensor<?x?x?x2xf32>, tensor<?x?x?x2xf32>, tensor<?x?x?x2x64xf32>)
    -> (tensor<?x?x2x64xbf16>, tensor<?x?x2xf32>, tensor<?x?x2xf32>, tensor<?x?x2x64xf32>)
  return %0#0, %0#1, %0#2, %0#3
    : tensor<?x?x2x64xbf16>, tensor<?x?x2xf32>, tensor<?x?x2xf32>, tensor<?x?x2x64xf32>
}

// CHECK-LABEL: tile.kernel @merge
// CHECK-SAME: warps = 2 : i64
// CHECK-NOT: lla.
// CHECK-DAG: %[[NONE:.*]] = tile.fill 0xFF800000 : <4 x 64 x f32, flat, threads = 64>
// CHECK-DAG: %[[SHARDS:.*]] = tile.argument "shards" : i32
// CHECK: %[[FOLD:.*]]:5 = scf.for %[[I:.*]] = %{{.*}} to %[[SHARDS]] step %{{.*}} iter_args(%[[M:.*]] = %[[NONE]], %[[D:.*]] = %{{.*}}, %[[T:.*]] = %{{.*}}, %[[V:.*]] = %{{.*}}, %[[O:.*]] = %{{.*}})
// All loads of both come first.
// CHECK: tile.view part_lse[{{.*}}] shard %[[I]] : <1 x f32>
// CHECK: %[[LSE:.*]] = tile.load {{.*}} : <1 x f32> -> <4 x 64 x f32, flat, threads = 64>
// CHECK: tile.view part_tbar
// CHECK: %[[TBAR:.*]] = tile.load
// CHECK: tile.view part_vbar
// CHECK: %[[VBAR:.*]] = tile.load
// CHECK: tile.view part_o
// CHECK: %[[PO:.*]] = tile.load
// Past the last one, the last is read.
// CHECK: %[[NEXT:.*]] = arith.addi %[[I]], %c1
// CHECK: %[[MOST:.*]] = arith.subi %[[SHARDS]], %c1
// CHECK: %[[CLAMPED:.*]] = arith.minsi %[[NEXT]], %[[MOST]]
// CHECK: tile.view part_lse[{{.*}}] shard %[[CLAMPED]]
// CHECK-COUNT-4: tile.load
// The first is there.
// CHECK: %[[ROWS:.*]]:6 = tile.map(%[[M]], %[[D]], %[[T]], %[[LSE]], %[[TBAR]] :
// CHECK-NEXT: ^bb0(%[[XM:.*]]: f32, %[[XD:.*]]: f32, %[[XT:.*]]: f32, %[[XL:.*]]: f32, %[[XS:.*]]: f32):
// CHECK-NEXT: arith.maxnumf %[[XM]], %[[XL]]
// CHECK: math.exp2
// CHECK: math.exp2
// CHECK: arith.divf
// CHECK: %[[SUMS:.*]]:2 = tile.map(%[[V]], %[[O]], %[[VBAR]], %[[PO]], %[[ROWS]]#3, %[[ROWS]]#4, %[[ROWS]]#5 :
// The second may not be: then it is an empty one.
// CHECK: %[[EXISTS:.*]] = arith.cmpi slt, %[[NEXT]], %[[SHARDS]]
// CHECK: tile.map(%[[ROWS]]#0, %[[ROWS]]#1, %[[ROWS]]#2,
// CHECK: arith.select %[[EXISTS]]
// CHECK: tile.map(%[[SUMS]]#0, %[[SUMS]]#1,
// CHECK: scf.yield
// CHECK: %[[LOG:.*]] = tile.map(%[[FOLD]]#0, %[[FOLD]]#1 :
// CHECK: math.log2
// CHECK: tile.store %[[LOG]], %{{.*}} : <4 x 64 x f32, flat, threads = 64>, <1 x f32>
// CHECK: tile.store %[[FOLD]]#2, %{{.*}} : <4 x 64 x f32, flat, threads = 64>, <1 x f32>
// CHECK: tile.store %[[FOLD]]#3, %{{.*}} : <4 x 64 x f32, flat, threads = 64>, <64 x f32>
// CHECK: tile.store %[[FOLD]]#4, %{{.*}} : <4 x 64 x f32, flat, threads = 64>, <64 x bf16>

// -----

// On the host the statistics of a tile are a column beside its rows, and shards come one by one.
#merge = #lla.problem<mode = merge, query_heads = 2, query_length = 9, shards = 3, head_dim = 64>
#dense = #lla.schedule<load = scratch, rows = 8, keys = 16, warps = 1, stages = 1, lazy = 0>

func.func @merge_host(%po: tensor<?x?x?x2x64xf32>, %pl: tensor<?x?x?x2xf32>)
    -> (tensor<?x?x2x64xf32>, tensor<?x?x2xf32>, tensor<?x?x2xf32>, tensor<?x?x2x64xf32>)
    attributes {lla.problem = #merge, lla.target = #lla.target<arch = "host">, lla.schedule = #dense} {
  %0:4 = lla.merge_states %po, %pl, %pl, %po
    : (tensor<?x?x?x2x64xf32>, tensor<?x?x?x2xf32>, tensor<?x?x?x2xf32>, tensor<?x?x?x2x64xf32>)
    -> (tensor<?x?x2x64xf32>, tensor<?x?x2xf32>, tensor<?x?x2xf32>, tensor<?x?x2x64xf32>)
  return %0#0, %0#1, %0#2, %0#3
    : tensor<?x?x2x64xf32>, tensor<?x?x2xf32>, tensor<?x?x2xf32>, tensor<?x?x2x64xf32>
}

// CHECK-LABEL: tile.kernel @merge_host
// CHECK: scf.for
// CHECK: tile.load {{.*}} : <1 x f32> -> <8 x 1 x f32, dense>
// CHECK: tile.load {{.*}} : <1 x f32> -> <8 x 1 x f32, dense>
// CHECK-COUNT-2: tile.load {{.*}} : <64 x f32> -> <8 x 64 x f32, dense>
// CHECK-NOT: tile.load
// CHECK-NOT: arith.minsi
// CHECK: tile.store {{.*}} : <8 x 1 x f32, dense>, <1 x f32>

// -----

//===----------------------------------------------------------------------===//
// Ragged lengths and paged keys: scratch; tiles begin at the start, rows are looked up one by one
//===----------------------------------------------------------------------===//

#decode = #lla.problem<mode = decode, batch = 3, query_heads = 4, kv_heads = 2, context = 1024, head_dim = 24, dtype = fp32, ragged = true, page_size = 24>
#scratch = #lla.schedule<load = scratch, rows = 2, keys = 32, warps = 1, stages = 1, splits = 2>
!rows = !lla.rows<f32, dim = 24, group = 2, separate>
!queries = tensor<?x?x4x24xf32>
!keys = tensor<?x?x2x24xf32>

func.func @scratch_serving(%q: !queries, %r: !queries, %k: !keys, %v: !keys, %scale: f32, %lengths: tensor<?xi32>,
    %starts: tensor<?xi32>, %table: tensor<?x?xi32>) -> !queries
    attributes {lla.problem = #decode, lla.target = #lla.target<arch = "host">, lla.schedule = #scratch} {
  %0 = lla.online_init : <24, probe>
  %1 = lla.pack_rows %q, %r : !queries, !queries -> <f32, dim = 24, group = 2, separate>
  %2 = lla.online_update %0 rows %1 keys %k values %v scale %scale lengths %lengths starts %starts pages %table of 24
    range whole : <24, probe> rows !rows keys !keys values !keys -> <24, probe, unmerged = [grid]>
  %3 = lla.online_merge %2 over grid : <24, probe, unmerged = [grid]> -> <24, probe>
  %4 = lla.online_finalize %3 : <24, probe> -> !queries
  return %4 : !queries
}

// CHECK-LABEL: tile.kernel @scratch_serving
// CHECK: tile.lookup "starts"
// CHECK: %[[START:.*]] = arith.maxsi
// CHECK: tile.leave
// CHECK: %[[K:.*]] = tile.view k[{{[^]]*}}] : <24 x f32, pages = 24>
// CHECK-NOT: tile.page
// CHECK: %[[KEY:.*]] = arith.addi %[[START]]
// CHECK: tile.load %[[K]][%[[KEY]]] until %{{.*}} : <24 x f32, pages = 24> -> <32 x 24 x f32, dense>
// CHECK-NOT: tile.page
// CHECK: tile.merge over grid {{.*}} splits %

// -----

//===----------------------------------------------------------------------===//
// Ragged lengths: a split that works alone stores the state, too
//===----------------------------------------------------------------------===//

#decode = #lla.problem<mode = decode, batch = 3, query_heads = 4, kv_heads = 2, context = 1024, head_dim = 24, dtype = fp32, ragged = true, state = true>
#scratch = #lla.schedule<load = scratch, rows = 2, keys = 32, warps = 1, stages = 1, splits = 2>
!rows = !lla.rows<f32, dim = 24, group = 2, separate>
!queries = tensor<?x?x4x24xf32>
!keys = tensor<?x?x2x24xf32>
!state = tensor<?x?x4xf32>

func.func @state_serving(%q: !queries, %r: !queries, %k: !keys, %v: !keys, %scale: f32, %lengths: tensor<?xi32>,
    %starts: tensor<?xi32>) -> (!queries, !state, !state, !queries)
    attributes {lla.problem = #decode, lla.target = #lla.target<arch = "host">, lla.schedule = #scratch} {
  %0 = lla.online_init : <24, probe>
  %1 = lla.pack_rows %q, %r : !queries, !queries -> <f32, dim = 24, group = 2, separate>
  %2 = lla.online_update %0 rows %1 keys %k values %v scale %scale lengths %lengths starts %starts
    range whole : <24, probe> rows !rows keys !keys values !keys -> <24, probe, unmerged = [grid]>
  %3 = lla.online_merge %2 over grid : <24, probe, unmerged = [grid]> -> <24, probe>
  %4 = lla.online_finalize %3 : <24, probe> -> !queries
  %5:3 = lla.online_statistics %3 : <24, probe> -> !state, !state, !queries
  return %4, %5#0, %5#1, %5#2 : !queries, !state, !state, !queries
}

// CHECK-LABEL: tile.kernel @state_serving
// CHECK: scf.if %{{.*}} {
// CHECK-NOT: tile.merge
// CHECK: tile.view o[
// CHECK: tile.view lse[
// CHECK: tile.view tbar[
// CHECK: tile.view vbar[
// CHECK: } else {
// CHECK: tile.merge over grid
// CHECK: tile.view o[
// CHECK: tile.view lse[
// CHECK: tile.view tbar[
// CHECK: tile.view vbar[

// -----

//===----------------------------------------------------------------------===//
// Packed sequences: ring; rows and keys from the sequence's own on, row tiles behind its last row leave
//===----------------------------------------------------------------------===//

#prefill = #lla.problem<mode = prefill, batch = 3, query_heads = 4, kv_heads = 2, context = 1024, head_dim = 64, causal = true, packed_queries = true, packed_keys = true>
#ring = #lla.schedule<load = ring, rows = 64, keys = 48, warps = 4, stages = 3>
!rows = !lla.rows<bf16, dim = 64, group = 2, separate>
!queries = tensor<?x?x4x64xbf16>
!keys = tensor<?x?x2x64xbf16>

func.func @ring_packed(%q: !queries, %r: !queries, %k: !keys, %v: !keys, %scale: f32, %lengths: tensor<?xi32>,
    %starts: tensor<?xi32>, %cuq: tensor<?xi32>, %cuk: tensor<?xi32>) -> !queries
    attributes {lla.problem = #prefill, lla.target = #lla.target<arch = "sm_90a">, lla.schedule = #ring} {
  %0 = lla.online_init : <64, probe>
  %1 = lla.pack_rows %q, %r : !queries, !queries -> <bf16, dim = 64, group = 2, separate>
  %2 = lla.online_update %0 rows %1 keys %k values %v scale %scale lengths %lengths starts %starts cu_seqlens_q %cuq
    cu_seqlens_k %cuk causal range whole : <64, probe> rows !rows keys !keys values !keys -> <64, probe>
  %3 = lla.online_finalize %2 : <64, probe> -> !queries
  return %3 : !queries
}

// CHECK-LABEL: tile.kernel @ring_packed
// CHECK: %[[MOST:.*]] = tile.argument "query_length"
// CHECK: %[[TOTAL:.*]] = tile.argument "query_rows"
// CHECK: %[[GIVEN:.*]] = tile.lookup "cu_seqlens_q"[%[[BATCH:.*]]] otherwise %[[ZERO:.*]]
// CHECK: %[[BELOW:.*]] = arith.minsi %[[GIVEN]], %[[TOTAL]]
// CHECK: %[[FIRST:.*]] = arith.maxsi %{{.*}}, %[[BELOW]]
// CHECK: %[[AFTER:.*]] = arith.addi %[[BATCH]], %
// CHECK: %[[NEXT:.*]] = tile.lookup "cu_seqlens_q"[%[[AFTER]]]
// CHECK: %[[WITHIN:.*]] = arith.minsi %[[NEXT]], %[[TOTAL]]
// CHECK: %[[END:.*]] = arith.maxsi %[[FIRST]], %[[WITHIN]]
// CHECK: %[[ROWS:.*]] = arith.subi %[[END]], %[[FIRST]]
// CHECK: %[[OWN:.*]] = arith.minsi %[[ROWS]], %[[MOST]]
// CHECK: %[[ROWSEND:.*]] = arith.addi %[[FIRST]], %[[OWN]]
// CHECK: tile.argument "key_rows"
// CHECK: tile.lookup "cu_seqlens_k"[%[[BATCH]]]
// CHECK: %[[FIRSTKEY:.*]] = arith.maxsi
// CHECK: tile.lookup "cu_seqlens_k"[%[[AFTER]]]
// CHECK: arith.subi %{{.*}}, %[[FIRSTKEY]]
// CHECK: %[[KEYS:.*]] = arith.minsi
// CHECK: tile.lookup "lengths"[%[[BATCH]]] otherwise %[[KEYS]]
// CHECK: tile.lookup "starts"[%[[BATCH]]]
// From here on rows and keys are counted through all sequences.
// CHECK: %[[CONTEXT:.*]] = arith.addi %[[FIRSTKEY]], %
// CHECK: %[[START:.*]] = arith.addi %[[FIRSTKEY]], %
// CHECK: arith.subi %[[CONTEXT]], %[[ROWSEND]]
// CHECK: %[[LAST:.*]] = arith.muli %[[ROWSEND]], %c2
// CHECK: %[[BEFORE:.*]] = arith.muli %[[FIRST]], %c2
// CHECK: %[[ROW:.*]] = arith.addi %[[BEFORE]], %
// CHECK: %[[BEHIND:.*]] = arith.cmpi sge, %[[ROW]], %[[LAST]]
// CHECK: tile.leave %[[BEHIND]]
// CHECK: %[[Q:.*]] = tile.view q[%[[ZERO]], %{{.*}}] {group = 2 : i64}
// CHECK: tile.copy %[[Q]][%[[ROW]]] :
// CHECK: tile.view k[%[[ZERO]], %{{.*}}] :
// CHECK: tile.copy {{.*}} from %{{.*}} until %{{.*}} : <64 x bf16> -> <48 x 64 x bf16>
// CHECK: tile.view o[%[[ZERO]], %{{.*}}] {group = 2 : i64}
// CHECK: tile.store %{{.*}}, %{{.*}} until %[[LAST]]

// -----

//===----------------------------------------------------------------------===//
// Keys of bytes: their scale is in the scores' and in t; the values' is in the output, after the last merge
//===----------------------------------------------------------------------===//

#decode = #lla.problem<batch = 3, query_heads = 4, kv_heads = 2, context = 1024, head_dim = 64, kv_dtype = fp8_e4m3>
#splits = #lla.schedule<load = registers, rows = 8, keys = 16, warps = 4, stages = 1, splits = 4>
!rows = !lla.rows<bf16, dim = 64, group = 2, stacked>
!queries = tensor<?x?x4x64xbf16>
!keys = tensor<?x?x2x64xf8E4M3FN>

func.func @bytes(%q: !queries, %r: !queries, %k: !keys, %v: !keys, %scale: f32, %ks: tensor<?xf32>, %vs: tensor<?xf32>)
    -> !queries attributes {lla.problem = #decode, lla.target = #lla.target<arch = "sm_90a">, lla.schedule = #splits} {
  %0 = lla.online_init : <64, probe>
  %1 = lla.pack_rows %q, %r : !queries, !queries -> <bf16, dim = 64, group = 2, stacked>
  %2 = lla.online_update %0 rows %1 keys %k values %v scale %scale k_scales %ks range whole
    : <64, probe> rows !rows keys !keys values !keys -> <64, probe, unmerged = [warps, grid]>
  %3 = lla.online_merge %2 over warps : <64, probe, unmerged = [warps, grid]> -> <64, probe, unmerged = [grid]>
  %4 = lla.online_merge %3 over grid : <64, probe, unmerged = [grid]> -> <64, probe>
  %5 = lla.online_finalize %4 v_scales %vs : <64, probe> -> !queries
  return %5 : !queries
}

// CHECK-LABEL: tile.kernel @bytes
// CHECK: %[[LAUNCHED:.*]] = tile.argument "scale_log2"
// CHECK: %[[KEYS:.*]] = tile.scale k[%[[HEAD:.*]]]
// CHECK: %[[VALUES:.*]] = tile.scale v[%[[HEAD]]]
// CHECK: %[[SCALE:.*]] = arith.mulf %[[LAUNCHED]], %[[KEYS]]
// CHECK: arith.cmpf oeq, %[[SCALE]]
// CHECK: scf.for
// CHECK: tile.load {{.*}} : <64 x f8E4M3FN> -> <16 x 64 x f8E4M3FN, keys>
// CHECK: arith.mulf %{{.*}}, %[[KEYS]]
// CHECK: tile.load {{.*}} : <64 x f8E4M3FN> -> <16 x 64 x f8E4M3FN, values>
// CHECK-NOT: arith.mulf %{{.*}}, %[[VALUES]]
// CHECK: tile.merge over grid
// CHECK: arith.mulf %{{.*}}, %[[VALUES]]
// CHECK: tile.store

// -----

//===----------------------------------------------------------------------===//
// Lengths of many sequences, divided evenly
//===----------------------------------------------------------------------===//

#decode = #lla.problem<batch = 9, query_heads = 24, kv_heads = 2, context = 4096, head_dim = 64, ragged = true>
#levelled = #lla.schedule<load = ring, rows = 64, keys = 48, warps = 4, stages = 3, persistent = true, stream_k = true, split_tiles = 8>
!rows = !lla.rows<bf16, dim = 64, group = 12, separate>
!queries = tensor<?x?x24x64xbf16>
!keys = tensor<?x?x2x64xbf16>

func.func @levelled(%q: !queries, %r: !queries, %k: !keys, %v: !keys, %scale: f32, %lengths: tensor<?xi32>,
    %starts: tensor<?xi32>) -> !queries
    attributes {lla.problem = #decode, lla.target = #lla.target<arch = "sm_90a">, lla.schedule = #levelled} {
  %0 = lla.online_init : <64, probe>
  %1 = lla.pack_rows %q, %r : !queries, !queries -> <bf16, dim = 64, group = 12, separate>
  %2 = lla.online_update %0 rows %1 keys %k values %v scale %scale lengths %lengths starts %starts range whole
    : <64, probe> rows !rows keys !keys values !keys -> <64, probe, unmerged = [grid]>
  %3 = lla.online_merge %2 over grid : <64, probe, unmerged = [grid]> -> <64, probe>
  %4 = lla.online_finalize %3 : <64, probe> -> !queries
  return %4 : !queries
}

// CHECK-LABEL: tile.kernel @levelled
// CHECK-DAG: %[[BATCH:.*]] = tile.argument "batch"
// CHECK-DAG: %[[CTA:.*]] = tile.index grid_x
// How much there is: of each sequence its key tiles, one at least, and two more, for each of its row tiles.
// CHECK: %{{.*}}, %{{.*}}, %[[UNITS:.*]] = tile.seek %{{.*}} of %[[BATCH]] {
// CHECK-NEXT: ^bb0(%[[SEQUENCE:.*]]: i32):
// CHECK: tile.lookup "lengths"[%[[SEQUENCE]]]
// CHECK: tile.lookup "starts"[%[[SEQUENCE]]]
// CHECK: %[[TILES:.*]] = arith.maxsi %{{.*}}, %c1
// CHECK: %[[OWN:.*]] = arith.addi %[[TILES]], %c2
// CHECK: %[[ALL:.*]] = arith.muli %[[OWN]], %
// CHECK-NEXT: tile.yield %[[ALL]] : i32
// Where this CTA's part begins, and ends.
// CHECK: tile.seek %{{.*}} of %[[BATCH]] {
// CHECK: tile.seek %{{.*}} of %[[BATCH]] {
// CHECK: %[[COUNT:.*]] = tile.uniform
// CHECK: scf.for %[[TURN:.*]] = %{{.*}} to %{{.*}} step
// The first row tile's own keys begin behind those of another CTA, the last one's end before those of another.
// CHECK-DAG: %[[ISFIRST:.*]] = arith.cmpi eq, %[[TURN]], %c0
// CHECK-DAG: arith.select %[[ISFIRST]], %{{.*}}, %c0
// CHECK-DAG: arith.select %{{.*}}, %{{.*}}, %c2147483647
// Of a group's twelve heads a query row has sixteen rows.
// CHECK: tile.view q[{{.*}}] {group = 12 : i64, query_rows = 16 : i64} : <64 x bf16>
// CHECK: %[[OTHERS:.*]] = arith.ori
// CHECK: %[[ALONE:.*]] = arith.xori %[[OTHERS]], %true
// CHECK: scf.if %[[ALONE]] {
// CHECK: tile.store
// CHECK: } else {
// CHECK: %[[STATE:.*]] = arith.muli %[[OWNER:.*]], %c2
// CHECK: %[[PLACE:.*]] = arith.subi %[[CTA]], %[[OWNER]]
// CHECK: tile.merge over grid
