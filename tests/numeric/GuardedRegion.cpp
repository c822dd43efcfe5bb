//===- GuardedRegion.cpp - device memory between two red zones ------------===//

#include "GuardedRegion.h"
#include "runtime/RuntimeError.h"
#include <algorithm>
#include <fmt/format.h>

namespace lla::numeric {

llvm::Expected<GuardedRegion> GuardedRegion::create(Executor &executor, int64_t bytes) {
  llvm::Expected<std::unique_ptr<Buffer>> buffer = executor.allocate(bytes + 2 * zoneBytes);
  if (!buffer)
    return buffer.takeError();
  GuardedRegion region;
  region.buffer = std::move(*buffer);
  region.mirror.assign(bytes + 2 * zoneBytes, static_cast<char>(poison));
  return region;
}

llvm::Error GuardedRegion::upload(Executor &executor) {
  return executor.copyIn(buffer->data(), mirror.data(), mirror.size(), nullptr);
}

llvm::Expected<std::vector<char>> GuardedRegion::download(Executor &executor) const {
  std::vector<char> whole(mirror.size());
  if (llvm::Error error = executor.copyOut(whole.data(), buffer->data(), whole.size(), nullptr))
    return std::move(error);
  auto isPoison = [](char byte) { return static_cast<unsigned char>(byte) == poison; };
  if (!std::all_of(whole.begin(), whole.begin() + zoneBytes, isPoison))
    return failure(FailureKind::Verification, "a write before the first byte");
  if (!std::all_of(whole.end() - zoneBytes, whole.end(), isPoison))
    return failure(FailureKind::Verification, "a write past the last byte");
  return std::vector<char>(whole.begin() + zoneBytes, whole.end() - zoneBytes);
}

llvm::Error GuardedRegion::expectUnchanged(Executor &executor, const std::string &what) const {
  llvm::Expected<std::vector<char>> now = download(executor);
  if (!now)
    return failure(FailureKind::Verification, what + ": " + llvm::toString(now.takeError()));
  auto [ours, theirs] = std::mismatch(now->begin(), now->end(), mirror.begin() + zoneBytes);
  if (ours == now->end())
    return llvm::Error::success();
  return failure(FailureKind::Verification, fmt::format("{}: a write at byte {}", what, ours - now->begin()));
}

} // namespace lla::numeric
