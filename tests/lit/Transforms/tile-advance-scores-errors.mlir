// RUN: lla-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-advance-scores))' -split-input-file -verify-diagnostics

// The first tile's scores are formed before the loop.
tile.kernel @from_one attributes {warps = 8, producer_warps = 4} {
  %ring = tile.ring : <3 x [!tile.shared<64 x 64 x bf16>]>
  %q = tile.ring : <1 x [!tile.shared<64 x 64 x bf16>]>
  %out = tile.ring {fillers = 128, readers = 4} : <2 x [], notes = 256>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %end = tile.argument "context" : i32
  %base = tile.argument "query_length" : i32
  tile.roles producer {
    %k = tile.view k[%c0, %c0] : <64 x bf16>
    tile.ring_fill %ring[%c0] from %k at %c0 : <3 x [!tile.shared<64 x 64 x bf16>]>, !tile.view<64 x bf16>
  } weigher {
    %a = tile.ring_acquire %q[%c0] : <1 x [!tile.shared<64 x 64 x bf16>]> -> !tile.shared<64 x 64 x bf16>
    %z = tile.fill 0.0 : <16 x 1 x f32, row>
    // expected-error @+1 {{expected key loops that count from 0 up to an end that is known before}}
    %r = scf.for %n = %c1 to %end step %c1 iter_args(%acc = %z) -> (!tile.frag<16 x 1 x f32, row>) : i32 {
      %m = arith.addi %base, %n : i32
      %t = tile.ring_acquire %ring[%m] : <3 x [!tile.shared<64 x 64 x bf16>]> -> !tile.shared<64 x 64 x bf16>
      %s = tile.dot %a, %t transposed : !tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16> -> <16 x 64 x f32, accumulator>
      %s2 = tile.dot %a, %t transposed : !tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16> -> <16 x 64 x f32, accumulator>
      %x = tile.row_reduce max %s : <16 x 64 x f32, accumulator> -> <16 x 1 x f32, row>
      %y = tile.row_reduce max %s2 : <16 x 64 x f32, accumulator> -> <16 x 1 x f32, row>
      tile.ring_release %ring[%m] : <3 x [!tile.shared<64 x 64 x bf16>]>
      scf.yield %y : !tile.frag<16 x 1 x f32, row>
    }
    tile.ring_claim %out[%c0] : <2 x [], notes = 256>
    tile.note %r in %out[%c0] at 0 : !tile.frag<16 x 1 x f32, row>, <2 x [], notes = 256>
    tile.ring_commit %out[%c0] : <2 x [], notes = 256>
  } consumer {
    tile.ring_acquire %out[%c0] : <2 x [], notes = 256>
    tile.ring_release %out[%c0] : <2 x [], notes = 256>
  } attributes {producer_registers = 24, weigher_registers = 240, consumer_registers = 240}
}

// -----

// Which tile is the next one must be known.
tile.kernel @number_of_something_else attributes {warps = 8, producer_warps = 4} {
  %ring = tile.ring : <3 x [!tile.shared<64 x 64 x bf16>]>
  %q = tile.ring : <1 x [!tile.shared<64 x 64 x bf16>]>
  %out = tile.ring {fillers = 128, readers = 4} : <2 x [], notes = 256>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %end = tile.argument "context" : i32
  %base = tile.argument "query_length" : i32
  tile.roles producer {
    %k = tile.view k[%c0, %c0] : <64 x bf16>
    tile.ring_fill %ring[%c0] from %k at %c0 : <3 x [!tile.shared<64 x 64 x bf16>]>, !tile.view<64 x bf16>
  } weigher {
    %a = tile.ring_acquire %q[%c0] : <1 x [!tile.shared<64 x 64 x bf16>]> -> !tile.shared<64 x 64 x bf16>
    %z = tile.fill 0.0 : <16 x 1 x f32, row>
    %r = scf.for %n = %c0 to %end step %c1 iter_args(%acc = %z) -> (!tile.frag<16 x 1 x f32, row>) : i32 {
      %m = arith.muli %base, %n : i32
      // expected-error @+1 {{expected the loop's count, or a sum of it, as a tile's number}}
      %t = tile.ring_acquire %ring[%m] : <3 x [!tile.shared<64 x 64 x bf16>]> -> !tile.shared<64 x 64 x bf16>
      %s = tile.dot %a, %t transposed : !tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16> -> <16 x 64 x f32, accumulator>
      %s2 = tile.dot %a, %t transposed : !tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16> -> <16 x 64 x f32, accumulator>
      %x = tile.row_reduce max %s : <16 x 64 x f32, accumulator> -> <16 x 1 x f32, row>
      %y = tile.row_reduce max %s2 : <16 x 64 x f32, accumulator> -> <16 x 1 x f32, row>
      tile.ring_release %ring[%m] : <3 x [!tile.shared<64 x 64 x bf16>]>
      scf.yield %y : !tile.frag<16 x 1 x f32, row>
    }
    tile.ring_claim %out[%c0] : <2 x [], notes = 256>
    tile.note %r in %out[%c0] at 0 : !tile.frag<16 x 1 x f32, row>, <2 x [], notes = 256>
    tile.ring_commit %out[%c0] : <2 x [], notes = 256>
  } consumer {
    tile.ring_acquire %out[%c0] : <2 x [], notes = 256>
    tile.ring_release %out[%c0] : <2 x [], notes = 256>
  } attributes {producer_registers = 24, weigher_registers = 240, consumer_registers = 240}
}

// -----

// The next tile is the next one.
tile.kernel @two_at_a_time attributes {warps = 8, producer_warps = 4} {
  %ring = tile.ring : <3 x [!tile.shared<64 x 64 x bf16>]>
  %q = tile.ring : <1 x [!tile.shared<64 x 64 x bf16>]>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %middle = tile.argument "row_tiles" : i32
  %end = tile.argument "context" : i32
  tile.roles producer {
    %k = tile.view k[%c0, %c0] : <64 x bf16>
    tile.ring_fill %ring[%c0] from %k at %c0 : <3 x [!tile.shared<64 x 64 x bf16>]>, !tile.view<64 x bf16>
  } weigher {
    %a = tile.ring_acquire %q[%c0] : <1 x [!tile.shared<64 x 64 x bf16>]> -> !tile.shared<64 x 64 x bf16>
    // expected-error @+1 {{expected a key loop that counts one by one}}
    scf.for %n = %c0 to %end step %c2 : i32 {
      %t = tile.ring_acquire %ring[%n] : <3 x [!tile.shared<64 x 64 x bf16>]> -> !tile.shared<64 x 64 x bf16>
      %s = tile.dot %a, %t transposed : !tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16> -> <16 x 64 x f32, accumulator>
      %x = tile.row_reduce max %s : <16 x 64 x f32, accumulator> -> <16 x 1 x f32, row>
      tile.ring_release %ring[%n] : <3 x [!tile.shared<64 x 64 x bf16>]>
    }
  } consumer {
  ^bb0:
  } attributes {producer_registers = 24, weigher_registers = 240, consumer_registers = 240}
}

// -----

// The scores that one loop leaves are of the next one's first tile.
tile.kernel @two_rings attributes {warps = 8, producer_warps = 4} {
  %ring = tile.ring : <3 x [!tile.shared<64 x 64 x bf16>]>
  %other = tile.ring : <3 x [!tile.shared<64 x 64 x bf16>]>
  %q = tile.ring : <1 x [!tile.shared<64 x 64 x bf16>]>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %middle = tile.argument "row_tiles" : i32
  %end = tile.argument "context" : i32
  tile.roles producer {
    %k = tile.view k[%c0, %c0] : <64 x bf16>
    tile.ring_fill %ring[%c0] from %k at %c0 : <3 x [!tile.shared<64 x 64 x bf16>]>, !tile.view<64 x bf16>
  } weigher {
    %a = tile.ring_acquire %q[%c0] : <1 x [!tile.shared<64 x 64 x bf16>]> -> !tile.shared<64 x 64 x bf16>
    scf.for %n = %c0 to %middle step %c1 : i32 {
      %t = tile.ring_acquire %ring[%n] : <3 x [!tile.shared<64 x 64 x bf16>]> -> !tile.shared<64 x 64 x bf16>
      %s = tile.dot %a, %t transposed : !tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16> -> <16 x 64 x f32, accumulator>
      %x = tile.row_reduce max %s : <16 x 64 x f32, accumulator> -> <16 x 1 x f32, row>
      tile.ring_release %ring[%n] : <3 x [!tile.shared<64 x 64 x bf16>]>
    }
    // expected-error @+1 {{expected a row tile's key loops to acquire from one ring}}
    scf.for %n = %middle to %end step %c1 : i32 {
      %t = tile.ring_acquire %other[%n] : <3 x [!tile.shared<64 x 64 x bf16>]> -> !tile.shared<64 x 64 x bf16>
      %s = tile.dot %a, %t transposed : !tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16> -> <16 x 64 x f32, accumulator>
      %x = tile.row_reduce max %s : <16 x 64 x f32, accumulator> -> <16 x 1 x f32, row>
      tile.ring_release %other[%n] : <3 x [!tile.shared<64 x 64 x bf16>]>
    }
  } consumer {
  ^bb0:
  } attributes {producer_registers = 24, weigher_registers = 240, consumer_registers = 240}
}
