#include "vm/words/convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "layouts/encoding.h"
#include "vm/words/convert/lowering.h"

namespace bitloom::vm {
namespace convert_detail {

int Lowering::input_words(const ConversionRequest& request) {
  std::uint32_t most = static_cast<std::uint32_t>(request.count * request.source.bits) - 1;
  if (!request.source_bits.empty())
    most = *std::max_element(request.source_bits.begin(), request.source_bits.end());
  return std::max(request.source_words, static_cast<int>(most / 32) + 1);
}

std::uint32_t half_pair(HalfFormat format, double low, double high) {
  return static_cast<std::uint32_t>(encode(type_of(format), low) | encode(type_of(format), high)
                                                                       << 16);
}

std::uint32_t f32_word(double number) {
  return static_cast<std::uint32_t>(encode(kF32, number));
}

}  // namespace convert_detail

namespace {

using namespace convert_detail;

bool is_whole(ElementType type) {
  return type.is_integer() || type.type_class == TypeClass::Codebook || type.is_bool();
}

// Every number of an integer type is one of another.
bool contains(ElementType to, ElementType from) {
  return lowest(to) <= lowest(from) && highest(from) <= highest(to);
}

// ---- Which way --------------------------------------------------------------------------------

std::vector<Word> from_integers(Lowering& x) {
  const ElementType from = x.source(), to = x.request.destination;
  if (is_whole(to)) {
    const bool lanes = to.bits == 8 || to.bits == 16;
    if (from.bits <= to.bits && lanes && contains(to, from)) return integers_to_lanes(x, to.bits);
    return pack_i32(x, integers_to_i32_each(x));
  }
  if (from.bits <= 8 && to == kF16) return integers_to_half(x, HalfFormat::F16);
  if (from.bits <= 7 && to == kBF16) return integers_to_half(x, HalfFormat::BF16);
  if (from.bits == 8 && to == kBF16) return bytes_to_bf16(x);
  const bool one_rounding = from.bits <= 16 || to == kF32;
  return one_rounding ? pack_f32(x, integers_to_f32_each(x))
                      : pack_large_integers_as_float(x, integers_to_i32_each(x));
}

std::vector<Word> from_floats(Lowering& x) {
  const ElementType from = x.source(), to = x.request.destination;
  if (from == kE8M0 && to == kBF16) return scales_to_bf16(x);
  if (from.is_float() && from.is_narrow()) {
    if (to == kF16) return small_floats_to_half(x, HalfFormat::F16);
    if (to == kBF16) return small_floats_to_half(x, HalfFormat::BF16);
    const bool fits = to.is_float() && to.bits == 8 && from.exponent <= to.exponent &&
                      from.mantissa <= to.mantissa;
    if (x.request.unnormalised && fits && !has_nan(from)) return small_floats_to_bytes(x);
  }
  return pack_f32(x, floats_to_f32_each(x));
}

// The same codes in another order: bits move, and nothing is computed.
std::vector<Word> same_codes(Lowering& x) {
  const int bits = x.source().bits, total = bits * x.count();
  std::vector<Word> words;
  for (int first = 0; first < total; first += 32) {
    std::vector<Wanted> wanted;
    std::uint32_t flip = 0;
    for (int place = first; place < std::min(first + 32, total); ++place) {
      wanted.push_back({place - first, x.gather.place(place / bits, place % bits)});
      flip |= static_cast<std::uint32_t>((x.request.xor_constant >> (place % bits)) & 1)
              << (place - first);
    }
    words.push_back(assemble(x.b, wanted, flip));
  }
  return words;
}

Conversion attempt(const ConversionRequest& request, std::span<const int> shifts) {
  Lowering x(request, shifts);
  // Bytes are put together by byte permutations where that is less than bits one by one.
  const bool bytes = request.unnormalised && request.source.is_integer();
  const bool same = request.source == request.destination && !bytes;
  const auto outputs = same                       ? same_codes(x)
                       : is_whole(request.source) ? from_integers(x)
                                                  : from_floats(x);
  return {x.b.finish(outputs), x.scales};
}

// ---- What is asked ----------------------------------------------------------------------------

bool is_exact(ElementType from, ElementType to) {
  if (from == to) return true;
  if (is_whole(from) && is_whole(to)) return contains(to, from);
  if (from.bits > 16) return false;
  for (std::uint64_t code = 0; code <= code_mask(from); ++code) {
    const double number = decode(from, code);
    if (std::isfinite(number) && decode(to, convert(to, from, code)) != number) return false;
  }
  return true;
}

std::optional<std::string> what_is_wrong(const ConversionRequest& request) {
  const ElementType from = request.source, to = request.destination;
  const std::string which =
      fmt::format("cannot lower a conversion from {} to {}: ", to_string(from), to_string(to));
  if (from.bits > 32 || to.bits > 32)
    return which + "64-bit types are not held in single words; convert them one at a time";
  if (to.is_bool() && !from.is_bool()) return which + "compare with 0 instead";
  if (request.count <= 0) return which + "a thread must hold at least one element";
  const std::size_t total = static_cast<std::size_t>(request.count) * from.bits;
  if (total > 32 * 1024)
    return which + fmt::format("{} elements a thread are too many for registers", request.count);
  if (!request.source_bits.empty()) {
    if (request.source_bits.size() != total)
      return which + fmt::format("{} elements of {} bits have {} source bits where {} are given",
                                 request.count, from.bits, total, request.source_bits.size());
    auto sorted = request.source_bits;
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
      return which + "two bits of the codes have one source bit";
    if (sorted.back() >= 32 * 2048)
      return which + fmt::format("source bit {} is beyond any register", sorted.back());
  }
  if (request.xor_constant & ~code_mask(from))
    return which +
           fmt::format("the constant {:#x} has more than {} bits", request.xor_constant, from.bits);
  if (!request.scale_groups.empty() &&
      request.scale_groups.size() != static_cast<std::size_t>(request.count))
    return which + fmt::format("{} elements have {} scale groups", request.count,
                               request.scale_groups.size());
  const bool to_whole = !is_whole(from) && is_whole(to) && request.rounding == Rounding::TowardZero;
  if (request.rounding != Rounding::NearestEven && !to_whole && !is_exact(from, to))
    return which + "only rounding to nearest even has a word program";
  const bool plain = request.overflow == Overflow::ByType ||
                     (request.overflow == Overflow::Wrap && is_whole(from) && is_whole(to));
  if (!plain && !is_exact(from, to))
    return which + "only the type's own overflow has a word program";
  return std::nullopt;
}

// Which shifts of the stream are worth paying for depends on where the codes lie; a few choices
// cover all widths.
constexpr int kNone[] = {0};
constexpr int kHalf[] = {0, 4};
constexpr int kThirds[] = {0, 3, 6};
constexpr int kQuarters[] = {0, 2, 4, 6};
constexpr int kEvery[] = {0, 1, 2, 3, 4, 5, 6, 7};
constexpr std::span<const int> kShiftChoices[] = {kNone, kHalf, kThirds, kQuarters, kEvery};

}  // namespace

tl::expected<Conversion, std::string> lower_conversion(const ConversionRequest& request) {
  if (auto wrong = what_is_wrong(request)) return tl::unexpected(*wrong);
  std::optional<Conversion> best;
  for (const auto shifts : kShiftChoices) {
    Conversion next = attempt(request, shifts);
    if (!best || cost(next.program) < cost(best->program)) best = std::move(next);
  }
  if (least_sm(best->program) > request.sm)
    return tl::unexpected(fmt::format("cannot lower a conversion from {} to {}: it needs sm_{}",
                                      to_string(request.source), to_string(request.destination),
                                      least_sm(best->program)));
  return *best;
}

void set_encoding(ConversionRequest& request, const layouts::Encoding& encoding) {
  request.source_bits.clear();
  for (int e = 0; e < request.count; ++e)
    for (int j = 0; j < encoding.bits(); ++j) {
      const int run = e / encoding.elements(), place = encoding.place(e % encoding.elements(), j);
      request.source_bits.push_back(
          static_cast<std::uint32_t>(run * encoding.words() * 32 + place));
    }
  request.source_words =
      (request.count + encoding.elements() - 1) / encoding.elements() * encoding.words();
  request.xor_constant = encoding.xor_constant();
}

}  // namespace bitloom::vm
