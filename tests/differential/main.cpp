// Draws programs, runs each in the interpreter and on a GPU, and compares.
//
//   run_differential --programs 1000 --seed 1 [--target sm_90a] [--compile-only] [--jobs 16]
//                    [--batch 50] [--seconds S] [--json FILE] [--commit NAME] [--save FOLDER]
//                    [--list]
//
// Program i is drawn from seed + i and from nothing else. It ends with a count, and the
// instructions and element types that were compared; --json writes that as a file. A program that
// fails is reduced and saved in FOLDER; --list says why programs were not compared. --seconds ends
// a run in good time, on a machine that is lent for so long; counts are of what was run. Exit
// status: 0, 1 when a program failed, 77 when there is no GPU.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "runtime/device.h"
#include "tests/differential/workers.h"

namespace bitloom::test {
namespace {

struct Options {
  WorkOptions work;
  std::string json, commit, command;
};

bool parse(int argc, char** argv, Options& options) {
  WorkOptions& work = options.work;
  work.run.target = *vm::Target::parse("sm_80");
  work.jobs = 0;
  for (int i = 0; i < argc; ++i) options.command += fmt::format("{}{}", i ? " " : "", argv[i]);
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--compile-only" || word == "--list") {
      (word == "--list" ? work.list : work.run.compile_only) = true;
      continue;
    }
    if (i + 1 >= argc) return false;
    const std::string value = argv[++i];
    if (word == "--programs") {
      work.programs = std::strtoull(value.c_str(), nullptr, 10);
    } else if (word == "--seed") {
      work.seed = std::strtoull(value.c_str(), nullptr, 10);
    } else if (word == "--batch") {
      work.batch = std::max<std::uint64_t>(1, std::strtoull(value.c_str(), nullptr, 10));
    } else if (word == "--seconds") {
      work.seconds = std::atoi(value.c_str());
    } else if (word == "--jobs") {
      work.jobs = std::atoi(value.c_str());
    } else if (word == "--json") {
      options.json = value;
    } else if (word == "--commit") {
      options.commit = value;
    } else if (word == "--save") {
      work.save = value;
    } else if (const auto target = vm::Target::parse(value); word == "--target" && target) {
      work.run.target = *target;
    } else {
      return false;
    }
  }
  if (work.jobs <= 0)
    work.jobs = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  return true;
}

// The name of the GPU; empty, when there is none. In a process of its own: a driver that has been
// initialised does not survive a fork.
std::string device_name() {
  int ends[2];
  if (pipe(ends) != 0) return {};
  const pid_t child = fork();
  if (child == 0) {
    const auto device = runtime::Device::open(0);
    if (!device) fmt::print("no GPU: {}\n", device.error().message);
    std::fflush(stdout);
    const std::string name = device ? device->name() : "";
    const bool written =
        write(ends[1], name.data(), name.size()) == static_cast<ssize_t>(name.size());
    _exit(written ? 0 : 1);
  }
  close(ends[1]);
  std::string name;
  char buffer[256];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
    name.append(buffer, static_cast<std::size_t>(n));
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return name;
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&now));
  return text;
}

// What the verifier accepted in some program, and nothing that was compared has.
std::vector<std::string> missing(const Total& total) {
  std::vector<std::string> pairs;
  for (const auto& [key, times] : total.drawn.counts())
    if (!total.compared.counts().contains(key)) pairs.push_back(key.first + " " + key.second);
  return pairs;
}

// Rows of the table that no program has, drawn or lowered.
std::vector<std::string> unmet(const Total& total) {
  std::set<std::string> met;
  for (const auto& [key, times] : total.compared.counts()) met.insert(key.first);
  for (const auto& [name, times] : total.lowered) met.insert(name);
  std::vector<std::string> names;
  for (const vm::InstructionInfo& row : vm::all_instructions())
    if (!met.contains(std::string(row.mnemonic))) names.emplace_back(row.mnemonic);
  return names;
}

// Fewer than were asked for when the time was up.
std::uint64_t count(const Total& total) {
  std::uint64_t programs = 0;
  for (const auto& [fate, times] : total.fates) programs += times;
  return programs;
}

void write_json(const Options& options, const Total& total, const std::string& device,
                double seconds) {
  const WorkOptions& work = options.work;
  nlohmann::ordered_json json = {{"device", device}, {"date", today()}};
  if (!options.commit.empty()) json["commit"] = options.commit;
  json["command"] = options.command;
  json["target"] = to_string(work.run.target);
  json["compile_only"] = work.run.compile_only;
  json["seeds"] = {work.seed, work.seed + work.programs - 1};
  json["programs"] = count(total);
  json["seconds"] = std::round(seconds);
  json["fates"] = total.fates;
  json["refusals"] = total.refusals;
  json["findings"] = nlohmann::json::array();
  for (const Finding& finding : total.findings)
    json["findings"].push_back(
        fmt::format("seed {}: {}: {}", finding.seed, finding.fate, finding.detail));
  json["pairs_drawn"] = total.drawn.counts().size();
  json["pairs_compared"] = total.compared.counts().size();
  json["pairs_missing"] = missing(total);
  json["instructions_not_met"] = unmet(total);
  json["lowered"] = total.lowered;
  for (const auto& [key, times] : total.compared.counts())
    json["coverage"][key.first][key.second] = times;
  std::ofstream(options.json) << json.dump(1) << "\n";
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

int report(const Options& options, const Total& total, const std::string& device, double seconds) {
  const WorkOptions& work = options.work;
  for (const Finding& finding : total.findings)
    fmt::print("seed {}: {}: {}\n", finding.seed, finding.fate, finding.detail);
  fmt::print("{}", total.compared.table());
  fmt::print("{} of {} pairs of instruction and type compared", total.compared.counts().size(),
             total.drawn.counts().size());
  const std::string without = joined(missing(total));
  fmt::print("{}{}\n", without.empty() ? "" : "; not: ", without);
  fmt::print("instructions that no program had: {}\n", joined(unmet(total)));
  std::string line;
  for (const auto& [fate, count] : total.fates) line += fmt::format(" {} {},", count, fate);
  for (const auto& [code, count] : total.refusals) line += fmt::format(" {} of {},", count, code);
  if (!line.empty()) line.pop_back();
  fmt::print("{} programs from seed {} on {}{} in {:.0f} s:{}\n", count(total), work.seed,
             to_string(work.run.target), work.run.compile_only ? ", compiled only" : "", seconds,
             line);
  if (!options.json.empty()) write_json(options, total, device, seconds);
  return total.findings.empty() ? 0 : 1;
}

int run(const Options& options) {
  std::string device = "none";
  if (!options.work.run.compile_only) {
    device = device_name();
    if (device.empty()) return 77;
  }
  const auto begin = std::chrono::steady_clock::now();
  const Total total = run_all(options.work);
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
  return report(options, total, device, passed.count());
}

}  // namespace
}  // namespace bitloom::test

int main(int argc, char** argv) {
  bitloom::test::Options options;
  if (!bitloom::test::parse(argc, argv, options)) {
    std::cerr
        << "usage: run_differential [--programs N] [--seed S] [--target sm_80] "
           "[--compile-only] [--jobs J] [--batch B] [--seconds S] [--json FILE] [--commit NAME] "
           "[--save FOLDER] [--list]\n";
    return 2;
  }
  return bitloom::test::run(options);
}
