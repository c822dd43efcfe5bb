//===- Nvrtc.cpp - CUDA C++ compiled at run time --------------------------===//

#include "runtime/cuda/Nvrtc.h"
#include <dlfcn.h>
#include <fmt/format.h>

namespace lla::cuda {

void *openToolkitLibrary(llvm::ArrayRef<const char *> names, const std::string &toolkit) {
  std::vector<std::string> folders = {""};
  for (const std::string &root : {toolkit, std::string("/usr/local/cuda")})
    if (!root.empty())
      folders.insert(folders.end(), {root + "/lib64/", root + "/lib/"});
  for (const std::string &folder : folders)
    for (const char *name : names)
      if (void *handle = dlopen((folder + name).c_str(), RTLD_NOW | RTLD_LOCAL))
        return handle;
  return nullptr;
}

/// NVRTC's C interface, of which only this is used; it has been the same since CUDA 11.1.
struct Nvrtc::Functions {
  using Program = void *;
  int (*version)(int *major, int *minor);
  const char *(*errorText)(int result);
  int (*create)(Program *, const char *source, const char *name, int headers, const char *const *, const char *const *);
  int (*destroy)(Program *);
  int (*compile)(Program, int options, const char *const *);
  int (*logSize)(Program, size_t *);
  int (*log)(Program, char *);
  int (*ptxSize)(Program, size_t *);
  int (*ptx)(Program, char *);
  int (*cubinSize)(Program, size_t *);
  int (*cubin)(Program, char *);
};

llvm::Expected<Nvrtc> Nvrtc::open(const std::string &toolkit) {
  void *library = openToolkitLibrary({"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2"}, toolkit);
  if (!library)
    return llvm::createStringError("NVRTC: no libnvrtc.so.13, .12 or .11.2 on the loader's path" +
                                   (toolkit.empty() ? "" : " or in " + toolkit));
  auto functions = std::make_shared<Functions>();
  std::string missing;
  auto resolve = [&](auto &function, const char *name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    if (!function)
      missing = name;
  };
  resolve(functions->version, "nvrtcVersion");
  resolve(functions->errorText, "nvrtcGetErrorString");
  resolve(functions->create, "nvrtcCreateProgram");
  resolve(functions->destroy, "nvrtcDestroyProgram");
  resolve(functions->compile, "nvrtcCompileProgram");
  resolve(functions->logSize, "nvrtcGetProgramLogSize");
  resolve(functions->log, "nvrtcGetProgramLog");
  resolve(functions->ptxSize, "nvrtcGetPTXSize");
  resolve(functions->ptx, "nvrtcGetPTX");
  resolve(functions->cubinSize, "nvrtcGetCUBINSize");
  resolve(functions->cubin, "nvrtcGetCUBIN");
  if (!missing.empty())
    return llvm::createStringError("NVRTC: the library has no " + missing);
  return Nvrtc(std::move(functions));
}

std::string Nvrtc::version() const {
  int major = 0, minor = 0;
  functions->version(&major, &minor);
  return fmt::format("{}.{}", major, minor);
}

llvm::ArrayRef<const char *> Nvrtc::options() {
  static constexpr const char *options[] = {"--std=c++17", "--generate-line-info"};
  return options;
}

llvm::Expected<std::string> Nvrtc::compileToCubin(const std::string &source, const std::string &arch) const {
  return compile(source, "--gpu-architecture=" + arch, /*cubin=*/true);
}

llvm::Expected<std::string> Nvrtc::compileToPtx(const std::string &source, const std::string &arch) const {
  std::string features = arch.substr(arch.find('_') + 1);
  return compile(source, "--gpu-architecture=compute_" + features, /*cubin=*/false);
}

llvm::Expected<std::string> Nvrtc::compile(const std::string &source, const std::string &architecture,
                                           bool cubin) const {
  const Functions &nvrtc = *functions;
  Functions::Program program = nullptr;
  if (int result = nvrtc.create(&program, source.c_str(), "oracle.cu", 0, nullptr, nullptr))
    return llvm::createStringError(std::string("NVRTC: ") + nvrtc.errorText(result));
  std::unique_ptr<Functions::Program, int (*)(Functions::Program *)> owner(&program, nvrtc.destroy);

  std::vector<const char *> given(options().begin(), options().end());
  given.push_back(architecture.c_str());
  if (int result = nvrtc.compile(program, static_cast<int>(given.size()), given.data())) {
    size_t size = 0;
    nvrtc.logSize(program, &size);
    std::string log(size, '\0');
    nvrtc.log(program, log.data());
    return llvm::createStringError(fmt::format("NVRTC: {}\n{}", nvrtc.errorText(result), log.c_str()));
  }
  size_t size = 0;
  (cubin ? nvrtc.cubinSize : nvrtc.ptxSize)(program, &size);
  if (!size)
    return llvm::createStringError("NVRTC: made no code for " + architecture);
  std::string code(size, '\0');
  (cubin ? nvrtc.cubin : nvrtc.ptx)(program, code.data());
  if (!cubin)
    code.resize(code.find_last_not_of('\0') + 1);
  return code;
}

} // namespace lla::cuda
