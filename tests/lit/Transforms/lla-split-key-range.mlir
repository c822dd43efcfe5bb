// RUN: lla-opt %s --lla-split-key-range | FileCheck %s

#problem = #lla.problem<mode = decode, probe = none, query_heads = 4, kv_heads = 2, context = 4096, head_dim = 64>
#prefill = #lla.problem<mode = prefill, probe = none, query_heads = 4, kv_heads = 2, context = 4096, head_dim = 64>
#gpu = #lla.target<arch = "sm_90a">
!queries = tensor<?x?x4x64xbf16>
!keys = tensor<?x?x2x64xbf16>

// Warps merge first, through shared memory: the grid then exchanges one state per CTA.
// CHECK-LABEL: func.func @warps_then_grid
// CHECK: %[[S0:.*]] = lla.online_init
// CHECK-NEXT: %[[PARTS:.*]] = lla.online_update %[[S0]] {{.*}} -> <64, unmerged = [warps, grid]>
// CHECK-NEXT: %[[W:.*]] = lla.online_merge %[[PARTS]] over warps : <64, unmerged = [warps, grid]> -> <64, unmerged = [grid]>
// CHECK-NEXT: %[[G:.*]] = lla.online_merge %[[W]] over grid : <64, unmerged = [grid]> -> <64>
// CHECK-NEXT: lla.online_finalize %[[G]]
func.func @warps_then_grid(%q: !queries, %k: !keys, %v: !keys, %scale: f32) -> !queries
    attributes {lla.problem = #problem, lla.target = #gpu,
                lla.schedule = #lla.schedule<load = registers, rows = 16, warps = 4, splits = 4>} {
  %0 = lla.online_init : <64>
  %1 = lla.online_update %0 queries %q keys %k values %v scale %scale range whole
    : <64> queries !queries keys !keys values !keys -> <64>
  %o = lla.online_finalize %1 : <64> -> !queries
  return %o : !queries
}

// A ring's warps have rows of their own: clusters and the grid merge what they have.
// CHECK-LABEL: func.func @ring
// CHECK: lla.online_update {{.*}} -> <64, unmerged = [cluster, grid]>
// CHECK-NEXT: lla.online_merge %{{.*}} over cluster : <64, unmerged = [cluster, grid]> -> <64, unmerged = [grid]>
// CHECK-NEXT: lla.online_merge %{{.*}} over grid : <64, unmerged = [grid]> -> <64>
func.func @ring(%q: !queries, %k: !keys, %v: !keys, %scale: f32) -> !queries
    attributes {lla.problem = #prefill, lla.target = #gpu,
                lla.schedule = #lla.schedule<load = ring, rows = 128, keys = 64, warps = 8, splits = 8, cluster = 4>} {
  %0 = lla.online_init : <64>
  %1 = lla.online_update %0 queries %q keys %k values %v scale %scale range whole
    : <64> queries !queries keys !keys values !keys -> <64>
  %o = lla.online_finalize %1 : <64> -> !queries
  return %o : !queries
}

// Eight CTAs in two clusters: a cluster's merge before the grid adds the two.
// CHECK-LABEL: func.func @clusters
// CHECK: lla.online_update {{.*}} -> <64, unmerged = [warps, cluster, grid]>
// CHECK-NEXT: lla.online_merge %{{.*}} over warps : <64, unmerged = [warps, cluster, grid]> -> <64, unmerged = [cluster, grid]>
// CHECK-NEXT: lla.online_merge %{{.*}} over cluster : <64, unmerged = [cluster, grid]> -> <64, unmerged = [grid]>
// CHECK-NEXT: lla.online_merge %{{.*}} over grid : <64, unmerged = [grid]> -> <64>
func.func @clusters(%q: !queries, %k: !keys, %v: !keys, %scale: f32) -> !queries
    attributes {lla.problem = #problem, lla.target = #gpu,
                lla.schedule = #lla.schedule<load = registers, rows = 16, warps = 4, splits = 8, cluster = 4>} {
  %0 = lla.online_init : <64>
  %1 = lla.online_update %0 queries %q keys %k values %v scale %scale range whole
    : <64> queries !queries keys !keys values !keys -> <64>
  %o = lla.online_finalize %1 : <64> -> !queries
  return %o : !queries
}

// Eight CTAs in one cluster: nothing is left for the grid.
// CHECK-LABEL: func.func @one_cluster
// CHECK: lla.online_update {{.*}} -> <64, unmerged = [warps, cluster]>
// CHECK-NEXT: lla.online_merge %{{.*}} over warps
// CHECK-NEXT: lla.online_merge %{{.*}} over cluster : <64, unmerged = [cluster]> -> <64>
// CHECK-NEXT: lla.online_finalize
func.func @one_cluster(%q: !queries, %k: !keys, %v: !keys, %scale: f32) -> !queries
    attributes {lla.problem = #problem, lla.target = #gpu,
                lla.schedule = #lla.schedule<load = registers, rows = 16, warps = 4, splits = 8, cluster = 8>} {
  %0 = lla.online_init : <64>
  %1 = lla.online_update %0 queries %q keys %k values %v scale %scale range whole
    : <64> queries !queries keys !keys values !keys -> <64>
  %o = lla.online_finalize %1 : <64> -> !queries
  return %o : !queries
}

// One row block, four warps: they divide the keys.
// CHECK-LABEL: func.func @warps
// CHECK: lla.online_update {{.*}} -> <64, unmerged = [warps]>
// CHECK-NEXT: lla.online_merge %{{.*}} over warps : <64, unmerged = [warps]> -> <64>
// CHECK-NEXT: lla.online_finalize
func.func @warps(%q: !queries, %k: !keys, %v: !keys, %scale: f32) -> !queries
    attributes {lla.problem = #problem, lla.target = #gpu,
                lla.schedule = #lla.schedule<load = registers, rows = 16, warps = 4>} {
  %0 = lla.online_init : <64>
  %1 = lla.online_update %0 queries %q keys %k values %v scale %scale range whole
    : <64> queries !queries keys !keys values !keys -> <64>
  %o = lla.online_finalize %1 : <64> -> !queries
  return %o : !queries
}

// Four row blocks, four warps: each has its own rows, nothing is split.
// CHECK-LABEL: func.func @own_rows
// CHECK: lla.online_update {{.*}} -> <64>{{$}}
// CHECK-NOT: lla.online_merge
func.func @own_rows(%q: !queries, %k: !keys, %v: !keys, %scale: f32) -> !queries
    attributes {lla.problem = #prefill, lla.target = #gpu,
                lla.schedule = #lla.schedule<load = registers, rows = 64, warps = 4>} {
  %0 = lla.online_init : <64>
  %1 = lla.online_update %0 queries %q keys %k values %v scale %scale range whole
    : <64> queries !queries keys !keys values !keys -> <64>
  %o = lla.online_finalize %1 : <64> -> !queries
  return %o : !queries
}

// A host task is one worker: only tasks split.
// CHECK-LABEL: func.func @host
// CHECK: lla.online_update {{.*}} -> <64, unmerged = [grid]>
// CHECK-NEXT: lla.online_merge %{{.*}} over grid : <64, unmerged = [grid]> -> <64>
// CHECK-NEXT: lla.online_finalize
func.func @host(%q: !queries, %k: !keys, %v: !keys, %scale: f32) -> !queries
    attributes {lla.problem = #problem, lla.target = #lla.target<arch = "host">,
                lla.schedule = #lla.schedule<load = scratch, rows = 2, keys = 128, warps = 1, stages = 1, splits = 8>} {
  %0 = lla.online_init : <64>
  %1 = lla.online_update %0 queries %q keys %k values %v scale %scale range whole
    : <64> queries !queries keys !keys values !keys -> <64>
  %o = lla.online_finalize %1 : <64> -> !queries
  return %o : !queries
}
