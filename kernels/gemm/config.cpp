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
    {"stream", {"M", "NW", "KW", "D", "B", "U", "C"}},
    {"int8", {"M", "NW", "KW", "D", "B", "U"}},
    {"wgmma", {"T", "F", "R", "D", "P", "B"}},
    {"tile", {"BM", "BN", "S"}}};

constexpr std::int64_t kMultiprocessors = 132;  // of the GPUs that candidates are listed for

// As many stages of `rows` rows of k as fit beside the output tile, `most` at the utmost.
int fewer_stages(int most, std::int64_t rows, std::int64_t tokens, std::int64_t columns,
                 std::int64_t blocks, const GemmProblem& p) {
  const std::int64_t group = std::min(p.group, rows);
  const std::int64_t scales =
      rows / group * columns * (p.scale.bits + (p.zero ? p.zero->bits : 0)) / 8;
  const std::int64_t stage = rows * tokens * 2 + rows * columns * p.weight.bits / 8 + scales + 16;
  const std::int64_t out = 2 * std::min<std::int64_t>(tokens, 32) * columns;
  const std::int64_t room = (std::int64_t{227} << 10) / blocks - 2048 - out;
  return static_cast<int>(std::clamp<std::int64_t>(room / stage, 1, most));
}

runtime::Result<void> check_stream(const GemmConfig& c, const GemmProblem& p,
                                   const std::string& text) {
  const auto refuse = [&](std::string why) {
    return failure("BL1121", fmt::format("'{}' cannot compute {}: {}", text, to_string(p), why));
  };
  const int unit = c.number("U"), warps = c.number("NW") * c.number("KW"), most = c.number("M");
  if (p.m > most) return refuse(fmt::format("it takes {} rows of x at most", most));
  if (most % 8 != 0 || most > 64) return refuse("M is a multiple of 8, 64 at most");
  if (c.kernel == "int8" && unit > 128) return refuse("sums of U = 128 rows at most are exact");
  if (unit % 64 != 0 || p.k % unit != 0)
    return refuse(fmt::format("k is not a multiple of U = {}", unit));
  if (p.group % unit != 0 && unit % p.group != 0 && p.k != p.group)
    return refuse("neither of U and the group size is a multiple of the other");
  if (warps < 1 || warps > 32 || c.number("D") < 1 || c.number("D") > 8 || c.number("B") < 1 ||
      c.number("B") > 16)
    return refuse("a block has 1 to 32 warps, D is 1 to 8 and B 1 to 16");
  const int atoms = c.number("C", 1);
  if (atoms < 1 || atoms > 4) return refuse("C is 1 to 4");
  if (atoms > 1 && p.n % (64 * atoms) != 0)
    return refuse(fmt::format("n is not a multiple of {}", 64 * atoms));
  return {};
}

// Columns of a tile: two warpgroups with F atoms each.
std::int64_t columns(const GemmConfig& c) {
  return 128 * c.number("F");
}

runtime::Result<void> check_wgmma(const GemmConfig& c, const GemmProblem& p,
                                  const vm::Target& target, const std::string& text) {
  const auto refuse = [&](std::string why) {
    return failure("BL1121", fmt::format("'{}' cannot compute {}: {}", text, to_string(p), why));
  };
  const std::int64_t tokens = c.number("T"), rows = c.number("R"), parts = c.number("P");
  if (!target.has_warpgroup_dot()) return refuse("it needs sm_90a");
  if (c.number("F") > 2 || c.number("B") > 2 || c.number("D") < 2 || c.number("D") > 16)
    return refuse("F and B are 1 or 2, D is 2 to 16");
  if (rows != 64 && rows != 128) return refuse("R is 64 or 128");
  if (p.k % 128 != 0 || p.n % columns(c) != 0)
    return refuse(fmt::format("k is not a multiple of 128, or n of {}", columns(c)));
  if (p.group % rows != 0 && rows % p.group != 0)
    return refuse("neither of R and the group size is a multiple of the other");
  if (tokens % (8 * parts) != 0 || tokens > 256)
    return refuse("T is a multiple of 8 P, and 256 at most");
  if (tokens / parts % std::min<std::int64_t>(tokens / parts, 32) != 0)
    return refuse("T / P is less than 32, or a multiple of it");
  if (parts > p.k / 128)
    return refuse(fmt::format("k is not cut into {} parts of 128 rows", parts));
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
  if (words == kWords.end()) return refuse("it begins with stream, int8, wgmma or tile");
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
  if (c.kernel == "int8" && !p.activation_codes) return refuse("its activations are not quantised");
  if (c.kernel != "int8" && p.activation_codes)
    return refuse(
        fmt::format("it does not quantise activations to {}", vm::to_string(*p.activation_codes)));
  if (c.kernel == "stream" || c.kernel == "int8") return check_stream(c, p, text);
  if (c.kernel == "wgmma") return check_wgmma(c, p, target, text);
  if (p.activation != vm::kF16 || p.scale != vm::kF16)
    return refuse("its activations and scales are f16");
  if (p.bias || p.residual) return refuse("it has no bias and no residual");
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
    int warps_n, warps_k, stages, blocks, unit, atoms = 1;
  };
  constexpr Stream kStreams[] = {
      {1, 4, 2, 2, 128},    {1, 4, 2, 3, 128},    {2, 2, 2, 2, 128},    {4, 1, 2, 2, 128},
      {2, 4, 2, 1, 128},    {4, 2, 2, 1, 128},    {1, 8, 1, 2, 128},    {1, 4, 1, 3, 128},
      {1, 4, 1, 4, 128},    {1, 4, 3, 2, 128},    {1, 4, 3, 3, 128},    {1, 4, 2, 2, 256},
      {2, 4, 2, 1, 256},    {4, 2, 2, 1, 256},    {1, 4, 2, 2, 128, 2}, {2, 2, 2, 2, 128, 2},
      {4, 2, 2, 1, 128, 2}, {1, 8, 2, 1, 128, 2}, {1, 4, 2, 3, 64},     {1, 4, 2, 2, 64, 2},
      {2, 4, 2, 1, 64, 2},  {1, 4, 3, 2, 64, 2},  {1, 4, 2, 3, 64, 2}};
  for (const Stream& s : kStreams) {
    Numbers numbers = {{"M", most},     {"NW", s.warps_n}, {"KW", s.warps_k},
                       {"D", s.stages}, {"B", s.blocks},   {"U", s.unit}};
    if (p.activation_codes) {
      if (s.atoms == 1) add("int8", std::move(numbers));
    } else {
      numbers["C"] = s.atoms;
      add("stream", std::move(numbers));
    }
  }
  // A tile holds the rows of x where it can. Few tiles are cut along k, so that most
  // multiprocessors have work, and none much more than the others.
  struct Tile {
    int tokens, fragments, rows, stages, blocks;
  };
  constexpr Tile kTiles[] = {
      {32, 2, 128, 8, 1}, {32, 1, 128, 12, 1}, {32, 1, 128, 5, 2},  {64, 2, 128, 6, 1},
      {64, 1, 128, 8, 1}, {64, 1, 128, 4, 2},  {128, 2, 128, 3, 1}, {128, 1, 128, 4, 1},
      {128, 1, 64, 9, 1}, {256, 1, 64, 5, 1},
  };
  for (const Tile& t : kTiles) {
    // m fits into one tile of this size and not into one of half the size; many rows take large
    // tiles
    const bool fits = p.m <= t.tokens && (2 * p.m > t.tokens || t.tokens == 32);
    if (!(p.m > 256 ? t.tokens >= 128 : fits || (p.m > 128 && t.tokens == 128)) || p.m <= 8)
      continue;
    const std::int64_t tiles =
        (p.n + 128 * t.fragments - 1) / (128 * t.fragments) * ((p.m + t.tokens - 1) / t.tokens);
    for (const int parts : {1, 2, 3, 4, 8}) {
      const std::int64_t blocks = tiles * parts, places = kMultiprocessors * t.blocks;
      if (parts > 1 && (blocks > places || blocks * 2 <= places)) continue;
      if (parts == 1 && blocks * 3 <= places && p.k >= 1024) continue;
      // The stages of what the shared memory holds: bytes of a row of 128 tokens and columns.
      add("wgmma", {{"T", t.tokens},
                    {"F", t.fragments},
                    {"R", t.rows},
                    {"D", fewer_stages(t.stages, t.rows, t.tokens, 128 * t.fragments, t.blocks, p)},
                    {"P", parts},
                    {"B", t.blocks}});
    }
  }
  for (const int rows : {16, 64, 128})
    if (rows == 16 ? p.m <= 16 || all.empty() : p.m > rows / 2 && p.m <= 4096)
      add("tile", {{"BM", rows}, {"BN", 128}, {"S", 3}});
  return all;
}

}  // namespace bitloom::kernels
