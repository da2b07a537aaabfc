#include "vm/packed_type.h"

namespace bitloom::vm {

layouts::PackedAtom packed_atom(ElementType element) {
  const layouts::Encoding encoding = layouts::Encoding::preferred(element.bits);
  if (element.type_class != TypeClass::Signed) return layouts::PackedAtom(encoding);
  return layouts::PackedAtom(encoding.with_xor(std::uint64_t{1} << (element.bits - 1)));
}

}  // namespace bitloom::vm
