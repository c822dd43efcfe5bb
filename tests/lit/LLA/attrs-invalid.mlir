// Fields of problem, target and schedule that no kernel can have; types out of range.
// RUN: lla-opt %s -split-input-file -verify-diagnostics

// expected-error @+2 {{head_dim: expected}}
func.func private @problem_dim() attributes {
  lla.problem = #lla.problem<context = 64, head_dim = 12>}

// -----

// expected-error @+2 {{heads}}
func.func private @problem_unknown_field() attributes {
  lla.problem = #lla.problem<context = 64, head_dim = 64, heads = 3>}

// -----

// expected-error @+2 {{mode: expected}}
func.func private @problem_mode() attributes {
  lla.problem = #lla.problem<mode = encode, context = 64, head_dim = 64>}

// -----

// expected-error @+2 {{batch: expected}}
func.func private @problem_batch() attributes {
  lla.problem = #lla.problem<context = 64, head_dim = 64, batch = -1>}

// -----

// expected-error @+2 {{kv_heads}}
func.func private @problem_heads() attributes {
  lla.problem = #lla.problem<context = 64, head_dim = 64, query_heads = 6, kv_heads = 4>}

// -----

// expected-error @+2 {{expected a number, a word or a string}}
func.func private @problem_value() attributes {
  lla.problem = #lla.problem<context = [64], head_dim = 64>}

// -----

// expected-error @+2 {{integer constant out of range}}
func.func private @problem_overflow() attributes {
  lla.problem = #lla.problem<context = 99999999999999999999, head_dim = 64>}

// -----

// expected-error @+2 {{arch: expected}}
func.func private @target_arch() attributes {
  lla.target = #lla.target<arch = "sm_10">}

// -----

// expected-error @+2 {{load: expected}}
func.func private @schedule_load() attributes {
  lla.schedule = #lla.schedule<load = texture>}

// -----

// expected-error @+2 {{stage}}
func.func private @schedule_unknown_field() attributes {
  lla.schedule = #lla.schedule<stage = 2>}

// -----

// expected-error @+1 {{expected dim to be a multiple of 8 in 16..256, got 20}}
func.func private @state_dim(!lla.state<20>)

// -----

// expected-error @+1 {{expected each split axis at most once, in the order warps, cluster, grid}}
func.func private @state_axes(!lla.state<64, unmerged = [grid, warps]>)

// -----

// expected-error @+1 {{expected warps, cluster or grid}}
func.func private @state_axis(!lla.state<64, unmerged = [lanes]>)

// -----

// expected-error @+1 {{expected f32, bf16 or f16 elements, got 'i32'}}
func.func private @rows_element(!lla.rows<i32, dim = 64, group = 1, none>)

// -----

// expected-error @+1 {{expected group >= 1, got 0}}
func.func private @rows_group(!lla.rows<bf16, dim = 64, group = 0, none>)

// -----

// expected-error @+1 {{expected dim to be a multiple of 8 in 16..256, got 512}}
func.func private @rows_dim(!lla.rows<bf16, dim = 512, group = 1, none>)
