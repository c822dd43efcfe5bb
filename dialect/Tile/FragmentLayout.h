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
// Swapped fragments are of products whose operands have changed places (keys are the rows of the first, queries the
// columns of the second): of R = 4 or 8 rows a lane has the R/4 consecutive ones from (R/4) c on. Of two that are
// stacked rows alternate: a query row and its probe row are neighbours. With e in [0, R/4):
//
//   accumulator   8-key block n, e:  row (R/4) c + e, column 8n + g
//   columns       64-column step j, x in 0..7, e:  row (R/4) c + e, column 64j + 8g + x
//   row           e: row (R/4) c + e, the same in the eight lanes of a row
//   partial_row   e: an eighth of that row's value in each of its lanes
//   operand       8-key block n: a pair, keys 8n + 2c and one more of row g (8 rows)
//   rows          32-column step j: four pairs: 8 neighbouring columns 32j + 8c of row g (8 rows)
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

/// offset + ofG g + ofC c.
struct LanePosition {
  int64_t offset = 0, ofG = 0, ofC = 0;
  /// The greatest of all lanes.
  int64_t last() const { return offset + 7 * ofG + 3 * ofC; }
};
/// Where element i of a lane stands: of layout accumulator, columns, row or partial_row.
struct ElementPosition {
  LanePosition row, column;
};
ElementPosition elementPosition(FragType type, int64_t index);

/// Rows of which a lane has elements, where the one with an index in row fragments is, and lanes that share a row.
int64_t rowsPerLane(FragType type);
LanePosition rowPosition(FragType type, int64_t index);
int64_t lanesPerRow(FragType type);

/// Neighbouring columns of one row in a lane: 8 of layout columns, 2 in an accumulator that is not swapped.
struct ColumnRun {
  LanePosition first;
  llvm::SmallVector<int64_t, 8> registers;
};
/// Those of the row with an index in row fragments.
llvm::SmallVector<ColumnRun> columnRuns(FragType type, int64_t row);

/// Index in a row fragment of the row that element `index` of `type` lies in.
int64_t rowIndex(FragType type, int64_t index);

} // namespace lla::tile
#endif
