// The named encodings, and their text.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <numeric>

#include "layouts/encoding_rep.h"

namespace bitloom::layouts {

namespace {

tl::unexpected<LayoutError> fail(std::string message) {
  return tl::make_unexpected(LayoutError{std::move(message)});
}

std::string_view name_of(FieldOrder order) {
  switch (order) {
    case FieldOrder::Linear:
      return "linear";
    case FieldOrder::Pairs:
      return "pairs";
    case FieldOrder::Quads:
      return "quads";
  }
  return "";
}

std::optional<FieldOrder> order_named(std::string_view name) {
  for (const FieldOrder order : {FieldOrder::Linear, FieldOrder::Pairs, FieldOrder::Quads})
    if (name == name_of(order)) return order;
  return std::nullopt;
}

// First bit of element `element` of a word whose fields have `lane` bits.
int field_bit(FieldOrder order, int lane, int element) {
  const int apart = order == FieldOrder::Linear ? 1 : order == FieldOrder::Pairs ? 2 : 4;
  if (32 / lane < apart) return element * lane;
  return element % apart * (32 / apart) + element / apart * lane;
}

// Splits "planes(4, 1).pairs" into "planes", {4, 1} and "pairs".
struct Spelling {
  std::string_view head;
  std::vector<int> numbers;
  bool has_numbers = false;
  std::string_view order;
};

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::optional<std::uint64_t> number(std::string_view text) {
  text = trim(text);
  std::uint64_t value = 0;
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Spelling> spell(std::string_view text) {
  Spelling result;
  const std::size_t open = text.find('(');
  std::string_view rest = text;
  if (open != std::string_view::npos) {
    const std::size_t close = text.find(')', open);
    if (close == std::string_view::npos) return std::nullopt;
    std::string_view list = text.substr(open + 1, close - open - 1);
    while (!list.empty()) {
      const std::size_t comma = std::min(list.find(','), list.size());
      const auto value = number(list.substr(0, comma));
      if (!value || *value > 64) return std::nullopt;
      result.numbers.push_back(static_cast<int>(*value));
      list.remove_prefix(std::min(comma + 1, list.size()));
    }
    result.has_numbers = true;
    result.head = trim(text.substr(0, open));
    rest = text.substr(close + 1);
    if (!rest.empty() && rest.front() != '.') return std::nullopt;
    result.order = trim(rest.substr(rest.empty() ? 0 : 1));
    return result;
  }
  const std::size_t dot = std::min(rest.find('.'), rest.size());
  result.head = trim(rest.substr(0, dot));
  result.order = trim(rest.substr(std::min(dot + 1, rest.size())));
  return result;
}

}  // namespace

Encoding Encoding::dense(int bits) {
  const int words = bits / std::gcd(bits, 32);
  std::vector<int> places(static_cast<std::size_t>(words) * 32);
  std::iota(places.begin(), places.end(), 0);
  return from_places("dense", bits, words, std::move(places));
}

LayoutResult<Encoding> Encoding::fields(int bits, FieldOrder order) {
  if (bits < 1 || 32 % bits != 0)
    return fail(
        fmt::format("fields of {} bits do not fill a word; use dense, spare or planes", bits));
  std::vector<int> places;
  for (int element = 0; element < 32 / bits; ++element)
    for (int bit = 0; bit < bits; ++bit) places.push_back(field_bit(order, bits, element) + bit);
  return from_places(std::string(name_of(order)), bits, 1, std::move(places));
}

LayoutResult<Encoding> Encoding::fields(int bits, const std::vector<int>& order) {
  if (bits < 1 || 32 % bits != 0)
    return fail(
        fmt::format("fields of {} bits do not fill a word; use dense, spare or planes", bits));
  const int count = 32 / bits;
  std::vector<int> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  if (sorted != all)
    return fail(fmt::format("order({}) does not name each of the {} elements of a word once",
                            fmt::join(order, ", "), count));
  std::vector<int> places(32);
  for (int field = 0; field < count; ++field)
    for (int bit = 0; bit < bits; ++bit) places[order[field] * bits + bit] = field * bits + bit;
  return from_places(fmt::format("order({})", fmt::join(order, ", ")), bits, 1, std::move(places));
}

LayoutResult<Encoding> Encoding::spare(int bits, FieldOrder order) {
  if (bits != 3 && bits != 5 && bits != 6 && bits != 7)
    return fail(fmt::format(
        "codes of {} bits leave no spare bits that others would fill; spare is for 3, 5, 6 "
        "and 7",
        bits));
  // `bits` words with lanes of 4 or 8 bits hold a code a lane. The k-th spare bit of a lane
  // position, counted through the words, is the k-th bit of the codes that belong to the left-out
  // words at that position.
  const int lane = bits == 3 ? 4 : 8, lanes = 32 / lane, spare_bits = lane - bits;
  std::vector<int> places;
  for (int element = 0; element < 32; ++element) {
    const int word = element / lanes, at = field_bit(order, lane, element % lanes);
    for (int bit = 0; bit < bits; ++bit) {
      const int k = (word - bits) * bits + bit;
      places.push_back(word < bits ? 32 * word + at + bit
                                   : 32 * (k / spare_bits) + at + bits + k % spare_bits);
    }
  }
  return from_places(fmt::format("spare.{}", name_of(order)), bits, bits, std::move(places));
}

LayoutResult<Encoding> Encoding::planes(const std::vector<int>& widths, FieldOrder order) {
  const int bits = std::accumulate(widths.begin(), widths.end(), 0);
  if (widths.empty() || bits > 64 ||
      std::any_of(widths.begin(), widths.end(), [](int w) { return w != 1 && w != 2 && w != 4; }))
    return fail(fmt::format("planes({}): a plane has 1, 2 or 4 bits", fmt::join(widths, ", ")));
  // 32 elements, so that every plane fills as many words as it has bits.
  std::vector<int> places;
  for (int element = 0; element < 32; ++element) {
    int first_word = 0;
    for (const int width : widths) {
      const int per_word = 32 / width;
      const int word = first_word + element / per_word;
      const int at = field_bit(order, width, element % per_word);
      for (int bit = 0; bit < width; ++bit) places.push_back(32 * word + at + bit);
      first_word += width;
    }
  }
  return from_places(fmt::format("planes({}).{}", fmt::join(widths, ", "), name_of(order)), bits,
                     bits, std::move(places));
}

Encoding Encoding::preferred(int bits) {
  if (auto encoding = spare(bits, FieldOrder::Pairs)) return *encoding;
  if (auto encoding = fields(bits, FieldOrder::Pairs); encoding && bits < 32) return *encoding;
  return dense(bits);
}

std::vector<Encoding> Encoding::all(int bits) {
  std::vector<Encoding> result{dense(bits)};
  const auto add = [&](const LayoutResult<Encoding>& encoding) {
    if (encoding && std::find(result.begin(), result.end(), *encoding) == result.end())
      result.push_back(*encoding);
  };
  std::vector<int> widths;
  for (int rest = bits; rest > 0; rest -= widths.back())
    widths.push_back(rest >= 4 ? 4 : rest >= 2 ? 2 : 1);
  for (const FieldOrder order : {FieldOrder::Pairs, FieldOrder::Quads, FieldOrder::Linear}) {
    add(fields(bits, order));
    add(spare(bits, order));
    if (widths.size() > 1 && bits < 8) add(planes(widths, order));
  }
  return result;
}

std::string Encoding::to_string() const {
  return xor_ == 0 ? rep_->name : fmt::format("{} ^ {}", rep_->name, xor_);
}

LayoutResult<Encoding> Encoding::parse(std::string_view text, int bits) {
  if (bits < 1 || bits > 64) return fail(fmt::format("an element has 1 to 64 bits, not {}", bits));
  const auto unknown = [&] {
    return fail(
        fmt::format("'{}' is no encoding; there are dense, linear, pairs, quads, order(…), "
                    "spare.pairs, planes(2, 1).pairs, each with an optional '^ constant'",
                    text));
  };
  const std::size_t caret = std::min(text.find('^'), text.size());
  const auto constant =
      caret < text.size() ? number(text.substr(caret + 1)) : std::optional<std::uint64_t>(0);
  const auto spelling = spell(trim(text.substr(0, caret)));
  if (!constant || !spelling) return unknown();
  if (bits < 64 && *constant >> bits != 0)
    return fail(fmt::format("the constant {} has more than {} bits", *constant, bits));
  const auto with_constant = [&](LayoutResult<Encoding> encoding) {
    return encoding ? LayoutResult<Encoding>(encoding->with_xor(*constant)) : encoding;
  };
  if (!spelling->has_numbers && spelling->order.empty()) {
    if (spelling->head == "dense") return dense(bits).with_xor(*constant);
    if (const auto order = order_named(spelling->head)) return with_constant(fields(bits, *order));
  }
  if (spelling->head == "order" && spelling->order.empty())
    return with_constant(fields(bits, spelling->numbers));
  const auto order = spelling->order.empty() ? FieldOrder::Pairs : order_named(spelling->order);
  if (!order) return unknown();
  if (spelling->head == "spare" && !spelling->has_numbers)
    return with_constant(spare(bits, *order));
  if (spelling->head != "planes") return unknown();
  auto encoding = planes(spelling->numbers, *order);
  if (encoding && encoding->bits() != bits)
    return fail(
        fmt::format("{} holds {} bits, not {}", encoding->to_string(), encoding->bits(), bits));
  return with_constant(std::move(encoding));
}

}  // namespace bitloom::layouts
