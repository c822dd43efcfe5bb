# lla_library(name SOURCES ... LINKS ... [NO_EXCEPTIONS]): one folder of the tree.
# lla_executable(name SOURCES ... LINKS ...): a main.

add_library(lla_flags INTERFACE)
target_compile_options(lla_flags INTERFACE -Wall -Wextra -Wno-unused-parameter -ffunction-sections -fdata-sections)
target_link_options(lla_flags INTERFACE -Wl,--gc-sections -Wl,--as-needed -static-libstdc++ -static-libgcc)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_link_options(lla_flags INTERFACE -fuse-ld=lld)
endif()
if(LLA_SANITIZE)
  target_compile_options(lla_flags INTERFACE -fsanitize=address,undefined -fno-sanitize=vptr)
  target_link_options(lla_flags INTERFACE -fsanitize=address,undefined)
endif()

function(lla_configure_target name)
  cmake_parse_arguments(A "NO_EXCEPTIONS" "" "SOURCES;LINKS" ${ARGN})
  target_include_directories(${name} PUBLIC
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>" "$<BUILD_INTERFACE:${PROJECT_BINARY_DIR}>")
  if(A_NO_EXCEPTIONS)
    target_compile_options(${name} PRIVATE -fno-exceptions)
  endif()
  target_link_libraries(${name} PUBLIC ${A_LINKS} lla_llvm_headers PRIVATE "$<BUILD_INTERFACE:lla_flags>")
endfunction()

function(lla_library name)
  cmake_parse_arguments(A "NO_EXCEPTIONS" "" "SOURCES;LINKS" ${ARGN})
  add_library(${name} STATIC ${A_SOURCES})
  lla_configure_target(${name} ${ARGN})
  set_property(GLOBAL APPEND PROPERTY LLA_LIBRARIES ${name})
endfunction()

function(lla_executable name)
  cmake_parse_arguments(A "NO_EXCEPTIONS" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  lla_configure_target(${name} ${ARGN})
  set_property(GLOBAL APPEND PROPERTY LLA_EXECUTABLES ${name})
endfunction()

# lla_precompile(name HEADERS...): fmt's and nlohmann/json's headers, which take longer to parse than most of our files
# take to compile, are parsed once for all files of a target, and so are further ones of others. Our own are not among
# them: a change of one must not compile everything anew. CMAKE_DISABLE_PRECOMPILE_HEADERS finds a file that includes
# too little.
function(lla_precompile name)
  target_precompile_headers(${name} PRIVATE <fmt/format.h> <nlohmann/json.hpp> ${ARGN})
endfunction()
