// Problem, target, schedule, and the two types of the online algebra.
// RUN: lla-opt %s | lla-opt | FileCheck %s

// Fields that are left out take their defaults; a problem is printed whole, in the order of its JSON form.
// CHECK-LABEL: func.func private @problem
// CHECK-SAME: #lla.problem<version = 1, mode = "decode", probe = "given", lambda = {{[^,]*}}, batch = 1, query_heads = 8, kv_heads = 2, query_length = 1, context = 64, head_dim = 64, dtype = "bf16", layout = "bshd", causal = false, scale = 0.125>
func.func private @problem() attributes {
  lla.problem = #lla.problem<mode = decode, query_heads = 8, kv_heads = 2, context = 64, head_dim = 64>}

// A window implies causal.
// CHECK-LABEL: func.func private @window
// CHECK-SAME: causal = true, window = 4
func.func private @window() attributes {
  lla.problem = #lla.problem<mode = "prefill", context = 64, head_dim = 64, window = 4>}

// Numbers keep their sign and their size.
// CHECK-LABEL: func.func private @negative_scale
// CHECK-SAME: scale = -0.125
func.func private @negative_scale() attributes {
  lla.problem = #lla.problem<context = 64, head_dim = 64, scale = -0.125>}

// CHECK-LABEL: func.func private @large_scale
// CHECK-SAME: scale = 1.0e+22
func.func private @large_scale() attributes {
  lla.problem = #lla.problem<context = 64, head_dim = 64, scale = 1.0e22>}

// CHECK-LABEL: func.func private @small_scale
// CHECK-SAME: scale = 9.5367431640625e-07
func.func private @small_scale() attributes {
  lla.problem = #lla.problem<context = 64, head_dim = 64, scale = 9.5367431640625e-07>}

// CHECK-LABEL: func.func private @serving
// CHECK-SAME: scale = 0.125, ragged = true, page_size = 16>
func.func private @serving() attributes {
  lla.problem = #lla.problem<context = 64, head_dim = 64, page_size = 16, ragged = true>}

// CHECK-LABEL: func.func private @packed
// CHECK-SAME: scale = 0.125, ragged = true, packed_queries = true, packed_keys = true>
func.func private @packed() attributes {
  lla.problem = #lla.problem<context = 64, head_dim = 64, packed_keys = true, packed_queries = true>}

// CHECK-LABEL: func.func private @target
// CHECK-SAME: #lla.target<arch = "sm_90a", multiprocessors = 132
func.func private @target() attributes {
  lla.target = #lla.target<arch = "sm_90a", multiprocessors = 132, shared_bytes_per_block = 232448,
                           shared_bytes_per_multiprocessor = 233472, registers_per_multiprocessor = 65536>}

// CHECK-LABEL: func.func private @schedule
// CHECK-SAME: #lla.schedule<load = "ring", rows = 128, keys = 80, warps = 8, value_parts = 1, stages = 3, splits = 1, cluster = 1, ctas = 1, lazy = 8, overlap = true, peel = true, dependent = false, split_tiles = 1, persistent = false, stream_k = false, pingpong = false, rounded = false, weigher = false, held_rows = false, swapped = false, spread = false, longest_first = false, static_sizes = false>
func.func private @schedule() attributes {
  lla.schedule = #lla.schedule<load = ring, rows = 128, keys = 80, warps = 8, stages = 3, peel = true>}

// CHECK-LABEL: func.func private @state
// CHECK-SAME: (!lla.state<128>, !lla.state<128, probe>, !lla.state<128, probe, unmerged = [warps, grid]>, !lla.state<16, unmerged = [grid]>)
func.func private @state(!lla.state<128>, !lla.state<128, probe>, !lla.state<128, probe, unmerged = [warps, grid]>,
                         !lla.state<16, unmerged = [grid]>)

// CHECK-LABEL: func.func private @rows
// CHECK-SAME: (!lla.rows<bf16, dim = 128, group = 4, stacked>, !lla.rows<f16, dim = 64, group = 1, separate>, !lla.rows<f32, dim = 16, group = 2, none>)
func.func private @rows(!lla.rows<bf16, dim = 128, group = 4, stacked>, !lla.rows<f16, dim = 64, group = 1, separate>,
                        !lla.rows<f32, dim = 16, group = 2, none>)
