//===- Samples.h - a directory, problems, records and artifacts to test with ===//
#ifndef LLA_TESTS_UNIT_CACHE_SAMPLES_H
#define LLA_TESTS_UNIT_CACHE_SAMPLES_H

#include "cache/Files.h"
#include "cache/Record.h"
#include "cache/StoredArtifact.h"
#include "llvm/Support/FileSystem.h"
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <random>
#include <sys/wait.h>
#include <unistd.h>

namespace lla::samples {

/// A fresh directory that goes with the test.
class ScratchDirectory {
public:
  ScratchDirectory() : path(joinPath(testing::TempDir(), "lla-cache-XXXXXX")) {
    EXPECT_NE(::mkdtemp(path.data()), nullptr);
    ::chmod(path.c_str(), 0755);
  }
  ~ScratchDirectory() { llvm::sys::fs::remove_directories(path); }
  std::string operator/(llvm::StringRef name) const { return joinPath(path, name); }

  std::string path;
};

template <class Value> Value must(llvm::Expected<Value> value) {
  if (!value) {
    ADD_FAILURE() << llvm::toString(value.takeError());
    std::abort();
  }
  return std::move(*value);
}

/// The message of a failure; "" for a success.
inline std::string message(llvm::Error error) { return llvm::toString(std::move(error)); }
template <class Value> std::string message(llvm::Expected<Value> value) {
  return value ? "" : llvm::toString(value.takeError());
}

inline Problem decode(int64_t context = 8192, int64_t batch = 1) {
  Problem problem;
  problem.batch = batch;
  problem.queryHeads = 32;
  problem.kvHeads = 8;
  problem.context = context;
  problem.headDim = 128;
  EXPECT_EQ(message(normalize(problem)), "");
  return problem;
}

inline Target hopper() { return must(namedTarget("sm_90a")); }
inline Target blackwell() { return must(namedTarget("sm_100")); }

inline Record record(const Problem &problem = decode(), const Target &target = hopper()) {
  Record result;
  result.problem = problem;
  result.deviceClass = deviceClass(target);
  result.policy = {/*graphReplay=*/true, /*coldCache=*/false};
  result.schedule = defaultSchedule(problem, target);
  result.microseconds = 12.375;
  result.low = 12.25;
  result.high = 12.5;
  result.defaultMicroseconds = 15.1;
  result.error = 0.0031;
  result.roofline = 0.87;
  result.trials = 240;
  result.device = "NVIDIA H200";
  result.driver = "580.65.06";
  result.clockMegahertz = 1980;
  result.when = 1767225600;
  result.tool = "0.1.0";
  return result;
}

inline Toolchain toolchain() { return {"fingerprint-1", "22.1.8", "release 13.0, V13.0.48", ""}; }

/// One of several keys.
inline Key key(int number = 0) {
  Problem problem = decode();
  problem.window = number;
  return artifactKey(problem, defaultSchedule(problem, hopper()), hopper(), toolchain());
}

/// The one right artifact of a key: bytes that nothing but the key decides.
inline StoredArtifact artifact(const Key &key, size_t bytes = 20000) {
  StoredArtifact result{"cubin", "lla_decode_d128_g4_bf16", std::string(bytes, '\0'), R"({"registers":168})"};
  std::mt19937_64 generator(std::hash<std::string>()(key.text()));
  for (char &byte : result.bytes)
    byte = static_cast<char>(generator());
  return result;
}

inline std::string readText(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
inline void writeText(const std::string &path, const std::string &text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// Runs `body` in a child and returns its wait status; 0: it returned 0.
inline int inChild(const std::function<int()> &body) {
  pid_t child = ::fork();
  if (child == 0)
    ::_exit(body());
  int status = -1;
  ::waitpid(child, &status, 0);
  return status;
}

/// A few bytes of `text` changed, removed or doubled.
inline std::string mutate(std::string text, std::mt19937_64 &generator) {
  for (uint64_t edits = 1 + generator() % 4; edits && !text.empty(); --edits) {
    size_t at = generator() % text.size();
    switch (generator() % 4) {
    case 0:
      text[at] = static_cast<char>(generator());
      break;
    case 1:
      text.erase(at, 1 + generator() % 8);
      break;
    case 2:
      text.insert(at, text.substr(at, 1 + generator() % 8));
      break;
    case 3:
      text[at] = "{}[]\",:0-e\\"[generator() % 11];
      break;
    }
  }
  return text;
}

} // namespace lla::samples
#endif
