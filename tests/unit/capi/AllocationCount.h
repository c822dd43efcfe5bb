//===- AllocationCount.h - every malloc of a test program -----------------===//
#ifndef LLA_TESTS_UNIT_CAPI_ALLOCATIONCOUNT_H
#define LLA_TESTS_UNIT_CAPI_ALLOCATIONCOUNT_H

#include <cstdint>

#if defined(__SANITIZE_ADDRESS__)
#define LLA_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LLA_SANITIZED 1
#endif
#endif

/// Of the whole process, the library's too, which finds this program's malloc first. Not with AddressSanitizer, whose
/// malloc has to be the only one.
int64_t allocationsSoFar();

#endif
