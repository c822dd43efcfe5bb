//===- LLADialect.cpp - attributes and types of the mathematics -----------===//

#include "dialect/LLA/LLADialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace lla;

#include "dialect/LLA/LLADialect.cpp.inc"
#include "dialect/LLA/LLAEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialect/LLA/LLAAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialect/LLA/LLATypes.cpp.inc"

void LLADialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialect/LLA/LLAAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialect/LLA/LLATypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialect/LLA/LLAOps.cpp.inc"
      >();
}

llvm::hash_code lla::hash_value(const Problem &value) { return llvm::hash_value(toJson(value)); }
llvm::hash_code lla::hash_value(const Target &value) { return llvm::hash_value(toJson(value)); }
llvm::hash_code lla::hash_value(const Schedule &value) { return llvm::hash_value(toText(value)); }

//===----------------------------------------------------------------------===//
// Attributes: `name = value` lists over the vocabulary's canonical JSON
//===----------------------------------------------------------------------===//

/// Prints the fields of a flat JSON object as `<name = value, ...>`.
static void printFields(AsmPrinter &printer, llvm::StringRef json) {
  llvm::Expected<llvm::json::Value> value = llvm::json::parse(json);
  if (!value)
    return llvm::consumeError(value.takeError());
  printer << "<";
  llvm::interleaveComma(*value->getAsObject(), printer.getStream(), [&](const auto &field) {
    printer.getStream() << field.first.str() << " = " << field.second;
  });
  printer << ">";
}

/// Parses `<name = value, ...>` into a flat JSON object's text.
static FailureOr<std::string> parseFields(AsmParser &parser) {
  llvm::json::Object object;
  auto parseField = [&]() -> ParseResult {
    std::string name, text;
    double number;
    int64_t integer;
    if (parser.parseKeywordOrString(&name) || parser.parseEqual())
      return failure();
    if (succeeded(parser.parseOptionalKeyword("true"))) {
      object[name] = true;
    } else if (succeeded(parser.parseOptionalKeyword("false"))) {
      object[name] = false;
    } else if (OptionalParseResult integral = parser.parseOptionalInteger(integer); integral.has_value()) {
      if (succeeded(*integral))
        object[name] = integer;
      return *integral;
    } else if (succeeded(parser.parseOptionalString(&text)) || succeeded(parser.parseOptionalKeywordOrString(&text))) {
      object[name] = text;
    } else if (succeeded(parser.parseFloat(number))) {
      object[name] = number;
    } else {
      return failure();
    }
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater, parseField))
    return failure();
  std::string json;
  llvm::raw_string_ostream(json) << llvm::json::Value(std::move(object));
  return json;
}

template <typename AttrT, typename ParseFn> static Attribute parseFieldAttr(AsmParser &parser, ParseFn parse) {
  llvm::SMLoc loc = parser.getCurrentLocation();
  FailureOr<std::string> json = parseFields(parser);
  if (failed(json))
    return {};
  auto value = parse(*json);
  if (!value) {
    parser.emitError(loc) << llvm::toString(value.takeError());
    return {};
  }
  return AttrT::get(parser.getContext(), *value);
}

Attribute ProblemAttr::parse(AsmParser &parser, Type) { return parseFieldAttr<ProblemAttr>(parser, parseProblem); }
void ProblemAttr::print(AsmPrinter &printer) const { printFields(printer, toJson(getValue())); }
Attribute TargetAttr::parse(AsmParser &parser, Type) { return parseFieldAttr<TargetAttr>(parser, parseTarget); }
void TargetAttr::print(AsmPrinter &printer) const { printFields(printer, toJson(getValue())); }
Attribute ScheduleAttr::parse(AsmParser &parser, Type) { return parseFieldAttr<ScheduleAttr>(parser, parseSchedule); }
void ScheduleAttr::print(AsmPrinter &printer) const { printFields(printer, toJson(getValue())); }

//===----------------------------------------------------------------------===//
// !lla.state<dim, probe, unmerged = [axis, ...]>
//===----------------------------------------------------------------------===//

Type StateType::parse(AsmParser &parser) {
  int64_t dim;
  bool probe = false;
  SmallVector<SplitAxis> unmerged;
  auto parseAxis = [&]() -> ParseResult {
    llvm::StringRef keyword;
    if (parser.parseKeyword(&keyword))
      return failure();
    std::optional<SplitAxis> axis = symbolizeSplitAxis(keyword);
    if (!axis)
      return parser.emitError(parser.getCurrentLocation(), "expected warps or grid");
    unmerged.push_back(*axis);
    return success();
  };
  if (parser.parseLess() || parser.parseInteger(dim))
    return {};
  while (succeeded(parser.parseOptionalComma())) {
    if (succeeded(parser.parseOptionalKeyword("probe")))
      probe = true;
    else if (parser.parseKeyword("unmerged") || parser.parseEqual() ||
             parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseAxis))
      return {};
  }
  if (parser.parseGreater())
    return {};
  return StateType::get(parser.getContext(), dim, probe, unmerged);
}

void StateType::print(AsmPrinter &printer) const {
  printer << "<" << getDim() << (getProbe() ? ", probe" : "");
  if (!getUnmerged().empty()) {
    printer << ", unmerged = [";
    llvm::interleaveComma(getUnmerged(), printer.getStream(),
                          [&](SplitAxis axis) { printer << stringifySplitAxis(axis); });
    printer << "]";
  }
  printer << ">";
}
