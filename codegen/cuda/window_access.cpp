#include "codegen/cuda/window_access.h"

#include <algorithm>
#include <numeric>
#include <set>

namespace bitloom::codegen {

using layouts::SharedLayout;
using vm::Shape;

ElementMap ElementMap::of(const layouts::RegisterLayout& layout) {
  return {layout.threads(), layout.registers(), digits_of(layout),
          [layout](std::int64_t thread, std::int64_t reg) { return layout.element(thread, reg); },
          layout};
}

ElementMap ElementMap::of_scalar(std::size_t rank) {
  return {1, 1, {}, [rank](std::int64_t, std::int64_t) { return layouts::Index(rank, 0); }, {}};
}

bool ElementMap::is_sum() const {
  const std::size_t rank = element(0, 0).size();
  for (std::size_t d = 0; d < rank; ++d) {
    const auto form = fit(digits, threads, [&](std::int64_t t) { return element(t, 0)[d]; });
    if (!form) return false;
    for (std::int64_t reg = 1; reg < registers; ++reg) {
      const std::int64_t move = element(0, reg)[d] - form->constant;
      for (std::int64_t t = 0; t < threads; ++t) {
        if (element(t, reg)[d] != form->at(t) + move) return false;
      }
    }
  }
  return true;
}

WindowAccess::WindowAccess(KernelWriter& out, const MemoryView& view, ElementMap elements,
                           const Shape& clip)
    : out_(out), view_(view), elements_(std::move(elements)), clip_(clip) {
  view_dim_.assign(view_.root->rank(), -1);
  for (std::size_t v = 0; v < view_.dims.size(); ++v) {
    view_dim_[static_cast<std::size_t>(view_.dims[v])] = static_cast<int>(v);
  }
  index_.resize(view_.root->rank());
}

AccessKind::Space WindowAccess::space() const {
  if (global()) return AccessKind::Space::Global;
  return root().cluster ? AccessKind::Space::Cluster : AccessKind::Space::Shared;
}

std::int64_t WindowAccess::coordinate(std::int64_t thread, std::int64_t reg, std::size_t d) const {
  const std::int64_t constant = view_.origin[d].constant;
  if (view_dim_[d] < 0) return constant;
  return constant + elements_.element(thread, reg)[static_cast<std::size_t>(view_dim_[d])];
}

// A dimension that the window has dropped is judged like the others when any is.
bool WindowAccess::clipped(std::size_t d) const {
  if (view_dim_[d] < 0) {
    return std::any_of(clip_.begin(), clip_.end(), [](std::int64_t c) { return c != 0; });
  }
  const auto v = static_cast<std::size_t>(view_dim_[d]);
  return v < clip_.size() && clip_[v] != 0;
}

void WindowAccess::begin() {
  if (global()) {
    begin_global();
  } else {
    begin_shared();
  }
}

std::string WindowAccess::bits_to_bytes(const std::string& bits) const {
  return fmt::format("({} >> 3)", parenthesized(bits));
}

// ---- Global memory ------------------------------------------------------------------------------

// Origin and thread's part along a dimension, as a 64-bit variable.
std::string WindowAccess::index_variable(std::size_t d) {
  if (!index_[d].empty()) return index_[d];
  const std::string& origin = view_.origin[d].text;
  std::string text =
      origin.empty() || origin.starts_with("(s64)") ? origin : "(s64)" + parenthesized(origin);
  const auto add = [&](const std::string& part) { text += text.empty() ? part : " + " + part; };
  if (view_dim_[d] >= 0) {
    const auto form = fit(elements_.digits, elements_.threads,
                          [&](std::int64_t thread) { return coordinate(thread, 0, d); });
    if (!form->is_constant()) {
      add("(s64)" + parenthesized(form->text(out_.strand().thread, elements_.threads)));
    }
  }
  if (const std::int64_t first = coordinate(0, 0, d); first != 0 || text.empty()) {
    add(fmt::format("{}", first));
  }
  index_[d] = out_.fresh("x");
  out_.line("const s64 {} = {};", index_[d], text);
  return index_[d];
}

void WindowAccess::begin_global() {
  std::string sum;
  for (std::size_t d = 0; d < root().rank(); ++d) {
    const std::string index = index_variable(d);
    const std::string& stride = root().strides[d];
    sum += fmt::format("{}{}", sum.empty() ? "" : " + ",
                       stride == "1" ? index : fmt::format("{} * {}", index, stride));
  }
  if (sum.empty()) sum = "0";
  base_ = out_.fresh("p");
  if (narrow()) {
    out_.line("const u64 {} = (u64)({}) * {};", base_, sum, unit());
  } else {
    out_.line("const u64 {} = {} + (u64)({}) * {};", base_, root().base, sum, unit());
  }
}

std::string WindowAccess::global_place(std::int64_t reg) {
  std::int64_t constant = 0;
  std::string sum;
  for (std::size_t d = 0; d < root().rank(); ++d) {
    const std::int64_t move = coordinate(0, reg, d) - coordinate(0, 0, d);
    if (move == 0) continue;
    if (root().strides[d] == "1") {
      constant += move * unit();
    } else {
      sum += fmt::format(" + (u64)({} * {})", move * unit(), root().strides[d]);
    }
  }
  if (constant != 0) sum += fmt::format(" + {}", constant);
  return base_ + sum;
}

// ---- Shared memory ------------------------------------------------------------------------------

std::int64_t WindowAccess::static_place(std::int64_t thread, std::int64_t reg) const {
  layouts::Index index;
  for (std::size_t d = 0; d < root().rank(); ++d) index.push_back(coordinate(thread, reg, d));
  if (!root().layout) {
    std::int64_t number = 0;
    for (std::size_t d = 0; d < index.size(); ++d) number = number * root().shape[d] + index[d];
    return number * unit();
  }
  // By hand: a constant origin may lie beyond the tile, where an access is a fault but still has an
  // address.
  std::int64_t sum = 0;
  for (std::size_t d = 0; d < index.size(); ++d) {
    const SharedLayout::Modes& modes = root().layout->dims()[d];
    std::int64_t rest = index[d];
    for (std::size_t m = modes.size(); m-- > 0;) {
      const std::int64_t digit = m == 0 ? rest : rest % modes[m].extent;
      sum += digit * modes[m].stride;
      rest /= modes[m].extent;
    }
  }
  return sum * unit();
}

// The dynamic part of the origin in bytes, when it is a plain sum; and what divides it.
bool WindowAccess::add_dynamic_shared(std::string& text, std::int64_t& multiple) const {
  const Shape strides = layouts::row_major_strides(root().shape);
  for (std::size_t d = 0; d < root().rank(); ++d) {
    const Offset& origin = view_.origin[d];
    if (origin.fixed()) continue;
    std::int64_t stride = strides[d], inner = 1;
    if (root().layout) {
      const SharedLayout::Modes& modes = root().layout->dims()[d];
      stride = modes.empty() ? 0 : modes[0].stride;
      for (std::size_t m = 1; m < modes.size(); ++m) inner *= modes[m].extent;
    }
    if (origin.multiple % inner != 0) return false;
    const std::string index = inner == 1
                                  ? parenthesized(origin.text)
                                  : fmt::format("({} / {})", parenthesized(origin.text), inner);
    text += fmt::format(" + (u32){} * {}", index, stride * unit());
    multiple = std::gcd(multiple, origin.multiple / inner * stride * unit());
  }
  return true;
}

void WindowAccess::begin_shared() {
  std::string dynamic;
  std::int64_t multiple = 0;
  const bool sum = add_dynamic_shared(dynamic, multiple);
  const layouts::Swizzle swizzle = root().layout ? root().layout->swizzle() : layouts::kNoSwizzle;
  const std::int64_t threads = elements_.threads;
  const std::vector<ThreadDigit>& digits = elements_.digits;
  const auto place_of = [&](std::int64_t thread, std::int64_t reg) {
    return swizzle.apply(static_place(thread, reg));
  };
  bool good = sum && (swizzle.is_none() || multiple % swizzle.period() == 0);
  if (good) {
    const ThreadFunction first = [&](std::int64_t thread) { return place_of(thread, 0); };
    threads_ = swizzle.is_none() ? fit(digits, threads, first) : fit_xor(digits, threads, first);
    good = threads_.has_value();
  }
  // Every register moves all threads by the same amount.
  for (std::int64_t reg = 0; good && reg < registers(); ++reg) {
    const std::int64_t own = place_of(0, reg);
    for (std::int64_t t = 0; good && t < threads; ++t) {
      const std::int64_t part = threads_->at(t), first = threads_->constant;
      good = place_of(t, reg) == (swizzle.is_none() ? part - first + own : part ^ first ^ own);
    }
  }
  computed_ = !good;
  if (computed_) return;
  base_ = out_.fresh("s");
  const std::string origin = narrow() ? "0" : root().base;
  out_.line("const u32 {} = {}{};", base_, origin, dynamic);
  if (threads_->by_xor) {
    const std::string thread = out_.fresh("t");
    out_.line("const u32 {} = {};", thread, threads_->text(out_.strand().thread, threads));
    variants_[-1] = thread;
  } else if (!threads_->is_constant()) {
    const std::string whole = out_.fresh("s");
    out_.line("const u32 {} = {} + {};", whole, base_,
              threads_->text(out_.strand().thread, threads));
    base_ = whole;
  }
}

std::string WindowAccess::shared_place(std::int64_t reg) {
  if (computed_) return computed_place(reg, -1, {});
  const layouts::Swizzle swizzle = root().layout ? root().layout->swizzle() : layouts::kNoSwizzle;
  const std::int64_t own = swizzle.apply(static_place(0, reg));
  const auto plus = [](const std::string& text, std::int64_t constant) {
    return constant == 0 ? text : fmt::format("{} + {}", text, constant);
  };
  if (!threads_->by_xor) return plus(base_, own);
  const std::int64_t mask = threads_->bits(), crossed = own & mask;
  std::string& variant = variants_[crossed];
  if (variant.empty()) {
    variant = out_.fresh("s");
    const std::string& thread = variants_[-1];
    const std::string part = crossed == 0 ? thread : fmt::format("({} ^ {})", thread, crossed);
    out_.line("const u32 {} = {} + {};", variant, base_, part);
  }
  return plus(variant, own & ~mask);
}

// The place by arithmetic at run time; `dim` of the view may have an index of its own.
std::string WindowAccess::computed_place(std::int64_t reg, int dim, const std::string& index) {
  std::string sum;
  const Shape strides = layouts::row_major_strides(root().shape);
  for (std::size_t d = 0; d < root().rank(); ++d) {
    const Offset& origin = view_.origin[d];
    std::string at = origin.text.empty() ? "" : "(int)" + parenthesized(origin.text);
    const auto add = [&](const std::string& part) { at += at.empty() ? part : " + " + part; };
    std::int64_t constant = coordinate(0, reg, d);
    if (dim >= 0 && view_dim_[d] == dim) {
      add(index);
      constant = origin.constant;
    } else if (view_dim_[d] >= 0) {
      const auto form = fit(elements_.digits, elements_.threads,
                            [&](std::int64_t thread) { return coordinate(thread, reg, d); });
      if (!form->is_constant()) {
        add("(int)" + parenthesized(form->text(out_.strand().thread, elements_.threads)));
      }
    }
    if (constant != 0 || at.empty()) add(fmt::format("{}", constant));
    at = parenthesized(at);
    if (!root().layout) {
      sum += fmt::format("{}{} * {}", sum.empty() ? "" : " + ", at, strides[d]);
      continue;
    }
    const SharedLayout::Modes& modes = root().layout->dims()[d];
    std::int64_t inner = 1;
    for (std::size_t m = modes.size(); m-- > 0;) {
      std::string digit = inner == 1 ? at : fmt::format("({} / {})", at, inner);
      if (m > 0) digit = fmt::format("({} % {})", digit, modes[m].extent);
      sum += fmt::format("{}{} * {}", sum.empty() ? "" : " + ", digit, modes[m].stride);
      inner *= modes[m].extent;
    }
  }
  std::string place = fmt::format("(u32)({}) * {}", sum.empty() ? "0" : sum, unit());
  const layouts::Swizzle swizzle = root().layout ? root().layout->swizzle() : layouts::kNoSwizzle;
  if (!swizzle.is_none()) {
    out_.prelude().add_function(
        "swizzled", R"(// Bits base .. base + bits of an address, XORed with those `shift` above.
template <int Base, int Bits, int Shift> DI u32 swizzled(u32 x) { return x ^ (x >> Shift & ((1u << Bits) - 1) << Base); }
)");
    place =
        fmt::format("swizzled<{}, {}, {}>({})", swizzle.base, swizzle.bits, swizzle.shift, place);
  }
  return narrow() ? place : fmt::format("{} + {}", root().base, place);
}

// ---- Both ---------------------------------------------------------------------------------------

std::string WindowAccess::place(std::int64_t reg) {
  return global() ? global_place(reg) : shared_place(reg);
}

std::string WindowAccess::address(std::int64_t reg) {
  if (!narrow()) return place(reg);
  return fmt::format("{} + {}", root().base, bits_to_bytes(place(reg)));
}

std::string WindowAccess::bit(std::int64_t reg) {
  const std::string cut = fmt::format("{} & 7", parenthesized(place(reg)));
  return global() ? "(u32)(" + cut + ")" : cut;
}

std::string WindowAccess::inside(std::int64_t reg) {
  return inside_at(reg, -1, {});
}

// Where origin and extent are multiples of a granule, its elements are inside together: the test is
// of the granule's begin, which all threads share if the granule holds all of them.
std::string WindowAccess::inside_along(std::size_t d, std::int64_t reg, const std::string& extent) {
  if (const auto begin = granule_begin(d, reg)) {
    std::string& known = granules_[{d, *begin}];
    if (!known.empty()) return known;
    known = out_.fresh("in");
    const std::string& origin = view_.origin[d].text;
    std::string at = origin.empty() ? fmt::format("{}", *begin) : "(s64)" + parenthesized(origin);
    if (!origin.empty() && *begin != 0) at += fmt::format(" + {}", *begin);
    out_.line("const bool {} = (u64)({}) < (u64){};", known, at, parenthesized(extent));
    return known;
  }
  const std::int64_t move = coordinate(0, reg, d) - coordinate(0, 0, d);
  std::string& known = insides_[{d, move}];
  if (known.empty()) {
    known = out_.fresh("in");
    const std::string at = index_variable(d);
    out_.line("const bool {} = (u64)({}{}) < (u64){};", known, at,
              move == 0 ? std::string() : fmt::format(" + {}", move), parenthesized(extent));
  }
  return known;
}

std::optional<std::int64_t> WindowAccess::granule_begin(std::size_t d, std::int64_t reg) const {
  static constexpr std::int64_t kWidest = 1024;
  if (!global() || view_dim_[d] < 0) return std::nullopt;
  const vm::Type& type = out_.type(root().value);
  if (type.extents.empty()) return std::nullopt;
  const Offset& origin = view_.origin[d];
  std::int64_t granule = origin.fixed() ? kWidest : std::gcd(origin.multiple, kWidest);
  while (granule > 1 && !out_.facts().multiple(type.extents[d], granule)) granule /= 2;
  if (granule <= 1) return std::nullopt;
  const std::int64_t begin = coordinate(0, reg, d) / granule * granule;
  for (std::int64_t t = 0; t < elements_.threads; ++t) {
    const std::int64_t own = coordinate(t, reg, d);
    if (own < begin || own >= begin + granule) return std::nullopt;
  }
  return begin;
}

std::string WindowAccess::inside_at(std::int64_t reg, int dim, const std::string& index) {
  std::string all;
  for (std::size_t d = 0; d < root().rank(); ++d) {
    if (!clipped(d)) continue;
    const std::string extent = global() ? root().extents[d] : fmt::format("{}", root().shape[d]);
    std::string test;
    if (dim >= 0 && view_dim_[d] == dim) {
      const Offset& origin = view_.origin[d];
      const std::string at =
          origin.fixed() && origin.constant == 0
              ? "(s64)" + parenthesized(index)
              : fmt::format("(s64){} + ({})", parenthesized(index), origin.whole());
      test = fmt::format("(u64)({}) < (u64){}", at, parenthesized(extent));
    } else {
      test = inside_along(d, reg, extent);
    }
    all += all.empty() ? test : " && " + test;
  }
  return all;
}

std::string WindowAccess::address_at(std::int64_t reg, int dim, const std::string& index) {
  const std::string place = bit_place_at(reg, dim, index);
  if (narrow()) return fmt::format("{} + {}", root().base, bits_to_bytes(place));
  return global() ? fmt::format("{} + {}", root().base, place) : place;
}

// Of types of whole bytes the place is bytes, and in shared memory an address.
std::string WindowAccess::bit_place_at(std::int64_t reg, int dim, const std::string& index) {
  if (!global()) return computed_place(reg, dim, "(int)" + parenthesized(index));
  std::string sum;
  for (std::size_t d = 0; d < root().rank(); ++d) {
    std::string at;
    if (dim >= 0 && view_dim_[d] == dim) {
      const Offset& origin = view_.origin[d];
      const bool first = origin.fixed() && origin.constant == 0;
      at = fmt::format("((s64){}{})", parenthesized(index),
                       first ? std::string() : " + (" + origin.whole() + ")");
    } else {
      const std::int64_t move = coordinate(0, reg, d) - coordinate(0, 0, d);
      at = index_variable(d);
      if (move != 0) at = fmt::format("({} + {})", at, move);
    }
    const std::string& stride = root().strides[d];
    sum += fmt::format("{}{}", sum.empty() ? "" : " + ",
                       stride == "1" ? at : fmt::format("{} * {}", at, stride));
  }
  return fmt::format("(u64)({}) * {}", sum.empty() ? "0" : sum, unit());
}

std::int64_t WindowAccess::run(std::int64_t limit) const {
  const auto side_by_side = [&](std::int64_t n) {
    if (registers() % n != 0) return false;
    for (std::int64_t reg = 0; reg < registers(); ++reg) {
      const std::int64_t first = reg / n * n;
      if (global()) {
        for (std::size_t d = 0; d < root().rank(); ++d) {
          const std::int64_t move = coordinate(0, reg, d) - coordinate(0, first, d);
          if (move != (root().strides[d] == "1" ? reg - first : 0)) return false;
        }
      } else {
        const layouts::Swizzle swizzle =
            root().layout ? root().layout->swizzle() : layouts::kNoSwizzle;
        if (swizzle.apply(static_place(0, reg)) !=
            swizzle.apply(static_place(0, first)) + (reg - first) * unit()) {
          return false;
        }
      }
    }
    return true;
  };
  std::int64_t n = 1;
  while (2 * n <= limit && side_by_side(2 * n)) n *= 2;
  return n;
}

std::int64_t WindowAccess::aligned_run(std::int64_t limit) const {
  std::int64_t n = run(limit);
  const auto aligned = [&](std::int64_t bytes) {
    for (std::int64_t reg = 0; reg < registers(); reg += n) {
      if (static_place(0, reg) % bytes != 0) return false;
    }
    for (const ThreadDigit& digit : elements_.digits) {
      if ((static_place(digit.divisor, 0) - static_place(0, 0)) % bytes != 0) return false;
    }
    return true;
  };
  while (n > 1 && !aligned(n * unit())) n /= 2;
  return n;
}

// ---- For reports --------------------------------------------------------------------------------

std::int64_t WindowAccess::recorded_place(std::int64_t thread, std::int64_t reg) const {
  if (!global()) {
    const layouts::Swizzle swizzle = root().layout ? root().layout->swizzle() : layouts::kNoSwizzle;
    const std::int64_t place = static_place(thread, reg);
    return narrow() ? place / 8 : swizzle.apply(place);
  }
  const std::vector<layouts::SizeExpr>& extents = out_.type(root().value).extents;
  std::int64_t number = 0;
  for (std::size_t d = 0; d < root().rank(); ++d)
    number = number * out_.recorded_size(extents[d]) + coordinate(thread, reg, d);
  return narrow() ? number * unit() / 8 : number * unit();
}

void WindowAccess::record(MemoryAccess::Kind kind, std::int64_t each, bool indexed) {
  const std::int64_t bytes = std::max<std::int64_t>(each * root().bits() / 8, 1);
  MemoryAccess* access = out_.record(kind, root(), bytes);
  if (!access) return;
  access->indexed = indexed;
  const bool stores = kind == MemoryAccess::Kind::Store || kind == MemoryAccess::Kind::Atomic;
  const std::int64_t threads = elements_.layout || elements_.threads > 1 ? elements_.threads : 1;
  for (std::int64_t reg = 0; reg < registers(); reg += each) {
    if (stores && is_duplicate(reg)) continue;
    add_instruction(*access, threads, [&](std::int64_t thread) -> std::optional<std::int64_t> {
      return recorded_place(thread, reg);
    });
  }
}

void WindowAccess::record_granules(MemoryAccess::Kind kind, std::int64_t bytes,
                                   std::int64_t count) {
  MemoryAccess* access = out_.record(kind, root(), bytes);
  if (!access) return;
  for (std::int64_t turn = 0; turn < registers(); ++turn) {
    add_instruction(*access, elements_.threads,
                    [&](std::int64_t thread) -> std::optional<std::int64_t> {
                      if (turn * elements_.threads + thread >= count) return std::nullopt;
                      return recorded_place(thread, turn);
                    });
  }
}

void WindowAccess::record_rows() {
  constexpr std::int64_t kRowBytes = 16;
  MemoryAccess* access = out_.record(MemoryAccess::Kind::Matrix, root(), kRowBytes);
  if (!access) return;
  for (std::int64_t reg = 0; reg < registers(); ++reg) {
    add_instruction(*access, elements_.threads,
                    [&](std::int64_t thread) -> std::optional<std::int64_t> {
                      return recorded_place(thread, reg);
                    });
  }
}

std::string WindowAccess::is_owner() {
  if (!elements_.layout) return out_.is_first_thread();
  if (owner_known_) return owner_;
  owner_known_ = true;
  ThreadForm copies;
  std::int64_t divisor = elements_.layout->threads();
  for (const layouts::Digit& digit : elements_.layout->thread_digits()) {
    divisor /= digit.extent;
    if (digit.is_replicated()) copies.terms.push_back({{divisor, digit.extent}, 1});
  }
  if (copies.terms.empty()) return owner_;
  owner_ = out_.fresh("owner");
  out_.line("const bool {} = {} == 0;", owner_,
            copies.text(out_.strand().thread, elements_.layout->threads()));
  return owner_;
}

bool WindowAccess::is_duplicate(std::int64_t reg) const {
  if (!elements_.layout) return false;
  for (std::int64_t earlier = 0; earlier < reg; ++earlier) {
    if (elements_.layout->linear_element(0, earlier) == elements_.layout->linear_element(0, reg))
      return true;
  }
  return false;
}

}  // namespace bitloom::codegen
