// Checkpoints: read, listed, written.
#include "runtime/host/safetensors.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/runtime/safetensors_file.h"
#include "tests/support/places.h"
#include "tests/support/temporary_folder.h"

namespace bitloom::runtime {
namespace {

using tests::safetensors;
using tests::TemporaryFolder;

TEST(Safetensors, ListsAndReadsTensors) {
  const TemporaryFolder folder;
  const std::string path =
      folder.write("m.safetensors", safetensors(R"({"__metadata__": {"format": "pt"},
                      "b": {"dtype": "I8", "shape": [3], "data_offsets": [4, 7]},
                      "a": {"dtype": "BF16", "shape": [1, 2], "data_offsets": [0, 4]}}   )",
                                                "\x01\x02\x03\x04\x05\x06\x07"));
  const auto file = SafetensorsFile::open(path);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->metadata(), (Metadata{{"format", "pt"}}));
  ASSERT_EQ(file->tensors().size(), 2u);
  EXPECT_EQ(file->tensors()[0].name, "a");
  EXPECT_EQ(file->tensors()[1].dtype, "I8");

  const auto a = file->read("a");
  ASSERT_TRUE(a);
  EXPECT_EQ(a->type(), vm::kBF16);
  EXPECT_EQ(a->shape(), (Shape{1, 2}));
  EXPECT_EQ(a->code(0), 0x0201u);
  EXPECT_EQ(a->code(1), 0x0403u);
  EXPECT_EQ(file->bytes(*file->find("b")).size(), 3u);
  EXPECT_EQ(file->find("c"), nullptr);
}

TEST(Safetensors, SuggestsTheNearestName) {
  const TemporaryFolder folder;
  const auto array = HostArray::zeros(vm::kF32, {2});
  const NamedArray named[] = {{"model.norm.weight", &*array}};
  ASSERT_TRUE(write_safetensors(folder.path("m.safetensors"), named));
  const auto missing =
      SafetensorsFile::open(folder.path("m.safetensors"))->read("model.nrom.weight");
  EXPECT_EQ(missing.error().code, "BL0618");
  ASSERT_EQ(missing.error().hints.size(), 1u);
  EXPECT_EQ(missing.error().hints[0], "did you mean 'model.norm.weight'?");
}

TEST(Safetensors, AnUnknownTypeCanBeListedButNotRead) {
  const TemporaryFolder folder;
  const std::string path = folder.write(
      "m.safetensors", safetensors(R"({"z": {"dtype": "C64", "shape": [1], "data_offsets": [0, 8]},
                                       "u": {"dtype": "U8", "shape": [1], "data_offsets": [8, 9]}})",
                                   std::string(9, 'x')));
  const auto file = SafetensorsFile::open(path);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->find("z")->type, std::nullopt);
  EXPECT_EQ(file->read("z").error().code, "BL0617");
  EXPECT_TRUE(file->read("u"));
}

TEST(Safetensors, AFileWithoutTensorsIsWhole) {
  const TemporaryFolder folder;
  const std::string path = folder.write("m.safetensors", safetensors("{}", ""));
  EXPECT_TRUE(SafetensorsFile::open(path)->tensors().empty());
}

TEST(Safetensors, WritesInAlignedOrderWithAnAlignedHeader) {
  const TemporaryFolder folder;
  const auto bytes = HostArray::zeros(vm::unsigned_type(3), {5});
  const auto floats = HostArray::zeros(vm::kF32, {2});
  const NamedArray named[] = {{"bytes", &*bytes}, {"floats", &*floats}};
  ASSERT_TRUE(write_safetensors(folder.path("m"), named, {{"made by", "a test"}}));
  const std::string file = folder.read("m");
  EXPECT_EQ(file.size() % 8, 5u);  // the header and the floats are aligned, five bytes follow
  EXPECT_TRUE(file.substr(8).starts_with(
      R"({"__metadata__":{"made by":"a test"},"floats":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
      R"("bytes":{"dtype":"U8","shape":[5],"data_offsets":[8,13]}})"));
  EXPECT_EQ(folder.count(), 1u);
}

TEST(Safetensors, RefusesToWriteANameTwice) {
  const TemporaryFolder folder;
  const auto array = HostArray::zeros(vm::kF32, {2});
  const NamedArray twice[] = {{"a", &*array}, {"a", &*array}};
  EXPECT_EQ(write_safetensors(folder.path("m"), twice).error().code, "BL0619");
  const NamedArray reserved[] = {{"__metadata__", &*array}};
  EXPECT_EQ(write_safetensors(folder.path("m"), reserved).error().code, "BL0619");
  const NamedArray latin[] = {{"gr\xFC\xDF", &*array}};
  EXPECT_EQ(write_safetensors(folder.path("m"), latin).error().code, "BL0604");
  EXPECT_EQ(folder.count(), 0u);
}

TEST(Safetensors, ReadsTheShippedCheckpoint) {
  const auto file =
      SafetensorsFile::open(BITLOOM_SOURCE_DIR "/tests/data/kjv-7m/model.safetensors");
  ASSERT_TRUE(file) << file.error().message;
  const auto embedding = file->read("model.embed_tokens.weight");
  ASSERT_TRUE(embedding);
  EXPECT_EQ(embedding->type(), vm::kBF16);
  EXPECT_EQ(embedding->shape(), (Shape{2048, 256}));
  const auto reference =
      SafetensorsFile::open(BITLOOM_SOURCE_DIR "/tests/data/kjv-7m/reference.safetensors");
  ASSERT_TRUE(reference) << reference.error().message;
  EXPECT_EQ(reference->read("logits_last16")->shape(), (Shape{4, 16, 2048}));
}

RC_GTEST_PROP(Safetensors, ComeBackAsTheyWereWritten, ()) {
  const TemporaryFolder folder;
  const auto types = *rc::gen::container<std::vector<vm::ElementType>>(
      rc::gen::elementOf(vm::all_element_types()));
  std::vector<HostArray> arrays;
  for (const vm::ElementType type : types) {
    auto array = HostArray::zeros(type, {*rc::gen::inRange<std::int64_t>(0, 4), 3});
    for (std::size_t i = 0; i < array->size(); ++i)
      array->set_code(i, type.is_bool() ? i % 2 : (i * 0x9E3779B97F4A7C15u) >> (64 - type.bits));
    arrays.push_back(std::move(*array));
  }
  std::vector<NamedArray> named;
  for (std::size_t i = 0; i < arrays.size(); ++i)
    named.push_back({fmt::format("t{}", i), &arrays[i]});
  RC_ASSERT(write_safetensors(folder.path("m"), named).has_value());
  const auto file = SafetensorsFile::open(folder.path("m"));
  RC_ASSERT(file.has_value());
  for (const NamedArray& n : named) {
    const auto back = file->read(n.name);
    RC_ASSERT(back.has_value());
    RC_ASSERT(back->shape() == n.array->shape());
    RC_ASSERT(std::ranges::equal(back->bytes(), n.array->bytes()));
  }
}

}  // namespace
}  // namespace bitloom::runtime
