#include "layouts/global_layout.h"

#include <fmt/format.h>

#include <cstdlib>

namespace bitloom::layouts {

namespace {

std::vector<SizeExpr> row_major(const std::vector<SizeExpr>& shape) {
  std::vector<SizeExpr> strides(shape.size());
  SizeExpr stride = 1;
  for (std::size_t d = shape.size(); d-- > 0;) {
    strides[d] = stride;
    stride = shape[d] * stride;
  }
  return strides;
}

std::string join(const std::vector<SizeExpr>& exprs) {
  std::string text;
  for (const SizeExpr& expr : exprs)
    text += fmt::format("{}{}", text.empty() ? "" : ", ", expr.to_string());
  return fmt::format("[{}]", text);
}

// Largest power of two that divides; `limit` for 0.
std::int64_t power_of_two_in(std::int64_t value, std::int64_t limit) {
  if (value == 0) return limit;
  return std::min(limit, value & -value);
}

}  // namespace

GlobalLayout::GlobalLayout(std::vector<SizeExpr> shape)
    : shape_(std::move(shape)), strides_(row_major(shape_)) {}

GlobalLayout::GlobalLayout(std::vector<SizeExpr> shape, std::vector<SizeExpr> strides)
    : shape_(std::move(shape)), strides_(std::move(strides)) {}

GlobalLayout GlobalLayout::column_major(std::vector<SizeExpr> shape) {
  std::vector<SizeExpr> strides(shape.size());
  SizeExpr stride = 1;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    strides[d] = stride;
    stride = stride * shape[d];
  }
  return {std::move(shape), std::move(strides)};
}

SizeExpr GlobalLayout::size() const {
  SizeExpr product = 1;
  for (const SizeExpr& extent : shape_) product = product * extent;
  return product;
}

bool GlobalLayout::is_row_major() const {
  return strides_ == row_major(shape_);
}

SizeExpr GlobalLayout::offset(const std::vector<SizeExpr>& index) const {
  SizeExpr sum = 0;
  for (std::size_t d = 0; d < shape_.size(); ++d) sum = sum + index[d] * strides_[d];
  return sum;
}

std::int64_t GlobalLayout::known_alignment_bits(int element_bits,
                                                const std::vector<std::int64_t>& index_multiples,
                                                const Assumptions& assumptions,
                                                std::int64_t limit) const {
  std::int64_t alignment = limit;
  for (std::size_t d = 0; d < shape_.size(); ++d) {
    // Powers of two multiply, so each factor alone may be cut to the limit.
    const std::int64_t stride = power_of_two_in(known_multiple_of(strides_[d], assumptions), limit);
    const std::int64_t step =
        stride * power_of_two_in(index_multiples[d], limit) * power_of_two_in(element_bits, limit);
    alignment = std::min(alignment, step);
  }
  return alignment;
}

GlobalLayout GlobalLayout::substitute(const SizeExpr::Replace& replace) const {
  GlobalLayout result = *this;
  for (SizeExpr& extent : result.shape_) extent = extent.substitute(replace);
  for (SizeExpr& stride : result.strides_) stride = stride.substitute(replace);
  return result;
}

std::int64_t GlobalLayout::Concrete::offset(const Index& index) const {
  std::int64_t sum = 0;
  for (std::size_t d = 0; d < strides.size(); ++d) sum += index[d] * strides[d];
  return sum;
}

std::int64_t GlobalLayout::Concrete::span() const {
  if (layouts::size(shape) == 0) return 0;
  std::int64_t last = 0;
  for (std::size_t d = 0; d < shape.size(); ++d) last += (shape[d] - 1) * strides[d];
  return last + 1;
}

tl::expected<GlobalLayout::Concrete, std::string> GlobalLayout::evaluate(
    const SizeExpr::Lookup& lookup) const {
  Concrete concrete;
  std::int64_t reach = 1;
  for (std::size_t d = 0; d < shape_.size(); ++d) {
    const auto extent = shape_[d].evaluate(lookup);
    const auto stride = strides_[d].evaluate(lookup);
    for (const auto* value : {&extent, &stride})
      if (!*value) return tl::make_unexpected(value->error());
    if (*extent < 0)
      return tl::make_unexpected(
          fmt::format("the extent {} = {} is negative", shape_[d].to_string(), *extent));
    std::int64_t part = 0;
    if (*stride < 0 || __builtin_mul_overflow(*extent, *stride, &part) ||
        __builtin_add_overflow(reach, part, &reach))
      return tl::make_unexpected(
          fmt::format("{} steps of {} elements do not fit 64 bits", *extent, *stride));
    concrete.shape.push_back(*extent);
    concrete.strides.push_back(*stride);
  }
  return concrete;
}

std::string GlobalLayout::to_string() const {
  if (is_row_major()) return join(shape_);
  return fmt::format("{} strides {}", join(shape_), join(strides_));
}

}  // namespace bitloom::layouts
