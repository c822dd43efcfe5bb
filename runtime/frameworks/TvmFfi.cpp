//===- TvmFfi.cpp - attention as tvm-ffi calls it -------------------------===//
//
// Functions of tvm-ffi's calling convention (TVMFFISafeCallType), by the names that
// its module loader looks for. The part of its ABI that they need is here; its
// library is not linked, but asked for where it is in the process: for the current
// stream, and to leave an error with.
//
//===----------------------------------------------------------------------===//

#include "runtime/frameworks/CallProblem.h"
#include "runtime/frameworks/PlanTable.h"
#include <dlfcn.h>
#include <exception>
#include <new>

namespace {

using namespace lla::frameworks;

/// TVMFFIAny.
struct Value {
  int32_t type;
  uint32_t padding;
  union {
    int64_t integer;
    double real;
    void *pointer;
  };

  enum : int32_t { none = 0, integral = 1, boolean = 2, floating = 3, tensorPointer = 7, tensorObject = 70 };
};
static_assert(sizeof(Value) == 16);

/// Bytes of TVMFFIObject, behind which a tensor object has its DLTensor.
constexpr size_t objectHeader = 24;

struct Library {
  void (*setError)(const char *kind, const char *message);
  void *(*stream)(int32_t deviceType, int32_t deviceId);
};

const Library &library() {
  static const Library found = [] {
    void *handle = dlopen("libtvm_ffi.so", RTLD_LAZY | RTLD_NOLOAD);
    auto symbol = [&](const char *name) { return dlsym(handle ? handle : RTLD_DEFAULT, name); };
    return Library{reinterpret_cast<decltype(Library::setError)>(symbol("TVMFFIErrorSetRaisedFromCStr")),
                   reinterpret_cast<decltype(Library::stream)>(symbol("TVMFFIEnvGetStream"))};
  }();
  return found;
}

Failure usage(std::string message) { return {LLA_ERROR_USAGE, std::move(message)}; }

/// What a function takes: tensors, then options, then what a caller may leave out, then, of a run, the workspace.
struct Form {
  const char *name; ///< Of the function that prepares.
  const Argument *tensors;
  size_t tensorCount, optionCount, scaleCount;
};
constexpr Form plain = {"attention_prepare", attentionArguments, unpackedArguments, /*causal, window, scale, bhsd*/ 4,
                        scaleArguments},
               packed = {"attention_varlen_prepare", attentionArguments, packedArguments,
                         /*max_seqlen_q, max_seqlen_k and those*/ 6, scaleArguments},
               merge = {"merge_prepare", mergeArguments, std::size(mergeArguments), /*bhsd*/ 1, 0};

/// The arguments of a call.
class Call {
public:
  explicit Call(const Form &form) : form(form) {}

  Failure read(const Value *values, int32_t count, bool isRun) {
    size_t expected = form.tensorCount + form.optionCount + isRun, given = static_cast<size_t>(count);
    bool hasScales = form.scaleCount && count > 0 && given == expected + form.scaleCount;
    if (count < 0 || (given != expected && !hasScales)) {
      std::string counts = std::to_string(expected);
      if (form.scaleCount)
        counts += " or " + std::to_string(expected + form.scaleCount);
      return usage("arguments: expected " + counts + ", got " + std::to_string(count));
    }
    for (size_t i = 0; i < form.tensorCount; ++i)
      if (Failure failure = readTensor(form.tensors[i], values[i]))
        return failure;
    const Value *options = values + form.tensorCount, *scales = options + form.optionCount;
    for (size_t i = 0; hasScales && i < form.scaleCount; ++i)
      if (Failure failure = readTensor(attentionArguments[packedArguments + i], scales[i]))
        return failure;
    if (isRun)
      if (Failure failure = readTensor("workspace", values[given - 1], workspace))
        return failure;
    if (Failure failure = form.tensors == mergeArguments ? readMerge(options) : readAttention(options))
      return failure;
    problem = rounded(problem);
    device = (tensors.*form.tensors[0].member)->device;
    return {};
  }

  Failure prepare(int64_t &bytes) {
    PreparedPlan *plan = nullptr;
    Failure failure = preparePlan(problem, device, plan);
    bytes = plan ? static_cast<int64_t>(plan->workspaceBytes) : 0;
    return failure;
  }

  Failure run() {
    PreparedPlan *plan = findPlan(problem, device);
    if (!plan) // The stream may be captured.
      return {LLA_ERROR_NOT_PREPARED,
              "plan: expected " + std::string(form.name) + " of such a call before, got none"};
    void *memory = nullptr;
    size_t bytes = 0;
    if (workspace) {
      memory = static_cast<char *>(workspace->data) + workspace->byte_offset;
      bytes = workspace->dtype.bits / 8 * workspace->dtype.lanes;
      for (int32_t i = 0; i < workspace->ndim; ++i)
        bytes *= static_cast<size_t>(workspace->shape[i]);
    }
    bool isGpu = placeOf(device).type == LLA_DEVICE_CUDA;
    void *stream = isGpu && library().stream ? library().stream(LLA_DEVICE_CUDA, device.id) : nullptr;
    if (lla_status status =
            LLA_API_NAME(plan_run)(plan->plan, &tensors, memory, bytes, static_cast<CUstream_st *>(stream)))
      return {status, LLA_API_NAME(last_error)()};
    return {};
  }

private:
  Failure readAttention(const Value *options) {
    int64_t causal = 0, isBhsd = 0;
    Longest longest;
    if (form.tensorCount != unpackedArguments) {
      if (Failure failure = readInteger("max_seqlen_q", *options++, longest.queries))
        return failure;
      if (Failure failure = readInteger("max_seqlen_k", *options++, longest.keys))
        return failure;
    }
    if (Failure failure = readInteger("causal", options[0], causal))
      return failure;
    if (Failure failure = readInteger("window", options[1], problem.window))
      return failure;
    if (Failure failure = readScale(options[2]))
      return failure;
    if (Failure failure = readInteger("bhsd", options[3], isBhsd))
      return failure;
    problem.causal = causal != 0;
    std::string fault = attentionProblem(tensors, isBhsd != 0, longest, problem);
    return fault.empty() ? Failure() : usage(std::move(fault));
  }

  Failure readMerge(const Value *options) {
    int64_t isBhsd = 0;
    if (Failure failure = readInteger("bhsd", options[0], isBhsd))
      return failure;
    std::string fault = mergeProblem(tensors, isBhsd != 0, problem);
    return fault.empty() ? Failure() : usage(std::move(fault));
  }

  Failure readTensor(const Argument &argument, const Value &value) {
    return readTensor(argument.name, value, tensors.*argument.member);
  }

  static Failure readTensor(const char *name, const Value &value, const lla_tensor *&tensor) {
    if (value.type == Value::none)
      tensor = nullptr;
    else if (value.type == Value::tensorPointer)
      tensor = static_cast<const lla_tensor *>(value.pointer);
    else if (value.type == Value::tensorObject)
      tensor = reinterpret_cast<const lla_tensor *>(static_cast<const char *>(value.pointer) + objectHeader);
    else
      return usage(std::string(name) + ": expected a tensor or None, got a value of type index " +
                   std::to_string(value.type));
    return {};
  }

  static Failure readInteger(const char *name, const Value &value, int64_t &integer) {
    if (value.type != Value::integral && value.type != Value::boolean)
      return usage(std::string(name) + ": expected an integer, got a value of type index " +
                   std::to_string(value.type));
    integer = value.integer;
    return {};
  }

  Failure readScale(const Value &value) {
    if (value.type == Value::none)
      return {};
    problem.has_scale = 1;
    if (value.type == Value::floating)
      problem.scale = value.real;
    else if (value.type == Value::integral)
      problem.scale = static_cast<double>(value.integer);
    else
      return usage("scale: expected a number or None, got a value of type index " + std::to_string(value.type));
    return {};
  }

  const Form &form;
  lla_problem problem = LLA_PROBLEM_INIT;
  lla_tensors tensors = LLA_TENSORS_INIT;
  const lla_tensor *workspace = nullptr;
  lla_device device = {};
};

template <class Work> int guarded(Work work) {
  Failure failure;
  try {
    failure = work();
  } catch (const std::bad_alloc &) {
    failure = {LLA_ERROR_MEMORY, {}};
  } catch (const std::exception &exception) {
    failure = {LLA_ERROR_INTERNAL, exception.what()};
  }
  if (!failure)
    return 0;
  if (library().setError)
    library().setError(failure.status == LLA_ERROR_USAGE    ? "ValueError"
                       : failure.status == LLA_ERROR_MEMORY ? "MemoryError"
                                                            : "RuntimeError",
                       failure.message.c_str());
  return -1;
}

} // namespace

#ifdef LLA_AOT_LIBRARY
#define LLA_TVM_FFI_NAME(name) __tvm_ffi_lla_aot_##name
#else
#define LLA_TVM_FFI_NAME(name) __tvm_ffi_lla_##name
#endif
#define LLA_TVM_FFI_FUNCTION(name)                                                                                     \
  extern "C" __attribute__((visibility("default"))) int LLA_TVM_FFI_NAME(name)(void *, const void *arguments,          \
                                                                               int32_t count,                      \
                                                                               [[maybe_unused]] void *answer)

namespace {

/// Compiles and loads what a call needs, and gives the bytes of its workspace.
int prepare(const Form &form, const void *arguments, int32_t count, void *answer) {
  return guarded([&]() -> Failure {
    Call call(form);
    int64_t bytes = 0;
    if (Failure failure = call.read(static_cast<const Value *>(arguments), count, /*isRun=*/false))
      return failure;
    if (Failure failure = call.prepare(bytes))
      return failure;
    auto &result = *static_cast<Value *>(answer);
    result.type = Value::integral;
    result.padding = 0;
    result.integer = bytes;
    return {};
  });
}

/// Enqueues the kernel on the current stream; neither compiles nor allocates.
int run(const Form &form, const void *arguments, int32_t count) {
  return guarded([&]() -> Failure {
    Call call(form);
    if (Failure failure = call.read(static_cast<const Value *>(arguments), count, /*isRun=*/true))
      return failure;
    return call.run();
  });
}

} // namespace

/// attention_prepare(q, r, k, v, out, lse, tbar, vbar, lengths, starts, page_table, causal, window, scale, bhsd), and
/// attention(the same ..., workspace). Behind bhsd there may be k_scales and v_scales, both or neither.
LLA_TVM_FFI_FUNCTION(attention_prepare) { return prepare(plain, arguments, count, answer); }
LLA_TVM_FFI_FUNCTION(attention) { return run(plain, arguments, count); }

/// Of packed sequences: attention_varlen_prepare(q ... page_table, cu_seqlens_q, cu_seqlens_k, max_seqlen_q,
/// max_seqlen_k, causal, window, scale, bhsd), and attention_varlen(the same ..., workspace); scales likewise.
LLA_TVM_FFI_FUNCTION(attention_varlen_prepare) { return prepare(packed, arguments, count, answer); }
LLA_TVM_FFI_FUNCTION(attention_varlen) { return run(packed, arguments, count); }

/// merge_prepare(part_o, part_lse, part_tbar, part_vbar, out, lse, tbar, vbar, bhsd), and merge(the same ...,
/// workspace).
LLA_TVM_FFI_FUNCTION(merge_prepare) { return prepare(merge, arguments, count, answer); }
LLA_TVM_FFI_FUNCTION(merge) { return run(merge, arguments, count); }
