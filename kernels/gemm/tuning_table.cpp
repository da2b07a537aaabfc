#include "kernels/gemm/tuning_table.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "kernels/kernels_folder.h"
#include "runtime/host/file.h"

namespace bitloom::kernels {
namespace {

using runtime::failure;
using runtime::Result;
using Json = nlohmann::json;

constexpr std::size_t kMostBytes = std::size_t{64} << 20;

bool same_operator(const GemmProblem& a, const GemmProblem& b) {
  return a.weight == b.weight && a.activation == b.activation &&
         a.activation_codes == b.activation_codes && a.zero == b.zero && a.group == b.group &&
         a.scale == b.scale;
}

// Orders of magnitude between two problems; the type counts as much as a factor of 16 in a size.
double distance(const GemmProblem& a, const GemmProblem& b) {
  const auto ratio = [](std::int64_t x, std::int64_t y) {
    return std::abs(std::log2(static_cast<double>(std::max<std::int64_t>(x, 1)) /
                              static_cast<double>(std::max<std::int64_t>(y, 1))));
  };
  return 2 * ratio(a.m, b.m) + ratio(a.n, b.n) + ratio(a.k, b.k) +
         4 * std::abs(a.weight.bits - b.weight.bits) + (same_operator(a, b) ? 0 : 2) +
         (a.weight == b.weight ? 0 : 0.5);
}

std::string text_of(const Json& row, const char* key) {
  return row.contains(key) && row.at(key).is_string() ? row.at(key).get<std::string>()
                                                      : std::string();
}

std::int64_t number_of(const Json& row, const char* key) {
  return row.contains(key) && row.at(key).is_number_integer() ? row.at(key).get<std::int64_t>()
                                                              : -1;
}

Result<TunedRow> parse_row(const Json& row, const std::string& where) {
  if (!row.is_object()) return failure("BL1123", where + " is no object");
  TunedRow result;
  GemmProblem& p = result.problem;
  const auto type = [&](const char* key, vm::ElementType& into) {
    const auto parsed = vm::parse_element_type(text_of(row, key));
    if (parsed) into = *parsed;
    return parsed.has_value();
  };
  if (!type("type", p.weight) || !parse_activation(text_of(row, "act"), p))
    return failure("BL1123", where + ": 'type' and 'act' are element types");
  if (const std::string scale = text_of(row, "scale"); !scale.empty() && !type("scale", p.scale))
    return failure("BL1123", where + ": 'scale' is an element type");
  if (const std::string zero = text_of(row, "zero"); !zero.empty()) {
    vm::ElementType of_zero;
    if (!type("zero", of_zero))
      return failure("BL1123", where + ": 'zero' is an element type or empty");
    p.zero = of_zero;
  }
  p.group = number_of(row, "group");
  p.m = number_of(row, "m");
  p.n = number_of(row, "n");
  p.k = number_of(row, "k");
  if (auto good = check(p); !good)
    return failure("BL1123", fmt::format("{}: {}", where, good.error().message));
  auto config = parse_gemm_config(text_of(row, "config"));
  if (!config) return failure("BL1123", fmt::format("{}: {}", where, config.error().message));
  result.config = std::move(*config);
  if (row.contains("us") && row.at("us").is_number())
    result.microseconds = row.at("us").get<double>();
  return result;
}

}  // namespace

Result<TuningTable> TuningTable::read(const std::string& path) {
  auto file = runtime::MappedFile::open(path);
  if (!file) return tl::make_unexpected(file.error());
  const auto bytes = file->bytes();
  if (bytes.size() > kMostBytes)
    return failure("BL1123", fmt::format("{} has {} bytes, and a tuning table at most {}", path,
                                         bytes.size(), kMostBytes));
  const auto* begin = reinterpret_cast<const char*>(bytes.data());
  const Json json = Json::parse(begin, begin + bytes.size(), nullptr, false);
  if (json.is_discarded() || !json.is_object() || !json.contains("rows") ||
      !json.at("rows").is_array())
    return failure(
        "BL1123",
        fmt::format("{} is no tuning table: an object with an array 'rows' is expected", path));
  TuningTable table;
  table.device = text_of(json, "device");
  for (const Json& row : json.at("rows")) {
    auto parsed = parse_row(row, fmt::format("{}: row {}", path, table.rows.size()));
    if (!parsed) return tl::make_unexpected(parsed.error());
    table.rows.push_back(std::move(*parsed));
  }
  return table;
}

const TuningTable& TuningTable::shipped(const std::string& device) {
  static std::mutex lock;
  static std::map<std::string, TuningTable> known;
  const std::lock_guard guard(lock);
  const auto found = known.find(device);
  if (found != known.end()) return found->second;
  namespace fs = std::filesystem;
  std::error_code ignored;
  TuningTable best;
  bool exact = false;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(kernels_folder() + "/gemm/tuned", ignored)) {
    if (exact || entry.path().extension() != ".json") continue;
    auto table = read(entry.path().string());
    if (!table) continue;
    exact = table->device == device;
    if (exact || best.rows.empty()) best = std::move(*table);
  }
  return known.emplace(device, std::move(best)).first->second;
}

Result<void> TuningTable::write(const std::string& path) const {
  Json json = {{"device", device}, {"rows", Json::array()}};
  for (const TunedRow& row : rows) {
    const GemmProblem& p = row.problem;
    json["rows"].push_back({{"type", vm::to_string(p.weight)},
                            {"act", activation_text(p)},
                            {"scale", vm::to_string(p.scale)},
                            {"zero", p.zero ? vm::to_string(*p.zero) : ""},
                            {"group", p.group},
                            {"m", p.m},
                            {"n", p.n},
                            {"k", p.k},
                            {"config", to_string(row.config)},
                            {"us", std::round(row.microseconds * 100) / 100}});
  }
  std::string text = "{\"device\": " + Json(device).dump() + ", \"rows\": [";
  for (std::size_t i = 0; i < json["rows"].size(); ++i)
    text += (i ? ",\n  " : "\n  ") + json["rows"][i].dump();
  text += "\n]}\n";
  const std::span<const std::byte> pieces[] = {runtime::bytes_of(text)};
  return runtime::write_file(path, pieces);
}

void TuningTable::set(TunedRow row) {
  for (TunedRow& old : rows) {
    if (same_operator(old.problem, row.problem) && old.problem.m == row.problem.m &&
        old.problem.n == row.problem.n && old.problem.k == row.problem.k) {
      old = std::move(row);
      return;
    }
  }
  rows.push_back(std::move(row));
}

const TunedRow* TuningTable::find(const GemmProblem& problem) const {
  for (const TunedRow& row : rows) {
    const GemmProblem& p = row.problem;
    if (same_operator(p, problem) && p.m == problem.m && p.n == problem.n && p.k == problem.k)
      return &row;
  }
  return nullptr;
}

GemmConfig TuningTable::choose(const GemmProblem& problem, const vm::Target& target) const {
  const TunedRow* best = nullptr;
  double least = std::numeric_limits<double>::infinity();
  for (const TunedRow& row : rows) {
    const double far = distance(row.problem, problem);
    if (far >= least || !check(row.config, problem, target)) continue;
    least = far;
    best = &row;
  }
  if (best) return best->config;
  const std::vector<GemmConfig> candidates = gemm_candidates(problem, target);
  return candidates.empty() ? GemmConfig{"tile", {{"BM", 16}, {"BN", 128}, {"S", 3}}}
                            : candidates.front();
}

}  // namespace bitloom::kernels
