#include "vm/interpreter/tile.h"

#include <cstring>

namespace bitloom::vm::interpreter {
namespace {

constexpr std::uint32_t low_bits(int bits) {
  return bits >= 32 ? 0xffffffffu : (std::uint32_t{1} << bits) - 1;
}

// Any width below 32, also those that straddle words.
void unpack_any(const std::uint32_t* words, const Tile& tile, std::uint32_t* lanes) {
  const std::size_t threads = tile.threads;
  const std::uint32_t mask = low_bits(tile.bits);
  for (int i = 0; i < tile.registers; ++i) {
    const int position = i * tile.bits, shift = position % 32;
    const std::uint32_t* low = words + static_cast<std::size_t>(position / 32) * threads;
    std::uint32_t* out = lanes + static_cast<std::size_t>(i) * threads;
    if (shift + tile.bits <= 32) {
      for (std::size_t t = 0; t < threads; ++t) out[t] = (low[t] >> shift) & mask;
    } else {
      const std::uint32_t* high = low + threads;
      for (std::size_t t = 0; t < threads; ++t)
        out[t] = ((low[t] >> shift) | (high[t] << (32 - shift))) & mask;
    }
  }
}

void pack_any(const std::uint32_t* lanes, const Tile& tile, std::uint32_t* words) {
  const std::size_t threads = tile.threads;
  const std::uint32_t mask = low_bits(tile.bits);
  std::memset(words, 0, tile.frame_words() * sizeof *words);
  for (int i = 0; i < tile.registers; ++i) {
    const int position = i * tile.bits, shift = position % 32;
    std::uint32_t* low = words + static_cast<std::size_t>(position / 32) * threads;
    const std::uint32_t* in = lanes + static_cast<std::size_t>(i) * threads;
    for (std::size_t t = 0; t < threads; ++t) low[t] |= (in[t] & mask) << shift;
    if (shift + tile.bits <= 32) continue;
    std::uint32_t* high = low + threads;
    for (std::size_t t = 0; t < threads; ++t) high[t] |= (in[t] & mask) >> (32 - shift);
  }
}

}  // namespace

int storage_bits(ElementType element) {
  return element.is_bool() ? 8 : element.bits;
}

void unpack(const std::uint32_t* words, const Tile& tile, std::uint32_t* lanes) {
  if (tile.bits == 32) {
    std::memcpy(lanes, words, tile.lanes() * sizeof *lanes);
  } else {
    unpack_any(words, tile, lanes);
  }
}

void pack(const std::uint32_t* lanes, const Tile& tile, std::uint32_t* words) {
  if (tile.bits == 32) {
    std::memcpy(words, lanes, tile.lanes() * sizeof *lanes);
  } else {
    pack_any(lanes, tile, words);
  }
}

void unpack64(const std::uint32_t* words, const Tile& tile, std::uint64_t* lanes) {
  const std::size_t threads = tile.threads;
  if (tile.bits == 64) {
    for (int i = 0; i < tile.registers; ++i) {
      const std::uint32_t* low = words + static_cast<std::size_t>(2 * i) * threads;
      std::uint64_t* out = lanes + static_cast<std::size_t>(i) * threads;
      for (std::size_t t = 0; t < threads; ++t)
        out[t] = low[t] | std::uint64_t{low[t + threads]} << 32;
    }
    return;
  }
  std::vector<std::uint32_t> narrow(tile.lanes());
  unpack(words, tile, narrow.data());
  for (std::size_t i = 0; i < narrow.size(); ++i) lanes[i] = narrow[i];
}

void pack64(const std::uint64_t* lanes, const Tile& tile, std::uint32_t* words) {
  const std::size_t threads = tile.threads;
  if (tile.bits == 64) {
    for (int i = 0; i < tile.registers; ++i) {
      std::uint32_t* low = words + static_cast<std::size_t>(2 * i) * threads;
      const std::uint64_t* in = lanes + static_cast<std::size_t>(i) * threads;
      for (std::size_t t = 0; t < threads; ++t) {
        low[t] = static_cast<std::uint32_t>(in[t]);
        low[t + threads] = static_cast<std::uint32_t>(in[t] >> 32);
      }
    }
    return;
  }
  std::vector<std::uint32_t> narrow(tile.lanes());
  for (std::size_t i = 0; i < narrow.size(); ++i) narrow[i] = static_cast<std::uint32_t>(lanes[i]);
  pack(narrow.data(), tile, words);
}

void permute(const std::uint32_t* from, const Tile& from_tile, std::span<const std::int32_t> source,
             const Tile& to_tile, std::uint32_t* to) {
  if (to_tile.bits == 32) {
    for (std::size_t i = 0; i < source.size(); ++i) to[i] = from[source[i]];
  } else if (to_tile.bits == 64) {
    std::vector<std::uint64_t> in(from_tile.lanes()), out(source.size());
    unpack64(from, from_tile, in.data());
    for (std::size_t i = 0; i < source.size(); ++i) out[i] = in[source[i]];
    pack64(out.data(), to_tile, to);
  } else {
    std::vector<std::uint32_t> in(from_tile.lanes()), out(source.size());
    unpack(from, from_tile, in.data());
    for (std::size_t i = 0; i < source.size(); ++i) out[i] = in[source[i]];
    pack(out.data(), to_tile, to);
  }
}

}  // namespace bitloom::vm::interpreter
