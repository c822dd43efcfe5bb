//===- StoredArtifact.cpp - a compiled kernel as the cache sees it --------===//

#include "cache/StoredArtifact.h"
#include "dialect/Spec/Fields.h"

using nlohmann::ordered_json;

namespace lla {
namespace {

enum class Kind { Cubin, Ptx, Object };
constexpr NamedValue<Kind> kinds[] = {{Kind::Cubin, "cubin"}, {Kind::Ptx, "ptx"}, {Kind::Object, "o"}};

bool isObject(llvm::StringRef json) {
  return nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false).is_object();
}

} // namespace

llvm::Error checkArtifact(const StoredArtifact &artifact) {
  if (!valueIn(kinds, artifact.kind))
    return fieldError("kind", namesIn(kinds), '"' + artifact.kind + '"');
  if (artifact.bytes.empty())
    return fieldError("bytes", "a kernel", "nothing");
  if (!isObject(artifact.report))
    return fieldError("report", "a JSON object", '"' + artifact.report + '"');
  return llvm::Error::success();
}

ArtifactMeta metaOf(const Key &key, const StoredArtifact &artifact) {
  return {artifact.kind,          artifact.kernelName,
          artifact.report,        static_cast<int64_t>(artifact.bytes.size()),
          sha256(artifact.bytes), key};
}

std::string toJson(const ArtifactMeta &meta) {
  ordered_json object = {{"version", cacheSchema},
                         {"kind", meta.kind},
                         {"kernel", meta.kernelName},
                         {"bytes", meta.bytes},
                         {"sha256", meta.digest},
                         {"report", ordered_json::parse(meta.report)},
                         {"key", ordered_json::parse(meta.key.text())}};
  return object.dump(2, ' ', /*ensure_ascii=*/false, ordered_json::error_handler_t::replace) + "\n";
}

llvm::Expected<ArtifactMeta> parseArtifactMeta(llvm::StringRef json) {
  ArtifactMeta meta;
  FieldReader reader("artifact", json);
  Kind kind;
  std::string key = "{}";
  bool isWhole = reader.choice("kind", kind, kinds);
  isWhole &= reader.text("kernel", meta.kernelName);
  isWhole &= reader.integer("bytes", meta.bytes);
  isWhole &= reader.text("sha256", meta.digest);
  isWhole &= reader.object("report", meta.report);
  isWhole &= reader.object("key", key);
  if (!isWhole)
    reader.fail("artifact", "kind, kernel, bytes, sha256, report and key", "not all of them");
  if (llvm::Error error = reader.finish())
    return error;
  meta.kind = nameIn(kinds, kind).str();
  llvm::Expected<Key> parsed = Key::parse(key);
  if (!parsed)
    return parsed.takeError();
  meta.key = std::move(*parsed);
  return meta;
}

} // namespace lla
