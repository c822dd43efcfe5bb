# LLVM and MLIR from the distribution's packages, linked statically.
#
# Debian exports every MLIR archive with "LLVM" (libLLVM.so) in its link
# interface; mixing that with static archives would put two LLVMs into one
# process. `lla_use_static_llvm` rewrites the interfaces to archives only.

find_package(MLIR 22.1 REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
set(LLVM_LINK_LLVM_DYLIB OFF)
set(MLIR_LINK_MLIR_DYLIB OFF)
include(TableGen)
include(AddLLVM)
include(AddMLIR)
separate_arguments(LLA_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")

function(lla_use_static_llvm)
  llvm_map_components_to_libnames(archives ${ARGN})
  add_library(lla_llvm_static INTERFACE IMPORTED GLOBAL)
  target_link_libraries(lla_llvm_static INTERFACE ${archives})
  foreach(target ${MLIR_EXPORTED_TARGETS})
    get_target_property(type ${target} TYPE)
    if(NOT type STREQUAL "STATIC_LIBRARY")
      continue()
    endif()
    get_target_property(links ${target} INTERFACE_LINK_LIBRARIES)
    if(links)
      list(REMOVE_ITEM links LLVM MLIR "$<LINK_ONLY:LLVM>" "$<LINK_ONLY:MLIR>")
      set_target_properties(${target} PROPERTIES INTERFACE_LINK_LIBRARIES "${links};lla_llvm_static")
    endif()
  endforeach()
  # Archives of zlib and zstd; z3 is used by one object that nothing here needs.
  find_library(LLA_ZLIB_ARCHIVE libz.a REQUIRED)
  find_library(LLA_ZSTD_ARCHIVE libzstd.a REQUIRED)
  set_target_properties(LLVMSupport PROPERTIES INTERFACE_LINK_LIBRARIES
    "rt;dl;m;${LLA_ZLIB_ARCHIVE};${LLA_ZSTD_ARCHIVE};LLVMDemangle")
endfunction()

lla_use_static_llvm(core support irreader asmparser analysis passes target orcjit jitlink native NVPTX
  bitreader bitwriter linker ipo transformutils codegen option frontendopenmp perfjitevents tablegen object)

find_package(fmt REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Threads REQUIRED)
# cuda.h and nvrtc.h are read for their types only; nothing of CUDA is linked.
find_path(LLA_CUDA_INCLUDE cuda.h
  HINTS ${LLA_CUDA_ROOT} ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES include)
find_path(LLA_NVRTC_INCLUDE nvrtc.h
  HINTS ${LLA_CUDA_ROOT} ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES include)
