#include "runtime/environment.h"

#include <fmt/format.h>

#include <cstdlib>

namespace bitloom::runtime {
namespace {

constexpr VariableInfo kVariables[] = {
#define VARIABLE(Name, name, otherwise, documentation) \
  {Variable::Name, name, otherwise, documentation},
#include "runtime/environment.def"
};

}  // namespace

std::span<const VariableInfo> all_variables() {
  return kVariables;
}

const VariableInfo& info(Variable variable) {
  return kVariables[static_cast<std::size_t>(variable)];
}

std::optional<std::string> environment(Variable variable) {
  const char* value = std::getenv(info(variable).name);
  if (!value || !*value) return std::nullopt;
  return std::string(value);
}

std::string environment_markdown() {
  std::string page =
      "# Environment variables\n\n"
      "Generated from `runtime/environment.def`. A variable that is set to nothing counts as not "
      "set.\n\n"
      "| variable | what it says | when it is not set |\n|---|---|---|\n";
  for (const VariableInfo& row : kVariables)
    page += fmt::format("| `{}` | {} | {} |\n", row.name, row.documentation, row.otherwise);
  return page;
}

}  // namespace bitloom::runtime
