#include "layouts/packed_atom.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "layouts/fragments.h"

namespace bitloom::layouts {

namespace {

constexpr std::int64_t kLanes = 32;
constexpr std::int64_t kVectorWords = 4;

tl::unexpected<LayoutError> fail(std::string message) {
  return tl::make_unexpected(LayoutError{std::move(message)});
}

RegisterLayout default_lanes() {
  return local(4, 4) * mma_a(16, 16);
}

// Index of word w of a lane among the words of the atom.
std::int64_t word_index(std::int64_t lane, std::int64_t word) {
  return (word / kVectorWords * kLanes + lane) * kVectorWords + word % kVectorWords;
}

std::int64_t ceildiv(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

// What both directions need of an atom. table[r * 32 + lane] is the place of a lane's code in the
// row-major tile.
struct AtomOrder {
  explicit AtomOrder(const PackedAtom& atom)
      : table(atom.lanes().table()),
        registers(atom.lanes().registers()),
        lane_words(atom.words_per_lane()) {}
  std::vector<std::int32_t> table;
  std::int64_t registers;
  std::int64_t lane_words;
};

// Cuts the next part off a tag "a/b/c".
std::string_view next_part(std::string_view& tag) {
  const std::size_t slash = std::min(tag.find('/'), tag.size());
  const std::string_view part = tag.substr(0, slash);
  tag.remove_prefix(std::min(slash + 1, tag.size()));
  return part;
}

}  // namespace

PackedAtom::PackedAtom(Encoding encoding) : PackedAtom(default_lanes(), std::move(encoding)) {}

PackedAtom::PackedAtom(RegisterLayout lanes, Encoding encoding)
    : lanes_(std::move(lanes)), encoding_(std::move(encoding)) {}

LayoutResult<PackedAtom> PackedAtom::make(RegisterLayout lanes, Encoding encoding) {
  if (encoding.bits() > 8)
    return fail(fmt::format("packed codes have 1 to 8 bits, not {}", encoding.bits()));
  if (lanes.rank() != 2 || lanes.threads() != kLanes || !lanes.is_unique())
    return fail(
        fmt::format("an atom is held by 32 lanes over [n, k] without replication, not as {}",
                    lanes.to_string()));
  if (lanes.registers() % encoding.elements() != 0)
    return fail(fmt::format("{} codes a lane are not whole runs of {} of the encoding {}",
                            lanes.registers(), encoding.elements(), encoding.to_string()));
  if (lanes.registers() * encoding.bits() % (32 * kVectorWords) != 0)
    return fail(fmt::format("{} codes of {} bits a lane are not whole 16-byte words",
                            lanes.registers(), encoding.bits()));
  return PackedAtom(std::move(lanes), std::move(encoding));
}

std::int64_t PackedAtom::words_per_lane() const {
  return lanes_.registers() * bits() / 32;
}
std::int64_t PackedAtom::bytes() const {
  return words_per_lane() * kLanes * 4;
}

std::string PackedAtom::tag() const {
  return fmt::format("{}x{}/{}/b{}/{}", rows(), columns(),
                     lanes_ == default_lanes() ? "mma" : lanes_.to_string(), bits(),
                     encoding_.to_string());
}

LayoutResult<PackedAtom> PackedAtom::from_tag(std::string_view tag) {
  std::string_view rest = tag;
  const std::string_view extents = next_part(rest), layout = next_part(rest),
                         width = next_part(rest);
  int bits = 0;
  const char* end = width.data() + width.size();
  if (!width.starts_with('b') || std::from_chars(width.data() + 1, end, bits).ptr != end)
    return fail(fmt::format("'{}' is no tag of a packed tensor such as 64x64/mma/b4/pairs", tag));
  const auto lanes = layout == "mma" ? LayoutResult<RegisterLayout>(default_lanes())
                                     : parse_register_layout(layout);
  if (!lanes) return tl::make_unexpected(lanes.error());
  const auto encoding = Encoding::parse(rest, bits);
  if (!encoding) return tl::make_unexpected(encoding.error());
  auto atom = make(*lanes, *encoding);
  if (atom && fmt::format("{}x{}", atom->rows(), atom->columns()) != extents)
    return fail(fmt::format("the tag '{}' names an atom of {} whose layout is {}", tag, extents,
                            to_string(lanes->shape())));
  return atom;
}

PackedTensorLayout::PackedTensorLayout(PackedAtom atom, std::int64_t n, std::int64_t k)
    : atom_(std::move(atom)), n_(n), k_(k) {}

std::int64_t PackedTensorLayout::atoms_n() const {
  return ceildiv(n_, atom_.rows());
}
std::int64_t PackedTensorLayout::atoms_k() const {
  return ceildiv(k_, atom_.columns());
}
std::int64_t PackedTensorLayout::bytes() const {
  return atoms_n() * atoms_k() * atom_.bytes();
}

std::int64_t PackedTensorLayout::bit_address(std::int64_t n, std::int64_t k, int bit) const {
  const std::int64_t atom = n / atom_.rows() * atoms_k() + k / atom_.columns();
  const Owner owner = atom_.lanes().thread_and_register({n % atom_.rows(), k % atom_.columns()});
  const Encoding& encoding = atom_.encoding();
  const std::int64_t run = owner.reg / encoding.elements();
  const int place = encoding.place(static_cast<int>(owner.reg % encoding.elements()), bit);
  const std::int64_t word = run * encoding.words() + place / 32;
  return atom * atom_.bytes() * 8 + word_index(owner.thread, word) * 32 + place % 32;
}

void PackedTensorLayout::pack_atom_row(std::span<const std::uint8_t> codes, std::int64_t atom_row,
                                       std::span<std::uint8_t> packed) const {
  const AtomOrder order(atom_);
  const std::int64_t rows = atom_.rows(), columns = atom_.columns();
  std::vector<std::uint8_t> tile(rows * columns), lane_codes(order.registers);
  std::vector<std::uint32_t> words(order.lane_words), atom_words(order.lane_words * kLanes);
  for (std::int64_t atom_column = 0; atom_column < atoms_k(); ++atom_column) {
    const std::int64_t n0 = atom_row * rows, k0 = atom_column * columns;
    const std::int64_t width = std::min(columns, k_ - k0);
    if (n0 + rows > n_ || width < columns) std::fill(tile.begin(), tile.end(), 0);
    for (std::int64_t row = 0; row < std::min(rows, n_ - n0); ++row)
      std::memcpy(&tile[row * columns], &codes[(n0 + row) * k_ + k0], width);
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      for (std::int64_t r = 0; r < order.registers; ++r)
        lane_codes[r] = tile[order.table[r * kLanes + lane]];
      atom_.encoding().pack(lane_codes, words);
      for (std::int64_t w = 0; w < order.lane_words; ++w)
        atom_words[word_index(lane, w)] = words[w];
    }
    const std::int64_t at = (atom_row * atoms_k() + atom_column) * atom_.bytes();
    std::memcpy(packed.data() + at, atom_words.data(), atom_.bytes());
  }
}

void PackedTensorLayout::unpack_atom_row(std::span<const std::uint8_t> packed,
                                         std::int64_t atom_row,
                                         std::span<std::uint8_t> codes) const {
  const AtomOrder order(atom_);
  const std::int64_t rows = atom_.rows(), columns = atom_.columns();
  std::vector<std::uint8_t> tile(rows * columns), lane_codes(order.registers);
  std::vector<std::uint32_t> words(order.lane_words), atom_words(order.lane_words * kLanes);
  for (std::int64_t atom_column = 0; atom_column < atoms_k(); ++atom_column) {
    const std::int64_t at = (atom_row * atoms_k() + atom_column) * atom_.bytes();
    std::memcpy(atom_words.data(), packed.data() + at, atom_.bytes());
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      for (std::int64_t w = 0; w < order.lane_words; ++w)
        words[w] = atom_words[word_index(lane, w)];
      atom_.encoding().unpack(words, lane_codes);
      for (std::int64_t r = 0; r < order.registers; ++r)
        tile[order.table[r * kLanes + lane]] = lane_codes[r];
    }
    const std::int64_t n0 = atom_row * rows, k0 = atom_column * columns;
    for (std::int64_t row = 0; row < std::min(rows, n_ - n0); ++row)
      std::memcpy(&codes[(n0 + row) * k_ + k0], &tile[row * columns], std::min(columns, k_ - k0));
  }
}

std::vector<std::uint8_t> PackedTensorLayout::pack(std::span<const std::uint8_t> codes) const {
  std::vector<std::uint8_t> packed(bytes());
  for (std::int64_t row = 0; row < atoms_n(); ++row) pack_atom_row(codes, row, packed);
  return packed;
}

std::vector<std::uint8_t> PackedTensorLayout::unpack(std::span<const std::uint8_t> packed) const {
  std::vector<std::uint8_t> codes(n_ * k_);
  for (std::int64_t row = 0; row < atoms_n(); ++row) unpack_atom_row(packed, row, codes);
  return codes;
}

}  // namespace bitloom::layouts
