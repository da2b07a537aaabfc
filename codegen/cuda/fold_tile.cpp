#include "codegen/cuda/fold_tile.h"

#include "codegen/cuda/elementwise.h"
#include "codegen/cuda/exchange.h"
#include "codegen/cuda/plain_access.h"

namespace bitloom::codegen {

using layouts::Index;
using layouts::RegisterLayout;

namespace {

constexpr std::int64_t kWarp = 32;

std::string_view variable_type(vm::ElementType type) {
  return type.bits == 64 ? "u64" : "u32";
}

class Folder {
 public:
  Folder(KernelWriter& out, const RegisterLayout& layout, int dim, const Fold& fold,
         RegisterLayout result)
      : out_(out), layout_(layout), dim_(dim), fold_(fold), folded_{std::move(result), {}} {}

  void own();
  bool lanes(std::string& why);
  void warps();
  Folded take() { return std::move(folded_); }

 private:
  Index reduced(Index index) const {
    index[static_cast<std::size_t>(dim_)] = 0;
    return index;
  }
  void across_warps(std::int64_t count, const std::vector<ThreadDigit>& digits);

  KernelWriter& out_;
  const RegisterLayout& layout_;
  int dim_;
  const Fold& fold_;
  Folded folded_;
};

// What a thread holds itself, by rising register.
void Folder::own() {
  for (std::int64_t q = 0; q < folded_.layout.registers(); ++q) {
    std::vector<std::string> state;
    std::vector<Index> seen;
    for (std::int64_t r = 0; r < layout_.registers(); ++r) {
      const Index index = layout_.element(0, r);
      if (reduced(index) != folded_.layout.element(0, q)) continue;
      if (std::find(seen.begin(), seen.end(), index) != seen.end()) continue;  // a second copy
      seen.push_back(index);
      const std::vector<std::string> codes = fold_.first(r);
      if (!state.empty()) {
        fold_.combine(state, codes);
        continue;
      }
      for (std::size_t i = 0; i < codes.size(); ++i) {
        state.push_back(out_.fresh("f"));
        out_.line("{} {} = {};", variable_type(fold_.state.types[i]), state.back(), codes[i]);
      }
    }
    folded_.states.push_back(std::move(state));
  }
}

// The thread digits along the dimension.
std::vector<ThreadDigit> digits_along(const RegisterLayout& layout, int dim) {
  std::vector<ThreadDigit> result;
  std::int64_t divisor = layout.threads();
  for (const layouts::Digit& digit : layout.thread_digits()) {
    divisor /= digit.extent;
    if (digit.dim == dim) result.push_back({divisor, digit.extent});
  }
  return result;
}

bool Folder::lanes(std::string& why) {
  std::vector<ThreadDigit> digits = digits_along(layout_, dim_);
  for (std::size_t i = digits.size(); i-- > 0;) {
    std::int64_t extent = digits[i].extent, divisor = digits[i].divisor;
    for (; divisor < kWarp && extent > 1; extent /= 2, divisor *= 2) {
      if (extent % 2 != 0 || kWarp % divisor != 0) {
        why = "the dimension is spread over lanes in groups that are no power of two";
        return false;
      }
      const std::string name = out_.prelude().use("shuffle_xor");
      for (const std::vector<std::string>& state : folded_.states) {
        std::vector<std::string> other;
        for (std::size_t v = 0; v < state.size(); ++v) {
          other.push_back(out_.fresh("g"));
          if (fold_.state.types[v].bits == 64) {
            out_.line("const u64 {} = (u64){}<{}>((u32)({} >> 32)) << 32 | {}<{}>((u32){});",
                      other.back(), name, divisor, state[v], name, divisor, state[v]);
          } else {
            out_.line("const u32 {} = {}<{}>({});", other.back(), name, divisor, state[v]);
          }
        }
        fold_.combine(state, other);
      }
    }
  }
  return true;
}

// One lane of each warp writes; everybody reads the parts of all warps in order.
void Folder::warps() {
  std::vector<ThreadDigit> digits;
  std::int64_t count = 1;
  for (const ThreadDigit& digit : digits_along(layout_, dim_)) {
    std::int64_t divisor = digit.divisor, extent = digit.extent;
    if (divisor < kWarp) {
      if (divisor * extent <= kWarp) continue;
      extent = extent * divisor / kWarp;
      divisor = kWarp;
    }
    digits.push_back({divisor, extent});
    count *= extent;
  }
  if (count > 1) across_warps(count, digits);
}

void Folder::across_warps(std::int64_t count, const std::vector<ThreadDigit>& digits) {
  const RegisterLayout& result = folded_.layout;
  const std::string& thread = out_.strand().thread;
  // Which warp along the dimension a thread is in.
  ThreadForm part;
  std::int64_t weight = count;
  for (const ThreadDigit& digit : digits) {
    weight /= digit.extent;
    part.terms.push_back({digit, weight});
  }
  // Of the lanes that agree the first writes, and the first of threads with copies.
  ThreadForm others;
  std::int64_t divisor = layout_.threads();
  for (const layouts::Digit& digit : layout_.thread_digits()) {
    divisor /= digit.extent;
    const bool along = digit.dim == dim_;
    if (digit.is_replicated()) others.terms.push_back({{divisor, digit.extent}, 1});
    if (along && divisor < kWarp) {
      others.terms.push_back({{divisor, std::min(digit.extent, kWarp / divisor)}, 1});
    }
  }
  const std::string writes =
      others.terms.empty() ? "true" : others.text(thread, layout_.threads()) + " == 0";
  layouts::Shape shape = result.shape();
  shape.insert(shape.begin(), count);
  std::int64_t at = 0;
  std::vector<MemoryView> views;
  for (const vm::ElementType& type : fold_.state.types) {
    const vm::ElementType word = type.bits == 64 ? vm::kU64 : vm::kU32;
    views.push_back(scratch_view(out_, word, shape, at));
    at += (scratch_bytes(word, shape) + 15) / 16 * 16;
  }
  out_.barrier();
  const std::string warp = out_.fresh("part");
  out_.line("const u32 {} = {};", warp, part.text(thread, layout_.threads()));
  const auto registers_at = [&](const std::string& which, std::size_t v) {
    MemoryView view = views[v];
    view.origin[0] = {which, 0, 1};
    return WindowAccess(out_, view,
                        {result.threads(),
                         result.registers(),
                         digits_of(result),
                         [&result](std::int64_t t, std::int64_t r) {
                           Index index = result.element(t, r);
                           index.insert(index.begin(), 0);
                           return index;
                         },
                         {}},
                        {});
  };
  out_.open(fmt::format("if ({})", writes));
  for (std::size_t v = 0; v < views.size(); ++v) {
    WindowAccess access = registers_at(warp, v);
    access.begin();
    access.record(MemoryAccess::Kind::Store, 1);
    AccessKind kind{AccessKind::Space::Shared, fold_.state.types[v].bits == 64 ? 8 : 4};
    for (std::int64_t q = 0; q < result.registers(); ++q) {
      const std::string& name = folded_.states[q][v];
      out_.line("{};",
                KernelWriter::invoke(
                    out_.prelude().store(kind),
                    kind.bytes == 8 ? std::vector<std::string>{access.address(q), "(u32)" + name,
                                                               fmt::format("(u32)({} >> 32)", name)}
                                    : std::vector<std::string>{access.address(q), name}));
    }
  }
  out_.close();
  out_.barrier();
  const auto read = [&](const std::string& which, bool first) {
    std::vector<WindowAccess> accesses;
    for (std::size_t v = 0; v < views.size(); ++v) {
      accesses.push_back(registers_at(which, v));
      accesses.back().begin();
      accesses.back().record(MemoryAccess::Kind::Load, 1);
    }
    for (std::int64_t q = 0; q < result.registers(); ++q) {
      std::vector<std::string> codes;
      for (std::size_t v = 0; v < views.size(); ++v) {
        AccessKind kind{AccessKind::Space::Shared, fold_.state.types[v].bits == 64 ? 8 : 4};
        const std::string name = out_.prelude().load(kind), address = accesses[v].address(q);
        codes.push_back(out_.fresh("w"));
        if (kind.bytes == 8) {
          out_.line("u32 {}_low, {}_high; {}({}_low, {}_high, {});", codes.back(), codes.back(),
                    name, codes.back(), codes.back(), address);
          out_.line("const u64 {} = (u64){}_high << 32 | {}_low;", codes.back(), codes.back(),
                    codes.back());
        } else {
          out_.line("const u32 {} = {}({});", codes.back(), name, address);
        }
      }
      if (!first) {
        fold_.combine(folded_.states[q], codes);
        continue;
      }
      for (std::size_t v = 0; v < codes.size(); ++v) {
        out_.line("{} = {};", folded_.states[q][v], codes[v]);
      }
    }
  };
  out_.open({});
  read("0u", true);
  out_.close();
  const std::string turn = out_.fresh("i");
  out_.write("#pragma unroll");
  out_.open(fmt::format("for (u32 {} = 1; {} < {}; ++{})", turn, turn, count, turn));
  read(turn, false);
  out_.close();
}

}  // namespace

std::optional<Folded> fold_tile(KernelWriter& out, const RegisterLayout& layout, int dim,
                                const Fold& fold, std::string& why) {
  auto result = layout.reduce(dim);
  if (!result) {
    why = result.error().message;
    return std::nullopt;
  }
  Folder folder(out, layout, dim, fold, std::move(*result));
  folder.own();
  if (!folder.lanes(why)) return std::nullopt;
  folder.warps();
  return folder.take();
}

}  // namespace bitloom::codegen
