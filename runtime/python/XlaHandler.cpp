//===- XlaHandler.cpp - attention as XLA calls it -------------------------===//
//
// By XLA's C API for handlers, whose structs say their size: what a runtime is too
// old to have is asked for by that. A workspace is a result of the program's, for each
// run, with anything in it: XLA owns all memory, and runs of an executable may overlap.
//
//===----------------------------------------------------------------------===//

#include "runtime/python/XlaHandler.h"
#include "runtime/frameworks/CallProblem.h"
#include "runtime/frameworks/PlanTable.h"
#include <algorithm>
#include <exception>
#include <memory>
#include <new>
#include <string_view>

namespace lla::python {
namespace {

using namespace lla::frameworks;

XLA_FFI_Error_Code codeOf(lla_status status) {
  switch (status) {
  case LLA_ERROR_USAGE:
    return XLA_FFI_Error_Code_INVALID_ARGUMENT;
  case LLA_ERROR_NOT_PREPARED:
  case LLA_ERROR_MISS:
  case LLA_ERROR_JIT_DISABLED:
    return XLA_FFI_Error_Code_FAILED_PRECONDITION;
  case LLA_ERROR_NO_DEVICE:
    return XLA_FFI_Error_Code_UNAVAILABLE;
  case LLA_ERROR_MEMORY:
    return XLA_FFI_Error_Code_RESOURCE_EXHAUSTED;
  default:
    return XLA_FFI_Error_Code_INTERNAL;
  }
}

/// By DLPack's codes; what has none that a message could name is opaque.
lla_data_type typeOf(XLA_FFI_DataType type) {
  constexpr uint8_t unsignedInt = 1, opaque = 3, complex = 5, boolean = 6;
  switch (type) {
  case XLA_FFI_DataType_F64:
    return {LLA_TYPE_FLOAT, 64, 1};
  case XLA_FFI_DataType_F32:
    return {LLA_TYPE_FLOAT, 32, 1};
  case XLA_FFI_DataType_F16:
    return {LLA_TYPE_FLOAT, 16, 1};
  case XLA_FFI_DataType_BF16:
    return {LLA_TYPE_BFLOAT, 16, 1};
  case XLA_FFI_DataType_F8E4M3FN:
    return {LLA_TYPE_FLOAT8_E4M3FN, 8, 1};
  case XLA_FFI_DataType_S8:
    return {LLA_TYPE_INT, 8, 1};
  case XLA_FFI_DataType_S16:
    return {LLA_TYPE_INT, 16, 1};
  case XLA_FFI_DataType_S32:
    return {LLA_TYPE_INT, 32, 1};
  case XLA_FFI_DataType_S64:
    return {LLA_TYPE_INT, 64, 1};
  case XLA_FFI_DataType_U8:
    return {unsignedInt, 8, 1};
  case XLA_FFI_DataType_U16:
    return {unsignedInt, 16, 1};
  case XLA_FFI_DataType_U32:
    return {unsignedInt, 32, 1};
  case XLA_FFI_DataType_U64:
    return {unsignedInt, 64, 1};
  case XLA_FFI_DataType_C64:
    return {complex, 64, 1};
  case XLA_FFI_DataType_C128:
    return {complex, 128, 1};
  case XLA_FFI_DataType_PRED:
    return {boolean, 8, 1};
  default:
    return {opaque, 8, 1};
  }
}

int64_t bytesOf(const XLA_FFI_Buffer &buffer) {
  int64_t bytes = typeOf(buffer.dtype).bits / 8;
  for (int64_t i = 0; i < buffer.rank; ++i)
    bytes *= buffer.dims[i];
  return bytes;
}

/// What a frame says, as the library takes it.
class Call {
public:
  explicit Call(const XLA_FFI_CallFrame &frame) : frame(frame) {}

  /// Reads everything but the memory.
  Failure read() {
    if (Failure failure = readDevice())
      return failure;
    std::string_view operands, results;
    if (!readText("operands", operands) || !readText("results", results) || !readScalar("causal", isCausal) ||
        !readScalar("bhsd", isBhsd) || !readScalar("window", problem.window) || !readScalar("scale", problem.scale))
      return usage("attributes: expected bhsd, causal, operands, results, scale and window, got others");
    if (Failure failure = readBuffers(operands, frame.args.args, frame.args.size))
      return failure;
    if (Failure failure = readBuffers(results, frame.rets.rets, frame.rets.size))
      return failure;
    // What a program from before there were packed sequences does not have.
    Longest longest;
    if ((tensors.cu_seqlens_q && !readScalar("max_seqlen_q", longest.queries)) ||
        (tensors.cu_seqlens_k && !readScalar("max_seqlen_k", longest.keys)))
      return usage("attributes: expected max_seqlen_q and max_seqlen_k with packed sequences, got others");
    if (std::string fault = callProblem(tensors, isBhsd, longest, problem); !fault.empty())
      return usage(std::move(fault));
    problem.causal = isCausal;
    problem.has_scale = 1;
    problem = rounded(problem);
    return {};
  }

  Failure prepare() {
    PreparedPlan *plan = nullptr;
    return preparePlan(problem, device, plan);
  }

  Failure run() {
    PreparedPlan *plan = findPlan(problem, device);
    if (!plan && device.type == LLA_DEVICE_CPU) // Which has no stage before.
      if (Failure failure = preparePlan(problem, device, plan))
        return failure;
    if (!plan) // The stream may be captured.
      return {LLA_ERROR_NOT_PREPARED, "plan: expected the stage initialize before, got none"};
    void *stream = nullptr;
    if (Failure failure = readStream(stream))
      return failure;
    auto *on = static_cast<CUstream_st *>(stream);
    if (lla_status status = lla_plan_clear_workspace(plan->plan, workspace, workspaceBytes, on))
      return {status, lla_last_error()};
    if (lla_status status = lla_plan_run(plan->plan, &tensors, workspace, workspaceBytes, on))
      return {status, lla_last_error()};
    return {};
  }

private:
  static Failure usage(std::string message) { return {LLA_ERROR_USAGE, std::move(message)}; }

  /// Errors of the runtime's are its own to describe.
  Failure take(XLA_FFI_Error *error, const char *what) {
    if (!error)
      return {};
    XLA_FFI_Error_Destroy_Args destroy = {XLA_FFI_Error_Destroy_Args_STRUCT_SIZE, nullptr, error};
    frame.api->XLA_FFI_Error_Destroy(&destroy);
    return {LLA_ERROR_INTERNAL, std::string(what) + ": expected it from XLA, got an error"};
  }

  /// The host, or the GPU that the frame is run on: on the host there is no stream to ask for.
  Failure readDevice() {
    bool isGpu = false;
    if (!readScalar("gpu", isGpu))
      return usage("attributes: expected gpu, got none");
    device = {LLA_DEVICE_CPU, 0};
    if (!isGpu)
      return {};
    if (frame.api->struct_size < XLA_FFI_Api_STRUCT_SIZE)
      return usage("jaxlib: expected one that tells a handler its device, got an older one");
    XLA_FFI_DeviceOrdinal_Get_Args ordinal = {XLA_FFI_DeviceOrdinal_Get_Args_STRUCT_SIZE, nullptr, frame.ctx, 0};
    if (Failure failure = take(frame.api->XLA_FFI_DeviceOrdinal_Get(&ordinal), "device"))
      return failure;
    device = {LLA_DEVICE_CUDA, ordinal.device_ordinal};
    return {};
  }

  Failure readStream(void *&stream) {
    if (device.type == LLA_DEVICE_CPU)
      return {};
    XLA_FFI_Stream_Get_Args get = {XLA_FFI_Stream_Get_Args_STRUCT_SIZE, nullptr, frame.ctx, nullptr};
    Failure failure = take(frame.api->XLA_FFI_Stream_Get(&get), "stream");
    stream = get.stream;
    return failure;
  }

  const void *attribute(std::string_view name, XLA_FFI_AttrType type) const {
    for (int64_t i = 0; i < frame.attrs.size; ++i)
      if (std::string_view(frame.attrs.names[i]->ptr, frame.attrs.names[i]->len) == name)
        return frame.attrs.types[i] == type ? frame.attrs.attrs[i] : nullptr;
    return nullptr;
  }

  bool readText(std::string_view name, std::string_view &text) const {
    auto *span = static_cast<const XLA_FFI_ByteSpan *>(attribute(name, XLA_FFI_AttrType_STRING));
    if (span)
      text = {span->ptr, span->len};
    return span;
  }

  static constexpr XLA_FFI_DataType typeOfScalar(bool) { return XLA_FFI_DataType_PRED; }
  static constexpr XLA_FFI_DataType typeOfScalar(int64_t) { return XLA_FFI_DataType_S64; }
  static constexpr XLA_FFI_DataType typeOfScalar(double) { return XLA_FFI_DataType_F64; }

  template <class T> bool readScalar(std::string_view name, T &value) const {
    auto *scalar = static_cast<const XLA_FFI_Scalar *>(attribute(name, XLA_FFI_AttrType_SCALAR));
    if (!scalar || scalar->dtype != typeOfScalar(value))
      return false;
    value = *static_cast<const T *>(scalar->value);
    return true;
  }

  Failure readBuffers(std::string_view names, void *const *buffers, int64_t count) {
    int64_t i = 0;
    for (; !names.empty(); ++i) {
      std::string_view name = names.substr(0, names.find(' '));
      names.remove_prefix(std::min(names.size(), name.size() + 1));
      if (i >= count)
        return usage("buffers: expected one for each name, got fewer");
      auto &buffer = *static_cast<const XLA_FFI_Buffer *>(buffers[i]);
      if (name == "workspace") {
        takeWorkspace(buffer);
        continue;
      }
      size_t number = 0;
      while (number < argumentCount && argumentAt(number).name != name)
        ++number;
      if (number == argumentCount)
        return usage("buffers: expected names of tensors, got " + std::string(name));
      lla_tensor &tensor = given[number];
      tensor.data = buffer.data;
      tensor.device = device;
      tensor.ndim = static_cast<int32_t>(buffer.rank);
      tensor.dtype = typeOf(buffer.dtype);
      tensor.shape = buffer.dims;
      tensors.*argumentAt(number).member = &tensor;
    }
    return i == count ? Failure{} : usage("buffers: expected one for each name, got more");
  }

  /// XLA aligns its buffers to half of what a workspace needs: the program gives as much more (lla/jax.py).
  void takeWorkspace(const XLA_FFI_Buffer &buffer) {
    workspace = buffer.data;
    workspaceBytes = static_cast<size_t>(bytesOf(buffer));
    if (workspace && !std::align(256, 0, workspace, workspaceBytes))
      workspaceBytes = 0;
  }

  const XLA_FFI_CallFrame &frame;
  lla_device device = {};
  bool isCausal = false, isBhsd = false;
  lla_problem problem = LLA_PROBLEM_INIT;
  lla_tensor given[argumentCount] = {};
  lla_tensors tensors = LLA_TENSORS_INIT;
  void *workspace = nullptr;
  size_t workspaceBytes = 0;
};

/// XLA asks what a handler is before it calls it. Of an older runtime its own version is said: what it lacks is not
/// used.
void describe(const XLA_FFI_CallFrame &frame, XLA_FFI_Metadata &metadata) {
  metadata.api_version = {XLA_FFI_Api_Version_STRUCT_SIZE, nullptr, XLA_FFI_API_MAJOR, XLA_FFI_API_MINOR};
  if (frame.api && frame.api->api_version.major_version == XLA_FFI_API_MAJOR)
    metadata.api_version.minor_version = std::min(XLA_FFI_API_MINOR, frame.api->api_version.minor_version);
  metadata.traits = XLA_FFI_HANDLER_TRAITS_COMMAND_BUFFER_COMPATIBLE;
}

} // namespace

extern "C" XLA_FFI_Error *handleXlaCall(XLA_FFI_CallFrame *frame) {
  if (frame->extension_start && frame->extension_start->type == XLA_FFI_Extension_Metadata) {
    describe(*frame, *reinterpret_cast<XLA_FFI_Metadata_Extension *>(frame->extension_start)->metadata);
    return nullptr;
  }
  Failure failure;
  try {
    Call call(*frame);
    failure = call.read();
    if (!failure)
      failure = frame->stage == XLA_FFI_ExecutionStage_EXECUTE ? call.run() : call.prepare();
  } catch (const std::bad_alloc &) {
    failure = {LLA_ERROR_MEMORY, {}};
  } catch (const std::exception &exception) {
    failure = {LLA_ERROR_INTERNAL, exception.what()};
  }
  if (!failure)
    return nullptr;
  XLA_FFI_Error_Create_Args create = {XLA_FFI_Error_Create_Args_STRUCT_SIZE, nullptr, failure.message.c_str(),
                                      codeOf(failure.status)};
  return frame->api->XLA_FFI_Error_Create(&create);
}

} // namespace lla::python
