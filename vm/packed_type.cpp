#include "vm/packed_type.h"

namespace bitloom::vm {

layouts::PackedAtom packed_atom(ElementType element) {
  const layouts::Encoding encoding = layouts::Encoding::preferred(element.bits);
  if (element.type_class != TypeClass::Signed) return layouts::PackedAtom(encoding);
  return layouts::PackedAtom(encoding.with_xor(std::uint64_t{1} << (element.bits - 1)));
}

int row_exponent(ElementType from, ElementType to, std::int64_t k) {
  if (!from.is_integer() || to != kF16 || from.bits > 2) return 0;
  const int step = 2 * from.bits, in_mantissa = 10 / step, in_word = 16 / step;
  return step * static_cast<int>(k / 8 % in_word % in_mantissa);
}

}  // namespace bitloom::vm
