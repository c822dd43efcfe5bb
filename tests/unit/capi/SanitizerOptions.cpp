//===- SanitizerOptions.cpp - AddressSanitizer beside LLVM's handlers -----===//
//
// LLVM gives threads an alternate signal stack of its own, which AddressSanitizer would
// take for the one it mapped, and fail to unmap when the thread ends.
//
//===----------------------------------------------------------------------===//

extern "C" const char *__asan_default_options();
extern "C" const char *__asan_default_options() { return "use_sigaltstack=0"; }
