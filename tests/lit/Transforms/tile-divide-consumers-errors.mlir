// RUN: lla-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-divide-consumers))' -split-input-file -verify-diagnostics

// Without roles there is nobody to hand over to.
// expected-error @+1 {{hands over outside the consumer of roles}}
tile.kernel @no_roles attributes {warps = 4} {
  %row = tile.fill 0.0 : <16 x 1 x f32, row>
  %handed = tile.hand_over %row : !tile.frag<16 x 1 x f32, row> -> !tile.frag<16 x 1 x f32, row>
}

// -----

// The producer hands over nothing.
// expected-error @+1 {{hands over outside the consumer of roles}}
tile.kernel @producer attributes {warps = 8, producer_warps = 4} {
  tile.roles producer {
    %true = arith.constant true
    %handed = tile.hand_over %true : i1 -> i1
  } consumer {
  ^bb0:
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// -----

// A slot has the number of what is acquired beside it.
tile.kernel @no_number attributes {warps = 8, producer_warps = 4} {
  %ring = tile.ring : <3 x [!tile.shared<64 x 64 x bf16>]>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %end = tile.argument "context" : i32
  %row = tile.fill 1.0 : <16 x 1 x f32, row>
  %zero = tile.fill 0.0 : <16 x 64 x f32, accumulator>
  tile.roles producer {
    %k = tile.view k[%c0, %c0] : <64 x bf16>
    tile.ring_fill %ring[%c0] from %k at %c0 : <3 x [!tile.shared<64 x 64 x bf16>]>, !tile.view<64 x bf16>
  } consumer {
    scf.for %n = %c0 to %end step %c1 : i32 {
      // expected-error @+1 {{expected something to be acquired before, in the loop that hands over}}
      %h = tile.hand_over %row : !tile.frag<16 x 1 x f32, row> -> !tile.frag<16 x 1 x f32, row>
    }
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// -----

// The first tile takes all notes with it.
tile.kernel @note_behind_tile attributes {warps = 8, producer_warps = 4} {
  %ring = tile.ring : <3 x [!tile.shared<64 x 64 x bf16>]>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %end = tile.argument "context" : i32
  %row = tile.fill 1.0 : <16 x 1 x f32, row>
  %zero = tile.fill 0.0 : <16 x 64 x f32, accumulator>
  tile.roles producer {
    %k = tile.view k[%c0, %c0] : <64 x bf16>
    tile.ring_fill %ring[%c0] from %k at %c0 : <3 x [!tile.shared<64 x 64 x bf16>]>, !tile.view<64 x bf16>
  } consumer {
    scf.for %n = %c0 to %end step %c1 : i32 {
      %t = tile.ring_acquire %ring[%n] : <3 x [!tile.shared<64 x 64 x bf16>]> -> !tile.shared<64 x 64 x bf16>
      %p = tile.convert %zero : <16 x 64 x f32, accumulator> -> <16 x 64 x bf16, operand>
      // expected-error @+1 {{expected notes to be handed over before tiles}}
      %h = tile.hand_over %p : !tile.frag<16 x 64 x bf16, operand> -> !tile.shared<64 x 64 x bf16>
      %g = tile.hand_over %row : !tile.frag<16 x 1 x f32, row> -> !tile.frag<16 x 1 x f32, row>
    }
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// -----

// Slots are alike.
tile.kernel @other_tiles attributes {warps = 8, producer_warps = 4} {
  %ring = tile.ring : <3 x [!tile.shared<64 x 64 x bf16>]>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %end = tile.argument "context" : i32
  %row = tile.fill 1.0 : <16 x 1 x f32, row>
  %zero = tile.fill 0.0 : <16 x 64 x f32, accumulator>
  tile.roles producer {
    %k = tile.view k[%c0, %c0] : <64 x bf16>
    tile.ring_fill %ring[%c0] from %k at %c0 : <3 x [!tile.shared<64 x 64 x bf16>]>, !tile.view<64 x bf16>
  } consumer {
    scf.for %n = %c0 to %end step %c1 : i32 {
      %t = tile.ring_acquire %ring[%n] : <3 x [!tile.shared<64 x 64 x bf16>]> -> !tile.shared<64 x 64 x bf16>
      %p = tile.convert %zero : <16 x 64 x f32, accumulator> -> <16 x 64 x bf16, operand>
      %h = tile.hand_over %p : !tile.frag<16 x 64 x bf16, operand> -> !tile.shared<64 x 64 x bf16>
    }
    scf.for %n = %c0 to %end step %c1 : i32 {
      %t = tile.ring_acquire %ring[%n] : <3 x [!tile.shared<64 x 64 x bf16>]> -> !tile.shared<64 x 64 x bf16>
      %p = tile.convert %zero : <16 x 64 x f32, accumulator> -> <16 x 64 x bf16, operand>
      // expected-error @+1 {{expected the same tiles to be handed over in all loops}}
      %h = tile.hand_over %p : !tile.frag<16 x 64 x bf16, operand> -> !tile.shared<64 x 64 x bf16>
      %g = tile.hand_over %p : !tile.frag<16 x 64 x bf16, operand> -> !tile.shared<64 x 64 x bf16>
    }
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// -----

// What one block hands over is one parcel.
tile.kernel @around_a_loop attributes {warps = 8, producer_warps = 4} {
  %ring = tile.ring : <3 x [!tile.shared<64 x 64 x bf16>]>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %end = tile.argument "context" : i32
  %row = tile.fill 1.0 : <16 x 1 x f32, row>
  %zero = tile.fill 0.0 : <16 x 64 x f32, accumulator>
  tile.roles producer {
    %k = tile.view k[%c0, %c0] : <64 x bf16>
    tile.ring_fill %ring[%c0] from %k at %c0 : <3 x [!tile.shared<64 x 64 x bf16>]>, !tile.view<64 x bf16>
  } consumer {
    scf.for %n = %c0 to %end step %c1 : i32 {
      %t = tile.ring_acquire %ring[%n] : <3 x [!tile.shared<64 x 64 x bf16>]> -> !tile.shared<64 x 64 x bf16>
      // expected-error @+1 {{expected no loop that hands over between what its block does}}
      %h = tile.hand_over %row : !tile.frag<16 x 1 x f32, row> -> !tile.frag<16 x 1 x f32, row>
      scf.for %i = %c0 to %end step %c1 : i32 {
        %u = tile.ring_acquire %ring[%i] : <3 x [!tile.shared<64 x 64 x bf16>]> -> !tile.shared<64 x 64 x bf16>
        %f = tile.hand_over %row : !tile.frag<16 x 1 x f32, row> -> !tile.frag<16 x 1 x f32, row>
      }
      %g = tile.hand_over %row : !tile.frag<16 x 1 x f32, row> -> !tile.frag<16 x 1 x f32, row>
    }
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// -----

// A slot that only one branch fills would be awaited in the other.
tile.kernel @tile_in_a_branch attributes {warps = 8, producer_warps = 4} {
  %ring = tile.ring : <2 x [!tile.shared<64 x 64 x bf16>]>
  %k = tile.ring : <2 x [!tile.shared<64 x 64 x bf16>]>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %end = tile.argument "context" : i32
  %some = arith.cmpi sgt, %end, %c1 : i32
  %zero = tile.fill 0.0 : <16 x 64 x f32, accumulator>
  tile.roles producer {
    %kk = tile.view k[%c0, %c0] : <64 x bf16>
    tile.ring_fill %ring[%c0] from %kk at %c0 : <2 x [!tile.shared<64 x 64 x bf16>]>, !tile.view<64 x bf16>
  } consumer {
    %r = scf.for %n = %c0 to %end step %c1 iter_args(%x = %zero) -> (!tile.frag<16 x 64 x f32, accumulator>) : i32 {
      %t = tile.ring_acquire %ring[%n] : <2 x [!tile.shared<64 x 64 x bf16>]> -> !tile.shared<64 x 64 x bf16>
      %p = tile.convert %zero : <16 x 64 x f32, accumulator> -> <16 x 64 x bf16, operand>
      %o = scf.if %some -> (!tile.frag<16 x 64 x f32, accumulator>) {
        // expected-error @+1 {{expected tiles to be handed over in no branch}}
        %h = tile.hand_over %p : !tile.frag<16 x 64 x bf16, operand> -> !tile.shared<64 x 64 x bf16>
        %oo = tile.dot %h, %t plus %x : !tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>, !tile.frag<16 x 64 x f32, accumulator> -> <16 x 64 x f32, accumulator>
        scf.yield %oo : !tile.frag<16 x 64 x f32, accumulator>
      } else {
        scf.yield %x : !tile.frag<16 x 64 x f32, accumulator>
      }
      tile.ring_release %ring[%n] : <2 x [!tile.shared<64 x 64 x bf16>]>
      scf.yield %o : !tile.frag<16 x 64 x f32, accumulator>
    }
    %v = tile.view o[%c0, %c0] : <64 x bf16>
    tile.store %r, %v[%c0] until %end : <16 x 64 x f32, accumulator>, <64 x bf16>
  } attributes {producer_registers = 24, consumer_registers = 240}
}
