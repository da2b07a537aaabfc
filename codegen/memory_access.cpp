#include "codegen/memory_access.h"

#include <algorithm>
#include <array>
#include <set>
#include <span>

namespace bitloom::codegen {
namespace {

constexpr std::int64_t kWarp = 32, kSector = 32, kBanks = 32, kBankBytes = 4;

std::int64_t lanes_a_group(int bytes) {
  return bytes >= 16 ? 8 : bytes >= 8 ? 16 : 32;
}

// The most different words that one bank has.
std::int64_t fullest_bank(std::span<const std::int64_t> addresses, int bytes) {
  std::set<std::int64_t> words;
  for (std::int64_t address : addresses) {
    for (std::int64_t at = address; at < address + bytes; at += kBankBytes)
      words.insert(at / kBankBytes);
    words.insert((address + bytes - 1) / kBankBytes);
  }
  std::array<std::int64_t, kBanks> count{};
  for (std::int64_t word : words) ++count[static_cast<std::size_t>(word % kBanks)];
  return *std::ranges::max_element(count);
}

}  // namespace

std::int64_t wavefronts(const std::vector<std::int64_t>& addresses, int bytes) {
  std::int64_t sum = 0;
  const auto lanes = static_cast<std::size_t>(lanes_a_group(bytes));
  const std::span all(addresses);
  for (std::size_t first = 0; first < addresses.size(); first += lanes)
    sum += fullest_bank(all.subspan(first, std::min(lanes, addresses.size() - first)), bytes);
  return sum;
}

std::int64_t sectors(const std::vector<std::int64_t>& addresses, int bytes) {
  std::set<std::int64_t> touched;
  for (std::int64_t address : addresses) {
    for (std::int64_t sector = address / kSector; sector <= (address + bytes - 1) / kSector;
         ++sector)
      touched.insert(sector);
  }
  return static_cast<std::int64_t>(touched.size());
}

void add_instruction(MemoryAccess& access, std::int64_t threads, const LaneAddress& address) {
  for (std::int64_t warp = 0; warp < threads; warp += kWarp) {
    std::vector<std::int64_t> addresses;
    for (std::int64_t lane = warp; lane < std::min(warp + kWarp, threads); ++lane) {
      if (const auto at = address(lane)) addresses.push_back(*at);
    }
    if (addresses.empty()) continue;
    ++access.instructions;
    // Lanes that ask for the same bytes are served together.
    const auto different = static_cast<std::int64_t>(
        std::set<std::int64_t>(addresses.begin(), addresses.end()).size());
    if (access.global) {
      access.units += sectors(addresses, access.bytes);
      access.least_units += (different * access.bytes + kSector - 1) / kSector;
    } else {
      access.units += wavefronts(addresses, access.bytes);
      const auto lanes = static_cast<std::int64_t>(addresses.size());
      const std::int64_t group = lanes_a_group(access.bytes);
      access.least_units += (lanes + group - 1) / group;
    }
  }
}

}  // namespace bitloom::codegen
