// One violation of each numbered constraint.
// RUN: lla-opt %s -split-input-file -verify-diagnostics

//===----------------------------------------------------------------------===//
// tile.kernel, tile.argument, tile.view
//===----------------------------------------------------------------------===//

// expected-error @+1 {{C1: expected 1..32 warps and 0 or 4 producer warps, got 0 and 0}}
tile.kernel @C1_warps attributes {warps = 0} {}

// -----

// expected-error @+1 {{C1: expected 1..32 warps and 0 or 4 producer warps, got 4 and 1}}
tile.kernel @C1_producer_warps attributes {warps = 4, producer_warps = 1} {}

// -----

// expected-error @+1 {{C2: expected 1..8 stages, ctas >= 1 and 1..16 CTAs in a cluster, got 0, 1 and 1}}
tile.kernel @C2_stages attributes {warps = 4, stages = 0} {}

// -----

// expected-error @+1 {{C2: expected 1..8 stages, ctas >= 1 and 1..16 CTAs in a cluster, got 1, 0 and 1}}
tile.kernel @C2_ctas attributes {warps = 4, ctas = 0} {}

// -----

func.func @C1_argument_type() {
  // expected-error @+1 {{C1: expected a field of the launch record and its type, got context of type 'i64'}}
  %0 = tile.argument "context" : i64
  return
}

// -----

func.func @C1_argument_pointer() {
  // expected-error @+1 {{C1: expected a field of the launch record and its type, got workspace of type 'i64'}}
  %0 = tile.argument "workspace" : i64
  return
}

// -----

func.func @C1_argument_unknown() {
  // expected-error @+1 {{C1: expected a field of the launch record and its type, got contexts of type 'i32'}}
  %0 = tile.argument "contexts" : i32
  return
}

// -----

func.func @C1_view_group(%i: i32) {
  // expected-error @+1 {{C1: expected group >= 1, got 0}}
  %0 = tile.view q[%i, %i] {group = 0} : <64 x bf16>
  return
}

// -----

func.func @C1_view_query_rows(%i: i32) {
  // expected-error @+1 {{C1: expected query_rows that are 0 or, of a group > 1, a power of two of at least 3, got 2}}
  %0 = tile.view q[%i, %i] {group = 3, query_rows = 2} : <64 x bf16>
  return
}

// -----

func.func @C1_view_query_rows_signed(%i: i32) {
  // expected-error @+1 {{C1: expected query_rows that are 0 or, of a group > 1, a power of two of at least 3, got -4}}
  %0 = tile.view q[%i, %i] {group = 3, query_rows = -4} : <64 x bf16>
  return
}

// -----

func.func @C1_view_query_rows_of_one(%i: i32) {
  // expected-error @+1 {{C1: expected query_rows that are 0 or, of a group > 1, a power of two of at least 1, got 2}}
  %0 = tile.view q[%i, %i] {group = 1, query_rows = 2} : <64 x bf16>
  return
}

// -----

func.func @C4_view_query_rows_of_keys(%i: i32) {
  // expected-error @+1 {{C4: expected no query_rows of keys or in a kernel without producers, got 4}}
  %0 = tile.view k[%i, %i] {group = 3, query_rows = 4} : <64 x bf16>
  return
}

// -----

tile.kernel @C4_view_query_rows attributes {warps = 4 : i64} {
  %i = tile.index grid_x
  // expected-error @+1 {{C4: expected no query_rows of keys or in a kernel without producers, got 4}}
  %0 = tile.view q[%i, %i] {group = 3, query_rows = 4} : <64 x bf16>
}

// -----

func.func @C2_view_of_no_shard(%i: i32) {
  // expected-error @+1 {{C2: expected a shard of part_lse}}
  %0 = tile.view part_lse[%i, %i] : <1 x f32>
  return
}

// -----

func.func @C2_view_shard(%i: i32) {
  // expected-error @+1 {{C2: expected no shard of lse}}
  %0 = tile.view lse[%i, %i] shard %i : <1 x f32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// tile.load, tile.store
//===----------------------------------------------------------------------===//

func.func @C1_load_flat_columns(%v: !tile.view<32 x f32>, %i: i32) {
  // expected-error @+1 {{C1: expected views of one type with 1 or 64 columns, got '!tile.view<32 x f32>'}}
  %0 = tile.load %v[%i] until %i : <32 x f32> -> <4 x 64 x f32, flat, threads = 128>
  return
}

// -----

func.func @C4_load_flat_element(%v: !tile.view<64 x bf16>, %i: i32) {
  // expected-error @+1 {{C4: expected the element type of '!tile.view<64 x bf16>'}}
  %0 = tile.load %v[%i] until %i : <64 x bf16> -> <4 x 64 x f32, flat, threads = 128>
  return
}

// -----

func.func @C1_load_columns(%v: !tile.view<128 x bf16>, %i: i32) {
  // expected-error @+1 {{C1: expected views of one type with at most 64 columns, got '!tile.view<128 x bf16>'}}
  %0 = tile.load %v[%i] until %i : <128 x bf16> -> <16 x 64 x bf16, keys>
  return
}

// -----

func.func @C1_load_views(%v: !tile.view<64 x bf16>, %w: !tile.view<64 x f16>, %i: i32) {
  // expected-error @+1 {{C1: expected views of one type with at most 64 columns}}
  %0 = tile.load %v over %w[%i] until %i : <64 x bf16>, !tile.view<64 x f16> -> <16 x 64 x bf16, rows>
  return
}

// -----

func.func @C2_load_stacked_keys(%v: !tile.view<64 x bf16>, %i: i32) {
  // expected-error @+1 {{C2: expected stacked views with layout rows or dense, transposition with dense}}
  %0 = tile.load %v over %v[%i] until %i : <64 x bf16>, !tile.view<64 x bf16> -> <16 x 64 x bf16, keys>
  return
}

// -----

func.func @C2_load_transposed_values(%v: !tile.view<64 x bf16>, %i: i32) {
  // expected-error @+1 {{C2: expected stacked views with layout rows or dense, transposition with dense}}
  %0 = tile.load %v[%i] until %i transposed : <64 x bf16> -> <64 x 64 x bf16, values>
  return
}

// -----

func.func @C3_load_layout(%v: !tile.view<64 x bf16>, %i: i32) {
  // expected-error @+1 {{C3: expected layout rows, keys, values, flat or dense, got operand}}
  %0 = tile.load %v[%i] until %i : <64 x bf16> -> <16 x 64 x bf16, operand>
  return
}

// -----

func.func @C4_load_element(%v: !tile.view<64 x f16>, %i: i32) {
  // expected-error @+1 {{C4: expected the element type of '!tile.view<64 x f16>'}}
  %0 = tile.load %v[%i] until %i : <64 x f16> -> <16 x 64 x bf16, keys>
  return
}

// -----

func.func @C5_load_pages_of_none(%v: !tile.view<64 x bf16>, %i: i32) {
  // expected-error @+1 {{C5: expected pages of a paged view, each of a multiple of 8 rows, got 1}}
  %0 = tile.load %v[%i] pages %i until %i : <64 x bf16> -> <16 x 64 x bf16, keys>
  return
}

// -----

func.func @C5_load_too_many_pages(%v: !tile.view<64 x bf16, pages = 8>, %i: i32) {
  // expected-error @+1 {{C5: expected pages of a paged view, each of a multiple of 8 rows, got 3}}
  %0 = tile.load %v[%i] pages %i, %i, %i until %i : <64 x bf16, pages = 8> -> <16 x 64 x bf16, keys>
  return
}

// -----

func.func @C6_load_rows_from(%v: !tile.view<64 x bf16>, %i: i32) {
  // expected-error @+1 {{C6: expected from with layout keys or values, got rows}}
  %0 = tile.load %v[%i] from %i until %i : <64 x bf16> -> <16 x 64 x bf16, rows>
  return
}

// -----

func.func @C1_prefetch_nothing(%v: !tile.view<64 x bf16>, %i: i32) {
  // expected-error @+1 {{C1: expected rows of views of one type, got 0 of '!tile.view<64 x bf16>'}}
  tile.prefetch 0 of %v[%i] until %i : !tile.view<64 x bf16>
  return
}

// -----

func.func @C1_prefetch_types(%v: !tile.view<64 x bf16>, %w: !tile.view<64 x bf16, pages = 8>, %i: i32) {
  // expected-error @+1 {{C1: expected rows of views of one type, got 16 of '!tile.view<64 x bf16>', '!tile.view<64 x bf16, pages = 8>'}}
  tile.prefetch 16 of %v, %w[%i] until %i : !tile.view<64 x bf16>, !tile.view<64 x bf16, pages = 8>
  return
}

// -----

//===----------------------------------------------------------------------===//
// tile.lookup, tile.page, tile.view, tile.copy
//===----------------------------------------------------------------------===//

func.func @C1_lookup(%i: i32) {
  // expected-error @+1 {{C1: expected lengths, starts, cu_seqlens_q or cu_seqlens_k, got page_table}}
  %0 = tile.lookup "page_table"[%i] otherwise %i
  return
}

// -----

func.func @C1_seek(%i: i32) {
  // expected-error @+1 {{C1: expected a region from i32 to i32}}
  %0:3 = tile.seek %i of %i {
  ^bb0(%n: i32, %m: i32):
    tile.yield %n : i32
  }
  return
}

// -----

tile.kernel @C2_seek attributes {warps = 4, producer_warps = 4} {
  tile.roles producer {
    %x = tile.index grid_x
  } consumer {
    %i = tile.index grid_x
    // expected-error @+1 {{C2: expected not to be among the roles' ops, nor in another seek}}
    %0:3 = tile.seek %i of %i {
    ^bb0(%n: i32):
      tile.yield %n : i32
    }
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// -----

tile.kernel @C1_by_length attributes {warps = 4, producer_warps = 4} {
  tile.roles producer {
    %x = tile.index grid_x
    // expected-error @+1 {{C1: expected not to be among the roles' ops}}
    %0 = tile.by_length %x of %x otherwise %x
  } consumer {
    %y = tile.index grid_x
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// -----

func.func @C2_seek_in_seek(%i: i32) {
  %0:3 = tile.seek %i of %i {
  ^bb0(%n: i32):
    // expected-error @+1 {{C2: expected not to be among the roles' ops, nor in another seek}}
    %1:3 = tile.seek %n of %i {
    ^bb1(%m: i32):
      tile.yield %m : i32
    }
    tile.yield %1#0 : i32
  }
  return
}

// -----

func.func @C1_scale(%i: i32) {
  // expected-error @+1 {{C1: expected k or v, got q}}
  %0 = tile.scale q[%i]
  return
}

// -----

func.func @C1_page(%v: !tile.view<64 x bf16>, %i: i32) {
  // expected-error @+1 {{C1: expected a paged view, got '!tile.view<64 x bf16>'}}
  %0 = tile.page %v[%i] until %i : <64 x bf16>
  return
}

// -----

func.func @C3_view_pages_of_queries(%i: i32) {
  // expected-error @+1 {{C3: expected pages of k or v only, with group 1, got q and group 1}}
  %0 = tile.view q[%i, %i] : <64 x bf16, pages = 16>
  return
}

// -----

func.func @C3_view_group(%i: i32) {
  // expected-error @+1 {{C3: expected pages of k or v only, with group 1, got k and group 4}}
  %0 = tile.view k[%i, %i] {group = 4} : <64 x bf16, pages = 16>
  return
}

// -----

func.func @C1_copy_bounds(%v: !tile.view<64 x bf16>, %i: i32) {
  // expected-error @+1 {{C1: expected from and until together}}
  %0 = tile.copy %v[%i] until %i : <64 x bf16> -> <64 x 64 x bf16>
  return
}

// -----

func.func @C2_copy_without_boxes(%v: !tile.view<64 x bf16, pages = 16>, %i: i32) {
  // expected-error @+1 {{C2: expected bounds and boxes of a multiple of 8 rows that divides tile and page with a paged view only, got boxes of 0}}
  %0 = tile.copy %v[%i] from %i until %i : <64 x bf16, pages = 16> -> <64 x 64 x bf16>
  return
}

// -----

func.func @C2_copy_boxes_across_pages(%v: !tile.view<64 x bf16, pages = 24>, %i: i32) {
  // expected-error @+1 {{C2: expected bounds and boxes of a multiple of 8 rows that divides tile and page with a paged view only, got boxes of 16}}
  %0 = tile.copy %v[%i] from %i until %i boxes of 16 : <64 x bf16, pages = 24> -> <64 x 64 x bf16>
  return
}

// -----

func.func @C2_copy_boxes_of_none(%v: !tile.view<64 x bf16>, %i: i32) {
  // expected-error @+1 {{C2: expected bounds and boxes}}
  %0 = tile.copy %v[%i] from %i until %i boxes of 16 : <64 x bf16> -> <64 x 64 x bf16>
  return
}

// -----

func.func @C3_copy_bounds_of_narrow_panels(%v: !tile.view<64 x bf16>, %i: i32) {
  // expected-error @+1 {{C3: expected panels of 64 columns with bounds, got '!tile.shared<64 x 64 x bf16, panels = 32>'}}
  %0 = tile.copy %v[%i] from %i until %i : <64 x bf16> -> <64 x 64 x bf16, panels = 32>
  return
}

// -----

func.func @C1_columns_panels(%v: !tile.shared<64 x 192 x bf16, panels = 32>, %i: i32) {
  // expected-error @+1 {{C1: expected at most 192 columns of '!tile.shared<64 x 192 x bf16, panels = 32>', got '!tile.shared<64 x 96 x bf16>'}}
  %0 = tile.columns %v from %i : <64 x 192 x bf16, panels = 32> -> <64 x 96 x bf16>
  return
}

// -----

func.func @C2_columns_within_a_panel(%v: !tile.shared<64 x 192 x bf16, panels = 32>) {
  %i = arith.constant 80 : i32
  // expected-error @+1 {{C2: expected a multiple of 32, got column 80}}
  %0 = tile.columns %v from %i : <64 x 192 x bf16, panels = 32> -> <64 x 96 x bf16, panels = 32>
  return
}

// -----

func.func @C1_store_layout(%f: !tile.frag<16 x 64 x bf16, operand>, %v: !tile.view<64 x bf16>, %i: i32) {
  // expected-error @+1 {{C1: expected layout accumulator, columns, row, flat or dense, got operand}}
  tile.store %f, %v[%i] until %i : <16 x 64 x bf16, operand>, <64 x bf16>
  return
}

// -----

func.func @C2_store_columns(%f: !tile.frag<16 x 64 x f32, accumulator>, %v: !tile.view<72 x bf16>, %i: i32) {
  // expected-error @+1 {{C2: expected at least 72 columns, got 64}}
  tile.store %f, %v[%i] until %i : <16 x 64 x f32, accumulator>, <72 x bf16>
  return
}

// -----

func.func @C2_store_flat(%f: !tile.frag<4 x 32 x f32, flat, threads = 128>, %v: !tile.view<40 x bf16>, %i: i32) {
  // expected-error @+1 {{C2: expected at least 40 columns, got 32}}
  tile.store %f, %v[%i] until %i : <4 x 32 x f32, flat, threads = 128>, <40 x bf16>
  return
}

// -----

func.func @C2_store_row(%f: !tile.frag<16 x 1 x f32, row>, %v: !tile.view<2 x f32>, %i: i32) {
  // expected-error @+1 {{C2: expected at least 2 columns, got 1}}
  tile.store %f, %v[%i] until %i : <16 x 1 x f32, row>, <2 x f32>
  return
}

// -----

func.func @C2_store_flat_column(%f: !tile.frag<4 x 40 x f32, flat, threads = 128>, %v: !tile.view<40 x bf16>, %i: i32) {
  // expected-error @+1 {{C2: expected layout accumulator or columns with a column, got flat}}
  tile.store %f, %v[%i, %i] until %i : <4 x 40 x f32, flat, threads = 128>, <40 x bf16>
  return
}

// -----

func.func @C2_store_dense(%f: !tile.frag<4 x 64 x f32, dense>, %v: !tile.view<40 x bf16>, %i: i32) {
  // expected-error @+1 {{C2: expected 40 columns, got 64}}
  tile.store %f, %v[%i] until %i : <4 x 64 x f32, dense>, <40 x bf16>
  return
}

// -----

//===----------------------------------------------------------------------===//
// tile.fill, tile.dot, tile.wait
//===----------------------------------------------------------------------===//

func.func @C1_fill_element() {
  // expected-error @+1 {{C1: expected f32 elements, got '!tile.frag<8 x 1 x i1, row>'}}
  %0 = tile.fill 1.0 : <8 x 1 x i1, row>
  return
}

// -----

func.func @C1_dot_kinds(%a: !tile.frag<16 x 64 x bf16, rows>, %b: !tile.frag<64 x 64 x bf16, values>) {
  // expected-error @+1 {{C1: no machine product of '!tile.frag<16 x 64 x bf16, rows>' and '!tile.frag<64 x 64 x bf16, values>'}}
  %0 = tile.dot %a, %b : !tile.frag<16 x 64 x bf16, rows>, !tile.frag<64 x 64 x bf16, values> -> <16 x 64 x f32, columns>
  return
}

// -----

func.func @C1_dot_transposition(%a: !tile.frag<16 x 64 x bf16, rows>, %b: !tile.frag<64 x 64 x bf16, keys>) {
  // expected-error @+1 {{C1: no machine product}}
  %0 = tile.dot %a, %b : !tile.frag<16 x 64 x bf16, rows>, !tile.frag<64 x 64 x bf16, keys> -> <16 x 64 x f32, accumulator>
  return
}

// -----

func.func @C1_dot_shared_rows(%a: !tile.shared<64 x 64 x bf16>, %b: !tile.frag<64 x 64 x bf16, keys>) {
  // expected-error @+1 {{C1: no machine product}}
  %0 = tile.dot %a, %b transposed : !tile.shared<64 x 64 x bf16>, !tile.frag<64 x 64 x bf16, keys> -> <16 x 64 x f32, accumulator>
  return
}

// -----

func.func @C2_dot_contraction(%a: !tile.frag<16 x 64 x bf16, rows>, %b: !tile.frag<16 x 96 x bf16, keys>) {
  // expected-error @+1 {{C2: shapes disagree}}
  %0 = tile.dot %a, %b transposed : !tile.frag<16 x 64 x bf16, rows>, !tile.frag<16 x 96 x bf16, keys> -> <16 x 16 x f32, accumulator>
  return
}

// -----

func.func @C2_dot_result(%a: !tile.frag<16 x 64 x bf16, rows>, %b: !tile.frag<16 x 64 x bf16, keys>) {
  // expected-error @+1 {{C2: shapes disagree}}
  %0 = tile.dot %a, %b transposed : !tile.frag<16 x 64 x bf16, rows>, !tile.frag<16 x 64 x bf16, keys> -> <16 x 32 x f32, accumulator>
  return
}

// -----

func.func @C2_dot_swapped(%a: !tile.frag<8 x 64 x bf16, rows, swapped>, %b: !tile.frag<16 x 64 x bf16, keys>) {
  // expected-error @+1 {{C2: shapes disagree}}
  %0 = tile.dot %a, %b transposed : !tile.frag<8 x 64 x bf16, rows, swapped>, !tile.frag<16 x 64 x bf16, keys> -> <8 x 16 x f32, accumulator>
  return
}

// -----

func.func @C1_store_swapped(%f: !tile.frag<8 x 64 x f32, accumulator, swapped>, %v: !tile.view<64 x bf16>, %i: i32) {
  // expected-error @+1 {{C1: expected no swapped accumulator}}
  tile.store %f, %v[%i] until %i : <8 x 64 x f32, accumulator, swapped>, <64 x bf16>
  return
}

// -----

func.func @C1_split_swapped(%f: !tile.frag<4 x 16 x f32, accumulator, swapped>) {
  // expected-error @+1 {{C1: expected two halves of 8 rows}}
  %0, %1 = tile.split %f : !tile.frag<4 x 16 x f32, accumulator, swapped> -> !tile.frag<4 x 16 x f32, accumulator, swapped>, !tile.frag<4 x 16 x f32, accumulator, swapped>
  return
}

// -----

func.func @C2_dot_accumulator(%a: !tile.frag<16 x 64 x bf16, operand>, %b: !tile.shared<64 x 64 x bf16>,
                              %c: !tile.frag<16 x 128 x f32, accumulator>) {
  // expected-error @+1 {{C2: shapes disagree}}
  %0 = tile.dot %a, %b plus %c
    : !tile.frag<16 x 64 x bf16, operand>, !tile.shared<64 x 64 x bf16>, !tile.frag<16 x 128 x f32, accumulator>
    -> <16 x 64 x f32, accumulator>
  return
}

// -----

func.func @C2_dot_values_warpgroup(%a: !tile.shared<128 x 64 x bf16>, %b: !tile.shared<64 x 64 x bf16>) {
  // expected-error @+1 {{C2: shapes disagree}}
  %0 = tile.dot %a, %b : !tile.shared<128 x 64 x bf16>, !tile.shared<64 x 64 x bf16> -> <16 x 64 x f32, accumulator>
  return
}

// -----

func.func @C4_dot_ones_of_shared(%a: !tile.shared<64 x 64 x bf16>, %b: !tile.shared<64 x 64 x bf16>,
                                 %ones: !tile.shared<16 x 64 x bf16>) {
  // expected-error @+1 {{C4: expected 16 rows of ones}}
  %0 = tile.dot %a, %b beside %ones : !tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>
       beside !tile.shared<16 x 64 x bf16> -> <16 x 72 x f32, accumulator>
  return
}

// -----

// wgmma takes 64 rows of a warpgroup.
func.func @C2_dot_warpgroup(%a: !tile.shared<32 x 64 x bf16>, %b: !tile.shared<64 x 64 x bf16>) {
  // expected-error @+1 {{C2: shapes disagree}}
  %0 = tile.dot %a, %b transposed : !tile.shared<32 x 64 x bf16>, !tile.shared<64 x 64 x bf16> -> <16 x 64 x f32, accumulator>
  return
}

// -----

func.func @C3_dot_element(%a: !tile.frag<16 x 64 x bf16, rows>, %b: !tile.frag<16 x 64 x f16, keys>) {
  // expected-error @+1 {{C3: expected one element type and an f32 result of layout accumulator}}
  %0 = tile.dot %a, %b transposed : !tile.frag<16 x 64 x bf16, rows>, !tile.frag<16 x 64 x f16, keys> -> <16 x 16 x f32, accumulator>
  return
}

// -----

func.func @C3_dot_result_layout(%a: !tile.frag<16 x 16 x bf16, operand>, %b: !tile.frag<16 x 64 x bf16, values>) {
  // expected-error @+1 {{C3: expected one element type and an f32 result of layout columns}}
  %0 = tile.dot %a, %b : !tile.frag<16 x 16 x bf16, operand>, !tile.frag<16 x 64 x bf16, values> -> <16 x 64 x f32, accumulator>
  return
}

// -----

func.func @C2_dot_ones_columns(%a: !tile.frag<16 x 64 x bf16, operand>, %b: !tile.shared<64 x 64 x bf16>,
                               %ones: !tile.shared<16 x 64 x bf16>) {
  // expected-error @+1 {{C2: shapes disagree}}
  %0 = tile.dot %a, %b beside %ones
    : !tile.frag<16 x 64 x bf16, operand>, !tile.shared<64 x 64 x bf16> beside !tile.shared<16 x 64 x bf16>
    -> <16 x 64 x f32, accumulator>
  return
}

// -----

func.func @C4_dot_ones_behind_panels(%a: !tile.frag<16 x 64 x bf16, operand>, %b: !tile.shared<64 x 128 x bf16>,
                                     %ones: !tile.shared<16 x 64 x bf16>) {
  // expected-error @+1 {{C4: expected 16 rows of ones behind 64 shared columns of their type, got '!tile.shared<16 x 64 x bf16>' beside '!tile.shared<64 x 128 x bf16>'}}
  %0 = tile.dot %a, %b beside %ones
    : !tile.frag<16 x 64 x bf16, operand>, !tile.shared<64 x 128 x bf16> beside !tile.shared<16 x 64 x bf16>
    -> <16 x 136 x f32, accumulator>
  return
}

// -----

func.func @C4_dot_ones_transposed(%a: !tile.shared<64 x 64 x bf16>, %b: !tile.shared<64 x 64 x bf16>,
                                  %ones: !tile.shared<16 x 64 x bf16>) {
  // expected-error @+1 {{C4: expected 16 rows of ones behind 64 shared columns}}
  %0 = tile.dot %a, %b transposed beside %ones
    : !tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16> beside !tile.shared<16 x 64 x bf16>
    -> <16 x 72 x f32, accumulator>
  return
}

// -----

func.func @C4_dot_ones_element(%a: !tile.frag<16 x 64 x bf16, operand>, %b: !tile.shared<64 x 64 x bf16>,
                               %ones: !tile.shared<16 x 64 x f16>) {
  // expected-error @+1 {{C4: expected 16 rows of ones behind 64 shared columns of their type, got '!tile.shared<16 x 64 x f16>'}}
  %0 = tile.dot %a, %b beside %ones
    : !tile.frag<16 x 64 x bf16, operand>, !tile.shared<64 x 64 x bf16> beside !tile.shared<16 x 64 x f16>
    -> <16 x 72 x f32, accumulator>
  return
}

// -----

func.func @C4_dot_ones_shape(%a: !tile.frag<16 x 64 x bf16, operand>, %b: !tile.shared<64 x 64 x bf16>,
                               %ones: !tile.shared<64 x 8 x bf16>) {
  // expected-error @+1 {{C4: expected 16 rows of ones behind 64 shared columns of their type, got '!tile.shared<64 x 8 x bf16>'}}
  %0 = tile.dot %a, %b beside %ones
    : !tile.frag<16 x 64 x bf16, operand>, !tile.shared<64 x 64 x bf16> beside !tile.shared<64 x 8 x bf16>
    -> <16 x 72 x f32, accumulator>
  return
}

// -----

func.func @C2_dot_steps(%a: !tile.shared<64 x 24 x bf16>, %b: !tile.shared<64 x 24 x bf16>) {
  // expected-error @+1 {{C2: shapes disagree}}
  %0 = tile.dot %a, %b transposed : !tile.shared<64 x 24 x bf16>, !tile.shared<64 x 24 x bf16> -> <16 x 64 x f32, accumulator>
  return
}

// -----

func.func @C2_dot_shared_values(%a: !tile.shared<64 x 48 x bf16>, %b: !tile.shared<64 x 48 x bf16>) {
  // expected-error @+1 {{C2: shapes disagree: '!tile.shared<64 x 48 x bf16>' times '!tile.shared<64 x 48 x bf16>' gives '!tile.frag<16 x 48 x f32, accumulator>'}}
  %0 = tile.dot %a, %b : !tile.shared<64 x 48 x bf16>, !tile.shared<64 x 48 x bf16> -> <16 x 48 x f32, accumulator>
  return
}

// -----

func.func @C1_wait_types(%a: !tile.frag<16 x 64 x f32, accumulator>) {
  // expected-error @+1 {{C1: expected results of the operands' types}}
  %0 = tile.wait 0 of %a : (!tile.frag<16 x 64 x f32, accumulator>) -> !tile.frag<8 x 64 x f32, accumulator>
  return
}

// -----

func.func @C2_wait_pending(%a: !tile.frag<16 x 64 x f32, accumulator>) {
  // expected-error @+1 {{C2: expected pending in 0..7, got -1}}
  %0 = tile.wait -1 of %a : (!tile.frag<16 x 64 x f32, accumulator>) -> !tile.frag<16 x 64 x f32, accumulator>
  return
}

// -----

//===----------------------------------------------------------------------===//
// tile.map
//===----------------------------------------------------------------------===//

func.func @C1_map_shape(%a: !tile.frag<8 x 16 x f32, accumulator>, %b: !tile.frag<8 x 32 x f32, accumulator>) {
  // expected-error @+1 {{C1: expected the shape of '!tile.frag<8 x 16 x f32, accumulator>' or a row fragment of as many rows}}
  %0 = tile.map(%a, %b : !tile.frag<8 x 16 x f32, accumulator>, !tile.frag<8 x 32 x f32, accumulator>)
    -> !tile.frag<8 x 16 x f32, accumulator> {
  ^bb0(%x: f32, %y: f32):
    tile.yield %x : f32
  }
  return
}

// -----

// A lane of a partial row holds a part of the sum only.
func.func @C1_map_partial_row(%a: !tile.frag<8 x 16 x f32, accumulator>, %b: !tile.frag<8 x 1 x f32, partial_row>) {
  // expected-error @+1 {{C1: expected the shape of}}
  %0 = tile.map(%a, %b : !tile.frag<8 x 16 x f32, accumulator>, !tile.frag<8 x 1 x f32, partial_row>)
    -> !tile.frag<8 x 16 x f32, accumulator> {
  ^bb0(%x: f32, %y: f32):
    tile.yield %x : f32
  }
  return
}

// -----

func.func @C1_map_results(%a: !tile.frag<8 x 16 x f32, accumulator>) {
  // expected-error @+1 {{C1: expected results of the shape of '!tile.frag<8 x 16 x f32, accumulator>', got '!tile.frag<8 x 1 x f32, row>'}}
  %0, %1 = tile.map(%a : !tile.frag<8 x 16 x f32, accumulator>)
    -> !tile.frag<8 x 16 x f32, accumulator>, !tile.frag<8 x 1 x f32, row> {
  ^bb0(%x: f32):
    tile.yield %x, %x : f32, f32
  }
  return
}

// -----

func.func @C1_map_flat_position(%a: !tile.frag<8 x 64 x f32, flat, threads = 128>, %i: i32) {
  // expected-error @+1 {{C1: expected no positions of a flat fragment}}
  %0 = tile.map(%a : !tile.frag<8 x 64 x f32, flat, threads = 128>) at %i, %i
    -> !tile.frag<8 x 64 x f32, flat, threads = 128> {
  ^bb0(%x: f32, %row: i32, %key: i32):
    tile.yield %x : f32
  }
  return
}

// -----

func.func @C2_map_one_offset(%a: !tile.frag<8 x 16 x f32, accumulator>, %i: i32) {
  // expected-error @+1 {{C2: expected at least one result, and two offsets after `at`}}
  %0 = tile.map(%a : !tile.frag<8 x 16 x f32, accumulator>) at %i -> !tile.frag<8 x 16 x f32, accumulator> {
  ^bb0(%x: f32, %row: i32):
    tile.yield %x : f32
  }
  return
}

// -----

func.func @C2_map_arguments(%a: !tile.frag<8 x 16 x f32, accumulator>, %i: i32) {
  // expected-error @+1 {{C2: expected arguments 'f32', 'i32', 'i32' and yielded values 'f32'}}
  %0 = tile.map(%a : !tile.frag<8 x 16 x f32, accumulator>) at %i, %i -> !tile.frag<8 x 16 x f32, accumulator> {
  ^bb0(%x: f32):
    tile.yield %x : f32
  }
  return
}

// -----

func.func @C2_map_argument_type(%a: !tile.frag<8 x 1 x i1, row>) {
  // expected-error @+1 {{C2: expected arguments 'i1' and yielded values 'f32'}}
  %0 = tile.map(%a : !tile.frag<8 x 1 x i1, row>) -> !tile.frag<8 x 1 x f32, row> {
  ^bb0(%x: f32):
    tile.yield %x : f32
  }
  return
}

// -----

func.func @C2_map_yield_type(%a: !tile.frag<8 x 1 x f32, row>) {
  // expected-error @+1 {{C2: expected arguments 'f32' and yielded values 'i1'}}
  %0 = tile.map(%a : !tile.frag<8 x 1 x f32, row>) -> !tile.frag<8 x 1 x i1, row> {
  ^bb0(%x: f32):
    tile.yield %x : f32
  }
  return
}

// -----

//===----------------------------------------------------------------------===//
// tile.row_reduce, tile.last_column, tile.any, tile.split, tile.stack, tile.convert
//===----------------------------------------------------------------------===//

func.func @C1_reduce_layout(%a: !tile.frag<8 x 64 x f32, flat, threads = 128>) {
  // expected-error @+1 {{C1: expected f32 in layout accumulator, columns, row, partial_row or dense}}
  %0 = tile.row_reduce sum %a : <8 x 64 x f32, flat, threads = 128> -> <8 x 1 x f32, row>
  return
}

// -----

// An operand has a sum only.
func.func @C1_reduce_operand_peak(%a: !tile.frag<16 x 16 x bf16, operand>) {
  // expected-error @+1 {{C1: expected f32 in layout accumulator, columns, row, partial_row or dense, or a sum of an operand, got '!tile.frag<16 x 16 x bf16, operand>'}}
  %0 = tile.row_reduce peak %a : <16 x 16 x bf16, operand> -> <16 x 1 x f32, partial_row>
  return
}

// -----

// A part of it in each lane.
func.func @C1_reduce_operand_complete(%a: !tile.frag<16 x 16 x bf16, operand>) {
  // expected-error @+1 {{C1: expected f32 in layout accumulator, columns, row, partial_row or dense, or a sum of an operand, got '!tile.frag<16 x 16 x bf16, operand>'}}
  %0 = tile.row_reduce sum %a : <16 x 16 x bf16, operand> -> <16 x 1 x f32, row>
  return
}

// -----

func.func @C2_reduce_operand_rows(%a: !tile.frag<16 x 16 x bf16, operand>) {
  // expected-error @+1 {{C2: expected an f32 row fragment of 16 rows, got '!tile.frag<8 x 1 x f32, partial_row>'}}
  %0 = tile.row_reduce sum %a : <16 x 16 x bf16, operand> -> <8 x 1 x f32, partial_row>
  return
}

// -----

func.func @C1_last_column_layout(%a: !tile.frag<16 x 64 x f32, columns>) {
  // expected-error @+1 {{C1: expected f32 in layout accumulator, got '!tile.frag<16 x 64 x f32, columns>'}}
  %0 = tile.last_column %a : <16 x 64 x f32, columns> -> <16 x 1 x f32, row>
  return
}

// -----

func.func @C2_last_column_rows(%a: !tile.frag<16 x 72 x f32, accumulator>) {
  // expected-error @+1 {{C2: expected an f32 row fragment of 16 rows, got '!tile.frag<8 x 1 x f32, row>'}}
  %0 = tile.last_column %a : <16 x 72 x f32, accumulator> -> <8 x 1 x f32, row>
  return
}

// -----

func.func @C2_last_column_partial(%a: !tile.frag<16 x 72 x f32, accumulator>) {
  // expected-error @+1 {{C2: expected an f32 row fragment of 16 rows, got '!tile.frag<16 x 1 x f32, partial_row>'}}
  %0 = tile.last_column %a : <16 x 72 x f32, accumulator> -> <16 x 1 x f32, partial_row>
  return
}

// -----

func.func @C2_reduce_rows(%a: !tile.frag<16 x 16 x f32, accumulator>) {
  // expected-error @+1 {{C2: expected an f32 row fragment of 16 rows, got '!tile.frag<8 x 1 x f32, row>'}}
  %0 = tile.row_reduce sum %a : <16 x 16 x f32, accumulator> -> <8 x 1 x f32, row>
  return
}

// -----

func.func @C2_reduce_dense(%a: !tile.frag<16 x 16 x f32, dense>) {
  // expected-error @+1 {{C2: expected an f32 row fragment of 16 rows}}
  %0 = tile.row_reduce sum %a : <16 x 16 x f32, dense> -> <16 x 1 x f32, row>
  return
}

// -----

func.func @C1_any_element(%a: !tile.frag<8 x 1 x f32, row>) {
  // expected-error @+1 {{C1: expected one condition or more, i1 in layout row, partial_row or dense, got '!tile.frag<8 x 1 x f32, row>'}}
  %0 = tile.any %a : !tile.frag<8 x 1 x f32, row>
  return
}

// -----

func.func @C1_any_of_none() {
  // expected-error @+1 {{C1: expected one condition or more, i1 in layout row, partial_row or dense}}
  %0 = "tile.any"() : () -> i1
  return
}

// -----

func.func @C1_any_second(%a: !tile.frag<8 x 1 x i1, row>, %b: !tile.frag<8 x 8 x i1, accumulator>) {
  // expected-error @+1 {{C1: expected one condition or more, i1 in layout row, partial_row or dense}}
  %0 = tile.any %a, %b : !tile.frag<8 x 1 x i1, row>, !tile.frag<8 x 8 x i1, accumulator>
  return
}

// -----

func.func @C1_split_rows(%a: !tile.frag<8 x 16 x f32, accumulator>) {
  // expected-error @+1 {{C1: expected two halves of 16 rows}}
  %0, %1 = tile.split %a : <8 x 16 x f32, accumulator> -> <8 x 16 x f32, accumulator>, <8 x 16 x f32, accumulator>
  return
}

// -----

func.func @C2_split_layout(%a: !tile.frag<16 x 16 x bf16, operand>) {
  // expected-error @+1 {{C2: expected layout accumulator, columns, row or partial_row}}
  %0, %1 = tile.split %a : <16 x 16 x bf16, operand> -> <8 x 16 x f32, accumulator>, <8 x 16 x f32, accumulator>
  return
}

// -----

func.func @C1_stack_rows(%a: !tile.frag<16 x 16 x f32, accumulator>) {
  // expected-error @+1 {{C1: expected 8 rows over 8}}
  %0 = tile.stack %a, %a : <16 x 16 x f32, accumulator> -> <16 x 16 x f32, accumulator>
  return
}

// -----

func.func @C2_stack_layout(%a: !tile.frag<8 x 64 x bf16, keys>) {
  // expected-error @+1 {{C2: expected layout accumulator, columns, row or partial_row}}
  %0 = tile.stack %a, %a : <8 x 64 x bf16, keys> -> <16 x 64 x bf16, keys>
  return
}

// -----

func.func @C1_convert_rows(%a: !tile.frag<8 x 16 x f32, accumulator>) {
  // expected-error @+1 {{C1: expected an f32 accumulator of a product's rows into a 16-bit operand of its shape}}
  %0 = tile.convert %a : <8 x 16 x f32, accumulator> -> <16 x 16 x bf16, operand>
  return
}

// -----

func.func @C1_convert_layout(%a: !tile.frag<16 x 64 x f32, columns>) {
  // expected-error @+1 {{C1: expected an f32 accumulator of a product's rows into a 16-bit operand of its shape}}
  %0 = tile.convert %a : <16 x 64 x f32, columns> -> <16 x 64 x bf16, operand>
  return
}

// -----

//===----------------------------------------------------------------------===//
// tile.merge
//===----------------------------------------------------------------------===//

!row = !tile.frag<8 x 1 x f32, row>
!half = !tile.frag<8 x 64 x f32, columns>
!flat = !tile.frag<4 x 64 x f32, flat, threads = 128>
func.func @C1_merge_probe(%m: !row, %o: !half) {
  // expected-error @+1 {{C1: expected d2, c and o2 together}}
  %w:3, %last = tile.merge over warps %m, %m, %o, d2 %m {columns = 64, key_warps = 4, rows = 4}
    : <8 x 1 x f32, row>, <8 x 1 x f32, row>, <8 x 64 x f32, columns>, !row -> !flat, !flat, !flat
  return
}

// -----

!row = !tile.frag<8 x 1 x f32, row>
!half = !tile.frag<8 x 64 x f32, columns>
!flat = !tile.frag<4 x 64 x f32, flat, threads = 128>
func.func @C2_merge_grid_columns(%m: !row, %o: !half) {
  // expected-error @+1 {{C2: no merge over grid from layout columns}}
  %w:3, %last = tile.merge over grid %m, %m, %o {columns = 64, key_warps = 4, rows = 4}
    : <8 x 1 x f32, row>, <8 x 1 x f32, row>, <8 x 64 x f32, columns> -> !flat, !flat, !flat
  return
}

// -----

!flat = !tile.frag<4 x 64 x f32, flat, threads = 128>
func.func @C2_merge_warps_flat(%o: !flat) {
  // expected-error @+1 {{C2: no merge over warps from layout flat}}
  %w:3, %last = tile.merge over warps %o, %o, %o {columns = 64, key_warps = 4, rows = 4}
    : <4 x 64 x f32, flat, threads = 128>, <4 x 64 x f32, flat, threads = 128>, <4 x 64 x f32, flat, threads = 128>
    -> !flat, !flat, !flat
  return
}

// -----

!row = !tile.frag<8 x 1 x f32, row>
!flat = !tile.frag<12 x 64 x f32, flat, threads = 128>
func.func @C3_merge_rows(%m: !row, %o: !tile.frag<8 x 64 x f32, columns>) {
  // expected-error @+1 {{C3: operands disagree: statistics '!tile.frag<8 x 1 x f32, row>', values '!tile.frag<8 x 64 x f32, columns>', rows 12, columns 64, key_warps 4}}
  %w:3, %last = tile.merge over warps %m, %m, %o {columns = 64, key_warps = 4, rows = 12}
    : <8 x 1 x f32, row>, <8 x 1 x f32, row>, <8 x 64 x f32, columns> -> !flat, !flat, !flat
  return
}

// -----

!row = !tile.frag<8 x 1 x f32, row>
!o = !tile.frag<8 x 64 x f32, accumulator>
func.func @C3_merge_accumulators_of_8_rows(%m: !row, %o: !o) {
  // expected-error @+1 {{C3: operands disagree: statistics '!tile.frag<8 x 1 x f32, row>', values '!tile.frag<8 x 64 x f32, accumulator>', rows 8}}
  %w:3, %last = tile.merge over grid %m, %m, %o {columns = 64, key_warps = 1, rows = 8}
    : <8 x 1 x f32, row>, <8 x 1 x f32, row>, <8 x 64 x f32, accumulator> -> !row, !row, !o
  return
}

// -----

!row = !tile.frag<8 x 1 x f32, partial_row>
!flat = !tile.frag<4 x 64 x f32, flat, threads = 128>
func.func @C3_merge_partial_sums(%m: !row, %o: !tile.frag<8 x 64 x f32, columns>) {
  // expected-error @+1 {{C3: operands disagree: statistics '!tile.frag<8 x 1 x f32, partial_row>'}}
  %w:3, %last = tile.merge over warps %m, %m, %o {columns = 64, key_warps = 4, rows = 4}
    : <8 x 1 x f32, partial_row>, <8 x 1 x f32, partial_row>, <8 x 64 x f32, columns> -> !flat, !flat, !flat
  return
}

// -----

!row = !tile.frag<16 x 1 x f32, row>
!o = !tile.frag<16 x 64 x f32, accumulator>
!share = !tile.frag<16 x 72 x f32, accumulator>
func.func @C4_merge_cluster_share(%m: !row, %o: !o) {
  // expected-error @+1 {{C4: expected results of the operands' types with a share of the columns}}
  %w:3, %last = tile.merge over cluster %m, %m, %o {columns = 64, key_warps = 1, rows = 16}
    : <16 x 1 x f32, row>, <16 x 1 x f32, row>, <16 x 64 x f32, accumulator> -> !row, !row, !share
  return
}

// -----

!row = !tile.frag<16 x 1 x f32, row>
!o = !tile.frag<16 x 64 x f32, accumulator>
!half = !tile.frag<16 x 32 x f32, accumulator>
func.func @C4_merge_grid_accumulators(%m: !row, %o: !o) {
  // expected-error @+1 {{C4: expected results of the operands' types, got}}
  %w:3, %last = tile.merge over grid %m, %m, %o {columns = 64, key_warps = 1, rows = 16}
    : <16 x 1 x f32, row>, <16 x 1 x f32, row>, <16 x 64 x f32, accumulator> -> !row, !row, !half
  return
}

// -----

!row = !tile.frag<16 x 1 x f32, row>
!o = !tile.frag<16 x 64 x f32, accumulator>
func.func @C2_merge_warps_accumulators(%m: !row, %o: !o) {
  // expected-error @+1 {{C2: no merge over warps from layout accumulator}}
  %w:3, %last = tile.merge over warps %m, %m, %o {columns = 64, key_warps = 1, rows = 16}
    : <16 x 1 x f32, row>, <16 x 1 x f32, row>, <16 x 64 x f32, accumulator> -> !row, !row, !o
  return
}

// -----

!row = !tile.frag<16 x 1 x f32, row>
!o = !tile.frag<16 x 64 x f32, accumulator>
func.func @C5_merge_place_without_splits(%m: !row, %o: !o, %x: i32) {
  // expected-error @+1 {{C5: expected a state's place together with splits, of accumulators}}
  %w:3, %last = tile.merge over grid %m, %m, %o at %x, %x {columns = 64, key_warps = 1, rows = 16}
    : <16 x 1 x f32, row>, <16 x 1 x f32, row>, <16 x 64 x f32, accumulator> -> !row, !row, !o
  return
}

// -----

!row = !tile.frag<8 x 1 x f32, row>
!flat = !tile.frag<4 x 64 x f32, flat, threads = 128>
func.func @C4_merge_result_count(%m: !row, %o: !tile.frag<8 x 64 x f32, columns>) {
  // expected-error @+1 {{C4: expected results of flat rows x columns}}
  %w:2, %last = tile.merge over warps %m, %m, %o {columns = 64, key_warps = 4, rows = 4}
    : <8 x 1 x f32, row>, <8 x 1 x f32, row>, <8 x 64 x f32, columns> -> !flat, !flat
  return
}

// -----

!row = !tile.frag<8 x 1 x f32, row>
!half = !tile.frag<8 x 64 x f32, columns>
!flat = !tile.frag<4 x 64 x f32, flat, threads = 512>
func.func @C2_merge_cluster_columns(%m: !row, %o: !half) {
  // expected-error @+1 {{C2: no merge over cluster from layout columns}}
  %w:3, %last = tile.merge over cluster %m, %m, %o {columns = 64, key_warps = 4, rows = 4}
    : <8 x 1 x f32, row>, <8 x 1 x f32, row>, <8 x 64 x f32, columns> -> !flat, !flat, !flat
  return
}

// -----

!flat = !tile.frag<4 x 64 x f32, flat, threads = 128>
!other = !tile.frag<4 x 64 x f32, flat, threads = 96>
func.func @C4_merge_cluster_threads(%o: !flat) {
  // expected-error @+1 {{C4: expected results of flat rows x columns}}
  %w:3, %last = tile.merge over cluster %o, %o, %o {columns = 64, key_warps = 4, rows = 4}
    : <4 x 64 x f32, flat, threads = 128>, <4 x 64 x f32, flat, threads = 128>, <4 x 64 x f32, flat, threads = 128>
    -> !other, !other, !other
  return
}

// -----

!flat = !tile.frag<4 x 64 x f32, flat, threads = 128>
!other = !tile.frag<4 x 64 x f32, flat, threads = 64>
func.func @C4_merge_grid_results(%o: !flat) {
  // expected-error @+1 {{C4: expected results of flat rows x columns}}
  %w:3, %last = tile.merge over grid %o, %o, %o {columns = 64, key_warps = 4, rows = 4}
    : <4 x 64 x f32, flat, threads = 128>, <4 x 64 x f32, flat, threads = 128>, <4 x 64 x f32, flat, threads = 128>
    -> !flat, !flat, !other
  return
}

// -----

!row = !tile.frag<8 x 1 x f32, row>
!flat = !tile.frag<4 x 64 x f32, flat, threads = 128>
func.func @C5_merge_splits(%m: !row, %o: !tile.frag<8 x 64 x f32, columns>, %i: i32) {
  // expected-error @+1 {{C5: expected splits over grid only, got them over warps}}
  %w:3, %last = tile.merge over warps %m, %m, %o splits %i {columns = 64, key_warps = 4, rows = 4}
    : <8 x 1 x f32, row>, <8 x 1 x f32, row>, <8 x 64 x f32, columns> -> !flat, !flat, !flat
  return
}

// -----

//===----------------------------------------------------------------------===//
// Rings and roles
//===----------------------------------------------------------------------===//

tile.kernel @C1_ones_rows attributes {warps = 4, producer_warps = 4} {
  // expected-error @+1 {{C1: expected 16 rows of 64 columns in one panel, got '!tile.shared<8 x 64 x bf16>'}}
  %0 = tile.ones : <8 x 64 x bf16>
}

// -----

tile.kernel @C1_ones_panels attributes {warps = 4, producer_warps = 4} {
  // expected-error @+1 {{C1: expected 16 rows of 64 columns in one panel, got '!tile.shared<16 x 128 x bf16>'}}
  %0 = tile.ones : <16 x 128 x bf16>
}

// -----

func.func @ones_outside_kernel() {
  // expected-error @+1 {{expects parent op 'tile.kernel'}}
  %0 = tile.ones : <16 x 64 x bf16>
  return
}

// -----

func.func @C1_fill_views(%ring: !tile.ring<2 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]>,
                         %k: !tile.view<64 x bf16>, %i: i32) {
  // expected-error @+1 {{C1: expected 2 views and rows, got 1 and 1}}
  tile.ring_fill %ring[%i] from %k at %i
    : <2 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]>, !tile.view<64 x bf16>
  return
}

// -----

func.func @C1_fill_element(%ring: !tile.ring<2 x [!tile.shared<64 x 64 x bf16>]>, %k: !tile.view<64 x f16>, %i: i32) {
  // expected-error @+1 {{C1: expected a view of the elements of '!tile.shared<64 x 64 x bf16>', got '!tile.view<64 x f16>'}}
  tile.ring_fill %ring[%i] from %k at %i : <2 x [!tile.shared<64 x 64 x bf16>]>, !tile.view<64 x f16>
  return
}

// -----

!one = !tile.ring<2 x [!tile.shared<64 x 64 x bf16>]>
func.func @C2_fill_bounds(%ring: !one, %k: !tile.view<64 x bf16>, %i: i32) {
  // expected-error @+1 {{C2: expected begin and end together, for tiles of as many rows from the same row on}}
  tile.ring_fill %ring[%i] from %k at %i end %i : <2 x [!tile.shared<64 x 64 x bf16>]>, !tile.view<64 x bf16>
  return
}

// -----

!two = !tile.ring<2 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]>
func.func @C2_fill_rows(%ring: !two, %k: !tile.view<64 x bf16>, %i: i32, %j: i32) {
  // expected-error @+1 {{C2: expected begin and end together, for tiles of as many rows from the same row on}}
  tile.ring_fill %ring[%i] from %k, %k at %i, %j begin %i end %i
    : <2 x [!tile.shared<64 x 64 x bf16>, !tile.shared<64 x 64 x bf16>]>, !tile.view<64 x bf16>, !tile.view<64 x bf16>
  return
}

// -----

!one = !tile.ring<2 x [!tile.shared<64 x 64 x bf16>]>
func.func @C3_fill_pages_without_bounds(%ring: !one, %k: !tile.view<64 x bf16, pages = 64>, %i: i32) {
  // expected-error @+1 {{C3: expected bounds and boxes of a multiple of 8 rows that divides tile and page with paged views only, got boxes of 64 for '!tile.view<64 x bf16, pages = 64>'}}
  tile.ring_fill %ring[%i] from %k at %i boxes of 64
    : <2 x [!tile.shared<64 x 64 x bf16>]>, !tile.view<64 x bf16, pages = 64>
  return
}

// -----

!one = !tile.ring<2 x [!tile.shared<64 x 64 x bf16>]>
func.func @C3_fill_boxes_across_pages(%ring: !one, %k: !tile.view<64 x bf16, pages = 24>, %i: i32) {
  // expected-error @+1 {{C3: expected bounds and boxes of a multiple of 8 rows that divides tile and page with paged views only, got boxes of 16 for}}
  tile.ring_fill %ring[%i] from %k at %i begin %i end %i boxes of 16
    : <2 x [!tile.shared<64 x 64 x bf16>]>, !tile.view<64 x bf16, pages = 24>
  return
}

// -----

!one = !tile.ring<2 x [!tile.shared<64 x 64 x bf16, panels = 32>]>
func.func @C4_fill_bounds_of_narrow_panels(%ring: !one, %k: !tile.view<64 x bf16>, %i: i32) {
  // expected-error @+1 {{C4: expected panels of 64 columns with bounds, got '!tile.shared<64 x 64 x bf16, panels = 32>'}}
  tile.ring_fill %ring[%i] from %k at %i begin %i end %i
    : <2 x [!tile.shared<64 x 64 x bf16, panels = 32>]>, !tile.view<64 x bf16>
  return
}

// -----

func.func @C1_acquire_tiles(%ring: !tile.ring<2 x [!tile.shared<64 x 64 x bf16>]>, %i: i32) {
  // expected-error @+1 {{C1: expected the tiles of '!tile.ring<2 x [!tile.shared<64 x 64 x bf16>]>'}}
  %0 = tile.ring_acquire %ring[%i] : <2 x [!tile.shared<64 x 64 x bf16>]> -> !tile.shared<64 x 128 x bf16>
  return
}

// -----

func.func @roles_outside_kernel() {
  // expected-error @+1 {{expects parent op 'tile.kernel'}}
  tile.roles producer {
  ^bb0:
  } consumer {
  ^bb0:
  } attributes {producer_registers = 24, consumer_registers = 240}
  return
}

// -----

tile.kernel @C1_roles_without_producer attributes {warps = 4} {
  // expected-error @+1 {{C1: expected a kernel with producer warps}}
  tile.roles producer {
  ^bb0:
  } consumer {
  ^bb0:
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// -----

tile.kernel @C2_roles_registers attributes {warps = 4, producer_warps = 4} {
  // expected-error @+1 {{C2: expected registers to be a multiple of 8 in 24..256, got 20}}
  tile.roles producer {
  ^bb0:
  } consumer {
  ^bb0:
  } attributes {producer_registers = 20, consumer_registers = 240}
}

// -----

tile.kernel @C1_weigher_of_one_warpgroup attributes {warps = 4, producer_warps = 4} {
  // expected-error @+1 {{C1: expected a kernel with producer warps, and with a weigher 8 warps or more}}
  tile.roles producer {
  ^bb0:
  } weigher {
    %busy = arith.constant 0 : i32
  } consumer {
  ^bb0:
  } attributes {producer_registers = 24, weigher_registers = 240, consumer_registers = 240}
}

// -----

tile.kernel @C2_weigher_registers attributes {warps = 8, producer_warps = 4} {
  // expected-error @+1 {{C2: expected registers to be a multiple of 8 in 24..256, got 100}}
  tile.roles producer {
  ^bb0:
  } weigher {
    %busy = arith.constant 0 : i32
  } consumer {
  ^bb0:
  } attributes {producer_registers = 24, weigher_registers = 100, consumer_registers = 240}
}

// -----

tile.kernel @C3_registers_of_no_weigher attributes {warps = 8, producer_warps = 4} {
  // expected-error @+1 {{C3: expected weigher registers with a weigher}}
  tile.roles producer {
  ^bb0:
  } consumer {
  ^bb0:
  } attributes {producer_registers = 24, weigher_registers = 240, consumer_registers = 240}
}

// -----

tile.kernel @C3_weigher_without_registers attributes {warps = 8, producer_warps = 4} {
  // expected-error @+1 {{C3: expected weigher registers with a weigher}}
  tile.roles producer {
  ^bb0:
  } weigher {
    %busy = arith.constant 0 : i32
  } consumer {
  ^bb0:
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// -----

tile.kernel @C3_idle_weigher attributes {warps = 8, producer_warps = 4} {
  // expected-error @+1 {{C3: expected weigher registers with a weigher that does something}}
  tile.roles producer {
  ^bb0:
  } weigher {
  ^bb0:
  } consumer {
  ^bb0:
  } attributes {producer_registers = 24, weigher_registers = 240, consumer_registers = 240}
}

// -----

tile.kernel @C1_turn_of_weigher attributes {warps = 8, producer_warps = 4} {
  tile.roles producer {
  ^bb0:
  } weigher {
    // expected-error @+1 {{C1: expected to be in the consumer of a tile.roles}}
    tile.pass_turn
  } consumer {
  ^bb0:
  } attributes {producer_registers = 24, weigher_registers = 240, consumer_registers = 240}
}

// -----

tile.kernel @C1_turn_outside_roles attributes {warps = 8, producer_warps = 4} {
  // expected-error @+1 {{C1: expected to be in the consumer of a tile.roles}}
  tile.pass_turn
}

// -----

tile.kernel @C1_turn_of_producer attributes {warps = 8, producer_warps = 4} {
  tile.roles producer {
    // expected-error @+1 {{C1: expected to be in the consumer of a tile.roles}}
    tile.await_turn
  } consumer {
  ^bb0:
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// -----

tile.kernel @C2_await_of_one_warpgroup attributes {warps = 4, producer_warps = 4} {
  tile.roles producer {
  ^bb0:
  } consumer {
    // expected-error @+1 {{C2: expected a kernel of 8 warps or more, got 4}}
    tile.await_turn
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// -----

tile.kernel @C2_pass_of_one_warpgroup attributes {warps = 4, producer_warps = 4} {
  tile.roles producer {
  ^bb0:
  } consumer {
    // expected-error @+1 {{C2: expected a kernel of 8 warps or more, got 4}}
    tile.pass_turn enter
  } attributes {producer_registers = 24, consumer_registers = 240}
}

// -----

//===----------------------------------------------------------------------===//
// Handing over
//===----------------------------------------------------------------------===//

tile.kernel @C1_ring_readers attributes {warps = 8, producer_warps = 4} {
  // expected-error @+1 {{C1: expected readers in 0..32 and fillers in 1..128, got 33 and 1}}
  %0 = tile.ring {readers = 33} : <2 x [!tile.shared<64 x 64 x bf16>]>
}

// -----

tile.kernel @C1_ring_fillers attributes {warps = 8, producer_warps = 4} {
  // expected-error @+1 {{C1: expected readers in 0..32 and fillers in 1..128, got 0 and 129}}
  %0 = tile.ring {fillers = 129} : <2 x [!tile.shared<64 x 64 x bf16>]>
}

// -----

tile.kernel @C1_ring_without_fillers attributes {warps = 8, producer_warps = 4} {
  // expected-error @+1 {{C1: expected readers in 0..32 and fillers in 1..128, got 4 and 0}}
  %0 = tile.ring {fillers = 0, readers = 4} : <2 x [!tile.shared<64 x 64 x bf16>]>
}

// -----

func.func @C1_claim_tiles(%ring: !tile.ring<2 x [!tile.shared<64 x 64 x bf16>]>, %i: i32) {
  // expected-error @+1 {{C1: expected the tiles of '!tile.ring<2 x [!tile.shared<64 x 64 x bf16>]>'}}
  %0 = tile.ring_claim %ring[%i] : <2 x [!tile.shared<64 x 64 x bf16>]> -> !tile.shared<64 x 128 x bf16>
  return
}

// -----

func.func @C1_claim_of_notes(%ring: !tile.ring<1 x [], notes = 16>, %i: i32) {
  // expected-error @+1 {{C1: expected the tiles of '!tile.ring<1 x [], notes = 16>'}}
  %0 = tile.ring_claim %ring[%i] : <1 x [], notes = 16> -> !tile.shared<64 x 64 x bf16>
  return
}

// -----

func.func @C1_hand_over_rows(%p: !tile.frag<16 x 64 x bf16, operand>) {
  // expected-error @+1 {{C1: expected an operand for a shared tile of 64 rows, or rows or a flag, got '!tile.frag<16 x 64 x bf16, operand>' for '!tile.shared<128 x 64 x bf16>'}}
  %0 = tile.hand_over %p : !tile.frag<16 x 64 x bf16, operand> -> !tile.shared<128 x 64 x bf16>
  return
}

// -----

func.func @C1_hand_over_panels(%p: !tile.frag<16 x 64 x bf16, operand>) {
  // expected-error @+1 {{C1: expected an operand for a shared tile of 64 rows, or rows or a flag, got '!tile.frag<16 x 64 x bf16, operand>' for '!tile.shared<64 x 64 x bf16, panels = 32>'}}
  %0 = tile.hand_over %p : !tile.frag<16 x 64 x bf16, operand> -> !tile.shared<64 x 64 x bf16, panels = 32>
  return
}

// -----

func.func @C1_hand_over_columns(%p: !tile.frag<16 x 64 x bf16, operand>) {
  // expected-error @+1 {{C1: expected an operand for a shared tile of 64 rows, or rows or a flag, got '!tile.frag<16 x 64 x bf16, operand>' for '!tile.shared<64 x 48 x bf16>'}}
  %0 = tile.hand_over %p : !tile.frag<16 x 64 x bf16, operand> -> !tile.shared<64 x 48 x bf16>
  return
}

// -----

func.func @C1_hand_over_element(%p: !tile.frag<16 x 64 x bf16, operand>) {
  // expected-error @+1 {{C1: expected an operand for a shared tile of 64 rows, or rows or a flag}}
  %0 = tile.hand_over %p : !tile.frag<16 x 64 x bf16, operand> -> !tile.shared<64 x 64 x f16>
  return
}

// -----

func.func @C1_hand_over_scores(%s: !tile.frag<16 x 64 x f32, accumulator>) {
  // expected-error @+1 {{C1: expected an operand for a shared tile of 64 rows, or rows or a flag}}
  %0 = tile.hand_over %s : !tile.frag<16 x 64 x f32, accumulator> -> !tile.frag<16 x 64 x f32, accumulator>
  return
}

// -----

func.func @C1_hand_over_other_type(%m: !tile.frag<16 x 1 x f32, row>) {
  // expected-error @+1 {{C1: expected an operand for a shared tile of 64 rows, or rows or a flag, got '!tile.frag<16 x 1 x f32, row>' for 'i1'}}
  %0 = tile.hand_over %m : !tile.frag<16 x 1 x f32, row> -> i1
  return
}

// -----

func.func @C1_hand_over_half(%m: !tile.frag<8 x 1 x f32, row>) {
  // expected-error @+1 {{C1: expected an operand for a shared tile of 64 rows, or rows or a flag}}
  %0 = tile.hand_over %m : !tile.frag<8 x 1 x f32, row> -> !tile.frag<8 x 1 x f32, row>
  return
}

// -----

func.func @C1_deposit_columns(%p: !tile.frag<16 x 48 x bf16, operand>, %tile: !tile.shared<64 x 64 x bf16>) {
  // expected-error @+1 {{C1: expected an operand for a shared tile of 64 rows, got '!tile.frag<16 x 48 x bf16, operand>' for '!tile.shared<64 x 64 x bf16>'}}
  tile.deposit %p in %tile : <16 x 48 x bf16, operand>, <64 x 64 x bf16>
  return
}

// -----

func.func @C1_collect_rows(%tile: !tile.shared<128 x 64 x bf16>) {
  // expected-error @+1 {{C1: expected an operand of a shared tile of 64 rows, got '!tile.frag<16 x 64 x bf16, operand>' of '!tile.shared<128 x 64 x bf16>'}}
  %0 = tile.collect %tile : <128 x 64 x bf16> -> <16 x 64 x bf16, operand>
  return
}

// -----

func.func @C1_collect_layout(%tile: !tile.shared<64 x 64 x bf16>) {
  // expected-error @+1 {{C1: expected an operand of a shared tile of 64 rows, got '!tile.frag<16 x 64 x bf16, rows>'}}
  %0 = tile.collect %tile : <64 x 64 x bf16> -> <16 x 64 x bf16, rows>
  return
}

// -----

func.func @C1_deposit_layout(%q: !tile.frag<16 x 64 x bf16, rows>, %tile: !tile.shared<64 x 64 x bf16>) {
  // expected-error @+1 {{C1: expected an operand for a shared tile of 64 rows, got '!tile.frag<16 x 64 x bf16, rows>'}}
  tile.deposit %q in %tile : <16 x 64 x bf16, rows>, <64 x 64 x bf16>
  return
}

// -----

func.func @C1_note_partial_row(%m: !tile.frag<16 x 1 x f32, partial_row>, %ring: !tile.ring<1 x [], notes = 256>, %i: i32) {
  // expected-error @+1 {{C1: expected rows or a flag within the notes of '!tile.ring<1 x [], notes = 256>', got '!tile.frag<16 x 1 x f32, partial_row>' at 0}}
  tile.note %m in %ring[%i] at 0 : !tile.frag<16 x 1 x f32, partial_row>, <1 x [], notes = 256>
  return
}

// -----

func.func @C1_note_beyond(%m: !tile.frag<16 x 1 x f32, row>, %ring: !tile.ring<1 x [], notes = 256>, %i: i32) {
  // expected-error @+1 {{C1: expected rows or a flag within the notes of '!tile.ring<1 x [], notes = 256>', got '!tile.frag<16 x 1 x f32, row>' at 16}}
  tile.note %m in %ring[%i] at 16 : !tile.frag<16 x 1 x f32, row>, <1 x [], notes = 256>
  return
}

// -----

func.func @C1_note_unaligned(%flag: i1, %ring: !tile.ring<1 x [], notes = 256>, %i: i32) {
  // expected-error @+1 {{C1: expected rows or a flag within the notes of '!tile.ring<1 x [], notes = 256>', got 'i1' at 8}}
  tile.note %flag in %ring[%i] at 8 : i1, <1 x [], notes = 256>
  return
}

// -----

func.func @C1_note_before(%flag: i1, %ring: !tile.ring<1 x [], notes = 256>, %i: i32) {
  // expected-error @+1 {{C1: expected rows or a flag within the notes of '!tile.ring<1 x [], notes = 256>', got 'i1' at -16}}
  tile.note %flag in %ring[%i] at -16 : i1, <1 x [], notes = 256>
  return
}

// -----

func.func @C1_note_of_no_notes(%flag: i1, %ring: !tile.ring<2 x [!tile.shared<64 x 64 x bf16>]>, %i: i32) {
  // expected-error @+1 {{C1: expected rows or a flag within the notes of '!tile.ring<2 x [!tile.shared<64 x 64 x bf16>]>', got 'i1' at 0}}
  tile.note %flag in %ring[%i] at 0 : i1, <2 x [!tile.shared<64 x 64 x bf16>]>
  return
}

// -----

func.func @C1_read_note_beyond(%ring: !tile.ring<1 x [], notes = 16>, %i: i32) {
  // expected-error @+1 {{C1: expected rows or a flag within the notes of '!tile.ring<1 x [], notes = 16>', got 'i1' at 16}}
  %0 = tile.read_note %ring[%i] at 16 : <1 x [], notes = 16> -> i1
  return
}

// -----

func.func @C1_read_note_rows(%ring: !tile.ring<1 x [], notes = 256>, %i: i32) {
  // expected-error @+1 {{C1: expected rows or a flag within the notes of '!tile.ring<1 x [], notes = 256>', got '!tile.frag<8 x 1 x f32, row>' at 0}}
  %0 = tile.read_note %ring[%i] at 0 : <1 x [], notes = 256> -> !tile.frag<8 x 1 x f32, row>
  return
}
