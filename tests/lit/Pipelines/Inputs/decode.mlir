#problem = #lla.problem<mode = decode, query_heads = 8, kv_heads = 2, context = 4096, head_dim = 64, window = 1024>
#schedule = #lla.schedule<load = registers, rows = 8, keys = 16, warps = 4, stages = 2, splits = 4, peel = true>
!queries = tensor<?x?x8x64xbf16>
!keys = tensor<?x?x2x64xbf16>

func.func @decode(%q: !queries, %r: !queries, %k: !keys, %v: !keys, %scale: f32) -> !queries
    attributes {lla.problem = #problem, lla.target = #lla.target<arch = "sm_90a">, lla.schedule = #schedule} {
  %o = lla.attention %q probe %r keys %k values %v scale %scale causal window 1024 : !queries, !keys -> !queries
  return %o : !queries
}
