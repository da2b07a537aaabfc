#include "vm/interpreter/root.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace bitloom::vm::interpreter {
namespace {

using layouts::SharedLayout;

// Offsets along one dimension, for each of its coordinates.
std::vector<std::int64_t> offsets_along(const SharedLayout::Modes& modes, std::int64_t extent) {
  std::vector<std::int64_t> offsets(static_cast<std::size_t>(extent));
  for (std::int64_t i = 0; i < extent; ++i) {
    std::int64_t rest = i, offset = 0;
    for (std::size_t m = modes.size(); m-- > 0;) {
      offset += rest % modes[m].extent * modes[m].stride;
      rest /= modes[m].extent;
    }
    offsets[static_cast<std::size_t>(i)] = offset;
  }
  return offsets;
}

// The largest power of two such that aligned groups of so many elements lie side by side.
std::int64_t chunk_of(const std::vector<std::int32_t>& place, int bits) {
  std::int64_t chunk = 1;
  const auto size = static_cast<std::int64_t>(place.size());
  while (chunk < 256 && size % (2 * chunk) == 0) {
    for (std::int64_t i = 0; i < size; i += 2 * chunk) {
      if (place[i + chunk] != place[i] + chunk * bits) return chunk;
    }
    chunk *= 2;
  }
  return chunk;
}

}  // namespace

void Root::place_dense() {
  order = Order::Dense;
  strides = layouts::row_major_strides(extents);
  bytes = (layouts::size(extents) * bits + 7) / 8;
}

void Root::place_by(const SharedLayout& layout) {
  place_dense();
  if (layout == SharedLayout::row_major(extents, bits)) return;
  order = Order::Table;
  bytes = layout.byte_size();
  place.assign(1, 0);
  // Row-major over all dimensions: each dimension multiplies the table.
  for (std::size_t d = 0; d < extents.size(); ++d) {
    const auto offsets = offsets_along(layout.dims()[d], extents[d]);
    std::vector<std::int32_t> next;
    next.reserve(place.size() * offsets.size());
    for (std::int32_t outer : place) {
      for (std::int64_t offset : offsets) next.push_back(static_cast<std::int32_t>(outer + offset));
    }
    place = std::move(next);
  }
  for (std::int32_t& at : place) {
    const std::int64_t bit = std::int64_t{at} * bits;
    at = static_cast<std::int32_t>(layout.swizzle().apply(bit / 8) * 8 + bit % 8);
  }
  chunk = chunk_of(place, bits);
}

void Root::place_packed(const layouts::PackedAtom& atom) {
  place_dense();
  order = Order::Packed;
  const std::size_t rank = extents.size();
  packed.emplace(atom, extents[rank - 1], extents[rank - 2]);
  bytes = packed->bytes();
  for (std::size_t d = 0; d + 2 < rank; ++d) bytes *= extents[d];
  const auto table = atom.lanes().table();
  owners.resize(table.size());
  for (std::size_t lane = 0; lane < table.size(); ++lane)
    owners[static_cast<std::size_t>(table[lane])] = {static_cast<std::int64_t>(lane) % 32,
                                                     static_cast<std::int64_t>(lane) / 32};
}

namespace {

struct PackedPlace {
  std::int64_t atom_byte = 0;  // where its atom begins
  layouts::Owner owner;
};

PackedPlace packed_place(const Root& root, std::int64_t number) {
  const layouts::PackedTensorLayout& tensor = *root.packed;
  const layouts::PackedAtom& atom = tensor.atom();
  const std::int64_t matrix = tensor.n() * tensor.k();
  const std::int64_t k = number % matrix / tensor.n(), n = number % tensor.n();
  const std::int64_t index = n / atom.rows() * tensor.atoms_k() + k / atom.columns();
  return {
      number / matrix * tensor.bytes() + index * atom.bytes(),
      root.owners[static_cast<std::size_t>(n % atom.rows() * atom.columns() + k % atom.columns())]};
}

}  // namespace

std::int64_t Root::run_word(std::int64_t number, int word) const {
  const PackedPlace at = packed_place(*this, number);
  const layouts::Encoding& encoding = packed->atom().encoding();
  const std::int64_t w = at.owner.reg / encoding.elements() * encoding.words() + word;
  return at.atom_byte + w / 4 * 512 + at.owner.thread * 16 + w % 4 * 4;
}

int Root::place_in_run(std::int64_t number) const {
  return static_cast<int>(packed_place(*this, number).owner.reg %
                          packed->atom().encoding().elements());
}

std::uint64_t Root::read(const std::byte* base, std::int64_t number) const {
  if (order == Order::Packed) {
    const layouts::Encoding& encoding = packed->atom().encoding();
    std::uint64_t code = 0;
    for (const auto& piece : encoding.pieces(place_in_run(number))) {
      std::uint32_t word;
      std::memcpy(&word, base + run_word(number, piece.word), sizeof word);
      const std::uint64_t field = word >> piece.bit & ((std::uint64_t{1} << piece.width) - 1);
      code |= field << piece.code_bit;
    }
    return code ^ encoding.xor_constant();
  }
  const auto [first, count] = bytes_of(number);
  std::uint64_t held = 0;
  std::memcpy(&held, base + first, static_cast<std::size_t>(count));
  held >>= bit_of(number) % 8;
  return bits == 64 ? held : held & ((std::uint64_t{1} << bits) - 1);
}

void Root::write(std::byte* base, std::int64_t number, std::uint64_t code) const {
  if (order == Order::Packed) {
    const layouts::Encoding& encoding = packed->atom().encoding();
    code ^= encoding.xor_constant();
    for (const auto& piece : encoding.pieces(place_in_run(number))) {
      std::byte* at = base + run_word(number, piece.word);
      std::uint32_t word;
      std::memcpy(&word, at, sizeof word);
      const std::uint32_t mask = ((std::uint32_t{1} << piece.width) - 1) << piece.bit;
      word =
          (word & ~mask) | (static_cast<std::uint32_t>(code >> piece.code_bit) << piece.bit & mask);
      std::memcpy(at, &word, sizeof word);
    }
    return;
  }
  const auto [first, count] = bytes_of(number);
  const int shift = static_cast<int>(bit_of(number) % 8);
  const std::uint64_t mask = (bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1)
                             << shift;
  if (bits % 8 == 0) {
    std::memcpy(base + first, &code, static_cast<std::size_t>(count));
    return;
  }
  // Elements of other threads, and of blocks that run on other host threads, share the byte: as on
  // the GPU its bits are cleared and set by atomic operations.
  const std::uint64_t placed = code << shift & mask;
  for (int i = 0; i < count; ++i) {
    std::atomic_ref byte(reinterpret_cast<std::uint8_t&>(base[first + i]));
    byte.fetch_and(static_cast<std::uint8_t>(~(mask >> 8 * i)), std::memory_order_relaxed);
    byte.fetch_or(static_cast<std::uint8_t>(placed >> 8 * i), std::memory_order_relaxed);
  }
}

std::pair<std::int64_t, int> Root::bytes_of(std::int64_t number) const {
  if (order == Order::Packed) {
    // The words of the run up to the last one that holds a piece: what a change would rewrite.
    const auto pieces = packed->atom().encoding().pieces(place_in_run(number));
    return {run_word(number, pieces.front().word), 4};
  }
  const std::int64_t bit = bit_of(number);
  return {bit / 8, static_cast<int>((bit % 8 + bits + 7) / 8)};
}

}  // namespace bitloom::vm::interpreter
