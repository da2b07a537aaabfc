// The prelude of a CUDA text: wrappers of single PTX instructions, as far as the kernel uses them.
//
// Most wrappers are rows of codegen/cuda/prelude.def. Families with many members (loads by width
// and cache policy, atomics by order and scope, matrix instructions by shape) are made on demand
// from the same parts; their names say what they are.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bitloom::codegen {

enum class Ordering : std::uint8_t { Pure, Volatile, Memory };

// A wrapper as a row gives it; the letters are explained in prelude.def.
struct Wrapper {
  std::string name, results, operands;
  Ordering ordering = Ordering::Pure;
  std::string ptx;
};

// Which memory an access goes to, and how.
struct AccessKind {
  enum class Space : std::uint8_t { Global, Shared, Cluster } space = Space::Global;
  int bytes = 4;           // 1, 2, 4, 8, 16
  std::string cache = {};  // as the attribute; "" and "default" are plain
  bool predicated = false;
};

class Prelude {
 public:
  // A wrapper of the table, noted as used: its name.
  std::string use(std::string_view name);
  // The same as a statement, NAME_to(d, operands…) with the type of d, where the wrapper is Pure
  // and has one result; otherwise nullopt.
  struct Statement {
    std::string name;
    std::string_view type;
  };
  std::optional<Statement> use_statement(std::string_view name);
  // One that is made on demand.
  std::string use(const Wrapper& wrapper);

  // load(d0[, d1, d2, d3], address[, predicate]): 0 where the predicate is false.
  std::string load(const AccessKind& kind);
  // store(address, x0[, x1, x2, x3][, predicate])
  std::string store(const AccessKind& kind);

  // touch(x0, …): no instruction; the words are what they are only here.
  std::string touch(std::size_t words);

  // A function of the kernel's own (conversions, matrix products), printed behind the wrappers in
  // the order in which they were added. `key`: what finds it again, when its name does not.
  void add_function(const std::string& name, std::string text, const std::string& key = {});
  std::optional<std::string> function_of(const std::string& key) const;
  std::size_t functions_made() const { return functions_.size(); }

  std::string text() const;

 private:
  std::map<std::string, std::string> wrappers_;  // by name, so that the text is deterministic
  std::vector<std::string> functions_;
  std::map<std::string, std::string> function_names_;  // by key
};

// The C++ text of a wrapper: a function where it gives a value or has compile-time operands,
// otherwise a macro. `statement`: a macro NAME_to(d, operands…) in any case.
std::string wrapper_text(const Wrapper& wrapper, bool statement = false);

}  // namespace bitloom::codegen
