#include "tests/vm/passes/run_kernel.h"

#include <fmt/format.h>

#include <random>

#include "layouts/bit_string.h"
#include "vm/numerics.h"
#include "vm/passes/pipeline.h"
#include "vm/text/parser.h"

namespace bitloom::vm::testing {
namespace {

// Dense little-endian codes of whole bytes.
std::vector<std::byte> encode_all(ElementType element, const std::vector<double>& numbers) {
  std::vector<std::byte> bytes;
  for (const double number : numbers) {
    std::uint64_t code = encode(element, number);
    for (int b = 0; b < element.bits; b += 8) {
      bytes.push_back(static_cast<std::byte>(code & 0xff));
      code >>= 8;
    }
  }
  return bytes;
}

}  // namespace

Kernel::Kernel(std::string_view text, std::string_view target) {
  auto function = parse_function(text, diagnostics_);
  if (!function) return;
  function_ = std::move(*function);
  PassContext context{*Target::parse(target), diagnostics_};
  lowered_ = lower_all(function_, context);
  remarks_ = context.remarks;
}

Kernel& Kernel::size(std::string name, std::int64_t value) {
  sizes_[std::move(name)] = value;
  return *this;
}

Kernel& Kernel::tensor(ElementType element, Shape extents, const std::vector<double>& numbers) {
  const auto elements = static_cast<std::size_t>(layouts::size(extents));
  const std::vector<double> all = numbers.empty() ? std::vector<double>(elements) : numbers;
  tensors_.push_back({element, std::move(extents), encode_all(element, all), {}});
  return *this;
}

Kernel& Kernel::packed(const layouts::PackedAtom& atom, std::int64_t k, std::int64_t n,
                       const std::vector<std::uint8_t>& codes) {
  const layouts::PackedTensorLayout layout(atom, n, k);
  std::vector<std::uint8_t> turned(static_cast<std::size_t>(n * k));  // the packer wants [n, k]
  for (std::int64_t i = 0; i < k && !codes.empty(); ++i) {
    for (std::int64_t j = 0; j < n; ++j) turned[j * k + i] = codes[i * n + j];
  }
  const std::vector<std::uint8_t> bytes = layout.pack(turned);
  const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
  tensors_.push_back({unsigned_type(atom.bits()), {k, n}, {begin, begin + bytes.size()}, {atom}});
  return *this;
}

bool Kernel::run() {
  if (!lowered_) return false;
  std::vector<Argument> arguments;
  for (Tensor& tensor : tensors_) {
    arguments.push_back(
        TensorArgument{tensor.bytes.data(), tensor.bytes.size(), tensor.extents, true});
  }
  return launch(function_, sizes_, arguments, {}, diagnostics_);
}

std::vector<double> Kernel::numbers(std::size_t index) const {
  const Tensor& tensor = tensors_[index];
  std::vector<double> numbers;
  const std::size_t width = tensor.element.bits / 8;
  for (std::size_t at = 0; at < tensor.bytes.size(); at += width) {
    std::uint64_t code = 0;
    for (std::size_t b = width; b-- > 0;) {
      code = code << 8 | static_cast<std::uint64_t>(tensor.bytes[at + b]);
    }
    numbers.push_back(decode(tensor.element, code));
  }
  return numbers;
}

std::vector<std::uint8_t> Kernel::codes(std::size_t index) const {
  const Tensor& tensor = tensors_[index];
  const std::int64_t k = tensor.extents[0], n = tensor.extents[1];
  const auto* begin = reinterpret_cast<const std::uint8_t*>(tensor.bytes.data());
  const std::vector<std::uint8_t> turned =
      layouts::PackedTensorLayout(tensor.atom[0], n, k).unpack({begin, tensor.bytes.size()});
  std::vector<std::uint8_t> codes(turned.size());
  for (std::int64_t i = 0; i < k; ++i) {
    for (std::int64_t j = 0; j < n; ++j) codes[i * n + j] = turned[j * k + i];
  }
  return codes;
}

std::string Kernel::complaints() const {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics_.all()) {
    text += fmt::format("{} at {}:{}: {}\n", diagnostic.code, diagnostic.span.line,
                        diagnostic.span.column, diagnostic.message);
    for (const Note& note : diagnostic.notes) text += "  note: " + note.text + "\n";
  }
  return text;
}

int Kernel::count(Opcode opcode) const {
  int found = 0;
  walk(function_.body, [&](const Instruction& i) { found += i.opcode == opcode; });
  return found;
}

std::vector<double> small_numbers(std::size_t count, int seed, int least, int most) {
  std::mt19937 random(static_cast<unsigned>(seed));
  std::vector<double> numbers;
  const auto span = static_cast<std::uint32_t>(most - least + 1);
  for (std::size_t i = 0; i < count; ++i) {
    numbers.push_back(least + static_cast<int>(random() % span));
  }
  return numbers;
}

}  // namespace bitloom::vm::testing
