// Atoms, product, quotient and queries. Transformations and text live in files of their own.
#include "layouts/register_layout.h"

#include <algorithm>

#include "layouts/digits.h"
#include "layouts/register_layout_rep.h"

namespace bitloom::layouts {

namespace {

Shape broadcast(const Shape& shape, std::size_t rank) {
  Shape result(rank, 1);
  std::copy(shape.begin(), shape.end(), result.end() - static_cast<std::ptrdiff_t>(shape.size()));
  return result;
}

// Digits of a layout whose dimensions move right by `shift` and whose strides grow by the extents
// of `scale`.
std::vector<Digit> lift(std::span<const Digit> digits, int shift, const Shape* scale) {
  std::vector<Digit> result(digits.begin(), digits.end());
  for (Digit& digit : result) {
    if (digit.is_replicated()) continue;
    digit.dim += shift;
    if (scale) digit.stride *= (*scale)[digit.dim];
  }
  return result;
}

std::vector<Digit> row_major_digits(const Shape& shape) {
  std::vector<Digit> digits;
  for (std::size_t d = 0; d < shape.size(); ++d)
    digits.push_back({shape[d], static_cast<int>(d), 1});
  return digits;
}

std::vector<Digit> column_major_digits(const Shape& shape) {
  std::vector<Digit> digits = row_major_digits(shape);
  std::reverse(digits.begin(), digits.end());
  return digits;
}

// Shape of the other factor when `part` divides `whole`, ranks aligned at the right.
std::optional<Shape> divide_shape(const Shape& whole, const Shape& part) {
  const std::size_t rank = std::max(whole.size(), part.size());
  Shape quotient = broadcast(whole, rank);
  const Shape divisor = broadcast(part, rank);
  for (std::size_t d = 0; d < rank; ++d) {
    if (quotient[d] % divisor[d] != 0) return std::nullopt;
    quotient[d] /= divisor[d];
  }
  return quotient;
}

void add_to(Index& index, std::span<const Digit> digits, std::int64_t number) {
  for (std::size_t i = digits.size(); i-- > 0;) {
    const Digit& digit = digits[i];
    if (!digit.is_replicated()) index[digit.dim] += (number % digit.extent) * digit.stride;
    number /= digit.extent;
  }
}

// Row-major element number for each value of a mixed-radix number.
std::vector<std::int64_t> linear_steps(std::span<const Digit> digits, const Shape& shape) {
  const Shape strides = row_major_strides(shape);
  std::vector<std::int64_t> steps{0};
  for (std::size_t i = digits.size(); i-- > 0;) {
    const Digit& digit = digits[i];
    const std::int64_t step = digit.is_replicated() ? 0 : digit.stride * strides[digit.dim];
    const std::size_t count = steps.size();
    for (std::int64_t value = 1; value < digit.extent; ++value)
      for (std::size_t k = 0; k < count; ++k) steps.push_back(steps[k] + value * step);
  }
  return steps;
}

}  // namespace

RegisterLayout::RegisterLayout() : RegisterLayout(Shape{}, {}, {}) {}

RegisterLayout::RegisterLayout(Shape shape, std::vector<Digit> thread_digits,
                               std::vector<Digit> register_digits) {
  auto rep = std::make_shared<Rep>();
  rep->shape = std::move(shape);
  rep->thread_digits = merge_digits(thread_digits);
  rep->register_digits = merge_digits(register_digits);
  rep->threads = count(rep->thread_digits);
  rep->registers = count(rep->register_digits);
  for (const Digit& digit : rep->thread_digits)
    if (digit.is_replicated()) rep->replication *= digit.extent;
  rep_ = std::move(rep);
}

bool RegisterLayout::valid_digits(const Shape& shape, std::span<const Digit> thread_digits,
                                  std::span<const Digit> register_digits) {
  const int rank = static_cast<int>(shape.size());
  std::vector<Digit> all;
  for (const Digit& digit : thread_digits) {
    if (digit.extent < 1) return false;
    if (!digit.is_replicated()) all.push_back(digit);
  }
  for (const Digit& digit : register_digits) {
    if (digit.extent < 1 || digit.is_replicated()) return false;
    all.push_back(digit);
  }
  std::erase_if(all, [](const Digit& digit) { return digit.extent == 1; });
  std::sort(all.begin(), all.end(),
            [](const Digit& a, const Digit& b) { return a.stride < b.stride; });
  Shape covered(shape.size(), 1);
  for (const Digit& digit : all) {
    if (digit.dim < 0 || digit.dim >= rank || digit.stride != covered[digit.dim]) return false;
    covered[digit.dim] *= digit.extent;
  }
  return covered == shape;
}

const Shape& RegisterLayout::shape() const {
  return rep_->shape;
}
std::int64_t RegisterLayout::threads() const {
  return rep_->threads;
}
std::int64_t RegisterLayout::registers() const {
  return rep_->registers;
}
std::int64_t RegisterLayout::replication() const {
  return rep_->replication;
}
std::span<const Digit> RegisterLayout::thread_digits() const {
  return rep_->thread_digits;
}
std::span<const Digit> RegisterLayout::register_digits() const {
  return rep_->register_digits;
}

std::int64_t RegisterLayout::contiguous_registers(int dim) const {
  if (rep_->register_digits.empty()) return 1;
  const Digit& fastest = rep_->register_digits.back();
  return fastest.dim == dim && fastest.stride == 1 ? fastest.extent : 1;
}

Index RegisterLayout::element(std::int64_t thread, std::int64_t reg) const {
  Index index(shape().size(), 0);
  add_to(index, rep_->thread_digits, thread);
  add_to(index, rep_->register_digits, reg);
  return index;
}

// The passes ask this for every element of every candidate, so it makes no index in between.
std::int64_t RegisterLayout::linear_element(std::int64_t thread, std::int64_t reg) const {
  const Shape& extents = shape();
  const auto sum = [&extents](const std::vector<Digit>& digits, std::int64_t number) {
    std::int64_t total = 0;
    for (std::size_t i = digits.size(); i-- > 0;) {
      const Digit& digit = digits[i];
      if (!digit.is_replicated()) {
        std::int64_t stride = digit.stride;
        for (std::size_t d = static_cast<std::size_t>(digit.dim) + 1; d < extents.size(); ++d)
          stride *= extents[d];
        total += number % digit.extent * stride;
      }
      number /= digit.extent;
    }
    return total;
  };
  return sum(rep_->thread_digits, thread) + sum(rep_->register_digits, reg);
}

std::vector<Owner> RegisterLayout::owners(const Index& index) const {
  Owner first;
  for (const Digit& digit : rep_->register_digits)
    first.reg = first.reg * digit.extent + (index[digit.dim] / digit.stride) % digit.extent;
  std::vector<Owner> result{first};
  for (const Digit& digit : rep_->thread_digits) {
    std::vector<Owner> next;
    for (const Owner& owner : result) {
      const std::int64_t base = owner.thread * digit.extent;
      if (digit.is_replicated()) {
        for (std::int64_t copy = 0; copy < digit.extent; ++copy)
          next.push_back({base + copy, owner.reg});
      } else {
        next.push_back({base + (index[digit.dim] / digit.stride) % digit.extent, owner.reg});
      }
    }
    result = std::move(next);
  }
  return result;
}

Owner RegisterLayout::thread_and_register(const Index& index) const {
  Owner owner;
  for (const Digit& digit : rep_->register_digits)
    owner.reg = owner.reg * digit.extent + (index[digit.dim] / digit.stride) % digit.extent;
  for (const Digit& digit : rep_->thread_digits) {
    owner.thread *= digit.extent;
    if (!digit.is_replicated()) owner.thread += (index[digit.dim] / digit.stride) % digit.extent;
  }
  return owner;
}

std::vector<std::int32_t> RegisterLayout::table() const {
  const auto by_thread = linear_steps(rep_->thread_digits, shape());
  const auto by_register = linear_steps(rep_->register_digits, shape());
  std::vector<std::int32_t> result;
  result.reserve(by_thread.size() * by_register.size());
  for (const std::int64_t base : by_register)
    for (const std::int64_t step : by_thread)
      result.push_back(static_cast<std::int32_t>(base + step));
  return result;
}

RegisterLayout operator*(const RegisterLayout& outer, const RegisterLayout& inner) {
  const std::size_t rank = std::max(outer.shape().size(), inner.shape().size());
  const int outer_shift = static_cast<int>(rank - outer.shape().size());
  const int inner_shift = static_cast<int>(rank - inner.shape().size());
  Shape shape = broadcast(outer.shape(), rank);
  const Shape scale = broadcast(inner.shape(), rank);
  const auto join = [&](std::span<const Digit> slow, std::span<const Digit> fast) {
    std::vector<Digit> digits = lift(slow, outer_shift, &scale);
    const std::vector<Digit> tail = lift(fast, inner_shift, nullptr);
    digits.insert(digits.end(), tail.begin(), tail.end());
    return digits;
  };
  for (std::size_t d = 0; d < rank; ++d) shape[d] *= scale[d];
  return RegisterLayout(std::move(shape), join(outer.thread_digits(), inner.thread_digits()),
                        join(outer.register_digits(), inner.register_digits()));
}

std::optional<RegisterLayout> operator/(const RegisterLayout& product,
                                        const RegisterLayout& inner) {
  const auto shape = divide_shape(product.shape(), inner.shape());
  if (!shape || shape->size() != product.shape().size()) return std::nullopt;
  const auto threads = split_digits(product.thread_digits(), inner.threads());
  const auto registers = split_digits(product.register_digits(), inner.registers());
  if (!threads || !registers) return std::nullopt;
  // The slow digits are the outer layout's, once their strides are counted in inner tiles. The
  // comparison at the end finds every way in which they may fail to be.
  const Shape tile = broadcast(inner.shape(), shape->size());
  const auto in_tiles = [&](std::vector<Digit> digits) {
    for (Digit& digit : digits)
      if (!digit.is_replicated()) digit.stride /= tile[digit.dim];
    return digits;
  };
  auto thread_digits = in_tiles(threads->slow);
  auto register_digits = in_tiles(registers->slow);
  if (!RegisterLayout::valid_digits(*shape, thread_digits, register_digits)) return std::nullopt;
  RegisterLayout outer(*shape, std::move(thread_digits), std::move(register_digits));
  if (!(outer * inner == product)) return std::nullopt;
  return outer;
}

std::optional<RegisterLayout> RegisterLayout::left_quotient(const RegisterLayout& outer) const {
  const auto inner_shape = divide_shape(shape(), outer.shape());
  if (!inner_shape || inner_shape->size() != shape().size()) return std::nullopt;
  if (threads() % outer.threads() != 0 || registers() % outer.registers() != 0) return std::nullopt;
  const auto threads_split = split_digits(thread_digits(), threads() / outer.threads());
  const auto registers_split = split_digits(register_digits(), registers() / outer.registers());
  if (!threads_split || !registers_split) return std::nullopt;
  if (!valid_digits(*inner_shape, threads_split->fast, registers_split->fast)) return std::nullopt;
  RegisterLayout inner(*inner_shape, threads_split->fast, registers_split->fast);
  if (!(outer * inner == *this)) return std::nullopt;
  return inner;
}

bool operator==(const RegisterLayout& a, const RegisterLayout& b) {
  return a.rep_ == b.rep_ ||
         (a.rep_->shape == b.rep_->shape && a.rep_->thread_digits == b.rep_->thread_digits &&
          a.rep_->register_digits == b.rep_->register_digits);
}

std::size_t RegisterLayout::hash() const {
  std::uint64_t state = 0xcbf29ce484222325u;  // FNV-1a over the canonical form
  const auto mix = [&state](std::int64_t value) {
    state = (state ^ static_cast<std::uint64_t>(value)) * 0x100000001b3u;
  };
  for (const std::int64_t extent : shape()) mix(extent);
  for (const auto& digits : {thread_digits(), register_digits()}) {
    mix(-7);
    for (const Digit& digit : digits) {
      mix(digit.extent);
      mix(digit.dim);
      mix(digit.stride);
    }
  }
  return static_cast<std::size_t>(state);
}

RegisterLayout local(const Shape& shape) {
  return {shape, {}, row_major_digits(shape)};
}
RegisterLayout spatial(const Shape& shape) {
  return {shape, row_major_digits(shape), {}};
}
RegisterLayout column_local(const Shape& shape) {
  return {shape, {}, column_major_digits(shape)};
}
RegisterLayout column_spatial(const Shape& shape) {
  return {shape, column_major_digits(shape), {}};
}
RegisterLayout replicated(std::int64_t threads) {
  return {Shape{}, {Digit{threads, Digit::kReplicated, 0}}, {}};
}

}  // namespace bitloom::layouts
