#include "tests/differential/idioms.h"

#include <algorithm>

#include "dsl/compile.h"

namespace bitloom::test {

bool is_arithmetic(vm::ElementType element) {
  if (element.is_bool() || element == vm::kTF32) return false;
  if (element.is_float()) return element.bits >= 16;
  return element.is_integer() && element.bits >= 8;
}

std::string IdiomText::computed(const std::string& x) {
  if (!computes_) return x;
  const char* three = element_.is_float() ? "3.0" : "3";
  switch (number(0, 4)) {
    case 0:
      return fmt::format("{} + {}", x, x);
    case 1:
      return fmt::format("{} * {}", x, three);
    case 2:
      return fmt::format("{} - {}", x, three);
    case 3:
      return fmt::format("min({}, {})", x, three);
    default:
      return fmt::format("{} * {}", x, x);
  }
}

void IdiomText::parameter(const std::string& name, vm::ElementType element,
                          const std::string& extents, bool packed) {
  parameters_ += fmt::format("{}{}: global {}{}[{}]", parameters_.empty() ? "" : ", ", name,
                             packed ? "packed " : "", to_string(element), extents);
}

void IdiomText::input(const std::string& name, vm::ElementType element, const std::string& extents,
                      vm::Shape known, Fill fill, bool packed) {
  parameter(name, element, extents, packed);
  ProgramTensor tensor{element, std::move(known), {}, false, {}};
  tensor.bytes = fill_codes(element, layouts::size(tensor.extents), fill, random_());
  program_.tensors.push_back(std::move(tensor));
}

void IdiomText::output(const std::string& name, vm::ElementType element, const std::string& extents,
                       vm::Shape known) {
  parameter(name, element, extents, false);
  ProgramTensor tensor{element, std::move(known), {}, true, {}};
  tensor.bytes = fill_codes(element, layouts::size(tensor.extents), Fill::Zero, 0);
  program_.tensors.push_back(std::move(tensor));
}

std::pair<std::int64_t, std::string> IdiomText::arrival(const std::string& barrier,
                                                        std::int64_t copies, std::int64_t threads) {
  switch (number(0, 2)) {
    case 0:
      return {copies, fmt::format("arrive({})", barrier)};
    case 1:  // by the first thread of each warp
      return {copies * threads / 32, fmt::format("sync_warp()\narrive({}, per = warp)", barrier)};
    default:
      return {copies * threads, fmt::format("arrive({}, per = thread)", barrier)};
  }
}

void IdiomText::head(const std::string& form, std::int64_t grid, std::int64_t threads,
                     const std::string& rest) {
  head_ =
      fmt::format("{} k({}) grid({}) threads({}) {}\n{{\n", form, parameters_, grid, threads, rest);
}

const std::vector<Idiom>& idioms() {
  static const auto all = [] {
    std::vector<Idiom> rows;
    for (const auto& part : {copy_idioms(), product_idioms(), strand_idioms()})
      rows.insert(rows.end(), part.begin(), part.end());
    return rows;
  }();
  return all;
}

std::optional<TestProgram> compiled_idiom(std::size_t idiom, vm::ElementType element,
                                          std::uint64_t seed, int sm, std::string& complaint) {
  IdiomText text(element, seed);
  text.computes_ = is_arithmetic(element) && text.chance(60);
  idioms()[idiom].write(text);
  dsl::SourceManager sources;
  vm::Diagnostics diagnostics;
  dsl::Program program(sources, "");
  std::optional<vm::Function> function;
  if (program.load_text("drawn.bl", text.text(), diagnostics)) {
    dsl::Specialization choice;
    choice.target_sm = sm;
    function = program.specialize("k", choice, diagnostics);
  }
  if (!function) {
    complaint = fmt::format("{} of {}:", idioms()[idiom].name, to_string(element));
    for (const vm::Diagnostic& diagnostic : diagnostics.all())
      complaint += fmt::format(" {} {};", diagnostic.code, diagnostic.message);
    complaint += fmt::format("\n{}", text.text());
    return std::nullopt;
  }
  TestProgram drawn = std::move(text.program());
  drawn.seed = seed;
  drawn.function = std::move(*function);
  drawn.function.name = fmt::format("drawn_{}", seed);  // programs share a module
  return drawn;
}

std::optional<TestProgram> draw_idiom(std::uint64_t seed, std::uint64_t turn, int sm,
                                      std::string& complaint) {
  std::vector<std::pair<std::size_t, vm::ElementType>> pairs;
  for (std::size_t i = 0; i < idioms().size(); ++i) {
    if (idioms()[i].least_sm > sm) continue;
    for (const vm::ElementType element : vm::all_element_types())
      if (idioms()[i].takes(element)) pairs.emplace_back(i, element);
  }
  // Neighbours are of different idioms: a module has some of each.
  constexpr std::uint64_t kStride = 101;
  const auto& [idiom, element] = pairs[turn * kStride % pairs.size()];
  return compiled_idiom(idiom, element, seed, sm, complaint);
}

}  // namespace bitloom::test
