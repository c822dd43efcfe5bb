// RUN: lla-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-divide-consumers))' \
// RUN:   | FileCheck %s --implicit-check-not=hand_over
// What has been divided stays as it is.
// RUN: lla-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-divide-consumers,tile-divide-consumers))' \
// RUN:   | FileCheck %s --implicit-check-not=hand_over

!once = !tile.ring<1 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]>
!two = !tile.ring<2 x [!tile.shared<64 x 64 x bf16>]>
!ring = !tile.ring<3 x [!tile.shared<48 x 64 x bf16>]>
!rows = !tile.shared<64 x 64 x bf16>
!tile = !tile.shared<48 x 64 x bf16>
!weights = !tile.shared<64 x 48 x bf16>
!operand = !tile.frag<16 x 48 x bf16, operand>
!scores = !tile.frag<16 x 48 x f32, accumulator>
!values = !tile.frag<16 x 64 x f32, accumulator>
!row = !tile.frag<16 x 1 x f32, row>

// The four warps of either role read keys or values. Rings of weights have a slot's notes with the first tile: 16 bytes
// of a flag and 256 of a row's numbers. What is handed over behind the loop has a ring of its own. Rows that are never
// copied again have no readers to wait for.
// CHECK-LABEL: tile.kernel @divide
// CHECK: %[[ONCE:.*]] = tile.ring : <1 x
// CHECK: %[[KEYS:.*]] = tile.ring {readers = 4 : i64} : <3 x
// CHECK: %[[VALUES:.*]] = tile.ring {readers = 4 : i64} : <3 x
// CHECK: %[[ZERO:.*]] = arith.constant 0 : i32
// CHECK: %[[US:.*]] = tile.ring {fillers = 128 : i64, readers = 4 : i64} : <2 x [!tile.shared<64 x 48 x bf16>]>
// CHECK: %[[PS:.*]] = tile.ring {fillers = 128 : i64, readers = 4 : i64} : <2 x [!tile.shared<64 x 48 x bf16>], notes = 272>
// CHECK: %[[NOTES:.*]] = tile.ring {fillers = 128 : i64, readers = 4 : i64} : <1 x [], notes = 256>
// The producer fills what it filled.
// CHECK-NEXT: tile.roles producer {
// CHECK-NEXT: tile.ring_fill %[[ONCE]]
// CHECK-NEXT: tile.ring_fill %[[KEYS]]
// CHECK-NEXT: tile.ring_fill %[[VALUES]]

// The weigher carries d and c, reads no values and multiplies with none.
// CHECK-NEXT: } weigher {
// CHECK-NEXT: %[[ROWS:.*]]:2 = tile.ring_acquire %[[ONCE]][%[[ZERO]]]
// CHECK-NEXT: %[[ONE:.*]] = tile.fill 1.0
// CHECK-NEXT: %[[SUMS:.*]]:2 = scf.for %[[N:.*]] = %{{.*}} iter_args(%[[D:.*]] = %[[ONE]], %[[C:.*]] = %[[ONE]]) ->
// CHECK-NEXT: %[[K:.*]] = tile.ring_acquire %[[KEYS]][%[[N]]]
// CHECK-NEXT: %[[S:.*]] = tile.dot %[[ROWS]]#0, %[[K]] transposed
// CHECK-NEXT: %[[T:.*]] = tile.dot %[[ROWS]]#1, %[[K]] transposed
// CHECK-NEXT: %[[M:.*]] = tile.row_reduce max %[[S]]
// A slot is claimed ahead of the first note.
// CHECK: %[[MOVES:.*]] = tile.any
// CHECK-NEXT: %[[PSLOT:.*]] = tile.ring_claim %[[PS]][%[[N]]]
// CHECK-NEXT: tile.note %[[MOVES]] in %[[PS]][%[[N]]] at 0 : i1,
// The weigher's branch has c, not o1.
// CHECK-NEXT: %[[CMOVED:.*]] = scf.if %[[MOVES]] -> (!tile.frag<16 x 1 x f32, row>) {
// CHECK: %[[FACTOR:.*]] = tile.map(%[[M]], %[[C]] :
// CHECK: %[[CLESS:.*]] = tile.map(%[[C]], %[[FACTOR]] :
// CHECK: tile.note %[[FACTOR]] in %[[PS]][%[[N]]] at 16 : !tile.frag<16 x 1 x f32, row>,
// CHECK-NEXT: scf.yield %[[CLESS]] :
// CHECK-NEXT: } else {
// CHECK-NEXT: scf.yield %[[C]] :
// CHECK-NEXT: }
// p is handed over as soon as it is there, with the notes, while t is still in flight and holds the keys' slot.
// CHECK-NEXT: %[[P:.*]] = tile.map(%[[S]], %[[M]] :
// CHECK-NOT: tile.ring_release
// CHECK: %[[P16:.*]] = tile.convert %[[P]] :
// CHECK-NEXT: tile.deposit %[[P16]] in %[[PSLOT]] :
// CHECK-NEXT: tile.ring_commit %[[PS]][%[[N]]]
// CHECK-NEXT: %[[SUM:.*]] = tile.row_reduce sum %[[P]]
// CHECK-NEXT: %[[DNEXT:.*]] = tile.map(%[[D]], %[[SUM]] :
// CHECK: %[[THERE:.*]] = tile.wait 0 of %[[T]]
// CHECK-NEXT: tile.ring_release %[[KEYS]][%[[N]]]
// CHECK-NEXT: %[[U:.*]] = tile.map(%[[P]], %[[THERE]], %[[CMOVED]] :
// CHECK: %[[U16:.*]] = tile.convert %[[U]] :
// CHECK-NEXT: %[[USLOT:.*]] = tile.ring_claim %[[US]][%[[N]]]
// CHECK-NEXT: tile.deposit %[[U16]] in %[[USLOT]] :
// CHECK-NEXT: tile.ring_commit %[[US]][%[[N]]]
// CHECK-NEXT: scf.yield %[[DNEXT]], %[[CMOVED]] :
// CHECK-NEXT: }
// The store of d is the weigher's.
// CHECK-NEXT: tile.ring_claim %[[NOTES]][%[[ZERO]]] : <1 x [], notes = 256>{{$}}
// CHECK-NEXT: tile.note %[[SUMS]]#0 in %[[NOTES]][%[[ZERO]]] at 0 :
// CHECK-NEXT: tile.ring_commit %[[NOTES]][%[[ZERO]]]
// CHECK-NEXT: %[[LSE:.*]] = tile.view lse
// CHECK-NEXT: tile.store %[[SUMS]]#0, %[[LSE]]
// CHECK-NOT: tile.store

// The consumers carry o1 and o2, have neither rows nor keys and form no scores.
// CHECK: } consumer {
// CHECK-NEXT: %[[NONE:.*]] = tile.fill 0.0
// CHECK-NEXT: %[[SUMS:.*]]:2 = scf.for %[[N:.*]] = %{{.*}} iter_args(%[[O1:.*]] = %[[NONE]], %[[O2:.*]] = %[[NONE]]) ->
// CHECK-NEXT: %[[V:.*]] = tile.ring_acquire %[[VALUES]][%[[N]]]
// CHECK-NEXT: %[[PSLOT:.*]] = tile.ring_acquire %[[PS]][%[[N]]]
// CHECK-NEXT: %[[MOVES:.*]] = tile.read_note %[[PS]][%[[N]]] at 0 : {{.*}} -> i1
// CHECK-NEXT: %[[LESS:.*]] = scf.if %[[MOVES]] -> (!tile.frag<16 x 64 x f32, accumulator>) {
// CHECK-NEXT: %[[FACTOR:.*]] = tile.read_note %[[PS]][%[[N]]] at 16 : {{.*}} -> !tile.frag<16 x 1 x f32, row>
// CHECK-NEXT: %[[LESS1:.*]] = tile.map(%[[O1]], %[[FACTOR]] :
// CHECK: scf.yield %[[LESS1]] :
// CHECK-NEXT: } else {
// CHECK-NEXT: scf.yield %[[O1]] :
// CHECK-NEXT: }
// CHECK-NEXT: %[[O1NEXT:.*]] = tile.dot %[[PSLOT]], %[[V]] plus %[[LESS]] :
// The second tile is waited for behind the product with the first.
// CHECK-NEXT: %[[USLOT:.*]] = tile.ring_acquire %[[US]][%[[N]]]
// CHECK-NEXT: %[[O2NEXT:.*]] = tile.dot %[[USLOT]], %[[V]] plus %[[O2]] :
// CHECK-NEXT: tile.ring_release %[[VALUES]][%[[N]]]
// CHECK-NEXT: tile.ring_release %[[PS]][%[[N]]]
// CHECK-NEXT: tile.ring_release %[[US]][%[[N]]]
// CHECK-NEXT: scf.yield %[[O1NEXT]], %[[O2NEXT]] :
// CHECK-NEXT: }
// CHECK-NEXT: tile.ring_acquire %[[NOTES]][%[[ZERO]]] : <1 x [], notes = 256>{{$}}
// CHECK-NEXT: %[[D1:.*]] = tile.read_note %[[NOTES]][%[[ZERO]]] at 0 :
// CHECK-NEXT: %[[MEAN:.*]] = tile.map(%[[SUMS]]#0, %[[SUMS]]#1, %[[D1]] :
// CHECK: tile.store %[[MEAN]],
// CHECK-NOT: tile.store
// CHECK: tile.ring_release %[[NOTES]][%[[ZERO]]]
// CHECK-NEXT: } attributes {consumer_registers = 240 : i64, producer_registers = 24 : i64, weigher_registers = 240 : i64}
tile.kernel @divide attributes {warps = 8, producer_warps = 4} {
  %once = tile.ring : !once
  %ring_of_keys = tile.ring : !ring
  %ring_of_values = tile.ring : !ring
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %end = tile.argument "context" : i32
  %q = tile.view q[%c0, %c0] : <64 x bf16>
  %k = tile.view k[%c0, %c0] : <64 x bf16>
  tile.roles producer {
    tile.ring_fill %once[%c0] from %q, %q at %c0, %c0 : !once, !tile.view<64 x bf16>, !tile.view<64 x bf16>
    tile.ring_fill %ring_of_keys[%c0] from %k at %c0 : !ring, !tile.view<64 x bf16>
    tile.ring_fill %ring_of_values[%c0] from %k at %c0 : !ring, !tile.view<64 x bf16>
  } consumer {
    %rows:2 = tile.ring_acquire %once[%c0] : !once -> !rows, !rows
    %one = tile.fill 1.0 : <16 x 1 x f32, row>
    %none = tile.fill 0.0 : <16 x 64 x f32, accumulator>
    %sums:4 = scf.for %n = %c0 to %end step %c1
        iter_args(%d = %one, %c = %one, %o1 = %none, %o2 = %none) -> (!row, !row, !values, !values) : i32 {
      %keys = tile.ring_acquire %ring_of_keys[%n] : !ring -> !tile
      %values = tile.ring_acquire %ring_of_values[%n] : !ring -> !tile
      %s = tile.dot %rows#0, %keys transposed : !rows, !tile -> <16 x 48 x f32, accumulator>
      %t = tile.dot %rows#1, %keys transposed : !rows, !tile -> <16 x 48 x f32, accumulator>
      %m = tile.row_reduce max %s : <16 x 48 x f32, accumulator> -> <16 x 1 x f32, row>
      %grew = tile.map(%m, %c : !row, !row) -> !tile.frag<16 x 1 x i1, row> {
      ^bb0(%x: f32, %y: f32):
        %z = arith.cmpf ogt, %x, %y : f32
        tile.yield %z : i1
      }
      %any = tile.any %grew of warpgroup : !tile.frag<16 x 1 x i1, row>
      %moves = tile.hand_over %any : i1 -> i1
      %moved:2 = scf.if %moves -> (!row, !values) {
        %factor = tile.map(%m, %c : !row, !row) -> !row {
        ^bb0(%x: f32, %y: f32):
          %z = arith.subf %x, %y : f32
          tile.yield %z : f32
        }
        %less = tile.map(%c, %factor : !row, !row) -> !row {
        ^bb0(%x: f32, %y: f32):
          %z = arith.mulf %x, %y : f32
          tile.yield %z : f32
        }
        %handed = tile.hand_over %factor : !row -> !row
        %less1 = tile.map(%o1, %handed : !values, !row) -> !values {
        ^bb0(%x: f32, %y: f32):
          %z = arith.mulf %x, %y : f32
          tile.yield %z : f32
        }
        scf.yield %less, %less1 : !row, !values
      } else {
        scf.yield %c, %o1 : !row, !values
      }
      %p = tile.map(%s, %m : !scores, !row) -> !scores {
      ^bb0(%x: f32, %y: f32):
        %z = arith.subf %x, %y : f32
        tile.yield %z : f32
      }
      %sum = tile.row_reduce sum %p : <16 x 48 x f32, accumulator> -> <16 x 1 x f32, row>
      %dn = tile.map(%d, %sum : !row, !row) -> !row {
      ^bb0(%x: f32, %y: f32):
        %z = arith.addf %x, %y : f32
        tile.yield %z : f32
      }
      %there = tile.wait 0 of %t : (!scores) -> !scores
      %u = tile.map(%p, %there, %moved#0 : !scores, !scores, !row) -> !scores {
      ^bb0(%x: f32, %y: f32, %z: f32):
        %product = arith.mulf %x, %y : f32
        %centred = arith.subf %product, %z : f32
        tile.yield %centred : f32
      }
      %p16 = tile.convert %p : <16 x 48 x f32, accumulator> -> <16 x 48 x bf16, operand>
      %ps = tile.hand_over %p16 : !operand -> !weights
      %o1n = tile.dot %ps, %values plus %moved#1 : !weights, !tile, !values -> <16 x 64 x f32, accumulator>
      %u16 = tile.convert %u : <16 x 48 x f32, accumulator> -> <16 x 48 x bf16, operand>
      %us = tile.hand_over %u16 : !operand -> !weights
      %o2n = tile.dot %us, %values plus %o2 : !weights, !tile, !values -> <16 x 64 x f32, accumulator>
      tile.ring_release %ring_of_keys[%n] : !ring
      tile.ring_release %ring_of_values[%n] : !ring
      scf.yield %dn, %moved#0, %o1n, %o2n : !row, !row, !values, !values
    }
    %d1 = tile.hand_over %sums#0 : !row -> !row
    %mean = tile.map(%sums#2, %sums#3, %d1 : !values, !values, !row) -> !values {
    ^bb0(%x: f32, %y: f32, %z: f32):
      %difference = arith.subf %x, %y : f32
      %quotient = arith.divf %difference, %z : f32
      tile.yield %quotient : f32
    }
    %o = tile.view o[%c0, %c0] : <64 x bf16>
    tile.store %mean, %o[%c0] until %end : <16 x 64 x f32, accumulator>, <64 x bf16>
    %lse = tile.view lse[%c0, %c0] : <1 x f32>
    tile.store %sums#0, %lse[%c0] until %end : <16 x 1 x f32, row>, <1 x f32>
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// In a loop over row tiles, both roles number the tiles of all of them, and the row tile itself numbers the notes behind
// its key loop. Two warpgroups multiply with values. Rows are the weigher's, which releases them behind its last
// product; keys it releases before it hands over.
// CHECK-LABEL: tile.kernel @row_tiles
// CHECK: %[[ROWS:.*]] = tile.ring {readers = 4 : i64} : <2 x
// CHECK: %[[KEYS:.*]] = tile.ring {readers = 4 : i64} : <3 x
// CHECK: %[[VALUES:.*]] = tile.ring {readers = 8 : i64} : <3 x
// CHECK: %[[ZERO:.*]] = arith.constant 0 : i32
// CHECK: %[[PS:.*]] = tile.ring {fillers = 128 : i64, readers = 8 : i64} : <2 x [!tile.shared<64 x 48 x bf16>]>
// CHECK: %[[NOTES:.*]] = tile.ring {fillers = 128 : i64, readers = 8 : i64} : <1 x [], notes = 256>
// CHECK: } weigher {
// CHECK-NEXT: %[[ONE:.*]] = tile.fill 1.0
// CHECK-NEXT: scf.for %[[TILE:.*]] = %{{.*}} iter_args(%[[FILLED:.*]] = %[[ZERO]]) -> (i32)
// CHECK-NEXT: %[[END:.*]] = arith.muli %[[TILE]], %[[TILE]]
// CHECK-NEXT: %[[Q:.*]] = tile.ring_acquire %[[ROWS]][%[[TILE]]]
// CHECK-NEXT: %[[D:.*]] = scf.for %[[I:.*]] = %{{.*}} to %[[END]] {{.*}} iter_args(%{{.*}} = %[[ONE]]) -> (!tile.frag<16 x 1 x f32, row>)
// CHECK-NEXT: %[[N:.*]] = arith.addi %[[FILLED]], %[[I]]
// CHECK-NEXT: %[[K:.*]] = tile.ring_acquire %[[KEYS]][%[[N]]]
// CHECK-NEXT: %[[S:.*]] = tile.dot %[[Q]], %[[K]] transposed
// CHECK-NEXT: tile.ring_release %[[KEYS]][%[[N]]]
// CHECK-NEXT: %[[P:.*]] = tile.map(%[[S]] :
// CHECK: %[[P16:.*]] = tile.convert %[[P]] :
// CHECK-NEXT: %[[PSLOT:.*]] = tile.ring_claim %[[PS]][%[[N]]]
// CHECK-NEXT: tile.deposit %[[P16]] in %[[PSLOT]] :
// CHECK-NEXT: tile.ring_commit %[[PS]][%[[N]]]
// CHECK-NEXT: %[[SUM:.*]] = tile.row_reduce sum %[[P]]
// CHECK-NEXT: scf.yield %[[SUM]] :
// CHECK-NEXT: }
// CHECK-NEXT: tile.ring_release %[[ROWS]][%[[TILE]]]
// CHECK-NEXT: %[[NEXT:.*]] = arith.addi %[[FILLED]], %[[END]]
// CHECK-NEXT: tile.ring_claim %[[NOTES]][%[[TILE]]]
// CHECK-NEXT: tile.note %[[D]] in %[[NOTES]][%[[TILE]]] at 0 :
// CHECK-NEXT: tile.ring_commit %[[NOTES]][%[[TILE]]]
// CHECK-NEXT: scf.yield %[[NEXT]] : i32
// CHECK-NEXT: }
// CHECK-NEXT: } consumer {
// CHECK-NEXT: %[[NONE:.*]] = tile.fill 0.0
// CHECK-NEXT: scf.for %[[TILE:.*]] = %{{.*}} iter_args(%[[FILLED:.*]] = %[[ZERO]]) -> (i32)
// CHECK-NEXT: %[[END:.*]] = arith.muli %[[TILE]], %[[TILE]]
// CHECK-NEXT: %[[O:.*]] = scf.for %[[I:.*]] = %{{.*}} to %[[END]] {{.*}} iter_args(%[[O1:.*]] = %[[NONE]]) -> (!tile.frag<16 x 64 x f32, accumulator>)
// CHECK-NEXT: %[[N:.*]] = arith.addi %[[FILLED]], %[[I]]
// CHECK-NEXT: %[[V:.*]] = tile.ring_acquire %[[VALUES]][%[[N]]]
// CHECK-NEXT: %[[PSLOT:.*]] = tile.ring_acquire %[[PS]][%[[N]]]
// CHECK-NEXT: %[[O1NEXT:.*]] = tile.dot %[[PSLOT]], %[[V]] plus %[[O1]] :
// CHECK-NEXT: tile.ring_release %[[VALUES]][%[[N]]]
// CHECK-NEXT: tile.ring_release %[[PS]][%[[N]]]
// CHECK-NEXT: scf.yield %[[O1NEXT]] :
// CHECK-NEXT: }
// CHECK-NEXT: %[[NEXT:.*]] = arith.addi %[[FILLED]], %[[END]]
// CHECK-NEXT: tile.ring_acquire %[[NOTES]][%[[TILE]]]
// CHECK-NEXT: %[[D1:.*]] = tile.read_note %[[NOTES]][%[[TILE]]] at 0 :
// CHECK-NEXT: %[[MEAN:.*]] = tile.map(%[[O]], %[[D1]] :
// CHECK: tile.store %[[MEAN]],
// CHECK-NEXT: tile.ring_release %[[NOTES]][%[[TILE]]]
// CHECK-NEXT: scf.yield %[[NEXT]] : i32
// CHECK-NEXT: }
// CHECK-NEXT: } attributes {consumer_registers = 168 : i64, producer_registers = 24 : i64, weigher_registers = 152 : i64}
tile.kernel @row_tiles attributes {warps = 12, producer_warps = 4} {
  %ring_of_rows = tile.ring : !two
  %ring_of_keys = tile.ring : !ring
  %ring_of_values = tile.ring : !ring
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %tiles = tile.argument "row_tiles" : i32
  %q = tile.view q[%c0, %c0] : <64 x bf16>
  %o = tile.view o[%c0, %c0] : <64 x bf16>
  tile.roles producer {
    tile.ring_fill %ring_of_rows[%c0] from %q at %c0 : !two, !tile.view<64 x bf16>
  } consumer {
    %one = tile.fill 1.0 : <16 x 1 x f32, row>
    %none = tile.fill 0.0 : <16 x 64 x f32, accumulator>
    %all = scf.for %tile = %c0 to %tiles step %c1 iter_args(%filled = %c0) -> (i32) : i32 {
      %end = arith.muli %tile, %tile : i32
      %rows = tile.ring_acquire %ring_of_rows[%tile] : !two -> !rows
      %sums:2 = scf.for %i = %c0 to %end step %c1 iter_args(%d = %one, %o1 = %none) -> (!row, !values) : i32 {
        %n = arith.addi %filled, %i : i32
        %keys = tile.ring_acquire %ring_of_keys[%n] : !ring -> !tile
        %values = tile.ring_acquire %ring_of_values[%n] : !ring -> !tile
        %s = tile.dot %rows, %keys transposed : !rows, !tile -> <16 x 48 x f32, accumulator>
        %p = tile.map(%s : !scores) -> !scores {
        ^bb0(%x: f32):
          %e = math.exp2 %x : f32
          tile.yield %e : f32
        }
        %sum = tile.row_reduce sum %p : <16 x 48 x f32, accumulator> -> <16 x 1 x f32, row>
        %p16 = tile.convert %p : <16 x 48 x f32, accumulator> -> <16 x 48 x bf16, operand>
        %ps = tile.hand_over %p16 : !operand -> !weights
        %o1n = tile.dot %ps, %values plus %o1 : !weights, !tile, !values -> <16 x 64 x f32, accumulator>
        tile.ring_release %ring_of_keys[%n] : !ring
        tile.ring_release %ring_of_values[%n] : !ring
        scf.yield %sum, %o1n : !row, !values
      }
      %next = arith.addi %filled, %end : i32
      tile.ring_release %ring_of_rows[%tile] : !two
      %d1 = tile.hand_over %sums#0 : !row -> !row
      %mean = tile.map(%sums#1, %d1 : !values, !row) -> !values {
      ^bb0(%x: f32, %y: f32):
        %z = arith.divf %x, %y : f32
        tile.yield %z : f32
      }
      tile.store %mean, %o[%tile] until %tiles : <16 x 64 x f32, accumulator>, <64 x bf16>
      scf.yield %next : i32
    }
  } attributes {producer_registers = 32, consumer_registers = 160}
}

!one = !tile.ring<1 x [!rows]>
!held = !tile.frag<16 x 64 x bf16, operand>

// A weigher that holds its rows gives their slot back when it has them, and has the registers that they take.
// CHECK-LABEL: tile.kernel @held_rows
// CHECK: %[[ROWS:.*]] = tile.ring {readers = 4 : i64} : <1 x
// CHECK: } weigher {
// CHECK: %[[SLOT:.*]] = tile.ring_acquire %[[ROWS]][%[[TILE:.*]]]
// CHECK-NEXT: %[[Q:.*]] = tile.collect %[[SLOT]]
// CHECK-NEXT: tile.ring_release %[[ROWS]][%[[TILE]]]
// CHECK-NEXT: scf.for
// CHECK: tile.dot %[[Q]], %{{.*}} transposed
// CHECK: } consumer {
// CHECK-NOT: tile.collect
// CHECK: } attributes {consumer_registers = 128 : i64, producer_registers = 24 : i64, weigher_registers = 232 : i64}
tile.kernel @held_rows attributes {warps = 12, producer_warps = 4} {
  %ring_of_rows = tile.ring : !one
  %ring_of_keys = tile.ring : !ring
  %ring_of_values = tile.ring : !ring
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %tiles = tile.argument "row_tiles" : i32
  %q = tile.view q[%c0, %c0] : <64 x bf16>
  %o = tile.view o[%c0, %c0] : <64 x bf16>
  tile.roles producer {
    tile.ring_fill %ring_of_rows[%c0] from %q at %c0 : !one, !tile.view<64 x bf16>
  } consumer {
    %one = tile.fill 1.0 : <16 x 1 x f32, row>
    %none = tile.fill 0.0 : <16 x 64 x f32, accumulator>
    %all = scf.for %tile = %c0 to %tiles step %c1 iter_args(%filled = %c0) -> (i32) : i32 {
      %end = arith.muli %tile, %tile : i32
      %slot = tile.ring_acquire %ring_of_rows[%tile] : !one -> !rows
      %rows = tile.collect %slot : !rows -> !held
      %sums:2 = scf.for %i = %c0 to %end step %c1 iter_args(%d = %one, %o1 = %none) -> (!row, !values) : i32 {
        %n = arith.addi %filled, %i : i32
        %keys = tile.ring_acquire %ring_of_keys[%n] : !ring -> !tile
        %values = tile.ring_acquire %ring_of_values[%n] : !ring -> !tile
        %s = tile.dot %rows, %keys transposed : !held, !tile -> <16 x 48 x f32, accumulator>
        %p = tile.map(%s : !scores) -> !scores {
        ^bb0(%x: f32):
          %e = math.exp2 %x : f32
          tile.yield %e : f32
        }
        %sum = tile.row_reduce sum %p : <16 x 48 x f32, accumulator> -> <16 x 1 x f32, row>
        %p16 = tile.convert %p : <16 x 48 x f32, accumulator> -> <16 x 48 x bf16, operand>
        %ps = tile.hand_over %p16 : !operand -> !weights
        %o1n = tile.dot %ps, %values plus %o1 : !weights, !tile, !values -> <16 x 64 x f32, accumulator>
        tile.ring_release %ring_of_keys[%n] : !ring
        tile.ring_release %ring_of_values[%n] : !ring
        scf.yield %sum, %o1n : !row, !values
      }
      %next = arith.addi %filled, %end : i32
      tile.ring_release %ring_of_rows[%tile] : !one
      %d1 = tile.hand_over %sums#0 : !row -> !row
      %mean = tile.map(%sums#1, %d1 : !values, !row) -> !values {
      ^bb0(%x: f32, %y: f32):
        %z = arith.divf %x, %y : f32
        tile.yield %z : f32
      }
      tile.store %mean, %o[%tile] until %tiles : <16 x 64 x f32, accumulator>, <64 x bf16>
      scf.yield %next : i32
    }
  } attributes {producer_registers = 32, consumer_registers = 160}
}

// A number that a flag has moved is the weigher's still, and so is its store; consumers read the flag, and release its
// slot though they do nothing with it.
// CHECK-LABEL: tile.kernel @flagged
// CHECK: %[[FLAGS:.*]] = tile.ring {fillers = 128 : i64, readers = 4 : i64} : <1 x [], notes = 16>
// CHECK: } weigher {
// CHECK: %[[MOVED:.*]] = scf.for %[[N:.*]] = %{{.*}} iter_args
// CHECK: tile.note %[[FLAG:.*]] in %[[FLAGS]][%[[N]]] at 0
// CHECK-NEXT: tile.ring_commit %[[FLAGS]][%[[N]]]
// CHECK-NEXT: scf.if %[[FLAG]]
// CHECK: tile.store %[[MOVED]],
// CHECK: } consumer {
// CHECK-NEXT: scf.for %[[N:.*]] = %{{.*}} to %{{.*}} step %{{.*}} : i32 {
// CHECK-NEXT: tile.ring_acquire %[[FLAGS]][%[[N]]]
// CHECK-NEXT: tile.ring_release %[[FLAGS]][%[[N]]]
// CHECK-NEXT: }
// CHECK-NEXT: } attributes
tile.kernel @flagged attributes {warps = 8, producer_warps = 4} {
  %once = tile.ring : !once
  %rk = tile.ring : !ring
  %rv = tile.ring : !ring
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %end = tile.argument "context" : i32
  %q = tile.view q[%c0, %c0] : <64 x bf16>
  %o = tile.view o[%c0, %c0] : <64 x bf16>
  %one = tile.fill 1.0 : <16 x 1 x f32, row>
  %none = tile.fill 0.0 : <16 x 64 x f32, accumulator>
  tile.roles producer {
    tile.ring_fill %once[%c0] from %q, %q at %c0, %c0 : !once, !tile.view<64 x bf16>, !tile.view<64 x bf16>
  } consumer {
    %rows:2 = tile.ring_acquire %once[%c0] : !once -> !rows, !rows
    %d = scf.for %n = %c0 to %end step %c1 iter_args(%d = %one) -> (!row) : i32 {
      %keys = tile.ring_acquire %rk[%n] : !ring -> !tile
      %s = tile.dot %rows#0, %keys transposed : !rows, !tile -> <16 x 48 x f32, accumulator>
      %m = tile.row_reduce max %s : <16 x 48 x f32, accumulator> -> <16 x 1 x f32, row>
      %grew = tile.map(%m, %d : !row, !row) -> !tile.frag<16 x 1 x i1, row> {
      ^bb0(%x: f32, %y: f32):
        %z = arith.cmpf ogt, %x, %y : f32
        tile.yield %z : i1
      }
      %any = tile.any %grew of warpgroup : !tile.frag<16 x 1 x i1, row>
      %moves = tile.hand_over %any : i1 -> i1
      %dn = scf.if %moves -> (!row) {
        scf.yield %m : !row
      } else {
        scf.yield %d : !row
      }
      tile.ring_release %rk[%n] : !ring
      scf.yield %dn : !row
    }
    %lse = tile.view lse[%c0, %c0] : <1 x f32>
    tile.store %d, %lse[%c0] until %end : <16 x 1 x f32, row>, <1 x f32>
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// Where nothing is handed over, nobody weighs for others: not even a release moves.
// CHECK-LABEL: tile.kernel @together
// CHECK-NEXT: tile.ring : <1 x
// CHECK-NEXT: tile.ring : <3 x
// CHECK-NOT: tile.ring :
// CHECK: tile.roles producer {
// CHECK-NEXT: tile.ring_fill
// CHECK-NEXT: } consumer {
// CHECK-NEXT: tile.ring_acquire
// CHECK-NEXT: tile.ring_acquire
// CHECK-NEXT: tile.dot
// CHECK-NEXT: tile.row_reduce
// CHECK-NEXT: tile.ring_release
// CHECK-NEXT: } attributes {consumer_registers = 240 : i64, producer_registers = 24 : i64}
tile.kernel @together attributes {warps = 8, producer_warps = 4} {
  %once = tile.ring : !once
  %ring = tile.ring : !ring
  %c0 = arith.constant 0 : i32
  %k = tile.view k[%c0, %c0] : <64 x bf16>
  tile.roles producer {
    tile.ring_fill %ring[%c0] from %k at %c0 : !ring, !tile.view<64 x bf16>
  } consumer {
    %rows:2 = tile.ring_acquire %once[%c0] : !once -> !rows, !rows
    %keys = tile.ring_acquire %ring[%c0] : !ring -> !tile
    %s = tile.dot %rows#0, %keys transposed : !rows, !tile -> <16 x 48 x f32, accumulator>
    %m = tile.row_reduce max %s : <16 x 48 x f32, accumulator> -> <16 x 1 x f32, row>
    tile.ring_release %ring[%c0] : !ring
  } attributes {producer_registers = 24, consumer_registers = 240}
}
