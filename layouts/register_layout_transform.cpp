// reduce, permute, reshape, concat: layouts made from one layout by moving its digits to other
// dimensions.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "layouts/digits.h"
#include "layouts/register_layout_rep.h"

namespace bitloom::layouts {

namespace {

tl::unexpected<LayoutError> fail(std::string message) {
  return tl::make_unexpected(LayoutError{std::move(message)});
}

LayoutResult<void> check_dim(const RegisterLayout& layout, int dim) {
  if (dim >= 0 && dim < layout.rank()) return {};
  return fail(fmt::format("there is no dimension {} in a layout of shape {}", dim,
                          to_string(layout.shape())));
}

// Gives every dimension a new number.
std::vector<Digit> renumber(std::span<const Digit> digits, std::span<const int> new_dims) {
  std::vector<Digit> result(digits.begin(), digits.end());
  for (Digit& digit : result)
    if (!digit.is_replicated()) digit.dim = new_dims[static_cast<std::size_t>(digit.dim)];
  return result;
}

RegisterLayout erase_dim(const RegisterLayout& layout, int dim) {
  std::vector<int> new_dims(layout.shape().size());
  for (int d = 0; d < layout.rank(); ++d) new_dims[d] = d > dim ? d - 1 : d;
  Shape shape = layout.shape();
  shape.erase(shape.begin() + dim);
  return RegisterLayout(std::move(shape), renumber(layout.thread_digits(), new_dims),
                        renumber(layout.register_digits(), new_dims));
}

// Cuts digits whose strides count row-major elements into digits of the dimensions of `shape`.
class Cutter {
 public:
  explicit Cutter(const Shape& shape) : shape_(shape), strides_(row_major_strides(shape)) {}

  // Appends the pieces of one digit, slow to fast; false when it straddles two dimensions unevenly.
  [[nodiscard]] bool cut(std::int64_t extent, std::int64_t stride, std::vector<Digit>& out) const {
    std::vector<Digit> pieces;
    while (extent > 1) {
      const int dim = dim_of(stride);
      if (dim < 0 || stride % strides_[dim] != 0) return false;
      const std::int64_t room = strides_[dim] * shape_[dim] / stride;
      if (room * stride != strides_[dim] * shape_[dim]) return false;
      if (extent > room && extent % room != 0) return false;
      const std::int64_t piece = std::min(extent, room);
      pieces.push_back({piece, dim, stride / strides_[dim]});
      extent /= piece;
      stride *= piece;
    }
    out.insert(out.end(), pieces.rbegin(), pieces.rend());
    return true;
  }

 private:
  // The dimension within which one step of `stride` stays.
  [[nodiscard]] int dim_of(std::int64_t stride) const {
    for (std::size_t d = shape_.size(); d-- > 0;)
      if (stride < strides_[d] * shape_[d]) return static_cast<int>(d);
    return -1;
  }

  const Shape& shape_;
  Shape strides_;
};

}  // namespace

LayoutResult<RegisterLayout> RegisterLayout::reduce(std::span<const int> dims,
                                                    bool keep_dims) const {
  std::vector<bool> reduced(shape().size(), false);
  for (const int dim : dims) {
    if (auto ok = check_dim(*this, dim); !ok) return tl::make_unexpected(ok.error());
    reduced[dim] = true;
  }
  Shape result_shape = shape();
  for (const int dim : dims) result_shape[dim] = 1;
  std::vector<Digit> threads(thread_digits().begin(), thread_digits().end());
  for (Digit& digit : threads)
    if (!digit.is_replicated() && reduced[digit.dim]) digit = {digit.extent, Digit::kReplicated, 0};
  std::vector<Digit> registers;
  for (const Digit& digit : register_digits())
    if (!reduced[digit.dim]) registers.push_back(digit);
  RegisterLayout result(std::move(result_shape), std::move(threads), std::move(registers));
  if (keep_dims) return result;
  for (int dim = rank(); dim-- > 0;)
    if (reduced[dim]) result = erase_dim(result, dim);
  return result;
}

LayoutResult<RegisterLayout> RegisterLayout::reduce(int dim, bool keep_dims) const {
  return reduce(std::span<const int>(&dim, 1), keep_dims);
}

LayoutResult<RegisterLayout> RegisterLayout::permute(std::span<const int> perm) const {
  std::vector<int> new_dims(shape().size(), -1);
  Shape result_shape;
  for (std::size_t i = 0; i < perm.size(); ++i) {
    if (auto ok = check_dim(*this, perm[i]); !ok) return tl::make_unexpected(ok.error());
    if (new_dims[perm[i]] != -1)
      return fail(fmt::format("permute names dimension {} twice", perm[i]));
    new_dims[perm[i]] = static_cast<int>(i);
    result_shape.push_back(shape()[perm[i]]);
  }
  if (result_shape.size() != shape().size())
    return fail(fmt::format("permute names {} of the {} dimensions of {}; name each once",
                            perm.size(), rank(), layouts::to_string(shape())));
  return RegisterLayout(std::move(result_shape), renumber(thread_digits(), new_dims),
                        renumber(register_digits(), new_dims));
}

LayoutResult<RegisterLayout> RegisterLayout::permute(std::initializer_list<int> perm) const {
  return permute(std::span<const int>(perm.begin(), perm.size()));
}

LayoutResult<RegisterLayout> RegisterLayout::reshape(const Shape& target) const {
  if (std::any_of(target.begin(), target.end(), [](std::int64_t extent) { return extent < 1; }))
    return fail(fmt::format("{} is no shape: extents are positive", layouts::to_string(target)));
  if (size(target) != size(shape()))
    return fail(fmt::format("{} has {} elements where {} has {}", layouts::to_string(target),
                            size(target), layouts::to_string(shape()), size(shape())));
  const Shape strides = row_major_strides(shape());
  const Cutter cutter(target);
  const auto cut_all = [&](std::span<const Digit> digits) -> std::optional<std::vector<Digit>> {
    std::vector<Digit> result;
    for (const Digit& digit : digits) {
      if (digit.is_replicated()) {
        result.push_back(digit);
      } else if (!cutter.cut(digit.extent, digit.stride * strides[digit.dim], result)) {
        return std::nullopt;
      }
    }
    return result;
  };
  auto threads = cut_all(thread_digits());
  auto registers = cut_all(register_digits());
  if (!threads || !registers || !valid_digits(target, *threads, *registers))
    return fail(
        fmt::format("{} cannot be reshaped to {}: threads or registers that count along one "
                    "dimension would straddle two",
                    to_string(), layouts::to_string(target)));
  return RegisterLayout(target, std::move(*threads), std::move(*registers));
}

LayoutResult<RegisterLayout> RegisterLayout::expand_dims(int dim) const {
  if (dim < 0 || dim > rank())
    return fail(fmt::format("a dimension can be put before 0 to {} of {}, not {}", rank(),
                            layouts::to_string(shape()), dim));
  Shape target = shape();
  target.insert(target.begin() + dim, 1);
  return reshape(target);
}

LayoutResult<RegisterLayout> RegisterLayout::squeeze(int dim) const {
  if (auto ok = check_dim(*this, dim); !ok) return tl::make_unexpected(ok.error());
  if (shape()[dim] != 1)
    return fail(fmt::format("dimension {} of {} has extent {}; only extent 1 can be squeezed", dim,
                            layouts::to_string(shape()), shape()[dim]));
  return erase_dim(*this, dim);
}

LayoutResult<RegisterLayout> RegisterLayout::concat(const RegisterLayout& other, int dim) const {
  if (auto ok = check_dim(*this, dim); !ok) return tl::make_unexpected(ok.error());
  Shape rest = shape(), other_rest = other.shape();
  if (static_cast<std::size_t>(dim) < other_rest.size()) rest[dim] = other_rest[dim] = 1;
  if (rest != other_rest)
    return fail(fmt::format("{} and {} cannot lie side by side along dimension {}",
                            layouts::to_string(shape()), layouts::to_string(other.shape()), dim));
  // Both are to repeat one tile; its extent along dim may be taken to be the greatest common
  // divisor, as a smaller tile that fits is repeated to give it.
  const std::int64_t common = std::gcd(shape()[dim], other.shape()[dim]);
  const auto repeat = [&](std::int64_t times) {
    Shape times_along(shape().size(), 1);
    times_along[dim] = times;
    return local(times_along);
  };
  const auto tile = left_quotient(repeat(shape()[dim] / common));
  const auto other_tile = other.left_quotient(repeat(other.shape()[dim] / common));
  if (!tile || !other_tile || !(*tile == *other_tile))
    return fail(
        fmt::format("{} and {} are not repetitions of one tile in registers along dimension {}",
                    to_string(), other.to_string(), dim));
  return repeat((shape()[dim] + other.shape()[dim]) / common) * *tile;
}

}  // namespace bitloom::layouts
