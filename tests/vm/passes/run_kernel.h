// Lowers a kernel given as IR text and runs it in the interpreter: what tests of whole ways share.
//
//   Kernel kernel(text, "sm_80");
//   kernel.size("n", 1000).tensor(kF32, {1000}, x).tensor(…);
//   ASSERT_TRUE(kernel.run()) << kernel.complaints();
//   kernel.numbers(1)                       the second tensor afterwards
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "layouts/packed_atom.h"
#include "vm/interpreter/interpreter.h"
#include "vm/passes/pass.h"

namespace bitloom::vm::testing {

class Kernel {
 public:
  explicit Kernel(std::string_view text, std::string_view target = "sm_80");

  Kernel& size(std::string name, std::int64_t value);
  // A dense tensor of the given numbers (none: zeros).
  Kernel& tensor(ElementType element, Shape extents, const std::vector<double>& numbers = {});
  // A packed tensor [k, n] of codes, row-major.
  Kernel& packed(const layouts::PackedAtom& atom, std::int64_t k, std::int64_t n,
                 const std::vector<std::uint8_t>& codes = {});

  bool run();
  std::vector<double> numbers(std::size_t tensor) const;
  std::vector<std::uint8_t> codes(std::size_t tensor) const;

  const Function& function() const { return function_; }
  const std::vector<Remark>& remarks() const { return remarks_; }
  std::string complaints() const;
  // How many instructions of this opcode the lowered function has.
  int count(Opcode opcode) const;

 private:
  struct Tensor {
    ElementType element;
    Shape extents;
    std::vector<std::byte> bytes;
    std::vector<layouts::PackedAtom> atom;  // one or none
  };

  Function function_;
  std::vector<Remark> remarks_;
  Diagnostics diagnostics_;
  bool lowered_ = false;
  std::map<std::string, std::int64_t> sizes_;
  std::vector<Tensor> tensors_;
};

// Small whole numbers, the same in every run: sums of their products are exact.
std::vector<double> small_numbers(std::size_t count, int seed, int least = -4, int most = 4);

}  // namespace bitloom::vm::testing
