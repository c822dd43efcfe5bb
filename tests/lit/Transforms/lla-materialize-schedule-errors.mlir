// RUN: lla-opt %s --lla-materialize-schedule -split-input-file -verify-diagnostics

// expected-error @+1 {{expected attributes lla.problem and lla.target}}
func.func @no_attributes(%q: tensor<?x?x1x64xbf16>, %scale: f32) -> tensor<?x?x1x64xbf16> {
  %o = lla.attention %q keys %q values %q scale %scale : tensor<?x?x1x64xbf16>, tensor<?x?x1x64xbf16> -> tensor<?x?x1x64xbf16>
  return %o : tensor<?x?x1x64xbf16>
}

// -----

// Later passes trust the problem: the op must compute it.
#problem = #lla.problem<mode = prefill, probe = none, context = 2048, head_dim = 64, causal = true>
func.func @other_problem(%q: tensor<?x?x1x64xbf16>, %scale: f32) -> tensor<?x?x1x64xbf16>
    attributes {lla.problem = #problem, lla.target = #lla.target<arch = "sm_90a">} {
  // expected-error @+1 {{disagrees with lla.problem}}
  %o = lla.attention %q keys %q values %q scale %scale : tensor<?x?x1x64xbf16>, tensor<?x?x1x64xbf16> -> tensor<?x?x1x64xbf16>
  return %o : tensor<?x?x1x64xbf16>
}

// -----

#problem = #lla.problem<mode = prefill, probe = none, context = 2048, head_dim = 128>
func.func @other_dim(%q: tensor<?x?x1x64xbf16>, %scale: f32) -> tensor<?x?x1x64xbf16>
    attributes {lla.problem = #problem, lla.target = #lla.target<arch = "sm_90a">} {
  // expected-error @+1 {{disagrees with lla.problem}}
  %o = lla.attention %q keys %q values %q scale %scale : tensor<?x?x1x64xbf16>, tensor<?x?x1x64xbf16> -> tensor<?x?x1x64xbf16>
  return %o : tensor<?x?x1x64xbf16>
}

// -----

// A merge of 64 columns where the problem has 128, and where it is none.
#problem = #lla.problem<mode = merge, shards = 2, head_dim = 128>
func.func @other_merge(%o: tensor<?x?x?x1x64xf32>, %lse: tensor<?x?x?x1xf32>)
    attributes {lla.problem = #problem, lla.target = #lla.target<arch = "sm_90a">} {
  // expected-error @+1 {{disagrees with lla.problem}}
  %0:4 = lla.merge_states %o, %lse, %lse, %o
    : (tensor<?x?x?x1x64xf32>, tensor<?x?x?x1xf32>, tensor<?x?x?x1xf32>, tensor<?x?x?x1x64xf32>)
    -> (tensor<?x?x1x64xf32>, tensor<?x?x1xf32>, tensor<?x?x1xf32>, tensor<?x?x1x64xf32>)
  return
}

// -----

#problem = #lla.problem<mode = prefill, context = 64, head_dim = 64, dtype = fp32>
func.func @no_merge(%o: tensor<?x?x?x1x64xf32>, %lse: tensor<?x?x?x1xf32>)
    attributes {lla.problem = #problem, lla.target = #lla.target<arch = "sm_90a">} {
  // expected-error @+1 {{disagrees with lla.problem}}
  %0:4 = lla.merge_states %o, %lse, %lse, %o
    : (tensor<?x?x?x1x64xf32>, tensor<?x?x?x1xf32>, tensor<?x?x?x1xf32>, tensor<?x?x?x1x64xf32>)
    -> (tensor<?x?x1x64xf32>, tensor<?x?x1xf32>, tensor<?x?x1xf32>, tensor<?x?x1x64xf32>)
  return
}

// -----

// A merge has rows, warps and stages to choose, and nothing else.
#problem = #lla.problem<mode = merge, shards = 2, head_dim = 64>
// expected-error @+1 {{infeasible schedule: splits: expected 1 for a merge, which has no use for it, got 2}}
func.func @merge_splits(%o: tensor<?x?x?x1x64xf32>, %lse: tensor<?x?x?x1xf32>)
    attributes {lla.problem = #problem, lla.target = #lla.target<arch = "sm_90a">,
                lla.schedule = #lla.schedule<load = registers, rows = 1, keys = 16, warps = 2, splits = 2, lazy = 0>} {
  %0:4 = lla.merge_states %o, %lse, %lse, %o
    : (tensor<?x?x?x1x64xf32>, tensor<?x?x?x1xf32>, tensor<?x?x?x1xf32>, tensor<?x?x?x1x64xf32>)
    -> (tensor<?x?x1x64xf32>, tensor<?x?x1xf32>, tensor<?x?x1xf32>, tensor<?x?x1x64xf32>)
  return
}

// -----

#problem = #lla.problem<mode = prefill, probe = none, context = 2048, head_dim = 64, output_dtype = fp32>
func.func @other_output(%q: tensor<?x?x1x64xbf16>, %scale: f32) -> tensor<?x?x1x64xbf16>
    attributes {lla.problem = #problem, lla.target = #lla.target<arch = "sm_90a">} {
  // expected-error @+1 {{disagrees with lla.problem}}
  %o = lla.attention %q keys %q values %q scale %scale : tensor<?x?x1x64xbf16>, tensor<?x?x1x64xbf16> -> tensor<?x?x1x64xbf16>
  return %o : tensor<?x?x1x64xbf16>
}

// -----

#problem = #lla.problem<mode = prefill, probe = none, context = 2048, head_dim = 64, state = true>
func.func @other_state(%q: tensor<?x?x1x64xbf16>, %scale: f32) -> tensor<?x?x1x64xbf16>
    attributes {lla.problem = #problem, lla.target = #lla.target<arch = "sm_90a">} {
  // expected-error @+1 {{disagrees with lla.problem}}
  %o = lla.attention %q keys %q values %q scale %scale : tensor<?x?x1x64xbf16>, tensor<?x?x1x64xbf16> -> tensor<?x?x1x64xbf16>
  return %o : tensor<?x?x1x64xbf16>
}

// -----

#problem = #lla.problem<mode = prefill, probe = none, context = 2048, head_dim = 64, ragged = true>
func.func @other_lengths(%q: tensor<?x?x1x64xbf16>, %scale: f32) -> tensor<?x?x1x64xbf16>
    attributes {lla.problem = #problem, lla.target = #lla.target<arch = "sm_90a">} {
  // expected-error @+1 {{disagrees with lla.problem}}
  %o = lla.attention %q keys %q values %q scale %scale : tensor<?x?x1x64xbf16>, tensor<?x?x1x64xbf16> -> tensor<?x?x1x64xbf16>
  return %o : tensor<?x?x1x64xbf16>
}

// -----

#problem = #lla.problem<mode = prefill, probe = none, context = 2048, head_dim = 64, packed_queries = true>
func.func @other_places(%q: tensor<?x?x1x64xbf16>, %places: tensor<?xi32>, %scale: f32) -> tensor<?x?x1x64xbf16>
    attributes {lla.problem = #problem, lla.target = #lla.target<arch = "sm_90a">} {
  // expected-error @+1 {{disagrees with lla.problem}}
  %o = lla.attention %q keys %q values %q scale %scale lengths %places starts %places cu_seqlens_k %places
    : tensor<?x?x1x64xbf16>, tensor<?x?x1x64xbf16> -> tensor<?x?x1x64xbf16>
  return %o : tensor<?x?x1x64xbf16>
}

// -----

#problem = #lla.problem<mode = prefill, probe = none, context = 2048, head_dim = 64, page_size = 16>
func.func @other_pages(%q: tensor<?x?x1x64xbf16>, %table: tensor<?x?xi32>, %scale: f32) -> tensor<?x?x1x64xbf16>
    attributes {lla.problem = #problem, lla.target = #lla.target<arch = "sm_90a">} {
  // expected-error @+1 {{disagrees with lla.problem}}
  %o = lla.attention %q keys %q values %q scale %scale pages %table of 32
    : tensor<?x?x1x64xbf16>, tensor<?x?x1x64xbf16> -> tensor<?x?x1x64xbf16>
  return %o : tensor<?x?x1x64xbf16>
}

// -----

#problem = #lla.problem<mode = prefill, probe = none, context = 2048, head_dim = 64, page_size = 12>
// expected-error @+1 {{infeasible schedule: page_size: expected a multiple of 8 with load=ring}}
func.func @odd_pages(%q: tensor<?x?x1x64xbf16>, %table: tensor<?x?xi32>, %scale: f32) -> tensor<?x?x1x64xbf16>
    attributes {lla.problem = #problem, lla.target = #lla.target<arch = "sm_90a">,
                lla.schedule = #lla.schedule<load = ring, rows = 64, keys = 64>} {
  %o = lla.attention %q keys %q values %q scale %scale pages %table of 12
    : tensor<?x?x1x64xbf16>, tensor<?x?x1x64xbf16> -> tensor<?x?x1x64xbf16>
  return %o : tensor<?x?x1x64xbf16>
}

// -----

#problem = #lla.problem<mode = prefill, probe = none, context = 2048, head_dim = 64>
// expected-error @+1 {{infeasible schedule: load=ring needs sm_90a (wgmma, bulk tensor copies); target is sm_80}}
func.func @ring_on_sm80(%q: tensor<?x?x1x64xbf16>, %scale: f32) -> tensor<?x?x1x64xbf16>
    attributes {lla.problem = #problem, lla.target = #lla.target<arch = "sm_80">,
                lla.schedule = #lla.schedule<load = ring, rows = 64, keys = 64>} {
  %o = lla.attention %q keys %q values %q scale %scale : tensor<?x?x1x64xbf16>, tensor<?x?x1x64xbf16> -> tensor<?x?x1x64xbf16>
  return %o : tensor<?x?x1x64xbf16>
}

// -----

#problem = #lla.problem<mode = decode, probe = none, context = 2048, head_dim = 64>
// expected-error @+1 {{infeasible schedule: keys: expected a multiple of 16 (the products' step), got 24}}
func.func @key_step(%q: tensor<?x?x1x64xbf16>, %scale: f32) -> tensor<?x?x1x64xbf16>
    attributes {lla.problem = #problem, lla.target = #lla.target<arch = "sm_90a">,
                lla.schedule = #lla.schedule<load = registers, rows = 16, keys = 24>} {
  %o = lla.attention %q keys %q values %q scale %scale : tensor<?x?x1x64xbf16>, tensor<?x?x1x64xbf16> -> tensor<?x?x1x64xbf16>
  return %o : tensor<?x?x1x64xbf16>
}

// -----

#problem = #lla.problem<mode = prefill, context = 2048, head_dim = 128>
// expected-error @+1 {{infeasible schedule: shared bytes per CTA: expected at most 232448 (sm_90a), got}}
func.func @shared_memory(%q: tensor<?x?x1x128xbf16>, %r: tensor<?x?x1x128xbf16>, %scale: f32) -> tensor<?x?x1x128xbf16>
    attributes {lla.problem = #problem, lla.target = #lla.target<arch = "sm_90a">,
                lla.schedule = #lla.schedule<load = ring, rows = 128, keys = 80, warps = 8, stages = 6>} {
  %o = lla.attention %q probe %r keys %q values %q scale %scale
    : tensor<?x?x1x128xbf16>, tensor<?x?x1x128xbf16> -> tensor<?x?x1x128xbf16>
  return %o : tensor<?x?x1x128xbf16>
}

// -----

#problem = #lla.problem<mode = prefill, probe = none, context = 2048, head_dim = 64, kv_dtype = fp8_e4m3>
func.func @other_keys(%q: tensor<?x?x1x64xbf16>, %scale: f32) -> tensor<?x?x1x64xbf16>
    attributes {lla.problem = #problem, lla.target = #lla.target<arch = "sm_90a">} {
  // expected-error @+1 {{disagrees with lla.problem}}
  %o = lla.attention %q keys %q values %q scale %scale : tensor<?x?x1x64xbf16>, tensor<?x?x1x64xbf16> -> tensor<?x?x1x64xbf16>
  return %o : tensor<?x?x1x64xbf16>
}
