// RUN: not lla-opt %s --convert-tile-to-vector=vector-bits=100 2>&1 | FileCheck %s
// CHECK: expected vector-bits 128, 256 or 512, got 100
module {}
