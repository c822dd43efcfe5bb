//===- ProblemFlagsTest.cpp - problems on the command line ----------------===//

#include "tools/lla/ProblemFlags.h"
#include "gtest/gtest.h"

using namespace lla;

namespace {

llvm::Expected<std::vector<Problem>> parsed(const std::string &line) {
  CLI::App app;
  ProblemFlags flags;
  flags.addTo(app);
  app.parse(line);
  return flags.problems();
}

std::string errorOf(const std::string &line) {
  llvm::Expected<std::vector<Problem>> problems = parsed(line);
  return problems ? "" : llvm::toString(problems.takeError());
}

TEST(ProblemFlags, areTheFieldsOfTheJsonForm) {
  std::vector<Problem> problems = llvm::cantFail(
      parsed("--mode prefill --batch 2 --context 64 --query-heads 4 --kv-heads 2 --query-length 32 --head-dim 16 "
             "--dtype fp16 --output-dtype fp32 --probe none --window 8 --scale -0.5 --layout bhsd --ragged "
             "--page-size 16 --packed-queries --kv-dtype fp8_e4m3"));
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0], llvm::cantFail(parseProblem(
                             R"({"mode": "prefill", "batch": 2, "context": 64, "query_heads": 4, "kv_heads": 2,
                                 "query_length": 32, "head_dim": 16, "dtype": "fp16", "output_dtype": "fp32",
                                 "probe": "none", "window": 8, "scale": -0.5, "layout": "bhsd", "ragged": true,
                                 "page_size": 16, "packed_queries": true,
                                 "kv_dtype": "fp8_e4m3"})")));
}

TEST(ProblemFlags, switchesAreFieldsToo) {
  Problem problem = llvm::cantFail(parsed("--mode prefill --context 64 --head-dim 64 --causal --state"))[0];
  EXPECT_TRUE(problem.causal);
  EXPECT_TRUE(problem.state);
  problem = llvm::cantFail(parsed("--context 64 --head-dim 64 --packed-queries --packed-keys"))[0];
  EXPECT_TRUE(problem.packedQueries && problem.packedKeys && problem.ragged);
  EXPECT_EQ(errorOf("--packed-keys --suite decode"),
            "problem: expected one of: flags, --problem, --problems, --suite, got several");
  EXPECT_EQ(errorOf("--state --suite decode"),
            "problem: expected one of: flags, --problem, --problems, --suite, got several");
}

TEST(ProblemFlags, partsAreAllOfThemOnce) {
  std::vector<int64_t> contexts;
  for (const char *part : {"1/3", "2/3", "3/3"})
    for (const Problem &problem :
         llvm::cantFail(parsed(std::string("--context 100:700:100 --head-dim 64 --part ") + part)))
      contexts.push_back(problem.context);
  EXPECT_EQ(contexts, (std::vector<int64_t>{100, 400, 700, 200, 500, 300, 600}));
  for (const char *bad : {"0/3", "4/3", "1", "a/b", "1/0"})
    EXPECT_EQ(errorOf(std::string("--context 64 --head-dim 64 --part ") + bad),
              std::string("part: expected N/M with 1 <= N <= M, got \"") + bad + "\"");
  EXPECT_EQ(errorOf("--context 64 --head-dim 64 --part 2/2"), "part: expected at most 1 parts, got 2/2");
}

TEST(ProblemFlags, aMergeIsAProblemToo) {
  Problem problem = llvm::cantFail(parsed("--mode merge --shards 4 --query-heads 8 --head-dim 64"))[0];
  EXPECT_EQ(problem.shards, 4);
  EXPECT_EQ(titleOf(problem), "merge B=1 H=8 shards=4 D=64 fp32");
  EXPECT_EQ(
      titleOf(llvm::cantFail(parsed("--mode merge --shards 2 --query-length 9 --head-dim 64 --output-dtype bf16"))[0]),
      "merge B=1 H=1 shards=2 D=64 fp32 to bf16 rows=9");
  EXPECT_EQ(errorOf("--mode merge --head-dim 64"),
            "shards: expected the number of partial results of each row, got nothing");
}

TEST(ProblemFlags, rangesMultiplyOut) {
  std::vector<Problem> problems = llvm::cantFail(parsed("--batch 1,4 --context 128:512:2x --head-dim 64"));
  std::vector<std::pair<int64_t, int64_t>> sizes;
  for (const Problem &problem : problems)
    sizes.emplace_back(problem.batch, problem.context);
  std::vector<std::pair<int64_t, int64_t>> expected = {{1, 128}, {1, 256}, {1, 512}, {4, 128}, {4, 256}, {4, 512}};
  EXPECT_EQ(sizes, expected);
}

TEST(ProblemFlags, errorsNameTheField) {
  EXPECT_EQ(errorOf("--context 64 --head-dim 12"), "head_dim: expected a multiple of 8 in 16..256, got 12");
  EXPECT_EQ(errorOf("--context many --head-dim 64"), "context: expected a 64-bit integer, got \"many\"");
  EXPECT_EQ(errorOf("--context 64 --head-dim 64 --scale inf"), "scale: expected a finite number, got \"inf\"");
  for (const char *scale : {"1e-400", "1e400"}) // As 0 or infinity they would pass unseen.
    EXPECT_EQ(errorOf(std::string("--context 64 --head-dim 64 --scale ") + scale),
              std::string("scale: expected a finite number, got \"") + scale + '"');
  EXPECT_EQ(errorOf("--context 64 --head-dim 64 --scale 1e-50"),
            "scale: expected a number that fp32 holds, also times log2(e), got 1e-50");
  EXPECT_EQ(errorOf("--context 64 --head-dim 64 --scale 0e-400"), "");
  EXPECT_EQ(errorOf("--context 64 --head-dim 64 --page-size 7"),
            "page_size: expected 0 (contiguous keys) or 8..2147483647, got 7");
  EXPECT_EQ(errorOf("--ragged --suite decode"),
            "problem: expected one of: flags, --problem, --problems, --suite, got several");
  EXPECT_EQ(errorOf("--context 64 --suite decode"),
            "problem: expected one of: flags, --problem, --problems, --suite, got several");
  EXPECT_EQ(errorOf("--context 1:1000 --batch 1:1000 --head-dim 64"),
            "context: expected at most 65536 problems in all, got more");
}

TEST(ProblemFlags, defaultsFillWhatIsLeftOut) {
  CLI::App app;
  ProblemFlags flags;
  flags.addTo(app);
  app.parse("--context 32");
  Problem problem = llvm::cantFail(flags.problem({{"context", 64}, {"head_dim", 16}}));
  EXPECT_EQ(problem.context, 32);
  EXPECT_EQ(problem.headDim, 16);
}

TEST(ProblemFlags, titleNamesWhatIsNotTheDefault) {
  Problem problem = llvm::cantFail(parsed("--batch 32 --context 8192 --query-heads 32 --kv-heads 8 --head-dim 128"))[0];
  EXPECT_EQ(titleOf(problem), "decode B=32 H=32/8 L=8192 D=128 bf16");
  problem =
      llvm::cantFail(parsed("--mode prefill --context 64 --head-dim 64 --window 8 --probe none --layout bhsd"))[0];
  EXPECT_EQ(titleOf(problem), "prefill B=1 H=1 L=64 D=64 bf16 window=8 softmax bhsd");
  problem.state = true;
  problem.outputDtype = ElementType::F32;
  EXPECT_EQ(titleOf(problem), "prefill B=1 H=1 L=64 D=64 bf16 to fp32 window=8 softmax bhsd state");
  problem = llvm::cantFail(parsed("--context 64 --head-dim 64 --ragged --page-size 16"))[0];
  EXPECT_EQ(titleOf(problem), "decode B=1 H=1 L=64 D=64 bf16 ragged pages=16");
  problem = llvm::cantFail(parsed("--context 64 --head-dim 64 --packed-queries --page-size 16"))[0];
  EXPECT_EQ(titleOf(problem), "decode B=1 H=1 L=64 D=64 bf16 ragged packed=q pages=16");
}

} // namespace
