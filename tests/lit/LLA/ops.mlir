// Every op of the dialect, printed and read again.
// RUN: lla-opt %s | lla-opt | FileCheck %s
// RUN: lla-opt %s -mlir-print-op-generic | lla-opt | FileCheck %s

!queries = tensor<?x?x16x128xbf16>
!keys = tensor<?x?x8x128xbf16>

// CHECK-LABEL: @attention
// CHECK-SAME: (%[[Q:.*]]: tensor<?x?x16x128xbf16>, %[[R:.*]]: tensor<?x?x16x128xbf16>, %[[K:.*]]: tensor<?x?x8x128xbf16>, %[[V:.*]]: tensor<?x?x8x128xbf16>, %[[SCALE:.*]]: f32)
// CHECK: lla.attention %[[Q]] probe %[[R]] keys %[[K]] values %[[V]] scale %[[SCALE]] causal : tensor<?x?x16x128xbf16>, tensor<?x?x8x128xbf16> -> tensor<?x?x16x128xbf16>
func.func @attention(%q: !queries, %r: !queries, %k: !keys, %v: !keys, %scale: f32) -> !queries {
  %o = lla.attention %q probe %r keys %k values %v scale %scale causal : !queries, !keys -> !queries
  return %o : !queries
}

// CHECK-LABEL: @softmax_window
// CHECK: lla.attention %{{.*}} keys %{{.*}} values %{{.*}} scale %{{.*}} causal window 64 : tensor<2x4x4x16xf32>, tensor<2x9x1x16xf32> -> tensor<2x4x4x16xf32>
func.func @softmax_window(%q: tensor<2x4x4x16xf32>, %k: tensor<2x9x1x16xf32>, %v: tensor<2x9x1x16xf32>, %scale: f32)
    -> tensor<2x4x4x16xf32> {
  %o = lla.attention %q keys %k values %v scale %scale causal window 64
    : tensor<2x4x4x16xf32>, tensor<2x9x1x16xf32> -> tensor<2x4x4x16xf32>
  return %o : tensor<2x4x4x16xf32>
}

// An output in fp32.
// CHECK-LABEL: @wide
// CHECK: lla.attention {{.*}} : tensor<2x4x4x16xbf16>, tensor<2x9x1x16xbf16> -> tensor<2x4x4x16xf32>
func.func @wide(%q: tensor<2x4x4x16xbf16>, %k: tensor<2x9x1x16xbf16>, %scale: f32) -> tensor<2x4x4x16xf32> {
  %o = lla.attention %q keys %k values %k scale %scale
    : tensor<2x4x4x16xbf16>, tensor<2x9x1x16xbf16> -> tensor<2x4x4x16xf32>
  return %o : tensor<2x4x4x16xf32>
}

// The state of each row, beside the output.
// CHECK-LABEL: @state
// CHECK: %{{.*}}, %{{.*}}:3 = lla.attention %{{.*}} keys %{{.*}} values %{{.*}} scale %{{.*}} : tensor<2x4x4x16xbf16>, tensor<2x9x1x16xbf16> -> tensor<2x4x4x16xbf16>, tensor<2x4x4xf32>, tensor<2x4x4xf32>, tensor<2x4x4x16xf32>
// CHECK: %{{.*}}, %{{.*}}, %{{.*}} = lla.online_statistics %{{.*}} : <16, probe> -> tensor<2x4x4xf32>, tensor<2x4x4xf32>, tensor<2x4x4x16xf32>
func.func @state(%q: tensor<2x4x4x16xbf16>, %k: tensor<2x9x1x16xbf16>, %scale: f32, %s: !lla.state<16, probe>) {
  %o, %lse, %tbar, %vbar = lla.attention %q keys %k values %k scale %scale
    : tensor<2x4x4x16xbf16>, tensor<2x9x1x16xbf16>
    -> tensor<2x4x4x16xbf16>, tensor<2x4x4xf32>, tensor<2x4x4xf32>, tensor<2x4x4x16xf32>
  %l, %t, %v = lla.online_statistics %s
    : <16, probe> -> tensor<2x4x4xf32>, tensor<2x4x4xf32>, tensor<2x4x4x16xf32>
  return
}

// Results of shards; o may be rounded on the way out.
// CHECK-LABEL: @merge
// CHECK: %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} = lla.merge_states %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : (tensor<?x2x4x8x64xf32>, tensor<?x2x4x8xf32>, tensor<?x2x4x8xf32>, tensor<?x2x4x8x64xf32>) -> (tensor<2x4x8x64xbf16>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8x64xf32>)
func.func @merge(%o: tensor<?x2x4x8x64xf32>, %lse: tensor<?x2x4x8xf32>, %tbar: tensor<?x2x4x8xf32>) {
  %0:4 = lla.merge_states %o, %lse, %tbar, %o
    : (tensor<?x2x4x8x64xf32>, tensor<?x2x4x8xf32>, tensor<?x2x4x8xf32>, tensor<?x2x4x8x64xf32>)
    -> (tensor<2x4x8x64xbf16>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8x64xf32>)
  return
}

// Lengths of their own, keys in pages.
// CHECK-LABEL: @serving
// CHECK-SAME: %[[LENGTHS:[a-z0-9]+]]: tensor<?xi32>, %[[STARTS:[a-z0-9]+]]: tensor<?xi32>, %[[TABLE:[a-z0-9]+]]: tensor<?x?xi32>)
// CHECK: lla.attention %{{.*}} keys %{{.*}} values %{{.*}} scale %{{.*}} lengths %[[LENGTHS]] starts %[[STARTS]] causal :
// CHECK: lla.attention %{{.*}} keys %{{.*}} values %{{.*}} scale %{{.*}} lengths %[[LENGTHS]] starts %[[STARTS]] pages %[[TABLE]] of 64 causal window 9 :
// CHECK: lla.online_update %{{.*}} queries %{{.*}} keys %{{.*}} values %{{.*}} scale %{{.*}} lengths %[[LENGTHS]] starts %[[STARTS]] pages %[[TABLE]] of 64 range whole : <128> queries
func.func @serving(%q: !queries, %k: !keys, %scale: f32, %s: !lla.state<128>, %lengths: tensor<?xi32>,
    %starts: tensor<?xi32>, %table: tensor<?x?xi32>) {
  %0 = lla.attention %q keys %k values %k scale %scale lengths %lengths starts %starts causal
    : !queries, !keys -> !queries
  %1 = lla.attention %q keys %k values %k scale %scale lengths %lengths starts %starts pages %table of 64 causal window 9
    : !queries, !keys -> !queries
  %2 = lla.online_update %s queries %q keys %k values %k scale %scale lengths %lengths starts %starts pages %table of 64
    range whole : <128> queries !queries keys !keys values !keys -> <128>
  return
}

// Sequences one behind the other: query rows, keys, and both.
// CHECK-LABEL: @packed_sequences
// CHECK-SAME: %[[LENGTHS:[a-z0-9]+]]: tensor<?xi32>, %[[PLACES:[a-z0-9]+]]: tensor<?xi32>, %[[TABLE:[a-z0-9]+]]: tensor<?x?xi32>)
// CHECK: lla.attention %{{.*}} lengths %[[LENGTHS]] starts %[[LENGTHS]] cu_seqlens_q %[[PLACES]] pages %[[TABLE]] of 64 causal :
// CHECK: lla.attention %{{.*}} lengths %[[LENGTHS]] starts %[[LENGTHS]] cu_seqlens_k %[[PLACES]] :
// CHECK: lla.online_update %{{.*}} lengths %[[LENGTHS]] starts %[[LENGTHS]] cu_seqlens_q %[[PLACES]] cu_seqlens_k %[[PLACES]] causal range whole : <128> queries
func.func @packed_sequences(%q: !queries, %k: !keys, %scale: f32, %s: !lla.state<128>, %lengths: tensor<?xi32>,
    %places: tensor<?xi32>, %table: tensor<?x?xi32>) {
  %0 = lla.attention %q keys %k values %k scale %scale lengths %lengths starts %lengths cu_seqlens_q %places
    pages %table of 64 causal : !queries, !keys -> !queries
  %1 = lla.attention %q keys %k values %k scale %scale lengths %lengths starts %lengths cu_seqlens_k %places
    : !queries, !keys -> !queries
  %2 = lla.online_update %s queries %q keys %k values %k scale %scale lengths %lengths starts %lengths
    cu_seqlens_q %places cu_seqlens_k %places causal range whole : <128> queries !queries keys !keys values !keys -> <128>
  return
}

// Keys and values of bytes, with what they are multiplied by.
// CHECK-LABEL: @bytes
// CHECK-SAME: %[[KS:[a-z0-9]+]]: tensor<?xf32>, %[[VS:[a-z0-9]+]]: tensor<?xf32>)
// CHECK: lla.attention %{{.*}} keys %{{.*}} values %{{.*}} scale %{{.*}} k_scales %[[KS]] v_scales %[[VS]] causal : tensor<?x?x16x128xbf16>, tensor<?x?x8x128xf8E4M3FN> -> tensor<?x?x16x128xbf16>
// CHECK: lla.online_update %{{.*}} scale %{{.*}} k_scales %[[KS]] range whole : <128> queries tensor<?x?x16x128xbf16> keys tensor<?x?x8x128xf8E4M3FN> values
// CHECK: lla.online_finalize %{{.*}} v_scales %[[VS]] : <128>
// CHECK: lla.online_statistics %{{.*}} v_scales %[[VS]] : <128>
func.func @bytes(%q: !queries, %k: tensor<?x?x8x128xf8E4M3FN>, %scale: f32, %s: !lla.state<128>, %ks: tensor<?xf32>,
    %vs: tensor<?xf32>) {
  %0 = lla.attention %q keys %k values %k scale %scale k_scales %ks v_scales %vs causal
    : !queries, tensor<?x?x8x128xf8E4M3FN> -> !queries
  %1 = lla.online_update %s queries %q keys %k values %k scale %scale k_scales %ks range whole
    : <128> queries !queries keys tensor<?x?x8x128xf8E4M3FN> values tensor<?x?x8x128xf8E4M3FN> -> <128>
  %2 = lla.online_finalize %1 v_scales %vs : <128> -> !queries
  %3:3 = lla.online_statistics %1 v_scales %vs
    : <128> -> tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16x128xf32>
  return
}

// The online form of a split, packed, peeled attention.
// CHECK-LABEL: @online
// CHECK-SAME: (%[[Q:.*]]: tensor<?x?x16x128xbf16>, %[[R:.*]]: tensor<?x?x16x128xbf16>, %[[K:.*]]: tensor<?x?x8x128xbf16>, %[[V:.*]]: tensor<?x?x8x128xbf16>, %[[SCALE:.*]]: f32)
func.func @online(%q: !queries, %r: !queries, %k: !keys, %v: !keys, %scale: f32) -> !queries {
  // CHECK: %[[INIT:.*]] = lla.online_init : <128, probe>
  %init = lla.online_init : <128, probe>
  // CHECK: %[[ROWS:.*]] = lla.pack_rows %[[Q]], %[[R]] : tensor<?x?x16x128xbf16>, tensor<?x?x16x128xbf16> -> <bf16, dim = 128, group = 2, stacked>
  %rows = lla.pack_rows %q, %r : !queries, !queries -> <bf16, dim = 128, group = 2, stacked>
  // CHECK: %[[A:.*]] = lla.online_update %[[INIT]] rows %[[ROWS]] keys %[[K]] values %[[V]] scale %[[SCALE]] causal window 64 range window_edge :
  %a = lla.online_update %init rows %rows keys %k values %v scale %scale causal window 64 range window_edge
    : <128, probe> rows !lla.rows<bf16, dim = 128, group = 2, stacked> keys !keys values !keys -> <128, probe>
  // CHECK: %[[B:.*]] = lla.online_update %[[A]] rows %[[ROWS]] {{.*}} range interior :
  %b = lla.online_update %a rows %rows keys %k values %v scale %scale causal window 64 range interior
    : <128, probe> rows !lla.rows<bf16, dim = 128, group = 2, stacked> keys !keys values !keys -> <128, probe>
  // CHECK: %[[C:.*]] = lla.online_update %[[B]] rows %[[ROWS]] {{.*}} range causal_edge : <128, probe> {{.*}} -> <128, probe, unmerged = [warps, grid]>
  %c = lla.online_update %b rows %rows keys %k values %v scale %scale causal window 64 range causal_edge
    : <128, probe> rows !lla.rows<bf16, dim = 128, group = 2, stacked> keys !keys values !keys
    -> <128, probe, unmerged = [warps, grid]>
  // CHECK: %[[W:.*]] = lla.online_merge %[[C]] over warps : <128, probe, unmerged = [warps, grid]> -> <128, probe, unmerged = [grid]>
  %w = lla.online_merge %c over warps : <128, probe, unmerged = [warps, grid]> -> <128, probe, unmerged = [grid]>
  // CHECK: %[[G:.*]] = lla.online_merge %[[W]] over grid : <128, probe, unmerged = [grid]> -> <128, probe>
  %g = lla.online_merge %w over grid : <128, probe, unmerged = [grid]> -> <128, probe>
  // CHECK: lla.online_finalize %[[G]] : <128, probe> -> tensor<?x?x16x128xbf16>
  %o = lla.online_finalize %g : <128, probe> -> !queries
  return %o : !queries
}

// Unpacked rows.
// CHECK-LABEL: @unpacked
// CHECK: lla.online_update %{{.*}} queries %[[Q:.*]] probe %[[R:.*]] keys %{{.*}} values %{{.*}} scale %{{.*}} range whole : <128, probe> queries tensor<?x?x16x128xbf16> probe tensor<?x?x16x128xbf16> keys
// CHECK: lla.pack_rows %[[Q]] : tensor<?x?x16x128xbf16> -> <bf16, dim = 128, group = 1, none>
func.func @unpacked(%s: !lla.state<128, probe>, %q: !queries, %r: !queries, %k: !keys, %v: !keys, %scale: f32) {
  %0 = lla.online_update %s queries %q probe %r keys %k values %v scale %scale range whole
    : <128, probe> queries !queries probe !queries keys !keys values !keys -> <128, probe>
  %1 = lla.pack_rows %q : !queries -> <bf16, dim = 128, group = 1, none>
  return
}
