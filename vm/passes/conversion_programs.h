// The word programs of one function: each is made once, however many tiles it converts.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "layouts/encoding.h"
#include "vm/ir.h"
#include "vm/numerics.h"

namespace bitloom::vm {

struct WordProgram;

class ConversionPrograms {
 public:
  using Program = std::shared_ptr<const WordProgram>;
  using Result = tl::expected<Program, std::string>;

  explicit ConversionPrograms(int sm) : sm_(sm) {}

  // `count` elements from one type to another. The source lies in the encoding, or dense.
  Result convert(ElementType from, ElementType to, std::int64_t count, Rounding rounding,
                 const layouts::Encoding* encoding);
  // What `cast_scaled` gives: the numbers (offset binary for signed integers) times a power of two,
  // and behind them those powers in f32, then their inverses, one for each of `scales` groups.
  // groups[i] is that of element i; rows[i] the exponent that its row has besides (row_exponent),
  // or empty. Result i is element order[i]; empty: element i.
  Result convert_scaled(ElementType from, ElementType to, const std::vector<std::uint32_t>& groups,
                        std::int64_t scales, const std::vector<int>& rows,
                        const layouts::Encoding* encoding,
                        const std::vector<std::int64_t>& order = {});
  // The same codes from dense order into an encoding's.
  Result encode(ElementType type, std::int64_t count, const layouts::Encoding& encoding);

 private:
  Result make_encode(ElementType type, std::int64_t count, const layouts::Encoding& encoding);

  int sm_;
  std::map<std::string, Result> known_;
};

}  // namespace bitloom::vm
