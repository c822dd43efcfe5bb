// The closed set of layouts, shared tiles, views, rings.
// RUN: lla-opt %s | lla-opt | FileCheck %s

// CHECK-LABEL: @fragments
func.func private @fragments(
  // CHECK-SAME: !tile.frag<16 x 80 x f32, accumulator>
  !tile.frag<16 x 80 x f32, accumulator>,
  // CHECK-SAME: !tile.frag<8 x 128 x f32, columns>
  !tile.frag<8 x 128 x f32, columns>,
  // CHECK-SAME: !tile.frag<16 x 1 x i1, row>
  !tile.frag<16 x 1 x i1, row>,
  // CHECK-SAME: !tile.frag<8 x 1 x f32, partial_row>
  !tile.frag<8 x 1 x f32, partial_row>,
  // CHECK-SAME: !tile.frag<16 x 16 x bf16, operand>
  !tile.frag<16 x 16 x bf16, operand>,
  // CHECK-SAME: !tile.frag<16 x 96 x f16, rows>
  !tile.frag<16 x 96 x f16, rows>,
  // CHECK-SAME: !tile.frag<32 x 96 x bf16, keys>
  !tile.frag<32 x 96 x bf16, keys>,
  // CHECK-SAME: !tile.frag<32 x 128 x bf16, values>
  !tile.frag<32 x 128 x bf16, values>,
  // CHECK-SAME: !tile.frag<3 x 40 x f32, flat, threads = 128>
  !tile.frag<3 x 40 x f32, flat, threads = 128>,
  // CHECK-SAME: !tile.frag<4 x 16 x f32, accumulator, swapped>
  !tile.frag<4 x 16 x f32, accumulator, swapped>,
  // CHECK-SAME: !tile.frag<8 x 96 x bf16, rows, swapped>
  !tile.frag<8 x 96 x bf16, rows, swapped>,
  // CHECK-SAME: !tile.frag<5 x 7 x f32, dense>
  !tile.frag<5 x 7 x f32, dense>)

// CHECK-LABEL: @memory
// CHECK-SAME: (!tile.shared<128 x 64 x bf16>, !tile.view<40 x f16>, !tile.view<40 x f16, pages = 24>, !tile.ring<3 x [!tile.shared<80 x 128 x bf16>, !tile.shared<80 x 64 x bf16>]>)
func.func private @memory(!tile.shared<128 x 64 x bf16>, !tile.view<40 x f16>, !tile.view<40 x f16, pages = 24>,
  !tile.ring<3 x [!tile.shared<80 x 128 x bf16>, !tile.shared<80 x 64 x bf16>]>)

// CHECK-LABEL: @notes
// CHECK-SAME: (!tile.ring<2 x [!tile.shared<64 x 48 x bf16>], notes = 272>, !tile.ring<1 x [], notes = 512>)
func.func private @notes(!tile.ring<2 x [!tile.shared<64 x 48 x bf16>], notes = 272>, !tile.ring<1 x [], notes = 512>)

// Panels of 64 columns are not printed.
// CHECK-LABEL: func.func private @panels
// CHECK-SAME: (!tile.shared<64 x 192 x bf16, panels = 32>, !tile.shared<64 x 192 x bf16>)
func.func private @panels(!tile.shared<64 x 192 x bf16, panels = 32>, !tile.shared<64 x 192 x bf16, panels = 64>)
