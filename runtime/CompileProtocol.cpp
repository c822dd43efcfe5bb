//===- CompileProtocol.cpp - requests and artifacts as files --------------===//

#include "dialect/Spec/Fields.h"
#include "runtime/CompileWorker.h"
#include "runtime/RuntimeError.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <fmt/format.h>

namespace lla {
namespace {

constexpr NamedValue<ArtifactKind> artifactKinds[] = {
    {ArtifactKind::Cubin, "cubin"}, {ArtifactKind::Ptx, "ptx"}, {ArtifactKind::HostObject, "o"}};

constexpr const char *descriptionFile = "artifact.json", *codeFile = "kernel", *errorFile = "error.txt";

std::string toJson(const CompileOptions &options) {
  return nlohmann::json{{"dump_directory", options.dumpDirectory},
                        {"ptxas_path", options.ptxasPath},
                        {"reproducer_path", options.reproducerPath},
                        {"timing", options.timing},
                        {"remarks", options.remarks}}
      .dump();
}

llvm::Expected<CompileOptions> parseCompileOptions(llvm::StringRef json) {
  CompileOptions options;
  FieldReader reader("options", json);
  reader.text("dump_directory", options.dumpDirectory);
  reader.text("ptxas_path", options.ptxasPath);
  reader.text("reproducer_path", options.reproducerPath);
  reader.boolean("timing", options.timing);
  reader.boolean("remarks", options.remarks);
  if (llvm::Error error = reader.finish())
    return error;
  return options;
}

/// "-" is the standard input. Read, not mapped: a file that shrinks meanwhile is short, not fatal.
llvm::Expected<std::string> readFile(const std::string &path) {
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> buffer =
      llvm::MemoryBuffer::getFileOrSTDIN(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return failure(FailureKind::Usage, fmt::format("{}: {}", path, buffer.getError().message()));
  return (*buffer)->getBuffer().str();
}

/// Whole or not at all.
llvm::Error writeFile(const std::string &path, llvm::StringRef bytes) {
  return llvm::writeToOutput(path, [&](llvm::raw_ostream &stream) {
    stream << bytes;
    return llvm::Error::success();
  });
}

template <class Type> llvm::Error assign(Type &to, llvm::Expected<Type> from) {
  if (!from)
    return from.takeError();
  to = std::move(*from);
  return llvm::Error::success();
}

llvm::Expected<CompileRequest> readRequest(llvm::StringRef path) {
  llvm::Expected<std::string> text = readFile(path.str());
  if (!text)
    return text.takeError();
  return parseCompileRequest(*text);
}

llvm::Error answer(llvm::StringRef requestPath, llvm::StringRef directory, const CompileFunction &compile) {
  llvm::Expected<CompileRequest> request = readRequest(requestPath);
  if (!request)
    return request.takeError();
  llvm::Expected<Artifact> artifact = compile(*request);
  if (!artifact)
    return artifact.takeError();
  return writeArtifact(*artifact, directory);
}

} // namespace

std::string toJson(const CompileRequest &request) {
  return fmt::format(R"({{"version":1,"fingerprint":{},"problem":{},"target":{},"schedule":{},"options":{}}})",
                     nlohmann::json(compilerFingerprint()).dump(), toJson(request.problem), toJson(request.target),
                     toJson(request.schedule), toJson(request.options));
}

llvm::Expected<CompileRequest> parseCompileRequest(llvm::StringRef json) {
  FieldReader reader("request", json);
  std::string fingerprint, problem, target, schedule, options = "{}";
  reader.text("fingerprint", fingerprint);
  for (auto [field, text] : {std::pair{"problem", &problem}, {"target", &target}, {"schedule", &schedule}})
    if (!reader.object(field, *text))
      reader.fail(field, "a JSON object", "nothing");
  reader.object("options", options);
  if (llvm::Error error = reader.finish())
    return error;
  // Another build's code must not get into the cache under this build's key.
  if (fingerprint != compilerFingerprint())
    return fieldError("fingerprint", compilerFingerprint(), fingerprint);
  CompileRequest request;
  if (llvm::Error error = assign(request.problem, parseProblem(problem)))
    return error;
  if (llvm::Error error = assign(request.target, parseTarget(target)))
    return error;
  if (llvm::Error error = assign(request.schedule, parseSchedule(schedule)))
    return error;
  if (llvm::Error error = assign(request.options, parseCompileOptions(options)))
    return error;
  return request;
}

std::string describeArtifact(const Artifact &artifact) {
  return nlohmann::json{{"version", 1},
                        {"kind", nameIn(artifactKinds, artifact.kind).str()},
                        {"kernel", artifact.kernelName},
                        {"bytes", artifact.bytes.size()},
                        {"registers", artifact.report.registers},
                        {"spill_bytes", artifact.report.spillBytes},
                        {"stack_bytes", artifact.report.stackBytes},
                        {"shared_bytes", artifact.report.sharedBytes},
                        {"warnings", artifact.report.warnings},
                        {"compile_milliseconds", artifact.compileMilliseconds},
                        {"assemble_milliseconds", artifact.assembleMilliseconds}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

llvm::Expected<Artifact> parseArtifact(llvm::StringRef description, std::string bytes) {
  Artifact artifact;
  int64_t size = -1;
  FieldReader reader("artifact", description);
  reader.choice("kind", artifact.kind, artifactKinds);
  reader.text("kernel", artifact.kernelName);
  reader.integer("bytes", size);
  reader.integer("registers", artifact.report.registers);
  reader.integer("spill_bytes", artifact.report.spillBytes);
  reader.integer("stack_bytes", artifact.report.stackBytes);
  reader.integer("shared_bytes", artifact.report.sharedBytes);
  reader.text("warnings", artifact.report.warnings);
  reader.number("compile_milliseconds", artifact.compileMilliseconds);
  reader.number("assemble_milliseconds", artifact.assembleMilliseconds);
  if (artifact.kernelName.empty())
    reader.fail("kernel", "a symbol", "nothing");
  if (size != static_cast<int64_t>(bytes.size()))
    reader.fail("bytes", std::to_string(size), std::to_string(bytes.size()));
  if (llvm::Error error = reader.finish())
    return error;
  artifact.bytes = std::move(bytes);
  return artifact;
}

StoredArtifact toStored(const Artifact &artifact) {
  return {nameIn(artifactKinds, artifact.kind).str(), artifact.kernelName, artifact.bytes, describeArtifact(artifact)};
}

llvm::Expected<Artifact> fromStored(StoredArtifact stored) {
  return parseArtifact(stored.report, std::move(stored.bytes));
}

llvm::Error writeArtifact(const Artifact &artifact, llvm::StringRef directory) {
  if (llvm::Error error = writeFile((directory + "/" + codeFile).str(), artifact.bytes))
    return error;
  return writeFile((directory + "/" + descriptionFile).str(), describeArtifact(artifact));
}

llvm::Expected<Artifact> readArtifact(llvm::StringRef directory) {
  llvm::Expected<std::string> description = readFile((directory + "/" + descriptionFile).str());
  if (!description)
    return description.takeError();
  llvm::Expected<std::string> bytes = readFile((directory + "/" + codeFile).str());
  if (!bytes)
    return bytes.takeError();
  return parseArtifact(*description, std::move(*bytes));
}

llvm::Expected<std::string> readCompileError(llvm::StringRef directory) {
  return readFile((directory + "/" + errorFile).str());
}

int serveCompileRequest(llvm::StringRef requestPath, llvm::StringRef directory, const CompileFunction &compile) {
  constexpr int compiled = 0, unusable = 1, refused = 2;
  llvm::Error error = answer(requestPath, directory, compile);
  if (!error)
    return compiled;
  std::string text = llvm::toString(std::move(error));
  if (llvm::Error unwritable = writeFile((directory + "/" + errorFile).str(), text)) {
    llvm::errs() << "lla worker: " << text << "\nlla worker: " << llvm::toString(std::move(unwritable)) << "\n";
    return unusable;
  }
  return refused;
}

} // namespace lla
