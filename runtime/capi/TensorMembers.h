//===- TensorMembers.h - lla_tensors member by member ---------------------===//
//
// Which view of the runtime each member is, and where its dimensions are. Read by
// whoever takes the struct (TensorStruct.cpp) and whoever fills it (TensorStructs.h).
//
//===----------------------------------------------------------------------===//
#ifndef LLA_RUNTIME_CAPI_TENSORMEMBERS_H
#define LLA_RUNTIME_CAPI_TENSORMEMBERS_H

#include "runtime/TensorView.h"
#include "runtime/capi/lla.h"

namespace lla::capi {

using GivenTensor = const lla_tensor *lla_tensors::*;

/// What a tensor is of a problem.
enum class Shape { Vectors, Rows };       ///< With `dim` (o, q ...), and without (lse, tbar).
/// Whose rows: packed queries, and packed keys, have no batch; scales have heads alone, and may be left out.
enum class Side { Queries, Keys, Parts, Scales };

struct TensorMember {
  const char *name;
  GivenTensor given;
  TensorView AttentionTensors::*view;
  Shape shape;
  Side side;

  bool isPacked(const Problem &problem) const {
    return side == Side::Queries ? problem.packedQueries : side == Side::Keys && problem.packedKeys;
  }
};
inline constexpr TensorMember tensorMembers[] = {
    {"q", &lla_tensors::q, &AttentionTensors::q, Shape::Vectors, Side::Queries},
    {"k", &lla_tensors::k, &AttentionTensors::k, Shape::Vectors, Side::Keys},
    {"v", &lla_tensors::v, &AttentionTensors::v, Shape::Vectors, Side::Keys},
    {"r", &lla_tensors::r, &AttentionTensors::r, Shape::Vectors, Side::Queries},
    {"o", &lla_tensors::o, &AttentionTensors::o, Shape::Vectors, Side::Queries},
    {"lse", &lla_tensors::lse, &AttentionTensors::lse, Shape::Rows, Side::Queries},
    {"tbar", &lla_tensors::tbar, &AttentionTensors::tbar, Shape::Rows, Side::Queries},
    {"vbar", &lla_tensors::vbar, &AttentionTensors::vbar, Shape::Vectors, Side::Queries},
    {"part_o", &lla_tensors::part_o, &AttentionTensors::partO, Shape::Vectors, Side::Parts},
    {"part_lse", &lla_tensors::part_lse, &AttentionTensors::partLse, Shape::Rows, Side::Parts},
    {"part_tbar", &lla_tensors::part_tbar, &AttentionTensors::partTbar, Shape::Rows, Side::Parts},
    {"part_vbar", &lla_tensors::part_vbar, &AttentionTensors::partVbar, Shape::Vectors, Side::Parts},
    {"k_scales", &lla_tensors::k_scales, &AttentionTensors::kScales, Shape::Rows, Side::Scales},
    {"v_scales", &lla_tensors::v_scales, &AttentionTensors::vScales, Shape::Rows, Side::Scales},
};

/// Of a tensor's dimensions, which is which; -1: it has none such.
struct DimensionPlaces {
  int32_t shard = -1, batch = -1, row = -1, head = 0, dim = -1;
  int32_t rank;

  DimensionPlaces(const TensorMember &member, Layout layout, bool isPacked) {
    if (member.side == Side::Scales) {
      rank = 1;
      return;
    }
    int32_t next = 0;
    if (member.side == Side::Parts)
      shard = next++;
    if (!isPacked)
      batch = next++;
    row = next + (layout == Layout::BHSD);
    head = next + (layout == Layout::BSHD);
    next += 2;
    if (member.shape == Shape::Vectors)
      dim = next++;
    rank = next;
  }
};

struct IndexMember {
  const char *name;
  GivenTensor given;
  IndexView AttentionTensors::*view;
  int32_t rank;
};
inline constexpr IndexMember indexMembers[] = {
    {"lengths", &lla_tensors::lengths, &AttentionTensors::lengths, 1},
    {"starts", &lla_tensors::starts, &AttentionTensors::starts, 1},
    {"page_table", &lla_tensors::page_table, &AttentionTensors::pageTable, 2},
    {"cu_seqlens_q", &lla_tensors::cu_seqlens_q, &AttentionTensors::cuSeqlensQ, 1},
    {"cu_seqlens_k", &lla_tensors::cu_seqlens_k, &AttentionTensors::cuSeqlensK, 1},
};

} // namespace lla::capi
#endif
