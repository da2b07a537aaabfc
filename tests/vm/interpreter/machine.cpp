#include "tests/vm/interpreter/machine.h"

#include <fmt/format.h>

#include <random>

#include "layouts/bit_string.h"
#include "vm/numerics.h"
#include "vm/passes/pipeline.h"
#include "vm/text/parser.h"

namespace bitloom::vm::testing {
namespace {

std::vector<std::byte> as_bytes(const std::vector<std::uint8_t>& bytes) {
  const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
  return {begin, begin + bytes.size()};
}

}  // namespace

Machine::Machine(std::string_view text, std::string_view target) {
  auto function = parse_function(text, diagnostics_);
  if (!function) return;
  function_ = std::move(*function);
  good_ = true;
  if (target.empty()) return;
  PassContext context{*Target::parse(target), diagnostics_};
  good_ = lower_all(function_, context);
}

Machine& Machine::size(std::string name, std::int64_t value) {
  sizes_[std::move(name)] = value;
  return *this;
}

Machine& Machine::scalar(double value) {
  Held held;
  held.is_tensor = false;
  held.scalar = {static_cast<std::int64_t>(value), value};
  held_.push_back(held);
  return *this;
}

Machine& Machine::tensor(ElementType element, Shape extents, const std::vector<double>& numbers) {
  std::vector<std::uint64_t> all(static_cast<std::size_t>(layouts::size(extents)));
  for (std::size_t i = 0; i < numbers.size() && i < all.size(); ++i)
    all[i] = encode(element, numbers[i]);
  return codes(element, std::move(extents), all);
}

Machine& Machine::codes(ElementType element, Shape extents,
                        const std::vector<std::uint64_t>& codes) {
  Held held;
  held.element = element;
  held.extents = std::move(extents);
  held.bytes = as_bytes(layouts::pack_bits(codes, element.bits));
  held_.push_back(std::move(held));
  return *this;
}

Machine& Machine::packed(const layouts::PackedAtom& atom, std::int64_t k, std::int64_t n,
                         const std::vector<std::uint8_t>& codes) {
  std::vector<std::uint8_t> turned(static_cast<std::size_t>(n * k));  // the packer wants [n, k]
  for (std::int64_t i = 0; i < k; ++i)
    for (std::int64_t j = 0; j < n; ++j) turned[j * k + i] = codes[i * n + j];
  Held held;
  held.element = unsigned_type(atom.bits());
  held.extents = {k, n};
  held.bytes = as_bytes(layouts::PackedTensorLayout(atom, n, k).pack(turned));
  held_.push_back(std::move(held));
  return *this;
}

Machine& Machine::share(std::size_t tensor) {
  Held held;
  held.element = held_[tensor].element;
  held.extents = held_[tensor].extents;
  held.same_as = tensor;
  held_.push_back(std::move(held));
  return *this;
}

Machine& Machine::absent() {
  Held held;
  held.is_absent = true;
  held_.push_back(held);
  return *this;
}

bool Machine::run(LaunchOptions options, LaunchReport* report) {
  if (!good_) return false;
  std::vector<Argument> arguments;
  for (Held& held : held_) {
    auto& bytes = held.same_as < held_.size() ? held_[held.same_as].bytes : held.bytes;
    if (held.is_absent) {
      arguments.emplace_back();
    } else if (held.is_tensor) {
      arguments.emplace_back(TensorArgument{bytes.data(), bytes.size(), held.extents, true});
    } else {
      arguments.emplace_back(held.scalar);
    }
  }
  return launch(function_, sizes_, arguments, options, diagnostics_, report);
}

std::vector<std::uint64_t> Machine::codes_of(std::size_t argument) const {
  const Held& held = held_[argument];
  const auto& bytes = held.same_as < held_.size() ? held_[held.same_as].bytes : held.bytes;
  const auto* begin = reinterpret_cast<const std::uint8_t*>(bytes.data());
  return layouts::unpack_bits({begin, bytes.size()},
                              static_cast<std::size_t>(layouts::size(held.extents)),
                              held.element.bits);
}

std::vector<double> Machine::numbers(std::size_t argument) const {
  std::vector<double> numbers;
  for (const std::uint64_t code : codes_of(argument))
    numbers.push_back(decode(held_[argument].element, code));
  return numbers;
}

std::vector<std::string> Machine::found() const {
  std::vector<std::string> codes;
  for (const Diagnostic& entry : diagnostics_.all()) codes.push_back(entry.code);
  return codes;
}

std::string Machine::listed() const {
  std::string text;
  for (const Diagnostic& entry : diagnostics_.all()) {
    text += fmt::format("> {}:{} {} {}\n", entry.span.line, entry.span.column, entry.code,
                        entry.message);
    for (const Note& note : entry.notes)
      text += fmt::format(">   note {}:{} {}\n", note.span.line, note.span.column, note.text);
    for (const std::string& hint : entry.hints) text += fmt::format(">   hint {}\n", hint);
  }
  return text;
}

std::vector<double> whole_numbers(std::size_t count, int seed, int least, int most) {
  std::mt19937 random(static_cast<unsigned>(seed));
  std::vector<double> numbers(count);
  for (double& number : numbers)
    number = least + static_cast<int>(random() % static_cast<unsigned>(most - least + 1));
  return numbers;
}

}  // namespace bitloom::vm::testing
