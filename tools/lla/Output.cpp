//===- Output.cpp - what a command prints, and how ------------------------===//

#include "tools/lla/Output.h"
#include "dialect/Spec/Fields.h"
#include "runtime/RuntimeError.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

namespace lla {
namespace {

constexpr NamedValue<OutputForm> formNames[] = {{OutputForm::Text, "text"}, {OutputForm::Json, "json"},
                                                {OutputForm::Csv, "csv"},   {OutputForm::Markdown, "markdown"},
                                                {OutputForm::T1, "t1"},     {OutputForm::T4, "t4"}};

} // namespace

void addOutputFlag(CLI::App &command, OutputForm &form, std::vector<OutputForm> forms) {
  std::vector<std::string> names;
  for (OutputForm each : forms)
    names.push_back(nameIn(formNames, each).str());
  command
      .add_option_function<std::string>(
          "--output", [&form](const std::string &text) { form = *valueIn(formNames, text); },
          "form of the results on standard output (default: text)")
      ->check(CLI::IsMember(names));
}

void print(llvm::StringRef text) { llvm::outs() << text; }

void printJson(const nlohmann::ordered_json &value) {
  print(value.dump(2, ' ', /*ensure_ascii=*/false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

llvm::Error writeWhole(const std::string &path, llvm::StringRef content) {
  if (path == "-") {
    print(content);
    return llvm::Error::success();
  }
  if (llvm::StringRef folder = llvm::sys::path::parent_path(path); !folder.empty())
    if (std::error_code error = llvm::sys::fs::create_directories(folder))
      return fieldError(folder, "a folder that can be made", error.message());
  llvm::Error error = llvm::writeToOutput(path, [&](llvm::raw_ostream &stream) {
    stream << content;
    return llvm::Error::success();
  });
  if (!error)
    return error;
  return fieldError(path, "a file that can be written", llvm::toString(std::move(error)));
}

} // namespace lla
