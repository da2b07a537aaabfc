// Assertions, and prints through the device's printf.
#include "codegen/cuda/elementwise.h"
#include "codegen/cuda/emit.h"
#include "codegen/cuda/exchange.h"

namespace bitloom::codegen {

using vm::ElementType;

namespace {

std::string quoted(std::string_view text, bool format) {
  std::string result = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (c == '\n') {
      result += "\\n";
      continue;
    }
    if (c == '%' && format) result += '%';
    result += c;
  }
  return result + "\"";
}

// How printf shows a code, and as what it is passed.
struct Shown {
  std::string conversion, argument;
};

std::optional<Shown> shown(KernelWriter& out, ElementType type, const std::string& code) {
  if (type.is_bool()) return Shown{"%s", parenthesized(code) + " ? \"true\" : \"false\""};
  if (type == vm::kF64) return Shown{"%.17g", signed_of(type, code)};
  if (type.is_integer()) {
    const std::string number = signed_of(type, code);
    if (type.bits == 64) return Shown{type.is_signed() ? "%lld" : "%llu", number};
    return Shown{type.is_signed() ? "%d" : "%u", number};
  }
  const auto wide = cast_code(out, code, type, vm::kF32, {});
  if (!wide) return std::nullopt;
  return Shown{"%.9g", "(double)" + signed_of(vm::kF32, *wide)};
}

constexpr std::int64_t kMostElements = 256;  // of a tile that is printed

// A tile in scratch memory, element by element, by one thread.
bool print_tile(KernelWriter& out, vm::ValueId id, const MemoryView& view) {
  const vm::Type& type = out.type(id);
  const std::int64_t elements = layouts::size(type.shape);
  const std::string e = out.fresh("e");
  out.write("#pragma unroll 1");
  out.open(
      fmt::format("for (int {} = 0; {} < {}; ++{})", e, e, std::min(elements, kMostElements), e));
  // The interpreter's text: a bracket for each dimension that begins or ends here.
  const auto brackets = [&](std::string_view bracket) {
    std::int64_t row = 1;
    for (std::size_t d = type.shape.size(); d-- > 0;) {
      row *= type.shape[d];
      out.line("if ({} % {} == 0) printf(\"{}\");", e, row, bracket);
    }
  };
  out.open(fmt::format("if ({} > 0)", e));
  brackets("]");
  out.line("printf(\", \");");
  out.close();
  brackets("[");
  const int bytes = view.root->bits() / 8;
  const std::string address = fmt::format("{} + {} * {}", view.root->base, e, bytes);
  AccessKind kind{AccessKind::Space::Shared, bytes};
  const std::string name = out.prelude().load(kind);
  std::string code = out.fresh("code");
  if (bytes == 8) {
    out.line("u32 {}_low, {}_high; {}({}_low, {}_high, {});", code, code, name, code, code,
             address);
    code = fmt::format("((u64){}_high << 32 | {}_low)", code, code);
  } else {
    out.line("const u32 {} = {};", code, KernelWriter::invoke(name, {address}));
  }
  const auto text = shown(out, type.element, type.element.is_bool() ? code + " != 0" : code);
  if (text) {
    out.line("printf(\"{}\", {});", text->conversion, text->argument);
  }
  out.close();
  if (elements > kMostElements) {
    out.line("printf(\", …] ({}{})\");", vm::to_string(type.element),
             layouts::to_string(type.shape));
  } else {
    out.line("printf(\"{}\");", std::string(type.shape.size(), ']'));
  }
  return text.has_value();
}

}  // namespace

void emit(const vm::AssertOp& op, KernelWriter& out) {
  const Register condition = out.reg(op.condition());
  std::string holds;
  for (std::int64_t r = 0; r < condition.count; ++r) {
    holds += (r > 0 ? " && " : "") + parenthesized(condition.code(r));
    if (condition.kind == Register::Kind::Splat) break;
  }
  out.open(fmt::format("if (!({}))", holds));
  // Not printf, which would give every kernel with an assertion a stack for its arguments. The file
  // and the line are the kernel's own (#line).
  out.line("__assertfail({}, __FILE__, __LINE__, {}, 1);", quoted(op->word("message"), false),
           quoted(out.function().name, false));
  out.close();
}

void emit(const vm::AssumeOp& op, KernelWriter& out) {
  out.line("__builtin_assume({});", out.reg(op.condition()).code(0));
}

// Tiles are put where one thread can read them, one after the other.
void emit(const vm::PrintOp& op, KernelWriter& out) {
  const std::string_view format = op->word("format");
  std::size_t begin = 0, next = 0;
  const auto literal_text = [&](std::string_view text) {
    if (text.empty()) return;
    out.line("if ({}) printf({});", out.is_first_thread(), quoted(text, true));
  };
  bool known = true;
  for (std::size_t at = format.find("{}"); at != std::string_view::npos;
       at = format.find("{}", begin)) {
    literal_text(format.substr(begin, at - begin));
    begin = at + 2;
    if (next >= op.x().size()) {
      literal_text("{}");
      continue;
    }
    const vm::ValueId id = op.x()[next++];
    const vm::Type& type = out.type(id);
    const Register reg = out.reg(id);
    if (type.is_scalar()) {
      const auto text = shown(out, type.element, reg.code(0));
      known = known && text;
      if (text) {
        out.line("if ({}) printf(\"{}\", {});", out.is_first_thread(), text->conversion,
                 text->argument);
      }
      continue;
    }
    const MemoryView view = scratch_view(out, type.element, type.shape);
    out.barrier();
    store_scratch(out, view, reg, *type.layout);
    out.barrier();
    out.open(fmt::format("if ({})", out.is_first_thread()));
    known = print_tile(out, id, view) && known;
    out.close();
  }
  literal_text(std::string(format.substr(begin)) + "\n");
  if (!known) out.fail(*op, "its numbers are not converted to f32 on the device");
}

}  // namespace bitloom::codegen
