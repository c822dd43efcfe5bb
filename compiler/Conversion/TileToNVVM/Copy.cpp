//===- Copy.cpp - global memory to registers and back ---------------------===//
//
// Loads are 16 bytes a lane: 8 neighbouring 16-bit columns of one row (columns of a
// byte: 8 bytes); of a flat fragment one element, neighbouring threads' side by side. Rows outside of the
// limits and columns beyond the view's are not touched and read as 0.
//
// Each 8 rows that lanes load together are in one page where pages are given, so
// that finding them costs an addition; otherwise each lane looks its row up.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileToNVVM/Lane.h"
#include "compiler/Conversion/TileToNVVM/Ptx.h"

using namespace mlir;
using namespace lla;
using tile::FragType;

namespace {

/// Rows that a load touches: those from `from` (null: any) on and below `limit`.
struct RowBounds {
  Value from, limit;

  Value hold(Lane &lane, Value row) const {
    if (!from)
      return lane.less(row, limit);
    // One comparison for both: what lies before `from` wraps around to the largest numbers.
    Value distance = arith::SubIOp::create(lane.b, row, from), count = arith::SubIOp::create(lane.b, limit, from);
    return arith::CmpIOp::create(lane.b, arith::CmpIPredicate::ult, distance, count);
  }
};

/// One row's chunks of 8 columns.
struct RowLoader {
  Lane &lane;
  RowBounds bounds;
  Value row;       ///< Of the tensor, for the bounds;
  ViewValues view; ///< and where it is:
  Value rowOfView; ///< in this row of this view.
  tile::ViewType type;

  int64_t elementBytes() const { return type.getElementType().getIntOrFloatBitWidth() / 8; }

  /// The chunk at column `first` plus the lane's `own`, at most `spread`.
  Values load(Value own, int64_t first, int64_t spread) const {
    Value column = lane.add(own, first), inside = bounds.hold(lane, row);
    if (first + spread + 8 > type.getColumns())
      inside = lane.both(inside, lane.less(column, lane.i32(type.getColumns())));
    if (!type.isPaged())
      return read(lane.element(view, rowOfView, column, elementBytes()), inside);
    // The constant comes last: an offset of the load, not a sum for each chunk that is kept through the loop.
    Value chunk = lane.element(view, rowOfView, own, elementBytes());
    return read(lane.offset(chunk, lane.i64(elementBytes() * first)), inside);
  }

  Values read(Value pointer, Value inside) const {
    return elementBytes() == 1 ? ptx::loadReadOnly2(lane.b, pointer, inside)
                               : ptx::loadReadOnly(lane.b, pointer, inside);
  }
};

/// The rows of a load's tile.
struct TileLoader {
  Lane &lane;
  ViewValues view;
  tile::ViewType type;
  Value first; ///< The tile's first row.
  RowBounds bounds;
  SmallVector<ViewValues> parts = {}; ///< Of `partRows` rows each: the view from the part's first row on.
  int64_t partRows = 0;

  /// Each of `pages` holds as many of the tile's `rows` rows.
  void placeInPages(ValueRange pages, int64_t rows) {
    for (auto [index, page] : llvm::enumerate(pages)) {
      partRows = rows / static_cast<int64_t>(pages.size());
      parts.push_back(onPage(page, lane.add(first, index * partRows)));
    }
  }
  ViewValues onPage(Value page, Value row) const {
    return lane.onPage(view, type.getPageSize(), page, row, type.getElementType().getIntOrFloatBitWidth() / 8);
  }

  /// Row `offset` plus the lane's `own`, which are together less than the next multiple of 8.
  RowLoader at(Value own, int64_t offset) const {
    Value row = lane.add(lane.add(first, own), offset);
    RowLoader loader{lane, bounds, row, view, row, type};
    if (!parts.empty()) {
      loader.view = parts[offset / partRows];
      loader.rowOfView = lane.add(own, offset % partRows);
    } else if (type.isPaged()) {
      Value page = lane.page(view, type.getPageSize(), row, bounds.hold(lane, row));
      loader.view = onPage(page, row);
      loader.rowOfView = lane.i32(0);
    }
    return loader;
  }
};

/// Where a thread's run `i` of a flat fragment begins, whose first row is `first`; inside if its row is below `limit`.
struct FlatPlace {
  Value row, column, inside;

  FlatPlace(Lane &lane, FragType type, int64_t i, Value first, Value limit) {
    FlatRun run = lane.flat(type, i);
    row = lane.add(first, lane.div(run.index, type.getColumns()));
    column = lane.rem(run.index, type.getColumns());
    inside = lane.less(row, limit);
    if (run.inside)
      inside = lane.both(run.inside, inside);
  }
};

struct LoadPattern : LanePattern<tile::LoadOp> {
  using LanePattern::LanePattern;
  LogicalResult matchAndRewrite(tile::LoadOp op, Adaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    FragType type = op.getResult().getType();
    if (type.getLayout() != tile::Layout::Flat && type.getElementType().isF32())
      return rewriter.notifyMatchFailure(op, "expected elements of 16 or 8 bits");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    TileLoader loader{lane,
                      ViewValues::of(adaptor.getView()),
                      op.getView().getType(),
                      adaptor.getRow().front(),
                      {onlyValue(adaptor.getFrom()), adaptor.getLimit().front()}};
    loader.placeInPages(onlyValues(adaptor.getPages()), type.getRows());
    Values registers;
    switch (type.getLayout()) {
    case tile::Layout::Rows: {
      if (type.getSwapped()) {
        if (op.getStacked() && !haveOneGroup(loader.view, ViewValues::of(adaptor.getStacked())))
          return rewriter.notifyMatchFailure(op, "expected views of one group");
        registers = loadSwapped(loader, type, adaptor.getStacked());
        break;
      }
      RowLoader upper = loader.at(lane.g(), 0), lower = op.getStacked() ? upper : loader.at(lane.g(), 8);
      if (op.getStacked())
        lower.view = ViewValues::of(adaptor.getStacked());
      for (int64_t j = 0; j < type.getColumns(); j += 32) {
        Value own = lane.mul(lane.c(), 8);
        Values u = upper.load(own, j, 24), l = lower.load(own, j, 24);
        for (int pair : {0, 2})
          registers.append({u[pair], l[pair], u[pair + 1], l[pair + 1]});
      }
      break;
    }
    case tile::Layout::Keys:
      for (int64_t n = 0; n < type.getRows(); n += 8) {
        RowLoader keys = loader.at(lane.g(), n);
        for (int64_t j = 0; j < type.getColumns(); j += 32)
          llvm::append_range(registers, keys.load(lane.mul(lane.c(), 8), j, 24));
      }
      break;
    case tile::Layout::Values:
      for (int64_t u = 0; u < type.getRows(); u += 16)
        for (int64_t i = 0; i < 4; ++i) {
          RowLoader values = loader.at(lane.mul(lane.c(), 2), u + i % 2 + 8 * (i / 2));
          for (int64_t j = 0; j < type.getColumns(); j += 64)
            llvm::append_range(registers, values.load(lane.mul(lane.g(), 8), j, 56));
        }
      break;
    case tile::Layout::Flat:
      for (int64_t i = 0, e = tile::registersPerLane(type); i < e; i += tile::flatRun(type))
        llvm::append_range(registers, loadRun(lane, type, i / tile::flatRun(type), loader));
      break;
    default:
      return rewriter.notifyMatchFailure(op, "expected layout rows, keys, values or flat");
    }
    rewriter.replaceOpWithMultiple(op, {registers});
    return success();
  }

private:
  static bool haveOneGroup(const ViewValues &x, const ViewValues &y) {
    return ViewValues::constant(x.group) == ViewValues::constant(y.group) &&
           ViewValues::constant(x.queryRows) == ViewValues::constant(y.queryRows);
  }

  /// Row g of eight, or row g / 2 of the one view or the other.
  static Values loadSwapped(const TileLoader &loader, FragType type, ValueRange stacked) {
    Lane &lane = loader.lane;
    RowLoader rows = loader.at(lane.div(lane.g(), stacked.empty() ? 1 : 2), 0);
    if (!stacked.empty()) {
      ViewValues second = ViewValues::of(stacked);
      Value isFirst = lane.equal(lane.rem(lane.g(), 2), 0);
      for (Value ViewValues::*part : {&ViewValues::base, &ViewValues::rowStride, &ViewValues::headStride})
        rows.view.*part = arith::SelectOp::create(lane.b, isFirst, rows.view.*part, second.*part);
    }
    Values registers;
    for (int64_t j = 0; j < type.getColumns(); j += 32)
      llvm::append_range(registers, rows.load(lane.mul(lane.c(), 8), j, 24));
    return registers;
  }

  /// Run `i` of a flat fragment of fp32; of a view of one column its row's, for all of them.
  static Values loadRun(Lane &lane, FragType type, int64_t i, const TileLoader &loader) {
    ImplicitLocOpBuilder &b = lane.b;
    int64_t length = tile::flatRun(type);
    FlatPlace at(lane, type, i, loader.first, loader.bounds.limit);
    bool isStatistic = loader.type.getColumns() == 1;
    Value pointer = lane.element(loader.view, at.row, isStatistic ? lane.i32(0) : at.column, 4);
    if (isStatistic || length == 1)
      return Values(length, ptx::loadReadOnly1(b, pointer, at.inside));
    Values run;
    for (Value bits : ptx::loadReadOnly2(b, pointer, at.inside))
      run.push_back(arith::BitcastOp::create(b, b.getF32Type(), bits));
    return run;
  }
};

/// A line of L2 each lane.
struct PrefetchPattern : LanePattern<tile::PrefetchOp> {
  using LanePattern::LanePattern;

  LogicalResult matchAndRewrite(tile::PrefetchOp op, Adaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    constexpr int64_t lineBytes = 128, lanes = 32;
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    auto type = cast<tile::ViewType>(op.getViews().front().getType());
    int64_t bytes = type.getElementType().getIntOrFloatBitWidth() / 8;
    int64_t linesOfRow = llvm::divideCeil(type.getColumns() * bytes, lineBytes), lines = op.getRows() * linesOfRow;
    for (int64_t first = 0; first < lines; first += lanes) {
      Value line = lane.add(lane.lane(), first);
      Value row = lane.add(adaptor.getRow().front(), lane.div(line, linesOfRow));
      Value column = lane.mul(lane.rem(line, linesOfRow), lineBytes / bytes);
      Value inside = lane.less(row, adaptor.getLimit().front()), page;
      if (first + lanes > lines)
        inside = lane.both(inside, lane.less(line, lane.i32(lines)));
      if (type.isPaged()) // Lengths of before may be longer than a pool without pages.
        inside = lane.both(inside, lane.less(lane.i32(0), lane.field("pages")));
      for (ValueRange values : adaptor.getViews()) {
        ViewValues view = ViewValues::of(values);
        Value rowOfView = row;
        if (type.isPaged()) {
          int64_t size = type.getPageSize();
          page = page ? page : lane.page(view, size, row, inside, /*early=*/true);
          view = lane.onPage(view, size, page, row, bytes);
          rowOfView = lane.i32(0);
        }
        ptx::prefetch(b, lane.element(view, rowOfView, column, bytes), inside);
      }
    }
    rewriter.eraseOp(op);
    return success();
  }
};

struct StorePattern : LanePattern<tile::StoreOp> {
  using LanePattern::LanePattern;

  LogicalResult matchAndRewrite(tile::StoreOp op, Adaptor adaptor, ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lane lane(b, facts);
    FragType type = op.getValue().getType();
    ViewValues view = ViewValues::of(adaptor.getView());
    tile::ViewType viewType = op.getView().getType();
    Value row = adaptor.getRow().front(), limit = adaptor.getLimit().front();
    if (type.getLayout() == tile::Layout::Flat)
      storeFlat(lane, type, adaptor.getValue(), view, viewType, row, limit);
    else if (type.getLayout() == tile::Layout::Row)
      storeRows(lane, type, adaptor.getValue(), view, viewType.getElementType(), row, limit);
    else if (type.getLayout() == tile::Layout::Accumulator && type.getColumns() % 32 == 0 &&
             bytesOf(viewType.getElementType()) == 2)
      storeBlocks(lane, type, adaptor.getValue(), view, viewType, row, limit, onlyValue(adaptor.getColumn()));
    else
      storeRuns(lane, type, adaptor.getValue(), view, viewType, row, limit, onlyValue(adaptor.getColumn()));
    rewriter.eraseOp(op);
    return success();
  }

private:
  static int64_t bytesOf(Type element) { return element.getIntOrFloatBitWidth() / 8; }

  /// Rows of an accumulator as 16-bit elements. A lane has 2 columns of each block of 8; the four lanes of a row give
  /// each other theirs, so that each writes whole blocks: a sector takes one access, not four.
  void storeBlocks(Lane &lane, FragType type, ValueRange values, const ViewValues &view, tile::ViewType viewType,
                   Value rowBase, Value limit, Value firstColumn) const {
    constexpr int64_t lanesOfRow = 4;
    int64_t halves = type.getRows() / 8;
    Type element = viewType.getElementType();
    for (int64_t half = 0; half < halves; ++half) {
      Value row = lane.add(lane.add(rowBase, lane.g()), 8 * half);
      SmallVector<Values> blocks; // This lane's, of each group of four.
      for (int64_t first = 0; first < type.getColumns() / 8; first += lanesOfRow) {
        Values words;
        for (int64_t block = first; block < first + lanesOfRow; ++block) {
          ValueRange pair = values.slice((block * halves + half) * 2, 2);
          words.push_back(lane.pack(element, pair[0], pair[1]));
        }
        blocks.push_back(lane.transposeInRow(words));
      }
      lane.when(lane.isOfHead(view, row, limit), [&] {
        for (auto [group, words] : llvm::enumerate(blocks)) {
          int64_t first = 8 * lanesOfRow * group;
          Value column = lane.add(lane.mul(lane.c(), 8), first);
          if (firstColumn)
            column = lane.add(column, firstColumn);
          auto write = [&, words = ValueRange(words)] {
            lane.store(words, lane.element(view, row, column, bytesOf(element)));
          };
          if (firstColumn || first + 8 * lanesOfRow > viewType.getColumns())
            lane.when(lane.less(column, lane.i32(viewType.getColumns())), write);
          else
            write();
        }
      });
    }
  }

  void storeRuns(Lane &lane, FragType type, ValueRange values, const ViewValues &view, tile::ViewType viewType,
                 Value rowBase, Value limit, Value firstColumn) const {
    Type element = viewType.getElementType();
    auto storeOne = [&](Value row, const tile::ColumnRun &run) {
      if (!firstColumn && run.first.offset >= viewType.getColumns())
        return;
      Value column = lane.at(lane.i32(0), run.first);
      if (firstColumn)
        column = lane.add(column, firstColumn);
      Values elements = llvm::map_to_vector(run.registers, [&](int64_t i) -> Value { return values[i]; });
      auto write = [&] { storeRun(lane, elements, lane.element(view, row, column, bytesOf(element)), element); };
      if (firstColumn || run.first.last() + static_cast<int64_t>(elements.size()) > viewType.getColumns())
        lane.when(lane.less(column, lane.i32(viewType.getColumns())), write);
      else
        write();
    };
    for (int64_t i = 0; i < tile::rowsPerLane(type); ++i) {
      Value row = lane.at(rowBase, tile::rowPosition(type, i));
      lane.when(lane.isOfHead(view, row, limit), [&] {
        for (const tile::ColumnRun &run : tile::columnRuns(type, i))
          storeOne(row, run);
      });
    }
  }

  static void storeRun(Lane &lane, ValueRange elements, Value pointer, Type element) {
    Values narrowed = llvm::map_to_vector(elements, [&](Value value) { return narrow(lane, value, element); });
    constexpr size_t widest = 16;
    size_t together = std::min<size_t>(widest / bytesOf(element), elements.size());
    for (size_t x = 0; x < elements.size(); x += together) {
      Value place = x == 0 ? pointer : lane.offset(pointer, lane.i64(bytesOf(element) * x));
      lane.store(ValueRange(narrowed).slice(x, together), place);
    }
  }

  /// An f32 in the view's element type.
  static Value narrow(Lane &lane, Value value, Type element) {
    return element.isF32() ? value : Value(arith::TruncFOp::create(lane.b, element, value));
  }

  /// One element a row, which all lanes of the row have: the first of them writes.
  static void storeRows(Lane &lane, FragType type, ValueRange values, const ViewValues &view, Type element,
                        Value rowBase, Value limit) {
    for (auto [i, value] : llvm::enumerate(values)) {
      Value row = lane.at(rowBase, tile::rowPosition(type, i));
      lane.when(lane.both(lane.isFirstOfRow(type), lane.isOfHead(view, row, limit)), [&, value = value] {
        Value pointer = lane.element(view, row, lane.i32(0), bytesOf(element));
        LLVM::StoreOp::create(lane.b, narrow(lane, value, element), pointer, /*alignment=*/bytesOf(element));
      });
    }
  }

  void storeFlat(Lane &lane, FragType type, ValueRange values, const ViewValues &view, tile::ViewType viewType,
                 Value rowBase, Value limit) const {
    Type element = viewType.getElementType();
    int64_t length = tile::flatRun(type);
    bool isStatistic = viewType.getColumns() == 1; // The first element of a row has it.
    for (int64_t i = 0, e = values.size(); i < e; i += length) {
      FlatPlace at(lane, type, i / length, rowBase, limit);
      Value inside = isStatistic ? lane.both(at.inside, lane.equal(at.column, 0)) : at.inside;
      lane.when(inside, [&] {
        Value pointer = lane.element(view, at.row, at.column, bytesOf(element));
        storeRun(lane, values.slice(i, isStatistic ? 1 : length), pointer, element);
      });
    }
  }
};

} // namespace

void lla::populateCopyPatterns(const TypeConverter &converter, Patterns &patterns, const KernelFacts &facts) {
  patterns.add<LoadPattern, PrefetchPattern, StorePattern>(converter, patterns.getContext(), facts);
}
