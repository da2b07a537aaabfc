// Any bytes as a checkpoint: tensors that lie inside them, or a diagnostic.
#include <cstdint>
#include <span>

#include "runtime/host/safetensors.h"
#include "tests/fuzz/require.h"

using namespace bitloom::runtime;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto header = parse_safetensors_header(std::as_bytes(std::span(data, size)), "input");
  if (!header) {
    BITLOOM_FUZZ_REQUIRE(header.error().code.starts_with("BL06"));
    BITLOOM_FUZZ_REQUIRE(!header.error().message.empty());
    return 0;
  }
  std::uint64_t covered = 0;
  for (const TensorInfo& t : header->tensors) {
    BITLOOM_FUZZ_REQUIRE(t.begin == covered && t.begin <= t.end);
    if (t.type) BITLOOM_FUZZ_REQUIRE(*byte_count(*t.type, t.shape) == t.end - t.begin);
    covered = t.end;
  }
  BITLOOM_FUZZ_REQUIRE(header->data_begin + covered == size);
  return 0;
}
