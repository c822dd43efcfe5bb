// RUN: lla-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-specialize-roles))' -split-input-file -verify-diagnostics

// Every computing warp would copy.
!ring = !tile.ring<2 x [!tile.shared<64 x 64 x bf16>]>
// expected-error @+1 {{fills a ring without producer warps}}
tile.kernel @no_producer attributes {warps = 4} {
  %ring = tile.ring : <2 x [!tile.shared<64 x 64 x bf16>]>
  %c0 = arith.constant 0 : i32
  %q = tile.view q[%c0, %c0] : <64 x bf16>
  tile.ring_fill %ring[%c0] from %q at %c0 : !ring, !tile.view<64 x bf16>
}

// -----

// The producer warps would compute, on rows that are not theirs.
// expected-error @+1 {{has producer warps and fills no ring}}
tile.kernel @no_ring attributes {warps = 4, producer_warps = 4} {
  %c0 = arith.constant 0 : i32
  %k = tile.view k[%c0, %c0] : <64 x bf16>
  %keys = tile.load %k[%c0] until %c0 : <64 x bf16> -> <16 x 64 x bf16, keys>
}
