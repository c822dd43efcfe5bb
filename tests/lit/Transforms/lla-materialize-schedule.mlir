// RUN: lla-opt %s --lla-materialize-schedule 2>/dev/null | FileCheck %s
// RUN: lla-opt %s --lla-materialize-schedule 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

#decode = #lla.problem<mode = decode, query_heads = 4, kv_heads = 2, context = 4096, head_dim = 64>
#prefill = #lla.problem<mode = prefill, context = 2048, head_dim = 64, causal = true>

// The default of few rows: loads into registers, as many splits as fill the GPU; peeling cannot pay.
// CHECK-LABEL: func.func @default_decode
// CHECK-SAME: lla.schedule = #lla.schedule<load = "registers", rows = 4, keys = {{16|32}}, {{.*}}splits = {{[1-9][0-9]*}}, {{.*}}peel = false, dependent = {{true|false}}, split_tiles = 1, persistent = false, stream_k = false, pingpong = false, rounded = false, weigher = false, held_rows = false, swapped = true, spread = {{true|false}}, longest_first = false, static_sizes = false>
// CHECK-NEXT: lla.attention
// REMARK: remark: no schedule given: the default, load=registers rows=4 keys={{16|32}}
func.func @default_decode(%q: tensor<?x?x4x64xbf16>, %r: tensor<?x?x4x64xbf16>, %k: tensor<?x?x2x64xbf16>,
    %v: tensor<?x?x2x64xbf16>, %scale: f32) -> tensor<?x?x4x64xbf16>
    attributes {lla.problem = #decode, lla.target = #lla.target<arch = "sm_90a">} {
  %o = lla.attention %q probe %r keys %k values %v scale %scale
    : tensor<?x?x4x64xbf16>, tensor<?x?x2x64xbf16> -> tensor<?x?x4x64xbf16>
  return %o : tensor<?x?x4x64xbf16>
}

// The same operator has another default where there is wgmma, on other GPUs, and on the host.
// CHECK-LABEL: func.func @default_prefill_sm90a
// CHECK-SAME: #lla.schedule<load = "ring", rows = 128,
// REMARK: remark: no schedule given: the default, load=ring
func.func @default_prefill_sm90a(%q: tensor<?x?x1x64xbf16>, %r: tensor<?x?x1x64xbf16>, %scale: f32)
    -> tensor<?x?x1x64xbf16> attributes {lla.problem = #prefill, lla.target = #lla.target<arch = "sm_90a">} {
  %o = lla.attention %q probe %r keys %q values %q scale %scale causal
    : tensor<?x?x1x64xbf16>, tensor<?x?x1x64xbf16> -> tensor<?x?x1x64xbf16>
  return %o : tensor<?x?x1x64xbf16>
}

// CHECK-LABEL: func.func @default_prefill_sm80
// CHECK-SAME: #lla.schedule<load = "registers", rows = 32,
func.func @default_prefill_sm80(%q: tensor<?x?x1x64xbf16>, %r: tensor<?x?x1x64xbf16>, %scale: f32)
    -> tensor<?x?x1x64xbf16> attributes {lla.problem = #prefill, lla.target = #lla.target<arch = "sm_80">} {
  %o = lla.attention %q probe %r keys %q values %q scale %scale causal
    : tensor<?x?x1x64xbf16>, tensor<?x?x1x64xbf16> -> tensor<?x?x1x64xbf16>
  return %o : tensor<?x?x1x64xbf16>
}

// CHECK-LABEL: func.func @default_prefill_host
// CHECK-SAME: #lla.schedule<load = "scratch", rows = 64,
func.func @default_prefill_host(%q: tensor<?x?x1x64xbf16>, %r: tensor<?x?x1x64xbf16>, %scale: f32)
    -> tensor<?x?x1x64xbf16> attributes {lla.problem = #prefill, lla.target = #lla.target<arch = "host">} {
  %o = lla.attention %q probe %r keys %q values %q scale %scale causal
    : tensor<?x?x1x64xbf16>, tensor<?x?x1x64xbf16> -> tensor<?x?x1x64xbf16>
  return %o : tensor<?x?x1x64xbf16>
}

// What the caller chose stays as it is, and nothing is remarked.
// CHECK-LABEL: func.func @given
// CHECK-SAME: #lla.schedule<load = "registers", rows = 8, keys = 32, warps = 2, value_parts = 1, stages = 1, splits = 3,
// REMARK-NOT: remark: no schedule given: the default, load=registers{{.*}}keys=32
func.func @given(%q: tensor<?x?x4x64xbf16>, %r: tensor<?x?x4x64xbf16>, %k: tensor<?x?x2x64xbf16>,
    %v: tensor<?x?x2x64xbf16>, %scale: f32) -> tensor<?x?x4x64xbf16>
    attributes {lla.problem = #decode, lla.target = #lla.target<arch = "sm_90a">,
                lla.schedule = #lla.schedule<load = registers, keys = 32, warps = 2, stages = 1, splits = 3>} {
  %o = lla.attention %q probe %r keys %k values %v scale %scale
    : tensor<?x?x4x64xbf16>, tensor<?x?x2x64xbf16> -> tensor<?x?x4x64xbf16>
  return %o : tensor<?x?x4x64xbf16>
}
