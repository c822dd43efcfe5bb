//===- XlaHandler.h - attention as XLA calls it ---------------------------===//
#ifndef LLA_RUNTIME_PYTHON_XLAHANDLER_H
#define LLA_RUNTIME_PYTHON_XLAHANDLER_H

#include <xla/ffi/api/c_api.h>

namespace lla::python {

/// XLA's FFI handler of a call: the stage "initialize" prepares the plan, "execute" runs it. Its attributes are gpu,
/// causal, window, scale and bhsd, and in `operands` and `results` the names of the buffers with spaces between: those
/// of attentionArguments, and the result "workspace", which may hold anything (in programs from before that it is an
/// operand too, the same memory). Takes no lock of Python's.
extern "C" XLA_FFI_Error *handleXlaCall(XLA_FFI_CallFrame *frame);

} // namespace lla::python
#endif
