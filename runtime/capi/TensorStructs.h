//===- TensorStructs.h - the runtime's views as lla_tensors ---------------===//
#ifndef LLA_RUNTIME_CAPI_TENSORSTRUCTS_H
#define LLA_RUNTIME_CAPI_TENSORSTRUCTS_H

#include "runtime/TensorView.h"
#include "runtime/capi/TensorMembers.h"
#include <deque>
#include <vector>

namespace lla::capi {

/// Tensors of a call of `problem` as a library takes them: the inverse of readTensors.
class TensorStructs {
public:
  TensorStructs(const Problem &problem, const AttentionTensors &views, lla_device device);
  TensorStructs(const TensorStructs &) = delete;

  lla_tensors all = LLA_TENSORS_INIT;

private:
  struct Described {
    lla_tensor tensor;
    std::vector<int64_t> shape, strides;
  };
  const lla_tensor *add(const TensorMember &member, const Problem &problem, const TensorView &view);
  const lla_tensor *add(const IndexMember &member, const IndexView &view);
  const lla_tensor *add(void *data, lla_data_type type, std::vector<int64_t> shape, std::vector<int64_t> strides);

  const lla_device device;
  std::deque<Described> described; ///< Elements stay where they are.
};

} // namespace lla::capi
#endif
