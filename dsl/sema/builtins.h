// The functions of the language, in one table: what they take, and what each of them does.
//
// A row is a name, how many compile-time arguments it has, its parameters, and a handler:
//
//   {"scan", 0, 0, "x, dim: integer, op?: add|mul|min|max, exclusive?: bool", scan}
//
// Calls are bound to the row once and for all (positions, names, kinds, words), so a handler sees
// only what is left to check. The same rows serve "did you mean", and the list that editors and the
// documentation show.
//
// Kinds of parameters: a value (the default: numbers and registers; windows are loaded), `memory`
// (a window, not loaded), `either` (windows are not loaded), `barrier`, `integer` and `bool` (known
// at compile time), `variable`, `any` (whatever it is), `text` (the expression itself, not
// evaluated), or words separated by `|`. `?` marks what may be left out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dsl/sema/context.h"
#include "dsl/sema/operators.h"

namespace bitloom::dsl::sema {

enum class ArgumentKind : std::uint8_t {
  Value,
  Memory,
  Either,
  Barrier,
  Integer,
  Bool,
  Variable,
  Any,
  Text,
  Word
};

struct BuiltinParameter {
  std::string name;
  ArgumentKind kind = ArgumentKind::Value;
  bool optional = false;
  std::vector<std::string_view> words;
};

struct BuiltinCall {
  const Builtin* builtin = nullptr;
  Place place;
  std::vector<Value> generics;
  std::vector<Place> generic_places;
  std::vector<Value> arguments;          // by parameter; Nothing where left out
  std::vector<Place> places;             // likewise
  std::vector<const Expr*> expressions;  // likewise; nullptr where left out

  const Value& operator[](std::size_t i) const { return arguments[i]; }
  bool has(std::size_t i) const { return !arguments[i].is<Nothing>(); }
  Operand operand(std::size_t i) const { return {arguments[i], places[i]}; }
  // Of parameters that are compile-time: their value, or `otherwise` when left out.
  std::int64_t integer(std::size_t i, std::int64_t otherwise = 0) const;
  bool flag(std::size_t i) const;
  std::string word(std::size_t i, std::string_view otherwise = {}) const;
};

using BuiltinHandler = Value (*)(Context&, const BuiltinCall&);

enum class BuiltinForm : std::uint8_t { Any, Explicit };

struct Builtin {
  Builtin(std::string_view name_, int least, int most, std::string_view signature_,
          BuiltinHandler handler_, BuiltinForm form_ = BuiltinForm::Any);

  std::string_view name;
  int least_generics = 0;
  int most_generics = 0;  // -1: any number
  std::string_view signature;
  std::vector<BuiltinParameter> parameters;
  BuiltinHandler handler;
  BuiltinForm form;  // Explicit: refused in a comfortable kernel
};

const Builtin* find_builtin(std::string_view name);
// In the order of their groups.
const std::vector<const Builtin*>& all_builtins();

Value call_builtin(Context& c, const Builtin& builtin, const Call& node, Place place);

// The groups; each is a file.
const std::vector<Builtin>& constant_builtins();   // ceildiv, bits, has, …
const std::vector<Builtin>& math_builtins();       // abs, fma, cast, exp2_approx, …
const std::vector<Builtin>& shape_builtins();      // zeros, transpose, reshape, view, …
const std::vector<Builtin>& reduction_builtins();  // sum, argmax, scan, …
const std::vector<Builtin>& dot_builtins();        // dot, dot_async, …
const std::vector<Builtin>& memory_builtins();     // load, gather, atomic_add, …
const std::vector<Builtin>& sync_builtins();       // sync, wait, copy_async, …
const std::vector<Builtin>& layout_builtins();     // local, spatial, …

// Arguments between < and >.
std::optional<vm::ElementType> generic_type(Context& c, const BuiltinCall& call, std::size_t i);
std::optional<std::int64_t> generic_integer(Context& c, const BuiltinCall& call, std::size_t i,
                                            std::string_view what);
// Those from `first` on, as a shape.
std::optional<vm::Shape> generic_shape(Context& c, const BuiltinCall& call, std::size_t first);
// A dimension of a value with `rank` dimensions; BL0213.
std::optional<std::int64_t> dimension(Context& c, std::int64_t dim, int rank, Place place);
// A parameter as a register tile (numbers take their default type).
std::optional<Register> tile_argument(Context& c, const BuiltinCall& call, std::size_t i);

}  // namespace bitloom::dsl::sema
