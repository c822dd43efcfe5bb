//===- lla-opt.cpp - passes one by one ------------------------------------===//
//
// MLIR's optimizer driver over the dialects and passes of this project.
//
//===----------------------------------------------------------------------===//

#include "compiler/Pipelines.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  lla::registerDialects(registry);
  lla::registerPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "Local linear attention: the compiler's passes one by one\n", registry));
}
