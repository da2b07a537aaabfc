// The shapes of warpgroup products that PTX has, and those that are made of others.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "codegen/cuda.h"
#include "dsl/compile.h"
#include "tests/support/places.h"
#include "vm/passes/pipeline.h"

namespace bitloom::test {
namespace {

using testing::HasSubstr;
using testing::Not;

// The text of one product [64, n] of a type, with sums of another.
std::string product_text(const char* type, const char* sum, int k, int n) {
  const std::string text = fmt::format(
      R"(explicit kernel k(a: global {0}[64, {2}], b: global {0}[{3}, {2}], d: global {1}[64, {3}]) grid(1) threads(128)
{{
    shared sa: {0}[64, {2}] swizzle(32)
    shared sb: {0}[{3}, {2}] swizzle(32)
    sa[:, :] <- load(a[:, :])
    sb[:, :] <- load(b[:, :])
    fence(async)
    sync()
    var acc: {1}[64, {3}] = 0 in wgmma.c(warps = (4, 1))
    dot_async(acc, ref sa[:, :], transpose(ref sb[:, :]))
    dot_commit()
    dot_wait<0>()
    d[:, :] <- acc
}}
)",
      type, sum, k, n);
  vm::Diagnostics diagnostics;
  dsl::SourceManager sources;
  dsl::Program program(sources, BITLOOM_SOURCE_DIR "/stdlib");
  const vm::Target machine = *vm::Target::parse("sm_90a");
  program.load_text("k.bl", text, diagnostics);
  auto function = program.specialize("k", {{}, {}, machine.sm}, diagnostics);
  vm::PassContext context{machine, diagnostics};
  std::optional<codegen::CudaText> cuda;
  if (function && vm::lower_all(*function, context, {}))
    cuda = codegen::print_cuda(*function, {.target = machine}, diagnostics);
  for (const vm::Diagnostic& entry : diagnostics.all()) ADD_FAILURE() << entry.message;
  return cuda ? cuda->text : "";
}

TEST(WarpgroupProduct, OfHalvesHasEveryMultipleOfEight) {
  EXPECT_THAT(product_text("f16", "f32", 16, 40), HasSubstr(".m64n40k16."));
}

// Of bytes there are 8, 16, 24, 32, and multiples of 16.
TEST(WarpgroupProduct, OfBytesIsMadeOfShapesThatThereAre) {
  for (const auto& [n, widest] :
       {std::pair{24, 24}, {32, 32}, {40, 8}, {48, 48}, {56, 8}, {72, 24}, {120, 24}, {128, 128}}) {
    const std::string text = product_text("i8", "i32", 32, n);
    EXPECT_THAT(text, HasSubstr(fmt::format(".m64n{}k32.", widest))) << n;
    if (n == widest) continue;
    EXPECT_THAT(text, Not(HasSubstr(fmt::format(".m64n{}k32.", n)))) << n;
  }
}

}  // namespace
}  // namespace bitloom::test
