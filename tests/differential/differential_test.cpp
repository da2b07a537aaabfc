// The parts of the differential tests that need no GPU.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "dsl/compile.h"
#include "tests/differential/coverage.h"
#include "tests/differential/draw.h"
#include "tests/differential/idioms.h"
#include "tests/differential/reduce.h"
#include "tests/differential/run.h"
#include "tests/differential/values.h"
#include "vm/builder.h"
#include "vm/numerics.h"
#include "vm/text/printer.h"
#include "vm/verify.h"

namespace bitloom::test {
namespace {

using vm::ValueId;

TEST(Draw, EqualSeedsGiveEqualProgramsThatVerify) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const TestProgram a = draw_program(seed), b = draw_program(seed);
    EXPECT_EQ(vm::print(a.function), vm::print(b.function));
    vm::Diagnostics diagnostics;
    EXPECT_TRUE(vm::verify(a.function, diagnostics, vm::VerifyStage::Checked)) << "seed " << seed;
  }
}

// Each idiom takes the types that its row names, and the compiler refuses every other; what it
// takes runs in the interpreter, without a hazard.
TEST(Idioms, TakeTheTypesThatTheirRowsName) {
  for (std::size_t i = 0; i < idioms().size(); ++i) {
    const Idiom& idiom = idioms()[i];
    const vm::Target target =
        *vm::Target::parse(fmt::format("sm_{}{}", idiom.least_sm, idiom.least_sm == 90 ? "a" : ""));
    for (const vm::ElementType element : vm::all_element_types()) {
      if (element.is_bool()) continue;  // not in memory
      std::string complaint;
      const auto program = compiled_idiom(i, element, i + 1, target.sm, complaint);
      EXPECT_EQ(program.has_value(), idiom.takes(element))
          << idiom.name << " " << to_string(element) << " " << complaint;
      if (!program || !idiom.takes(element)) continue;
      const auto function = lowered(*program, target, complaint);
      ASSERT_TRUE(function) << idiom.name << " " << to_string(element) << " " << complaint;
      EXPECT_TRUE(interpret(*program, *function, complaint))
          << idiom.name << " " << to_string(element) << " " << complaint;
    }
  }
}

// Most programs are there to be compared, in the interpreter for both kinds of target.
TEST(Draw, MostProgramsRun) {
  int ran = 0, outputs = 0;
  Coverage coverage;
  constexpr int kPrograms = 60;
  for (std::uint64_t seed = 100; seed < 100 + kPrograms; ++seed) {
    const TestProgram program = draw_program(seed);
    for (const char* name : {"sm_80", "sm_90a"}) {
      std::string complaint;
      const auto function = lowered(program, *vm::Target::parse(name), complaint);
      if (!function) continue;
      const auto result = interpret(program, *function, complaint);
      if (!result) continue;
      ++ran;
      outputs += static_cast<int>(std::ranges::count_if(
          *result, [](const ProgramTensor& tensor) { return tensor.output; }));
      coverage.add(program.function);
    }
  }
  EXPECT_GE(ran, kPrograms * 2 * 8 / 10);
  EXPECT_GE(outputs, ran);
  std::set<std::string> met;
  for (const auto& [key, times] : coverage.counts()) met.insert(key.first);
  EXPECT_GE(met.size(), 40u) << coverage.table();
}

ProgramTensor tensor_of(vm::ElementType element, std::vector<double> numbers) {
  ProgramTensor tensor{element, {static_cast<std::int64_t>(numbers.size())}, {}, true, {}};
  tensor.bytes.resize(numbers.size() * element.bits / 8);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::uint64_t code = vm::encode(element, numbers[i]);
    for (std::size_t b = 0; b < element.bits / 8u; ++b)
      tensor.bytes[i * element.bits / 8 + b] = static_cast<std::byte>(code >> 8 * b);
  }
  return tensor;
}

TEST(Comparison, IsExactButWhereABoundIsSaid) {
  const ProgramTensor one = tensor_of(vm::kF32, {1, 2}), near = tensor_of(vm::kF32, {1, 2.000001});
  EXPECT_EQ(difference({one}, {one}), "");
  EXPECT_NE(difference({one}, {near}).find("at [1]"), std::string::npos);
  ProgramTensor bounded = one;
  bounded.tolerance = {.ulps = 8};
  EXPECT_EQ(difference({bounded}, {near}), "");
  bounded.tolerance = {.ulps = 2};
  EXPECT_NE(difference({bounded}, {near}), "");
  // Zeros of two signs differ, and NaNs of f64 do not.
  EXPECT_NE(difference({tensor_of(vm::kF32, {0.0})}, {tensor_of(vm::kF32, {-0.0})}), "");
  ProgramTensor nan = tensor_of(vm::kF64, {NAN}), other = nan;
  other.bytes[0] ^= std::byte{1};
  EXPECT_EQ(difference({nan}, {other}), "");
  nan.element = other.element = vm::kU64;
  EXPECT_NE(difference({nan}, {other}), "");
}

// One cast of 256 codes.
TestProgram cast_program(vm::ElementType from, vm::ElementType to, const char* rounding) {
  TestProgram program;
  vm::Function& f = program.function;
  f.name = "cast";
  f.threads = 32;
  f.grid = {layouts::SizeExpr(1)};
  vm::Builder b(f);
  const ValueId zero = b.integer(0);
  const auto view = [&](vm::ElementType element, bool output) {
    const ValueId id =
        f.add_value(output ? "y" : "x", vm::global_type(element, {layouts::SizeExpr(256)}));
    f.parameters.push_back({id, false, true});
    program.tensors.push_back({element, {256}, {}, output, {}});
    program.tensors.back().bytes = fill_codes(element, 256, output ? Fill::Zero : Fill::Any, 11);
    vm::Type window = f.type(id);
    window.extents.clear();
    window.shape = {256};
    const ValueId w = b.emit(vm::Opcode::Window, window, {id, zero});
    b.last().set("extents", vm::Shape{256});
    b.last().set("keep", vm::Shape{1});
    return w;
  };
  const ValueId in = view(from, false), out = view(to, true);
  const ValueId x = b.emit(vm::Opcode::Load, vm::register_type(from, {256}), {in, vm::kNoValue});
  const ValueId y = b.emit(vm::Opcode::Cast, vm::register_type(to, {256}), {x});
  if (*rounding) b.last().set("rounding", std::string(rounding));
  b.emit(vm::Opcode::Store, {out, y, vm::kNoValue});
  return program;
}

// Both engines run what a cast is lowered to, so a fault of the lowering makes no difference
// between them: here it is held against the numerics themselves. What has no lowering is refused.
TEST(Casts, AreThoseOfTheNumericsInEveryDirection) {
  const std::pair<const char*, vm::Rounding> all[] = {{"", vm::Rounding::NearestEven},
                                                      {"zero", vm::Rounding::TowardZero},
                                                      {"down", vm::Rounding::Down},
                                                      {"up", vm::Rounding::Up}};
  int compared = 0, refused = 0;
  for (const vm::ElementType from : vm::all_element_types()) {
    for (const vm::ElementType to : vm::all_element_types()) {
      if (from.is_bool() || to.is_bool() || from == to) continue;
      for (const auto& [word, rounding] : all) {
        const TestProgram program = cast_program(from, to, word);
        const std::string name = fmt::format("{} to {} {}", to_string(from), to_string(to), word);
        std::string complaint;
        const char* target = (compared + refused) % 2 ? "sm_80" : "sm_90a";
        const auto function = lowered(program, *vm::Target::parse(target), complaint);
        if (!function) {
          ++refused;
          EXPECT_TRUE(complaint.starts_with("BL0311")) << name << ": " << complaint;
          EXPECT_TRUE(*word || to == vm::kE8M0) << name << ": " << complaint;
          continue;
        }
        const auto result = interpret(program, *function, complaint);
        ASSERT_TRUE(result) << name << ": " << complaint;
        ++compared;
        for (std::size_t i = 0; i < 256; ++i) {
          const std::uint64_t code = code_at(program.tensors[0].bytes, from, i);
          const std::uint64_t wanted = vm::convert(to, from, code, rounding),
                              found = code_at((*result)[1].bytes, to, i);
          if (to == vm::kF64 && std::isnan(vm::decode(to, wanted)) &&
              std::isnan(vm::decode(to, found)))
            continue;
          EXPECT_EQ(found, wanted) << name << " of " << vm::decode(from, code);
          if (found != wanted) break;
        }
      }
    }
  }
  RecordProperty("compared", compared);
  RecordProperty("refused", refused);
  EXPECT_GT(compared, 2 * refused);
}

// As a GPU prints: all digits of an f64, nine of other floats, a bracket for each dimension, and
// the first 256 elements.
TEST(Prints, ShowDigitsBracketsAndTheFirstElements) {
  dsl::SourceManager sources;
  vm::Diagnostics diagnostics;
  dsl::Program text(sources, "");
  ASSERT_TRUE(text.load_text("k.bl", R"(
kernel k(x: global f64[2, 2]) grid(1) threads(32) {
    let h = cast<f32>(x[:, :])
    print("{} of {}: {}", x[0, 1], h[1 +: 1, :], x[:, :])
    print("{}", full<u8, 32, 16>(7))
}
)",
                             diagnostics));
  auto function = text.specialize("k", {}, diagnostics);
  ASSERT_TRUE(function);
  TestProgram program;
  program.function = std::move(*function);
  program.tensors.push_back(tensor_of(vm::kF64, {0.1, 1.0 / 3, -2, 1e10}));
  program.tensors.back().extents = {2, 2};
  std::string complaint, printed;
  const auto lowered_function = lowered(program, *vm::Target::parse("sm_80"), complaint);
  ASSERT_TRUE(lowered_function) << complaint;
  ASSERT_TRUE(interpret(program, *lowered_function, complaint, &printed)) << complaint;
  const std::string first = printed.substr(0, printed.find('\n'));
  EXPECT_EQ(first,
            "0.33333333333333331 of [[-2, 1e+10]]: [[0.10000000000000001, 0.33333333333333331], "
            "[-2, 10000000000]]");
  EXPECT_TRUE(printed.ends_with(", 7, …] (u8[32, 16])\n")) << printed;
}

// A compiler that takes exclusive or for or: found, and reduced to that.
TEST(Reduction, FindsAPlantedMiscompilation) {
  const vm::Target target = *vm::Target::parse("sm_80");
  const auto fails = [&](const TestProgram& program) {
    std::string complaint;
    const auto function = lowered(program, target, complaint);
    if (!function) return false;
    const auto expected = interpret(program, *function, complaint);
    vm::Function wrong = function->clone();
    vm::walk(wrong.body, [](vm::Instruction& instruction) {
      if (instruction.opcode == vm::Opcode::Xor) instruction.opcode = vm::Opcode::Or;
    });
    const auto found = interpret(program, wrong, complaint);
    return expected && found && !difference(*expected, *found).empty();
  };
  int caught = 0;
  for (std::uint64_t seed = 0; seed < 400 && caught < 3; ++seed) {
    const TestProgram program = draw_program(seed);
    if (!fails(program)) continue;
    ++caught;
    const TestProgram small = reduced(program, fails);
    EXPECT_TRUE(fails(small));
    std::size_t instructions = 0, exclusive = 0;
    vm::walk(small.function.body, [&](const vm::Instruction& instruction) {
      ++instructions;
      exclusive += instruction.opcode == vm::Opcode::Xor;
    });
    EXPECT_EQ(exclusive, 1u) << to_text(small, "");
    EXPECT_LE(instructions, 16u) << to_text(small, "");
  }
  EXPECT_EQ(caught, 3);
}

}  // namespace
}  // namespace bitloom::test
