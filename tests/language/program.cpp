#include "tests/language/program.h"

#include <fmt/format.h>

#include "dsl/render.h"
#include "runtime/execute.h"
#include "tests/support/places.h"
#include "tests/support/temporary_folder.h"

namespace bitloom::test {

Arrays run(const TextRun& program) {
  const tests::TemporaryFolder folder;
  for (const auto& [name, text] : program.modules) folder.write(name, text);
  runtime::Job job{.file = folder.write("program.bl", program.text), .kernel = program.kernel};
  job.generics = program.generics;
  job.target = *vm::Target::parse(program.target);
  job.request.sizes = program.sizes;
  job.request.outputs = program.outputs;
  for (const auto& [name, array] : program.arguments) job.request.arguments[name] = {array, name};
  for (const auto& [name, number] : program.numbers) {
    const auto whole = static_cast<std::int64_t>(number);
    if (static_cast<double>(whole) == number)
      job.request.arguments[name] = {whole, name};
    else
      job.request.arguments[name] = {number, name};
  }

  dsl::SourceManager sources;
  vm::Diagnostics diagnostics;
  runtime::Outcome outcome;
  if (!runtime::execute(job, sources, BITLOOM_SOURCE_DIR "/stdlib", outcome, diagnostics)) {
    ADD_FAILURE() << dsl::render(diagnostics, sources) << program.text;
    return {};
  }
  Arrays results;
  for (const std::string& name : program.outputs) results.emplace(name, outcome.logical(name));
  return results;
}

std::vector<double> numbers_of(const HostArray& array) {
  std::vector<double> numbers;
  for (std::size_t i = 0; i < array.size(); ++i)
    numbers.push_back(at(array, static_cast<std::int64_t>(i)));
  return numbers;
}

HostArray small_integers(vm::ElementType type, runtime::Shape shape, std::mt19937_64& random) {
  HostArray array = zeros(type, std::move(shape));
  const std::int64_t low = type.type_class == vm::TypeClass::Unsigned ? 0 : -4;
  for (std::size_t i = 0; i < array.size(); ++i)
    array.set_code(i, vm::encode(type, static_cast<double>(pick(random, low, low + 8))));
  return array;
}

std::vector<vm::ElementType> stored_types() {
  std::vector<std::string> names = {"u16",  "u32",  "u64", "i16", "i32",  "i64", "f16",
                                    "bf16", "tf32", "f32", "f64", "e5m2", "e8m0"};
  for (int bits = 1; bits <= 8; ++bits) {
    for (const char* form : {"u{}", "i{}", "codebook<{}>"})
      names.push_back(fmt::format(fmt::runtime(form), bits));
  }
  for (int exponent = 1; exponent <= 4; ++exponent) {
    for (int mantissa = 0; exponent + mantissa <= 7; ++mantissa) {
      if (exponent + mantissa >= 2) names.push_back(fmt::format("e{}m{}", exponent, mantissa));
    }
  }
  std::vector<vm::ElementType> types;
  for (const std::string& name : names) {
    const auto type = vm::parse_element_type(name);
    EXPECT_TRUE(type.has_value()) << name;
    if (type) types.push_back(*type);
  }
  return types;
}

std::vector<vm::ElementType> arithmetic_types() {
  std::vector<vm::ElementType> types;
  for (const char* name :
       {"u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "f16", "bf16", "f32", "f64"})
    types.push_back(*vm::parse_element_type(name));
  return types;
}

}  // namespace bitloom::test
