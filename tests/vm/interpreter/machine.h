// A kernel given as IR text, its tensors, and a run: what the tests of the interpreter share.
//
//   Machine machine(text);                          // raw: the text is what runs
//   machine.size("n", 64).tensor(kF32, {64}, x).scalar(3);
//   EXPECT_TRUE(machine.run()) << machine.listed();
//   machine.numbers(0)                              the first tensor afterwards
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "layouts/packed_atom.h"
#include "vm/interpreter/interpreter.h"

namespace bitloom::vm::testing {

class Machine {
 public:
  // With a target ("sm_80") the text is lowered first.
  explicit Machine(std::string_view text, std::string_view target = {});
  explicit Machine(Function function) : function_(std::move(function)), good_(true) {}

  Machine& size(std::string name, std::int64_t value);
  Machine& scalar(double value);
  // A tensor of these numbers; none: zeros.
  Machine& tensor(ElementType element, Shape extents, const std::vector<double>& numbers = {});
  Machine& codes(ElementType element, Shape extents, const std::vector<std::uint64_t>& codes);
  // The bytes of a packed tensor [k, n] that holds these codes, row-major.
  Machine& packed(const layouts::PackedAtom& atom, std::int64_t k, std::int64_t n,
                  const std::vector<std::uint8_t>& codes);
  Machine& share(std::size_t tensor);  // a further parameter with the bytes of an earlier one
  Machine& absent();

  bool run(LaunchOptions options = {}, LaunchReport* report = nullptr);
  std::vector<double> numbers(std::size_t argument) const;
  std::vector<std::uint64_t> codes_of(std::size_t argument) const;

  const Diagnostics& diagnostics() const { return diagnostics_; }
  std::vector<std::string> found() const;  // the codes of all diagnostics
  std::string listed() const;              // "> 12:3 BL0508 …", notes and hints below
  const Function& function() const { return function_; }

 private:
  struct Held {
    ElementType element;
    Shape extents;
    std::vector<std::byte> bytes;
    std::size_t same_as = ~std::size_t{0};
    bool is_tensor = true, is_absent = false;
    ScalarArgument scalar;
  };
  Function function_;
  Diagnostics diagnostics_;
  bool good_ = false;
  std::map<std::string, std::int64_t> sizes_;
  std::vector<Held> held_;
};

// Small whole numbers, the same in every run.
std::vector<double> whole_numbers(std::size_t count, int seed, int least = -4, int most = 4);

}  // namespace bitloom::vm::testing
