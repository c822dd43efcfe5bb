// RUN: lla-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-alternate-warpgroups))' | FileCheck %s
// What has its turns gets no more.
// RUN: lla-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-alternate-warpgroups,tile-alternate-warpgroups))' \
// RUN:   | FileCheck %s

!ring = !tile.ring<2 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]>
!tile = !tile.shared<64 x 64 x bf16>
!scores = !tile.frag<16 x 64 x f32, accumulator>
!weights = !tile.frag<16 x 64 x bf16, operand>

// A turn is awaited before a loop over keys and passes on behind it. In the loop it passes on behind the scores, and is
// awaited before the products with the values. Right behind the last of those it sees whether the next tile has landed,
// which the next iteration then need not ask. The producer has no turns, nor have products of scores alone, be they in a
// branch, or products that are in no loop.
// CHECK-LABEL: tile.kernel @alternate
tile.kernel @alternate attributes {warps = 8, producer_warps = 4,
    lla.schedule = #lla.schedule<load = ring, rows = 128, keys = 64, warps = 8, pingpong = true>} {
  %ring = tile.ring : !ring
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %true = arith.constant true
  %end = tile.argument "context" : i32
  %v = tile.view v[%c0, %c0] : <64 x bf16>
  // CHECK: tile.roles producer {
  // CHECK-NOT: turn
  // CHECK: } consumer {
  // CHECK-NEXT: tile.pass_turn enter
  tile.roles producer {
    tile.ring_fill %ring[%c0] from %v, %v at %c0, %c0 : !ring, !tile.view<64 x bf16>, !tile.view<64 x bf16>
  } consumer {
    // CHECK-NEXT: tile.fill
    %zero = tile.fill 0.0 : <16 x 64 x f32, accumulator>
    // CHECK-NEXT: tile.await_turn{{$}}
    // CHECK-NEXT: %[[UNSEEN:.*]] = arith.constant false
    // CHECK-NEXT: scf.for %[[N:.*]] = %{{.*}} step %[[STEP:.*]] iter_args(%{{.*}} = %{{.*}}, %[[LANDED:.*]] = %[[UNSEEN]])
    %o = scf.for %n = %c0 to %end step %c1 iter_args(%sum = %zero) -> (!scores) : i32 {
      // CHECK-NEXT: %[[T:.*]]:2 = tile.ring_acquire %[[RING:.*]][%[[N]]] unless %[[LANDED]] :
      %t:2 = tile.ring_acquire %ring[%n] : !ring -> !tile, !tile
      // CHECK-NEXT: tile.dot %[[T]]#0, %[[T]]#0 transposed
      %s = tile.dot %t#0, %t#0 transposed : !tile, !tile -> <16 x 64 x f32, accumulator>
      // CHECK-NEXT: tile.dot %[[T]]#1, %[[T]]#0 transposed
      %r = tile.dot %t#1, %t#0 transposed : !tile, !tile -> <16 x 64 x f32, accumulator>
      // CHECK-NEXT: tile.pass_turn{{$}}
      // CHECK-NEXT: scf.if
      %again = scf.if %true -> !scores {
        // CHECK-NEXT: tile.dot
        %a = tile.dot %t#0, %t#0 transposed : !tile, !tile -> <16 x 64 x f32, accumulator>
        // CHECK-NEXT: scf.yield
        scf.yield %a : !scores
      } else {
        scf.yield %s : !scores
      }
      // CHECK-NOT: turn
      // CHECK: tile.convert
      %p = tile.convert %again : !scores -> !weights
      // CHECK-NEXT: tile.await_turn{{$}}
      // CHECK-NEXT: tile.dot %{{.*}}, %[[T]]#1 plus
      %o1 = tile.dot %p, %t#1 plus %sum : !weights, !tile, !scores -> <16 x 64 x f32, accumulator>
      // CHECK-NEXT: %[[O:.*]] = tile.dot %{{.*}}, %[[T]]#1 plus
      %o2 = tile.dot %p, %t#1 plus %o1 : !weights, !tile, !scores -> <16 x 64 x f32, accumulator>
      // CHECK-NEXT: %[[FOLLOWING:.*]] = arith.addi %[[N]], %[[STEP]] : i32
      // CHECK-NEXT: %[[SEEN:.*]] = tile.ring_landed %[[RING]][%[[FOLLOWING]]] :
      // CHECK-NEXT: tile.ring_release %[[RING]][%[[N]]]
      tile.ring_release %ring[%n] : !ring
      // CHECK-NEXT: scf.yield %[[O]], %[[SEEN]] :
      scf.yield %o2 : !scores
    }
    // CHECK-NEXT: }
    // CHECK-NEXT: tile.pass_turn{{$}}
    // CHECK-NEXT: tile.ring_acquire %[[RING]][%{{[^ ]*}}] :
    // CHECK-NOT: turn
    %t:2 = tile.ring_acquire %ring[%c0] : !ring -> !tile, !tile
    %s = tile.dot %t#0, %t#0 transposed : !tile, !tile -> <16 x 64 x f32, accumulator>
    %p = tile.convert %s : !scores -> !weights
    // CHECK: tile.dot %{{.*}} plus
    %o1 = tile.dot %p, %t#1 plus %o : !weights, !tile, !scores -> <16 x 64 x f32, accumulator>
    // CHECK-NEXT: tile.await_turn leave
    // CHECK-NEXT: }
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// A row tile awaits a turn ahead of its first loop over keys and passes it on behind its last, with nothing between the
// loops. Who leaves a tile out passes and awaits all the same. The second loop goes on with what the first has seen;
// where a branch has the products, it looks ahead behind it, before it releases the tile.
// CHECK-LABEL: tile.kernel @row_tiles
tile.kernel @row_tiles attributes {warps = 8, producer_warps = 4,
    lla.schedule = #lla.schedule<load = ring, rows = 128, keys = 64, warps = 8, pingpong = true>} {
  %ring = tile.ring : !ring
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %true = arith.constant true
  %end = tile.argument "context" : i32
  %tiles = tile.argument "row_tiles" : i32
  %v = tile.view v[%c0, %c0] : <64 x bf16>
  // CHECK: tile.roles producer {
  // CHECK-NOT: turn
  // CHECK: } consumer {
  // CHECK-NEXT: tile.pass_turn enter
  // CHECK-NEXT: scf.for
  tile.roles producer {
    tile.ring_fill %ring[%c0] from %v, %v at %c0, %c0 : !ring, !tile.view<64 x bf16>, !tile.view<64 x bf16>
  } consumer {
    scf.for %row = %c0 to %tiles step %c1 : i32 {
      // CHECK-NEXT: tile.fill
      %zero = tile.fill 0.0 : <16 x 64 x f32, accumulator>
      // CHECK-NEXT: tile.await_turn{{$}}
      // CHECK-NEXT: %[[UNSEEN:.*]] = arith.constant false
      // CHECK-NEXT: %[[INTERIOR:.*]]:2 = scf.for %[[N:.*]] = %{{.*}} step %[[STEP:.*]] iter_args(%{{.*}} = %{{.*}}, %[[LANDED:.*]] = %[[UNSEEN]])
      %interior = scf.for %n = %c0 to %end step %c1 iter_args(%sum = %zero) -> (!scores) : i32 {
        // CHECK-NEXT: tile.ring_acquire %[[RING:.*]][%[[N]]] unless %[[LANDED]] :
        %t:2 = tile.ring_acquire %ring[%n] : !ring -> !tile, !tile
        // CHECK-NEXT: tile.dot %{{.*}} transposed
        %s = tile.dot %t#0, %t#0 transposed : !tile, !tile -> <16 x 64 x f32, accumulator>
        // CHECK-NEXT: tile.pass_turn{{$}}
        // CHECK-NEXT: tile.convert
        %p = tile.convert %s : !scores -> !weights
        // CHECK-NEXT: tile.await_turn{{$}}
        // CHECK-NEXT: %[[O:.*]] = tile.dot %{{.*}} plus
        %o = tile.dot %p, %t#1 plus %sum : !weights, !tile, !scores -> <16 x 64 x f32, accumulator>
        // CHECK-NEXT: %[[FOLLOWING:.*]] = arith.addi %[[N]], %[[STEP]] : i32
        // CHECK-NEXT: %[[SEEN:.*]] = tile.ring_landed %[[RING]][%[[FOLLOWING]]] :
        // CHECK-NEXT: tile.ring_release %[[RING]][%[[N]]]
        tile.ring_release %ring[%n] : !ring
        // CHECK-NEXT: scf.yield %[[O]], %[[SEEN]] :
        scf.yield %o : !scores
      }
      // CHECK-NEXT: }
      // CHECK-NEXT: scf.for %[[M:.*]] = %{{.*}} step %[[STEP]] iter_args(%{{.*}} = %[[INTERIOR]]#0, %[[LANDED:.*]] = %[[INTERIOR]]#1)
      %edge = scf.for %n = %c0 to %end step %c1 iter_args(%sum = %interior) -> (!scores) : i32 {
        // CHECK-NEXT: tile.ring_acquire %[[RING]][%[[M]]] unless %[[LANDED]] :
        %t:2 = tile.ring_acquire %ring[%n] : !ring -> !tile, !tile
        // CHECK-NEXT: %[[O:.*]] = scf.if
        %seen = scf.if %true -> !scores {
          // CHECK-NEXT: tile.dot %{{.*}} transposed
          %s = tile.dot %t#0, %t#0 transposed : !tile, !tile -> <16 x 64 x f32, accumulator>
          // CHECK-NEXT: tile.pass_turn{{$}}
          // CHECK-NEXT: tile.convert
          %p = tile.convert %s : !scores -> !weights
          // CHECK-NEXT: tile.await_turn{{$}}
          // CHECK-NEXT: tile.dot %{{.*}} plus
          %o = tile.dot %p, %t#1 plus %sum : !weights, !tile, !scores -> <16 x 64 x f32, accumulator>
          // CHECK-NEXT: scf.yield
          scf.yield %o : !scores
        // CHECK-NEXT: } else {
        } else {
          // CHECK-NEXT: tile.pass_turn{{$}}
          // CHECK-NEXT: tile.await_turn{{$}}
          // CHECK-NEXT: scf.yield
          scf.yield %sum : !scores
        }
        // CHECK-NEXT: }
        // CHECK-NEXT: %[[FOLLOWING:.*]] = arith.addi %[[M]], %[[STEP]] : i32
        // CHECK-NEXT: %[[SEEN:.*]] = tile.ring_landed %[[RING]][%[[FOLLOWING]]] :
        // CHECK-NEXT: tile.ring_release %[[RING]][%[[M]]]
        tile.ring_release %ring[%n] : !ring
        // CHECK-NEXT: scf.yield %[[O]], %[[SEEN]] :
        scf.yield %seen : !scores
      }
      // CHECK-NEXT: }
      // CHECK-NEXT: tile.pass_turn{{$}}
      // CHECK-NEXT: }
    }
    // CHECK-NEXT: tile.await_turn leave
    // CHECK-NEXT: }
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// Products that are in no loop have no turns, so neither has the kernel.
// CHECK-LABEL: tile.kernel @no_loop
// CHECK-NOT: turn
tile.kernel @no_loop attributes {warps = 8, producer_warps = 4,
    lla.schedule = #lla.schedule<load = ring, rows = 128, keys = 64, warps = 8, pingpong = true>} {
  %ring = tile.ring : !ring
  %c0 = arith.constant 0 : i32
  %v = tile.view v[%c0, %c0] : <64 x bf16>
  tile.roles producer {
    tile.ring_fill %ring[%c0] from %v, %v at %c0, %c0 : !ring, !tile.view<64 x bf16>, !tile.view<64 x bf16>
  } consumer {
    %t:2 = tile.ring_acquire %ring[%c0] : !ring -> !tile, !tile
    %s = tile.dot %t#0, %t#0 transposed : !tile, !tile -> <16 x 64 x f32, accumulator>
    %p = tile.convert %s : !scores -> !weights
    %o = tile.dot %p, %t#1 plus %s : !weights, !tile, !scores -> <16 x 64 x f32, accumulator>
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// Without pingpong nothing changes.
// CHECK-LABEL: tile.kernel @together
// CHECK-NOT: {{turn|landed|unless}}
tile.kernel @together attributes {warps = 8, producer_warps = 4,
    lla.schedule = #lla.schedule<load = ring, rows = 128, keys = 64, warps = 8>} {
  %ring = tile.ring : !ring
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %end = tile.argument "context" : i32
  %v = tile.view v[%c0, %c0] : <64 x bf16>
  tile.roles producer {
    tile.ring_fill %ring[%c0] from %v, %v at %c0, %c0 : !ring, !tile.view<64 x bf16>, !tile.view<64 x bf16>
  } consumer {
    scf.for %n = %c0 to %end step %c1 : i32 {
      %t:2 = tile.ring_acquire %ring[%n] : !ring -> !tile, !tile
      %s = tile.dot %t#0, %t#0 transposed : !tile, !tile -> <16 x 64 x f32, accumulator>
      %p = tile.convert %s : !scores -> !weights
      %o = tile.dot %p, %t#1 plus %s : !weights, !tile, !scores -> <16 x 64 x f32, accumulator>
      tile.ring_release %ring[%n] : !ring
    }
  } attributes {producer_registers = 24, consumer_registers = 240}
}
