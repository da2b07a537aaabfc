// Names and what they stand for, from the inside out.
//
// A Scope is one block of text. It lives on the stack of the function that walks the block, and
// knows the block around it; the outermost scope of a kernel or function is followed by its module
// and then by the language itself (evaluate.h: lookup).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/sema/value.h"
#include "vm/source.h"

namespace bitloom::dsl::sema {

struct Binding {
  Value value;
  vm::Span span;          // of the name where it is declared
  bool variable = false;  // declared with `var`: may be assigned
  bool by_let = false;    // declared with `let`, which could have been `var`
  std::string refusal;    // why the name may not be used here; empty for most
};

class Scope {
 public:
  explicit Scope(const Scope* parent) : parent_(parent) {}

  const Binding* find(std::string_view name) const {
    for (const Scope* scope = this; scope; scope = scope->parent_)
      if (const Binding* found = scope->find_here(name)) return found;
    return nullptr;
  }
  const Binding* find_here(std::string_view name) const {
    const auto found = names_.find(name);
    return found == names_.end() ? nullptr : &found->second;
  }
  void declare(std::string_view name, Binding binding) { names_.emplace(name, std::move(binding)); }

  std::map<std::string, Binding, std::less<>>& here() { return names_; }
  void add_names(std::vector<std::string_view>& names) const {
    for (const Scope* scope = this; scope; scope = scope->parent_)
      for (const auto& [name, binding] : scope->names_) names.push_back(name);
  }

 private:
  const Scope* parent_;
  std::map<std::string, Binding, std::less<>> names_;
};

}  // namespace bitloom::dsl::sema
