// Casts between types that the machine converts: integers and floats of 16 bits and more, and bool.
//
// What a cast means is in vm/numerics.h: integers saturate, NaN becomes 0, floats are rounded once.
// Tiles of narrow types were given word programs; a scalar of a narrow type gets its program here.
#include <fmt/format.h>

#include "codegen/cuda/elementwise.h"
#include "codegen/cuda/emit.h"
#include "codegen/cuda/word_text.h"
#include "vm/numerics.h"
#include "vm/words/convert.h"

namespace bitloom::codegen {

using vm::ElementType;

namespace {

bool is_wide_float(ElementType t) {
  return t == vm::kF16 || t == vm::kBF16 || t == vm::kTF32 || t == vm::kF32 || t == vm::kF64;
}
// Integers are converted in C++ whatever their width.
bool has_text(ElementType t) {
  return t.is_integer() || t.is_bool() || is_wide_float(t);
}

std::string suffix(std::string_view rounding) {
  return rounding.empty() || rounding == "nearest" ? "" : "_" + std::string(rounding);
}

std::int64_t greatest_integer(ElementType t) {
  const int magnitude = t.bits - (t.is_signed() ? 1 : 0);
  return magnitude >= 63 ? INT64_MAX : (std::int64_t{1} << magnitude) - 1;
}
std::int64_t least_integer(ElementType t) {
  return !t.is_signed() ? 0 : t.bits == 64 ? INT64_MIN : -(std::int64_t{1} << (t.bits - 1));
}

// A bound as a C++ literal of the type that numbers of `from` are computed in.
std::string bound_literal(std::int64_t bound, ElementType from) {
  const bool wide = from.bits == 64;
  if (!from.is_signed()) return wide ? fmt::format("{}ull", bound) : fmt::format("{}u", bound);
  if (wide) return fmt::format("{}ll", bound);
  return bound == INT32_MIN ? "(-2147483647 - 1)" : fmt::format("{}", bound);
}

// `number`: a C++ expression of int, u32, s64 or u64, by `from`.
std::string clamp(const std::string& number, ElementType from, ElementType to) {
  std::string text = number;
  // from's range above to's; u64 is above everything but itself.
  const bool above = from.is_signed() || from.bits < 64
                         ? greatest_integer(from) > greatest_integer(to)
                         : !(to.bits == 64 && !to.is_signed());
  if (above) text = fmt::format("min({}, {})", text, bound_literal(greatest_integer(to), from));
  if (least_integer(from) < least_integer(to))
    text = fmt::format("max({}, {})", text, bound_literal(least_integer(to), from));
  return text;
}

std::string integer_cast(const std::string& code, ElementType from, ElementType to) {
  const std::string text = clamp(signed_of(from, code), from, to);
  if (to.bits == 64) return "(u64)" + parenthesized(text);
  return mask_code(to, "(u32)" + parenthesized(text));
}

// f32 to tf32: ten bits of mantissa are kept.
std::string to_tf32(KernelWriter& out, const std::string& code, std::string_view rounding) {
  if (rounding == "zero") return parenthesized(code) + " & 0xffffe000u";
  out.prelude().add_function("round_tf32", R"(// To nearest even; NaN becomes the canonical one.
DI u32 round_tf32(u32 x) {
  const u32 rounded = (x + 0xfffu + (x >> 13 & 1u)) & 0xffffe000u;
  return (x & 0x7fffffffu) > 0x7f800000u ? 0x7fffe000u : rounded;
}
)");
  return KernelWriter::invoke("round_tf32", {code});
}

// 32-bit integers to bf16 with one rounding: to odd in f32, which has more than two bits to spare,
// then to nearest (Boldo and Melquiond 2008).
std::string wide_to_bf16(KernelWriter& out, const std::string& code, bool is_signed) {
  const std::string s = is_signed ? "s" : "u";
  const std::string name = fmt::format("odd_f32_of_{}32", s);
  out.prelude().add_function(
      name,
      fmt::format(
          "DI u32 {}(u32 x) {{\n  const u32 f = {}(x);\n  return {}(f) == x ? f : f | 1u;\n}}\n",
          name, out.prelude().use(fmt::format("f32_of_{}32_zero", s)),
          out.prelude().use(fmt::format("{}32_of_f32_zero", s))));
  return out.call("bf16_of_f32", KernelWriter::invoke(name, {code}));
}

std::optional<std::string> float_of_integer(KernelWriter& out, const std::string& code,
                                            ElementType from, ElementType to,
                                            std::string_view rounding) {
  const std::string s = from.is_signed() ? "s" : "u";
  const std::string width = from.bits == 64 ? "64" : "32";
  const std::string number = from.bits == 64    ? code
                             : from.is_signed() ? "(u32)" + parenthesized(signed_of(from, code))
                                                : code;
  if (to == vm::kF64) {
    const std::string mode = from.bits == 64 ? suffix(rounding) : "";  // 32 bits are exact
    return out.call(fmt::format("f64_of_{}{}{}", s, width, mode), number);
  }
  const bool directed = rounding == "down" || rounding == "up";
  if (to == vm::kF32 && !(from.bits == 64 && directed)) {
    return out.call(fmt::format("f32_of_{}{}{}", s, width, suffix(rounding)), number);
  }
  const std::string wide = out.call(fmt::format("f32_of_{}32", s), number);
  if (from.bits <= 16) return cast_code(out, wide, vm::kF32, to, rounding);  // exact in f32
  if (!suffix(rounding).empty()) return std::nullopt;
  if (to == vm::kF16) return out.call(fmt::format("f16_of_{}{}", s, width), number);
  if (to == vm::kBF16 && from.bits == 32) return wide_to_bf16(out, number, from.is_signed());
  return std::nullopt;
}

std::optional<std::string> integer_of_float(KernelWriter& out, const std::string& code,
                                            ElementType from, ElementType to,
                                            std::string_view rounding) {
  const std::string s = to.is_signed() ? "s" : "u";
  const std::string mode = suffix(rounding);
  const bool wide = from == vm::kF64;
  const std::string number = wide ? code : to_f32(out, from, code);
  if (to.bits == 64) {
    const std::string f64 = wide ? number : out.call("f64_of_f32", number);
    return out.call(fmt::format("{}64_of_f64{}", s, mode), f64);
  }
  const std::string word =
      out.call(fmt::format("{}32_of_{}{}", s, wide ? "f64" : "f32", mode), number);
  return integer_cast(word, to.is_signed() ? vm::kI32 : vm::kU32, to);
}

std::optional<std::string> float_cast(KernelWriter& out, const std::string& code, ElementType from,
                                      ElementType to, std::string_view rounding) {
  const std::string mode = suffix(rounding);
  if (from == vm::kF64) {
    if (to == vm::kF32) return out.call("f32_of_f64" + mode, code);
    if (to == vm::kF16 && mode.empty()) return out.call("f16_of_f64", code);
    // Rounded twice in one direction is rounded once.
    if (to == vm::kF16) return out.call("f16_of_f32" + mode, out.call("f32_of_f64" + mode, code));
    return std::nullopt;
  }
  const std::string wide = to_f32(out, from, code);
  if (to == vm::kF64) return out.call("f64_of_f32", wide);
  if (to == vm::kF32) return wide;
  if (to == vm::kTF32) {
    if (!mode.empty() && rounding != "zero") return std::nullopt;
    return from.bits == 16 ? wide : to_tf32(out, wide, rounding);  // halves have fewer bits
  }
  if (to == vm::kBF16 && (rounding == "down" || rounding == "up")) return std::nullopt;
  return out.call((to == vm::kF16 ? "f16_of_f32" : "bf16_of_f32") + mode, wide);
}

std::optional<std::string> narrow_cast(KernelWriter& out, const std::string& code, ElementType from,
                                       ElementType to, std::string_view rounding) {
  vm::ConversionRequest request;
  request.source = from;
  request.destination = to;
  request.count = 1;
  request.sm = out.target().sm;
  if (rounding == "zero") request.rounding = vm::Rounding::TowardZero;
  if (rounding == "down") request.rounding = vm::Rounding::Down;
  if (rounding == "up") request.rounding = vm::Rounding::Up;
  if (to.bits == 64 || from.bits == 64) return std::nullopt;
  if (from.is_float() && to.is_integer() && (rounding == "down" || rounding == "up")) {
    const auto wide = has_text(from) ? to_f32(out, from, code)
                                     : narrow_cast(out, code, from, vm::kF32, {}).value_or("");
    if (wide.empty()) return std::nullopt;
    return integer_of_float(out, wide, vm::kF32, to, rounding);
  }
  const auto made = vm::lower_conversion(request);
  if (!made || made->program.inputs != 1 || made->program.outputs.size() != 1) return std::nullopt;
  const std::string name = word_function(out, made->program);
  const std::string result = out.fresh("y");
  out.line("u32 {0}; {1};", result, KernelWriter::invoke(name, {code, result}));
  return mask_code(to, result);
}

}  // namespace

std::string to_f32(KernelWriter& out, ElementType from, const std::string& code) {
  if (from == vm::kF16) return out.call("f32_of_f16", code);
  if (from == vm::kBF16) return fmt::format("({} << 16)", parenthesized(code));
  if (from == vm::kTF32) return parenthesized(code) + " & 0xffffe000u";
  return code;
}

std::string from_f32(KernelWriter& out, ElementType to, const std::string& code) {
  if (to == vm::kF16) return out.call("f16_of_f32", code);
  if (to == vm::kBF16) return out.call("bf16_of_f32", code);
  return code;
}

std::optional<std::string> cast_code(KernelWriter& out, const std::string& code, ElementType from,
                                     ElementType to, std::string_view rounding) {
  if (from == to) return code;
  if (!has_text(from) || !has_text(to)) return narrow_cast(out, code, from, to, rounding);
  if (to.is_bool()) {
    if (!from.is_float()) return fmt::format("{} != 0", parenthesized(code));
    const std::uint64_t magnitude = (std::uint64_t{1} << (from.bits - 1)) - 1;  // -0 is 0
    return fmt::format("({} & {}) != 0", parenthesized(code), literal(from, magnitude));
  }
  if (from.is_bool()) {
    return fmt::format("({} ? {} : {})", parenthesized(code), literal(to, vm::encode(to, 1.0)),
                       literal(to, 0));
  }
  if (from.is_integer() && to.is_integer()) return integer_cast(code, from, to);
  if (from.is_integer()) return float_of_integer(out, code, from, to, rounding);
  if (to.is_integer()) return integer_of_float(out, code, from, to, rounding);
  return float_cast(out, code, from, to, rounding);
}

namespace {

// Pairs of halves are converted at once.
bool pairs(const vm::CastOp& op, KernelWriter& out) {
  const ElementType from = out.type(op.x()).element, to = out.type(op.d()).element;
  const Register& x = out.reg(op.x());
  const std::string_view rounding = op->word("rounding");
  const bool halves = to == vm::kF16 || to == vm::kBF16;
  if (from != vm::kF32 || !halves || x.kind != Register::Kind::Array || x.count % 2 != 0)
    return false;
  if (!rounding.empty() && rounding != "nearest") return false;
  const Register source = x, d = out.define(op.d());
  const std::string name = to == vm::kF16 ? "f16x2_of_f32" : "bf16x2_of_f32";
  for (std::int64_t w = 0; w < d.words(); ++w) {
    out.line("{} = {};", d.word(w), out.call(name, source.word(2 * w), source.word(2 * w + 1)));
  }
  return true;
}

// The numbers of both halves of a word, with nothing taken apart before.
bool halves(const vm::CastOp& op, KernelWriter& out) {
  const ElementType from = out.type(op.x()).element, to = out.type(op.d()).element;
  const Register& x = out.reg(op.x());
  if (from != vm::kF16 || to != vm::kF32 || x.kind != Register::Kind::Array || x.count % 2 != 0)
    return false;
  const Register source = x, d = out.define(op.d());
  for (std::int64_t w = 0; w < source.words(); ++w) {
    out.line("{} = {};", d.word(2 * w), out.call("f32_of_f16", source.word(w)));
    out.line("{} = {};", d.word(2 * w + 1), out.call("f32_of_f16_upper", source.word(w)));
  }
  return true;
}

}  // namespace

void emit(const vm::CastScaledOp& op, KernelWriter& out) {
  out.fail(*op, "scaled casts are lowered by a pass; this function was not");
}

void emit(const vm::CastOp& op, KernelWriter& out) {
  if (pairs(op, out) || halves(op, out)) return;
  const ElementType from = out.type(op.x()).element, to = out.type(op.d()).element;
  bool known = true;
  map(out, op.d(), {out.reg(op.x())}, [&](const Codes& x) {
    const auto code = cast_code(out, x[0], from, to, op->word("rounding"));
    known = known && code.has_value();
    return code.value_or("0");
  });
  if (known) return;
  out.fail(*op, fmt::format("{} to {} with this rounding is no instruction of the target",
                            vm::to_string(from), vm::to_string(to)));
}

}  // namespace bitloom::codegen
