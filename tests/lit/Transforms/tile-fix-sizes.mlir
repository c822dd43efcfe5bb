// RUN: lla-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-fix-sizes))' | FileCheck %s

// Sizes become constants; row_tiles and splits are those of the grid (resources), and what is no size stays an argument.
// CHECK-LABEL: tile.kernel @static
tile.kernel @static attributes {warps = 4, producer_warps = 0, stages = 2,
    lla.problem = #lla.problem<mode = decode, batch = 3, query_heads = 8, kv_heads = 4, context = 700, head_dim = 64>,
    lla.target = #lla.target<arch = "sm_90a">,
    lla.schedule = #lla.schedule<load = registers, rows = 8, keys = 16, splits = 6, cluster = 2, static_sizes = true>} {
  // CHECK-NEXT: arith.constant 3 : i32
  %batch = tile.argument "batch" : i32
  // CHECK-NEXT: arith.constant 4 : i32
  %heads = tile.argument "kv_heads" : i32
  // CHECK-NEXT: arith.constant 700 : i32
  %context = tile.argument "context" : i32
  // CHECK-NEXT: arith.constant 1 : i32
  %rows = tile.argument "query_length" : i32
  // CHECK-NEXT: arith.constant 1 : i32
  %tiles = tile.argument "row_tiles" : i32
  // CHECK-NEXT: arith.constant 6 : i32
  %splits = tile.argument "splits" : i32
  // CHECK-NEXT: tile.argument "pages" : i32
  %pages = tile.argument "pages" : i32
  // CHECK-NEXT: tile.argument "scale_log2" : f32
  %scale = tile.argument "scale_log2" : f32
}

// Without static sizes all are arguments.
// CHECK-LABEL: tile.kernel @dynamic
tile.kernel @dynamic attributes {warps = 4, producer_warps = 0, stages = 2,
    lla.problem = #lla.problem<mode = decode, batch = 3, query_heads = 8, kv_heads = 4, context = 700, head_dim = 64>,
    lla.target = #lla.target<arch = "sm_90a">, lla.schedule = #lla.schedule<load = registers, rows = 8, keys = 16>} {
  // CHECK-NEXT: tile.argument "batch" : i32
  %batch = tile.argument "batch" : i32
}
