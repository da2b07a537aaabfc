// Any bytes as a cubin: what its kernels take, in sane bounds, or a sentence that says why not.
#include <cstdint>
#include <span>

#include "codegen/cubin.h"
#include "tests/fuzz/require.h"

using namespace bitloom::codegen;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto info = read_cubin(std::as_bytes(std::span(data, size)));
  if (!info) {
    BITLOOM_FUZZ_REQUIRE(!info.error().empty());
    return 0;
  }
  for (const KernelResources& kernel : info->kernels) {
    BITLOOM_FUZZ_REQUIRE(kernel.registers >= 0 && kernel.barriers >= 0 && kernel.max_threads >= 0);
    BITLOOM_FUZZ_REQUIRE(kernel.shared_bytes >= 0 && kernel.local_bytes >= 0);
    BITLOOM_FUZZ_REQUIRE(kernel.instructions * 16 <= static_cast<std::int64_t>(size));
    BITLOOM_FUZZ_REQUIRE(info->find(kernel.name) != nullptr);
  }
  return 0;
}
