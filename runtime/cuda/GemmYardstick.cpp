//===- GemmYardstick.cpp - what cuBLAS reaches on this GPU ----------------===//

#include "runtime/cuda/GemmYardstick.h"
#include "runtime/RuntimeError.h"
#include "runtime/cuda/Nvrtc.h"
#include <dlfcn.h>
#include <random>

namespace lla::cuda {

/// cuBLAS's C interface, of which only this is used; the numbers are those of its headers.
struct GemmYardstick::Functions {
  static constexpr int normal = 0, transposed = 1; // cublasOperation_t
  static constexpr int computeFloat = 68;          // CUBLAS_COMPUTE_32F
  static constexpr int defaultAlgorithm = -1;      // CUBLAS_GEMM_DEFAULT
  static int typeOf(ElementType type) {            // cudaDataType_t
    return type == ElementType::F32 ? 0 : type == ElementType::F16 ? 2 : 14;
  }

  int (*create)(void **handle);
  int (*destroy)(void *handle);
  int (*setStream)(void *handle, CUstream stream);
  int (*gemm)(void *handle, int transposeA, int transposeB, int m, int n, int k, const void *alpha, const void *a,
              int typeA, int strideA, const void *b, int typeB, int strideB, const void *beta, void *c, int typeC,
              int strideC, int compute, int algorithm);
};

namespace {

llvm::Error failed(const char *call, int status) {
  return failure(FailureKind::Execution,
                 std::string("cuBLAS: ") + call + " failed with status " + std::to_string(status));
}

/// Matrices of small random numbers: zeros would draw less power than any computation does.
llvm::Error fillRandom(const Device &device, const Memory &memory, int64_t elements, ElementType dtype) {
  std::vector<uint32_t> words(elements * elementBytes(dtype) / sizeof(uint32_t));
  std::minstd_rand random(1);
  for (uint32_t &word : words) {
    // Sign, mantissa and the low exponent bits vary; all types then lie in about +-[2^-4, 4).
    uint32_t bits = static_cast<uint32_t>(random()) * 2654435761u;
    word = dtype == ElementType::F32    ? (bits & 0x81ffffff) | 0x3e000000
           : dtype == ElementType::BF16 ? (bits & 0x81ff81ff) | 0x3e003e00
                                        : (bits & 0x8fff8fff) | 0x30003000;
  }
  ContextScope scope(device);
  if (llvm::Error error = device.check(
          device.driver().cuMemcpyHtoDAsync(memory.address(), words.data(), words.size() * sizeof(uint32_t), nullptr),
          "cuMemcpyHtoDAsync"))
    return error;
  return device.check(device.driver().cuCtxSynchronize(), "cuCtxSynchronize");
}

} // namespace

GemmYardstick::GemmYardstick(std::shared_ptr<const Device> device, std::unique_ptr<Functions> functions,
                             ElementType dtype, Memory a, Memory b, Memory c)
    : device(std::move(device)), functions(std::move(functions)), dtype(dtype), a(std::move(a)), b(std::move(b)),
      c(std::move(c)) {}

llvm::Expected<std::unique_ptr<GemmYardstick>> GemmYardstick::create(std::shared_ptr<const Device> device,
                                                                     const std::string &toolkit, ElementType dtype) {
  void *library = openToolkitLibrary({"libcublas.so.13", "libcublas.so.12"}, toolkit);
  if (!library)
    return failure(FailureKind::Execution, "cuBLAS: no libcublas.so.13 or .12 on the loader's path");
  auto functions = std::make_unique<Functions>();
  auto resolve = [&](auto &function, const char *name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    return function != nullptr;
  };
  if (!resolve(functions->create, "cublasCreate_v2") || !resolve(functions->destroy, "cublasDestroy_v2") ||
      !resolve(functions->setStream, "cublasSetStream_v2") || !resolve(functions->gemm, "cublasGemmEx"))
    return failure(FailureKind::Execution, "cuBLAS: the library lacks a function");

  constexpr int64_t elements = int64_t(size) * size;
  std::vector<Memory> matrices;
  for (int i = 0; i < 3; ++i) {
    llvm::Expected<Memory> matrix = Memory::allocate(device, elements * elementBytes(dtype));
    if (!matrix)
      return matrix.takeError();
    matrices.push_back(std::move(*matrix));
  }
  for (int i = 0; i < 2; ++i)
    if (llvm::Error error = fillRandom(*device, matrices[i], elements, dtype))
      return std::move(error);
  std::unique_ptr<GemmYardstick> yardstick(new GemmYardstick(
      device, std::move(functions), dtype, std::move(matrices[0]), std::move(matrices[1]), std::move(matrices[2])));
  // cuBLAS takes the context that is current: the primary one, which it shares.
  ContextScope scope(*device);
  if (int status = yardstick->functions->create(&yardstick->handle))
    return failed("cublasCreate", status);
  return yardstick;
}

GemmYardstick::~GemmYardstick() {
  ContextScope scope(*device);
  if (handle)
    functions->destroy(handle);
}

llvm::Error GemmYardstick::multiply(CUstream stream) {
  ContextScope scope(*device);
  if (int status = functions->setStream(handle, stream))
    return failed("cublasSetStream", status);
  const float one = 1, zero = 0;
  int type = Functions::typeOf(dtype);
  if (int status = functions->gemm(handle, Functions::transposed, Functions::normal, size, size, size, &one, a.data(),
                                   type, size, b.data(), type, size, &zero, c.data(), type, size,
                                   Functions::computeFloat, Functions::defaultAlgorithm))
    return failed("cublasGemmEx", status);
  return llvm::Error::success();
}

} // namespace lla::cuda
