// RUN: lla-opt %s --lla-peel-mask-ranges | FileCheck %s

!rows = !lla.rows<bf16, dim = 64, group = 1, none>
!keys = tensor<?x?x2x64xbf16>

// Three ranges in key order, each on the state of the one before; else they are alike.
// CHECK-LABEL: func.func @window
// CHECK-SAME: (%[[S:.*]]: !lla.state<64>, %[[ROWS:.*]]: !lla.rows<{{.*}}>, %[[K:.*]]: tensor<{{.*}}>, %[[V:.*]]: tensor<{{.*}}>, %[[SCALE:.*]]: f32)
// CHECK-NEXT: %[[A:.*]] = lla.online_update %[[S]] rows %[[ROWS]] keys %[[K]] values %[[V]] scale %[[SCALE]] causal window 32 range window_edge :
// CHECK-NEXT: %[[B:.*]] = lla.online_update %[[A]] rows %[[ROWS]] keys %[[K]] values %[[V]] scale %[[SCALE]] causal window 32 range interior :
// CHECK-NEXT: %[[C:.*]] = lla.online_update %[[B]] rows %[[ROWS]] keys %[[K]] values %[[V]] scale %[[SCALE]] causal window 32 range causal_edge :
// CHECK-NEXT: return %[[C]]
func.func @window(%s: !lla.state<64>, %rows: !rows, %k: !keys, %v: !keys, %scale: f32) -> !lla.state<64>
    attributes {lla.schedule = #lla.schedule<peel = true>} {
  %0 = lla.online_update %s rows %rows keys %k values %v scale %scale causal window 32 range whole
    : <64> rows !rows keys !keys values !keys -> <64>
  return %0 : !lla.state<64>
}

// Without a window every row sees key 0.
// CHECK-LABEL: func.func @causal
// CHECK-NOT: window_edge
// CHECK: %[[B:.*]] = lla.online_update %{{.*}} causal range interior :
// CHECK-NEXT: %[[C:.*]] = lla.online_update %[[B]] {{.*}} causal range causal_edge :
// CHECK-NEXT: return %[[C]]
func.func @causal(%s: !lla.state<64>, %rows: !rows, %k: !keys, %v: !keys, %scale: f32) -> !lla.state<64>
    attributes {lla.schedule = #lla.schedule<peel = true>} {
  %0 = lla.online_update %s rows %rows keys %k values %v scale %scale causal range whole
    : <64> rows !rows keys !keys values !keys -> <64>
  return %0 : !lla.state<64>
}

// A full attention's last key tile may be partial: it is an edge too.
// CHECK-LABEL: func.func @full
// CHECK: range interior :
// CHECK-NEXT: range causal_edge :
// CHECK-NEXT: return
func.func @full(%s: !lla.state<64>, %rows: !rows, %k: !keys, %v: !keys, %scale: f32) -> !lla.state<64>
    attributes {lla.schedule = #lla.schedule<peel = true>} {
  %0 = lla.online_update %s rows %rows keys %k values %v scale %scale range whole
    : <64> rows !rows keys !keys values !keys -> <64>
  return %0 : !lla.state<64>
}

// With load = ring the first tile is by itself (unless in decode), before all ranges.
// CHECK-LABEL: func.func @ring
// CHECK-NEXT: %[[A:.*]] = lla.online_update %{{.*}} causal window 32 range first :
// CHECK-NEXT: %[[B:.*]] = lla.online_update %[[A]] {{.*}} causal window 32 range window_edge :
// CHECK-NEXT: %[[C:.*]] = lla.online_update %[[B]] {{.*}} causal window 32 range interior :
// CHECK-NEXT: %[[D:.*]] = lla.online_update %[[C]] {{.*}} causal window 32 range causal_edge :
// CHECK-NEXT: return %[[D]]
func.func @ring(%s: !lla.state<64>, %rows: !rows, %k: !keys, %v: !keys, %scale: f32) -> !lla.state<64>
    attributes {lla.schedule = #lla.schedule<load = ring, peel = true>} {
  %0 = lla.online_update %s rows %rows keys %k values %v scale %scale causal window 32 range whole
    : <64> rows !rows keys !keys values !keys -> <64>
  return %0 : !lla.state<64>
}

// In decode it is one of many, and like them.
// CHECK-LABEL: func.func @ring_in_decode
// CHECK-NEXT: %[[A:.*]] = lla.online_update %{{.*}} range interior :
func.func @ring_in_decode(%s: !lla.state<64>, %rows: !rows, %k: !keys, %v: !keys, %scale: f32) -> !lla.state<64>
    attributes {lla.problem = #lla.problem<mode = decode, context = 4096, head_dim = 64>,
                lla.schedule = #lla.schedule<load = ring, peel = true>} {
  %0 = lla.online_update %s rows %rows keys %k values %v scale %scale range whole
    : <64> rows !rows keys !keys values !keys -> <64>
  return %0 : !lla.state<64>
}

// Only the schedule decides.
// CHECK-LABEL: func.func @not_asked_for
// CHECK-NEXT: lla.online_update %{{.*}} causal window 32 range whole :
// CHECK-NEXT: return
func.func @not_asked_for(%s: !lla.state<64>, %rows: !rows, %k: !keys, %v: !keys, %scale: f32) -> !lla.state<64>
    attributes {lla.schedule = #lla.schedule<peel = false>} {
  %0 = lla.online_update %s rows %rows keys %k values %v scale %scale causal window 32 range whole
    : <64> rows !rows keys !keys values !keys -> <64>
  return %0 : !lla.state<64>
}

// Unmerged states are peeled likewise: every part of the keys has all ranges.
// CHECK-LABEL: func.func @unmerged
// CHECK: %[[B:.*]] = lla.online_update %{{.*}} range interior : <64> {{.*}} -> <64, unmerged = [grid]>
// CHECK-NEXT: %[[C:.*]] = lla.online_update %[[B]] {{.*}} range causal_edge : <64, unmerged = [grid]> {{.*}} -> <64, unmerged = [grid]>
// CHECK-NEXT: lla.online_merge %[[C]] over grid
func.func @unmerged(%s: !lla.state<64>, %rows: !rows, %k: !keys, %v: !keys, %scale: f32) -> !lla.state<64>
    attributes {lla.schedule = #lla.schedule<peel = true>} {
  %0 = lla.online_update %s rows %rows keys %k values %v scale %scale range whole
    : <64> rows !rows keys !keys values !keys -> <64, unmerged = [grid]>
  %1 = lla.online_merge %0 over grid : <64, unmerged = [grid]> -> <64>
  return %1 : !lla.state<64>
}

// A sequence may start within a page, where its first tile began before it; on the host tiles begin with the sequence.
// CHECK-LABEL: func.func @paged
// CHECK: lla.online_update {{.*}} range window_edge :
// CHECK-NEXT: lla.online_update {{.*}} range interior :
// CHECK-NEXT: lla.online_update {{.*}} range causal_edge :
// CHECK-NEXT: return
func.func @paged(%s: !lla.state<64>, %rows: !rows, %k: !keys, %v: !keys, %scale: f32, %lengths: tensor<?xi32>,
    %starts: tensor<?xi32>, %table: tensor<?x?xi32>) -> !lla.state<64>
    attributes {lla.schedule = #lla.schedule<peel = true>} {
  %0 = lla.online_update %s rows %rows keys %k values %v scale %scale lengths %lengths starts %starts pages %table of 16
    range whole : <64> rows !rows keys !keys values !keys -> <64>
  return %0 : !lla.state<64>
}

// CHECK-LABEL: func.func @paged_host
// CHECK-NOT: window_edge
// CHECK: range causal_edge :
func.func @paged_host(%s: !lla.state<64>, %rows: !rows, %k: !keys, %v: !keys, %scale: f32, %lengths: tensor<?xi32>,
    %starts: tensor<?xi32>, %table: tensor<?x?xi32>) -> !lla.state<64>
    attributes {lla.schedule = #lla.schedule<load = scratch, peel = true>} {
  %0 = lla.online_update %s rows %rows keys %k values %v scale %scale lengths %lengths starts %starts pages %table of 16
    range whole : <64> rows !rows keys !keys values !keys -> <64>
  return %0 : !lla.state<64>
}

// Lengths alone: without pages tiles begin where the sequence does.
// CHECK-LABEL: func.func @ragged
// CHECK-NOT: window_edge
// CHECK: range causal_edge :
func.func @ragged(%s: !lla.state<64>, %rows: !rows, %k: !keys, %v: !keys, %scale: f32, %lengths: tensor<?xi32>,
    %starts: tensor<?xi32>) -> !lla.state<64>
    attributes {lla.schedule = #lla.schedule<peel = true>} {
  %0 = lla.online_update %s rows %rows keys %k values %v scale %scale lengths %lengths starts %starts range whole
    : <64> rows !rows keys !keys values !keys -> <64>
  return %0 : !lla.state<64>
}
