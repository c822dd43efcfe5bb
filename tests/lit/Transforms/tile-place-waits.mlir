// RUN: lla-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-place-waits))' | FileCheck %s

!ring = !tile.ring<2 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]>
!tile = !tile.shared<64 x 64 x bf16>
!scores = !tile.frag<16 x 64 x f32, accumulator>

// s is waited for while t is still in flight; the two products with V together, before their slot is released.
// CHECK-LABEL: tile.kernel @overlap
tile.kernel @overlap attributes {warps = 4, producer_warps = 4} {
  %ring = tile.ring : !ring
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %end = tile.argument "context" : i32
  %zero = tile.fill 0.0 : <16 x 64 x f32, accumulator>
  %rows:2 = tile.ring_acquire %ring[%c0] : !ring -> !tile, !tile
  %sums:2 = scf.for %n = %c0 to %end step %c1 iter_args(%o1 = %zero, %o2 = %zero) -> (!scores, !scores) : i32 {
    %tiles:2 = tile.ring_acquire %ring[%n] : !ring -> !tile, !tile
    // CHECK: %[[S:.*]] = tile.dot %{{.*}}#0, %{{.*}}#0 transposed
    %s = tile.dot %rows#0, %tiles#0 transposed : !tile, !tile -> <16 x 64 x f32, accumulator>
    // CHECK-NEXT: %[[T:.*]] = tile.dot %{{.*}}#1, %{{.*}}#0 transposed
    %t = tile.dot %rows#1, %tiles#0 transposed : !tile, !tile -> <16 x 64 x f32, accumulator>
    // CHECK-NEXT: %[[S1:.*]] = tile.wait 1 of %[[S]]
    // CHECK-NEXT: tile.map(%[[S1]] :
    %p = tile.map(%s : !scores) -> !scores {
    ^bb0(%x: f32):
      %e = math.exp2 %x : f32
      tile.yield %e : f32
    }
    // CHECK: %[[T1:.*]] = tile.wait 0 of %[[T]]
    // CHECK-NEXT: tile.map(%{{.*}}, %[[T1]] :
    %u = tile.map(%p, %t : !scores, !scores) -> !scores {
    ^bb0(%x: f32, %y: f32):
      %e = arith.mulf %x, %y : f32
      tile.yield %e : f32
    }
    // CHECK-NOT: tile.wait
    %pa = tile.convert %p : <16 x 64 x f32, accumulator> -> <16 x 64 x bf16, operand>
    %ua = tile.convert %u : <16 x 64 x f32, accumulator> -> <16 x 64 x bf16, operand>
    // CHECK: %[[O1:.*]] = tile.dot %{{.*}}, %{{.*}}#1 plus
    %o1n = tile.dot %pa, %tiles#1 plus %o1 : !tile.frag<16 x 64 x bf16, operand>, !tile, !scores -> <16 x 64 x f32, accumulator>
    // CHECK-NEXT: %[[O2:.*]] = tile.dot %{{.*}}, %{{.*}}#1 plus
    %o2n = tile.dot %ua, %tiles#1 plus %o2 : !tile.frag<16 x 64 x bf16, operand>, !tile, !scores -> <16 x 64 x f32, accumulator>
    // CHECK-NEXT: %[[W1:.*]] = tile.wait 1 of %[[O1]]
    // CHECK-NEXT: %[[W2:.*]] = tile.wait 0 of %[[O2]]
    // CHECK-NEXT: tile.ring_release
    tile.ring_release %ring[%n] : !ring
    // Nothing is in flight across iterations, and what goes on is what was waited for.
    // CHECK-NEXT: scf.yield %[[W1]], %[[W2]]
    scf.yield %o1n, %o2n : !scores, !scores
  }
}

// A reader in a region counts where the region's op stands.
// CHECK-LABEL: tile.kernel @nested_reader
tile.kernel @nested_reader attributes {warps = 4, producer_warps = 4} {
  %ring = tile.ring : !ring
  %c0 = arith.constant 0 : i32
  %true = arith.constant true
  %tiles:2 = tile.ring_acquire %ring[%c0] : !ring -> !tile, !tile
  // CHECK: %[[S:.*]] = tile.dot
  %s = tile.dot %tiles#0, %tiles#1 transposed : !tile, !tile -> <16 x 64 x f32, accumulator>
  // CHECK-NEXT: %[[S1:.*]] = tile.wait 0 of %[[S]]
  // CHECK-NEXT: scf.if
  // CHECK-NEXT: tile.row_reduce max %[[S1]]
  scf.if %true {
    %m = tile.row_reduce max %s : <16 x 64 x f32, accumulator> -> <16 x 1 x f32, row>
  }
}

// A wait that the schedule asked for (no overlap) stays, and no other is added.
// CHECK-LABEL: tile.kernel @asked_for
// CHECK: %[[BOTH:.*]]:2 = tile.wait 0 of %{{.*}}, %{{.*}} :
// CHECK-NOT: tile.wait
// CHECK: tile.map(%[[BOTH]]#0, %[[BOTH]]#1 :
tile.kernel @asked_for attributes {warps = 4, producer_warps = 4} {
  %ring = tile.ring : !ring
  %c0 = arith.constant 0 : i32
  %tiles:2 = tile.ring_acquire %ring[%c0] : !ring -> !tile, !tile
  %s = tile.dot %tiles#0, %tiles#1 transposed : !tile, !tile -> <16 x 64 x f32, accumulator>
  %t = tile.dot %tiles#1, %tiles#1 transposed : !tile, !tile -> <16 x 64 x f32, accumulator>
  %both:2 = tile.wait 0 of %s, %t : (!scores, !scores) -> (!scores, !scores)
  %p = tile.map(%both#0, %both#1 : !scores, !scores) -> !scores {
  ^bb0(%x: f32, %y: f32):
    %e = arith.mulf %x, %y : f32
    tile.yield %e : f32
  }
}

// A product that nothing reads is waited for at the end of its block.
// CHECK-LABEL: tile.kernel @unread
// CHECK: %[[S:.*]] = tile.dot
// CHECK-NEXT: %[[T:.*]] = tile.dot
// CHECK-NEXT: tile.wait 1 of %[[S]]
// CHECK-NEXT: tile.wait 0 of %[[T]]
// CHECK-NEXT: }
tile.kernel @unread attributes {warps = 4, producer_warps = 4} {
  %ring = tile.ring : !ring
  %c0 = arith.constant 0 : i32
  %tiles:2 = tile.ring_acquire %ring[%c0] : !ring -> !tile, !tile
  %s = tile.dot %tiles#0, %tiles#1 transposed : !tile, !tile -> <16 x 64 x f32, accumulator>
  %t = tile.dot %tiles#1, %tiles#1 transposed : !tile, !tile -> <16 x 64 x f32, accumulator>
}

// Both sides of a branch wait for themselves.
// CHECK-LABEL: tile.kernel @asked_for_on_both_sides
// CHECK: %[[T:.*]] = tile.dot
// CHECK-NEXT: scf.if
// CHECK-NEXT: tile.wait 0 of %[[T]]
// CHECK-NEXT: tile.row_reduce
// CHECK-NEXT: } else {
// CHECK-NEXT: tile.wait 0 of %[[T]]
// CHECK-NEXT: }
// CHECK-NEXT: }
tile.kernel @asked_for_on_both_sides attributes {warps = 4, producer_warps = 4} {
  %ring = tile.ring : !ring
  %c0 = arith.constant 0 : i32
  %true = arith.constant true
  %tiles:2 = tile.ring_acquire %ring[%c0] : !ring -> !tile, !tile
  %t = tile.dot %tiles#0, %tiles#1 transposed : !tile, !tile -> <16 x 64 x f32, accumulator>
  scf.if %true {
    %there = tile.wait 0 of %t : (!scores) -> !scores
    %m = tile.row_reduce max %there : <16 x 64 x f32, accumulator> -> <16 x 1 x f32, row>
  } else {
    %there = tile.wait 0 of %t : (!scores) -> !scores
  }
}

// mma.sync finishes before its result is read: nothing to wait for.
// CHECK-LABEL: tile.kernel @synchronous
// CHECK-NOT: tile.wait
tile.kernel @synchronous attributes {warps = 4} {
  %c0 = arith.constant 0 : i32
  %k = tile.view k[%c0, %c0] : <64 x bf16>
  %rows = tile.load %k[%c0] until %c0 : <64 x bf16> -> <16 x 64 x bf16, rows>
  %keys = tile.load %k[%c0] until %c0 : <64 x bf16> -> <16 x 64 x bf16, keys>
  %s = tile.dot %rows, %keys transposed
    : !tile.frag<16 x 64 x bf16, rows>, !tile.frag<16 x 64 x bf16, keys> -> <16 x 16 x f32, accumulator>
  %m = tile.row_reduce max %s : <16 x 16 x f32, accumulator> -> <16 x 1 x f32, row>
}
