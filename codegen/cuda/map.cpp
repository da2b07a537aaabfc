#include <algorithm>

#include "codegen/cuda/elementwise.h"

namespace bitloom::codegen {
namespace {

bool divides_a_word(int bits) {
  return bits >= 32 || 32 % bits == 0;
}

bool all_splats(const std::vector<Register>& operands) {
  for (const Register& operand : operands) {
    if (operand.kind != Register::Kind::Splat) return false;
  }
  return !operands.empty();
}

// A result of which all elements are equal.
void define_splat(KernelWriter& out, vm::ValueId id, const std::string& code) {
  const vm::ElementType element = out.type(id).element;
  const std::string name = out.fresh("all");
  const std::string_view type = element.is_bool() ? "bool" : element.bits == 64 ? "u64" : "u32";
  out.line("const {} {} = {};", type, name, code);
  out.define(id, {Register::Kind::Splat, name, element, out.registers_of(id)});
}

}  // namespace

void write_elements(KernelWriter& out, const Register& d, std::int64_t first, const Codes& codes) {
  const int bits = d.bits();
  const auto count = static_cast<std::int64_t>(codes.size());
  if (d.kind == Register::Kind::Bools) {
    for (std::int64_t i = 0; i < count; ++i) {
      out.line("{} = {};", d.code(first + i), codes[i]);
    }
    return;
  }
  if (bits == 64) {
    for (std::int64_t i = 0; i < count; ++i) {
      const std::string whole = out.fresh("e");
      out.line("const u64 {} = {};", whole, codes[i]);
      out.line("{} = (u32){}; {} = (u32)({} >> 32);", d.word(2 * (first + i)), whole,
               d.word(2 * (first + i) + 1), whole);
    }
    return;
  }
  // An element that crosses the border of two words is named, all others stay expressions.
  std::vector<std::string> parts(static_cast<std::size_t>((count * bits + 31) / 32));
  const auto add = [&](std::size_t w, const std::string& part) {
    parts[w] += parts[w].empty() ? part : " | " + part;
  };
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t bit = i * bits, shift = bit % 32;
    const auto w = static_cast<std::size_t>(bit / 32);
    std::string code = codes[i];
    if (shift + bits > 32) {
      const std::string name = out.fresh("e");
      out.line("const u32 {} = {};", name, code);
      code = name;
      add(w + 1, fmt::format("{} >> {}", code, 32 - shift));
    }
    add(w, shift == 0 ? (count > 1 ? parenthesized(code) : code)
                      : fmt::format("{} << {}", parenthesized(code), shift));
  }
  for (std::size_t w = 0; w < parts.size(); ++w) {
    out.line("{} = {};", d.word(first * bits / 32 + static_cast<std::int64_t>(w)), parts[w]);
  }
}

void map(KernelWriter& out, vm::ValueId id, const std::vector<Register>& operands,
         const ElementFunction& f) {
  const auto code = [&](std::int64_t i) {
    Codes codes;
    for (const Register& operand : operands) codes.push_back(operand.code(i));
    return f(codes);
  };
  const vm::Type& type = out.type(id);
  if (type.is_scalar()) return out.define_scalar(id, code(0));
  if (all_splats(operands) && divides_a_word(type.element.bits)) {
    return define_splat(out, id, code(0));
  }
  const Register d = out.define(id);
  const std::int64_t period = d.kind == Register::Kind::Array ? period_of(d.bits()) : 1;
  for (std::int64_t first = 0; first < d.count; first += period) {
    Codes codes;
    for (std::int64_t i = first; i < std::min(first + period, d.count); ++i) {
      codes.push_back(code(i));
    }
    write_elements(out, d, first, codes);
  }
}

void map_words(KernelWriter& out, vm::ValueId id, const std::vector<Register>& operands,
               const WordFunction& f) {
  const vm::Type& type = out.type(id);
  const auto word = [&](std::int64_t w) {
    Codes words;
    for (const Register& operand : operands) words.push_back(operand.word(w));
    return f(words);
  };
  if (type.is_scalar()) {
    return out.define_scalar(id, mask_code(type.element, word(0)));
  }
  const Register d = out.define(id);
  for (std::int64_t w = 0; w < d.words(); ++w) out.line("{} = {};", d.word(w), word(w));
}

void copy_register(KernelWriter& out, const Register& to, const Register& from) {
  if (to.kind == Register::Kind::Scalar) {
    out.line("{} = {};", to.name, scalar_of_code(to.element, from.code(0)));
    return;
  }
  if (to.is_bool()) {
    for (std::int64_t i = 0; i < to.count; ++i) out.line("{} = {};", to.code(i), from.code(i));
    return;
  }
  for (std::int64_t w = 0; w < to.words(); ++w) out.line("{} = {};", to.word(w), from.word(w));
}

}  // namespace bitloom::codegen
