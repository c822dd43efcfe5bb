//===- SequencesTest.cpp - lengths, places and pages of one call ----------===//

#include "dialect/Spec/Sequences.h"
#include "RandomProblem.h"
#include "dialect/Spec/Reference.h"
#include <gtest/gtest.h>
#include <limits>

using namespace lla;
using namespace lla::test;

namespace {

Problem problemOf(int64_t batch, int64_t queryLength, int64_t context) {
  Problem problem;
  problem.mode = Mode::Prefill;
  problem.batch = batch;
  problem.queryHeads = 2;
  problem.queryLength = queryLength;
  problem.context = context;
  problem.headDim = 16;
  problem.ragged = true;
  return problem;
}

constexpr int32_t mostNumber = std::numeric_limits<int32_t>::max(), leastNumber = std::numeric_limits<int32_t>::min();

TEST(Sequences, NumbersOutOfRangeAreClamped) {
  const int32_t lengths[] = {mostNumber, -1, 7, 7, 0}, starts[] = {leastNumber, 3, 9, 2, mostNumber};
  Sequences sequences{lengths, starts, {}, 0};
  Problem problem = problemOf(5, 1, 10);
  const KeyRange expected[] = {{0, 10}, {0, 0}, {7, 7}, {2, 7}, {0, 0}};
  for (int64_t i = 0; i < 5; ++i) {
    EXPECT_EQ(sequences.keys(problem, i).begin, expected[i].begin) << i;
    EXPECT_EQ(sequences.keys(problem, i).end, expected[i].end) << i;
  }
  EXPECT_EQ(Sequences().keys(problem, 3).end, 10);
  EXPECT_EQ(Sequences().keys(problem, 3).begin, 0);
}

TEST(Sequences, PackedRowsAndKeysStayWithinTheTensor) {
  // As they should be; decreasing; before, behind and beyond the tensor.
  const int32_t cu[] = {2, 9, 4, leastNumber, 14, mostNumber, 3};
  Sequences sequences;
  sequences.cuSeqlensQ = sequences.cuSeqlensK = cu;
  sequences.queryRows = 20;
  sequences.keyRows = 15;
  Problem problem = problemOf(6, 12, 8);
  problem.packedQueries = problem.packedKeys = true;
  const RowRange queries[] = {{2, 9}, {9, 9}, {4, 4}, {0, 12}, {14, 20}, {20, 20}};
  const int64_t keys[] = {7, 0, 0, 8, 1, 0}, firstKeys[] = {2, 9, 4, 0, 14, 15};
  int64_t all = 0;
  for (int64_t i = 0; i < 6; ++i) {
    EXPECT_EQ(sequences.queries(problem, i).begin, queries[i].begin) << i;
    EXPECT_EQ(sequences.queries(problem, i).end, queries[i].end) << i;
    EXPECT_EQ(sequences.keys(problem, i).begin, 0) << i;
    EXPECT_EQ(sequences.keys(problem, i).end, keys[i]) << i;
    EXPECT_EQ(sequences.row(problem, i, 3), firstKeys[i] + 3) << i;
    all += queries[i].count();
  }
  EXPECT_EQ(sequences.queryCount(problem), all);
  // A length cannot reach the next sequence's keys.
  const int32_t lengths[] = {mostNumber, 3, 0, 5, 9, 1}, starts[] = {5, 0, 0, 6, 0, 0};
  sequences.lengths = lengths;
  sequences.starts = starts;
  const KeyRange shorter[] = {{5, 7}, {0, 0}, {0, 0}, {5, 5}, {0, 1}, {0, 0}};
  for (int64_t i = 0; i < 6; ++i) {
    EXPECT_EQ(sequences.keys(problem, i).begin, shorter[i].begin) << i;
    EXPECT_EQ(sequences.keys(problem, i).end, shorter[i].end) << i;
  }
}

TEST(Sequences, WithoutPlacesSequencesAreFull) {
  Problem problem = problemOf(3, 5, 10);
  for (bool isPacked : {false, true}) {
    problem.packedQueries = problem.packedKeys = isPacked;
    EXPECT_EQ(Sequences().queries(problem, 2).begin, 10);
    EXPECT_EQ(Sequences().queries(problem, 2).end, 15);
    EXPECT_EQ(Sequences().queryCount(problem), 15);
    EXPECT_EQ(Sequences().keys(problem, 2).end, 10);
    EXPECT_EQ(Sequences().row(problem, 2, 1), 21);
  }
}

TEST(Sequences, PagesSayWhereKeysAre) {
  const int32_t pages[] = {5, 0, -1, 2, 7, 1};
  Sequences sequences{{}, {}, pages, 3};
  Problem problem = problemOf(2, 1, 24);
  EXPECT_EQ(sequences.row(problem, 1, 5), 24 + 5);
  problem.pageSize = 8;
  EXPECT_EQ(sequences.row(problem, 0, 3), 5 * 8 + 3);
  EXPECT_EQ(sequences.row(problem, 0, 15), 0 * 8 + 7);
  EXPECT_EQ(sequences.row(problem, 1, 16), 1 * 8);
  sequences.poolPages = 6; // 0..5: neither -1 nor 7 is one.
  EXPECT_EQ(sequences.row(problem, 0, 3), 5 * 8 + 3);
  EXPECT_EQ(sequences.row(problem, 0, 17), 5 * 8 + 1);
  EXPECT_EQ(sequences.row(problem, 1, 8), 5 * 8);
}

TEST(Sequences, VisibleAndSeenKeysAgainstBruteForce) {
  RandomProblem random(21);
  for (int trial = 0; trial < 2000; ++trial) {
    Problem problem = problemOf(1, random.between(1, 12), random.between(1, 20));
    problem.causal = random.between(0, 1);
    problem.window = random.between(0, 1) ? random.between(1, 25) : 0;
    ASSERT_EQ(message(normalize(problem)), "");
    int64_t length = random.between(0, problem.context), start = random.between(0, length);
    KeyRange valid{start, length}, seen = seenKeys(problem, valid);
    for (int64_t key = 0; key < problem.context; ++key) {
      bool byAny = false;
      for (int64_t row = 0; row < problem.queryLength; ++row) {
        int64_t last = problem.causal ? length - problem.queryLength + row : length - 1;
        bool isSeen = key >= start && key < length && key <= last && (!problem.window || key > last - problem.window);
        KeyRange range = visibleKeys(problem, row, valid);
        EXPECT_EQ(isSeen, range.begin <= key && key < range.end) << toJson(problem) << " row " << row << " key " << key;
        byAny |= isSeen;
      }
      EXPECT_EQ(byAny, seen.begin <= key && key < seen.end)
          << toJson(problem) << " keys " << start << ".." << length << " key " << key;
    }
  }
}

TEST(Sequences, WorkOfFullLengthsIsTheProblems) {
  RandomProblem random(22);
  for (int trial = 0; trial < 200; ++trial) {
    Problem problem = random.next();
    ASSERT_EQ(message(normalize(problem)), "");
    EXPECT_DOUBLE_EQ(flops(problem, {}), problem.flops()) << toJson(problem);
    EXPECT_DOUBLE_EQ(minimumBytes(problem, {}), problem.minimumBytes()) << toJson(problem);
  }
}

TEST(Sequences, WorkIsThatOfTheLengthsGiven) {
  Problem problem = problemOf(3, 1, 100);
  llvm::cantFail(normalize(problem));
  const int32_t lengths[] = {10, 0, 100}, starts[] = {4, 0, 0};
  Sequences sequences{lengths, starts, {}, 0};
  EXPECT_EQ(flops(problem, sequences), 8.0 * (6 + 0 + 100) * 16 * 2);
  EXPECT_EQ(minimumBytes(problem, sequences), 2.0 * (3 * 3 * 2 * 16 + 2 * (6 + 100) * 1 * 16));
  problem.causal = true;
  problem.window = 20;
  EXPECT_EQ(flops(problem, sequences), 8.0 * (6 + 0 + 20) * 16 * 2);
  EXPECT_EQ(minimumBytes(problem, sequences), 2.0 * (3 * 3 * 2 * 16 + 2 * (6 + 20) * 1 * 16));
}

TEST(Sequences, WorkOfPackedSequencesIsTheSumOfEachs) {
  Problem problem = problemOf(3, 50, 100);
  problem.causal = problem.packedQueries = true;
  llvm::cantFail(normalize(problem));
  const int32_t cu[] = {0, 2, 2, 5}, lengths[] = {10, 40, 2};
  Sequences sequences{lengths};
  sequences.cuSeqlensQ = cu;
  sequences.queryRows = 5;
  // Rows see 9, 10 | none | 0, 1, 2 keys; those of the sequence without rows need not be read.
  EXPECT_EQ(flops(problem, sequences), 8.0 * (9 + 10 + 0 + 1 + 2) * 16 * 2);
  EXPECT_EQ(minimumBytes(problem, sequences), 2.0 * (3 * 5 * 2 * 16 + 2 * (10 + 2) * 1 * 16));
}

/// Dense random tensors of a problem of `batch` sequences.
struct Tensors {
  std::vector<double> q, r, k, v;
  Tensors(const Problem &problem, RandomProblem &random) {
    auto fill = [&](std::vector<double> &tensor, int64_t count) {
      while (count--)
        tensor.push_back(static_cast<double>(random.between(-100, 100)) / 64);
    };
    fill(q, problem.queryElements());
    fill(r, problem.queryElements());
    fill(k, problem.keyElements());
    fill(v, problem.keyElements());
  }
};

TEST(Sequences, ReferenceOfEachIsThatOfItsOwnKeys) {
  RandomProblem random(23);
  for (int64_t window : {0, 3}) {
    Problem problem = problemOf(4, 3, 9);
    problem.causal = true;
    problem.window = window;
    llvm::cantFail(normalize(problem));
    Tensors x(problem, random);
    const int32_t lengths[] = {9, 5, 0, 2}, starts[] = {0, 2, 0, 1};
    Sequences sequences{lengths, starts, {}, 0};
    std::vector<double> all = referenceForward(problem, x.q, x.r, x.k, x.v, sequences);
    std::vector<double> gradients = referenceBackward(problem, x.q, x.r, x.k, x.v, all, sequences).k;
    int64_t queries = problem.queryElements() / 4, keys = problem.keyElements() / 4, row = keys / problem.context;
    for (int64_t i = 0; i < 4; ++i) {
      Problem own = problem;
      own.batch = 1;
      own.ragged = false;
      own.context = lengths[i] - starts[i];
      auto slice = [&](const std::vector<double> &tensor, int64_t begin, int64_t count) {
        return llvm::ArrayRef<double>(tensor).slice(begin, count);
      };
      int64_t firstKey = i * keys + starts[i] * row;
      auto q = slice(x.q, i * queries, queries), r = slice(x.r, i * queries, queries);
      auto k = slice(x.k, firstKey, own.context * row), v = slice(x.v, firstKey, own.context * row);
      std::vector<double> alone = referenceForward(own, q, r, k, v);
      EXPECT_TRUE(std::equal(alone.begin(), alone.end(), all.begin() + i * queries)) << "sequence " << i;
      std::vector<double> ownGradients = referenceBackward(own, q, r, k, v, alone).k;
      EXPECT_TRUE(std::equal(ownGradients.begin(), ownGradients.end(), gradients.begin() + firstKey)) << i;
    }
  }
}

TEST(Sequences, ReferenceOfPackedSequencesIsThatOfEach) {
  RandomProblem random(25);
  for (int64_t window : {0, 3}) {
    Problem problem = problemOf(4, 6, 9);
    problem.causal = problem.packedQueries = problem.packedKeys = true;
    problem.window = window;
    llvm::cantFail(normalize(problem));
    Tensors x(problem, random);
    const int32_t cuQ[] = {1, 7, 7, 9, 12}, cuK[] = {0, 9, 14, 14, 20};
    Sequences sequences;
    sequences.cuSeqlensQ = cuQ;
    sequences.cuSeqlensK = cuK;
    sequences.queryRows = 4 * 6;
    sequences.keyRows = 4 * 9;
    std::vector<double> all = referenceForward(problem, x.q, x.r, x.k, x.v, sequences);
    States states = referenceStates(problem, x.q, x.r, x.k, x.v, sequences);
    Gradients gradients = referenceBackward(problem, x.q, x.r, x.k, x.v, all, sequences);
    int64_t queryRow = problem.queryHeads * problem.headDim, keyRow = problem.kvHeads * problem.headDim;
    for (int64_t i = 0; i < 4; ++i) {
      Problem own = problem;
      own.batch = 1;
      own.ragged = own.packedQueries = own.packedKeys = false;
      own.queryLength = cuQ[i + 1] - cuQ[i];
      own.context = cuK[i + 1] - cuK[i];
      auto slice = [](const std::vector<double> &tensor, int64_t row, int64_t begin, int64_t end) {
        return llvm::ArrayRef<double>(tensor).slice(begin * row, (end - begin) * row);
      };
      auto q = slice(x.q, queryRow, cuQ[i], cuQ[i + 1]), r = slice(x.r, queryRow, cuQ[i], cuQ[i + 1]);
      auto k = slice(x.k, keyRow, cuK[i], cuK[i + 1]), v = slice(x.v, keyRow, cuK[i], cuK[i + 1]);
      std::vector<double> alone = referenceForward(own, q, r, k, v);
      EXPECT_TRUE(std::equal(alone.begin(), alone.end(), all.begin() + cuQ[i] * queryRow)) << "sequence " << i;
      std::vector<double> lse = referenceStates(own, q, r, k, v).lse;
      EXPECT_TRUE(std::equal(lse.begin(), lse.end(), states.lse.begin() + cuQ[i] * problem.queryHeads)) << i;
      Gradients ownGradients = referenceBackward(own, q, r, k, v, alone);
      EXPECT_TRUE(std::equal(ownGradients.q.begin(), ownGradients.q.end(), gradients.q.begin() + cuQ[i] * queryRow));
      EXPECT_TRUE(std::equal(ownGradients.k.begin(), ownGradients.k.end(), gradients.k.begin() + cuK[i] * keyRow));
    }
  }
}

TEST(Sequences, ReferenceFindsKeysInPages) {
  RandomProblem random(24);
  Problem problem = problemOf(2, 2, 20);
  llvm::cantFail(normalize(problem));
  Tensors x(problem, random);
  const int32_t lengths[] = {20, 13};
  std::vector<double> expected = referenceForward(problem, x.q, x.r, x.k, x.v, {lengths, {}, {}, 0});
  Problem paged = problem;
  paged.pageSize = 8;
  const int32_t pages[] = {3, 0, 4, 1, 5, -1};
  Sequences sequences{lengths, {}, pages, 3};
  int64_t row = problem.kvHeads * problem.headDim;
  std::vector<double> k(6 * 8 * row, std::nan("")), v = k;
  for (int64_t sequence = 0; sequence < 2; ++sequence)
    for (int64_t key = 0; key < lengths[sequence]; ++key)
      for (auto [pool, dense] : {std::pair{&k, &x.k}, {&v, &x.v}})
        std::copy_n(dense->begin() + (sequence * problem.context + key) * row, row,
                    pool->begin() + (pages[sequence * 3 + key / 8] * 8 + key % 8) * row);
  EXPECT_EQ(referenceForward(paged, x.q, x.r, k, v, sequences), expected);
  EXPECT_EQ(baselineForward(paged, x.q, x.r, k, v, sequences),
            baselineForward(problem, x.q, x.r, x.k, x.v, {lengths, {}, {}, 0}));
}

} // namespace
