// RUN: lla-opt %s --split-input-file --verify-diagnostics --convert-tile-to-vector=vector-bits=512

// expected-error @+1 {{expected at most 64 bytes of scratch, got 1024}}
tile.kernel @too_large attributes {warps = 1 : i64, shared_limit = 64 : i64} {
  %a = tile.fill 1.0 : !tile.frag<16 x 16 x f32, dense>
}

// -----

tile.kernel @not_dense attributes {warps = 1 : i64} {
  // expected-error @+1 {{expected dense tiles of f32 or i1 on the host}}
  %a = tile.fill 1.0 : !tile.frag<16 x 16 x f32, accumulator>
}

// -----

tile.kernel @not_elementwise attributes {warps = 1 : i64, shared_limit = 4096 : i64} {
  %zero = arith.constant 0 : i32
  %a = tile.fill 1.0 : !tile.frag<16 x 16 x f32, dense>
  %b = tile.map (%a : !tile.frag<16 x 16 x f32, dense>) -> !tile.frag<16 x 16 x f32, dense> {
  ^bb0(%x: f32):
    // expected-error @+1 {{expected an elementwise operation in a map on the host}}
    %p = tile.argument "scale_log2" : f32
    tile.yield %p : f32
  }
}

// -----

tile.kernel @odd_transposition attributes {warps = 1 : i64, shared_limit = 4096 : i64} {
  %zero = arith.constant 0 : i32
  %k = tile.view k[%zero, %zero] : !tile.view<16 x f32>
  // expected-error @+1 {{expected rows in multiples of 16 to transpose, got 20}}
  %t = tile.load %k[%zero] until %zero transposed
    : !tile.view<16 x f32> -> !tile.frag<16 x 20 x f32, dense>
}

// -----

tile.kernel @odd_columns attributes {warps = 1 : i64, shared_limit = 8192 : i64} {
  %a = tile.fill 1.0 : !tile.frag<1 x 32 x f32, dense>
  %b = tile.fill 1.0 : !tile.frag<20 x 32 x f32, dense>
  // expected-error @+1 {{expected columns in multiples of 16, got 20}}
  %c = tile.dot %a, %b transposed : !tile.frag<1 x 32 x f32, dense>, !tile.frag<20 x 32 x f32, dense>
    -> !tile.frag<1 x 20 x f32, dense>
}

// -----

tile.kernel @no_while attributes {warps = 1 : i64, shared_limit = 4096 : i64} {
  // expected-error @+1 {{expected a scalar operation, or one of the tile dialect that the host has}}
  scf.execute_region {
    scf.yield
  }
}
