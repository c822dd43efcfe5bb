//===- LLADialect.cpp - attributes and types of the mathematics -----------===//

#include "dialect/LLA/LLADialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"
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

Type lla::builtinType(MLIRContext *context, ElementType type) {
  switch (type) {
  case ElementType::F32:
    return Float32Type::get(context);
  case ElementType::BF16:
    return BFloat16Type::get(context);
  case ElementType::F16:
    return Float16Type::get(context);
  case ElementType::F8E4M3:
    return Float8E4M3FNType::get(context);
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Attributes: `name = value` lists over the vocabulary's canonical JSON
//===----------------------------------------------------------------------===//

/// Prints the fields of a flat JSON object, in its order, as `<name = value, ...>`.
static void printFields(AsmPrinter &printer, llvm::StringRef json) {
  llvm::Expected<llvm::json::Value> value = llvm::json::parse(json);
  if (!value)
    return llvm::consumeError(value.takeError());
  using Field = const llvm::json::Object::value_type *;
  auto place = [&](Field field) { return json.find("\"" + field->first.str() + "\":"); };
  llvm::SmallVector<Field> fields;
  for (const auto &field : *value->getAsObject())
    fields.push_back(&field);
  llvm::sort(fields, [&](Field x, Field y) { return place(x) < place(y); });
  printer << "<";
  llvm::interleaveComma(fields, printer.getStream(), [&](Field field) {
    std::string text = llvm::formatv("{0}", field->second);
    size_t exponent = text.find('e'); // MLIR reads `1.0e+22`, not `1e+22`.
    if (field->second.getAsNumber() && exponent != std::string::npos && !llvm::StringRef(text).contains('.'))
      text.insert(exponent, ".0");
    printer.getStream() << field->first.str() << " = " << text;
  });
  printer << ">";
}

/// A number with its sign: an integer where the text is one.
static FailureOr<llvm::json::Value> parseNumber(AsmParser &parser) {
  llvm::SMLoc loc = parser.getCurrentLocation();
  Attribute number;
  if (parser.parseAttribute(number))
    return failure();
  if (auto real = dyn_cast<FloatAttr>(number))
    return llvm::json::Value(real.getValueAsDouble());
  if (auto integer = dyn_cast<IntegerAttr>(number))
    if (std::optional<int64_t> value = integer.getValue().trySExtValue())
      return llvm::json::Value(*value);
  return parser.emitError(loc, "expected a number, a word or a string");
}

/// Parses `<name = value, ...>` into a flat JSON object's text.
static FailureOr<std::string> parseFields(AsmParser &parser) {
  llvm::json::Object object;
  auto parseField = [&]() -> ParseResult {
    std::string name, text;
    if (parser.parseKeywordOrString(&name) || parser.parseEqual())
      return failure();
    if (succeeded(parser.parseOptionalKeyword("true"))) {
      object[name] = true;
    } else if (succeeded(parser.parseOptionalKeyword("false"))) {
      object[name] = false;
    } else if (succeeded(parser.parseOptionalKeywordOrString(&text))) {
      object[name] = text;
    } else {
      FailureOr<llvm::json::Value> number = parseNumber(parser);
      if (failed(number))
        return failure();
      object[name] = std::move(*number);
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
// Types
//===----------------------------------------------------------------------===//

static LogicalResult verifyDim(llvm::function_ref<InFlightDiagnostic()> emitError, int64_t dim) {
  if (dim >= 16 && dim <= 256 && dim % 8 == 0)
    return success();
  return emitError() << "expected dim to be a multiple of 8 in 16..256, got " << dim;
}

LogicalResult StateType::verify(llvm::function_ref<InFlightDiagnostic()> emitError, int64_t dim, bool probe,
                                llvm::ArrayRef<SplitAxis> unmerged) {
  for (auto [axis, next] : llvm::zip(unmerged, unmerged.drop_front(unmerged.empty() ? 0 : 1)))
    if (axis >= next)
      return emitError() << "expected each split axis at most once, in the order warps, cluster, grid";
  return verifyDim(emitError, dim);
}

LogicalResult RowsType::verify(llvm::function_ref<InFlightDiagnostic()> emitError, Type elementType, int64_t dim,
                               int64_t group, Packing packing) {
  if (!elementType.isF32() && !elementType.isBF16() && !elementType.isF16())
    return emitError() << "expected f32, bf16 or f16 elements, got " << elementType;
  if (group < 1)
    return emitError() << "expected group >= 1, got " << group;
  return verifyDim(emitError, dim);
}

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
      return parser.emitError(parser.getCurrentLocation(), "expected warps, cluster or grid");
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
  return parser.getChecked<StateType>(parser.getContext(), dim, probe, unmerged);
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
