# cmake -DREADELF=... -DFILE=... [-DOURS=REGEX] -P check_needed.cmake: the file needs
# nothing but the C library (and what the expression matches), so it runs on any machine
# with a glibc as new as the builder's.
cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND "${READELF}" --needed-libs "${FILE}" OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[A-Za-z0-9_+-]+\\.so[.0-9]*" needed "${text}")
message("${FILE} needs ${needed}")
if(NOT "libc.so.6" IN_LIST needed)
  message(FATAL_ERROR "expected at least libc.so.6: could the list not be read?")
endif()
list(FILTER needed EXCLUDE REGEX "^(libc|libm|ld-linux-x86-64)\\.so")
if(OURS)
  list(FILTER needed EXCLUDE REGEX "${OURS}")
endif()
if(needed)
  message(FATAL_ERROR "expected only the C library, got ${needed} too")
endif()
