//===- Api.h - the C API, of liblla or of an ahead-of-time library --------===//
//
// What is built into an ahead-of-time library (LLA_AOT_LIBRARY) has, and calls, that
// library's functions, which have another prefix.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_CAPI_API_H
#define LLA_RUNTIME_CAPI_API_H

#ifdef LLA_AOT_LIBRARY
#include "runtime/aot/library.h"
#define LLA_API_NAME(name) lla_aot_##name
#else
#include "runtime/capi/lla.h"
#define LLA_API_NAME(name) lla_##name
#endif

#endif
