//===- Safetensors.h - named tensors in a file ----------------------------===//
//
// The safetensors format: 8 bytes of header length (little endian), a JSON header
// {name: {dtype, shape, data_offsets}}, then the data. A file that contradicts
// itself is an error that names the tensor and the field.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_SAFETENSORS_H
#define LLA_RUNTIME_SAFETENSORS_H

#include "dialect/Spec/Problem.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/MemoryBuffer.h"
#include <map>
#include <string>
#include <vector>

namespace lla {

/// What files hold: tensors' elements, and int32 for lengths and page tables.
enum class StoredType { F32, F16, BF16, F8E4M3, I32 };
llvm::StringRef name(StoredType); ///< As a problem's dtype; int32.
StoredType storedType(ElementType type);
std::optional<ElementType> elementType(StoredType type); ///< None for int32.
int64_t elementBytes(StoredType type);

/// One dense tensor, last dimension fastest.
struct StoredTensor {
  StoredType dtype = StoredType::F32;
  std::vector<int64_t> shape;
  llvm::StringRef bytes; ///< Of whoever keeps the data: a TensorFile, or the caller.
};
using StoredTensors = std::map<std::string, StoredTensor>;

/// Checks a whole file's contents; the tensors point into it. Tensors of other dtypes than F32, F16, BF16, F8_E4M3
/// and I32 are errors.
llvm::Expected<StoredTensors> parseSafetensors(llvm::StringRef contents);
/// The contents of a NumPy file (.npy version 1 to 3, C order, little-endian float32, float16 or int32) as one
/// tensor.
llvm::Expected<StoredTensor> parseNpy(llvm::StringRef contents);

/// An opened file and its tensors.
class TensorFile {
public:
  /// A .npy file holds one tensor, named as the file without its extension. Fails with Usage.
  static llvm::Expected<TensorFile> open(const std::string &path);
  const StoredTensors &tensors() const { return found; }
  /// Fails if there is none of that name; says which there are.
  llvm::Expected<StoredTensor> tensor(llvm::StringRef name) const;

private:
  std::string path;
  std::unique_ptr<llvm::MemoryBuffer> buffer;
  StoredTensors found;
};

/// Writes a file whole or not at all.
llvm::Error writeSafetensors(const std::string &path, const StoredTensors &tensors);
/// Likewise as .npy; BF16, which NumPy lacks, is an error.
llvm::Error writeNpy(const std::string &path, const StoredTensor &tensor);

} // namespace lla
#endif
