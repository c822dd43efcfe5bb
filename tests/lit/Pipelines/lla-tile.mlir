// The second stage: one kernel, with tiles, rings and roles in their places.
// RUN: lla-opt %S/Inputs/decode.mlir --lla-algorithm --lla-tile 2>/dev/null | FileCheck %s
// RUN: lla-opt %S/Inputs/prefill.mlir --lla-algorithm --lla-tile 2>/dev/null | FileCheck %s --check-prefix=PREFILL

// Three loops, each with the next tile's loads behind the last reader of this one's.
// CHECK-LABEL: tile.kernel @decode
// CHECK-SAME: shared_bytes = 8464 : i64, shared_limit = 8464 : i64
// CHECK-NOT: tile.roles
// CHECK-NOT: lla.
// CHECK-COUNT-3: scf.for
// CHECK-NOT: scf.for
// CHECK: tile.merge over warps {{.*}} offset = 0 : i64
// CHECK: tile.merge over grid {{.*}} offset = 8448 : i64
// CHECK: tile.store

// The producer has fills and nothing else; the consumer everything but fills.
// PREFILL-LABEL: tile.kernel @prefill
// PREFILL-SAME: producer_warps = 4 : i64
// PREFILL: tile.ring {{{.*}}offset = 0 : i64} : <1 x
// PREFILL: tile.ring {{{.*}}} : <3 x [!tile.shared<80 x 64 x bf16>, !tile.shared<80 x 64 x bf16>]>
// PREFILL: tile.roles producer {
// PREFILL-NOT: tile.dot
// PREFILL-COUNT-4: tile.ring_fill
// PREFILL: } consumer {
// PREFILL-NOT: tile.ring_fill
// PREFILL-COUNT-14: tile.dot
// PREFILL-NOT: tile.dot
// PREFILL: tile.store
