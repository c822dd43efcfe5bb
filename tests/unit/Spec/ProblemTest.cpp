//===- ProblemTest.cpp - defaults, constraints, texts, counts -------------===//

#include "RandomProblem.h"
#include "dialect/Spec/Reference.h"
#include <gtest/gtest.h>
#include <limits>

using namespace lla;
using namespace lla::test;

namespace {

Problem decode() {
  Problem problem;
  problem.queryHeads = 32;
  problem.kvHeads = 8;
  problem.context = 4096;
  problem.headDim = 128;
  return problem;
}

template <class Change> std::string errorAfter(Change change) {
  Problem problem = decode();
  change(problem);
  return message(normalize(problem));
}

TEST(Problem, DefaultsInDecodeAndPrefill) {
  Problem problem = decode();
  ASSERT_EQ(message(normalize(problem)), "");
  EXPECT_EQ(problem.queryLength, 1);
  EXPECT_EQ(problem.scale, 1 / std::sqrt(128.0));
  problem = decode();
  problem.mode = Mode::Prefill;
  ASSERT_EQ(message(normalize(problem)), "");
  EXPECT_EQ(problem.queryLength, 4096);
}

TEST(Problem, WindowImpliesCausal) {
  Problem problem = decode();
  problem.window = 100;
  ASSERT_EQ(message(normalize(problem)), "");
  EXPECT_TRUE(problem.causal);
}

TEST(Problem, CausalOfOneRowIsVacuous) {
  Problem causal = decode(), full = decode();
  causal.causal = true;
  ASSERT_EQ(message(normalize(causal)), "");
  ASSERT_EQ(message(normalize(full)), "");
  EXPECT_EQ(causal, full);
  causal.queryLength = 2;
  causal.causal = true;
  ASSERT_EQ(message(normalize(causal)), "");
  EXPECT_TRUE(causal.causal);
}

TEST(Problem, EveryConstraintNamesItsField) {
  constexpr int64_t huge = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(errorAfter([](Problem &p) { p.queryHeads = 30; }),
            "query_heads: expected a multiple of kv_heads (8), got 30");
  EXPECT_EQ(errorAfter([](Problem &p) { p.kvHeads = 64; }),
            "query_heads: expected a multiple of kv_heads (64), got 32");
  for (int64_t dim : {8, 12, 100, 257, 264, 1024})
    EXPECT_EQ(errorAfter([&](Problem &p) { p.headDim = dim; }),
              "head_dim: expected a multiple of 8 in 16..256, got " + std::to_string(dim));
  for (int64_t size : {int64_t(0), int64_t(-1), int64_t(1) << 31, huge, -huge - 1}) {
    std::string tail = ": expected 1..2147483647, got " + std::to_string(size);
    EXPECT_EQ(errorAfter([&](Problem &p) { p.batch = size; }), "batch" + tail);
    EXPECT_EQ(errorAfter([&](Problem &p) { p.queryHeads = size; }), "query_heads" + tail);
    EXPECT_EQ(errorAfter([&](Problem &p) { p.kvHeads = size; }), "kv_heads" + tail);
    EXPECT_EQ(errorAfter([&](Problem &p) { p.context = size; }), "context" + tail);
    EXPECT_EQ(errorAfter([&](Problem &p) { p.headDim = size; }),
              "head_dim: expected a multiple of 8 in 16..256, got " + std::to_string(size));
  }
  EXPECT_EQ(errorAfter([](Problem &p) { p.queryLength = -1; }), "query_length: expected 1..2147483647, got -1");
  EXPECT_EQ(errorAfter([](Problem &p) { p.window = -1; }),
            "window: expected 1..2147483647 (leave it out for none), got -1");
  EXPECT_EQ(errorAfter([](Problem &p) { p.scale = std::nan(""); }), "scale: expected a finite number, got nan");
  EXPECT_EQ(errorAfter([](Problem &p) { p.scale = -HUGE_VAL; }), "scale: expected a finite number, got -inf");
  EXPECT_EQ(errorAfter([](Problem &p) { p.probe = Probe::Solved; }),
            "probe: expected none or given, got solved, which is not supported yet");
  EXPECT_EQ(errorAfter([](Problem &p) { p.lambda = 0.5; }), "lambda: expected 0 unless probe is solved, got 0.5");
  EXPECT_EQ(errorAfter([](Problem &p) { p.lambda = std::nan(""); }),
            "lambda: expected 0 unless probe is solved, got nan");
  for (int64_t size : {int64_t(-8), int64_t(1), int64_t(7), int64_t(1) << 31})
    EXPECT_EQ(errorAfter([&](Problem &p) { p.pageSize = size; }),
              "page_size: expected 0 (contiguous keys) or 8..2147483647, got " + std::to_string(size));
}

TEST(Problem, ZeroAndNegativeScaleAreLegal) {
  EXPECT_EQ(errorAfter([](Problem &p) { p.scale = 0; }), "");
  EXPECT_EQ(errorAfter([](Problem &p) { p.scale = -1; }), "");
}

/// A launch is given scale * log2(e) in fp32: neither 0 nor infinity may come of another number.
TEST(Problem, TheScaleFitsALaunch) {
  for (double scale : {1e-50, -1e-50, 1e-320, 3e38, -3e38, 1e300})
    EXPECT_EQ(errorAfter([&](Problem &p) {
                p.scale = scale;
              }).find("scale: expected a number that fp32 holds, also times log2(e), got "),
              0u)
        << scale;
  for (double scale : {2e38, -2e38, 1e-38, 1e-44})
    EXPECT_EQ(errorAfter([&](Problem &p) { p.scale = scale; }), "") << scale;
}

TEST(Problem, OverflowingProductsAreRefused) {
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  std::string rows = errorAfter([](Problem &p) { p.batch = most; });
  EXPECT_EQ(rows, "batch x query_heads x query_length: expected at most 2147483647, got 2147483647 x 32 x 1");
  EXPECT_NE(errorAfter([](Problem &p) {
              p.batch = p.queryHeads = p.kvHeads = p.queryLength = p.context = most;
            }).find("batch x query_heads"),
            std::string::npos);
  std::string bytes = errorAfter([](Problem &p) {
    p.queryHeads = p.kvHeads = 1;
    p.batch = p.context = most;
  });
  EXPECT_NE(bytes.find("batch x kv_heads x context x head_dim: expected a byte count within 64 bits"),
            std::string::npos);
  // A sequence's last page counts whole.
  EXPECT_NE(errorAfter([](Problem &p) {
              p.batch = 1 << 24;
              p.context = 4096;
              p.pageSize = most;
            }).find("16777216 x 8 x 2147483647 x 128 of 2 bytes"),
            std::string::npos);
  // 2^55 elements of two bytes do fit: beyond 2^31 elements is no error.
  EXPECT_EQ(errorAfter([](Problem &p) {
              p.queryHeads = p.kvHeads = 1;
              p.batch = 1 << 20;
              p.context = int64_t(1) << 28;
            }),
            "");
}

TEST(Problem, SequencesTimesHeadsMayExceed65535) {
  EXPECT_EQ(errorAfter([](Problem &p) { p.batch = 100000; }), "");
}

TEST(ProblemText, ParsesWithDefaults) {
  Problem problem = llvm::cantFail(parseProblem(R"({"context": 512, "head_dim": 64, "query_heads": 12})"));
  EXPECT_EQ(problem.mode, Mode::Decode);
  EXPECT_EQ(problem.kvHeads, 12);
  EXPECT_EQ(problem.batch, 1);
  EXPECT_EQ(problem.queryLength, 1);
  EXPECT_EQ(problem.dtype, ElementType::BF16);
}

TEST(ProblemText, ReadsEveryField) {
  Problem problem = llvm::cantFail(parseProblem(R"({"version": 1, "mode": "prefill", "probe": "none", "lambda": 0,
    "batch": 2, "query_heads": 8, "kv_heads": 4, "query_length": 100, "context": 200, "head_dim": 80, "dtype": "fp16",
    "layout": "bhsd", "causal": true, "window": 7, "scale": -0.25, "state": true, "output_dtype": "fp32",
    "ragged": true, "page_size": 16, "packed_queries": true})"));
  Problem expected;
  expected.mode = Mode::Prefill;
  expected.probe = Probe::None;
  expected.batch = 2;
  expected.queryHeads = 8;
  expected.kvHeads = 4;
  expected.queryLength = 100;
  expected.context = 200;
  expected.headDim = 80;
  expected.dtype = ElementType::F16;
  expected.layout = Layout::BHSD;
  expected.causal = true;
  expected.window = 7;
  expected.scale = -0.25;
  expected.state = true;
  expected.outputDtype = ElementType::F32;
  expected.ragged = true;
  expected.pageSize = 16;
  expected.packedQueries = true;
  EXPECT_EQ(problem, expected);
}

TEST(ProblemText, KeysOfBytesHaveHalfTheBytes) {
  auto parsed = [](const std::string &fields) {
    return llvm::cantFail(parseProblem(R"({"context": 512, "head_dim": 64, "dtype": "fp16")" + fields + "}"));
  };
  Problem halves = parsed(""), bytes = parsed(R"(, "kv_dtype": "fp8_e4m3")");
  EXPECT_EQ(parsed(R"(, "kv_dtype": "fp16")"), halves);
  EXPECT_EQ(bytes.keyType(), ElementType::F8E4M3);
  EXPECT_EQ(bytes.kernelName(), "lla_decode_d64_g1_fp16_kv_fp8_e4m3");
  EXPECT_EQ(llvm::cantFail(parseProblem(toJson(bytes))), bytes);
  EXPECT_EQ(halves.minimumBytes() - bytes.minimumBytes(), 2.0 * 512 * 64);
  bytes.dtype = ElementType::F8E4M3;
  EXPECT_EQ(message(normalize(bytes)), "dtype: expected fp32|bf16|fp16, got fp8_e4m3");
}

TEST(ProblemText, PackedIsRagged) {
  for (const char *field : {"packed_queries", "packed_keys"}) {
    std::string text = std::string(R"({"context": 512, "head_dim": 64, ")") + field + "\": true";
    Problem implied = llvm::cantFail(parseProblem(text + "}"));
    EXPECT_TRUE(implied.ragged) << field;
    EXPECT_EQ(implied, llvm::cantFail(parseProblem(text + R"(, "ragged": true})"))) << field;
  }
}

std::string parseError(const std::string &fields) {
  return message(parseProblem("{\"context\": 512, \"head_dim\": 64" + fields + "}"));
}

TEST(ProblemText, ErrorsNameTheField) {
  EXPECT_EQ(parseError(""), "");
  EXPECT_EQ(message(parseProblem(R"({"head_dim": 64})")),
            "context: expected the number of keys per sequence, got nothing");
  EXPECT_EQ(message(parseProblem(R"({"context": 64})")), "head_dim: expected a multiple of 8 in 16..256, got nothing");
  // A field that is misspelt says more than one that is missing for it.
  EXPECT_NE(message(parseProblem(R"({"contxt": 64, "head_dim": 64})")).find("\"contxt\": unknown field of a problem"),
            std::string::npos);
  EXPECT_EQ(parseError(R"(, "window": 0)"), "window: expected >= 1 (leave it out for none), got 0");
  EXPECT_EQ(parseError(R"(, "window": -4)"), "window: expected >= 1 (leave it out for none), got -4");
  EXPECT_EQ(parseError(R"(, "query_length": 0)"),
            "query_length: expected >= 1 (leave it out for context in prefill, else 1), got 0");
  EXPECT_EQ(parseError(R"(, "mode": "train")"), "mode: expected decode|prefill|merge, got \"train\"");
  EXPECT_EQ(parseError(R"(, "probe": "learned")"), "probe: expected none|given|solved, got \"learned\"");
  EXPECT_EQ(parseError(R"(, "dtype": "fp8")"), "dtype: expected fp32|bf16|fp16, got \"fp8\"");
  EXPECT_EQ(parseError(R"(, "layout": "sbhd")"), "layout: expected bshd|bhsd, got \"sbhd\"");
  EXPECT_EQ(parseError(R"(, "causal": 1)"), "causal: expected true or false, got 1");
  EXPECT_EQ(parseError(R"(, "output_dtype": "fp16")"), "output_dtype: expected bf16 (as dtype) or fp32, got fp16");
  EXPECT_EQ(parseError(R"(, "output_dtype": "fp8")"), "output_dtype: expected fp32|bf16|fp16, got \"fp8\"");
  EXPECT_EQ(parseError(R"(, "state": "yes")"), "state: expected true or false, got \"yes\"");
  EXPECT_EQ(parseError(R"(, "batch": "4")"), "batch: expected a 64-bit integer, got \"4\"");
  EXPECT_EQ(parseError(R"(, "batch": 0)"), "batch: expected 1..2147483647, got 0");
  EXPECT_EQ(parseError(R"(, "scale": null)"), "scale: expected a finite number, got null");
  EXPECT_EQ(parseError(R"(, "scale": 1e-400)"), "scale: expected a number that a double holds, got 1e-400");
  EXPECT_EQ(parseError(R"(, "scale": 1e400)"), "scale: expected a number that a double holds, got 1e400");
  EXPECT_EQ(parseError(R"(, "scale": 1e-50)"),
            "scale: expected a number that fp32 holds, also times log2(e), got 1e-50");
  EXPECT_EQ(parseError(R"(, "version": 2)"), "version: expected 1, got 2");
  EXPECT_EQ(parseError(R"(, "ragged": 1)"), "ragged: expected true or false, got 1");
  EXPECT_EQ(parseError(R"(, "page_size": 0)"), "");
  EXPECT_EQ(parseError(R"(, "page_size": 4)"), "page_size: expected 0 (contiguous keys) or 8..2147483647, got 4");
  EXPECT_EQ(
      parseError(R"(, "kv_head": 2)"),
      "\"kv_head\": unknown field of a problem; known: version, mode, probe, lambda, batch, query_heads, kv_heads, "
      "query_length, context, head_dim, dtype, layout, causal, window, scale, state, output_dtype, shards, ragged, "
      "page_size, packed_queries, packed_keys, kv_dtype");
  EXPECT_EQ(parseError(R"(, "dtype": "fp8_e4m3")"), "dtype: expected fp32|bf16|fp16, got \"fp8_e4m3\"");
  EXPECT_EQ(parseError(R"(, "output_dtype": "fp8_e4m3")"), "output_dtype: expected fp32|bf16|fp16, got \"fp8_e4m3\"");
  EXPECT_EQ(parseError(R"(, "kv_dtype": "fp8")"), "kv_dtype: expected fp32|bf16|fp16|fp8_e4m3, got \"fp8\"");
  EXPECT_EQ(parseError(R"(, "kv_dtype": "fp16")"), "kv_dtype: expected bf16 (as dtype) or fp8_e4m3, got fp16");
  EXPECT_EQ(parseError(R"(, "kv_dtype": "fp8_e4m3", "dtype": "fp32")"),
            "kv_dtype: expected fp32 with dtype=fp32, got fp8_e4m3");
  EXPECT_EQ(message(parseProblem(R"({"head_dim": 72, "context": 64, "kv_dtype": "fp8_e4m3"})")),
            "head_dim: expected a multiple of 16 with kv_dtype=fp8_e4m3, got 72");
  EXPECT_EQ(parseError(R"(, "packed_queries": 2)"), "packed_queries: expected true or false, got 2");
  EXPECT_EQ(parseError(R"(, "packed_keys": true, "page_size": 16)"),
            "page_size: expected 0 with packed_keys (keys are one behind the other or in pages), got 16");
  EXPECT_EQ(parseError(R"(, "packed_queries": true, "page_size": 16)"), "");
  EXPECT_EQ(message(parseProblem(R"({"head_dim": 16, "context": 65536, "batch": 32768, "packed_keys": true})")),
            "batch x context: expected at most 2147483647 with packed_keys, got 32768 x 65536");
  EXPECT_EQ(parseError(R"(, "shards": 2)"), "shards: expected none with mode=decode, got 2");
}

TEST(ProblemText, AMergeHasShardsInPlaceOfKeys) {
  Problem problem = llvm::cantFail(parseProblem(R"({"mode": "merge", "shards": 4, "head_dim": 64, "query_heads": 8})"));
  EXPECT_TRUE(problem.isMerge());
  EXPECT_TRUE(problem.state);
  EXPECT_EQ(problem.dtype, ElementType::F32);
  EXPECT_EQ(problem.outputType(), ElementType::F32);
  EXPECT_EQ(problem.foldLength(), 4);
  EXPECT_EQ(problem.queryLength, 1);
  EXPECT_EQ(problem.kernelName(), "lla_merge_d64_fp32");
  EXPECT_EQ(toJson(problem),
            R"({"version":1,"mode":"merge","probe":"given","lambda":0.0,"batch":1,"query_heads":8,"kv_heads":8,)"
            R"("query_length":1,"shards":4,"head_dim":64,"dtype":"fp32","layout":"bshd","causal":false,)"
            R"("scale":0.125,"state":true})");
  EXPECT_EQ(llvm::cantFail(parseProblem(toJson(problem))), problem);
  EXPECT_EQ(problem.visiblePairs(), 4);
  EXPECT_EQ(problem.flops(), 8.0 * 4 * 64 * 8);
  EXPECT_EQ(problem.minimumBytes(), (4 + 1) * 4.0 * (2 * 8 * 64 + 2 * 8));
  problem.outputDtype = ElementType::BF16;
  llvm::cantFail(normalize(problem));
  EXPECT_EQ(problem.kernelName(), "lla_merge_d64_fp32_to_bf16");
  EXPECT_EQ(problem.minimumBytes(), (4 + 1) * 4.0 * (2 * 8 * 64 + 2 * 8) - 2.0 * 8 * 64);
}

TEST(ProblemText, AMergeHasNothingElse) {
  auto errorOf = [](const std::string &fields) {
    return message(parseProblem(R"({"mode": "merge", "head_dim": 64, "query_heads": 8)" + fields + "}"));
  };
  EXPECT_EQ(errorOf(""), "shards: expected the number of partial results of each row, got nothing");
  EXPECT_EQ(errorOf(R"(, "shards": 0)"), "shards: expected 1..2147483647, got 0");
  EXPECT_EQ(errorOf(R"(, "shards": 2, "context": 9)"), "context: expected none with mode=merge, got 9");
  EXPECT_EQ(errorOf(R"(, "shards": 2, "kv_heads": 2)"), "kv_heads: expected 8 with mode=merge, got 2");
  EXPECT_EQ(errorOf(R"(, "shards": 2, "dtype": "bf16")"), "dtype: expected fp32 with mode=merge, got bf16");
  EXPECT_EQ(errorOf(R"(, "shards": 2, "probe": "none")"), "probe: expected given with mode=merge, got none");
  EXPECT_EQ(errorOf(R"(, "shards": 2, "window": 3)"), "window: expected none with mode=merge, got 3");
  EXPECT_EQ(errorOf(R"(, "shards": 2, "query_length": 4, "causal": true)"),
            "causal: expected false with mode=merge, got true");
  EXPECT_EQ(errorOf(R"(, "shards": 2, "ragged": true)"), "ragged: expected false with mode=merge, got true");
  EXPECT_EQ(errorOf(R"(, "shards": 2, "packed_queries": true)"),
            "packed_queries: expected false with mode=merge, got true");
  EXPECT_EQ(errorOf(R"(, "shards": 2, "packed_keys": true)"), "packed_keys: expected false with mode=merge, got true");
  EXPECT_EQ(errorOf(R"(, "shards": 2, "kv_dtype": "fp8_e4m3")"),
            "kv_dtype: expected none with mode=merge, got fp8_e4m3");
  EXPECT_EQ(errorOf(R"(, "shards": 2, "page_size": 16)"), "page_size: expected 0 with mode=merge, got 16");
  EXPECT_EQ(errorOf(R"(, "shards": 2, "scale": 0.5)"), "scale: expected none (or 0.125) with mode=merge, got 0.5");
  EXPECT_EQ(errorOf(R"(, "shards": 2147483647, "batch": 1000000, "query_length": 200)"),
            "shards x batch x query_heads x query_length x head_dim: expected a byte count within 64 bits, got "
            "2147483647 x 1600000000 x 64 of 4 bytes");
}

TEST(ProblemText, CanonicalTextIsFixed) {
  EXPECT_EQ(toJson(llvm::cantFail(parseProblem(R"({"head_dim": 64, "context": 512, "window": 3})"))),
            R"({"version":1,"mode":"decode","probe":"given","lambda":0.0,"batch":1,"query_heads":1,"kv_heads":1,)"
            R"("query_length":1,"context":512,"head_dim":64,"dtype":"bf16","layout":"bshd","causal":true,"window":3,)"
            R"("scale":0.125})");
  EXPECT_EQ(toJson(llvm::cantFail(parseProblem(R"({"state": true, "head_dim": 64, "context": 512})"))),
            R"({"version":1,"mode":"decode","probe":"given","lambda":0.0,"batch":1,"query_heads":1,"kv_heads":1,)"
            R"("query_length":1,"context":512,"head_dim":64,"dtype":"bf16","layout":"bshd","causal":false,)"
            R"("scale":0.125,"state":true})");
  EXPECT_EQ(toJson(llvm::cantFail(parseProblem(R"({"output_dtype": "fp32", "head_dim": 64, "context": 512})"))),
            R"({"version":1,"mode":"decode","probe":"given","lambda":0.0,"batch":1,"query_heads":1,"kv_heads":1,)"
            R"("query_length":1,"context":512,"head_dim":64,"dtype":"bf16","layout":"bshd","causal":false,)"
            R"("scale":0.125,"output_dtype":"fp32"})");
  EXPECT_EQ(
      toJson(llvm::cantFail(parseProblem(R"({"head_dim": 64, "context": 512, "page_size": 64, "ragged": true})"))),
      R"({"version":1,"mode":"decode","probe":"given","lambda":0.0,"batch":1,"query_heads":1,"kv_heads":1,)"
      R"("query_length":1,"context":512,"head_dim":64,"dtype":"bf16","layout":"bshd","causal":false,)"
      R"("scale":0.125,"ragged":true,"page_size":64})");
  EXPECT_EQ(toJson(llvm::cantFail(
                parseProblem(R"({"head_dim": 64, "context": 512, "packed_keys": true, "packed_queries": true})"))),
            R"({"version":1,"mode":"decode","probe":"given","lambda":0.0,"batch":1,"query_heads":1,"kv_heads":1,)"
            R"("query_length":1,"context":512,"head_dim":64,"dtype":"bf16","layout":"bshd","causal":false,)"
            R"("scale":0.125,"ragged":true,"packed_queries":true,"packed_keys":true})");
  EXPECT_EQ(toJson(llvm::cantFail(parseProblem(R"({"kv_dtype": "fp8_e4m3", "head_dim": 64, "context": 512})"))),
            R"({"version":1,"mode":"decode","probe":"given","lambda":0.0,"batch":1,"query_heads":1,"kv_heads":1,)"
            R"("query_length":1,"context":512,"head_dim":64,"dtype":"bf16","layout":"bshd","causal":false,)"
            R"("scale":0.125,"kv_dtype":"fp8_e4m3"})");
}

TEST(ProblemText, SpelledDefaultsGiveTheSameText) {
  Problem implicit = llvm::cantFail(parseProblem(R"({"context": 512, "head_dim": 64})"));
  Problem spelled = llvm::cantFail(parseProblem(
      R"({"scale": 0.125, "layout": "bshd", "query_length": 1, "kv_heads": 1, "head_dim": 64, "context": 512})"));
  EXPECT_EQ(toJson(implicit), toJson(spelled));
  EXPECT_EQ(toJson(llvm::cantFail(parseProblem(R"({"context": 512, "head_dim": 64, "state": false})"))),
            toJson(implicit));
  EXPECT_EQ(toJson(llvm::cantFail(parseProblem(R"({"context": 512, "head_dim": 64, "output_dtype": "bf16"})"))),
            toJson(implicit));
}

TEST(ProblemText, RandomRoundTrips) {
  RandomProblem random(11);
  for (int trial = 0; trial < 2000; ++trial) {
    Problem problem = random.next();
    ASSERT_EQ(message(normalize(problem)), "");
    Problem again = llvm::cantFail(parseProblem(toJson(problem)));
    EXPECT_EQ(again, problem) << toJson(problem);
    EXPECT_EQ(toJson(again), toJson(problem));
    ASSERT_EQ(message(normalize(again)), "");
    EXPECT_EQ(again, problem) << "normalising twice changed it";
  }
}

TEST(ProblemText, NamesRoundTrip) {
  for (Mode mode : {Mode::Decode, Mode::Prefill, Mode::Merge})
    EXPECT_EQ(parseMode(name(mode)), mode);
  for (Probe probe : {Probe::None, Probe::Given, Probe::Solved})
    EXPECT_EQ(parseProbe(name(probe)), probe);
  for (ElementType type : {ElementType::F32, ElementType::BF16, ElementType::F16})
    EXPECT_EQ(parseElementType(name(type)), type);
  for (Layout layout : {Layout::BSHD, Layout::BHSD})
    EXPECT_EQ(parseLayout(name(layout)), layout);
  EXPECT_EQ(parseMode("Decode"), std::nullopt);
}

TEST(Problem, KernelNameSpellsTheKind) {
  Problem problem = decode();
  problem.window = 1024;
  llvm::cantFail(normalize(problem));
  EXPECT_EQ(problem.kernelName(), "lla_decode_d128_g4_bf16_causal_w1024");
  problem = decode();
  problem.mode = Mode::Prefill;
  problem.probe = Probe::None;
  problem.dtype = ElementType::F16;
  problem.causal = true;
  llvm::cantFail(normalize(problem));
  EXPECT_EQ(problem.kernelName(), "lla_prefill_d128_g4_fp16_causal_softmax");
  problem.state = true;
  EXPECT_EQ(problem.kernelName(), "lla_prefill_d128_g4_fp16_causal_softmax_state");
  problem.outputDtype = ElementType::F32;
  EXPECT_EQ(problem.kernelName(), "lla_prefill_d128_g4_fp16_to_fp32_causal_softmax_state");
  problem = decode();
  problem.causal = true;
  problem.kvHeads = 32;
  llvm::cantFail(normalize(problem));
  EXPECT_EQ(problem.kernelName(), "lla_decode_d128_g1_bf16");
  problem.ragged = true;
  EXPECT_EQ(problem.kernelName(), "lla_decode_d128_g1_bf16_ragged");
  problem.pageSize = 64;
  problem.probe = Probe::None;
  EXPECT_EQ(problem.kernelName(), "lla_decode_d128_g1_bf16_ragged_p64_softmax");
  problem.packedQueries = true;
  EXPECT_EQ(problem.kernelName(), "lla_decode_d128_g1_bf16_ragged_pq_p64_softmax");
  problem.pageSize = 0;
  problem.packedKeys = true;
  EXPECT_EQ(problem.kernelName(), "lla_decode_d128_g1_bf16_ragged_pq_pk_softmax");
}

TEST(Problem, CountsOfElementsFlopsAndBytes) {
  Problem problem = decode();
  problem.batch = 3;
  llvm::cantFail(normalize(problem));
  EXPECT_EQ(problem.queryElements(), 3 * 1 * 32 * 128);
  EXPECT_EQ(problem.keyElements(), int64_t(3) * 4096 * 8 * 128);
  EXPECT_EQ(problem.flops(), 8.0 * 4096 * 128 * 32 * 3);
  EXPECT_EQ(problem.minimumBytes(), 2.0 * (3 * 3 * 32 * 128 + 2.0 * 3 * 4096 * 8 * 128));
  problem.state = true; // lse, tbar and vbar, in fp32.
  EXPECT_EQ(problem.stateRows(), 3 * 32);
  EXPECT_EQ(problem.minimumBytes(),
            2.0 * (3 * 3 * 32 * 128 + 2.0 * 3 * 4096 * 8 * 128) + 4.0 * (3 * 32 * 128 + 2 * 3 * 32));
  problem.state = false;
  problem.outputDtype = ElementType::F32;
  EXPECT_EQ(problem.minimumBytes(), 2.0 * (2 * 3 * 32 * 128 + 2.0 * 3 * 4096 * 8 * 128) + 4.0 * 3 * 32 * 128);
  problem.outputDtype.reset();
  problem.probe = Probe::None;
  EXPECT_EQ(problem.flops(), 4.0 * 4096 * 128 * 32 * 3);
  problem.window = 64;
  problem.causal = true;
  EXPECT_EQ(problem.minimumBytes(), 2.0 * (2 * 3 * 32 * 128 + 2.0 * 3 * 64 * 8 * 128));
}

TEST(Problem, VisiblePairsAgainstBruteForce) {
  RandomProblem random(12);
  for (int trial = 0; trial < 3000; ++trial) {
    Problem problem = decode();
    problem.queryLength = random.between(1, 40);
    problem.context = random.between(1, 40);
    problem.causal = random.between(0, 1);
    problem.window = random.between(0, 1) ? random.between(1, 50) : 0;
    ASSERT_EQ(message(normalize(problem)), "");
    int64_t pairs = 0, first = problem.context, behind = 0;
    for (int64_t row = 0; row < problem.queryLength; ++row)
      for (int64_t key = 0; key < problem.context; ++key) {
        int64_t last = problem.context - problem.queryLength + row;
        bool seen = !problem.causal || (key <= last && (problem.window == 0 || key > last - problem.window));
        pairs += seen;
        first = seen ? std::min(first, key) : first;
        behind = seen ? std::max(behind, key + 1) : behind;
        KeyRange range = visibleKeys(problem, row);
        EXPECT_EQ(seen, range.begin <= key && key < range.end) << toJson(problem) << " row " << row << " key " << key;
      }
    EXPECT_EQ(problem.visiblePairs(), pairs) << toJson(problem);
    EXPECT_EQ(problem.visibleSpan(), behind - first) << toJson(problem);
  }
}

} // namespace
