#include "vm/passes/conversion_programs.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <numeric>
#include <optional>

#include "vm/words/builder.h"
#include "vm/words/convert.h"

namespace bitloom::vm {

namespace {

// Element i of the request becomes what order[i] was.
void reorder(ConversionRequest& request, const std::vector<std::int64_t>& order) {
  const auto bits = static_cast<std::size_t>(request.source.bits);
  std::vector<std::uint32_t> places = std::move(request.source_bits);
  if (places.empty()) {
    places.resize(order.size() * bits);
    std::iota(places.begin(), places.end(), 0u);
  }
  const std::vector<std::uint32_t> groups = std::move(request.scale_groups);
  const std::vector<int> rows = std::move(request.row_exponents);
  request.source_bits.clear();
  request.scale_groups.clear();
  request.row_exponents.clear();
  for (const std::int64_t element : order) {
    const auto from = static_cast<std::size_t>(element);
    for (std::size_t j = 0; j < bits; ++j) request.source_bits.push_back(places[from * bits + j]);
    request.scale_groups.push_back(groups[from]);
    if (!rows.empty()) request.row_exponents.push_back(rows[from]);
  }
}

}  // namespace

ConversionPrograms::Result ConversionPrograms::convert(ElementType from, ElementType to,
                                                       std::int64_t count, Rounding rounding,
                                                       const layouts::Encoding* encoding) {
  const std::string key =
      fmt::format("{} {} {} {} {}", to_string(from), to_string(to), count,
                  static_cast<int>(rounding), encoding ? encoding->to_string() : "");
  if (const auto found = known_.find(key); found != known_.end()) return found->second;
  ConversionRequest request;
  request.source = from;
  request.destination = to;
  request.count = static_cast<int>(count);
  request.sm = sm_;
  request.rounding = rounding;
  if (encoding) set_encoding(request, *encoding);
  const auto made = lower_conversion(request);
  Result result = made ? Result(std::make_shared<const WordProgram>(made->program))
                       : Result(tl::unexpected(made.error()));
  return known_.emplace(key, std::move(result)).first->second;
}

ConversionPrograms::Result ConversionPrograms::convert_scaled(
    ElementType from, ElementType to, const std::vector<std::uint32_t>& groups, std::int64_t scales,
    const std::vector<int>& rows, const layouts::Encoding* encoding,
    const std::vector<std::int64_t>& order) {
  const std::string key = fmt::format("scaled {} {} {} {} {} {}", to_string(from), to_string(to),
                                      fmt::join(groups, ","), fmt::join(rows, ","),
                                      encoding ? encoding->to_string() : "", fmt::join(order, ","));
  if (const auto found = known_.find(key); found != known_.end()) return found->second;
  ConversionRequest request;
  request.source = from;
  request.destination = to;
  request.count = static_cast<int>(groups.size());
  request.sm = sm_;
  request.finite = true;
  request.unnormalised = true;
  request.scale_groups = groups;
  request.row_exponents = rows;
  if (encoding) set_encoding(request, *encoding);
  if (!order.empty()) reorder(request, order);
  if (from.type_class == TypeClass::Signed) {
    request.source = unsigned_type(from.bits);
    request.xor_constant ^= std::uint64_t{1} << (from.bits - 1);
  }
  const auto made = lower_conversion(request);
  if (!made) return known_.emplace(key, tl::unexpected(made.error())).first->second;
  WordProgram program = made->program;
  std::vector<std::optional<int>> exponents(static_cast<std::size_t>(scales));
  for (std::size_t i = 0; i < groups.size(); ++i) {
    std::optional<int>& exponent = exponents[request.scale_groups[i]];
    if (exponent && *exponent != made->scales[i]) {
      return known_.emplace(key, tl::unexpected(std::string("columns need several scales")))
          .first->second;
    }
    exponent = made->scales[i];
  }
  for (const int sign : {-1, 1}) {
    for (const std::optional<int>& exponent : exponents) {
      const std::uint16_t constant = program.registers++;
      const float power = std::ldexp(1.0F, sign * exponent.value_or(0));
      program.ops.push_back(
          {WordOpcode::MovImm, constant, 0, 0, 0, std::bit_cast<std::uint32_t>(power)});
      program.outputs.push_back(constant);
    }
  }
  return known_.emplace(key, std::make_shared<const WordProgram>(std::move(program))).first->second;
}

ConversionPrograms::Result ConversionPrograms::encode(ElementType type, std::int64_t count,
                                                      const layouts::Encoding& encoding) {
  const std::string key =
      fmt::format("encode {} {} {}", to_string(type), count, encoding.to_string());
  if (const auto found = known_.find(key); found != known_.end()) return found->second;
  return known_.emplace(key, make_encode(type, count, encoding)).first->second;
}

// Every bit of the result is one bit of the source: a conversion of 1-bit codes that only moves
// them.
ConversionPrograms::Result ConversionPrograms::make_encode(ElementType type, std::int64_t count,
                                                           const layouts::Encoding& encoding) {
  const int run = encoding.elements(), run_bits = 32 * encoding.words();
  ConversionRequest request;
  request.source = request.destination = unsigned_type(1);
  request.count = static_cast<int>(count * type.bits);
  request.sm = sm_;
  std::vector<bool> flipped;
  for (int place = 0; place < request.count; ++place) {
    const auto [element, bit] = encoding.element_and_bit(place % run_bits);
    const int source = (place / run_bits * run + element) * type.bits + bit;
    request.source_bits.push_back(static_cast<std::uint32_t>(source));
    flipped.push_back((encoding.xor_constant() >> bit & 1) != 0);
  }
  const auto moved = lower_conversion(request);
  if (!moved) return tl::unexpected(moved.error());
  WordProgram program = moved->program;
  if (encoding.xor_constant() == 0) return std::make_shared<const WordProgram>(program);
  for (std::size_t w = 0; w < program.outputs.size(); ++w) {
    std::uint32_t mask = 0;
    for (std::size_t bit = 0; bit < 32 && 32 * w + bit < flipped.size(); ++bit) {
      mask |= std::uint32_t{flipped[32 * w + bit]} << bit;
    }
    const std::uint16_t constant = program.registers++, result = program.registers++;
    program.ops.push_back({WordOpcode::MovImm, constant, 0, 0, 0, mask});
    program.ops.push_back(
        {WordOpcode::Lop3, result, program.outputs[w], constant, constant, (kLutA ^ kLutB) & 0xff});
    program.outputs[w] = result;
  }
  return std::make_shared<const WordProgram>(program);
}

}  // namespace bitloom::vm
