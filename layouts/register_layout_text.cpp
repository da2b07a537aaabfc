// Register layouts as text: the printer that finds an expression for any layout, and the reader
// with its checked operations.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <ostream>

#include "layouts/fragments.h"
#include "layouts/register_layout.h"

namespace bitloom::layouts {

namespace {

tl::unexpected<LayoutError> fail(std::string message, std::size_t offset = 0) {
  return tl::make_unexpected(LayoutError{std::move(message), offset});
}

std::string call(std::string_view name, const Shape& extents) {
  return fmt::format("{}({})", name, fmt::join(extents, ", "));
}

// Peels atoms off the slow end of a layout. A digit can be peeled when it is the slowest of its
// list and also covers the slowest part of its dimension; a layout is a product of atoms exactly
// when that never gets stuck.
class Peeler {
 public:
  explicit Peeler(const RegisterLayout& layout)
      : threads_(layout.thread_digits()),
        registers_(layout.register_digits()),
        rest_(layout.shape()) {}

  // The factors, or nothing when the layout is no product.
  std::optional<std::vector<std::string>> factors() {
    std::vector<std::string> result;
    while (!threads_.empty() || !registers_.empty()) {
      if (auto factor = peel(registers_, "local")) {
        result.push_back(std::move(*factor));
      } else if (!threads_.empty() && threads_.front().is_replicated()) {
        result.push_back(call("replicated", {threads_.front().extent}));
        threads_ = threads_.subspan(1);
      } else if (auto spread = peel(threads_, "spatial")) {
        result.push_back(std::move(*spread));
      } else {
        return std::nullopt;
      }
    }
    return result;
  }

 private:
  [[nodiscard]] bool is_slowest(const Digit& digit) const {
    return !digit.is_replicated() && digit.stride * digit.extent == rest_[digit.dim];
  }

  // Length of the run at the front whose dimensions strictly rise (or fall): the digits of one
  // atom.
  [[nodiscard]] std::size_t run(std::span<const Digit> digits, bool rising) const {
    std::size_t length = 0;
    while (length < digits.size() && is_slowest(digits[length]) &&
           (length == 0 || (rising ? digits[length].dim > digits[length - 1].dim
                                   : digits[length].dim < digits[length - 1].dim)))
      ++length;
    return length;
  }

  std::optional<std::string> peel(std::span<const Digit>& digits, std::string_view atom) {
    const std::size_t rising = run(digits, true), falling = run(digits, false);
    const std::size_t length = std::max(rising, falling);
    if (length == 0) return std::nullopt;
    Shape extents(rest_.size(), 1);
    for (const Digit& digit : digits.first(length)) {
      extents[digit.dim] = digit.extent;
      rest_[digit.dim] /= digit.extent;
    }
    digits = digits.subspan(length);
    return call(fmt::format("{}{}", falling > rising ? "column_" : "", atom), extents);
  }

  std::span<const Digit> threads_;
  std::span<const Digit> registers_;
  Shape rest_;
};

// One dimension a digit, then permuted into the order of the shape and merged by reshape.
std::string general_expression(const RegisterLayout& layout) {
  struct Mode {
    Digit digit;
    std::int64_t position;
  };
  std::vector<Mode> modes;
  const auto collect = [&](std::span<const Digit> digits) {
    for (const Digit& digit : digits)
      if (!digit.is_replicated()) modes.push_back({digit, static_cast<std::int64_t>(modes.size())});
  };
  collect(layout.thread_digits());
  collect(layout.register_digits());

  std::vector<std::string> factors;
  std::size_t at = 0;
  Shape extents(modes.size(), 1);
  const auto flush = [&](std::string_view atom) {
    if (size(extents) > 1) factors.push_back(call(atom, extents));
    std::fill(extents.begin(), extents.end(), 1);
  };
  for (const Digit& digit : layout.thread_digits()) {
    if (digit.is_replicated()) {
      flush("spatial");
      factors.push_back(call("replicated", {digit.extent}));
    } else {
      extents[at++] = digit.extent;
    }
  }
  flush("spatial");
  for (const Digit& digit : layout.register_digits()) extents[at++] = digit.extent;
  flush("local");

  std::sort(modes.begin(), modes.end(), [](const Mode& a, const Mode& b) {
    return a.digit.dim != b.digit.dim ? a.digit.dim < b.digit.dim : a.digit.stride > b.digit.stride;
  });
  Shape perm;
  for (const Mode& mode : modes) perm.push_back(mode.position);
  return fmt::format("({}).{}.{}", fmt::join(factors, " * "), call("permute", perm),
                     call("reshape", layout.shape()));
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// expression := term { ('*' | '/') term }      term := primary { '.' method '(' integers ')' }
// primary    := constructor '(' integers ')' | fragment.name.with.dots | '(' expression ')'
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  LayoutResult<RegisterLayout> whole() {
    auto layout = expression();
    if (!layout) return layout;
    skip_spaces();
    if (at_ != text_.size())
      return fail(fmt::format("expected '*', '/' or the end, found '{}'", text_[at_]), at_);
    return layout;
  }

 private:
  static constexpr int kMaxDepth = 100;

  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n'))
      ++at_;
  }

  bool accept(char c) {
    skip_spaces();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  [[nodiscard]] tl::unexpected<LayoutError> expected(std::string_view what) const {
    if (at_ >= text_.size()) return fail(fmt::format("expected {} before the end", what), at_);
    return fail(fmt::format("expected {}, found '{}'", what, text_[at_]), at_);
  }

  std::string_view word() {
    skip_spaces();
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  // "(1, 2, 3)"
  LayoutResult<std::vector<std::int64_t>> integers() {
    if (!accept('(')) return expected("'('");
    std::vector<std::int64_t> result;
    if (accept(')')) return result;
    do {
      skip_spaces();
      std::int64_t value = 0;
      const char* begin = text_.data() + at_;
      const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
      if (error == std::errc::result_out_of_range) return fail("this number is too large", at_);
      if (error != std::errc()) return expected("an integer");
      at_ += static_cast<std::size_t>(end - begin);
      result.push_back(value);
    } while (accept(','));
    if (!accept(')')) return expected("',' or ')'");
    return result;
  }

  // Errors of the operations know no text; they get the place of the operator or the name.
  static LayoutResult<RegisterLayout> placed(LayoutResult<RegisterLayout> result, std::size_t at) {
    if (!result) result.error().offset = at;
    return result;
  }

  LayoutResult<RegisterLayout> expression() {
    auto left = term();
    while (left) {
      skip_spaces();
      const std::size_t operator_at = at_;
      const bool product = accept('*');
      if (!product && !accept('/')) break;
      auto right = term();
      if (!right) return right;
      left = placed(product ? multiply(*left, *right) : divide(*left, *right), operator_at);
    }
    return left;
  }

  LayoutResult<RegisterLayout> term() {
    auto layout = primary();
    while (layout && accept('.')) {
      skip_spaces();
      const std::size_t name_at = at_;
      const std::string_view method = word();
      const auto arguments = integers();
      if (!arguments) return tl::make_unexpected(arguments.error());
      layout = placed(apply_method(*layout, method, *arguments), name_at);
    }
    return layout;
  }

  LayoutResult<RegisterLayout> primary() {
    if (accept('(')) {
      if (++depth_ > kMaxDepth) return fail("parentheses are nested too deeply", at_);
      auto layout = expression();
      --depth_;
      if (layout && !accept(')')) return expected("')'");
      return layout;
    }
    skip_spaces();
    const std::size_t name_at = at_;
    std::string name(word());
    if (name.empty()) return expected("a layout such as spatial(8, 4)");
    skip_spaces();
    if (at_ < text_.size() && text_[at_] == '(') {
      const auto extents = integers();
      if (!extents) return tl::make_unexpected(extents.error());
      return placed(construct(name, *extents), name_at);
    }
    // A fragment's name has dots; the last part before a parenthesis is a method's.
    while (at_ < text_.size() && text_[at_] == '.') {
      const std::size_t dot = at_++;
      const std::string_view part = word();
      skip_spaces();
      if (part.empty() || (at_ < text_.size() && text_[at_] == '(')) {
        at_ = dot;
        break;
      }
      name += fmt::format(".{}", part);
    }
    const auto fragment = named_fragment(name);
    if (!fragment)
      return fail(fmt::format("'{}' names no fragment; known are {}", name,
                              fmt::join(fragment_families(), ", ")),
                  name_at);
    return *fragment;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

// Product of extents, or nothing when it passes kMaxElements.
std::optional<std::int64_t> bounded_product(std::int64_t a, std::int64_t b) {
  if (a > kMaxElements / b) return std::nullopt;
  return a * b;
}

LayoutResult<std::vector<int>> dimensions(std::span<const std::int64_t> arguments) {
  std::vector<int> result;
  for (const std::int64_t argument : arguments) {
    if (argument < 0 || argument > 1000) return fail(fmt::format("{} is no dimension", argument));
    result.push_back(static_cast<int>(argument));
  }
  return result;
}

}  // namespace

std::string RegisterLayout::to_string() const {
  const auto factors = Peeler(*this).factors();
  if (!factors) return general_expression(*this);
  std::vector<std::string> all = *factors;
  // replicated(n) has no rank of its own, and no digit at all speaks of a shape of ones.
  const bool only_replicated = count_if(all.begin(), all.end(), [](const std::string& factor) {
                                 return !factor.starts_with("replicated");
                               }) == 0;
  if (only_replicated && (all.empty() || rank() > 0))
    all.insert(all.begin(), call("local", shape()));
  return fmt::format("{}", fmt::join(all, " * "));
}

std::ostream& operator<<(std::ostream& out, const RegisterLayout& layout) {
  return out << layout.to_string();
}

LayoutResult<RegisterLayout> construct(std::string_view constructor,
                                       std::span<const std::int64_t> extents) {
  std::int64_t total = 1;
  for (const std::int64_t extent : extents) {
    if (extent < 1)
      return fail(fmt::format("{}: extents are positive, and {} is not", constructor, extent));
    const auto product = bounded_product(total, extent);
    if (!product) return fail(fmt::format("{}: more than {} elements", constructor, kMaxElements));
    total = *product;
  }
  const Shape shape(extents.begin(), extents.end());
  if (constructor == "local") return local(shape);
  if (constructor == "spatial") return spatial(shape);
  if (constructor == "column_local") return column_local(shape);
  if (constructor == "column_spatial") return column_spatial(shape);
  if (constructor != "replicated")
    return fail(
        fmt::format("'{}' is no layout constructor; there are local, spatial, column_local, "
                    "column_spatial and replicated",
                    constructor));
  if (extents.size() != 1)
    return fail(fmt::format("replicated takes one number of threads, not {}", extents.size()));
  return replicated(extents[0]);
}

LayoutResult<RegisterLayout> multiply(const RegisterLayout& outer, const RegisterLayout& inner) {
  if (outer.rank() != inner.rank() && outer.rank() != 0 && inner.rank() != 0)
    return fail(
        fmt::format("the factors {} and {} have {} and {} dimensions; write a 1 for each "
                    "dimension that is missing",
                    outer.to_string(), inner.to_string(), outer.rank(), inner.rank()));
  const auto threads = bounded_product(outer.threads(), inner.threads());
  const auto registers = bounded_product(outer.registers(), inner.registers());
  if (!threads || !registers || !bounded_product(*threads, *registers))
    return fail(fmt::format("the product has more than {} elements", kMaxElements));
  return outer * inner;
}

LayoutResult<RegisterLayout> divide(const RegisterLayout& product, const RegisterLayout& inner) {
  if (auto quotient = product / inner) return *quotient;
  return fail(
      fmt::format("{} does not consist of whole tiles {}", product.to_string(), inner.to_string()));
}

LayoutResult<RegisterLayout> apply_method(const RegisterLayout& layout, std::string_view method,
                                          std::span<const std::int64_t> arguments) {
  if (method == "reshape") {
    std::int64_t total = 1;
    for (const std::int64_t extent : arguments) {
      const auto product = extent < 1 ? std::nullopt : bounded_product(total, extent);
      if (!product) return fail(fmt::format("reshape: {} is no extent that fits", extent));
      total = *product;
    }
    return layout.reshape(Shape(arguments.begin(), arguments.end()));
  }
  const auto dims = dimensions(arguments);
  if (!dims) return tl::make_unexpected(dims.error());
  if (method == "permute") return layout.permute(*dims);
  if (method == "reduce") return layout.reduce(*dims);
  if (method != "squeeze" && method != "expand_dims")
    return fail(
        fmt::format("'{}' is no method of a layout; there are permute, reshape, reduce, squeeze "
                    "and expand_dims",
                    method));
  if (dims->size() != 1)
    return fail(fmt::format("{} takes one dimension, not {}", method, dims->size()));
  return method == "squeeze" ? layout.squeeze(dims->front()) : layout.expand_dims(dims->front());
}

LayoutResult<RegisterLayout> parse_register_layout(std::string_view text) {
  return Reader(text).whole();
}

}  // namespace bitloom::layouts
