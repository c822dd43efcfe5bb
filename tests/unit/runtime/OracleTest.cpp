//===- OracleTest.cpp - judging an output on the host ---------------------===//

#include "runtime/Oracle.h"
#include "FakeKernels.h"
#include "dialect/Spec/Reference.h"
#include "runtime/Inputs.h"
#include "runtime/RuntimeError.h"
#include <cmath>
#include <set>

using namespace lla;

namespace {

struct OracleTest : testing::Test {
  Problem problem;
  AttentionTensors tensors;
  std::vector<std::vector<char>> memory;
  std::vector<double> expected;
  SequenceNumbers numbers;

  /// Random inputs, and the reference as output.
  void make(const Problem &what) {
    problem = what;
    tensors = denseTensors(problem);
    memory.clear();
    for (llvm::ArrayRef<NamedTensor> names : {inputsOf(problem), outputsOf(problem)})
      for (const NamedTensor &one : names)
        (tensors.*one.member).data = memory.emplace_back((tensors.*one.member).spanBytes()).data();
    EXPECT_EQ(textOf(fakeExecutor(1)->fillInputs(problem, tensors, 3)), "");
    numbers = makeSequences(problem, SequenceKind::Any, 3);
    tensors.lengths.data = numbers.lengths.empty() ? nullptr : numbers.lengths.data();
    tensors.starts.data = numbers.starts.empty() ? nullptr : numbers.starts.data();
    tensors.pageTable.data = numbers.pages.empty() ? nullptr : numbers.pages.data();
    tensors.cuSeqlensQ.data = numbers.cuSeqlensQ.empty() ? nullptr : numbers.cuSeqlensQ.data();
    tensors.cuSeqlensK.data = numbers.cuSeqlensK.empty() ? nullptr : numbers.cuSeqlensK.data();
    expected =
        referenceForward(problem, all(tensors.q), all(tensors.r), all(tensors.k), all(tensors.v), numbers.view());
    for (int64_t row = 0; row < rowCount(tensors.o); ++row)
      writeRow(tensors.o, row, &expected[row * problem.headDim]);
    if (!problem.state)
      return;
    States states = referenceStates(problem, all(tensors.q), all(tensors.r), all(tensors.k), all(tensors.v),
                                    numbers.view());
    for (int64_t row = 0; row < rowCount(tensors.o); ++row) {
      writeRow(tensors.lse, row, &states.lse[row]);
      writeRow(tensors.tbar, row, &states.tbar[row]);
      writeRow(tensors.vbar, row, &states.vbar[row * problem.headDim]);
    }
  }
  static std::vector<double> all(const TensorView &view) {
    std::vector<double> values(view.elements());
    for (int64_t row = 0; row < rowCount(view); ++row)
      readRow(view, row, &values[row * view.sizes[3]]);
    return values;
  }
  ErrorFigures compare(int64_t rows = 0) {
    return compareWithReference(problem, tensors, sampleRows(problem, rows, 1, numbers.view()));
  }
};

TEST_F(OracleTest, RowByRowIsTheWholeReference) {
  for (Mode mode : {Mode::Decode, Mode::Prefill})
    for (int64_t window : {0, 5})
      for (Layout layout : {Layout::BSHD, Layout::BHSD}) {
        Problem what = smallProblem(mode);
        what.window = window;
        what.causal |= window > 0;
        what.layout = layout;
        what.scale = 0.37;
        make(what);
        ErrorFigures figures = compare();
        EXPECT_LT(figures.relative, 1e-6);
        EXPECT_TRUE(figures.allRows);
        EXPECT_EQ(textOf(checkTolerance(figures, problem)), "");
      }
}

TEST_F(OracleTest, LengthsStartsAndPagesAreFollowed) {
  for (Mode mode : {Mode::Decode, Mode::Prefill})
    for (bool ragged : {false, true})
      for (int64_t pageSize : {0, 8, 12}) {
        Problem what = smallProblem(mode);
        what.batch = 5;
        what.ragged = ragged;
        what.pageSize = pageSize;
        make(what);
        EXPECT_LT(compare().relative, 1e-6);
        // The same through an executor, which copies everything first.
        llvm::Expected<ErrorFigures> figures = fakeExecutor(1)->Executor::compare(problem, tensors, 0, 1);
        ASSERT_TRUE(bool(figures));
        EXPECT_LT(figures->relative, 1e-6);
        if (!ragged)
          continue;
        --numbers.lengths[0]; // One key fewer, and it shows.
        EXPECT_GT(compare().relative, 1e-3);
      }
}

TEST_F(OracleTest, KeysOfBytesAreMultipliedByTheirScales) {
  Problem bytes = smallProblem();
  bytes.kvDtype = ElementType::F8E4M3;
  make(bytes);
  // Of raw bytes the output is another one.
  EXPECT_GT(compare().relative, 0.01);
  std::vector<double> k = all(tensors.k), v = all(tensors.v), ks = all(tensors.kScales), vs = all(tensors.vScales);
  EXPECT_NE(ks[0], ks[1]);
  for (size_t i = 0; i < k.size(); ++i) {
    int64_t head = static_cast<int64_t>(i) / bytes.headDim % bytes.kvHeads;
    k[i] *= ks[head];
    v[i] *= vs[head];
  }
  expected = referenceForward(problem, all(tensors.q), all(tensors.r), k, v);
  for (int64_t row = 0; row < rowCount(tensors.o); ++row)
    writeRow(tensors.o, row, &expected[row * problem.headDim]);
  EXPECT_LT(compare().relative, 1e-6);
  // One for all heads: the first.
  tensors.kScales.sizes[2] = tensors.vScales.sizes[2] = 1;
  EXPECT_GT(compare().relative, 0.01);
}

TEST_F(OracleTest, MoreQueriesThanKeysGivesZeroRows) {
  Problem what = smallProblem(Mode::Prefill);
  what.queryLength = 40;
  make(what);
  EXPECT_LT(compare().relative, 1e-6);
  static_cast<float *>(tensors.o.data)[0] = 1; // Row 0 sees nothing.
  EXPECT_NE(textOf(checkTolerance(compare(), problem)), "");
}

TEST_F(OracleTest, OneWrongElementAndNaNAreSeen) {
  make(smallProblem());
  float &element = static_cast<float *>(tensors.o.data)[17];
  element += 1e-3f;
  EXPECT_EQ(describe(checkTolerance(compare(), problem)).first, FailureKind::Verification);
  element = NAN;
  EXPECT_TRUE(std::isnan(compare().relative));
  EXPECT_NE(textOf(checkTolerance(compare(), problem)), "");
}

TEST_F(OracleTest, EachPartOfTheStateIsLookedAt) {
  Problem what = smallProblem(Mode::Prefill);
  what.queryLength = 40; // The first rows see nothing.
  what.state = true;
  make(what);
  ErrorFigures figures = compare();
  EXPECT_LT(std::max({figures.lse, figures.tbar, figures.vbar}), 1e-6);
  EXPECT_EQ(textOf(checkTolerance(figures, problem)), "");
  for (auto [name, view] : {std::pair{"lse", &tensors.lse}, {"tbar", &tensors.tbar}, {"vbar", &tensors.vbar}}) {
    int64_t elements = view->elements();
    for (int64_t index : {int64_t(0), elements - 1}) // Of a row that sees nothing, and of one that does.
      for (float wrong : {3.0f, NAN}) {
        float &element = static_cast<float *>(view->data)[index];
        float before = std::exchange(element, wrong);
        auto [kind, text] = describe(checkTolerance(compare(), problem));
        EXPECT_EQ(kind, FailureKind::Verification);
        EXPECT_EQ(text.rfind(std::string(name) + ": expected an error", 0), 0u) << text;
        element = before;
      }
  }
}

TEST_F(OracleTest, SixteenBitsAreJudgedAgainstTheBaselineToo) {
  Problem what = smallProblem();
  what.dtype = ElementType::BF16;
  make(what);
  ErrorFigures figures = compare();
  EXPECT_GT(figures.baselineRelative, 0);
  EXPECT_EQ(textOf(checkTolerance(figures, problem)), "");
  figures.relative = 0.5;
  EXPECT_NE(textOf(checkTolerance(figures, problem)), "");
}

TEST_F(OracleTest, AMergeIsJudgedByItsParts) {
  Problem merge;
  merge.mode = Mode::Merge;
  merge.batch = merge.shards = 2;
  merge.queryHeads = merge.kvHeads = 3;
  merge.queryLength = 5;
  merge.headDim = 16;
  merge.dtype = ElementType::F32;
  for (ElementType output : {ElementType::F32, ElementType::BF16}) {
    merge.outputDtype = output;
    ASSERT_EQ(textOf(normalize(merge)), "");
    problem = merge;
    tensors = denseTensors(problem);
    memory.clear();
    for (llvm::ArrayRef<NamedTensor> names : {inputsOf(problem), outputsOf(problem)})
      for (const NamedTensor &one : names)
        (tensors.*one.member).data = memory.emplace_back((tensors.*one.member).spanBytes()).data();
    EXPECT_EQ(textOf(fakeExecutor(1)->fillInputs(problem, tensors, 3)), "");
    std::vector<double> o = all(tensors.partO), lse = all(tensors.partLse), tbar = all(tensors.partTbar),
                        vbar = all(tensors.partVbar);
    EXPECT_NE(lse.front(), lse.back());
    for (int64_t row = 0; row < problem.stateRows(); ++row) {
      auto rowOf = [&](const std::vector<double> &values, int64_t shard) {
        auto first = values.begin() + (shard * problem.stateRows() + row) * problem.headDim;
        return std::vector<double>(first, first + problem.headDim);
      };
      std::vector<RowResult> shards;
      for (int64_t shard = 0; shard < 2; ++shard) {
        int64_t number = shard * problem.stateRows() + row;
        shards.push_back({rowOf(o, shard), {lse[number], tbar[number], rowOf(vbar, shard)}});
      }
      RowResult merged = referenceMerge(shards);
      writeRow(tensors.o, row, merged.o.data());
      writeRow(tensors.lse, row, &merged.state.lse);
      writeRow(tensors.tbar, row, &merged.state.tbar);
      writeRow(tensors.vbar, row, merged.state.vbar.data());
    }
    EXPECT_EQ(textOf(checkTolerance(compare(), problem)), "") << name(output).str();
    float &element = static_cast<float *>(tensors.vbar.data)[17];
    element += 1e-2f;
    EXPECT_NE(textOf(checkTolerance(compare(), problem)), "");
  }
}

TEST_F(OracleTest, SamplesAreDistinctAscendingAndHaveTheCorners) {
  Problem what = smallProblem(Mode::Prefill);
  std::vector<int64_t> rows = sampleRows(what, 20, 9);
  EXPECT_LE(rows.size(), 20u);
  EXPECT_EQ(std::set<int64_t>(rows.begin(), rows.end()).size(), rows.size());
  EXPECT_EQ(rows.front(), 0);
  EXPECT_EQ(rows.back(), what.batch * what.queryLength * what.queryHeads - 1);
  EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end()));
  EXPECT_EQ(sampleRows(what, 20, 9), rows);
  EXPECT_EQ(sampleRows(what, 0, 9).size(), size_t(what.batch * what.queryLength * what.queryHeads));
}

TEST_F(OracleTest, OfPackedSequencesOnlyTheirRowsAreLookedAt) {
  for (bool packsKeys : {false, true}) {
    Problem what = smallProblem(Mode::Prefill);
    what.batch = 9;
    what.state = what.ragged = what.packedQueries = true;
    what.packedKeys = packsKeys;
    make(what);
    Sequences sequences = numbers.view();
    int64_t rows = sequences.queryCount(problem) * problem.queryHeads;
    ASSERT_LT(rows, rowCount(tensors.q));
    // Rows of nobody hold anything, before the first sequence and behind the last.
    std::vector<double> anything(problem.headDim, std::nan(""));
    for (int64_t row = 0; row < tensors.o.sizes[1]; ++row)
      if (row < numbers.cuSeqlensQ.front() || row >= numbers.cuSeqlensQ.back())
        for (int64_t head = 0; head < problem.queryHeads; ++head)
          writeRow(tensors.o, row * problem.queryHeads + head, anything.data());
    ErrorFigures figures = compare();
    EXPECT_LT(figures.relative, 1e-6);
    EXPECT_LT(figures.lse, 1e-6);
    EXPECT_TRUE(figures.allRows);
    EXPECT_EQ(figures.rows, rows);
    std::vector<int64_t> some = sampleRows(problem, 40, 5, sequences);
    for (int64_t number : some) {
      int64_t row = number / problem.queryHeads;
      EXPECT_LT(row % problem.queryLength, sequences.queries(problem, row / problem.queryLength).count());
    }
    EXPECT_FALSE(compare(40).allRows);
    // One wrong number in the last row of the last sequence is found, however few rows are looked at.
    int64_t last = (numbers.cuSeqlensQ.back() - 1) * problem.queryHeads;
    std::vector<double> wrong(problem.headDim, 7);
    writeRow(tensors.o, last, wrong.data());
    EXPECT_GT(compare(9).relative, 0.1);
  }
}

} // namespace
