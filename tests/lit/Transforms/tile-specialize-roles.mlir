// RUN: lla-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-specialize-roles))' | FileCheck %s

!once = !tile.ring<1 x [!tile.shared<64 x 64 x bf16>]>
!ring = !tile.ring<2 x [!tile.shared<64 x 64 x bf16>]>
!tile = !tile.shared<64 x 64 x bf16>

// What comes before the first fill is common to both roles.
// CHECK-LABEL: tile.kernel @two_roles
// CHECK: %[[ONCE:.*]] = tile.ring : <1 x
// CHECK: %[[RING:.*]] = tile.ring : <2 x
// CHECK: %[[Q:.*]] = tile.view q
tile.kernel @two_roles attributes {warps = 8, producer_warps = 4} {
  %once = tile.ring : <1 x [!tile.shared<64 x 64 x bf16>]>
  %ring = tile.ring : <2 x [!tile.shared<64 x 64 x bf16>]>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c64 = arith.constant 64 : i32
  %end = tile.argument "context" : i32
  %q = tile.view q[%c0, %c0] : <64 x bf16>
  // CHECK: tile.roles producer {
  // CHECK-NEXT: tile.ring_fill %[[ONCE]][%{{.*}}] from %[[Q]]
  tile.ring_fill %once[%c0] from %q at %c0 : !once, !tile.view<64 x bf16>
  %rows = tile.ring_acquire %once[%c0] : !once -> !tile
  // The producer repeats the loop, with the arithmetic that its fill needs and nothing else.
  %k = tile.view k[%c0, %c0] : <64 x bf16>
  %tiles = arith.divui %end, %c64 : i32
  %zero = tile.fill 0.0 : <16 x 64 x f32, accumulator>
  // CHECK-NEXT: %[[TILES:.*]] = arith.divui
  // CHECK-NEXT: scf.for %[[N:.*]] = %{{.*}} to %[[TILES]]
  // CHECK-NEXT: %[[K:.*]] = tile.view k
  // CHECK-NEXT: %[[KEY:.*]] = arith.muli %[[N]]
  // CHECK-NEXT: tile.ring_fill %[[RING]][%[[N]]] from %[[K]] at %[[KEY]]
  // CHECK-NEXT: }
  // CHECK-NEXT: } consumer {
  // The consumer keeps everything but the fills.
  // CHECK-NOT: tile.ring_fill
  // CHECK: %[[ROWS:.*]] = tile.ring_acquire %[[ONCE]]
  // CHECK: scf.for {{.*}} iter_args
  // CHECK: %[[TILE:.*]] = tile.ring_acquire %[[RING]]
  // CHECK: tile.dot %[[ROWS]], %[[TILE]] transposed
  // CHECK: tile.ring_release %[[RING]]
  // CHECK: tile.store
  // CHECK-NOT: tile.ring_fill
  // CHECK: } attributes {consumer_registers = 240 : i64, producer_registers = 24 : i64}
  %sum = scf.for %n = %c0 to %tiles step %c1 iter_args(%acc = %zero) -> (!tile.frag<16 x 64 x f32, accumulator>) : i32 {
    %key = arith.muli %n, %c64 : i32
    tile.ring_fill %ring[%n] from %k at %key : !ring, !tile.view<64 x bf16>
    %keys = tile.ring_acquire %ring[%n] : !ring -> !tile
    %s = tile.dot %rows, %keys transposed : !tile, !tile -> <16 x 64 x f32, accumulator>
    tile.ring_release %ring[%n] : !ring
    scf.yield %s : !tile.frag<16 x 64 x f32, accumulator>
  }
  %o = tile.view o[%c0, %c0] : <64 x bf16>
  tile.store %sum, %o[%c0] until %end : <16 x 64 x f32, accumulator>, <64 x bf16>
}

// Loops in loops, with the numbers that the outer one carries; what is computed stays with the consumer.
// CHECK-LABEL: tile.kernel @row_tiles
// CHECK: tile.roles producer {
// CHECK: scf.for %[[TILE:.*]] = {{.*}} iter_args(%[[FILLED:.*]] = %{{.*}}) -> (i32)
// CHECK:   %[[END:.*]] = arith.muli %[[TILE]]
// CHECK:   scf.for %[[I:.*]] = %{{.*}} to %[[END]]
// CHECK:     %[[N:.*]] = arith.addi %[[FILLED]], %[[I]]
// CHECK:     tile.ring_fill %{{.*}}[%[[N]]]
// CHECK:   }
// CHECK:   %[[NEXT:.*]] = arith.addi %[[FILLED]], %[[END]]
// CHECK:   scf.yield %[[NEXT]]
// CHECK: } consumer {
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (i32)
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (!tile.frag
// CHECK: tile.store
tile.kernel @row_tiles attributes {warps = 8, producer_warps = 4} {
  %ring = tile.ring : <2 x [!tile.shared<64 x 64 x bf16>]>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %tiles = tile.argument "row_tiles" : i32
  %k = tile.view k[%c0, %c0] : <64 x bf16>
  %o = tile.view o[%c0, %c0] : <64 x bf16>
  %zero = tile.fill 0.0 : <16 x 64 x f32, accumulator>
  %all = scf.for %tile = %c0 to %tiles step %c1 iter_args(%filled = %c0) -> (i32) : i32 {
    %end = arith.muli %tile, %tile : i32
    %sum = scf.for %i = %c0 to %end step %c1 iter_args(%acc = %zero) -> (!tile.frag<16 x 64 x f32, accumulator>) : i32 {
      %n = arith.addi %filled, %i : i32
      tile.ring_fill %ring[%n] from %k at %n : !ring, !tile.view<64 x bf16>
      %keys = tile.ring_acquire %ring[%n] : !ring -> !tile
      %s = tile.dot %keys, %keys transposed : !tile, !tile -> <16 x 64 x f32, accumulator>
      tile.ring_release %ring[%n] : !ring
      scf.yield %s : !tile.frag<16 x 64 x f32, accumulator>
    }
    tile.store %sum, %o[%tile] until %tiles : <16 x 64 x f32, accumulator>, <64 x bf16>
    %next = arith.addi %filled, %end : i32
    scf.yield %next : i32
  }
}

// Twelve computing warps leave fewer registers to each.
// CHECK-LABEL: tile.kernel @twelve_warps
// CHECK: } attributes {consumer_registers = 160 : i64, producer_registers = 32 : i64}
tile.kernel @twelve_warps attributes {warps = 12, producer_warps = 4} {
  %ring = tile.ring : <2 x [!tile.shared<64 x 64 x bf16>]>
  %c0 = arith.constant 0 : i32
  %q = tile.view q[%c0, %c0] : <64 x bf16>
  tile.ring_fill %ring[%c0] from %q at %c0 : !ring, !tile.view<64 x bf16>
  %rows = tile.ring_acquire %ring[%c0] : !ring -> !tile
}

// Nothing to divide: fragments come straight from global memory.
// CHECK-LABEL: tile.kernel @no_producer
// CHECK-NOT: tile.roles
// CHECK: tile.load
tile.kernel @no_producer attributes {warps = 4} {
  %c0 = arith.constant 0 : i32
  %k = tile.view k[%c0, %c0] : <64 x bf16>
  %keys = tile.load %k[%c0] until %c0 : <64 x bf16> -> <16 x 64 x bf16, keys>
}

// Divided already.
// CHECK-LABEL: tile.kernel @again
// CHECK: tile.roles
// CHECK-NOT: tile.roles
tile.kernel @again attributes {warps = 4, producer_warps = 4} {
  %ring = tile.ring : <2 x [!tile.shared<64 x 64 x bf16>]>
  %c0 = arith.constant 0 : i32
  %q = tile.view q[%c0, %c0] : <64 x bf16>
  tile.roles producer {
    tile.ring_fill %ring[%c0] from %q at %c0 : !ring, !tile.view<64 x bf16>
  } consumer {
    %rows = tile.ring_acquire %ring[%c0] : !ring -> !tile
  } attributes {producer_registers = 24, consumer_registers = 240}
}
