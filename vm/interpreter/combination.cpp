#include "vm/interpreter/combination.h"

#include "vm/numerics/arithmetic.h"

namespace bitloom::vm::interpreter {

Combination combination(std::string_view op, ElementType type) {
  using T = ElementType;
  using U = std::uint64_t;
  const bool is_float = type.is_float();
  if (op == "add")
    return is_float ? [](T t, U a, U b) { return float_add(t, a, b); } : Combination{integer_add};
  if (op == "mul")
    return is_float ? [](T t, U a, U b) { return float_mul(t, a, b); } : Combination{integer_mul};
  if (op == "min") return is_float ? float_min : integer_min;
  if (op == "max") return is_float ? float_max : integer_max;
  if (op == "exchange") return [](T, U, U b) { return b; };
  if (is_float) return nullptr;
  if (op == "and") return [](T, U a, U b) { return a & b; };
  if (op == "or") return [](T, U a, U b) { return a | b; };
  if (op == "xor") return [](T, U a, U b) { return a ^ b; };
  return nullptr;
}

}  // namespace bitloom::vm::interpreter
