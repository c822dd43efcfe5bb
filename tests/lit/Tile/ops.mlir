// Every op of the dialect, printed and read again.
// RUN: lla-opt %s | lla-opt | FileCheck %s
// RUN: lla-opt %s -mlir-print-op-generic | lla-opt | FileCheck %s

!row = !tile.frag<8 x 1 x f32, row>
!scores = !tile.frag<8 x 16 x f32, accumulator>
!half = !tile.frag<8 x 64 x f32, columns>
!flat = !tile.frag<8 x 64 x f32, flat, threads = 128>
!pair = !tile.frag<8 x 64 x f32, flat, threads = 256>

// CHECK-LABEL: tile.kernel @registers attributes {shared_limit = 4096 : i64, stages = 2 : i64, warps = 4 : i64}
tile.kernel @registers attributes {warps = 4, stages = 2, shared_limit = 4096} {
  // CHECK: %[[X:.*]] = tile.index grid_x
  %x = tile.index grid_x
  // CHECK: %[[Y:.*]] = tile.index grid_y
  %y = tile.index grid_y
  // CHECK: %[[WARP:.*]] = tile.index warp
  %warp = tile.index warp
  // CHECK: %[[END:.*]] = tile.argument "context" : i32
  %end = tile.argument "context" : i32
  // CHECK: tile.argument "scale_log2" : f32
  %scale = tile.argument "scale_log2" : f32
  // CHECK: tile.argument "partials_offset" : i64
  %offset = tile.argument "partials_offset" : i64
  // CHECK: %[[Q:.*]] = tile.view q[%[[X]], %[[Y]]] {group = 4 : i64} : <64 x bf16>
  %q = tile.view q[%x, %y] {group = 4} : <64 x bf16>
  %r = tile.view r[%x, %y] {group = 4} : <64 x bf16>
  // CHECK: %[[K:.*]] = tile.view k[%[[X]], %[[Y]]] : <64 x bf16>
  %k = tile.view k[%x, %y] : <64 x bf16>
  %v = tile.view v[%x, %y] : <64 x bf16>
  %o = tile.view o[%x, %y] {group = 4} : <64 x bf16>
  // CHECK: tile.load %[[Q]] over %{{.*}}[%[[WARP]]] until %[[END]] : <64 x bf16>, !tile.view<64 x bf16> -> <16 x 64 x bf16, rows>
  %rows = tile.load %q over %r[%warp] until %end : <64 x bf16>, !tile.view<64 x bf16> -> <16 x 64 x bf16, rows>
  // CHECK: tile.load %[[K]][%[[WARP]]] until %[[END]] : <64 x bf16> -> <16 x 64 x bf16, keys>
  %keys = tile.load %k[%warp] until %end : <64 x bf16> -> <16 x 64 x bf16, keys>
  %values = tile.load %v[%warp] until %end : <64 x bf16> -> <16 x 64 x bf16, values>
  // CHECK: %[[ST:.*]] = tile.dot %{{.*}}, %{{.*}} transposed : !tile.frag<16 x 64 x bf16, rows>, !tile.frag<16 x 64 x bf16, keys> -> <16 x 16 x f32, accumulator>
  %st = tile.dot %rows, %keys transposed
    : !tile.frag<16 x 64 x bf16, rows>, !tile.frag<16 x 64 x bf16, keys> -> <16 x 16 x f32, accumulator>
  // CHECK: %[[S:.*]], %[[T:.*]] = tile.split %[[ST]] : <16 x 16 x f32, accumulator> -> <8 x 16 x f32, accumulator>, <8 x 16 x f32, accumulator>
  %s, %t = tile.split %st : <16 x 16 x f32, accumulator> -> <8 x 16 x f32, accumulator>, <8 x 16 x f32, accumulator>
  // CHECK: %[[M:.*]] = tile.row_reduce max %[[S]] : <8 x 16 x f32, accumulator> -> <8 x 1 x f32, row>
  %m = tile.row_reduce max %s : <8 x 16 x f32, accumulator> -> <8 x 1 x f32, row>
  // CHECK: %[[P:.*]] = tile.map(%[[S]], %[[M]] : !tile.frag<8 x 16 x f32, accumulator>, !tile.frag<8 x 1 x f32, row>) at %[[WARP]], %[[X]] -> !tile.frag<8 x 16 x f32, accumulator> {
  // CHECK-NEXT: ^bb0(%[[E:.*]]: f32, %[[REF:.*]]: f32, %[[ROW:.*]]: i32, %[[KEY:.*]]: i32):
  %p = tile.map(%s, %m : !scores, !row) at %warp, %x -> !scores {
  ^bb0(%e: f32, %reference: f32, %row: i32, %key: i32):
    %visible = arith.cmpi sle, %key, %row : i32
    %kept = arith.select %visible, %e, %reference : f32
    // CHECK: tile.yield %{{.*}} : f32
    tile.yield %kept : f32
  }
  // CHECK: tile.row_reduce sum %[[P]] : <8 x 16 x f32, accumulator> -> <8 x 1 x f32, partial_row>
  %d1 = tile.row_reduce sum %p : <8 x 16 x f32, accumulator> -> <8 x 1 x f32, partial_row>
  // A map may have several results.
  // CHECK: %[[TWO:.*]]:2 = tile.map(%[[M]] : !tile.frag<8 x 1 x f32, row>) -> !tile.frag<8 x 1 x i1, row>, !tile.frag<8 x 1 x f32, row> {
  %grew, %twice = tile.map(%m : !row) -> !tile.frag<8 x 1 x i1, row>, !row {
  ^bb0(%e: f32):
    %sum = arith.addf %e, %e : f32
    %more = arith.cmpf ogt, %sum, %e : f32
    tile.yield %more, %sum : i1, f32
  }
  // CHECK: tile.any %[[TWO]]#0 : !tile.frag<8 x 1 x i1, row>
  %any = tile.any %grew : !tile.frag<8 x 1 x i1, row>
  // CHECK: tile.any %[[TWO]]#0 of warpgroup : !tile.frag<8 x 1 x i1, row>
  %whole = tile.any %grew of warpgroup : !tile.frag<8 x 1 x i1, row>
  // Several conditions, of one layout or not.
  // CHECK: tile.any %[[TWO]]#0, %[[PART:.*]] of warpgroup : !tile.frag<8 x 1 x i1, row>, !tile.frag<8 x 1 x i1, partial_row>
  %part = tile.map(%d1 : !tile.frag<8 x 1 x f32, partial_row>) -> !tile.frag<8 x 1 x i1, partial_row> {
  ^bb0(%e: f32):
    %more = arith.cmpf ogt, %e, %e : f32
    tile.yield %more : i1
  }
  %either = tile.any %grew, %part of warpgroup : !tile.frag<8 x 1 x i1, row>, !tile.frag<8 x 1 x i1, partial_row>
  // CHECK: tile.row_reduce peak %[[P]] : <8 x 16 x f32, accumulator> -> <8 x 1 x f32, row>
  %greatest = tile.row_reduce peak %p : <8 x 16 x f32, accumulator> -> <8 x 1 x f32, row>
  // CHECK: %[[STACK:.*]] = tile.stack %[[P]], %[[T]] : <8 x 16 x f32, accumulator> -> <16 x 16 x f32, accumulator>
  %stacked = tile.stack %p, %t : <8 x 16 x f32, accumulator> -> <16 x 16 x f32, accumulator>
  // CHECK: %[[A:.*]] = tile.convert %[[STACK]] : <16 x 16 x f32, accumulator> -> <16 x 16 x bf16, operand>
  %a = tile.convert %stacked : <16 x 16 x f32, accumulator> -> <16 x 16 x bf16, operand>
  // CHECK: tile.row_reduce sum %[[A]] : <16 x 16 x bf16, operand> -> <16 x 1 x f32, partial_row>
  %sum_of_pairs = tile.row_reduce sum %a : <16 x 16 x bf16, operand> -> <16 x 1 x f32, partial_row>
  // CHECK: %[[ZERO:.*]] = tile.fill 0.000000e+00 : <16 x 64 x f32, columns>
  %zero = tile.fill 0.0 : <16 x 64 x f32, columns>
  // CHECK: tile.dot %[[A]], %{{.*}} plus %[[ZERO]] : !tile.frag<16 x 16 x bf16, operand>, !tile.frag<16 x 64 x bf16, values>, !tile.frag<16 x 64 x f32, columns> -> <16 x 64 x f32, columns>
  %sum = tile.dot %a, %values plus %zero
    : !tile.frag<16 x 16 x bf16, operand>, !tile.frag<16 x 64 x bf16, values>, !tile.frag<16 x 64 x f32, columns>
    -> <16 x 64 x f32, columns>
  %o1, %o2 = tile.split %sum : <16 x 64 x f32, columns> -> <8 x 64 x f32, columns>, <8 x 64 x f32, columns>
  // CHECK: %[[W:.*]]:6, %{{.*}} = tile.merge over warps %[[M]], %[[M]], %[[O1:.*]], d2 %[[M]], c %[[M]], o2 %{{.*}} {columns = 64 : i64, key_warps = 4 : i64, rows = 8 : i64} :
  %w:6, %w_last = tile.merge over warps %m, %m, %o1, d2 %m, c %m, o2 %o2 {columns = 64, key_warps = 4, rows = 8}
    : <8 x 1 x f32, row>, <8 x 1 x f32, row>, <8 x 64 x f32, columns>, !row, !row, !half
    -> !flat, !flat, !flat, !flat, !flat, !flat
  // CHECK: %[[G:.*]]:3, %[[LAST:.*]] = tile.merge over grid %[[W]]#0, %[[W]]#1, %[[W]]#2 {columns = 64 : i64, key_warps = 4 : i64, offset = 0 : i64, rows = 8 : i64} :
  %g:3, %last = tile.merge over grid %w#0, %w#1, %w#2 {columns = 64, key_warps = 4, rows = 8, offset = 0}
    : <8 x 64 x f32, flat, threads = 128>, <8 x 64 x f32, flat, threads = 128>, <8 x 64 x f32, flat, threads = 128>
    -> !flat, !flat, !flat
  // Accumulators keep their layout, and over a cluster a share of their columns.
  %om = tile.fill 0.0 : <16 x 1 x f32, row>
  %oo = tile.fill 0.0 : <16 x 64 x f32, accumulator>
  // CHECK: tile.merge over cluster {{.*}} -> !tile.frag<16 x 1 x f32, row>, !tile.frag<16 x 1 x f32, row>, !tile.frag<16 x 16 x f32, accumulator>
  %share:3, %everybody = tile.merge over cluster %om, %om, %oo {columns = 64, key_warps = 1, rows = 16}
    : <16 x 1 x f32, row>, <16 x 1 x f32, row>, <16 x 64 x f32, accumulator>
    -> !tile.frag<16 x 1 x f32, row>, !tile.frag<16 x 1 x f32, row>, !tile.frag<16 x 16 x f32, accumulator>
  // CHECK: tile.merge over grid {{.*}} -> !tile.frag<16 x 1 x f32, row>, !tile.frag<16 x 1 x f32, row>, !tile.frag<16 x 16 x f32, accumulator>
  %all_of_it:3, %latest = tile.merge over grid %share#0, %share#1, %share#2 {columns = 16, key_warps = 1, rows = 16}
    : <16 x 1 x f32, row>, <16 x 1 x f32, row>, <16 x 16 x f32, accumulator>
    -> !tile.frag<16 x 1 x f32, row>, !tile.frag<16 x 1 x f32, row>, !tile.frag<16 x 16 x f32, accumulator>
  // CHECK: tile.merge over cluster %[[W]]#0, %[[W]]#1, %[[W]]#2 {columns = 64 : i64, key_warps = 4 : i64, rows = 8 : i64} : {{.*}} -> !tile.frag<8 x 64 x f32, flat, threads = 256>
  %c:3, %all = tile.merge over cluster %w#0, %w#1, %w#2 {columns = 64, key_warps = 4, rows = 8}
    : <8 x 64 x f32, flat, threads = 128>, <8 x 64 x f32, flat, threads = 128>, <8 x 64 x f32, flat, threads = 128>
    -> !pair, !pair, !pair
  // CHECK: tile.prefetch 16 of %[[K]], %{{.*}}[%[[Y]]] until %[[END]] : !tile.view<64 x bf16>, !tile.view<64 x bf16>
  tile.prefetch 16 of %k, %v[%y] until %end : !tile.view<64 x bf16>, !tile.view<64 x bf16>
  // CHECK: tile.await_launch %{{.*}}
  %there = tile.await_launch %x
  // CHECK: tile.opaque %{{.*}}
  %anew = tile.opaque %x
  // CHECK: tile.uniform %{{.*}}
  %alike = tile.uniform %x
  // CHECK: tile.merge over grid %{{.*}}, %{{.*}}, %{{.*}} splits %[[COUNT:.*]] at %[[COUNT]], %[[COUNT]] {
  %shared:3, %last_there = tile.merge over grid %om, %om, %oo splits %x at %x, %x {columns = 64, key_warps = 1, rows = 16}
    : <16 x 1 x f32, row>, <16 x 1 x f32, row>, <16 x 64 x f32, accumulator>
    -> !tile.frag<16 x 1 x f32, row>, !tile.frag<16 x 1 x f32, row>, !tile.frag<16 x 64 x f32, accumulator>
  // CHECK: scf.if %[[LAST]]
  scf.if %last {
    // CHECK: tile.store %[[G]]#2, %{{.*}}[%{{.*}}] until %[[END]] : <8 x 64 x f32, flat, threads = 128>, <64 x bf16>
    tile.store %g#2, %o[%x] until %end : <8 x 64 x f32, flat, threads = 128>, <64 x bf16>
    // The statistics have one element a row in memory.
    // CHECK: %[[LSE:.*]] = tile.view lse[%[[X]], %[[Y]]] {group = 4 : i64} : <1 x f32>
    %lse = tile.view lse[%x, %y] {group = 4} : <1 x f32>
    // CHECK: tile.store %[[G]]#0, %[[LSE]][%{{.*}}] until %[[END]] : <8 x 64 x f32, flat, threads = 128>, <1 x f32>
    tile.store %g#0, %lse[%x] until %end : <8 x 64 x f32, flat, threads = 128>, <1 x f32>
    // CHECK: %[[TBAR:.*]] = tile.view tbar[
    %tbar = tile.view tbar[%x, %y] {group = 4} : <1 x f32>
    // CHECK: tile.store %[[M]], %[[TBAR]][%{{.*}}] until %[[END]] : <8 x 1 x f32, row>, <1 x f32>
    tile.store %m, %tbar[%x] until %end : <8 x 1 x f32, row>, <1 x f32>
    // CHECK: tile.view vbar[
    %vbar = tile.view vbar[%x, %y] {group = 4} : <64 x f32>
  }
}

// CHECK-LABEL: tile.kernel @serving
tile.kernel @serving attributes {warps = 4} {
  %x = tile.index grid_x
  %y = tile.argument "batch" : i32
  %most = tile.argument "context" : i32
  // CHECK: %[[LENGTH:.*]] = tile.lookup "lengths"[%{{.*}}] otherwise %{{.*}}
  %length = tile.lookup "lengths"[%x] otherwise %most
  // CHECK: %[[START:.*]] = tile.lookup "starts"[%{{.*}}] otherwise %{{.*}}
  %start = tile.lookup "starts"[%x] otherwise %x
  // CHECK: tile.lookup "cu_seqlens_q"[%{{.*}}] otherwise %{{.*}}
  %place = tile.lookup "cu_seqlens_q"[%x] otherwise %x
  // CHECK: tile.scale k[%{{.*}}]
  %scale = tile.scale k[%x]
  // CHECK: tile.scale v[%{{.*}}]
  %scaleOfValues = tile.scale v[%x]
  // CHECK: tile.lookup "cu_seqlens_k"[%{{.*}}] otherwise %{{.*}}
  %placeOfKeys = tile.lookup "cu_seqlens_k"[%x] otherwise %x
  // CHECK: %{{.*}}, %[[BEGIN:.*]], %{{.*}} = tile.seek %{{.*}} of %{{.*}} {
  // CHECK-NEXT: ^bb0(%[[I:.*]]: i32):
  // CHECK-NEXT: %[[OWN:.*]] = tile.lookup "lengths"[%[[I]]] otherwise %{{.*}}
  // CHECK-NEXT: tile.yield %[[OWN]] : i32
  %index, %begin, %total = tile.seek %start of %most {
  ^bb0(%i: i32):
    %own = tile.lookup "lengths"[%i] otherwise %most
    tile.yield %own : i32
  }
  // CHECK: tile.by_length %{{.*}} of %{{.*}} otherwise %{{.*}}
  %sequence = tile.by_length %x of %y otherwise %most
  // CHECK: tile.by_length %{{.*}} of %{{.*}} otherwise %{{.*}} packed early
  %early = tile.by_length %x of %y otherwise %most packed early
  %surplus = arith.cmpi sge, %begin, %length : i32
  // CHECK: tile.leave %{{.*}}
  tile.leave %surplus
  // CHECK: %[[K:.*]] = tile.view k[%{{.*}}, %{{.*}}] : <64 x bf16, pages = 24>
  %k = tile.view k[%x, %x] : <64 x bf16, pages = 24>
  // CHECK: %[[PAGE:.*]] = tile.page %[[K]][%[[START]]] until %{{.*}} : <64 x bf16, pages = 24>
  %page = tile.page %k[%start] until %most : <64 x bf16, pages = 24>
  // CHECK: tile.load %[[K]][%[[START]]] pages %[[PAGE]], %[[PAGE]] from %[[START]] until %[[LENGTH]] : <64 x bf16, pages = 24> -> <16 x 64 x bf16, keys>
  %keys = tile.load %k[%start] pages %page, %page from %start until %length
    : <64 x bf16, pages = 24> -> <16 x 64 x bf16, keys>
  // CHECK: tile.load %[[K]][%[[START]]] until %[[LENGTH]] : <64 x bf16, pages = 24> -> <16 x 64 x bf16, values>
  %values = tile.load %k[%start] until %length : <64 x bf16, pages = 24> -> <16 x 64 x bf16, values>
  // CHECK: tile.copy %[[K]][%[[START]]] from %[[START]] until %[[LENGTH]] boxes of 8 : <64 x bf16, pages = 24> -> <64 x 64 x bf16>
  %copy = tile.copy %k[%start] from %start until %length boxes of 8 : <64 x bf16, pages = 24> -> <64 x 64 x bf16>
  %ring = tile.ring : <2 x [!tile.shared<64 x 64 x bf16>]>
  // CHECK: tile.ring_fill %{{.*}}[%{{.*}}] from %[[K]] at %[[START]] begin %[[START]] end %[[LENGTH]] boxes of 8 :
  tile.ring_fill %ring[%x] from %k at %start begin %start end %length boxes of 8
    : <2 x [!tile.shared<64 x 64 x bf16>]>, !tile.view<64 x bf16, pages = 24>
  %o = tile.fill 0.0 : <8 x 64 x f32, flat, threads = 128>
  // CHECK: tile.merge over grid %{{.*}}, %{{.*}}, %{{.*}} splits %[[LENGTH]] {
  %g:3, %last = tile.merge over grid %o, %o, %o splits %length {columns = 64, key_warps = 4, rows = 8}
    : <8 x 64 x f32, flat, threads = 128>, <8 x 64 x f32, flat, threads = 128>, <8 x 64 x f32, flat, threads = 128>
    -> !flat, !flat, !flat
}

!tiles = !tile.ring<2 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]>
!accumulator = !tile.frag<16 x 64 x f32, accumulator>
!with_sums = !tile.frag<16 x 72 x f32, accumulator>

// CHECK-LABEL: tile.kernel @ring attributes {producer_warps = 4 : i64, warps = 8 : i64}
tile.kernel @ring attributes {warps = 8, producer_warps = 4} {
  %x = tile.index grid_x
  %k = tile.view k[%x, %x] : <64 x bf16>
  %v = tile.view v[%x, %x] : <64 x bf16>
  // CHECK: %[[Q:.*]] = tile.copy %{{.*}}[%{{.*}}] : <64 x bf16> -> <64 x 64 x bf16>
  %q = tile.copy %k[%x] : <64 x bf16> -> <64 x 64 x bf16>
  // CHECK: tile.ones : <16 x 64 x f16>
  %unplaced = tile.ones : <16 x 64 x f16>
  // CHECK: %[[ONES:.*]] = tile.ones {offset = 32768 : i64} : <16 x 64 x bf16>
  %ones = tile.ones {offset = 32768} : <16 x 64 x bf16>
  // CHECK: %[[RING:.*]] = tile.ring {barrier_offset = 34816 : i64, offset = 0 : i64} : <2 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]>
  %ring = tile.ring {offset = 0, barrier_offset = 34816} : <2 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]>
  // CHECK: tile.roles producer {
  tile.roles producer {
    // CHECK: tile.ring_fill %[[RING]][%{{.*}}] from %{{.*}}, %{{.*}} at %{{.*}}, %{{.*}} :
    tile.ring_fill %ring[%x] from %k, %v at %x, %x
      : <2 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]>, !tile.view<64 x bf16>, !tile.view<64 x bf16>
  // CHECK: } consumer {
  } consumer {
    // CHECK: %[[T:.*]]:2 = tile.ring_acquire %[[RING]][%{{.*}}] : <2 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]> -> !tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>
    %t:2 = tile.ring_acquire %ring[%x]
      : <2 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]>
      -> !tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>
    // CHECK: %[[S:.*]] = tile.dot %[[Q]], %[[T]]#0 transposed : !tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16> -> <16 x 64 x f32, accumulator>
    %s = tile.dot %q, %t#0 transposed
      : !tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16> -> <16 x 64 x f32, accumulator>
    // CHECK: %[[READY:.*]] = tile.wait 0 of %[[S]] : (!tile.frag<16 x 64 x f32, accumulator>) -> !tile.frag<16 x 64 x f32, accumulator>
    %ready = tile.wait 0 of %s : (!accumulator) -> !accumulator
    %p = tile.convert %ready : <16 x 64 x f32, accumulator> -> <16 x 64 x bf16, operand>
    // CHECK: tile.dot %{{.*}}, %[[T]]#1 plus %[[READY]] : !tile.frag<16 x 64 x bf16, operand>, !tile.shared<64 x 64 x bf16>, !tile.frag<16 x 64 x f32, accumulator> -> <16 x 64 x f32, accumulator>
    %o = tile.dot %p, %t#1 plus %ready
      : !tile.frag<16 x 64 x bf16, operand>, !tile.shared<64 x 64 x bf16>, !accumulator -> <16 x 64 x f32, accumulator>
    // Ones beside the values give the sums of the first operand's rows.
    // CHECK: %[[SUMS:.*]] = tile.dot %{{.*}}, %[[T]]#1 beside %[[ONES]] : !tile.frag<16 x 64 x bf16, operand>, !tile.shared<64 x 64 x bf16> beside !tile.shared<16 x 64 x bf16> -> <16 x 72 x f32, accumulator>
    %sums = tile.dot %p, %t#1 beside %ones
      : !tile.frag<16 x 64 x bf16, operand>, !tile.shared<64 x 64 x bf16> beside !tile.shared<16 x 64 x bf16>
      -> <16 x 72 x f32, accumulator>
    // CHECK: tile.dot %{{.*}}, %[[T]]#1 beside %[[ONES]] plus %[[SUMS]] : !tile.frag<16 x 64 x bf16, operand>, !tile.shared<64 x 64 x bf16> beside !tile.shared<16 x 64 x bf16>, !tile.frag<16 x 72 x f32, accumulator> -> <16 x 72 x f32, accumulator>
    %more = tile.dot %p, %t#1 beside %ones plus %sums
      : !tile.frag<16 x 64 x bf16, operand>, !tile.shared<64 x 64 x bf16> beside !tile.shared<16 x 64 x bf16>,
        !with_sums -> <16 x 72 x f32, accumulator>
    // CHECK: tile.last_column %[[SUMS]] : <16 x 72 x f32, accumulator> -> <16 x 1 x f32, row>
    %sum = tile.last_column %sums : <16 x 72 x f32, accumulator> -> <16 x 1 x f32, row>
    // CHECK: %[[LANDED:.*]] = tile.ring_landed %[[RING]][%{{.*}}] : <2 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]>
    %landed = tile.ring_landed %ring[%x] : <2 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]>
    // CHECK: tile.ring_acquire %[[RING]][%{{.*}}] unless %[[LANDED]] : <2 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]> -> !tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>
    %u:2 = tile.ring_acquire %ring[%x] unless %landed
      : <2 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]>
      -> !tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>
    // CHECK: tile.await_turn leave
    tile.await_turn leave
    // CHECK: tile.await_turn{{$}}
    tile.await_turn
    // CHECK: tile.pass_turn{{$}}
    tile.pass_turn
    // CHECK: tile.pass_turn enter
    tile.pass_turn enter
    // CHECK: tile.ring_release %[[RING]][%{{.*}}] : <2 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]>
    tile.ring_release %ring[%x] : <2 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]>
  // CHECK: } attributes {consumer_registers = 240 : i64, producer_registers = 24 : i64}
  } attributes {producer_registers = 24, consumer_registers = 240}
}

!weights = !tile.frag<16 x 48 x bf16, operand>
!statistic = !tile.frag<16 x 1 x f32, row>

// What a weigher hands over, before consumers are divided and after.
// CHECK-LABEL: tile.kernel @weigher
tile.kernel @weigher attributes {warps = 8, producer_warps = 4} {
  %x = tile.index grid_x
  %true = arith.constant true
  %k = tile.view k[%x, %x] : <64 x bf16>
  %v = tile.copy %k[%x] : <64 x bf16> -> <48 x 64 x bf16>
  %row = tile.fill 0.0 : <16 x 1 x f32, row>
  %s = tile.fill 0.0 : <16 x 48 x f32, accumulator>
  %p = tile.convert %s : <16 x 48 x f32, accumulator> -> <16 x 48 x bf16, operand>
  // CHECK: %[[TILE:.*]] = tile.hand_over %[[P:.*]] : !tile.frag<16 x 48 x bf16, operand> -> !tile.shared<64 x 48 x bf16>
  %tile = tile.hand_over %p : !weights -> !tile.shared<64 x 48 x bf16>
  // CHECK: tile.hand_over %[[ROW:.*]] : !tile.frag<16 x 1 x f32, row> -> !tile.frag<16 x 1 x f32, row>
  %handed = tile.hand_over %row : !statistic -> !statistic
  // CHECK: tile.hand_over %[[FLAG:.*]] : i1 -> i1
  %flag = tile.hand_over %true : i1 -> i1
  // A shared tile of weights with a shared tile of values, each in its own order.
  // CHECK: %[[O:.*]] = tile.dot %[[TILE]], %[[V:.*]] : !tile.shared<64 x 48 x bf16>, !tile.shared<48 x 64 x bf16> -> <16 x 64 x f32, accumulator>
  %o = tile.dot %tile, %v : !tile.shared<64 x 48 x bf16>, !tile.shared<48 x 64 x bf16> -> <16 x 64 x f32, accumulator>
  // CHECK: tile.dot %[[TILE]], %[[V]] plus %[[O]] : !tile.shared<64 x 48 x bf16>, !tile.shared<48 x 64 x bf16>, !tile.frag<16 x 64 x f32, accumulator> -> <16 x 64 x f32, accumulator>
  %more = tile.dot %tile, %v plus %o
    : !tile.shared<64 x 48 x bf16>, !tile.shared<48 x 64 x bf16>, !accumulator -> <16 x 64 x f32, accumulator>
  %rows = tile.copy %k[%x] : <64 x bf16> -> <64 x 64 x bf16>
  // CHECK: %[[ROWS:.*]] = tile.collect %{{.*}} : <64 x 64 x bf16> -> <16 x 64 x bf16, operand>
  %held = tile.collect %rows : <64 x 64 x bf16> -> <16 x 64 x bf16, operand>
  // CHECK: tile.dot %[[ROWS]], %[[V]] transposed : !tile.frag<16 x 64 x bf16, operand>, !tile.shared<48 x 64 x bf16> -> <16 x 48 x f32, accumulator>
  %st = tile.dot %held, %v transposed
    : !tile.frag<16 x 64 x bf16, operand>, !tile.shared<48 x 64 x bf16> -> <16 x 48 x f32, accumulator>
  // CHECK: %[[WEIGHTS:.*]] = tile.ring {fillers = 128 : i64, readers = 4 : i64} : <2 x [!tile.shared<64 x 48 x bf16>], notes = 272>
  %weights = tile.ring {fillers = 128, readers = 4} : <2 x [!tile.shared<64 x 48 x bf16>], notes = 272>
  // CHECK: %[[NOTES:.*]] = tile.ring {fillers = 128 : i64} : <1 x [], notes = 256>
  %notes = tile.ring {fillers = 128, readers = 0} : <1 x [], notes = 256>
  %copies = tile.ring : <2 x [!tile.shared<64 x 64 x bf16>]>
  // CHECK: tile.roles producer {
  // CHECK-NEXT: tile.ring_fill
  // CHECK-NEXT: } weigher {
  tile.roles producer {
    tile.ring_fill %copies[%x] from %k at %x : <2 x [!tile.shared<64 x 64 x bf16>]>, !tile.view<64 x bf16>
  } weigher {
    // CHECK: %[[SLOT:.*]] = tile.ring_claim %[[WEIGHTS]][%[[X:.*]]] : <2 x [!tile.shared<64 x 48 x bf16>], notes = 272> -> !tile.shared<64 x 48 x bf16>
    %slot = tile.ring_claim %weights[%x] : <2 x [!tile.shared<64 x 48 x bf16>], notes = 272> -> !tile.shared<64 x 48 x bf16>
    // CHECK: tile.deposit %[[P]] in %[[SLOT]] : <16 x 48 x bf16, operand>, <64 x 48 x bf16>
    tile.deposit %p in %slot : <16 x 48 x bf16, operand>, <64 x 48 x bf16>
    // CHECK: tile.note %[[ROW]] in %[[WEIGHTS]][%[[X]]] at 16 : !tile.frag<16 x 1 x f32, row>, <2 x [!tile.shared<64 x 48 x bf16>], notes = 272>
    tile.note %row in %weights[%x] at 16 : !statistic, <2 x [!tile.shared<64 x 48 x bf16>], notes = 272>
    // CHECK: tile.note %[[FLAG]] in %[[WEIGHTS]][%[[X]]] at 0 : i1, <2 x [!tile.shared<64 x 48 x bf16>], notes = 272>
    tile.note %true in %weights[%x] at 0 : i1, <2 x [!tile.shared<64 x 48 x bf16>], notes = 272>
    // CHECK: tile.ring_commit %[[WEIGHTS]][%[[X]]] : <2 x [!tile.shared<64 x 48 x bf16>], notes = 272>
    tile.ring_commit %weights[%x] : <2 x [!tile.shared<64 x 48 x bf16>], notes = 272>
    // Of notes alone there is nothing to name.
    // CHECK: tile.ring_claim %[[NOTES]][%[[X]]] : <1 x [], notes = 256>{{$}}
    tile.ring_claim %notes[%x] : <1 x [], notes = 256>
  // CHECK: } consumer {
  } consumer {
    // CHECK: tile.ring_acquire %[[NOTES]][%[[X]]] : <1 x [], notes = 256>{{$}}
    tile.ring_acquire %notes[%x] : <1 x [], notes = 256>
    // CHECK: tile.read_note %[[NOTES]][%[[X]]] at 0 : <1 x [], notes = 256> -> !tile.frag<16 x 1 x f32, row>
    %of_rows = tile.read_note %notes[%x] at 0 : <1 x [], notes = 256> -> !statistic
    // CHECK: tile.read_note %[[WEIGHTS]][%[[X]]] at 256 : <2 x [!tile.shared<64 x 48 x bf16>], notes = 272> -> i1
    %read = tile.read_note %weights[%x] at 256 : <2 x [!tile.shared<64 x 48 x bf16>], notes = 272> -> i1
  // CHECK: } attributes {consumer_registers = 168 : i64, producer_registers = 24 : i64, weigher_registers = 152 : i64}
  } attributes {producer_registers = 24, weigher_registers = 152, consumer_registers = 168}
}

// CHECK-LABEL: tile.kernel @host
tile.kernel @host attributes {warps = 1} {
  %x = tile.index grid_x
  %end = tile.argument "context" : i32
  %k = tile.view k[%x, %x] : <24 x f32>
  // CHECK: tile.load %{{.*}}[%{{.*}}] until %{{.*}} transposed : <24 x f32> -> <24 x 16 x f32, dense>
  %keys = tile.load %k[%x] until %end transposed : <24 x f32> -> <24 x 16 x f32, dense>
  %q = tile.load %k[%x] until %end : <24 x f32> -> <4 x 24 x f32, dense>
  // CHECK: tile.dot %{{.*}}, %{{.*}} : !tile.frag<4 x 24 x f32, dense>, !tile.frag<24 x 16 x f32, dense> -> <4 x 16 x f32, dense>
  %s = tile.dot %q, %keys : !tile.frag<4 x 24 x f32, dense>, !tile.frag<24 x 16 x f32, dense> -> <4 x 16 x f32, dense>
  // CHECK: tile.dot %{{.*}}, %{{.*}} transposed : !tile.frag<4 x 24 x f32, dense>, !tile.frag<4 x 24 x f32, dense> -> <4 x 4 x f32, dense>
  %self = tile.dot %q, %q transposed : !tile.frag<4 x 24 x f32, dense>, !tile.frag<4 x 24 x f32, dense> -> <4 x 4 x f32, dense>
  // CHECK: tile.row_reduce min %{{.*}} : <4 x 16 x f32, dense> -> <4 x 1 x f32, dense>
  %m = tile.row_reduce min %s : <4 x 16 x f32, dense> -> <4 x 1 x f32, dense>
}

// Partial results: a shard of the launch's, spread over a CTA's threads; one column repeated in all.
// CHECK-LABEL: tile.kernel @parts
tile.kernel @parts attributes {warps = 4} {
  %x = tile.index grid_x
  // CHECK: %[[SHARDS:.*]] = tile.argument "shards" : i32
  %shards = tile.argument "shards" : i32
  // CHECK: %[[O:.*]] = tile.view part_o[%{{.*}}, %{{.*}}] shard %[[SHARDS]] : <64 x f32>
  %o = tile.view part_o[%x, %x] shard %shards : <64 x f32>
  // CHECK: %[[LSE:.*]] = tile.view part_lse[%{{.*}}, %{{.*}}] shard %[[SHARDS]] : <1 x f32>
  %lse = tile.view part_lse[%x, %x] shard %shards : <1 x f32>
  %tbar = tile.view part_tbar[%x, %x] shard %shards : <1 x f32>
  %vbar = tile.view part_vbar[%x, %x] shard %shards : <64 x f32>
  // CHECK: tile.load %[[O]][%{{.*}}] until %{{.*}} : <64 x f32> -> <4 x 64 x f32, flat, threads = 128>
  %values = tile.load %o[%x] until %shards : <64 x f32> -> <4 x 64 x f32, flat, threads = 128>
  // CHECK: tile.load %[[LSE]][%{{.*}}] until %{{.*}} : <1 x f32> -> <4 x 64 x f32, flat, threads = 128>
  %each = tile.load %lse[%x] until %shards : <1 x f32> -> <4 x 64 x f32, flat, threads = 128>
}
