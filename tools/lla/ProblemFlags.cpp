//===- ProblemFlags.cpp - problems on the command line --------------------===//

#include "tools/lla/ProblemFlags.h"
#include "dialect/Spec/Fields.h"
#include "tools/lla/Range.h"
#include "tools/lla/Suites.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include <algorithm>
#include <fmt/format.h>

using nlohmann::json;

namespace lla {
namespace {

enum class FlagKind { Text, Number, Count };
struct ProblemFlag {
  const char *field;
  FlagKind kind;
  const char *help;
};
constexpr ProblemFlag flags[] = {
    {"mode", FlagKind::Text, "decode, prefill, or merge: join the results of shards of the keys (default: decode)"},
    {"batch", FlagKind::Count, "sequences (default: 1); counts may be ranges: 1:64:2x, 1,32"},
    {"context", FlagKind::Count, "keys per sequence"},
    {"query_heads", FlagKind::Count, "heads of q, r and o, a multiple of kv-heads (default: 1)"},
    {"kv_heads", FlagKind::Count, "heads of k and v (default: query-heads)"},
    {"query_length", FlagKind::Count, "query rows per sequence (default: context in prefill, else 1)"},
    {"shards", FlagKind::Count, "of a merge: partial results that each row has"},
    {"head_dim", FlagKind::Count, "a multiple of 8 in 16..256"},
    {"dtype", FlagKind::Text, "bf16, fp16 or fp32 (default: bf16)"},
    {"output_dtype", FlagKind::Text, "of o: that of dtype, or fp32 (default: dtype)"},
    {"kv_dtype", FlagKind::Text,
     "of k and v: that of dtype, or fp8_e4m3 with scales; head-dim is then a multiple of 16, and kernels load into "
     "registers, in prefill too (default: dtype)"},
    {"probe", FlagKind::Text, "given, or none: softmax attention (default: given)"},
    {"window", FlagKind::Count, "keys that a row sees, its own included; implies causal (default: all)"},
    {"scale", FlagKind::Number, "softmax scale (default: 1/sqrt(head-dim))"},
    {"layout", FlagKind::Text, "bshd or bhsd (default: bshd)"},
    {"page_size", FlagKind::Count, "keys of a page of k and v, >= 8; 0: contiguous keys (default: 0)"},
};

std::string flagName(const char *field) {
  std::string name = std::string("--") + field;
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

/// A number as such, anything else, one that no double holds included, as text: the field's reader tells what it wants.
json numberOrText(llvm::StringRef text) {
  json value = json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  return value.is_number() && !vanishes(text, value.get<double>()) ? value : json(text.str());
}

/// The JSON values that a flag stands for.
llvm::Expected<std::vector<json>> valuesOf(const ProblemFlag &flag, llvm::StringRef text) {
  if (flag.kind == FlagKind::Text)
    return std::vector<json>{text.str()};
  if (flag.kind == FlagKind::Number || !isRange(text))
    return std::vector<json>{numberOrText(text)};
  llvm::Expected<std::vector<int64_t>> counts = expandRange(flag.field, text);
  if (!counts)
    return counts.takeError();
  return std::vector<json>(counts->begin(), counts->end());
}

/// A problem, or a line of LLA_CAPTURE's file, which has it as `problem` beside how often it was asked for.
llvm::Expected<Problem> parseLine(llvm::StringRef line) {
  json value = json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
  if (!value.is_object() || !value.contains("problem"))
    return parseProblem(line);
  FieldReader reader("captured problem", line);
  Problem problem;
  uint64_t count = 0;
  reader.nested("problem", problem, readProblem);
  reader.natural("count", count);
  if (llvm::Error error = reader.finish())
    return error;
  return problem;
}

llvm::Expected<std::vector<Problem>> readLines(const std::string &path, bool isOneProblem) {
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(path);
  if (!buffer)
    return fieldError(path, "a readable file", buffer.getError().message());
  llvm::StringRef text = (*buffer)->getBuffer();
  llvm::SmallVector<llvm::StringRef> lines;
  if (isOneProblem)
    lines.push_back(text);
  else
    text.split(lines, '\n');
  std::vector<Problem> problems;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!isOneProblem && lines[i].trim().empty())
      continue;
    llvm::Expected<Problem> problem = parseLine(lines[i]);
    if (!problem)
      return llvm::createStringError(path + (isOneProblem ? "" : fmt::format(":{}", i + 1)) + ": " +
                                     llvm::toString(problem.takeError()));
    problems.push_back(*problem);
  }
  if (problems.empty())
    return fieldError(path, "problems, one a line", "none");
  return problems;
}

/// Every combination of the flags' values over `defaults`.
llvm::Expected<std::vector<Problem>> combine(const ProblemFlags &given, const json &defaults) {
  std::vector<json> objects = {defaults};
  for (auto [field, isGiven] : {std::pair{"causal", given.causal},
                                {"state", given.state},
                                {"ragged", given.ragged},
                                {"packed_queries", given.packedQueries},
                                {"packed_keys", given.packedKeys}})
    if (isGiven)
      objects.front()[field] = true;
  for (const ProblemFlag &flag : flags) {
    auto entry = given.values.find(flag.field);
    if (entry == given.values.end())
      continue;
    llvm::Expected<std::vector<json>> values = valuesOf(flag, entry->second);
    if (!values)
      return values.takeError();
    constexpr size_t mostProblems = 65536;
    if (objects.size() * values->size() > mostProblems)
      return fieldError(flag.field, "at most 65536 problems in all", "more");
    std::vector<json> grown;
    for (const json &object : objects)
      for (const json &value : *values) {
        grown.push_back(object);
        grown.back()[flag.field] = value;
      }
    objects = std::move(grown);
  }
  std::vector<Problem> problems;
  for (const json &object : objects) {
    llvm::Expected<Problem> problem = parseProblem(object.dump(-1, ' ', true, json::error_handler_t::replace));
    if (!problem)
      return problem.takeError();
    problems.push_back(*problem);
  }
  return problems;
}

llvm::Expected<Problem> single(llvm::Expected<std::vector<Problem>> problems) {
  if (!problems)
    return problems.takeError();
  if (problems->size() != 1)
    return fieldError("problem", "one", std::to_string(problems->size()));
  return problems->front();
}

} // namespace

void ProblemFlags::addTo(CLI::App &command) {
  for (const ProblemFlag &flag : flags)
    command
        .add_option_function<std::string>(
            flagName(flag.field), [this, field = flag.field](const std::string &text) { values[field] = text; },
            flag.help)
        ->group("Problem");
  command.add_flag("--causal", causal, "rows see no later key, aligned at the end")->group("Problem");
  command.add_flag("--state", state, "lse, tbar and vbar of each row are outputs too, in fp32")->group("Problem");
  command
      .add_flag("--ragged", ragged,
                "each sequence has a length of its own, at most context, and a first valid key; random ones in tests")
      ->group("Problem");
  command
      .add_flag("--packed-queries", packedQueries,
                "q, r and o have the rows of all sequences one behind the other, at most query-length each, where "
                "cu_seqlens_q says; implies --ragged")
      ->group("Problem");
  command.add_flag("--packed-keys", packedKeys, "likewise k and v, by cu_seqlens_k, at most context")->group("Problem");
  command.add_option("--problem", problemFile, "a JSON file with these names ('_' for '-') instead; '-' reads stdin")
      ->type_name("FILE")
      ->group("Problem");
  command.add_option("--problems", problemsFile, "likewise, a problem on each line; also what LLA_CAPTURE wrote")
      ->type_name("FILE")
      ->group("Problem");
  command.add_option("--suite", suiteName, "the problems of a table instead: " + suiteNames())->group("Problem");
  command.add_option("--part", part, "N/M: of each M of the problems the Nth, for work in several runs")
      ->type_name("N/M")
      ->group("Problem");
}

llvm::Expected<std::vector<Problem>> ProblemFlags::problems() const {
  llvm::Expected<std::vector<Problem>> all = allProblems();
  if (!all || part.empty())
    return all;
  auto [number, count] = llvm::StringRef(part).split('/');
  size_t which = 0, parts = 0;
  if (number.getAsInteger(10, which) || count.getAsInteger(10, parts) || which < 1 || which > parts)
    return fieldError("part", "N/M with 1 <= N <= M", '"' + part + '"');
  std::vector<Problem> chosen;
  for (size_t i = which - 1; i < all->size(); i += parts)
    chosen.push_back((*all)[i]);
  if (chosen.empty())
    return fieldError("part", fmt::format("at most {} parts", all->size()), part);
  return chosen;
}

llvm::Expected<std::vector<Problem>> ProblemFlags::allProblems() const {
  bool hasFlags = causal || state || ragged || packedQueries || packedKeys || !values.empty();
  if (hasFlags + !problemFile.empty() + !problemsFile.empty() + !suiteName.empty() > 1)
    return fieldError("problem", "one of: flags, --problem, --problems, --suite", "several");
  if (!suiteName.empty())
    return suite(suiteName);
  if (!problemFile.empty())
    return readLines(problemFile, /*isOneProblem=*/true);
  if (!problemsFile.empty())
    return readLines(problemsFile, /*isOneProblem=*/false);
  return combine(*this, json::object());
}

llvm::Expected<Problem> ProblemFlags::problem() const { return single(problems()); }

llvm::Expected<Problem> ProblemFlags::problem(const json &defaults) const {
  if (!problemFile.empty() || !problemsFile.empty() || !suiteName.empty())
    return problem();
  return single(combine(*this, defaults));
}

std::string titleOf(const Problem &problem) {
  std::string heads = std::to_string(problem.queryHeads);
  if (problem.kvHeads != problem.queryHeads)
    heads += fmt::format("/{}", problem.kvHeads);
  std::string title =
      fmt::format("{} B={} H={} {}={} D={} {}", name(problem.mode).str(), problem.batch, heads,
                  problem.isMerge() ? "shards" : "L", problem.foldLength(), problem.headDim, name(problem.dtype).str());
  if (problem.outputDtype)
    title += " to " + name(*problem.outputDtype).str();
  if (problem.kvDtype)
    title += " kv=" + name(*problem.kvDtype).str();
  if (problem.queryLength != (problem.mode == Mode::Prefill ? problem.context : 1))
    title += fmt::format(" rows={}", problem.queryLength);
  if (problem.window)
    title += fmt::format(" window={}", problem.window);
  else if (problem.causal)
    title += " causal";
  if (!problem.hasProbe())
    title += " softmax";
  if (problem.layout != Layout::BSHD)
    title += " " + name(problem.layout).str();
  if (problem.state && !problem.isMerge())
    title += " state";
  if (problem.ragged)
    title += " ragged";
  if (problem.packedQueries || problem.packedKeys)
    title += fmt::format(" packed={}{}", problem.packedQueries ? "q" : "", problem.packedKeys ? "k" : "");
  if (problem.pageSize)
    title += fmt::format(" pages={}", problem.pageSize);
  return title;
}

} // namespace lla
