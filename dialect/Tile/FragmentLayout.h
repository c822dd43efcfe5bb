//===- FragmentLayout.h - which lane holds which element ------------------===//
//
// The closed set of layouts. With g = lane / 4 and c = lane mod 4, and h in {0, 1}
// for the upper and lower 8 rows (h = 0 alone in 8-row fragments):
//
//   accumulator   8-column block b, h, e in {0,1}:  row 8h + g, column 8b + 2c + e
//                 (the fp32 result of mma.sync and, per warp, of wgmma)
//   columns       the same registers, but column 64 (b/8) + 8 (2c + e) + b mod 8: a lane
//                 has 8 neighbouring columns (result of a product with `values`)
//   row           h: row 8h + g, the same in the four lanes of a row
//   partial_row   h: a quarter of row 8h + g's value in each of its lanes
//   operand       16-column step k: four 32-bit pairs (row g, g + 8, g, g + 8; columns
//                 16k + 2c, the same, + 8, + 8): an accumulator rounded to 16 bits
//   rows          32-column step j: eight pairs: 8 neighbouring columns 32j + 8c of row g
//                 and of row g + 8, ordered as two operand steps
//   keys          8-row block n, 32-column step j: four pairs, columns 32j + 8c ... + 7 of row 8n + g
//   values        16-row block u, i in 0..3, 64-column step j: four pairs, columns
//                 64j + 8g ... + 7 of row 16u + 2c + i mod 2 + 8 (i/2)
//   flat          runs of neighbours of the row-major tile, run tid + i * threads over a whole CTA;
//                 over a cluster the same of each CTA's share
//   dense         row-major in a host task's scratch
//
// Keys and values of bytes have four elements in a register in place of two.
//
// `rows` and `keys` permute the contraction index alike, `values` and `columns` the
// output columns: so a lane reads 16 contiguous bytes and nothing is shuffled.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_DIALECT_TILE_FRAGMENTLAYOUT_H
#define LLA_DIALECT_TILE_FRAGMENTLAYOUT_H

#include "dialect/Tile/TileDialect.h"

namespace lla::tile {

/// 32-bit registers (16-bit layouts: pairs, of bytes: fours) that one lane holds; 0 for dense.
int64_t registersPerLane(FragType type);

/// Neighbours of a row that a lane of a flat fragment holds together: 2, or 1 if it has no more. What a row's
/// statistics give is formed once for them; longer runs spread a warp's accesses over more memory (seen to cost more).
int64_t flatRun(FragType type);
/// Elements of a flat tile of `elements` that each of `ctas` CTAs owns at most: whole runs.
int64_t flatShare(int64_t elements, int64_t ctas);

/// Where element i of a lane stands: row = row + (usesG ? g : 0), column = column + cFactor * c.
struct ElementPosition {
  int64_t row, column, cFactor;
};
/// accumulator, columns, row, partial_row (row includes g implicitly).
ElementPosition elementPosition(FragType type, int64_t index);

/// Index in a row fragment of the row that element `index` of `type` lies in.
int64_t rowIndex(FragType type, int64_t index);

} // namespace lla::tile
#endif
