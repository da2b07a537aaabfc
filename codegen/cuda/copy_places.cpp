#include "codegen/cuda/copy_places.h"

#include "codegen/cuda/packed_place.h"
#include "codegen/cuda/window_access.h"

namespace bitloom::codegen {

using layouts::Index;

namespace {

// Calls `good(threads, digits)` with numbers of threads, from the most down, that rows of `row`
// granules divide or are divided by.
template <class F>
std::int64_t most_threads(std::int64_t threads, std::int64_t row, F&& good) {
  for (std::int64_t t = threads; t > 1; --t) {
    if (t % row != 0 && row % t != 0) continue;
    std::vector<ThreadDigit> digits;
    if (t > row) {
      for (ThreadDigit digit : digits_of(t / row))
        digits.push_back({digit.divisor * row, digit.extent});
    }
    for (const ThreadDigit& digit : digits_of(std::min(t, row))) digits.push_back(digit);
    if (good(t, digits)) return t;
  }
  return good(1, std::vector<ThreadDigit>{}) ? 1 : 0;
}

}  // namespace

bool CopyPlaces::make_plain(KernelWriter& out, const MemoryView* target, const MemoryView& source,
                            std::int64_t bytes, const vm::Shape& clip) {
  const std::int64_t bits = source.root->bits();
  const std::int64_t each = bytes * 8 / bits;  // elements of a granule
  vm::Shape granules = source.extents;
  if (granules.empty()) granules.push_back(1);
  if (granules.back() % each != 0 && source.extents.size() > 0) return false;
  granules.back() = std::max<std::int64_t>(granules.back() / each, 1);
  count_ = layouts::size(granules);
  ElementMap map;
  const std::size_t rank = source.extents.size();
  const auto place = [granules, each, rank](std::int64_t number) {
    Index index(granules.size());
    // The first dimension has no end: turns beyond the window stand for nothing.
    for (std::size_t d = granules.size(); d-- > 0;) {
      index[d] = d == 0 ? number : number % granules[d];
      number /= granules[d];
    }
    index.back() *= each;
    index.resize(rank);
    return index;
  };
  threads_ = most_threads(std::min(strand_threads_, count_), granules.back(),
                          [&](std::int64_t t, const auto& digits) {
                            map.threads = t;
                            map.registers = (count_ + t - 1) / t;
                            map.digits = digits;
                            map.element = [place, t](std::int64_t thread, std::int64_t turn) {
                              return place(thread + turn * t);
                            };
                            return map.is_sum();
                          });
  if (threads_ == 0) return false;
  const auto from = std::make_shared<WindowAccess>(out, source, map, clip);
  from->begin();
  if (target) from->record_granules(MemoryAccess::Kind::CopyRead, bytes, count_);
  source_ = [from](std::int64_t turn) { return from->address(turn); };
  inside_ = [from](std::int64_t turn) { return from->inside(turn); };
  if (!target) return true;
  const auto to = std::make_shared<WindowAccess>(out, *target, map, vm::Shape{});
  to->begin();
  to->record_granules(MemoryAccess::Kind::CopyWrite, bytes, count_);
  target_ = [to](std::int64_t turn) { return to->address(turn); };
  return true;
}

bool CopyPlaces::make_packed(KernelWriter& out, const MemoryView* target, const MemoryView& source,
                             const vm::Shape& clip) {
  constexpr std::int64_t kBytes = 16;
  const layouts::PackedAtom& atom = *source.root->packed;
  const std::size_t kept = source.dims.size();
  if (kept < 2) return false;
  const std::int64_t in_atom = atom.bytes() / kBytes;
  const std::int64_t n = source.extents[kept - 1] / atom.rows(),
                     k = source.extents[kept - 2] / atom.columns();
  vm::Shape leading(source.extents.begin(), source.extents.end() - 2);
  count_ = layouts::size(leading) * n * k * in_atom;
  PieceMap map;
  // The two roots may have different ranks: a stage of the shared tile is a dimension more.
  const auto pieces_for = [&](const MemoryView& view, std::int64_t t) {
    const std::vector<int> dims = view.dims;
    const std::size_t view_rank = view.root->rank();
    return [=](std::int64_t thread, std::int64_t turn) {
      std::int64_t number = thread + turn * t;
      PackedPiece piece;
      piece.inner = number % in_atom * kBytes;
      number /= in_atom;
      piece.k_atom = number % k;
      number /= k;
      const bool alone = leading.empty();
      piece.n_atom = alone ? number : number % n;
      number /= n;
      piece.leading.assign(view_rank - 2, 0);
      for (std::size_t v = leading.size(); v-- > 0;) {
        piece.leading[static_cast<std::size_t>(dims[v])] = v == 0 ? number : number % leading[v];
        number /= leading[v];
      }
      return piece;
    };
  };
  threads_ = most_threads(std::min(strand_threads_, count_), in_atom,
                          [&](std::int64_t t, const auto& digits) {
                            map.threads = t;
                            map.pieces = (count_ + t - 1) / t;
                            map.digits = digits;
                            map.piece = pieces_for(source, t);
                            return is_sum(map);
                          });
  if (threads_ == 0) return false;
  const auto from = std::make_shared<PackedPlaces>(out, source, map, clip);
  if (!from->begin()) return false;
  if (target) from->record(MemoryAccess::Kind::CopyRead, 1, kBytes);
  source_ = [from](std::int64_t turn) { return from->address(turn); };
  inside_ = [from](std::int64_t turn) { return from->inside(turn); };
  if (!target) return true;
  map.piece = pieces_for(*target, threads_);
  const auto to = std::make_shared<PackedPlaces>(out, *target, map, vm::Shape{});
  if (!to->begin()) return false;
  to->record(MemoryAccess::Kind::CopyWrite, 1, kBytes);
  target_ = [to](std::int64_t turn) { return to->address(turn); };
  return true;
}

std::optional<CopyPlaces> CopyPlaces::make(KernelWriter& out, const MemoryView* target,
                                           const MemoryView& source, std::int64_t bytes,
                                           const vm::Shape& clip) {
  CopyPlaces places;
  places.strand_threads_ = out.strand().threads;
  places.thread_ = out.strand().thread;
  const bool good = source.root->packed ? places.make_packed(out, target, source, clip)
                                        : places.make_plain(out, target, source, bytes, clip);
  if (!good) return std::nullopt;
  return places;
}

std::string CopyPlaces::takes_part(std::int64_t turn) const {
  const std::int64_t left = count_ - turn * threads_;
  if (left >= threads_ && threads_ == strand_threads_) return {};
  return fmt::format("{} < {}", thread_, std::min(left, threads_));
}

}  // namespace bitloom::codegen
