// RUN: lla-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-advance-scores))' | FileCheck %s

!once = !tile.ring<1 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]>
!two = !tile.ring<2 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]>
!ring = !tile.ring<3 x [!tile.shared<48 x 64 x bf16>]>
!pair = !tile.ring<2 x [!tile.shared<48 x 64 x bf16>]>
!weights = !tile.ring<2 x [!tile.shared<64 x 48 x bf16>]>
!rows = !tile.shared<64 x 64 x bf16>
!tile = !tile.shared<48 x 64 x bf16>
!operand = !tile.frag<16 x 48 x bf16, operand>
!scores = !tile.frag<16 x 48 x f32, accumulator>
!row = !tile.frag<16 x 1 x f32, row>

// A row tile's first s is formed ahead of its loops, where it has a tile at all. In each loop s' of the next tile comes
// behind the release of this one's, and is waited for at the end; this one's tile, of which there was s, has landed.
// Behind the last tile of both loops there is no next one to wait for.
// CHECK-LABEL: tile.kernel @two_loops
// CHECK: %[[KEYS:.*]] = tile.ring {readers = 4 : i64} : <3 x
// CHECK: %[[WEIGHTS:.*]] = tile.ring {fillers = 128
// CHECK: %[[MIDDLE:.*]] = tile.argument "row_tiles"
// CHECK: %[[END:.*]] = tile.argument "context"
// CHECK: } weigher {
// CHECK-NEXT: %[[ROWS:.*]]:2 = tile.ring_acquire
// CHECK-NEXT: %[[NONE:.*]] = tile.fill 0.0
// CHECK-NEXT: %[[FIRST:.*]] = arith.constant 0 : i32
// CHECK-NEXT: %[[ZERO:.*]] = arith.constant 0 : i32
// CHECK-NEXT: %[[SOME:.*]] = arith.cmpi sgt, %[[END]], %[[ZERO]]
// CHECK-NEXT: %[[S0:.*]] = scf.if %[[SOME]]
// CHECK-NEXT: %[[K0:.*]] = tile.ring_acquire %[[KEYS]][%[[FIRST]]] :
// CHECK-NEXT: %[[FLYING:.*]] = tile.dot %[[ROWS]]#0, %[[K0]] transposed
// CHECK-NEXT: %[[ARRIVED:.*]] = tile.wait 0 of %[[FLYING]] :
// CHECK-NEXT: scf.yield %[[ARRIVED]] :
// CHECK-NEXT: } else {
// CHECK-NEXT: %[[NOTHING:.*]] = tile.fill 0.0
// CHECK-NEXT: scf.yield %[[NOTHING]] :
// CHECK-NEXT: }
// CHECK-NEXT: %[[INTERIOR:.*]]:2 = scf.for %[[N:.*]] = %{{.*}} to %[[MIDDLE]] step %{{.*}} iter_args(%{{.*}} = %[[NONE]], %[[S:.*]] = %[[S0]])
// CHECK-NEXT: %[[TRUE:.*]] = arith.constant true
// CHECK-NEXT: %[[K:.*]] = tile.ring_acquire %[[KEYS]][%[[N]]] unless %[[TRUE]] :
// CHECK-NEXT: %[[T:.*]] = tile.dot %[[ROWS]]#1, %[[K]] transposed
// CHECK-NEXT: %[[P:.*]] = tile.convert %[[S]] :
// CHECK-NEXT: %[[SLOT:.*]] = tile.ring_claim %[[WEIGHTS]][%[[N]]]
// CHECK-NEXT: tile.deposit %[[P]] in %[[SLOT]] :
// CHECK-NEXT: tile.ring_commit %[[WEIGHTS]][%[[N]]]
// CHECK-NEXT: %[[THERE:.*]] = tile.wait 0 of %[[T]] :
// CHECK-NEXT: tile.ring_release %[[KEYS]][%[[N]]]
// CHECK-NEXT: %[[STEP:.*]] = arith.constant 1 : i32
// CHECK-NEXT: %[[FOLLOWING:.*]] = arith.addi %[[N]], %[[STEP]]
// CHECK-NEXT: %[[LAST:.*]] = arith.cmpi sge, %[[FOLLOWING]], %[[END]]
// CHECK-NEXT: %[[NEXT:.*]] = arith.addi %[[N]], %[[STEP]]
// CHECK-NEXT: %[[KNEXT:.*]] = tile.ring_acquire %[[KEYS]][%[[NEXT]]] unless %[[LAST]] :
// CHECK-NEXT: %[[FLYING:.*]] = tile.dot %[[ROWS]]#0, %[[KNEXT]] transposed
// CHECK-NEXT: %[[SUM:.*]] = tile.row_reduce sum %[[THERE]]
// CHECK-NEXT: %[[SNEXT:.*]] = tile.wait 0 of %[[FLYING]] :
// CHECK-NEXT: scf.yield %[[SUM]], %[[SNEXT]] :
// CHECK-NEXT: }
// The second loop begins with the s that the first has left, and its end is that of all tiles.
// CHECK-NEXT: %[[EDGE:.*]]:2 = scf.for %[[N:.*]] = %[[MIDDLE]] to %[[END]] step %{{.*}} iter_args(%{{.*}} = %[[INTERIOR]]#0, %[[S:.*]] = %[[INTERIOR]]#1)
// CHECK-NEXT: %[[TRUE:.*]] = arith.constant true
// CHECK-NEXT: %[[K:.*]] = tile.ring_acquire %[[KEYS]][%[[N]]] unless %[[TRUE]] :
// CHECK-NEXT: %[[T:.*]] = tile.dot %[[ROWS]]#1, %[[K]] transposed
// CHECK-NEXT: tile.row_reduce max %[[S]] :
// CHECK-NEXT: tile.wait 0 of %[[T]] :
// CHECK-NEXT: tile.ring_release %[[KEYS]][%[[N]]]
// CHECK-NEXT: %[[STEP:.*]] = arith.constant 1 : i32
// CHECK-NEXT: %[[FOLLOWING:.*]] = arith.addi %[[N]], %[[STEP]]
// CHECK-NEXT: %[[LAST:.*]] = arith.cmpi sge, %[[FOLLOWING]], %[[END]]
// CHECK-NEXT: %[[NEXT:.*]] = arith.addi %[[N]], %[[STEP]]
// CHECK-NEXT: %[[KNEXT:.*]] = tile.ring_acquire %[[KEYS]][%[[NEXT]]] unless %[[LAST]] :
// CHECK-NEXT: %[[FLYING:.*]] = tile.dot %[[ROWS]]#0, %[[KNEXT]] transposed
// CHECK-NEXT: tile.row_reduce sum
// CHECK-NEXT: %[[SNEXT:.*]] = tile.wait 0 of %[[FLYING]] :
// CHECK-NEXT: scf.yield %{{.*}}, %[[SNEXT]] :
// CHECK-NEXT: }
// CHECK-NEXT: tile.view lse
// CHECK-NEXT: tile.store %[[EDGE]]#0,
tile.kernel @two_loops attributes {warps = 8, producer_warps = 4} {
  %once = tile.ring : !once
  %keys = tile.ring {readers = 4} : !ring
  %weights = tile.ring {fillers = 128, readers = 4} : !weights
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %middle = tile.argument "row_tiles" : i32
  %end = tile.argument "context" : i32
  %q = tile.view q[%c0, %c0] : <64 x bf16>
  tile.roles producer {
    tile.ring_fill %once[%c0] from %q, %q at %c0, %c0 : !once, !tile.view<64 x bf16>, !tile.view<64 x bf16>
  } weigher {
    %rows:2 = tile.ring_acquire %once[%c0] : !once -> !rows, !rows
    %none = tile.fill 0.0 : <16 x 1 x f32, row>
    %interior = scf.for %n = %c0 to %middle step %c1 iter_args(%m = %none) -> (!row) : i32 {
      %k = tile.ring_acquire %keys[%n] : !ring -> !tile
      %s = tile.dot %rows#0, %k transposed : !rows, !tile -> <16 x 48 x f32, accumulator>
      %t = tile.dot %rows#1, %k transposed : !rows, !tile -> <16 x 48 x f32, accumulator>
      %p = tile.convert %s : <16 x 48 x f32, accumulator> -> <16 x 48 x bf16, operand>
      %slot = tile.ring_claim %weights[%n] : !weights -> !tile.shared<64 x 48 x bf16>
      tile.deposit %p in %slot : <16 x 48 x bf16, operand>, <64 x 48 x bf16>
      tile.ring_commit %weights[%n] : !weights
      %there = tile.wait 0 of %t : (!scores) -> !scores
      tile.ring_release %keys[%n] : !ring
      %sum = tile.row_reduce sum %there : <16 x 48 x f32, accumulator> -> <16 x 1 x f32, row>
      scf.yield %sum : !row
    }
    %edge = scf.for %n = %middle to %end step %c1 iter_args(%m = %interior) -> (!row) : i32 {
      %k = tile.ring_acquire %keys[%n] : !ring -> !tile
      %s = tile.dot %rows#0, %k transposed : !rows, !tile -> <16 x 48 x f32, accumulator>
      %t = tile.dot %rows#1, %k transposed : !rows, !tile -> <16 x 48 x f32, accumulator>
      %greatest = tile.row_reduce max %s : <16 x 48 x f32, accumulator> -> <16 x 1 x f32, row>
      %there = tile.wait 0 of %t : (!scores) -> !scores
      tile.ring_release %keys[%n] : !ring
      %sum = tile.row_reduce sum %there : <16 x 48 x f32, accumulator> -> <16 x 1 x f32, row>
      scf.yield %sum : !row
    }
    %lse = tile.view lse[%c0, %c0] : <1 x f32>
    tile.store %edge, %lse[%c0] until %end : <16 x 1 x f32, row>, <1 x f32>
  } consumer {
  ^bb0:
  } attributes {producer_registers = 24, weigher_registers = 240, consumer_registers = 240}
}

// In a loop over row tiles, the first s is of the first tile that no earlier row tile has had, and the last tile is the
// row tile's own last, however they are numbered.
// CHECK-LABEL: tile.kernel @row_tiles
// CHECK: %[[TWO:.*]] = tile.ring {readers = 4 : i64} : <2 x
// CHECK: %[[KEYS:.*]] = tile.ring {readers = 4 : i64} : <3 x
// CHECK: } weigher {
// CHECK-NEXT: scf.for %[[TILE:.*]] = %{{.*}} iter_args(%[[FILLED:.*]] = %{{.*}}) -> (i32)
// CHECK-NEXT: %[[END:.*]] = arith.muli %[[TILE]], %[[TILE]]
// CHECK-NEXT: %[[ROWS:.*]]:2 = tile.ring_acquire %[[TWO]][%[[TILE]]]
// CHECK: %[[SOME:.*]] = arith.cmpi sgt, %[[END]], %{{.*}} : i32
// CHECK-NEXT: %[[S0:.*]] = scf.if %[[SOME]]
// CHECK-NEXT: %[[K0:.*]] = tile.ring_acquire %[[KEYS]][%[[FILLED]]] :
// CHECK-NEXT: tile.dot %[[ROWS]]#0, %[[K0]] transposed
// CHECK: } else {
// CHECK: }
// CHECK-NEXT: scf.for %[[I:.*]] = %{{.*}} to %[[END]] step %{{.*}} iter_args(%[[S:.*]] = %[[S0]])
// CHECK-NEXT: %[[N:.*]] = arith.addi %[[FILLED]], %[[I]]
// CHECK-NEXT: %[[TRUE:.*]] = arith.constant true
// CHECK-NEXT: tile.ring_acquire %[[KEYS]][%[[N]]] unless %[[TRUE]] :
// CHECK-NEXT: tile.dot %[[ROWS]]#1,
// CHECK-NEXT: tile.row_reduce max %[[S]] :
// CHECK: tile.ring_release %[[KEYS]][%[[N]]]
// CHECK-NEXT: %[[STEP:.*]] = arith.constant 1 : i32
// CHECK-NEXT: %[[FOLLOWING:.*]] = arith.addi %[[I]], %[[STEP]]
// CHECK-NEXT: %[[LAST:.*]] = arith.cmpi sge, %[[FOLLOWING]], %[[END]]
// CHECK-NEXT: %[[NEXT:.*]] = arith.addi %[[N]], %[[STEP]]
// CHECK-NEXT: %[[KNEXT:.*]] = tile.ring_acquire %[[KEYS]][%[[NEXT]]] unless %[[LAST]] :
// CHECK-NEXT: %[[FLYING:.*]] = tile.dot %[[ROWS]]#0, %[[KNEXT]] transposed
// CHECK: %[[SNEXT:.*]] = tile.wait 0 of %[[FLYING]] :
// CHECK-NEXT: scf.yield %[[SNEXT]] :
// CHECK-NEXT: }
// CHECK-NEXT: tile.ring_release %[[TWO]][%[[TILE]]]
tile.kernel @row_tiles attributes {warps = 8, producer_warps = 4} {
  %two = tile.ring {readers = 4} : !two
  %keys = tile.ring {readers = 4} : !ring
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %tiles = tile.argument "row_tiles" : i32
  %q = tile.view q[%c0, %c0] : <64 x bf16>
  tile.roles producer {
    tile.ring_fill %two[%c0] from %q, %q at %c0, %c0 : !two, !tile.view<64 x bf16>, !tile.view<64 x bf16>
  } weigher {
    %all = scf.for %tile = %c0 to %tiles step %c1 iter_args(%filled = %c0) -> (i32) : i32 {
      %end = arith.muli %tile, %tile : i32
      %rows:2 = tile.ring_acquire %two[%tile] : !two -> !rows, !rows
      scf.for %i = %c0 to %end step %c1 : i32 {
        %n = arith.addi %filled, %i : i32
        %k = tile.ring_acquire %keys[%n] : !ring -> !tile
        %s = tile.dot %rows#0, %k transposed : !rows, !tile -> <16 x 48 x f32, accumulator>
        %t = tile.dot %rows#1, %k transposed : !rows, !tile -> <16 x 48 x f32, accumulator>
        %greatest = tile.row_reduce max %s : <16 x 48 x f32, accumulator> -> <16 x 1 x f32, row>
        %there = tile.wait 0 of %t : (!scores) -> !scores
        tile.ring_release %keys[%n] : !ring
        %sum = tile.row_reduce sum %there : <16 x 48 x f32, accumulator> -> <16 x 1 x f32, row>
      }
      tile.ring_release %two[%tile] : !two
      %next = arith.addi %filled, %end : i32
      scf.yield %next : i32
    }
  } consumer {
  ^bb0:
  } attributes {producer_registers = 24, weigher_registers = 240, consumer_registers = 240}
}

// Without t, s' comes before this tile's weights: two tiles are in use, and a third may be on its way.
// CHECK-LABEL: tile.kernel @one_product
// CHECK: %[[KEYS:.*]] = tile.ring {readers = 4 : i64} : <3 x
// CHECK: } weigher {
// CHECK: %[[S0:.*]] = scf.if
// CHECK: scf.for %[[N:.*]] = %{{.*}} to %[[END:.*]] step %{{.*}} iter_args(%[[S:.*]] = %[[S0]])
// CHECK-NEXT: %[[TRUE:.*]] = arith.constant true
// CHECK-NEXT: tile.ring_acquire %[[KEYS]][%[[N]]] unless %[[TRUE]] :
// CHECK-NEXT: %[[STEP:.*]] = arith.constant 1 : i32
// CHECK-NEXT: %[[FOLLOWING:.*]] = arith.addi %[[N]], %[[STEP]]
// CHECK-NEXT: %[[LAST:.*]] = arith.cmpi sge, %[[FOLLOWING]], %[[END]]
// CHECK-NEXT: %[[NEXT:.*]] = arith.addi %[[N]], %[[STEP]]
// CHECK-NEXT: %[[KNEXT:.*]] = tile.ring_acquire %[[KEYS]][%[[NEXT]]] unless %[[LAST]] :
// CHECK-NEXT: %[[FLYING:.*]] = tile.dot %{{.*}}#0, %[[KNEXT]] transposed
// CHECK-NEXT: tile.ring_release %[[KEYS]][%[[N]]]
// CHECK-NEXT: tile.row_reduce max %[[S]] :
// CHECK-NEXT: %[[SNEXT:.*]] = tile.wait 0 of %[[FLYING]] :
// CHECK-NEXT: scf.yield %[[SNEXT]] :
// CHECK-NEXT: }
// CHECK-NEXT: } consumer {
tile.kernel @one_product attributes {warps = 8, producer_warps = 4} {
  %once = tile.ring : !once
  %keys = tile.ring {readers = 4} : !ring
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %end = tile.argument "context" : i32
  %q = tile.view q[%c0, %c0] : <64 x bf16>
  tile.roles producer {
    tile.ring_fill %once[%c0] from %q, %q at %c0, %c0 : !once, !tile.view<64 x bf16>, !tile.view<64 x bf16>
  } weigher {
    %rows:2 = tile.ring_acquire %once[%c0] : !once -> !rows, !rows
    scf.for %n = %c0 to %end step %c1 : i32 {
      %k = tile.ring_acquire %keys[%n] : !ring -> !tile
      %s = tile.dot %rows#0, %k transposed : !rows, !tile -> <16 x 48 x f32, accumulator>
      tile.ring_release %keys[%n] : !ring
      %greatest = tile.row_reduce max %s : <16 x 48 x f32, accumulator> -> <16 x 1 x f32, row>
    }
  } consumer {
  ^bb0:
  } attributes {producer_registers = 24, weigher_registers = 240, consumer_registers = 240}
}

// Of two slots, both would be in use, and none on its way: nothing moves.
// CHECK-LABEL: tile.kernel @one_product_of_two_slots
// CHECK: } weigher {
// CHECK-NEXT: tile.ring_acquire
// CHECK-NEXT: scf.for %[[N:.*]] = %{{.*}} step %{{[^ ]*}}{{ +}}: i32 {
// CHECK-NEXT: %[[K:.*]] = tile.ring_acquire %{{.*}}[%[[N]]] :
// CHECK-NEXT: %[[S:.*]] = tile.dot %{{.*}}, %[[K]] transposed
// CHECK-NEXT: tile.ring_release
// CHECK-NEXT: tile.row_reduce max %[[S]] :
// CHECK-NEXT: }
// CHECK-NEXT: } consumer {
tile.kernel @one_product_of_two_slots attributes {warps = 8, producer_warps = 4} {
  %once = tile.ring : !once
  %keys = tile.ring {readers = 4} : !pair
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %end = tile.argument "context" : i32
  %q = tile.view q[%c0, %c0] : <64 x bf16>
  tile.roles producer {
    tile.ring_fill %once[%c0] from %q, %q at %c0, %c0 : !once, !tile.view<64 x bf16>, !tile.view<64 x bf16>
  } weigher {
    %rows:2 = tile.ring_acquire %once[%c0] : !once -> !rows, !rows
    scf.for %n = %c0 to %end step %c1 : i32 {
      %k = tile.ring_acquire %keys[%n] : !pair -> !tile
      %s = tile.dot %rows#0, %k transposed : !rows, !tile -> <16 x 48 x f32, accumulator>
      tile.ring_release %keys[%n] : !pair
      %greatest = tile.row_reduce max %s : <16 x 48 x f32, accumulator> -> <16 x 1 x f32, row>
    }
  } consumer {
  ^bb0:
  } attributes {producer_registers = 24, weigher_registers = 240, consumer_registers = 240}
}

// Who forms weights and multiplies values with them forms scores when it needs them.
// CHECK-LABEL: tile.kernel @no_weigher
// CHECK: } consumer {
// CHECK-NEXT: tile.ring_acquire
// CHECK-NEXT: scf.for %[[N:.*]] = %{{.*}} step %{{[^ ]*}}{{ +}}: i32 {
// CHECK-NEXT: %[[K:.*]] = tile.ring_acquire %{{.*}}[%[[N]]] :
// CHECK-NEXT: %[[S:.*]] = tile.dot %{{.*}}#0, %[[K]] transposed
// CHECK-NEXT: tile.dot %{{.*}}#1, %[[K]] transposed
// CHECK-NEXT: tile.row_reduce max %[[S]] :
// CHECK-NEXT: tile.ring_release
// CHECK-NEXT: }
// CHECK-NEXT: } attributes
tile.kernel @no_weigher attributes {warps = 8, producer_warps = 4} {
  %once = tile.ring : !once
  %keys = tile.ring : !ring
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %end = tile.argument "context" : i32
  %q = tile.view q[%c0, %c0] : <64 x bf16>
  tile.roles producer {
    tile.ring_fill %once[%c0] from %q, %q at %c0, %c0 : !once, !tile.view<64 x bf16>, !tile.view<64 x bf16>
  } consumer {
    %rows:2 = tile.ring_acquire %once[%c0] : !once -> !rows, !rows
    scf.for %n = %c0 to %end step %c1 : i32 {
      %k = tile.ring_acquire %keys[%n] : !ring -> !tile
      %s = tile.dot %rows#0, %k transposed : !rows, !tile -> <16 x 48 x f32, accumulator>
      %t = tile.dot %rows#1, %k transposed : !rows, !tile -> <16 x 48 x f32, accumulator>
      %greatest = tile.row_reduce max %s : <16 x 48 x f32, accumulator> -> <16 x 1 x f32, row>
      tile.ring_release %keys[%n] : !ring
    }
  } attributes {producer_registers = 24, consumer_registers = 240}
}
