// The environment variables that Bitloom reads, from the one table of them
// (runtime/environment.def). Nothing else of Bitloom asks the environment for a BITLOOM_ name.
//
//   if (const auto folder = environment(Variable::CacheDir)) use(*folder);
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bitloom::runtime {

enum class Variable : std::uint8_t {
#define VARIABLE(Name, name, otherwise, documentation) Name,
#include "runtime/environment.def"
};

struct VariableInfo {
  Variable variable;
  const char* name;            // "BITLOOM_CACHE_DIR"
  std::string_view otherwise;  // what holds when it is not set, in Markdown
  std::string_view documentation;
};

std::span<const VariableInfo> all_variables();
const VariableInfo& info(Variable variable);

// The value, when it is set and not empty.
std::optional<std::string> environment(Variable variable);

// docs/environment.md
std::string environment_markdown();

}  // namespace bitloom::runtime
