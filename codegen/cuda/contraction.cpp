// dot: mma.sync on fragments, or fma on what each thread holds whole.
//
// The layouts of a, b and c are repetitions of the instruction's fragments, so the product is a
// list of instructions: for every fragment of c in a warp and every step of k, one fragment of a
// and one of b that the same warp holds. Which registers those are is read off the layouts, not
// assumed.
#include <algorithm>

#include "codegen/cuda/elementwise.h"
#include "codegen/cuda/emit.h"
#include "layouts/fragments.h"

namespace bitloom::codegen {

using layouts::Index;
using layouts::RegisterLayout;
using vm::ElementType;

namespace {

constexpr std::int64_t kWarp = 32;

// One instruction: m16n8k(k), or m8n8k4 of f64.
struct MmaForm {
  std::string wrapper;
  std::int64_t m = 16, n = 8, k = 16;
  RegisterLayout a, b, c;
};

std::string mma_type(ElementType t) {
  if (t == vm::kI8) return "s8";
  if (t == vm::kI32) return "s32";
  return vm::to_string(t);
}

std::string braces(int first, std::int64_t count) {
  std::string text = "{";
  for (std::int64_t i = 0; i < count; ++i) text += fmt::format("{}%{}", i ? "," : "", first + i);
  return text + "}";
}

std::int64_t words_of(const RegisterLayout& fragment, ElementType element) {
  return fragment.registers() * element.bits / 32;
}

MmaForm make_form(KernelWriter& out, ElementType a, ElementType b, ElementType c, std::int64_t k) {
  MmaForm form;
  form.k = k;
  if (a == vm::kF64) {
    form.m = 8;
    form.a = layouts::mma_f64_a();
    form.b = layouts::mma_f64_b();
    form.c = layouts::mma_f64_c();
  } else {
    form.a = layouts::mma_a(static_cast<int>(k), a.bits);
    form.b = layouts::mma_b(static_cast<int>(k), b.bits);
    form.c = layouts::mma_c();
  }
  const bool wide = a == vm::kF64;
  const std::int64_t nc = wide ? 2 : words_of(form.c, c), na = wide ? 1 : words_of(form.a, a),
                     nb = wide ? 1 : words_of(form.b, b);
  Wrapper wrapper;
  wrapper.name =
      fmt::format("mma_m{}n{}k{}_{}_{}", form.m, form.n, k, vm::to_string(c), vm::to_string(a));
  if (a != b) wrapper.name += "_" + vm::to_string(b);
  const char letter = wide ? 'l' : 'r';
  wrapper.operands = std::string(static_cast<std::size_t>(nc), wide ? 'L' : 'R') +
                     std::string(static_cast<std::size_t>(na + nb), letter);
  wrapper.ordering = Ordering::Volatile;
  wrapper.ptx = fmt::format("mma.sync.aligned.m{}n{}k{}.row.col.{}.{}.{}.{} {},{},{},{};", form.m,
                            form.n, k, mma_type(c), mma_type(a), mma_type(b), mma_type(c),
                            braces(0, nc), braces(static_cast<int>(nc), na),
                            braces(static_cast<int>(nc + na), nb), braces(0, nc));
  form.wrapper = out.prelude().use(wrapper);
  return form;
}

// The tiles of fragments that the three operands are made of.
struct Fragments {
  RegisterLayout a, b, c;
};

std::optional<Fragments> fragments_of(const MmaForm& form, const RegisterLayout& a,
                                      const RegisterLayout& b, const RegisterLayout& c) {
  auto qa = a / form.a, qb = b / form.b, qc = c / form.c;
  if (!qa || !qb || !qc) return std::nullopt;
  const std::int64_t warps = c.threads() / kWarp;
  if (qa->threads() != warps || qb->threads() != warps || qc->threads() != warps)
    return std::nullopt;
  return Fragments{*qa, *qb, *qc};
}

// The fragment of `tiles` at `at(warp)` in every warp.
std::optional<std::int64_t> fragment_at(const RegisterLayout& tiles,
                                        const std::function<Index(std::int64_t)>& at) {
  for (std::int64_t f = 0; f < tiles.registers(); ++f) {
    bool same = true;
    for (std::int64_t w = 0; same && w < tiles.threads(); ++w) same = tiles.element(w, f) == at(w);
    if (same) return f;
  }
  return std::nullopt;
}

std::vector<std::int64_t> instruction_depths(ElementType a, std::int64_t k) {
  if (a == vm::kF64) return {4};
  std::vector<std::int64_t> depths;
  for (std::int64_t bits : {256, 128}) {
    const bool fp8 = a == vm::kE4M3 || a == vm::kE5M2;
    if (fp8 && bits == 128) continue;
    if (k % (bits / a.bits) == 0) depths.push_back(bits / a.bits);
  }
  return depths;
}

void add_words(std::vector<std::string>& arguments, const Register& reg, std::int64_t fragment,
               std::int64_t words) {
  for (std::int64_t w = 0; w < words; ++w) {
    if (reg.bits() == 64) {
      arguments.push_back(reg.code(fragment * words + w));
    } else {
      arguments.push_back(reg.word(fragment * words + w));
    }
  }
}

// False when the layouts are no fragments of any depth.
bool emit_mma(const vm::DotOp& op, KernelWriter& out) {
  const vm::Type &at = out.type(op.a()), &bt = out.type(op.b()), &ct = out.type(op.c());
  for (std::int64_t depth : instruction_depths(at.element, at.shape[1])) {
    const MmaForm form = make_form(out, at.element, bt.element, ct.element, depth);
    const auto parts = fragments_of(form, *at.layout, *bt.layout, *ct.layout);
    if (!parts) continue;
    const Register a = out.reg(op.a()), b = out.reg(op.b()), c = out.reg(op.c());
    const bool wide = at.element == vm::kF64;
    const std::int64_t words_a = wide ? 1 : words_of(form.a, at.element),
                       words_b = wide ? 1 : words_of(form.b, bt.element),
                       words_c = wide ? 2 : words_of(form.c, ct.element);
    // f64 sums are changed in place as whole numbers, which words are not.
    const std::string sums = wide ? out.fresh("sums") : std::string();
    const Register d = out.define(op.d());
    if (wide) {
      out.line("u64 {}[{}];", sums, d.count);
      for (std::int64_t i = 0; i < d.count; ++i) out.line("{}[{}] = {};", sums, i, c.code(i));
    } else {
      copy_register(out, d, c);
    }
    for (std::int64_t k = 0; k < at.shape[1] / depth; ++k) {
      for (std::int64_t f = 0; f < parts->c.registers(); ++f) {
        const auto fa = fragment_at(parts->a, [&](std::int64_t w) {
          return Index{parts->c.element(w, f)[0], k};
        });
        const auto fb = fragment_at(parts->b, [&](std::int64_t w) {
          return Index{k, parts->c.element(w, f)[1]};
        });
        if (!fa || !fb) return false;
        std::vector<std::string> arguments;
        if (wide) {
          for (std::int64_t i = 0; i < words_c; ++i) {
            arguments.push_back(fmt::format("{}[{}]", sums, f * words_c + i));
          }
        } else {
          add_words(arguments, d, f, words_c);
        }
        add_words(arguments, a, *fa, words_a);
        add_words(arguments, b, *fb, words_b);
        out.line("{};", KernelWriter::invoke(form.wrapper, arguments));
      }
    }
    for (std::int64_t i = 0; wide && i < d.count; ++i) {
      write_elements(out, d, i, {fmt::format("{}[{}]", sums, i)});
    }
    return true;
  }
  return false;
}

// ---- fma ----------------------------------------------------------------------------------------

// The register in which every thread holds the element that it needs.
std::optional<std::int64_t> register_at(const RegisterLayout& layout,
                                        const std::function<Index(std::int64_t)>& at) {
  for (std::int64_t r = 0; r < layout.registers(); ++r) {
    if (layout.element(0, r) != at(0)) continue;
    bool same = true;
    for (std::int64_t t = 1; same && t < layout.threads(); ++t)
      same = layout.element(t, r) == at(t);
    if (same) return r;
  }
  return std::nullopt;
}

// A tile as f32 codes (f64 stays).
Register widened(KernelWriter& out, const Register& x) {
  if (x.bits() != 16) return x;
  if (x.kind == Register::Kind::Splat) {
    const std::string code = out.fresh("all");
    out.line("const u32 {} = {};", code, to_f32(out, x.element, x.code(0)));
    return {Register::Kind::Splat, code, vm::kF32, x.count};
  }
  const Register wide = out.temporary(vm::kF32, x.count, "wide");
  for (std::int64_t r = 0; r < x.count; ++r) {
    out.line("{} = {};", wide.word(r), to_f32(out, x.element, x.code(r)));
  }
  return wide;
}

bool emit_fma(const vm::DotOp& op, KernelWriter& out) {
  const vm::Type &at = out.type(op.a()), &bt = out.type(op.b()), &ct = out.type(op.c());
  const std::int64_t depth = at.shape[1];
  const RegisterLayout &a_layout = *at.layout, &b_layout = *bt.layout, &c_layout = *ct.layout;
  if (a_layout.threads() != c_layout.threads() || b_layout.threads() != c_layout.threads())
    return false;
  const Register a = widened(out, out.reg(op.a())), b = widened(out, out.reg(op.b()));
  const Register c = out.reg(op.c());
  const bool wide = ct.element == vm::kF64;
  const std::string_view fma = wide ? "fma_f64" : "fma_f32";
  const Register d = out.define(op.d());
  const std::int64_t period = period_of(d.bits());
  Codes codes;
  for (std::int64_t r = 0; r < d.count; ++r) {
    std::vector<std::int64_t> ra, rb;
    for (std::int64_t k = 0; k < depth; ++k) {
      const auto from_a = register_at(a_layout, [&](std::int64_t t) {
        return Index{c_layout.element(t, r)[0], k};
      });
      const auto from_b = register_at(b_layout, [&](std::int64_t t) {
        return Index{k, c_layout.element(t, r)[1]};
      });
      if (!from_a || !from_b) return false;
      ra.push_back(*from_a);
      rb.push_back(*from_b);
    }
    const std::string sum = out.fresh("sum");
    out.line("{} {} = {};", wide ? "u64" : "u32", sum, to_f32(out, ct.element, c.code(r)));
    for (std::int64_t k = 0; k < depth; ++k) {
      out.line("{} = {};", sum, out.call(fma, a.code(ra[k]), b.code(rb[k]), sum));
    }
    codes.push_back(from_f32(out, ct.element, sum));
    if (static_cast<std::int64_t>(codes.size()) == period || r + 1 == d.count) {
      write_elements(out, d, r + 1 - static_cast<std::int64_t>(codes.size()), codes);
      codes.clear();
    }
  }
  return true;
}

}  // namespace

void emit(const vm::DotOp& op, KernelWriter& out) {
  const std::string_view unit = op->word("unit", "auto");
  if (unit == "fma") {
    if (!emit_fma(op, out)) out.fail(*op, "threads do not hold rows of a and columns of b whole");
    return;
  }
  if (unit == "wgmma") {
    return out.fail(*op, "warpgroup products take b from shared memory; use dot_async");
  }
  if (!emit_mma(op, out)) {
    out.fail(*op, "the layouts of its operands are not made of the fragments of mma.sync");
  }
}

void emit(const vm::SparseDotOp& op, KernelWriter& out) {
  out.fail(*op, "sparse products are lowered by a pass; this function was not");
}

}  // namespace bitloom::codegen
