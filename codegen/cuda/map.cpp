#include <numeric>

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

// The elements of one turn: so many fill whole words of the result and of every operand.
std::int64_t common_period(const Register& d, const std::vector<Register>& operands) {
  std::int64_t period = d.kind == Register::Kind::Array ? period_of(d.bits()) : 1;
  for (const Register& operand : operands) {
    if (operand.kind != Register::Kind::Array) continue;
    period = std::lcm(period, period_of(operand.bits()));
  }
  return period;
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

void write_elements(KernelWriter& out, const Register& d, const std::string& turn,
                    std::int64_t period, std::int64_t first, const Codes& codes) {
  const int bits = d.bits();
  const auto count = static_cast<std::int64_t>(codes.size());
  if (d.kind == Register::Kind::Bools) {
    for (std::int64_t i = 0; i < count; ++i) {
      out.line("{} = {};", d.code(turn, period, first + i), codes[i]);
    }
    return;
  }
  const std::int64_t scale = period * bits / 32;
  const auto word = [&](std::int64_t w) { return d.word(turn, scale, w); };
  if (bits == 64) {
    for (std::int64_t i = 0; i < count; ++i) {
      const std::string whole = out.fresh("e");
      out.line("const u64 {} = {};", whole, codes[i]);
      out.line("{} = (u32){}; {} = (u32)({} >> 32);", word(2 * (first + i)), whole,
               word(2 * (first + i) + 1), whole);
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
    out.line("{} = {};", word(first * bits / 32 + static_cast<std::int64_t>(w)), parts[w]);
  }
}

void map(KernelWriter& out, vm::ValueId id, const std::vector<Register>& operands,
         const ElementFunction& f) {
  const auto codes_at = [&](const std::string& turn, std::int64_t period, std::int64_t i) {
    Codes codes;
    for (const Register& operand : operands) codes.push_back(operand.code(turn, period, i));
    return codes;
  };
  const vm::Type& type = out.type(id);
  if (type.is_scalar()) return out.define_scalar(id, f(codes_at({}, 0, 0)));
  if (all_splats(operands) && divides_a_word(type.element.bits)) {
    return define_splat(out, id, f(codes_at({}, 0, 0)));
  }
  const Register d = out.define(id);
  const std::int64_t period = common_period(d, operands);
  const auto turn = [&](const std::string& i, std::int64_t at, std::int64_t elements) {
    Codes codes;
    for (std::int64_t j = 0; j < elements; ++j) {
      codes.push_back(f(codes_at(i, i.empty() ? 0 : period, at * period + j)));
    }
    write_elements(out, d, i, i.empty() ? 0 : period, at * period, codes);
  };
  out.repeat(d.count / period, [&](const std::string& i, std::int64_t at) { turn(i, at, period); });
  if (const std::int64_t rest = d.count % period) turn({}, d.count / period, rest);
}

void map_words(KernelWriter& out, vm::ValueId id, const std::vector<Register>& operands,
               const WordFunction& f) {
  const vm::Type& type = out.type(id);
  const auto words_at = [&](const std::string& i, std::int64_t at) {
    Codes words;
    for (const Register& operand : operands) words.push_back(operand.word(i, 1, at));
    return words;
  };
  if (type.is_scalar()) {
    return out.define_scalar(id, mask_code(type.element, f(words_at({}, 0))));
  }
  const Register d = out.define(id);
  out.repeat(d.words(), [&](const std::string& i, std::int64_t at) {
    out.line("{} = {};", d.word(i, 1, at), f(words_at(i, at)));
  });
}

void copy_register(KernelWriter& out, const Register& to, const Register& from) {
  if (to.kind == Register::Kind::Scalar) {
    out.line("{} = {};", to.name, scalar_of_code(to.element, from.code(0)));
    return;
  }
  if (to.is_bool()) {
    out.repeat(to.count, [&](const std::string& i, std::int64_t at) {
      out.line("{} = {};", to.code(i, 1, at), from.code(i, 1, at));
    });
    return;
  }
  // A turn is as many words as the pattern of a constant repeats after.
  const std::int64_t width = to.bits() <= 32 ? to.bits() * period_of(to.bits()) / 32 : 2;
  const auto turn = [&](const std::string& i, std::int64_t at, std::int64_t words) {
    for (std::int64_t w = 0; w < words; ++w) {
      const std::int64_t scale = i.empty() ? 0 : width, offset = at * width + w;
      out.line("{} = {};", to.word(i, scale, offset), from.word(i, scale, offset));
    }
  };
  out.repeat(to.words() / width,
             [&](const std::string& i, std::int64_t at) { turn(i, at, width); });
  if (const std::int64_t rest = to.words() % width) turn({}, to.words() / width, rest);
}

}  // namespace bitloom::codegen
