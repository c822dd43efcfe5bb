// RUN: lla-opt %s --convert-tile-to-nvvm -split-input-file | FileCheck %s

//===----------------------------------------------------------------------===//
// Entry, positions, launch record
//===----------------------------------------------------------------------===//

// CHECK-LABEL: gpu.module @kernels
// CHECK: llvm.mlir.global external @shared_memory() {addr_space = 3 : i32, alignment = 1024 : i64} : !llvm.array<0 x i8>
// The launch record is a grid constant: it is read in place, never copied to local memory.
// CHECK: llvm.func @entry(%[[RECORD:.*]]: !llvm.ptr {llvm.align = 8 : i64, llvm.byval = !llvm.array<{{[0-9]+}} x i8>, nvvm.grid_constant})
// CHECK-SAME: nvvm.kernel
// CHECK-SAME: nvvm.minctasm = 2 : i32
// CHECK-SAME: nvvm.reqntid = array<i32: 64>
// CHECK-SAME: passthrough = {{\[\[}}"denormal-fp-math-f32", "preserve-sign,preserve-sign"]]
tile.kernel @entry attributes {warps = 2, ctas = 2} {
  // CHECK: nvvm.read.ptx.sreg.ctaid.x
  %x = tile.index grid_x
  // CHECK: nvvm.read.ptx.sreg.ctaid.y
  %y = tile.index grid_y
  // The warp's number is made uniform.
  // CHECK: %[[OWN:.*]] = arith.shrui
  // CHECK: %[[WARP:.*]] = nvvm.shfl.sync idx %{{.*}}, %[[OWN]]
  %warp = tile.index warp
  // CHECK: llvm.getelementptr %[[RECORD]][{{[0-9]+}}] : (!llvm.ptr) -> !llvm.ptr, i8
  // CHECK-NEXT: %[[SCALE:.*]] = llvm.load %{{.*}} invariant : !llvm.ptr -> f32
  %scale = tile.argument "scale_log2" : f32
  // CHECK: %[[END:.*]] = llvm.load %{{.*}} invariant : !llvm.ptr -> i32
  %end = tile.argument "context" : i32
  // The address of element 0: (batch, head) in 64 bits.
  // CHECK: arith.extsi %{{.*}} : i32 to i64
  // CHECK: arith.muli %{{.*}} : i64
  // CHECK: llvm.inttoptr %{{.*}} : i64 to !llvm.ptr<1>
  %k = tile.view k[%x, %y] : <64 x bf16>
  // 8 keys of 64 columns: two chunks of 16 bytes a lane, four registers each.
  // CHECK-COUNT-2: llvm.inline_asm has_side_effects {{.*}}ld.global.L1::no_allocate.v4.b32
  // CHECK-NOT: llvm.inline_asm
  %keys = tile.load %k[%warp] until %end : <64 x bf16> -> <8 x 64 x bf16, keys>
  // CHECK: llvm.return
}

// -----

//===----------------------------------------------------------------------===//
// A map works on the registers of a lane: their rows and columns
//===----------------------------------------------------------------------===//

// CHECK-LABEL: llvm.func @map
tile.kernel @map attributes {warps = 1} {
  %end = tile.argument "context" : i32
  %zero = tile.fill 0.0 : <16 x 8 x f32, accumulator>
  %row = tile.fill 1.0 : <16 x 1 x f32, row>
  // Register 2 h + e of an accumulator block: row 8 h + g, column 2 c + e. 16 x 8: four registers.
  // CHECK: %[[THREAD:.*]] = nvvm.read.ptx.sreg.tid.x
  // CHECK: %[[G:.*]] = arith.shrui
  // CHECK-COUNT-4: arith.cmpi slt, %{{.*}}, %{{.*}} : i32
  // CHECK-NOT: arith.cmpi
  %masked = tile.map(%zero, %row : !tile.frag<16 x 8 x f32, accumulator>, !tile.frag<16 x 1 x f32, row>) at %end, %end
    -> !tile.frag<16 x 8 x f32, accumulator> {
  ^bb0(%x: f32, %y: f32, %r: i32, %c: i32):
    %visible = arith.cmpi slt, %c, %r : i32
    %z = arith.select %visible, %x, %y : f32
    tile.yield %z : f32
  }
  // A complete sum: within the lane, then over the four lanes of a row. Two rows a lane.
  // CHECK-COUNT-4: nvvm.shfl.sync bfly
  // CHECK-NOT: nvvm.shfl.sync
  %sum = tile.row_reduce sum %masked : <16 x 8 x f32, accumulator> -> <16 x 1 x f32, row>
  // A partial sum leaves a part in each lane.
  %partial = tile.row_reduce sum %masked : <16 x 8 x f32, accumulator> -> <16 x 1 x f32, partial_row>
  // CHECK: arith.cmpf ogt
  // CHECK: arith.cmpf ogt
  %grew = tile.map(%sum, %row : !tile.frag<16 x 1 x f32, row>, !tile.frag<16 x 1 x f32, row>)
    -> !tile.frag<16 x 1 x i1, row> {
  ^bb0(%x: f32, %y: f32):
    %z = arith.cmpf ogt, %x, %y : f32
    tile.yield %z : i1
  }
  // CHECK: %[[EITHER:.*]] = arith.ori
  // CHECK: nvvm.vote.sync any %{{.*}}, %[[EITHER]] -> i1
  %any = tile.any %grew : !tile.frag<16 x 1 x i1, row>
  // CHECK-NOT: tile.
}

// -----

//===----------------------------------------------------------------------===//
// Operands that change places: keys, and columns of values, are the rows of a product
//===----------------------------------------------------------------------===//

!rows = !tile.frag<8 x 32 x bf16, rows, swapped>
!keys = !tile.frag<16 x 32 x bf16, keys>
!values = !tile.frag<16 x 64 x bf16, values>
!some = !tile.frag<4 x 16 x f32, accumulator, swapped>
!row = !tile.frag<4 x 1 x f32, row, swapped>

// CHECK-LABEL: llvm.func @swapped
tile.kernel @swapped attributes {warps = 1} {
  %x = tile.index grid_x
  %end = tile.argument "context" : i32
  %q = tile.view q[%x, %x] : <32 x bf16>
  %r = tile.view r[%x, %x] : <32 x bf16>
  %k = tile.view k[%x, %x] : <32 x bf16>
  %v = tile.view v[%x, %x] : <64 x bf16>
  %o = tile.view o[%x, %x] : <64 x bf16>
  // A lane reads one row of q or, where g is odd, of r: one chunk.
  // CHECK: %[[G:.*]] = arith.shrui
  // CHECK: %[[OF:.*]] = arith.divui %[[G]],
  // CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : !llvm.ptr<1>
  // CHECK: %[[Q:.*]] = llvm.inline_asm has_side_effects {{.*}}ld.global
  // CHECK: %[[Q0:.*]] = llvm.extractvalue %[[Q]][0]
  // CHECK: %[[Q1:.*]] = llvm.extractvalue %[[Q]][1]
  %rows = tile.load %q over %r[%x] until %end : <32 x bf16>, !tile.view<32 x bf16> -> <8 x 32 x bf16, rows, swapped>
  // CHECK: %[[K:.*]] = llvm.inline_asm has_side_effects {{.*}}ld.global
  // CHECK: %[[K0:.*]] = llvm.extractvalue %[[K]][0]
  // CHECK: %[[K1:.*]] = llvm.extractvalue %[[K]][1]
  // CHECK: %[[L:.*]] = llvm.inline_asm has_side_effects {{.*}}ld.global
  // CHECK: %[[L0:.*]] = llvm.extractvalue %[[L]][0]
  // CHECK: %[[L1:.*]] = llvm.extractvalue %[[L]][1]
  %keys = tile.load %k[%x] until %end : <32 x bf16> -> <16 x 32 x bf16, keys>
  // Both blocks of 8 keys in one product, and two steps of 16 columns: half as many products.
  // CHECK: nvvm.mma.sync A[%[[K0]], %[[L0]], %[[K1]], %[[L1]]] B[%[[Q0]], %[[Q1]]]
  // CHECK: nvvm.mma.sync
  // CHECK-NOT: nvvm.mma.sync
  // CHECK-COUNT-4: arith.addf
  %scores = tile.dot %rows, %keys transposed : !rows, !keys -> <8 x 16 x f32, accumulator, swapped>
  %s, %t = tile.split %scores : <8 x 16 x f32, accumulator, swapped>
    -> <4 x 16 x f32, accumulator, swapped>, <4 x 16 x f32, accumulator, swapped>
  // A row is in the eight lanes of one c, key g of a block in lane g.
  // CHECK-COUNT-3: nvvm.shfl.sync bfly
  // CHECK-NOT: nvvm.shfl.sync
  %most = tile.row_reduce max %s : <4 x 16 x f32, accumulator, swapped> -> <4 x 1 x f32, row, swapped>
  // CHECK: arith.andi
  // CHECK: %[[C:.*]] = arith.andi
  // CHECK: %[[ROW:.*]] = arith.addi %{{.*}}, %[[C]] : i32
  // CHECK: %[[H:.*]] = arith.shrui
  // CHECK: %[[KEY:.*]] = arith.addi %{{.*}}, %[[H]] : i32
  // CHECK: arith.cmpi slt, %[[KEY]], %[[ROW]]
  // CHECK: arith.cmpi slt
  // CHECK-NOT: arith.cmpi slt
  %p = tile.map(%s, %most : !some, !row) at %x, %x -> !some {
  ^bb0(%a: f32, %b: f32, %i: i32, %j: i32):
    %visible = arith.cmpi slt, %j, %i : i32
    %z = arith.select %visible, %a, %b : f32
    tile.yield %z : f32
  }
  // CHECK-COUNT-2: "movmatrix.sync.aligned.m8n8.trans.b16 $0, $1;"
  // CHECK-NOT: movmatrix
  %both = tile.stack %p, %t : <4 x 16 x f32, accumulator, swapped> -> <8 x 16 x f32, accumulator, swapped>
  %weights = tile.convert %both : <8 x 16 x f32, accumulator, swapped> -> <8 x 16 x bf16, operand, swapped>
  %values = tile.load %v[%x] until %end : <64 x bf16> -> <16 x 64 x bf16, values>
  // 64 columns in four products of 16.
  // CHECK-COUNT-4: nvvm.mma.sync
  // CHECK-NOT: nvvm.mma.sync
  %sums = tile.dot %weights, %values
    : !tile.frag<8 x 16 x bf16, operand, swapped>, !values -> <8 x 64 x f32, columns, swapped>
  %o1, %o2 = tile.split %sums : <8 x 64 x f32, columns, swapped>
    -> <4 x 64 x f32, columns, swapped>, <4 x 64 x f32, columns, swapped>
  // Eight neighbouring columns of a lane's row: 16 bytes.
  // CHECK: llvm.store %{{.*}} {alignment = 16 : i64} : vector<8xbf16>, !llvm.ptr<1>
  // CHECK-NOT: llvm.store
  tile.store %o1, %o[%x] until %end : <4 x 64 x f32, columns, swapped>, <64 x bf16>
  // CHECK: llvm.return
}

// -----

// All four warps of a warpgroup decide alike, at a barrier of their own. The waits on both sides of a branch differ, or
// LLVM would make them one above it.
!scores = !tile.frag<16 x 16 x f32, accumulator>

// CHECK-LABEL: llvm.func @warpgroup
tile.kernel @warpgroup attributes {warps = 4} {
  %x = tile.fill 0.0 : <16 x 16 x f32, accumulator>
  %row = tile.row_reduce max %x : <16 x 16 x f32, accumulator> -> <16 x 1 x f32, row>
  %grew = tile.map(%row : !tile.frag<16 x 1 x f32, row>) -> !tile.frag<16 x 1 x i1, row> {
  ^bb0(%y: f32):
    %z = arith.cmpf ogt, %y, %y : f32
    tile.yield %z : i1
  }
  // CHECK: %[[TWO:.*]] = arith.constant 2 : i32
  // CHECK: %[[GROUP:.*]] = arith.shrui %{{.*}}, %[[TWO]]
  // CHECK: %[[BARRIER:.*]] = arith.addi %[[GROUP]],
  // CHECK: llvm.inline_asm has_side_effects asm_dialect = att "{{.*}}barrier.cta.red.or.pred.aligned q, $1, 128, p;{{.*}}" %[[BARRIER]],
  // CHECK: nvvm.vote.sync any
  %any = tile.any %grew of warpgroup : !tile.frag<16 x 1 x i1, row>
  // CHECK: scf.if
  // CHECK: "wgmma.wait_group.sync.aligned 0; // region 0"
  // CHECK: } else {
  // CHECK: "wgmma.wait_group.sync.aligned 0; // region 1"
  %y = scf.if %any -> !scores {
    %there = tile.wait 0 of %x : (!scores) -> !scores
    scf.yield %there : !scores
  } else {
    %there = tile.wait 0 of %x : (!scores) -> !scores
    scf.yield %there : !scores
  }
  // CHECK-NOT: tile.
}

// -----

// A warpgroup's turn is a barrier of two: it waits there, the one before it arrives. Barriers 0, 1 and 2 are the CTA's
// and the warpgroups' own. Only the last passes to enter, and only the first waits to leave.
// CHECK-LABEL: llvm.func @turns
tile.kernel @turns attributes {warps = 8, producer_warps = 4} {
  // CHECK: nvvm.setmaxregister {{ *}}increase 240
  tile.roles producer {
  ^bb0:
  } consumer {
    // The warps of the producer come first.
    // CHECK: %[[FROM:.*]] = arith.addi %{{.*}}, %c-4_i32
    // CHECK: %[[MINE:.*]] = arith.shrui %[[FROM]], %c2_i32
    // CHECK: %[[LAST:.*]] = arith.cmpi eq, %[[MINE]], %c1_i32
    // CHECK-NEXT: scf.if %[[LAST]] {
    // CHECK: %[[FIRST:.*]] = arith.addi %c0_i32{{.*}}, %c3_i32
    // CHECK-NEXT: %[[BOTH:.*]] = arith.constant 256
    // CHECK-NEXT: nvvm.barrier.arrive id = %[[FIRST]] number_of_threads = %[[BOTH]]
    // CHECK-NEXT: }
    tile.pass_turn enter
    // CHECK-NOT: scf.if
    // CHECK: %[[MINE:.*]] = arith.shrui %{{.*}}, %c2_i32
    // CHECK: %[[AT:.*]] = arith.addi %[[MINE]], %c3_i32
    // CHECK-NEXT: %[[BOTH:.*]] = arith.constant 256
    // CHECK-NEXT: nvvm.barrier id = %[[AT]] number_of_threads = %[[BOTH]]
    tile.await_turn
    // The first comes after the last.
    // CHECK-NOT: scf.if
    // CHECK: %[[MINE:.*]] = arith.shrui %{{.*}}, %c2_i32
    // CHECK: %[[LAST:.*]] = arith.cmpi eq, %[[MINE]], %c1_i32
    // CHECK: %[[NEXT:.*]] = arith.addi %[[MINE]], %c1_i32
    // CHECK-NEXT: %[[TO:.*]] = arith.select %[[LAST]], %c0_i32{{.*}}, %[[NEXT]]
    // CHECK: %[[AT:.*]] = arith.addi %[[TO]], %c3_i32
    // CHECK-NEXT: %[[BOTH:.*]] = arith.constant 256
    // CHECK-NEXT: nvvm.barrier.arrive id = %[[AT]] number_of_threads = %[[BOTH]]
    tile.pass_turn
    // CHECK-NOT: scf.if
    // CHECK: %[[MINE:.*]] = arith.shrui %{{.*}}, %c2_i32
    // CHECK: %[[ISFIRST:.*]] = arith.cmpi eq, %[[MINE]], %c0_i32
    // CHECK-NEXT: scf.if %[[ISFIRST]] {
    // CHECK: %[[AT:.*]] = arith.addi %[[MINE]], %c3_i32
    // CHECK-NEXT: %[[BOTH:.*]] = arith.constant 256
    // CHECK-NEXT: nvvm.barrier id = %[[AT]] number_of_threads = %[[BOTH]]
    // CHECK-NEXT: }
    tile.await_turn leave
    // CHECK-NOT: nvvm.barrier
  } attributes {producer_registers = 24, consumer_registers = 240}
  // CHECK-NOT: tile.
}

// -----

// What nobody can know to be 0 is added.
// CHECK-LABEL: llvm.func @opaque
tile.kernel @opaque attributes {warps = 4} {
  // CHECK: %[[X:.*]] = nvvm.read.ptx.sreg.ctaid.x
  %x = tile.index grid_x
  // CHECK: %[[WARP:.*]] = nvvm.shfl.sync idx
  // CHECK: %[[ZERO:.*]] = arith.shrui %[[WARP]], %c16_i32
  // CHECK: %[[SAME:.*]] = arith.addi %[[X]], %[[ZERO]]
  // CHECK: llvm.inline_asm {{.*}} %[[SAME]] : (i32) -> i32
  %y = tile.opaque %x
  %z = tile.await_launch %y
  // CHECK-NOT: tile.
}

// -----

// Of the lanes that run: in a producer it is one.
// CHECK-LABEL: llvm.func @uniform
tile.kernel @uniform attributes {warps = 4} {
  // CHECK: %[[X:.*]] = nvvm.read.ptx.sreg.ctaid.x
  %x = tile.index grid_x
  // CHECK: llvm.inline_asm {{.*}}"{ .reg .b32 lanes; activemask.b32 lanes; redux.sync.max.u32 $0, $1, lanes; }"{{.*}} %[[X]] : (i32) -> i32
  %y = tile.uniform %x
  %z = tile.await_launch %y
  // CHECK-NOT: tile.
}

// -----

//===----------------------------------------------------------------------===//
// mma.sync m16n8k16
//===----------------------------------------------------------------------===//

!rows = !tile.frag<16 x 64 x bf16, rows>
!keys = !tile.frag<16 x 64 x bf16, keys>

// CHECK-LABEL: llvm.func @mma
tile.kernel @mma attributes {warps = 1} {
  %end = tile.argument "context" : i32
  %q = tile.view q[%end, %end] : <64 x bf16>
  // 16 rows of 64 columns: two rows a lane, two chunks a row.
  // CHECK-COUNT-4: ld.global
  // CHECK-NOT: ld.global
  // CHECK: %[[MARK:.*]] = llvm.mlir.constant(1 : i32)
  %rows = tile.load %q[%end] until %end : <64 x bf16> -> <16 x 64 x bf16, rows>
  %mark = llvm.mlir.constant(1 : i32) : i32
  %keys = tile.load %q[%end] until %end : <64 x bf16> -> <16 x 64 x bf16, keys>
  // 16 x 16 x 64: two blocks of 8 keys, four steps of 16; two chains a block, added once.
  // CHECK-COUNT-8: nvvm.mma.sync A[{{.*}}] B[{{.*}}] C[{{.*}}] {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, multiplicandAPtxType = #nvvm.mma_type<bf16>, multiplicandBPtxType = #nvvm.mma_type<bf16>, shape = #nvvm.shape<m = 16, n = 8, k = 16>}
  // CHECK-NOT: nvvm.mma.sync
  // CHECK: %[[SECOND:.*]] = llvm.mlir.constant(2 : i32)
  %s = tile.dot %rows, %keys transposed : !rows, !keys -> <16 x 16 x f32, accumulator>
  %second = llvm.mlir.constant(2 : i32) : i32
  // An accumulator's registers, rounded in pairs, are an operand's, in their order.
  // CHECK-COUNT-4: nvvm.convert.f32x2.to.bf16x2
  // CHECK-NOT: nvvm.convert
  // CHECK: %[[THIRD:.*]] = llvm.mlir.constant(3 : i32)
  %p = tile.convert %s : <16 x 16 x f32, accumulator> -> <16 x 16 x bf16, operand>
  %third = llvm.mlir.constant(3 : i32) : i32
  // 16 x 64 values: eight blocks of 8 columns, one step; keys are paired by byte permutation.
  %v = tile.view v[%end, %end] : <64 x bf16>
  %values = tile.load %v[%end] until %end : <64 x bf16> -> <16 x 64 x bf16, values>
  // CHECK: llvm.call_intrinsic "llvm.nvvm.prmt"
  // CHECK-COUNT-8: nvvm.mma.sync
  // CHECK-NOT: nvvm.mma.sync
  %o = tile.dot %p, %values
    : !tile.frag<16 x 16 x bf16, operand>, !tile.frag<16 x 64 x bf16, values> -> <16 x 64 x f32, columns>
  // Rows beyond the limit are not written; a lane's 8 neighbouring columns go out as one store.
  // CHECK: scf.if
  // CHECK-COUNT-2: llvm.store %{{.*}}, %{{.*}} {alignment = 16 : i64} : vector<8xbf16>, !llvm.ptr<1>
  // CHECK: scf.if
  // CHECK-COUNT-2: llvm.store %{{.*}}, %{{.*}} {alignment = 16 : i64} : vector<8xbf16>, !llvm.ptr<1>
  %out = tile.view o[%end, %end] : <64 x bf16>
  tile.store %o, %out[%end] until %end : <16 x 64 x f32, columns>, <64 x bf16>
}

// -----

// Keys of bytes: a chunk of 8 columns is 8 bytes, and the product widens them; values are paired before.
// CHECK-LABEL: llvm.func @bytes(
// CHECK-COUNT-8: ld.global.L1::no_allocate.v4.b32
// CHECK-NOT: v4.b32
// CHECK-COUNT-4: ld.global.L1::no_allocate.v2.b32
// CHECK-NOT: v2.b32
// CHECK: llvm.call_intrinsic "llvm.nvvm.e4m3x2.to.f16x2.rn"(%{{.*}}) : (i16) -> vector<2xf16>
// CHECK-COUNT-2: llvm.fpext %{{.*}} : f16 to f32
// CHECK: nvvm.convert.f32x2.to.bf16x2
// CHECK-COUNT-15: llvm.nvvm.e4m3x2.to.f16x2.rn
// CHECK-COUNT-2: nvvm.mma.sync
// CHECK-NOT: e4m3x2
// CHECK-NOT: nvvm.mma.sync
// CHECK: %[[MARK:.*]] = llvm.mlir.constant(1 : i32)
// CHECK-COUNT-4: ld.global.L1::no_allocate.v2.b32
// CHECK: %[[LOW:.*]] = arith.constant 20800 : i32
// CHECK: llvm.call_intrinsic "llvm.nvvm.prmt"(%{{.*}}, %{{.*}}, %[[LOW]])
// CHECK-COUNT-16: llvm.nvvm.e4m3x2.to.f16x2.rn
tile.kernel @bytes attributes {warps = 1, lla.target = #lla.target<arch = "sm_90a">} {
  %end = tile.argument "context" : i32
  %q = tile.view q[%end, %end] : <128 x bf16>
  %k = tile.view k[%end, %end] : <128 x f8E4M3FN>
  %rows = tile.load %q[%end] until %end : <128 x bf16> -> <16 x 128 x bf16, rows>
  %keys = tile.load %k[%end] until %end : <128 x f8E4M3FN> -> <8 x 128 x f8E4M3FN, keys>
  %s = tile.dot %rows, %keys transposed
    : !tile.frag<16 x 128 x bf16, rows>, !tile.frag<8 x 128 x f8E4M3FN, keys> -> <16 x 8 x f32, accumulator>
  %mark = llvm.mlir.constant(1 : i32) : i32
  %v = tile.view v[%end, %end] : <64 x f8E4M3FN>
  %scores = tile.fill 0.0 : <16 x 16 x f32, accumulator>
  %p = tile.convert %scores : <16 x 16 x f32, accumulator> -> <16 x 16 x bf16, operand>
  %values = tile.load %v[%end] until %end : <64 x f8E4M3FN> -> <16 x 64 x f8E4M3FN, values>
  %o = tile.dot %p, %values
    : !tile.frag<16 x 16 x bf16, operand>, !tile.frag<16 x 64 x f8E4M3FN, values> -> <16 x 64 x f32, columns>
}

// -----

// Older machines have no instruction for that.
// CHECK-LABEL: llvm.func @bytes_in_integers(
// CHECK-NOT: e4m3x2
// CHECK: nvvm.mma.sync
tile.kernel @bytes_in_integers attributes {warps = 1, lla.target = #lla.target<arch = "sm_80">} {
  %end = tile.argument "context" : i32
  %q = tile.view q[%end, %end] : <32 x f16>
  %k = tile.view k[%end, %end] : <32 x f8E4M3FN>
  %rows = tile.load %q[%end] until %end : <32 x f16> -> <16 x 32 x f16, rows>
  %keys = tile.load %k[%end] until %end : <32 x f8E4M3FN> -> <8 x 32 x f8E4M3FN, keys>
  %s = tile.dot %rows, %keys transposed
    : !tile.frag<16 x 32 x f16, rows>, !tile.frag<8 x 32 x f8E4M3FN, keys> -> <16 x 8 x f32, accumulator>
}

// -----

// Where the launch has no scales, they are 1. The launch before this one may have written them.
// CHECK-LABEL: llvm.func @scale(
// CHECK: %[[GIVEN:.*]] = arith.cmpi ne
// CHECK: ld.global.f32 {{.*}}~{memory}
// CHECK: arith.select %[[GIVEN]], %{{.*}}, %{{.*}} : f32
tile.kernel @scale attributes {warps = 1} {
  %x = tile.index grid_x
  %s = tile.scale k[%x]
}

// -----

// fp16 products take vectors of two, bf16 products 32-bit registers.
// CHECK-LABEL: llvm.func @mma_f16
// CHECK: nvvm.mma.sync {{.*}} : (vector<2xf16>, vector<2xf16>, f32)
tile.kernel @mma_f16 attributes {warps = 1} {
  %end = tile.argument "context" : i32
  %q = tile.view q[%end, %end] : <32 x f16>
  %rows = tile.load %q[%end] until %end : <32 x f16> -> <16 x 32 x f16, rows>
  %keys = tile.load %q[%end] until %end : <32 x f16> -> <8 x 32 x f16, keys>
  %s = tile.dot %rows, %keys transposed
    : !tile.frag<16 x 32 x f16, rows>, !tile.frag<8 x 32 x f16, keys> -> <16 x 8 x f32, accumulator>
}

// -----

//===----------------------------------------------------------------------===//
// Loops carry registers
//===----------------------------------------------------------------------===//

// CHECK-LABEL: llvm.func @loop
// A row fragment of 16 rows and an accumulator of 16 x 8: 2 + 4 registers.
// CHECK: scf.for {{.*}} -> (f32, f32, f32, f32, f32, f32)
tile.kernel @loop attributes {warps = 1} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %end = tile.argument "context" : i32
  %m = tile.fill 0.0 : <16 x 1 x f32, row>
  %o = tile.fill 0.0 : <16 x 8 x f32, accumulator>
  %r:2 = scf.for %n = %c0 to %end step %c1 iter_args(%a = %m, %b = %o)
      -> (!tile.frag<16 x 1 x f32, row>, !tile.frag<16 x 8 x f32, accumulator>) : i32 {
    scf.yield %a, %b : !tile.frag<16 x 1 x f32, row>, !tile.frag<16 x 8 x f32, accumulator>
  }
}

// -----

//===----------------------------------------------------------------------===//
// Rings, roles, wgmma
//===----------------------------------------------------------------------===//

!ring = !tile.ring<2 x [!tile.shared<64 x 128 x bf16>, !tile.shared<64 x 64 x bf16>]>
!keys = !tile.shared<64 x 128 x bf16>
!values = !tile.shared<64 x 64 x bf16>
!scores = !tile.frag<16 x 64 x f32, accumulator>

// The tensor maps of the copied tensors, in the order q, r, k, v, are grid constants too.
// CHECK-LABEL: llvm.func @wgmma
// CHECK-SAME: (%{{.*}}: !llvm.ptr {{{.*}}}, %[[KMAP:.*]]: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<128 x i8>, nvvm.grid_constant}, %[[VMAP:.*]]: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<128 x i8>, nvvm.grid_constant})
// CHECK-SAME: nvvm.reqntid = array<i32: 256>
tile.kernel @wgmma attributes {warps = 4, producer_warps = 4} {
  // One thread makes the barriers: full waits for the copy's arrival, empty for every computing warp's.
  // CHECK: scf.if
  // CHECK: nvvm.mbarrier.init %{{.*}}, %[[ONE:.*]] : !llvm.ptr<3>, i32
  // CHECK: nvvm.mbarrier.init %{{.*}}, %[[WARPS:.*]] : !llvm.ptr<3>, i32
  // CHECK: nvvm.mbarrier.init
  // CHECK: nvvm.mbarrier.init
  // CHECK-NOT: nvvm.mbarrier.init
  // CHECK: nvvm.fence.mbarrier.init
  // CHECK: nvvm.barrier0
  %ring = tile.ring {offset = 0, barrier_offset = 49152} : !ring
  %n = tile.argument "context" : i32
  %k = tile.view k[%n, %n] : <128 x bf16>
  %v = tile.view v[%n, %n] : <64 x bf16>
  // CHECK: %[[IS_PRODUCER:.*]] = arith.cmpi slt
  // CHECK: scf.if %[[IS_PRODUCER]] {
  // CHECK: nvvm.setmaxregister {{ *}}decrease 24
  // One elected thread of the producer's first warp.
  // CHECK: nvvm.elect.sync
  tile.roles producer {
    // Wait until the slot is empty, announce its bytes, copy panels of 64 columns.
    // CHECK: scf.while
    // CHECK: nvvm.mbarrier.try_wait
    // CHECK: %[[BYTES:.*]] = arith.constant 24576 : i32
    // CHECK: nvvm.mbarrier.arrive.expect_tx %{{.*}}, %[[BYTES]]
    // CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %[[KMAP]], %{{.*}}, box[%c0{{[^,]*}}, %[[N:.*]], %[[N]], %[[N]]] {isCTAOnly = true}
    // CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %[[KMAP]], %{{.*}}, box[%c64
    // CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %[[VMAP]],
    // CHECK-NOT: nvvm.cp.async.bulk
    tile.ring_fill %ring[%n] from %k, %v at %n, %n : !ring, !tile.view<128 x bf16>, !tile.view<64 x bf16>
  // CHECK: } else {
  // CHECK: nvvm.setmaxregister {{ *}}increase 240
  } consumer {
    // CHECK: nvvm.mbarrier.try_wait
    %t:2 = tile.ring_acquire %ring[%n] : !ring -> !keys, !values
    // 64 x 64 x 128: eight steps of 16 columns in one group; the first step ignores the accumulator.
    // CHECK: llvm.inline_asm has_side_effects asm_dialect = att "{{.*}}wgmma.fence.sync.aligned;{{.*}}wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {{.*}}, da, db, 0, 1, 1, 0, 0;{{.*}}, da, db, 1, 1, 1, 0, 0;{{.*}}wgmma.commit_group.sync.aligned;
    %s = tile.dot %t#0, %t#0 transposed : !keys, !keys -> <16 x 64 x f32, accumulator>
    // The wait's results are tied to its operands, so that nothing is hoisted above it: 32 registers.
    // CHECK: llvm.inline_asm has_side_effects asm_dialect = att "wgmma.wait_group.sync.aligned 0; // region 1", "=f,{{.*}}=f,0,1,2,{{.*}},31"
    %ready = tile.wait 0 of %s : (!scores) -> !scores
    %p = tile.convert %ready : <16 x 64 x f32, accumulator> -> <16 x 64 x bf16, operand>
    // Four steps of 16 keys; V is read transposed, the accumulator is tied.
    // CHECK: llvm.inline_asm has_side_effects asm_dialect = att "{{.*}}wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {{.*}}, db, 1, 1, 1, 1;{{.*}}wgmma.commit_group.sync.aligned;
    %o = tile.dot %p, %t#1 plus %ready : !tile.frag<16 x 64 x bf16, operand>, !values, !scores -> <16 x 64 x f32, accumulator>
    %done = tile.wait 0 of %o : (!scores) -> !scores
    // One lane arrives for its warp.
    // CHECK: scf.if
    // CHECK: nvvm.mbarrier.arrive
    tile.ring_release %ring[%n] : !ring
  } attributes {producer_registers = 24, consumer_registers = 240}
  // CHECK-NOT: tile.
}

// -----

!rows = !tile.shared<64 x 96 x bf16, panels = 32>
!keys = !tile.shared<48 x 96 x bf16, panels = 32>
!once = !tile.ring<1 x [!rows]>
!ring = !tile.ring<2 x [!keys]>
!operand = !tile.frag<16 x 96 x bf16, operand>

// Rows in registers: a warp's 16 of 64, four matrices for each step of 16 columns, and all lanes have read them before
// one releases the slot. Rows of 64 bytes: what is exclusive-or'ed to a chunk's number is half the row's, of 4.
// CHECK-LABEL: llvm.func @held_rows
tile.kernel @held_rows attributes {warps = 8, producer_warps = 4} {
  %once = tile.ring {offset = 0, barrier_offset = 30720} : !once
  %ring = tile.ring {offset = 12288, barrier_offset = 30736} : !ring
  %n = tile.argument "context" : i32
  %k = tile.view k[%n, %n] : <96 x bf16>
  tile.roles producer {
    tile.ring_fill %ring[%n] from %k at %n : !ring, !tile.view<96 x bf16>
  } consumer {
    %t = tile.ring_acquire %once[%n] : !once -> !rows
    // CHECK: %[[PAIR:.*]] = arith.divui %{{.*}}, %c2_i32 : i32
    // CHECK: %[[SWIZZLE:.*]] = arith.remui %[[PAIR]], %c4
    // CHECK: arith.xori %{{.*}}, %[[SWIZZLE]]
    // CHECK-COUNT-6: llvm.inline_asm has_side_effects asm_dialect = att "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {$0, $1, $2, $3}, [$4];"
    // CHECK-NOT: ldmatrix
    // CHECK: nvvm.bar.warp.sync
    %q = tile.collect %t : !rows -> !operand
    %keys = tile.ring_acquire %ring[%n] : !ring -> !keys
    // 24 accumulators, then 24 registers of rows, then the descriptor; the first step ignores the accumulator, and the
    // keys are read as they are. A panel is 3072 bytes, a step half of it.
    // CHECK: add.s64 db, $48, 0;{{.*}}wgmma.mma_async.sync.aligned.m64n48k16.f32.bf16.bf16 {{{.*}}}, {$24, $25, $26, $27}, db, 0, 1, 1, 0;{{.*}}add.s64 db, $48, 2;{{.*}}{$28, $29, $30, $31}, db, 1, 1, 1, 0;{{.*}}add.s64 db, $48, 192;
    // CHECK-SAME: "=&f,{{.*}}=&f,r,{{.*}}r,l"
    %s = tile.dot %q, %keys transposed : !operand, !keys -> <16 x 48 x f32, accumulator>
    %done = tile.wait 0 of %s : (!tile.frag<16 x 48 x f32, accumulator>) -> !tile.frag<16 x 48 x f32, accumulator>
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// -----

!ring = !tile.ring<2 x [!tile.shared<64 x 192 x bf16, panels = 32>]>
!values = !tile.shared<64 x 192 x bf16, panels = 32>
!products = !tile.frag<16 x 96 x f32, accumulator>
!weights = !tile.frag<16 x 64 x bf16, operand>

// Panels of 32 columns, 4096 bytes each, with a swizzle of 64 bytes.
// CHECK-LABEL: llvm.func @narrow_panels
tile.kernel @narrow_panels attributes {warps = 8, producer_warps = 4} {
  %ring = tile.ring {offset = 0, barrier_offset = 57344} : !ring
  %handed = tile.ring {fillers = 128, offset = 49152, barrier_offset = 57376} : <1 x [!tile.shared<64 x 64 x bf16>]>
  %n = tile.argument "context" : i32
  %v = tile.view v[%n, %n] : <192 x bf16>
  %second = arith.constant 96 : i32
  tile.roles producer {
    // CHECK: nvvm.mbarrier.arrive.expect_tx %{{.*}}, %c24576
    // CHECK-COUNT-6: nvvm.cp.async.bulk.tensor.shared.cluster.global
    // CHECK-SAME: box[%c160
    // CHECK-NOT: nvvm.cp.async.bulk
    tile.ring_fill %ring[%n] from %v at %n : !ring, !tile.view<192 x bf16>
  } consumer {
    // CHECK: scf.while
    %t = tile.ring_acquire %ring[%n] : !ring -> !values
    // Three panels: 128 bytes of each column, times 96.
    // CHECK: %[[COLUMN:.*]] = arith.constant 128 : i32
    // CHECK-NEXT: arith.muli %{{.*}}, %[[COLUMN]]
    %part = tile.columns %t from %second : <64 x 192 x bf16, panels = 32> -> <64 x 96 x bf16, panels = 32>
    %p = tile.fill 0.0 : <16 x 64 x f32, accumulator>
    %weights = tile.convert %p : <16 x 64 x f32, accumulator> -> <16 x 64 x bf16, operand>
    // A panel to the next: 4096 bytes; 8 rows to the next: 512; swizzle mode 2. A step is 16 rows, 1024 bytes.
    // CHECK: arith.constant 4096 : i32
    // CHECK: arith.constant -9223371899415822336 : i64
    // CHECK: add.s64 db, $112, 0;{{.*}}wgmma.mma_async.sync.aligned.m64n96k16{{.*}}add.s64 db, $112, 64;{{.*}}add.s64 db, $112, 128;{{.*}}add.s64 db, $112, 192;
    %o = tile.dot %weights, %part : !weights, !tile.shared<64 x 96 x bf16, panels = 32> -> <16 x 96 x f32, accumulator>
    // Likewise of weights that were handed over, whose steps are 16 columns in panels of 64.
    // CHECK: arith.constant 4611686293305294848 : i64
    // CHECK: arith.constant -9223371899415822336 : i64
    // CHECK: add.s64 da, $96, 0;{{.*}}add.s64 db, $97, 0;{{.*}}wgmma.mma_async.sync.aligned.m64n96k16{{.*}}, da, db, 1, 1, 1, 0, 1;{{.*}}add.s64 da, $96, 2;{{.*}}add.s64 db, $97, 64;
    %a = tile.ring_acquire %handed[%n] : <1 x [!tile.shared<64 x 64 x bf16>]> -> !tile.shared<64 x 64 x bf16>
    %o2 = tile.dot %a, %part : !tile.shared<64 x 64 x bf16>, !tile.shared<64 x 96 x bf16, panels = 32> -> <16 x 96 x f32, accumulator>
    %done:2 = tile.wait 0 of %o, %o2 : (!products, !products) -> (!products, !products)
    tile.ring_release %ring[%n] : !ring
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// -----

!ring = !tile.ring<1 x [!tile.shared<64 x 144 x bf16, panels = 32>, !tile.shared<48 x 144 x bf16, panels = 32>]>
!rows = !tile.shared<64 x 144 x bf16, panels = 32>
!keys = !tile.shared<48 x 144 x bf16, panels = 32>
!scores = !tile.frag<16 x 48 x f32, accumulator>

// Rows and keys of 144 columns, the last panel half full: 8 rows to the next 512 bytes, swizzle mode 2; two steps of 16
// columns a panel, 4096 and 3072 bytes to the next.
// CHECK-LABEL: llvm.func @narrow_rows_and_keys
tile.kernel @narrow_rows_and_keys attributes {warps = 4, producer_warps = 4} {
  %ring = tile.ring {offset = 0, barrier_offset = 35840} : !ring
  %n = tile.argument "context" : i32
  %q = tile.view q[%n, %n] : <144 x bf16>
  %k = tile.view k[%n, %n] : <144 x bf16>
  tile.roles producer {
    // Whole panels count, five of each.
    // CHECK: nvvm.mbarrier.arrive.expect_tx %{{.*}}, %c35840
    // CHECK-COUNT-10: nvvm.cp.async.bulk.tensor.shared.cluster.global
    // CHECK-NOT: nvvm.cp.async.bulk
    tile.ring_fill %ring[%n] from %q, %k at %n, %n : !ring, !tile.view<144 x bf16>, !tile.view<144 x bf16>
  } consumer {
    %t:2 = tile.ring_acquire %ring[%n] : !ring -> !rows, !keys
    // CHECK: arith.constant -9223371899415822336 : i64
    // CHECK: arith.constant -9223371899415822336 : i64
    // CHECK: m64n48k16{{.*}}add.s64 da, $24, 2;{{.*}}db, $25, 2;{{.*}}da, $24, 256;{{.*}}db, $25, 192;{{.*}}da, $24, 1024;{{.*}}db, $25, 768;
    %s = tile.dot %t#0, %t#1 transposed : !rows, !keys -> !scores
    %done = tile.wait 0 of %s : (!scores) -> !scores
    tile.ring_release %ring[%n] : !ring
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// -----

!ring = !tile.ring<2 x [!tile.shared<64 x 64 x bf16>]>
!values = !tile.shared<64 x 64 x bf16>
!weights = !tile.frag<16 x 64 x bf16, operand>

// CHECK-LABEL: llvm.func @ones
tile.kernel @ones attributes {warps = 4, producer_warps = 4} {
  // 2048 bytes, 16 of the first 128 threads each: pairs of 1. Products see them behind the fence and the barrier.
  // CHECK: %[[ONES:.*]] = arith.addi %{{.*}}, %c16384
  // CHECK: %[[PAIR:.*]] = llvm.bitcast %{{.*}} : vector<2xbf16> to i32
  // CHECK: %[[THREAD:.*]] = nvvm.read.ptx.sreg.tid.x
  // CHECK-NEXT: %[[VECTOR:.*]] = arith.constant 16
  // CHECK-NEXT: %[[BYTE:.*]] = arith.muli %[[THREAD]], %[[VECTOR]]
  // CHECK-NEXT: %[[BYTES:.*]] = arith.constant 2048
  // CHECK-NEXT: %[[WRITES:.*]] = arith.cmpi slt, %[[BYTE]], %[[BYTES]]
  // CHECK-NEXT: scf.if %[[WRITES]] {
  // CHECK-NEXT: arith.addi %[[ONES]], %[[BYTE]]
  // CHECK-COUNT-4: llvm.insertelement %[[PAIR]],
  // CHECK: llvm.store %{{.*}}, %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<3>
  // CHECK-NEXT: }
  // CHECK-NEXT: nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
  // CHECK-NEXT: nvvm.barrier0
  %ones = tile.ones {offset = 16384} : <16 x 64 x bf16>
  %ring = tile.ring {offset = 0, barrier_offset = 18432} : !ring
  %n = tile.argument "context" : i32
  %v = tile.view v[%n, %n] : <64 x bf16>
  tile.roles producer {
    tile.ring_fill %ring[%n] from %v at %n : !ring, !tile.view<64 x bf16>
  } consumer {
    // The fill's phase is asked for once, and is waited for in a branch only.
    // CHECK: nvvm.setmaxregister {{ *}}increase 240
    // CHECK-NOT: scf.
    // CHECK: %[[LANDED:.*]] = nvvm.mbarrier.test.wait %{{.*}}, %[[PARITY:.*]] : !llvm.ptr<3>, i32 -> i1
    // CHECK-NOT: {{scf|mbarrier}}
    %landed = tile.ring_landed %ring[%n] : !ring
    // CHECK: %[[SLOT:.*]] = arith.addi %{{.*}}, %{{.*}} : i32
    // CHECK: %[[UNSEEN:.*]] = arith.xori %[[LANDED]], %true
    // CHECK-NEXT: scf.if %[[UNSEEN]] {
    // CHECK: scf.while
    // CHECK-NEXT: nvvm.mbarrier.try_wait
    // CHECK: do {
    // CHECK-NEXT: scf.yield
    // CHECK-NEXT: }
    // CHECK-NEXT: }
    // CHECK-NOT: mbarrier
    %t = tile.ring_acquire %ring[%n] unless %landed : !ring -> !values
    %s = tile.fill 1.0 : <16 x 64 x f32, accumulator>
    %p = tile.convert %s : <16 x 64 x f32, accumulator> -> <16 x 64 x bf16, operand>
    // The leading dimension's offset leads from the values to the ones, in units of 16 bytes from bit 16 on.
    // CHECK: %[[DISTANCE:.*]] = arith.subi %[[ONES]], %{{.*}} : i32
    // CHECK: %[[WITHIN:.*]] = arith.andi %[[DISTANCE]], %c262143
    // CHECK: %[[UNITS:.*]] = arith.shrui %[[WITHIN]], %c4_
    // CHECK: %[[LEADING:.*]] = arith.shli %[[UNITS]], %c16_
    // CHECK: arith.ori %{{.*}}, %[[LEADING]] : i32
    // At each step the start grows by 2048 bytes, which is 128, and the offset shrinks by as much: -(128 << 16).
    // CHECK: llvm.inline_asm {{.*}}add.s64 db, $88, 0;{{[^;]*}}m64n72k16.f32.bf16.bf16 {{[^;]*}}, db, 1, 1, 1, 1;{{[^;]*}}add.s64 db, $88, -8388480;{{[^;]*}}m64n72k16{{[^;]*}};{{[^;]*}}add.s64 db, $88, -16776960;{{[^;]*}}m64n72k16{{[^;]*}};{{[^;]*}}add.s64 db, $88, -25165440;{{[^;]*}}m64n72k16
    %o = tile.dot %p, %t beside %ones
      : !weights, !values beside !tile.shared<16 x 64 x bf16> -> <16 x 72 x f32, accumulator>
    tile.ring_release %ring[%n] : !ring
  } attributes {producer_registers = 24, consumer_registers = 240}
  // CHECK-NOT: tile.
}

// -----

//===----------------------------------------------------------------------===//
// Weights in 16 bits: two to a register
//===----------------------------------------------------------------------===//

// CHECK-LABEL: llvm.func @pairs
tile.kernel @pairs attributes {warps = 1} {
  %x = tile.fill 1.0 : <16 x 16 x f32, accumulator>
  %p = tile.convert %x : <16 x 16 x f32, accumulator> -> <16 x 16 x bf16, operand>
  // Registers 0 and 2 are of the lane's first row, 1 and 3 of its second; the halves of a register meet last, as fp32
  // numbers. Lanes keep their parts.
  // CHECK: %[[R0:.*]] = llvm.bitcast %{{.*}} : i32 to vector<2xbf16>
  // CHECK-NEXT: %[[R1:.*]] = llvm.bitcast %{{.*}} : i32 to vector<2xbf16>
  // CHECK-NEXT: %[[R2:.*]] = llvm.bitcast %{{.*}} : i32 to vector<2xbf16>
  // CHECK-NEXT: %[[ROW0:.*]] = arith.addf %[[R0]], %[[R2]] : vector<2xbf16>
  // CHECK-NEXT: %[[R3:.*]] = llvm.bitcast %{{.*}} : i32 to vector<2xbf16>
  // CHECK-NEXT: %[[ROW1:.*]] = arith.addf %[[R1]], %[[R3]] : vector<2xbf16>
  // CHECK-NEXT: %[[BOTH:.*]] = llvm.bitcast %[[ROW0]] : vector<2xbf16> to i32
  // CHECK: arith.shli %[[BOTH]], %c16
  // CHECK: arith.andi %[[BOTH]], %c-65536
  // CHECK: arith.addf %{{.*}}, %{{.*}} : f32
  // CHECK: llvm.bitcast %[[ROW1]] : vector<2xbf16> to i32
  // CHECK: arith.addf %{{.*}}, %{{.*}} : f32
  // CHECK-NOT: {{arith.addf|nvvm.shfl}}
  // CHECK: llvm.return
  %sum = tile.row_reduce sum %p : <16 x 16 x bf16, operand> -> <16 x 1 x f32, partial_row>
}

// -----

// Of fp32 the bits are compared in one instruction, too; all four lanes of a row have its last columns.
// CHECK-LABEL: llvm.func @last_column
tile.kernel @last_column attributes {warps = 1} {
  %end = tile.argument "context" : i32
  // CHECK: %[[LAST:.*]] = llvm.load %{{.*}} invariant : !llvm.ptr -> f32
  %last = tile.argument "scale_log2" : f32
  %zero = tile.fill 0.0 : <16 x 16 x f32, accumulator>
  %x = tile.map(%zero : !tile.frag<16 x 16 x f32, accumulator>) at %end, %end
    -> !tile.frag<16 x 16 x f32, accumulator> {
  ^bb0(%e: f32, %row: i32, %column: i32):
    %sum = arith.addf %e, %last : f32
    tile.yield %sum : f32
  }
  // Eight registers: rows g, g, g + 8, g + 8 of the first eight columns, then of the last.
  // CHECK-COUNT-5: arith.addf %{{.*}}, %[[LAST]]
  // CHECK: %[[UPPER:.*]] = arith.addf %{{.*}}, %[[LAST]]
  // CHECK: arith.addf %{{.*}}, %[[LAST]]
  // CHECK: %[[LOWER:.*]] = arith.addf %{{.*}}, %[[LAST]]
  %sum = tile.last_column %x : <16 x 16 x f32, accumulator> -> <16 x 1 x f32, row>
  // CHECK: llvm.store %[[UPPER]],
  // CHECK: llvm.store %[[LOWER]],
  %tbar = tile.view tbar[%end, %end] : <1 x f32>
  tile.store %sum, %tbar[%end] until %end : <16 x 1 x f32, row>, <1 x f32>
  // CHECK: arith.maxui %{{.*}}, %{{.*}} : i32
  // CHECK-NOT: arith.maxnumf
  // CHECK: llvm.return
  %peak = tile.row_reduce peak %x : <16 x 16 x f32, accumulator> -> <16 x 1 x f32, partial_row>
}

// -----

//===----------------------------------------------------------------------===//
// Ragged lengths and paged keys
//===----------------------------------------------------------------------===//

// CHECK-LABEL: llvm.func @serving(
tile.kernel @serving attributes {warps = 1} {
  // CHECK: %[[X:.*]] = nvvm.read.ptx.sreg.ctaid.x
  %x = tile.index grid_x
  %y = tile.index grid_y
  // CHECK: %[[CONTEXT:.*]] = llvm.load %{{.*}} invariant : !llvm.ptr -> i32
  %context = tile.argument "context" : i32
  // A null array is not read.
  // CHECK: %[[ARRAY:.*]] = llvm.load %{{.*}} invariant : !llvm.ptr -> i64
  // CHECK: %[[THERE:.*]] = arith.cmpi ne, %[[ARRAY]], %c0
  // CHECK: %[[READ:.*]] = arith.extui %[[THERE]]
  // CHECK: %[[VALUE:.*]] = llvm.inline_asm {{.*}}@p ld.global.b32 {{.*}}, %[[READ]] :
  // CHECK: %[[LENGTH:.*]] = arith.select %[[THERE]], %[[VALUE]], %[[CONTEXT]]
  %length = tile.lookup "lengths"[%x] otherwise %context
  // CHECK: %[[SURPLUS:.*]] = arith.cmpi sge, %{{.*}}, %[[LENGTH]]
  %surplus = arith.cmpi sge, %y, %length : i32
  // CHECK: llvm.cond_br %[[SURPLUS]], ^[[DONE:.*]], ^[[ON:.*]]
  // CHECK: ^[[ON]]:
  tile.leave %surplus
  // CHECK: %[[ROWSTRIDE:.*]] = llvm.load %{{.*}} invariant : !llvm.ptr -> i64
  // CHECK: %[[PAGESTRIDE:.*]] = llvm.load %{{.*}} invariant : !llvm.ptr -> i64
  // CHECK: %[[TABLE:.*]] = llvm.inttoptr %{{.*}} : i64 to !llvm.ptr<1>
  // CHECK: %[[POOL:.*]] = llvm.inttoptr %{{.*}} : i64 to !llvm.ptr<1>
  %k = tile.view k[%x, %y] : <64 x bf16, pages = 24>
  // CHECK: %[[INSIDE:.*]] = arith.cmpi slt, %[[ROW:.*]], %[[CONTEXT]]
  // CHECK: arith.divui %[[ROW]], %c24
  // CHECK: llvm.getelementptr %[[TABLE]]
  // CHECK: %[[LOOK:.*]] = arith.extui %[[INSIDE]]
  // CHECK: %[[GIVEN:.*]] = llvm.inline_asm {{.*}}@p ld.global.b32 {{.*}}, %[[LOOK]] :
  // A number of no page, negative or not, is that of the last.
  // CHECK: %[[PAGES:.*]] = llvm.load %{{.*}} invariant : !llvm.ptr -> i32
  // CHECK: %[[LAST:.*]] = arith.addi %[[PAGES]], %c-1
  // CHECK: %[[PAGE:.*]] = arith.minui %[[GIVEN]], %[[LAST]]
  %page = tile.page %k[%y] until %context : <64 x bf16, pages = 24>
  // One look serves 8 keys: the page's first row, and the first key's row in it.
  // CHECK: %[[WIDE:.*]] = arith.extsi %[[PAGE]] : i32 to i64
  // CHECK: arith.muli %[[WIDE]]
  // CHECK: arith.remui %[[ROW]], %c24
  // CHECK: llvm.getelementptr %[[POOL]]
  // Keys before `from` or at `until` are not read: one comparison without a sign.
  // CHECK: arith.cmpi ult
  // CHECK-COUNT-2: ld.global.L1::no_allocate.v4.b32
  // CHECK-NOT: ld.global
  // CHECK: llvm.return
  // CHECK: ^[[DONE]]:
  // CHECK-NEXT: llvm.return
  %keys = tile.load %k[%y] pages %page from %y until %length : <64 x bf16, pages = 24> -> <8 x 64 x bf16, keys>
}

// -----

// Without pages each row looks for its own: 16 keys are two rows a lane, once each for both of its chunks.
// CHECK-LABEL: llvm.func @row_by_row
tile.kernel @row_by_row attributes {warps = 1} {
  %y = tile.index grid_y
  %end = tile.argument "context" : i32
  %k = tile.view k[%y, %y] : <64 x bf16, pages = 9>
  // CHECK: arith.divui %{{.*}}, %c9
  // CHECK-COUNT-2: ld.global.b32
  // CHECK-NOT: ld.global.b32
  %keys = tile.load %k[%y] until %end : <64 x bf16, pages = 9> -> <16 x 64 x bf16, keys>
}

// -----

!ring = !tile.ring<2 x [!tile.shared<48 x 64 x bf16>, !tile.shared<48 x 64 x bf16>]>
!view = !tile.view<64 x bf16, pages = 16>

// Maps of k's and v's boxes, then of their rows.
// CHECK-LABEL: llvm.func @paged_ring(
// CHECK-SAME: %{{.*}}: !llvm.ptr {{{.*}}}, %[[KMAP:.*]]: !llvm.ptr {llvm.align = 64 : i64, {{.*}}}, %[[VMAP:.*]]: !llvm.ptr {llvm.align = 64 : i64, {{.*}}}, %[[KROWS:.*]]: !llvm.ptr {llvm.align = 64 : i64, {{.*}}}, %[[VROWS:.*]]: !llvm.ptr {llvm.align = 64 : i64, {{[^}]*}}}) attributes
tile.kernel @paged_ring attributes {warps = 4, producer_warps = 4} {
  %ring = tile.ring {offset = 0, barrier_offset = 24576} : !ring
  %n = tile.argument "context" : i32
  %begin = tile.argument "query_length" : i32
  %end = tile.argument "batch" : i32
  %k = tile.view k[%n, %n] : <64 x bf16, pages = 16>
  %v = tile.view v[%n, %n] : <64 x bf16, pages = 16>
  tile.roles producer {
    // Whatever is left out, the bytes that arrive are a whole tile's: what a map does not cover is zeros.
    // CHECK: nvvm.mbarrier.arrive.expect_tx %{{.*}}, %c12288
    // CHECK: scf.for %[[BOX:.*]] = %c0{{.*}} to %c48{{.*}} step %c16
    // CHECK: %[[ROW:.*]] = arith.addi %{{.*}}, %[[BOX]]
    // A box that is all inside or all outside is one copy.
    // CHECK: %[[OUTSIDE:.*]] = arith.ori
    // CHECK: %[[AT_ONCE:.*]] = arith.ori %{{.*}}, %[[OUTSIDE]]
    // Outside, nothing is looked up.
    // CHECK: %[[LOOKS:.*]] = arith.xori %[[OUTSIDE]]
    // CHECK: %[[LOOK:.*]] = arith.extui %[[LOOKS]]
    // CHECK: %[[GIVEN:.*]] = llvm.inline_asm {{.*}}@p ld.global.b32 {{.*}}, %[[LOOK]] :
    // CHECK: %[[PAGE:.*]] = arith.minui %[[GIVEN]],
    // CHECK: %[[STEP:.*]] = arith.select %[[AT_ONCE]], %c16{{.*}}, %c1
    // CHECK: scf.for %{{.*}} step %[[STEP]]
    // A hidden row is copied from before the page's first: zeros.
    // CHECK: %[[SOURCE:.*]] = arith.select %{{.*}}, %{{.*}}, %c-16
    // CHECK: %[[KEYS:.*]] = arith.select %[[AT_ONCE]], %[[KMAP]], %[[KROWS]]
    // CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %[[KEYS]], %{{.*}}, box[%c0{{[^,]*}}, %[[SOURCE]], %{{.*}}, %[[PAGE]]]
    // CHECK: %[[VALUES:.*]] = arith.select %[[AT_ONCE]], %[[VMAP]], %[[VROWS]]
    // CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %[[VALUES]], %{{.*}}, box[%c0{{[^,]*}}, %[[SOURCE]], %{{.*}}, %[[PAGE]]]
    // CHECK-NOT: nvvm.cp.async.bulk
    tile.ring_fill %ring[%n] from %k, %v at %n, %n begin %begin end %end boxes of 16 : !ring, !view, !view
  } consumer {
    %t:2 = tile.ring_acquire %ring[%n] : !ring -> !tile.shared<48 x 64 x bf16>, !tile.shared<48 x 64 x bf16>
    tile.ring_release %ring[%n] : !ring
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// -----

// Rows of a group's interleaved heads: a map of five dimensions (dim, head of the group, row, group, sequence).

!once = !tile.ring<1 x [!tile.shared<64 x 64 x bf16>]>
!view = !tile.view<64 x bf16>

// CHECK-LABEL: llvm.func @packed_rows
tile.kernel @packed_rows attributes {warps = 4, producer_warps = 4, shared_limit = 16384 : i64} {
  %once = tile.ring {offset = 0, barrier_offset = 8192} : !once
  %c0 = arith.constant 0 : i32
  %head = tile.argument "kv_heads" : i32
  %row = tile.argument "context" : i32
  %q = tile.view q[%c0, %head] {group = 4 : i64} : <64 x bf16>
  tile.roles producer {
    // CHECK-DAG: %[[ROW:.*]] = arith.divui %{{.*}}, %c4
    // CHECK-DAG: %[[GROUP:.*]] = arith.divui %{{.*}}, %c4
    // CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %{{.*}}, %{{.*}}, box[%c0{{[^,]*}}, %c0{{[^,]*}}, %{{.*}}, %{{.*}}, %c0{{[^,]*}}]
    tile.ring_fill %once[%c0] from %q at %row : !once, !view
  } consumer {
    %t = tile.ring_acquire %once[%c0] : !once -> !tile.shared<64 x 64 x bf16>
    tile.ring_release %once[%c0] : !once
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// -----

// Consecutive ranges, 32 at a time: each lane has one, which begins where the sum of the lower lanes' ends.

// CHECK-LABEL: llvm.func @seek
tile.kernel @seek attributes {warps = 4} {
  // CHECK: %[[VALUE:.*]] = nvvm.read.ptx.sreg.ctaid.x
  %value = tile.index grid_x
  %count = tile.argument "batch" : i32
  // CHECK: %[[FOUND:.*]]:3 = scf.for %[[FIRST:.*]] = %{{.*}} to %[[COUNT:.*]] step %c32{{.*}} iter_args(%[[INDEX:.*]] = %{{.*}}, %[[BEGIN:.*]] = %{{.*}}, %[[TOTAL:.*]] = %
  // CHECK: %[[OWN:.*]] = arith.addi %[[FIRST]], %
  // Beyond the last range it is not looked up, and has no length.
  // CHECK: %[[LAST:.*]] = arith.addi %[[COUNT]], %c-1
  // CHECK: %[[I:.*]] = arith.minsi %[[OWN]], %
  // CHECK: arith.extsi %[[I]]
  // CHECK: arith.cmpi slt, %[[OWN]], %[[COUNT]]
  // CHECK: %[[LENGTH:.*]] = arith.select
  // CHECK-COUNT-5: nvvm.shfl.sync up
  // CHECK: %[[SUM:.*]] = arith.addi
  // CHECK: %[[BEFORE:.*]] = arith.subi %[[SUM]], %[[LENGTH]]
  // CHECK: %[[AT:.*]] = arith.addi %[[TOTAL]], %[[BEFORE]]
  // CHECK: %[[WITHIN:.*]] = arith.subi %[[VALUE]], %[[AT]]
  // CHECK: %[[HOLDS:.*]] = arith.cmpi ult, %[[WITHIN]], %[[LENGTH]]
  // CHECK: %[[HOLDERS:.*]] = nvvm.vote.sync ballot %{{.*}}, %[[HOLDS]]
  // CHECK: llvm.intr.cttz
  // CHECK: nvvm.shfl.sync idx %{{.*}}, %[[AT]]
  // CHECK: nvvm.shfl.sync idx %{{.*}}, %[[SUM]]
  // CHECK: scf.yield
  %index, %begin, %total = tile.seek %value of %count {
  ^bb0(%i: i32):
    %length = tile.lookup "lengths"[%i] otherwise %i
    tile.yield %length : i32
  }
}

// -----

// Each lane has one of 32 sequences, the last one the first lane; whose turn it is has as many behind it as there are
// turns behind this one.

// CHECK-LABEL: llvm.func @by_length
tile.kernel @by_length attributes {warps = 4} {
  %turn = tile.index grid_x
  %batch = tile.argument "batch" : i32
  %context = tile.argument "context" : i32
  // CHECK: %[[TURN:.*]] = nvvm.read.ptx.sreg.ctaid.x
  // CHECK: %[[LAST:.*]] = arith.addi %{{.*}}, %c-1
  // CHECK: %[[PLACE:.*]] = arith.subi %[[LAST]], %[[TURN]]
  // CHECK: %[[RANK:.*]] = arith.remui %[[PLACE]], %c32
  // CHECK: %[[ALIGNED:.*]] = arith.subi %[[PLACE]], %[[RANK]]
  // CHECK: %[[END:.*]] = arith.subi %[[LAST]], %[[ALIGNED]]
  // CHECK: %[[MINE:.*]] = arith.subi %[[END]], %{{.*}}
  // CHECK: %[[THERE:.*]] = arith.cmpi sge, %[[MINE]], %c0
  // No array is read before its first element.
  // CHECK: arith.maxsi %[[MINE]], %c0
  // CHECK: %[[KEYS:.*]] = arith.select %[[THERE]], %{{.*}}, %c67108863
  // CHECK: %[[SCALED:.*]] = arith.muli %[[KEYS]], %c32
  // CHECK: %[[OWN:.*]] = arith.addi %[[SCALED]], %
  // CHECK: %[[FIRST:.*]] = nvvm.shfl.sync idx %{{.*}}, %[[OWN]]
  // CHECK: arith.cmpi slt, %[[FIRST]], %[[OWN]]
  // CHECK-COUNT-31: nvvm.shfl.sync idx %{{.*}}, %[[OWN]]
  // CHECK: %[[IS:.*]] = arith.cmpi eq, %{{.*}}, %[[RANK]]
  // CHECK: %[[IT:.*]] = nvvm.vote.sync ballot %{{.*}}, %[[IS]]
  // CHECK: %[[LANE:.*]] = "llvm.intr.cttz"(%[[IT]])
  // CHECK: arith.subi %[[END]], %[[LANE]]
  %sequence = tile.by_length %turn of %batch otherwise %context
  %k = tile.view k[%sequence, %sequence] : <64 x bf16>
}

// -----

// In a packed tensor a sequence ends where the next one begins.

// CHECK-LABEL: llvm.func @by_packed_length
tile.kernel @by_packed_length attributes {warps = 4} {
  %turn = tile.index grid_x
  %batch = tile.argument "batch" : i32
  %context = tile.argument "context" : i32
  // CHECK: %[[SEQUENCE:.*]] = arith.maxsi
  // CHECK: %[[NEXT:.*]] = arith.addi %[[SEQUENCE]], %c1
  // CHECK: arith.extsi %[[NEXT]]
  // CHECK: %[[END:.*]] = arith.select
  // CHECK: arith.extsi %[[SEQUENCE]]
  // CHECK: %[[BEGIN:.*]] = arith.select
  // CHECK: %[[KEYS:.*]] = arith.subi %[[END]], %[[BEGIN]]
  // CHECK: arith.maxsi %[[KEYS]], %c0
  %sequence = tile.by_length %turn of %batch otherwise %context packed
  %k = tile.view k[%sequence, %sequence] : <64 x bf16>
}

// -----

// Three heads, of which a query row has four rows: the map's box does, and the fourth is not stored.

!once = !tile.ring<1 x [!tile.shared<64 x 64 x bf16>]>
!view = !tile.view<64 x bf16>

// CHECK-LABEL: llvm.func @padded_rows
tile.kernel @padded_rows attributes {warps = 4, producer_warps = 4, shared_limit = 16384 : i64} {
  %once = tile.ring {offset = 0, barrier_offset = 8192} : !once
  %c0 = arith.constant 0 : i32
  %head = tile.argument "kv_heads" : i32
  %row = tile.argument "context" : i32
  %end = tile.argument "query_length" : i32
  %q = tile.view q[%c0, %head] {group = 3, query_rows = 4} : <64 x bf16>
  %lse = tile.view lse[%c0, %head] {group = 3, query_rows = 4} : <1 x f32>
  tile.roles producer {
    // CHECK-DAG: arith.divui %{{.*}}, %c4
    // CHECK-DAG: arith.divui %{{.*}}, %c3
    // CHECK: nvvm.cp.async.bulk.tensor
    tile.ring_fill %once[%c0] from %q at %row : !once, !view
  } consumer {
    %t = tile.ring_acquire %once[%c0] : !once -> !tile.shared<64 x 64 x bf16>
    tile.ring_release %once[%c0] : !once
    %one = tile.fill 1.0 : <8 x 1 x f32, row>
    // CHECK: %[[BELOW:.*]] = arith.cmpi slt
    // CHECK: %[[HEAD:.*]] = arith.remui %{{.*}}, %c4
    // CHECK: %[[EXISTS:.*]] = arith.cmpi slt, %[[HEAD]], %c3
    // CHECK: arith.andi %[[BELOW]], %[[EXISTS]]
    tile.store %one, %lse[%row] until %end : <8 x 1 x f32, row>, <1 x f32>
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// -----

//===----------------------------------------------------------------------===//
// Merges
//===----------------------------------------------------------------------===//

!row = !tile.frag<8 x 1 x f32, row>
!half = !tile.frag<8 x 64 x f32, columns>
!flat = !tile.frag<4 x 64 x f32, flat, threads = 64>

// CHECK-LABEL: llvm.func @merge
tile.kernel @merge attributes {warps = 2} {
  %m = tile.fill 0.0 : <8 x 1 x f32, row>
  %o = tile.fill 0.0 : <8 x 64 x f32, columns>
  // Over warps: through shared memory, 16 bytes at a time: the statistics once, two runs of 4 values per 8 columns.
  // CHECK: llvm.store %{{.*}}, %{{.*}} {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<3>
  // CHECK: nvvm.barrier0
  // 4 x 64 elements over 64 threads: two runs of two a thread, each the sum of two warps' parts, whose weights are
  // formed once for a run.
  // CHECK-COUNT-4: math.exp2
  // CHECK-NOT: math.exp2
  %w:3, %all = tile.merge over warps %m, %m, %o {columns = 64, key_warps = 2, rows = 4, offset = 0}
    : <8 x 1 x f32, row>, <8 x 1 x f32, row>, <8 x 64 x f32, columns> -> !flat, !flat, !flat
  // Over the grid: store the own part, arrive; the counter wraps at the number of splits.
  // CHECK: llvm.store %{{.*}}, %{{.*}} {alignment = 8 : i64} : vector<2xf32>, !llvm.ptr<1>
  // CHECK: nvvm.barrier0
  // CHECK: fence.acq_rel.gpu;{{.*}}atom.global.inc.u32{{.*}}fence.acq_rel.gpu;
  // CHECK: nvvm.barrier0
  // CHECK: %[[LAST:.*]] = arith.cmpi eq
  // Only the CTA that arrived last reads the parts, past the first-level cache.
  // CHECK: scf.if %[[LAST]]
  // CHECK: scf.for
  // CHECK: ld.global.cg.v4.f32
  // CHECK: ld.global.cg.v2.f32
  %g:3, %last = tile.merge over grid %w#0, %w#1, %w#2 {columns = 64, key_warps = 2, rows = 4, offset = 2176}
    : <4 x 64 x f32, flat, threads = 64>, <4 x 64 x f32, flat, threads = 64>, <4 x 64 x f32, flat, threads = 64>
    -> !flat, !flat, !flat
}

// -----

!flat = !tile.frag<4 x 64 x f32, flat, threads = 64>

// Of those splits that work, the last one to arrive reads the others' parts.
// CHECK-LABEL: llvm.func @merge_some
tile.kernel @merge_some attributes {warps = 2} {
  // CHECK: %[[WORKING:.*]] = nvvm.read.ptx.sreg.ctaid.x
  %working = tile.index grid_x
  %s = tile.fill 0.0 : <4 x 64 x f32, flat, threads = 64>
  // CHECK: %[[MOST:.*]] = arith.addi %[[WORKING]], %c-1
  // CHECK: atom.global.inc.u32{{.*}}%[[MOST]]
  // CHECK: arith.cmpi eq, %{{.*}}, %[[MOST]]
  // CHECK: scf.for %{{.*}} = %c0{{.*}} to %[[WORKING]] step
  %g:3, %last = tile.merge over grid %s, %s, %s splits %working {columns = 64, key_warps = 1, rows = 4, offset = 0}
    : <4 x 64 x f32, flat, threads = 64>, <4 x 64 x f32, flat, threads = 64>, <4 x 64 x f32, flat, threads = 64>
    -> !flat, !flat, !flat
}

// -----

//===----------------------------------------------------------------------===//
// Clusters and dependent launch
//===----------------------------------------------------------------------===//

!row = !tile.frag<8 x 1 x f32, row>
!half = !tile.frag<8 x 64 x f32, columns>
!flat = !tile.frag<1 x 24 x f32, flat, threads = 32>
!wide = !tile.frag<1 x 24 x f32, flat, threads = 128>

// Four CTAs along grid y. At the entry later launches may start, the barrier awaits this CTA's share of the parts
// (rank * 6 .. + 6 of 24 elements), and the peers are told that they may write.
// CHECK-LABEL: llvm.func @cluster
// CHECK-SAME: nvvm.cluster_dim = array<i32: 1, 4, 1>
// CHECK: nvvm.griddepcontrol launch_dependents
// CHECK: scf.if
// CHECK: nvvm.mbarrier.init
// CHECK: nvvm.fence.mbarrier.init
// CHECK: nvvm.mbarrier.arrive.expect_tx
// CHECK: nvvm.cluster.arrive.relaxed {aligned}
tile.kernel @cluster attributes {warps = 1, cluster = 4} {
  %x = tile.index grid_x
  // CHECK: llvm.inline_asm {{.*}} "griddepcontrol.wait;", "=r,0,~{memory}" %{{.*}} : (i32) -> i32
  %there = tile.await_launch %x
  %m = tile.fill 0.0 : <8 x 1 x f32, row>
  %o = tile.fill 0.0 : <8 x 64 x f32, columns>
  %w:3, %all = tile.merge over warps %m, %m, %o {columns = 24, key_warps = 1, rows = 1, offset = 0}
    : <8 x 1 x f32, row>, <8 x 1 x f32, row>, <8 x 64 x f32, columns> -> !flat, !flat, !flat
  // CHECK: nvvm.cluster.wait {aligned}
  // An element goes to its owner; the first of a share, or of a row, takes the row's statistics along.
  // CHECK: mapa.shared::cluster.u32
  // CHECK: st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.f32
  // CHECK: st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.f32
  // CHECK: nvvm.mbarrier.try_wait
  // One element a thread, the sum of four CTAs' parts.
  // CHECK-COUNT-4: math.exp2
  // CHECK-NOT: math.exp2
  %c:3, %own = tile.merge over cluster %w#0, %w#1, %w#2 {columns = 24, key_warps = 1, rows = 1, offset = 112}
    : <1 x 24 x f32, flat, threads = 32>, <1 x 24 x f32, flat, threads = 32>, <1 x 24 x f32, flat, threads = 32>
    -> !wide, !wide, !wide
  // Over the grid one state a cluster, from as many arrivals as there are CTAs.
  // CHECK: llvm.store %{{.*}}, %{{.*}} {alignment = 4 : i64} : f32, !llvm.ptr<1>
  // CHECK: atom.global.inc.u32
  // CHECK: scf.for
  %g:3, %last = tile.merge over grid %c#0, %c#1, %c#2 {columns = 24, key_warps = 1, rows = 1, offset = 320}
    : <1 x 24 x f32, flat, threads = 128>, <1 x 24 x f32, flat, threads = 128>, <1 x 24 x f32, flat, threads = 128>
    -> !flat, !flat, !flat
}

// -----

//===----------------------------------------------------------------------===//
// The state of rows: one element each, and fp32 values
//===----------------------------------------------------------------------===//

// CHECK-LABEL: llvm.func @state
tile.kernel @state attributes {warps = 4} {
  %x = tile.index grid_x
  %end = tile.argument "query_length" : i32
  %d = tile.argument "scale_log2" : f32
  %one = tile.fill 1.0 : <8 x 1 x f32, row>
  // No library call: an instruction.
  // CHECK: llvm.inline_asm asm_dialect = att "lg2.approx.ftz.f32 $0, $1;", "=f,f"
  // CHECK-NOT: math.log2
  %l = tile.map(%one : !tile.frag<8 x 1 x f32, row>) -> !tile.frag<8 x 1 x f32, row> {
  ^bb0(%e: f32):
    %sum = arith.addf %e, %d : f32
    %log = math.log2 %sum : f32
    tile.yield %log : f32
  }
  // A row's four lanes have the same element: the first writes it, below the limit.
  // CHECK: %[[C:.*]] = arith.andi %{{.*}}, %c3_i32
  // CHECK: %[[FIRST:.*]] = arith.cmpi eq, %[[C]], %c0_i32
  // CHECK: %[[BELOW:.*]] = arith.cmpi slt
  // CHECK: %[[WRITES:.*]] = arith.andi %[[FIRST]], %[[BELOW]]
  // CHECK: scf.if %[[WRITES]] {
  // CHECK: llvm.store %{{.*}}, %{{.*}} {alignment = 4 : i64} : f32, !llvm.ptr<1>
  %lse = tile.view lse[%x, %x] {group = 4} : <1 x f32>
  tile.store %l, %lse[%x] until %end : <8 x 1 x f32, row>, <1 x f32>
  // Of a flat fragment that repeats it along the columns, the first column is written.
  // CHECK: %[[COLUMN:.*]] = arith.remui %{{.*}}, %c64_i32
  // CHECK: %[[INSIDE:.*]] = arith.cmpi slt
  // CHECK: %[[ONE:.*]] = arith.cmpi eq, %[[COLUMN]], %c0_i32
  // CHECK: %[[BOTH:.*]] = arith.andi %[[INSIDE]], %[[ONE]]
  // CHECK: scf.if %[[BOTH]] {
  // CHECK: llvm.store %{{.*}}, %{{.*}} {alignment = 4 : i64} : f32, !llvm.ptr<1>
  %flat = tile.fill 1.0 : <2 x 64 x f32, flat, threads = 128>
  %tbar = tile.view tbar[%x, %x] : <1 x f32>
  tile.store %flat, %tbar[%x] until %end : <2 x 64 x f32, flat, threads = 128>, <1 x f32>
  // Values stay fp32: a lane's 8 neighbouring columns are 32 bytes, 16 of them at a time.
  // CHECK-NOT: arith.truncf
  // CHECK-COUNT-4: llvm.store %{{.*}}, %{{.*}} {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<1>
  %o = tile.fill 3.0 : <8 x 64 x f32, columns>
  %vbar = tile.view vbar[%x, %x] : <64 x f32>
  tile.store %o, %vbar[%x] until %end : <8 x 64 x f32, columns>, <64 x f32>
}

// -----

//===----------------------------------------------------------------------===//
// Partial results: a shard's elements, one a thread
//===----------------------------------------------------------------------===//

// CHECK-LABEL: llvm.func @parts
tile.kernel @parts attributes {warps = 4} {
  %x = tile.index grid_x
  %end = tile.argument "query_length" : i32
  // CHECK: llvm.load %{{.*}} invariant : !llvm.ptr -> i32
  // CHECK: %[[SHARD:.*]] = llvm.load %{{.*}} invariant : !llvm.ptr -> i32
  %shard = tile.argument "shards" : i32
  // The shard is one more stride, in 64 bits.
  // CHECK: %[[WIDE:.*]] = arith.extsi %[[SHARD]]
  // CHECK: %[[STRIDE:.*]] = llvm.load %{{.*}} invariant : !llvm.ptr -> i64
  // CHECK: arith.muli %[[WIDE]], %[[STRIDE]] : i64
  %o = tile.view part_o[%x, %x] shard %shard : <64 x f32>
  %lse = tile.view part_lse[%x, %x] shard %shard : <1 x f32>
  // 2 x 64 elements for 128 threads; what is beyond the limit is not touched.
  // CHECK: %[[COLUMN:.*]] = arith.remui %{{.*}}, %c64_i32
  // CHECK: llvm.inline_asm has_side_effects {{.*}}@p ld.global.f32
  // CHECK-NOT: llvm.inline_asm
  // CHECK: arith.remui
  %values = tile.load %o[%x] until %end : <64 x f32> -> <2 x 64 x f32, flat, threads = 128>
  // One column is every thread's.
  // CHECK: llvm.inline_asm has_side_effects {{.*}}@p ld.global.f32
  // CHECK-NOT: llvm.inline_asm
  // CHECK: llvm.return
  %each = tile.load %lse[%x] until %end : <1 x f32> -> <2 x 64 x f32, flat, threads = 128>
}

// -----

// A line of 128 bytes each lane: 8 rows of 144 bytes are 16 of them, and the other lanes leave out theirs.
// CHECK-LABEL: llvm.func @prefetch
tile.kernel @prefetch attributes {warps = 1} {
  %c0 = arith.constant 0 : i32
  %end = tile.argument "context" : i32
  %k = tile.view k[%c0, %c0] : <72 x bf16>
  // CHECK: %[[LINE:.*]] = arith.andi %{{.*}}, %c31
  // CHECK: %[[ROW:.*]] = arith.divui %[[LINE]], %c2
  // CHECK: arith.addi %{{.*}}, %[[ROW]]
  // CHECK: %[[SECOND:.*]] = arith.remui %[[LINE]], %c2
  // CHECK: %[[COLUMN:.*]] = arith.muli %[[SECOND]], %c64
  // CHECK: %[[HOLDS:.*]] = arith.cmpi slt
  // CHECK: %[[IS_LINE:.*]] = arith.cmpi slt, %[[LINE]], %c16
  // CHECK: %[[INSIDE:.*]] = arith.andi %[[HOLDS]], %[[IS_LINE]] : i1
  // CHECK: arith.extsi %[[COLUMN]]
  // CHECK: %[[FLAG:.*]] = arith.extui %[[INSIDE]]
  // CHECK: llvm.inline_asm has_side_effects {{.*}}@p prefetch.global.L2 [$0]{{.*}} %{{.*}}, %[[FLAG]]
  // CHECK-NOT: prefetch.global
  tile.prefetch 8 of %k[%c0] until %end : !tile.view<72 x bf16>
}

// -----

// Of pages the lane's row is looked up once for both views, past L1, if the pool has any; 32 rows of a line each.
// CHECK-LABEL: llvm.func @prefetch_pages
tile.kernel @prefetch_pages attributes {warps = 1} {
  %c0 = arith.constant 0 : i32
  %end = tile.argument "context" : i32
  %k = tile.view k[%c0, %c0] : <128 x f8E4M3FN, pages = 24>
  %v = tile.view v[%c0, %c0] : <128 x f8E4M3FN, pages = 24>
  // CHECK: %[[HAS_PAGES:.*]] = arith.cmpi slt, %c0{{.*}}, %{{.*}} : i32
  // CHECK-NEXT: %[[INSIDE:.*]] = arith.andi %{{.*}}, %[[HAS_PAGES]] : i1
  // CHECK: arith.divui %{{.*}}, %c24
  // CHECK: %[[FLAG:.*]] = arith.extui %[[INSIDE]]
  // CHECK: ld.relaxed.gpu.global.b32{{.*}}, %[[FLAG]]
  // CHECK: arith.minui
  // CHECK-NOT: ld.relaxed
  // CHECK-COUNT-2: prefetch.global.L2
  // CHECK-NOT: prefetch.global
  tile.prefetch 32 of %k, %v[%c0] until %end
    : !tile.view<128 x f8E4M3FN, pages = 24>, !tile.view<128 x f8E4M3FN, pages = 24>
}
