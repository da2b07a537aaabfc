// Draws programs, runs each in the interpreter and on a GPU, and compares.
//
//   run_differential --programs 1000 --seed 1 [--target sm_90a] [--compile-only] [--jobs 16]
//                    [--json FILE] [--save FOLDER]
//
// Program i is drawn from seed + i and from nothing else. It keeps no state; the work is dealt to
// processes, because NVRTC does not compile in several threads. A program that fails is reduced and
// saved in FOLDER. It ends with a count, and the instructions and element types that were compared.
// Exit status: 0, 1 when a program failed, 77 when there is no GPU.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "runtime/device.h"
#include "tests/differential/coverage.h"
#include "tests/differential/draw.h"
#include "tests/differential/reduce.h"
#include "tests/differential/run.h"

namespace bitloom::test {
namespace {

struct Options {
  std::uint64_t programs = 100, seed = 1;
  RunOptions run;
  int jobs = 0;
  std::string json, save = ".";
};

bool parse(int argc, char** argv, Options& options) {
  options.run.target = *vm::Target::parse("sm_80");
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--compile-only") {
      options.run.compile_only = true;
      continue;
    }
    if (i + 1 >= argc) return false;
    const std::string value = argv[++i];
    if (word == "--programs") {
      options.programs = std::strtoull(value.c_str(), nullptr, 10);
    } else if (word == "--seed") {
      options.seed = std::strtoull(value.c_str(), nullptr, 10);
    } else if (word == "--jobs") {
      options.jobs = std::atoi(value.c_str());
    } else if (word == "--json") {
      options.json = value;
    } else if (word == "--save") {
      options.save = value;
    } else if (const auto target = vm::Target::parse(value); word == "--target" && target) {
      options.run.target = *target;
    } else {
      return false;
    }
  }
  if (options.jobs <= 0)
    options.jobs = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  return true;
}

// The reduced program, saved.
std::string save(const TestProgram& program, const Outcome& outcome, const Options& options) {
  const TestProgram small = reduced(program, [&](const TestProgram& candidate) {
    return run_program(candidate, options.run).fate == outcome.fate;
  });
  const Outcome last = run_program(small, options.run);
  std::filesystem::create_directories(options.save);
  const std::string path = fmt::format("{}/differential-{}-{}.ir", options.save,
                                       to_string(options.run.target), program.seed);
  std::ofstream(path) << to_text(small,
                                 fmt::format("{}: {}", to_string(outcome.fate), last.detail));
  return path;
}

// A worker writes a line when it begins a program, and lines of what became of it; a process that
// died is known by the beginning without an end.
void work(const Options& options, int job, const std::string& path) {
  std::ofstream out(path);
  for (std::uint64_t i = static_cast<std::uint64_t>(job); i < options.programs;
       i += static_cast<std::uint64_t>(options.jobs)) {
    const std::uint64_t seed = options.seed + i;
    out << "begin " << seed << std::endl;
    const TestProgram program = draw_program(seed);
    const Outcome outcome = run_program(program, options.run);
    if (outcome.fate == Fate::Same) {
      Coverage coverage;
      coverage.add(program.function);
      for (const auto& [key, times] : coverage.counts())
        out << "cover " << key.first << " " << key.second << " " << times << "\n";
    }
    std::string detail = outcome.detail.substr(0, outcome.detail.find('\n'));
    if (is_finding(outcome.fate)) detail += " -> " + save(program, outcome, options);
    out << "end " << seed << " " << to_string(outcome.fate) << " " << detail << std::endl;
  }
}

struct Total {
  std::map<std::string, std::uint64_t> fates;
  std::map<std::string, std::uint64_t> refusals;  // by code
  Coverage coverage;
  std::vector<std::string> findings;
};

void collect(const std::string& path, Total& total) {
  std::ifstream in(path);
  std::string begun;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string kind, first, second;
    words >> kind >> first >> second;
    if (kind == "begin") {
      begun = first;
    } else if (kind == "cover") {
      std::uint64_t times = 0;
      words >> times;
      total.coverage.add(first, second, times);
    } else if (kind == "end") {
      begun.clear();
      ++total.fates[second];
      std::string detail;
      std::getline(words >> std::ws, detail);
      if (second == "unlowered" || second == "faulted" || second == "unprinted") {
        ++total.refusals[detail.substr(0, 6)];
      } else if (second != "same") {
        total.findings.push_back(fmt::format("seed {}: {}: {}", first, second, detail));
      }
    }
  }
  if (begun.empty()) return;
  ++total.fates["crashed"];
  total.findings.push_back(fmt::format("seed {}: crashed the process", begun));
}

int report(const Options& options, const Total& total) {
  for (const std::string& finding : total.findings) fmt::print("{}\n", finding);
  fmt::print("{}", total.coverage.table());
  std::string line;
  for (const auto& [fate, count] : total.fates) line += fmt::format(" {} {},", count, fate);
  for (const auto& [code, count] : total.refusals) line += fmt::format(" {} of {},", code, count);
  if (!line.empty()) line.pop_back();
  fmt::print("{} programs from seed {} on {}{}:{}\n", options.programs, options.seed,
             to_string(options.run.target), options.run.compile_only ? ", compiled only" : "",
             line);
  if (!options.json.empty()) {
    nlohmann::json json = {{"programs", options.programs},
                           {"seed", options.seed},
                           {"target", to_string(options.run.target)},
                           {"compile_only", options.run.compile_only},
                           {"fates", total.fates},
                           {"refusals", total.refusals},
                           {"findings", total.findings}};
    for (const auto& [key, times] : total.coverage.counts())
      json["coverage"][key.first][key.second] = times;
    std::ofstream(options.json) << json.dump(1) << "\n";
  }
  return total.findings.empty() ? 0 : 1;
}

int run(const Options& options) {
  if (!options.run.compile_only) {
    // In a process of its own: a driver that has been initialised does not survive a fork.
    const pid_t child = fork();
    if (child == 0) {
      const auto device = runtime::Device::open(0);
      if (!device) fmt::print("no GPU: {}\n", device.error().message);
      std::cout.flush();
      std::fflush(stdout);
      _exit(device ? 0 : 77);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return 77;
  }
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / fmt::format("differential-{}", getpid());
  std::filesystem::create_directories(folder);
  std::vector<pid_t> children;
  for (int job = 0; job < options.jobs; ++job) {
    const pid_t child = fork();
    if (child == 0) {
      work(options, job, folder / fmt::to_string(job));
      _exit(0);
    }
    children.push_back(child);
  }
  Total total;
  for (int job = 0; job < options.jobs; ++job) {
    int status = 0;
    waitpid(children[static_cast<std::size_t>(job)], &status, 0);
    collect(folder / fmt::to_string(job), total);
  }
  std::filesystem::remove_all(folder);
  return report(options, total);
}

}  // namespace
}  // namespace bitloom::test

int main(int argc, char** argv) {
  bitloom::test::Options options;
  if (!bitloom::test::parse(argc, argv, options)) {
    std::cerr
        << "usage: run_differential [--programs N] [--seed S] [--target sm_80] [--compile-only] "
           "[--jobs J] [--json FILE] [--save FOLDER]\n";
    return 2;
  }
  return bitloom::test::run(options);
}
