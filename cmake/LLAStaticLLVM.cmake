# Makes the imported MLIR targets link archives of LLVM, never libLLVM.so, and
# defines lla_llvm_headers. Needs find_package(MLIR) before it; the build and the
# installed package both include it.
#
# Debian exports every MLIR archive with "LLVM" (libLLVM.so) in its link
# interface; mixing that with static archives would put two LLVMs into one
# process.

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
  mark_as_advanced(LLA_ZLIB_ARCHIVE LLA_ZSTD_ARCHIVE)
  set_target_properties(LLVMSupport PROPERTIES INTERFACE_LINK_LIBRARIES
    "rt;dl;m;${LLA_ZLIB_ARCHIVE};${LLA_ZSTD_ARCHIVE};LLVMDemangle")
endfunction()

if(NOT TARGET lla_llvm_headers)
  lla_use_static_llvm(core support irreader asmparser analysis passes target orcjit jitlink native NVPTX
    bitreader bitwriter linker ipo transformutils codegen option frontendopenmp perfjitevents tablegen object objcopy)

  add_library(lla_llvm_headers INTERFACE IMPORTED GLOBAL)
  target_include_directories(lla_llvm_headers SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
  separate_arguments(definitions NATIVE_COMMAND "${LLVM_DEFINITIONS}")
  target_compile_options(lla_llvm_headers INTERFACE ${definitions})
  unset(definitions)
endif()
