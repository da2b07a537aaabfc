#include "kernels/gemm/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>

namespace bitloom::kernels {
namespace {

using runtime::failure;
using Numbers = std::map<std::string, int>;

const std::map<std::string, std::vector<std::string>> kWords = {
    {"stream", {"M", "NW", "KW", "D", "B", "U"}},
    {"wgmma", {"T", "S", "P"}},
    {"tile", {"BM", "BN", "S"}}};

constexpr std::int64_t kMostBlocks = 264;  // of a split product: two waves of a large GPU

runtime::Result<void> check_stream(const GemmConfig& c, const GemmProblem& p,
                                   const std::string& text) {
  const auto refuse = [&](std::string why) {
    return failure("BL1121", fmt::format("'{}' cannot compute {}: {}", text, to_string(p), why));
  };
  const int unit = c.number("U"), warps = c.number("NW") * c.number("KW"), most = c.number("M");
  if (p.m > most) return refuse(fmt::format("it takes {} rows of x at most", most));
  if (most % 8 != 0 || most > 64) return refuse("M is a multiple of 8, 64 at most");
  if (unit % 64 != 0 || p.k % unit != 0)
    return refuse(fmt::format("k is not a multiple of U = {}", unit));
  if (p.group % unit != 0 && unit % p.group != 0 && p.k != p.group)
    return refuse("neither of U and the group size is a multiple of the other");
  if (warps < 1 || warps > 32 || c.number("D") < 1 || c.number("D") > 8 || c.number("B") < 1 ||
      c.number("B") > 16)
    return refuse("a block has 1 to 32 warps, D is 1 to 8 and B 1 to 16");
  return {};
}

}  // namespace

int GemmConfig::number(const std::string& name, int otherwise) const {
  const auto found = numbers.find(name);
  return found == numbers.end() ? otherwise : found->second;
}

std::string to_string(const GemmConfig& config) {
  std::string text = config.kernel;
  const auto words = kWords.find(config.kernel);
  if (words == kWords.end()) return text;
  for (const std::string& word : words->second)
    text += fmt::format(" {}={}", word, config.number(word));
  return text;
}

runtime::Result<GemmConfig> parse_gemm_config(const std::string& text) {
  std::istringstream stream(text);
  GemmConfig config;
  stream >> config.kernel;
  const auto words = kWords.find(config.kernel);
  const auto refuse = [&](const std::string& why) {
    return failure("BL1121", fmt::format("'{}' is no configuration of a product: {}", text, why),
                   "such as: stream M=8 NW=1 KW=4 D=2 B=2 U=128");
  };
  if (words == kWords.end()) return refuse("it begins with stream, wgmma or tile");
  for (std::string word; stream >> word;) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    if (equals == std::string::npos ||
        std::find(words->second.begin(), words->second.end(), name) == words->second.end())
      return refuse(fmt::format("{} knows {}", config.kernel, fmt::join(words->second, ", ")));
    int value = 0;
    const char* end = word.data() + word.size();
    const auto read = std::from_chars(word.data() + equals + 1, end, value);
    if (read.ec != std::errc() || read.ptr != end || value < 1 || value > 4096)
      return refuse(fmt::format("{} is a number from 1 to 4096", name));
    config.numbers[name] = value;
  }
  for (const std::string& name : words->second)
    if (!config.numbers.contains(name)) return refuse(fmt::format("{} is missing", name));
  return config;
}

runtime::Result<void> check(const GemmConfig& c, const GemmProblem& p, const vm::Target& target) {
  const std::string text = to_string(c);
  const auto refuse = [&](std::string why) {
    return failure("BL1121", fmt::format("'{}' cannot compute {}: {}", text, to_string(p), why));
  };
  if (c.kernel == "stream") return check_stream(c, p, text);
  if (p.activation != vm::kF16 || p.scale != vm::kF16)
    return refuse("its activations and scales are f16");
  if (p.bias || p.residual) return refuse("it has no bias and no residual");
  if (c.kernel == "wgmma") {
    if (!target.has_warpgroup_dot()) return refuse("it needs sm_90a");
    if (p.zero) return refuse("it has no zero points");
    if (p.k % 128 != 0 || p.n % 256 != 0 || p.group % 64 != 0)
      return refuse("k is a multiple of 128, n of 256 and the group size of 64");
    if (c.number("P") > p.k / 128)
      return refuse(fmt::format("k is not cut into {} parts of 128 rows", c.number("P")));
    return {};
  }
  return {};
}

std::vector<GemmConfig> gemm_candidates(const GemmProblem& p, const vm::Target& target) {
  std::vector<GemmConfig> all;
  const auto add = [&](std::string kernel, Numbers numbers) {
    GemmConfig config{std::move(kernel), std::move(numbers)};
    if (check(config, p, target)) all.push_back(std::move(config));
  };
  const int most = p.m <= 8 ? 8 : p.m <= 16 ? 16 : 32;
  // Registers of a thread are what is shared out: stages and rows of a unit, or more warps.
  struct Stream {
    int warps_n, warps_k, stages, blocks, unit;
  };
  constexpr Stream kStreams[] = {
      {1, 8, 1, 2, 128}, {1, 4, 2, 2, 128}, {1, 4, 1, 4, 128}, {1, 4, 2, 3, 128}, {1, 4, 1, 3, 128},
      {2, 4, 1, 2, 128}, {1, 4, 1, 2, 128}, {1, 4, 2, 3, 64},  {1, 4, 2, 2, 64},  {1, 4, 1, 2, 64}};
  for (const Stream& s : kStreams)
    add("stream", {{"M", most},
                   {"NW", s.warps_n},
                   {"KW", s.warps_k},
                   {"D", s.stages},
                   {"B", s.blocks},
                   {"U", s.unit}});
  // A tile holds the rows of x where it can. Few tiles are cut along k, so that half of the
  // multiprocessors at least have work and none has much more than the others: first into as many
  // parts as there is room for, then otherwise.
  std::vector<int> tiles_of = {128, 64};
  if (p.m <= 64) tiles_of = {64, 32, 128};
  if (p.m <= 32) tiles_of = {32, 64};
  for (const int tokens : tiles_of) {
    if (p.m <= tokens / 4) continue;
    const std::int64_t tiles = (p.n + 255) / 256 * ((p.m + tokens - 1) / tokens);
    const int stages = tokens == 128 ? 5 : tokens == 64 ? 8 : 12;
    const auto split = [&](bool one_wave) {
      for (const int parts : {8, 6, 4, 3, 2, 1}) {
        const std::int64_t blocks = tiles * parts;
        const bool fits = blocks <= kMostBlocks / 2;
        if (fits == one_wave && (parts == 1 || (blocks > kMostBlocks / 4 && blocks <= kMostBlocks)))
          add("wgmma", {{"T", tokens}, {"S", stages}, {"P", parts}});
      }
    };
    split(true);
    split(false);
  }
  for (const int rows : {16, 64, 128})
    if (rows == 16 ? p.m <= 16 || all.empty() : p.m > rows / 2 && p.m <= 4096)
      add("tile", {{"BM", rows}, {"BN", 128}, {"S", 3}});
  return all;
}

}  // namespace bitloom::kernels
