//===- Safetensors.cpp - named tensors in a file --------------------------===//

#include "runtime/Safetensors.h"
#include "dialect/Spec/Fields.h"
#include "runtime/RuntimeError.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <set>

using nlohmann::json;

namespace lla {
namespace {

constexpr NamedValue<StoredType> dtypeNames[] = {
    {StoredType::F32, "F32"},
    {StoredType::F16, "F16"},
    {StoredType::BF16, "BF16"},
    {StoredType::F8E4M3, "F8_E4M3"},
    {StoredType::I32, "I32"}};
constexpr NamedValue<StoredType> numpyNames[] = {
    {StoredType::F32, "<f4"}, {StoredType::F16, "<f2"}, {StoredType::I32, "<i4"}};
constexpr uint64_t lengthBytes = 8;
/// The format's own limit.
constexpr uint64_t mostHeaderBytes = 100'000'000;
constexpr const char *metadataName = "__metadata__";

/// Ends the reading of a file; leaves this file as an llvm::Error.
struct Malformed {
  std::string text;
};

[[noreturn]] void reject(const std::string &where, const std::string &expected, const std::string &got) {
  throw Malformed{fmt::format("{}: expected {}, got {}", where, expected, got)};
}

int64_t countOf(const json &value, const std::string &where) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
    reject(where, "an integer >= 0", value.is_structured() ? value.type_name() : value.dump());
  return value.get<int64_t>();
}

const json &memberOf(const json &object, const char *name, const std::string &where) {
  auto member = object.find(name);
  if (member == object.end())
    reject(where + "." + name, "a value", "nothing");
  return *member;
}

/// Elements of a shape times bytes of each; rejects what does not fit 63 bits.
int64_t bytesOf(const StoredTensor &tensor, const std::string &where) {
  int64_t bytes = elementBytes(tensor.dtype);
  for (int64_t size : tensor.shape)
    if (__builtin_mul_overflow(bytes, size, &bytes))
      reject(where + ".shape", "fewer than 2^63 bytes", "more");
  return bytes;
}

struct Extent {
  int64_t begin, end;
  std::string name;
};

StoredTensor tensorOf(const std::string &name, const json &entry, llvm::StringRef data, std::vector<Extent> &extents) {
  if (!entry.is_object())
    reject(name, "an object", entry.type_name());
  for (const auto &[field, value] : entry.items())
    if (field != "dtype" && field != "shape" && field != "data_offsets")
      reject(name + "." + field, "dtype, shape or data_offsets", "an unknown field");
  StoredTensor tensor;
  const json &dtype = memberOf(entry, "dtype", name);
  std::optional<StoredType> known =
      dtype.is_string() ? valueIn(dtypeNames, dtype.get<std::string>()) : std::optional<StoredType>();
  if (!known)
    reject(name + ".dtype", namesIn(dtypeNames), dtype.is_structured() ? dtype.type_name() : dtype.dump());
  tensor.dtype = *known;
  const json &shape = memberOf(entry, "shape", name), &offsets = memberOf(entry, "data_offsets", name);
  if (!shape.is_array())
    reject(name + ".shape", "an array", shape.type_name());
  for (const json &size : shape)
    tensor.shape.push_back(countOf(size, name + ".shape"));
  if (!offsets.is_array() || offsets.size() != 2)
    reject(name + ".data_offsets", "two offsets", offsets.is_array() ? std::to_string(offsets.size()) : "no array");
  int64_t begin = countOf(offsets[0], name + ".data_offsets"), end = countOf(offsets[1], name + ".data_offsets");
  if (begin > end || end > static_cast<int64_t>(data.size()))
    reject(name + ".data_offsets", fmt::format("a range within the file's {} data bytes", data.size()),
           fmt::format("[{}, {})", begin, end));
  if (int64_t bytes = bytesOf(tensor, name); bytes != end - begin)
    reject(name + ".shape", fmt::format("a shape of {} bytes as in data_offsets", end - begin),
           fmt::format("one of {}", bytes));
  tensor.bytes = data.substr(begin, end - begin);
  extents.push_back({begin, end, name});
  return tensor;
}

/// The format wants the data without overlaps and holes.
void checkExtents(std::vector<Extent> extents, int64_t dataBytes) {
  std::sort(extents.begin(), extents.end(),
            [](const Extent &a, const Extent &b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
  int64_t reached = 0;
  for (const Extent &extent : extents) {
    if (extent.begin != reached)
      reject(extent.name + ".data_offsets", fmt::format("to begin at {}, where the tensor before it ends", reached),
             std::to_string(extent.begin));
    reached = extent.end;
  }
  if (reached != dataBytes)
    reject("file", fmt::format("to end with its last tensor, {} data bytes", reached), std::to_string(dataBytes));
}

/// nlohmann/json keeps the last of two members of one name; here that is an error.
json parseHeader(llvm::StringRef text) {
  std::vector<std::set<std::string>> seen;
  auto watch = [&](int depth, json::parse_event_t event, json &parsed) {
    if (depth > 8)
      reject("header", "at most 8 nested levels", "more");
    if (event == json::parse_event_t::object_start)
      seen.emplace_back();
    else if (event == json::parse_event_t::object_end)
      seen.pop_back();
    else if (event == json::parse_event_t::key && !seen.back().insert(parsed.get<std::string>()).second)
      reject(parsed.get<std::string>(), "one entry", "two");
    return true;
  };
  json header = json::parse(text.begin(), text.end(), watch);
  if (!header.is_object())
    reject("header", "a JSON object", header.type_name());
  return header;
}

StoredTensors readSafetensors(llvm::StringRef contents) {
  if (contents.size() < lengthBytes)
    reject("file", "at least 8 bytes", std::to_string(contents.size()));
  uint64_t headerBytes = llvm::support::endian::read64le(contents.data());
  if (headerBytes > mostHeaderBytes || headerBytes > contents.size() - lengthBytes)
    reject("header", fmt::format("at most the {} bytes that follow", contents.size() - lengthBytes),
           std::to_string(headerBytes));
  json header = parseHeader(contents.substr(lengthBytes, headerBytes));
  llvm::StringRef data = contents.substr(lengthBytes + headerBytes);
  StoredTensors tensors;
  std::vector<Extent> extents;
  for (const auto &[name, entry] : header.items())
    if (name != metadataName)
      tensors.emplace(name, tensorOf(name, entry, data, extents));
  checkExtents(std::move(extents), data.size());
  return tensors;
}

//===--- NumPy ---------------------------------------------------------------===//

constexpr llvm::StringLiteral npyMagic = "\x93NUMPY";

/// The text after 'key': in NumPy's header, which is a Python dictionary in one fixed form.
llvm::StringRef npyField(llvm::StringRef header, const std::string &key) {
  size_t at = header.find("'" + key + "':");
  if (at == llvm::StringRef::npos)
    reject(key, "a value", "nothing");
  return header.substr(at + key.size() + 3).ltrim();
}

StoredTensor readNpy(llvm::StringRef contents) {
  if (!contents.starts_with(npyMagic) || contents.size() < 12)
    reject("file", "a NumPy file", "something else");
  unsigned version = static_cast<uint8_t>(contents[6]);
  if (version < 1 || version > 3)
    reject("version", "1 to 3", std::to_string(version));
  size_t lengthSize = version == 1 ? 2 : 4;
  size_t length = version == 1 ? llvm::support::endian::read16le(contents.data() + 8)
                               : llvm::support::endian::read32le(contents.data() + 8);
  if (length > contents.size() - 8 - lengthSize)
    reject("header", fmt::format("at most the {} bytes that follow", contents.size() - 8 - lengthSize),
           std::to_string(length));
  llvm::StringRef header = contents.substr(8 + lengthSize, length);
  StoredTensor tensor;
  llvm::StringRef descr = npyField(header, "descr").take_until([](char c) { return c == ','; });
  std::optional<StoredType> known = valueIn(numpyNames, descr.trim('\''));
  if (!known)
    reject("descr", namesIn(numpyNames), descr.str());
  tensor.dtype = *known;
  if (!npyField(header, "fortran_order").starts_with("False"))
    reject("fortran_order", "False", "another order");
  llvm::StringRef shape = npyField(header, "shape");
  if (!shape.consume_front("(") || !shape.contains(')'))
    reject("shape", "sizes in parentheses", shape.str());
  for (llvm::StringRef size : llvm::split(shape.take_until([](char c) { return c == ')'; }), ',')) {
    int64_t value = 0;
    if (size.trim().empty())
      continue;
    if (size.trim().getAsInteger(10, value) || value < 0)
      reject("shape", "integers >= 0", size.str());
    tensor.shape.push_back(value);
  }
  tensor.bytes = contents.substr(8 + lengthSize + length);
  if (int64_t bytes = bytesOf(tensor, "file"); bytes != static_cast<int64_t>(tensor.bytes.size()))
    reject("data", fmt::format("{} bytes as the shape says", bytes), std::to_string(tensor.bytes.size()));
  return tensor;
}

template <class Type, class Read> llvm::Expected<Type> guarded(const char *format, Read read) {
  try {
    return read();
  } catch (const Malformed &fault) {
    return failure(FailureKind::Usage, fmt::format("{}: {}", format, fault.text));
  } catch (const json::exception &fault) {
    return failure(FailureKind::Usage, fmt::format("{}: header: expected a JSON object, got text that is not valid "
                                                   "JSON: {}",
                                                   format, llvm::StringRef(fault.what()).split("] ").second.str()));
  }
}

} // namespace

llvm::StringRef name(StoredType type) {
  std::optional<ElementType> element = elementType(type);
  return element ? name(*element) : "int32";
}

StoredType storedType(ElementType type) {
  switch (type) {
  case ElementType::F32:
    return StoredType::F32;
  case ElementType::F16:
    return StoredType::F16;
  case ElementType::BF16:
    return StoredType::BF16;
  case ElementType::F8E4M3:
    return StoredType::F8E4M3;
  }
  return StoredType::F32;
}

std::optional<ElementType> elementType(StoredType type) {
  for (ElementType element : {ElementType::F32, ElementType::F16, ElementType::BF16, ElementType::F8E4M3})
    if (storedType(element) == type)
      return element;
  return std::nullopt;
}

int64_t elementBytes(StoredType type) {
  std::optional<ElementType> element = elementType(type);
  return element ? elementBytes(*element) : static_cast<int64_t>(sizeof(int32_t));
}

llvm::Expected<StoredTensors> parseSafetensors(llvm::StringRef contents) {
  return guarded<StoredTensors>("safetensors", [&] { return readSafetensors(contents); });
}

llvm::Expected<StoredTensor> parseNpy(llvm::StringRef contents) {
  return guarded<StoredTensor>("npy", [&] { return readNpy(contents); });
}

llvm::Expected<TensorFile> TensorFile::open(const std::string &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return failure(FailureKind::Usage,
                   fmt::format("{}: expected a readable file, got: {}", path, buffer.getError().message()));
  TensorFile file;
  file.path = path;
  file.buffer = std::move(*buffer);
  llvm::StringRef contents = file.buffer->getBuffer();
  auto inFile = [&](llvm::Error error) {
    return failure(FailureKind::Usage, fmt::format("{}: {}", path, llvm::toString(std::move(error))));
  };
  if (contents.starts_with(npyMagic)) {
    llvm::Expected<StoredTensor> tensor = parseNpy(contents);
    if (!tensor)
      return inFile(tensor.takeError());
    file.found.emplace(llvm::sys::path::stem(path).str(), std::move(*tensor));
    return file;
  }
  llvm::Expected<StoredTensors> tensors = parseSafetensors(contents);
  if (!tensors)
    return inFile(tensors.takeError());
  file.found = std::move(*tensors);
  return file;
}

llvm::Expected<StoredTensor> TensorFile::tensor(llvm::StringRef name) const {
  if (auto entry = found.find(name.str()); entry != found.end())
    return entry->second;
  std::string names;
  for (const auto &[present, tensor] : found)
    names += (names.empty() ? "" : ", ") + present;
  return failure(FailureKind::Usage,
                 fmt::format("{}: expected a tensor {}, got {}", path, name.str(), names.empty() ? "none" : names));
}

llvm::Error writeSafetensors(const std::string &path, const StoredTensors &tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  size_t offset = 0;
  for (const auto &[name, tensor] : tensors) {
    header[name] = {{"dtype", nameIn(dtypeNames, tensor.dtype).str()},
                    {"shape", tensor.shape},
                    {"data_offsets", {offset, offset + tensor.bytes.size()}}};
    offset += tensor.bytes.size();
  }
  std::string text = header.dump(-1, ' ', false, json::error_handler_t::replace);
  text.append((lengthBytes - text.size() % lengthBytes) % lengthBytes, ' '); // Aligns the data.
  char length[lengthBytes];
  llvm::support::endian::write64le(length, text.size());
  return withKind(FailureKind::Usage, llvm::writeToOutput(path, [&](llvm::raw_ostream &stream) {
                    stream << llvm::StringRef(length, lengthBytes) << text;
                    for (const auto &[name, tensor] : tensors)
                      stream << tensor.bytes;
                    return llvm::Error::success();
                  }));
}

llvm::Error writeNpy(const std::string &path, const StoredTensor &tensor) {
  if (tensor.dtype == StoredType::BF16)
    return failure(FailureKind::Usage, fmt::format("{}: expected a dtype that NumPy has, got bf16", path));
  std::string shape;
  for (int64_t size : tensor.shape)
    shape += std::to_string(size) + ",";
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}",
                  nameIn(numpyNames, tensor.dtype).str(), shape);
  constexpr size_t alignment = 64, before = 10;
  header.append(alignment - 1 - (before + header.size()) % alignment, ' ');
  header += '\n';
  char length[2];
  llvm::support::endian::write16le(length, static_cast<uint16_t>(header.size()));
  return withKind(FailureKind::Usage, llvm::writeToOutput(path, [&](llvm::raw_ostream &stream) {
                    stream << npyMagic << '\x01' << '\x00' << llvm::StringRef(length, 2) << header << tensor.bytes;
                    return llvm::Error::success();
                  }));
}

} // namespace lla
