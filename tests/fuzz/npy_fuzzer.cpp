// Any bytes as a .npy file: an array that fits them, or a diagnostic.
#include <cstdint>
#include <span>

#include "runtime/host/npy.h"
#include "tests/fuzz/require.h"

using namespace bitloom::runtime;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto array = parse_npy(std::as_bytes(std::span(data, size)), "input");
  if (array) {
    BITLOOM_FUZZ_REQUIRE(array->bytes().size() < size);
    BITLOOM_FUZZ_REQUIRE(*byte_count(array->type(), array->shape()) == array->bytes().size());
  } else {
    BITLOOM_FUZZ_REQUIRE(array.error().code.starts_with("BL06"));
    BITLOOM_FUZZ_REQUIRE(!array.error().message.empty());
  }
  return 0;
}
