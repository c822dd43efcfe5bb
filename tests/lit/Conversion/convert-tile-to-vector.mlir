// RUN: lla-opt %s --split-input-file --pass-pipeline='builtin.module(convert-tile-to-vector{vector-bits=512},canonicalize,cse)' | FileCheck %s
// RUN: lla-opt %s --split-input-file --pass-pipeline='builtin.module(convert-tile-to-vector{vector-bits=256},canonicalize,cse)' | FileCheck %s --check-prefix=AVX2

// A row of 24 bf16: a register and a half. Rows beyond the limit are zeros, the
// map works on what was loaded, in place, and no tile operation is left.

// CHECK-LABEL: llvm.func @scaled(
// CHECK-SAME:    %[[RECORD:.*]]: !llvm.ptr {llvm.noalias, llvm.readonly}, %{{.*}}: i32, %{{.*}}: i32,
// CHECK-SAME:    %[[SCRATCH:.*]]: !llvm.ptr {llvm.align = 64 : i64, llvm.noalias}
// CHECK-SAME:    "prefer-vector-width", "512"
// CHECK-NOT:   tile.
// CHECK:       %[[VALID:.*]] = arith.maxsi
// CHECK:       scf.for %{{.*}} = %{{.*}} to %[[VALID]]
// CHECK:         llvm.load %{{.*}} -> vector<16xbf16>
// CHECK:         llvm.load %{{.*}} -> vector<8xbf16>
// CHECK:         vector.shuffle %{{.*}} [0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8, 8, 8, 8, 8]
// CHECK:       scf.for %{{.*}} = %[[VALID]] to
// CHECK:         llvm.store %{{.*}} : vector<16xf32>
// CHECK:       %[[X:.*]] = llvm.load %[[ELEMENT:[0-9]+]] {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
// CHECK-NEXT:  %[[FACTOR:.*]] = vector.broadcast
// CHECK-NEXT:  %[[Y:.*]] = arith.mulf %[[X]], %[[FACTOR]] : vector<16xf32>
// CHECK-NEXT:  llvm.store %[[Y]], %[[ELEMENT]]
// CHECK:       scf.for %{{.*}} = %{{.*}} to %[[VALID]]
// CHECK:         llvm.store %{{.*}} : vector<16xbf16>
// CHECK:         llvm.store %{{.*}} : vector<8xbf16>

// AVX2-LABEL:  llvm.func @scaled(
// AVX2:        "prefer-vector-width", "256"
// AVX2-COUNT-3:  llvm.load %{{.*}} -> vector<8xbf16>
// AVX2-NOT:    vector<16
tile.kernel @scaled attributes {warps = 1 : i64, shared_limit = 512 : i64} {
  %zero = arith.constant 0 : i32
  %limit = tile.argument "query_length" : i32
  %factor = tile.argument "scale_log2" : f32
  %q = tile.view q[%zero, %zero] : !tile.view<24 x bf16>
  %a = tile.load %q[%zero] until %limit : !tile.view<24 x bf16> -> !tile.frag<4 x 24 x f32, dense>
  %b = tile.map (%a : !tile.frag<4 x 24 x f32, dense>) -> !tile.frag<4 x 24 x f32, dense> {
  ^bb0(%x: f32):
    %y = arith.mulf %x, %factor : f32
    tile.yield %y : f32
  }
  %o = tile.view o[%zero, %zero] : !tile.view<24 x bf16>
  tile.store %b, %o[%zero] until %limit : !tile.frag<4 x 24 x f32, dense>, !tile.view<24 x bf16>
}

// -----

// Bytes become fp32 without a denormal on the way.

// CHECK-LABEL: llvm.func @bytes(
// CHECK:       %[[BYTES:.*]] = llvm.load %{{.*}} {alignment = 1 : i64} : !llvm.ptr -> vector<16xi8>
// CHECK:       arith.extui %[[BYTES]] : vector<16xi8> to vector<16xi32>
// CHECK:       arith.subf
// CHECK-COUNT-2: arith.select
// CHECK:       arith.bitcast %{{.*}} : vector<16xi32> to vector<16xf32>
// CHECK-NOT:   arith.extf
tile.kernel @bytes attributes {warps = 1 : i64, shared_limit = 512 : i64} {
  %zero = arith.constant 0 : i32
  %limit = tile.argument "context" : i32
  %k = tile.view k[%zero, %zero] : !tile.view<16 x f8E4M3FN>
  %a = tile.load %k[%zero] until %limit : !tile.view<16 x f8E4M3FN> -> !tile.frag<4 x 16 x f32, dense>
  %o = tile.view vbar[%zero, %zero] : !tile.view<16 x f32>
  tile.store %a, %o[%zero] until %limit : !tile.frag<4 x 16 x f32, dense>, !tile.view<16 x f32>
}

// -----

// The product keeps 8 rows by 2 vectors of the result in registers.

// CHECK-LABEL: llvm.func @product(
// CHECK:       scf.for {{.*}} iter_args({{.*}}) -> ({{(vector<16xf32>, ){15}vector<16xf32>}})
// CHECK-COUNT-16: llvm.intr.fmuladd
// CHECK-NOT:   llvm.intr.fmuladd
// CHECK:       scf.yield
// AVX2-LABEL:  llvm.func @product(
// AVX2:        scf.for {{.*}} iter_args({{.*}}) -> ({{(vector<8xf32>, ){7}vector<8xf32>}})
// AVX2-COUNT-8: llvm.intr.fmuladd
tile.kernel @product attributes {warps = 1 : i64, shared_limit = 16384 : i64} {
  %zero = arith.constant 0 : i32
  %limit = tile.argument "query_length" : i32
  %a = tile.fill 1.0 : !tile.frag<16 x 32 x f32, dense>
  %b = tile.fill 2.0 : !tile.frag<32 x 32 x f32, dense>
  %c = tile.dot %a, %b : !tile.frag<16 x 32 x f32, dense>, !tile.frag<32 x 32 x f32, dense>
    -> !tile.frag<16 x 32 x f32, dense>
  %o = tile.view o[%zero, %zero] : !tile.view<32 x f32>
  tile.store %c, %o[%zero] until %limit : !tile.frag<16 x 32 x f32, dense>, !tile.view<32 x f32>
}

// -----

// Keys of the next iteration are prefetched while this one's are read.

// CHECK-LABEL: llvm.func @keys(
// CHECK:       scf.for %[[I:.*]] = {{.*}} step %[[STEP:.*]] : i32 {
// CHECK:         arith.addi %[[I]], %[[STEP]] : i32
// CHECK:         "llvm.intr.prefetch"
// CHECK:         llvm.load %{{.*}} -> vector<16xf32>
tile.kernel @keys attributes {warps = 1 : i64, shared_limit = 2048 : i64} {
  %zero = arith.constant 0 : i32
  %step = arith.constant 16 : i32
  %limit = tile.argument "context" : i32
  %k = tile.view k[%zero, %zero] : !tile.view<16 x f32>
  scf.for %i = %zero to %limit step %step : i32 {
    %t = tile.load %k[%i] until %limit : !tile.view<16 x f32> -> !tile.frag<16 x 16 x f32, dense>
    %s = tile.row_reduce sum %t : !tile.frag<16 x 16 x f32, dense> -> !tile.frag<16 x 1 x f32, dense>
  }
}

// -----

// One element a row: rows lie side by side in scratch and apart in memory. Logarithms are a polynomial of the
// mantissa beside the exponent.

// CHECK-LABEL: llvm.func @state(
// CHECK:       %[[EXPONENT:.*]] = arith.shrsi
// CHECK:       %[[MANTISSA:.*]] = arith.subi
// CHECK-COUNT-8: llvm.intr.fmuladd
// CHECK:       %[[N:.*]] = arith.sitofp %[[EXPONENT]]
// CHECK:       llvm.intr.fmuladd(%{{.*}}, %{{.*}}, %[[N]])
// CHECK-NOT:   math.log2
// CHECK:       scf.for
// CHECK:         llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr -> f32
// CHECK-NEXT:    llvm.store %{{.*}} {alignment = 4 : i64} : f32, !llvm.ptr
// AVX2-LABEL:  llvm.func @state(
tile.kernel @state attributes {warps = 1 : i64, shared_limit = 512 : i64} {
  %zero = arith.constant 0 : i32
  %limit = tile.argument "query_length" : i32
  %d = tile.fill 2.0 : !tile.frag<5 x 1 x f32, dense>
  %l = tile.map(%d : !tile.frag<5 x 1 x f32, dense>) -> !tile.frag<5 x 1 x f32, dense> {
  ^bb0(%e: f32):
    %log = math.log2 %e : f32
    tile.yield %log : f32
  }
  %lse = tile.view lse[%zero, %zero] : !tile.view<1 x f32>
  tile.store %l, %lse[%zero] until %limit : !tile.frag<5 x 1 x f32, dense>, !tile.view<1 x f32>
}

// -----

// A shard is one more stride. One element a row is loaded by itself; rows beyond the limit are 0 there, too. Rows that
// a loop does not step over are of another shard each time, and not prefetched.

// CHECK-LABEL: llvm.func @parts(
// CHECK:       scf.for %[[SHARD:.*]] = %{{.*}} to
// CHECK-NOT:     llvm.intr.prefetch
// CHECK:         %[[WIDE:.*]] = arith.extsi %[[SHARD]] : i32 to i64
// CHECK:         arith.muli %[[WIDE]], %{{.*}} : i64
// CHECK:         scf.for
// CHECK:           %[[X:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr -> f32
// CHECK:           llvm.store %[[X]], %{{.*}} {alignment = 4 : i64} : f32, !llvm.ptr
// CHECK:         scf.for
// CHECK:           llvm.store %{{.*}} {alignment = 4 : i64} : f32, !llvm.ptr
// AVX2-LABEL:  llvm.func @parts(
tile.kernel @parts attributes {warps = 1 : i64, shared_limit = 512 : i64} {
  %zero = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %limit = tile.argument "query_length" : i32
  %shards = tile.argument "shards" : i32
  scf.for %shard = %zero to %shards step %one : i32 {
    %lse = tile.view part_lse[%zero, %zero] shard %shard : !tile.view<1 x f32>
    %each = tile.load %lse[%zero] until %limit : !tile.view<1 x f32> -> !tile.frag<5 x 1 x f32, dense>
    %out = tile.view lse[%zero, %zero] : !tile.view<1 x f32>
    tile.store %each, %out[%zero] until %limit : !tile.frag<5 x 1 x f32, dense>, !tile.view<1 x f32>
  }
}

// -----

// Ragged lengths and paged keys: a null array is not read, a surplus task returns, every row is looked up, and what is
// prefetched lies before the limit: behind it, the page table may hold anything. A number of no page is the last's.

// CHECK-LABEL: llvm.func @serving(
// CHECK-SAME:    %[[RECORD:[a-z0-9]*]]: !llvm.ptr {{{[^}]*}}}, %[[X:[a-z0-9]*]]: i32, %[[Y:[a-z0-9]*]]: i32
// CHECK:       %[[CONTEXT:.*]] = llvm.load %{{.*}} : !llvm.ptr -> i32
// CHECK:       %[[ARRAY:.*]] = llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr
// CHECK:       %[[THERE:.*]] = llvm.icmp "ne" %[[ARRAY]]
// CHECK:       %[[LENGTH:.*]] = scf.if %[[THERE]] -> (i32) {
// CHECK:         %[[INDEX:.*]] = arith.extsi %[[X]]
// CHECK:         llvm.getelementptr %[[ARRAY]][%[[INDEX]]] : {{.*}}, i32
// CHECK:       } else {
// CHECK:         scf.yield %[[CONTEXT]]
// CHECK:       %[[SURPLUS:.*]] = arith.cmpi sge, %[[Y]], %[[LENGTH]]
// CHECK:       llvm.cond_br %[[SURPLUS]], ^[[DONE:bb[0-9]]], ^[[ON:bb[0-9]]]
// CHECK:       ^[[DONE]]:
// CHECK-NEXT:  llvm.return
// CHECK:       ^[[ON]]:
// CHECK:       %[[LASTPAGE:.*]] = arith.subi %{{.*}}, %c1_i32
// CHECK:       %[[TABLE:.*]] = llvm.getelementptr %{{.*}} : {{.*}}, i32
// CHECK:       %[[POOL:.*]] = llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr
// CHECK:       scf.for
// CHECK:         %[[LAST:.*]] = arith.addi %{{.*}}, %c-1
// CHECK:         scf.for
// CHECK:           %[[NEXT:.*]] = arith.minsi %{{.*}}, %[[LAST]]
// CHECK:           arith.divui %[[NEXT]], %c24
// CHECK:           "llvm.intr.prefetch"
// CHECK:           %[[PLACE:.*]] = arith.divui %[[ROW:.*]], %c24
// CHECK:           %[[ENTRY:.*]] = llvm.getelementptr %[[TABLE]][%[[PLACE]]]
// CHECK:           %[[GIVEN:.*]] = llvm.load %[[ENTRY]] : !llvm.ptr -> i32
// CHECK:           %[[PAGE:.*]] = arith.minui %[[GIVEN]], %[[LASTPAGE]]
// CHECK:           %[[WIDE:.*]] = arith.extsi %[[PAGE]]
// CHECK:           arith.muli %[[WIDE]]
// CHECK:           arith.remui %[[ROW]], %c24
// CHECK:           llvm.getelementptr %[[POOL]]
// CHECK:           llvm.load %{{.*}} -> vector<16xf32>
// CHECK-NOT:   tile.
tile.kernel @serving attributes {warps = 1 : i64, shared_limit = 2048 : i64} {
  %zero = arith.constant 0 : i32
  %step = arith.constant 16 : i32
  %x = tile.index grid_x
  %y = tile.index grid_y
  %context = tile.argument "context" : i32
  %length = tile.lookup "lengths"[%x] otherwise %context
  %surplus = arith.cmpi sge, %y, %length : i32
  tile.leave %surplus
  %k = tile.view k[%x, %zero] : !tile.view<16 x f32, pages = 24>
  scf.for %i = %zero to %length step %step : i32 {
    %t = tile.load %k[%i] until %length : !tile.view<16 x f32, pages = 24> -> !tile.frag<16 x 16 x f32, dense>
    %s = tile.row_reduce sum %t : !tile.frag<16 x 16 x f32, dense> -> !tile.frag<16 x 1 x f32, dense>
  }
}

// -----

// Rows of a whole block are looked up as they are. Of a partial one, the last row stands for those that do not exist.

// CHECK-LABEL: llvm.func @paged_transposed(
// CHECK:       %[[LAST:.*]] = arith.addi %{{.*}}, %c-1
// CHECK:       scf.if
// CHECK-NOT:   arith.minsi
// CHECK:       } else {
// CHECK:         %[[ROW0:.*]] = arith.minsi %[[LAST]], %c0
// CHECK:         arith.divui %[[ROW0]], %c24
// CHECK:         %[[ROW15:.*]] = arith.minsi %[[LAST]], %c15
// CHECK:         arith.divui %[[ROW15]], %c24
tile.kernel @paged_transposed attributes {warps = 1 : i64, shared_limit = 2048 : i64} {
  %zero = arith.constant 0 : i32
  %limit = tile.argument "context" : i32
  %k = tile.view k[%zero, %zero] : !tile.view<16 x f32, pages = 24>
  %t = tile.load %k[%zero] until %limit transposed
    : !tile.view<16 x f32, pages = 24> -> !tile.frag<16 x 16 x f32, dense>
}

// -----

// Of the splits that work, the last one to arrive reads the others' parts.

// CHECK-LABEL: llvm.func @merge_some(
// CHECK-SAME:    %[[X:[a-z0-9]*]]: i32, %{{[a-z0-9]*}}: i32
// CHECK:       %[[WORKING:.*]] = arith.extsi %[[X]] : i32 to i64
// CHECK:       %[[MOST:.*]] = arith.subi %[[X]], %c1
// CHECK:       %[[BEFORE:.*]] = llvm.atomicrmw uinc_wrap %{{.*}}, %[[MOST]]
// CHECK:       arith.cmpi eq, %[[BEFORE]], %[[MOST]]
// CHECK:       scf.for %{{.*}} to %[[WORKING]] step
tile.kernel @merge_some attributes {warps = 1 : i64, shared_limit = 2048 : i64} {
  %working = tile.index grid_x
  %m = tile.fill 0.0 : !tile.frag<2 x 1 x f32, dense>
  %v = tile.fill 0.0 : !tile.frag<2 x 16 x f32, dense>
  %g:3, %last = tile.merge over grid %m, %m, %v splits %working {columns = 16, key_warps = 1, rows = 2}
    : <2 x 1 x f32, dense>, <2 x 1 x f32, dense>, <2 x 16 x f32, dense>
    -> !tile.frag<2 x 1 x f32, dense>, !tile.frag<2 x 1 x f32, dense>, !tile.frag<2 x 16 x f32, dense>
}
