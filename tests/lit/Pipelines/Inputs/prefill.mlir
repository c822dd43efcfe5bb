#problem = #lla.problem<mode = prefill, context = 2048, head_dim = 64, causal = true>
#schedule = #lla.schedule<load = ring, rows = 128, keys = 80, warps = 8, stages = 3, peel = true>
!tensor = tensor<?x?x1x64xbf16>

func.func @prefill(%q: !tensor, %r: !tensor, %k: !tensor, %v: !tensor, %scale: f32) -> !tensor
    attributes {lla.problem = #problem, lla.target = #lla.target<arch = "sm_90a">, lla.schedule = #schedule} {
  %o = lla.attention %q probe %r keys %k values %v scale %scale causal : !tensor, !tensor -> !tensor
  return %o : !tensor
}
