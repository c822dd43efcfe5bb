//===- WithoutGpu.cpp - a library made by a build without cuda.h ----------===//

#include "runtime/RuntimeError.h"
#include "runtime/aot/Device.h"

llvm::Expected<std::shared_ptr<lla::aot::Device>> lla::aot::openGpu(int64_t) {
  return failure(FailureKind::NoDevice,
                 "target: expected host, got a GPU: this library was made by an lla that was built without cuda.h");
}
