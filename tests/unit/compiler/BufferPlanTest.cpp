//===- BufferPlanTest.cpp - who shares memory with whom -------------------===//
//
// Kernels as text; a tile is named by the `tag` attribute of the op that makes it.
//
//===----------------------------------------------------------------------===//

#include "compiler/Conversion/TileToVector/BufferPlan.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace lla;
using namespace mlir;

namespace {

class BufferPlanTest : public ::testing::Test {
protected:
  BufferPlanTest() : context(registry(), MLIRContext::Threading::DISABLED) {}

  static DialectRegistry registry() {
    DialectRegistry registry;
    registry.insert<tile::TileDialect, arith::ArithDialect, scf::SCFDialect>();
    return registry;
  }

  /// Plans a kernel with this body. C is a column of 16 rows, W a tile of 16 x 64.
  void plan(std::string body) {
    for (auto [name, type] :
         {std::pair("!C", "!tile.frag<16 x 1 x f32, dense>"), std::pair("!W", "!tile.frag<16 x 64 x f32, dense>")})
      for (size_t at; (at = body.find(name)) != std::string::npos;)
        body.replace(at, 2, type);
    module = parseSourceString<ModuleOp>("tile.kernel @k attributes {warps = 1 : i64} {" + body + "}", &context);
    ASSERT_TRUE(module);
    buffers = BufferPlan::compute(*module->getOps<tile::KernelOp>().begin());
  }

  int64_t offset(llvm::StringRef tag) {
    int64_t found = -1;
    if (module)
      module->walk([&](Operation *op) {
        if (auto attr = op->getAttrOfType<StringAttr>("tag"); attr && attr.getValue() == tag)
          found = buffers.offset(op->getResult(0));
      });
    EXPECT_GE(found, 0) << tag.str();
    return found;
  }

  /// Copies of wide tiles that move bytes: identity maps between different buffers.
  int wideCopies() {
    int count = 0;
    if (!module)
      return -1;
    module->walk([&](tile::MapOp op) {
      Block &body = op.getBody().front();
      bool identity = llvm::equal(body.getTerminator()->getOperands(), body.getArguments());
      bool wide = cast<tile::FragType>(op.getResult(0).getType()).getColumns() > 1;
      count += identity && wide && buffers.offset(op.getInputs()[0]) != buffers.offset(op.getResult(0));
    });
    return count;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  BufferPlan buffers;
};

const std::string zero =
    "%i0 = arith.constant 0 : i32 %i1 = arith.constant 1 : i32 %n = tile.argument \"splits\" : i32 "
    "%view = tile.view o[%i0, %i0] : !tile.view<64 x f32> ";

/// A map of one or two tiles; the region adds them.
std::string add(const std::string &name, const std::string &x, const std::string &y, const std::string &types,
                const std::string &type) {
  return "%" + name + " = tile.map (%" + x + ", %" + y + " : " + types + ") -> " + type + " attributes {tag = \"" +
         name + "\"} { ^bb0(%e: f32, %f: f32): %g = arith.addf %e, %f : f32 tile.yield %g : f32 } ";
}
std::string fill(const std::string &name, const std::string &type) {
  return "%" + name + " = tile.fill 1.0 {tag = \"" + name + "\"} : " + type + " ";
}
std::string store(const std::string &name) {
  return "tile.store %" + name + ", %view[%i0] until %n : !W, !tile.view<64 x f32> ";
}

TEST_F(BufferPlanTest, DyingOperandIsTakenOver) {
  plan(zero + fill("x", "!W") + fill("c", "!C") + add("y", "x", "c", "!W, !C", "!W") + store("y"));
  EXPECT_EQ(offset("y"), offset("x"));
  EXPECT_NE(offset("c"), offset("x"));
}

TEST_F(BufferPlanTest, LiveOperandIsKept) {
  plan(zero + fill("x", "!W") + fill("c", "!C") + add("y", "x", "c", "!W, !C", "!W") +
       add("z", "x", "c", "!W, !C", "!W") + store("y") + store("z"));
  EXPECT_NE(offset("y"), offset("x"));
  EXPECT_EQ(offset("z"), offset("x"));
}

/// A product reads all of its factors for each part of its result.
TEST_F(BufferPlanTest, FactorsAreNeverOverwritten) {
  plan(zero + fill("a", "!W") + "%s = tile.fill 1.0 {tag = \"s\"} : !tile.frag<16 x 16 x f32, dense> " +
       "%d = tile.dot %s, %a {tag = \"d\"} : !tile.frag<16 x 16 x f32, dense>, !W -> !W " + store("d"));
  EXPECT_NE(offset("d"), offset("a"));
}

/// The online step: the old maximum is read after the new one is known, the values are scaled in a
/// branch and accumulated in place.
TEST_F(BufferPlanTest, OnlineStepUpdatesInPlace) {
  plan(zero + fill("m0", "!C") + fill("o0", "!W") + fill("v", "!W") + fill("x", "!C") +
       "%s = tile.fill 1.0 : !tile.frag<16 x 16 x f32, dense> %t = arith.constant true "
       "%m, %o = scf.for %i = %i0 to %n step %i1 iter_args(%ma = %m0, %oa = %o0) -> (!C, !W) : i32 {"
       "%mb, %ob = scf.if %t -> (!C, !W) {" +
       add("new", "ma", "x", "!C, !C", "!C") + add("alpha", "ma", "new", "!C, !C", "!C") +
       add("scaled", "oa", "alpha", "!W, !C", "!W") +
       "scf.yield %new, %scaled : !C, !W } else { scf.yield %ma, %oa : !C, !W }"
       "%r = tile.dot %s, %v plus %ob {tag = \"r\"} : !tile.frag<16 x 16 x f32, dense>, !W, !W -> !W "
       "scf.yield %mb, %r : !C, !W }" +
       store("o"));
  EXPECT_NE(offset("new"), offset("m0"));
  EXPECT_EQ(offset("scaled"), offset("o0"));
  EXPECT_EQ(offset("r"), offset("o0"));
  EXPECT_EQ(wideCopies(), 0); // Only the maximum, a column, is copied.
}

TEST_F(BufferPlanTest, SwappedCarriesStayApart) {
  plan(zero + fill("x", "!W") + fill("y", "!W") +
       "%p, %q = scf.for %i = %i0 to %n step %i1 iter_args(%xa = %x, %ya = %y) -> (!W, !W) : i32 {"
       "scf.yield %ya, %xa : !W, !W }" +
       store("p") + store("q"));
  scf::ForOp loop;
  module->walk([&](scf::ForOp op) { loop = op; });
  EXPECT_NE(buffers.offset(loop.getResult(0)), buffers.offset(loop.getResult(1)));
  for (unsigned i : {0u, 1u}) {
    EXPECT_EQ(buffers.offset(loop.getRegionIterArg(i)), buffers.offset(loop.getResult(i)));
    EXPECT_EQ(buffers.offset(loop.getYieldedValues()[i]), buffers.offset(loop.getResult(i)));
  }
  EXPECT_GE(wideCopies(), 3); // Through a third buffer.
}

/// What the loop does not touch is not overwritten by what the loop makes.
TEST_F(BufferPlanTest, ValuesLiveAcrossALoop) {
  plan(zero + fill("x", "!W") + fill("c", "!C") + "scf.for %i = %i0 to %n step %i1 : i32 {" + fill("inner", "!W") +
       store("inner") + "}" + store("x"));
  EXPECT_NE(offset("inner"), offset("x"));
}

TEST_F(BufferPlanTest, DisjointLivesShareMemory) {
  plan(zero + fill("x", "!W") + store("x") + fill("y", "!W") + store("y"));
  EXPECT_EQ(offset("x"), offset("y"));
  EXPECT_EQ(buffers.totalBytes(), 16 * 64 * 4);
}

TEST_F(BufferPlanTest, RowsFillWholeLines) {
  plan("%x = tile.fill 1.0 : !tile.frag<3 x 24 x f32, dense>");
  EXPECT_EQ(buffers.totalBytes(), 3 * 32 * 4);
  plan("%x = tile.fill 1.0 : !tile.frag<3 x 1 x f32, dense>");
  EXPECT_EQ(buffers.totalBytes(), 64);
}

} // namespace
