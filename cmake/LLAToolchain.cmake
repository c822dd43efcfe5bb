# LLVM and MLIR from the distribution's packages, linked statically, and the
# small libraries.

find_package(MLIR 22.1 REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
set(LLVM_LINK_LLVM_DYLIB OFF)
set(MLIR_LINK_MLIR_DYLIB OFF)
include(TableGen)
include(AddLLVM)
include(AddMLIR)
include(LLAStaticLLVM)

find_package(fmt REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Threads REQUIRED)
# cuda.h is read for its types only; nothing of CUDA is linked.
find_path(LLA_CUDA_INCLUDE cuda.h
  HINTS ${LLA_CUDA_ROOT} ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES include)
