//===- Pretuned.cpp - records that are part of the binary -----------------===//

#include "cache/RecordStore.h"

namespace lla {

llvm::ArrayRef<EmbeddedRecords> shippedRecords() {
  static constexpr EmbeddedRecords files[] = {
#include "cache/Pretuned.inc"
  };
  return files;
}

} // namespace lla
