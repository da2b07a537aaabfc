#include "bench/result_file.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace bitloom::bench {
namespace {

using nlohmann::ordered_json;

std::string device() {
  std::ifstream info("/proc/cpuinfo");
  std::string model = "unknown processor";
  for (std::string line; std::getline(info, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) {
      model = line.substr(colon + 2);
      break;
    }
  }
  return fmt::format("{}, {} cores", model, std::thread::hardware_concurrency());
}

std::string today() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&now));
  return text;
}

std::string commit() {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(
      popen("git describe --always --abbrev=40 --dirty 2>/dev/null", "r"), &pclose);
  char text[128] = {};
  if (!pipe || !std::fgets(text, sizeof text, pipe.get())) return "unknown";
  const std::string line = text;
  return line.substr(0, line.find('\n'));
}

// "run_kernel/gemm_fast/16" and "gemm_fast/16" are called gemm_fast/16.
std::string name_of(const benchmark::BenchmarkReporter::Run& run) {
  std::string name = run.run_name.function_name;
  if (const auto slash = name.find('/'); slash != std::string::npos) name.erase(0, slash + 1);
  return run.run_name.args.empty() ? name : name + "/" + run.run_name.args;
}

// Prints as usual, and keeps the repetitions of every benchmark.
class Collector : public benchmark::ConsoleReporter {
 public:
  struct Row {
    std::string name;
    std::vector<double> seconds, cpu_seconds;
    std::vector<std::pair<std::string, double>> counters;  // of the last repetition
  };

  void ReportRuns(const std::vector<Run>& runs) override {
    benchmark::ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration || run.error_occurred) continue;
      const std::string name = name_of(run);
      auto row = std::ranges::find(rows_, name, &Row::name);
      if (row == rows_.end()) row = rows_.insert(rows_.end(), Row{name, {}, {}, {}});
      row->seconds.push_back(run.real_accumulated_time / static_cast<double>(run.iterations));
      row->cpu_seconds.push_back(run.cpu_accumulated_time / static_cast<double>(run.iterations));
      row->counters.clear();
      for (const auto& [counter, value] : run.counters) row->counters.emplace_back(counter, value);
    }
  }

  const std::vector<Row>& rows() const { return rows_; }

 private:
  std::vector<Row> rows_;
};

double rounded(double x) {
  return std::stod(fmt::format("{:.4g}", x));
}

double median(std::vector<double> numbers) {
  std::ranges::sort(numbers);
  return numbers[numbers.size() / 2];
}

ordered_json json_of(const Collector::Row& row) {
  ordered_json out = {{"name", row.name},
                      {"seconds_median", rounded(median(row.seconds))},
                      {"cpu_seconds_median", rounded(median(row.cpu_seconds))}};
  for (const double seconds : row.seconds) out["seconds_all"].push_back(rounded(seconds));
  for (const auto& [counter, value] : row.counters) out[counter] = rounded(value);
  return out;
}

}  // namespace

int run(int argc, char** argv) {
  std::string path, command = argc > 0 ? argv[0] : "";
  std::vector<char*> rest;
  for (int i = 0; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (i > 0) command += fmt::format(" {}", argument);
    if (argument.starts_with("--result=")) {
      path = argument.substr(9);
    } else {
      rest.push_back(argv[i]);
    }
  }
  int count = static_cast<int>(rest.size());
  benchmark::Initialize(&count, rest.data());
  if (benchmark::ReportUnrecognizedArguments(count, rest.data())) return 2;
  Collector collector;
  const std::size_t ran = benchmark::RunSpecifiedBenchmarks(&collector);
  if (ran == 0) return 1;
  if (path.empty()) return 0;
  ordered_json out = {
      {"device", device()}, {"date", today()}, {"commit", commit()}, {"command", command}};
  for (const Collector::Row& row : collector.rows()) out["rows"].push_back(json_of(row));
  std::ofstream file(path);
  file << out.dump(2) << '\n';
  if (file.flush()) return 0;
  fmt::print(stderr, "cannot write {}\n", path);
  return 1;
}

}  // namespace bitloom::bench
