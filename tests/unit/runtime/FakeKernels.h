//===- FakeKernels.h - host kernels that need no compiler -----------------===//
#ifndef LLA_TESTS_UNIT_RUNTIME_FAKEKERNELS_H
#define LLA_TESTS_UNIT_RUNTIME_FAKEKERNELS_H

#include "runtime/host/HostExecutor.h"
#include <gtest/gtest.h>
#include <memory>

namespace lla {

/// Success as a test assertion: EXPECT_EQ(textOf(...), "").
std::string textOf(llvm::Error error);
template <class Type> std::string textOf(llvm::Expected<Type> value) { return value ? "" : textOf(value.takeError()); }

/// A kernel by its name:
///   "right"    the reference, computed by task (0, 0)
///   "wrong"    the same plus one
///   "partial"  the reference without the last row
///   "mute"     the reference's o, and no state
///   "outside"  the reference, and a byte before the output
///   "stale"    right the first time on a workspace, wrong from then on
///   "count"    adds 1 to element y * row_tiles + x of the ints at `o`
///   "nothing"
/// Anything else does not load.
llvm::Expected<std::unique_ptr<HostModule>> loadFake(const Artifact &artifact);

/// An artifact that `loadFake` takes.
Artifact fakeArtifact(const std::string &kernel);

/// The problem that "right" and its like compute: set it first. One at a time.
void setFakeProblem(const Problem &problem);

std::shared_ptr<HostExecutor> fakeExecutor(unsigned threads);

/// A normalised fp32 problem, small enough for the reference.
Problem smallProblem(Mode mode = Mode::Decode);

/// A folder of this test, removed at the end.
class TestFolder {
public:
  TestFolder();
  ~TestFolder();
  std::string path;
};

} // namespace lla
#endif
