// Every code of every narrow type, in every place that it can have in a thread's registers, to f16,
// bf16, f32, and to i8 from integers: bit for bit what vm::convert says. In the interpreter this
// runs the lowered sequences; on the GPU (tests/gpu) the instructions themselves.
#include <fmt/format.h>

#include "runtime/host/dense_bits.h"
#include "tests/kernels/arrays.h"

namespace bitloom::test {
namespace {

// Which code stands at a place of an instance: over the instances every place meets every code, and
// its neighbours are others each time (the factors are odd, so each is a permutation).
std::uint64_t code_at(vm::ElementType type, std::int64_t instance, std::int64_t place) {
  static constexpr std::int64_t kFactors[] = {1, 77, 129, 251};
  const std::int64_t codes = std::int64_t{1} << type.bits;
  const std::int64_t factor = kFactors[instance / codes % 4];
  return static_cast<std::uint64_t>(instance * factor + place * 29) & vm::code_mask(type);
}

void expect_converted(const HostArray& result, const HostArray& codes, const std::string& what) {
  ASSERT_EQ(result.size(), codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const std::uint64_t expected = vm::convert(result.type(), codes.type(), codes.code(i));
    ASSERT_EQ(result.code(i), expected)
        << what << ": code " << codes.code(i) << " to " << to_string(result.type()) << " at " << i;
  }
}

void check(KernelRun run, const HostArray& codes, bool integers, const std::string& what) {
  const std::vector<std::string> outputs =
      integers ? std::vector<std::string>{"a"} : std::vector<std::string>{"a", "b", "c"};
  run.request.outputs = {outputs.begin(), outputs.end()};
  const auto results = must_run(run);
  for (const std::string& name : outputs) {
    ASSERT_TRUE(results.contains(name)) << what;
    expect_converted(results.at(name), codes, what);
  }
}

class Conversion : public testing::TestWithParam<std::string> {
 protected:
  vm::ElementType type() const { return *vm::parse_element_type(GetParam()); }
};

TEST_P(Conversion, OfDenseCodesInEveryPlace) {
  const std::int64_t codes = std::int64_t{1} << type().bits;
  for (const int each : {8, 32}) {
    for (const bool integers : {false, true}) {
      if (integers && !type().is_integer()) continue;
      const std::int64_t rows = std::max<std::int64_t>(codes / 8, 1);  // four rounds of every code
      HostArray array = zeros(type(), {rows, 32 * each});
      for (std::size_t i = 0; i < array.size(); ++i) {
        const auto at = static_cast<std::int64_t>(i);
        array.set_code(i, code_at(type(), at / each, at % each));
      }
      const std::vector<std::byte> bits = runtime::to_dense_bits(array);
      HostArray bytes = zeros(vm::kU8, {rows, 4 * each * type().bits});
      ASSERT_EQ(bits.size(), bytes.bytes().size());
      std::copy(bits.begin(), bits.end(), bytes.bytes().begin());
      KernelRun run{.file = "../tests/kernels/conversion.bl",
                    .generics = {{"T", GetParam()}, {"E", fmt::to_string(each)}}};
      run.kernel = integers ? "dense_integers" : "dense";
      run.request.arguments = {{"x", {bytes, "x"}}};
      check(run, array, integers, fmt::format("{} {} a thread", GetParam(), each));
    }
  }
}

TEST_P(Conversion, OfPackedCodesInEveryPlace) {
  // Atoms of 64 x 64 codes; as many as the type has codes, and more where that is few.
  const std::int64_t k = 64 * (type().bits > 4 ? 16 : 4), n = 64 * (type().bits > 4 ? 16 : 4);
  HostArray array = zeros(type(), {k, n});
  for (std::int64_t i = 0; i < k; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      const std::int64_t atom = i / 64 * (n / 64) + j / 64, place = i % 64 * 64 + j % 64;
      array.set_code(static_cast<std::size_t>(i * n + j), code_at(type(), atom, place));
    }
  }
  for (const bool integers : {false, true}) {
    if (integers && !type().is_integer()) continue;
    KernelRun run{.file = "../tests/kernels/conversion.bl", .generics = {{"T", GetParam()}}};
    run.kernel = integers ? "packed_integers" : "packed_codes";
    run.request.arguments = {{"w", {array, "w"}}};
    check(run, array, integers, GetParam() + " packed");
  }
}

// The arrays of the host hold one code a byte, and the kernel's tensors are bit strings.
TEST_P(Conversion, OfTensorsThatAreNotPacked) {
  for (const std::int64_t n : {1, 256, 333}) {
    HostArray array = zeros(type(), {n});
    for (std::int64_t i = 0; i < n; ++i)
      array.set_code(static_cast<std::size_t>(i), code_at(type(), i, 0));
    KernelRun run{.file = "../tests/kernels/conversion.bl", .kernel = "dense_tensors"};
    run.request.arguments = {{"x", {array, "x"}}};
    run.request.outputs = {"y"};
    const auto results = must_run(run);
    ASSERT_TRUE(results.contains("y"));
    for (std::size_t i = 0; i < array.size(); ++i)
      ASSERT_EQ(results.at("y").code(i), array.code(i)) << GetParam() << " n=" << n << " at " << i;
  }
}

std::vector<std::string> narrow_types() {
  std::vector<std::string> types;
  for (const vm::ElementType type : vm::all_element_types()) {
    if (type.is_narrow() && type.type_class != vm::TypeClass::Scale)
      types.push_back(vm::to_string(type));
  }
  return types;
}

INSTANTIATE_TEST_SUITE_P(Kernels, Conversion, testing::ValuesIn(narrow_types()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace bitloom::test
