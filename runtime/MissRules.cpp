//===- MissRules.cpp - which misses are errors ----------------------------===//

#include "runtime/MissRules.h"
#include "cache/Inspection.h"
#include "runtime/RuntimeError.h"
#include <fmt/format.h>

namespace lla {
namespace {

/// A command on `problem`: its flags are the JSON's fields.
std::string commandOn(const Problem &problem, const std::string &command) {
  return fmt::format("echo '{}' > problem.json && lla {} --problem problem.json", toJson(problem), command);
}

/// How a key differs from the stored one that is most like it.
std::string nearestKey(const ArtifactStore *store, const Key &key) {
  if (!store)
    return "there is no cache";
  ArtifactVerdict verdict = whyArtifact(*store, key);
  if (verdict.nearest.empty())
    return "the cache holds no kernel";
  std::string text = "the nearest stored kernel differs in";
  for (const Key::Difference &difference : verdict.nearest.front().differences)
    text += fmt::format(" {} (wanted \"{}\", stored \"{}\")", difference.name, difference.ours, difference.theirs);
  return text;
}

} // namespace

MissRules missRules(const Knobs &knobs) { return {knobs.disableJit, knobs.assertCacheHit}; }

llvm::Error missingRecord(const Problem &problem, llvm::StringRef why) {
  return failure(FailureKind::Miss,
                 fmt::format("LLA_TUNE=strict: expected a record of {}, got none ({})", toJson(problem), why.str()));
}

llvm::Error checkMayCompile(const MissRules &rules, const CompileRequest &request, const Key &key,
                            const ArtifactStore *store) {
  if (rules.assertCacheHit)
    return failure(FailureKind::Miss,
                   "LLA_ASSERT_CACHE_HIT: expected the kernel in the cache, got a miss; " + nearestKey(store, key));
  if (!rules.disableJit)
    return llvm::Error::success();
  std::string command =
      fmt::format("compile --target {} --schedule '{}'", request.target.arch, toText(request.schedule));
  return failure(FailureKind::JitDisabled,
                 "LLA_DISABLE_JIT: expected the kernel in the cache, got a miss; to compile it ahead: " +
                     commandOn(request.problem, command));
}

llvm::Error checkMaySearch(const MissRules &rules, const Problem &problem, llvm::StringRef device) {
  if (!rules.disableJit)
    return llvm::Error::success();
  return failure(FailureKind::JitDisabled,
                 "LLA_DISABLE_JIT: expected a record of the problem, got none, and a search compiles; to tune ahead: " +
                     commandOn(problem, fmt::format("tune --target {}", device.str())));
}

} // namespace lla
