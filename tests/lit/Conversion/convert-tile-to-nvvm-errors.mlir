// RUN: lla-opt %s --convert-tile-to-nvvm -split-input-file -verify-diagnostics

// A ring, ones or a merge need their place first.
tile.kernel @ring_without_offset attributes {warps = 4, producer_warps = 4} {
  // expected-error @+1 {{failed to legalize operation 'tile.ring'}}
  %ring = tile.ring : <2 x [!tile.shared<64 x 64 x bf16>]>
}

// -----

tile.kernel @ones_without_offset attributes {warps = 4, producer_warps = 4} {
  // expected-error @+1 {{failed to legalize operation 'tile.ones'}}
  %ones = tile.ones : <16 x 64 x bf16>
}

// -----

!flat = !tile.frag<4 x 64 x f32, flat, threads = 64>
tile.kernel @merge_without_offset attributes {warps = 2} {
  %o = tile.fill 0.0 : <4 x 64 x f32, flat, threads = 64>
  // expected-error @+1 {{failed to legalize operation 'tile.merge'}}
  %g:3, %last = tile.merge over grid %o, %o, %o {columns = 64, key_warps = 2, rows = 4}
    : <4 x 64 x f32, flat, threads = 64>, <4 x 64 x f32, flat, threads = 64>, <4 x 64 x f32, flat, threads = 64>
    -> !flat, !flat, !flat
}

// -----

// What the cluster's CTAs share is all columns.
!share = !tile.frag<16 x 8 x f32, accumulator>
tile.kernel @merge_of_other_shares attributes {warps = 4, cluster = 4} {
  %m = tile.fill 0.0 : <16 x 1 x f32, row>
  %o = tile.fill 0.0 : <16 x 64 x f32, accumulator>
  // expected-error @+2 {{expected the 4 CTAs of the kernel's cluster to share 64 columns, got 32}}
  // expected-error @+1 {{failed to legalize operation 'tile.merge'}}
  %g:3, %last = tile.merge over cluster %m, %m, %o {columns = 64, key_warps = 1, rows = 16}
    : <16 x 1 x f32, row>, <16 x 1 x f32, row>, <16 x 64 x f32, accumulator>
    -> !tile.frag<16 x 1 x f32, row>, !tile.frag<16 x 1 x f32, row>, !share
}

// -----

// Copies become rings first (tile-pipeline-copies).
tile.kernel @copy attributes {warps = 4, producer_warps = 4} {
  %n = tile.argument "context" : i32
  %k = tile.view k[%n, %n] : <64 x bf16>
  // expected-error @+1 {{failed to legalize operation 'tile.copy'}}
  %keys = tile.copy %k[%n] : <64 x bf16> -> <64 x 64 x bf16>
}

// -----

// Dense tiles belong to a host task.
tile.kernel @dense attributes {warps = 1} {
  %n = tile.argument "context" : i32
  %v = tile.view o[%n, %n] : <64 x bf16>
  %o = tile.fill 0.0 : <4 x 64 x f32, dense>
  // expected-error @+1 {{failed to legalize operation 'tile.store'}}
  tile.store %o, %v[%n] until %n : <4 x 64 x f32, dense>, <64 x bf16>
}

// -----

// The products of scores start from zero on this machine.
!rows = !tile.frag<16 x 64 x bf16, rows>
!keys = !tile.frag<16 x 64 x bf16, keys>
tile.kernel @dot_accumulator attributes {warps = 1} {
  %n = tile.argument "context" : i32
  %q = tile.view q[%n, %n] : <64 x bf16>
  %rows = tile.load %q[%n] until %n : <64 x bf16> -> <16 x 64 x bf16, rows>
  %keys = tile.load %q[%n] until %n : <64 x bf16> -> <16 x 64 x bf16, keys>
  %zero = tile.fill 0.0 : <16 x 16 x f32, accumulator>
  // expected-error @+1 {{failed to legalize operation 'tile.dot'}}
  %s = tile.dot %rows, %keys transposed plus %zero
    : !rows, !keys, !tile.frag<16 x 16 x f32, accumulator> -> <16 x 16 x f32, accumulator>
}
