// Any bytes as IR text: a function that prints as text of the same meaning and that the verifier
// judges, or a diagnostic with a place.
#include <cstdint>
#include <string_view>

#include "tests/fuzz/require.h"
#include "vm/text/parser.h"
#include "vm/text/printer.h"
#include "vm/verify.h"

using namespace bitloom::vm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Diagnostics diagnostics;
  const auto function = parse_function(text, diagnostics);
  if (!function) {
    BITLOOM_FUZZ_REQUIRE(diagnostics.error_count() == 1);
    BITLOOM_FUZZ_REQUIRE(diagnostics.all()[0].code.starts_with("BL01"));
    BITLOOM_FUZZ_REQUIRE(diagnostics.all()[0].span.known());
    return 0;
  }
  BITLOOM_FUZZ_REQUIRE(!diagnostics.has_errors());
  const std::string printed = print(*function, {.spans = true});
  const auto again = parse_function(printed, diagnostics);
  BITLOOM_FUZZ_REQUIRE(again.has_value());
  BITLOOM_FUZZ_REQUIRE(print(*again, {.spans = true}) == printed);
  for (const VerifyStage stage : {VerifyStage::Checked, VerifyStage::Lowered}) {
    Diagnostics complaints;
    const bool good = verify(*function, complaints, stage);
    BITLOOM_FUZZ_REQUIRE(good != complaints.has_errors());
  }
  return 0;
}
