// Asynchronous products of a warpgroup (wgmma).
//
// The accumulator and a register operand A belong to the tensor cores from the product to the wait.
// C++ knows nothing of that: the text keeps the compiler from moving other uses of those registers
// over the wait by an empty `asm volatile` around every such use (touch), and ptxas does the rest.
// Descriptors follow from the layout of the shared tile, layouts/wgmma_shared.h.
#include "codegen/cuda/emit.h"
#include "layouts/fragments.h"
#include "layouts/wgmma_shared.h"

namespace bitloom::codegen {

using layouts::Major;
using layouts::RegisterLayout;
using vm::ElementType;

namespace {

constexpr std::int64_t kWarpgroup = 128, kRows = 64, kWidest = 256;

// An operand in shared memory: where its instructions' parts begin.
struct SharedOperand {
  std::string descriptor;  // a u64 variable: that of the window's first element
  layouts::WgmmaOperand operand;
  std::int64_t first_mn = 0, first_k = 0;  // constant part of the window's origin

  std::string at(std::int64_t mn, std::int64_t k) const {
    const std::int64_t bytes =
        operand.start_bytes(first_mn + mn, first_k + k) - operand.start_bytes(first_mn, first_k);
    return bytes == 0 ? descriptor : fmt::format("{} + {}", descriptor, bytes / 16);
  }
};

// `k_dim`: which dimension of the view is k.
std::optional<SharedOperand> shared_operand(KernelWriter& out, const MemoryView& view,
                                            std::size_t k_dim, std::string& why) {
  const MemoryRoot& root = *view.root;
  const std::size_t rank = root.rank();
  if (!root.layout || rank < 2 || view.dims.size() != 2) {
    why = "the operand is no matrix in shared memory";
    return std::nullopt;
  }
  const auto k_of_root = static_cast<std::size_t>(view.dims[k_dim]);
  const auto mn_of_root = static_cast<std::size_t>(view.dims[1 - k_dim]);
  if (k_of_root + mn_of_root != 2 * rank - 3 || std::max(k_of_root, mn_of_root) != rank - 1) {
    why = "the operand does not lie along the last two dimensions of its tile";
    return std::nullopt;
  }
  const Major major = k_of_root == rank - 1 ? Major::K : Major::MN;
  auto operand = layouts::wgmma_operand(major, root.shape[mn_of_root], root.shape[k_of_root],
                                        root.bits(), root.layout->swizzle());
  if (!operand) {
    why = operand.error().message;
    return std::nullopt;
  }
  for (std::size_t i = 0; i < 2; ++i) {
    if (root.layout->dims()[rank - 2 + i] == operand->layout.dims()[i]) continue;
    why = "the tile does not lie in the boxes that a descriptor describes: give it a swizzle";
    return std::nullopt;
  }
  SharedOperand result{out.fresh("desc"), std::move(*operand), view.origin[mn_of_root].constant,
                       view.origin[k_of_root].constant};
  const std::int64_t period = root.layout->swizzle().period();
  std::string address = root.base;
  std::int64_t constant = result.operand.start_bytes(result.first_mn, result.first_k);
  for (std::size_t d = 0; d < rank; ++d) {
    const Offset& origin = view.origin[d];
    const layouts::SharedLayout::Modes& modes = root.layout->dims()[d];
    std::int64_t inner = 1;
    for (std::size_t m = 1; m < modes.size(); ++m) inner *= modes[m].extent;
    const std::int64_t stride = (modes.empty() ? 0 : modes[0].stride) * root.bits() / 8;
    if (d + 2 < rank) constant += origin.constant * stride;
    if (origin.fixed()) continue;
    // Whole boxes, and whole repetitions of the swizzle: the hardware takes the phase from the
    // address.
    if (origin.multiple % inner != 0 ||
        (origin.multiple / inner * stride) % std::max<std::int64_t>(period, 16)) {
      why = "the window does not begin at a multiple of the swizzle's pattern that can be proved";
      return std::nullopt;
    }
    address += fmt::format(" + (u32)({}{}) * {}", parenthesized(origin.text),
                           inner == 1 ? std::string() : fmt::format(" / {}", inner), stride);
  }
  if (constant != 0) address += fmt::format(" + {}", constant);
  const std::uint64_t fixed = result.operand.descriptor(0);
  out.line("const u64 {} = (u64)((({}) & 0x3ffffu) >> 4) | 0x{:016x}ull;", result.descriptor,
           address, fixed);
  return result;
}

std::string wgmma_type(ElementType t) {
  if (t == vm::kI8) return "s8";
  if (t == vm::kI32) return "s32";
  return vm::to_string(t);
}

struct Form {
  ElementType a, b, c;
  std::int64_t n = 8, k = 16;
  bool a_in_registers = false, a_mn = false, b_mn = false;
  std::int64_t sums() const { return n / 2 * c.bits / 32; }  // words of the accumulator
};

// The wrapper: void name<accumulate>(u32& c…, a…, u64 b).
std::string wgmma_function(KernelWriter& out, const Form& form) {
  const bool half = form.a == vm::kF16 || form.a == vm::kBF16, integer = form.a.is_integer();
  std::string name = fmt::format("wgmma_m64n{}k{}_{}_{}", form.n, form.k, vm::to_string(form.c),
                                 vm::to_string(form.a));
  if (form.a != form.b) name += "_" + vm::to_string(form.b);
  name += form.a_in_registers ? "_rs" : "_ss";
  if (form.a_mn) name += "_ta";
  if (form.b_mn) name += "_tb";
  const std::int64_t sums = form.sums();
  std::string list, outputs, parameters;
  for (std::int64_t i = 0; i < sums; ++i) {
    list += fmt::format("{}%{}", i ? "," : "", i);
    outputs += fmt::format("{}\"+r\"(c{})", i ? ", " : "", i);
    parameters += fmt::format("u32& c{}, ", i);
  }
  std::string a, inputs;
  std::int64_t next = sums;
  if (form.a_in_registers) {
    a = fmt::format("{{%{},%{},%{},%{}}}", next, next + 1, next + 2, next + 3);
    inputs = "\"r\"(a0), \"r\"(a1), \"r\"(a2), \"r\"(a3)";
    parameters += "u32 a0, u32 a1, u32 a2, u32 a3";
    next += 4;
  } else {
    a = fmt::format("%{}", next++);
    inputs = "\"l\"(a)";
    parameters += "u64 a";
  }
  const std::int64_t b = next++, accumulate = next++;
  std::string tail = ", p";
  if (!integer) tail += ", 1, 1";
  if (half && !form.a_in_registers) tail += form.a_mn ? ", 1" : ", 0";
  if (half) tail += form.b_mn ? ", 1" : ", 0";
  out.prelude().add_function(
      name,
      fmt::format(
          "template <int Accumulate> DI void {}({}, u64 b) {{\n"
          "  asm volatile(\"{{.reg .pred p; setp.ne.b32 p, %{}, 0; wgmma.mma_async.sync.aligned"
          ".m64n{}k{}.{}.{}.{} {{{}}}, {}, %{}{};}}\" : {} : {}, \"l\"(b), "
          "\"n\"(Accumulate));\n}}\n",
          name, parameters, accumulate, form.n, form.k, wgmma_type(form.c), wgmma_type(form.a),
          wgmma_type(form.b), list, a, b, tail, outputs, inputs));
  return name;
}

// The widest instruction of which the accumulator is made. Of bytes there is none with an odd
// number of eights above 32.
std::optional<std::pair<RegisterLayout, std::int64_t>> instructions_of(const RegisterLayout& layout,
                                                                       bool bytes) {
  const std::int64_t groups = layout.threads() / kWarpgroup;
  for (std::int64_t n = std::min(layout.shape()[1], kWidest); n >= 8; n -= 8) {
    if (layout.shape()[1] % n != 0 || (bytes && n > 32 && n % 16 != 0)) continue;
    auto tiles = layout / layouts::wgmma_c(static_cast<int>(n));
    if (tiles && tiles->threads() == groups) return std::pair{*tiles, n};
  }
  return std::nullopt;
}

}  // namespace

void emit(const vm::DotAsyncOp& op, KernelWriter& out) {
  const vm::Type &at = out.type(op.a()), &bt = out.type(op.b()), &ct = out.type(op.acc());
  if (!out.target().has_warpgroup_dot()) return out.fail(*op, "warpgroup products need sm_90a");
  const auto tiles = instructions_of(*ct.layout, at.element.is_integer());
  if (!tiles) return out.fail(*op, "the accumulator is not made of the fragments of wgmma");
  const RegisterLayout& parts = tiles->first;
  std::string why;
  Form form{at.element,       bt.element, ct.element, tiles->second, 256 / at.element.bits,
            at.is_register(), false,      false};
  const auto b = shared_operand(out, out.view(op.b()), 0, why);
  if (!b) return out.fail(*op, "b: " + why);
  form.b_mn = b->operand.major == Major::MN;
  std::optional<SharedOperand> a;
  std::optional<RegisterLayout> a_tiles;
  if (form.a_in_registers) {
    a_tiles = *at.layout / layouts::wgmma_a(static_cast<int>(form.k), at.element.bits);
    if (!a_tiles) return out.fail(*op, "a is not made of the fragments of wgmma");
    if (!out.function().value(op.a()).variable) out.touch(op.a());
  } else {
    a = shared_operand(out, out.view(op.a()), 1, why);
    if (!a) return out.fail(*op, "a: " + why);
    form.a_mn = a->operand.major == Major::MN;
  }
  // Descriptors are of the strand; with several warpgroups each has its own rows and columns.
  const std::int64_t groups = ct.layout->threads() / kWarpgroup;
  if (groups > 1)
    return out.fail(*op, "several warpgroups share one product; split them into roles");
  const Register acc = out.reg(op.acc());
  const std::string name = wgmma_function(out, form);
  out.line("{};", out.call("wgmma_fence"));
  const std::int64_t depth = bt.shape[0] / form.k;
  for (std::int64_t k = 0; k < depth; ++k) {
    for (std::int64_t f = 0; f < parts.registers(); ++f) {
      const layouts::Index place = parts.element(0, f);
      std::vector<std::string> arguments;
      for (std::int64_t i = 0; i < form.sums(); ++i)
        arguments.push_back(acc.word(f * form.sums() + i));
      if (form.a_in_registers) {
        std::int64_t fragment = 0;
        while (fragment < a_tiles->registers() &&
               a_tiles->element(0, fragment) != layouts::Index{place[0], k}) {
          ++fragment;
        }
        if (fragment == a_tiles->registers()) return out.fail(*op, "a lacks a fragment");
        for (std::int64_t w = 0; w < 4; ++w)
          arguments.push_back(out.reg(op.a()).word(fragment * 4 + w));
      } else {
        arguments.push_back(a->at(place[0] * kRows, k * form.k));
      }
      arguments.push_back(b->at(place[1] * form.n, k * form.k));
      const bool accumulate = k > 0 || !op->flag("zero");
      out.line("{}<{}>({});", name, accumulate ? 1 : 0, fmt::join(arguments, ", "));
    }
  }
}

void emit(const vm::DotCommitOp&, KernelWriter& out) {
  out.line("{};", out.call("wgmma_commit"));
}

void emit(const vm::DotWaitOp& op, KernelWriter& out) {
  out.line("{}<{}>();", out.prelude().use("wgmma_wait"), op->integer("pending"));
}

}  // namespace bitloom::codegen
