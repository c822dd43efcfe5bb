// RUN: lla-opt %s --lla-pack-rows | FileCheck %s

!queries = tensor<?x?x8x64xbf16>
!keys = tensor<?x?x2x64xbf16>
#problem = #lla.problem<query_heads = 8, kv_heads = 2, context = 64, head_dim = 64>

// load = registers: the probes under the queries, four heads of a group in one tile.
// CHECK-LABEL: func.func @stacked
// CHECK-SAME: (%[[S:.*]]: !lla.state<64, probe>, %[[Q:.*]]: tensor<?x?x8x64xbf16>, %[[R:.*]]: tensor<?x?x8x64xbf16>, %[[K:.*]]: tensor<?x?x2x64xbf16>, %[[V:.*]]: tensor<?x?x2x64xbf16>, %[[SCALE:.*]]: f32)
// CHECK-NEXT: %[[ROWS:.*]] = lla.pack_rows %[[Q]], %[[R]] : {{.*}} -> <bf16, dim = 64, group = 4, stacked>
// CHECK-NEXT: lla.online_update %[[S]] rows %[[ROWS]] keys %[[K]] values %[[V]] scale %[[SCALE]] causal window 16 range whole : <64, probe> rows
// CHECK-NOT: queries
func.func @stacked(%s: !lla.state<64, probe>, %q: !queries, %r: !queries, %k: !keys, %v: !keys, %scale: f32)
    -> !lla.state<64, probe, unmerged = [grid]> attributes {lla.problem = #problem, lla.schedule = #lla.schedule<load = registers>} {
  %0 = lla.online_update %s queries %q probe %r keys %k values %v scale %scale causal window 16 range whole
    : <64, probe> queries !queries probe !queries keys !keys values !keys -> <64, probe, unmerged = [grid]>
  return %0 : !lla.state<64, probe, unmerged = [grid]>
}

// load = ring: a tile of queries and a tile of probes, of the group's four heads.
// CHECK-LABEL: func.func @separate_ring
// CHECK: lla.pack_rows %{{.*}}, %{{.*}} -> <bf16, dim = 64, group = 4, separate>
func.func @separate_ring(%s: !lla.state<64, probe>, %q: !queries, %r: !queries, %k: !keys, %v: !keys, %scale: f32)
    -> !lla.state<64, probe> attributes {lla.problem = #problem, lla.schedule = #lla.schedule<load = ring>} {
  %0 = lla.online_update %s queries %q probe %r keys %k values %v scale %scale range whole
    : <64, probe> queries !queries probe !queries keys !keys values !keys -> <64, probe>
  return %0 : !lla.state<64, probe>
}

// Of a decode any group's heads: three have four rows.
// CHECK-LABEL: func.func @ring_of_three_heads
// CHECK: lla.pack_rows %{{.*}}, %{{.*}} -> <bf16, dim = 64, group = 3, separate>
func.func @ring_of_three_heads(%s: !lla.state<64, probe>, %q: tensor<?x?x6x64xbf16>, %r: tensor<?x?x6x64xbf16>, %k: !keys,
    %v: !keys, %scale: f32) -> !lla.state<64, probe>
    attributes {lla.problem = #lla.problem<query_heads = 6, kv_heads = 2, context = 64, head_dim = 64>,
                lla.schedule = #lla.schedule<load = ring, rows = 64, keys = 64>} {
  %0 = lla.online_update %s queries %q probe %r keys %k values %v scale %scale range whole
    : <64, probe> queries tensor<?x?x6x64xbf16> probe tensor<?x?x6x64xbf16> keys !keys values !keys
    -> !lla.state<64, probe>
  return %0 : !lla.state<64, probe>
}

// A prefill's group that would leave rows idle, or a window of fewer rows than keys: each head has its own tiles.
// CHECK-LABEL: func.func @ring_of_one_head
// CHECK: lla.pack_rows %{{.*}}, %{{.*}} -> <bf16, dim = 64, group = 1, separate>
func.func @ring_of_one_head(%s: !lla.state<64, probe>, %q: tensor<?x?x6x64xbf16>, %r: tensor<?x?x6x64xbf16>, %k: !keys,
    %v: !keys, %scale: f32) -> !lla.state<64, probe>
    attributes {lla.problem = #lla.problem<mode = prefill, query_heads = 6, kv_heads = 2, context = 64, head_dim = 64>,
                lla.schedule = #lla.schedule<load = ring, rows = 64, keys = 64>} {
  %0 = lla.online_update %s queries %q probe %r keys %k values %v scale %scale range whole
    : <64, probe> queries tensor<?x?x6x64xbf16> probe tensor<?x?x6x64xbf16> keys !keys values !keys
    -> !lla.state<64, probe>
  return %0 : !lla.state<64, probe>
}
// CHECK-LABEL: func.func @ring_with_a_window
// CHECK: lla.pack_rows %{{.*}}, %{{.*}} -> <bf16, dim = 64, group = 1, separate>
func.func @ring_with_a_window(%s: !lla.state<64, probe>, %q: !queries, %r: !queries, %k: !keys, %v: !keys, %scale: f32)
    -> !lla.state<64, probe>
    attributes {lla.problem = #lla.problem<query_heads = 8, kv_heads = 2, context = 64, head_dim = 64, causal = true, window = 16>,
                lla.schedule = #lla.schedule<load = ring, rows = 64, keys = 32>} {
  %0 = lla.online_update %s queries %q probe %r keys %k values %v scale %scale causal window 16 range whole
    : <64, probe> queries !queries probe !queries keys !keys values !keys -> !lla.state<64, probe>
  return %0 : !lla.state<64, probe>
}

// load = scratch: separate, but the group shares its keys.
// CHECK-LABEL: func.func @separate_scratch
// CHECK: lla.pack_rows %{{.*}}, %{{.*}} -> <bf16, dim = 64, group = 4, separate>
func.func @separate_scratch(%s: !lla.state<64, probe>, %q: !queries, %r: !queries, %k: !keys, %v: !keys, %scale: f32)
    -> !lla.state<64, probe> attributes {lla.problem = #problem, lla.schedule = #lla.schedule<load = scratch>} {
  %0 = lla.online_update %s queries %q probe %r keys %k values %v scale %scale range whole
    : <64, probe> queries !queries probe !queries keys !keys values !keys -> <64, probe>
  return %0 : !lla.state<64, probe>
}

// Without a probe all rows are query rows.
// CHECK-LABEL: func.func @no_probe
// CHECK: lla.pack_rows %{{[^,]*}} : tensor<?x?x8x64xbf16> -> <bf16, dim = 64, group = 4, none>
func.func @no_probe(%s: !lla.state<64>, %q: !queries, %k: !keys, %v: !keys, %scale: f32) -> !lla.state<64>
    attributes {lla.problem = #problem, lla.schedule = #lla.schedule<load = registers>} {
  %0 = lla.online_update %s queries %q keys %k values %v scale %scale range whole
    : <64> queries !queries keys !keys values !keys -> <64>
  return %0 : !lla.state<64>
}

// Packed rows stay as they are.
// CHECK-LABEL: func.func @already_packed
// CHECK-NOT: lla.pack_rows
// CHECK: lla.online_update %{{.*}} rows
func.func @already_packed(%s: !lla.state<64>, %rows: !lla.rows<bf16, dim = 64, group = 4, none>, %k: !keys, %v: !keys,
    %scale: f32) -> !lla.state<64> attributes {lla.problem = #problem, lla.schedule = #lla.schedule<load = registers>} {
  %0 = lla.online_update %s rows %rows keys %k values %v scale %scale range whole
    : <64> rows !lla.rows<bf16, dim = 64, group = 4, none> keys !keys values !keys -> <64>
  return %0 : !lla.state<64>
}
