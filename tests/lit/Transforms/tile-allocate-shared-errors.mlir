// RUN: lla-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-allocate-shared))' -verify-diagnostics

// One slot of 8192 bytes and its barriers, in what Resources thought to be one slot.
// expected-error @+1 {{needs 8208 bytes of shared memory, expected at most 8192}}
tile.kernel @limit attributes {warps = 4, producer_warps = 4, shared_limit = 8192} {
  %ring = tile.ring : <1 x [!tile.shared<64 x 64 x bf16>]>
}
