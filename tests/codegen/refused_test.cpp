// Forms of instructions for which no CUDA text is generated: each is said, at its place.
#include <gtest/gtest.h>

#include "codegen/cuda.h"
#include "dsl/compile.h"
#include "tests/support/places.h"
#include "vm/passes/pipeline.h"

namespace bitloom::test {
namespace {

// What is reported when a kernel is printed for a target.
std::string refusal(const std::string& text, const char* target) {
  vm::Diagnostics diagnostics;
  dsl::SourceManager sources;
  dsl::Program program(sources, BITLOOM_SOURCE_DIR "/stdlib");
  const vm::Target machine = *vm::Target::parse(target);
  program.load_text("k.bl", text, diagnostics);
  auto function = program.specialize("k", {{}, {}, machine.sm}, diagnostics);
  vm::PassContext context{machine, diagnostics};
  if (function && vm::lower_all(*function, context))
    codegen::print_cuda(*function, {.target = machine}, diagnostics);
  std::string listed;
  for (const vm::Diagnostic& entry : diagnostics.all())
    listed +=
        fmt::format("{}:{} {} {}\n", entry.span.line, entry.span.column, entry.code, entry.message);
  return listed;
}

TEST(Refused, SumsOfBf16AreNoAtomicsBeforeSm90) {
  EXPECT_EQ(
      refusal(R"(kernel k(x: global bf16[64], y: global bf16[64]) grid(1) threads(64)
{
    atomic_add(y[:], x[:])
}
)",
              "sm_80"),
      "3:5 BL0905 no code is generated for this atomic: the target has no atomic sums of bf16\n");
}

TEST(Refused, DirectedRoundingOfIntegersToBf16) {
  EXPECT_EQ(refusal(R"(kernel k(x: global i32[64], y: global bf16[64]) grid(1) threads(64)
{
    y[:] <- cast<bf16>(x[:], rounding = up)
}
)",
                    "sm_80"),
            "3:13 BL0905 no code is generated for this cast: i32 to bf16 with this rounding is no "
            "instruction of the target\n");
}

}  // namespace
}  // namespace bitloom::test
