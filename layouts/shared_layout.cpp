#include "layouts/shared_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace bitloom::layouts {

namespace {

constexpr int kBanks = 32;
constexpr int kBankBytes = 4;
constexpr int kWarp = 32;

std::int64_t ceil_to(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// Wavefronts of threads that are served together: distinct words in the fullest bank.
int phase_wavefronts(std::vector<std::int64_t> words) {
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  std::array<int, kBanks> load{};
  for (const std::int64_t word : words) ++load[static_cast<std::size_t>(word % kBanks)];
  return *std::max_element(load.begin(), load.end());
}

}  // namespace

std::string Swizzle::to_string() const {
  if (is_none()) return "none";
  if (base == 4 && shift == 3 && bits <= 3) return fmt::format("{}", 16 << bits);
  return fmt::format("swizzle({}, {}, {})", base, bits, shift);
}

std::optional<Swizzle> swizzle_of_width(std::int64_t bytes) {
  if (bytes == 0) return kNoSwizzle;
  if (bytes == 32) return kSwizzle32;
  if (bytes == 64) return kSwizzle64;
  if (bytes == 128) return kSwizzle128;
  return std::nullopt;
}

SharedLayout::SharedLayout(const Shape& shape, const Shape& strides, int element_bits,
                           Swizzle swizzle)
    : shape_(shape), element_bits_(element_bits), swizzle_(swizzle) {
  for (std::size_t d = 0; d < shape.size(); ++d) dims_.push_back({{shape[d], strides[d]}});
}

SharedLayout::SharedLayout(std::vector<Modes> dims, int element_bits, Swizzle swizzle)
    : dims_(std::move(dims)), element_bits_(element_bits), swizzle_(swizzle) {
  for (Modes& modes : dims_) {
    std::int64_t extent = 1;
    for (const Mode& mode : modes) extent *= mode.extent;
    if (modes.size() > 1)
      std::erase_if(modes, [&](const Mode& mode) { return mode.extent == 1 && extent > 1; });
    shape_.push_back(extent);
  }
}

SharedLayout SharedLayout::row_major(const Shape& shape, int element_bits, Swizzle swizzle) {
  return {shape, row_major_strides(shape), element_bits, swizzle};
}

SharedLayout SharedLayout::column_major(const Shape& shape, int element_bits, Swizzle swizzle) {
  const Shape reversed(shape.rbegin(), shape.rend());
  const Shape strides = row_major_strides(reversed);
  return {shape, Shape(strides.rbegin(), strides.rend()), element_bits, swizzle};
}

SharedLayout SharedLayout::padded(const Shape& shape, int element_bits, std::int64_t padding) {
  Shape pitch = shape;
  if (!pitch.empty()) pitch.back() += padding;
  return {shape, row_major_strides(pitch), element_bits};
}

LayoutResult<SharedLayout> SharedLayout::boxed(const Shape& shape, int element_bits,
                                               std::int64_t box_bytes, Swizzle swizzle) {
  if (shape.empty()) return tl::make_unexpected(LayoutError{"a box needs a dimension to lie in"});
  const std::int64_t box = box_bytes * 8 / element_bits;
  if (shape.back() <= box) return row_major(shape, element_bits, swizzle);
  if (box * element_bits != box_bytes * 8 || shape.back() % box != 0)
    return tl::make_unexpected(
        LayoutError{fmt::format("rows of {} elements of {} bits are not whole boxes of {} bytes",
                                shape.back(), element_bits, box_bytes)});
  Shape inner = shape;
  inner.back() = box;
  const Shape strides = row_major_strides(inner);
  std::vector<Modes> dims;
  for (std::size_t d = 0; d + 1 < shape.size(); ++d) dims.push_back({{shape[d], strides[d]}});
  dims.push_back({{shape.back() / box, size(inner)}, {box, 1}});
  return SharedLayout(std::move(dims), element_bits, swizzle);
}

SharedLayout SharedLayout::with_stages(std::int64_t stages) const {
  SharedLayout result = *this;
  // A stage starts on a whole element and a whole period of the swizzle.
  std::int64_t bits = ceil_to(byte_size(), alignment()) * 8;
  while (bits % element_bits_ != 0) bits += alignment() * 8;
  result.shape_.insert(result.shape_.begin(), stages);
  result.dims_.insert(result.dims_.begin(), Modes{{stages, bits / element_bits_}});
  return result;
}

std::optional<Shape> SharedLayout::strides() const {
  Shape result;
  for (const Modes& modes : dims_) {
    if (modes.size() != 1) return std::nullopt;
    result.push_back(modes[0].stride);
  }
  return result;
}

std::int64_t SharedLayout::offset_elements(const Index& index) const {
  std::int64_t offset = 0;
  for (std::size_t d = 0; d < dims_.size(); ++d) {
    std::int64_t rest = index[d];
    for (std::size_t m = dims_[d].size(); m-- > 0;) {
      const Mode& mode = dims_[d][m];
      offset += rest % mode.extent * mode.stride;
      rest /= mode.extent;
    }
  }
  return offset;
}

std::int64_t SharedLayout::offset_bits(const Index& index) const {
  const std::int64_t bits = offset_elements(index) * element_bits_;
  return swizzle_.apply(bits / 8) * 8 + bits % 8;
}

int SharedLayout::bank(const Index& index) const {
  return static_cast<int>(offset_bits(index) / 8 / kBankBytes % kBanks);
}

std::int64_t SharedLayout::end_elements() const {
  std::int64_t last = 0;
  for (const Modes& modes : dims_)
    for (const Mode& mode : modes) last += (mode.extent - 1) * mode.stride;
  return last + 1;
}

std::int64_t SharedLayout::byte_size() const {
  const std::int64_t bytes = (end_elements() * element_bits_ + 7) / 8;
  // XOR moves bytes only within aligned blocks of this size.
  return ceil_to(bytes,
                 swizzle_.is_none() ? 1 : std::int64_t{1} << (swizzle_.base + swizzle_.bits));
}

std::int64_t SharedLayout::alignment() const {
  return std::max<std::int64_t>(16, swizzle_.period());
}

bool SharedLayout::is_bijective() const {
  // A swizzle permutes bytes, so places before it decide. Elements narrower than a byte move with
  // their byte.
  Modes modes;
  for (const Modes& dim : dims_) modes.insert(modes.end(), dim.begin(), dim.end());
  std::erase_if(modes, [](const Mode& mode) { return mode.extent == 1; });
  std::sort(modes.begin(), modes.end(),
            [](const Mode& a, const Mode& b) { return a.stride < b.stride; });
  std::int64_t reach = 1;
  bool nested = true;
  for (const Mode& mode : modes) {
    nested = nested && mode.stride >= reach;
    reach += (mode.extent - 1) * mode.stride;
  }
  if (nested) return true;
  // Strides that interleave, such as 2 and 3, may still never meet.
  std::vector<bool> taken(static_cast<std::size_t>(end_elements()), false);
  for (std::int64_t i = 0; i < size(shape_); ++i) {
    const auto place = static_cast<std::size_t>(offset_elements(unlinear(i, shape_)));
    if (taken[place]) return false;
    taken[place] = true;
  }
  return true;
}

std::vector<std::int64_t> SharedLayout::places(const RegisterLayout& layout) const {
  const Shape& tile = layout.shape();
  if (tile.size() > shape_.size()) return {};
  const auto lead = static_cast<std::ptrdiff_t>(shape_.size() - tile.size());
  if (!std::equal(tile.begin(), tile.end(), shape_.begin() + lead)) return {};
  std::vector<std::int64_t> result(static_cast<std::size_t>(size(tile)));
  Index index(shape_.size(), 0);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const Index inner = unlinear(static_cast<std::int64_t>(i), tile);
    std::copy(inner.begin(), inner.end(), index.begin() + lead);
    result[i] = offset_bits(index);
  }
  return result;
}

std::optional<int> SharedLayout::vector_bytes(const RegisterLayout& layout, int limit) const {
  const auto place = places(layout);
  if (place.empty()) return std::nullopt;
  const auto table = layout.table();
  const std::int64_t threads = layout.threads(), registers = layout.registers();
  const auto fits = [&](int bytes) {
    const std::int64_t bits = std::int64_t{8} * bytes;
    if (bits % element_bits_ != 0 || registers % (bits / element_bits_) != 0) return false;
    const std::int64_t step = bits / element_bits_;
    for (std::int64_t r = 0; r < registers; ++r) {
      for (std::int64_t t = 0; t < threads; ++t) {
        const std::int64_t first = place[table[(r - r % step) * threads + t]];
        if (first % bits != 0 || place[table[r * threads + t]] != first + r % step * element_bits_)
          return false;
      }
    }
    return true;
  };
  for (int bytes = limit; bytes >= 1; bytes /= 2)
    if (fits(bytes)) return bytes;
  return std::nullopt;
}

LayoutResult<SharedAccess> SharedLayout::access(const RegisterLayout& layout, int bytes) const {
  const auto fail = [&](std::string why) {
    return tl::make_unexpected(LayoutError{std::move(why)});
  };
  if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8 && bytes != 16)
    return fail(fmt::format("an access has 1, 2, 4, 8 or 16 bytes, not {}", bytes));
  const auto place = places(layout);
  if (place.empty())
    return fail(fmt::format("a register tile {} is no tile of {}",
                            layouts::to_string(layout.shape()), layouts::to_string(shape_)));
  const auto widest = vector_bytes(layout);
  if (!widest || *widest < bytes)
    return fail(
        fmt::format("threads of {} cannot access {} bytes at once", layout.to_string(), bytes));

  // Threads are served in groups that ask for at most 128 bytes together.
  const auto table = layout.table();
  const std::int64_t threads = layout.threads(), registers = layout.registers();
  const std::int64_t group = std::min(kWarp, kBanks * kBankBytes / bytes);
  const std::int64_t step = std::int64_t{8} * bytes / element_bits_;
  const std::int64_t words = std::max(1, bytes / kBankBytes);
  SharedAccess worst;
  for (std::int64_t warp = 0; warp < threads; warp += kWarp) {
    const std::int64_t end = std::min(warp + kWarp, threads);
    for (std::int64_t r = 0; r < registers; r += step) {
      SharedAccess cost;
      for (std::int64_t first = warp; first < end; first += group, ++cost.minimum) {
        std::vector<std::int64_t> touched;
        for (std::int64_t t = first; t < std::min(first + group, end); ++t)
          for (std::int64_t word = 0; word < words; ++word)
            touched.push_back(place[table[r * threads + t]] / (8 * kBankBytes) + word);
        cost.wavefronts += phase_wavefronts(std::move(touched));
      }
      if (cost.wavefronts > worst.wavefronts) worst = cost;
    }
  }
  return worst;
}

LayoutResult<int> SharedLayout::conflicts(const RegisterLayout& layout, int bytes) const {
  return access(layout, bytes).map([](const SharedAccess& cost) { return cost.conflicts(); });
}

std::string SharedLayout::to_string() const {
  std::string text = layouts::to_string(shape_);
  const auto simple = strides();
  if (!simple) {
    text += " modes [";
    for (std::size_t d = 0; d < dims_.size(); ++d) {
      text += d == 0 ? "" : ", ";
      for (std::size_t m = 0; m < dims_[d].size(); ++m)
        text += fmt::format("{}{}:{}", m == 0 ? "" : " ", dims_[d][m].extent, dims_[d][m].stride);
    }
    text += "]";
  } else if (*simple != row_major_strides(shape_)) {
    text += fmt::format(" strides {}", layouts::to_string(*simple));
  }
  if (!swizzle_.is_none()) text += fmt::format(" swizzle {}", swizzle_.to_string());
  return text;
}

}  // namespace bitloom::layouts
