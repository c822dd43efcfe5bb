// The first stage: what is computed becomes how, still on tensors.
// RUN: lla-opt %S/Inputs/decode.mlir --lla-algorithm | FileCheck %s
// RUN: lla-opt %S/Inputs/prefill.mlir --lla-algorithm | FileCheck %s --check-prefix=PREFILL

// Split, packed and peeled; one state goes through all of it, and only the last range is unmerged.
// CHECK-LABEL: func.func @decode
// CHECK-SAME: (%[[Q:.*]]: tensor<?x?x8x64xbf16>, %[[R:.*]]: tensor<?x?x8x64xbf16>, %[[K:.*]]: tensor<?x?x2x64xbf16>, %[[V:.*]]: tensor<?x?x2x64xbf16>, %[[SCALE:.*]]: f32)
// CHECK-NEXT: %[[S0:.*]] = lla.online_init : <64, probe>
// CHECK-NEXT: %[[ROWS:.*]] = lla.pack_rows %[[Q]], %[[R]] : {{.*}} -> <bf16, dim = 64, group = 4, stacked>
// CHECK-NEXT: %[[S1:.*]] = lla.online_update %[[S0]] rows %[[ROWS]] keys %[[K]] values %[[V]] scale %[[SCALE]] causal window 1024 range window_edge :
// CHECK-NEXT: %[[S2:.*]] = lla.online_update %[[S1]] rows %[[ROWS]] {{.*}} range interior :
// CHECK-NEXT: %[[S3:.*]] = lla.online_update %[[S2]] rows %[[ROWS]] {{.*}} range causal_edge : {{.*}} -> <64, probe, unmerged = [warps, grid]>
// CHECK-NEXT: %[[S4:.*]] = lla.online_merge %[[S3]] over warps
// CHECK-NEXT: %[[S5:.*]] = lla.online_merge %[[S4]] over grid
// CHECK-NEXT: %[[O:.*]] = lla.online_finalize %[[S5]] : <64, probe> -> tensor<?x?x8x64xbf16>
// CHECK-NEXT: return %[[O]]

// PREFILL-LABEL: func.func @prefill
// PREFILL-NEXT: lla.online_init
// PREFILL-NEXT: lla.pack_rows {{.*}} separate>
// PREFILL-NEXT: lla.online_update {{.*}} range first
// PREFILL-NEXT: lla.online_update {{.*}} range interior
// PREFILL-NEXT: lla.online_update {{.*}} range causal_edge
// PREFILL-NEXT: lla.online_finalize
// PREFILL-NEXT: return
