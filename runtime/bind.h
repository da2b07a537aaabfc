// From named arrays to a launch: sizes, shapes, element types, packing.
//
// A caller has arrays and numbers by name; a kernel has parameters whose extents are expressions
// over sizes. Binding
//   1. infers compile-time types that are the element type of a parameter (`x: global T[n]`) from
//   the arrays,
//   2. solves the sizes from the extents that are plain names, and checks every other extent
//   against them,
//   3. checks element types, and packs the codes of narrow types, which arrays hold one a byte:
//   into atoms for a `packed` parameter, into a dense bit string for another,
//   4. makes the arrays that nobody gave: outputs, `zeros`, `random`.
// Everything that does not fit is a diagnostic BL04xx that names the parameter, the array and both
// values.
//
//   Request request{{"x", {Source::array("x.npy", array)}}, …};
//   infer_generics(signature, request, specialization);
//   … program.specialize(…), vm::lower_all(…)
//   std::optional<Binding> binding = bind(function, request, diagnostics);
//   vm::launch(function, binding->sizes, binding->arguments(), …);
//   HostArray c = binding->logical(function, "c");
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "dsl/compile.h"
#include "runtime/host/array.h"
#include "vm/diagnostics.h"
#include "vm/interpreter/interpreter.h"
#include "vm/ir.h"

namespace bitloom::runtime {

// Where the value of a parameter comes from, and how a message calls it.
struct Source {
  struct Random {};
  struct Zeros {};
  std::variant<HostArray, Random, Zeros, double, std::int64_t> value;
  std::string name;  // "a.npy"

  bool is_array() const { return std::holds_alternative<HostArray>(value); }
};

struct Request {
  std::map<std::string, Source> arguments;    // by parameter
  std::map<std::string, std::int64_t> sizes;  // said outright
  std::set<std::string> outputs;              // parameters that need no argument
  std::uint64_t seed = 0;                     // of Random
  int device_sms = 132;                       // the value of device.sms
};

// Sets the type generics that `specialization` leaves open and an array decides.
void infer_generics(const dsl::KernelSignature& kernel, const Request& request,
                    dsl::Specialization& specialization);

class Binding {
 public:
  std::map<std::string, std::int64_t> sizes;

  // In the order of the kernel's parameters; they point into this Binding.
  std::vector<vm::Argument> arguments();
  // A parameter as a dense array of its logical shape; packed ones as one code a byte.
  HostArray logical(const vm::Function& function, std::string_view parameter) const;

 private:
  friend std::optional<Binding> bind(const vm::Function&, const Request&, vm::Diagnostics&);
  struct Slot {
    std::variant<std::monostate, HostArray, std::vector<std::uint8_t> /* packed, or a bit string */,
                 vm::ScalarArgument>
        held;
    vm::Shape extents;  // logical
  };
  std::vector<Slot> slots_;
};

std::optional<Binding> bind(const vm::Function& function, const Request& request,
                            vm::Diagnostics& diagnostics);

}  // namespace bitloom::runtime
