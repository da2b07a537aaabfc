// Any bytes as an entry of the cache: nothing, or an entry that is written back as the same bytes.
//
// Random bytes hardly ever carry the digest of what is before them, so the kernel inside is read
// from them once more on its own.
#include <algorithm>
#include <cstdint>
#include <span>

#include "runtime/cache/cache.h"
#include "tests/fuzz/require.h"

using namespace bitloom::runtime;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  if (const auto entry = decode_entry(bytes))
    BITLOOM_FUZZ_REQUIRE(std::ranges::equal(encode_entry(entry->key, entry->kernel), bytes));
  if (const auto kernel = deserialize(bytes)) {
    BITLOOM_FUZZ_REQUIRE(kernel->cubin.size() <= size && kernel->parameters.size() <= size);
    BITLOOM_FUZZ_REQUIRE(deserialize(serialize(*kernel)).has_value());
  }
  return 0;
}
