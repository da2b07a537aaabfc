// A model's folder: config.json, and its weights in model.safetensors or in shards that
// model.safetensors.index.json lists.
//
//   Result<Checkpoint> checkpoint = Checkpoint::open("model");
//   Result<HostArray> w = checkpoint->read("model.layers.0.mlp.up_proj.weight");      // bf16 [n,
//   k]
//
// Opening checks everything before anything is computed: the files themselves
// (runtime/host/safetensors.h), that every tensor of the model is there once, with the shape that
// config.json asks for and a float type, and that there is no other. Linear layers may be quantised
// (stack/model/quantized.h): then codes and scales stand in the place of the weights.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/host/safetensors.h"
#include "stack/model/config.h"
#include "stack/model/quantized.h"

namespace bitloom::stack {

// A weight of the model, as config.json asks for it.
struct ExpectedTensor {
  std::string name;
  runtime::Shape shape;
  bool linear = false;  // of a decoder layer: what is quantised
};
std::vector<ExpectedTensor> expected_tensors(const ModelConfig& config);

// Which file holds which tensor, from the text of an index. Names of files are plain: nothing that
// leads out of the folder.
runtime::Result<std::map<std::string, std::string>> parse_shard_index(std::string_view text,
                                                                      const std::string& name);

class Checkpoint {
 public:
  static runtime::Result<Checkpoint> open(const std::string& folder);

  const std::string& folder() const { return folder_; }
  const ModelConfig& config() const { return config_; }
  // nullptr: not quantised.
  const QuantizedTensor* quantized(const std::string& weight) const;
  runtime::Result<runtime::HostArray> read(const std::string& name) const;
  std::uint64_t parameters() const;  // of the model
  std::uint64_t bytes(const std::string& name) const;

 private:
  struct Place {
    std::size_t file;
    const runtime::TensorInfo* tensor;
  };
  runtime::Result<void> open_files();
  runtime::Result<void> index_tensors(std::size_t file);
  runtime::Result<void> check_tensors() const;
  runtime::Result<void> check(const std::string& name, const runtime::Shape& shape,
                              std::string_view dtypes) const;
  std::string where(const Place& place) const { return paths_[place.file]; }

  std::string folder_;
  ModelConfig config_;
  std::vector<runtime::SafetensorsFile> files_;
  std::vector<std::string> paths_;
  std::map<std::string, Place, std::less<>> tensors_;
  QuantizedTensors quantized_;
};

}  // namespace bitloom::stack
