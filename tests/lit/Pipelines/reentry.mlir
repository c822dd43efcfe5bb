// A dumped stage is a complete input: going on from it gives what one run gives.
// RUN: lla-opt %S/Inputs/decode.mlir --lla-algorithm -o %t-decode-algorithm.mlir
// RUN: lla-opt %t-decode-algorithm.mlir --lla-tile -o %t-decode-resumed.mlir
// RUN: lla-opt %S/Inputs/decode.mlir --lla-algorithm --lla-tile -o %t-decode-whole.mlir
// RUN: diff %t-decode-resumed.mlir %t-decode-whole.mlir

// RUN: lla-opt %S/Inputs/prefill.mlir --lla-algorithm --mlir-print-op-generic -o %t-prefill-algorithm.mlir
// RUN: lla-opt %t-prefill-algorithm.mlir --lla-tile -o %t-prefill-resumed.mlir
// RUN: lla-opt %S/Inputs/prefill.mlir --lla-algorithm --lla-tile -o %t-prefill-whole.mlir
// RUN: diff %t-prefill-resumed.mlir %t-prefill-whole.mlir

// Stages after the tile stage take a dumped kernel likewise.
// RUN: lla-opt %t-prefill-whole.mlir --convert-tile-to-nvvm | FileCheck %s
// CHECK: llvm.func @prefill
// CHECK-NOT: tile.
// CHECK: llvm.return

// A stage that was passed already changes nothing.
// RUN: lla-opt %t-decode-whole.mlir --lla-algorithm -o %t-decode-again.mlir
// RUN: diff %t-decode-whole.mlir %t-decode-again.mlir
