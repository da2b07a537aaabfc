// Which layers of a model are quantised, and how: a rule for all, and exceptions from a JSON file.
//
//   {"layers": [
//      {"match": "*.down_proj", "type": "u6"},
//      {"match": "model.layers.0.*", "type": "u8", "group": 64},
//      {"match": "*.o_proj", "type": "none"}
//   ]}
//
// The first rule whose pattern fits the name of a layer ("model.layers.0.mlp.down_proj") decides;
// what a rule does not say is as for all layers. `*` stands for any characters. Embedding, norms
// and the output head are not quantised.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/result.h"
#include "stack/model/quantized.h"

namespace bitloom::stack {

struct QuantizeRule {
  std::optional<vm::ElementType> type = vm::unsigned_type(4);  // nullopt: the layer stays as it is
  std::int64_t group = 128;
  std::int64_t rank = 0;  // of the low-rank correction
};

// "u4", "i3", "e2m1", "nf4" (which is codebook<4>, with the table of quantize.h), "none".
runtime::Result<std::optional<vm::ElementType>> parse_weight_type(std::string_view text);
std::string weight_type_name(vm::ElementType type);

class QuantizePolicy {
 public:
  explicit QuantizePolicy(QuantizeRule rule) : rule_(rule) {}
  // Adds the exceptions of a file. BL0642 for what is malformed, unknown keys included.
  runtime::Result<void> add_exceptions(std::string_view json, const std::string& name);

  // Of a weight ("….weight").
  QuantizeRule rule_for(std::string_view weight) const;

 private:
  struct Exception {
    std::string pattern;
    QuantizeRule rule;
  };
  QuantizeRule rule_;
  std::vector<Exception> exceptions_;
};

// Whether a text fits a pattern in which `*` stands for any characters.
bool matches(std::string_view pattern, std::string_view text);

}  // namespace bitloom::stack
