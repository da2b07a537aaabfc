#include "vm/residency.h"

#include <algorithm>

namespace bitloom::vm {

MultiprocessorLimits multiprocessor_limits(int sm) {
  constexpr std::int64_t kKilobyte = 1024;
  switch (sm) {
    case 70:
      return {2048, 32, 96 * kKilobyte, 0};
    case 75:
      return {1024, 16, 64 * kKilobyte, 0};
    case 80:
      return {2048, 32, 164 * kKilobyte, kKilobyte};
    case 86:
      return {1536, 16, 100 * kKilobyte, kKilobyte};
    case 87:
      return {1536, 16, 164 * kKilobyte, kKilobyte};
    case 89:
      return {1536, 24, 100 * kKilobyte, kKilobyte};
    default:
      return {2048, 32, 228 * kKilobyte, kKilobyte};
  }
}

std::int64_t resident_blocks_per_multiprocessor(const Function& function) {
  const MultiprocessorLimits limits = multiprocessor_limits(function.target_sm);
  const std::int64_t threads = std::max(1, function.threads);
  const std::int64_t bytes =
      std::max<std::int64_t>(0, function.shared_bytes) + limits.reserved_bytes;
  std::int64_t blocks = std::min<std::int64_t>(limits.blocks, limits.threads / threads);
  if (bytes > 0) blocks = std::min(blocks, limits.shared_bytes / bytes);
  return std::max<std::int64_t>(1, blocks);
}

}  // namespace bitloom::vm
