// Checkpoints: whole ones in one file and in shards, and what is said of damaged ones.
#include "stack/model/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/stack/model_folder.h"

namespace bitloom::stack {
namespace {

using nlohmann::json;
using runtime::HostArray;
using testing::HasSubstr;
using tests::TemporaryFolder;

constexpr const char* kUp = "model.layers.0.mlp.up_proj.weight";

// A model of one small layer, whose tensors a test may change before it is written.
class SmallModel {
 public:
  SmallModel() {
    config_ = json::parse(R"({"model_type": "llama", "vocab_size": 5, "hidden_size": 64,
      "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 1,
      "max_position_embeddings": 50})");
    for (const ExpectedTensor& t :
         expected_tensors(value_of(parse_model_config(config_.dump(), "")))) {
      tensors_.emplace(t.name, value_of(HostArray::zeros(vm::kBF16, t.shape)));
    }
  }

  std::map<std::string, HostArray>& tensors() { return tensors_; }
  json& config() { return config_; }
  runtime::Metadata& metadata() { return metadata_; }

  // Puts codes and scales in the place of a weight.
  void quantize(const char* weight, const QuantizedTensor& q) {
    const runtime::Shape shape = tensors_.at(weight).shape();
    const std::int64_t n = shape[0], k = shape[1];
    tensors_.erase(weight);
    put(weight, "codes", vm::kU8, {n * k * q.type.bits / 8});
    put(weight, "scale", vm::kF16, {k / q.group, n});
    if (q.zero) put(weight, "zero", vm::kU8, {k / q.group, n});
    if (q.table) put(weight, "table", vm::kF16, {1 << q.type.bits});
    if (q.rank > 0) put(weight, "left", vm::kF16, {q.rank, k});
    if (q.rank > 0) put(weight, "right", vm::kF16, {n, q.rank});
    metadata_[kQuantizationKey] = print_quantization({{weight, q}});
  }
  void put(const char* weight, const char* part, vm::ElementType type, runtime::Shape shape) {
    tensors_[part_name(weight, part)] = value_of(HostArray::zeros(type, std::move(shape)));
  }

  runtime::Result<Checkpoint> open() {
    std::vector<runtime::NamedArray> list;
    for (const auto& [name, array] : tensors_) list.push_back({name, &array});
    require(runtime::write_safetensors(folder_.path("model.safetensors"), list, metadata_));
    folder_.write("config.json", config_.dump());
    return Checkpoint::open(folder_.path());
  }
  // Two files: the first `first` tensors, and the others.
  runtime::Result<Checkpoint> open_shards(json index, std::size_t first) {
    std::vector<runtime::NamedArray> lists[2];
    for (const auto& [name, array] : tensors_)
      lists[lists[0].size() < first ? 0 : 1].push_back({name, &array});
    for (int i = 0; i < 2; ++i) {
      const std::string file = i == 0 ? "a.safetensors" : "b.safetensors";
      require(runtime::write_safetensors(folder_.path(file), lists[i], {}));
      for (const auto& t : lists[i])
        if (index.contains("weight_map")) index["weight_map"].emplace(t.name, file);
    }
    folder_.write("config.json", config_.dump());
    folder_.write("model.safetensors.index.json", index.dump());
    return Checkpoint::open(folder_.path());
  }
  const TemporaryFolder& folder() const { return folder_; }

 private:
  TemporaryFolder folder_;
  json config_;
  std::map<std::string, HostArray> tensors_;
  runtime::Metadata metadata_;
};

void expect_refused(const runtime::Result<Checkpoint>& result, const std::string& code,
                    const std::string& part) {
  ASSERT_FALSE(result) << part;
  EXPECT_EQ(result.error().code, code) << result.error().message;
  EXPECT_THAT(result.error().message, HasSubstr(part));
}

TEST(Checkpoint, OpensTheShippedOne) {
  const auto checkpoint = Checkpoint::open(model_folder());
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->config().layers, 8);
  EXPECT_EQ(checkpoint->parameters(), 7'344'384u);
  EXPECT_EQ(value_of(checkpoint->read("lm_head.weight")).shape(), (runtime::Shape{2048, 256}));
}

TEST(Checkpoint, OpensShards) {
  SmallModel model;
  const auto checkpoint = model.open_shards({{"weight_map", json::object()}}, 4);
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(value_of(checkpoint->read(kUp)).shape(), (runtime::Shape{32, 64}));
}

TEST(Checkpoint, RefusesShardsThatDoNotFitTheirIndex) {
  SmallModel model;
  expect_refused(model.open_shards({{"weight_map", {{"x", "c.safetensors"}}}}, 4), "BL0601",
                 "c.safetensors");
  expect_refused(model.open_shards({{"weight_map", {{"x", "a.safetensors"}}}}, 4), "BL0635",
                 "'x' is not in a.safetensors");
  for (const char* outside : {"../a.safetensors", "/a.safetensors", ".safetensors", "a.bin"})
    expect_refused(model.open_shards({{"weight_map", {{"x", outside}}}}, 4), "BL0635",
                   "no .safetensors file of this folder");
  expect_refused(model.open_shards(json::object(), 4), "BL0635", "has no 'weight_map'");
  model.folder().write("model.safetensors.index.json", "{\"weight_map\": 3}");
  expect_refused(Checkpoint::open(model.folder().path()), "BL0635", "weight_map is not an object");
  model.folder().write("model.safetensors.index.json", "{\"weight_map\": {}}");
  expect_refused(Checkpoint::open(model.folder().path()), "BL0635", "lists no tensors");
  model.folder().write("model.safetensors.index.json", "{");
  expect_refused(Checkpoint::open(model.folder().path()), "BL0635", "not JSON");
}

TEST(Checkpoint, RefusesATensorThatIsInTwoShards) {
  SmallModel model;
  value_of(model.open_shards({{"weight_map", json::object()}}, 4));
  std::filesystem::copy_file(model.folder().path("a.safetensors"),
                             model.folder().path("c.safetensors"));
  json index = json::parse(model.folder().read("model.safetensors.index.json"));
  index["weight_map"]["x"] = "c.safetensors";
  model.folder().write("model.safetensors.index.json", index.dump());
  expect_refused(Checkpoint::open(model.folder().path()), "BL0635", "is in");
}

TEST(Checkpoint, RefusesTensorsThatAreNotTheModels) {
  {
    SmallModel model;
    model.tensors().erase(kUp);
    expect_refused(model.open(), "BL0636",
                   "there is no tensor 'model.layers.0.mlp.up_proj.weight'");
  }
  {
    SmallModel model;
    model.config()["vocab_size"] = 6;
    expect_refused(model.open(), "BL0636", "is [5, 64], where config.json asks for [6, 64]");
  }
  {
    SmallModel model;
    model.tensors().emplace("model.layers.0.self_attn.q_proj.bias",
                            value_of(HostArray::zeros(vm::kBF16, {64})));
    expect_refused(model.open(), "BL0636", "is no tensor of this model");
  }
  {
    SmallModel model;
    model.tensors().emplace("model.layers.0.self_attn.rotary_emb.inv_freq",
                            value_of(HostArray::zeros(vm::kF32, {32})));
    EXPECT_TRUE(model.open());
  }
  {
    SmallModel model;
    model.tensors().at(kUp) = value_of(HostArray::zeros(vm::kI64, {32, 64}));
    expect_refused(model.open(), "BL0637", "is of the type I64");
  }
}

TEST(Checkpoint, RefusesFilesThatAreCutOff) {
  SmallModel model;
  value_of(model.open());
  const std::string whole = model.folder().read("model.safetensors");
  for (const std::size_t bytes :
       {std::size_t{0}, std::size_t{7}, std::size_t{100}, whole.size() - 1}) {
    model.folder().write("model.safetensors", whole.substr(0, bytes));
    const auto result = Checkpoint::open(model.folder().path());
    ASSERT_FALSE(result) << bytes;
    EXPECT_TRUE(result.error().code.starts_with("BL061")) << result.error().message;
  }
  expect_refused(Checkpoint::open(model.folder().path("nothing")), "BL0601", "config.json");
}

TEST(Checkpoint, OpensQuantisedLayers) {
  const QuantizedTensor kinds[] = {
      {.type = vm::unsigned_type(4), .group = 32, .zero = true},
      {.type = vm::signed_type(3), .group = 64},
      {.type = vm::codebook_type(4), .group = 16, .table = true},
      {.type = vm::float_type(2, 1), .group = 64, .rank = 8},
  };
  for (const QuantizedTensor& kind : kinds) {
    SmallModel model;
    model.quantize(kUp, kind);
    const auto checkpoint = model.open();
    ASSERT_TRUE(checkpoint) << checkpoint.error().message;
    const QuantizedTensor* found = checkpoint->quantized(kUp);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->type, kind.type);
    EXPECT_EQ(found->group, kind.group);
    EXPECT_EQ(found->rank, kind.rank);
    EXPECT_EQ(checkpoint->quantized("lm_head.weight"), nullptr);
  }
}

TEST(Checkpoint, RefusesQuantisedLayersThatDoNotFit) {
  const QuantizedTensor good{.type = vm::unsigned_type(4), .group = 32, .zero = true};
  {
    SmallModel model;
    model.quantize(kUp, good);
    model.put(kUp, "scale", vm::kF16, {3, 32});
    expect_refused(model.open(), "BL0636", "config.json asks for [2, 32]");
  }
  {
    SmallModel model;
    model.quantize(kUp, good);
    model.put(kUp, "codes", vm::kU8, {1});
    expect_refused(model.open(), "BL0636", "asks for [1024]");
  }
  {
    SmallModel model;
    model.quantize(kUp, good);
    model.put(kUp, "scale", vm::kBF16, {2, 32});
    expect_refused(model.open(), "BL0637", "is of the type BF16");
  }
  const std::pair<const char*, const char*> cases[] = {
      {"{", "not JSON"},
      {"{}", "has no 'version'"},
      {R"({"version": 2, "tensors": {}})", "version is 2"},
      {R"({"version": 1, "tensors": {"lm_head.weight": {"type": "u4", "group": 32}}})",
       "is no linear layer of this model"},
      {R"({"version": 1, "tensors": {"x": {"type": "u9", "group": 32}}})", "has the type 'u9'"},
      {R"({"version": 1, "tensors": {"x": {"type": "u4", "group": 0}}})", "group is 0"},
      {R"({"version": 1, "tensors": {"x": {"type": "e2m1", "group": 4, "zero": true}}})",
       "zero points, which only unsigned types have"},
      {R"({"version": 1, "tensors": {"x": {"type": "codebook<4>", "group": 4}}})", "has a table"},
      {R"({"version": 1, "tensors": {"x": {"type": "e8m0", "group": 4}}})", "a type for scales"},
  };
  for (const auto& [metadata, part] : cases) {
    SmallModel model;
    model.metadata()[kQuantizationKey] = metadata;
    expect_refused(model.open(), "BL0638", part);
  }
  for (const auto& [group, rank, part] :
       {std::tuple{24, 0, "groups of 24 do not fit"}, {32, 40, "a correction of rank 40"}}) {
    SmallModel model;
    QuantizedTensor wrong = good;
    model.quantize(kUp, good);
    wrong.group = group;
    wrong.rank = rank;
    model.metadata()[kQuantizationKey] = print_quantization({{kUp, wrong}});
    expect_refused(model.open(), "BL0638", part);
  }
}

TEST(Checkpoint, RefusesAScaleThatIsNoNumber) {
  SmallModel model;
  model.quantize(kUp, {.type = vm::unsigned_type(4), .group = 32, .zero = true});
  model.tensors().at(part_name(kUp, "scale")).set_code(5, 0x7E00);  // NaN
  const Checkpoint checkpoint = value_of(model.open());
  const auto executor = make_interpreter(executor_options());
  const auto loaded = Model::load(checkpoint, *executor, Compute::F32);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, "BL0639");
  EXPECT_THAT(loaded.error().message, HasSubstr("number 5 is not finite"));
}

}  // namespace
}  // namespace bitloom::stack
