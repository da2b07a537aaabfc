// What a name or an expression can mean while a kernel is analysed.
//
// The analysis is a partial evaluator: with every generic known, most of a kernel's text is
// computed here and now, and only what is left becomes instructions. So a Value is either something
// the compiler knows (a number, a type, a layout, a function), or a handle to something of the
// running kernel: a register tile, a place in memory, mbarriers.
//
//   BM * 2          std::int64_t      numbers without a type of their own: they take the type of
//   what they meet m, k / G        SizeExpr          in the header of a kernel, where sizes are
//   symbols; in the body they are registers x[i +: 64]      Memory            a window; it is
//   loaded where a value is needed acc             Register          Function::value(id).variable
//   says whether it may be assigned
//
// Poison stands where an error has been reported. Whatever is computed from it is Poison too, and
// says nothing more.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "dsl/ast.h"
#include "layouts/register_layout.h"
#include "layouts/size_expr.h"
#include "vm/ir.h"

namespace bitloom::dsl::sema {

struct Module;
struct Builtin;

struct Poison {};
struct Nothing {};  // of a call that gives no value, and of an argument that is left out
struct Absent {};   // an optional parameter that this specialisation does not have

// A register tile, or a scalar when its shape is empty.
struct Register {
  vm::ValueId id = vm::kNoValue;
};

// Whether an access through this view is clipped at the edges of its tensor: as the form of the
// kernel says, or as clip(…) and inside(…) said.
enum class Clipping : std::uint8_t { ByForm, Clipped, Inside };

struct Memory {
  vm::ValueId id = vm::kNoValue;
  Clipping clipping = Clipping::ByForm;
  bool reference =
      false;  // written with `ref`: shape functions keep it a view instead of loading it
};

struct Barrier {
  vm::ValueId id = vm::kNoValue;
};

// mma.c(warps = (2, 4)): a layout once it meets the shape and the type of a tile.
struct Fragment {
  bool warpgroup = false;
  char operand = 'c';  // a, b or c
  std::int64_t warps_m = 1, warps_n = 1;
};

enum class Namespace : std::uint8_t { Block, Grid, Cluster, Role, Device, Mma, Wgmma };

struct ModuleName {
  const Module* module = nullptr;
};
struct FunctionName {
  const Module* module = nullptr;  // where it is declared: its names are looked up there
  const FunctionDecl* function = nullptr;
};
struct KernelName {
  const KernelDecl* kernel = nullptr;
};
struct BuiltinName {
  const Builtin* builtin = nullptr;
};

template <class T, class Variant>
struct IsAlternative;
template <class T, class... Ts>
struct IsAlternative<T, std::variant<Ts...>> : std::disjunction<std::is_same<T, Ts>...> {};

struct Value;
struct TupleValue {
  std::vector<Value> items;
};

struct Value {
  std::variant<Poison, Nothing, Absent, std::int64_t, double, bool, std::string, vm::ElementType,
               layouts::SizeExpr, layouts::RegisterLayout, Fragment, TupleValue, Register, Memory,
               Barrier, Namespace, ModuleName, FunctionName, KernelName, BuiltinName>
      node;

  Value() = default;
  template <class T>
  requires IsAlternative<T, decltype(node)>::value Value(T value)
      : node(std::move(value)) {}  // NOLINT: every alternative is a value

  template <class T>
  const T* as() const {
    return std::get_if<T>(&node);
  }
  template <class T>
  bool is() const {
    return std::holds_alternative<T>(node);
  }
  bool poisoned() const { return is<Poison>(); }
  // A number or bool that the compiler knows.
  bool is_number() const { return is<std::int64_t>() || is<double>() || is<bool>(); }
  bool is_layout() const { return is<layouts::RegisterLayout>() || is<Fragment>(); }
};

// "f16[16, 64]", "a window of global f16[m, k]", "the number 3", "the type u4": for messages.
std::string describe(const Value& value, const vm::Function& function);
// The shape as messages write it: "f16[16, 64]", or "f16" for a scalar.
std::string describe(const vm::Type& type);
// A compile-time value as the language writes it: 128, 0.5, true, u4; empty for what cannot be
// written.
std::string spelling(const Value& value);

}  // namespace bitloom::dsl::sema
