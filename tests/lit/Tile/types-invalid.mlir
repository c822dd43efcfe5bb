// Sizes, element types and layouts that no lane, tile or ring can have.
// RUN: lla-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{expected sizes in 1..1024, got 0 x 8}}
func.func private @frag_empty(!tile.frag<0 x 8 x f32, accumulator>)

// -----

// expected-error @+1 {{expected sizes in 1..1024, got 16 x 4096}}
func.func private @frag_huge(!tile.frag<16 x 4096 x f32, accumulator>)

// -----

// expected-error @+1 {{expected a multiple of 8 x 8, at most 16 x 1024, for layout accumulator, got 16 x 12}}
func.func private @frag_columns(!tile.frag<16 x 12 x f32, accumulator>)

// -----

// expected-error @+1 {{expected a multiple of 8 x 8, at most 16 x 1024, for layout accumulator, got 24 x 16}}
func.func private @frag_rows(!tile.frag<24 x 16 x f32, accumulator>)

// -----

// expected-error @+1 {{expected a multiple of 8 x 64, at most 16 x 1024, for layout columns, got 8 x 96}}
func.func private @frag_value_columns(!tile.frag<8 x 96 x f32, columns>)

// -----

// expected-error @+1 {{expected a multiple of 8 x 1, at most 16 x 1, for layout row, got 8 x 2}}
func.func private @frag_wide_row(!tile.frag<8 x 2 x f32, row>)

// -----

// expected-error @+1 {{expected a multiple of 4 x 16, at most 8 x 1024, for layout accumulator, got 16 x 16}}
func.func private @frag_swapped_rows(!tile.frag<16 x 16 x f32, accumulator, swapped>)

// -----

// expected-error @+1 {{expected a multiple of 8 x 32, at most 8 x 1024, for layout rows, got 4 x 32}}
func.func private @frag_half_a_swapped_block(!tile.frag<4 x 32 x bf16, rows, swapped>)

// -----

// expected-error @+1 {{expected swapped only of what has rows of queries in lanes, got layout keys}}
func.func private @frag_swapped_keys(!tile.frag<16 x 32 x bf16, keys, swapped>)

// -----

// expected-error @+1 {{expected a multiple of 16 x 32, at most 16 x 1024, for layout rows, got 32 x 32}}
func.func private @frag_two_blocks(!tile.frag<32 x 32 x bf16, rows>)

// -----

// expected-error @+1 {{expected a multiple of 8 x 32, at most 1024 x 1024, for layout keys, got 8 x 16}}
func.func private @frag_keys(!tile.frag<8 x 16 x bf16, keys>)

// -----

// expected-error @+1 {{expected a multiple of 16 x 64, at most 1024 x 1024, for layout values, got 8 x 64}}
func.func private @frag_values(!tile.frag<8 x 64 x bf16, values>)

// -----

// expected-error @+1 {{expected bf16 or f16 elements for layout operand, got 'f32'}}
func.func private @frag_wide_operand(!tile.frag<16 x 16 x f32, operand>)

// -----

// expected-error @+1 {{expected bf16 or f16 elements for layout rows, got 'f8E4M3FN'}}
func.func private @frag_rows_of_bytes(!tile.frag<16 x 64 x f8E4M3FN, rows>)

// -----

// expected-error @+1 {{expected f32 or i1 elements for layout accumulator, got 'bf16'}}
func.func private @frag_narrow_accumulator(!tile.frag<16 x 16 x bf16, accumulator>)

// -----

// expected-error @+1 {{expected bf16, f16 or f8E4M3FN elements for layout keys, got 'index'}}
func.func private @frag_index(!tile.frag<16 x 32 x index, keys>)

// -----

// expected-error @+1 {{expected threads exactly with layout flat}}
func.func private @frag_flat(!tile.frag<4 x 64 x f32, flat>)

// -----

// expected-error @+1 {{expected threads exactly with layout flat}}
func.func private @frag_threads(!tile.frag<16 x 64 x f32, accumulator, threads = 128>)

// -----

// expected-error @+1 {{expected 8..256 rows in steps of 8, 8..256 columns in steps of 8 and bf16 or f16, got 64 x 4 x 'bf16'}}
func.func private @shared_columns(!tile.shared<64 x 4 x bf16>)

// -----

// expected-error @+1 {{expected 8..256 rows in steps of 8, 8..256 columns in steps of 8 and bf16 or f16, got 512 x 64 x 'bf16'}}
func.func private @shared_rows(!tile.shared<512 x 64 x bf16>)

// -----

// expected-error @+1 {{and bf16 or f16, got 64 x 64 x 'index'}}
func.func private @shared_element(!tile.shared<64 x 64 x index>)

// -----

// expected-error @+1 {{expected panels of 32 or 64 columns, got 48}}
func.func private @shared_panels(!tile.shared<64 x 96 x bf16, panels = 48>)

// -----

// expected-error @+1 {{expected a multiple of 16 rows in panels of 32 columns, got 24}}
func.func private @shared_rows_of_narrow_panels(!tile.shared<24 x 96 x bf16, panels = 32>)

// -----

// expected-error @+1 {{expected columns >= 1 of f32, bf16, f16 or f8E4M3FN, got -3 x 'bf16'}}
func.func private @view_columns(!tile.view<-3 x bf16>)

// -----

// expected-error @+1 {{expected columns >= 1 of f32, bf16, f16 or f8E4M3FN, got 64 x 'tensor<4xf32>'}}
func.func private @view_element(!tile.view<64 x tensor<4xf32>>)

// -----

// expected-error @+1 {{expected 1..8 slots of shared tiles, got 0 of}}
func.func private @ring_slots(!tile.ring<0 x [!tile.shared<64 x 64 x bf16>]>)

// -----

// expected-error @+1 {{expected 1..8 slots of shared tiles, got 2 of 'f32'}}
func.func private @ring_tiles(!tile.ring<2 x [f32]>)

// -----

// expected-error @+1 {{expected 1..8 slots of shared tiles, got 1 of}}
func.func private @ring_of_nothing(!tile.ring<1 x []>)

// -----

// expected-error @+1 {{expected a multiple of 16 bytes of notes, at most 65536, got 24}}
func.func private @ring_notes(!tile.ring<1 x [], notes = 24>)

// -----

// expected-error @+1 {{expected a multiple of 16 bytes of notes, at most 65536, got -16}}
func.func private @ring_negative_notes(!tile.ring<2 x [!tile.shared<64 x 64 x bf16>], notes = -16>)

// -----

// expected-error @+1 {{expected '>'}}
func.func private @swapped_twice(!tile.frag<4 x 16 x f32, accumulator, swapped, swapped>)

// -----

// expected-error @+1 {{expected 'swapped'}}
func.func private @threads_twice(!tile.frag<8 x 16 x f32, accumulator, threads = 128, threads = 128>)

// -----

// expected-error @+1 {{expected pages of at least 8 rows, got 4}}
func.func private @small_pages(!tile.view<64 x bf16, pages = 4>)
