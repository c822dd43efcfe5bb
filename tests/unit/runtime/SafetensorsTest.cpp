//===- SafetensorsTest.cpp - named tensors in a file ----------------------===//

#include "runtime/Safetensors.h"
#include "FakeKernels.h"
#include "llvm/Support/FileSystem.h"
#include <random>

using namespace lla;

namespace {

std::string file(const std::string &header, size_t dataBytes) {
  std::string text(8, 0);
  for (int i = 0; i < 8; ++i)
    text[i] = static_cast<char>(header.size() >> (8 * i));
  return text + header + std::string(dataBytes, 'x');
}

std::string goodFile() {
  return file(
      R"({"__metadata__":{"format":"pt"},"q":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
      R"("k":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},)"
      R"("s":{"dtype":"F16","shape":[],"data_offsets":[32,34]}})",
      34);
}

TEST(Safetensors, ReadsWhatIsThere) {
  std::string text = goodFile();
  llvm::Expected<StoredTensors> tensors = parseSafetensors(text);
  ASSERT_TRUE(bool(tensors));
  ASSERT_EQ(tensors->size(), 3u);
  EXPECT_EQ((*tensors)["q"].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ((*tensors)["k"].dtype, StoredType::BF16);
  EXPECT_EQ((*tensors)["k"].bytes.size(), 8u);
  EXPECT_TRUE((*tensors)["s"].shape.empty());
}

TEST(Safetensors, EachContradictionIsNamed) {
  struct {
    std::string header;
    size_t bytes;
    const char *message;
  } cases[] = {
      {R"({"q":{"dtype":"F32","shape":[2],"data_offsets":[0,12]}})", 12, "q.shape: expected a shape of 12 bytes"},
      {R"({"q":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})", 8,
       "q.dtype: expected F32|F16|BF16|F8_E4M3|I32, got \"F64\""},
      {R"({"q":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 7, "q.data_offsets: expected a range within"},
      {R"({"q":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8, "q.data_offsets"},
      {R"({"q":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"r":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
       8, "r.data_offsets: expected to begin at 8"},
      {R"({"q":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8, "q.data_offsets: expected to begin at 0"},
      {R"({"q":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 8, "file: expected to end with its last tensor"},
      {R"({"q":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"q":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
       4, "q: expected one entry, got two"},
      {R"({"q":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "q.shape: expected an integer >= 0"},
      {R"({"q":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}})", 4, "q.shape: expected fewer"},
      {R"({"q":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", 4, "q.shape"},
      {R"({"q":{"dtype":"F32","shape":1,"data_offsets":[0,4]}})", 4, "q.shape: expected an array"},
      {R"({"q":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4, "q.data_offsets: expected two"},
      {R"({"q":{"dtype":"F32","shape":[1]}})", 4, "q.data_offsets: expected a value"},
      {R"({"q":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"extra":1}})", 4, "q.extra"},
      {R"({"q":7})", 0, "q: expected an object"},
      {R"([1])", 0, "header: expected a JSON object"},
      {R"({"q":)", 0, "header: expected a JSON object, got text that is not valid JSON: parse error at"},
  };
  for (auto &wrong : cases) {
    std::string text = textOf(parseSafetensors(file(wrong.header, wrong.bytes)));
    EXPECT_NE(text.find(wrong.message), std::string::npos) << wrong.header << "\n" << text;
  }
}

TEST(Safetensors, EveryTruncationIsAnError) {
  std::string good = goodFile();
  for (size_t length = 0; length < good.size(); ++length)
    EXPECT_NE(textOf(parseSafetensors(llvm::StringRef(good).take_front(length))), "") << length;
  EXPECT_NE(textOf(parseSafetensors(good + "x")), "");
}

TEST(Safetensors, AHugeHeaderLengthIsAnError) {
  std::string text = goodFile();
  for (int i = 0; i < 8; ++i)
    text[i] = '\xff';
  EXPECT_NE(textOf(parseSafetensors(text)).find("header"), std::string::npos);
}

TEST(Safetensors, DamagedFilesNeverCrash) {
  std::mt19937 random(7);
  std::string good = goodFile();
  for (int seed = 0; seed < 3000; ++seed) {
    std::string text = good;
    for (int damage = 0; damage < 1 + seed % 4; ++damage)
      text[random() % text.size()] = static_cast<char>(random());
    llvm::Expected<StoredTensors> tensors = parseSafetensors(text);
    if (!tensors) {
      llvm::consumeError(tensors.takeError());
      continue;
    }
    for (const auto &[name, tensor] : *tensors) // Whatever was accepted lies within the file.
      if (!tensor.bytes.empty()) {
        EXPECT_GE(tensor.bytes.begin(), text.data());
        EXPECT_LE(tensor.bytes.end(), text.data() + text.size());
      }
  }
}

struct TensorFiles : testing::Test {
  TestFolder folder;
  std::string data = "0123456789abcdef";
};

TEST_F(TensorFiles, WhatIsWrittenIsRead) {
  std::string path = folder.path + "/t.safetensors";
  StoredTensors tensors;
  tensors["o"] = {StoredType::F16, {2, 2}, llvm::StringRef(data).take_front(8)};
  tensors["p"] = {StoredType::F32, {2}, llvm::StringRef(data).drop_front(8)};
  tensors["lengths"] = {StoredType::I32, {2}, llvm::StringRef(data).drop_front(8)};
  tensors["empty"] = {StoredType::BF16, {0, 5}, ""};
  ASSERT_EQ(textOf(writeSafetensors(path, tensors)), "");
  llvm::Expected<TensorFile> opened = TensorFile::open(path);
  ASSERT_TRUE(bool(opened)) << textOf(opened.takeError());
  EXPECT_EQ(opened->tensors().size(), 4u);
  EXPECT_EQ(llvm::cantFail(opened->tensor("lengths")).dtype, StoredType::I32);
  llvm::Expected<StoredTensor> o = opened->tensor("o");
  ASSERT_TRUE(bool(o));
  EXPECT_EQ(o->dtype, StoredType::F16);
  EXPECT_EQ(o->shape, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(o->bytes, llvm::StringRef(data).take_front(8));
  EXPECT_EQ(textOf(opened->tensor("q")), path + ": expected a tensor q, got empty, lengths, o, p");
  EXPECT_EQ(reinterpret_cast<uintptr_t>(o->bytes.data()) % 2, 0u);
}

TEST_F(TensorFiles, NumPy) {
  std::string path = folder.path + "/q.npy";
  StoredTensor tensor{StoredType::F32, {2, 2}, data};
  ASSERT_EQ(textOf(writeNpy(path, tensor)), "");
  llvm::Expected<TensorFile> opened = TensorFile::open(path);
  ASSERT_TRUE(bool(opened)) << textOf(opened.takeError());
  llvm::Expected<StoredTensor> q = opened->tensor("q");
  ASSERT_TRUE(bool(q));
  EXPECT_EQ(q->shape, tensor.shape);
  EXPECT_EQ(q->bytes, data);
  EXPECT_NE(textOf(writeNpy(path, {StoredType::BF16, {8}, data})), "");
  for (StoredType type : {StoredType::F32, StoredType::I32, StoredType::F16}) {
    ASSERT_EQ(textOf(writeNpy(path, {type, {16 / elementBytes(type)}, data})), "");
    opened = TensorFile::open(path);
    ASSERT_TRUE(bool(opened)) << textOf(opened.takeError());
    EXPECT_EQ(llvm::cantFail(opened->tensor("q")).dtype, type);
  }
}

TEST(StoredTypes, AreElementTypesAndIndices) {
  for (ElementType type : {ElementType::F32, ElementType::F16, ElementType::BF16, ElementType::F8E4M3}) {
    EXPECT_EQ(elementType(storedType(type)), type);
    EXPECT_EQ(elementBytes(storedType(type)), elementBytes(type));
    EXPECT_EQ(name(storedType(type)), name(type));
  }
  EXPECT_EQ(elementType(StoredType::I32), std::nullopt);
  EXPECT_EQ(elementBytes(StoredType::I32), 4);
  EXPECT_EQ(name(StoredType::I32), "int32");
}

TEST_F(TensorFiles, DamagedNumPyFilesNeverCrash) {
  std::string path = folder.path + "/q.npy";
  ASSERT_EQ(textOf(writeNpy(path, {StoredType::F32, {2, 2}, data})), "");
  auto buffer = llvm::MemoryBuffer::getFile(path);
  ASSERT_TRUE(bool(buffer));
  std::string good = (*buffer)->getBuffer().str();
  EXPECT_EQ(textOf(parseNpy(good)), "");
  for (size_t length = 0; length < good.size(); ++length)
    EXPECT_NE(textOf(parseNpy(llvm::StringRef(good).take_front(length))), "") << length;
  std::mt19937 random(7);
  for (int seed = 0; seed < 3000; ++seed) {
    std::string text = good;
    text[random() % text.size()] = static_cast<char>(random());
    llvm::consumeError(parseNpy(text).takeError());
  }
}

TEST_F(TensorFiles, NoPartialFileIsLeft) {
  EXPECT_NE(textOf(writeSafetensors(folder.path + "/nowhere/t.safetensors", {})), "");
  EXPECT_EQ(textOf(TensorFile::open(folder.path + "/absent")),
            folder.path + "/absent: expected a readable file, got: No such file or directory");
  std::error_code error;
  EXPECT_EQ(llvm::sys::fs::directory_iterator(folder.path, error), llvm::sys::fs::directory_iterator());
}

} // namespace
