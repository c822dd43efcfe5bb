// RUN: lla-opt %s --convert-lla-to-tile -split-input-file -verify-diagnostics

#decode = #lla.problem<mode = decode, probe = none, context = 4096, head_dim = 64>
#gpu = #lla.target<arch = "sm_90a">
!queries = tensor<?x?x1x64xbf16>

// expected-error @+1 {{expected lla.problem, lla.target and lla.schedule}}
func.func @no_schedule(%q: !queries) attributes {lla.problem = #decode, lla.target = #gpu} {
  %0 = lla.pack_rows %q : !queries -> <bf16, dim = 64, group = 1, none>
  return
}

// -----

#decode = #lla.problem<mode = decode, probe = none, query_heads = 2, kv_heads = 1, context = 4096, head_dim = 64>
#gpu = #lla.target<arch = "sm_90a">
!queries = tensor<?x?x2x64xbf16>

func.func @other_group(%q: !queries)
    attributes {lla.problem = #decode, lla.target = #gpu, lla.schedule = #lla.schedule<rows = 16, warps = 1>} {
  // expected-error @+1 {{expected rows of group 2 for this schedule, got 1}}
  %0 = lla.pack_rows %q : !queries -> <bf16, dim = 64, group = 1, none>
  return
}

// -----

#decode = #lla.problem<mode = decode, probe = none, context = 4096, head_dim = 64>
#gpu = #lla.target<arch = "sm_90a">
!queries = tensor<?x?x1x64xbf16>

// expected-error @+1 {{expected packed rows (lla-pack-rows)}}
func.func @no_rows(%q: !queries, %k: !queries, %v: !queries, %scale: f32) -> !queries
    attributes {lla.problem = #decode, lla.target = #gpu, lla.schedule = #lla.schedule<rows = 16, warps = 1>} {
  %0 = lla.online_init : <64>
  %1 = lla.online_update %0 queries %q keys %k values %v scale %scale range whole
    : <64> queries !queries keys !queries values !queries -> <64>
  %2 = lla.online_finalize %1 : <64> -> !queries
  return %2 : !queries
}

// -----

#decode = #lla.problem<mode = decode, probe = none, context = 4096, head_dim = 64>
#gpu = #lla.target<arch = "sm_90a">
!queries = tensor<?x?x1x64xbf16>

func.func @one_unpacked(%q: !queries, %k: !queries, %v: !queries, %scale: f32) -> !queries
    attributes {lla.problem = #decode, lla.target = #gpu, lla.schedule = #lla.schedule<rows = 16, warps = 1>} {
  %0 = lla.online_init : <64>
  %1 = lla.pack_rows %q : !queries -> <bf16, dim = 64, group = 1, none>
  // expected-error @+1 {{expected packed rows (lla-pack-rows)}}
  %2 = lla.online_update %0 queries %q keys %k values %v scale %scale range whole
    : <64> queries !queries keys !queries values !queries -> <64>
  %3 = lla.online_finalize %2 : <64> -> !queries
  return %3 : !queries
}

// -----

// An edited dump: what the passes decided no longer fits the schedule.
#decode = #lla.problem<mode = decode, probe = none, context = 4096, head_dim = 64>
#gpu = #lla.target<arch = "sm_90a">
!queries = tensor<?x?x1x64xbf16>

// expected-error @+1 {{infeasible schedule: rows: expected a multiple of 16}}
func.func @infeasible(%q: !queries) attributes {lla.problem = #decode, lla.target = #gpu,
    lla.schedule = #lla.schedule<rows = 24, warps = 1>} {
  %0 = lla.pack_rows %q : !queries -> <bf16, dim = 64, group = 1, none>
  return
}

// -----

#decode = #lla.problem<mode = decode, probe = none, context = 4096, head_dim = 64>
#gpu = #lla.target<arch = "sm_90a">
!queries = tensor<?x?x1x64xbf16>

// expected-error @+1 {{expected one online_init and one online_finalize}}
func.func @two_outputs(%q: !queries) -> (!queries, !queries) attributes {lla.problem = #decode, lla.target = #gpu,
    lla.schedule = #lla.schedule<rows = 16, warps = 1>} {
  %0 = lla.pack_rows %q : !queries -> <bf16, dim = 64, group = 1, none>
  %1 = lla.online_init : <64>
  %2 = lla.online_finalize %1 : <64> -> !queries
  %3 = lla.online_finalize %1 : <64> -> !queries
  return %2, %3 : !queries, !queries
}

// -----

#prefill = #lla.problem<mode = prefill, probe = none, context = 512, head_dim = 64>
#gpu = #lla.target<arch = "sm_90a">
!queries = tensor<?x?x1x64xbf16>

func.func @ring_merge(%q: !queries, %k: !queries, %v: !queries, %scale: f32) -> !queries
    attributes {lla.problem = #prefill, lla.target = #gpu,
                lla.schedule = #lla.schedule<load = ring, rows = 64, keys = 64, warps = 4>} {
  %0 = lla.online_init : <64>
  %1 = lla.pack_rows %q : !queries -> <bf16, dim = 64, group = 1, none>
  %2 = lla.online_update %0 rows %1 keys %k values %v scale %scale range whole
    : <64> rows !lla.rows<bf16, dim = 64, group = 1, none> keys !queries values !queries -> <64, unmerged = [warps]>
  // expected-error @+1 {{no merge over warps with load=ring}}
  %3 = lla.online_merge %2 over warps : <64, unmerged = [warps]> -> <64>
  %4 = lla.online_finalize %3 : <64> -> !queries
  return %4 : !queries
}

// -----

#decode = #lla.problem<mode = decode, probe = none, context = 512, head_dim = 64, dtype = fp32>
!queries = tensor<?x?x1x64xf32>

func.func @host_warps(%q: !queries, %k: !queries, %v: !queries, %scale: f32) -> !queries
    attributes {lla.problem = #decode, lla.target = #lla.target<arch = "host">,
                lla.schedule = #lla.schedule<load = scratch, rows = 1, keys = 64, warps = 1, stages = 1>} {
  %0 = lla.online_init : <64>
  %1 = lla.pack_rows %q : !queries -> <f32, dim = 64, group = 1, none>
  %2 = lla.online_update %0 rows %1 keys %k values %v scale %scale range whole
    : <64> rows !lla.rows<f32, dim = 64, group = 1, none> keys !queries values !queries -> <64, unmerged = [warps]>
  // expected-error @+1 {{no merge over warps with load=scratch}}
  %3 = lla.online_merge %2 over warps : <64, unmerged = [warps]> -> <64>
  %4 = lla.online_finalize %3 : <64> -> !queries
  return %4 : !queries
}

// -----

#merge = #lla.problem<mode = merge, query_heads = 2, shards = 3, head_dim = 64>
// expected-error @+1 {{expected one merge_states}}
func.func @no_merge()
    attributes {lla.problem = #merge, lla.target = #lla.target<arch = "sm_90a">,
                lla.schedule = #lla.schedule<load = registers, rows = 1, keys = 16, warps = 2, stages = 2, lazy = 0>} {
  return
}
