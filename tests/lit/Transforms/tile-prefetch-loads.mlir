// RUN: lla-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-prefetch-loads))' | FileCheck %s

// The first three tiles of keys and values are prefetched before the wait, a step of the loop behind each other; the
// rows are not.
// CHECK-LABEL: tile.kernel @keys
tile.kernel @keys attributes {warps = 4, stages = 2} {
  %c0 = arith.constant 0 : i32
  %c16 = arith.constant 16 : i32
  // CHECK: %[[END:.*]] = tile.argument "context"
  %end = tile.argument "context" : i32
  // CHECK: %[[STEP:.*]] = tile.argument "splits"
  %step = tile.argument "splits" : i32
  // CHECK: %[[X:.*]] = tile.index grid_x
  %x = tile.index grid_x
  // CHECK-NOT: tile.await_launch
  // CHECK: %[[KEY:.*]] = arith.muli %[[X]], %{{.*}}
  // CHECK: %[[K:.*]] = tile.view k[%[[X]], %{{.*}}]
  // CHECK: %[[V:.*]] = tile.view v[%[[X]], %{{.*}}]
  // CHECK: %[[C16:.*]] = arith.constant 16
  // CHECK: %[[DISTANCE:.*]] = arith.muli %[[STEP]], %[[C16]]
  // CHECK: %[[ALL:.*]] = arith.muli %[[DISTANCE]], %c3
  // CHECK: %[[BEHIND:.*]] = arith.addi %[[KEY]], %[[ALL]]
  // CHECK: %[[LAST:.*]] = arith.minsi %[[END]], %[[BEHIND]]
  // CHECK-NEXT: scf.for %[[N:.*]] = %[[KEY]] to %[[LAST]] step %[[DISTANCE]]
  // CHECK-NEXT: tile.prefetch 16 of %[[K]], %[[V]][%[[N]]] until %[[END]]
  // CHECK-NEXT: }
  // CHECK: tile.await_launch %[[X]]
  %there = tile.await_launch %x
  // CHECK-NOT: tile.prefetch
  %q = tile.view q[%there, %c0] : <64 x bf16>
  %k = tile.view k[%there, %c0] : <64 x bf16>
  %rows = tile.load %q[%c0] until %c16 : <64 x bf16> -> <16 x 64 x bf16, rows>
  %key = arith.muli %there, %c16 : i32
  %first = tile.load %k[%key] until %end : <64 x bf16> -> <16 x 64 x bf16, keys>
  %v = tile.view v[%there, %c0] : <64 x bf16>
  %same_key = arith.muli %there, %c16 : i32
  %second = tile.load %v[%same_key] until %end : <64 x bf16> -> <16 x 64 x bf16, values>
  %last:2 = scf.for %n = %c0 to %end step %step iter_args(%keys = %first, %values = %second)
    -> (!tile.frag<16 x 64 x bf16, keys>, !tile.frag<16 x 64 x bf16, values>) : i32 {
    %s = tile.dot %rows, %keys transposed
      : !tile.frag<16 x 64 x bf16, rows>, !tile.frag<16 x 64 x bf16, keys> -> <16 x 16 x f32, accumulator>
    %next = tile.load %k[%n] until %end : <64 x bf16> -> <16 x 64 x bf16, keys>
    scf.yield %next, %values : !tile.frag<16 x 64 x bf16, keys>, !tile.frag<16 x 64 x bf16, values>
  }
}

// How long a sequence is may be written by who is waited for: it is looked up early for the prefetch, by those CTAs that
// start with the launch (132 multiprocessors' registers are those of 264), and again behind the wait. Pages likewise.
// CHECK-LABEL: tile.kernel @lengths
tile.kernel @lengths attributes {warps = 4, stages = 2, lla.target = #lla.target<arch = "sm_90a">} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  // CHECK: %[[MOST:.*]] = tile.argument "context"
  %end = tile.argument "context" : i32
  // CHECK: %[[B:.*]] = tile.index grid_x
  %x = tile.index grid_x
  // CHECK: %[[PLACES:.*]] = arith.constant 264
  // CHECK: %[[FIRST:.*]] = arith.cmpi slt, %{{.*}}, %[[PLACES]]
  // CHECK: scf.if %[[FIRST]] {
  // CHECK: %[[LENGTH:.*]] = tile.lookup "lengths"[%[[B]]] otherwise %[[MOST]] early
  // CHECK: scf.for %[[N:.*]] = %c0
  // CHECK-NEXT: tile.prefetch 16 of %{{.*}}, %{{.*}}[%[[N]]] until %[[LENGTH]]
  // CHECK: %[[B2:.*]] = tile.await_launch %[[B]]
  // CHECK: tile.lookup "lengths"[%[[B2]]] otherwise %[[MOST]]{{$}}
  %there = tile.await_launch %x
  %length = tile.lookup "lengths"[%there] otherwise %end
  %k = tile.view k[%there, %c0] : <64 x bf16, pages = 32>
  %v = tile.view v[%there, %c0] : <64 x bf16, pages = 32>
  %page = tile.page %k[%c0] until %length : <64 x bf16, pages = 32>
  %keys = tile.load %k[%c0] pages %page until %length : <64 x bf16, pages = 32> -> <16 x 64 x bf16, keys>
  %values = tile.load %v[%c0] pages %page until %length : <64 x bf16, pages = 32> -> <16 x 64 x bf16, values>
  scf.for %n = %c0 to %length step %c1 iter_args(%a = %keys, %b = %values)
    -> (!tile.frag<16 x 64 x bf16, keys>, !tile.frag<16 x 64 x bf16, values>) : i32 {
    scf.yield %a, %b : !tile.frag<16 x 64 x bf16, keys>, !tile.frag<16 x 64 x bf16, values>
  }
}

// So is whose turn it is.
// CHECK-LABEL: tile.kernel @turns
tile.kernel @turns attributes {warps = 4, stages = 2, lla.target = #lla.target<arch = "sm_90a">} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %end = tile.argument "context" : i32
  %batch = tile.argument "batch" : i32
  // CHECK: %[[B:.*]] = tile.index grid_x
  %x = tile.index grid_x
  // CHECK: scf.if
  // CHECK: %[[EARLY:.*]] = tile.by_length %[[B]] of %{{.*}} otherwise %{{.*}} early
  // CHECK: tile.view k[%[[EARLY]], %c0
  // CHECK: tile.prefetch
  // CHECK: %[[B2:.*]] = tile.await_launch %[[B]]
  // CHECK: tile.by_length %[[B2]] of %{{.*}} otherwise %{{[^ ]*$}}
  %there = tile.await_launch %x
  %turn = tile.by_length %there of %batch otherwise %end
  %length = tile.lookup "lengths"[%turn] otherwise %end
  %k = tile.view k[%turn, %c0] : <64 x bf16>
  %v = tile.view v[%turn, %c0] : <64 x bf16>
  %keys = tile.load %k[%c0] until %length : <64 x bf16> -> <16 x 64 x bf16, keys>
  %values = tile.load %v[%c0] until %length : <64 x bf16> -> <16 x 64 x bf16, values>
  scf.for %n = %c0 to %length step %c1 iter_args(%a = %keys, %b = %values)
    -> (!tile.frag<16 x 64 x bf16, keys>, !tile.frag<16 x 64 x bf16, values>) : i32 {
    scf.yield %a, %b : !tile.frag<16 x 64 x bf16, keys>, !tile.frag<16 x 64 x bf16, values>
  }
}

// Nobody is waited for.
// CHECK-LABEL: tile.kernel @alone
// CHECK-NOT: tile.prefetch
tile.kernel @alone attributes {warps = 4, stages = 2} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %end = tile.argument "context" : i32
  %k = tile.view k[%c0, %c0] : <64 x bf16>
  %first = tile.load %k[%c0] until %end : <64 x bf16> -> <16 x 64 x bf16, keys>
  scf.for %n = %c0 to %end step %c1 iter_args(%keys = %first) -> (!tile.frag<16 x 64 x bf16, keys>) : i32 {
    scf.yield %keys : !tile.frag<16 x 64 x bf16, keys>
  }
}

// With one stage the loads stand in the loop: its first iteration's are where it begins. What a loop carries is not known
// before it.
// CHECK-LABEL: tile.kernel @one_stage
tile.kernel @one_stage attributes {warps = 4, stages = 1} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c16 = arith.constant 16 : i32
  %end = tile.argument "context" : i32
  // CHECK: %[[X:.*]] = tile.index grid_x
  %x = tile.index grid_x
  // CHECK: %[[KEY:.*]] = arith.muli %[[X]], %c16
  // CHECK: scf.for %[[N:.*]] = %[[KEY]] to
  // CHECK-NEXT: tile.prefetch 16 of %{{[^,]*}}[%[[N]]] until
  // CHECK: tile.await_launch
  // CHECK-NOT: tile.prefetch
  %there = tile.await_launch %x
  %k = tile.view k[%there, %c0] : <64 x bf16>
  %v = tile.view v[%there, %c0] : <64 x bf16>
  scf.for %n = %there to %end step %c1 iter_args(%row = %c0) -> (i32) : i32 {
    %key = arith.muli %n, %c16 : i32
    %keys = tile.load %k[%key] until %end : <64 x bf16> -> <16 x 64 x bf16, keys>
    %values = tile.load %v[%row] until %end : <64 x bf16> -> <16 x 64 x bf16, values>
    scf.yield %key : i32
  }
}
