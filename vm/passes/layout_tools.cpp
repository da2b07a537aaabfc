#include "vm/passes/layout_tools.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <unordered_set>

namespace bitloom::vm {

using layouts::Digit;

namespace {

constexpr std::int64_t kWarp = 32;
constexpr int kWidest = 16;  // bytes of one access

std::vector<Digit> to_vector(std::span<const Digit> digits) {
  return {digits.begin(), digits.end()};
}

Shape ones(std::size_t rank) {
  return Shape(rank, 1);
}

RegisterLayout local_along(std::size_t rank, int dim, std::int64_t extent) {
  Shape shape = ones(rank);
  shape[static_cast<std::size_t>(dim)] = extent;
  return layouts::local(shape);
}

// The digits without those along `dim` that count in steps of `extent` and more; false when one of
// them stands across the border.
bool cut(std::vector<Digit>& digits, int dim, std::int64_t extent, bool may_remove) {
  std::vector<Digit> kept;
  for (Digit digit : digits) {
    if (digit.dim != dim || digit.stride * digit.extent <= extent) {
      kept.push_back(digit);
      continue;
    }
    if (!may_remove) return false;
    if (digit.stride >= extent) {
      if (digit.stride % extent != 0) return false;
      continue;
    }
    if (extent % digit.stride != 0) return false;
    digit.extent = extent / digit.stride;
    kept.push_back(digit);
  }
  digits = std::move(kept);
  return true;
}

}  // namespace

std::optional<RegisterLayout> slice_layout(const RegisterLayout& layout, int dim,
                                           std::int64_t offset, std::int64_t extent) {
  Shape shape = layout.shape();
  const std::int64_t whole = shape[static_cast<std::size_t>(dim)];
  if (extent == whole) return layout;
  std::vector<Digit> threads = to_vector(layout.thread_digits());
  std::vector<Digit> registers = to_vector(layout.register_digits());
  const bool all_local = std::none_of(threads.begin(), threads.end(),
                                      [&](const Digit& digit) { return digit.dim == dim; });
  shape[static_cast<std::size_t>(dim)] = extent;
  if (whole % extent == 0 && offset % extent == 0 && cut(threads, dim, extent, false) &&
      cut(registers, dim, extent, true) &&
      RegisterLayout::valid_digits(shape, threads, registers)) {
    return RegisterLayout(shape, threads, registers);
  }
  // A dimension that every thread holds whole, by one digit, may be cut anywhere.
  registers = to_vector(layout.register_digits());
  for (Digit& digit : registers) {
    if (digit.dim == dim && all_local && digit.stride == 1 && digit.extent == whole) {
      digit.extent = extent;
      return RegisterLayout(shape, threads, registers);
    }
  }
  return std::nullopt;
}

std::optional<RegisterLayout> unslice_layout(const RegisterLayout& part, int dim,
                                             std::int64_t extent) {
  const std::int64_t cut_out = part.shape()[static_cast<std::size_t>(dim)];
  if (extent % cut_out != 0) return std::nullopt;
  return local_along(part.shape().size(), dim, extent / cut_out) * part;
}

std::optional<RegisterLayout> unbroadcast_layout(const RegisterLayout& layout, const Shape& x) {
  const std::size_t lead = layout.shape().size() - x.size();
  std::vector<int> repeated;
  for (std::size_t d = 0; d < layout.shape().size(); ++d) {
    if (d < lead || x[d - lead] != layout.shape()[d]) repeated.push_back(static_cast<int>(d));
  }
  auto result = layout.reduce(repeated, /*keep_dims=*/true);
  for (std::size_t d = 0; d < lead && result; ++d) result = result->squeeze(0);
  if (!result) return std::nullopt;
  return *result;
}

// Elements add up: element(t, r) = base(t) + offset(r) without carry, so a thread holds an element
// exactly when their difference is one of the offsets.
Movement movement(const RegisterLayout& from, const RegisterLayout& to) {
  if (from == to) return Movement::None;
  std::unordered_set<std::int64_t> held;
  for (std::int64_t r = 0; r < from.registers(); ++r) held.insert(from.linear_element(0, r));
  std::vector<std::int64_t> base, offsets;
  for (std::int64_t t = 0; t < from.threads(); ++t) base.push_back(from.linear_element(t, 0));
  for (std::int64_t r = 0; r < to.registers(); ++r) offsets.push_back(to.linear_element(0, r));
  const auto holds = [&](std::int64_t thread, std::int64_t element) {
    return held.count(element - base[static_cast<std::size_t>(thread)]) != 0;
  };
  Movement result = Movement::Registers;
  // Threads whose first elements lie equally far apart in both layouts are alike.
  std::unordered_set<std::int64_t> settled;
  for (std::int64_t t = 0; t < to.threads(); ++t) {
    const std::int64_t own = to.linear_element(t, 0);
    if (t < from.threads()) {
      const std::int64_t apart = own - base[static_cast<std::size_t>(t)];
      if (settled.count(apart) != 0) continue;
      const bool all = std::all_of(offsets.begin(), offsets.end(),
                                   [&](std::int64_t o) { return held.count(apart + o) != 0; });
      if (all) {
        settled.insert(apart);
        continue;
      }
    }
    const std::int64_t first = t / kWarp * kWarp;
    const std::int64_t end = std::min(first + kWarp, from.threads());
    for (const std::int64_t offset : offsets) {
      bool near = false;
      for (std::int64_t lane = first; lane < end && !near; ++lane) near = holds(lane, own + offset);
      if (!near) return Movement::Block;
      result = Movement::Warp;
    }
  }
  return result;
}

std::string to_string(Movement movement) {
  switch (movement) {
    case Movement::None:
      return "nothing";
    case Movement::Registers:
      return "registers renamed";
    case Movement::Warp:
      return "shuffles within warps";
    case Movement::Block:
      return "a round trip through shared memory";
  }
  __builtin_unreachable();
}

namespace {

// How many threads a tile employs with vectors of this many elements.
std::int64_t employed(const Shape& shape, std::int64_t vector, std::int64_t threads) {
  std::int64_t rest = threads;
  for (std::size_t d = shape.size(); d-- > 0;) {
    rest /= std::gcd(d + 1 == shape.size() ? shape[d] / vector : shape[d], rest);
  }
  return threads / rest;
}

}  // namespace

RegisterLayout coalesced_layout(const Shape& shape, int bits, std::int64_t threads,
                                int vector_bits) {
  if (shape.empty()) return layouts::replicated(threads);
  // Threads that shared a byte would race when they store: where rows allow it, a thread takes
  // whole bytes of a narrow type.
  std::int64_t whole = 8 / std::gcd(bits, 8);
  if (shape.back() % whole != 0) whole = 1;
  const std::int64_t widest = std::max<std::int64_t>(vector_bits / bits, whole);
  const std::int64_t narrowest = std::min<std::int64_t>(std::max(32 / bits, 1), widest);
  std::int64_t vector = whole, most = 0;
  for (std::int64_t v = std::int64_t{1}
                        << (63 - __builtin_clzll(static_cast<unsigned long long>(widest)));
       v >= 1; v /= 2) {
    if (shape.back() % v != 0 || v % whole != 0 || (v < narrowest && most > 0)) continue;
    const std::int64_t busy = employed(shape, v, threads);
    if (busy <= most) continue;
    most = busy;
    vector = v;
  }
  const std::size_t rank = shape.size();
  Shape inner = ones(rank), across(rank), outer(rank);
  inner.back() = vector;
  std::int64_t rest = threads;
  for (std::size_t d = rank; d-- > 0;) {
    across[d] = std::gcd(shape[d] / inner[d], rest);
    rest /= across[d];
    outer[d] = shape[d] / inner[d] / across[d];
  }
  return layouts::local(outer) * layouts::replicated(rest) * layouts::spatial(across) *
         layouts::local(inner);
}

bool has_runs(const RegisterLayout& layout, std::int64_t run) {
  if (layout.registers() % run != 0) return false;
  for (std::int64_t t = 0; t < layout.threads(); ++t) {
    for (std::int64_t r = 0; r < layout.registers(); r += run) {
      layouts::Index index = layout.element(t, r);
      if (index.back() % run != 0) return false;
      for (std::int64_t i = 1; i < run; ++i) {
        ++index.back();
        if (layout.element(t, r + i) != index) return false;
      }
    }
  }
  return true;
}

namespace {

// (n, k)
struct Place {
  std::int64_t n = 0, k = 0;
};

// Where the registers of threads lie in the last two dimensions, [k, n]: a thread's place and a
// register's add up. Of threads that lie alike in their atoms one is enough.
struct Places {
  std::vector<Place> threads, registers;

  Places(const RegisterLayout& layout, const layouts::PackedAtom& atom) {
    const std::size_t rank = layout.shape().size();
    const auto place = [&](std::int64_t thread, std::int64_t reg) {
      const layouts::Index index = layout.element(thread, reg);
      return Place{index[rank - 1], index[rank - 2]};
    };
    std::unordered_set<std::int64_t> seen;
    for (std::int64_t t = 0; t < layout.threads(); ++t) {
      const Place at = place(t, 0);
      if (seen.insert(at.n % atom.rows() * atom.columns() + at.k % atom.columns()).second)
        threads.push_back(at);
    }
    for (std::int64_t r = 0; r < layout.registers(); ++r) registers.push_back(place(0, r));
  }
  Place at(const Place& thread, std::int64_t reg) const {
    const Place& own = registers[static_cast<std::size_t>(reg)];
    return {thread.n + own.n, thread.k + own.k};
  }
};

}  // namespace

bool is_packed_layout(const RegisterLayout& layout, const layouts::PackedAtom& atom) {
  const std::int64_t run = atom.encoding().elements();
  if (layout.rank() < 2 || layout.registers() % run != 0) return false;
  const std::size_t rank = layout.shape().size();
  const std::int64_t k = layout.shape()[rank - 2], n = layout.shape()[rank - 1];
  if (k % atom.columns() != 0 || n % atom.rows() != 0) return false;
  // Where the runs of the atom begin, and how they go on: element offsets from their first.
  const RegisterLayout& lanes = atom.lanes();
  const Places places(layout, atom);
  for (const Place& thread : places.threads) {
    for (std::int64_t first = 0; first < layout.registers(); first += run) {
      const auto [n0, k0] = places.at(thread, first);
      const layouts::Owner owner =
          lanes.thread_and_register({n0 % atom.rows(), k0 % atom.columns()});
      if (owner.reg % run != 0) return false;
      for (std::int64_t i = 1; i < run; ++i) {
        const auto [ni, ki] = places.at(thread, first + i);
        const layouts::Index expected = lanes.element(owner.thread, owner.reg + i);
        if (ni != n0 / atom.rows() * atom.rows() + expected[0] ||
            ki != k0 / atom.columns() * atom.columns() + expected[1]) {
          return false;
        }
      }
    }
  }
  return true;
}

int packed_vector_bytes(const RegisterLayout& layout, const layouts::PackedAtom& atom) {
  const std::int64_t run = atom.encoding().elements(), words = atom.encoding().words();
  std::int64_t together = 4;
  const Places all(layout, atom);
  for (const Place& thread : all.threads) {
    std::vector<std::int64_t> places;  // of the thread's words: (lane's atom, word) as one number
    for (std::int64_t first = 0; first < layout.registers(); first += run) {
      const auto [n, k] = all.at(thread, first);
      const layouts::Owner owner =
          atom.lanes().thread_and_register({n % atom.rows(), k % atom.columns()});
      const std::int64_t block = (n / atom.rows() * 65536 + k / atom.columns()) * 4096;
      for (std::int64_t w = 0; w < words; ++w) {
        places.push_back(block + owner.reg / run * words + w);
      }
    }
    while (together > 1) {
      bool whole = static_cast<std::int64_t>(places.size()) % together == 0;
      for (std::size_t i = 0; whole && i < places.size(); ++i) {
        const std::int64_t phase = static_cast<std::int64_t>(i) % together;
        whole = phase == 0 ? places[i] % together == 0 : places[i] == places[i - 1] + 1;
      }
      if (whole) break;
      together /= 2;
    }
  }
  return static_cast<int>(4 * together);
}

namespace {

// The atom's lanes as a part that warps share out: the slow registers of n are left to the product.
struct AtomPart {
  RegisterLayout part;  // [n, k]
  std::int64_t n, k;
};

// Whether the last thread has the same elements in both, in whatever order.
bool hold_the_same(const RegisterLayout& a, const RegisterLayout& b) {
  const auto held = [](const RegisterLayout& layout) {
    std::set<std::int64_t> elements;
    for (std::int64_t reg = 0; reg < layout.registers(); ++reg)
      elements.insert(layout.linear_element(layout.threads() - 1, reg));
    return elements;
  };
  return a.threads() == b.threads() && held(a) == held(b);
}

// Candidates for what one warp takes at once, small ones first: the atom cut along n, then whole.
std::vector<AtomPart> atom_parts(const layouts::PackedAtom& atom) {
  std::vector<AtomPart> parts;
  for (std::int64_t n = 1; n <= atom.rows(); ++n) {
    if (atom.rows() % n != 0) continue;
    const auto part = slice_layout(atom.lanes(), 0, 0, n);
    if (part && part->registers() % atom.encoding().elements() == 0) {
      parts.push_back({*part, n, atom.columns()});
    }
  }
  return parts;
}

}  // namespace

std::optional<RegisterLayout> packed_layout(const layouts::PackedAtom& atom, const Shape& shape,
                                            std::int64_t threads, const RegisterLayout* wanted) {
  const std::size_t rank = shape.size();
  if (rank < 2 || threads % kWarp != 0) return std::nullopt;
  for (std::size_t d = 0; d + 2 < rank; ++d) {
    if (shape[d] != 1) return std::nullopt;
  }
  const std::int64_t k = shape[rank - 2], n = shape[rank - 1], warps = threads / kWarp;
  std::optional<RegisterLayout> best;
  std::int64_t best_spread = 0;
  int best_vector = 0;
  for (const AtomPart& piece : atom_parts(atom)) {
    for (std::int64_t across_n = 1; across_n <= warps; ++across_n) {
      if (warps % across_n != 0 || n % (across_n * piece.n) != 0 || k % piece.k != 0) continue;
      const std::int64_t rest = warps / across_n;
      for (std::int64_t across_k = 1; across_k <= rest; ++across_k) {
        if (rest % across_k != 0 || k % (across_k * piece.k) != 0) continue;
        const auto copies = layouts::replicated(rest / across_k);
        const auto spread = layouts::spatial(across_n, across_k);
        const auto repeat = layouts::local(n / (across_n * piece.n), k / (across_k * piece.k));
        for (const auto& whole :
             {copies * spread * repeat * piece.part, spread * copies * repeat * piece.part}) {
          auto turned = whole.permute({1, 0});
          for (std::size_t d = 0; turned && d + 2 < rank; ++d) turned = turned->expand_dims(0);
          if (!turned) continue;
          if (wanted) {
            // Most candidates fail at one thread; whether the others are right costs a look at
            // every element. All threads have equally many, so one direction tells both.
            const bool same = hold_the_same(*turned, *wanted) &&
                              movement(*turned, *wanted) <= Movement::Registers;
            if (!same || !is_packed_layout(*turned, atom)) continue;
            const int vector = packed_vector_bytes(*turned, atom);
            if (vector == kWidest) return *turned;
            if (vector <= best_vector) continue;
            best_vector = vector;
            best = *turned;
          } else if (const std::int64_t spread_out = across_n * across_k * 1024 + across_n;
                     spread_out >= best_spread && is_packed_layout(*turned, atom)) {
            const int vector = packed_vector_bytes(*turned, atom);
            if (spread_out == best_spread && vector <= best_vector) continue;
            best_spread = spread_out;
            best_vector = vector;
            best = *turned;
          }
        }
      }
    }
  }
  return best;
}

}  // namespace bitloom::vm
