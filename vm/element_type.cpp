#include "vm/element_type.h"

#include <fmt/format.h>

#include <algorithm>

namespace bitloom::vm {
namespace {

constexpr int kLeastFloatBits = 3, kMostFloatBits = 8, kMostExponent = 4;

// The floats whose name is not eXmY.
struct NamedFloat {
  std::string_view name;
  ElementType type;
};
constexpr NamedFloat kNamedFloats[] = {
    {"f16", kF16}, {"bf16", kBF16}, {"tf32", kTF32}, {"f32", kF32}, {"f64", kF64}};

bool is_integer_width(int bits) {
  return (bits >= 1 && bits <= 8) || bits == 16 || bits == 32 || bits == 64;
}

// A decimal number of one or two digits without a leading zero; -1 for anything else.
int small_number(std::string_view text) {
  if (text.empty() || text.size() > 2 || (text.size() > 1 && text[0] == '0')) return -1;
  int number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return -1;
    number = 10 * number + (c - '0');
  }
  return number;
}

std::optional<ElementType> parse_small_float(std::string_view text) {
  const auto m = text.find('m');
  if (text.empty() || text[0] != 'e' || m == std::string_view::npos) return std::nullopt;
  const int exponent = small_number(text.substr(1, m - 1));
  const int mantissa = small_number(text.substr(m + 1));
  if (exponent == 5 && mantissa == 2) return kE5M2;
  if (exponent == 8 && mantissa == 0) return kE8M0;
  const int bits = 1 + exponent + mantissa;
  if (exponent < 1 || exponent > kMostExponent || mantissa < 0) return std::nullopt;
  if (bits < kLeastFloatBits || bits > kMostFloatBits) return std::nullopt;
  return float_type(exponent, mantissa);
}

std::optional<ElementType> parse_codebook(std::string_view text) {
  constexpr std::string_view kPrefix = "codebook<";
  if (!text.starts_with(kPrefix) || !text.ends_with('>')) return std::nullopt;
  const int bits = small_number(text.substr(kPrefix.size(), text.size() - kPrefix.size() - 1));
  if (bits < 1 || bits > 8) return std::nullopt;
  return codebook_type(bits);
}

std::vector<ElementType> make_all() {
  std::vector<ElementType> all;
  for (const auto make : {unsigned_type, signed_type})
    for (int bits = 1; bits <= 64; ++bits)
      if (is_integer_width(bits)) all.push_back(make(bits));
  for (const NamedFloat& named : kNamedFloats) all.push_back(named.type);
  for (int exponent = 1; exponent <= kMostExponent; ++exponent)
    for (int mantissa = 0; 1 + exponent + mantissa <= kMostFloatBits; ++mantissa)
      if (1 + exponent + mantissa >= kLeastFloatBits) all.push_back(float_type(exponent, mantissa));
  all.insert(all.end(), {kE5M2, kE8M0, kBool});
  return all;
}

}  // namespace

std::string to_string(ElementType type) {
  switch (type.type_class) {
    case TypeClass::Unsigned:
      return fmt::format("u{}", type.bits);
    case TypeClass::Signed:
      return fmt::format("i{}", type.bits);
    case TypeClass::Codebook:
      return fmt::format("codebook<{}>", type.bits);
    case TypeClass::Bool:
      return "bool";
    case TypeClass::Scale:
    case TypeClass::Float:
      break;
  }
  for (const NamedFloat& named : kNamedFloats)
    if (named.type == type) return std::string(named.name);
  return fmt::format("e{}m{}", type.exponent, type.mantissa);
}

std::optional<ElementType> parse_element_type(std::string_view text) {
  if (text == "bool") return kBool;
  for (const NamedFloat& named : kNamedFloats)
    if (named.name == text) return named.type;
  if (text.starts_with('u') || text.starts_with('i')) {
    const int bits = small_number(text.substr(1));
    if (!is_integer_width(bits)) return std::nullopt;
    return text[0] == 'u' ? unsigned_type(bits) : signed_type(bits);
  }
  if (text.starts_with('c')) return parse_codebook(text);
  return parse_small_float(text);
}

const std::vector<ElementType>& all_element_types() {
  static const std::vector<ElementType> all = make_all();
  return all;
}

}  // namespace bitloom::vm
