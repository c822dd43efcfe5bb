// RUN: lla-opt %s --lla-lower-to-online | FileCheck %s

// CHECK-LABEL: func.func @given_probe
// CHECK-SAME: (%[[Q:.*]]: tensor<?x?x4x64xbf16>, %[[R:.*]]: tensor<?x?x4x64xbf16>, %[[K:.*]]: tensor<?x?x2x64xbf16>, %[[V:.*]]: tensor<?x?x2x64xbf16>, %[[SCALE:.*]]: f32)
// CHECK-NEXT: %[[S0:.*]] = lla.online_init : <64, probe>
// CHECK-NEXT: %[[S1:.*]] = lla.online_update %[[S0]] queries %[[Q]] probe %[[R]] keys %[[K]] values %[[V]] scale %[[SCALE]] causal window 32 range whole : <64, probe>
// CHECK-SAME: -> <64, probe>
// CHECK-NEXT: %[[O:.*]] = lla.online_finalize %[[S1]] : <64, probe> -> tensor<?x?x4x64xbf16>
// CHECK-NEXT: return %[[O]]
func.func @given_probe(%q: tensor<?x?x4x64xbf16>, %r: tensor<?x?x4x64xbf16>, %k: tensor<?x?x2x64xbf16>,
    %v: tensor<?x?x2x64xbf16>, %scale: f32) -> tensor<?x?x4x64xbf16> {
  %o = lla.attention %q probe %r keys %k values %v scale %scale causal window 32
    : tensor<?x?x4x64xbf16>, tensor<?x?x2x64xbf16> -> tensor<?x?x4x64xbf16>
  return %o : tensor<?x?x4x64xbf16>
}

// Without a probe the state carries neither d2 nor O2; masks are carried over as they are.
// CHECK-LABEL: func.func @softmax
// CHECK-NEXT: %[[S0:.*]] = lla.online_init : <64>{{$}}
// CHECK-NEXT: %[[S1:.*]] = lla.online_update %[[S0]] queries %{{.*}} keys %{{.*}} values %{{.*}} scale %{{.*}} range whole : <64>
// CHECK-NEXT: lla.online_finalize %[[S1]] : <64>
// CHECK-NOT: lla.attention
func.func @softmax(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x2x64xf32>, %v: tensor<?x?x2x64xf32>, %scale: f32)
    -> tensor<?x?x4x64xf32> {
  %o = lla.attention %q keys %k values %v scale %scale
    : tensor<?x?x4x64xf32>, tensor<?x?x2x64xf32> -> tensor<?x?x4x64xf32>
  return %o : tensor<?x?x4x64xf32>
}

// What else is asked of the state comes of the same state.
// CHECK-LABEL: func.func @state
// CHECK: %[[S1:.*]] = lla.online_update
// CHECK-NEXT: %[[O:.*]] = lla.online_finalize %[[S1]] : <64>
// CHECK-NEXT: %[[LSE:.*]], %[[TBAR:.*]], %[[VBAR:.*]] = lla.online_statistics %[[S1]] : <64> -> tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4x64xf32>
// CHECK-NEXT: return %[[O]], %[[LSE]], %[[TBAR]], %[[VBAR]]
func.func @state(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x2x64xf32>, %v: tensor<?x?x2x64xf32>, %scale: f32)
    -> (tensor<?x?x4x64xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4x64xf32>) {
  %o:4 = lla.attention %q keys %k values %v scale %scale
    : tensor<?x?x4x64xf32>, tensor<?x?x2x64xf32>
    -> tensor<?x?x4x64xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4x64xf32>
  return %o#0, %o#1, %o#2, %o#3 : tensor<?x?x4x64xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4x64xf32>
}

// The keys' scales are the update's, the values' those of what becomes of the sums.
// CHECK-LABEL: func.func @bytes
// CHECK-SAME: %[[KS:[a-z0-9]+]]: tensor<?xf32>, %[[VS:[a-z0-9]+]]: tensor<?xf32>)
// CHECK: %[[S:.*]] = lla.online_update %{{.*}} k_scales %[[KS]] range whole :
// CHECK: lla.online_finalize %[[S]] v_scales %[[VS]] :
// CHECK: lla.online_statistics %[[S]] v_scales %[[VS]] :
func.func @bytes(%q: tensor<?x?x4x64xbf16>, %k: tensor<?x?x2x64xf8E4M3FN>, %scale: f32, %ks: tensor<?xf32>,
    %vs: tensor<?xf32>) -> tensor<?x?x4x64xf32> {
  %o:4 = lla.attention %q keys %k values %k scale %scale k_scales %ks v_scales %vs
    : tensor<?x?x4x64xbf16>, tensor<?x?x2x64xf8E4M3FN>
    -> tensor<?x?x4x64xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4x64xf32>
  return %o#0 : tensor<?x?x4x64xf32>
}

// Places in packed tensors are the update's.
// CHECK-LABEL: func.func @packed
// CHECK-SAME: %[[LENGTHS:[a-z0-9]+]]: tensor<?xi32>, %[[PLACES:[a-z0-9]+]]: tensor<?xi32>)
// CHECK: lla.online_update %{{.*}} lengths %[[LENGTHS]] starts %[[LENGTHS]] cu_seqlens_q %[[PLACES]] cu_seqlens_k %[[PLACES]] range whole :
func.func @packed(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x2x64xf32>, %scale: f32, %lengths: tensor<?xi32>,
    %places: tensor<?xi32>) -> tensor<?x?x4x64xf32> {
  %o = lla.attention %q keys %k values %k scale %scale lengths %lengths starts %lengths cu_seqlens_q %places
    cu_seqlens_k %places : tensor<?x?x4x64xf32>, tensor<?x?x2x64xf32> -> tensor<?x?x4x64xf32>
  return %o : tensor<?x?x4x64xf32>
}

// Lengths, starts and pages are the update's.
// CHECK-LABEL: func.func @serving
// CHECK-SAME: %[[LENGTHS:[a-z0-9]+]]: tensor<?xi32>, %[[STARTS:[a-z0-9]+]]: tensor<?xi32>, %[[TABLE:[a-z0-9]+]]: tensor<?x?xi32>)
// CHECK: lla.online_update %{{.*}} lengths %[[LENGTHS]] starts %[[STARTS]] pages %[[TABLE]] of 24 causal range whole :
func.func @serving(%q: tensor<?x?x4x64xf32>, %k: tensor<?x?x2x64xf32>, %scale: f32, %lengths: tensor<?xi32>,
    %starts: tensor<?xi32>, %table: tensor<?x?xi32>) -> tensor<?x?x4x64xf32> {
  %o = lla.attention %q keys %k values %k scale %scale lengths %lengths starts %starts pages %table of 24 causal
    : tensor<?x?x4x64xf32>, tensor<?x?x2x64xf32> -> tensor<?x?x4x64xf32>
  return %o : tensor<?x?x4x64xf32>
}
