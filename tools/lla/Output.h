//===- Output.h - what a command prints, and how --------------------------===//
//
// Results go to standard output, in the form that --output asks for; progress and
// complaints go to standard error.
//
//===----------------------------------------------------------------------===//
#ifndef LLA_TOOLS_LLA_OUTPUT_H
#define LLA_TOOLS_LLA_OUTPUT_H

#include "dialect/Spec/Schedule.h"
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>

namespace lla {

enum class OutputForm { Text, Json, Csv, Markdown, T1, T4 };

/// --output with the forms that the command has, text among them.
void addOutputFlag(CLI::App &command, OutputForm &form, std::vector<OutputForm> forms);

/// To standard output; main reports what cannot be written.
void print(llvm::StringRef text);
void printJson(const nlohmann::ordered_json &value);

/// What has a canonical JSON text, as a value.
template <class Spec> nlohmann::ordered_json jsonOf(const Spec &spec) {
  return nlohmann::ordered_json::parse(toJson(spec));
}

/// A file that appears whole or not at all; "-" is standard output.
llvm::Error writeWhole(const std::string &path, llvm::StringRef content);

} // namespace lla
#endif
