//===- Oracle.cpp - generated kernels judged by another compiler's code ---===//

#include "runtime/cuda/Oracle.h"
#include "runtime/Inputs.h"
#include "runtime/Oracle.h"
#include "runtime/cuda/OracleArguments.h"
#include "llvm/ADT/StringExtras.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace lla::cuda {
namespace {

constexpr int64_t scratchBytes = 4096;
constexpr int64_t oracleThreads = 128; ///< blockThreads of OracleKernels.cu.
constexpr int64_t mostCtas = 65535;

int elementOf(ElementType type) {
  switch (type) {
  case ElementType::F32:
    return oracle::F32;
  case ElementType::BF16:
    return oracle::BF16;
  case ElementType::F16:
    return oracle::F16;
  case ElementType::F8E4M3:
    return oracle::E4M3;
  }
  return oracle::F32;
}

oracle::Tensor tensorOf(const TensorView &view) {
  return {view.data, view.strides[0], view.strides[1], view.strides[2]};
}

oracle::Attention attentionOf(const Problem &problem, const AttentionTensors &tensors) {
  oracle::Attention attention = {};
  attention.q = tensorOf(tensors.q);
  attention.r = tensorOf(tensors.r);
  attention.k = tensorOf(tensors.k);
  attention.v = tensorOf(tensors.v);
  attention.o = tensorOf(tensors.o);
  attention.lse = tensorOf(tensors.lse);
  attention.tbar = tensorOf(tensors.tbar);
  attention.vbar = tensorOf(tensors.vbar);
  attention.batch = problem.batch;
  attention.queryLength = problem.queryLength;
  attention.queryHeads = problem.queryHeads;
  attention.kvHeads = problem.kvHeads;
  attention.context = problem.context;
  attention.headDim = problem.headDim;
  attention.window = problem.window;
  attention.lengths = tensors.lengths.data;
  attention.starts = tensors.starts.data;
  attention.pageTable = tensors.pageTable.data;
  attention.pageTableStride = tensors.pageTable.stride;
  attention.pageSize = problem.pageSize;
  attention.pages = tensors.k.sizes[0];
  attention.cuSeqlensQ = tensors.cuSeqlensQ.data;
  attention.cuSeqlensK = tensors.cuSeqlensK.data;
  attention.queryRows = tensors.q.sizes[1];
  attention.keyRows = tensors.k.sizes[1];
  if (problem.hasKeyScales()) {
    auto setScales = [](const TensorView &view, const float *&scales, long long &stride) {
      scales = view.empty() ? nullptr : static_cast<const float *>(view.data);
      stride = view.sizes[2] > 1 ? view.strides[2] : 0;
    };
    setScales(tensors.kScales, attention.kScales, attention.kScalesStride);
    setScales(tensors.vScales, attention.vScales, attention.vScalesStride);
  }
  attention.scale = problem.effectiveScale();
  attention.element = elementOf(problem.dtype);
  attention.outputElement = elementOf(problem.outputType());
  attention.keyElement = elementOf(problem.keyType());
  attention.causal = problem.causal;
  attention.hasProbe = problem.hasProbe();
  attention.hasState = problem.state;
  return attention;
}

/// NaN if anything was; 0/0 is no error.
ErrorFigures figuresOf(const oracle::Differences &sums, int64_t rows, bool all) {
  auto ratio = [&](double error, double reference) {
    return sums.nans ? std::numeric_limits<double>::quiet_NaN() : error == 0 ? 0 : error / reference;
  };
  auto overOne = [&](double error, double reference) { return ratio(error, std::max(reference, 1.0)); };
  ErrorFigures figures;
  figures.relative = ratio(sums.maxDifference, sums.maxReference);
  figures.rms = ratio(std::sqrt(sums.squaredDifference), std::sqrt(sums.squaredReference));
  figures.baselineRelative = ratio(sums.maxBaseline, sums.maxReference);
  figures.baselineRms = ratio(std::sqrt(sums.squaredBaseline), std::sqrt(sums.squaredReference));
  figures.maxReference = sums.maxReference;
  figures.lse = overOne(sums.maxLse, sums.maxLseReference);
  figures.tbar = overOne(sums.maxTbar, sums.maxTbarReference);
  figures.vbar = ratio(sums.maxVbar, sums.maxVbarReference);
  figures.rows = rows;
  figures.allRows = all;
  figures.oracle = "NVRTC";
  return figures;
}

} // namespace

const char *const oracleSource =
#include "runtime/cuda/OracleSource.inc"
    ;

llvm::Expected<std::string> oracleCubin(const Nvrtc &nvrtc, const std::string &arch, ArtifactStore *store) {
  if (!store)
    return nvrtc.compileToCubin(oracleSource, arch);
  Key key;
  key.add("artifact_schema", std::to_string(cacheSchema));
  key.add("oracle", sha256(oracleSource));
  key.add("arch", arch);
  key.add("nvrtc", nvrtc.version());
  key.add("options", llvm::join(Nvrtc::options(), " "));
  llvm::Expected<ObtainedArtifact> obtained = store->obtain(key, [&]() -> llvm::Expected<StoredArtifact> {
    llvm::Expected<std::string> cubin = nvrtc.compileToCubin(oracleSource, arch);
    if (!cubin)
      return cubin.takeError();
    return StoredArtifact{"cubin", "oracle", std::move(*cubin)};
  });
  if (!obtained)
    return obtained.takeError();
  return std::move(obtained->artifact.bytes);
}

llvm::Expected<std::unique_ptr<Oracle>> Oracle::create(std::shared_ptr<const Device> device, const std::string &toolkit,
                                                       ArtifactStore *store) {
  llvm::Expected<Nvrtc> nvrtc = Nvrtc::open(toolkit);
  if (!nvrtc)
    return nvrtc.takeError();
  llvm::Expected<std::string> cubin = oracleCubin(*nvrtc, device->target().arch, store);
  if (!cubin)
    return cubin.takeError();
  llvm::Expected<std::unique_ptr<Module>> module = Module::load(device, ArtifactKind::Cubin, *cubin);
  if (!module)
    return module.takeError();
  llvm::Expected<Memory> scratch = Memory::allocate(device, scratchBytes);
  if (!scratch)
    return scratch.takeError();
  std::unique_ptr<Oracle> oracle(new Oracle(std::move(device), std::move(*module), std::move(*scratch)));
  if (llvm::Error error = oracle->resolve())
    return std::move(error);
  return oracle;
}

llvm::Error Oracle::resolve() {
  const std::pair<const char *, CUfunction *> entries[] = {{"oracle_fill", &kernels.fill},
                                                           {"oracle_exact", &kernels.exact},
                                                           {"oracle_baseline", &kernels.baseline},
                                                           {"oracle_compare", &kernels.compare},
                                                           {"oracle_count_different", &kernels.countDifferent},
                                                           {"oracle_empty", &kernels.empty},
                                                           {"oracle_read", &kernels.read},
                                                           {"planted_race", &kernels.race},
                                                           {"planted_out_of_bounds", &kernels.outOfBounds}};
  for (auto [name, kernel] : entries) {
    llvm::Expected<CUfunction> entry = module->function(name);
    if (!entry)
      return entry.takeError();
    *kernel = *entry;
  }
  return llvm::Error::success();
}

template <class... Arguments>
llvm::Error Oracle::launch(CUfunction kernel, int64_t ctas, int64_t threads, CUstream stream,
                           Arguments... arguments) const {
  void *parameters[] = {&arguments..., nullptr};
  ContextScope scope(*device);
  return device->check(device->driver().cuLaunchKernel(kernel, static_cast<unsigned>(ctas), 1, 1,
                                                       static_cast<unsigned>(threads), 1, 1, 0, stream, parameters,
                                                       nullptr),
                       "cuLaunchKernel");
}

llvm::Error Oracle::synchronize() const {
  ContextScope scope(*device);
  return device->check(device->driver().cuCtxSynchronize(), "cuCtxSynchronize");
}

llvm::Error Oracle::copyOut(void *to, const void *from, int64_t bytes) const {
  if (llvm::Error error = synchronize())
    return error;
  ContextScope scope(*device);
  auto address = reinterpret_cast<CUdeviceptr>(from);
  if (llvm::Error error =
          device->check(device->driver().cuMemcpyDtoHAsync(to, address, bytes, nullptr), "cuMemcpyDtoHAsync"))
    return error;
  return synchronize();
}

llvm::Error Oracle::fillInputs(const Problem &problem, const AttentionTensors &tensors, uint64_t seed) {
  struct Input {
    const TensorView &view;
    float scale;
    bool normalise, used;
  };
  const Input inputs[] = {{tensors.q, 1, true, true},
                          {tensors.r, 0.5, true, problem.hasProbe()},
                          {tensors.k, 1, true, true},
                          {tensors.v, 1, false, true}};
  uint64_t which = 0;
  for (const Input &input : inputs) {
    ++which; // Of the tensor, not of those that are used: v does not change when r is left out.
    if (!input.used || input.view.empty())
      continue;
    oracle::Fill fill = {};
    fill.tensor = tensorOf(input.view);
    fill.batch = input.view.sizes[0];
    fill.rows = input.view.sizes[1];
    fill.heads = input.view.sizes[2];
    fill.headDim = input.view.sizes[3];
    fill.seed = seed * 4 + which;
    fill.scale = input.scale;
    fill.normalise = input.normalise;
    fill.element = elementOf(input.view.dtype);
    constexpr int64_t rowsPerCta = oracleThreads / 32;
    int64_t ctas = (fill.batch * fill.rows * fill.heads + rowsPerCta - 1) / rowsPerCta;
    if (llvm::Error error = launch(kernels.fill, std::min(ctas, mostCtas), oracleThreads, nullptr, fill))
      return error;
  }
  if (problem.hasKeyScales())
    if (llvm::Error error = fillScales(tensors, seed))
      return error;
  return synchronize();
}

/// As the host has them (Inputs.h).
llvm::Error Oracle::fillScales(const AttentionTensors &tensors, uint64_t seed) {
  for (auto [view, which] : {std::pair{&tensors.kScales, InputTensor::KScale},
                             {&tensors.vScales, InputTensor::VScale}}) {
    if (view->empty())
      continue;
    std::vector<char> bytes(view->spanBytes());
    TensorView copy = *view;
    copy.data = bytes.data();
    for (int64_t row = 0; row < rowCount(copy); ++row)
      fillInputRow(copy, which, seed, row);
    ContextScope scope(*device);
    auto address = reinterpret_cast<CUdeviceptr>(view->data);
    if (llvm::Error error = device->check(
            device->driver().cuMemcpyHtoDAsync(address, bytes.data(), bytes.size(), nullptr), "cuMemcpyHtoDAsync"))
      return error;
    if (llvm::Error error = synchronize()) // Before the copy's source is gone.
      return error;
  }
  return llvm::Error::success();
}

llvm::Expected<ErrorFigures> Oracle::compare(const Problem &problem, const AttentionTensors &tensors, int64_t rows,
                                             uint64_t seed) {
  // Which rows there are is all that the host needs of the sequences.
  Sequences sequences;
  std::vector<int32_t> places(tensors.cuSeqlensQ.data ? tensors.cuSeqlensQ.spanBytes() / sizeof(int32_t) : 0);
  if (!places.empty()) {
    if (llvm::Error error = copyOut(places.data(), tensors.cuSeqlensQ.data, tensors.cuSeqlensQ.spanBytes()))
      return std::move(error);
    sequences.cuSeqlensQ = places;
    sequences.queryRows = tensors.q.sizes[1];
  }
  std::vector<int64_t> numbers = sampleRows(problem, rows, seed, sequences);
  int64_t count = numbers.size();
  bool all = count == sequences.queryCount(problem) * problem.queryHeads;
  if (count == 0)
    return figuresOf({}, 0, all);
  // As resultNumbers of OracleKernels.cu has it.
  int64_t resultNumbers = problem.state ? 2 * problem.headDim + 2 : problem.headDim;
  int64_t resultBytes = count * resultNumbers * static_cast<int64_t>(sizeof(double));
  llvm::Expected<Memory> exact = Memory::allocate(device, resultBytes);
  if (!exact)
    return exact.takeError();
  llvm::Expected<Memory> baseline = Memory::allocate(device, resultBytes);
  if (!baseline)
    return baseline.takeError();
  llvm::Expected<Memory> list = Memory::allocate(device, count * static_cast<int64_t>(sizeof(int64_t)));
  if (!list)
    return list.takeError();
  oracle::Attention attention = attentionOf(problem, tensors);
  oracle::Rows chosen = {static_cast<const long long *>(list->data()), count};

  // What wrote the output may have run on a stream that the default stream does not wait for.
  if (llvm::Error error = synchronize())
    return std::move(error);
  ContextScope scope(*device);
  const Driver &driver = device->driver();
  if (llvm::Error error =
          device->check(driver.cuMemcpyHtoDAsync(list->address(), numbers.data(), count * sizeof(int64_t), nullptr),
                        "cuMemcpyHtoDAsync"))
    return std::move(error);
  if (llvm::Error error = device->check(
          driver.cuMemsetD8Async(scratch.address(), 0, sizeof(oracle::Differences), nullptr), "cuMemsetD8Async"))
    return std::move(error);
  int64_t ctas = std::min(count, mostCtas);
  if (llvm::Error error = launch(kernels.exact, ctas, oracleThreads, nullptr, attention, chosen, exact->data()))
    return std::move(error);
  if (llvm::Error error = launch(kernels.baseline, ctas, oracleThreads, nullptr, attention, chosen, baseline->data()))
    return std::move(error);
  if (llvm::Error error = launch(kernels.compare, ctas, oracleThreads, nullptr, attention, chosen, exact->data(),
                                 baseline->data(), scratch.data()))
    return std::move(error);
  oracle::Differences sums = {};
  if (llvm::Error error =
          device->check(driver.cuMemcpyDtoHAsync(&sums, scratch.address(), sizeof sums, nullptr), "cuMemcpyDtoHAsync"))
    return std::move(error);
  if (llvm::Error error = synchronize())
    return std::move(error);
  return figuresOf(sums, count, all);
}

llvm::Expected<int64_t> Oracle::countDifferent(const void *a, const void *b, uint8_t value, int64_t bytes) {
  ContextScope scope(*device);
  const Driver &driver = device->driver();
  unsigned long long count = 0;
  if (llvm::Error error =
          device->check(driver.cuMemsetD8Async(scratch.address(), 0, sizeof count, nullptr), "cuMemsetD8Async"))
    return std::move(error);
  constexpr int64_t threads = 256;
  int64_t ctas = std::clamp<int64_t>((bytes + threads - 1) / threads, 1, 4096);
  if (llvm::Error error = launch(kernels.countDifferent, ctas, threads, nullptr, a, b, int(value),
                                 static_cast<long long>(bytes), scratch.data()))
    return std::move(error);
  if (llvm::Error error = device->check(driver.cuMemcpyDtoHAsync(&count, scratch.address(), sizeof count, nullptr),
                                        "cuMemcpyDtoHAsync"))
    return std::move(error);
  if (llvm::Error error = synchronize())
    return std::move(error);
  return static_cast<int64_t>(count);
}

llvm::Error Oracle::read(const void *data, int64_t bytes, CUstream stream) const {
  constexpr int64_t threads = 256, vectorBytes = 16, bytesPerCta = threads * 8 * vectorBytes;
  // Between 4 and 16 CTAs per multiprocessor reach the full rate; small reads take one chunk each.
  int64_t ctas = std::clamp<int64_t>(bytes / bytesPerCta, 1, 16 * device->target().multiprocessors);
  return launch(kernels.read, ctas, threads, stream, data, static_cast<long long>(bytes / vectorBytes), scratch.data());
}

llvm::Error Oracle::empty(CUstream stream) const { return launch(kernels.empty, 1, 128, stream); }

llvm::Error Oracle::plant(PlantedFault fault) {
  constexpr int64_t threads = 256, elements = 256;
  llvm::Expected<Memory> out = Memory::allocate(device, threads * sizeof(int));
  if (!out)
    return out.takeError();
  llvm::Expected<Memory> data = Memory::allocate(device, elements * sizeof(int));
  if (!data)
    return data.takeError();
  llvm::Error launched = fault == PlantedFault::Race ? launch(kernels.race, 1, threads, nullptr, out->data())
                                                     : launch(kernels.outOfBounds, 1, threads, nullptr, data->data(),
                                                              static_cast<long long>(elements), out->data());
  if (launched)
    return launched;
  return synchronize();
}

} // namespace lla::cuda
