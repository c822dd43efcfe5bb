// RUN: lla-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-pipeline-copies))' | FileCheck %s

!tile = !tile.shared<64 x 64 x bf16>

// The copies of both key loops share one ring of `stages` slots, filled and acquired by tile number; the rows' copies
// get a ring of one slot, which comes first.
// CHECK-LABEL: tile.kernel @ring
// CHECK-NEXT: %[[ONCE:.*]] = tile.ring : <1 x [!tile.shared<64 x 64 x bf16>]>
// CHECK-NEXT: %[[RING:.*]] = tile.ring : <3 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]>
// CHECK-NOT: tile.copy
tile.kernel @ring attributes {warps = 4, producer_warps = 4, stages = 3} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c64 = arith.constant 64 : i32
  %middle = tile.argument "row_tiles" : i32
  %end = tile.argument "context" : i32
  // CHECK: %[[Q:.*]] = tile.view q
  %q = tile.view q[%c0, %c0] : <64 x bf16>
  // CHECK: %[[K:.*]] = tile.view k
  %k = tile.view k[%c0, %c0] : <64 x bf16>
  // CHECK: %[[V:.*]] = tile.view v
  %v = tile.view v[%c0, %c0] : <64 x bf16>
  // CHECK: tile.ring_fill %[[ONCE]][%[[ZERO:.*]]] from %[[Q]] at
  // CHECK: %[[ROWS:.*]] = tile.ring_acquire %[[ONCE]][%[[ZERO]]]
  %rows = tile.copy %q[%c0] : <64 x bf16> -> <64 x 64 x bf16>
  // CHECK: scf.for %[[N:.*]] =
  scf.for %n = %c0 to %middle step %c1 : i32 {
    // CHECK: %[[KEY:.*]] = arith.muli %[[N]]
    %key = arith.muli %n, %c64 : i32
    // CHECK-NEXT: tile.ring_fill %[[RING]][%[[N]]] from %[[K]], %[[V]] at %[[KEY]], %[[KEY]]
    // CHECK-NEXT: %[[TILES:.*]]:2 = tile.ring_acquire %[[RING]][%[[N]]]
    %keys = tile.copy %k[%key] : <64 x bf16> -> <64 x 64 x bf16>
    %values = tile.copy %v[%key] : <64 x bf16> -> <64 x 64 x bf16>
    // CHECK-NEXT: tile.dot %[[ROWS]], %[[TILES]]#0 transposed
    %s = tile.dot %rows, %keys transposed : !tile, !tile -> <16 x 64 x f32, accumulator>
    %p = tile.convert %s : <16 x 64 x f32, accumulator> -> <16 x 64 x bf16, operand>
    // CHECK: tile.dot %{{.*}}, %[[TILES]]#1 :
    %o = tile.dot %p, %values : !tile.frag<16 x 64 x bf16, operand>, !tile -> <16 x 64 x f32, accumulator>
    // The slot is given back at the end of the iteration.
    // CHECK-NEXT: tile.ring_release %[[RING]][%[[N]]]
    // CHECK-NEXT: }
  }
  // The second loop goes on counting where the first stopped.
  // CHECK: scf.for %[[N2:.*]] =
  scf.for %n = %middle to %end step %c1 : i32 {
    // CHECK: tile.ring_fill %[[RING]][%[[N2]]]
    // CHECK: tile.ring_acquire %[[RING]][%[[N2]]]
    %key = arith.muli %n, %c64 : i32
    %keys = tile.copy %k[%key] : <64 x bf16> -> <64 x 64 x bf16>
    %values = tile.copy %v[%key] : <64 x bf16> -> <64 x 64 x bf16>
    %s = tile.dot %rows, %keys transposed : !tile, !tile -> <16 x 64 x f32, accumulator>
    // CHECK: tile.ring_release %[[RING]][%[[N2]]]
  }
}

// In a loop over row tiles, the rows have two slots, filled alternately and released behind the last key loop; key
// tiles are numbered through.
// CHECK-LABEL: tile.kernel @row_tiles
// CHECK-NEXT: %[[ROWS:.*]] = tile.ring : <2 x [!tile.shared<64 x 64 x bf16>]>
// CHECK-NEXT: %[[RING:.*]] = tile.ring : <3 x [!tile.shared<64 x 64 x bf16>]>
tile.kernel @row_tiles attributes {warps = 4, producer_warps = 4, stages = 3} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c64 = arith.constant 64 : i32
  %tiles = tile.argument "row_tiles" : i32
  %end = tile.argument "context" : i32
  %q = tile.view q[%c0, %c0] : <64 x bf16>
  %k = tile.view k[%c0, %c0] : <64 x bf16>
  // CHECK: scf.for %[[TILE:.*]] = {{.*}} iter_args(%[[FILLED:.*]] = %{{.*}}) -> (i32)
  scf.for %tile = %c0 to %tiles step %c1 : i32 {
    %first = arith.muli %tile, %c64 : i32
    %middle = arith.muli %tile, %c1 : i32
    // CHECK: tile.ring_fill %[[ROWS]][%[[TILE]]]
    // CHECK: tile.ring_acquire %[[ROWS]][%[[TILE]]]
    %rows = tile.copy %q[%first] : <64 x bf16> -> <64 x 64 x bf16>
    // CHECK: scf.for %[[I:.*]] = %{{.*}} to %[[MIDDLE:.*]] step
    scf.for %n = %c0 to %middle step %c1 : i32 {
      // CHECK: %[[N:.*]] = arith.addi %[[FILLED]], %[[I]]
      // CHECK: tile.ring_fill %[[RING]][%[[N]]]
      // CHECK: tile.ring_acquire %[[RING]][%[[N]]]
      %keys = tile.copy %k[%n] : <64 x bf16> -> <64 x 64 x bf16>
      // CHECK: tile.ring_release %[[RING]][%[[N]]]
    }
    // CHECK: scf.for %[[J:.*]] = %[[MIDDLE]] to %[[END:.*]] step
    scf.for %n = %middle to %end step %c1 : i32 {
      // CHECK: %[[N2:.*]] = arith.addi %[[FILLED]], %[[J]]
      // CHECK: tile.ring_fill %[[RING]][%[[N2]]]
      %keys = tile.copy %k[%n] : <64 x bf16> -> <64 x 64 x bf16>
    }
    // CHECK: %[[NEXT:.*]] = arith.addi %[[FILLED]], %[[END]]
    // CHECK: tile.ring_release %[[ROWS]][%[[TILE]]]
    // CHECK: scf.yield %[[NEXT]] : i32
  }
}

// Rows that are collected into registers have one slot: it is free when the next ones come.
// CHECK-LABEL: tile.kernel @collected_rows
// CHECK-NEXT: %[[ROWS:.*]] = tile.ring : <1 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]>
tile.kernel @collected_rows attributes {warps = 4, producer_warps = 4, stages = 3} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %tiles = tile.argument "row_tiles" : i32
  %q = tile.view q[%c0, %c0] : <64 x bf16>
  %r = tile.view r[%c0, %c0] : <64 x bf16>
  %k = tile.view k[%c0, %c0] : <64 x bf16>
  scf.for %tile = %c0 to %tiles step %c1 : i32 {
    // CHECK: %[[T:.*]]:2 = tile.ring_acquire %[[ROWS]][%[[TILE:.*]]]
    %rows = tile.copy %q[%tile] : <64 x bf16> -> <64 x 64 x bf16>
    %probes = tile.copy %r[%tile] : <64 x bf16> -> <64 x 64 x bf16>
    // CHECK-NEXT: tile.collect %[[T]]#0
    // CHECK-NEXT: tile.collect %[[T]]#1
    %a = tile.collect %rows : <64 x 64 x bf16> -> <16 x 64 x bf16, operand>
    %b = tile.collect %probes : <64 x 64 x bf16> -> <16 x 64 x bf16, operand>
    scf.for %n = %c0 to %tiles step %c1 : i32 {
      %keys = tile.copy %k[%n] : <64 x bf16> -> <64 x 64 x bf16>
      %s = tile.dot %a, %keys transposed : !tile.frag<16 x 64 x bf16, operand>, !tile -> <16 x 64 x f32, accumulator>
      %t = tile.dot %b, %keys transposed : !tile.frag<16 x 64 x bf16, operand>, !tile -> <16 x 64 x f32, accumulator>
    }
    // CHECK: tile.ring_release %[[ROWS]][%[[TILE]]]
  }
}

// Loads into registers move one iteration ahead: the first before the loop, the next right behind the last reader.
// CHECK-LABEL: tile.kernel @registers
tile.kernel @registers attributes {warps = 4, stages = 2} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c16 = arith.constant 16 : i32
  // CHECK: %[[END:.*]] = tile.argument "context"
  %end = tile.argument "context" : i32
  %q = tile.view q[%c0, %c0] : <64 x bf16>
  // CHECK: %[[K:.*]] = tile.view k
  %k = tile.view k[%c0, %c0] : <64 x bf16>
  // CHECK: %[[ROWS:.*]] = tile.load
  %rows = tile.load %q[%c0] until %c16 : <64 x bf16> -> <16 x 64 x bf16, rows>
  %zero = tile.fill 0.0 : <16 x 16 x f32, accumulator>
  // CHECK: %[[KEY0:.*]] = arith.muli %c0{{.*}}, %c16
  // CHECK-NEXT: %[[FIRST:.*]] = tile.load %[[K]][%[[KEY0]]] until %[[END]]
  // CHECK-NEXT: scf.for %[[N:.*]] = %{{.*}} to %{{.*}} step %[[STEP:.*]] iter_args(%[[SUM:.*]] = %{{.*}}, %[[KEYS:.*]] = %[[FIRST]])
  %sum = scf.for %n = %c0 to %end step %c1 iter_args(%acc = %zero) -> (!tile.frag<16 x 16 x f32, accumulator>) : i32 {
    %key = arith.muli %n, %c16 : i32
    %keys = tile.load %k[%key] until %end : <64 x bf16> -> <16 x 64 x bf16, keys>
    // CHECK: %[[S:.*]] = tile.dot %[[ROWS]], %[[KEYS]] transposed
    %s = tile.dot %rows, %keys transposed
      : !tile.frag<16 x 64 x bf16, rows>, !tile.frag<16 x 64 x bf16, keys> -> <16 x 16 x f32, accumulator>
    // CHECK-NEXT: %[[NEXT:.*]] = arith.addi %[[N]], %[[STEP]]
    // CHECK-NEXT: %[[KEY1:.*]] = arith.muli %[[NEXT]], %c16
    // CHECK-NEXT: %[[AHEAD:.*]] = tile.load %[[K]][%[[KEY1]]] until %[[END]]
    // CHECK-NEXT: %[[T:.*]] = tile.map(%[[SUM]], %[[S]]
    %t = tile.map(%acc, %s : !tile.frag<16 x 16 x f32, accumulator>, !tile.frag<16 x 16 x f32, accumulator>)
      -> !tile.frag<16 x 16 x f32, accumulator> {
    ^bb0(%x: f32, %y: f32):
      %z = arith.addf %x, %y : f32
      tile.yield %z : f32
    }
    // CHECK-NOT: tile.load
    // CHECK: scf.yield %[[T]], %[[AHEAD]]
    scf.yield %t : !tile.frag<16 x 16 x f32, accumulator>
  }
}

// With one stage a load stays where it is read.
// CHECK-LABEL: tile.kernel @one_stage
// CHECK-NOT: tile.load
// CHECK: scf.for
// CHECK: tile.load
// CHECK-NEXT: }
tile.kernel @one_stage attributes {warps = 4, stages = 1} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %end = tile.argument "context" : i32
  %k = tile.view k[%c0, %c0] : <64 x bf16>
  scf.for %n = %c0 to %end step %c1 : i32 {
    %keys = tile.load %k[%n] until %end : <64 x bf16> -> <16 x 64 x bf16, keys>
  }
}

// A page is looked up two iterations ahead: the load of the next tile finds it carried.
// CHECK-LABEL: tile.kernel @pages
tile.kernel @pages attributes {warps = 4, stages = 2} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c16 = arith.constant 16 : i32
  // CHECK: %[[END:.*]] = tile.argument "context"
  %end = tile.argument "context" : i32
  %q = tile.view q[%c0, %c0] : <64 x bf16>
  // CHECK: %[[K:.*]] = tile.view k
  %k = tile.view k[%c0, %c0] : <64 x bf16, pages = 32>
  %rows = tile.load %q[%c0] until %c16 : <64 x bf16> -> <16 x 64 x bf16, rows>
  // CHECK: %[[KEY0:.*]] = arith.muli %c0{{.*}}, %c16
  // CHECK-NEXT: %[[PAGE0:.*]] = tile.page %[[K]][%[[KEY0]]] until %[[END]]
  // CHECK-NEXT: %[[FIRST:.*]] = tile.load %[[K]][%[[KEY0]]] pages %[[PAGE0]] until %[[END]]
  // CHECK-NEXT: %[[SECOND:.*]] = arith.addi
  // CHECK-NEXT: %[[KEY1:.*]] = arith.muli %[[SECOND]], %c16
  // CHECK-NEXT: %[[PAGE1:.*]] = tile.page %[[K]][%[[KEY1]]] until %[[END]]
  // CHECK-NEXT: scf.for %[[N:.*]] = %{{.*}} to %{{.*}} step %[[STEP:.*]] iter_args(%[[NEXTPAGE:.*]] = %[[PAGE1]], %[[KEYS:.*]] = %[[FIRST]])
  scf.for %n = %c0 to %end step %c1 : i32 {
    // CHECK-NEXT: %[[N1:.*]] = arith.addi %[[N]], %[[STEP]]
    // CHECK-NEXT: %[[N2:.*]] = arith.addi %[[N1]], %[[STEP]]
    // CHECK-NEXT: %[[KEY2:.*]] = arith.muli %[[N2]], %c16
    // CHECK-NEXT: %[[PAGE2:.*]] = tile.page %[[K]][%[[KEY2]]] until %[[END]]
    %key = arith.muli %n, %c16 : i32
    %page = tile.page %k[%key] until %end : <64 x bf16, pages = 32>
    %keys = tile.load %k[%key] pages %page until %end : <64 x bf16, pages = 32> -> <16 x 64 x bf16, keys>
    // CHECK: tile.dot %{{.*}}, %[[KEYS]] transposed
    %s = tile.dot %rows, %keys transposed
      : !tile.frag<16 x 64 x bf16, rows>, !tile.frag<16 x 64 x bf16, keys> -> <16 x 16 x f32, accumulator>
    // CHECK: %[[AHEAD:.*]] = tile.load %[[K]][%{{.*}}] pages %[[NEXTPAGE]] until %[[END]]
    // CHECK: scf.yield %[[PAGE2]], %[[AHEAD]]
  }
}

// The fill has the bounds and boxes of its copies.
// CHECK-LABEL: tile.kernel @bounds
// CHECK: tile.ring_fill %{{.*}} at %[[KEY:.*]], %[[KEY]] begin %[[BEGIN:.*]] end %[[END:.*]] boxes of 16 :
tile.kernel @bounds attributes {warps = 4, producer_warps = 4, stages = 2} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c64 = arith.constant 64 : i32
  %end = tile.argument "context" : i32
  %k = tile.view k[%c0, %c0] : <64 x bf16, pages = 16>
  %v = tile.view v[%c0, %c0] : <64 x bf16, pages = 16>
  scf.for %n = %c0 to %end step %c1 : i32 {
    %key = arith.muli %n, %c64 : i32
    %keys = tile.copy %k[%key] from %c0 until %end boxes of 16 : <64 x bf16, pages = 16> -> <64 x 64 x bf16>
    %values = tile.copy %v[%key] from %c0 until %end boxes of 16 : <64 x bf16, pages = 16> -> <64 x 64 x bf16>
    %s = tile.dot %keys, %values transposed : !tile, !tile -> <16 x 64 x f32, accumulator>
  }
}

// Where weights are handed over, keys and values are released by different warpgroups: each has a ring of its own, which
// all key loops share. What is read before them comes first all the same.
// CHECK-LABEL: tile.kernel @hand_over
// CHECK-NEXT: %[[ONCE:.*]] = tile.ring : <1 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]>
// CHECK-NEXT: %[[VALUES:.*]] = tile.ring : <3 x [!tile.shared<48 x 64 x bf16>]>
// CHECK-NEXT: %[[KEYS:.*]] = tile.ring : <3 x [!tile.shared<64 x 64 x bf16>]>
// CHECK-NOT: tile.ring :
// CHECK: %[[Q:.*]] = tile.view q
// CHECK: %[[K:.*]] = tile.view k
// CHECK: %[[V:.*]] = tile.view v
// CHECK: tile.ring_fill %[[ONCE]][%{{.*}}] from %[[Q]], %[[Q]] at
tile.kernel @hand_over attributes {warps = 8, producer_warps = 4, stages = 3} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c64 = arith.constant 64 : i32
  %middle = tile.argument "row_tiles" : i32
  %end = tile.argument "context" : i32
  %q = tile.view q[%c0, %c0] : <64 x bf16>
  %k = tile.view k[%c0, %c0] : <64 x bf16>
  %v = tile.view v[%c0, %c0] : <64 x bf16>
  %rows = tile.copy %q[%c0] : <64 x bf16> -> <64 x 64 x bf16>
  %probe = tile.copy %q[%c64] : <64 x bf16> -> <64 x 64 x bf16>
  // CHECK: scf.for %[[N:.*]] =
  scf.for %n = %c0 to %middle step %c1 : i32 {
    // CHECK-NEXT: %[[KEY:.*]] = arith.muli %[[N]]
    %key = arith.muli %n, %c64 : i32
    // CHECK-NEXT: tile.ring_fill %[[KEYS]][%[[N]]] from %[[K]] at %[[KEY]]
    // CHECK-NEXT: %[[KT:.*]] = tile.ring_acquire %[[KEYS]][%[[N]]]
    %keys = tile.copy %k[%key] : <64 x bf16> -> <64 x 64 x bf16>
    // CHECK-NEXT: tile.ring_fill %[[VALUES]][%[[N]]] from %[[V]] at %[[KEY]]
    // CHECK-NEXT: %[[VT:.*]] = tile.ring_acquire %[[VALUES]][%[[N]]]
    %values = tile.copy %v[%key] : <64 x bf16> -> <48 x 64 x bf16>
    // CHECK-NEXT: tile.dot %{{.*}}, %[[KT]] transposed
    %s = tile.dot %rows, %keys transposed : !tile, !tile -> <16 x 64 x f32, accumulator>
    %most = tile.row_reduce max %s : <16 x 64 x f32, accumulator> -> <16 x 1 x f32, row>
    %handed = tile.hand_over %most : !tile.frag<16 x 1 x f32, row> -> !tile.frag<16 x 1 x f32, row>
    // CHECK: tile.dot %{{.*}}, %[[VT]] transposed
    %t = tile.dot %probe, %values transposed : !tile, !tile.shared<48 x 64 x bf16> -> <16 x 48 x f32, accumulator>
    // CHECK-NEXT: tile.ring_release %[[KEYS]][%[[N]]]
    // CHECK-NEXT: tile.ring_release %[[VALUES]][%[[N]]]
    // CHECK-NEXT: }
  }
  // CHECK: scf.for %[[N2:.*]] =
  scf.for %n = %middle to %end step %c1 : i32 {
    // CHECK: tile.ring_fill %[[KEYS]][%[[N2]]] from %[[K]] at
    // CHECK-NEXT: tile.ring_acquire %[[KEYS]][%[[N2]]]
    // CHECK-NEXT: tile.ring_fill %[[VALUES]][%[[N2]]] from %[[V]] at
    // CHECK-NEXT: tile.ring_acquire %[[VALUES]][%[[N2]]]
    %key = arith.muli %n, %c64 : i32
    %keys = tile.copy %k[%key] : <64 x bf16> -> <64 x 64 x bf16>
    %values = tile.copy %v[%key] : <64 x bf16> -> <48 x 64 x bf16>
    // CHECK-NEXT: tile.ring_release %[[KEYS]][%[[N2]]]
    // CHECK-NEXT: tile.ring_release %[[VALUES]][%[[N2]]]
  }
}
