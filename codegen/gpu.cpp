#include "codegen/gpu.h"

#include <algorithm>

namespace bitloom::codegen {
namespace {

constexpr Gpu kGpus[] = {
#define GPU(...) {__VA_ARGS__},
#include "codegen/gpus.def"
};

std::int64_t ceil_to(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

std::span<const Gpu> all_gpus() {
  return kGpus;
}

const Gpu* find_gpu(std::string_view name) {
  const auto at = std::ranges::find(kGpus, name, &Gpu::name);
  return at == std::end(kGpus) ? nullptr : at;
}

const Gpu& usual_gpu(int sm) {
  return *find_gpu(sm >= 90 ? "H100" : sm >= 89 ? "L40S" : sm >= 86 ? "A10" : "A100");
}

Multiprocessor multiprocessor(int sm) {
  constexpr std::int64_t kKiB = 1024;
  switch (sm) {
    case 70:
      return {2048, 32, 65536, 96 * kKiB};
    case 75:
      return {1024, 16, 65536, 64 * kKiB};
    case 80:
      return {2048, 32, 65536, 164 * kKiB};
    case 86:
      return {1536, 16, 65536, 100 * kKiB};
    case 87:
      return {1536, 16, 65536, 164 * kKiB};
    case 89:
      return {1536, 24, 65536, 100 * kKiB};
    default:
      return {2048, 32, 65536, 228 * kKiB};
  }
}

Occupancy occupancy(int sm, int threads, int registers, std::int64_t shared_bytes) {
  constexpr std::int64_t kWarp = 32;
  // Registers are given to warps, 256 at a time; shared memory to blocks, 128 bytes at a time, and
  // from compute capability 8.0 on every block takes 1 KiB more.
  constexpr std::int64_t kRegisterUnit = 256, kSharedUnit = 128, kSystemShared = 1024;
  const Multiprocessor limits = multiprocessor(sm);
  const std::int64_t warps = std::max<std::int64_t>((threads + kWarp - 1) / kWarp, 1);
  const std::int64_t warp_registers = ceil_to(std::max(registers, 1) * kWarp, kRegisterUnit);
  const std::int64_t block_shared =
      ceil_to(shared_bytes + (sm >= 80 ? kSystemShared : 0), kSharedUnit);
  const std::pair<std::int64_t, std::string_view> bounds[] = {
      {limits.threads / (warps * kWarp), "threads"},
      {limits.registers / warp_registers / warps, "registers"},
      {block_shared == 0 ? limits.blocks : limits.shared_bytes / block_shared, "shared memory"},
      {limits.blocks, "blocks"},
  };
  const auto least =
      std::ranges::min_element(bounds, {}, &std::pair<std::int64_t, std::string_view>::first);
  Occupancy result;
  result.blocks = static_cast<int>(least->first);
  result.limit = least->second;
  result.fraction = static_cast<double>(least->first * warps * kWarp) / limits.threads;
  return result;
}

}  // namespace bitloom::codegen
