// One violation of each numbered constraint; the generic form where the custom one cannot even say it.
// RUN: lla-opt %s -split-input-file -verify-diagnostics

//===----------------------------------------------------------------------===//
// lla.attention
//===----------------------------------------------------------------------===//

func.func @C1_rank(%q: tensor<8x2x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C1: expected rank 4, got 'tensor<8x2x64xbf16>'}}
  %o = lla.attention %q keys %q values %q scale %scale : tensor<8x2x64xbf16>, tensor<8x2x64xbf16> -> tensor<8x2x64xbf16>
  return
}

// -----

func.func @C1_element_type(%q: tensor<1x4x2x64xbf16>, %k: tensor<1x9x2x64xf16>, %scale: f32) {
  // expected-error @+1 {{C1: expected element type 'bf16', got 'tensor<1x9x2x64xf16>'}}
  %o = lla.attention %q keys %k values %k scale %scale
    : tensor<1x4x2x64xbf16>, tensor<1x9x2x64xf16> -> tensor<1x4x2x64xbf16>
  return
}

// -----

func.func @element_type(%q: tensor<1x4x2x64xi8>, %scale: f32) {
  // expected-error @+1 {{must be ranked tensor of 32-bit float or bfloat16 type or 16-bit float values}}
  %o = lla.attention %q keys %q values %q scale %scale
    : tensor<1x4x2x64xi8>, tensor<1x4x2x64xi8> -> tensor<1x4x2x64xi8>
  return
}

// -----

func.func @C2_probe_shape(%q: tensor<1x4x2x64xbf16>, %r: tensor<1x1x2x64xbf16>, %k: tensor<1x9x2x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C2: expected r of type 'tensor<1x4x2x64xbf16>', got 'tensor<1x1x2x64xbf16>'}}
  %o = "lla.attention"(%q, %r, %k, %k, %scale) <{operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>}>
    : (tensor<1x4x2x64xbf16>, tensor<1x1x2x64xbf16>, tensor<1x9x2x64xbf16>, tensor<1x9x2x64xbf16>, f32)
    -> tensor<1x4x2x64xbf16>
  return
}

// -----

func.func @C2_result_shape(%q: tensor<1x4x2x64xbf16>, %k: tensor<1x9x2x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C2: expected a result of type 'tensor<1x4x2x64xbf16>', or of f32, got 'tensor<1x4x2x32xbf16>'}}
  %o = lla.attention %q keys %k values %k scale %scale
    : tensor<1x4x2x64xbf16>, tensor<1x9x2x64xbf16> -> tensor<1x4x2x32xbf16>
  return
}

// -----

func.func @C2_result_element(%q: tensor<1x4x2x64xbf16>, %k: tensor<1x9x2x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C2: expected a result of type 'tensor<1x4x2x64xbf16>', or of f32, got 'tensor<1x4x2x64xf16>'}}
  %o = lla.attention %q keys %k values %k scale %scale
    : tensor<1x4x2x64xbf16>, tensor<1x9x2x64xbf16> -> tensor<1x4x2x64xf16>
  return
}

// -----

func.func @C3_value_shape(%q: tensor<1x4x2x64xbf16>, %k: tensor<1x9x2x64xbf16>, %v: tensor<1x9x1x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C3: expected v of type 'tensor<1x9x2x64xbf16>', got 'tensor<1x9x1x64xbf16>'}}
  %o = "lla.attention"(%q, %k, %v, %scale) <{operandSegmentSizes = array<i32: 1, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0>}>
    : (tensor<1x4x2x64xbf16>, tensor<1x9x2x64xbf16>, tensor<1x9x1x64xbf16>, f32) -> tensor<1x4x2x64xbf16>
  return
}

// -----

func.func @C3_batch(%q: tensor<2x4x2x64xbf16>, %k: tensor<1x9x2x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C3: expected dimension 0 of k to be that of q}}
  %o = lla.attention %q keys %k values %k scale %scale
    : tensor<2x4x2x64xbf16>, tensor<1x9x2x64xbf16> -> tensor<2x4x2x64xbf16>
  return
}

// -----

func.func @C3_dim(%q: tensor<1x4x2x64xbf16>, %k: tensor<1x9x2x32xbf16>, %scale: f32) {
  // expected-error @+1 {{C3: expected dimension 3 of k to be that of q}}
  %o = lla.attention %q keys %k values %k scale %scale
    : tensor<1x4x2x64xbf16>, tensor<1x9x2x32xbf16> -> tensor<1x4x2x64xbf16>
  return
}

// -----

func.func @C4_static_heads(%q: tensor<1x4x?x64xbf16>, %k: tensor<1x9x2x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C4: expected static heads, got 'tensor<1x4x?x64xbf16>'}}
  %o = lla.attention %q keys %k values %k scale %scale
    : tensor<1x4x?x64xbf16>, tensor<1x9x2x64xbf16> -> tensor<1x4x?x64xbf16>
  return
}

// -----

func.func @C4_static_dim(%q: tensor<1x4x2x?xbf16>, %scale: f32) {
  // expected-error @+1 {{C4: expected a static dim, got 'tensor<1x4x2x?xbf16>'}}
  %o = lla.attention %q keys %q values %q scale %scale
    : tensor<1x4x2x?xbf16>, tensor<1x4x2x?xbf16> -> tensor<1x4x2x?xbf16>
  return
}

// -----

func.func @C4_group(%q: tensor<1x4x6x64xbf16>, %k: tensor<1x9x4x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C4: expected query heads to be a multiple of KV heads, got 6 and 4}}
  %o = lla.attention %q keys %k values %k scale %scale
    : tensor<1x4x6x64xbf16>, tensor<1x9x4x64xbf16> -> tensor<1x4x6x64xbf16>
  return
}

// -----

func.func @C4_no_heads(%q: tensor<1x4x0x64xbf16>, %k: tensor<1x9x4x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C4: expected query heads to be a multiple of KV heads, got 0 and 4}}
  %o = lla.attention %q keys %k values %k scale %scale
    : tensor<1x4x0x64xbf16>, tensor<1x9x4x64xbf16> -> tensor<1x4x0x64xbf16>
  return
}

// -----

func.func @C5_dim_multiple(%q: tensor<1x4x2x20xbf16>, %scale: f32) {
  // expected-error @+1 {{C5: expected dim to be a multiple of 8 in 16..256, got 20}}
  %o = lla.attention %q keys %q values %q scale %scale
    : tensor<1x4x2x20xbf16>, tensor<1x4x2x20xbf16> -> tensor<1x4x2x20xbf16>
  return
}

// -----

func.func @C5_dim_range(%q: tensor<1x4x2x264xbf16>, %scale: f32) {
  // expected-error @+1 {{C5: expected dim to be a multiple of 8 in 16..256, got 264}}
  %o = lla.attention %q keys %q values %q scale %scale
    : tensor<1x4x2x264xbf16>, tensor<1x4x2x264xbf16> -> tensor<1x4x2x264xbf16>
  return
}

// -----

func.func @C6_window(%q: tensor<1x4x2x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C6: expected window >= 1, got 0}}
  %o = lla.attention %q keys %q values %q scale %scale causal window 0
    : tensor<1x4x2x64xbf16>, tensor<1x4x2x64xbf16> -> tensor<1x4x2x64xbf16>
  return
}

// -----

func.func @C6_window_is_causal(%q: tensor<1x4x2x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C6: expected causal beside window}}
  %o = lla.attention %q keys %q values %q scale %scale window 8
    : tensor<1x4x2x64xbf16>, tensor<1x4x2x64xbf16> -> tensor<1x4x2x64xbf16>
  return
}

// -----

func.func @C7_missing_vbar(%q: tensor<1x4x2x64xbf16>, %k: tensor<1x9x2x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C7: expected no statistics, or those of types 'tensor<1x4x2xf32>', 'tensor<1x4x2xf32>', 'tensor<1x4x2x64xf32>', got 'tensor<1x4x2xf32>', 'tensor<1x4x2xf32>'}}
  %o, %lse, %tbar = lla.attention %q keys %k values %k scale %scale
    : tensor<1x4x2x64xbf16>, tensor<1x9x2x64xbf16> -> tensor<1x4x2x64xbf16>, tensor<1x4x2xf32>, tensor<1x4x2xf32>
  return
}

// -----

func.func @C7_lse_of_keys(%q: tensor<1x4x2x64xbf16>, %k: tensor<1x9x2x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C7: expected no statistics, or those of types}}
  %o, %lse, %tbar, %vbar = lla.attention %q keys %k values %k scale %scale
    : tensor<1x4x2x64xbf16>, tensor<1x9x2x64xbf16>
    -> tensor<1x4x2x64xbf16>, tensor<1x9x2xf32>, tensor<1x4x2xf32>, tensor<1x4x2x64xf32>
  return
}

// -----

func.func @state_element_type(%q: tensor<1x4x2x64xbf16>, %k: tensor<1x9x2x64xbf16>, %scale: f32) {
  // expected-error @+1 {{must be variadic of ranked tensor of 32-bit float values}}
  %o, %lse, %tbar, %vbar = lla.attention %q keys %k values %k scale %scale
    : tensor<1x4x2x64xbf16>, tensor<1x9x2x64xbf16>
    -> tensor<1x4x2x64xbf16>, tensor<1x4x2xf32>, tensor<1x4x2xf32>, tensor<1x4x2x64xbf16>
  return
}

// -----

func.func @C8_lengths_alone(%q: tensor<1x4x2x64xbf16>, %lengths: tensor<?xi32>, %scale: f32) {
  // expected-error @+1 {{C8: expected lengths and starts together}}
  %o = lla.attention %q keys %q values %q scale %scale lengths %lengths
    : tensor<1x4x2x64xbf16>, tensor<1x4x2x64xbf16> -> tensor<1x4x2x64xbf16>
  return
}

// -----

func.func @C9_table_alone(%q: tensor<1x4x2x64xbf16>, %table: tensor<?x?xi32>, %scale: f32) {
  // expected-error @+1 {{C9: expected a page table and a page size together}}
  %o = lla.attention %q keys %q values %q scale %scale pages %table
    : tensor<1x4x2x64xbf16>, tensor<1x4x2x64xbf16> -> tensor<1x4x2x64xbf16>
  return
}

// -----

func.func @C9_size_alone(%q: tensor<1x4x2x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C9: expected a page table and a page size together}}
  %o = lla.attention %q keys %q values %q scale %scale of 16
    : tensor<1x4x2x64xbf16>, tensor<1x4x2x64xbf16> -> tensor<1x4x2x64xbf16>
  return
}

// -----

func.func @C9_small_pages(%q: tensor<1x4x2x64xbf16>, %table: tensor<?x?xi32>, %scale: f32) {
  // expected-error @+1 {{C9: expected pages of at least 8 keys, got 4}}
  %o = lla.attention %q keys %q values %q scale %scale pages %table of 4
    : tensor<1x4x2x64xbf16>, tensor<1x4x2x64xbf16> -> tensor<1x4x2x64xbf16>
  return
}

// -----

// Pages are as many as there are; without them k has q's batch.
func.func @C3_batch(%q: tensor<2x4x2x64xbf16>, %k: tensor<7x16x2x64xbf16>, %table: tensor<?x?xi32>, %scale: f32) {
  %0 = lla.attention %q keys %k values %k scale %scale pages %table of 16
    : tensor<2x4x2x64xbf16>, tensor<7x16x2x64xbf16> -> tensor<2x4x2x64xbf16>
  // expected-error @+1 {{C3: expected dimension 0 of k to be that of q}}
  %1 = lla.attention %q keys %k values %k scale %scale
    : tensor<2x4x2x64xbf16>, tensor<7x16x2x64xbf16> -> tensor<2x4x2x64xbf16>
  return
}

// -----

func.func @C10_without_lengths(%q: tensor<1x4x2x64xbf16>, %places: tensor<?xi32>, %scale: f32) {
  // expected-error @+1 {{C10: expected lengths beside cu_seqlens}}
  %o = lla.attention %q keys %q values %q scale %scale cu_seqlens_q %places
    : tensor<1x4x2x64xbf16>, tensor<1x4x2x64xbf16> -> tensor<1x4x2x64xbf16>
  return
}

// -----

func.func @C10_packed_pages(%q: tensor<1x4x2x64xbf16>, %places: tensor<?xi32>, %table: tensor<?x?xi32>, %scale: f32) {
  // expected-error @+1 {{C10: expected cu_seqlens_k or pages, got both}}
  %o = lla.attention %q keys %q values %q scale %scale lengths %places starts %places cu_seqlens_k %places
    pages %table of 16 : tensor<1x4x2x64xbf16>, tensor<1x4x2x64xbf16> -> tensor<1x4x2x64xbf16>
  return
}

// -----

// Packed rows are a batch of one.
func.func @packed_batch(%q: tensor<1x40x2x64xbf16>, %k: tensor<3x16x2x64xbf16>, %places: tensor<?xi32>, %scale: f32) {
  %0 = lla.attention %q keys %k values %k scale %scale lengths %places starts %places cu_seqlens_q %places
    : tensor<1x40x2x64xbf16>, tensor<3x16x2x64xbf16> -> tensor<1x40x2x64xbf16>
  // expected-error @+1 {{C3: expected dimension 0 of k to be that of q}}
  %1 = lla.attention %q keys %k values %k scale %scale lengths %places starts %places
    : tensor<1x40x2x64xbf16>, tensor<3x16x2x64xbf16> -> tensor<1x40x2x64xbf16>
  return
}

// -----

func.func @lengths_type(%q: tensor<1x4x2x64xbf16>, %lengths: tensor<?xi64>, %scale: f32) {
  // expected-error @+1 {{operand #4 must be i32 tensor of rank 1 and dynamic sizes, but got 'tensor<?xi64>'}}
  %o = "lla.attention"(%q, %q, %q, %scale, %lengths, %lengths) <{operandSegmentSizes = array<i32: 1, 0, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0>}>
    : (tensor<1x4x2x64xbf16>, tensor<1x4x2x64xbf16>, tensor<1x4x2x64xbf16>, f32, tensor<?xi64>, tensor<?xi64>)
    -> tensor<1x4x2x64xbf16>
  return
}

// -----

//===----------------------------------------------------------------------===//
// lla.pack_rows
//===----------------------------------------------------------------------===//

func.func @C1_probe_without_packing(%q: tensor<1x4x2x64xbf16>) {
  // expected-error @+1 {{C1: expected a probe of q's type exactly if the packing is not none}}
  %0 = lla.pack_rows %q, %q : tensor<1x4x2x64xbf16>, tensor<1x4x2x64xbf16> -> <bf16, dim = 64, group = 2, none>
  return
}

// -----

func.func @C1_packing_without_probe(%q: tensor<1x4x2x64xbf16>) {
  // expected-error @+1 {{C1: expected a probe of q's type exactly if the packing is not none}}
  %0 = lla.pack_rows %q : tensor<1x4x2x64xbf16> -> <bf16, dim = 64, group = 2, stacked>
  return
}

// -----

func.func @C2_packed_rank(%q: tensor<2x64xbf16>) {
  // expected-error @+1 {{C2: expected element type, dim and a divisor of the heads of 'tensor<2x64xbf16>'}}
  %0 = lla.pack_rows %q : tensor<2x64xbf16> -> <bf16, dim = 64, group = 2, none>
  return
}

// -----

func.func @C2_packed_dim(%q: tensor<1x4x2x64xbf16>) {
  // expected-error @+1 {{C2: expected element type, dim and a divisor of the heads}}
  %0 = lla.pack_rows %q : tensor<1x4x2x64xbf16> -> <bf16, dim = 128, group = 2, none>
  return
}

// -----

func.func @C2_packed_element(%q: tensor<1x4x2x64xbf16>) {
  // expected-error @+1 {{C2: expected element type, dim and a divisor of the heads}}
  %0 = lla.pack_rows %q : tensor<1x4x2x64xbf16> -> <f16, dim = 64, group = 2, none>
  return
}

// -----

func.func @C2_packed_group(%q: tensor<1x4x6x64xbf16>) {
  // expected-error @+1 {{C2: expected element type, dim and a divisor of the heads}}
  %0 = lla.pack_rows %q : tensor<1x4x6x64xbf16> -> <bf16, dim = 64, group = 4, none>
  return
}

// -----

//===----------------------------------------------------------------------===//
// lla.online_init
//===----------------------------------------------------------------------===//

func.func @C1_init_unmerged() {
  // expected-error @+1 {{C1: expected a state with nothing unmerged}}
  %0 = lla.online_init : <64, unmerged = [grid]>
  return
}

// -----

//===----------------------------------------------------------------------===//
// lla.online_update
//===----------------------------------------------------------------------===//

func.func @C1_both_rows(%s: !lla.state<64>, %q: tensor<1x4x2x64xbf16>, %rows: !lla.rows<bf16, dim = 64, group = 2, none>,
                        %scale: f32) {
  // expected-error @+1 {{C1: expected either queries (and a probe) or packed rows}}
  %0 = lla.online_update %s queries %q rows %rows keys %q values %q scale %scale range whole
    : <64> queries tensor<1x4x2x64xbf16> rows !lla.rows<bf16, dim = 64, group = 2, none>
      keys tensor<1x4x2x64xbf16> values tensor<1x4x2x64xbf16> -> <64>
  return
}

// -----

func.func @C1_no_rows(%s: !lla.state<64>, %k: tensor<1x4x2x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C1: expected either queries (and a probe) or packed rows}}
  %0 = lla.online_update %s keys %k values %k scale %scale range whole
    : <64> keys tensor<1x4x2x64xbf16> values tensor<1x4x2x64xbf16> -> <64>
  return
}

// -----

func.func @C2_state_without_probe(%s: !lla.state<64>, %q: tensor<1x4x2x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C2: expected a state with a probe, got '!lla.state<64>'}}
  %0 = lla.online_update %s queries %q probe %q keys %q values %q scale %scale range whole
    : <64> queries tensor<1x4x2x64xbf16> probe tensor<1x4x2x64xbf16>
      keys tensor<1x4x2x64xbf16> values tensor<1x4x2x64xbf16> -> <64>
  return
}

// -----

func.func @C2_rows_without_probe(%s: !lla.state<64, probe>, %rows: !lla.rows<bf16, dim = 64, group = 2, none>,
                                 %k: tensor<1x4x2x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C2: expected a state without a probe}}
  %0 = lla.online_update %s rows %rows keys %k values %k scale %scale range whole
    : <64, probe> rows !lla.rows<bf16, dim = 64, group = 2, none>
      keys tensor<1x4x2x64xbf16> values tensor<1x4x2x64xbf16> -> <64, probe>
  return
}

// -----

func.func @C3_update_dim(%s: !lla.state<128>, %q: tensor<1x4x2x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C3: expected dim 128 of rows, keys and values, got 64}}
  %0 = lla.online_update %s queries %q keys %q values %q scale %scale range whole
    : <128> queries tensor<1x4x2x64xbf16> keys tensor<1x4x2x64xbf16> values tensor<1x4x2x64xbf16> -> <128>
  return
}

// -----

func.func @C4_update_result(%s: !lla.state<64>, %q: tensor<1x4x2x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C4: expected the result to be '!lla.state<64>' with its splits unmerged, got '!lla.state<128>'}}
  %0 = lla.online_update %s queries %q keys %q values %q scale %scale range whole
    : <64> queries tensor<1x4x2x64xbf16> keys tensor<1x4x2x64xbf16> values tensor<1x4x2x64xbf16> -> <128>
  return
}

// -----

func.func @C4_update_drops_axis(%s: !lla.state<64, unmerged = [grid]>, %q: tensor<1x4x2x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C4: expected the result to be '!lla.state<64, unmerged = [grid]>' with its splits unmerged}}
  %0 = lla.online_update %s queries %q keys %q values %q scale %scale range whole
    : <64, unmerged = [grid]> queries tensor<1x4x2x64xbf16> keys tensor<1x4x2x64xbf16> values tensor<1x4x2x64xbf16>
    -> <64>
  return
}

// -----

func.func @C5_update_window(%s: !lla.state<64>, %q: tensor<1x4x2x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C5: expected causal beside window}}
  %0 = lla.online_update %s queries %q keys %q values %q scale %scale window 8 range whole
    : <64> queries tensor<1x4x2x64xbf16> keys tensor<1x4x2x64xbf16> values tensor<1x4x2x64xbf16> -> <64>
  return
}

// -----

func.func @C6_update_rank(%s: !lla.state<64>, %q: tensor<2x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C6: expected rank 4 and elements 'bf16', got 'tensor<2x64xbf16>'}}
  %0 = lla.online_update %s queries %q keys %q values %q scale %scale range whole
    : <64> queries tensor<2x64xbf16> keys tensor<2x64xbf16> values tensor<2x64xbf16> -> <64>
  return
}

// -----

func.func @C6_update_element(%s: !lla.state<64>, %rows: !lla.rows<bf16, dim = 64, group = 2, none>,
                             %k: tensor<1x4x2x64xf16>, %scale: f32) {
  // expected-error @+1 {{C6: expected rank 4 and elements 'bf16', got 'tensor<1x4x2x64xf16>'}}
  %0 = lla.online_update %s rows %rows keys %k values %k scale %scale range whole
    : <64> rows !lla.rows<bf16, dim = 64, group = 2, none> keys tensor<1x4x2x64xf16> values tensor<1x4x2x64xf16> -> <64>
  return
}

// -----

func.func @C6_update_values(%s: !lla.state<64>, %q: tensor<1x4x2x64xbf16>, %v: tensor<1x9x2x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C6: expected k and v, and q and r, of one type}}
  %0 = lla.online_update %s queries %q keys %q values %v scale %scale range whole
    : <64> queries tensor<1x4x2x64xbf16> keys tensor<1x4x2x64xbf16> values tensor<1x9x2x64xbf16> -> <64>
  return
}

// -----

func.func @C7_update_heads(%s: !lla.state<64>, %q: tensor<1x4x2x64xbf16>, %k: tensor<1x4x0x64xbf16>, %scale: f32) {
  // expected-error @+1 {{C7: expected query heads to be a multiple of KV heads, got 2 and 0}}
  %0 = lla.online_update %s queries %q keys %k values %k scale %scale range whole
    : <64> queries tensor<1x4x2x64xbf16> keys tensor<1x4x0x64xbf16> values tensor<1x4x0x64xbf16> -> <64>
  return
}

// -----

func.func @C8_update_starts_alone(%s: !lla.state<64>, %rows: !lla.rows<bf16, dim = 64, group = 1, none>,
    %k: tensor<1x4x2x64xbf16>, %starts: tensor<?xi32>, %scale: f32) {
  // expected-error @+1 {{C8: expected lengths and starts together}}
  %0 = lla.online_update %s rows %rows keys %k values %k scale %scale starts %starts range whole
    : <64> rows !lla.rows<bf16, dim = 64, group = 1, none> keys tensor<1x4x2x64xbf16> values tensor<1x4x2x64xbf16> -> <64>
  return
}

// -----

func.func @C8_update_packed(%s: !lla.state<64>, %rows: !lla.rows<bf16, dim = 64, group = 1, none>,
    %k: tensor<1x4x2x64xbf16>, %places: tensor<?xi32>, %scale: f32) {
  // expected-error @+1 {{C8: expected lengths beside cu_seqlens}}
  %0 = lla.online_update %s rows %rows keys %k values %k scale %scale cu_seqlens_k %places range whole
    : <64> rows !lla.rows<bf16, dim = 64, group = 1, none> keys tensor<1x4x2x64xbf16> values tensor<1x4x2x64xbf16> -> <64>
  return
}

// -----

func.func @C8_update_pages(%s: !lla.state<64>, %rows: !lla.rows<bf16, dim = 64, group = 1, none>,
    %k: tensor<1x4x2x64xbf16>, %table: tensor<?x?xi32>, %scale: f32) {
  // expected-error @+1 {{C8: expected pages of at least 8 keys, got -8}}
  %0 = lla.online_update %s rows %rows keys %k values %k scale %scale pages %table of -8 range whole
    : <64> rows !lla.rows<bf16, dim = 64, group = 1, none> keys tensor<1x4x2x64xbf16> values tensor<1x4x2x64xbf16> -> <64>
  return
}

// -----

//===----------------------------------------------------------------------===//
// lla.online_merge
//===----------------------------------------------------------------------===//

func.func @C1_merge_order(%s: !lla.state<64, unmerged = [warps, grid]>) {
  // expected-error @+1 {{C1: expected grid as first unmerged axis of '!lla.state<64, unmerged = [warps, grid]>'}}
  %0 = lla.online_merge %s over grid : <64, unmerged = [warps, grid]> -> <64, unmerged = [warps]>
  return
}

// -----

func.func @C1_merge_nothing(%s: !lla.state<64>) {
  // expected-error @+1 {{C1: expected grid as first unmerged axis of '!lla.state<64>'}}
  %0 = lla.online_merge %s over grid : <64> -> <64>
  return
}

// -----

func.func @C1_merge_result(%s: !lla.state<64, unmerged = [warps, grid]>) {
  // expected-error @+1 {{and the others left in '!lla.state<64>'}}
  %0 = lla.online_merge %s over warps : <64, unmerged = [warps, grid]> -> <64>
  return
}

// -----

//===----------------------------------------------------------------------===//
// lla.online_finalize
//===----------------------------------------------------------------------===//

func.func @C1_finalize_unmerged(%s: !lla.state<64, unmerged = [grid]>) {
  // expected-error @+1 {{C1: expected a merged state, got '!lla.state<64, unmerged = [grid]>'}}
  %0 = lla.online_finalize %s : <64, unmerged = [grid]> -> tensor<1x4x2x64xbf16>
  return
}

// -----

func.func @C2_finalize_dim(%s: !lla.state<64>) {
  // expected-error @+1 {{C2: expected rank 4 and dim 64, got 'tensor<1x4x2x128xbf16>'}}
  %0 = lla.online_finalize %s : <64> -> tensor<1x4x2x128xbf16>
  return
}

// -----

func.func @C2_finalize_rank(%s: !lla.state<64>) {
  // expected-error @+1 {{C2: expected rank 4 and dim 64, got 'tensor<4x64xbf16>'}}
  %0 = lla.online_finalize %s : <64> -> tensor<4x64xbf16>
  return
}

// -----

//===----------------------------------------------------------------------===//
// lla.online_statistics
//===----------------------------------------------------------------------===//

func.func @C1_statistics_unmerged(%s: !lla.state<64, unmerged = [grid]>) {
  // expected-error @+1 {{C1: expected a merged state, got '!lla.state<64, unmerged = [grid]>'}}
  %0, %1, %2 = lla.online_statistics %s
    : <64, unmerged = [grid]> -> tensor<1x4x2xf32>, tensor<1x4x2xf32>, tensor<1x4x2x64xf32>
  return
}

// -----

func.func @C2_statistics_dim(%s: !lla.state<64>) {
  // expected-error @+1 {{C2: expected lse and tbar of rank 3 and vbar with a dim 64 more, got 'tensor<1x4x2xf32>', 'tensor<1x4x2xf32>' and 'tensor<1x4x2x32xf32>'}}
  %0, %1, %2 = lla.online_statistics %s : <64> -> tensor<1x4x2xf32>, tensor<1x4x2xf32>, tensor<1x4x2x32xf32>
  return
}

// -----

func.func @C2_statistics_rows(%s: !lla.state<64>) {
  // expected-error @+1 {{C2: expected lse and tbar of rank 3}}
  %0, %1, %2 = lla.online_statistics %s : <64> -> tensor<1x3x2xf32>, tensor<1x3x2xf32>, tensor<1x4x2x64xf32>
  return
}

// -----

func.func @C2_statistics_tbar(%s: !lla.state<64>) {
  // expected-error @+1 {{C2: expected lse and tbar of rank 3}}
  %0, %1, %2 = lla.online_statistics %s : <64> -> tensor<1x4x2xf32>, tensor<1x4x3xf32>, tensor<1x4x2x64xf32>
  return
}

// -----

func.func @statistics_element(%s: !lla.state<64>) {
  // expected-error @+1 {{must be ranked tensor of 32-bit float values}}
  %0, %1, %2 = lla.online_statistics %s : <64> -> tensor<1x4x2xbf16>, tensor<1x4x2xbf16>, tensor<1x4x2x64xbf16>
  return
}

// -----

//===----------------------------------------------------------------------===//
// lla.merge_states
//===----------------------------------------------------------------------===//

func.func @C1_merge_rank(%o: tensor<2x4x8x64xf32>, %lse: tensor<2x4x8xf32>) {
  // expected-error @+1 {{C1: expected o and vbar of rank 5 and one type, lse and tbar of their shape without dim, got}}
  %0:4 = lla.merge_states %o, %lse, %lse, %o
    : (tensor<2x4x8x64xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8x64xf32>)
    -> (tensor<4x8x64xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8x64xf32>)
  return
}

// -----

func.func @C1_merge_lse(%o: tensor<3x2x4x8x64xf32>, %lse: tensor<2x2x4x8xf32>, %tbar: tensor<3x2x4x8xf32>) {
  // expected-error @+1 {{C1: expected o and vbar of rank 5}}
  %0:4 = lla.merge_states %o, %lse, %tbar, %o
    : (tensor<3x2x4x8x64xf32>, tensor<2x2x4x8xf32>, tensor<3x2x4x8xf32>, tensor<3x2x4x8x64xf32>)
    -> (tensor<2x4x8x64xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8x64xf32>)
  return
}

// -----

func.func @C1_merge_vbar(%o: tensor<3x2x4x8x64xf32>, %lse: tensor<3x2x4x8xf32>, %vbar: tensor<3x2x4x8x32xf32>) {
  // expected-error @+1 {{C1: expected o and vbar of rank 5}}
  %0:4 = lla.merge_states %o, %lse, %lse, %vbar
    : (tensor<3x2x4x8x64xf32>, tensor<3x2x4x8xf32>, tensor<3x2x4x8xf32>, tensor<3x2x4x8x32xf32>)
    -> (tensor<2x4x8x64xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8x64xf32>)
  return
}

// -----

func.func @merge_16_bits(%o: tensor<3x2x4x8x64xbf16>, %lse: tensor<3x2x4x8xf32>) {
  // expected-error @+1 {{must be ranked tensor of 32-bit float values}}
  %0:4 = lla.merge_states %o, %lse, %lse, %o
    : (tensor<3x2x4x8x64xbf16>, tensor<3x2x4x8xf32>, tensor<3x2x4x8xf32>, tensor<3x2x4x8x64xbf16>)
    -> (tensor<2x4x8x64xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8x64xf32>)
  return
}

// -----

func.func @C2_merge_results(%o: tensor<3x2x4x8x64xf32>, %lse: tensor<3x2x4x8xf32>) {
  // expected-error @+1 {{C2: expected results of the shapes of 'tensor<2x4x8x64xf32>' and 'tensor<2x4x8xf32>', got}}
  %0:4 = lla.merge_states %o, %lse, %lse, %o
    : (tensor<3x2x4x8x64xf32>, tensor<3x2x4x8xf32>, tensor<3x2x4x8xf32>, tensor<3x2x4x8x64xf32>)
    -> (tensor<2x4x8x64xf32>, tensor<2x4x8xf32>, tensor<2x4x9xf32>, tensor<2x4x8x64xf32>)
  return
}

// -----

func.func @C3_merge_heads(%o: tensor<3x2x4x?x64xf32>, %lse: tensor<3x2x4x?xf32>) {
  // expected-error @+1 {{C3: expected static heads and a dim that is a multiple of 8 in 16..256, got 'tensor<3x2x4x?x64xf32>'}}
  %0:4 = lla.merge_states %o, %lse, %lse, %o
    : (tensor<3x2x4x?x64xf32>, tensor<3x2x4x?xf32>, tensor<3x2x4x?xf32>, tensor<3x2x4x?x64xf32>)
    -> (tensor<2x4x?x64xf32>, tensor<2x4x?xf32>, tensor<2x4x?xf32>, tensor<2x4x?x64xf32>)
  return
}

// -----

func.func @C3_merge_dim(%o: tensor<3x2x4x8x20xf32>, %lse: tensor<3x2x4x8xf32>) {
  // expected-error @+1 {{C3: expected static heads and a dim}}
  %0:4 = lla.merge_states %o, %lse, %lse, %o
    : (tensor<3x2x4x8x20xf32>, tensor<3x2x4x8xf32>, tensor<3x2x4x8xf32>, tensor<3x2x4x8x20xf32>)
    -> (tensor<2x4x8x20xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8x20xf32>)
  return
}

// -----

func.func @C1_bytes_beside_fp32(%q: tensor<1x4x2x64xf32>, %k: tensor<1x9x2x64xf8E4M3FN>, %scale: f32, %s: tensor<?xf32>) {
  // expected-error @+1 {{C1: expected element type 'f32', got 'tensor<1x9x2x64xf8E4M3FN>'}}
  %o = lla.attention %q keys %k values %k scale %scale k_scales %s v_scales %s
    : tensor<1x4x2x64xf32>, tensor<1x9x2x64xf8E4M3FN> -> tensor<1x4x2x64xf32>
  return
}

// -----

func.func @C11_scales_of_bytes(%q: tensor<1x4x2x64xbf16>, %k: tensor<1x9x2x64xf8E4M3FN>, %scale: f32, %s: tensor<?xf32>) {
  // expected-error @+1 {{C11: expected scales of keys of 'f8E4M3FN'}}
  %o = lla.attention %q keys %k values %k scale %scale k_scales %s
    : tensor<1x4x2x64xbf16>, tensor<1x9x2x64xf8E4M3FN> -> tensor<1x4x2x64xbf16>
  return
}

// -----

func.func @C11_scales_of_halves(%q: tensor<1x4x2x64xbf16>, %scale: f32, %s: tensor<?xf32>) {
  // expected-error @+1 {{C11: expected no scales of keys of 'bf16'}}
  %o = lla.attention %q keys %q values %q scale %scale v_scales %s
    : tensor<1x4x2x64xbf16>, tensor<1x4x2x64xbf16> -> tensor<1x4x2x64xbf16>
  return
}

// -----

func.func @C11_dim(%q: tensor<1x4x2x72xbf16>, %k: tensor<1x9x2x72xf8E4M3FN>, %scale: f32, %s: tensor<?xf32>) {
  // expected-error @+1 {{C11: expected dim to be a multiple of 16, got 72}}
  %o = lla.attention %q keys %k values %k scale %scale k_scales %s v_scales %s
    : tensor<1x4x2x72xbf16>, tensor<1x9x2x72xf8E4M3FN> -> tensor<1x4x2x72xbf16>
  return
}

// -----

func.func @C6_update_scales(%s: !lla.state<64>, %q: tensor<1x4x2x64xbf16>, %k: tensor<1x9x2x64xf8E4M3FN>, %scale: f32) {
  // expected-error @+1 {{C6: expected k_scales exactly with keys of f8E4M3FN}}
  %0 = lla.online_update %s queries %q keys %k values %k scale %scale range whole
    : <64> queries tensor<1x4x2x64xbf16> keys tensor<1x9x2x64xf8E4M3FN> values tensor<1x9x2x64xf8E4M3FN> -> <64>
  return
}
