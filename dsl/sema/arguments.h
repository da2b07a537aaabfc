// Which argument of a call goes to which parameter: by position, then by name. The same for the
// functions of the language and those of the text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/sema/context.h"

namespace bitloom::dsl::sema {

struct Callee {
  struct Parameter {
    std::string_view name;
    bool optional = false;
  };
  std::string_view name;
  std::vector<Parameter> parameters;
  vm::Span declared;      // unknown for functions of the language
  std::string signature;  // as a hint; may be empty
};

// The expression of each parameter, nullptr where it is left out. nullopt, with errors, when they
// cannot be told apart.
std::optional<std::vector<const Expr*>> bind_arguments(Context& c, const Callee& callee,
                                                       const Call& node, Place place);

// "1 argument", "2 arguments"
std::string counted(std::size_t number, std::string_view noun);

}  // namespace bitloom::dsl::sema
