#include "codegen/cuda/registers.h"

#include <fmt/format.h>

#include <cctype>
#include <numeric>

namespace bitloom::codegen {

using vm::ElementType;

std::int64_t period_of(int bits) {
  return 32 / std::gcd(32, bits);
}

std::string literal(std::uint32_t word) {
  return word < 10000 ? fmt::format("{}u", word) : fmt::format("0x{:08x}u", word);
}

std::string literal(ElementType element, std::uint64_t code) {
  if (element.is_bool()) return code != 0 ? "true" : "false";
  if (element.bits == 64) {
    return code < 10000 ? fmt::format("{}ull", code) : fmt::format("0x{:016x}ull", code);
  }
  return literal(static_cast<std::uint32_t>(code));
}

std::string parenthesized(const std::string& expression) {
  // A cast binds tighter than every operator that an expression is put into.
  for (std::string_view cast : {"(u32)", "(int)", "(u64)", "(s64)"}) {
    if (!expression.starts_with(cast)) continue;
    const std::string rest = expression.substr(cast.size());
    return parenthesized(rest) == rest ? expression : "(" + expression + ")";
  }
  int depth = 0;
  for (std::size_t i = 0; i < expression.size(); ++i) {
    const char c = expression[i];
    if (c == '(' || c == '[') ++depth;
    if (c == ')' || c == ']') --depth;
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' ||
                       depth > 0 || c == ')' || c == ']';
    if (!plain) return "(" + expression + ")";
    // "(u32)x" is a cast, not a call: a group that closes before the end.
    if (depth == 0 && c == ')' && expression[0] == '(' && i + 1 < expression.size()) {
      return "(" + expression + ")";
    }
  }
  return expression;
}

std::string scalar_type(ElementType element) {
  if (element.is_bool()) return "bool";
  if (element == vm::kI32) return "int";
  if (element == vm::kI64) return "s64";
  return element.bits == 64 ? "u64" : "u32";
}

std::string scalar_of_code(ElementType element, const std::string& code) {
  if (element != vm::kI32 && element != vm::kI64) return code;
  const std::string cast = element == vm::kI32 ? "(int)" : "(s64)";
  // Out of a cast to the unsigned type of the same width comes the same number.
  const std::string_view inner = element == vm::kI32 ? "(u32)" : "(u64)";
  if (code.starts_with(inner) && parenthesized(code.substr(5)) == code.substr(5)) {
    return cast + code.substr(5);
  }
  return cast + parenthesized(code);
}

std::string code_of_scalar(ElementType element, const std::string& name) {
  if (element == vm::kI32) return "(u32)" + name;
  if (element == vm::kI64) return "(u64)" + name;
  return name;
}

std::string mask_code(ElementType element, const std::string& expression) {
  if (element.is_bool() || element.bits >= 32) return expression;
  return fmt::format("{} & 0x{:x}u", parenthesized(expression), (1u << element.bits) - 1);
}

std::string signed_of(ElementType element, const std::string& code) {
  if (element == vm::kF32) return "__uint_as_float(" + code + ")";
  if (element == vm::kF64) return "__longlong_as_double((s64)" + parenthesized(code) + ")";
  if (!element.is_signed()) return code;
  if (element.bits >= 32) {
    // A scalar that was read as a code goes back as it was.
    const std::string_view cast = element.bits == 64 ? "(u64)" : "(u32)";
    if (code.starts_with(cast) && parenthesized(code.substr(5)) == code.substr(5)) {
      return code.substr(5);
    }
    return (element.bits == 64 ? "(s64)" : "(int)") + parenthesized(code);
  }
  const int unused = 32 - element.bits;
  return fmt::format("((int)({} << {}) >> {})", parenthesized(code), unused, unused);
}

namespace {

std::uint32_t splat_word(std::uint64_t code, int bits, std::int64_t w) {
  if (bits >= 32) return static_cast<std::uint32_t>(code >> (bits == 64 ? 32 * (w % 2) : 0));
  std::uint32_t word = 0;
  for (int b = 0; b < 32; ++b) {
    const std::int64_t bit = (w * 32 + b) % bits;
    word |= static_cast<std::uint32_t>(code >> bit & 1) << b;
  }
  return word;
}

}  // namespace

// Names of values end in their number, so no other name looks like this.
std::string element_name(const std::string& array, std::int64_t i) {
  return fmt::format("{}w{}", array, i);
}

std::string Register::declaration() const {
  std::string text = is_bool() ? "bool " : "u32 ";
  const std::int64_t variables = is_bool() ? count : words();
  for (std::int64_t i = 0; i < variables; ++i) text += (i ? ", " : "") + element_name(name, i);
  return text + ";";
}

std::string Register::word(std::int64_t w) const {
  switch (kind) {
    case Kind::Array:
      return element_name(name, w);
    case Kind::Scalar: {
      const std::string whole = code_of_scalar(element, name);
      if (bits() < 64) return whole;
      return w == 0 ? fmt::format("(u32){}", parenthesized(whole))
                    : fmt::format("(u32)({} >> 32)", parenthesized(whole));
    }
    case Kind::Splat:
      if (constant) return literal(splat_word(*constant, bits(), w));
      if (bits() == 32) return name;
      if (bits() == 64) {
        return w % 2 == 0 ? fmt::format("(u32){}", parenthesized(name))
                          : fmt::format("(u32)({} >> 32)", parenthesized(name));
      }
      // Widths that divide 32 repeat; others were given an array.
      return fmt::format("{} * {}", parenthesized(name), literal(splat_word(1, bits(), 0)));
    case Kind::Bools:
      break;
  }
  return "(u32)" + element_name(name, w);
}

std::string Register::code(std::int64_t i) const {
  switch (kind) {
    case Kind::Splat:
      return constant ? literal(element, *constant) : name;
    case Kind::Scalar:
      return code_of_scalar(element, name);
    case Kind::Bools:
      return element_name(name, i);
    case Kind::Array:
      break;
  }
  const std::int64_t first = i * bits();
  const std::string low = word(first / 32);
  const int shift = static_cast<int>(first % 32);
  if (bits() == 32) return low;
  if (bits() == 64) return fmt::format("((u64){} << 32 | {})", word(first / 32 + 1), low);
  const std::uint32_t mask = (1u << bits()) - 1;
  if (shift + bits() == 32) return fmt::format("({} >> {})", low, shift);
  if (shift + bits() > 32) {
    return fmt::format("(({} >> {} | {} << {}) & 0x{:x}u)", low, shift, word(first / 32 + 1),
                       32 - shift, mask);
  }
  return shift == 0 ? fmt::format("({} & 0x{:x}u)", low, mask)
                    : fmt::format("({} >> {} & 0x{:x}u)", low, shift, mask);
}

}  // namespace bitloom::codegen
